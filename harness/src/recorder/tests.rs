//! The sample that the driver's side writes, every kind of damage, a ring that went round.

use super::*;

/// The bytes of `sample.hex`, to which the driver's own test holds the recorder.
fn sample() -> Vec<u8> {
    let text = include_str!("../../../miniport/ddi/src/recorder/sample.hex");
    let digits: Vec<u32> = text
        .chars()
        .filter_map(|digit| digit.to_digit(16))
        .collect();
    digits
        .chunks(2)
        .map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap())
        .collect()
}

fn put(bytes: &mut [u8], offset: usize, value: u32) {
    bytes[offset..offset + 4].copy_from_slice(&value.to_le_bytes());
}

/// A recorder of `capacity` entries after `written` events, the value of each its own number.
pub(super) fn ring(capacity: u32, written: u32) -> Vec<u8> {
    let mut bytes = sample();
    bytes.truncate(HEADER_BYTES + 4 * 32);
    put(&mut bytes, 16, capacity);
    put(&mut bytes, 24, written);
    let mut entries = vec![[0_u8; 32]; capacity as usize];
    for sequence in 1..=written {
        let entry = &mut entries[((sequence - 1) % capacity) as usize];
        put(entry, 0, sequence);
        put(entry, 4, 15);
        put(entry, 16, sequence);
    }
    bytes.extend(entries.concat());
    bytes
}

#[test]
fn the_drivers_sample_reads_as_it_was_written() {
    let recording = decode(&sample()).unwrap();
    assert!(!recording.dump_instance);
    assert_eq!(recording.entries_into_driver, 1);
    assert_eq!(recording.written, 5);
    assert_eq!((recording.torn, recording.missing), (0, 0));
    let lines: Vec<String> = recording.events.iter().map(Event::to_string).collect();
    assert_eq!(
        lines,
        [
            "1: DriverEntry: in the dump stack 0x0",
            "2: FindAdapter: DumpMode 0x0, device extension 0xffffa00100001000",
            "3: DeviceRunning: features 0x130000006, queue size 0x100",
            "4: RequestRefused: error 0x3, detail 0x0 (4 times more)",
            "5: CrashCallbacks: adds pages 0x1, gives the recorder 0x1",
        ]
    );
    assert!(recording.counts.contains(&(Kind(17), 5)));
    assert_eq!(recording.counts.len(), 5);
}

#[test]
fn a_ring_that_went_round_holds_the_youngest_in_order() {
    let recording = decode(&ring(8, 21)).unwrap();
    let sequences: Vec<u32> = recording
        .events
        .iter()
        .map(|event| event.sequence)
        .collect();
    assert_eq!(sequences, (14..=21).collect::<Vec<_>>());
    assert!(
        recording
            .events
            .iter()
            .all(|event| event.values[0] == u64::from(event.sequence))
    );
    assert_eq!(decode(&ring(8, 8)).unwrap().events.len(), 8);
    assert_eq!(decode(&ring(8, 0)).unwrap().events, []);
}

#[test]
fn an_entry_that_does_not_belong_to_its_place_is_torn() {
    let mut bytes = ring(8, 21);
    let first = HEADER_BYTES + 4 * 32;
    // Being written; one round too old; no kind.
    put(&mut bytes, first, 0);
    put(&mut bytes, first + 32, 10);
    put(&mut bytes, first + 2 * 32 + 4, 0);
    let recording = decode(&bytes).unwrap();
    assert_eq!((recording.torn, recording.missing), (3, 0));
    assert_eq!(recording.events.len(), 5);
}

#[test]
fn what_is_cut_off_is_counted() {
    let mut bytes = ring(8, 5);
    bytes.truncate(HEADER_BYTES + 4 * 32 + 3 * 32 + 17);
    let recording = decode(&bytes).unwrap();
    assert_eq!(recording.events.len(), 3);
    assert_eq!((recording.torn, recording.missing), (0, 2));
    // Not even all counters.
    bytes.truncate(HEADER_BYTES + 4 * 2);
    let recording = decode(&bytes).unwrap();
    assert_eq!(recording.counts, [(Kind(1), 1)]);
    assert_eq!(recording.missing, 5);
}

#[test]
fn no_length_of_the_sample_is_a_trap() {
    let bytes = sample();
    for length in 0..bytes.len() {
        let decoded = decode(&bytes[..length]);
        assert_eq!(decoded.is_ok(), length >= HEADER_BYTES, "{length} bytes");
    }
}

#[test]
fn each_lie_of_the_header_is_named() {
    let error = |offset, value| {
        let mut bytes = sample();
        put(&mut bytes, offset, value);
        decode(&bytes).unwrap_err()
    };
    assert_eq!(decode(&[0; 63]), Err(DecodeError::TooShort { bytes: 63 }));
    assert_eq!(error(0, 7), DecodeError::Magic);
    assert_eq!(error(8, 2), DecodeError::Version(2));
    for (offset, value) in [(12, 31), (12, u32::MAX), (16, 0), (16, 100), (20, u32::MAX)] {
        let named = error(offset, value);
        assert!(matches!(named, DecodeError::Geometry { .. }), "{named}");
    }
    // More events than any ring holds is no lie.
    let mut bytes = sample();
    put(&mut bytes, 24, u32::MAX);
    assert_eq!(decode(&bytes).unwrap().torn, 5);
}

#[test]
fn a_kind_of_a_later_driver_is_shown_by_its_number() {
    let event = Event {
        sequence: 9,
        kind: Kind(31),
        repeats: 0,
        values: [1, 2],
    };
    assert_eq!(event.to_string(), "9: event 31: value 0x1, value 0x2");
}

#[test]
fn the_kinds_are_those_of_the_driver() {
    let source = include_str!("../../../miniport/ddi/src/recorder.rs");
    let (_, body) = source.split_once("pub enum Event {").unwrap();
    let (body, _) = body.split_once("\n}").unwrap();
    let mut drivers: Vec<(u32, &str)> = body
        .lines()
        .filter_map(|line| line.trim().strip_suffix(',')?.split_once(" = "))
        .map(|(name, number)| (number.parse().unwrap(), name))
        .collect();
    drivers.sort_unstable();
    let ours: Vec<(u32, &str)> = KINDS
        .iter()
        .map(|(number, name, _)| (*number, *name))
        .collect();
    assert_eq!(ours, drivers);
}
