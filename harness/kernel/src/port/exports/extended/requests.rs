//! Services about requests and queue limits.

use super::super::{
    super::{
        abi::{
            View,
            codes::{
                STOR_STATUS_INSUFFICIENT_RESOURCES, STOR_STATUS_INVALID_PARAMETER,
                STOR_STATUS_SUCCESS,
            },
            srb::StorAddrBtl8,
        },
        adapter,
        request::Buffer,
    },
    args, memory, ulong,
};
use crate::{
    exports::ExportCall,
    mem::{self, Pa, Va},
    rules::{self, Rule},
};

/// Number of the adapter's port in the system.
const PORT_NUMBER: u16 = 0;

/// `StorPortGetSystemAddress(ext, Srb, *SystemAddress)`.
pub(super) fn system_address(call: &ExportCall) -> u32 {
    let srb = call.va(2);
    if !memory::owns_request(srb, "StorPortGetSystemAddress") {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    let address = adapter::with(|adapter| {
        let slot = adapter.table.slot(adapter.table.by_block(srb)?)?;
        mapped_address(&slot.request.as_ref()?.buffer)
    })
    .flatten();
    match address {
        Some(va) if args::put("StorPortGetSystemAddress", call.va(3), &va.0) => STOR_STATUS_SUCCESS,
        Some(_) => STOR_STATUS_INVALID_PARAMETER,
        None => STOR_STATUS_INSUFFICIENT_RESOURCES,
    }
}

/// The data's address in system space: their own mapping, or the direct map for one physical stretch.
fn mapped_address(buffer: &Buffer) -> Option<Va> {
    match buffer.ranges.as_slice() {
        [] => None,
        _ if !buffer.va.is_null() => Some(buffer.va),
        [range] => Some(mem::direct(Pa(range.address))),
        _ => None,
    }
}

/// `StorPortGetActivityIdSrb(ext, Srb, *ActivityId)`.
pub(super) fn activity_id(call: &ExportCall) -> u32 {
    args::put("StorPortGetActivityIdSrb", call.va(3), &[0_u64; 2]);
    STOR_STATUS_SUCCESS
}

/// `StorPortGetSystemPortNumber(ext, Address)`.
pub(super) fn system_port_number(call: &ExportCall) -> u32 {
    let written = View::<StorAddrBtl8>::at(call.va(2)).set(StorAddrBtl8::PORT, PORT_NUMBER);
    if written.is_ok() {
        STOR_STATUS_SUCCESS
    } else {
        STOR_STATUS_INVALID_PARAMETER
    }
}

/// `StorPortUpdateAdapterMaxIO(ext, MaxIoCount)`.
pub(super) fn update_adapter_max_io(call: &ExportCall) -> u32 {
    set_limit(ulong(call, 2))
}

/// `StorPortUpdatePortConfigMaxIOInfo(ext, MaxIoCount, MaxIosPerLun)`.
pub(super) fn update_adapter_max_io_info(call: &ExportCall) -> u32 {
    let per_unit = ulong(call, 3);
    adapter::with(|adapter| adapter.limits.unit_depth_limit = per_unit.max(1));
    set_limit(ulong(call, 2))
}

fn set_limit(limit: u32) -> u32 {
    if !rules::demand(
        Rule::PortArgument,
        limit > 0,
        "the adapter's request limit is set to 0",
    ) {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    adapter::with(|adapter| {
        adapter.limits.queue_limit = limit;
        adapter.queues.set_limit(limit);
    });
    STOR_STATUS_SUCCESS
}
