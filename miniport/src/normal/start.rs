//! From the plan to a running device: `HwStorInitialize`, restart and power-up all come this way.
//!
//! The device is reset, whatever it was doing; then the plan is carried out; then event buffers are posted. Nothing is taken over from a
//! life before the reset but the memory and the registers.

use core::sync::atomic::Ordering;

use ddi::{
    cell::StartIoHeld,
    context::{InitializeContext, RestartContext},
    port::Port,
    recorder::{self, Event},
};
use hba::device::{BringUp, BringUpError, Quiesced, Vector};

use super::{NormalAdapter, find::Found, messages::Messages, queue::QueueState, service::Running};
use crate::{
    device::{Patience, reset},
    diagnosis::{self, Finding},
    lifecycle::State,
};

impl NormalAdapter {
    /// `HwStorInitialize`.
    pub(super) fn first_start(&self, context: &mut InitializeContext<'_, Self>) -> bool {
        let queues = self.queues.len();
        let messages = context.message_count(Messages::wanted(queues));
        let (port, held) = context.split();
        if !self.bring_up(port, held, messages) {
            return false;
        }
        let messages = Messages::new(self.messages.load(Ordering::Relaxed));
        self.steering.negotiate(context, queues, messages);
        // Without passive initialisation there would be no DPC, hence no completion.
        context.enable_passive_initialization()
    }

    /// `ScsiRestartAdapter`: the same without what belongs to the first start alone (performance options, passive initialisation). There may
    /// be more or fewer messages than before.
    pub(super) fn restart_adapter(&self, context: &mut RestartContext<'_, Self>) -> bool {
        recorder::record(Event::AdapterControl, 2, 0);
        let messages = context.message_count(Messages::wanted(self.queues.len()));
        let (port, held) = context.split();
        self.bring_up(port, held, messages)
    }

    /// Resets the device and brings it up with `messages` message-signalled interrupts. Requests that it had are completed.
    pub(super) fn bring_up(
        &self,
        port: Port<'_>,
        held: &mut StartIoHeld<'_>,
        messages: u16,
    ) -> bool {
        let Some(found) = self.present() else {
            return false;
        };
        self.close_queues(held);
        let Ok(quiesced) = reset(&found.registers, port, Patience::Long) else {
            self.fail(port, 1, 0);
            return false;
        };
        self.end_all(port, held, &quiesced);
        self.start_quiesced(port, held, quiesced, messages)
    }

    /// Brings a device up that was just reset.
    pub(super) fn start_quiesced(
        &self,
        port: Port<'_>,
        held: &mut StartIoHeld<'_>,
        quiesced: Quiesced,
        messages: u16,
    ) -> bool {
        let Some(found) = &self.found else {
            return false;
        };
        match self.carry_out(found, held, quiesced, Messages::new(messages)) {
            Ok(()) => {
                let features = found.plan.features().bits();
                recorder::record(
                    Event::DeviceRunning,
                    features,
                    found.plan.request_ring().into(),
                );
                self.messages.store(messages, Ordering::Release);
                // Requests may come as soon as a queue is open; interrupts find their message from here on.
                for queue in self.queues.iter() {
                    queue.state.with(&mut held.at_dispatch(), QueueState::open);
                }
                self.lifecycle.enter(State::Running)
            }
            Err(error) => {
                let retry = matches!(
                    error,
                    BringUpError::VectorRefused(_) | BringUpError::ConfigVectorRefused
                ) && messages > 1;
                if !retry {
                    self.fail(port, 2, 0);
                    return false;
                }
                // The device has fewer vectors than the port has messages: one for everything is what it has to support.
                if let Ok(quiesced) = reset(&found.registers, port, Patience::Long) {
                    self.start_quiesced(port, held, quiesced, 1)
                } else {
                    self.fail(port, 3, 0);
                    false
                }
            }
        }
    }

    /// What was found, unless it has been removed since: then there is nothing that could be touched.
    pub(super) fn present(&self) -> Option<&Found> {
        let is_removed = self.lifecycle.state() == State::Removed;
        self.found.as_ref().filter(|_| !is_removed)
    }

    /// Notes that the device does not work.
    #[cold]
    pub(super) fn fail(&self, port: Port<'_>, step: u64, detail: u64) {
        diagnosis::tell(port, Finding::BringUpFailed, None, step, detail);
        self.lifecycle.enter(State::Failed);
    }

    /// Carries out the plan. The request queues have new rings after this, and are still closed.
    fn carry_out(
        &self,
        found: &Found,
        held: &mut StartIoHeld<'_>,
        quiesced: Quiesced,
        messages: Messages,
    ) -> Result<(), BringUpError> {
        let Found {
            plan,
            registers,
            memory,
            ..
        } = found;
        let vector = |message: Option<u16>| message.map_or(Vector::NONE, Vector::message);
        let service = vector(messages.service());
        let mut bring_up = BringUp::start(registers, plan, quiesced, service)?;
        let control = bring_up.control_queue(memory.clone(), service)?;
        let mut events = bring_up.event_queue(memory.clone(), service)?;
        for (number, queue) in (0u16..).zip(self.queues.iter()) {
            let request = vector(messages.of_queue(number));
            let slots = queue
                .state
                .with(&mut held.at_dispatch(), QueueState::lend_slots);
            let ring = bring_up.request_queue(number, memory.clone(), slots, request)?;
            queue
                .state
                .with(&mut held.at_dispatch(), |state| state.install(ring));
        }
        bring_up.finish()?;
        events.post_all();
        let running = Running { control, events };
        self.service.with(&mut held.at_dispatch(), |service| {
            service.running = Some(running);
        });
        Ok(())
    }
}
