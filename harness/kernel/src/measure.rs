//! What a driver costs: instructions of its own, calls, locks, DPCs, doorbells, interrupts, counted between [`begin`] and
//! [`end`].
//!
//! * [`Ways`] and [`calibrate`]: what the counting itself costs, so that it can be left out to the last instruction.
//! * [`doorbell`]: every queue notification is caught on its way to the device, counted, and delivered when the bench wants.
//! * [`floor`]: a client of the same device that does the least, counted in the same way.
//! * [`device`]: whether the device has answered everything that it was told of.
//!
//! Everything outside of a measurement costs one test of a flag. `scenario::measure` says what is measured.

pub mod calibrate;
pub mod device;
pub mod doorbell;
pub mod floor;

use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use proto::record::Cost;

use crate::{
    exports::ExportCall,
    interrupt,
    port::abi::{codes::notification, extended},
    sync::Lock,
};

static COUNTING: AtomicBool = AtomicBool::new(false);
static COUNTS: Lock<Counts> = Lock::new(Counts::new());

/// Instructions of one way into a callback and back, to an export and back, and through the two exceptions of a caught doorbell,
/// as far as they lie outside of what the clock is read around. 0 until [`calibrate::run`].
static CALL_INSTRUCTIONS: AtomicU64 = AtomicU64::new(0);
static EXPORT_INSTRUCTIONS: AtomicU64 = AtomicU64::new(0);
static DOORBELL_INSTRUCTIONS: AtomicU64 = AtomicU64::new(0);

/// The ways that a callback went through the bench.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ways {
    /// Exports that it called.
    pub exports: u64,
    /// Doorbells that were caught.
    pub doorbells: u64,
}

impl Ways {
    /// Instructions of the bench in them, and in the call of the callback itself.
    #[must_use]
    pub fn instructions(self) -> u64 {
        CALL_INSTRUCTIONS.load(Ordering::Relaxed)
            + self.exports * EXPORT_INSTRUCTIONS.load(Ordering::Relaxed)
            + self.doorbells * DOORBELL_INSTRUCTIONS.load(Ordering::Relaxed)
    }
}

/// What was counted.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    callbacks: BTreeMap<&'static str, (u64, u64)>,
    exports: BTreeMap<(&'static str, Option<u32>), u64>,
    port_locks: u64,
    doorbells: u64,
    interrupts: u64,
}

/// Counting begins, from nothing.
pub fn begin() {
    let mut counts = COUNTS.lock();
    *counts = Counts::new();
    counts.doorbells = doorbell::rung();
    counts.interrupts = interrupt::count();
    drop(counts);
    resume();
}

/// Counting ends; what was counted since [`begin`].
#[must_use]
pub fn end() -> Counts {
    suspend();
    let mut counts = core::mem::take(&mut *COUNTS.lock());
    counts.doorbells = doorbell::rung() - counts.doorbells;
    counts.interrupts = interrupt::count() - counts.interrupts;
    counts
}

/// What comes now is the bench's own affair.
pub fn suspend() {
    COUNTING.store(false, Ordering::Relaxed);
}

/// It is over.
pub fn resume() {
    COUNTING.store(true, Ordering::Relaxed);
}

fn counting() -> bool {
    COUNTING.load(Ordering::Relaxed)
}

/// A callback returned.
pub(crate) fn callback(name: &'static str, own_instructions: u64) {
    if counting() {
        let mut counts = COUNTS.lock();
        let (calls, instructions) = counts.callbacks.entry(name).or_default();
        *calls += 1;
        *instructions += own_instructions;
    }
}

/// The port holds that many locks for a callback.
pub(crate) fn port_locks(count: usize) {
    if counting() {
        COUNTS.lock().port_locks += count as u64;
    }
}

/// An export is called.
pub(crate) fn export(call: &ExportCall) {
    if counting() {
        let selector = match call.export.name {
            NOTIFICATION | EXTENDED => Some(call.arg32(0)),
            _ => None,
        };
        *COUNTS
            .lock()
            .exports
            .entry((call.export.name, selector))
            .or_default() += 1;
    }
}

const NOTIFICATION: &str = "StorPortNotification";
const EXTENDED: &str = "StorPortExtendedFunction";

impl Counts {
    const fn new() -> Self {
        Self {
            callbacks: BTreeMap::new(),
            exports: BTreeMap::new(),
            port_locks: 0,
            doorbells: 0,
            interrupts: 0,
        }
    }

    /// The callbacks by name.
    #[must_use]
    pub fn costs(&self) -> Vec<Cost> {
        self.callbacks
            .iter()
            .map(|(&name, &(calls, instructions))| Cost {
                name: String::from(name),
                calls,
                instructions,
            })
            .collect()
    }

    /// Calls of exports, those of the two routines with many functions by function.
    #[must_use]
    pub fn exports(&self) -> Vec<(String, u64)> {
        self.exports
            .iter()
            .map(|(&(name, selector), &count)| (export_name(name, selector), count))
            .collect()
    }

    /// Locks that the miniport took by a call.
    #[must_use]
    pub fn locks(&self) -> u64 {
        self.calls(NOTIFICATION, notification::ACQUIRE_SPIN_LOCK)
            + self.calls(EXTENDED, extended::code::ACQUIRE_SPIN_LOCK)
            + self.calls(EXTENDED, extended::code::ACQUIRE_MSI_SPIN_LOCK)
    }

    /// DPCs that it issued.
    #[must_use]
    pub fn dpcs(&self) -> u64 {
        self.calls(NOTIFICATION, notification::ISSUE_DPC)
    }

    /// Locks that the port held for it.
    #[must_use]
    pub const fn port_locks(&self) -> u64 {
        self.port_locks
    }

    /// Doorbells.
    #[must_use]
    pub const fn doorbells(&self) -> u64 {
        self.doorbells
    }

    /// Device interrupts.
    #[must_use]
    pub const fn interrupts(&self) -> u64 {
        self.interrupts
    }

    fn calls(&self, name: &'static str, selector: u32) -> u64 {
        self.exports
            .get(&(name, Some(selector)))
            .copied()
            .unwrap_or(0)
    }
}

fn export_name(name: &'static str, selector: Option<u32>) -> String {
    let names = match name {
        NOTIFICATION => notification::NAMES,
        _ => extended::code::NAMES,
    };
    let Some(selector) = selector else {
        return String::from(name);
    };
    let function = names
        .iter()
        .find(|(_, value)| *value == selector)
        .map_or_else(|| selector.to_string(), |(name, _)| String::from(*name));
    format!("{name}({function})")
}
