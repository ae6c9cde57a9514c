//! Where a request stands that was not answered in time, by what its rings hold (virtio 1.2, 2.7, 2.8 and 5.6.6).
//!
//! Pure: [`find`] reads the rings of all queues through a function. A request is recognised by the header that the driver wrote for the device
//! ([`Sought`]): unit and command, or unit and kind of task management; where a driver places it does not matter. Rings do not
//! say everything: drivers use memory again, and only with `VIRTIO_F_EVENT_IDX` both sides say how far they have come. So
//! of several places that show the header the most telling one counts, and what cannot be seen is said to be so.
//! Neighbours: `super::rings` knows where the rings are, `super::timeouts` reports.

use alloc::vec::Vec;
use core::fmt;

use super::queue::Address;
use crate::{
    dump::ring::{QueueView, ReadMemory},
    processors::words::Format,
};

pub mod message;
mod packed;
mod split;
#[cfg(test)]
mod tests;

const DESCRIPTOR_BYTES: u64 = 16;
/// A request's header: LUN, tag, attribute, priority, reference number, then the command.
const COMMAND: usize = 19;
const CDB_BYTES: usize = 32;
/// Task management: type, which is 0, kind of function, LUN.
const MANAGEMENT_LUN: usize = 8;
const CONTROL_QUEUE: u16 = 0;

/// Which request is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sought<'a> {
    /// Its unit.
    pub address: Address,
    /// Its command; `None` for task management of the unit's.
    pub cdb: Option<&'a [u8]>,
}

/// Where a request stands; the later, the more telling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Nothing in a ring is this request, or what looks like it has been answered and taken.
    InNoRing,
    /// The same, but the device has requests of which the ring no longer says which they are.
    PerhapsOut(u16),
    /// The driver put it in, but does not show it to the device.
    NotPublished(u16),
    /// There is an answer in the used ring, and the driver does not say whether it took it.
    Answered(u16),
    /// It is the device's; whether that was notified cannot be seen without the event index.
    Published(u16),
    /// The device has it.
    WithDevice(u16),
    /// The device has not looked at it: it was not notified.
    NotNotified(u16),
    /// There is an answer in the used ring, and the driver has not taken it.
    Untaken(u16),
}

impl Standing {
    /// The queue.
    #[must_use]
    pub const fn queue(self) -> Option<u16> {
        match self {
            Self::InNoRing => None,
            Self::PerhapsOut(queue)
            | Self::NotPublished(queue)
            | Self::Answered(queue)
            | Self::Published(queue)
            | Self::WithDevice(queue)
            | Self::NotNotified(queue)
            | Self::Untaken(queue) => Some(queue),
        }
    }

    /// Whether the device has answered.
    #[must_use]
    pub const fn is_answered(self) -> bool {
        matches!(self, Self::Answered(_) | Self::Untaken(_))
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InNoRing => f.write_str(
                "it is in no ring: the driver never put it into one, or has taken the answer and not completed it",
            ),
            Self::PerhapsOut(queue) => write!(
                f,
                "it may be one of those that the device has from queue {queue}: the ring no longer says which they are"
            ),
            Self::NotPublished(queue) => write!(
                f,
                "it is in the ring of queue {queue}, but not published: the device cannot see it"
            ),
            Self::Answered(queue) => write!(
                f,
                "it is answered in the used ring of queue {queue}; whether the driver took the answer cannot be seen"
            ),
            Self::Published(queue) => write!(
                f,
                "it is published in queue {queue} and not answered; whether the device was notified cannot be seen without the event index"
            ),
            Self::WithDevice(queue) => {
                write!(f, "it is with the device, which took it from queue {queue}")
            }
            Self::NotNotified(queue) => write!(
                f,
                "it is published in queue {queue}, but the device was not notified and has not looked at it"
            ),
            Self::Untaken(queue) => write!(
                f,
                "it is answered in the used ring of queue {queue}, and the driver has not taken the answer"
            ),
        }
    }
}

/// Where a request stands in the rings of a device.
#[must_use]
pub fn find(
    queues: &[QueueView],
    format: Format,
    sought: Sought<'_>,
    memory: ReadMemory<'_>,
) -> Standing {
    let is_its = |queue: &&QueueView| (queue.index == CONTROL_QUEUE) == sought.cdb.is_none();
    queues
        .iter()
        .filter(is_its)
        .filter_map(|queue| {
            let slots = slots_of(queue, sought, memory);
            if format.packed {
                packed::standing(queue, format, &slots, memory)
            } else {
                split::standing(queue, format, &slots, memory)
            }
        })
        .max()
        .unwrap_or(Standing::InNoRing)
}

/// The place of the oldest answer in a queue that the driver has not taken; `None` if there is none, or the driver does not say.
/// Places come again after 65536 answers, or two laps of a packed ring.
#[must_use]
pub fn oldest_untaken(queue: &QueueView, format: Format, memory: ReadMemory<'_>) -> Option<u16> {
    if format.packed {
        packed::oldest_untaken(queue, format, memory)
    } else {
        split::oldest_untaken(queue, format, memory)
    }
}

/// Descriptors of a queue that lead to the header, directly or by an indirect table.
fn slots_of(queue: &QueueView, sought: Sought<'_>, memory: ReadMemory<'_>) -> Vec<u16> {
    (0..queue.entries)
        .filter(|&slot| {
            descriptor_address(queue.descriptors, slot, memory).is_some_and(|address| {
                is_header(address, sought, memory)
                    || word(memory, address).is_some_and(|first| is_header(first, sought, memory))
            })
        })
        .collect()
}

fn descriptor_address(table: u64, slot: u16, memory: ReadMemory<'_>) -> Option<u64> {
    word(
        memory,
        table.checked_add(u64::from(slot) * DESCRIPTOR_BYTES)?,
    )
}

/// Whether the sought request's header stands at `address`.
fn is_header(address: u64, sought: Sought<'_>, memory: ReadMemory<'_>) -> bool {
    let mut bytes = [0; COMMAND + CDB_BYTES];
    let Some(cdb) = sought.cdb else {
        let mut bytes = [0; MANAGEMENT_LUN + 8];
        return memory(address, &mut bytes)
            && bytes.starts_with(&[0; 4])
            && bytes
                .get(MANAGEMENT_LUN..)
                .is_some_and(|lun| is_unit(lun, sought.address));
    };
    memory(address, &mut bytes)
        && is_unit(&bytes, sought.address)
        && bytes
            .get(COMMAND..)
            .is_some_and(|command| command.starts_with(cdb))
}

/// Whether a virtio-scsi LUN (5.6.6.1) is that of a unit; peripheral and flat addressing are the same below 256.
fn is_unit(lun: &[u8], address: Address) -> bool {
    matches!(lun, &[1, target, high, low, ..]
        if target == address.target && matches!(high, 0 | 0x40) && low == address.lun)
}

fn word(memory: ReadMemory<'_>, address: u64) -> Option<u64> {
    let mut bytes = [0; 8];
    memory(address, &mut bytes).then(|| u64::from_le_bytes(bytes))
}

fn half(memory: ReadMemory<'_>, base: u64, offset: u64) -> Option<u16> {
    let mut bytes = [0; 2];
    memory(base.checked_add(offset)?, &mut bytes).then(|| u16::from_le_bytes(bytes))
}
