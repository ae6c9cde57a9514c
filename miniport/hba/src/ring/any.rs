//! Either ring format behind one type: what was negotiated is known only when the device is brought up.
//!
//! The choice is one comparison a call; it is made here and nowhere else.

use crate::access::DmaMemory;
use crate::device::{Features, QueueIndex, Quiesced};
use crate::plan::QueueLayout;

use super::ledger::{Published, Rearmed, SubmitError, Used};
use super::packed::PackedRing;
use super::slots::{Slot, Tag};
use super::split::SplitRing;
use super::window::{RingAddresses, WindowError};
use super::{Descriptor, QueueFault, RingFormat};

/// A virtqueue in one of the two formats, with storage `S` for its private slots: an array, a boxed slice, memory of the
/// adapter extension.
#[derive(Debug)]
pub enum Ring<M: DmaMemory, S> {
    /// Virtio 2.7.
    Split(SplitRing<M, S>),
    /// Virtio 2.8.
    Packed(PackedRing<M, S>),
}

/// Calls the same method of either format.
macro_rules! either {
    ($ring:expr, $inner:ident => $call:expr) => {
        match $ring {
            Ring::Split($inner) => $call,
            Ring::Packed($inner) => $call,
        }
    };
}

impl<M: DmaMemory, S: AsRef<[Slot]> + AsMut<[Slot]>> Ring<M, S> {
    /// Makes an empty ring in `memory`, which it zeroes, in the format of `layout`.
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
        Ok(match layout.format {
            RingFormat::Split => {
                Self::Split(SplitRing::new(memory, layout, slots, queue, features)?)
            }
            RingFormat::Packed => {
                Self::Packed(PackedRing::new(memory, layout, slots, queue, features)?)
            }
        })
    }

    /// The format.
    #[inline]
    #[must_use]
    pub const fn format(&self) -> RingFormat {
        match self {
            Self::Split(_) => RingFormat::Split,
            Self::Packed(_) => RingFormat::Packed,
        }
    }

    /// Puts a request into the ring whose descriptors lie in an indirect table of `descriptors` entries at `table`, which is in
    /// `format`. `report_limit` is the most that the device may report as written. Not visible before `publish`.
    ///
    /// # Errors
    /// The caller keeps the request, see [`SubmitError`].
    #[inline]
    pub fn submit_indirect(
        &mut self,
        format: RingFormat,
        table: u64,
        descriptors: u16,
        report_limit: u32,
        token: u64,
    ) -> Result<Tag, SubmitError> {
        either!(self, ring => ring.submit_table(format, table, descriptors, report_limit, token))
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
        either!(self, ring => ring.submit_direct(descriptors, count, report_limit, token))
    }

    /// Makes all new requests visible and calls `ring_doorbell` if the device wants to hear of them.
    #[inline]
    pub fn publish(&mut self, ring_doorbell: impl FnOnce()) -> Published {
        either!(self, ring => ring.publish(ring_doorbell))
    }

    /// Takes the next completed request, `None` when there is none. Publish before draining: a request that is filled but not
    /// visible counts as outstanding.
    ///
    /// # Errors
    /// The device broke a rule. The queue has stopped: no request is completed or accepted any more, and each outstanding one
    /// comes out of [`Ring::reclaim`] after the reset.
    #[inline]
    pub fn take_used(&mut self) -> Result<Option<Used>, QueueFault> {
        either!(self, ring => ring.take_used())
    }

    /// Takes completed requests, `most` of those that there are now; returns how many. What is said of [`Ring::take_used`] holds, and what went to
    /// `take` before a fault is taken.
    ///
    /// # Errors
    /// As above.
    #[inline]
    pub fn take_several(&mut self, most: u16, take: impl FnMut(Used)) -> Result<u16, QueueFault> {
        either!(self, ring => ring.take_several(most, take))
    }

    /// Asks the device not to interrupt for completions: a hint, to be given before draining.
    #[inline]
    pub fn suppress(&mut self) {
        either!(self, ring => ring.suppress());
    }

    /// Asks for an interrupt at the next completion and looks once more, which closes the race.
    #[inline]
    pub fn rearm(&mut self) -> Rearmed {
        either!(self, ring => ring.rearm())
    }

    /// Hands out an outstanding request that will never complete, `None` when all have been handed out. The first call closes
    /// the queue. It takes the proof that the device is silent, so that no memory is given back under its hands.
    pub fn reclaim(&mut self, proof: &Quiesced) -> Option<(Tag, u64)> {
        either!(self, ring => ring.reclaim(proof))
    }

    /// The tag of the outstanding request that [`Tag::descriptor`] `index` belongs to.
    #[must_use]
    pub fn outstanding_tag(&self, index: u16) -> Option<Tag> {
        either!(self, ring => ring.outstanding_tag(index))
    }

    /// The token of `tag` while it is outstanding. Stale and foreign tags yield `None`.
    #[must_use]
    pub fn token_of(&self, tag: Tag) -> Option<u64> {
        either!(self, ring => ring.token_of(tag))
    }

    /// Requests in the ring, filled or visible.
    #[inline]
    #[must_use]
    pub const fn outstanding(&self) -> u16 {
        either!(self, ring => ring.outstanding())
    }

    /// Free descriptors.
    #[must_use]
    pub const fn free_descriptors(&self) -> u16 {
        either!(self, ring => ring.free_descriptors())
    }

    /// The fault that stopped the queue.
    #[must_use]
    pub const fn fault(&self) -> Option<QueueFault> {
        either!(self, ring => ring.fault())
    }

    /// Used elements and indices that were rejected.
    #[must_use]
    pub const fn rejected(&self) -> u32 {
        either!(self, ring => ring.rejected())
    }

    /// Descriptors in the ring.
    #[must_use]
    pub const fn size(&self) -> u16 {
        either!(self, ring => ring.size())
    }

    /// Takes the ring apart: memory and slots.
    pub(crate) fn into_parts(self) -> (M, S) {
        either!(self, ring => ring.into_parts())
    }

    #[inline]
    pub(crate) const fn memory(&self) -> &M {
        either!(self, ring => ring.memory())
    }

    pub(crate) fn addresses(&self) -> RingAddresses {
        either!(self, ring => ring.addresses())
    }
}
