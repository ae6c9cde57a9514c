//! Arrays as drivers fill them, and every refusal once.

use std::string::ToString;

use super::*;

const ADDRESS: u64 = 0xFFFF_A000_0000_1000;

#[test]
fn an_array_takes_as_many_blocks_as_it_has_room_for() {
    // As in the documented example: ten blocks behind the counters.
    let mut array = Array::empty(HEADER_BYTES + 10 * BLOCK_BYTES).unwrap();
    assert_eq!((array.used, array.total), (0, 10));
    assert_eq!(array.data_limit, 32 << 20);
    for number in 1..=10 {
        array = array.with(ADDRESS, 8).unwrap();
        assert_eq!((array.used, array.data_bytes), (number, 8 * number));
    }
    assert_eq!(array.with(ADDRESS, 8), Err(Refusal::InsufficientResources));
    assert_eq!(Array::judge(array.used, array.total), Ok(()));
}

#[test]
fn memory_that_holds_no_block_is_no_array() {
    assert_eq!(Array::empty(64).unwrap().total, 1);
    assert_eq!(Array::empty(79).unwrap().total, 1);
    for bytes in [0, HEADER_BYTES, 63] {
        assert_eq!(Array::empty(bytes), Err(Refusal::BufferTooSmall));
    }
}

#[test]
fn a_block_has_an_address_and_a_length() {
    let array = Array::empty(4096).unwrap();
    assert_eq!(array.with(0, 8), Err(Refusal::InvalidParameter));
    assert_eq!(array.with(ADDRESS, 0), Err(Refusal::InvalidParameter));
}

#[test]
fn the_blocks_of_an_array_have_an_end() {
    let array = Array::empty(4096).unwrap();
    let full = array.with(ADDRESS, 32 << 20).unwrap();
    for (array, bytes) in [(full, 1), (array, (32 << 20) + 1), (array, u64::MAX)] {
        assert_eq!(
            array.with(ADDRESS, bytes),
            Err(Refusal::InsufficientResources)
        );
    }
}

#[test]
fn each_refusal_is_a_failure_to_nt_success() {
    for (refusal, status) in [
        (Refusal::BufferTooSmall, 0xC000_0023_u32),
        (Refusal::InvalidParameter, 0xC000_000D),
        (Refusal::InsufficientResources, 0xC000_009A),
    ] {
        assert_eq!(refusal.status(), status);
        assert!(status.cast_signed() < 0);
    }
}

#[test]
fn an_array_that_a_driver_miscounted_is_refused() {
    assert_eq!(
        Array::judge(11, 10),
        Err(ArrayError::Counts {
            used: 11,
            total: 10
        })
    );
}

#[test]
fn a_block_breaks_each_limit() {
    assert_eq!(judge_block(ADDRESS, 4096), Ok(()));
    assert_eq!(
        judge_block(ADDRESS, 0),
        Err(ArrayError::Empty { address: ADDRESS })
    );
    for (address, bytes) in [(ADDRESS, u64::MAX), (u64::MAX, 1)] {
        assert_eq!(
            judge_block(address, bytes),
            Err(ArrayError::Wraps { address, bytes })
        );
    }
    for address in [0, 0x7FFF_FFFF_0000, SYSTEM_START - 1] {
        assert_eq!(
            judge_block(address, 1),
            Err(ArrayError::NotTheSystems { address })
        );
    }
}

#[test]
fn what_is_too_much_is_cut_and_named() {
    let mut budget = Budget::new(10_000);
    assert_eq!(budget.max_virt_mem_bytes(), 10_000);
    assert_eq!(budget.take(4096), Ok((4096, None)));
    assert_eq!(budget.max_virt_mem_bytes(), 5904);
    let excess = ArrayError::TooMuch {
        bytes: 8192,
        left: 5904,
    };
    assert_eq!(budget.take(8192), Ok((5904, Some(excess))));
    assert_eq!(
        excess.to_string(),
        "a block of 8192 bytes where 5904 are left of MaxVirtMemSize: the rest is cut off"
    );
    let nothing = ArrayError::TooMuch { bytes: 1, left: 0 };
    assert_eq!(budget.take(1), Ok((0, Some(nothing))));
}

#[test]
fn a_dump_takes_32_mib_of_drivers_at_most() {
    assert_eq!(Budget::new(u64::MAX).max_virt_mem_bytes(), 32 << 20);
    assert_eq!(Budget::new(0).max_virt_mem_bytes(), 0);
}

#[test]
fn a_dump_takes_so_many_blocks_and_no_more() {
    let mut budget = Budget::new(u64::MAX);
    for _ in 0..BLOCKS_LIMIT {
        assert_eq!(budget.take(1), Ok((1, None)));
    }
    assert_eq!(budget.take(1), Err(ArrayError::TooMany));
}
