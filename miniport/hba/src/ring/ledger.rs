//! What both ring formats keep about a queue besides the ring itself: whether it lives, and who is outstanding.
//!
//! Key types: [`Ledger`], the answers of a ring ([`SubmitError`], [`Published`], [`Rearmed`], [`Used`]). Neighbours: the records of
//! single descriptors ([`super::slots`]), the formats ([`super::split`], [`super::packed`]).

use crate::device::{Features, QueueIndex, Quiesced};

use super::slots::{Slot, Slots, Tag};
use super::{QueueFault, RingFormat};

/// Why a request was not put into the ring. The caller still owns it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubmitError {
    /// Not enough free descriptors at the moment.
    Full,
    /// The chain is empty, or shorter than announced.
    Empty,
    /// The chain has more descriptors than the ring: it will never fit. The plan's segment limit was exceeded.
    TooLong,
    /// The request was prepared for the other ring format: see [`Recipe`](crate::request::Recipe).
    WrongFormat,
    /// The queue has stopped after a fault; the device must be reset.
    Faulted(QueueFault),
    /// The queue was reclaimed; the device must be brought up again.
    Closed,
}

/// What [`Ring::publish`](super::Ring::publish) did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// There was nothing new.
    Nothing,
    /// New requests are visible; the device asked not to be told.
    Silent,
    /// New requests are visible, and the doorbell was rung.
    Rung,
}

/// What [`Ring::rearm`](super::Ring::rearm) found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rearmed {
    /// Nothing is pending; the next completion interrupts.
    Idle,
    /// More has completed meanwhile: drain again, no interrupt may come for it.
    More,
}

/// A completed request, as the ring knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Used {
    /// What the caller gave at submission.
    pub token: u64,
    /// What the caller got at submission.
    pub tag: Tag,
    /// [`Tag::descriptor`] of it.
    pub descriptor: u16,
    /// Bytes that the device says it wrote, at most the limit of the submission. A hint: it may be too low (virtio 2.7.8.2), QEMU
    /// counts the data of a write too, and in a packed ring it is 0 unless the device vouches for it (virtio 2.8.4).
    pub written: u32,
}

/// Who may do what with the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Live,
    Faulted(QueueFault),
    /// Being reclaimed: descriptors below `cursor` are done with.
    Closed {
        cursor: u16,
    },
}

/// The tables that are taken: those in the ring's own format while it is live, none after that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Accepts {
    Split,
    Packed,
    Nothing,
}

impl From<RingFormat> for Accepts {
    #[inline]
    fn from(format: RingFormat) -> Self {
        match format {
            RingFormat::Split => Self::Split,
            RingFormat::Packed => Self::Packed,
        }
    }
}

/// How each side tells the other when it wants to be notified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Suppression {
    /// On or off (virtio 2.7.7, 2.7.10, 2.8.10).
    Flags,
    /// `VIRTIO_F_RING_EVENT_IDX`: at a place in the ring.
    EventIndex,
}

impl Suppression {
    pub(super) const fn of(features: Features) -> Self {
        if features.contains(Features::RING_EVENT_IDX) {
            Self::EventIndex
        } else {
            Self::Flags
        }
    }
}

/// State, slots and identity of one queue.
#[derive(Debug)]
pub(super) struct Ledger<S> {
    pub(super) slots: Slots<S>,
    /// What the tags of this queue have in common.
    tag_base: u64,
    state: State,
    accepts: Accepts,
    rejected: u32,
}

impl<S: AsRef<[Slot]> + AsMut<[Slot]>> Ledger<S> {
    /// A live queue of `size` descriptors; `None` when there are fewer slots.
    pub(super) fn new(slots: S, size: u16, queue: QueueIndex, format: RingFormat) -> Option<Self> {
        Some(Self {
            slots: Slots::new(slots, size)?,
            tag_base: Tag::base(queue.get()),
            state: State::Live,
            accepts: format.into(),
            rejected: 0,
        })
    }

    #[inline]
    pub(super) fn tag(&self, generation: u16, index: u16) -> Tag {
        Tag::new(self.tag_base, generation, index)
    }

    #[inline]
    pub(super) fn is_live(&self) -> bool {
        self.accepts != Accepts::Nothing
    }

    /// Whether a request is taken whose table is in `format`: one test for whether the ring lives, and whether it is the right one.
    #[inline]
    pub(super) fn accepting(&self, format: RingFormat) -> Result<(), SubmitError> {
        if self.accepts == format.into() {
            Ok(())
        } else {
            self.refusing()
        }
    }

    #[cold]
    const fn refusing(&self) -> Result<(), SubmitError> {
        match self.state {
            State::Live => Err(SubmitError::WrongFormat),
            State::Faulted(fault) => Err(SubmitError::Faulted(fault)),
            State::Closed { .. } => Err(SubmitError::Closed),
        }
    }

    /// Why nothing can be taken from a queue that is not live.
    #[cold]
    pub(super) const fn not_live(&self) -> Result<Option<Used>, QueueFault> {
        match self.state {
            State::Faulted(fault) => Err(fault),
            State::Live | State::Closed { .. } => Ok(None),
        }
    }

    #[cold]
    pub(super) const fn fail(&mut self, fault: QueueFault) -> QueueFault {
        self.state = State::Faulted(fault);
        self.accepts = Accepts::Nothing;
        self.rejected = self.rejected.saturating_add(1);
        fault
    }

    /// Closes the queue and finds the next outstanding request: its head, tag and token. The caller gives its descriptors back.
    pub(super) fn reclaim(&mut self, _proof: &Quiesced) -> Option<(u16, Tag, u64)> {
        let cursor = match self.state {
            State::Closed { cursor } => cursor,
            State::Live | State::Faulted(_) => 0,
        };
        self.state = State::Closed { cursor };
        self.accepts = Accepts::Nothing;
        let head = self.slots.first_outstanding(cursor)?;
        self.state = State::Closed { cursor: head };
        let (token, generation) = self.slots.outstanding_at(head)?;
        Some((head, self.tag(generation, head), token))
    }

    /// The tag of the outstanding request that descriptor `index` heads.
    pub(super) fn tag_at(&self, index: u16) -> Option<Tag> {
        let (_, generation) = self.slots.outstanding_at(index)?;
        Some(self.tag(generation, index))
    }

    pub(super) fn token_of(&self, tag: Tag) -> Option<u64> {
        let index = tag.descriptor();
        let (token, generation) = self.slots.outstanding_at(index)?;
        (tag == self.tag(generation, index)).then_some(token)
    }

    /// Gives the slots back: for a queue that was reset while nothing was outstanding.
    pub(super) fn into_slots(self) -> S {
        self.slots.into_storage()
    }
}

impl<S> Ledger<S> {
    pub(super) const fn fault(&self) -> Option<QueueFault> {
        match self.state {
            State::Faulted(fault) => Some(fault),
            State::Live | State::Closed { .. } => None,
        }
    }

    pub(super) const fn rejected(&self) -> u32 {
        self.rejected
    }
}

/// Whether the move of an index from `old` to `new` passes the point at which the other side asked to be told
/// (virtio 2.7.10.1).
#[inline]
pub(super) const fn passes(event: u16, old: u16, new: u16) -> bool {
    new.wrapping_sub(event).wrapping_sub(1) < new.wrapping_sub(old)
}
