//! The layout that readers of a dump rely on, and the rules of the ring.

use core::{fmt::Write as _, sync::atomic::Ordering};

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

/// The bytes of a recorder as a dump holds them, from its fields in the order of the layout.
fn bytes_of(recorder: &Recorder) -> Vec<u8> {
    let mut bytes = recorder
        .magic
        .load(Ordering::Relaxed)
        .to_le_bytes()
        .to_vec();
    let Recorder {
        magic: _,
        version,
        entry_bytes,
        capacity,
        kinds,
        written,
        dump_instance,
        entries_into_driver,
        reserved,
        counts,
        entries,
    } = recorder;
    let head = [
        version,
        entry_bytes,
        capacity,
        kinds,
        written,
        dump_instance,
        entries_into_driver,
    ];
    for word in head.into_iter().chain(reserved).chain(counts) {
        bytes.extend(word.load(Ordering::Relaxed).to_le_bytes());
    }
    for entry in entries {
        for word in [
            &entry.sequence,
            &entry.kind,
            &entry.repeats,
            &entry.reserved,
        ] {
            bytes.extend(word.load(Ordering::Relaxed).to_le_bytes());
        }
        for word in [&entry.first, &entry.second] {
            bytes.extend(word.load(Ordering::Relaxed).to_le_bytes());
        }
    }
    bytes
}

/// The reader of dumps is tested with this very file (`harness/src/recorder/tests.rs`): both sides hold to one sample.
#[test]
fn the_sample_that_readers_are_tested_with_is_what_the_recorder_writes() {
    let recorder = Recorder::new();
    recorder.reinitialise(0);
    recorder.record(Event::DriverEntry, 0, 0);
    recorder.record(Event::FindAdapter, 0, 0xFFFF_A001_0000_1000);
    recorder.record(Event::DeviceRunning, 0x1_3000_0006, 256);
    for _ in 0..5 {
        recorder.record(Event::RequestRefused, 3, 0);
    }
    recorder.record(Event::CrashCallbacks, 1, 1);
    let lines: Vec<String> = bytes_of(&recorder)
        .chunks(32)
        .map(|line| {
            line.iter().fold(String::new(), |mut text, byte| {
                let _ = write!(text, "{byte:02x}");
                text
            })
        })
        .collect();
    // Unused entries at the end are left out of the file.
    let used = (64 + 4 * KINDS) / 32 + 5;
    assert!(
        lines[used..]
            .iter()
            .all(|line| line.bytes().all(|digit| digit == b'0'))
    );
    assert_eq!(
        include_str!("sample.hex").lines().collect::<Vec<_>>(),
        lines[..used]
    );
}
