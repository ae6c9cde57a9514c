//! The flight recorder: what the driver did and met, in memory that a debugger or a dump shows.
//!
//! Key types: [`Event`], [`Recorder`]. A fixed ring of typed events, counted per kind, written without locks and without
//! allocation from any IRQL, in both instances of the driver. Rare events only: nothing on the path of an ordinary request records.
//! An event that repeats the previous one raises its repeat count instead of taking a new entry.
//!
//! A reader finds [`RECORDER`] by its symbol, by its magic in the image's data, or as secondary data of a crash dump
//! ([`crate::bugcheck::callbacks`]), there perhaps without its last entries. Layout (little endian, version 1): a header of
//! 64 bytes ([`Recorder`]'s first fields), [`KINDS`] counters of 4 bytes, [`CAPACITY`] entries of 32 bytes ([`Entry`]). The entry
//! with sequence number n (from 1) lies at index (n - 1) modulo the capacity; an entry whose sequence number does not fit its
//! place is being written.

use core::{
    panic::Location,
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
};

use static_assertions::const_assert_eq;

/// First eight bytes of the recorder: `HIBERREC`.
pub const MAGIC: u64 = u64::from_le_bytes(*b"HIBERREC");
/// Version of the layout.
pub const VERSION: u32 = 1;
/// Number of entries.
pub const CAPACITY: usize = 128;
/// Number of counters; kinds are numbered below it.
pub const KINDS: usize = 32;

/// What happened. The numbers are part of the layout: never reuse one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Event {
    /// `DriverEntry` was entered; first value: 1 in the dump stack.
    DriverEntry = 1,
    /// `HwStorFindAdapter` began; values: `DumpMode`, device extension.
    FindAdapter = 2,
    /// `HwStorFindAdapter` refused; values: step, status.
    FindRefused = 3,
    /// The device runs; values: accepted features, request queue size.
    DeviceRunning = 4,
    /// The device did not come up; values: step, detail.
    BringUpFailed = 5,
    /// Memory was marked for the dump; values: address, length.
    MemoryMarked = 6,
    /// Marking was refused; values: address, status.
    MarkRefused = 7,
    /// A queue stopped because the device broke the protocol; values: queue, fault.
    QueueFault = 8,
    /// The adapter was reset; values: reason, requests ended by it.
    AdapterReset = 9,
    /// A task management function was sent; values: function, address.
    TaskManagement = 10,
    /// A task management function ended; values: function, response.
    TaskManagementDone = 11,
    /// A task management function timed out; values: function, address.
    TaskManagementTimeout = 12,
    /// The adapter control routine was called; values: control type, parameter.
    AdapterControl = 13,
    /// The unit control routine was called; values: control type, address.
    UnitControl = 14,
    /// A hot-plug or parameter-change event; values: event, reason.
    DeviceEvent = 15,
    /// A request was dropped instead of completed; first value: request block. A bug of the driver.
    RequestLeaked = 16,
    /// A request was refused while being prepared; values: error, detail.
    RequestRefused = 17,
    /// The dump context was invalid; first value: error.
    ContextRefused = 18,
    /// A panic; values: pointer to the file name, line and column. Last entry of the recorder.
    Panic = 19,
    /// Dump pointers were handed out; values: context, length.
    DumpPointers = 20,
    /// Firmware had changed the PCI configuration, and it was restored; values: offset, value.
    FunctionRestored = 22,
    /// Bug check callbacks were registered; values: 1 if the one that adds pages is, 1 if the one that gives this recorder is.
    CrashCallbacks = 23,
    /// Performance options were set; values: options (`STOR_PERF_*`), concurrent channels.
    PerformanceOptions = 24,
    /// A registry parameter is out of its range, and its default holds; values: number of the parameter, value.
    ParameterRefused = 25,
    /// The port was told to look for units; values: events that said so, times that the device had lost events.
    UnitsChanged = 26,
    /// There was no memory for as many request queues as planned, and a plan with fewer is tried; values: queues, bytes.
    QueuesReduced = 27,
    /// Polling ended without an answer; values: what was waited for, microseconds.
    PollTimeout = 21,
}

/// One event.
#[derive(Debug)]
#[repr(C)]
pub struct Entry {
    /// Sequence number from 1; 0 while the entry is being written and in an unused entry.
    sequence: AtomicU32,
    kind: AtomicU32,
    repeats: AtomicU32,
    reserved: AtomicU32,
    first: AtomicU64,
    second: AtomicU64,
}

/// The recorder; see the module for the layout.
#[derive(Debug)]
#[repr(C)]
pub struct Recorder {
    magic: AtomicU64,
    version: AtomicU32,
    entry_bytes: AtomicU32,
    capacity: AtomicU32,
    kinds: AtomicU32,
    /// Events recorded so far, repeats aside.
    written: AtomicU32,
    /// 1 in the dump stack.
    dump_instance: AtomicU32,
    /// Times that `DriverEntry` ran on this copy of the image.
    entries_into_driver: AtomicU32,
    reserved: [AtomicU32; 7],
    counts: [AtomicU32; KINDS],
    entries: [Entry; CAPACITY],
}

const_assert_eq!(core::mem::offset_of!(Recorder, counts), 64);
const_assert_eq!(size_of::<Entry>(), 32);

/// The recorder of this image.
#[used]
pub static RECORDER: Recorder = Recorder::new();

/// Records an event with two values. Any IRQL.
#[cold]
pub fn record(event: Event, first: u64, second: u64) {
    RECORDER.record(event, first, second);
}

/// Records where the driver panicked. Any IRQL.
#[cold]
pub fn record_panic(location: &Location<'_>) {
    let place = (u64::from(location.line()) << 32) | u64::from(location.column());
    RECORDER.record(Event::Panic, location.file().as_ptr().addr() as u64, place);
}

impl Recorder {
    const fn new() -> Self {
        Self {
            magic: AtomicU64::new(MAGIC),
            version: AtomicU32::new(VERSION),
            entry_bytes: AtomicU32::new(size_of::<Entry>() as u32),
            capacity: AtomicU32::new(CAPACITY as u32),
            kinds: AtomicU32::new(KINDS as u32),
            written: AtomicU32::new(0),
            dump_instance: AtomicU32::new(0),
            entries_into_driver: AtomicU32::new(0),
            reserved: [const { AtomicU32::new(0) }; 7],
            counts: [const { AtomicU32::new(0) }; KINDS],
            entries: [const { Entry::new() }; CAPACITY],
        }
    }

    /// Starts over on whatever the data section held, keeping only the number of times that the image was entered.
    pub(crate) fn reinitialise(&self, dump_instance: u32) {
        self.magic.store(MAGIC, Ordering::Relaxed);
        self.version.store(VERSION, Ordering::Relaxed);
        self.entry_bytes
            .store(size_of::<Entry>() as u32, Ordering::Relaxed);
        self.capacity.store(CAPACITY as u32, Ordering::Relaxed);
        self.kinds.store(KINDS as u32, Ordering::Relaxed);
        self.written.store(0, Ordering::Relaxed);
        self.dump_instance.store(dump_instance, Ordering::Relaxed);
        self.entries_into_driver.fetch_add(1, Ordering::Relaxed);
        for count in &self.counts {
            count.store(0, Ordering::Relaxed);
        }
        for entry in &self.entries {
            entry.sequence.store(0, Ordering::Relaxed);
        }
    }

    /// Bytes of the recorder that fit into `limit`: header and counters with as many whole entries as possible, or nothing.
    pub(crate) const fn bytes_within(limit: u32) -> u32 {
        let fixed = core::mem::offset_of!(Self, entries) as u32;
        let entry = size_of::<Entry>() as u32;
        if limit < fixed {
            return 0;
        }
        let entries = (limit - fixed) / entry;
        let entries = if entries > CAPACITY as u32 {
            CAPACITY as u32
        } else {
            entries
        };
        fixed + entries * entry
    }

    fn record(&self, event: Event, first: u64, second: u64) {
        let kind = event as u32;
        if let Some(count) = self.counts.get(kind as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let last = self.written.load(Ordering::Relaxed);
        if last != 0 && self.place(last).repeat(last, kind, first, second) {
            return;
        }
        let sequence = self.written.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        self.place(sequence).write(sequence, kind, first, second);
    }

    /// The entry for a sequence number.
    fn place(&self, sequence: u32) -> &Entry {
        const { assert!(CAPACITY.is_power_of_two()) };
        let index = sequence.wrapping_sub(1) as usize & (CAPACITY - 1);
        // PANIC: the mask keeps the index below the capacity.
        &self.entries[index]
    }

    /// How often events of this kind were recorded, repeats included.
    #[must_use]
    pub fn count(&self, event: Event) -> u32 {
        self.counts
            .get(event as usize)
            .map_or(0, |count| count.load(Ordering::Relaxed))
    }
}

impl Entry {
    const fn new() -> Self {
        Self {
            sequence: AtomicU32::new(0),
            kind: AtomicU32::new(0),
            repeats: AtomicU32::new(0),
            reserved: AtomicU32::new(0),
            first: AtomicU64::new(0),
            second: AtomicU64::new(0),
        }
    }

    /// Counts a repeat if this entry holds just this event.
    fn repeat(&self, sequence: u32, kind: u32, first: u64, second: u64) -> bool {
        let same = self.sequence.load(Ordering::Acquire) == sequence
            && self.kind.load(Ordering::Relaxed) == kind
            && self.first.load(Ordering::Relaxed) == first
            && self.second.load(Ordering::Relaxed) == second;
        if same {
            self.repeats.fetch_add(1, Ordering::Relaxed);
        }
        same
    }

    fn write(&self, sequence: u32, kind: u32, first: u64, second: u64) {
        self.sequence.store(0, Ordering::Relaxed);
        self.kind.store(kind, Ordering::Relaxed);
        self.repeats.store(0, Ordering::Relaxed);
        self.first.store(first, Ordering::Relaxed);
        self.second.store(second, Ordering::Relaxed);
        self.sequence.store(sequence, Ordering::Release);
    }
}

#[cfg(test)]
mod tests;
