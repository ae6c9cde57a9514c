//! The rules `HwStorPortProhibitedDDIs` (routines that a physical miniport must not call) and `IrqlDispatch` (routines
//! that are called at `DISPATCH_LEVEL` and at no other; devtest/storport-irqldispatch).
//!
//! Of the 351 names on the rule's page (devtest/storport-hwstorportprohibitedddis), those that the bench exports, with the
//! fast forms that stand behind some; a driver that imports one of the others is not loaded in the first place.

use core::sync::atomic::{AtomicBool, Ordering};

use crate::{
    dump::filter,
    exports::ExportCall,
    image, irql,
    rules::{self, Rule},
};

/// In ascending order.
const NAMES: &[&str] = &[
    "ExAllocatePool",
    "ExAllocatePoolWithQuotaTag",
    "ExAllocatePoolWithTag",
    "ExAllocatePoolWithTagPriority",
    "IoAttachDeviceToDeviceStack",
    "IoCreateDevice",
    "IoDeleteDevice",
    "IoDetachDevice",
    "IoWMIRegistrationControl",
    "IofCallDriver",
    "IofCompleteRequest",
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
    "MmFreeContiguousMemory",
    "MmGetSystemRoutineAddress",
    "PsGetVersion",
    "ZwClose",
    "ZwOpenKey",
    "ZwQueryValueKey",
];

/// Of the fourteen names on the page of `IrqlDispatch`, those that the bench exports, with the fast forms that the compiler
/// puts in their place; a driver that imports one of the others is not loaded in the first place.
const DISPATCH_ONLY: &[&str] = &[
    "KeAcquireSpinLockAtDpcLevel",
    "KeReleaseSpinLockFromDpcLevel",
    "KefAcquireSpinLockAtDpcLevel",
    "KefReleaseSpinLockFromDpcLevel",
];

static NO_MINIPORT: AtomicBool = AtomicBool::new(false);

/// From now on the driver is one to which these rules do not apply.
pub(crate) fn expect_no_miniport() {
    NO_MINIPORT.store(true, Ordering::Relaxed);
}

/// Looks at a call of a routine of the kernel.
pub(crate) fn look_at(call: &ExportCall) {
    // Nor is a dump filter a miniport.
    let is_miniport = !NO_MINIPORT.load(Ordering::Relaxed) && !filter::is_code(call.return_address);
    if call.role.is_none() || !is_miniport {
        return;
    }
    look_at_irql(call);
    rules::check(Rule::HwStorPortProhibitedDDIs);
    if NAMES.binary_search(&call.export.name).is_ok() {
        let place = image::symbolise(call.return_address);
        rules::violate(
            Rule::HwStorPortProhibitedDDIs,
            format_args!("{} called from {place}", call.export.name),
        );
    }
}

fn look_at_irql(call: &ExportCall) {
    rules::check(Rule::IrqlDispatch);
    let now = irql::current();
    if DISPATCH_ONLY.contains(&call.export.name) && now != irql::DISPATCH_LEVEL {
        rules::violate(
            Rule::IrqlDispatch,
            format_args!(
                "{} called at IRQL {now} from {}",
                call.export.name,
                image::symbolise(call.return_address)
            ),
        );
    }
}
