//! Uncached extension, addresses, scatter/gather lists, unit extensions.

use proto::owner::Owner;

use super::{
    super::{
        abi::{
            View,
            config::{PortConfiguration, SP_UNINITIALIZED_VALUE},
        },
        adapter::{self, ROLE},
        callback::Routine,
        queue::Address,
        request::SlotState,
    },
    args, ulong,
};
use crate::{
    exports::ExportCall,
    mem::{self, AllocSpec, Contiguity, PAGE_BYTES, Pa, Placement, Va},
    rules::{self, Rule},
};

/// `StorPortGetUncachedExtension(ext, ConfigInfo, NumberOfBytes)`.
pub(super) fn get_uncached_extension(call: &ExportCall) -> u64 {
    if !args::is_adapter(call, 0) {
        return 0;
    }
    // On the restart path a repeated call yields the same block, whatever size is asked for.
    if let Some(block) = adapter::with(|adapter| adapter.uncached.clone()).flatten() {
        return block.va.0;
    }
    let bytes = ulong(call, 2);
    let from_find = args::called_from(
        Rule::F1_2002_GetUncachedExtension,
        "StorPortGetUncachedExtension",
        &[Routine::FindAdapter],
    );
    if !from_find || !config_is_filled_in(call.va(1)) || bytes == 0 {
        return 0;
    }
    let block = mem::alloc(AllocSpec {
        bytes: u64::from(bytes),
        align: PAGE_BYTES,
        contiguous: Contiguity::Contiguous,
        placement: Placement::Any,
        owner: Owner::UncachedExtension(ROLE),
        name: "uncached extension",
    });
    match block {
        Ok(block) => {
            let va = block.va.0;
            adapter::with(|adapter| adapter.uncached = Some(block));
            va
        }
        Err(_) => 0,
    }
}

/// The members that the routine's page names as prerequisites.
fn config_is_filled_in(given: Va) -> bool {
    use PortConfiguration as C;
    let config = View::<C>::at(given);
    let expected = adapter::with(|adapter| adapter.config.va);
    let value =
        |holds: bool, text: &str| rules::demand(Rule::F1_2002_GetUncachedExtension, holds, text);
    value(expected == Some(given), "ConfigInfo is not the adapter's")
        & value(
            config.get(C::MASTER).is_ok_and(|master| master != 0),
            "Master is FALSE",
        )
        & value(
            config
                .get(C::MAXIMUM_TRANSFER_LENGTH)
                .is_ok_and(|bytes| bytes != SP_UNINITIALIZED_VALUE),
            "MaximumTransferLength is not set",
        )
        & value(
            config
                .get(C::NUMBER_OF_PHYSICAL_BREAKS)
                .is_ok_and(|breaks| breaks != SP_UNINITIALIZED_VALUE),
            "NumberOfPhysicalBreaks is not set",
        )
        & value(
            config.get(C::SCATTER_GATHER).is_ok_and(|value| value != 0),
            "ScatterGather is FALSE",
        )
        & value(
            config
                .get(C::DMA32_BIT_ADDRESSES)
                .is_ok_and(|value| value != 0)
                || config
                    .get(C::DMA64_BIT_ADDRESSES)
                    .is_ok_and(|value| value & 0x7F != 0),
            "neither Dma32BitAddresses nor Dma64BitAddresses is set",
        )
}

/// `StorPortGetPhysicalAddress(ext, Srb, VirtualAddress, *Length)`.
pub(super) fn get_physical_address(call: &ExportCall) -> u64 {
    let (srb, va, length) = (call.va(1), call.va(2), call.va(3));
    if !args::is_adapter(call, 0) {
        return 0;
    }
    let end = if srb.is_null() {
        end_of_own_memory(va).or_else(|| end_of_extension(va))
    } else {
        end_of_request_memory(srb, va)
    };
    let physical = mem::translate(va);
    let (Some(end), Some(physical)) = (end, physical) else {
        rules::violate(
            Rule::F1_1006_GetPhysicalAddress,
            format_args!("{va} is neither the adapter's memory nor the request's"),
        );
        args::put("StorPortGetPhysicalAddress", length, &0_u32);
        return 0;
    };
    rules::check(Rule::F1_1006_GetPhysicalAddress);
    let bytes = contiguous_bytes(va, end);
    args::put("StorPortGetPhysicalAddress", length, &bytes);
    physical.0
}

/// Bytes from `va` on that are neighbours in physical memory, up to `end`.
fn contiguous_bytes(va: Va, end: Va) -> u32 {
    let wanted = end.0.saturating_sub(va.0);
    mem::runs(va, wanted)
        .ok()
        .and_then(|runs| runs.first().copied())
        .and_then(|run| u32::try_from(run.bytes).ok())
        .unwrap_or(0)
}

/// End of the block if it is memory that the miniport may hand to its device.
fn end_of_own_memory(va: Va) -> Option<Va> {
    let block = mem::find(va)?;
    matches!(
        block.owner,
        Owner::DeviceExtension(ROLE)
            | Owner::UncachedExtension(ROLE)
            | Owner::Pool(ROLE)
            | Owner::DumpContext(_)
    )
    .then(|| block.va.offset(block.bytes))
}

/// End of the SRB extension that holds `va`, if its request is the miniport's: such an address needs no SRB.
fn end_of_extension(va: Va) -> Option<Va> {
    adapter::with(|adapter| {
        adapter
            .table
            .iter()
            .filter(|(_, slot)| slot.state == SlotState::AtMiniport)
            .filter_map(|(_, slot)| slot.extension.as_ref())
            .find(|block| va >= block.va && va.0 < block.va.0 + block.bytes)
            .map(|block| block.va.offset(block.bytes))
    })
    .flatten()
}

/// End of the block if it belongs to a request that the miniport owns, or is the miniport's own.
fn end_of_request_memory(srb: Va, va: Va) -> Option<Va> {
    if !owns_request(srb, "StorPortGetPhysicalAddress") {
        return None;
    }
    let within = |start: Va, bytes: u64| {
        (va >= start && va.0 < start.0 + bytes).then(|| start.offset(bytes))
    };
    adapter::with(|adapter| {
        let slot = adapter.table.slot(adapter.table.by_block(srb)?)?;
        let extension = slot
            .extension
            .as_ref()
            .and_then(|block| within(block.va, block.bytes));
        let buffer = slot
            .request
            .as_ref()
            .map(|request| &request.buffer)
            .filter(|buffer| !buffer.va.is_null());
        extension
            .or_else(|| within(slot.sense.va, slot.sense.bytes))
            .or_else(|| within(slot.block.va, slot.block.bytes))
            .or_else(|| buffer.and_then(|buffer| within(buffer.va, buffer.bytes())))
    })
    .flatten()
    .or_else(|| end_of_own_memory(va))
}

/// Whether the miniport has the request at `srb` now.
pub(super) fn owns_request(srb: Va, what: &str) -> bool {
    let state = adapter::with(|adapter| {
        let slot = adapter.table.slot(adapter.table.by_block(srb)?)?;
        Some(slot.state)
    })
    .flatten();
    rules::demand(
        Rule::RequestOwnership,
        state == Some(SlotState::AtMiniport),
        format_args!("{what} names the request at {srb}, which the miniport does not have"),
    )
}

/// `StorPortGetVirtualAddress(ext, PhysicalAddress)`.
pub(super) fn get_virtual_address(call: &ExportCall) -> u64 {
    if !args::is_adapter(call, 0) {
        return 0;
    }
    let physical = Pa(call.arg(1));
    mem::find_physical(physical).map_or(0, |block| block.va.offset(block.offset).0)
}

/// `StorPortGetScatterGatherList(ext, Srb)`.
pub(super) fn get_scatter_gather_list(call: &ExportCall) -> u64 {
    let srb = call.va(1);
    if !args::is_adapter(call, 0) || !owns_request(srb, "StorPortGetScatterGatherList") {
        return 0;
    }
    args::called_from(
        Rule::PortCaller,
        "StorPortGetScatterGatherList",
        &[Routine::BuildIo, Routine::StartIo],
    );
    adapter::with(|adapter| {
        let slot = adapter.table.slot(adapter.table.by_block(srb)?)?;
        slot.has_list.then_some(slot.list.va.0)
    })
    .flatten()
    .unwrap_or(0)
}

/// `StorPortGetLogicalUnit(ext, PathId, TargetId, Lun)`.
pub(super) fn get_logical_unit(call: &ExportCall) -> u64 {
    if !args::is_adapter(call, 0) {
        return 0;
    }
    let address = Address {
        path: call.arg8(1),
        target: call.arg8(2),
        lun: call.arg8(3),
    };
    adapter::with(|adapter| {
        adapter
            .unit_extensions
            .get(&address)
            .map(|block| block.va.0)
    })
    .flatten()
    .unwrap_or(0)
}

/// `StorPortGetSrb(ext, PathId, TargetId, Lun, QueueTag)`.
pub(super) fn get_srb(call: &ExportCall) -> u64 {
    if !args::is_adapter(call, 0) {
        return 0;
    }
    let address = Address {
        path: call.arg8(1),
        target: call.arg8(2),
        lun: call.arg8(3),
    };
    let tag = u64::from(call.arg8(4));
    adapter::with(|adapter| {
        adapter
            .table
            .iter()
            .filter(|(_, slot)| slot.state == SlotState::AtMiniport)
            .find(|(ticket, slot)| {
                u64::from(*ticket) & 0xFF == tag
                    && slot
                        .request
                        .as_ref()
                        .is_some_and(|request| request.address == address)
            })
            .map(|(_, slot)| slot.block.va.0)
    })
    .flatten()
    .unwrap_or(0)
}
