//! Memory services of the dump port: extensions, addresses, register mappings, configuration space.
//!
//! Nothing is allocated and nothing is mapped: blocks come from the common buffers, register addresses from what the
//! normal instance mapped.

use alloc::vec;

use super::instance::{self, Block, Port};
use crate::{
    call::{self, CallbackKind},
    exports::ExportCall,
    mem::{self, Va},
    mmio, pci,
    port::abi::{
        Structure, View,
        codes::bus_data_type,
        config::PortConfiguration,
        srb::{ScatterGatherElement, ScatterGatherList},
    },
    rules,
    rules::Rule,
};

/// `StorPortGetUncachedExtension(HwDeviceExtension, ConfigInfo, NumberOfBytes)`.
pub(super) fn get_uncached_extension(call: &ExportCall) -> u64 {
    let rule = Rule::F1_2002_GetUncachedExtension;
    let bytes = call.arg32(2);
    let in_find_adapter =
        call::current().is_some_and(|callback| callback.kind == CallbackKind::FindAdapter);
    rules::demand(rule, in_find_adapter, "called outside of FindAdapter");
    let master = View::<PortConfiguration>::at(call.va(1)).get(PortConfiguration::MASTER);
    rules::demand(
        rule,
        master.is_ok_and(|master| master != 0),
        "ConfigInfo->Master is FALSE or ConfigInfo is not readable",
    );
    let block = instance::with(|port| {
        if let Some(block) = port.instance.blocks.uncached_extension {
            return Some(block);
        }
        port.instance.demand.uncached_extension_bytes = u64::from(bytes);
        let block = port.cut(u64::from(bytes));
        port.instance.blocks.uncached_extension = block;
        block
    });
    block.flatten().map_or(0, |block| block.va.0)
}

/// `StorPortGetPhysicalAddress(HwDeviceExtension, Srb, VirtualAddress, *Length)`.
pub(super) fn get_physical_address(call: &ExportCall) -> u64 {
    let (srb, va) = (call.va(1), call.va(2));
    rules::check(Rule::F1_1006_GetPhysicalAddress);
    let found = instance::with(|port| resolve(port, srb, va)).flatten();
    let Some((address, bytes)) = found else {
        rules::violate(
            Rule::F1_1006_GetPhysicalAddress,
            format_args!("{va} (SRB {srb}) is none of the miniport's addresses"),
        );
        return 0;
    };
    if !call.va(3).is_null() {
        let length = u32::try_from(bytes).unwrap_or(u32::MAX);
        if let Err(fault) = mem::write(call.va(3), &length) {
            rules::violate(Rule::PortArgument, format_args!("Length: {fault}"));
        }
    }
    address
}

/// Physical address of `va` and the number of contiguous bytes from there.
fn resolve(port: &Port, srb: Va, va: Va) -> Option<(u64, u64)> {
    if let Some((_, block)) = port
        .instance
        .blocks
        .addressable()
        .find(|(_, block)| block.contains(va))
    {
        return contiguous(block, va);
    }
    if let Some(region) = &port.stack.region {
        let block = Block {
            va: region.va,
            bytes: region.bytes,
        };
        if block.contains(va) {
            return contiguous(block, va);
        }
    }
    let request = port.instance.request.as_ref()?;
    if srb != request.srb {
        return None;
    }
    let mut offset = va.0.checked_sub(request.data_va.0)?;
    for run in &request.data {
        if offset < run.bytes {
            return Some((run.address + offset, run.bytes - offset));
        }
        offset -= run.bytes;
    }
    None
}

fn contiguous(block: Block, va: Va) -> Option<(u64, u64)> {
    let left = block.bytes - (va.0 - block.va.0);
    let run = mem::runs(va, left).ok()?.into_iter().next()?;
    Some((run.address, run.bytes))
}

/// `StorPortGetVirtualAddress(HwDeviceExtension, PhysicalAddress)`.
pub(super) fn get_virtual_address(call: &ExportCall) -> u64 {
    let wanted = call.arg(1);
    let found = instance::with(|port| {
        port.instance.blocks.addressable().find_map(|(_, block)| {
            let mut at = block.va;
            for run in mem::runs(block.va, block.bytes).ok()? {
                if wanted.wrapping_sub(run.address) < run.bytes {
                    return Some(at.offset(wanted - run.address));
                }
                at = at.offset(run.bytes);
            }
            None
        })
    });
    let found = found.flatten();
    rules::demand(
        Rule::PortArgument,
        found.is_some(),
        format_args!("StorPortGetVirtualAddress: {wanted:#x} is none of the miniport's"),
    );
    found.map_or(0, |va| va.0)
}

/// `StorPortGetScatterGatherList(HwDeviceExtension, Srb)`: valid until the request is completed. NULL for a request without data,
/// about which a miniport may ask.
pub(super) fn get_scatter_gather_list(call: &ExportCall) -> u64 {
    let srb = call.va(1);
    let list = instance::with(|port| {
        let request = port.instance.request.as_ref()?;
        (request.srb == srb).then(|| write_list(port))
    });
    let list = list.flatten();
    rules::demand(
        Rule::RequestOwnership,
        list.is_some(),
        format_args!("StorPortGetScatterGatherList: {srb} is not the request at the miniport"),
    );
    list.flatten().map_or(0, |va| va.0)
}

fn write_list(port: &Port) -> Option<Va> {
    let block = port.instance.blocks.scatter_gather?;
    let data = &port.instance.request.as_ref()?.data;
    if data.is_empty() {
        return None;
    }
    let header = View::<ScatterGatherList>::at(block.va);
    let count = u32::try_from(data.len()).ok()?;
    header
        .set(ScatterGatherList::NUMBER_OF_ELEMENTS, count)
        .ok()?;
    header.set(ScatterGatherList::RESERVED, 0).ok()?;
    let mut at = block.va.offset(ScatterGatherList::BYTES);
    for run in data {
        if !block.contains(at.offset(ScatterGatherElement::BYTES - 1)) {
            return None;
        }
        let element = View::<ScatterGatherElement>::at(at);
        element
            .set(ScatterGatherElement::PHYSICAL_ADDRESS, run.address)
            .ok()?;
        element
            .set(ScatterGatherElement::LENGTH, u32::try_from(run.bytes).ok()?)
            .ok()?;
        element.set(ScatterGatherElement::RESERVED, 0).ok()?;
        at = at.offset(ScatterGatherElement::BYTES);
    }
    Some(block.va)
}

/// `StorPortGetDeviceBase(HwDeviceExtension, BusType, Bus, IoAddress, NumberOfBytes, InIoSpace)`: at `HIGH_LEVEL`
/// nothing can be mapped, so only what the normal instance mapped is answered.
pub(super) fn get_device_base(call: &ExportCall) -> u64 {
    let (start, bytes) = (call.arg(3), u64::from(call.arg32(4)));
    let in_io_space = call.arg(5) & 0xFF != 0;
    let found = instance::with(|port| {
        port.stack.mapped.iter().find_map(|mapped| {
            let offset = start.checked_sub(mapped.physical)?;
            let end = offset.checked_add(bytes)?;
            (mapped.in_io_space == in_io_space && end <= u64::from(mapped.bytes))
                .then(|| mapped.va.offset(offset))
        })
    });
    let found = found.flatten();
    rules::demand(
        Rule::F1_2003_GetDeviceBase,
        found.is_some(),
        format_args!(
            "{start:#x}, {bytes:#x} bytes: not mapped by the normal instance, so not available in dump mode"
        ),
    );
    found.map_or(0, |va| va.0)
}

/// `StorPortFreeDeviceBase(HwDeviceExtension, MappedAddress)`: the mapping is the normal instance's and stays.
pub(super) fn free_device_base(call: &ExportCall) -> u64 {
    let address = call.va(1);
    rules::demand(
        Rule::F1_FreeDeviceBase,
        mmio::find(address).is_some(),
        format_args!("{address} is no mapping"),
    );
    0
}

/// `StorPortGetBusData(DeviceExtension, BusDataType, Bus, Slot, Buffer, Length)`: the HBA's configuration space, from
/// its start. Reading disturbs nothing, in no mode.
pub(super) fn get_bus_data(call: &ExportCall) -> u64 {
    let Some(function) = located(call) else {
        return 0;
    };
    let bytes = call.arg32(5).min(u32::from(pci::CONFIG_BYTES));
    let mut data = vec![0; mem::size(u64::from(bytes))];
    function.read_config(0, &mut data);
    match mem::write_bytes(call.va(4), &data) {
        Ok(()) => u64::from(bytes),
        Err(fault) => {
            rules::violate(
                Rule::PortArgument,
                format_args!("StorPortGetBusData: {fault}"),
            );
            0
        }
    }
}

/// `StorPortSetBusDataByOffset(DeviceExtension, BusDataType, Bus, Slot, Buffer, Offset, Length)`.
pub(super) fn set_bus_data_by_offset(call: &ExportCall) -> u64 {
    let allowed = instance::with(|port| port.instance.mode.touches_hardware()).unwrap_or(true);
    rules::demand(
        Rule::DumpHardwareInMarkMemory,
        allowed,
        "StorPortSetBusDataByOffset in mode MARK_MEMORY",
    );
    let Some(function) = located(call).filter(|_| allowed) else {
        return 0;
    };
    let (offset, bytes) = (call.arg32(5), call.arg32(6));
    let end = offset.saturating_add(bytes);
    let data = mem::read_vec(call.va(4), u64::from(bytes));
    match (u16::try_from(offset), data) {
        (Ok(offset), Ok(data)) if end <= u32::from(pci::CONFIG_BYTES) => {
            function.write_config(offset, &data);
            u64::from(bytes)
        }
        _ => {
            rules::violate(
                Rule::PortArgument,
                format_args!("StorPortSetBusDataByOffset of {bytes} bytes at {offset}"),
            );
            0
        }
    }
}

/// The HBA, if bus and slot name it: a dump instance has no business with any other device.
fn located(call: &ExportCall) -> Option<pci::Function> {
    let (bus, slot) = (call.arg32(2), call.arg32(3));
    let hba = instance::with(|port| port.stack.hba)?;
    let location = hba.location;
    // PCI_SLOT_NUMBER: device in bits 0 to 4, function in bits 5 to 7.
    let own_slot = u32::from(location.device) | u32::from(location.function) << 5;
    let known = i32::try_from(call.arg32(1)) == Ok(bus_data_type::PCI_CONFIGURATION)
        && bus == u32::from(location.bus)
        && slot == own_slot;
    rules::demand(
        Rule::PortArgument,
        known,
        format_args!("bus data of bus {bus}, slot {slot:#x} are not the adapter's"),
    );
    known.then_some(hba)
}

/// `StorPortGetLogicalUnit(HwDeviceExtension, PathId, TargetId, Lun)`: the unit's extension, if one was asked for.
pub(super) fn get_logical_unit(call: &ExportCall) -> u64 {
    let address = [call.arg(1), call.arg(2), call.arg(3)].map(|part| part & 0xFF);
    instance::with(|port| {
        let unit = port.stack.unit.address;
        let known = [unit.path, unit.target, unit.lun].map(u64::from);
        (address == known)
            .then_some(port.instance.blocks.unit_extension)
            .flatten()
            .map_or(0, |block| block.va.0)
    })
    .unwrap_or(0)
}
