//! What a small dump has beside its stack and its blocks: [`SmallParts`], where its context lies, the debugger's data, the
//! drivers with their names.

use std::io::{self, Read, Seek};

use serde::Serialize;

use super::{
    DumpFile,
    pages::PagesError,
    source::{Source, le32, le64},
    triage::DataBlock,
};

/// Bytes of the small dump's header.
const TRIAGE_HEADER_BYTES: usize = 0x80;
/// Bytes of a `CONTEXT`.
pub const CONTEXT_BYTES: usize = 1232;
/// Where the header of a dump has its context.
const CONTEXT_OFFSET: u64 = 0x348;
/// Bytes of an entry of the list of drivers.
const DRIVER_BYTES: usize = 0x90;
/// Most drivers that are read: no system loads so many.
const DRIVERS_MAX: u64 = 4096;
/// Longest name that is read, in UTF-16 units.
const NAME_UNITS_MAX: u64 = 1024;

/// A loaded driver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Driver {
    /// File name, with its directory if the system gave it.
    pub name: String,
    /// First byte.
    #[serde(serialize_with = "super::header::hex")]
    pub base: u64,
    /// Length in bytes.
    pub bytes: u32,
    /// `CheckSum` of its file.
    #[serde(serialize_with = "super::header::hex")]
    pub check_sum: u32,
    /// `TimeDateStamp` of its file.
    #[serde(serialize_with = "super::header::hex")]
    pub time_stamp: u32,
}

/// The parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SmallParts {
    /// Offset of the context record, if it says one.
    pub context_offset: Option<u64>,
    /// Offset of the block of the processor that stopped the system, if it says one.
    pub processor_offset: Option<u64>,
    /// The debugger's data block, if it has one.
    pub debugger_data: Option<DataBlock>,
    /// The drivers, in the order of the file.
    pub drivers: Vec<Driver>,
}

impl SmallParts {
    /// Reads them by the small dump's header at `offset`; the dump proper has `dump_bytes` bytes, and its header says where in
    /// memory the debugger's data were.
    pub(super) fn read<R: Read + Seek>(
        source: &mut Source<R>,
        offset: u64,
        dump_bytes: u64,
        debugger_data_block: u64,
    ) -> Result<Self, PagesError> {
        let header = source.at_most(offset, TRIAGE_HEADER_BYTES)?;
        let field = |at| u64::from(le32(&header, at));
        let within = |at: u64, bytes: u64| at.saturating_add(bytes) <= dump_bytes;
        let context_offset = Some(field(0x0c)).filter(|&at| at != 0);
        if !context_offset.is_none_or(|at| within(at, CONTEXT_BYTES as u64)) {
            return Err(PagesError::Triage("its context lies outside of it"));
        }
        let processor_offset = Some(field(0x1c)).filter(|&at| at != 0 && within(at, 1));
        let debugger_data = DataBlock {
            address: debugger_data_block,
            bytes: field(0x74),
            offset: field(0x70),
        };
        let reaches = debugger_data.address.checked_add(debugger_data.bytes);
        if !within(debugger_data.offset, debugger_data.bytes) || reaches.is_none() {
            return Err(PagesError::Triage("the debugger's data lie outside of it"));
        }
        Ok(Self {
            context_offset,
            processor_offset,
            debugger_data: (debugger_data.bytes > 0).then_some(debugger_data),
            drivers: read_drivers(source, field(0x30), field(0x34))?,
        })
    }
}

fn read_drivers<R: Read + Seek>(
    source: &mut Source<R>,
    offset: u64,
    count: u64,
) -> Result<Vec<Driver>, PagesError> {
    if count > DRIVERS_MAX {
        return Err(PagesError::Triage("it claims too many drivers"));
    }
    let bytes = usize::try_from(count).unwrap_or(0) * DRIVER_BYTES;
    let list = source.at_most(offset, bytes)?;
    if list.len() != bytes {
        return Err(PagesError::Triage("its list of drivers is cut short"));
    }
    list.chunks_exact(DRIVER_BYTES)
        .map(|entry| {
            Ok(Driver {
                name: read_name(source, le32(entry, 0).into())?,
                base: le64(entry, 0x38),
                bytes: le32(entry, 0x48),
                check_sum: le32(entry, 0x80),
                time_stamp: le32(entry, 0x88),
            })
        })
        .collect()
}

/// A string of the pool: its length in UTF-16 units, then the units.
fn read_name<R: Read + Seek>(source: &mut Source<R>, offset: u64) -> Result<String, PagesError> {
    let units = u64::from(le32(&source.at_most(offset, 4)?, 0));
    if units > NAME_UNITS_MAX {
        return Err(PagesError::Triage("the name of a driver is too long"));
    }
    let bytes = usize::try_from(2 * units).unwrap_or(0);
    let text = source.at_most(offset + 4, bytes)?;
    if text.len() != bytes {
        return Err(PagesError::Triage("the name of a driver is cut short"));
    }
    let units: Vec<u16> = text
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
        .collect();
    Ok(String::from_utf16_lossy(&units))
}

impl<R: Read + Seek> DumpFile<R> {
    /// The context record: where the small dump says, or in the header; shorter than [`CONTEXT_BYTES`] if the file ends there.
    ///
    /// # Errors
    /// The file cannot be read there.
    pub fn context(&mut self) -> io::Result<Vec<u8>> {
        let offset = self.small.as_ref().and_then(|small| small.context_offset);
        self.source
            .at_most(offset.unwrap_or(CONTEXT_OFFSET), CONTEXT_BYTES)
    }

    /// Reads what a block holds from its byte number `skip` on.
    ///
    /// # Errors
    /// The file cannot be read there, or ends before.
    pub fn read_data(&mut self, block: DataBlock, skip: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.source.exact(block.offset.saturating_add(skip), bytes)
    }
}

#[cfg(test)]
pub(crate) mod tests;
