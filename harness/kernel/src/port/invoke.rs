//! Calling the miniport: every call of one of its routines goes through here, with the locks that the port holds for it.

use super::{
    adapter::{self, ROLE},
    callback::Routine,
    faults,
    locks::{Lock, LockFault},
    rings, waiting,
};
use crate::{
    call::{self, Callback, CallbackKind, Hooks, Left},
    measure,
    mem::Va,
    processors::{self, race},
    rules::{self, Rule},
    timer,
};

/// Time stamps a second under `-icount shift=0`.
const COUNTED_PER_SECOND: u64 = 1_000_000_000;

/// Calls `entry` as `routine` at the present IRQL, with `locks` held for it by the port, and checks how it comes back.
pub(super) fn call(routine: Routine, entry: Va, locks: &[Lock], args: &[u64]) -> u64 {
    let begun = timer::now_us();
    let level = faults::enter();
    count_watched_rules(routine);
    let me = processors::current();
    waiting::until_free(|| adapter::with(|adapter| adapter.locks.enter(me, routine, locks)));
    measure::port_locks(locks.len());
    if may_place_rings(routine) {
        rings::forget();
        race::end();
    }
    let returned = call::invoke(
        Callback {
            role: ROLE,
            kind: kind(routine),
            name: routine.name(),
        },
        entry,
        args,
    );
    faults::leave(level);
    if may_place_rings(routine) {
        rings::forget();
        rings::refresh();
    }
    let left = adapter::with(|adapter| adapter.locks.leave(me)).unwrap_or_default();
    rules::check(Rule::StorPortSpinLock);
    for fault in left {
        report_lock_fault(fault);
    }
    check_duration(routine, timer::now_us().saturating_sub(begun));
    returned
}

/// Rules that are watched for as long as a callback runs; their breach shows in an export or a fault.
fn count_watched_rules(routine: Routine) {
    rules::check(Rule::MemoryFault);
    rules::check(Rule::BugCheck);
    if routine == Routine::StartIo {
        rules::check(Rule::SpNoWait);
        rules::check(Rule::StorPortStartIo);
        rules::check(Rule::BufferTouchedByCpu);
    }
}

/// Whether a routine may set the device up, or take it down.
const fn may_place_rings(routine: Routine) -> bool {
    matches!(
        routine,
        Routine::FindAdapter
            | Routine::Initialize
            | Routine::PassiveInitialize
            | Routine::ResetBus
            | Routine::AdapterControl
            | Routine::StopOrRestart
    )
}

/// The same for a routine that returns BOOLEAN; only the low byte of the register counts.
pub(super) fn call_boolean(routine: Routine, entry: Va, locks: &[Lock], args: &[u64]) -> bool {
    call(routine, entry, locks, args) & 0xFF != 0
}

/// Reports a breach of the rules of locking under the rule that it breaks.
pub(super) fn report_lock_fault(fault: LockFault) {
    match fault {
        LockFault::AlreadyHeld(lock) => rules::violate(
            Rule::StorPortSpinLock,
            format_args!("{lock:?} is acquired while it is held: a deadlock"),
        ),
        LockFault::LeftHeld(lock) => rules::violate(
            Rule::StorPortSpinLock,
            format_args!("{lock:?} is still held when the callback returns"),
        ),
        LockFault::NotPermitted(lock, routine) => rules::violate(
            Rule::StorPortSpinLock3,
            format_args!("{} may not acquire {lock:?}", routine.name()),
        ),
        LockFault::Order { taken, held } => rules::violate(
            Rule::StorPortSpinLock3,
            format_args!("{taken:?} is acquired while {held:?} is held"),
        ),
        LockFault::NotHeld(lock) => rules::violate(
            Rule::StorPortSpinLock4,
            format_args!("{lock:?} is released but this callback did not acquire it"),
        ),
        LockFault::ReleaseOrder { released, later } => rules::violate(
            Rule::StorPortSpinLock4,
            format_args!("{released:?} is released before {later:?}, which was acquired later"),
        ),
    }
}

/// Makes every call into a driver, in whatever role, subject to the rules that hold for all of them.
pub(super) fn watch_all_calls() {
    call::set_hooks(Hooks {
        enter: |_callback| {},
        leave: check_irql,
    });
}

fn check_irql(callback: &Callback, left: Left) {
    rules::demand(
        Rule::SpChangeIrql,
        left.irql_before == left.irql_after,
        format_args!(
            "{} was entered at IRQL {} and returned at {}",
            callback.name, left.irql_before, left.irql_after
        ),
    );
}

/// With instruction counting (1 ns an instruction) time is exact. Otherwise it is the host's, which may take the processor
/// away for a while: only a gross excess is the driver's.
fn slack() -> u64 {
    if timer::stamps_per_second().abs_diff(COUNTED_PER_SECOND) < COUNTED_PER_SECOND / 100 {
        1
    } else {
        20
    }
}

fn check_duration(routine: Routine, took_us: u64) {
    if !processors::is_single() {
        // The time is the host's, and goes on while the callback waits for others: the rule is not looked at.
        return;
    }
    if let Some(limit_us) = routine.limit_us() {
        let limit_us = limit_us * slack();
        rules::demand(
            Rule::F1_1002_CallbackTooLong,
            took_us <= limit_us,
            format_args!(
                "{} took {took_us} us, the limit is {limit_us}",
                routine.name()
            ),
        );
    }
}

const fn kind(routine: Routine) -> CallbackKind {
    match routine {
        Routine::DriverEntry => CallbackKind::DriverEntry,
        Routine::FindAdapter => CallbackKind::FindAdapter,
        Routine::Initialize => CallbackKind::Initialize,
        Routine::PassiveInitialize => CallbackKind::PassiveInitialize,
        Routine::BuildIo => CallbackKind::BuildIo,
        Routine::StartIo => CallbackKind::StartIo,
        Routine::Interrupt => CallbackKind::Interrupt,
        Routine::MessageInterrupt => CallbackKind::MessageInterrupt,
        Routine::Dpc => CallbackKind::DpcRoutine,
        Routine::Timer => CallbackKind::Timer,
        Routine::ResetBus => CallbackKind::ResetBus,
        Routine::AdapterControl | Routine::StopOrRestart => CallbackKind::AdapterControl,
        Routine::UnitControl => CallbackKind::UnitControl,
        Routine::StateChange => CallbackKind::StateChange,
        Routine::TracingEnabled => CallbackKind::TracingEnabled,
        Routine::WorkItem | Routine::SynchronizedAccess | Routine::FreeAdapterResources => {
            CallbackKind::Other
        }
    }
}
