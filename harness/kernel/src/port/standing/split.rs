//! Where a request stands in a split ring (virtio 1.2, 2.7).
//!
//! Indices count without end, modulo 65536; each ring keeps the last `entries` of them. A descriptor's place in the available ring
//! and its place in the used ring do not tell which came first, as the device may answer in another order. Three things
//! do: `used_event`, up to which the driver has taken answers, `avail_event`, up to which the device has looked, and how
//! many requests are out.

use alloc::vec::Vec;

use super::{Standing, half};
use crate::{
    dump::ring::{QueueView, ReadMemory},
    processors::words::Format,
};

struct Ring<'a> {
    queue: &'a QueueView,
    memory: ReadMemory<'a>,
    /// Indices of available and used ring.
    available: u16,
    used: u16,
    /// The first answer that the driver has not taken, if it says so.
    untaken: Option<u16>,
    /// The first request at which the device has not looked, if it says so.
    unseen: Option<u16>,
}

/// Where the request stands to whose header the descriptors `slots` lead.
pub(super) fn standing(
    queue: &QueueView,
    format: Format,
    slots: &[u16],
    memory: ReadMemory<'_>,
) -> Option<Standing> {
    let ring = Ring::read(queue, format, memory)?;
    slots.iter().filter_map(|&head| ring.place(head)).max()
}

/// Index of the oldest answer that the driver has not taken, if it says so.
pub(super) fn oldest_untaken(
    queue: &QueueView,
    format: Format,
    memory: ReadMemory<'_>,
) -> Option<u16> {
    let ring = Ring::read(queue, format, memory)?;
    ring.untaken.filter(|&untaken| untaken != ring.used)
}

impl<'a> Ring<'a> {
    fn read(queue: &'a QueueView, format: Format, memory: ReadMemory<'a>) -> Option<Self> {
        let entries = u64::from(queue.entries);
        let used = half(memory, queue.used, 2)?;
        let event = |base, offset| half(memory, base, offset).filter(|_| format.event_index);
        let mut ring = Self {
            queue,
            memory,
            available: half(memory, queue.available, 2)?,
            used,
            untaken: event(queue.available, 4 + 2 * entries),
            unseen: event(queue.used, 4 + 8 * entries),
        };
        ring.untaken = ring.untaken.filter(|&event| ring.is_plausible(event));
        Some(ring)
    }

    /// Whether the driver can have left all answers from `untaken` on: it has published none of their descriptors again. One that
    /// does without interrupts may leave anything in its `used_event`.
    fn is_plausible(&self, untaken: u16) -> bool {
        let count = self.used.wrapping_sub(untaken);
        if count > self.queue.entries {
            return false;
        }
        let heads: Vec<Option<u16>> = (0..count)
            .map(|ahead| self.used_head(untaken.wrapping_add(ahead)))
            .collect();
        let out = self.available.wrapping_sub(self.used);
        let again = (0..out.min(self.queue.entries))
            .map(|ahead| self.available_head(self.used.wrapping_add(ahead)));
        let mut all: Vec<Option<u16>> = heads.into_iter().chain(again).collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        all.len() == count
    }

    fn place(&self, head: u16) -> Option<Standing> {
        let number = self.queue.index;
        let answer = self.newest(self.used, |index| self.used_head(index) == Some(head));
        if let (Some(answer), Some(untaken)) = (answer, self.untaken)
            && !is_before(answer, untaken)
        {
            return Some(Standing::Untaken(number));
        }
        let published = self.newest(self.available, |index| {
            self.available_head(index) == Some(head)
        });
        let is_unseen = |index| self.unseen.is_some_and(|unseen| !is_before(index, unseen));
        match published {
            Some(published) if is_unseen(published) => Some(Standing::NotNotified(number)),
            // Among those that are out if the device keeps the order, or never answered.
            Some(published) if self.is_out(published, answer) => Some(match self.unseen {
                Some(_) => Standing::WithDevice(number),
                None => Standing::Published(number),
            }),
            _ if self.is_put_in(head) => Some(Standing::NotPublished(number)),
            Some(_) if self.untaken.is_none() => Some(Standing::Answered(number)),
            _ => (self.available != self.used).then_some(Standing::PerhapsOut(number)),
        }
    }

    fn is_out(&self, published: u16, answer: Option<u16>) -> bool {
        self.available != self.used && (answer.is_none() || !is_before(published, self.used))
    }

    /// The newest index before `end` that is still in its ring and fits.
    fn newest(&self, end: u16, fits: impl Fn(u16) -> bool) -> Option<u16> {
        // A young ring has nothing before index 0.
        let count = self.queue.entries.min(end);
        (1..=count)
            .map(|back| end.wrapping_sub(back))
            .find(|&index| fits(index))
    }

    /// Whether the available ring names `head` right behind its index.
    fn is_put_in(&self, head: u16) -> bool {
        self.available_head(self.available) == Some(head)
    }

    fn available_head(&self, index: u16) -> Option<u16> {
        let slot = u64::from(index % self.queue.entries.max(1));
        half(self.memory, self.queue.available, 4 + 2 * slot)
    }

    fn used_head(&self, index: u16) -> Option<u16> {
        let slot = u64::from(index % self.queue.entries.max(1));
        half(self.memory, self.queue.used, 4 + 8 * slot)
    }
}

/// Whether an index comes before another one.
const fn is_before(first: u16, second: u16) -> bool {
    let ahead = second.wrapping_sub(first);
    ahead != 0 && ahead <= u16::MAX / 2
}
