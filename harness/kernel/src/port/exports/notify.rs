//! `StorPortNotification`: one variadic routine for completions, timers, DPCs, locks and events.

use super::{
    super::{
        abi::{
            View,
            codes::{STOR_STATUS_INVALID_PARAMETER, STOR_STATUS_SUCCESS, notification as kind},
            services::StorDpc,
        },
        adapter::{self, Phase},
        callback::Routine,
        complete, dispatch,
        services::{self, MiniDpc, MiniTimer},
    },
    NOTHING, args, boolean, locking, ulong,
};
use crate::{
    exports::ExportCall,
    irql,
    mem::Va,
    rules::{self, Rule},
    timer,
};

/// `StorPortNotification(NotificationType, ext, ...)`.
pub(super) fn notification(call: &ExportCall) -> u64 {
    let selector = ulong(call, 0);
    rules::check(Rule::StorPortNotification2);
    if !args::is_adapter(call, 1) {
        return NOTHING;
    }
    match selector {
        kind::REQUEST_COMPLETE | kind::REQUEST_DIRECT_COMPLETE => {
            complete::request_complete(call.va(2));
        }
        // Storport ignores the first two (`StorPortNotification`); for the others there is nobody here to tell.
        kind::NEXT_REQUEST
        | kind::NEXT_LU_REQUEST
        | kind::WMI_EVENT
        | kind::WMI_REREGISTER
        | kind::TRACE_NOTIFICATION
        | kind::IO_TARGET_REQUEST_SERVICE_TIME
        | kind::SET_TARGET_PROCESSOR_DPC => {}
        kind::RESET_DETECTED => log!("miniport: a reset was detected"),
        kind::REQUEST_TIMER_CALL => request_timer_call(call),
        kind::BUS_CHANGE_DETECTED => {
            adapter::with(|adapter| adapter.services.bus_changed = true);
        }
        kind::LINK_UP => {
            adapter::with(|adapter| adapter.queues.resume_adapter());
            dispatch::kick();
        }
        kind::LINK_DOWN => {
            // Requests are kept until LinkUp or LinkDownTimeoutValue, 30 s.
            let until = timer::now_us() + 30_000_000;
            adapter::with(|adapter| adapter.queues.pause_adapter(until));
        }
        kind::QUERY_TICK_COUNT => {
            args::put("QueryTickCount", call.va(2), &(timer::now_us() / 10_000));
        }
        kind::BUFFER_OVERRUN_DETECTED => {
            rules::violate(Rule::PoolOverrun, "the miniport reports a buffer overrun");
        }
        kind::ENABLE_PASSIVE_INITIALIZATION => enable_passive_initialization(call),
        kind::INITIALIZE_DPC
        | kind::INITIALIZE_DPC_WITH_CONTEXT
        | kind::INITIALIZE_THREADED_DPC => initialize_dpc(call),
        kind::ISSUE_DPC => issue_dpc(call),
        kind::ACQUIRE_SPIN_LOCK => locking::acquire(call),
        kind::RELEASE_SPIN_LOCK => locking::release(call),
        kind::STATE_CHANGE_DETECTED_CALL => state_change_detected(call),
        kind::ASYNC_NOTIFICATION_DETECTED => {
            args::put(
                "StorPortAsyncNotificationDetected",
                call.va(4),
                &STOR_STATUS_SUCCESS,
            );
        }
        kind::MARK_DEVICE_FAILED => log!("miniport: the device is marked failed"),
        kind::MARK_DEVICE_FAILED_EX => {
            log!("miniport: the device is marked failed");
            args::put(
                "StorPortMarkDeviceFailedEx",
                call.va(10),
                &STOR_STATUS_SUCCESS,
            );
        }
        other => rules::violate(
            Rule::StorPortNotification2,
            format_args!("there is no notification of type {other:#x} for miniports"),
        ),
    }
    NOTHING
}

/// `RequestTimerCall`: (type, ext, `HwStorTimer`, microseconds); 0 microseconds cancel.
fn request_timer_call(call: &ExportCall) {
    let (routine, us) = (call.va(2), ulong(call, 3));
    if us > 0
        && !rules::demand(
            Rule::StorPortTimer,
            !routine.is_null(),
            "RequestTimerCall without a timer routine",
        )
    {
        return;
    }
    adapter::with(|adapter| {
        let timers = &mut adapter.services.timers;
        if !timers.iter().any(|timer| timer.handle == 0) {
            timers.push(MiniTimer::default());
        }
    });
    services::request_timer(0, routine, None, u64::from(us));
}

/// `EnablePassiveInitialization`: (type, ext, routine, *succeeded).
fn enable_passive_initialization(call: &ExportCall) {
    let (routine, succeeded) = (call.va(2), call.va(3));
    let from_initialize = args::called_from(
        Rule::StorPortEnablePassive,
        "StorPortEnablePassiveInitialization",
        &[Routine::Initialize],
    );
    let restarting = adapter::with(|adapter| adapter.restarting).unwrap_or(false);
    let first_time = rules::demand(
        Rule::StorPortPassiveFromHwInit,
        !restarting,
        "StorPortEnablePassiveInitialization is called on the restart path",
    );
    let accepted = from_initialize && first_time && !routine.is_null();
    if accepted {
        adapter::with(|adapter| adapter.passive_routine = routine);
    }
    args::put(
        "StorPortEnablePassiveInitialization",
        succeeded,
        &boolean(accepted).to_le_bytes()[0],
    );
}

/// `InitializeDpc`: (type, ext, Dpc, `HwDpcRoutine`).
fn initialize_dpc(call: &ExportCall) {
    let (object, routine) = (call.va(2), call.va(3));
    args::called_from(
        Rule::DpcInitialization,
        "StorPortInitializeDpc",
        &[Routine::PassiveInitialize],
    );
    args::irql_at_most("StorPortInitializeDpc", irql::PASSIVE_LEVEL);
    let view = View::<StorDpc>::at(object);
    let written = view.set(StorDpc::DPC_DEFERRED_ROUTINE, routine.0).is_ok()
        && view.set(StorDpc::DPC_DEFERRED_CONTEXT, call.arg(1)).is_ok()
        && view.set(StorDpc::LOCK, 0).is_ok();
    let valid = rules::demand(
        Rule::PortArgument,
        written && !routine.is_null(),
        format_args!("StorPortInitializeDpc({object}, {routine})"),
    );
    let known =
        adapter::with(|adapter| adapter.services.dpcs.iter().any(|dpc| dpc.object == object));
    let fresh = rules::demand(
        Rule::DpcInitialization,
        known == Some(false),
        format_args!("the STOR_DPC at {object} is initialised a second time"),
    );
    if valid && fresh {
        adapter::with(|adapter| {
            adapter.services.dpcs.push(MiniDpc {
                object,
                routine,
                arguments: None,
            });
        });
    }
}

/// `IssueDpc`: (type, ext, Dpc, `SystemArgument1`, `SystemArgument2`, *succeeded).
fn issue_dpc(call: &ExportCall) {
    let object = call.va(2);
    let queued = services::issue_dpc(object, (call.arg(3), call.arg(4)));
    rules::demand(
        Rule::PortArgument,
        queued.is_some(),
        format_args!("StorPortIssueDpc of the uninitialised STOR_DPC at {object}"),
    );
    args::put(
        "StorPortIssueDpc",
        call.va(5),
        &boolean(queued.unwrap_or(false)).to_le_bytes()[0],
    );
}

/// `StateChangeDetectedCall`: (type, ext, `ChangedEntity`, Address, Attributes, routine, context, *status).
fn state_change_detected(call: &ExportCall) {
    let routine = call.va(5);
    let running = adapter::phase() == Some(Phase::Running);
    let status = if running {
        STOR_STATUS_SUCCESS
    } else {
        STOR_STATUS_INVALID_PARAMETER
    };
    adapter::with(|adapter| {
        adapter.services.bus_changed |= running;
        if running && !routine.is_null() {
            let change = (routine, call.arg(6), call.arg(3), STOR_STATUS_SUCCESS);
            adapter.services.state_changes.push(change);
        }
    });
    let to: Va = call.va(7);
    args::put("StorPortStateChangeDetected", to, &status);
}
