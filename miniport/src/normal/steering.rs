//! Which queue a request goes to.
//!
//! Key type: [`Steering`]. With one queue there is nothing to choose and nothing to ask. Else, if the port steers (message ranges were
//! granted), it says for each request which message suits the processor that wants the answer; it does so in `HwStorStartIo` alone
//! (`nf-storport-storportgetstartioperfparams.md`: a request that was passed to that routine), so the choice is made there, before the lock.
//! Where the port does not steer, or says nothing (message 0), the processor that runs chooses the queue whose message goes to it
//! ([`Homes`]), and whose lock and memory it has at hand.

use core::sync::atomic::{AtomicBool, Ordering};

use ddi::{
    context::{Affinity, Granted, InitializeContext, MessageTargets, PerfOptions, Wanted},
    port::Port,
    recorder::{self, Event},
    srb::Srb,
};

use super::{NormalAdapter, QUEUES_MAX, homes::Homes, messages::Messages, queue::Queue};

/// How requests are steered.
#[derive(Debug)]
pub(crate) struct Steering {
    /// The port says which message suits a request.
    by_message: AtomicBool,
    targets: MessageTargets,
    homes: Homes,
}

impl Steering {
    /// By processor.
    pub(super) const fn by_processor() -> Self {
        Self {
            by_message: AtomicBool::new(false),
            targets: MessageTargets::new(),
            homes: Homes::by_number(),
        }
    }

    /// Asks the port for what helps: several callers of `HwStorStartIo` at once, completions where the request came from, and steering if
    /// each queue has a message of its own. Nothing depends on what is granted but speed: queues have locks of their own.
    pub(super) fn negotiate(
        &self,
        context: &InitializeContext<'_, NormalAdapter>,
        queues: u16,
        messages: Messages,
    ) {
        let wanted = Wanted {
            channels: queues,
            messages: messages.own(queues).filter(|_| queues > 1),
        };
        let Granted { options, channels } = context.initialize_perf_opts(&wanted, &self.targets);
        recorder::record(
            Event::PerformanceOptions,
            options.bits().into(),
            channels.into(),
        );
        let steers = options.contains(PerfOptions::INTERRUPT_MESSAGE_RANGES);
        self.by_message.store(steers, Ordering::Release);
        if let Some(range) = wanted
            .messages
            .filter(|_| options.contains(PerfOptions::ADV_CONFIG_LOCALITY))
        {
            self.settle(range);
        }
    }

    /// Gives each processor a queue by where the messages `first` to `last` go, one for each queue in their order. A restart may connect them
    /// elsewhere and there is no way to ask again; what is settled stays, as the port's own steering does.
    fn settle(&self, (first, last): (u16, u16)) {
        let mut affinities = [Affinity::NOWHERE; QUEUES_MAX as usize];
        let filled = (first..=last)
            .zip(&mut affinities)
            .map(|(message, affinity)| *affinity = self.targets.of(message, (first, last)))
            .count();
        self.homes.settle(affinities.get(..filled).unwrap_or(&[]));
    }
}

impl NormalAdapter {
    /// The queue for a request that `HwStorStartIo` was called with.
    #[inline]
    pub(super) fn queue_for(&self, port: Port<'_>, srb: &Srb<Self>) -> Option<&Queue> {
        if self.queues.len() == 1 {
            return self.queues.get(0);
        }
        self.one_of_several(port, srb)
    }

    /// Apart, since it asks the port: with one queue the way is short.
    #[inline(never)]
    fn one_of_several(&self, port: Port<'_>, srb: &Srb<Self>) -> Option<&Queue> {
        let count = self.queues.len();
        if count == 0 {
            return None;
        }
        self.queues.get(self.choose(port, srb, count))
    }

    /// The number of the queue that suits a request, below `count`.
    fn choose(&self, port: Port<'_>, srb: &Srb<Self>, count: u16) -> u16 {
        if self.steering.by_message.load(Ordering::Relaxed) {
            // Message 1 is that of queue 0. After a restart the messages may be others, but the order of the queues stays.
            let queue = port
                .message_of(srb)
                .and_then(|message| u16::try_from(message).ok()?.checked_sub(1));
            if let Some(queue) = queue.filter(|&queue| queue < count) {
                return queue;
            }
        }
        let processor = port.current_processor().unwrap_or(0);
        self.steering.homes.of(processor, count)
    }
}
