//! The driver's side of a split virtqueue (virtio 2.7.13, 2.7.14).
//!
//! Filling and publishing are two calls: any number of submissions, then one [`SplitRing::publish`] with one index store and
//! at most one doorbell. Not synchronised: one lock per queue, held by the caller through `&mut`.

use crate::access::DmaMemory;
use crate::device::{Features, QueueIndex, Quiesced};
use crate::plan::QueueLayout;

use super::descriptor::{Descriptor, FLAG_INDIRECT, FLAG_NEXT, second_word};
use super::ledger::{Ledger, Published, Rearmed, SubmitError, Suppression, Used, passes};
use super::slots::{SINGLE, Slot, Tag};
use super::window::{
    AVAILABLE_NO_INTERRUPT, RingAddresses, RingWindow, USED_NO_NOTIFY, WindowError,
};
use super::{QueueFault, RingFormat};

/// A split virtqueue with storage `S` for its private slots: an array, a boxed slice, memory of the adapter extension.
///
/// # Invariants
/// `available_next - published` requests are filled but not visible. `used_seen - used_next` is at most the number of
/// outstanding requests: `take_used` checks it before it raises `used_seen`.
#[derive(Debug)]
pub struct SplitRing<M: DmaMemory, S> {
    window: RingWindow<M>,
    ledger: Ledger<S>,
    suppression: Suppression,
    available_next: u16,
    published: u16,
    used_next: u16,
    used_seen: u16,
    /// Requests that were handed out by `reclaim`.
    reclaimed: u16,
}

impl<M: DmaMemory, S: AsRef<[Slot]> + AsMut<[Slot]>> SplitRing<M, S> {
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
        let window = RingWindow::new(memory, layout)?;
        let ledger = Ledger::new(slots, layout.size, queue, RingFormat::Split)
            .ok_or(WindowError::TooFewSlots)?;
        Ok(Self {
            window,
            ledger,
            suppression: Suppression::of(features),
            available_next: 0,
            published: 0,
            used_next: 0,
            used_seen: 0,
            reclaimed: 0,
        })
    }

    /// Puts a request into the ring whose descriptors lie in an indirect table of `descriptors` entries at `table`
    /// (virtio 2.7.5.3). `report_limit` is the most that the device may report as written. Not visible before
    /// `publish`.
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
        self.submit_table(RingFormat::Split, table, descriptors, report_limit, token)
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
        let (head, generation) = self
            .ledger
            .slots
            .allocate_one(token, report_limit, SINGLE)
            .ok_or(SubmitError::Full)?;
        let bytes = u32::from(descriptors).wrapping_mul(super::DESCRIPTOR_BYTES);
        self.window
            .write_descriptor(head, table, second_word(bytes, FLAG_INDIRECT, 0));
        self.offer(head);
        Ok(self.ledger.tag(generation, head))
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
        self.ledger.accepting(RingFormat::Split)?;
        if count == 0 {
            return Err(SubmitError::Empty);
        }
        if count > self.size() {
            return Err(SubmitError::TooLong);
        }
        if count > self.free_descriptors() {
            return Err(SubmitError::Full);
        }
        let (head, generation) = self
            .ledger
            .slots
            .allocate(count, token, report_limit)
            .ok_or(SubmitError::Full)?;
        let mut index = head;
        let mut left = count;
        for Descriptor {
            bus_address,
            length,
            direction,
        } in descriptors.take(usize::from(count))
        {
            left = left.wrapping_sub(1);
            let next = self.ledger.slots.next(index);
            let descriptor = Descriptor {
                bus_address,
                length,
                direction,
            };
            let (flags, link) = if left == 0 { (0, 0) } else { (FLAG_NEXT, next) };
            self.window.write_descriptor(
                index,
                bus_address,
                second_word(length, descriptor.flags() | flags, link),
            );
            index = next;
        }
        if left != 0 {
            // Fewer descriptors came than were announced: nothing was offered, so nothing has to be undone but this.
            self.ledger.slots.release(head);
            return Err(SubmitError::Empty);
        }
        self.offer(head);
        Ok(self.ledger.tag(generation, head))
    }

    #[inline]
    fn offer(&mut self, head: u16) {
        self.window.write_available(self.available_next, head);
        self.available_next = self.available_next.wrapping_add(1);
    }

    /// Makes all new requests visible and calls `ring_doorbell` if the device wants to hear of them.
    #[inline]
    pub fn publish(&mut self, ring_doorbell: impl FnOnce()) -> Published {
        let (old, new) = (self.published, self.available_next);
        if old == new || !self.ledger.is_live() {
            return Published::Nothing;
        }
        self.published = new;
        let memory = self.window.memory();
        memory.write_barrier();
        self.window.write_available_index(new);
        // The device may look at the index and ask for a notification at the same time: virtio 2.7.13.4.1.
        memory.full_barrier();
        let wanted = match self.suppression {
            Suppression::Flags => self.window.read_used_flags() & USED_NO_NOTIFY == 0,
            Suppression::EventIndex => passes(self.window.read_available_event(), old, new),
        };
        if wanted {
            ring_doorbell();
            Published::Rung
        } else {
            Published::Silent
        }
    }

    /// Takes the next completed request, `None` when there is none. Publish before draining: a request that is filled but not
    /// visible counts as outstanding.
    ///
    /// # Errors
    /// The device broke a rule. The queue has stopped: no request is completed or accepted any more, and each outstanding one
    /// comes out of [`SplitRing::reclaim`] after the reset.
    #[expect(
        clippy::inline_always,
        reason = "on the way of every request, and several callers of one kind keep the compiler from it"
    )]
    #[inline(always)]
    pub fn take_used(&mut self) -> Result<Option<Used>, QueueFault> {
        if !self.ledger.is_live() {
            return self.ledger.not_live();
        }
        if self.used_next == self.used_seen && !self.look_for_used()? {
            return Ok(None);
        }
        match self.complete(self.used_next) {
            Ok(used) => {
                self.used_next = self.used_next.wrapping_add(1);
                Ok(Some(used))
            }
            Err(fault) => Err(self.ledger.fail(fault)),
        }
    }

    /// Takes completed requests, `most` of those that there are now; returns how many. What is said of [`SplitRing::take_used`] holds, and what
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
        if !self.ledger.is_live() {
            return self.ledger.not_live().map(|_| 0);
        }
        if self.used_next == self.used_seen && !self.look_for_used()? {
            return Ok(0);
        }
        let first = self.used_next;
        let count = self.used_seen.wrapping_sub(first).min(most);
        let end = first.wrapping_add(count);
        let mut position = first;
        while position != end {
            match self.complete(position) {
                Ok(used) => take(used),
                Err(fault) => {
                    self.used_next = position;
                    return Err(self.ledger.fail(fault));
                }
            }
            position = position.wrapping_add(1);
        }
        self.used_next = end;
        Ok(count)
    }

    /// Ends the request that the used element at `position` is about.
    #[inline]
    fn complete(&mut self, position: u16) -> Result<Used, QueueFault> {
        let (id, written) = self.window.read_used(position);
        if id > u32::from(self.window.mask()) {
            return Err(QueueFault::IdOutOfRange);
        }
        // It fits: the mask has 16 bits.
        let head = u16::try_from(id).unwrap_or(u16::MAX);
        let (token, generation) = self.ledger.slots.complete(head, written)?;
        Ok(Used {
            token,
            descriptor: head,
            tag: self.ledger.tag(generation, head),
            written,
        })
    }

    /// Reads the used index; true when it has moved.
    #[inline]
    fn look_for_used(&mut self) -> Result<bool, QueueFault> {
        let index = self.window.read_used_index();
        let news = index.wrapping_sub(self.used_next);
        if news == 0 {
            return Ok(false);
        }
        // The device cannot know requests that were filled but not yet published.
        if news > self.published.wrapping_sub(self.used_next) {
            return Err(self.ledger.fail(QueueFault::UsedIndex));
        }
        self.window.memory().read_barrier();
        self.used_seen = index;
        Ok(true)
    }

    /// Asks the device not to interrupt for completions: a hint, to be given before draining. With event index nothing needs
    /// to be written, because no interrupt follows the first one until `rearm`.
    #[inline]
    pub fn suppress(&mut self) {
        if self.suppression == Suppression::Flags {
            self.window.write_available_flags(AVAILABLE_NO_INTERRUPT);
        }
    }

    /// Asks for an interrupt at the next completion and looks once more, which closes the race (virtio 2.7.14).
    #[inline]
    pub fn rearm(&mut self) -> Rearmed {
        match self.suppression {
            Suppression::Flags => self.window.write_available_flags(0),
            Suppression::EventIndex => self.window.write_used_event(self.used_next),
        }
        self.window.memory().full_barrier();
        if self.ledger.is_live() && self.window.read_used_index() != self.used_next {
            Rearmed::More
        } else {
            Rearmed::Idle
        }
    }

    /// Hands out an outstanding request that will never complete, `None` when all have been handed out. The first call closes
    /// the queue. It takes the proof that the device is silent, so that no memory is given back under its hands.
    pub fn reclaim(&mut self, proof: &Quiesced) -> Option<(Tag, u64)> {
        let (head, tag, token) = self.ledger.reclaim(proof)?;
        self.ledger.slots.release(head);
        self.reclaimed = self.reclaimed.wrapping_add(1);
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
        let ended = self.used_next.wrapping_add(self.reclaimed);
        self.available_next.wrapping_sub(ended)
    }

    /// Free descriptors.
    #[must_use]
    pub const fn free_descriptors(&self) -> u16 {
        let taken = self.outstanding().wrapping_add(self.ledger.slots.extra());
        self.size().wrapping_sub(taken)
    }

    /// The fault that stopped the queue.
    #[must_use]
    pub const fn fault(&self) -> Option<QueueFault> {
        self.ledger.fault()
    }

    /// Used elements and indices that were rejected.
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
