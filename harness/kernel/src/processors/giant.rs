//! The lock around the bench kernel: its own code runs on one processor at a time, code of drivers runs outside.
//!
//! Every way in takes it ([`enter`]: exports, interrupts, faults) and gives it back ([`leave`]); every way out gives it up
//! whole ([`give_up`]: a call into a driver, waiting for an interrupt) and takes it back as it was ([`take_back`]). An
//! interrupt that comes while its own processor holds the lock enters a second time.
//!
//! The lock also keeps the translations of the processors together: who runs a driver has acted on the last change of the
//! page tables ([`super::signal::translations_changed`]), and who takes the lock acts on what was changed meanwhile.
//!
//! With one processor nothing here does anything.

use core::{
    hint,
    sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering},
};

use super::{Each, MOST};
use crate::hw::cpu;

/// No processor has this number.
const NOBODY: usize = usize::MAX;

static OWNER: AtomicUsize = AtomicUsize::new(NOBODY);
/// How often the owner entered.
static DEPTH: AtomicU32 = AtomicU32::new(0);
/// Processors that run code of drivers.
static IN_DRIVER: Each<AtomicBool> = Each::new([const { AtomicBool::new(false) }; MOST]);
/// Number of the last change of the page tables.
pub(super) static CHANGES: AtomicU64 = AtomicU64::new(0);
/// The last change that each processor acted on.
pub(super) static ACTED_ON: Each<AtomicU64> = Each::new([const { AtomicU64::new(0) }; MOST]);

/// What [`leave`] needs to undo [`enter`].
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Entered {
    /// The lock was not this processor's before.
    first: bool,
    /// A driver's code ran on this processor.
    from_driver: bool,
}

/// What [`take_back`] needs to undo [`give_up`].
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct GivenUp(u32);

/// What a processor does without the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum For {
    /// It runs code of a driver.
    Driver,
    /// It waits.
    Waiting,
}

/// The lock comes into use: this processor owns it.
pub(super) fn begin() {
    DEPTH.store(1, Ordering::Relaxed);
    OWNER.store(0, Ordering::SeqCst);
}

/// Takes the lock on the way into the bench kernel. Any IRQL; interrupts may be enabled or not.
pub fn enter() -> Entered {
    if super::is_single() {
        return Entered {
            first: false,
            from_driver: false,
        };
    }
    let me = super::current();
    if OWNER.load(Ordering::Relaxed) == me {
        DEPTH.fetch_add(1, Ordering::Relaxed);
        return Entered {
            first: false,
            from_driver: false,
        };
    }
    let from_driver = IN_DRIVER.of(me).swap(false, Ordering::SeqCst);
    acquire(me);
    DEPTH.store(1, Ordering::Relaxed);
    Entered {
        first: true,
        from_driver,
    }
}

/// As [`enter`], for the handler of non-maskable interrupts: `meanwhile` is called while it waits.
pub fn enter_with(meanwhile: impl Fn()) -> Entered {
    if super::is_single() || is_mine() {
        return enter();
    }
    let me = super::current();
    let from_driver = IN_DRIVER.of(me).swap(false, Ordering::SeqCst);
    while !try_acquire(me) {
        meanwhile();
        hint::spin_loop();
    }
    DEPTH.store(1, Ordering::Relaxed);
    Entered {
        first: true,
        from_driver,
    }
}

/// Gives the lock back on the way out.
pub fn leave(entered: Entered) {
    if super::is_single() {
        return;
    }
    if !entered.first {
        DEPTH.fetch_sub(1, Ordering::Relaxed);
        return;
    }
    DEPTH.store(0, Ordering::Relaxed);
    release(entered.from_driver);
}

/// Gives the lock up, however often it was taken.
pub fn give_up(purpose: For) -> GivenUp {
    if super::is_single() {
        return GivenUp(0);
    }
    let depth = DEPTH.swap(0, Ordering::Relaxed);
    release(purpose == For::Driver);
    GivenUp(depth)
}

/// Takes back what was given up.
pub fn take_back(given_up: GivenUp) {
    if super::is_single() {
        return;
    }
    let me = super::current();
    IN_DRIVER.of(me).store(false, Ordering::SeqCst);
    acquire(me);
    DEPTH.store(given_up.0, Ordering::Relaxed);
}

/// Lets the others go on for a moment: for loops that wait for one of them.
pub fn breathe() {
    let given_up = give_up(For::Waiting);
    // Who spins for the lock must get it before it is taken back.
    for _ in 0..64 {
        hint::spin_loop();
    }
    take_back(given_up);
}

/// Whether this processor owns the lock (with one processor it always does).
#[must_use]
pub fn is_mine() -> bool {
    super::is_single() || OWNER.load(Ordering::Relaxed) == super::current()
}

/// Whether processor `number` runs a driver and so may use any translation at any moment.
pub(super) fn runs_driver(number: usize) -> bool {
    IN_DRIVER.of(number).load(Ordering::SeqCst)
}

/// The others were in reset, or stand still for good: what they were doing is forgotten. On the resumed machine before they are started
/// again, and when the system came down.
pub(super) fn forget_others() {
    for number in super::all_others() {
        IN_DRIVER.of(number).store(false, Ordering::SeqCst);
    }
}

/// A translation changed in a way that others need not follow at once: each does when it takes the lock next.
pub(super) fn translations_may_be_stale() {
    CHANGES.fetch_add(1, Ordering::SeqCst);
}

fn release(to_driver: bool) {
    IN_DRIVER
        .of(super::current())
        .store(to_driver, Ordering::SeqCst);
    OWNER.store(NOBODY, Ordering::SeqCst);
}

fn acquire(me: usize) {
    while !try_acquire(me) {
        hint::spin_loop();
    }
}

fn try_acquire(me: usize) -> bool {
    let taken = OWNER
        .compare_exchange(NOBODY, me, Ordering::SeqCst, Ordering::Relaxed)
        .is_ok();
    if taken {
        let changes = CHANGES.load(Ordering::SeqCst);
        if ACTED_ON.of(me).swap(changes, Ordering::SeqCst) != changes {
            cpu::forget_translations();
        }
    }
    taken
}
