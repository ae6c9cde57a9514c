//! The header of a crash dump, from the system; and what a reader of the dump needs besides.
//!
//! Key functions: [`write`] has the system fill a header (`KeInitializeCrashDumpHeader`, wdm.h); [`is_plain`] tells whether the debugger's
//! data block that the header points to can be read as it lies in memory.
#![expect(unsafe_code, reason = "the system fills memory and names an address")]
// UNSAFETY: the routine writes through a raw pointer; the block's address comes from the header that the system filled.

use wdk_sys::{DUMP_TYPE_FULL, NT_SUCCESS, NTSTATUS, STATUS_INVALID_PARAMETER_4, ntddk};

use crate::contiguous::ContiguousMemory;

/// Where the tag lies in the debugger's data block (wdbgexts.h, `DBGKD_DEBUG_DATA_HEADER64.OwnerTag`).
const TAG_OFFSET: u64 = 0x10;
/// `KDBG`.
const TAG: u32 = u32::from_le_bytes(*b"KDBG");

/// Why there is no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderError {
    /// The system does not tell the size: the status of the query.
    Query(NTSTATUS),
    /// The header has another size than there is room for.
    Size(u32),
    /// The system refuses: the status.
    Refused(NTSTATUS),
}

/// Has the system write its header into `memory`, exactly `bytes` bytes at `offset`. Any IRQL.
///
/// The size is asked for first: a short buffer is answered with `STATUS_INVALID_PARAMETER_4` and the size.
///
/// # Errors
/// [`HeaderError`]; the memory may be written in part.
pub fn write(memory: &mut ContiguousMemory, offset: usize, bytes: u32) -> Result<(), HeaderError> {
    let place = memory
        .place(offset, bytes as usize)
        .ok_or(HeaderError::Size(bytes))?;
    let buffer = place.as_ptr().cast();
    let mut needed = 0;
    // SAFETY: no byte of the buffer may be written, because its size is given as zero; `needed` is a local.
    let status = unsafe {
        ntddk::KeInitializeCrashDumpHeader(DUMP_TYPE_FULL, 0, buffer, 0, &raw mut needed)
    };
    if status != STATUS_INVALID_PARAMETER_4 {
        return Err(HeaderError::Query(status));
    }
    if needed != bytes {
        return Err(HeaderError::Size(needed));
    }
    // SAFETY: the buffer has `bytes` bytes, which belong to `memory`; `needed` is a local.
    let status = unsafe {
        ntddk::KeInitializeCrashDumpHeader(DUMP_TYPE_FULL, 0, buffer, bytes, &raw mut needed)
    };
    if NT_SUCCESS(status) {
        Ok(())
    } else {
        Err(HeaderError::Refused(status))
    }
}

/// Whether the debugger's data block at `block`, as the header names it, begins as documented; while no debugger is attached, Windows
/// keeps it encoded.
#[must_use]
pub fn is_plain(block: u64) -> bool {
    let Ok(address) = usize::try_from(block.wrapping_add(TAG_OFFSET)) else {
        return false;
    };
    if block == 0 || !address.is_multiple_of(4) {
        return false;
    }
    let tag = core::ptr::with_exposed_provenance::<u32>(address);
    // SAFETY: the system named this address as that of a variable of its own, which is mapped as long as the system runs.
    unsafe { tag.read_volatile() == TAG }
}
