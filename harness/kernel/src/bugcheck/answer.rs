//! Are the answers of bug check callbacks within the documented limits?
//!
//! Key types: [`Pages`] (one answer to add-pages or remove-pages), [`Offer`] and [`Delivery`] (the two answers of a
//! secondary-data callback), [`AnswerError`]. Pure: members of the structures in, judgement out.
//! Sources: wdm.h; the pages of `KBUGCHECK_ADD_PAGES` and `KBUGCHECK_SECONDARY_DUMP_DATA`.

use core::fmt;

use crate::{
    mem::{PAGE_BYTES, Pa, Va},
    port::abi::bugcheck::{
        KB_ADD_PAGES_FLAG_ADDITIONAL_RANGES_EXIST as MORE,
        KB_ADD_PAGES_FLAG_PHYSICAL_ADDRESS as PHYSICAL,
        KB_ADD_PAGES_FLAG_VIRTUAL_ADDRESS as VIRTUAL,
    },
};

/// Calls of one record for one reason, at most: the bench's own bound for a callback that always has more.
pub const CALLS_LIMIT: u32 = 256;

/// Why an answer is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerError {
    /// `Flags` names no kind of address, or both.
    AddressKind {
        /// The member.
        flags: u32,
    },
    /// `Flags` has bits that mean nothing.
    UnknownFlags {
        /// The member.
        flags: u32,
    },
    /// The range wraps around.
    Wraps {
        /// First byte.
        address: u64,
        /// Number of pages.
        pages: u64,
    },
    /// It asks to be called again, and again.
    Endless,
    /// More data than `MaximumAllowed`.
    TooLong {
        /// Bytes offered or delivered.
        bytes: u32,
        /// Bytes allowed.
        allowed: u32,
    },
    /// More data than in the first answer.
    Grown {
        /// Bytes delivered.
        bytes: u32,
        /// Bytes offered.
        offered: u32,
    },
    /// More data in the system's buffer than it holds.
    Overrun {
        /// Bytes delivered.
        bytes: u32,
        /// Bytes of the buffer.
        room: u32,
    },
    /// Data without a place.
    NoBuffer,
    /// The GUID is all zeros.
    NoGuid,
}

impl fmt::Display for AnswerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddressKind { flags } => write!(
                f,
                "Flags {flags:#x} names not exactly one of virtual and physical address"
            ),
            Self::UnknownFlags { flags } => write!(f, "Flags {flags:#x} has unknown bits"),
            Self::Wraps { address, pages } => {
                write!(f, "{pages} pages from {address:#x} wrap around")
            }
            Self::Endless => write!(f, "asks for more than {CALLS_LIMIT} calls"),
            Self::TooLong { bytes, allowed } => {
                write!(f, "{bytes} bytes of data where {allowed} are allowed")
            }
            Self::Grown { bytes, offered } => {
                write!(f, "{bytes} bytes of data after an offer of {offered}")
            }
            Self::Overrun { bytes, room } => {
                write!(f, "{bytes} bytes in a buffer of {room}")
            }
            Self::NoBuffer => f.write_str("data without a buffer"),
            Self::NoGuid => f.write_str("data without a GUID"),
        }
    }
}

/// Where a range begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangeStart {
    /// At a virtual address.
    Virtual(Va),
    /// At a physical address.
    Physical(Pa),
}

/// One answer of an add-pages or remove-pages callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pages {
    /// The first page and how many there are; `None` for nothing.
    pub range: Option<(RangeStart, u64)>,
    /// It wants to be called again.
    pub more: bool,
}

impl Pages {
    /// Judges the members that the callback left. An address inside of a page means that page.
    ///
    /// # Errors
    /// What is wrong with them.
    pub const fn judge(flags: u32, address: u64, count: u64) -> Result<Self, AnswerError> {
        if flags & !(VIRTUAL | PHYSICAL | MORE) != 0 {
            return Err(AnswerError::UnknownFlags { flags });
        }
        let more = flags & MORE != 0;
        // "Zero to indicate that it does not need to add any pages": then the kind of address does not matter.
        if count == 0 {
            return Ok(Self { range: None, more });
        }
        let first = address & !(PAGE_BYTES - 1);
        let start = match flags & (VIRTUAL | PHYSICAL) {
            VIRTUAL => RangeStart::Virtual(Va(first)),
            PHYSICAL => RangeStart::Physical(Pa(first)),
            _ => return Err(AnswerError::AddressKind { flags }),
        };
        let bytes = count.checked_mul(PAGE_BYTES);
        let wraps = match bytes {
            Some(bytes) => first.checked_add(bytes - 1).is_none(),
            None => true,
        };
        if wraps {
            let pages = count;
            return Err(AnswerError::Wraps { address, pages });
        }
        Ok(Self {
            range: Some((start, count)),
            more,
        })
    }
}

/// The first answer of a secondary-data callback: how much it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Bytes; 0 for nothing.
    pub bytes: u32,
}

impl Offer {
    /// Judges `OutBufferLength` after the call with a NULL `OutBuffer`.
    ///
    /// # Errors
    /// It offers more than is allowed.
    pub const fn judge(bytes: u32, allowed: u32) -> Result<Self, AnswerError> {
        if bytes > allowed {
            return Err(AnswerError::TooLong { bytes, allowed });
        }
        Ok(Self { bytes })
    }
}

/// What the system lent for the second call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lent {
    /// `InBuffer`.
    pub buffer: Va,
    /// `InBufferLength`.
    pub bytes: u32,
    /// `MaximumAllowed`.
    pub allowed: u32,
}

/// The second answer of a secondary-data callback: where the data are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// First byte, in the system's buffer or in the driver's.
    pub at: Va,
    /// Length in bytes.
    pub bytes: u32,
}

impl Delivery {
    /// Judges the members after the call with `OutBuffer` equal to `InBuffer`.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn judge(
        offer: Offer,
        lent: Lent,
        at: Va,
        bytes: u32,
        guid: [u8; 16],
    ) -> Result<Self, AnswerError> {
        if bytes > lent.allowed {
            let allowed = lent.allowed;
            return Err(AnswerError::TooLong { bytes, allowed });
        }
        if bytes > offer.bytes {
            let offered = offer.bytes;
            return Err(AnswerError::Grown { bytes, offered });
        }
        if bytes != 0 && at.is_null() {
            return Err(AnswerError::NoBuffer);
        }
        if at == lent.buffer && bytes > lent.bytes {
            let room = lent.bytes;
            return Err(AnswerError::Overrun { bytes, room });
        }
        if bytes != 0 && guid == [0; 16] {
            return Err(AnswerError::NoGuid);
        }
        Ok(Self { at, bytes })
    }
}

#[cfg(test)]
mod tests;
