//! Bug check callbacks of a normal adapter: what a crash dump is to contain of this driver.
//!
//! Key type: [`CrashCallbacks`], two callback records in the adapter. One adds pages to the dump that a kernel dump may leave out:
//! the uncached extension (queues, by physical address) and the device extension (by virtual address). The other appends the
//! flight recorder as a block of its own, tagged [`RECORDER_GUID`].
//!
//! * Registration needs a [`PassiveContext`] of a normal adapter: after `HwStorInitialize` succeeded, so that no way on which the
//!   start fails has anything to undo. A dump adapter has no way to register: its image goes away while the list lives on, and
//!   the list may be at work (docs/dump-and-hibernate.md).
//! * The records are taken back in `HwStorFreeAdapterResources`, the last callback before the port frees the extension, and on
//!   surprise removal. A second `HwStorFindAdapter` on the same extension takes them back first (`thunk`).
//! * The callbacks run at `HIGH_LEVEL` while nothing else runs, in the normal instance's image, when the dump instance may own
//!   the device: they read memory of the adapter and the image, and call nothing.
//!
//! Source: wdm.h (`KBUGCHECK_ADD_PAGES`, `KBUGCHECK_SECONDARY_DUMP_DATA`), "Writing a Bug Check Reason Callback Routine".
#![expect(unsafe_code, reason = "the kernel keeps and calls the records")]
// UNSAFETY: the kernel links the records into a list behind the compiler's back and passes raw pointers to the routines.

use core::{
    cell::UnsafeCell,
    ffi::{CStr, c_void},
    ptr::NonNull,
    sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering},
};

use wdk_sys::{
    _GUID, _KBUGCHECK_CALLBACK_REASON as reason, KB_ADD_PAGES_FLAG_ADDITIONAL_RANGES_EXIST,
    KB_ADD_PAGES_FLAG_PHYSICAL_ADDRESS, KB_ADD_PAGES_FLAG_VIRTUAL_ADDRESS, KBUGCHECK_ADD_PAGES,
    KBUGCHECK_CALLBACK_REASON, KBUGCHECK_REASON_CALLBACK_RECORD, KBUGCHECK_REASON_CALLBACK_ROUTINE,
    KBUGCHECK_SECONDARY_DUMP_DATA, PVOID, ULONG, ntddk,
};

use crate::{
    adapter::{Adapter, Normal},
    context::PassiveContext,
    extension::DeviceExtension,
    instance::INSTANCE,
    memory::UncachedMemory,
    recorder::{self, Event, RECORDER, Recorder},
};

/// Tag of the flight recorder in a dump's secondary data: {9B1C4F0E-5A67-4D0B-8E55-2C5D3A7E61F4}. `.enumtag` shows it.
pub const RECORDER_GUID: _GUID = _GUID {
    Data1: 0x9B1C_4F0E,
    Data2: 0x5A67,
    Data3: 0x4D0B,
    Data4: [0x8E, 0x55, 0x2C, 0x5D, 0x3A, 0x7E, 0x61, 0xF4],
};

/// Page size of the platform in bytes.
const PAGE_BYTES: u64 = 4096;

/// The callback records of an adapter.
///
/// # Invariants
/// A registered record lies in the device extension of a normal adapter and so does not move; it is taken out of the kernel's list
/// before the extension ends. From registration to removal it is the kernel's alone.
#[derive(Debug)]
pub struct CrashCallbacks {
    pages: PagesRecord,
    recorder: Record,
}

/// One record of the kernel's.
#[derive(Debug)]
#[repr(C)]
struct Record {
    record: UnsafeCell<KBUGCHECK_REASON_CALLBACK_RECORD>,
    registered: AtomicBool,
}

/// The record of the callback that adds pages, and what it adds. The kernel hands the record back to the routine, which finds the
/// rest behind it.
#[derive(Debug)]
#[repr(C)]
struct PagesRecord {
    /// First, so that its address is that of the whole.
    record: Record,
    memory_bytes: AtomicU32,
    extension_bytes: AtomicU32,
    memory: AtomicU64,
    extension: AtomicUsize,
}

/// A range of pages for the dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    flags: u32,
    first: u64,
    pages: u64,
}

// SAFETY: the record is touched by the kernel alone while it is registered, and before that by `register`, which the flag keeps to
// one caller; everything else is atomic.
unsafe impl Sync for Record {}
// SAFETY: a record that is not registered is plain memory; a registered one does not move (type invariant).
unsafe impl Send for Record {}

impl CrashCallbacks {
    /// Nothing is registered.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            pages: PagesRecord {
                record: Record::new(),
                memory_bytes: AtomicU32::new(0),
                extension_bytes: AtomicU32::new(0),
                memory: AtomicU64::new(0),
                extension: AtomicUsize::new(0),
            },
            recorder: Record::new(),
        }
    }

    /// Registers both callbacks under `component`, once: later calls do nothing. A callback that the kernel refuses is done without,
    /// since the adapter works all the same; the flight recorder tells.
    pub fn register<A: Adapter<Life = Normal>>(
        &self,
        context: &PassiveContext<'_, A>,
        memory: &UncachedMemory,
        component: &'static CStr,
    ) {
        let extension = context.port().extension();
        let offset = core::ptr::from_ref(self)
            .addr()
            .wrapping_sub(extension.addr());
        let fits = offset
            .checked_add(size_of::<Self>())
            .is_some_and(|end| end <= DeviceExtension::<A>::BYTES as usize);
        if !fits {
            // Not the adapter's own: nothing would keep the records in place.
            return;
        }
        let range = memory.bus_range();
        let pages = &self.pages;
        pages.memory.store(range.address(), Ordering::Relaxed);
        pages.memory_bytes.store(range.bytes(), Ordering::Relaxed);
        pages.extension.store(extension.addr(), Ordering::Relaxed);
        let bytes = DeviceExtension::<A>::TOTAL_BYTES;
        pages.extension_bytes.store(bytes, Ordering::Relaxed);
        let whole = core::ptr::from_ref(pages).cast_mut().cast();
        let adds = pages.record.register(
            whole,
            Some(add_pages),
            reason::KbCallbackAddPages,
            component,
        );
        let gives = self.recorder.register(
            self.recorder.record.get(),
            Some(give_recorder),
            reason::KbCallbackSecondaryDumpData,
            component,
        );
        recorder::record(Event::CrashCallbacks, adds.into(), gives.into());
    }

    /// Takes the registered callbacks back. Any IRQL; without effect if nothing is registered.
    pub fn deregister(&self) {
        self.pages.record.deregister();
        self.recorder.deregister();
        INSTANCE.release_recorder(self.recorder.record.get().addr());
    }
}

impl Default for CrashCallbacks {
    fn default() -> Self {
        Self::new()
    }
}

impl Record {
    const fn new() -> Self {
        Self {
            record: UnsafeCell::new(
                // SAFETY: the structure consists of integers and pointers, for which all zeros is a value; State 0 is BufferEmpty,
                // which is what KeInitializeCallbackRecord makes.
                unsafe { core::mem::zeroed() },
            ),
            registered: AtomicBool::new(false),
        }
    }

    /// Registers the record under `address`, which is its own with the provenance that `routine` needs. Returns whether it is
    /// registered now.
    fn register(
        &self,
        address: *mut KBUGCHECK_REASON_CALLBACK_RECORD,
        routine: KBUGCHECK_REASON_CALLBACK_ROUTINE,
        reason: KBUGCHECK_CALLBACK_REASON,
        component: &'static CStr,
    ) -> bool {
        if self.registered.swap(true, Ordering::AcqRel) {
            return true;
        }
        // SAFETY: (1) the record is unused and prepared, and stays in place until it is taken back (type invariant of
        // CrashCallbacks); (2) the routine is one for this reason; (3) the component string lives as long as the image, and the
        // kernel only reads it.
        let accepted = unsafe {
            ntddk::KeRegisterBugCheckReasonCallback(
                address,
                routine,
                reason,
                component.as_ptr().cast_mut().cast(),
            )
        };
        if accepted == 0 {
            self.registered.store(false, Ordering::Release);
        }
        accepted != 0
    }

    fn deregister(&self) {
        if self.registered.load(Ordering::Acquire) {
            // SAFETY: the record is registered.
            let _ = unsafe { ntddk::KeDeregisterBugCheckReasonCallback(self.record.get()) };
            self.registered.store(false, Ordering::Release);
        }
    }
}

impl PagesRecord {
    /// Range `index` of those to add; `None` behind the last. The memory comes by physical address because a device reaches it
    /// so; without DMA remapping, for which the driver does not opt in, that is the bus address.
    fn range(&self, index: usize) -> Option<Range> {
        let (flags, start, bytes) = match index {
            0 => (
                KB_ADD_PAGES_FLAG_PHYSICAL_ADDRESS,
                self.memory.load(Ordering::Relaxed),
                self.memory_bytes.load(Ordering::Relaxed),
            ),
            1 => (
                KB_ADD_PAGES_FLAG_VIRTUAL_ADDRESS,
                self.extension.load(Ordering::Relaxed) as u64,
                self.extension_bytes.load(Ordering::Relaxed),
            ),
            _ => return None,
        };
        let in_page = start % PAGE_BYTES;
        let bytes = if bytes == 0 {
            0
        } else {
            in_page + u64::from(bytes)
        };
        Some(Range {
            flags,
            first: start - in_page,
            pages: bytes.div_ceil(PAGE_BYTES),
        })
    }
}

/// The structure that belongs to a reason, if that is what came.
///
/// # Safety
/// `data` is null or points to `length` bytes that the kernel lends for the call, aligned for `T`.
unsafe fn reason_data<'call, T>(data: PVOID, length: ULONG) -> Option<&'call mut T> {
    if (length as usize) < size_of::<T>() {
        return None;
    }
    let mut data = NonNull::new(data)?.cast::<T>();
    // SAFETY: the caller vouches for the bytes, and they are enough (checked just now); T is integers and pointers.
    Some(unsafe { data.as_mut() })
}

/// `KBUGCHECK_REASON_CALLBACK_ROUTINE` for `KbCallbackAddPages`. `Context` counts the ranges that were given.
unsafe extern "C" fn add_pages(
    reason: KBUGCHECK_CALLBACK_REASON,
    record: *mut KBUGCHECK_REASON_CALLBACK_RECORD,
    data: PVOID,
    length: ULONG,
) {
    let Some(record) = NonNull::new(record.cast::<PagesRecord>()) else {
        return;
    };
    // SAFETY: for this reason the kernel passes a KBUGCHECK_ADD_PAGES.
    let data = unsafe { reason_data::<KBUGCHECK_ADD_PAGES>(data, length) };
    let Some(data) = data.filter(|_| reason == self::reason::KbCallbackAddPages) else {
        return;
    };
    // SAFETY: the kernel passes the record that was registered: it lies in a live extension, at the start of a PagesRecord.
    let record = unsafe { record.as_ref() };
    let index = data.Context.addr();
    let Some(range) = record.range(index) else {
        (data.Flags, data.Count) = (0, 0);
        return;
    };
    let next = index + 1;
    let more = match record.range(next) {
        Some(_) => KB_ADD_PAGES_FLAG_ADDITIONAL_RANGES_EXIST,
        None => 0,
    };
    data.Context = core::ptr::without_provenance_mut::<c_void>(next);
    data.Flags = range.flags | more;
    data.Address = range.first;
    data.Count = range.pages;
}

/// `KBUGCHECK_REASON_CALLBACK_ROUTINE` for `KbCallbackSecondaryDumpData`. The recorder is the driver's own resident buffer, so
/// both calls answer alike: it may be longer than the system's.
unsafe extern "C" fn give_recorder(
    reason: KBUGCHECK_CALLBACK_REASON,
    record: *mut KBUGCHECK_REASON_CALLBACK_RECORD,
    data: PVOID,
    length: ULONG,
) {
    // SAFETY: for this reason the kernel passes a KBUGCHECK_SECONDARY_DUMP_DATA.
    let data = unsafe { reason_data::<KBUGCHECK_SECONDARY_DUMP_DATA>(data, length) };
    let Some(data) = data.filter(|_| reason == self::reason::KbCallbackSecondaryDumpData) else {
        return;
    };
    // All adapters share the image and its recorder, and a debugger finds the first block of a GUID only: one adapter speaks.
    let bytes = if INSTANCE.claim_recorder(record.addr()) {
        Recorder::bytes_within(data.MaximumAllowed)
    } else {
        0
    };
    data.Guid = RECORDER_GUID;
    data.OutBufferLength = bytes;
    data.OutBuffer = if bytes == 0 {
        core::ptr::null_mut()
    } else {
        core::ptr::from_ref(&RECORDER).cast_mut().cast()
    };
}

#[cfg(test)]
mod tests;
