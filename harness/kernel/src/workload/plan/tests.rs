//! The plan of the workload: what must be where, and that it repeats with its seed.

use super::*;

const PARTITION: Partition = Partition {
    first_lba: 2048,
    sectors: 8192,
};

fn plan() -> Plan {
    Plan::new(42, 512, PARTITION, 1 << 20)
}

#[test]
fn writes_stay_in_the_partition_and_cover_all_sizes() {
    let mut plan = plan();
    let (mut small, mut large, mut odd) = (false, false, false);
    for _ in 0..500 {
        let extent = plan.next_write().unwrap();
        assert!(extent.lba >= 2048 && extent.end() <= 2048 + 8192);
        assert!((8..=2048).contains(&extent.sectors));
        small |= extent.sectors == 8;
        large |= extent.sectors > 1024;
        odd |= !(extent.lba - 2048).is_multiple_of(8);
    }
    assert!(small && large && odd);
}

#[test]
fn requests_in_flight_never_overlap() {
    let mut plan = plan();
    let mut flying: Vec<Extent> = Vec::new();
    for _ in 0..20 {
        if let Some(extent) = plan.next_write() {
            assert!(flying.iter().all(|other| !other.overlaps(extent)));
            plan.launched(extent);
            flying.push(extent);
        }
    }
    assert!(flying.len() > 4);
    for extent in flying {
        plan.landed(extent);
    }
    assert!(plan.in_flight.is_empty());
}

#[test]
fn reads_ask_only_for_what_was_written() {
    let mut plan = plan();
    assert_eq!(plan.next_read(), None);
    for _ in 0..50 {
        let extent = plan.next_write().unwrap();
        plan.book_write(extent);
    }
    let extent = plan.next_read().unwrap();
    assert!((extent.lba..extent.end()).all(|lba| plan.pattern(lba).is_some()));
}

#[test]
fn a_later_write_replaces_and_a_failed_one_is_forgotten() {
    let mut plan = plan();
    let extent = Extent {
        lba: 2050,
        sectors: 4,
    };
    plan.book_write(extent);
    let first = plan.pattern(2051).unwrap();
    plan.book_write(Extent {
        lba: 2051,
        sectors: 1,
    });
    assert_ne!(plan.pattern(2051).unwrap(), first);
    assert_eq!(plan.written_extents(), [extent]);
    plan.forget(extent);
    assert!(plan.written_extents().is_empty());
    assert_eq!(plan.pattern(2047), None);
}

#[test]
fn checksums_are_those_of_the_content() {
    let mut plan = plan();
    let extent = Extent {
        lba: 3000,
        sectors: 1030,
    };
    plan.book_write(extent);
    let ranges = plan.written_ranges();
    assert_eq!(
        ranges.iter().map(|range| range.sectors).collect::<Vec<_>>(),
        [512, 512, 6]
    );
    let mut content = Vec::new();
    plan.content(
        Extent {
            lba: 3512,
            sectors: 512,
        },
        &mut content,
    );
    assert_eq!(ranges[1].xxh64, checksum(&content));
    assert_eq!(ranges[1].first_lba, 3512);
}

#[test]
fn sectors_of_4096_bytes_work_the_same() {
    let mut plan = Plan::new(1, 4096, PARTITION, 128 << 10);
    for _ in 0..100 {
        let extent = plan.next_write().unwrap();
        assert!((1..=32).contains(&extent.sectors));
        plan.book_write(extent);
    }
    assert!(!plan.written_ranges().is_empty());
}
