//! Records of a crash dump and of the bug check callbacks that took part in it.

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{owner::Owner, scenario::DumpKind};

/// The calls of one registered bug check callback for one occasion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BugcheckCallback {
    /// The component string of its registration.
    pub component: String,
    /// Image and offset of the routine.
    pub routine: String,
    /// `KBUGCHECK_CALLBACK_REASON`; 0 for a callback without a reason.
    pub reason: u32,
    /// Calls of the routine.
    pub calls: u32,
    /// Instructions that they took.
    pub instructions: u64,
    /// What it contributed.
    pub result: CallbackResult,
}

/// What a bug check callback contributed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CallbackResult {
    /// Nothing, or nothing that was valid.
    Nothing,
    /// Ranges of pages to add to the dump, or to leave out.
    Pages(Vec<CallbackPages>),
    /// A block of its own data.
    Data {
        /// The block's tag, as it lies in memory.
        guid: [u8; 16],
        /// Length in bytes.
        bytes: u32,
    },
    /// It was told of a write.
    Observed {
        /// `KBUGCHECK_DUMP_IO_TYPE`.
        kind: u32,
        /// Offset into the dump in bytes.
        offset: u64,
        /// Length in bytes.
        bytes: u32,
    },
    /// Ranges of memory for a small dump, as far as they were accepted.
    Ranges(Vec<CallbackRange>),
}

/// A range of memory that a bug check callback named for a small dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallbackRange {
    /// Virtual address of the first byte.
    pub address: u64,
    /// Length in bytes that is in the dump.
    pub bytes: u64,
    /// Owner of the first byte's page.
    pub owner: Owner,
}

/// A range of pages that a bug check callback named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallbackPages {
    /// The address is physical, not virtual.
    pub physical_address: bool,
    /// Address of the first page.
    pub address: u64,
    /// Number of pages.
    pub pages: u64,
    /// Owner of the first page.
    pub owner: Owner,
}

/// Figures of a crash dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DumpFacts {
    /// What it holds.
    pub kind: DumpKind,
    /// Bytes of the dump file, secondary data included.
    pub dump_bytes: u64,
    /// Pages of memory in it.
    pub pages: u64,
    /// Pages that drivers added by `KbCallbackAddPages`.
    pub added_pages: u64,
    /// Blocks of secondary data.
    pub secondary_blocks: u32,
    /// Requests sent to the dump instance.
    pub requests: u64,
    /// Largest request in bytes.
    pub largest_request_bytes: u32,
    /// Calls of `HwStorInterrupt` that polled.
    pub polls: u64,
}
