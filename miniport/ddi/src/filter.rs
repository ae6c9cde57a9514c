//! Dump filters: drivers that see what the dump stack writes and reads (ntdddump.h).
//!
//! A filter implements [`DumpFilter`] and calls [`load`] from `DriverEntry`, which takes other arguments than a driver's: the
//! filter's extension and its initialisation data. The stack's calls arrive in the thunks of this module, which find the filter in
//! its block and pass it a [`Write`] or a [`Read`]. The block ([`block`]) is one piece of contiguous memory: the filter, then the
//! secondary buffer, allocated at `PASSIVE_LEVEL`, since nothing can be allocated later.
//! Neighbours: [`transfer`] holds the memory descriptor lists, [`crate::registry`] and [`crate::random`] serve a filter at load.
//!
//! Sources: Microsoft Learn, "Crash dump filter drivers" and the pages of ntdddump.h.
#![expect(
    unsafe_code,
    reason = "fills structures of the dump stack and is called by it"
)]
// UNSAFETY: the dump stack passes raw pointers.

mod block;
pub mod transfer;

use core::ptr::NonNull;

use wdk_sys::{
    _FILTER_DUMP_TYPE, DUMP_FILTER_CRITICAL, DUMP_FILTER_FLAG_SYSTEM_SUPPORT_READ,
    DUMP_FILTER_MAJOR_VERSION, DUMP_FILTER_MINOR_VERSION, FILTER_EXTENSION,
    FILTER_INITIALIZATION_DATA, NTSTATUS, PFILTER_EXTENSION, PFILTER_INITIALIZATION_DATA,
    PLARGE_INTEGER, PMDL,
};

pub use self::transfer::{Read, Refusal, Write};
use self::{block::Block, transfer::Descriptor};
use crate::{bugcheck, memory::quad};

/// `STATUS_SUCCESS`.
const STATUS_SUCCESS: NTSTATUS = 0;
/// `STATUS_INVALID_PARAMETER`.
pub(crate) const STATUS_INVALID_PARAMETER: NTSTATUS = 0xC000_000D_u32.cast_signed();
/// `STATUS_INSUFFICIENT_RESOURCES`.
const STATUS_INSUFFICIENT_RESOURCES: NTSTATUS = 0xC000_009A_u32.cast_signed();
/// `STATUS_UNSUCCESSFUL`.
const STATUS_UNSUCCESSFUL: NTSTATUS = 0xC000_0001_u32.cast_signed();

/// Largest secondary buffer in pages; a system that offers longer writes is held to it through `MaxPagesPerWrite`.
const BUFFER_PAGES_LIMIT: u32 = 256;

/// First argument of a filter's `DriverEntry`.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct FilterExtension(pub(crate) PFILTER_EXTENSION);

/// Second argument of a filter's `DriverEntry`.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct InitializationData(pub(crate) PFILTER_INITIALIZATION_DATA);

/// What the stack is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DumpType {
    /// Crash dumps.
    Crash,
    /// Hibernation.
    Hibernation,
    /// A value that this layer does not know.
    Unknown(i32),
}

impl DumpType {
    const fn from_raw(raw: i32) -> Self {
        match raw {
            _FILTER_DUMP_TYPE::DumpTypeCrashdump => Self::Crash,
            _FILTER_DUMP_TYPE::DumpTypeHibernation => Self::Hibernation,
            other => Self::Unknown(other),
        }
    }
}

/// Whether a stack may go on without a filter that does not load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The stack goes on without it.
    Optional,
    /// The stack fails (`DUMP_FILTER_CRITICAL`).
    Critical,
}

/// Why a filter does not load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadFailure {
    /// What becomes of the stack.
    pub severity: Severity,
    /// The NTSTATUS that `DriverEntry` returns; must be an error.
    pub status: i32,
}

/// A dump filter.
///
/// `load` runs at `PASSIVE_LEVEL`; everything else in the dump environment (one processor, `HIGH_LEVEL`, no service of the kernel),
/// except `drop`, which runs at `PASSIVE_LEVEL` again. The same memory may be at work again after a resume, in whatever state the
/// hibernation left it.
pub trait DumpFilter: Sized {
    /// Reads parameters and makes keys.
    ///
    /// # Errors
    /// [`LoadFailure`]: the filter is not used.
    fn load(dump_type: DumpType) -> Result<Self, LoadFailure>;

    /// `Dump_Start`: before the first write of a dump; not certain to come before the reads of a resume.
    fn start(&mut self);

    /// `Dump_Write`: before each write.
    ///
    /// # Errors
    /// [`Refusal`]: the write must not happen. An error status does not keep the stack from writing, so the system is stopped.
    fn write(&mut self, write: &mut Write<'_>) -> Result<(), Refusal>;

    /// `Dump_Read`: after each read.
    ///
    /// # Errors
    /// [`Refusal`]: the data cannot be had; the stack is told so by the status.
    fn read(&mut self, read: &mut Read<'_>) -> Result<(), Refusal>;
}

/// Loads a filter: allocates its block, lets it initialise itself, and fills the initialisation data. `PASSIVE_LEVEL`.
///
/// The value of `MaxPagesPerWrite` is lowered if no buffer of that size is to be had; 0 is refused. Bit 0 of the flags has two names,
/// `DUMP_FILTER_FLAG_SYSTEM_SUPPORT_READ` and `DUMP_FILTER_CRITICAL`; it can mean the latter only where the load fails and the former
/// only where it succeeds, and is set accordingly.
#[must_use]
pub fn load<F: DumpFilter>(extension: FilterExtension, data: InitializationData) -> NTSTATUS {
    // SAFETY: the stack passes structures of its own that live until `DriverEntry` returns, or nothing.
    let data = unsafe { data.0.as_mut() };
    // SAFETY: as above; nobody else uses the extension meanwhile.
    let extension = unsafe { extension.0.as_ref() };
    let (Some(data), Some(extension)) = (data, extension) else {
        return STATUS_INVALID_PARAMETER;
    };
    match fill::<F>(extension, data) {
        Ok(()) => STATUS_SUCCESS,
        Err(failure) => {
            data.Flags = match failure.severity {
                Severity::Critical => data.Flags | DUMP_FILTER_CRITICAL,
                Severity::Optional => data.Flags & !DUMP_FILTER_CRITICAL,
            };
            failure.status
        }
    }
}

fn fill<F: DumpFilter>(
    extension: &FILTER_EXTENSION,
    data: &mut FILTER_INITIALIZATION_DATA,
) -> Result<(), LoadFailure> {
    let filter = F::load(DumpType::from_raw(extension.DumpType))?;
    // A filter that can initialise itself is missed whatever the reason: its user asked for it.
    let failed = |status| LoadFailure {
        severity: Severity::Critical,
        status,
    };
    if data.MaxPagesPerWrite == 0 {
        return Err(failed(STATUS_INVALID_PARAMETER));
    }
    let pages = data.MaxPagesPerWrite.min(BUFFER_PAGES_LIMIT);
    let block = Block::allocate(filter, pages).ok_or(failed(STATUS_INSUFFICIENT_RESOURCES))?;
    data.MajorVersion = DUMP_FILTER_MAJOR_VERSION;
    data.MinorVersion = DUMP_FILTER_MINOR_VERSION;
    data.DumpStart = Some(dump_start::<F>);
    data.DumpWrite = Some(dump_write::<F>);
    data.DumpFinish = Some(dump_finish::<F>);
    data.DumpUnload = Some(dump_unload::<F>);
    data.DumpRead = Some(dump_read::<F>);
    data.MaxPagesPerWrite = block.pages();
    data.Flags |= DUMP_FILTER_FLAG_SYSTEM_SUPPORT_READ;
    data.DumpData = block.into_raw().as_ptr().cast();
    Ok(())
}

/// The filter's block behind an extension.
///
/// # Safety
/// `extension` is null or an extension of the dump stack for a filter of type `F` that [`load`] loaded, and no other reference to its
/// block is alive.
unsafe fn block_of<'call, F: DumpFilter>(
    extension: PFILTER_EXTENSION,
) -> Option<&'call mut Block<F>> {
    // SAFETY: null or live, as the caller vouches.
    let extension = unsafe { extension.as_ref() }?;
    let block = extension.DumpData.cast::<Block<F>>();
    // SAFETY: the stack keeps the pointer that `load` left in DumpData, which stays a block until `dump_unload`.
    unsafe { block.as_mut() }
}

unsafe extern "C" fn dump_start<F: DumpFilter>(extension: PFILTER_EXTENSION) -> NTSTATUS {
    // SAFETY: called by the dump stack, one call at a time.
    let block = unsafe { block_of::<F>(extension) };
    let Some(block) = block else {
        return STATUS_INVALID_PARAMETER;
    };
    block.filter_mut().start();
    STATUS_SUCCESS
}

unsafe extern "C" fn dump_write<F: DumpFilter>(
    extension: PFILTER_EXTENSION,
    offset: PLARGE_INTEGER,
    mdl: PMDL,
) -> NTSTATUS {
    // SAFETY: called by the dump stack, one call at a time, with its own structures.
    match unsafe { write::<F>(extension, offset, mdl) } {
        Some(Ok(())) => STATUS_SUCCESS,
        Some(Err(refusal)) => bugcheck::stop_filter(refusal.number()),
        None => STATUS_INVALID_PARAMETER,
    }
}

/// Lets the filter work on a write; `None` if an argument is missing.
///
/// # Safety
/// As for [`block_of`]; the other pointers are null or live and nobody else's during the call.
pub(crate) unsafe fn write<F: DumpFilter>(
    extension: PFILTER_EXTENSION,
    offset: PLARGE_INTEGER,
    mdl: PMDL,
) -> Option<Result<(), Refusal>> {
    // SAFETY: as the caller vouches.
    let block = unsafe { block_of::<F>(extension) }?;
    // SAFETY: as the caller vouches.
    let offset = unsafe { offset.as_ref() }?;
    // SAFETY: as the caller vouches.
    let descriptor = unsafe { Descriptor::new(mdl) };
    let (filter, buffer) = block.parts();
    Some(
        descriptor.and_then(|descriptor| {
            filter.write(&mut Write::new(quad(*offset), descriptor, buffer))
        }),
    )
}

unsafe extern "C" fn dump_read<F: DumpFilter>(
    extension: PFILTER_EXTENSION,
    offset: PLARGE_INTEGER,
    mdl: PMDL,
) -> NTSTATUS {
    // SAFETY: called by the dump stack, one call at a time.
    let block = unsafe { block_of::<F>(extension) };
    // SAFETY: the stack's own variable, live during the call.
    let offset = unsafe { offset.as_ref() };
    // SAFETY: the stack's own descriptor, live and ours during the call.
    let descriptor = unsafe { Descriptor::new(mdl) };
    let (Some(block), Some(offset)) = (block, offset) else {
        return STATUS_INVALID_PARAMETER;
    };
    let read = descriptor.and_then(|descriptor| {
        block
            .filter_mut()
            .read(&mut Read::new(quad(*offset), descriptor))
    });
    read.map_or(STATUS_UNSUCCESSFUL, |()| STATUS_SUCCESS)
}

unsafe extern "C" fn dump_finish<F: DumpFilter>(extension: PFILTER_EXTENSION) -> NTSTATUS {
    // SAFETY: called by the dump stack, one call at a time.
    let block = unsafe { block_of::<F>(extension) };
    if block.is_some() {
        STATUS_SUCCESS
    } else {
        STATUS_INVALID_PARAMETER
    }
}

unsafe extern "C" fn dump_unload<F: DumpFilter>(extension: PFILTER_EXTENSION) -> NTSTATUS {
    // SAFETY: called by the dump stack, one call at a time.
    let block = unsafe { block_of::<F>(extension) };
    let Some(block) = block else {
        return STATUS_INVALID_PARAMETER;
    };
    // SAFETY: made by `into_raw` in `load`; the stack does not call the filter again.
    unsafe { Block::release(NonNull::from(block)) };
    STATUS_SUCCESS
}
