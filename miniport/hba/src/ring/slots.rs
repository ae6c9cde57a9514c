//! The private record of each descriptor: who heads an outstanding request, and the free list.
//!
//! Invariants: the free list links exactly the descriptors of no outstanding request; a slot's
//! generation is odd exactly while it heads an outstanding request. Nothing here is visible to the device.
//!
//! In a split ring a slot belongs to a descriptor, and a request has as many as descriptors, linked. In a packed ring a slot
//! belongs to a buffer id: a request has one, whose link is free to hold the number of its descriptors.

use super::QueueFault;

/// Identifies one submission: descriptor, generation of its slot, and queue. Doubles as the SCSI command identifier
/// (virtio 5.6.6.1, `id`), so that a task management function can name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag(u64);

impl Tag {
    /// What all tags of a queue have in common.
    pub(crate) fn base(queue: u16) -> u64 {
        u64::from(queue) << 32
    }

    /// A tag of the queue with this base.
    #[inline]
    pub(crate) fn new(base: u64, generation: u16, index: u16) -> Self {
        Self(base | (u64::from(generation) << 16) | u64::from(index))
    }

    /// The number that goes onto the wire.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// A tag from a number kept elsewhere, a request's private memory for instance. Look-ups check it.
    #[must_use]
    pub const fn from_raw(raw: u64) -> Self {
        Self(raw)
    }

    /// The descriptor that heads the request: below the size of the ring, and of no other request while this one is
    /// outstanding. A place in a table beside the queue.
    #[inline]
    #[must_use]
    pub fn descriptor(self) -> u16 {
        low_16(self.0)
    }
}

#[inline]
fn low_16(value: u64) -> u16 {
    u16::try_from(value & 0xFFFF).unwrap_or_default()
}

/// Private state of one descriptor, 16 bytes. All zeros is a valid value: zeroed memory is a usable `[Slot]`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Slot {
    token: u64,
    report_limit: u32,
    next: u16,
    generation: u16,
}

const _: () = assert!(size_of::<Slot>() == 16);

/// End of a chain or of the free list.
const END: u16 = u16::MAX;
/// The note of a request that is a chain of one descriptor.
pub(super) const SINGLE: u16 = END;

/// The slots of one ring.
#[derive(Debug)]
pub(super) struct Slots<S> {
    storage: S,
    /// Next descriptor to hand out.
    head: u16,
    /// Last free descriptor: freed ones go behind it, so that a stale id meets a slot that is not in use.
    tail: u16,
    /// Descriptors of outstanding requests beside their heads.
    extra: u16,
}

impl<S: AsRef<[Slot]> + AsMut<[Slot]>> Slots<S> {
    /// Takes over `slots`, of which the first `size` are used; `None` when there are fewer, or more than 65,535.
    ///
    /// Generations go on from what the slots held, so that a tag from before a reset is not mistaken for a new one.
    pub(super) fn new(mut slots: S, size: u16) -> Option<Self> {
        let last = size.checked_sub(1)?;
        if slots.as_ref().len() > usize::from(END) {
            return None;
        }
        for (slot, next) in slots.as_mut().iter_mut().zip(1u16..) {
            let generation = (slot.generation | 1).wrapping_add(1);
            *slot = Slot {
                token: 0,
                report_limit: 0,
                next,
                generation,
            };
        }
        slots.as_mut().get_mut(usize::from(last))?.next = END;
        Some(Self {
            storage: slots,
            head: 0,
            tail: last,
            extra: 0,
        })
    }

    pub(super) fn into_storage(self) -> S {
        self.storage
    }

    /// Descriptors of outstanding requests beside their heads.
    #[inline]
    pub(super) const fn extra(&self) -> u16 {
        self.extra
    }

    #[inline]
    fn get(&self, index: u16) -> Option<&Slot> {
        self.storage.as_ref().get(usize::from(index))
    }

    #[inline]
    fn get_mut(&mut self, index: u16) -> Option<&mut Slot> {
        self.storage.as_mut().get_mut(usize::from(index))
    }

    /// The descriptor behind `index` in its chain or in the free list.
    #[inline]
    pub(super) fn next(&self, index: u16) -> u16 {
        self.get(index).map_or(END, |slot| slot.next)
    }

    /// Takes the first `count` free descriptors, of which there are as many, as one request and returns head and generation.
    pub(super) fn allocate(
        &mut self,
        count: u16,
        token: u64,
        report_limit: u32,
    ) -> Option<(u16, u16)> {
        let head = self.head;
        let mut last = head;
        for _ in 1..count {
            last = self.next(last);
        }
        let rest = self.next(last);
        self.get_mut(last)?.next = END;
        let slot = self.get_mut(head)?;
        slot.token = token;
        slot.report_limit = report_limit;
        slot.generation = slot.generation.wrapping_add(1) | 1;
        let generation = slot.generation;
        self.head = rest;
        self.extra = self.extra.wrapping_add(count).wrapping_sub(1);
        Some((head, generation))
    }

    /// The same for a request with one slot. `note` comes back with [`Slots::complete_one`]; [`SINGLE`] where the request has
    /// one descriptor too.
    #[inline]
    pub(super) fn allocate_one(
        &mut self,
        token: u64,
        report_limit: u32,
        note: u16,
    ) -> Option<(u16, u16)> {
        // With none free the head is END, where there is no slot: one test for both.
        let head = self.head;
        let slot = self.get_mut(head)?;
        let rest = slot.next;
        let generation = slot.generation.wrapping_add(1) | 1;
        *slot = Slot {
            token,
            report_limit,
            next: note,
            generation,
        };
        self.head = rest;
        Some((head, generation))
    }

    /// Token and generation of the outstanding request at `index`.
    #[inline]
    pub(super) fn outstanding_at(&self, index: u16) -> Option<(u64, u16)> {
        self.get(index)
            .filter(|slot| slot.generation & 1 == 1)
            .map(|slot| (slot.token, slot.generation))
    }

    /// Ends the outstanding request at `head`, to which the device says it has written `written` bytes: returns token and
    /// generation, and frees its descriptors.
    #[inline]
    pub(super) fn complete(&mut self, head: u16, written: u32) -> Result<(u64, u16), QueueFault> {
        let slot = self.get_mut(head).ok_or(QueueFault::IdOutOfRange)?;
        let Slot {
            token,
            report_limit,
            next,
            generation,
        } = *slot;
        if generation & 1 == 0 {
            return Err(QueueFault::IdNotOutstanding);
        }
        if written > report_limit {
            return Err(QueueFault::Length);
        }
        slot.generation = generation.wrapping_add(1);
        if next == END {
            self.free_one(head);
        } else {
            self.free_chain(head, next);
        }
        Ok((token, generation))
    }

    /// Ends the outstanding request at `head`, which has one slot, if its note is at most `note_max`: returns token, generation
    /// and note.
    #[inline]
    pub(super) fn complete_one(
        &mut self,
        head: u16,
        written: u32,
        note_max: u16,
    ) -> Result<(u64, u16, u16), QueueFault> {
        let slot = self.get_mut(head).ok_or(QueueFault::IdOutOfRange)?;
        let Slot {
            token,
            report_limit,
            next: note,
            generation,
        } = *slot;
        if generation & 1 == 0 {
            return Err(QueueFault::IdNotOutstanding);
        }
        if note > note_max {
            return Err(QueueFault::UsedIndex);
        }
        if written > report_limit {
            return Err(QueueFault::Length);
        }
        slot.generation = generation.wrapping_add(1);
        slot.next = END;
        self.free_one(head);
        Ok((token, generation, note))
    }

    /// Gives the slot of the outstanding request at `head` back, which has only one, and returns its note.
    pub(super) fn release_one(&mut self, head: u16) -> u16 {
        let Some(slot) = self.get_mut(head) else {
            return 0;
        };
        slot.generation = slot.generation.wrapping_add(1);
        let note = slot.next;
        slot.next = END;
        self.free_one(head);
        note
    }

    /// Gives the descriptors of the outstanding request at `head` back.
    pub(super) fn release(&mut self, head: u16) {
        if let Some(slot) = self.get_mut(head) {
            slot.generation = slot.generation.wrapping_add(1);
            let next = slot.next;
            self.free_chain(head, next);
        }
    }

    /// Puts a single descriptor, whose link is END, behind the last free one.
    #[inline]
    fn free_one(&mut self, head: u16) {
        let tail = self.tail;
        self.tail = head;
        if self.head == END {
            self.head = head;
        } else if let Some(slot) = self.get_mut(tail) {
            slot.next = head;
        }
    }

    /// Puts a chain, of which `next` follows `head`, behind the last free descriptor.
    fn free_chain(&mut self, head: u16, next: u16) {
        let mut last = head;
        let mut next = next;
        while next != END {
            last = next;
            next = self.next(last);
            self.extra = self.extra.wrapping_sub(1);
        }
        let tail = self.tail;
        if self.head == END {
            self.head = head;
        } else if let Some(slot) = self.get_mut(tail) {
            slot.next = head;
        }
        self.tail = last;
    }

    /// Head of any outstanding request at or after descriptor `from`.
    pub(super) fn first_outstanding(&self, from: u16) -> Option<u16> {
        let slots = self
            .storage
            .as_ref()
            .iter()
            .zip(0u16..)
            .skip(usize::from(from));
        slots
            .map(|(slot, index)| (slot.generation & 1, index))
            .find(|&(odd, _)| odd == 1)
            .map(|(_, index)| index)
    }
}
