//! What a SCSI request says, read in one go.
//!
//! Key type: [`ScsiRequest`]. The shape of the block is looked at once, and each shape has code of its own from there on: this is on the
//! path of every request. Neighbour: [`super::parts`] knows the shapes.

use wdk_sys::SCSI_REQUEST_BLOCK;

use super::{Srb, SrbFlags, parts::Parts};
use crate::{adapter::Adapter, port::UnitAddress};

/// How a unit may order a request among others (`QueueAction`, `RequestAttribute`; SAM-5, 8.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueAction {
    /// The request has no tag.
    None,
    /// In any order.
    Simple,
    /// Before all others.
    HeadOfQueue,
    /// After all older ones, before all newer ones.
    Ordered,
}

/// How urgent a request is (`RequestPriority`, an `IO_PRIORITY_HINT`: the numbers are the same).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// In the background.
    VeryLow,
    /// Less than others.
    Low,
    /// As most are, and all that say nothing.
    Normal,
    /// More than others.
    High,
    /// Memory runs out: paging.
    Critical,
}

/// A SCSI request, as its block describes it.
#[derive(Clone, Copy, Debug)]
pub struct ScsiRequest<'srb> {
    /// The unit that it is for.
    pub address: UnitAddress,
    /// The command; empty when the request carries none.
    pub cdb: &'srb [u8],
    /// How the unit may order it among others.
    pub queue_action: QueueAction,
    /// How urgent it is.
    pub priority: Priority,
}

impl<A: Adapter> Srb<A> {
    /// What the request says, if it is one for a unit.
    #[must_use]
    #[inline]
    pub fn scsi_request(&self) -> ScsiRequest<'_> {
        ScsiRequest::of(self.parts())
    }
}

impl<'srb> ScsiRequest<'srb> {
    #[expect(
        clippy::inline_always,
        reason = "on the way of every request, and several callers of one kind keep the compiler from it"
    )]
    #[inline(always)]
    pub(super) fn of(parts: Parts<'srb>) -> Self {
        match parts {
            // A constructor of its own for each shape, so that none of the accessors looks at it again.
            Parts::Extended(block) => {
                let parts = Parts::Extended(block);
                let priority = parts.priority().map_or(Priority::Normal, Priority::of);
                Self::new(
                    parts.address(),
                    parts.cdb(),
                    parts.flags(),
                    parts.queue_action(),
                    priority,
                )
            }
            Parts::Legacy(block) => Self::of_legacy(block),
        }
    }

    /// Apart: a port that knows the other shape uses it for whoever asks for it in its registration.
    #[cold]
    #[inline(never)]
    fn of_legacy(block: &'srb SCSI_REQUEST_BLOCK) -> Self {
        let parts = Parts::Legacy(block);
        let priority = Priority::Normal;
        Self::new(
            parts.address(),
            parts.cdb(),
            parts.flags(),
            parts.queue_action(),
            priority,
        )
    }

    #[inline]
    const fn new(
        address: UnitAddress,
        cdb: &'srb [u8],
        flags: u32,
        action: u32,
        priority: Priority,
    ) -> Self {
        Self {
            address,
            cdb,
            queue_action: QueueAction::of(SrbFlags::from_bits_retain(flags), action),
            priority,
        }
    }
}

impl QueueAction {
    #[inline]
    pub(super) const fn of(flags: SrbFlags, action: u32) -> Self {
        if !flags.contains(SrbFlags::QUEUE_ACTION_ENABLE) {
            return Self::None;
        }
        match action {
            wdk_sys::SRB_HEAD_OF_QUEUE_TAG_REQUEST => Self::HeadOfQueue,
            wdk_sys::SRB_ORDERED_QUEUE_TAG_REQUEST => Self::Ordered,
            _ => Self::Simple,
        }
    }
}

impl Priority {
    /// `IoPriorityNormal`, which class drivers put into nearly all requests.
    pub(super) const NORMAL_HINT: u16 = 2;

    #[inline]
    pub(super) const fn of(hint: u16) -> Self {
        match hint {
            0 => Self::VeryLow,
            1 => Self::Low,
            3 => Self::High,
            4 => Self::Critical,
            _ => Self::Normal,
        }
    }
}
