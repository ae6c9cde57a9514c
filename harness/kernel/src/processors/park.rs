//! Holding the other processors still: they finish what they do, DPCs included, and then stand outside of every driver and
//! of the bench kernel until they are let go. Interrupts that come meanwhile wait.

use core::sync::atomic::{AtomicBool, Ordering};

use super::{Each, MOST, giant, race};
use crate::{hw::cpu, interrupt};

/// Level at which a parked processor waits: above devices and clock, below the vector that wakes it.
const PARKED_LEVEL: u8 = 14;

static WANTED: AtomicBool = AtomicBool::new(false);
static PARKED: Each<AtomicBool> = Each::new([const { AtomicBool::new(false) }; MOST]);

/// Runs `body` while the others stand still. `PASSIVE_LEVEL`.
pub fn while_parked<R>(body: impl FnOnce() -> R) -> R {
    park_others();
    let result = body();
    release_others();
    result
}

/// Waits until the others stand still.
pub fn park_others() {
    WANTED.store(true, Ordering::SeqCst);
    race::end();
    wait_until(true);
}

/// Lets the others go on.
pub fn release_others() {
    WANTED.store(false, Ordering::SeqCst);
    wait_until(false);
}

/// The others are in reset and wait for nothing. On the resumed machine, before they are started again.
pub(super) fn forget() {
    WANTED.store(false, Ordering::SeqCst);
    for number in super::all_others() {
        PARKED.of(number).store(false, Ordering::SeqCst);
    }
}

/// Whether the others stand still or are to.
#[must_use]
pub fn is_wanted() -> bool {
    WANTED.load(Ordering::SeqCst)
}

/// Stands still for as long as it is wanted. Interrupts disabled, the bench kernel's lock not held.
pub(super) fn stand_still() {
    let me = super::current();
    cpu::write_cr8(PARKED_LEVEL);
    PARKED.of(me).store(true, Ordering::SeqCst);
    while is_wanted() {
        cpu::wait_for_interrupt();
        cpu::disable_interrupts();
    }
    PARKED.of(me).store(false, Ordering::SeqCst);
    cpu::write_cr8(0);
}

fn wait_until(parked: bool) {
    for number in super::all_others() {
        interrupt::wake(number);
        while PARKED.of(number).load(Ordering::SeqCst) != parked {
            giant::breathe();
        }
    }
}
