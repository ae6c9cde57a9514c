//! A request queue: prepared requests in, used requests out (virtio 5.6.6.1).

use crate::access::{DmaMemory, Mmio, SharedMemory};
use crate::device::{DescriptorForm, Doorbell, QueueIndex, Quiesced};
use crate::request::{Prepared, stage_descriptor, write_tag};
use crate::ring::{Published, QueueFault, Rearmed, Ring, RingFormat, Slot, SubmitError, Tag, Used};

/// One request queue. Not synchronised: the caller holds this queue's lock.
#[derive(Debug)]
pub struct RequestQueue<R, M: DmaMemory, S> {
    ring: Ring<M, S>,
    doorbell: Doorbell<R>,
    form: DescriptorForm,
}

impl<R: Mmio, M: DmaMemory, S: AsRef<[Slot]> + AsMut<[Slot]>> RequestQueue<R, M, S> {
    pub(crate) fn new(ring: Ring<M, S>, doorbell: Doorbell<R>, form: DescriptorForm) -> Self {
        Self {
            ring,
            doorbell,
            form,
        }
    }

    /// Fills a prepared request in; not visible to the device before [`RequestQueue::publish`]. `memory` is what the request
    /// was prepared in, `token` comes back with the completion.
    ///
    /// # Errors
    /// The caller keeps the request: [`SubmitError::Full`] means try again after a completion.
    #[inline]
    pub fn submit<F: SharedMemory>(
        &mut self,
        memory: &F,
        prepared: &Prepared,
        token: u64,
    ) -> Result<Tag, SubmitError> {
        if self.form == DescriptorForm::Direct {
            return self.submit_staged(memory, prepared, token);
        }
        let tag = self.ring.submit_indirect(
            prepared.format,
            prepared.table,
            prepared.descriptors,
            prepared.report_limit,
            token,
        )?;
        write_tag(memory, prepared, tag);
        Ok(tag)
    }

    /// Copies the descriptors of a prepared request, in whichever format, into the ring. Not inlined: it would cost the other form registers.
    #[inline(never)]
    fn submit_staged<F: SharedMemory>(
        &mut self,
        memory: &F,
        prepared: &Prepared,
        token: u64,
    ) -> Result<Tag, SubmitError> {
        let descriptors =
            (0..prepared.descriptors).map(|index| stage_descriptor(memory, prepared, index));
        let tag = self.ring.submit_direct(
            descriptors,
            prepared.descriptors,
            prepared.report_limit,
            token,
        )?;
        write_tag(memory, prepared, tag);
        Ok(tag)
    }

    /// Makes everything submitted visible, with at most one doorbell.
    #[inline]
    pub fn publish(&mut self) -> Published {
        let Self { ring, doorbell, .. } = self;
        ring.publish(|| doorbell.ring())
    }

    /// Takes the next completed request; read its [`Response`](crate::request::Response) next.
    ///
    /// # Errors
    /// The device broke a rule: reset it, then [`RequestQueue::reclaim`].
    #[inline]
    pub fn take_used(&mut self) -> Result<Option<Used>, QueueFault> {
        self.ring.take_used()
    }

    /// Takes completed requests, `most` of those that there are now; returns how many. Read their responses next.
    ///
    /// # Errors
    /// As for [`RequestQueue::take_used`]; those that `take` was called for before are complete.
    #[inline]
    pub fn take_several(&mut self, most: u16, take: impl FnMut(Used)) -> Result<u16, QueueFault> {
        self.ring.take_several(most, take)
    }

    /// See [`Ring::suppress`].
    #[inline]
    pub fn suppress_interrupts(&mut self) {
        self.ring.suppress();
    }

    /// See [`Ring::rearm`].
    #[inline]
    pub fn rearm_interrupts(&mut self) -> Rearmed {
        self.ring.rearm()
    }

    /// Hands out each request that will never complete, after a reset; see [`Ring::reclaim`].
    pub fn reclaim(&mut self, proof: &Quiesced) -> Option<(Tag, u64)> {
        self.ring.reclaim(proof)
    }

    /// The tag of the outstanding request that [`Tag::descriptor`] `index` belongs to.
    #[must_use]
    pub fn outstanding_tag(&self, index: u16) -> Option<Tag> {
        self.ring.outstanding_tag(index)
    }

    /// The token of `tag` while it is outstanding.
    #[must_use]
    pub fn token_of(&self, tag: Tag) -> Option<u64> {
        self.ring.token_of(tag)
    }

    /// Requests in the ring.
    #[inline]
    #[must_use]
    pub const fn outstanding(&self) -> u16 {
        self.ring.outstanding()
    }

    /// Whether the ring is split or packed.
    #[must_use]
    pub const fn format(&self) -> RingFormat {
        self.ring.format()
    }

    /// Descriptors that are free: with indirect descriptors, requests that can still be submitted.
    #[must_use]
    pub const fn free_descriptors(&self) -> u16 {
        self.ring.free_descriptors()
    }

    /// The fault that stopped the queue.
    #[must_use]
    pub const fn fault(&self) -> Option<QueueFault> {
        self.ring.fault()
    }

    /// Used elements and indices that were rejected.
    #[must_use]
    pub const fn rejected(&self) -> u32 {
        self.ring.rejected()
    }

    /// The queue's number, as the device counts.
    #[must_use]
    pub const fn queue(&self) -> QueueIndex {
        self.doorbell.queue()
    }

    /// Takes the queue apart: memory and slots. What was outstanding is forgotten.
    pub(crate) fn into_parts(self) -> (M, S) {
        self.ring.into_parts()
    }

    pub(crate) fn memory(&self) -> &M {
        self.ring.memory()
    }

    /// [`RequestQueue::submit`] for a frame in the queue's own memory.
    pub(crate) fn submit_own(&mut self, prepared: &Prepared, token: u64) -> Result<Tag, SubmitError>
    where
        M: Clone,
    {
        let memory = self.ring.memory().clone();
        self.submit(&memory, prepared, token)
    }
}
