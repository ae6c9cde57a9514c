//! IRQL, time, processors, locks and bug checks.

use alloc::format;

use super::{export, memory::demand};
use crate::{
    exports::{self, Export, ExportCall},
    irql::{self, DISPATCH_LEVEL},
    mem::{self, Va},
    processors::{self, giant},
    record,
    rules::{self, Rule},
    timer,
};

/// `STATUS_SUCCESS`.
const SUCCESS: u64 = 0;
/// `STATUS_NOT_FOUND`.
const NOT_FOUND: u64 = 0xC000_0225;
/// The system that the bench says to be: Windows 11 22H2.
const VERSION: [u32; 3] = [10, 0, 22621];
/// 15.625 ms in units of 100 ns.
const CLOCK_TICK_100NS: u64 = 156_250;

/// The routines.
pub static EXPORTS: &[Export] = &[
    export("KeBugCheck", bug_check),
    export("KeBugCheckEx", bug_check),
    export("KeQueryPerformanceCounter", performance_counter),
    export("KeStallExecutionProcessor", stall),
    export("KeGetCurrentIrql", current_irql),
    export("KeRaiseIrql", raise_irql),
    export("KfRaiseIrql", raise_irql_fast),
    export("KeRaiseIrqlToDpcLevel", raise_to_dispatch),
    export("KeLowerIrql", lower_irql),
    export("KfLowerIrql", lower_irql),
    export("KeQueryActiveProcessorCount", processor_count),
    export("KeQueryActiveProcessorCountEx", processors_there),
    export("KeQueryMaximumProcessorCount", processors_there),
    export("KeQueryMaximumProcessorCountEx", processors_there),
    export("KeQueryActiveProcessors", affinity),
    export("KeQueryActiveGroupCount", one),
    export("KeQueryMaximumGroupCount", one),
    export("KeQueryGroupAffinity", group_affinity),
    export("KeQueryHighestNodeNumber", zero),
    export("KeGetCurrentNodeNumber", zero),
    export("KeGetCurrentProcessorNumber", this_processor),
    export("KeGetCurrentProcessorNumberEx", processor_number),
    export("KeGetProcessorNumberFromIndex", processor_from_index),
    export("KeGetProcessorIndexFromNumber", processor_index),
    export("KeQuerySystemTime", system_time),
    export("KeQuerySystemTimePrecise", system_time),
    export("KeQueryTickCount", tick_count),
    export("KeQueryTimeIncrement", time_increment),
    export("KeQueryInterruptTime", interrupt_time),
    export("KeQueryInterruptTimePrecise", interrupt_time_precise),
    export("KeQueryUnbiasedInterruptTime", interrupt_time),
    export("KeInitializeSpinLock", lock_initialize),
    export("KeAcquireSpinLock", lock_acquire),
    export("KeAcquireSpinLockRaiseToDpc", lock_raise),
    export("KeAcquireSpinLockAtDpcLevel", lock_at_dispatch),
    export("KefAcquireSpinLockAtDpcLevel", lock_at_dispatch),
    export("KeReleaseSpinLock", lock_release),
    export("KeReleaseSpinLockFromDpcLevel", lock_release_at_dispatch),
    export("KefReleaseSpinLockFromDpcLevel", lock_release_at_dispatch),
    export("KeAcquireInStackQueuedSpinLock", lock_queued),
    export("KeReleaseInStackQueuedSpinLock", lock_queued_release),
    export("KeEnterCriticalRegion", zero),
    export("KeLeaveCriticalRegion", zero),
    export("KeAreApcsDisabled", apcs_disabled),
    export("KeAreAllApcsDisabled", apcs_disabled),
    export("KeFlushIoBuffers", zero),
    export("KeMemoryBarrier", zero),
    export("RtlGetVersion", get_version),
    export("PsGetVersion", ps_get_version),
    export("RtlIsNtDdiVersionAvailable", version_available),
    export("MmGetSystemRoutineAddress", routine_address),
    export("MmGetPhysicalAddress", physical_address),
    export("MmIsAddressValid", is_valid),
    export("RtlRandomEx", random),
    export("RtlUnwindEx", unreachable_unwind),
    export("__C_specific_handler", unreachable_unwind),
    export("__CxxFrameHandler3", unreachable_unwind),
    export("_fltused", zero),
];

fn zero(_call: &ExportCall) -> u64 {
    0
}

fn one(_call: &ExportCall) -> u64 {
    1
}

fn bug_check(call: &ExportCall) -> u64 {
    let parameters = if call.export.name == "KeBugCheck" {
        [0; 4]
    } else {
        [call.arg(1), call.arg(2), call.arg(3), call.arg(4)]
    };
    let code = call.arg32(0);
    let text = format!("the driver called {}", call.export.name);
    rules::violate(Rule::BugCheck, format_args!("{text} with code {code:#x}"));
    record::bugcheck(code, parameters, text)
}

/// The counter, and its frequency if a pointer is given.
fn performance_counter(call: &ExportCall) -> u64 {
    if !call.va(0).is_null() {
        demand(call, mem::write(call.va(0), &timer::stamps_per_second()));
    }
    timer::instructions()
}

fn stall(call: &ExportCall) -> u64 {
    timer::stall_aside_us(call.arg32(0).into());
    0
}

fn current_irql(_call: &ExportCall) -> u64 {
    irql::current().into()
}

/// `KeRaiseIrql(NewIrql, OldIrql)`.
fn raise_irql(call: &ExportCall) -> u64 {
    let old = irql::raise(call.arg8(0));
    demand(call, mem::write(call.va(1), &old));
    0
}

fn raise_irql_fast(call: &ExportCall) -> u64 {
    irql::raise(call.arg8(0)).into()
}

fn raise_to_dispatch(_call: &ExportCall) -> u64 {
    irql::raise(DISPATCH_LEVEL).into()
}

fn lower_irql(call: &ExportCall) -> u64 {
    irql::lower(call.arg8(0));
    0
}

/// Writes the set of processors if a pointer is given.
fn processor_count(call: &ExportCall) -> u64 {
    if !call.va(0).is_null() {
        demand(call, mem::write(call.va(0), &processors::mask()));
    }
    processors::count() as u64
}

fn processors_there(_call: &ExportCall) -> u64 {
    processors::count() as u64
}

fn affinity(_call: &ExportCall) -> u64 {
    processors::mask()
}

/// `KeQueryGroupAffinity(GroupNumber)`: 0 for a group that is not there.
fn group_affinity(call: &ExportCall) -> u64 {
    let [low, high, ..] = call.arg(0).to_le_bytes();
    match u16::from_le_bytes([low, high]) {
        0 => processors::mask(),
        _ => 0,
    }
}

fn this_processor(_call: &ExportCall) -> u64 {
    processors::current() as u64
}

/// `PROCESSOR_NUMBER`: group (16 bits), number, reserved; 4 bytes.
fn processor_number(call: &ExportCall) -> u64 {
    let me = processors::current() as u64;
    if !call.va(0).is_null() {
        demand(call, mem::write(call.va(0), &number_in_group(me)));
    }
    me
}

fn processor_from_index(call: &ExportCall) -> u64 {
    let index = call.arg32(0);
    if u64::from(index) >= processors::count() as u64 {
        return NOT_FOUND;
    }
    demand(call, mem::write(call.va(1), &number_in_group(index.into())));
    SUCCESS
}

/// `KeGetProcessorIndexFromNumber(ProcNumber)`: `INVALID_PROCESSOR_INDEX` for one that is not there.
fn processor_index(call: &ExportCall) -> u64 {
    const INVALID_PROCESSOR_INDEX: u64 = 0xFFFF_FFFF;
    let [group_low, group_high, number, _] = demand(call, mem::read::<[u8; 4]>(call.va(0)));
    if group_low == 0 && group_high == 0 && usize::from(number) < processors::count() {
        number.into()
    } else {
        INVALID_PROCESSOR_INDEX
    }
}

fn number_in_group(number: u64) -> [u8; 4] {
    [0, 0, number.to_le_bytes()[0], 0]
}

fn system_time(call: &ExportCall) -> u64 {
    demand(call, mem::write(call.va(0), &timer::system_time_100ns()));
    0
}

fn tick_count(call: &ExportCall) -> u64 {
    let ticks = timer::now_us() * 10 / CLOCK_TICK_100NS;
    demand(call, mem::write(call.va(0), &ticks));
    0
}

fn time_increment(_call: &ExportCall) -> u64 {
    CLOCK_TICK_100NS
}

fn interrupt_time(_call: &ExportCall) -> u64 {
    timer::now_us() * 10
}

/// Writes the performance counter that belongs to the time.
fn interrupt_time_precise(call: &ExportCall) -> u64 {
    if !call.va(0).is_null() {
        demand(call, mem::write(call.va(0), &timer::instructions()));
    }
    timer::now_us() * 10
}

fn lock_initialize(call: &ExportCall) -> u64 {
    demand(call, mem::write(call.va(0), &0_u64));
    0
}

/// `KeAcquireSpinLock(SpinLock, OldIrql)`.
fn lock_acquire(call: &ExportCall) -> u64 {
    let old = irql::raise(DISPATCH_LEVEL.max(irql::current()));
    take(call, call.va(0));
    demand(call, mem::write(call.va(1), &old));
    0
}

fn lock_raise(call: &ExportCall) -> u64 {
    let old = irql::raise(DISPATCH_LEVEL.max(irql::current()));
    take(call, call.va(0));
    old.into()
}

fn lock_at_dispatch(call: &ExportCall) -> u64 {
    take(call, call.va(0));
    0
}

fn lock_release(call: &ExportCall) -> u64 {
    give(call, call.va(0));
    irql::lower(call.arg8(1));
    0
}

fn lock_release_at_dispatch(call: &ExportCall) -> u64 {
    give(call, call.va(0));
    0
}

/// `KLOCK_QUEUE_HANDLE`: a link, the lock at 8, the old IRQL at 16.
fn lock_queued(call: &ExportCall) -> u64 {
    let (lock, handle) = (call.va(0), call.va(1));
    let old = irql::raise(DISPATCH_LEVEL.max(irql::current()));
    take(call, lock);
    demand(call, mem::write(handle.offset(8), &lock.0));
    demand(call, mem::write(handle.offset(16), &old));
    0
}

fn lock_queued_release(call: &ExportCall) -> u64 {
    let handle = call.va(0);
    let lock = Va(demand(call, mem::read(handle.offset(8))));
    give(call, lock);
    irql::lower(demand(call, mem::read(handle.offset(16))));
    0
}

/// What a lock holds while this processor has it; 0 is a free one.
fn owner() -> u64 {
    processors::current() as u64 + 1
}

/// Waits while another processor has the lock; one that this processor has already stays taken for ever:
/// `SPIN_LOCK_ALREADY_OWNED`.
fn take(call: &ExportCall, lock: Va) {
    const SPIN_LOCK_ALREADY_OWNED: u32 = 0x0F;
    loop {
        let holder = demand(call, mem::read::<u64>(lock));
        if holder == 0 {
            break;
        }
        if holder == owner() || holder > processors::count() as u64 {
            let text = format!("{} takes the lock at {lock} twice", call.export.name);
            record::bugcheck(SPIN_LOCK_ALREADY_OWNED, [lock.0, 0, 0, 0], text)
        }
        giant::breathe();
    }
    demand(call, mem::write(lock, &owner()));
}

fn give(call: &ExportCall, lock: Va) {
    const SPIN_LOCK_NOT_OWNED: u32 = 0x10;
    if demand(call, mem::read::<u64>(lock)) != owner() {
        let text = format!(
            "{} gives a lock back that this processor does not hold",
            call.export.name
        );
        record::bugcheck(SPIN_LOCK_NOT_OWNED, [lock.0, 0, 0, 0], text)
    }
    demand(call, mem::write(lock, &0_u64));
}

fn apcs_disabled(_call: &ExportCall) -> u64 {
    u64::from(irql::current() >= irql::APC_LEVEL)
}

/// `RTL_OSVERSIONINFOW`: size, major, minor, build, platform (2), service pack text.
fn get_version(call: &ExportCall) -> u64 {
    const PLATFORM_NT: u32 = 2;
    let to = call.va(0);
    let [major, minor, build] = VERSION;
    for (offset, value) in [(4, major), (8, minor), (12, build), (16, PLATFORM_NT)] {
        demand(call, mem::write(to.offset(offset), &value));
    }
    demand(call, mem::write(to.offset(20), &0_u16));
    SUCCESS
}

/// `PsGetVersion(MajorVersion, MinorVersion, BuildNumber, CSDVersion)`; TRUE on checked builds.
fn ps_get_version(call: &ExportCall) -> u64 {
    for (argument, value) in (0..).zip(VERSION) {
        if !call.va(argument).is_null() {
            demand(call, mem::write(call.va(argument), &value));
        }
    }
    if !call.va(3).is_null() {
        demand(call, mem::write(call.va(3), &0_u32));
    }
    0
}

/// `NTDDI_WIN10_NI` is 0x0A00000C.
fn version_available(call: &ExportCall) -> u64 {
    const NTDDI_WIN10_NI: u32 = 0x0A00_000C;
    u64::from(call.arg32(0) <= NTDDI_WIN10_NI)
}

fn routine_address(call: &ExportCall) -> u64 {
    let bytes = demand(call, mem::read::<u16>(call.va(0)));
    let buffer = Va(demand(call, mem::read::<u64>(call.va(0).offset(8))));
    let name = demand(call, mem::read_wide(buffer, usize::from(bytes / 2)));
    exports::resolve(call.role_or_normal(), super::NTOSKRNL, &name).map_or(0, |va| va.0)
}

fn physical_address(call: &ExportCall) -> u64 {
    mem::translate(call.va(0)).map_or(0, |pa| pa.0)
}

fn is_valid(call: &ExportCall) -> u64 {
    u64::from(mem::translate(call.va(0)).is_some())
}

/// A linear congruence over the caller's own seed, which makes runs repeatable.
fn random(call: &ExportCall) -> u64 {
    let seed = demand(call, mem::read::<u32>(call.va(0)));
    let next = seed.wrapping_mul(0x0019_660D).wrapping_add(0x3C6E_F35F);
    demand(call, mem::write(call.va(0), &next));
    u64::from(next >> 1)
}

/// Structured exceptions are not delivered: a fault stops the simulated system before a handler could be asked.
fn unreachable_unwind(call: &ExportCall) -> u64 {
    const KMODE_EXCEPTION_NOT_HANDLED: u32 = 0x1E;
    let text = format!(
        "{} was called: the bench delivers no exceptions",
        call.export.name
    );
    record::bugcheck(KMODE_EXCEPTION_NOT_HANDLED, [0; 4], text)
}
