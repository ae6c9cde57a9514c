//! `StorPortExtendedFunction` in a dump role.
//!
//! `MarkDumpMemory` is real, and what needs neither memory nor `PASSIVE_LEVEL` is answered. Pool and everything that
//! needs `PASSIVE_LEVEL` is a violation with an error status; every other code is `STOR_STATUS_NOT_IMPLEMENTED` and
//! counted, as an old port would answer it.

use super::{
    instance::{self, Port},
    mark, notification,
};
use crate::{
    exports::ExportCall,
    irql,
    mem::{self, Va},
    port::abi::{
        codes::{
            STOR_STATUS_INVALID_DEVICE_REQUEST, STOR_STATUS_INVALID_IRQL,
            STOR_STATUS_INVALID_PARAMETER, STOR_STATUS_NOT_IMPLEMENTED, STOR_STATUS_SUCCESS,
            STOR_STATUS_UNSUCCESSFUL,
        },
        extended::code,
    },
    rules,
    rules::Rule,
    timer,
};

/// How a code is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Service {
    /// Answered here.
    Answered,
    /// Allocates or frees memory.
    Pool,
    /// Needs `PASSIVE_LEVEL`.
    Passive,
    /// Accepted and never run.
    Timer,
    /// Not available.
    NotImplemented,
}

const fn service(number: u32) -> Service {
    match number {
        code::ALLOCATE_POOL
        | code::FREE_POOL
        | code::ALLOCATE_MDL
        | code::FREE_MDL
        | code::BUILD_MDL_FOR_NON_PAGED_POOL
        | code::ALLOCATE_CONTIGUOUS_MEMORY_SPECIFY_CACHE_NODE
        | code::FREE_CONTIGUOUS_MEMORY_SPECIFY_CACHE
        | code::ALLOCATE_DMA_MEMORY
        | code::FREE_DMA_MEMORY
        | code::ALLOCATE_HMB
        | code::FREE_HMB => Service::Pool,
        code::REGISTRY_READ_ADAPTER_KEY
        | code::REGISTRY_WRITE_ADAPTER_KEY
        | code::ENABLE_REGISTRY_KEY_NOTIFICATION
        | code::INITIALIZE_WORKER
        | code::QUEUE_WORK_ITEM
        | code::FREE_WORKER
        | code::INVOKE_ACPI_METHOD
        | code::SET_POWER_SETTING_NOTIFICATION_GUIDS
        | code::GET_D3_COLD_SUPPORT
        | code::DELAY_EXECUTION
        | code::WAIT_FOR_EVENT
        | code::CREATE_SYSTEM_THREAD
        | code::CAPTURE_LIVE_DUMP => Service::Passive,
        code::INITIALIZE_TIMER
        | code::REQUEST_TIMER
        | code::FREE_TIMER
        | code::INITIALIZE_HIGH_RESOLUTION_TIMER
        | code::REQUEST_HIGH_RESOLUTION_TIMER
        | code::CANCEL_HIGH_RESOLUTION_TIMER
        | code::FREE_HIGH_RESOLUTION_TIMER => Service::Timer,
        code::MARK_DUMP_MEMORY
        | code::GET_SYSTEM_ADDRESS
        | code::GET_MESSAGE_INTERRUPT_INFORMATION
        | code::LOG_SYSTEM_EVENT
        | code::GET_CURRENT_PROCESSOR_NUMBER
        | code::GET_CURRENT_PROCESSOR_INDEX
        | code::GET_PROCESSOR_COUNT
        | code::QUERY_PERFORMANCE_COUNTER
        | code::GET_CURRENT_IRQL
        | code::ACQUIRE_SPIN_LOCK
        | code::ACQUIRE_MSI_SPIN_LOCK
        | code::RELEASE_MSI_SPIN_LOCK
        | code::MINIPORT_ETW_EVENT2
        | code::MINIPORT_ETW_EVENT4
        | code::MINIPORT_ETW_EVENT8
        | code::MINIPORT_CHANNEL_ETW_EVENT2
        | code::MINIPORT_CHANNEL_ETW_EVENT4
        | code::MINIPORT_CHANNEL_ETW_EVENT8 => Service::Answered,
        _ => Service::NotImplemented,
    }
}

/// `StorPortExtendedFunction(FunctionCode, HwDeviceExtension, ...)`; returns a `STOR_STATUS`.
pub(super) fn storport_extended_function(call: &ExportCall) -> u64 {
    let number = call.arg32(0);
    rules::check(Rule::DumpPoolCall);
    rules::check(Rule::DumpPassiveOnlyCall);
    let status = match service(number) {
        Service::Answered => answer(number, call),
        Service::Pool => {
            rules::violate(
                Rule::DumpPoolCall,
                format_args!("{}: there is no pool in dump mode", name(number)),
            );
            STOR_STATUS_UNSUCCESSFUL
        }
        Service::Passive => {
            rules::violate(
                Rule::DumpPassiveOnlyCall,
                format_args!("{} at IRQL {}", name(number), irql::current()),
            );
            STOR_STATUS_INVALID_IRQL
        }
        Service::Timer => timer_service(number, call),
        Service::NotImplemented => {
            instance::with(|port| {
                *port.instance.not_implemented.entry(number).or_insert(0) += 1;
            });
            STOR_STATUS_NOT_IMPLEMENTED
        }
    };
    u64::from(status)
}

/// The C name of a code, for reports.
fn name(number: u32) -> &'static str {
    code::NAMES
        .iter()
        .find(|(_, known)| *known == number)
        .map_or("unknown ExtFunction", |(name, _)| *name)
}

fn answer(number: u32, call: &ExportCall) -> u32 {
    match number {
        code::MARK_DUMP_MEMORY => mark::mark_dump_memory(call),
        code::GET_SYSTEM_ADDRESS => get_system_address(call.va(2), call.va(3)),
        code::GET_MESSAGE_INTERRUPT_INFORMATION => STOR_STATUS_INVALID_DEVICE_REQUEST,
        code::GET_CURRENT_PROCESSOR_NUMBER => store(call.va(2), &[0_u8; 4]),
        code::GET_CURRENT_PROCESSOR_INDEX => store(call.va(2), &0_u32),
        code::GET_PROCESSOR_COUNT => store(call.va(2), &1_u32),
        code::GET_CURRENT_IRQL => store(call.va(2), &irql::current()),
        code::QUERY_PERFORMANCE_COUNTER => {
            let frequency = store_optional(call.va(2), &timer::stamps_per_second());
            if frequency == STOR_STATUS_SUCCESS {
                store_optional(call.va(3), &timer::instructions())
            } else {
                frequency
            }
        }
        code::ACQUIRE_SPIN_LOCK => {
            notification::acquire(call.arg32(2), call.va(4));
            STOR_STATUS_SUCCESS
        }
        code::ACQUIRE_MSI_SPIN_LOCK | code::RELEASE_MSI_SPIN_LOCK => {
            rules::violate(
                Rule::StorPortMSILock,
                "there are no interrupt messages in dump mode",
            );
            STOR_STATUS_UNSUCCESSFUL
        }
        // Events and logs are accepted; there is nobody to read them.
        _ => STOR_STATUS_SUCCESS,
    }
}

/// `GetSystemAddress(HwDeviceExtension, Srb, *SystemAddress)`: the data are mapped while the request lasts.
fn get_system_address(srb: Va, result: Va) -> u32 {
    let address = instance::with(|port: &mut Port| {
        let request = port.instance.request.as_ref()?;
        (request.srb == srb && !request.data.is_empty()).then_some(request.data_va)
    });
    address
        .flatten()
        .map_or(STOR_STATUS_INVALID_PARAMETER, |address| {
            store(result, &address.0)
        })
}

/// Timers exist by name only. A request that then times out is blamed on them.
fn timer_service(number: u32, call: &ExportCall) -> u32 {
    rules::check(Rule::DumpReliesOnTimer);
    match number {
        code::INITIALIZE_TIMER => {
            let handle = instance::with(|port| port.stack.block.va).unwrap_or(Va::NULL);
            store(call.va(2), &handle.0)
        }
        code::REQUEST_TIMER => {
            let routine = call.va(3);
            instance::with(|port| {
                port.instance.notes.timer = (call.arg(5) != 0).then_some(routine);
            });
            STOR_STATUS_SUCCESS
        }
        code::FREE_TIMER => STOR_STATUS_SUCCESS,
        _ => STOR_STATUS_NOT_IMPLEMENTED,
    }
}

fn store<T: zerocopy::IntoBytes + zerocopy::Immutable>(at: Va, value: &T) -> u32 {
    match mem::write(at, value) {
        Ok(()) => STOR_STATUS_SUCCESS,
        Err(fault) => {
            rules::violate(Rule::PortArgument, fault);
            STOR_STATUS_INVALID_PARAMETER
        }
    }
}

fn store_optional<T: zerocopy::IntoBytes + zerocopy::Immutable>(at: Va, value: &T) -> u32 {
    if at.is_null() {
        return STOR_STATUS_SUCCESS;
    }
    store(at, value)
}
