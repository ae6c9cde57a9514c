//! The crash dump header, and contiguous memory for devices.

use proto::owner::Owner;

use super::{export, memory::demand};
use crate::{
    crash::{header, live},
    exports::{Export, ExportCall},
    mem::{self, AllocSpec, Contiguity, PAGE_BYTES, Placement, Va},
    record,
};

/// `STATUS_SUCCESS`.
const SUCCESS: u64 = 0;
/// `STATUS_INSUFFICIENT_RESOURCES`.
const INSUFFICIENT_RESOURCES: u64 = 0xC000_009A;
/// `PFN_LIST_CORRUPT` with its first parameter for a page that is not in use: what freeing foreign memory leads to.
const PFN_LIST_CORRUPT: u32 = 0x4E;
const NOT_ALLOCATED: u64 = 7;

/// The routines.
pub static EXPORTS: &[Export] = &[
    export("KeInitializeCrashDumpHeader", crash_dump_header),
    export("MmAllocateContiguousMemory", contiguous),
    export("MmAllocateContiguousMemorySpecifyCache", contiguous),
    export("MmFreeContiguousMemory", free_contiguous),
    export("MmFreeContiguousMemorySpecifyCache", free_contiguous),
];

/// `KeInitializeCrashDumpHeader(DumpType, Flags, Buffer, BufferSize, BufferNeeded)`: the size is told whatever comes of the call.
fn crash_dump_header(call: &ExportCall) -> u64 {
    let needed = call.va(4);
    if !needed.is_null() {
        demand(call, mem::write(needed, &u32::try_from(header::HEADER_BYTES).unwrap_or(0)));
    }
    if let Some(status) = header::refusal(call.arg32(0), call.arg32(1), call.arg32(3)) {
        return status.into();
    }
    match live::header(call.return_address) {
        Ok(bytes) => {
            demand(call, mem::write_bytes(call.va(2), &bytes));
            SUCCESS
        }
        Err(_) => INSUFFICIENT_RESOURCES,
    }
}

/// `MmAllocateContiguousMemorySpecifyCache(NumberOfBytes, Lowest, Highest, Boundary, CacheType)`: on whole pages, above 4 GiB where the
/// caller permits it and the machine has memory there.
fn contiguous(call: &ExportCall) -> u64 {
    let below_4gib = call.arg(2) < 1 << 32 && call.export.name.ends_with("SpecifyCache");
    mem::alloc(AllocSpec {
        bytes: call.arg(0).max(1).next_multiple_of(PAGE_BYTES),
        align: PAGE_BYTES,
        contiguous: Contiguity::Contiguous,
        placement: if below_4gib {
            Placement::Low
        } else {
            Placement::High
        },
        owner: Owner::Pool(call.role_or_normal()),
        name: "contiguous memory",
    })
    .map_or(Va::NULL, |block| block.va)
    .0
}

fn free_contiguous(call: &ExportCall) -> u64 {
    if mem::free(call.va(0)).is_err() {
        let text = alloc::format!("{} of {}, which is no live block", call.export.name, call.va(0));
        record::bugcheck(PFN_LIST_CORRUPT, [NOT_ALLOCATED, call.va(0).0, 0, 0], text);
    }
    0
}
