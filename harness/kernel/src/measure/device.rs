//! The measured device: where its notification registers are, which queues it works on, and whether it has answered everything
//! that it was told of.
//!
//! It works in a thread of its own, at the host's speed. A measurement must not depend on that speed, so it waits in
//! [`Device::settle`] until the device has nothing left to do. Queue addresses come from the device ([`witness`]); the rings are
//! read in memory, by a view of their format that the driver does not share. Source: virtio 1.2, 2.7 and 2.8.

use alloc::vec::Vec;

use super::doorbell;
use crate::{
    dump::{ring::QueueView, witness},
    hw::cpu,
    mem::{self, Pa, Va},
    pci, timer,
};

/// Control and event queue come first; requests are in the others.
const FIRST_REQUEST_QUEUE: u16 = 2;
/// So long the device may take, in instructions of this processor: seconds, for which a busy host is no excuse.
const PATIENCE: u64 = 20_000_000_000;
/// So long a device is given whose queues cannot be seen.
const BLIND_WAIT: u64 = 5_000_000;
const DESCRIPTOR_BYTES: u64 = 16;

/// Physical address and length of the notification registers of a virtio device.
#[must_use]
pub fn notification_registers(hba: &pci::Function) -> Option<(Pa, u64)> {
    let (start, bytes) = witness::structure(hba, witness::NOTIFICATION)?;
    Some((start, u64::from(bytes)))
}

/// The device and its request queues as they are now.
#[derive(Clone, Debug, Default)]
pub struct Device {
    queues: Vec<QueueView>,
    packed: bool,
}

impl Device {
    /// Asks the device for its queues, by its common configuration. With none in sight [`Device::settle`] waits a while.
    #[must_use]
    pub fn look(common: Option<Va>) -> Self {
        let mut queues = common.and_then(witness::enabled_queues).unwrap_or_default();
        queues.retain(|queue| queue.index >= FIRST_REQUEST_QUEUE);
        Self {
            queues,
            packed: common.and_then(witness::has_packed_rings).unwrap_or(false),
        }
    }

    /// Number of request queues.
    #[must_use]
    pub fn request_queues(&self) -> u16 {
        u16::try_from(self.queues.len()).unwrap_or(u16::MAX)
    }

    /// Entries of the first request queue.
    #[must_use]
    pub fn queue_entries(&self) -> u16 {
        self.queues.first().map_or(0, |queue| queue.entries)
    }

    /// Whether rings are packed.
    #[must_use]
    pub const fn is_packed(&self) -> bool {
        self.packed
    }

    /// Delivers the doorbells and waits until the device has answered; false if it does not.
    #[must_use]
    pub fn settle(&self) -> bool {
        doorbell::deliver();
        let begun = timer::instructions();
        loop {
            let passed = timer::instructions().wrapping_sub(begun);
            if self.queues.is_empty() {
                if passed > BLIND_WAIT {
                    return true;
                }
            } else if self.queues.iter().all(|queue| self.has_answered(queue)) {
                return true;
            }
            if passed > PATIENCE {
                return false;
            }
            cpu::relax();
        }
    }

    fn has_answered(&self, queue: &QueueView) -> bool {
        if self.packed {
            return has_answered_packed(queue);
        }
        let index = |ring: u64| mem::read_physical::<u16>(Pa(ring).offset(2));
        index(queue.available).ok() == index(queue.used).ok()
    }
}

/// Whether each descriptor that the device can see is used. A driver may have filled a burst whose first descriptor it still hides
/// (2.8.21.1): the others look available, but the device, which reads in order, stops at that one.
fn has_answered_packed(queue: &QueueView) -> bool {
    let entries = u64::from(queue.entries);
    let is_available = |index: u64| {
        let flags = Pa(queue.descriptors).offset(index * DESCRIPTOR_BYTES + 14);
        // AVAIL and USED differ while the descriptor is the device's (2.8.1).
        mem::read_physical::<u16>(flags).map_or(true, |flags| (flags >> 7 & 1) != (flags >> 15 & 1))
    };
    let count = (0..entries).filter(|&index| is_available(index)).count();
    // Where the device stands, if it wants to be told of a descriptor (RING_EVENT_FLAGS_DESC, 2.8.10).
    let event = mem::read_physical::<u32>(Pa(queue.used)).unwrap_or(0);
    let next = u64::from(event & 0x7FFF);
    if event >> 16 & 3 != 2 || next >= entries || is_available(next) {
        return count == 0;
    }
    let hidden = (1..entries)
        .take_while(|ahead| is_available((next + ahead) % entries))
        .count();
    count == hidden
}
