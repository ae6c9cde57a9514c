//! Which processors ran the driver, how many at one time, and where reads and writes ended: the host wants to see that they were at work.

use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use proto::record::Record;

use super::{Each, MOST, giant};
use crate::record;

static CALLBACKS: Each<AtomicU64> = Each::new([const { AtomicU64::new(0) }; MOST]);
static MOST_AT_ONCE: AtomicU32 = AtomicU32::new(0);
/// Reads and writes that the miniport completed, and how many of them on the processor that had given them to it.
static COMPLETED: AtomicU64 = AtomicU64::new(0);
static COMPLETED_AT_HOME: AtomicU64 = AtomicU64::new(0);

/// A callback is about to begin on this processor, which still owns the bench kernel's lock.
pub fn begin() {
    if super::is_single() {
        return;
    }
    CALLBACKS
        .of(super::current())
        .fetch_add(1, Ordering::Relaxed);
    let others = super::all_others().filter(|&number| giant::runs_driver(number));
    let at_once = u32::try_from(others.count()).unwrap_or(u32::MAX) + 1;
    MOST_AT_ONCE.fetch_max(at_once, Ordering::Relaxed);
}

/// The miniport completes a read or write on this processor that it was given on `started_on`.
pub fn completed(started_on: usize) {
    COMPLETED.fetch_add(1, Ordering::Relaxed);
    let at_home = u64::from(started_on == super::current());
    COMPLETED_AT_HOME.fetch_add(at_home, Ordering::Relaxed);
}

/// Tells the host, at the end of a life. With one processor there is nothing to tell.
pub fn report() {
    if super::is_single() {
        return;
    }
    let callbacks: Vec<u64> = (0..super::count())
        .map(|number| CALLBACKS.of(number).load(Ordering::Relaxed))
        .collect();
    record::emit(&Record::Processors {
        callbacks,
        most_at_once: MOST_AT_ONCE.load(Ordering::Relaxed),
        completed: COMPLETED.load(Ordering::Relaxed),
        completed_at_home: COMPLETED_AT_HOME.load(Ordering::Relaxed),
    });
}
