//! Routines that fit nowhere else: deprecated ones, stalls, synchronised access, time, conversions, debug output.

use proto::record::Record;

use super::{
    super::{
        adapter::{self, ROLE},
        callback::Routine,
        complete, invoke,
        locks::Lock,
        queue::Address,
    },
    NOTHING, args, boolean, ulong,
};
use crate::{
    exports::ExportCall,
    irql, mem, nt, processors, record,
    rules::{self, Rule},
    timer,
};

/// Longest stall that bug check 0xF1/0x1001 allows.
const STALL_LIMIT_US: u32 = 100_000;
/// Wildcard of `StorPortCompleteRequest` (`SP_UNTAGGED`).
const ANY: u8 = 0xFF;

/// `StorPortStallExecution(Delay)`.
pub(super) fn stall_execution(call: &ExportCall) -> u64 {
    let us = ulong(call, 0);
    rules::demand(
        Rule::F1_1001_StallTooLong,
        us <= STALL_LIMIT_US,
        format_args!("a stall of {us} us; the limit is {STALL_LIMIT_US}"),
    );
    let must_not = args::routine().is_some_and(Routine::must_not_wait);
    rules::demand(
        Rule::StorPortStartIo,
        !must_not,
        format_args!("HwStorStartIo stalls for {us} us"),
    );
    args::may_wait("StorPortStallExecution");
    // It is the driver that stalls, not the bench: the others go on.
    timer::stall_aside_us(u64::from(us));
    NOTHING
}

/// `StorPortSynchronizeAccess(ext, Routine, Context)`: with the interrupt lock, at DIRQL.
pub(super) fn synchronize_access(call: &ExportCall) -> u64 {
    if !args::is_adapter(call, 0) {
        return boolean(false);
    }
    let Some((level, held)) = adapter::with(|adapter| {
        (
            adapter.interrupts.irql,
            adapter
                .locks
                .is_held(processors::current(), Lock::Interrupt),
        )
    }) else {
        return boolean(false);
    };
    rules::demand(
        Rule::StorPortSpinLock,
        !held,
        "StorPortSynchronizeAccess while the interrupt lock is held: a deadlock",
    );
    let result = irql::at(level.max(irql::current()), || {
        invoke::call_boolean(
            Routine::SynchronizedAccess,
            call.va(1),
            &[Lock::Interrupt],
            &[call.arg(0), call.arg(2)],
        )
    });
    boolean(result)
}

/// `StorPortCompleteRequest(ext, PathId, TargetId, Lun, SrbStatus)`: works, but must not be called.
pub(super) fn complete_request(call: &ExportCall) -> u64 {
    for rule in [Rule::StorPortCompleteRequest, Rule::StorPortDDIsPortOnly] {
        rules::check(rule);
        rules::violate(
            rule,
            "StorPortCompleteRequest is the port driver's; requests are completed by StorPortNotification",
        );
    }
    if !args::is_adapter(call, 0) {
        return NOTHING;
    }
    let (path, target, lun, status) = (call.arg8(1), call.arg8(2), call.arg8(3), call.arg8(4));
    let matches = |wanted: u8, actual: u8| wanted == ANY || wanted == actual;
    let tickets = adapter::with(|adapter| {
        adapter.table.at_miniport(|request| {
            let Address {
                path: p,
                target: t,
                lun: l,
            } = request.address;
            matches(path, p) && matches(target, t) && matches(lun, l)
        })
    })
    .unwrap_or_default();
    for ticket in tickets {
        complete::take_back(ticket, Some(status));
    }
    NOTHING
}

/// `StorPortLogError(ext, Srb, PathId, TargetId, Lun, ErrorCode, UniqueId)`.
pub(super) fn log_error(call: &ExportCall) -> u64 {
    rules::check(Rule::StorPortDeprecated);
    rules::violate(
        Rule::StorPortDeprecated,
        format_args!(
            "StorPortLogError(code {}, id {:#x}) is deprecated",
            ulong(call, 5),
            ulong(call, 6)
        ),
    );
    NOTHING
}

/// `StorPortValidateRange(...)`: always TRUE, as on Windows.
pub(super) fn validate_range(_call: &ExportCall) -> u64 {
    rules::check(Rule::StorPortDeprecated);
    rules::violate(
        Rule::StorPortDeprecated,
        "StorPortValidateRange is deprecated",
    );
    boolean(true)
}

/// `StorPortDebugPrint(DebugPrintLevel, DebugMessage, ...)`.
pub(super) fn debug_print(call: &ExportCall) -> u64 {
    let text = nt::print::format(call.va(1), call.args_va().offset(16));
    record::emit(&Record::DriverPrint { role: ROLE, text });
    NOTHING
}

/// `StorPortQuerySystemTime(*CurrentTime)`.
pub(super) fn query_system_time(call: &ExportCall) -> u64 {
    args::put(
        "StorPortQuerySystemTime",
        call.va(0),
        &timer::system_time_100ns(),
    );
    NOTHING
}

/// Conversions between physical addresses and 64-bit integers.
pub(super) fn identity(call: &ExportCall) -> u64 {
    call.arg(0)
}

/// `StorPortConvertPhysicalAddressToUlong(Address)`.
pub(super) fn low_half(call: &ExportCall) -> u64 {
    u64::from(ulong(call, 0))
}

/// `StorPortMoveMemory(Destination, Source, Length)`.
pub(super) fn move_memory(call: &ExportCall) -> u64 {
    if let Err(fault) = mem::copy(call.va(0), call.va(1), call.arg(2)) {
        rules::violate(
            Rule::PortArgument,
            format_args!("StorPortMoveMemory: {fault}"),
        );
    }
    NOTHING
}

/// The WMI helpers: this port sends no `SRB_FUNCTION_WMI`, so a call has no request that it could belong to.
pub(super) fn wmi(call: &ExportCall) -> u64 {
    rules::violate(
        Rule::RequestOwnership,
        format_args!("{} is called without a WMI request", call.export.name),
    );
    NOTHING
}
