//! Where a request stands in a packed ring (virtio 1.2, 2.8).
//!
//! One ring serves both sides: a chain is the device's while the flags AVAIL and USED of its first descriptor differ, and the device
//! writes its answers over the oldest of them. What a flag means changes from lap to lap. The lap is known where the driver
//! says by its event structure at which place it wants an interrupt: there it takes the next answer. The device's event structure
//! says where it looks next.

use alloc::vec::Vec;

use super::{Standing, half};
use crate::{
    dump::ring::{QueueView, ReadMemory},
    processors::words::Format,
};

const DESCRIPTOR_BYTES: u64 = 16;
const ID_OFFSET: u64 = 12;
const FLAGS_OFFSET: u64 = 14;
const NEXT: u16 = 1;
const AVAILABLE: u16 = 1 << 7;
const USED: u16 = 1 << 15;
/// `RING_EVENT_FLAGS_DESC`: the event is a place in the ring.
const AT_DESCRIPTOR: u16 = 2;

/// A place in the ring, and the value that AVAIL has in its lap.
#[derive(Clone, Copy)]
struct Place {
    slot: u16,
    wrap: bool,
}

impl Place {
    /// What AVAIL is at `slot` in the lap that begins here.
    const fn wrap_at(self, slot: u16) -> bool {
        self.wrap != (slot < self.slot)
    }
}

struct Ring<'a> {
    queue: &'a QueueView,
    memory: ReadMemory<'a>,
    /// The first place whose answer the driver has not taken, if it says so.
    untaken: Option<Place>,
    /// The first place at which the device has not looked, if it says so.
    unseen: Option<Place>,
}

/// Where the request stands to whose header the descriptors `slots` lead.
pub(super) fn standing(
    queue: &QueueView,
    format: Format,
    slots: &[u16],
    memory: ReadMemory<'_>,
) -> Option<Standing> {
    let ring = Ring::read(queue, format, memory);
    slots.iter().filter_map(|&slot| ring.place(slot)).max()
}

/// Place of the oldest answer that the driver has not taken, with its lap in the highest bit, if it says so.
pub(super) fn oldest_untaken(
    queue: &QueueView,
    format: Format,
    memory: ReadMemory<'_>,
) -> Option<u16> {
    let ring = Ring::read(queue, format, memory);
    let untaken = ring.untaken?;
    ring.is_answer(untaken, untaken.slot)
        .then_some(untaken.slot | u16::from(untaken.wrap) << 15)
}

impl<'a> Ring<'a> {
    fn read(queue: &'a QueueView, format: Format, memory: ReadMemory<'a>) -> Self {
        let event = |base| {
            let place = half(memory, base, 0)?;
            let is_place = format.event_index && half(memory, base, 2)? & 3 == AT_DESCRIPTOR;
            let (slot, wrap) = (place & 0x7FFF, place >> 15 != 0);
            (is_place && slot < queue.entries).then_some(Place { slot, wrap })
        };
        let mut ring = Ring {
            queue,
            memory,
            untaken: event(queue.available),
            unseen: event(queue.used),
        };
        ring.untaken = ring.untaken.filter(|&place| ring.is_plausible(place));
        ring
    }

    fn place(&self, slot: u16) -> Option<Standing> {
        let number = self.queue.index;
        let flags = self.flags(slot)?;
        let is_intact = (flags & AVAILABLE != 0) != (flags & USED != 0);
        let is_next = self.unseen.is_some_and(|unseen| unseen.slot == slot);
        let Some(untaken) = self.untaken else {
            return Some(if is_intact {
                Standing::Published(number)
            } else {
                Standing::Answered(number)
            });
        };
        let is_this_lap = (flags & AVAILABLE != 0) == untaken.wrap_at(slot);
        match (is_intact, is_this_lap) {
            // An answer was written over it; with a device that keeps the order, its own.
            (false, true) => Some(Standing::Untaken(number)),
            (true, true) => Some(self.out(untaken, slot)),
            // What the device would see next has not become its.
            (_, false) if is_next => Some(Standing::NotPublished(number)),
            (true, false) => Some(Standing::PerhapsOut(number)),
            (false, false) => None,
        }
    }

    /// A chain that was made available and not written over.
    fn out(&self, untaken: Place, slot: u16) -> Standing {
        let number = self.queue.index;
        let id = self.id_of_chain(slot);
        let is_answered = self
            .answers(untaken)
            .iter()
            .any(|&answer| id.is_some() && answer == id);
        if is_answered {
            return Standing::Untaken(number);
        }
        match self.unseen {
            None => Standing::Published(number),
            Some(unseen) if self.distance(untaken, slot) >= self.distance_of(untaken, unseen) => {
                Standing::NotNotified(number)
            }
            Some(_) => Standing::WithDevice(number),
        }
    }

    /// Whether the driver can have left all answers from `untaken` on: no id is among them twice.
    fn is_plausible(&self, untaken: Place) -> bool {
        let mut answers = self.answers(untaken);
        let count = answers.len();
        answers.sort_unstable();
        answers.dedup();
        answers.len() == count
    }

    /// The ids of all answers from `untaken` on.
    fn answers(&self, untaken: Place) -> Vec<Option<u16>> {
        (0..self.queue.entries)
            .filter(|&slot| self.is_answer(untaken, slot))
            .map(|slot| self.field(slot, ID_OFFSET))
            .collect()
    }

    /// Whether the device wrote an answer to `slot` in the lap that begins at `untaken`.
    fn is_answer(&self, untaken: Place, slot: u16) -> bool {
        let wanted = if untaken.wrap_at(slot) {
            AVAILABLE | USED
        } else {
            0
        };
        self.flags(slot)
            .is_some_and(|flags| flags & (AVAILABLE | USED) == wanted)
    }

    /// The id stands in a chain's last descriptor.
    fn id_of_chain(&self, first: u16) -> Option<u16> {
        let entries = self.queue.entries.max(1);
        let last = (0..entries)
            .map(|ahead| first.wrapping_add(ahead) % entries)
            .find(|&slot| self.flags(slot).is_some_and(|flags| flags & NEXT == 0))?;
        self.field(last, ID_OFFSET)
    }

    /// How far `slot` lies ahead of `from`.
    const fn distance(&self, from: Place, slot: u16) -> u16 {
        if slot >= from.slot {
            slot - from.slot
        } else {
            slot + (self.queue.entries - from.slot)
        }
    }

    fn distance_of(&self, from: Place, to: Place) -> u16 {
        if to.slot == from.slot && to.wrap != from.wrap {
            return self.queue.entries;
        }
        self.distance(from, to.slot)
    }

    fn flags(&self, slot: u16) -> Option<u16> {
        self.field(slot, FLAGS_OFFSET)
    }

    fn field(&self, slot: u16, offset: u64) -> Option<u16> {
        let at = u64::from(slot) * DESCRIPTOR_BYTES + offset;
        half(self.memory, self.queue.descriptors, at)
    }
}
