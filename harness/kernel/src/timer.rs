//! Time: the time stamp counter, calibrated against the ACPI timer, and one-shot timers on the local APIC.
//!
//! Time goes on over a hibernation from where it stopped. Under `-icount shift=0` a nanosecond is an instruction.

use alloc::collections::BTreeMap;
use core::sync::atomic::{AtomicU64, Ordering};

use crate::{
    dpc::{self, Dpc},
    hw::cpu,
    interrupt, power,
    processors::giant::{self, For},
    sync::Lock,
};

/// Ticks of the ACPI timer per second (ACPI 4.8.2.1).
const ACPI_HZ: u64 = 3_579_545;
/// Length of the calibration in ticks of the ACPI timer: about 2 ms.
const CALIBRATION: u32 = 7159;
/// Ticks of the time stamp counter between two reads of the ACPI timer, 20 us at 1 GHz.
const BETWEEN_READS: u64 = 20_000;
/// 2026-01-01 in units of 100 ns since 1601: the bench's wall clock begins there, the same in every run.
const EPOCH_100NS: u64 = 134_116_992_000_000_000;

/// A one-shot timer that was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimerId {
    due_us: u64,
    number: u64,
}

struct Clock {
    /// Counter at `base_us`.
    base_stamp: u64,
    base_us: u64,
    stamps_per_ms: u64,
    apic_ticks_per_ms: u64,
    last_number: u64,
    timers: BTreeMap<TimerId, Dpc>,
}

static CLOCK: Lock<Clock> = Lock::new(Clock {
    base_stamp: 0,
    base_us: 0,
    stamps_per_ms: 1_000_000,
    apic_ticks_per_ms: 62_500,
    last_number: 0,
    timers: BTreeMap::new(),
});
/// The last time that was told, so that a resumed machine goes on from there.
static LAST_US: AtomicU64 = AtomicU64::new(0);

/// Calibrates the clocks. At boot, after the interrupt controllers.
pub fn init() {
    calibrate();
}

/// Calibrates again in the resumed machine, whose counters began anew, and sets the pending timers again.
pub fn resume() {
    calibrate();
    let mut clock = CLOCK.lock();
    arm(&mut clock);
}

/// Microseconds since the first boot, powered-off time left out.
#[must_use]
pub fn now_us() -> u64 {
    now(&CLOCK.lock())
}

/// The time stamp counter: differences are instructions under `-icount shift=0`.
#[must_use]
pub fn instructions() -> u64 {
    cpu::time_stamp()
}

/// Wall-clock time in units of 100 ns since 1601.
#[must_use]
pub fn system_time_100ns() -> u64 {
    EPOCH_100NS + now_us() * 10
}

/// Counts of the performance counter per second.
#[must_use]
pub fn stamps_per_second() -> u64 {
    CLOCK.lock().stamps_per_ms * 1000
}

/// Queues `dpc` once, `us` microseconds from now.
pub fn set_after_us(us: u64, dpc: Dpc) -> TimerId {
    let mut clock = CLOCK.lock();
    clock.last_number += 1;
    let id = TimerId {
        due_us: now(&clock).saturating_add(us),
        number: clock.last_number,
    };
    clock.timers.insert(id, dpc);
    arm(&mut clock);
    id
}

/// Takes a timer back; `false` if it has expired. Its DPC may then be queued still.
pub fn cancel(id: TimerId) -> bool {
    let mut clock = CLOCK.lock();
    let was_set = clock.timers.remove(&id).is_some();
    arm(&mut clock);
    was_set
}

/// Waits, busily. Any IRQL.
pub fn stall_us(us: u64) {
    spin(us, CLOCK.lock().stamps_per_ms);
}

/// As [`stall_us`], while the others go on in the bench kernel. Any IRQL.
pub fn stall_aside_us(us: u64) {
    let stamps_per_ms = CLOCK.lock().stamps_per_ms;
    let given_up = giant::give_up(For::Waiting);
    spin(us, stamps_per_ms);
    giant::take_back(given_up);
}

fn spin(us: u64, stamps_per_ms: u64) {
    let start = cpu::time_stamp();
    let length = us.saturating_mul(stamps_per_ms) / 1000;
    while cpu::time_stamp().wrapping_sub(start) < length {
        cpu::relax();
    }
}

/// What the clock interrupt calls.
pub(crate) fn tick() {
    loop {
        let mut clock = CLOCK.lock();
        let now = now(&clock);
        let due = clock
            .timers
            .first_key_value()
            .filter(|(id, _)| id.due_us <= now)
            .map(|(&id, &dpc)| (id, dpc));
        let Some((id, dpc)) = due else {
            arm(&mut clock);
            return;
        };
        clock.timers.remove(&id);
        drop(clock);
        dpc::queue(dpc);
    }
}

fn now(clock: &Clock) -> u64 {
    let passed = cpu::time_stamp().wrapping_sub(clock.base_stamp);
    let us = clock.base_us
        + passed / clock.stamps_per_ms * 1000
        + passed % clock.stamps_per_ms * 1000 / clock.stamps_per_ms;
    LAST_US.store(us, Ordering::Relaxed);
    us
}

fn arm(clock: &mut Clock) {
    let Some((&first, _)) = clock.timers.first_key_value() else {
        interrupt::set_clock(0);
        return;
    };
    let wait = first.due_us.saturating_sub(now(clock)).min(10_000_000);
    let ticks = (wait * clock.apic_ticks_per_ms / 1000).max(1);
    interrupt::set_clock(u32::try_from(ticks).unwrap_or(u32::MAX));
}

fn calibrate() {
    interrupt::set_clock(u32::MAX);
    let first_ticks = interrupt::clock_ticks();
    let first_stamp = cpu::time_stamp();
    let start = power::acpi_timer();
    // The ACPI timer has 24 bits. An I/O instruction takes long to emulate, so it is asked now and then only.
    let passed = loop {
        let asked = cpu::time_stamp();
        while cpu::time_stamp().wrapping_sub(asked) < BETWEEN_READS {
            cpu::relax();
        }
        let passed = power::acpi_timer().wrapping_sub(start) & 0xFF_FFFF;
        if passed >= CALIBRATION {
            break u64::from(passed);
        }
    };
    let stamps = cpu::time_stamp().wrapping_sub(first_stamp);
    let ticks = u64::from(first_ticks.wrapping_sub(interrupt::clock_ticks()));
    interrupt::set_clock(0);
    let per_ms = |count: u64| snap((count * ACPI_HZ / passed).div_ceil(1000));
    let mut clock = CLOCK.lock();
    clock.stamps_per_ms = per_ms(stamps).max(1);
    clock.apic_ticks_per_ms = per_ms(ticks).max(1);
    clock.base_stamp = cpu::time_stamp();
    clock.base_us = LAST_US.load(Ordering::Relaxed);
}

/// Takes a frequency near 1 GHz (or a sixteenth of it, the APIC's) for exactly that: QEMU's clocks are in nanoseconds.
fn snap(per_ms: u64) -> u64 {
    for exact in [1_000_000, 62_500] {
        if per_ms.abs_diff(exact) < exact / 200 {
            return exact;
        }
    }
    per_ms
}
