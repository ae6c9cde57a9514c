//! The small dump (type 4, triage): what lies where in its file, and its bytes.
//!
//! Behind the header of 8 KiB: a table of offsets (`TRIAGE_DUMP64`), an empty list of unloaded drivers, the stack, the
//! debugger's data, the drivers and their names, the list of data blocks, the blocks, and in the last four bytes the mark by
//! which debuggers know a small dump that is complete. Context and exception are those of the header; processor and thread
//! lie in one of the blocks.
//!
//! [`Small::new`] plans the file. [`Small::fill`] gives its bytes piece by piece and asks for memory when its turn comes: a
//! dump of many blocks takes no memory to write. [`stretch`] keeps the blocks apart, `super::collect` says what they are.
//!
//! Sources: the readers that `miniport/ddi/facts/README.md` names, and the small dumps of Windows in their test data.

use alloc::{string::String, vec, vec::Vec};

use proto::hiber::PAGE_BYTES;

use self::lists::{block_list, driver_list, short};
use super::{
    abi::{DataBlock, DriverEntry, DumpHeader, ExceptionRecord, TriageDump},
    header::EXCEPTION_BYTES,
    layout::HEADER_BYTES,
};
use crate::{
    mem::size,
    port::abi::{Structure, put},
};

mod lists;
pub mod stretch;

pub use stretch::{Apart, Stretch};

/// Bytes of a small dump to which drivers add nothing, secondary data apart: the "Small memory dump (256 KB)" of Windows'
/// own settings on x64; the small dump of Windows 7 x64 in the test data of nforest/dumplib has this `SizeOfDump`. Newer
/// systems write longer ones, and WDD ("Small Memory Dump") still has the 64 KB of x86.
pub const SMALL_BYTES: u64 = 0x4_0000;
/// Most of the stack: what is longer than 16 KB is cut behind its topmost 16 KB (WDD, "Small Memory Dump").
pub const STACK_BYTES_MAX: u64 = 0x4000;
/// `MiniDumpFields`: what there is. Windows' small dumps have 0xCFF; 8, the process, is what this system lacks.
pub const FIELDS: u32 = 0xCF7;
/// The mark at the end (`'DGRT'` as a C constant).
const VALID: [u8; 4] = *b"TRGD";
/// Parts begin at multiples of this.
const ALIGNMENT: u64 = 8;
/// `TriageOptions`: everything that there is.
const OPTIONS: u32 = u32::MAX;
/// `STATUS_BREAKPOINT`: what Windows' dumps have as the exception, whatever the bug check was.
const BREAKPOINT: u32 = 0x8000_0003;
/// `EXCEPTION_NONCONTINUABLE`.
const NONCONTINUABLE: u32 = 1;

/// A loaded driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Driver {
    /// File name.
    pub name: String,
    /// First byte.
    pub base: u64,
    /// Length in bytes.
    pub bytes: u32,
    /// Checksum of its file, 0 without one.
    pub check_sum: u32,
    /// Time stamp of its file, by which debuggers find it again.
    pub time_stamp: u32,
}

/// What a small dump is to hold.
#[derive(Clone, Copy, Debug)]
pub struct SmallSpec<'a> {
    /// The stack from its pointer on; no bytes if there is none.
    pub stack: Stretch,
    /// The debugger's data block.
    pub debugger_data: Stretch,
    /// Address of the processor block, in one of the blocks.
    pub processor: u64,
    /// Address of the thread, in one of the blocks.
    pub thread: u64,
    /// The kernel first, then the drivers in load order.
    pub drivers: &'a [Driver],
    /// Memory that the system records by itself.
    pub recorded: &'a [Stretch],
    /// Memory that drivers named.
    pub added: &'a [Stretch],
}

/// Why there is no small dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmallError {
    /// What the system records by itself takes more than [`SMALL_BYTES`].
    Full {
        /// Bytes that it takes.
        bytes: u64,
    },
}

impl core::fmt::Display for SmallError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Full { bytes } => write!(
                f,
                "a small dump has {SMALL_BYTES} bytes for the system, which needs {bytes}"
            ),
        }
    }
}

/// The exception record in the header of a small dump.
#[must_use]
pub fn exception(address: u64) -> [u8; EXCEPTION_BYTES] {
    let mut record = [0; EXCEPTION_BYTES];
    put(&mut record, ExceptionRecord::CODE, BREAKPOINT);
    put(&mut record, ExceptionRecord::FLAGS, NONCONTINUABLE);
    put(&mut record, ExceptionRecord::ADDRESS, address);
    record
}

/// Where the content of a part comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Content {
    /// From here.
    Bytes(Vec<u8>),
    /// From memory, from this address on.
    Memory(u64),
}

/// Some bytes of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    offset: u64,
    bytes: u64,
    content: Content,
}

impl Part {
    const fn end(&self) -> u64 {
        self.offset + self.bytes
    }
}

/// The plan of a small dump's file behind its first 8 KiB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Small {
    /// Ascending, none empty, none over another.
    parts: Vec<Part>,
    bytes: u64,
}

impl Small {
    /// Makes the plan.
    ///
    /// # Errors
    /// [`SmallError`].
    pub fn new(spec: &SmallSpec<'_>) -> Result<Self, SmallError> {
        let mut file = File {
            parts: Vec::new(),
            end: HEADER_BYTES + TriageDump::BYTES,
        };
        // The number of unloaded drivers, and nothing behind it.
        let unloaded = file.append(vec![0; 8]);
        let stack = file.append_memory(spec.stack);
        let debugger_data = file.append_memory(spec.debugger_data);
        let drivers = file.align();
        let strings = drivers + spec.drivers.len() as u64 * DriverEntry::BYTES;
        let (entries, names) = driver_list(spec.drivers, strings);
        let strings_bytes = names.len() as u64;
        file.append(entries);
        file.append(names);
        let blocks: Vec<Stretch> = spec.recorded.iter().chain(spec.added).copied().collect();
        let list = file.align();
        let (entries, places) = block_list(&blocks, list);
        file.append(entries);
        for &block in &blocks {
            file.append_packed(block);
        }
        let end = file.end + VALID.len() as u64;
        let added: u64 = spec
            .added
            .iter()
            .map(|block| block.bytes + DataBlock::BYTES)
            .sum();
        if end - added > SMALL_BYTES {
            return Err(SmallError::Full { bytes: end - added });
        }
        let bytes = end.next_multiple_of(PAGE_BYTES).max(SMALL_BYTES);
        let place_of = |address: u64| {
            blocks
                .iter()
                .zip(&places)
                .find_map(|(block, place)| Some(place + block.offset_of(address)?))
                .unwrap_or(0)
        };
        let offsets = [
            (TriageDump::SIZE, bytes),
            (TriageDump::VALID, bytes - VALID.len() as u64),
            (TriageDump::CONTEXT, DumpHeader::CONTEXT_RECORD.offset),
            (TriageDump::EXCEPTION, DumpHeader::EXCEPTION.offset),
            (TriageDump::UNLOADED_DRIVERS, unloaded),
            (TriageDump::PRCB, place_of(spec.processor)),
            (TriageDump::THREAD, place_of(spec.thread)),
            (TriageDump::STACK, stack),
            (TriageDump::STACK_BYTES, spec.stack.bytes),
            (TriageDump::DRIVERS, drivers),
            (TriageDump::DRIVER_COUNT, spec.drivers.len() as u64),
            (TriageDump::STRINGS, strings),
            (TriageDump::STRINGS_BYTES, strings_bytes),
            (TriageDump::OPTIONS, OPTIONS.into()),
            (TriageDump::DEBUGGER_DATA, debugger_data),
            (TriageDump::DEBUGGER_DATA_BYTES, spec.debugger_data.bytes),
            (TriageDump::BLOCKS, list),
            (TriageDump::BLOCK_COUNT, blocks.len() as u64),
        ];
        let mut header = vec![0; size(TriageDump::BYTES)];
        for (field, value) in offsets {
            put(&mut header, field, short(value));
        }
        put(&mut header, TriageDump::TOP_OF_STACK, spec.stack.address);
        Ok(file.finish(header, bytes))
    }

    /// Bytes of the dump without secondary data, whole pages.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Fills `piece`, the bytes of the file from `offset` on, no earlier than behind the header; `read` gives memory.
    pub fn fill(&self, offset: u64, piece: &mut [u8], mut read: impl FnMut(u64, &mut [u8])) {
        piece.fill(0);
        let end = offset + piece.len() as u64;
        let first = self.parts.partition_point(|part| part.end() <= offset);
        let parts = self.parts.get(first..).unwrap_or_default();
        for part in parts.iter().take_while(|part| part.offset < end) {
            let from = part.offset.max(offset);
            let to = part.end().min(end);
            let place = &mut piece[size(from - offset)..size(to - offset)];
            let skip = from - part.offset;
            match &part.content {
                Content::Bytes(bytes) => {
                    place.copy_from_slice(&bytes[size(skip)..size(to - part.offset)]);
                }
                Content::Memory(address) => read(address + skip, place),
            }
        }
    }
}

/// The file as far as it is planned.
struct File {
    parts: Vec<Part>,
    end: u64,
}

impl File {
    /// Where the next part may begin.
    const fn align(&mut self) -> u64 {
        self.end = self.end.next_multiple_of(ALIGNMENT);
        self.end
    }

    fn push(&mut self, bytes: u64, content: Content) -> u64 {
        let offset = self.end;
        if bytes != 0 {
            self.parts.push(Part {
                offset,
                bytes,
                content,
            });
            self.end += bytes;
        }
        offset
    }

    /// Appends bytes; returns where they lie.
    fn append(&mut self, bytes: Vec<u8>) -> u64 {
        self.align();
        self.push(bytes.len() as u64, Content::Bytes(bytes))
    }

    /// Appends memory; returns where it lies, 0 for none.
    fn append_memory(&mut self, stretch: Stretch) -> u64 {
        if stretch.bytes == 0 {
            return 0;
        }
        self.align();
        self.append_packed(stretch)
    }

    /// The same without a gap before it.
    fn append_packed(&mut self, stretch: Stretch) -> u64 {
        self.push(stretch.bytes, Content::Memory(stretch.address))
    }

    /// Puts the table of offsets before everything and the mark at the end.
    fn finish(self, header: Vec<u8>, bytes: u64) -> Small {
        let first = Part {
            offset: HEADER_BYTES,
            bytes: TriageDump::BYTES,
            content: Content::Bytes(header),
        };
        let mark_bytes = VALID.len() as u64;
        let mark = Part {
            offset: bytes - mark_bytes,
            bytes: mark_bytes,
            content: Content::Bytes(Vec::from(VALID)),
        };
        let parts = core::iter::once(first)
            .chain(self.parts)
            .chain([mark])
            .collect();
        Small { parts, bytes }
    }
}

#[cfg(test)]
mod tests;
