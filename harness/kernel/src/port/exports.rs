//! storport.sys as a miniport in the normal role sees it: the table of exports.
//!
//! Families: [`initialize`], [`bus`] (configuration space, registers), [`memory`], [`queues`], [`registry`], [`misc`],
//! [`notify`] (`StorPortNotification`), [`extended`] (`StorPortExtendedFunction`). [`args`] holds the checks that they share.

use crate::exports::{Export, ExportCall, Handler};

mod args;
pub mod bus;
pub mod extended;
mod initialize;
mod lists;
mod locking;
mod memory;
mod misc;
mod notify;
mod options;
mod pool;
mod processors;
mod queues;
mod registers;
pub mod registry;

const fn storport(name: &'static str, handler: Handler) -> Export {
    Export {
        module: "storport.sys",
        name,
        handler,
    }
}

/// Every routine that storport.sys exports here.
pub const EXPORTS: &[Export] = &[
    storport("StorPortInitialize", initialize::initialize),
    storport("StorPortNotification", notify::notification),
    storport("StorPortExtendedFunction", extended::extended_function),
    storport("StorPortGetDeviceBase", bus::get_device_base),
    storport("StorPortFreeDeviceBase", bus::free_device_base),
    storport("StorPortGetBusData", bus::get_bus_data),
    storport("StorPortSetBusDataByOffset", bus::set_bus_data),
    storport("StorPortValidateRange", misc::validate_range),
    storport("StorPortLogError", misc::log_error),
    storport("StorPortCompleteRequest", misc::complete_request),
    storport("StorPortDebugPrint", misc::debug_print),
    storport("StorPortStallExecution", misc::stall_execution),
    storport("StorPortSynchronizeAccess", misc::synchronize_access),
    storport("StorPortQuerySystemTime", misc::query_system_time),
    storport("StorPortConvertUlongToPhysicalAddress", misc::identity),
    storport("StorPortConvertPhysicalAddressToUlong", misc::low_half),
    storport("StorPortConvertUlong64ToPhysicalAddress", misc::identity),
    storport("StorPortConvertPhysicalAddressToUlong64", misc::identity),
    storport("StorPortMoveMemory", misc::move_memory),
    storport(
        "StorPortGetUncachedExtension",
        memory::get_uncached_extension,
    ),
    storport("StorPortGetPhysicalAddress", memory::get_physical_address),
    storport("StorPortGetVirtualAddress", memory::get_virtual_address),
    storport(
        "StorPortGetScatterGatherList",
        memory::get_scatter_gather_list,
    ),
    storport("StorPortGetLogicalUnit", memory::get_logical_unit),
    storport("StorPortGetSrb", memory::get_srb),
    storport(
        "StorPortGetMessageInterruptInformation",
        options::get_message_information,
    ),
    storport("ScsiPortWmiDispatchFunction", misc::wmi),
    storport("ScsiPortWmiPostProcess", misc::wmi),
    storport("ScsiPortWmiSetInstanceCount", misc::wmi),
    storport("ScsiPortWmiSetInstanceName", misc::wmi),
    storport("ScsiPortWmiSetData", misc::wmi),
    storport("ScsiPortWmiGetReturnStatus", misc::wmi),
    storport("ScsiPortWmiGetReturnSize", misc::wmi),
    storport("ScsiPortWmiFireLogicalUnitEvent", misc::wmi),
    storport("ScsiPortWmiFireAdapterEvent", misc::wmi),
    storport("StorPortPause", queues::pause),
    storport("StorPortResume", queues::resume),
    storport("StorPortPauseDevice", queues::pause_device),
    storport("StorPortResumeDevice", queues::resume_device),
    storport("StorPortBusy", queues::busy),
    storport("StorPortReady", queues::ready),
    storport("StorPortDeviceBusy", queues::device_busy),
    storport("StorPortDeviceReady", queues::device_ready),
    storport(
        "StorPortSetDeviceQueueDepth",
        queues::set_device_queue_depth,
    ),
    storport("StorPortAllocateRegistryBuffer", registry::allocate_buffer),
    storport("StorPortFreeRegistryBuffer", registry::free_buffer),
    storport("StorPortRegistryRead", registry::read),
    storport("StorPortRegistryWrite", registry::write),
    storport("StorPortReadPortUchar", registers::read_port8),
    storport("StorPortReadPortUshort", registers::read_port16),
    storport("StorPortReadPortUlong", registers::read_port32),
    storport("StorPortWritePortUchar", registers::write_port8),
    storport("StorPortWritePortUshort", registers::write_port16),
    storport("StorPortWritePortUlong", registers::write_port32),
    storport("StorPortReadPortBufferUchar", registers::read_port_buffer8),
    storport(
        "StorPortReadPortBufferUshort",
        registers::read_port_buffer16,
    ),
    storport("StorPortReadPortBufferUlong", registers::read_port_buffer32),
    storport(
        "StorPortWritePortBufferUchar",
        registers::write_port_buffer8,
    ),
    storport(
        "StorPortWritePortBufferUshort",
        registers::write_port_buffer16,
    ),
    storport(
        "StorPortWritePortBufferUlong",
        registers::write_port_buffer32,
    ),
    storport("StorPortReadRegisterUchar", registers::read_register8),
    storport("StorPortReadRegisterUshort", registers::read_register16),
    storport("StorPortReadRegisterUlong", registers::read_register32),
    storport("StorPortReadRegisterUlong64", registers::read_register64),
    storport("StorPortWriteRegisterUchar", registers::write_register8),
    storport("StorPortWriteRegisterUshort", registers::write_register16),
    storport("StorPortWriteRegisterUlong", registers::write_register32),
    storport("StorPortWriteRegisterUlong64", registers::write_register64),
    storport(
        "StorPortReadRegisterBufferUchar",
        registers::read_register_buffer8,
    ),
    storport(
        "StorPortReadRegisterBufferUshort",
        registers::read_register_buffer16,
    ),
    storport(
        "StorPortReadRegisterBufferUlong",
        registers::read_register_buffer32,
    ),
    storport(
        "StorPortReadRegisterBufferUlong64",
        registers::read_register_buffer64,
    ),
    storport(
        "StorPortWriteRegisterBufferUchar",
        registers::write_register_buffer8,
    ),
    storport(
        "StorPortWriteRegisterBufferUshort",
        registers::write_register_buffer16,
    ),
    storport(
        "StorPortWriteRegisterBufferUlong",
        registers::write_register_buffer32,
    ),
    storport(
        "StorPortWriteRegisterBufferUlong64",
        registers::write_register_buffer64,
    ),
];

/// What a routine that returns nothing leaves in the register.
const NOTHING: u64 = 0;

const fn boolean(value: bool) -> u64 {
    value as u64
}

/// The lower 32 bits of a call's argument.
fn ulong(call: &ExportCall, n: u64) -> u32 {
    call.arg32(n)
}
