//! PCI configuration space and register mappings.

use alloc::vec;

use super::{
    super::{
        abi::codes::bus_data_type,
        adapter::{self, MappedRange},
        callback::Routine,
    },
    NOTHING, args, ulong,
};
use crate::{
    exports::ExportCall,
    irql,
    mem::{self, Pa, Va},
    mmio,
    pci::{self, Location},
    rules::{self, Rule},
};

/// Length that `StorPortGetBusData` returns where there is no such device.
const NO_DEVICE: u64 = 2;
const NO_VENDOR: u16 = 0xFFFF;

/// `StorPortGetBusData(ext, BusDataType, SystemIoBusNumber, SlotNumber, Buffer, Length)`.
pub(super) fn get_bus_data(call: &ExportCall) -> u64 {
    if !args::is_adapter(call, 0) || !bus_data_allowed(call) {
        return 0;
    }
    read_bus_data(
        ulong(call, 1),
        ulong(call, 2),
        ulong(call, 3),
        call.va(4),
        ulong(call, 5),
    )
}

/// `StorPortSetBusDataByOffset(ext, BusDataType, SystemIoBusNumber, SlotNumber, Buffer, Offset, Length)`.
pub(super) fn set_bus_data(call: &ExportCall) -> u64 {
    if !args::is_adapter(call, 0) || !bus_data_allowed(call) {
        return 0;
    }
    let (offset, bytes) = (ulong(call, 5), ulong(call, 6));
    let Some(location) = located(ulong(call, 1), ulong(call, 2), ulong(call, 3)) else {
        return 0;
    };
    let in_space = offset.checked_add(bytes).is_some_and(|end| end <= 256);
    if !rules::demand(
        Rule::PortArgument,
        in_space,
        format_args!("StorPortSetBusDataByOffset of {bytes} bytes at {offset}"),
    ) {
        return 0;
    }
    let Ok(data) = mem::read_vec(call.va(4), u64::from(bytes)) else {
        rules::violate(Rule::PortArgument, "StorPortSetBusDataByOffset: bad buffer");
        return 0;
    };
    if let (Some(function), Ok(offset)) = (function_at(location), u16::try_from(offset)) {
        function.write_config(offset, &data);
        return u64::from(bytes);
    }
    0
}

/// Reads configuration space for whoever is allowed to; serves the dump port as well.
#[must_use]
pub fn read_bus_data(kind: u32, bus: u32, slot: u32, buffer: Va, bytes: u32) -> u64 {
    let Some(location) = located(kind, bus, slot) else {
        return 0;
    };
    let Some(function) = function_at(location) else {
        args::put("StorPortGetBusData", buffer, &NO_VENDOR);
        return NO_DEVICE;
    };
    let bytes = bytes.min(u32::from(pci::CONFIG_BYTES));
    let mut data = vec![0; mem::size(u64::from(bytes))];
    function.read_config(0, &mut data);
    if let Err(fault) = mem::write_bytes(buffer, &data) {
        rules::violate(
            Rule::PortArgument,
            format_args!("StorPortGetBusData: bad buffer: {fault}"),
        );
        return 0;
    }
    u64::from(bytes)
}

/// PCI slot numbers hold the device in bits 0 to 4 and the function in bits 5 to 7 (`PCI_SLOT_NUMBER`).
fn located(kind: u32, bus: u32, slot: u32) -> Option<Location> {
    let is_pci = i32::try_from(kind) == Ok(bus_data_type::PCI_CONFIGURATION);
    let [device_and_function, 0, 0, 0] = slot.to_le_bytes() else {
        return None;
    };
    let bus = u8::try_from(bus).ok()?;
    is_pci.then(|| Location::new(bus, device_and_function & 0x1F, device_and_function >> 5))
}

fn function_at(location: Location) -> Option<pci::Function> {
    let own = adapter::with(|adapter| adapter.function);
    own.filter(|function| function.location == location)
        .or_else(|| {
            pci::scan()
                .into_iter()
                .find(|function| function.location == location)
        })
}

/// FindAdapter always; on the restart path only in `ScsiSetRunningConfig`, which is an adapter control at `PASSIVE_LEVEL`.
fn bus_data_allowed(call: &ExportCall) -> bool {
    let routine = args::routine();
    rules::demand(
        Rule::PortCaller,
        matches!(
            routine,
            Some(Routine::FindAdapter | Routine::Initialize | Routine::AdapterControl)
        ) && !(routine == Some(Routine::Initialize)
            && adapter::with(|adapter| adapter.restarting).unwrap_or(false)),
        format_args!(
            "{} is called from {}",
            call.export.name,
            routine.map_or("outside of any callback", Routine::name)
        ),
    )
}

/// `StorPortGetDeviceBase(ext, BusType, SystemIoBusNumber, IoAddress, NumberOfBytes, InIoSpace)`.
pub(super) fn get_device_base(call: &ExportCall) -> u64 {
    let (start, bytes, in_io_space) = (call.arg(3), ulong(call, 4), call.arg8(5) != 0);
    if !args::is_adapter(call, 0) {
        return 0;
    }
    args::irql_at_most("StorPortGetDeviceBase", irql::DISPATCH_LEVEL);
    args::called_from(
        Rule::F1_2003_GetDeviceBase,
        "StorPortGetDeviceBase",
        &[Routine::FindAdapter, Routine::PassiveInitialize],
    );
    let assigned = adapter::with(|adapter| {
        adapter.ranges.iter().any(|range| {
            let end = start.checked_add(u64::from(bytes));
            range.in_memory != in_io_space
                && start >= range.start
                && end.is_some_and(|end| end <= range.start + u64::from(range.bytes))
        })
    })
    .unwrap_or(false);
    if !rules::demand(
        Rule::F1_2003_GetDeviceBase,
        assigned && bytes > 0,
        format_args!("{bytes} bytes at {start:#x} were not assigned to the adapter"),
    ) {
        return 0;
    }
    let va = if in_io_space {
        Some(Va(start))
    } else {
        mmio::map(Pa(start), u64::from(bytes))
    };
    let Some(va) = va else {
        return 0;
    };
    adapter::with(|adapter| {
        adapter.mapped.push(MappedRange {
            physical: start,
            bytes,
            va,
            in_io_space,
        });
    });
    va.0
}

/// `StorPortFreeDeviceBase(ext, MappedAddress)`.
pub(super) fn free_device_base(call: &ExportCall) -> u64 {
    let va = call.va(1);
    if !args::is_adapter(call, 0) {
        return NOTHING;
    }
    args::called_from(
        Rule::F1_FreeDeviceBase,
        "StorPortFreeDeviceBase",
        &[Routine::FindAdapter, Routine::FreeAdapterResources],
    );
    let freed = adapter::with(|adapter| {
        let position = adapter.mapped.iter().position(|range| range.va == va)?;
        Some(adapter.mapped.remove(position))
    })
    .flatten();
    if rules::demand(
        Rule::F1_FreeDeviceBase,
        freed.is_some(),
        format_args!("{va} is not mapped"),
    ) && freed.is_some_and(|range| !range.in_io_space)
    {
        mmio::unmap(va);
    }
    NOTHING
}
