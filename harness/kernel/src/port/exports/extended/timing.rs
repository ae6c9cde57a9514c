//! Timers, delays, work items and events.

use super::super::{
    super::{
        abi::codes::{
            STOR_STATUS_INVALID_IRQL, STOR_STATUS_INVALID_PARAMETER, STOR_STATUS_SUCCESS,
            STOR_STATUS_TIMEOUT,
        },
        adapter, dispatch,
        services::{self, MiniTimer, WorkItem},
    },
    args, boolean, ulong,
};
use crate::{
    exports::ExportCall,
    irql,
    mem::{self, Va},
    rules::{self, Rule},
    timer,
};

/// Resolution of the clock in 100 ns.
const MINIMUM_INTERVAL: u32 = 10_000;
/// Longest wait that the bench goes through with.
const WAIT_LIMIT_US: u64 = 60_000_000;

/// `StorPortInitializeTimer(ext, *TimerHandle)`.
pub(super) fn initialize(call: &ExportCall) -> u32 {
    give_timer(call.va(2), MiniTimer::default())
}

/// `StorPortInitializeHighResolutionTimer(ext, Callback, Context, *TimerHandle)`.
pub(super) fn initialize_high_resolution(call: &ExportCall) -> u32 {
    give_timer(
        call.va(4),
        MiniTimer {
            routine: call.va(2),
            context: Some(call.arg(3)),
            ..MiniTimer::default()
        },
    )
}

fn give_timer(to: Va, timer: MiniTimer) -> u32 {
    let handle = adapter::with(|adapter| {
        let handle = adapter.services.new_handle();
        adapter.services.timers.push(MiniTimer { handle, ..timer });
        handle
    })
    .unwrap_or(0);
    if args::put("StorPortInitializeTimer", to, &handle) {
        STOR_STATUS_SUCCESS
    } else {
        STOR_STATUS_INVALID_PARAMETER
    }
}

/// `StorPortRequestTimer(ext, TimerHandle, TimerCallback, CallbackContext, TimerValue, TolerableDelay)`.
pub(super) fn request(call: &ExportCall) -> u32 {
    args::irql_at_most("StorPortRequestTimer", irql::DISPATCH_LEVEL);
    let (routine, us) = (call.va(3), call.arg(5));
    if us > 0
        && !rules::demand(
            Rule::StorPortTimer,
            !routine.is_null(),
            "StorPortRequestTimer without a timer routine",
        )
    {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    known(services::request_timer(
        call.arg(2),
        routine,
        Some(call.arg(4)),
        us,
    ))
}

/// `StorPortRequestHighResolutionTimer(ext, TimerHandle, DueTime, Period, Parameters, *ReturnValue)`.
pub(super) fn request_high_resolution(call: &ExportCall) -> u32 {
    let handle = call.arg(2);
    let Some((routine, context)) = adapter::with(|adapter| {
        adapter
            .services
            .timers
            .iter()
            .find(|timer| timer.handle == handle)
            .map(|timer| (timer.routine, timer.context))
    })
    .flatten() else {
        return known(false);
    };
    // Relative times are negative, in 100 ns.
    let us = call.arg(3).cast_signed().unsigned_abs() / 10;
    args::put("StorPortRequestHighResolutionTimer", call.va(6), &0_u8);
    known(services::request_timer(handle, routine, context, us.max(1)))
}

/// `StorPortCancelHighResolutionTimer(ext, TimerHandle, Parameters, *ReturnValue)`.
pub(super) fn cancel_high_resolution(call: &ExportCall) -> u32 {
    let was_running = is_running(call.arg(2));
    let done = services::request_timer(call.arg(2), Va::NULL, None, 0);
    args::put(
        "StorPortCancelHighResolutionTimer",
        call.va(4),
        &boolean(was_running).to_le_bytes()[0],
    );
    known(done)
}

fn is_running(handle: u64) -> bool {
    adapter::with(|adapter| {
        adapter
            .services
            .timers
            .iter()
            .any(|timer| timer.handle == handle && timer.running.is_some())
    })
    .unwrap_or(false)
}

/// `StorPortFreeTimer(ext, TimerHandle)`.
pub(super) fn free(call: &ExportCall) -> u32 {
    known(forget_timer(call.arg(2)))
}

/// `StorPortFreeHighResolutionTimer(ext, TimerHandle, Cancel, Wait, Parameters, *ReturnValue)`.
pub(super) fn free_high_resolution(call: &ExportCall) -> u32 {
    let done = forget_timer(call.arg(2));
    args::put(
        "StorPortFreeHighResolutionTimer",
        call.va(6),
        &boolean(done).to_le_bytes()[0],
    );
    known(done)
}

/// The slot stays, so that the numbers of the other timers do not change.
fn forget_timer(handle: u64) -> bool {
    let done = handle != 0 && services::request_timer(handle, Va::NULL, None, 0);
    adapter::with(|adapter| {
        for timer in &mut adapter.services.timers {
            if timer.handle == handle && handle != 0 {
                timer.handle = u64::MAX;
            }
        }
    });
    done
}

fn known(done: bool) -> u32 {
    if rules::demand(Rule::PortArgument, done, "an unknown timer handle") {
        STOR_STATUS_SUCCESS
    } else {
        STOR_STATUS_INVALID_PARAMETER
    }
}

/// `StorPortQueryTimerMinInterval(ext, *TimerMinInterval)`.
pub(super) fn minimum_interval(call: &ExportCall) -> u32 {
    args::put(
        "StorPortQueryTimerMinInterval",
        call.va(2),
        &MINIMUM_INTERVAL,
    );
    STOR_STATUS_SUCCESS
}

/// `StorPortQueryPerformanceCounter(ext, *PerformanceFrequency, *PerformanceCounter)`.
pub(super) fn performance_counter(call: &ExportCall) -> u32 {
    let (frequency, counter) = (call.va(2), call.va(3));
    if !frequency.is_null() {
        args::put(
            "StorPortQueryPerformanceCounter",
            frequency,
            &timer::stamps_per_second(),
        );
    }
    args::put(
        "StorPortQueryPerformanceCounter",
        counter,
        &timer::instructions(),
    );
    STOR_STATUS_SUCCESS
}

/// `StorPortDelayExecution(ext, DelayInMicroseconds)`.
pub(super) fn delay(call: &ExportCall) -> u32 {
    args::may_wait("StorPortDelayExecution");
    if !args::irql_at_most("StorPortDelayExecution", irql::APC_LEVEL) {
        return STOR_STATUS_INVALID_IRQL;
    }
    timer::stall_us(u64::from(ulong(call, 2)));
    STOR_STATUS_SUCCESS
}

/// `StorPortInitializeWorker(ext, *Worker)`.
pub(super) fn initialize_worker(call: &ExportCall) -> u32 {
    let worker = adapter::with(|adapter| {
        let worker = adapter.services.new_handle();
        adapter.services.workers.push(worker);
        worker
    })
    .unwrap_or(0);
    args::put("StorPortInitializeWorker", call.va(2), &worker);
    STOR_STATUS_SUCCESS
}

/// `StorPortQueueWorkItem(ext, WorkItemCallback, Worker, Context)`.
pub(super) fn queue_work_item(call: &ExportCall) -> u32 {
    args::irql_at_most("StorPortQueueWorkItem", irql::DISPATCH_LEVEL);
    let (routine, worker, context) = (call.va(2), call.arg(3), call.arg(4));
    let queued = adapter::with(|adapter| {
        let services = &mut adapter.services;
        let free = services.workers.contains(&worker)
            && !services.work.iter().any(|item| item.worker == worker);
        if free {
            services.work.push(WorkItem {
                worker,
                routine,
                context,
            });
        }
        free
    })
    .unwrap_or(false);
    if queued {
        STOR_STATUS_SUCCESS
    } else {
        STOR_STATUS_INVALID_PARAMETER
    }
}

/// `StorPortFreeWorker(ext, Worker)`.
pub(super) fn free_worker(call: &ExportCall) -> u32 {
    let worker = call.arg(2);
    let known = adapter::with(|adapter| {
        let workers = &mut adapter.services.workers;
        let before = workers.len();
        workers.retain(|other| *other != worker);
        workers.len() != before
    });
    if rules::demand(
        Rule::PortArgument,
        known == Some(true),
        "StorPortFreeWorker: an unknown worker",
    ) {
        STOR_STATUS_SUCCESS
    } else {
        STOR_STATUS_INVALID_PARAMETER
    }
}

/// `StorPortCancelDpc(ext, Dpc, *ReturnValue)`.
pub(super) fn cancel_dpc(call: &ExportCall) -> u32 {
    let cancelled = services::cancel_dpc(call.va(2));
    args::put(
        "StorPortCancelDpc",
        call.va(3),
        &boolean(cancelled).to_le_bytes()[0],
    );
    STOR_STATUS_SUCCESS
}

/// `StorPortInitializeEvent(ext, Event, Type, State)`.
pub(super) fn initialize_event(call: &ExportCall) -> u32 {
    let (event, state) = (call.va(2), call.arg8(4) != 0);
    if mem::probe(event, 24, mem::Access::Write).is_err() {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    adapter::with(|adapter| adapter.services.events.insert(event.0, state));
    STOR_STATUS_SUCCESS
}

/// `StorPortSetEvent(ext, Event)`.
pub(super) fn set_event(call: &ExportCall) -> u32 {
    let known = adapter::with(|adapter| {
        adapter
            .services
            .events
            .get_mut(&call.arg(2))
            .map(|signalled| *signalled = true)
            .is_some()
    });
    if rules::demand(
        Rule::PortArgument,
        known == Some(true),
        "StorPortSetEvent: an event that was never initialised",
    ) {
        STOR_STATUS_SUCCESS
    } else {
        STOR_STATUS_INVALID_PARAMETER
    }
}

/// `StorPortWaitForSingleObject(ext, Object, Alertable, *Timeout)`.
pub(super) fn wait_for_event(call: &ExportCall) -> u32 {
    args::may_wait("StorPortWaitForSingleObject");
    if !args::irql_at_most("StorPortWaitForSingleObject", irql::APC_LEVEL) {
        return STOR_STATUS_INVALID_IRQL;
    }
    let limit_us = if call.va(4).is_null() {
        WAIT_LIMIT_US
    } else {
        mem::read::<i64>(call.va(4)).map_or(0, |time| time.unsigned_abs() / 10)
    };
    let until = timer::now_us() + limit_us;
    let is_set = || {
        adapter::with(|adapter| adapter.services.events.get(&call.arg(2)).copied())
            .flatten()
            .unwrap_or(true)
    };
    while !is_set() {
        if timer::now_us() >= until {
            return STOR_STATUS_TIMEOUT;
        }
        dispatch::idle(is_set);
    }
    STOR_STATUS_SUCCESS
}
