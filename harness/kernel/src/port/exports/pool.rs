//! Memory on request: pool, contiguous and DMA memory, memory descriptor lists.

use proto::{hiber::PAGE_BYTES, owner::Owner};

use super::{
    super::{
        abi::{
            Structure, View,
            codes::{
                STOR_STATUS_INSUFFICIENT_RESOURCES, STOR_STATUS_INVALID_PARAMETER,
                STOR_STATUS_SUCCESS,
            },
            services::{
                MDL_MAPPED_TO_SYSTEM_VA, MDL_PAGES_LOCKED, MDL_SOURCE_IS_NONPAGED_POOL, Mdl,
            },
        },
        adapter::{self, ROLE},
        services::BlockSort,
    },
    args, ulong,
};
use crate::{
    exports::ExportCall,
    irql,
    mem::{self, AllocSpec, Contiguity, Placement, Va},
    rules::{self, Rule},
};

/// Freed addresses that are remembered, to name a double free.
const FREED_LIMIT: usize = 256;
const FOUR_GIB: u64 = 1 << 32;

/// Allocates a block that the miniport will free.
pub(super) fn allocate(
    bytes: u64,
    sort: BlockSort,
    owner: Owner,
    name: &'static str,
) -> Option<Va> {
    allocate_at(bytes, sort, owner, name, Placement::Any)
}

fn allocate_at(
    bytes: u64,
    sort: BlockSort,
    owner: Owner,
    name: &'static str,
    placement: Placement,
) -> Option<Va> {
    let contiguous = match sort {
        BlockSort::Contiguous | BlockSort::Dma => Contiguity::Contiguous,
        _ => Contiguity::Scattered,
    };
    let align = match sort {
        BlockSort::Contiguous | BlockSort::Dma => PAGE_BYTES,
        _ => 16,
    };
    let block = mem::alloc(AllocSpec {
        bytes,
        align,
        contiguous,
        placement,
        owner,
        name,
    })
    .ok()?;
    adapter::with(|adapter| {
        adapter.services.blocks.insert(block.va.0, sort);
        adapter.services.freed.retain(|va| *va != block.va.0);
    });
    Some(block.va)
}

/// Frees a block; a wild, double or mismatched free is reported.
pub(super) fn free(va: Va, sort: BlockSort, what: &str) -> bool {
    let (found, freed_before) = adapter::with(|adapter| {
        let services = &mut adapter.services;
        let freed_before = services.freed.contains(&va.0);
        let found = services.blocks.get(&va.0).copied();
        if found == Some(sort) {
            services.blocks.remove(&va.0);
            services.freed.push(va.0);
            if services.freed.len() > FREED_LIMIT {
                services.freed.remove(0);
            }
        }
        (found, freed_before)
    })
    .unwrap_or((None, false));
    rules::demand(
        Rule::DoubleExFreePool,
        !(found.is_none() && freed_before),
        format_args!("{what}({va}): freed before"),
    );
    let ours = rules::demand(
        Rule::StorPortAllocatePool,
        found == Some(sort),
        format_args!("{what}({va}): allocated as {found:?}"),
    );
    if !ours {
        return false;
    }
    if let Ok(freed) = mem::free(va) {
        rules::demand(
            Rule::PoolOverrun,
            freed.redzone_intact,
            format_args!(
                "{what}({va}): bytes around the {} byte block were changed",
                freed.bytes
            ),
        );
    }
    true
}

/// Hands a new block to the miniport through its output pointer.
fn give(what: &'static str, to: Va, block: Option<Va>) -> u32 {
    match block {
        Some(va) if args::put(what, to, &va.0) => STOR_STATUS_SUCCESS,
        Some(_) => STOR_STATUS_INVALID_PARAMETER,
        None => STOR_STATUS_INSUFFICIENT_RESOURCES,
    }
}

/// `StorPortAllocatePool(ext, NumberOfBytes, Tag, *BufferPointer)`.
pub(super) fn allocate_pool(call: &ExportCall) -> u32 {
    args::irql_at_most("StorPortAllocatePool", irql::DISPATCH_LEVEL);
    args::may_wait("StorPortAllocatePool");
    let bytes = u64::from(ulong(call, 2));
    if bytes == 0 {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    let block = allocate(bytes, BlockSort::Pool, Owner::Pool(ROLE), "pool");
    give("StorPortAllocatePool", call.va(4), block)
}

/// `StorPortFreePool(ext, BufferPointer)`.
pub(super) fn free_pool(call: &ExportCall) -> u32 {
    args::irql_at_most("StorPortFreePool", irql::DISPATCH_LEVEL);
    status(free(call.va(2), BlockSort::Pool, "StorPortFreePool"))
}

/// `StorPortAllocateContiguousMemorySpecifyCacheNode(ext, bytes, lowest, highest, boundary, cache, node, *Buffer)`.
pub(super) fn allocate_contiguous(call: &ExportCall) -> u32 {
    args::irql_at_most(
        "StorPortAllocateContiguousMemorySpecifyCacheNode",
        irql::DISPATCH_LEVEL,
    );
    let block = allocate_bounded(call, BlockSort::Contiguous);
    give(
        "StorPortAllocateContiguousMemorySpecifyCacheNode",
        call.va(8),
        block,
    )
}

/// `StorPortFreeContiguousMemorySpecifyCache(ext, BaseAddress, bytes, cache)`.
pub(super) fn free_contiguous(call: &ExportCall) -> u32 {
    args::irql_at_most(
        "StorPortFreeContiguousMemorySpecifyCache",
        irql::DISPATCH_LEVEL,
    );
    status(free(
        call.va(2),
        BlockSort::Contiguous,
        "StorPortFreeContiguousMemorySpecifyCache",
    ))
}

/// `StorPortAllocateDmaMemory(ext, bytes, lowest, highest, boundary, cache, node, *Buffer, *PhysicalAddress)`.
pub(super) fn allocate_dma(call: &ExportCall) -> u32 {
    args::irql_at_most("StorPortAllocateDmaMemory", irql::PASSIVE_LEVEL);
    let block = allocate_bounded(call, BlockSort::Dma);
    if let Some(physical) = block.and_then(mem::translate) {
        args::put("StorPortAllocateDmaMemory", call.va(9), &physical.0);
    }
    give("StorPortAllocateDmaMemory", call.va(8), block)
}

/// `StorPortFreeDmaMemory(ext, BaseAddress, bytes, cache, PhysicalAddress)`.
pub(super) fn free_dma(call: &ExportCall) -> u32 {
    args::irql_at_most("StorPortFreeDmaMemory", irql::PASSIVE_LEVEL);
    status(free(call.va(2), BlockSort::Dma, "StorPortFreeDmaMemory"))
}

/// A contiguous block below the highest acceptable address.
fn allocate_bounded(call: &ExportCall, sort: BlockSort) -> Option<Va> {
    let (bytes, highest) = (call.arg(2), call.arg(4));
    let placement = if highest < FOUR_GIB {
        Placement::Low
    } else {
        Placement::Any
    };
    (bytes > 0)
        .then(|| {
            allocate_at(
                bytes,
                sort,
                Owner::Pool(ROLE),
                "contiguous memory",
                placement,
            )
        })
        .flatten()
}

/// `StorPortAllocateMdl(ext, BufferPointer, NumberOfBytes, *Mdl)`.
pub(super) fn allocate_mdl(call: &ExportCall) -> u32 {
    args::irql_at_most("StorPortAllocateMdl", irql::DISPATCH_LEVEL);
    let (buffer, bytes) = (call.va(2), ulong(call, 3));
    let pages = (buffer.page_offset() + u64::from(bytes)).div_ceil(PAGE_BYTES);
    let total = Mdl::BYTES + pages * 8;
    let block = allocate(total, BlockSort::Mdl, Owner::Pool(ROLE), "MDL");
    if let Some(va) = block {
        let view = View::<Mdl>::at(va);
        let _ = mem::fill(va, 0, total);
        let _ = view.set(Mdl::SIZE, u16::try_from(total).unwrap_or(u16::MAX));
        let _ = view.set(Mdl::START_VA, buffer.page().0);
        let _ = view.set(Mdl::BYTE_COUNT, bytes);
        let _ = view.set(
            Mdl::BYTE_OFFSET,
            u32::try_from(buffer.page_offset()).unwrap_or(0),
        );
    }
    give("StorPortAllocateMdl", call.va(4), block)
}

/// `StorPortFreeMdl(ext, Mdl)`.
pub(super) fn free_mdl(call: &ExportCall) -> u32 {
    args::irql_at_most("StorPortFreeMdl", irql::DISPATCH_LEVEL);
    status(free(call.va(2), BlockSort::Mdl, "StorPortFreeMdl"))
}

/// `StorPortBuildMdlForNonPagedPool(ext, Mdl)`.
pub(super) fn build_mdl(call: &ExportCall) -> u32 {
    args::irql_at_most("StorPortBuildMdlForNonPagedPool", irql::DISPATCH_LEVEL);
    let mdl = call.va(2);
    let is_ours =
        adapter::with(|adapter| adapter.services.blocks.get(&mdl.0) == Some(&BlockSort::Mdl));
    if !rules::demand(
        Rule::PortArgument,
        is_ours == Some(true),
        format_args!("StorPortBuildMdlForNonPagedPool({mdl})"),
    ) {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    describe_pages(View::<Mdl>::at(mdl))
        .map_or(STOR_STATUS_INVALID_PARAMETER, |()| STOR_STATUS_SUCCESS)
}

fn describe_pages(view: View<Mdl>) -> Option<()> {
    let start = view.get(Mdl::START_VA).ok()?;
    let bytes = view.get(Mdl::BYTE_COUNT).ok()?;
    let offset = view.get(Mdl::BYTE_OFFSET).ok()?;
    let pages = (u64::from(offset) + u64::from(bytes)).div_ceil(PAGE_BYTES);
    for page in 0..pages {
        let frame = mem::translate(Va(start).offset(page * PAGE_BYTES))?.pfn();
        mem::write(view.base().offset(Mdl::BYTES + page * 8), &frame).ok()?;
    }
    view.set(Mdl::MAPPED_SYSTEM_VA, start + u64::from(offset))
        .ok()?;
    view.set(
        Mdl::MDL_FLAGS,
        MDL_SOURCE_IS_NONPAGED_POOL | MDL_MAPPED_TO_SYSTEM_VA | MDL_PAGES_LOCKED,
    )
    .ok()
}

const fn status(done: bool) -> u32 {
    if done {
        STOR_STATUS_SUCCESS
    } else {
        STOR_STATUS_INVALID_PARAMETER
    }
}
