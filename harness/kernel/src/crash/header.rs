//! The header of a dump file, `DUMP_HEADER64`: 8 KiB built from plain data.
//!
//! [`build`] turns a [`HeaderSpec`] into the bytes. As in the headers that Windows writes, everything that nobody sets,
//! the comment among it, is filled with `PAGE`. The debugger's data block that the header points to is
//! [`super::debugger`]'s.

use alloc::vec::Vec;

use super::{
    abi::{DumpHeader as Header, MACHINE_AMD64, PAGE_BYTES},
    context::CONTEXT_BYTES,
};
use crate::port::abi::{Field, put};

/// Bytes of the header.
pub const HEADER_BYTES: usize = 0x2000;
/// Runs of physical memory that fit: 704 bytes less count and sum (QEMU's limit too).
pub const MAX_RUNS: usize = 43;
/// Bytes of an exception record.
pub const EXCEPTION_BYTES: usize = 152;
/// What unset bytes are filled with.
const FILL: [u8; 4] = *b"PAGE";
/// `MajorVersion` of free builds.
const MAJOR_FREE: u32 = 15;
/// `VER_NT_WORKSTATION`.
const PRODUCT_WORKSTATION: u32 = 1;
/// Terminal services for a single user, as on every workstation.
const SUITE_WORKSTATION: u32 = 0x110;
/// `KD_SECONDARY_VERSION_AMD64_CONTEXT` (wdbgexts.h).
const SECONDARY_AMD64_CONTEXT: u8 = 2;

/// `DUMP_TYPE` (wdm.h) and the types that only dump files have.
pub mod dump_type {
    /// All of memory, run after run.
    pub const FULL: u32 = 1;
    /// The kernel's memory, behind a bitmap.
    pub const SUMMARY: u32 = 2;
    /// Nothing but the header.
    pub const HEADER: u32 = 3;
    /// All of memory that is in use, behind a bitmap.
    pub const BITMAP_FULL: u32 = 5;
    /// The kernel's memory, behind a bitmap.
    pub const BITMAP_KERNEL: u32 = 6;
}

/// A run of physical pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// First page.
    pub base_page: u64,
    /// Pages.
    pub pages: u64,
}

/// Why the system stopped; all zero while it runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bugcheck {
    /// Bug check code.
    pub code: u32,
    /// Its parameters.
    pub parameters: [u64; 4],
}

/// What a header says.
#[derive(Clone, Copy, Debug)]
pub struct HeaderSpec<'a> {
    /// Build number of the system.
    pub build: u32,
    /// Physical address of the system's root page table.
    pub directory_table_base: u64,
    /// `MmPfnDatabase`.
    pub pfn_database: u64,
    /// `PsLoadedModuleList`.
    pub loaded_modules: u64,
    /// `PsActiveProcessHead`.
    pub active_processes: u64,
    /// `KdDebuggerDataBlock`.
    pub debugger_data: u64,
    /// Number of processors.
    pub processors: u32,
    /// Why the system stopped.
    pub bugcheck: Bugcheck,
    /// RAM, ascending.
    pub runs: &'a [Run],
    /// Registers of the current processor.
    pub context: &'a [u8; CONTEXT_BYTES],
    /// The exception, if one is the reason.
    pub exception: Option<&'a [u8; EXCEPTION_BYTES]>,
    /// One of [`dump_type`].
    pub dump_type: u32,
    /// Bytes of the whole file; [`full_dump_bytes`] for a full one.
    pub required_space: u64,
    /// System time: 100 ns since 1601.
    pub system_time: u64,
    /// Time since the start of the system, in 100 ns.
    pub up_time: u64,
}

/// Why there is no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderError {
    /// More than [`MAX_RUNS`] runs.
    TooManyRuns,
}

/// What `KeInitializeCrashDumpHeader` refuses, with the status that its page documents for each argument: the type, the flags, the
/// size of the buffer.
#[must_use]
pub const fn refusal(dump_type: u32, flags: u32, buffer_bytes: u32) -> Option<u32> {
    const INVALID_PARAMETER_1: u32 = 0xC000_00EF;
    const INVALID_PARAMETER_2: u32 = 0xC000_00F0;
    const INVALID_PARAMETER_4: u32 = 0xC000_00F2;
    if dump_type != dump_type::FULL {
        return Some(INVALID_PARAMETER_1);
    }
    if flags != 0 {
        return Some(INVALID_PARAMETER_2);
    }
    if (buffer_bytes as usize) < HEADER_BYTES {
        return Some(INVALID_PARAMETER_4);
    }
    None
}

/// RAM as runs of whole pages; neighbours are merged.
#[must_use]
pub fn runs_of(ram: impl IntoIterator<Item = (u64, u64)>) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (address, bytes) in ram {
        let base_page = address.div_ceil(PAGE_BYTES);
        let pages = ((address + bytes) / PAGE_BYTES).saturating_sub(base_page);
        match runs.last_mut() {
            _ if pages == 0 => {}
            Some(last) if last.base_page + last.pages == base_page => last.pages += pages,
            _ => runs.push(Run { base_page, pages }),
        }
    }
    runs
}

/// Bytes of a full dump of these runs.
#[must_use]
pub fn full_dump_bytes(runs: &[Run]) -> u64 {
    HEADER_BYTES as u64 + pages_of(runs) * PAGE_BYTES
}

/// The header.
///
/// # Errors
/// [`HeaderError`], if it cannot say what `spec` says.
pub fn build(spec: &HeaderSpec<'_>) -> Result<Vec<u8>, HeaderError> {
    if spec.runs.len() > MAX_RUNS {
        return Err(HeaderError::TooManyRuns);
    }
    let mut bytes = FILL.repeat(HEADER_BYTES / FILL.len());
    let header = bytes.as_mut_slice();
    put(header, Header::SIGNATURE, *b"PAGE");
    put(header, Header::VALID_DUMP, *b"DU64");
    put_system(header, spec);
    put_memory(header, spec.runs);
    put(header, Header::BUGCHECK_CODE, spec.bugcheck.code);
    put(header, Header::BUGCHECK_PADDING, 0);
    put(
        header,
        Header::BUGCHECK_PARAMETERS,
        spec.bugcheck.parameters,
    );
    put(header, Header::CONTEXT_RECORD, *spec.context);
    if let Some(exception) = spec.exception {
        put(header, Header::EXCEPTION, *exception);
    }
    put(header, Header::DUMP_TYPE, spec.dump_type);
    put(header, Header::REQUIRED_SPACE, spec.required_space);
    put(header, Header::SECONDARY_STATE, 0);
    put(header, Header::WRITER_STATUS, 0);
    put(header, Header::ATTRIBUTES, 0);
    Ok(bytes)
}

fn put_system(header: &mut [u8], spec: &HeaderSpec<'_>) {
    put(header, Header::MAJOR_VERSION, MAJOR_FREE);
    put(header, Header::MINOR_VERSION, spec.build);
    put(
        header,
        Header::DIRECTORY_TABLE_BASE,
        spec.directory_table_base,
    );
    put(header, Header::PFN_DATABASE, spec.pfn_database);
    put(header, Header::LOADED_MODULES, spec.loaded_modules);
    put(header, Header::ACTIVE_PROCESSES, spec.active_processes);
    put(header, Header::DEBUGGER_DATA, spec.debugger_data);
    put(header, Header::MACHINE, MACHINE_AMD64);
    put(header, Header::PROCESSORS, spec.processors);
    // An empty string; the rest of it stays filled.
    put(header, Header::VERSION_USER, 0);
    put(header, Header::SYSTEM_TIME, spec.system_time);
    put(header, Header::UP_TIME, spec.up_time);
    put(header, Header::PRODUCT_TYPE, PRODUCT_WORKSTATION);
    put(header, Header::SUITE_MASK, SUITE_WORKSTATION);
    put(header, Header::SECONDARY_VERSION, SECONDARY_AMD64_CONTEXT);
}

fn put_memory(header: &mut [u8], runs: &[Run]) {
    // At most `MAX_RUNS`.
    put(
        header,
        Header::RUN_COUNT,
        u32::try_from(runs.len()).unwrap_or(0),
    );
    put(header, Header::PAGE_COUNT, pages_of(runs));
    for (index, run) in (0_u64..).zip(runs) {
        let place = Field::<Header, [u64; 2]>::at(Header::RUNS.offset + index * 16);
        put(header, place, [run.base_page, run.pages]);
    }
}

fn pages_of(runs: &[Run]) -> u64 {
    runs.iter().map(|run| run.pages).sum()
}

#[cfg(test)]
mod tests;
