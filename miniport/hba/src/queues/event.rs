//! The event queue: buffers always with the device, events read and the buffer given back at once (virtio 5.6.6.3).

use crate::access::{DmaMemory, Mmio};
use crate::device::Doorbell;
use crate::plan::Layout;
use crate::request::{Event, read_event};
use crate::ring::{Descriptor, Direction, QueueFault, Rearmed, Ring, Slot};

/// Descriptors of the largest event ring that a plan has.
const SLOTS: usize = 16;

/// The event queue with its buffers. Not synchronised: the caller holds this queue's lock. About 350 bytes.
///
/// No request is ever outstanding here that somebody waits for, so there is nothing to reclaim after a reset.
#[derive(Debug)]
pub struct EventQueue<R, M: DmaMemory> {
    ring: Ring<M, [Slot; SLOTS]>,
    doorbell: Doorbell<R>,
    buffers: u32,
    buffer_bytes: u32,
    buffer_count: u16,
}

impl<R: Mmio, M: DmaMemory> EventQueue<R, M> {
    pub(crate) fn new(
        ring: Ring<M, [Slot; SLOTS]>,
        doorbell: Doorbell<R>,
        layout: &Layout,
    ) -> Self {
        Self {
            ring,
            doorbell,
            buffers: layout.event_buffers,
            buffer_bytes: layout.event_buffer_bytes,
            buffer_count: layout.event_buffer_count,
        }
    }

    /// Gives all buffers to the device: once, after `DRIVER_OK`. Until then the device reports nothing.
    pub fn post_all(&mut self) {
        for index in 0..self.buffer_count {
            self.post(index);
        }
        self.publish();
    }

    /// Takes the next event, and gives its buffer back to the device; `None` when there is none.
    ///
    /// # Errors
    /// The device broke a rule: reset it.
    pub fn take_event(&mut self) -> Result<Option<Event>, QueueFault> {
        let Some(used) = self.ring.take_used()? else {
            return Ok(None);
        };
        // The token is the index of the buffer, written by `post`.
        let index = u16::try_from(used.token).unwrap_or(0);
        let event = read_event(self.ring.memory(), self.buffer(index));
        self.post(index);
        self.publish();
        Ok(Some(event))
    }

    /// Arms the next interrupt; see [`Ring::rearm`].
    pub fn rearm_interrupts(&mut self) -> Rearmed {
        self.ring.rearm()
    }

    /// Buffers that the device has.
    #[must_use]
    pub const fn posted(&self) -> u16 {
        self.ring.outstanding()
    }

    /// The fault that stopped the queue.
    #[must_use]
    pub const fn fault(&self) -> Option<QueueFault> {
        self.ring.fault()
    }

    fn buffer(&self, index: u16) -> u32 {
        self.buffers
            .wrapping_add(u32::from(index).wrapping_mul(self.buffer_bytes))
    }

    /// Zeroes buffer `index` and puts it into the ring. The ring has a descriptor per buffer, so it cannot be full; after a
    /// fault the buffer stays with the driver, and the queue is brought up anew after the reset.
    fn post(&mut self, index: u16) {
        let offset = self.buffer(index);
        let memory = self.ring.memory();
        memory.zero(offset, self.buffer_bytes);
        let buffer = Descriptor {
            bus_address: memory.bus_address().wrapping_add(u64::from(offset)),
            length: self.buffer_bytes,
            direction: Direction::DeviceToDriver,
        };
        let posted =
            self.ring
                .submit_direct([buffer].into_iter(), 1, self.buffer_bytes, u64::from(index));
        debug_assert!(
            posted.is_ok() || self.ring.fault().is_some(),
            "more buffers than descriptors"
        );
    }

    fn publish(&mut self) {
        let Self { ring, doorbell, .. } = self;
        ring.publish(|| doorbell.ring());
    }
}
