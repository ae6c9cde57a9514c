//! Memory faults of the normal instance: which rule is that, and can the run go on?
//!
//! Two things are hidden on purpose: pageable sections while the IRQL is at `DISPATCH_LEVEL` or above ([`enter`], [`leave`]),
//! and the registers of an HBA that was pulled out or sleeps ([`hide_registers`]). A touch of either is reported, then let through. A bug
//! check callback that touches registers is `bugcheck::watch`'s.

use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};

use proto::owner::Role;

use crate::{
    bugcheck::watch,
    crash::cause,
    fault::{self, Fault, FaultAction},
    irql,
    mem::{self, PAGE_BYTES, Presence, Va},
    mmio,
    pe::LoadedImage,
    processors::{self, Each, MOST},
    rules::{self, Rule},
    sync::Lock,
};

/// `DataBuffer` of a request whose data the miniport may not touch, and 4 GiB from there on: nothing is mapped there.
pub(super) const UNMAPPED_DATA: u64 = 0x0000_5A5A_0000_0000;
const UNMAPPED_DATA_BYTES: u64 = 1 << 32;

/// No pointer that is good leads here (Windows keeps the first 64 KiB of an address space free).
const NULL_BYTES: u64 = 64 << 10;

static PAGED: Lock<Vec<(Va, u64)>> = Lock::new(Vec::new());
static PAGED_HIDDEN: AtomicBool = AtomicBool::new(false);
static RUNNING: Lock<Running> = Lock::new(Running {
    low: Each::new([0; MOST]),
    high: 0,
});
static REGISTERS_HIDDEN: AtomicBool = AtomicBool::new(false);
/// They are hidden for want of power.
static ASLEEP: AtomicBool = AtomicBool::new(false);
static HOOKED: AtomicBool = AtomicBool::new(false);

/// Callbacks that run now, by their levels. All processors have the same page tables: a pageable section is hidden while a
/// callback runs at `DISPATCH_LEVEL` or above, unless one below that runs on another processor.
struct Running {
    /// Below `DISPATCH_LEVEL`, by processor.
    low: Each<u32>,
    /// At `DISPATCH_LEVEL` and above.
    high: u32,
}

/// A callback that [`enter`] let in; for [`leave`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Level {
    /// Below `DISPATCH_LEVEL`.
    Low,
    /// At `DISPATCH_LEVEL` or above.
    High,
}

/// Watches the faults of `image`, the normal instance.
pub(super) fn watch(image: &LoadedImage) {
    *PAGED.lock() = image
        .sections
        .iter()
        .filter(|section| section.paged)
        .map(|section| (section.va, section.bytes))
        .collect();
    if !HOOKED.swap(true, Ordering::Relaxed) {
        fault::add_hook(hook);
    }
}

/// A callback begins at the present IRQL.
pub(super) fn enter() -> Level {
    let me = processors::current();
    let level = if irql::current() < irql::DISPATCH_LEVEL {
        Level::Low
    } else {
        rules::check(Rule::PagedCode);
        Level::High
    };
    {
        let mut running = RUNNING.lock();
        match level {
            Level::Low => *running.low.of_mut(me) += 1,
            Level::High => running.high += 1,
        }
    }
    update(me);
    level
}

/// The callback is over.
pub(super) fn leave(level: Level) {
    let me = processors::current();
    {
        let mut running = RUNNING.lock();
        match level {
            Level::Low => *running.low.of_mut(me) -= 1,
            Level::High => running.high -= 1,
        }
    }
    update(me);
}

/// Hides pageable sections or shows them, as the callbacks that run demand. On `me`, the highest one counts, which is at the
/// present IRQL; others may be in any of theirs.
fn update(me: usize) {
    let hide = {
        let running = RUNNING.lock();
        let low_elsewhere = running
            .low
            .iter()
            .any(|(number, count)| number != me && *count > 0);
        let low_here = *running.low.of(me) > 0 && irql::current() < irql::DISPATCH_LEVEL;
        running.high > 0 && !low_elsewhere && !low_here
    };
    if hide != PAGED_HIDDEN.load(Ordering::Relaxed) && !PAGED.lock().is_empty() {
        set_paged(if hide {
            Presence::Absent
        } else {
            Presence::Present
        });
    }
}

fn set_paged(presence: Presence) {
    let sections = PAGED.lock().clone();
    for (va, bytes) in sections {
        // The sections are mapped as long as the image is loaded.
        let _ = mem::set_present(va, bytes, presence);
    }
    PAGED_HIDDEN.store(presence == Presence::Absent, Ordering::Relaxed);
}

/// Why the HBA answers nothing; the miniport knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hidden {
    /// It was pulled out.
    Removed,
    /// It is without power.
    Asleep,
}

/// From now on a touch of the HBA's registers is a violation.
pub(super) fn hide_registers(why: Hidden) {
    ASLEEP.store(why == Hidden::Asleep, Ordering::Relaxed);
    REGISTERS_HIDDEN.store(true, Ordering::Relaxed);
    mmio::set_present_all(Presence::Absent);
}

/// The HBA is back, or the instance is gone.
pub(super) fn show_registers() {
    mmio::set_present_all(Presence::Present);
    REGISTERS_HIDDEN.store(false, Ordering::Relaxed);
}

fn hook(fault: &Fault) -> FaultAction {
    if fault.role != Some(Role::Normal) {
        return FaultAction::Pass;
    }
    if let Some(action) = watch::on_fault(fault) {
        return action;
    }
    if cause::is_played() {
        return FaultAction::Pass;
    }
    let va = fault.address;
    if REGISTERS_HIDDEN.load(Ordering::Relaxed) && mmio::find(va).is_some() {
        let when = if ASLEEP.load(Ordering::Relaxed) {
            "while the adapter is in D3"
        } else {
            "after the surprise removal"
        };
        rules::violate(
            Rule::StopTouchedHardware,
            format_args!("the register at {va} is touched {when}"),
        );
        return let_through(va);
    }
    let is_hidden = PAGED_HIDDEN.load(Ordering::Relaxed) && is_paged(va);
    if is_hidden && irql::current() < irql::DISPATCH_LEVEL {
        // Another processor's callback hid it.
        set_paged(Presence::Present);
        return FaultAction::Retry;
    }
    if is_hidden {
        rules::violate(
            Rule::PagedCode,
            format_args!(
                "{va} lies in a pageable section; the IRQL is {}",
                irql::current()
            ),
        );
        return let_through(va);
    }
    let rule = if (UNMAPPED_DATA..UNMAPPED_DATA + UNMAPPED_DATA_BYTES).contains(&va.0) {
        Rule::BufferTouchedByCpu
    } else {
        Rule::MemoryFault
    };
    rules::violate(rule, format_args!("{:?} of {va}", fault.access));
    if va.0 < NULL_BYTES {
        rules::violate(
            Rule::NullCheck,
            format_args!(
                "{:?} of {va}: a pointer that was NULL is used",
                fault.access
            ),
        );
    }
    FaultAction::Pass
}

fn is_paged(va: Va) -> bool {
    PAGED.try_lock().is_some_and(|sections| {
        sections
            .iter()
            .any(|(start, bytes)| va >= *start && va.0 < start.0 + bytes)
    })
}

fn let_through(va: Va) -> FaultAction {
    match mem::set_present(va.page(), PAGE_BYTES, Presence::Present) {
        Ok(()) => FaultAction::Retry,
        Err(_) => FaultAction::Pass,
    }
}
