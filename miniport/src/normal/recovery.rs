//! The reset of the whole device: the last resort, and `HwStorResetBus`.
//!
//! Key type: [`Reason`]. Order: all queues are closed, one after the other, so that nobody is inside one any more; then the device is reset,
//! with no spin lock held, since that may take long; only then are its requests completed, since until then it may write to their
//! memory; then it is brought up again and the queues are opened. Requests that come meanwhile are answered busy.
//!
//! Whoever does this has the `StartIo` lock, so there is one at a time.

use ddi::{
    cell::StartIoHeld,
    context::{DpcContext, SynchronizedContext},
    port::Port,
    srb::Completed,
    status::SrbStatus,
};
use hba::device::{Quiesced, ResetError};

use super::{
    NormalAdapter,
    queue::{Batch, Places, QueueState},
};
use crate::{
    device::{Patience, reset},
    diagnosis::{self, Finding},
    lifecycle::State,
    request::PATH,
};

/// Why the whole device is reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// `HwStorResetBus`.
    BusReset = 1,
    /// A task management function was not answered.
    NoAnswer = 2,
    /// The device broke the protocol.
    ProtocolError = 3,
}

impl NormalAdapter {
    /// `HwStorResetBus`: the device is reset as a whole, and all requests are completed before this returns.
    pub(super) fn bus_reset(&self, context: &mut SynchronizedContext<'_, Self>, path: u32) -> bool {
        if path != u32::from(PATH) {
            return false;
        }
        context.request_timer(0);
        let (port, held) = context.split();
        self.reset_adapter(port, held, Reason::BusReset)
    }

    /// The device broke the protocol: it is reset, its requests end, and it starts anew.
    #[cold]
    pub(super) fn device_broke_rules(
        &self,
        context: &mut DpcContext<'_, Self>,
        queue: u64,
        fault: u64,
    ) {
        let port = context.port();
        diagnosis::tell(port, Finding::ProtocolError, None, queue, fault);
        context.with_start_io_lock(|held| self.reset_adapter(port, held, Reason::ProtocolError));
        port.reset_detected(PATH);
    }

    /// Resets the device, completes what it had, and starts it again. Without an end of the reset nothing is completed: the device
    /// may still write to the memory of the requests; the next attempt may succeed.
    pub(super) fn reset_adapter(
        &self,
        port: Port<'_>,
        held: &mut StartIoHeld<'_>,
        reason: Reason,
    ) -> bool {
        let Some(found) = &self.found else {
            return false;
        };
        if !matches!(self.lifecycle.state(), State::Running | State::Failed) {
            return true;
        }
        self.close_queues(held);
        let quiesced = match reset(&found.registers, port, Patience::Short) {
            Ok(quiesced) => quiesced,
            Err(ResetError::Gone) => Quiesced::device_removed(),
            Err(ResetError::TimedOut) => {
                self.fail(port, 4, reason as u64);
                return false;
            }
        };
        let ended = self.end_all(port, held, &quiesced);
        diagnosis::tell(port, Finding::AdapterReset, None, reason as u64, ended);
        let messages = self.messages.load(core::sync::atomic::Ordering::Acquire);
        self.start_quiesced(port, held, quiesced, messages);
        true
    }

    /// Takes no more requests. After this nobody but the holder of the `StartIo` lock touches a request queue.
    pub(super) fn close_queues(&self, held: &mut StartIoHeld<'_>) {
        for queue in self.queues.iter() {
            queue.state.with(&mut held.at_dispatch(), QueueState::close);
        }
    }

    /// Completes every request that the device had, after it has let go of them; returns how many. The rings are gone after this.
    pub(super) fn end_all(
        &self,
        port: Port<'_>,
        held: &mut StartIoHeld<'_>,
        quiesced: &Quiesced,
    ) -> u64 {
        let mut ended = 0;
        for queue in self.queues.iter() {
            loop {
                let mut places = Places::new();
                let mut batch = Batch::new(&mut places);
                let more = queue.state.with(&mut held.at_dispatch(), |state| {
                    state.end(quiesced, &mut batch)
                });
                while let Some(request) = batch.take() {
                    let Completed { .. } = request.into_srb().complete(port, SrbStatus::BusReset);
                    ended += 1;
                }
                if !more {
                    break;
                }
            }
        }
        loop {
            let waiting = self.service.with(&mut held.at_dispatch(), |service| {
                if let Some(mut running) = service.running.take() {
                    while running.control.reclaim(quiesced).is_some() {}
                }
                service.management.take_any()
            });
            let Some(srb) = waiting else { break };
            // The device was reset as a whole: whatever was to be reset or aborted is.
            let Completed { .. } = srb.complete(port, SrbStatus::Success);
            ended += 1;
        }
        ended
    }
}
