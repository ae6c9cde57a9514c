//! Seeded pauses in front of exports and callbacks, while the processor is outside of the bench kernel: two processors that
//! would pass each other by meet inside of the driver, and do so again from the same seed, as far as the host's scheduler
//! lets them.

use core::{
    hint,
    sync::atomic::{AtomicU64, Ordering},
};

use super::{Each, MOST};
use crate::port::random::mix;

/// One in so many calls pauses.
const ONE_IN: u64 = 4;
/// Longest pause, in turns of an empty loop.
const LONGEST: u64 = 400;

static STATE: Each<AtomicU64> = Each::new([const { AtomicU64::new(0) }; MOST]);

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
    let state = STATE.of(super::current());
    let drawn = mix(state.load(Ordering::Relaxed));
    state.store(drawn, Ordering::Relaxed);
    if drawn.is_multiple_of(ONE_IN) {
        for _ in 0..(drawn >> 32) % LONGEST {
            hint::spin_loop();
        }
    }
}
