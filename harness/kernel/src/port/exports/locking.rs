//! Spin locks: `StorPortAcquireSpinLock`, `StorPortReleaseSpinLock`, their extended and message forms.

use super::{
    super::{
        abi::{
            View,
            codes::{
                STOR_STATUS_INVALID_PARAMETER, STOR_STATUS_SUCCESS, interrupt_synchronization,
                spin_lock,
            },
            config::PortConfiguration,
            services::StorLockHandle,
        },
        adapter, invoke,
        locks::{Lock, LockFault},
        waiting,
    },
    args, ulong,
};
use crate::{
    crash,
    exports::ExportCall,
    irql::{self, Irql},
    mem::Va,
    processors,
    rules::{self, Rule},
};

/// Notification `AcquireSpinLock`: (type, ext, `SpinLock`, `LockContext`, `LockHandle`).
pub(super) fn acquire(call: &ExportCall) {
    acquire_kind(ulong(call, 2), call.va(3), call.va(4));
}

/// `StorPortAcquireSpinLockEx(ext, SpinLock, LockContext, LockHandle)`, after the function code.
pub(super) fn acquire_ex(call: &ExportCall) -> u32 {
    if acquire_kind(ulong(call, 2), call.va(3), call.va(4)) {
        STOR_STATUS_SUCCESS
    } else {
        STOR_STATUS_INVALID_PARAMETER
    }
}

fn acquire_kind(kind: u32, context: Va, handle: Va) -> bool {
    let lock = match kind {
        spin_lock::DPC_LOCK | spin_lock::THREADED_DPC_LOCK => Lock::Dpc(context.0),
        spin_lock::START_IO_LOCK => Lock::StartIo,
        spin_lock::INTERRUPT_LOCK => Lock::Interrupt,
        spin_lock::DPC_LEVEL_LOCK => Lock::Own(context.0),
        other => {
            rules::violate(
                Rule::PortArgument,
                format_args!("StorPortAcquireSpinLock: there is no lock of kind {other}"),
            );
            return false;
        }
    };
    if let Lock::Dpc(object) = lock {
        let known = adapter::with(|adapter| {
            adapter
                .services
                .dpcs
                .iter()
                .any(|dpc| dpc.object.0 == object)
        });
        rules::demand(
            Rule::PortArgument,
            known == Some(true),
            format_args!(
                "the lock of the STOR_DPC at {object:#x} is acquired before StorPortInitializeDpc"
            ),
        );
    }
    let old = take(lock);
    let view = View::<StorLockHandle>::at(handle);
    let written = view.set(StorLockHandle::LOCK, kind).is_ok()
        && view
            .set(StorLockHandle::CONTEXT_LOCK_QUEUE_LOCK, context.0)
            .is_ok()
        && view.set(StorLockHandle::CONTEXT_OLD_IRQL, old).is_ok();
    rules::demand(
        Rule::PortArgument,
        written,
        format_args!("StorPortAcquireSpinLock: the lock handle {handle} cannot be written"),
    )
}

/// Takes a lock and raises the IRQL to its level; returns the IRQL before.
fn take(lock: Lock) -> Irql {
    // Raised first: nothing of this level may come in between.
    let level = level_of(lock);
    let now = irql::current();
    if now < level {
        irql::raise(level);
    } else if now > level {
        rules::violate(
            Rule::StorPortIrql,
            format_args!("{lock:?} is acquired at IRQL {now}, above its own {level}"),
        );
    }
    let me = processors::current();
    let faults = waiting::until_free(|| adapter::with(|adapter| adapter.locks.acquire(me, lock)));
    rules::check(Rule::StorPortSpinLock);
    rules::check(Rule::StorPortSpinLock3);
    for fault in faults.unwrap_or_default() {
        invoke::report_lock_fault(fault);
    }
    crash::cause::lock_taken();
    now
}

fn level_of(lock: Lock) -> Irql {
    match lock {
        Lock::Interrupt | Lock::Message(_) => {
            adapter::with(|adapter| adapter.interrupts.irql).unwrap_or(irql::DISPATCH_LEVEL)
        }
        Lock::Dpc(_) | Lock::StartIo | Lock::Channel(_) | Lock::Own(_) => irql::DISPATCH_LEVEL,
    }
}

fn give_back(lock: Lock, old: Irql) {
    rules::check(Rule::StorPortSpinLock4);
    let me = processors::current();
    let fault = adapter::with(|adapter| adapter.locks.release(me, lock)).flatten();
    if let Some(fault) = fault {
        invoke::report_lock_fault(fault);
        if matches!(fault, LockFault::NotHeld(_)) {
            return;
        }
    }
    if old < irql::current() {
        irql::lower(old);
    }
}

/// Notification `ReleaseSpinLock`: (type, ext, `LockHandle`).
pub(super) fn release(call: &ExportCall) {
    let view = View::<StorLockHandle>::at(call.va(2));
    let (Ok(kind), Ok(context), Ok(old)) = (
        view.get(StorLockHandle::LOCK),
        view.get(StorLockHandle::CONTEXT_LOCK_QUEUE_LOCK),
        view.get(StorLockHandle::CONTEXT_OLD_IRQL),
    ) else {
        rules::violate(
            Rule::PortArgument,
            format_args!("StorPortReleaseSpinLock: bad lock handle {}", call.va(2)),
        );
        return;
    };
    let lock = match kind {
        spin_lock::DPC_LOCK | spin_lock::THREADED_DPC_LOCK => Lock::Dpc(context),
        spin_lock::START_IO_LOCK => Lock::StartIo,
        spin_lock::INTERRUPT_LOCK => Lock::Interrupt,
        spin_lock::DPC_LEVEL_LOCK => Lock::Own(context),
        _ => {
            rules::violate(
                Rule::StorPortSpinLock4,
                "StorPortReleaseSpinLock: the handle was never used to acquire a lock",
            );
            return;
        }
    };
    give_back(lock, old);
}

/// `StorPortAcquireMSISpinLock(ext, MessageId, *OldIrql)`.
pub(super) fn acquire_message(call: &ExportCall) -> u32 {
    let message = ulong(call, 2);
    if !per_message() || !known_message(message) {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    let old = take(Lock::Message(message));
    args::put("StorPortAcquireMSISpinLock", call.va(3), &u32::from(old));
    STOR_STATUS_SUCCESS
}

/// `StorPortReleaseMSISpinLock(ext, MessageId, OldIrql)`.
pub(super) fn release_message(call: &ExportCall) -> u32 {
    let message = ulong(call, 2);
    if !per_message() || !known_message(message) {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    give_back(Lock::Message(message), call.arg8(3));
    STOR_STATUS_SUCCESS
}

/// `StorPortInitializeSpinlock(ext, Lock)`.
pub(super) fn initialize_own(call: &ExportCall) -> u32 {
    if args::put("StorPortInitializeSpinlock", call.va(2), &0_u64) {
        STOR_STATUS_SUCCESS
    } else {
        STOR_STATUS_INVALID_PARAMETER
    }
}

fn per_message() -> bool {
    let mode = adapter::with(|adapter| adapter.config.va).and_then(|config| {
        View::<PortConfiguration>::at(config)
            .get(PortConfiguration::INTERRUPT_SYNCHRONIZATION_MODE)
            .ok()
    });
    rules::demand(
        Rule::StorPortMSILock,
        mode == Some(interrupt_synchronization::SYNCHRONIZE_PER_MESSAGE),
        format_args!("the MSI spin lock is used with InterruptSynchronizationMode {mode:?}"),
    )
}

fn known_message(message: u32) -> bool {
    let messages = adapter::with(|adapter| adapter.interrupts.messages).unwrap_or(0);
    rules::demand(
        Rule::PortArgument,
        message < u32::from(messages),
        format_args!("message {message} of {messages}"),
    )
}
