//! The layout that readers of a dump rely on, and the rules of the ring.

use core::sync::atomic::Ordering;

use super::{CAPACITY, Entry, Event, KINDS, MAGIC, Recorder};

fn entry(recorder: &Recorder, sequence: u32) -> (u32, u32, u32, u64, u64) {
    let Entry {
        sequence,
        kind,
        repeats,
        reserved: _,
        first,
        second,
    } = recorder.place(sequence);
    (
        sequence.load(Ordering::Relaxed),
        kind.load(Ordering::Relaxed),
        repeats.load(Ordering::Relaxed),
        first.load(Ordering::Relaxed),
        second.load(Ordering::Relaxed),
    )
}

#[test]
fn the_layout_is_as_documented() {
    assert_eq!(MAGIC.to_le_bytes(), *b"HIBERREC");
    assert_eq!(core::mem::offset_of!(Recorder, written), 24);
    assert_eq!(core::mem::offset_of!(Recorder, counts), 64);
    assert_eq!(core::mem::offset_of!(Recorder, entries), 64 + 4 * KINDS);
    assert_eq!(size_of::<Recorder>(), 64 + 4 * KINDS + 32 * CAPACITY);
    assert!((Event::CrashCallbacks as usize) < KINDS);
}

#[test]
fn events_are_numbered_and_counted() {
    let recorder = Recorder::new();
    recorder.record(Event::FindAdapter, 1, 2);
    recorder.record(Event::MemoryMarked, 3, 4);
    assert_eq!(entry(&recorder, 1), (1, 2, 0, 1, 2));
    assert_eq!(entry(&recorder, 2), (2, 6, 0, 3, 4));
    assert_eq!(recorder.count(Event::FindAdapter), 1);
}

#[test]
fn a_repeated_event_takes_one_entry() {
    let recorder = Recorder::new();
    for _ in 0..1000 {
        recorder.record(Event::RequestRefused, 5, 6);
    }
    recorder.record(Event::RequestRefused, 5, 7);
    assert_eq!(entry(&recorder, 1), (1, 17, 999, 5, 6));
    assert_eq!(entry(&recorder, 2), (2, 17, 0, 5, 7));
    assert_eq!(recorder.count(Event::RequestRefused), 1001);
}

#[test]
fn the_ring_keeps_the_youngest() {
    let recorder = Recorder::new();
    let total = CAPACITY as u32 + 5;
    for value in 1..=total {
        recorder.record(Event::DeviceEvent, value.into(), 0);
    }
    assert_eq!(entry(&recorder, total).3, u64::from(total));
    // The oldest places were written over.
    assert_eq!(entry(&recorder, 1).0, CAPACITY as u32 + 1);
    assert_eq!(entry(&recorder, 6).3, 6);
}

#[test]
fn a_dirty_recorder_starts_over() {
    let recorder = Recorder::new();
    recorder.record(Event::Panic, 1, 1);
    recorder.magic.store(0, Ordering::Relaxed);
    recorder.reinitialise(1);
    assert_eq!(recorder.magic.load(Ordering::Relaxed), MAGIC);
    assert_eq!(recorder.count(Event::Panic), 0);
    assert_eq!(entry(&recorder, 1).0, 0);
    recorder.record(Event::DriverEntry, 1, 0);
    assert_eq!(entry(&recorder, 1), (1, 1, 0, 1, 0));
}
