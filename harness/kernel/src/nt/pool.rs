//! Pool, and the interlocked singly linked list.

use alloc::format;

use super::{export, memory::demand};
use crate::{
    dump::filter,
    exports::{Export, ExportCall},
    mem::{self, AllocSpec, Contiguity, PAGE_BYTES, Placement, Va},
    record,
};

/// `BAD_POOL_CALLER`.
const BAD_POOL_CALLER: u32 = 0xC2;
/// Its first parameter for an address that is no live block.
const INVALID_ADDRESS: u64 = 0x46;
/// `BAD_POOL_HEADER`: bytes around a block were overwritten.
const BAD_POOL_HEADER: u32 = 0x19;
/// `POOL_FLAG_UNINITIALIZED` of `ExAllocatePool2`.
const UNINITIALIZED: u64 = 2;
/// Offset and bits of the depth in an `SLIST_HEADER` (x64): the low 16 bits of the first word.
const DEPTH_MASK: u64 = 0xFFFF;

/// The routines.
pub static EXPORTS: &[Export] = &[
    export("ExAllocatePool", allocate_old),
    export("ExAllocatePoolWithTag", allocate_old),
    export("ExAllocatePoolWithTagPriority", allocate_old),
    export("ExAllocatePoolWithQuotaTag", allocate_old),
    export("ExAllocatePool2", allocate),
    export("ExAllocatePoolZero", allocate_zero),
    export("ExFreePool", release),
    export("ExFreePoolWithTag", release),
    export("ExFreePool2", release),
    export("InitializeSListHead", list_initialize),
    export("RtlInitializeSListHead", list_initialize),
    export("ExpInterlockedPushEntrySList", list_push),
    export("ExInterlockedPushEntrySList", list_push),
    export("InterlockedPushEntrySList", list_push),
    export("ExpInterlockedPopEntrySList", list_pop),
    export("ExInterlockedPopEntrySList", list_pop),
    export("InterlockedPopEntrySList", list_pop),
    export("ExpInterlockedFlushSList", list_flush),
    export("ExInterlockedFlushSList", list_flush),
    export("InterlockedFlushSList", list_flush),
    export("ExQueryDepthSList", list_depth),
];

/// `ExAllocatePoolWithTag(PoolType, NumberOfBytes, Tag)`.
fn allocate_old(call: &ExportCall) -> u64 {
    take(call, call.arg(1)).0
}

/// `ExAllocatePool2(Flags, NumberOfBytes, Tag)`: zeroed unless told otherwise.
fn allocate(call: &ExportCall) -> u64 {
    let block = take(call, call.arg(1));
    if !block.is_null() && call.arg(0) & UNINITIALIZED == 0 {
        demand(call, mem::fill(block, 0, call.arg(1)));
    }
    block.0
}

fn allocate_zero(call: &ExportCall) -> u64 {
    let block = take(call, call.arg(1));
    if !block.is_null() {
        demand(call, mem::fill(block, 0, call.arg(1)));
    }
    block.0
}

/// Blocks of a page and more begin on a page, smaller ones on 16 bytes.
fn take(call: &ExportCall, bytes: u64) -> Va {
    let (owner, name) = filter::ownership(call.return_address, call.role_or_normal(), "pool block");
    mem::alloc(AllocSpec {
        bytes: bytes.max(1),
        align: if bytes >= PAGE_BYTES { PAGE_BYTES } else { 16 },
        contiguous: Contiguity::Scattered,
        placement: Placement::Any,
        owner,
        name,
    })
    .map_or(Va::NULL, |block| block.va)
}

fn release(call: &ExportCall) -> u64 {
    let va = call.va(0);
    match mem::free(va) {
        Ok(freed) if freed.redzone_intact => 0,
        Ok(freed) => {
            let text = format!(
                "bytes around the pool block at {va} ({} bytes) were overwritten",
                freed.bytes
            );
            record::bugcheck(BAD_POOL_HEADER, [0x20, va.0, freed.bytes, 0], text)
        }
        Err(_) => {
            let text = format!("{} of {va}, which is no live pool block", call.export.name);
            record::bugcheck(BAD_POOL_CALLER, [INVALID_ADDRESS, va.0, 0, 0], text)
        }
    }
}

// The list header has two words: depth in the low bits of the first, the first entry in the second. The layout is
// opaque to drivers, who only use these routines.

fn list_initialize(call: &ExportCall) -> u64 {
    demand(call, mem::write(call.va(0), &[0_u64; 2]));
    0
}

/// Returns the entry that was first before.
fn list_push(call: &ExportCall) -> u64 {
    let (head, entry) = (call.va(0), call.va(1));
    let [depth, first]: [u64; 2] = demand(call, mem::read(head));
    demand(call, mem::write(entry, &first));
    demand(call, mem::write(head, &[depth + 1, entry.0]));
    first
}

fn list_pop(call: &ExportCall) -> u64 {
    let head = call.va(0);
    let [depth, first]: [u64; 2] = demand(call, mem::read(head));
    if first == 0 {
        return 0;
    }
    let next: u64 = demand(call, mem::read(Va(first)));
    demand(call, mem::write(head, &[depth.saturating_sub(1), next]));
    first
}

fn list_flush(call: &ExportCall) -> u64 {
    let head = call.va(0);
    let [_, first]: [u64; 2] = demand(call, mem::read(head));
    demand(call, mem::write(head, &[0_u64; 2]));
    first
}

fn list_depth(call: &ExportCall) -> u64 {
    demand(call, mem::read::<u64>(call.va(0))) & DEPTH_MASK
}
