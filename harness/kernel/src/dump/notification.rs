//! `StorPortNotification` in a dump role.
//!
//! `RequestComplete` is real. Registrations of DPCs, timers and passive initialisation are accepted and never run: a
//! driver that needs them shows it by a request that never ends ([`super::request`] then names the rule).

use super::instance::{self, Port};
use crate::{
    exports::ExportCall,
    irql::HIGH_LEVEL,
    mem::{self, Va},
    port::{
        abi::{
            View,
            codes::{notification, spin_lock},
            services::{StorDpc, StorLockHandle},
            srb::{
                SRB_STATUS_INTERNAL_ERROR, SRB_STATUS_MASK, SRB_STATUS_PENDING, StorageRequestBlock,
            },
        },
        srb::BlockKind,
    },
    rules,
    rules::Rule,
    timer,
};

/// `StorPortNotification(NotificationType, HwDeviceExtension, ...)`.
pub(super) fn storport_notification(call: &ExportCall) -> u64 {
    rules::check(Rule::StorPortNotification2);
    match call.arg32(0) {
        notification::REQUEST_COMPLETE | notification::REQUEST_DIRECT_COMPLETE => {
            complete(call.va(2));
        }
        notification::ENABLE_PASSIVE_INITIALIZATION => enable_passive_initialization(call.va(3)),
        notification::INITIALIZE_DPC
        | notification::INITIALIZE_DPC_WITH_CONTEXT
        | notification::INITIALIZE_THREADED_DPC
        | notification::SET_TARGET_PROCESSOR_DPC => initialize_dpc(call),
        notification::ISSUE_DPC => issue_dpc(call),
        notification::ACQUIRE_SPIN_LOCK => acquire(call.arg32(2), call.va(4)),
        notification::RELEASE_SPIN_LOCK => release(call),
        notification::REQUEST_TIMER_CALL => request_timer(call),
        notification::QUERY_TICK_COUNT => {
            if let Err(fault) = mem::write(call.va(2), &timer::instructions()) {
                rules::violate(Rule::PortArgument, format_args!("TickCount: {fault}"));
            }
        }
        notification::NEXT_REQUEST
        | notification::NEXT_LU_REQUEST
        | notification::RESET_DETECTED
        | notification::BUS_CHANGE_DETECTED
        | notification::LINK_UP
        | notification::LINK_DOWN
        | notification::BUFFER_OVERRUN_DETECTED
        | notification::TRACE_NOTIFICATION
        | notification::WMI_EVENT
        | notification::WMI_REREGISTER
        | notification::STATE_CHANGE_DETECTED_CALL
        | notification::IO_TARGET_REQUEST_SERVICE_TIME
        | notification::ASYNC_NOTIFICATION_DETECTED
        | notification::MARK_DEVICE_FAILED
        | notification::MARK_DEVICE_FAILED_EX
        | notification::TERMINATE_SYSTEM_THREAD
        | notification::GET_EXTENDED_FUNCTION_TABLE => {}
        other => rules::violate(
            Rule::StorPortNotification2,
            format_args!("notification type {other} does not exist"),
        ),
    }
    0
}

/// `RequestComplete`: the one active request, once, with a status that a miniport may set.
pub(super) fn complete(srb: Va) {
    rules::check(Rule::F1_1003_RequestCompletedTwice);
    let known = instance::with(|port| {
        let request = port
            .instance
            .request
            .as_mut()
            .filter(|request| request.srb == srb)?;
        request.completions += 1;
        Some((request.completions, request.kind))
    });
    let Some((completions, kind)) = known.flatten() else {
        // The block is reused: a late second completion names it when nothing, or something else, is active.
        let ours = instance::with(|port| port.instance.blocks.srb.map(|block| block.va)).flatten();
        if ours == Some(srb) {
            rules::violate(
                Rule::F1_1003_RequestCompletedTwice,
                format_args!("{srb} is completed while no request is at the miniport"),
            );
        } else {
            rules::violate(
                Rule::RequestOwnership,
                format_args!("RequestComplete for {srb}, which is no request of the port"),
            );
        }
        return;
    };
    rules::demand(
        Rule::F1_1003_RequestCompletedTwice,
        completions == 1,
        format_args!("{srb} is completed {completions} times"),
    );
    check_status(srb, kind);
}

fn check_status(srb: Va, kind: BlockKind) {
    // `SrbStatus` is at the same place in both shapes.
    let _ = kind;
    let status: u8 = mem::read(srb.offset(StorageRequestBlock::SRB_STATUS.offset)).unwrap_or(0);
    let status = status & SRB_STATUS_MASK;
    rules::demand(
        Rule::StorPortStatusPending,
        status != SRB_STATUS_PENDING,
        format_args!("{srb} is completed with SRB_STATUS_PENDING"),
    );
    rules::demand(
        Rule::F1_1004_InvalidSrbStatus,
        status != SRB_STATUS_INTERNAL_ERROR,
        format_args!("{srb} is completed with status {status:#x}"),
    );
}

fn enable_passive_initialization(succeeded: Va) {
    instance::with(|port| port.instance.notes.passive_initialization = true);
    if let Err(fault) = mem::write(succeeded, &1_u8) {
        rules::violate(
            Rule::PortArgument,
            format_args!("passive initialisation: {fault}"),
        );
    }
}

/// A miniport must not initialise DPCs in dump mode (restrictions on miniport drivers that manage the boot drive). The
/// routine goes into the DPC, as the real port does it, so that the diagnosis can find it; it never runs by itself.
fn initialize_dpc(call: &ExportCall) {
    rules::check(Rule::DumpReliesOnDpc);
    rules::violate(
        Rule::DumpReliesOnDpc,
        format_args!("a DPC is initialised at {}; it never runs", call.va(2)),
    );
    if call.arg32(0) == notification::SET_TARGET_PROCESSOR_DPC {
        return;
    }
    let dpc = View::<StorDpc>::at(call.va(2));
    let written = dpc
        .set(StorDpc::DPC_DEFERRED_ROUTINE, call.arg(3))
        .and_then(|()| dpc.set(StorDpc::DPC_DEFERRED_CONTEXT, call.arg(1)));
    if let Err(fault) = written {
        rules::violate(Rule::PortArgument, format_args!("STOR_DPC: {fault}"));
    }
}

/// `IssueDpc(HwDeviceExtension, Dpc, SystemArgument1, SystemArgument2, *Succeeded)`.
fn issue_dpc(call: &ExportCall) {
    rules::check(Rule::DumpReliesOnDpc);
    instance::with(|port| {
        port.instance.notes.dpc = Some((call.va(2), call.arg(3), call.arg(4)));
    });
    if let Err(fault) = mem::write(call.va(5), &1_u8) {
        rules::violate(Rule::PortArgument, format_args!("IssueDpc: {fault}"));
    }
}

fn request_timer(call: &ExportCall) {
    rules::check(Rule::DumpReliesOnTimer);
    let (routine, microseconds) = (call.va(2), call.arg32(3));
    instance::with(|port| {
        port.instance.notes.timer = (microseconds != 0).then_some(routine);
    });
}

fn bit_of(lock: u32) -> u32 {
    1_u32.checked_shl(lock).unwrap_or(0)
}

/// Locks are trivial with one processor and no interrupts, but taking one twice hangs a real system.
pub(super) fn acquire(lock: u32, handle: Va) {
    let handle = View::<StorLockHandle>::at(handle);
    let written = handle
        .set(StorLockHandle::LOCK, lock)
        .and_then(|()| handle.set(StorLockHandle::CONTEXT_OLD_IRQL, HIGH_LEVEL));
    if let Err(fault) = written {
        rules::violate(
            Rule::PortArgument,
            format_args!("STOR_LOCK_HANDLE: {fault}"),
        );
    }
    let valid = (spin_lock::DPC_LOCK..=spin_lock::DPC_LEVEL_LOCK).contains(&lock);
    let held = instance::with(|port: &mut Port| {
        let bit = bit_of(lock);
        let held = port.instance.locks_held & bit != 0;
        port.instance.locks_held |= bit;
        held
    })
    .unwrap_or(false);
    rules::demand(
        Rule::StorPortSpinLock,
        valid && !held,
        format_args!("lock {lock} is taken while it is held, or does not exist"),
    );
}

/// `ReleaseSpinLock(HwDeviceExtension, LockHandle)`.
fn release(call: &ExportCall) {
    let handle = View::<StorLockHandle>::at(call.va(2));
    let lock = match handle.get(StorLockHandle::LOCK) {
        Ok(lock) => lock,
        Err(fault) => {
            rules::violate(
                Rule::PortArgument,
                format_args!("STOR_LOCK_HANDLE: {fault}"),
            );
            return;
        }
    };
    let was_held = instance::with(|port| {
        let bit = bit_of(lock);
        let held = port.instance.locks_held & bit != 0;
        port.instance.locks_held &= !bit;
        held
    })
    .unwrap_or(false);
    rules::demand(
        Rule::StorPortSpinLock4,
        was_held,
        format_args!("lock {lock} is released and not held"),
    );
}
