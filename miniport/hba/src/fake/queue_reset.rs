//! The reset of a single queue, from the device's side (virtio 2.6.1, 4.1.4.3.1).

use crate::device::Features;

use super::Fault;
use super::device::{FakeDevice, State};
use super::ring::Queue;

impl FakeDevice<'_> {
    /// Resets one queue (virtio 2.6.1): what it still works on is forgotten.
    pub(super) fn reset_queue(&self, state: &mut State, number: u16, value: u16) {
        let is_known = state.has(Features::RING_RESET);
        let slow = self.faults.borrow().iter().find_map(|fault| match *fault {
            Fault::SlowQueueReset(reads) => Some(reads),
            _ => None,
        });
        match state.queues.get_mut(usize::from(number)) {
            Some(queue) if queue.enabled && is_known && value == 1 => {
                let size = match number {
                    0 => self.offer.control_size,
                    1 => self.offer.event_size,
                    _ => self.offer.request_size,
                };
                let ignored = self.has_fault(Fault::IgnoreQueueReset);
                if !queue.held.is_empty() {
                    state
                        .violations
                        .push("a queue was reset while requests are outstanding");
                } else if !ignored {
                    let mut fresh = Queue::new(size);
                    fresh.doorbells = queue.doorbells;
                    fresh.resetting = slow;
                    *queue = fresh;
                }
            }
            _ => state
                .violations
                .push("a queue was reset that is not enabled or cannot be"),
        }
    }
}

impl State {
    /// The register `queue_reset`: 1 while the reset of this queue goes on.
    pub(super) fn read_queue_reset(&mut self, number: u16) -> u16 {
        let Some(queue) = self.queues.get_mut(usize::from(number)) else {
            return 0;
        };
        match queue.resetting {
            None => 0,
            Some(0) => {
                queue.resetting = None;
                0
            }
            Some(reads) => {
                queue.resetting = Some(if reads == u32::MAX {
                    reads
                } else {
                    reads.wrapping_sub(1)
                });
                1
            }
        }
    }
}
