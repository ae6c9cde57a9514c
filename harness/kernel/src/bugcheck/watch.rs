//! What a bug check callback may not do, seen while it runs: touch the HBA, call what needs a lower IRQL.
//!
//! Registers are hidden for the time of a callback, as for an instance that only marks its memory; `port::faults` asks
//! [`on_fault`] first. The exports ask [`look_at`]. Windows allows a callback to drive its own device; a storage miniport's
//! device is the dump instance's from the start of the crash on, hence the rule.

use core::sync::atomic::{AtomicBool, Ordering};

use crate::{
    exports::{ExportCall, Table},
    fault::{Fault, FaultAction},
    image,
    mem::{self, PAGE_BYTES, Presence},
    mmio,
    rules::{self, Rule},
};

static RUNNING: AtomicBool = AtomicBool::new(false);

/// Routines of the kernel that are documented for any IRQL and take no lock, in ascending order.
const HARMLESS: &[&str] = &[
    "KeAddTriageDumpDataBlock",
    "KeBugCheck",
    "KeBugCheckEx",
    "KeGetCurrentNodeNumber",
    "KeGetCurrentProcessorNumber",
    "KeGetCurrentProcessorNumberEx",
    "KeInitializeTriageDumpDataArray",
    "KeMemoryBarrier",
    "KeQueryInterruptTime",
    "KeQueryPerformanceCounter",
    "KeQuerySystemTime",
    "KeQueryTickCount",
    "KeQueryTimeIncrement",
    "KeStallExecutionProcessor",
    "MmGetPhysicalAddress",
    "MmIsAddressValid",
    "RtlCompareMemory",
    "RtlCopyMemory",
    "RtlCopyMemoryNonTemporal",
    "RtlEqualMemory",
    "RtlFillMemory",
    "RtlMoveMemory",
    "RtlZeroMemory",
    "memchr",
    "memcmp",
    "memcpy",
    "memcpy_s",
    "memmove",
    "memmove_s",
    "memset",
];

/// A callback begins: registers are hidden until [`end`].
pub(super) fn begin() {
    mmio::set_present_all(Presence::Absent);
    RUNNING.store(true, Ordering::Relaxed);
    for rule in [
        Rule::BugcheckCallbackTouchedHardware,
        Rule::BugcheckCallbackRestrictions,
        Rule::MemoryFault,
    ] {
        rules::check(rule);
    }
}

/// The callback returned.
pub(super) fn end() {
    RUNNING.store(false, Ordering::Relaxed);
    mmio::set_present_all(Presence::Present);
}

/// Whether a callback runs.
#[must_use]
pub fn is_running() -> bool {
    RUNNING.load(Ordering::Relaxed)
}

/// Looks at a call of an export while a callback runs.
pub fn look_at(table: Option<Table>, call: &ExportCall) {
    if !is_running() {
        return;
    }
    let name = call.export.name;
    let harmless = table == Some(Table::Nt) && HARMLESS.binary_search(&name).is_ok();
    if !harmless {
        rules::violate(
            Rule::BugcheckCallbackRestrictions,
            format_args!(
                "{name} called from {} at HIGH_LEVEL",
                image::symbolise(call.return_address)
            ),
        );
    }
}

/// A fault while a callback runs: a touch of the registers is reported and let through; `None` for anything else.
#[must_use]
pub fn on_fault(fault: &Fault) -> Option<FaultAction> {
    if !is_running() || mmio::find(fault.address).is_none() {
        return None;
    }
    rules::violate(
        Rule::BugcheckCallbackTouchedHardware,
        format_args!(
            "{:?} of the register at {} by {}",
            fault.access,
            fault.address,
            image::symbolise(fault.instruction)
        ),
    );
    match mem::set_present(fault.address.page(), PAGE_BYTES, Presence::Present) {
        Ok(()) => Some(FaultAction::Retry),
        Err(_) => None,
    }
}
