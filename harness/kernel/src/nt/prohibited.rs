//! The rule `HwStorPortProhibitedDDIs`: routines that a physical miniport must not call.
//!
//! Of the 351 names on the rule's page (devtest/storport-hwstorportprohibitedddis), those that the bench exports; a
//! driver that imports one of the others is not loaded in the first place.

use crate::{
    dump::filter,
    exports::ExportCall,
    image,
    rules::{self, Rule},
};

/// In ascending order.
const NAMES: &[&str] = &[
    "ExAllocatePool",
    "ExAllocatePoolWithQuotaTag",
    "ExAllocatePoolWithTag",
    "ExAllocatePoolWithTagPriority",
    "IoWMIRegistrationControl",
    "KeAcquireInStackQueuedSpinLock",
    "KeAcquireSpinLock",
    "KeAcquireSpinLockAtDpcLevel",
    "KeAcquireSpinLockRaiseToDpc",
    "KeAreAllApcsDisabled",
    "KeAreApcsDisabled",
    "KeEnterCriticalRegion",
    "KeGetCurrentIrql",
    "KeInitializeSpinLock",
    "KeLeaveCriticalRegion",
    "KeLowerIrql",
    "KeQueryActiveProcessors",
    "KeRaiseIrql",
    "KeRaiseIrqlToDpcLevel",
    "KeReleaseInStackQueuedSpinLock",
    "KeReleaseSpinLock",
    "KeReleaseSpinLockFromDpcLevel",
    "MmGetSystemRoutineAddress",
    "PsGetVersion",
    "ZwClose",
    "ZwOpenKey",
    "ZwQueryValueKey",
];

/// Looks at a call of a routine of the kernel.
pub(crate) fn look_at(call: &ExportCall) {
    // A dump filter is no miniport.
    if call.role.is_none() || filter::is_code(call.return_address) {
        return;
    }
    rules::check(Rule::HwStorPortProhibitedDDIs);
    if NAMES.binary_search(&call.export.name).is_ok() {
        let place = image::symbolise(call.return_address);
        rules::violate(
            Rule::HwStorPortProhibitedDDIs,
            format_args!("{} called from {place}", call.export.name),
        );
    }
}
