//! Reset of a single request queue (virtio 2.6.1, 4.1.4.3), and the proof of it.
//!
//! Only a queue without outstanding requests is reset this way: what a device does with requests that it still works on is its
//! own affair (virtio demands that it does not execute *new* ones), and QEMU's SCSI device goes on with them, writes into their
//! buffers, and returns them into whatever ring the queue has by then (docs/decisions/0010-packed-rings-and-queue-reset.md). A queue with requests
//! outstanding, and one that has met a fault, need the reset of the whole device ([`Reset`](super::Reset)).

use crate::access::{DmaMemory, Mmio};
use crate::plan::Plan;
use crate::queues::RequestQueue;
use crate::ring::Slot;

use super::bring_up::{BringUpError, enable, make_ring};
use super::features::Features;
use super::registers::{QueueIndex, Registers, Vector};
use super::reset::{RESET_POLL_LIMIT, RESET_POLL_MICROSECONDS};

/// Proof that the device has reset one queue: it neither executes requests of it nor touches its ring.
///
/// [`QueueReset::enable`] consumes it, so it cannot outlive the silence that it stands for.
#[derive(Debug)]
pub struct QueueQuiesced {
    queue: QueueIndex,
}

impl QueueQuiesced {
    /// Ends the silence of the queue that it names.
    const fn end(self) -> QueueIndex {
        let Self { queue } = self;
        queue
    }
}

/// Why a queue is not reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueResetRefusal {
    /// `VIRTIO_F_RING_RESET` was not negotiated, or the device lacks the register.
    NotNegotiated,
    /// Requests are outstanding: wait for them, or reset the device.
    Outstanding,
    /// The queue has stopped after a fault: only a reset of the device leads on.
    Faulted,
}

/// What [`QueueReset::begin`] did.
#[derive(Debug)]
pub enum QueueResetStart<R, M: DmaMemory, S> {
    /// The reset is under way; the queue is gone.
    Begun(QueueReset<M, S>),
    /// Nothing has happened; the queue goes on.
    Refused(QueueResetRefusal, RequestQueue<R, M, S>),
}

/// What [`QueueReset::poll`] wants.
#[derive(Debug)]
pub enum QueueResetPoll {
    /// The queue has been reset.
    Done(QueueQuiesced),
    /// Wait so long, then poll again.
    Again {
        /// Time to wait.
        microseconds: u32,
    },
}

/// Why the reset of a queue did not succeed. The device may still use its ring: reset the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueResetError {
    /// The device did not finish within [`RESET_POLL_LIMIT`] polls.
    TimedOut,
    /// The device says that it is done, and that the queue is enabled.
    StillEnabled,
    /// Registers read as all ones.
    Gone,
}

/// The reset of one request queue under way, with the memory and the slots that the queue had.
///
/// Not synchronised: all of it uses `queue_select`, so other users of [`Registers`] must be kept out by one lock.
#[derive(Debug)]
pub struct QueueReset<M: DmaMemory, S> {
    queue: QueueIndex,
    memory: M,
    slots: S,
    polls: u32,
}

impl<M: DmaMemory, S: AsRef<[Slot]> + AsMut<[Slot]>> QueueReset<M, S> {
    /// Starts the reset of `queue`, if that is safe.
    pub fn begin<R: Mmio>(
        registers: &Registers<R>,
        plan: &Plan,
        queue: RequestQueue<R, M, S>,
    ) -> QueueResetStart<R, M, S> {
        let refusal =
            if !plan.features().contains(Features::RING_RESET) || !registers.has_queue_reset() {
                QueueResetRefusal::NotNegotiated
            } else if queue.fault().is_some() {
                QueueResetRefusal::Faulted
            } else if queue.outstanding() > 0 {
                QueueResetRefusal::Outstanding
            } else {
                let index = queue.queue();
                let (memory, slots) = queue.into_parts();
                registers.select_queue(index);
                registers.reset_queue();
                return QueueResetStart::Begun(Self {
                    queue: index,
                    memory,
                    slots,
                    polls: 0,
                });
            };
        QueueResetStart::Refused(refusal, queue)
    }

    /// Looks whether the device is done: `queue_reset` reads back as 0 and the queue is not enabled (virtio 4.1.4.3.2).
    ///
    /// # Errors
    /// [`QueueResetError`].
    pub fn poll<R: Mmio>(
        &mut self,
        registers: &Registers<R>,
    ) -> Result<QueueResetPoll, QueueResetError> {
        registers.select_queue(self.queue);
        match registers.read_queue_reset() {
            0 if registers.read_queue_enable() == 0 => {
                Ok(QueueResetPoll::Done(QueueQuiesced { queue: self.queue }))
            }
            0 => Err(QueueResetError::StillEnabled),
            u16::MAX => Err(QueueResetError::Gone),
            _ if self.polls >= RESET_POLL_LIMIT => Err(QueueResetError::TimedOut),
            _ => {
                self.polls = self.polls.saturating_add(1);
                Ok(QueueResetPoll::Again {
                    microseconds: RESET_POLL_MICROSECONDS,
                })
            }
        }
    }

    /// Enables the queue again, with a ring that begins anew, and `vector` (virtio 2.6.1.2).
    ///
    /// # Errors
    /// See [`BringUpError`]; the device then has one queue fewer. A proof of another queue is [`BringUpError::QueueBusy`].
    pub fn enable<R: Mmio + Clone>(
        self,
        proof: QueueQuiesced,
        registers: &Registers<R>,
        plan: &Plan,
        vector: Vector,
    ) -> Result<RequestQueue<R, M, S>, BringUpError> {
        let Self {
            queue,
            memory,
            slots,
            polls: _,
        } = self;
        if proof.end() != queue {
            return Err(BringUpError::QueueBusy(queue));
        }
        let layout = plan
            .layout()
            .request_queue(queue.get().saturating_sub(QueueIndex::FIXED));
        let ring = make_ring(plan, memory, layout, slots, queue)?;
        let doorbell = enable(registers, queue, ring.size(), ring.addresses(), vector)?;
        Ok(RequestQueue::new(
            ring,
            doorbell,
            plan.features().descriptor_form(),
        ))
    }
}
