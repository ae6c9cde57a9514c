//! Interrupt routines. They take no lock and touch no queue: they issue the deferred calls that do.
//!
//! Neighbours: [`super::messages`] says which message means what, [`super::completion`] and [`super::service`] are the deferred calls.

use core::sync::atomic::Ordering;

use ddi::{adapter::Interrupt, port::Port};
use hba::device::InterruptStatus;

use super::{NormalAdapter, messages::Messages};
use crate::lifecycle::State;

impl NormalAdapter {
    /// `HwMSInterruptRoutine`.
    #[inline]
    pub(super) fn message(&self, port: Port<'_>, message: u32) -> Interrupt {
        let messages = Messages::new(self.messages.load(Ordering::Relaxed));
        let only = messages.only_queue(message, self.queues.len());
        match only.and_then(|number| self.queues.get(number)) {
            Some(queue) => queue.dpc.issue(port),
            None => self.shared_message(port, messages, message),
        }
        Interrupt::Claimed
    }

    /// A message for several queues, or for what is not requests.
    #[inline(never)]
    fn shared_message(&self, port: Port<'_>, messages: Messages, message: u32) {
        for number in messages.queues(message, self.queues.len()) {
            if let Some(queue) = self.queues.get(number) {
                queue.dpc.issue(port);
            }
        }
        if messages.service().map(u32::from) == Some(message) {
            self.service_dpc.issue(port);
        }
    }

    /// `HwStorInterrupt`: reading the ISR status acknowledges the line (virtio 4.1.4.5).
    pub(super) fn line_interrupt(&self, port: Port<'_>) -> Interrupt {
        let Some(found) = &self.found else {
            return Interrupt::NotOurs;
        };
        let status = found.registers.acknowledge_interrupt();
        if status.is_empty() || self.lifecycle.state() != State::Running {
            return Interrupt::NotOurs;
        }
        if status.contains(InterruptStatus::QUEUE) {
            for queue in self.queues.iter() {
                queue.dpc.issue(port);
            }
        }
        // All queues share the bit, so the others may have news too.
        self.service_dpc.issue(port);
        Interrupt::Claimed
    }
}
