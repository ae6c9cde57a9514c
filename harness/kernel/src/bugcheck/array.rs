//! The arrays in which drivers list memory for a small dump: how they are filled, and what is taken of them.
//!
//! Key types: [`Array`] (the counters of a `KTRIAGE_DUMP_DATA_ARRAY`), [`Budget`] (what the dump still takes), [`ArrayError`].
//! Pure: members of the structures in, judgement out.
//! Sources: wdm.h; the pages of the two routines that fill an array and of `KBUGCHECK_TRIAGE_DUMP_DATA`; "Writing a Bug Check
//! Reason Callback Routine". Which status a refusal gives is not documented: `ReactOS`, which has both routines, is followed.

use core::fmt;

use crate::port::abi::bugcheck::{TRIAGE_DATA_BYTES_MAX, TriageArray};

/// Bytes of an array before its blocks.
pub const HEADER_BYTES: u32 = 48;
/// Bytes of a block (`KADDRESS_RANGE`).
pub const BLOCK_BYTES: u32 = 16;
/// Blocks that all drivers together may add: the bench's own bound, far above what any driver lists.
pub const BLOCKS_LIMIT: u32 = 4096;
/// First address of the system.
const SYSTEM_START: u64 = 0xFFFF_8000_0000_0000;

const _: () = assert!(HEADER_BYTES as u64 == TriageArray::BLOCKS.offset);

/// Why a routine refuses, as the status that it returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The memory for the array holds not even one block, or there is none.
    BufferTooSmall,
    /// No array, no address or no length.
    InvalidParameter,
    /// The array is full, or its blocks have more bytes than a dump takes.
    InsufficientResources,
}

impl Refusal {
    /// `STATUS_BUFFER_TOO_SMALL`, `STATUS_INVALID_PARAMETER`, `STATUS_INSUFFICIENT_RESOURCES`.
    #[must_use]
    pub const fn status(self) -> u32 {
        match self {
            Self::BufferTooSmall => 0xC000_0023,
            Self::InvalidParameter => 0xC000_000D,
            Self::InsufficientResources => 0xC000_009A,
        }
    }
}

/// The counters of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Array {
    /// `NumBlocksUsed`.
    pub used: u32,
    /// `NumBlocksTotal`.
    pub total: u32,
    /// `DataSize`: bytes of all blocks.
    pub data_bytes: u32,
    /// `MaxDataSize`.
    pub data_limit: u32,
}

impl Array {
    /// An empty array in memory of `bytes` bytes.
    ///
    /// # Errors
    /// There is no room for a block.
    pub const fn empty(bytes: u32) -> Result<Self, Refusal> {
        if bytes < HEADER_BYTES + BLOCK_BYTES {
            return Err(Refusal::BufferTooSmall);
        }
        Ok(Self {
            used: 0,
            total: (bytes - HEADER_BYTES) / BLOCK_BYTES,
            data_bytes: 0,
            data_limit: TRIAGE_DATA_BYTES_MAX,
        })
    }

    /// The array with one more block, which takes the place of number `used`.
    ///
    /// # Errors
    /// The block is none, or does not fit.
    pub fn with(self, address: u64, bytes: u64) -> Result<Self, Refusal> {
        if address == 0 || bytes == 0 {
            return Err(Refusal::InvalidParameter);
        }
        let data_bytes = u32::try_from(bytes)
            .ok()
            .and_then(|bytes| self.data_bytes.checked_add(bytes))
            .filter(|&sum| sum <= self.data_limit);
        match data_bytes {
            Some(data_bytes) if self.used < self.total => Ok(Self {
                used: self.used + 1,
                data_bytes,
                ..self
            }),
            _ => Err(Refusal::InsufficientResources),
        }
    }

    /// Judges the counters that a driver's array has when it hands it over.
    ///
    /// # Errors
    /// It lists more blocks than it has room for.
    pub const fn judge(used: u32, total: u32) -> Result<(), ArrayError> {
        if used > total {
            return Err(ArrayError::Counts { used, total });
        }
        Ok(())
    }
}

/// Why an array, or a block of it, is not accepted as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArrayError {
    /// It lists more blocks than it has room for.
    Counts {
        /// `NumBlocksUsed`.
        used: u32,
        /// `NumBlocksTotal`.
        total: u32,
    },
    /// A block of nothing.
    Empty {
        /// Where it begins.
        address: u64,
    },
    /// A block that wraps around.
    Wraps {
        /// Where it begins.
        address: u64,
        /// Its length in bytes.
        bytes: u64,
    },
    /// A block of a program's memory.
    NotTheSystems {
        /// Where it begins.
        address: u64,
    },
    /// More memory than `MaxVirtMemSize`: the rest is cut off.
    TooMuch {
        /// Bytes of the block.
        bytes: u64,
        /// Bytes that were left for it.
        left: u64,
    },
    /// More blocks than the bench takes.
    TooMany,
}

impl fmt::Display for ArrayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Counts { used, total } => {
                write!(f, "{used} blocks in an array that has room for {total}")
            }
            Self::Empty { address } => write!(f, "the block at {address:#x} has no bytes"),
            Self::Wraps { address, bytes } => {
                write!(f, "{bytes} bytes from {address:#x} wrap around")
            }
            Self::NotTheSystems { address } => {
                write!(f, "the block at {address:#x} is no memory of the system")
            }
            Self::TooMuch { bytes, left } => write!(
                f,
                "a block of {bytes} bytes where {left} are left of MaxVirtMemSize: the rest is cut off"
            ),
            Self::TooMany => write!(f, "more than {BLOCKS_LIMIT} blocks: the rest is left out"),
        }
    }
}

/// Judges a block by itself; whether there is memory is not its business.
///
/// # Errors
/// What is wrong with it.
pub const fn judge_block(address: u64, bytes: u64) -> Result<(), ArrayError> {
    if bytes == 0 {
        return Err(ArrayError::Empty { address });
    }
    if address.checked_add(bytes).is_none() {
        return Err(ArrayError::Wraps { address, bytes });
    }
    if address < SYSTEM_START {
        return Err(ArrayError::NotTheSystems { address });
    }
    Ok(())
}

/// What the dump still takes of drivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    bytes: u64,
    blocks: u32,
}

impl Budget {
    /// As much as the documents allow, if the dump's place has `room` bytes for it.
    #[must_use]
    pub fn new(room: u64) -> Self {
        Self {
            bytes: room.min(TRIAGE_DATA_BYTES_MAX.into()),
            blocks: BLOCKS_LIMIT,
        }
    }

    /// `MaxVirtMemSize` of the next callback.
    #[must_use]
    pub fn max_virt_mem_bytes(&self) -> u32 {
        u32::try_from(self.bytes).unwrap_or(u32::MAX)
    }

    /// How much of a block of `bytes` bytes there is room for.
    #[must_use]
    pub fn room_for(&self, bytes: u64) -> u64 {
        bytes.min(self.bytes)
    }

    /// Takes a block; returns how much of it there is room for, and what is to be said of the rest.
    ///
    /// # Errors
    /// There are too many blocks.
    pub fn take(&mut self, bytes: u64) -> Result<(u64, Option<ArrayError>), ArrayError> {
        self.blocks = self.blocks.checked_sub(1).ok_or(ArrayError::TooMany)?;
        let left = self.bytes;
        let taken = self.room_for(bytes);
        self.bytes -= taken;
        let excess = (taken < bytes).then_some(ArrayError::TooMuch { bytes, left });
        Ok((taken, excess))
    }
}

#[cfg(test)]
mod tests;
