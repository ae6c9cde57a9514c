//! Windows are bounded and aligned, whatever offset they are asked for.

use core::ptr::NonNull;
use std::vec::Vec;

use hba::access::{DmaMemory, Entries, Row, SharedMemory};

use super::UncachedMemory;

const BYTES: u32 = 64;

/// A window over the middle of a buffer, with guards on both sides.
fn window(buffer: &mut Vec<u64>) -> UncachedMemory {
    buffer.clear();
    buffer.resize(24, 0xA5A5_A5A5_A5A5_A5A5);
    let base = NonNull::from(&mut buffer[8]).cast();
    // SAFETY: the buffer outlives the window in these tests, and nobody else uses it meanwhile.
    unsafe { UncachedMemory::new(base, BYTES, 0x1_0000_0040) }
}

fn guards_are_intact(buffer: &[u64]) -> bool {
    let guard = 0xA5A5_A5A5_A5A5_A5A5;
    buffer[..8]
        .iter()
        .chain(&buffer[16..])
        .all(|&word| word == guard)
}

#[test]
fn values_are_little_endian_and_come_back() {
    let mut buffer = Vec::new();
    let memory = window(&mut buffer);
    memory.write_u64(8, 0x0102_0304_0506_0708);
    assert_eq!(memory.read_u8(8), 8);
    assert_eq!(memory.read_u16(8), 0x0708);
    assert_eq!(memory.read_u32(12), 0x0102_0304);
    memory.write_words(16, [1, 2]);
    assert_eq!((memory.read_u64(16), memory.read_u64(24)), (1, 2));
    memory.write_bytes(33, b"odd");
    let mut back = [0; 3];
    memory.read_bytes(33, &mut back);
    assert_eq!(&back, b"odd");
    memory.zero(8, 8);
    assert_eq!(memory.read_u64(8), 0);
    assert_eq!(memory.bus_range().address(), memory.bus_address());
    assert_eq!(memory.bus_range().bytes(), BYTES);
    assert!(guards_are_intact(&buffer));
}

#[test]
fn nothing_outside_is_reached() {
    let mut buffer = Vec::new();
    let memory = window(&mut buffer);
    for offset in [
        BYTES - 7,
        BYTES - 1,
        BYTES,
        BYTES + 1,
        u32::MAX - 7,
        u32::MAX,
    ] {
        memory.write_u64(offset, u64::MAX);
        memory.write_words(offset, [u64::MAX; 2]);
        assert_eq!(memory.read_words(offset), [0; 2], "offset {offset}");
        assert!(
            !memory.write_pairs(offset, &[()], |()| (1, 1)),
            "offset {offset}"
        );
        memory.write_bytes(offset, &[0xFF; 9]);
        memory.zero(offset, 9);
        assert_eq!(memory.read_u64(offset), 0, "offset {offset}");
        let mut untouched = [7; 9];
        memory.read_bytes(offset, &mut untouched);
        assert_eq!(untouched, [7; 9], "offset {offset}");
    }
    for offset in [BYTES, u32::MAX] {
        memory.write_u8(offset, 1);
        assert_eq!(memory.read_u8(offset), 0);
    }
    assert!(guards_are_intact(&buffer));
}

#[test]
fn what_is_not_aligned_is_not_there() {
    let mut buffer = Vec::new();
    let memory = window(&mut buffer);
    memory.zero(0, BYTES);
    memory.write_u64(4, u64::MAX);
    memory.write_u32(2, u32::MAX);
    memory.write_u16(1, u16::MAX);
    assert_eq!(memory.read_u64(0), 0);
    assert_eq!(memory.read_u16(1), 0);
}

#[test]
fn pairs_are_written_for_all_items_or_for_none() {
    let mut buffer = Vec::new();
    let memory = window(&mut buffer);
    memory.zero(0, BYTES);
    let swapped = |&(first, second): &(u64, u64)| (second, first);
    assert!(memory.write_pairs(8, &[(1, 2), (3, 4)], swapped));
    assert_eq!(memory.read_words(0), [0, 2, 1, 4, 3, 0]);
    let all = vec![(5, 5); BYTES as usize / 16];
    for (offset, count) in [(4, 1), (8, all.len()), (BYTES, 1), (u32::MAX - 7, 1)] {
        let written = memory.write_pairs(offset, &all[..count], swapped);
        assert!(!written, "{count} at {offset}");
    }
    // More than 32 bits can number, of which a slice has as many as it likes if they have no size.
    for count in [1 << 28, u32::MAX as usize, usize::MAX] {
        let endless = vec![(); count];
        assert!(!memory.write_pairs(0, &endless, |()| unreachable!("nothing fits")));
    }
    assert_eq!(memory.read_words(0), [0, 2, 1, 4, 3, 0]);
    assert!(memory.write_pairs(0, &all, swapped));
    assert!(
        memory.write_pairs(BYTES, &all[..0], swapped),
        "nothing fits anywhere"
    );
    assert!(guards_are_intact(&buffer));
}

#[test]
fn absent_memory_is_empty() {
    let memory = UncachedMemory::ABSENT;
    memory.write_u8(0, 1);
    assert_eq!((memory.length(), memory.read_u8(0)), (0, 0));
}

#[test]
fn entries_are_masked_and_refused_where_they_do_not_fit() {
    let mut buffer = Vec::new();
    let memory = window(&mut buffer);
    memory.zero(0, BYTES);
    let pairs = memory.entries::<16>(32, 1).expect("two entries");
    pairs.write_words(3, 1, 2);
    assert_eq!(memory.read_words(48), [1, 2]);
    let numbers = memory.entries::<2>(2, 3).expect("four entries");
    numbers.write_u16(5, 0x0102);
    assert_eq!(memory.read_u16(4), 0x0102);
    let used = memory
        .entries::<8>(44, 1)
        .expect("two entries at a multiple of 4");
    assert_eq!(used.read_u32_pair(u16::MAX), (0, 2));
    assert!(memory.entries::<16>(48, 1).is_none(), "behind the end");
    assert!(memory.entries::<16>(4, 0).is_none(), "not aligned");
    assert!(memory.entries::<8>(2, 0).is_none(), "not aligned");
    assert!(memory.entries::<2>(0, 2).is_none(), "three entries");
    assert!(memory.entries::<16>(0, u16::MAX).is_none(), "too many");
    assert!(
        memory.entries::<2>(u32::MAX - 1, 0).is_none(),
        "an overflow"
    );
    assert!(guards_are_intact(&buffer));
}

#[test]
fn a_single_entry_is_a_place_that_was_checked() {
    let mut buffer = Vec::new();
    let memory = window(&mut buffer);
    memory.zero(0, BYTES);
    let number = memory
        .entries::<2>(BYTES - 2, 0)
        .expect("the last two bytes");
    number.write_u16(7, 0x0102);
    assert_eq!(number.read_u16(0), 0x0102);
    assert_eq!(memory.read_u16(BYTES - 2), 0x0102);
    let event = memory
        .entries::<4>(BYTES - 4, 0)
        .expect("the last four bytes");
    assert_eq!(event.read_u32(9), 0x0102_0000);
    event.write_u32(0, 0x0304_0506);
    assert_eq!(number.read_u16(0), 0x0304);
    assert!(
        memory.entries::<4>(BYTES - 2, 0).is_none(),
        "behind the end"
    );
    assert!(memory.entries::<4>(2, 0).is_none(), "not aligned");
    assert!(guards_are_intact(&buffer));
}

#[test]
fn a_row_has_its_pairs_and_no_more() {
    let mut buffer = Vec::new();
    let memory = window(&mut buffer);
    memory.zero(0, BYTES);
    let row = memory.row(16, 3).expect("three pairs");
    row.write_pair(0, 1, 2);
    row.write_pair(2, 3, 4);
    row.write_last_u16(2, 0x0506);
    assert_eq!(row.read_second(2), 0x0506_0000_0000_0004);
    for position in [3, u16::MAX] {
        row.write_pair(position, u64::MAX, u64::MAX);
        row.write_last_u16(position, 0xFFFF);
        assert_eq!(row.read_second(position), 0, "{position}");
    }
    assert_eq!(
        memory.read_words(0),
        [0, 0, 1, 2, 0, 0, 3, 0x0506_0000_0000_0004]
    );
    assert!(memory.row(0, 4).is_some());
    assert!(memory.row(8, 4).is_none(), "behind the end");
    assert!(memory.row(4, 1).is_none(), "not aligned");
    assert!(memory.row(0, u16::MAX).is_none(), "too many");
    assert!(guards_are_intact(&buffer));
}
