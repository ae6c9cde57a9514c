//! The export table of the dump port: what `storport.sys` resolves to for a copy in a dump stack.
//!
//! Exactly the names that `dump_diskdump.sys` is known to export (docs/dump-and-hibernate.md); a miniport that imports
//! any other name of storport.sys cannot be loaded into a dump stack, and with it hibernation and crash dumps fail. The
//! WMI helpers belong to the port's old export set: vioscsi imports one of them and writes dumps in the field.

use alloc::string::String;

use proto::{owner::Role, record::Record};

use super::{
    extended, initialize,
    instance::{self, Port},
    memory, notification,
};
use crate::{
    call::{self, Callback, CallbackKind},
    exports::{Export, ExportCall},
    hw, irql,
    mem::{self, Va},
    mmio::{self, Width},
    port::abi::srb::StorageRequestBlock,
    record, rules,
    rules::Rule,
    timer,
};

/// Longest `StorPortStallExecution` in dump mode, in microseconds: longer than in daily life, and still bounded.
const LONGEST_STALL_US: u64 = 100_000;
/// Most microseconds that one callback may stall in all; `HwStorInitialize` waits for the device to come up.
const MOST_STALLED_US: u64 = 5_000_000;
/// Queries of the system time in one callback after which the miniport is taken to wait for it: it does not advance.
const MOST_TIME_QUERIES: u64 = 100_000;
/// What `StorPortQuerySystemTime` answers in dump mode: 2026-01-01, for ever.
const FROZEN_TIME_100NS: u64 = 134_116_992_000_000_000;

const TRUE: u64 = 1;
const FALSE: u64 = 0;

macro_rules! exports {
    ($($name:literal => $handler:expr,)*) => {
        /// Every export of the dump port.
        pub const EXPORTS: &[Export] = &[$(Export {
            module: "storport.sys",
            name: $name,
            handler: $handler,
        },)*];
    };
}

exports! {
    "ScsiPortMoveMemory" => move_memory,
    "ScsiPortNotification" => notification::storport_notification,
    "ScsiPortWmiDispatchFunction" => registry,
    "ScsiPortWmiFireAdapterEvent" => registry,
    "ScsiPortWmiFireLogicalUnitEvent" => registry,
    "ScsiPortWmiGetReturnSize" => registry,
    "ScsiPortWmiGetReturnStatus" => registry,
    "ScsiPortWmiPostProcess" => registry,
    "ScsiPortWmiSetData" => registry,
    "ScsiPortWmiSetInstanceCount" => registry,
    "ScsiPortWmiSetInstanceName" => registry,
    "StorPortAllocateRegistryBuffer" => registry_buffer,
    "StorPortBusy" => answer_true,
    "StorPortCompleteRequest" => complete_request,
    "StorPortConvertUlongToPhysicalAddress" => identity,
    "StorPortDebugPrint" => debug_print,
    "StorPortDeviceBusy" => answer_true,
    "StorPortDeviceReady" => answer_true,
    "StorPortExtendedFunction" => extended::storport_extended_function,
    "StorPortFreeDeviceBase" => memory::free_device_base,
    "StorPortFreeRegistryBuffer" => registry_free,
    "StorPortGetBusData" => memory::get_bus_data,
    "StorPortGetDeviceBase" => memory::get_device_base,
    "StorPortGetLogicalUnit" => memory::get_logical_unit,
    "StorPortGetPhysicalAddress" => memory::get_physical_address,
    "StorPortGetScatterGatherList" => memory::get_scatter_gather_list,
    "StorPortGetSrb" => answer_false,
    "StorPortGetUncachedExtension" => memory::get_uncached_extension,
    "StorPortGetVirtualAddress" => memory::get_virtual_address,
    "StorPortInitialize" => initialize::storport_initialize,
    "StorPortLogError" => deprecated,
    "StorPortMoveMemory" => move_memory,
    "StorPortNotification" => notification::storport_notification,
    "StorPortPause" => answer_true,
    "StorPortPauseDevice" => answer_true,
    "StorPortQuerySystemTime" => query_system_time,
    "StorPortReadPortBufferUchar" => |call| port_buffer(call, Width::Byte, Way::Read),
    "StorPortReadPortBufferUlong" => |call| port_buffer(call, Width::Dword, Way::Read),
    "StorPortReadPortBufferUshort" => |call| port_buffer(call, Width::Word, Way::Read),
    "StorPortReadPortUchar" => |call| read_port(call, Width::Byte),
    "StorPortReadPortUlong" => |call| read_port(call, Width::Dword),
    "StorPortReadPortUshort" => |call| read_port(call, Width::Word),
    "StorPortReadRegisterBufferUchar" => |call| register_buffer(call, Width::Byte, Way::Read),
    "StorPortReadRegisterBufferUlong" => |call| register_buffer(call, Width::Dword, Way::Read),
    "StorPortReadRegisterBufferUshort" => |call| register_buffer(call, Width::Word, Way::Read),
    "StorPortReadRegisterUchar" => |call| read_register(call, Width::Byte),
    "StorPortReadRegisterUlong" => |call| read_register(call, Width::Dword),
    "StorPortReadRegisterUlong64" => |call| read_register(call, Width::Qword),
    "StorPortReadRegisterUshort" => |call| read_register(call, Width::Word),
    "StorPortReady" => answer_true,
    "StorPortRegistryRead" => registry,
    "StorPortRegistryWrite" => registry,
    "StorPortResume" => answer_true,
    "StorPortResumeDevice" => answer_true,
    "StorPortSetBusDataByOffset" => memory::set_bus_data_by_offset,
    "StorPortSetDeviceQueueDepth" => answer_true,
    "StorPortStallExecution" => stall_execution,
    "StorPortSynchronizeAccess" => synchronize_access,
    "StorPortValidateRange" => deprecated,
    "StorPortWritePortBufferUchar" => |call| port_buffer(call, Width::Byte, Way::Write),
    "StorPortWritePortBufferUlong" => |call| port_buffer(call, Width::Dword, Way::Write),
    "StorPortWritePortBufferUshort" => |call| port_buffer(call, Width::Word, Way::Write),
    "StorPortWritePortUchar" => |call| write_port(call, Width::Byte),
    "StorPortWritePortUlong" => |call| write_port(call, Width::Dword),
    "StorPortWritePortUshort" => |call| write_port(call, Width::Word),
    "StorPortWriteRegisterBufferUchar" => |call| register_buffer(call, Width::Byte, Way::Write),
    "StorPortWriteRegisterBufferUlong" => |call| register_buffer(call, Width::Dword, Way::Write),
    "StorPortWriteRegisterBufferUshort" => |call| register_buffer(call, Width::Word, Way::Write),
    "StorPortWriteRegisterUchar" => |call| write_register(call, Width::Byte),
    "StorPortWriteRegisterUlong" => |call| write_register(call, Width::Dword),
    "StorPortWriteRegisterUlong64" => |call| write_register(call, Width::Qword),
    "StorPortWriteRegisterUshort" => |call| write_register(call, Width::Word),
}

/// Direction of a register access.
#[derive(Clone, Copy)]
enum Way {
    Read,
    Write,
}

/// Queue control means nothing with one request at a time.
fn answer_true(_: &ExportCall) -> u64 {
    TRUE
}

fn answer_false(_: &ExportCall) -> u64 {
    FALSE
}

fn identity(call: &ExportCall) -> u64 {
    call.arg(0)
}

fn move_memory(call: &ExportCall) -> u64 {
    if let Err(fault) = mem::copy(call.va(0), call.va(1), u64::from(call.arg32(2))) {
        rules::violate(Rule::PortArgument, format_args!("MoveMemory: {fault}"));
    }
    0
}

fn deprecated(call: &ExportCall) -> u64 {
    rules::violate(
        Rule::StorPortDeprecated,
        format_args!("{} is called", call.export.name),
    );
    TRUE
}

/// The registry and WMI need `PASSIVE_LEVEL`.
fn registry(call: &ExportCall) -> u64 {
    rules::check(Rule::DumpPassiveOnlyCall);
    rules::violate(
        Rule::DumpPassiveOnlyCall,
        format_args!("{} at IRQL {}", call.export.name, irql::current()),
    );
    FALSE
}

fn registry_buffer(call: &ExportCall) -> u64 {
    // NULL tells the miniport that there is no registry; that it asked is worth a line, not a verdict.
    crate::log_debug!("{} in dump mode: NULL", call.export.name);
    0
}

fn registry_free(_: &ExportCall) -> u64 {
    0
}

/// `StorPortCompleteRequest(HwDeviceExtension, PathId, TargetId, Lun, SrbStatus)`.
fn complete_request(call: &ExportCall) -> u64 {
    for rule in [Rule::StorPortCompleteRequest, Rule::StorPortDDIsPortOnly] {
        rules::check(rule);
        rules::violate(
            rule,
            "StorPortCompleteRequest is the port driver's; requests are completed by StorPortNotification",
        );
    }
    let srb = instance::with(|port| port.instance.request.as_ref().map(|request| request.srb));
    if let Some(srb) = srb.flatten() {
        let status = [call.arg(4).to_le_bytes()[0]];
        let at = srb.offset(StorageRequestBlock::SRB_STATUS.offset);
        if mem::write_bytes(at, &status).is_ok() {
            notification::complete(srb);
        }
    }
    0
}

fn debug_print(call: &ExportCall) -> u64 {
    let text = crate::nt::print::format(call.va(1), call.args_va().offset(16));
    record::emit(&Record::DriverPrint {
        role: call.role.unwrap_or(Role::Hiber),
        text,
    });
    0
}

fn query_system_time(call: &ExportCall) -> u64 {
    rules::check(Rule::DumpReliesOnTimer);
    let queries = instance::with(|port| {
        port.instance.notes.system_time_queries += 1;
        port.instance.notes.system_time_queries
    })
    .unwrap_or(0);
    if let Err(fault) = mem::write(call.va(0), &FROZEN_TIME_100NS) {
        rules::violate(Rule::PortArgument, format_args!("CurrentTime: {fault}"));
    }
    if queries == MOST_TIME_QUERIES {
        rules::violate(
            Rule::DumpReliesOnTimer,
            "the miniport waits for the system time, which does not advance in dump mode",
        );
        super::give_up(String::from(
            "the miniport's copy waits for the system time without end",
        ));
    }
    0
}

fn stall_execution(call: &ExportCall) -> u64 {
    let microseconds = u64::from(call.arg32(0));
    rules::demand(
        Rule::F1_1001_StallTooLong,
        microseconds <= LONGEST_STALL_US,
        format_args!("StorPortStallExecution({microseconds})"),
    );
    let in_start_io =
        call::current().is_some_and(|callback| callback.kind == CallbackKind::StartIo);
    rules::demand(
        Rule::StorPortStartIo,
        !in_start_io,
        format_args!("StorPortStallExecution({microseconds}) in HwStorStartIo"),
    );
    let stalled = instance::with(|port: &mut Port| {
        let total = &mut port.instance.notes.stalled_us;
        *total = total.saturating_add(microseconds);
        *total
    })
    .unwrap_or(0);
    timer::stall_us(microseconds.min(LONGEST_STALL_US));
    if stalled > MOST_STALLED_US {
        rules::violate(
            Rule::F1_1002_CallbackTooLong,
            format_args!("{stalled} microseconds stalled in one callback"),
        );
        super::give_up(String::from("the miniport's copy stalls without end"));
    }
    0
}

/// `StorPortSynchronizeAccess(HwDeviceExtension, Routine, Context)`: nothing runs beside the caller anyway.
fn synchronize_access(call: &ExportCall) -> u64 {
    let callback = Callback {
        role: call.role.unwrap_or(Role::Hiber),
        kind: CallbackKind::Other,
        name: "HwStorSynchronizedAccess",
    };
    call::invoke(callback, call.va(1), &[call.arg(0), call.arg(2)])
}

const fn bytes_of(width: Width) -> u64 {
    match width {
        Width::Byte => 1,
        Width::Word => 2,
        Width::Dword => 4,
        Width::Qword => 8,
    }
}

fn read_register(call: &ExportCall, width: Width) -> u64 {
    mmio::read(call.va(1), width).unwrap_or_else(|fault| {
        register_fault(call, fault);
        u64::MAX
    })
}

fn write_register(call: &ExportCall, width: Width) -> u64 {
    if let Err(fault) = mmio::write(call.va(1), width, call.arg(2)) {
        register_fault(call, fault);
    }
    0
}

/// `(HwDeviceExtension, Register, Buffer, Count)`.
fn register_buffer(call: &ExportCall, width: Width, way: Way) -> u64 {
    let step = bytes_of(width);
    for index in 0..u64::from(call.arg32(3)) {
        let (register, buffer) = (
            call.va(1).offset(index * step),
            call.va(2).offset(index * step),
        );
        let moved = match way {
            Way::Read => mmio::read(register, width).and_then(|value| store(buffer, step, value)),
            Way::Write => load(buffer, step).and_then(|value| mmio::write(register, width, value)),
        };
        if let Err(fault) = moved {
            register_fault(call, fault);
            break;
        }
    }
    0
}

fn store(at: Va, bytes: u64, value: u64) -> Result<(), mem::MemFault> {
    let value = value.to_le_bytes();
    mem::write_bytes(at, value.get(..mem::size(bytes)).unwrap_or_default())
}

fn load(at: Va, bytes: u64) -> Result<u64, mem::MemFault> {
    let mut value = [0; 8];
    mem::read_bytes(at, value.get_mut(..mem::size(bytes)).unwrap_or_default())?;
    Ok(u64::from_le_bytes(value))
}

fn register_fault(call: &ExportCall, fault: mem::MemFault) {
    let marking = instance::with(|port| !port.instance.mode.touches_hardware()).unwrap_or(false);
    let rule = if marking {
        Rule::DumpHardwareInMarkMemory
    } else {
        Rule::PortArgument
    };
    rules::violate(rule, format_args!("{}: {fault}", call.export.name));
}

fn port_number(call: &ExportCall) -> u16 {
    // I/O ports are handed out as addresses; only 16 bits of them exist.
    u16::try_from(call.arg(1) & 0xFFFF).unwrap_or(0)
}

fn read_port(call: &ExportCall, width: Width) -> u64 {
    in_port(port_number(call), width)
}

fn write_port(call: &ExportCall, width: Width) -> u64 {
    out_port(port_number(call), width, call.arg(2));
    0
}

/// `(HwDeviceExtension, Port, Buffer, Count)`: one port, many values.
fn port_buffer(call: &ExportCall, width: Width, way: Way) -> u64 {
    let step = bytes_of(width);
    let number = port_number(call);
    for index in 0..u64::from(call.arg32(3)) {
        let buffer = call.va(2).offset(index * step);
        let moved = match way {
            Way::Read => store(buffer, step, in_port(number, width)),
            Way::Write => load(buffer, step).map(|value| out_port(number, width, value)),
        };
        if let Err(fault) = moved {
            rules::violate(
                Rule::PortArgument,
                format_args!("{}: {fault}", call.export.name),
            );
            break;
        }
    }
    0
}

fn in_port(number: u16, width: Width) -> u64 {
    match width {
        Width::Byte => u64::from(hw::port::in8(number)),
        Width::Word => u64::from(hw::port::in16(number)),
        Width::Dword | Width::Qword => u64::from(hw::port::in32(number)),
    }
}

fn out_port(number: u16, width: Width, value: u64) {
    let [b0, b1, b2, b3, ..] = value.to_le_bytes();
    match width {
        Width::Byte => hw::port::out8(number, b0),
        Width::Word => hw::port::out16(number, u16::from_le_bytes([b0, b1])),
        Width::Dword | Width::Qword => {
            hw::port::out32(number, u32::from_le_bytes([b0, b1, b2, b3]));
        }
    }
}
