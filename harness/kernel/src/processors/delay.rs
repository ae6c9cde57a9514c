//! Seeded pauses, so that two processors that would pass each other by meet inside of the driver.
//!
//! * In front of exports and callbacks ([`maybe`]), while the processor is outside of the bench kernel.
//! * In the middle of the driver's code ([`arm`]): the processor executes a drawn number of the driver's instructions one by
//!   one, and stands still after the last of them, as if a hypervisor had taken it away, until others have entered the driver a
//!   drawn number of times. This finds what is done between two exports without a lock.
//!
//! Which call pauses, after how many instructions and for how long follows from the seed. When the others come by is the
//! host's scheduler's choice, so a race may need several runs with the same seed.

use core::{
    hint,
    sync::atomic::{AtomicU64, Ordering},
};

use super::{Each, MOST};
use crate::{
    hw::{cpu, layout},
    mem::Va,
    port::random::mix,
};

/// One in so many calls pauses.
const ONE_IN: u64 = 4;
/// Longest pause in front of a call, in turns of an empty loop.
const LONGEST: u64 = 400;
/// Most entries of others into the driver that a pause in its code waits for.
const MOST_ENTRIES: u64 = 6;
/// Longest pause in the driver's code, in ticks of the time stamp counter: some milliseconds. The others may have nothing to do.
const LONGEST_INSIDE: u64 = 12_000_000;
/// Most instructions that are executed one by one before the pause.
const MOST_STEPS: u64 = 250;

static STATE: Each<AtomicU64> = Each::new([const { AtomicU64::new(0) }; MOST]);
/// Instructions of the driver until the pause; 0: none is armed.
static STEPS: Each<AtomicU64> = Each::new([const { AtomicU64::new(0) }; MOST]);

/// Entries into the driver so far, by callbacks and from exports.
static ENTRIES: AtomicU64 = AtomicU64::new(0);

/// Sets what the pauses depend on.
pub fn seed(seed: u64) {
    for (number, state) in STATE.iter() {
        state.store(mix(seed ^ mix(number as u64 + 1)), Ordering::Relaxed);
    }
}

/// Pauses now and then. The bench kernel's lock is not held.
pub fn maybe() {
    if super::is_single() {
        return;
    }
    let drawn = draw();
    if drawn.is_multiple_of(ONE_IN) {
        stand_still((drawn >> 32) % LONGEST);
    }
}

/// Has the driver's code, to which this processor goes now, pause in its midst now and then. The lock is not held.
pub fn arm() {
    if super::is_single() {
        return;
    }
    ENTRIES.fetch_add(1, Ordering::Relaxed);
    let drawn = draw();
    if drawn.is_multiple_of(ONE_IN) {
        let steps = (drawn >> 32) % MOST_STEPS + 1;
        STEPS.of(super::current()).store(steps, Ordering::Relaxed);
        cpu::step_from_here();
    }
}

/// The processor is back in the bench kernel before it paused.
pub fn disarm() {
    if super::is_single() {
        return;
    }
    let steps = STEPS.of(super::current());
    if steps.load(Ordering::Relaxed) != 0 {
        cpu::step_no_more();
        steps.store(0, Ordering::Relaxed);
    }
}

/// What a debug exception at `instruction` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Not of this file.
    Foreign,
    /// The next instruction is to raise one as well.
    GoOn,
    /// The pause is over; the driver runs on as usual.
    Done,
}

/// What the handler of debug exceptions calls. Interrupts disabled, the lock not held.
pub fn step(instruction: Va) -> Step {
    if super::is_single() {
        return Step::Foreign;
    }
    let me = super::current();
    let left = STEPS.of(me).load(Ordering::Relaxed);
    if left == 0 {
        // An interrupt came in between, whose callback used the count.
        return Step::Done;
    }
    let kernel = layout::kernel_text();
    if (kernel.address..kernel.address + kernel.bytes).contains(&instruction.0) {
        // On the way to the driver, or out of it.
        return Step::GoOn;
    }
    STEPS.of(me).store(left - 1, Ordering::Relaxed);
    if left > 1 {
        return Step::GoOn;
    }
    wait_for_others(draw() % MOST_ENTRIES + 1);
    Step::Done
}

/// Entries into the driver so far, of all processors.
pub(super) fn entries() -> u64 {
    ENTRIES.load(Ordering::Relaxed)
}

/// The next drawn number of this processor.
pub(super) fn draw() -> u64 {
    let state = STATE.of(super::current());
    let drawn = mix(state.load(Ordering::Relaxed));
    state.store(drawn, Ordering::Relaxed);
    drawn
}

/// Waits until others have entered the driver that many times.
fn wait_for_others(entries: u64) {
    let (seen, begun) = (ENTRIES.load(Ordering::Relaxed), cpu::time_stamp());
    while ENTRIES.load(Ordering::Relaxed).wrapping_sub(seen) < entries
        && cpu::time_stamp().wrapping_sub(begun) < LONGEST_INSIDE
    {
        hint::spin_loop();
    }
}

fn stand_still(turns: u64) {
    for _ in 0..turns {
        hint::spin_loop();
    }
}
