//! The driver's side of a packed virtqueue (virtio 2.8.21, 2.8.22).
//!
//! As with the split ring, filling and publishing are two calls. A burst of requests is hidden behind its first descriptor: all
//! others get their final flags at once, the flags of the first are what a used descriptor of the previous lap has. The device
//! reads the ring in order, so it stops there; [`PackedRing::publish`] writes 16 bits, and the whole burst is available
//! (virtio 2.8.21.1: "defers updating the descriptor flags for the first descriptor"). Not synchronised: one lock per queue.

use crate::access::DmaMemory;
use crate::device::{Features, QueueIndex, Quiesced};
use crate::plan::QueueLayout;

use super::descriptor::{
    Descriptor, FLAG_INDIRECT, FLAG_NEXT, FLAG_WRITE, packed_second_word, packed_used,
};
use super::ledger::{Ledger, Published, Rearmed, SubmitError, Suppression, Used, passes};
use super::packed_window::PackedWindow;
use super::slots::{Slot, Tag};
use super::window::{RingAddresses, WindowError};
use super::{QueueFault, RingFormat};

/// `VIRTQ_DESC_F_AVAIL` and `VIRTQ_DESC_F_USED` (virtio 2.8.1).
const AVAIL: u16 = 1 << 7;
const USED: u16 = 1 << 15;
const LAP: u16 = AVAIL | USED;

/// `RING_EVENT_FLAGS_*` (virtio 2.8.10), in the upper half of an event suppression structure.
const EVENT_ENABLE: u32 = 0;
const EVENT_DISABLE: u32 = 1 << 16;
const EVENT_AT_DESCRIPTOR: u32 = 2 << 16;
const EVENT_FLAGS: u32 = 3 << 16;
/// The wrap counter of an event offset.
const EVENT_WRAP: u16 = 1 << 15;

/// The first descriptor of a burst that is filled but not visible.
#[derive(Debug, Clone, Copy)]
struct Hidden {
    position: u16,
    flags: u16,
}

/// A place in the ring with the flags that a descriptor has there in this lap: the ring wrap counter (virtio 2.8.1) in the
/// form in which it is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cursor {
    position: u16,
    flags: u16,
}

impl Cursor {
    /// Moves on by `count` descriptors, at most one lap. Both flags turn over at the end of the ring.
    #[inline]
    const fn advance(&mut self, count: u16, size: u16) {
        // Neither overflows: a ring has at most 32,768 descriptors.
        let next = self.position.wrapping_add(count);
        if next >= size {
            self.position = next.wrapping_sub(size);
            self.flags ^= LAP;
        } else {
            self.position = next;
        }
    }

    /// The place as an event offset (virtio 2.8.14). The wrap counter is 1 while the AVAIL flag is set.
    #[inline]
    const fn as_event(self) -> u16 {
        if self.flags & AVAIL == 0 {
            self.position
        } else {
            self.position | EVENT_WRAP
        }
    }
}

/// A packed virtqueue with storage `S` for its private slots, one for each buffer id.
///
/// # Invariants
/// `free` descriptors belong to no request; `unpublished` are filled but not visible, and `hidden` is the first of these. The
/// other `size - free - unpublished` are the device's. Positions are below the size of the ring.
#[derive(Debug)]
pub struct PackedRing<M: DmaMemory, S> {
    window: PackedWindow<M>,
    ledger: Ledger<S>,
    suppression: Suppression,
    /// Where the next request goes, with the flags of an available descriptor.
    next: Cursor,
    /// Where the device puts the next used descriptor, with its flags.
    used: Cursor,
    hidden: Hidden,
    unpublished: u16,
    free: u16,
    /// Requests in the ring.
    outstanding: u16,
}

impl<M: DmaMemory, S: AsRef<[Slot]> + AsMut<[Slot]>> PackedRing<M, S> {
    /// Makes an empty ring in `memory`, which it zeroes.
    ///
    /// # Errors
    /// A layout that does not fit, or fewer slots than descriptors.
    pub fn new(
        memory: M,
        layout: &QueueLayout,
        slots: S,
        queue: QueueIndex,
        features: Features,
    ) -> Result<Self, WindowError> {
        let window = PackedWindow::new(memory, layout)?;
        let ledger = Ledger::new(slots, layout.size, queue, RingFormat::Packed)
            .ok_or(WindowError::TooFewSlots)?;
        let ring = Self {
            window,
            ledger,
            suppression: Suppression::of(features),
            // Both wrap counters begin with 1 (virtio 2.8.1).
            next: Cursor {
                position: 0,
                flags: AVAIL,
            },
            used: Cursor {
                position: 0,
                flags: LAP,
            },
            hidden: Hidden {
                position: 0,
                flags: 0,
            },
            unpublished: 0,
            outstanding: 0,
            free: layout.size,
        };
        ring.arm();
        Ok(ring)
    }

    /// Puts a request into the ring whose descriptors lie in an indirect table of `descriptors` entries at `table`
    /// (virtio 2.8.7). `report_limit` is the most that the device may report as written. Not visible before `publish`.
    ///
    /// # Errors
    /// The caller keeps the request, see [`SubmitError`].
    #[inline]
    pub fn submit_indirect(
        &mut self,
        table: u64,
        descriptors: u16,
        report_limit: u32,
        token: u64,
    ) -> Result<Tag, SubmitError> {
        self.submit_table(RingFormat::Packed, table, descriptors, report_limit, token)
    }

    /// The same for a table that may be in the other format, which is found out together with whether the ring lives.
    #[expect(
        clippy::inline_always,
        reason = "on the way of every request, and several callers of one kind keep the compiler from it"
    )]
    #[inline(always)]
    pub(super) fn submit_table(
        &mut self,
        format: RingFormat,
        table: u64,
        descriptors: u16,
        report_limit: u32,
        token: u64,
    ) -> Result<Tag, SubmitError> {
        self.ledger.accepting(format)?;
        let free = self.free.checked_sub(1).ok_or(SubmitError::Full)?;
        let (id, generation) = self
            .ledger
            .slots
            .allocate_one(token, report_limit, 1)
            .ok_or(SubmitError::Full)?;
        self.free = free;
        self.outstanding = self.outstanding.wrapping_add(1);
        let bytes = u32::from(descriptors).wrapping_mul(super::DESCRIPTOR_BYTES);
        self.fill(table, bytes, id, FLAG_INDIRECT);
        Ok(self.ledger.tag(generation, id))
    }

    /// Puts a request of `count` descriptors into the ring itself. Not visible before `publish`.
    ///
    /// # Errors
    /// The caller keeps the request, see [`SubmitError`].
    pub fn submit_direct(
        &mut self,
        descriptors: impl Iterator<Item = Descriptor>,
        count: u16,
        report_limit: u32,
        token: u64,
    ) -> Result<Tag, SubmitError> {
        self.ledger.accepting(RingFormat::Packed)?;
        if count == 0 {
            return Err(SubmitError::Empty);
        }
        if count > self.size() {
            return Err(SubmitError::TooLong);
        }
        let free = self.free.checked_sub(count).ok_or(SubmitError::Full)?;
        let (id, generation) = self
            .ledger
            .slots
            .allocate_one(token, report_limit, count)
            .ok_or(SubmitError::Full)?;
        let (before, unpublished, hidden) = (self.next, self.unpublished, self.hidden);
        let mut left = count;
        for descriptor in descriptors.take(usize::from(count)) {
            left = left.wrapping_sub(1);
            let Descriptor {
                bus_address,
                length,
                ..
            } = descriptor;
            let link = if left == 0 { 0 } else { FLAG_NEXT };
            // The id belongs into the last descriptor of a list (virtio 2.8.6); QEMU takes it from the first. It is in all.
            self.fill(bus_address, length, id, descriptor.flags() | link);
        }
        if left != 0 {
            // Fewer descriptors came than were announced. What was written may follow descriptors that wait for `publish`; the
            // device would take it for available when it comes there.
            self.take_back(before, count.wrapping_sub(left));
            (self.next, self.unpublished, self.hidden) = (before, unpublished, hidden);
            self.ledger.slots.release_one(id);
            return Err(SubmitError::Empty);
        }
        self.free = free;
        self.outstanding = self.outstanding.wrapping_add(1);
        Ok(self.ledger.tag(generation, id))
    }

    /// Writes the next descriptor, hidden if it is the first of a burst.
    #[inline]
    fn fill(&mut self, bus_address: u64, length: u32, id: u16, kind: u16) {
        let Cursor { position, flags } = self.next;
        let available = flags | kind;
        let visible = if self.unpublished == 0 {
            self.hidden = Hidden {
                position,
                flags: available,
            };
            used_in_the_lap_before(flags)
        } else {
            available
        };
        self.window.write_descriptor(
            position,
            bus_address,
            packed_second_word(length, id, visible),
        );
        self.next.advance(1, self.window.size());
        self.unpublished = self.unpublished.wrapping_add(1);
    }

    /// Makes `count` descriptors from `first` on unavailable again.
    #[cold]
    fn take_back(&self, first: Cursor, count: u16) {
        let mut cursor = first;
        for _ in 0..count {
            self.window
                .write_flags(cursor.position, used_in_the_lap_before(cursor.flags));
            cursor.advance(1, self.window.size());
        }
    }

    /// Makes all new requests visible and calls `ring_doorbell` if the device wants to hear of them.
    #[inline]
    pub fn publish(&mut self, ring_doorbell: impl FnOnce()) -> Published {
        let added = self.unpublished;
        if added == 0 || !self.ledger.is_live() {
            return Published::Nothing;
        }
        self.unpublished = 0;
        let Hidden { position, flags } = self.hidden;
        self.window.memory().write_barrier();
        self.window.write_flags(position, flags);
        // The device may look at the flags and ask for a notification at the same time: virtio 2.8.21.2.
        self.window.memory().full_barrier();
        if self.is_wanted(added) {
            ring_doorbell();
            Published::Rung
        } else {
            Published::Silent
        }
    }

    /// Whether the device wants to hear of the `added` descriptors before `next`.
    #[inline]
    fn is_wanted(&self, added: u16) -> bool {
        let event = self.window.read_device_event();
        match (event & EVENT_FLAGS, self.suppression) {
            (EVENT_DISABLE, _) => false,
            (EVENT_AT_DESCRIPTOR, Suppression::EventIndex) => {
                let at = u16::try_from(event & 0xFFFF).unwrap_or_default();
                let new = self.next.position;
                let offset = at & !EVENT_WRAP;
                let offset = if (at ^ self.next.as_event()) & EVENT_WRAP == 0 {
                    offset
                } else {
                    // A place of the lap before, hence below all positions of this one.
                    offset.wrapping_sub(self.window.size())
                };
                passes(offset, new.wrapping_sub(added), new)
            }
            // ENABLE, and what a device may not say: a doorbell too many does no harm.
            _ => true,
        }
    }

    /// Takes the next completed request, `None` when there is none. Publish before draining: a request that is filled but not
    /// visible counts as outstanding.
    ///
    /// # Errors
    /// The device broke a rule. The queue has stopped: no request is completed or accepted any more, and each outstanding one
    /// comes out of [`PackedRing::reclaim`] after the reset.
    #[expect(
        clippy::inline_always,
        reason = "on the way of every request, and several callers of one kind keep the compiler from it"
    )]
    #[inline(always)]
    pub fn take_used(&mut self) -> Result<Option<Used>, QueueFault> {
        if !self.ledger.is_live() {
            return self.ledger.not_live();
        }
        let (length, id, flags) = packed_used(self.window.read_second_word(self.used.position));
        if flags & LAP != self.used.flags {
            return Ok(None);
        }
        self.window.memory().read_barrier();
        // Without the WRITE flag the length is reserved (virtio 2.8.4).
        let written = if flags & FLAG_WRITE == 0 { 0 } else { length };
        match self.complete(id, written) {
            Ok(used) => Ok(Some(used)),
            Err(fault) => Err(self.ledger.fail(fault)),
        }
    }

    /// Takes completed requests, `most` of those that there are now; returns how many. What is said of [`PackedRing::take_used`] holds, and what
    /// went to `take` before a fault is taken.
    ///
    /// # Errors
    /// As above.
    #[inline]
    pub fn take_several(
        &mut self,
        most: u16,
        mut take: impl FnMut(Used),
    ) -> Result<u16, QueueFault> {
        let mut count = 0;
        while count < most {
            match self.take_used()? {
                Some(used) => take(used),
                None => break,
            }
            count = count.wrapping_add(1);
        }
        Ok(count)
    }

    #[inline]
    fn complete(&mut self, id: u16, written: u32) -> Result<Used, QueueFault> {
        let size = self.window.size();
        if id >= size {
            return Err(QueueFault::IdOutOfRange);
        }
        // The device cannot know requests that were filled but not yet published.
        let known = size.wrapping_sub(self.free).wrapping_sub(self.unpublished);
        let (token, generation, count) = self.ledger.slots.complete_one(id, written, known)?;
        self.free = self.free.wrapping_add(count);
        self.outstanding = self.outstanding.wrapping_sub(1);
        self.used.advance(count, size);
        Ok(Used {
            token,
            descriptor: id,
            tag: self.ledger.tag(generation, id),
            written,
        })
    }

    /// Asks the device not to interrupt for completions: a hint, to be given before draining.
    #[inline]
    pub fn suppress(&mut self) {
        self.window.write_driver_event(EVENT_DISABLE);
    }

    /// Asks for an interrupt at the next completion and looks once more, which closes the race (virtio 2.8.22).
    #[inline]
    pub fn rearm(&mut self) -> Rearmed {
        self.arm();
        self.window.memory().full_barrier();
        let (_, _, flags) = packed_used(self.window.read_second_word(self.used.position));
        if self.ledger.is_live() && flags & LAP == self.used.flags {
            Rearmed::More
        } else {
            Rearmed::Idle
        }
    }

    #[inline]
    fn arm(&self) {
        self.window.write_driver_event(match self.suppression {
            Suppression::Flags => EVENT_ENABLE,
            Suppression::EventIndex => EVENT_AT_DESCRIPTOR | u32::from(self.used.as_event()),
        });
    }

    /// Hands out an outstanding request that will never complete, `None` when all have been handed out. The first call closes
    /// the queue. It takes the proof that the device is silent, so that no memory is given back under its hands.
    pub fn reclaim(&mut self, proof: &Quiesced) -> Option<(Tag, u64)> {
        let (id, tag, token) = self.ledger.reclaim(proof)?;
        let count = self.ledger.slots.release_one(id);
        self.free = self.free.wrapping_add(count);
        self.outstanding = self.outstanding.wrapping_sub(1);
        Some((tag, token))
    }

    /// The tag of the outstanding request that descriptor `index` heads.
    #[must_use]
    pub fn outstanding_tag(&self, index: u16) -> Option<Tag> {
        self.ledger.tag_at(index)
    }

    /// The token of `tag` while it is outstanding. Stale and foreign tags yield `None`.
    #[must_use]
    pub fn token_of(&self, tag: Tag) -> Option<u64> {
        self.ledger.token_of(tag)
    }

    /// Requests in the ring, filled or visible.
    #[inline]
    #[must_use]
    pub const fn outstanding(&self) -> u16 {
        self.outstanding
    }

    /// Free descriptors.
    #[must_use]
    pub const fn free_descriptors(&self) -> u16 {
        self.free
    }

    /// The fault that stopped the queue.
    #[must_use]
    pub const fn fault(&self) -> Option<QueueFault> {
        self.ledger.fault()
    }

    /// Used descriptors that were rejected.
    #[must_use]
    pub const fn rejected(&self) -> u32 {
        self.ledger.rejected()
    }

    /// Takes the ring apart: memory and slots.
    pub(crate) fn into_parts(self) -> (M, S) {
        (self.window.into_memory(), self.ledger.into_slots())
    }

    pub(crate) const fn memory(&self) -> &M {
        self.window.memory()
    }

    pub(crate) fn addresses(&self) -> RingAddresses {
        self.window.addresses()
    }

    /// Descriptors in the ring.
    #[must_use]
    pub const fn size(&self) -> u16 {
        self.window.size()
    }
}

/// The flags that a descriptor had after its use in the previous lap; neither side takes it for its own in this one.
#[inline]
const fn used_in_the_lap_before(available: u16) -> u16 {
    if available & AVAIL == 0 { LAP } else { 0 }
}
