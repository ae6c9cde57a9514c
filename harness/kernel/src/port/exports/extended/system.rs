//! Services of the system: events and logs, device objects, registry, small queries.

use proto::owner::Owner;

use super::super::{
    super::{
        abi::{
            Structure, View,
            codes::{
                STOR_STATUS_BUFFER_TOO_SMALL, STOR_STATUS_INSUFFICIENT_RESOURCES,
                STOR_STATUS_INVALID_PARAMETER, STOR_STATUS_SUCCESS, STOR_STATUS_UNSUCCESSFUL,
            },
            services::{DeviceObject, StorLogEventDetails},
        },
        adapter::{self, ROLE},
        services::BlockSort,
    },
    args, pool, registry, ulong,
};
use crate::{
    exports::ExportCall,
    irql,
    mem::{self, Va},
    rules::{self, Rule},
};

/// Longest text of an event that is read, in characters.
const TEXT_LIMIT: usize = 256;
/// `FILE_DEVICE_CONTROLLER`.
const DEVICE_TYPE_CONTROLLER: u32 = 4;
/// `IO_TYPE_DEVICE`.
const OBJECT_TYPE_DEVICE: u16 = 3;
/// Longest dump data of an event log entry in bytes.
const LOG_DATA_LIMIT: u32 = 0x98;

/// `StorPortGetDeviceObjects(ext, *AdapterDeviceObject, *PhysicalDeviceObject, *LowerDeviceObject)`.
pub(super) fn device_objects(call: &ExportCall) -> u32 {
    let existing = adapter::with(|adapter| adapter.services.device_objects.clone());
    let objects = match existing {
        Some(objects) if objects.len() == 3 => objects,
        _ => {
            let made: alloc::vec::Vec<u64> = (0..3).filter_map(|_| new_device_object()).collect();
            adapter::with(|adapter| adapter.services.device_objects.clone_from(&made));
            made
        }
    };
    for (to, object) in (2..).zip(&objects) {
        let to = call.va(to);
        if !to.is_null() {
            args::put("StorPortGetDeviceObjects", to, object);
        }
    }
    if objects.len() == 3 {
        STOR_STATUS_SUCCESS
    } else {
        STOR_STATUS_INSUFFICIENT_RESOURCES
    }
}

fn new_device_object() -> Option<u64> {
    let va = pool::allocate(
        DeviceObject::BYTES,
        BlockSort::Port,
        Owner::Pool(ROLE),
        "device object",
    )?;
    let view = View::<DeviceObject>::at(va);
    mem::fill(va, 0, DeviceObject::BYTES).ok()?;
    view.set(DeviceObject::TYPE, OBJECT_TYPE_DEVICE).ok()?;
    view.set(DeviceObject::DEVICE_TYPE, DEVICE_TYPE_CONTROLLER)
        .ok()?;
    Some(va.0)
}

/// `StorPortLogSystemEvent(ext, LogDetails, *MaximumSize)`.
pub(super) fn log_system_event(call: &ExportCall) -> u32 {
    use StorLogEventDetails as L;
    let (details, maximum) = (call.va(2), call.va(3));
    if !maximum.is_null() {
        args::put("StorPortLogSystemEvent", maximum, &LOG_DATA_LIMIT);
    }
    if details.is_null() {
        return STOR_STATUS_SUCCESS;
    }
    let view = View::<L>::at(details);
    let (Ok(code), Ok(id), Ok(size)) = (
        view.get(L::ERROR_CODE),
        view.get(L::UNIQUE_ID),
        view.get(L::SIZE),
    ) else {
        rules::violate(Rule::PortArgument, "StorPortLogSystemEvent: bad LogDetails");
        return STOR_STATUS_INVALID_PARAMETER;
    };
    if u64::from(size) < L::BYTES {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    log!("miniport: system event, error code {code:#x}, id {id:#x}");
    STOR_STATUS_SUCCESS
}

/// `StorPortEtwLogError(ext, Address, Id, Description, DataBufferLength, DataBuffer)`.
pub(super) fn log_hardware_error(call: &ExportCall) -> u32 {
    let text = mem::read_wide(call.va(4), TEXT_LIMIT).unwrap_or_default();
    log!("miniport: hardware error {}: {text}", ulong(call, 3));
    STOR_STATUS_SUCCESS
}

/// `StorPortEtwEvent2/4/8` and their channel forms: the event's id is argument `id_at`, its description the next.
pub(super) fn etw_event(call: &ExportCall, id_at: u64) -> u32 {
    match mem::read_wide(call.va(id_at + 1), TEXT_LIMIT) {
        Ok(text) => {
            log_debug!("miniport: event {}: {text}", ulong(call, id_at));
            STOR_STATUS_SUCCESS
        }
        Err(fault) => {
            rules::violate(
                Rule::PortArgument,
                format_args!("StorPortEtwEvent: bad description: {fault}"),
            );
            STOR_STATUS_INVALID_PARAMETER
        }
    }
}

/// `StorPortRegistryReadAdapterKey(ext, SubKeyName, ValueName, ValueType, *ValueData, *ValueDataLength)`.
pub(super) fn registry_read(call: &ExportCall) -> u32 {
    args::irql_at_most("StorPortRegistryReadAdapterKey", irql::PASSIVE_LEVEL);
    let (data, length) = (call.va(5), call.va(6));
    let Ok(name) = mem::read_ansi(call.va(3), TEXT_LIMIT) else {
        return STOR_STATUS_INVALID_PARAMETER;
    };
    let Some(bytes) = registry::value_bytes(&name, ulong(call, 4)) else {
        return STOR_STATUS_UNSUCCESSFUL;
    };
    let (Ok(buffer), Ok(capacity)) = (mem::read::<u64>(data), mem::read::<u32>(length)) else {
        return STOR_STATUS_INVALID_PARAMETER;
    };
    let needed = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    args::put("StorPortRegistryReadAdapterKey", length, &needed);
    if buffer == 0 || needed > capacity {
        return STOR_STATUS_BUFFER_TOO_SMALL;
    }
    if mem::write_bytes(Va(buffer), &bytes).is_err() {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    STOR_STATUS_SUCCESS
}

/// `StorPortGetCurrentIrql(ext, *Irql)`.
pub(super) fn current_irql(call: &ExportCall) -> u32 {
    args::put("StorPortGetCurrentIrql", call.va(2), &irql::current());
    STOR_STATUS_SUCCESS
}

/// Queries whose answer is FALSE: `StorPortIsCurrentOsInstallationUpgrade(ext, *Upgraded)` and
/// `StorPortQueryConfiguration(ext, Type, *Enabled)`.
pub(super) fn no(call: &ExportCall) -> u32 {
    let to = if ulong(call, 0) == super::code::QUERY_CONFIGURATION {
        call.va(3)
    } else {
        call.va(2)
    };
    args::put("StorPort query", to, &0_u8);
    STOR_STATUS_SUCCESS
}

/// `StorPortIsDeviceOperationAllowed(ext, Address, DeviceOperation, *AllowedFlag)`: nothing is forbidden.
pub(super) fn operation_allowed(call: &ExportCall) -> u32 {
    args::put("StorPortIsDeviceOperationAllowed", call.va(4), &1_u32);
    STOR_STATUS_SUCCESS
}

/// `StorPortInvokeAcpiMethod(...)`: the machine's firmware has no methods for the adapter.
pub(super) const fn no_acpi_method() -> u32 {
    STOR_STATUS_UNSUCCESSFUL
}
