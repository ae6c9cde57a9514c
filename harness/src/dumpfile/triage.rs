//! The small dump (type 4): [`Triage`], a header of offsets behind the dump's header, and blocks of memory by virtual address.
//!
//! Offsets in the small dump's header are those of the file. The last four bytes of the dump proper are the mark `TRGD`
//! (`'DGRT'` as a C constant), by which debuggers know a small dump that is complete.

use std::io::{Read, Seek};

use serde::Serialize;

use super::{
    pages::PagesError,
    source::{Source, le32, le64},
};

/// Bytes of the small dump's header up to the list of blocks.
const TRIAGE_HEADER_BYTES: usize = 0x80;
/// The mark of a complete small dump.
const VALID: &[u8] = b"TRGD";
/// Bytes of an entry of the list of blocks.
const BLOCK_ENTRY_BYTES: u64 = 16;
/// Most blocks: `KeInitializeTriageDumpDataArray` and Windows' own limits are far below.
const BLOCKS_MAX: u64 = 1 << 16;

/// Memory in a small dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct DataBlock {
    /// Virtual address of the first byte.
    #[serde(serialize_with = "super::header::hex")]
    pub address: u64,
    /// Length in bytes.
    pub bytes: u64,
    /// Offset in the file.
    pub offset: u64,
}

/// What a small dump holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Triage {
    /// `SizeOfDump`: secondary data begin behind it.
    pub dump_bytes: u64,
    /// The call stack, if there is one.
    pub stack: Option<DataBlock>,
    /// The blocks of data.
    pub blocks: Vec<DataBlock>,
}

impl Triage {
    pub(super) fn read<R: Read + Seek>(
        source: &mut Source<R>,
        offset: u64,
    ) -> Result<Self, PagesError> {
        let header = source.at_most(offset, TRIAGE_HEADER_BYTES)?;
        if header.len() < TRIAGE_HEADER_BYTES {
            return Err(PagesError::Triage("it is cut short"));
        }
        let field = |at| u64::from(le32(&header, at));
        let dump_bytes = field(0x04);
        if dump_bytes > source.length() {
            return Err(PagesError::Triage("it is longer than the file"));
        }
        if source.at_most(field(0x08), VALID.len())? != VALID {
            return Err(PagesError::Triage("the mark of its end is missing"));
        }
        let within = |block: &DataBlock| {
            block.offset.saturating_add(block.bytes) <= dump_bytes
                && block.address.checked_add(block.bytes).is_some()
        };
        let stack = DataBlock {
            address: le64(&header, 0x48),
            offset: field(0x28),
            bytes: field(0x2c),
        };
        let count = field(0x7c);
        if count > BLOCKS_MAX {
            return Err(PagesError::Triage("it claims too many blocks"));
        }
        let list_bytes = usize::try_from(count * BLOCK_ENTRY_BYTES).unwrap_or(0);
        let list = source.at_most(field(0x78), list_bytes)?;
        if list.len() != list_bytes {
            return Err(PagesError::Triage("its list of blocks is cut short"));
        }
        let blocks: Vec<DataBlock> = list
            .chunks_exact(16)
            .map(|entry| DataBlock {
                address: le64(entry, 0),
                offset: u64::from(le32(entry, 8)),
                bytes: u64::from(le32(entry, 12)),
            })
            .collect();
        if !blocks.iter().chain([&stack]).all(within) {
            return Err(PagesError::Triage("a block lies outside of it"));
        }
        Ok(Self {
            dump_bytes,
            stack: (stack.bytes > 0).then_some(stack),
            blocks,
        })
    }

    /// Where `bytes` bytes from a virtual address lie in the file, if one block has all of them.
    #[must_use]
    pub fn offset_of(&self, address: u64, bytes: u64) -> Option<u64> {
        self.blocks.iter().chain(&self.stack).find_map(|block| {
            let skip = address.checked_sub(block.address)?;
            let fits = skip.checked_add(bytes)? <= block.bytes;
            fits.then_some(block.offset + skip)
        })
    }
}
