//! The plan of the workload: what must be where, and that it repeats with its seed.

use super::*;

const PARTITION: Partition = Partition {
    first_lba: 2048,
    sectors: 8192,
};

/// No limit of the caller's own.
const ANY: u64 = u64::MAX;

fn plan() -> Plan {
    Plan::new(42, 512, PARTITION, 1 << 20, 8)
}

/// The next write; others are passed over.
fn next_write(plan: &mut Plan) -> Extent {
    loop {
        let planned = plan.next(ANY).unwrap();
        if planned.kind == Kind::Write {
            return planned.extent;
        }
    }
}

#[test]
fn writes_stay_in_the_partition_and_cover_all_sizes() {
    let mut plan = Plan::new(42, 512, PARTITION, 1 << 20, 1);
    let (mut small, mut large, mut odd) = (false, false, false);
    for _ in 0..500 {
        let extent = next_write(&mut plan);
        assert!(extent.lba >= 2048 && extent.end() <= 2048 + 8192);
        assert!((8..=2048).contains(&extent.sectors));
        small |= extent.sectors == 8;
        large |= extent.sectors > 1024;
        odd |= !(extent.lba - 2048).is_multiple_of(8);
    }
    assert!(small && large && odd);
}

#[test]
fn the_latest_requests_never_overlap() {
    let mut plan = Plan::new(42, 512, PARTITION, 64 << 10, 8);
    let mut latest: Vec<Extent> = Vec::new();
    for _ in 0..200 {
        let planned = plan.next(ANY).unwrap();
        if planned.kind == Kind::Flush {
            continue;
        }
        let start = latest.len().saturating_sub(7);
        assert!(
            latest[start..]
                .iter()
                .all(|other| !other.overlaps(planned.extent))
        );
        latest.push(planned.extent);
        if planned.kind == Kind::Write {
            plan.book_write(planned.extent);
        }
    }
}

#[test]
fn a_crowded_area_still_has_a_place() {
    // One request of 1 MiB may fill a quarter of the area, and eight are to be kept apart.
    let mut plan = plan();
    for _ in 0..500 {
        assert!(plan.next(ANY).is_some());
    }
}

#[test]
fn what_is_in_flight_is_met_until_it_lands() {
    let mut plan = plan();
    let extent = next_write(&mut plan);
    let inside = Extent {
        sectors: 1,
        ..extent
    };
    assert!(!plan.meets_flight(inside));
    plan.launched(extent);
    assert!(plan.meets_flight(inside));
    plan.landed(extent);
    assert!(!plan.meets_flight(inside));
}

/// The requests that are submitted when up to eight are in flight and `choose` says which of them ends next.
fn submitted(choose: impl Fn(usize, usize) -> usize) -> Vec<Planned> {
    let mut plan = plan();
    let mut flying: Vec<Extent> = Vec::new();
    let mut done = Vec::new();
    for number in 0..400 {
        let planned = plan.next(ANY).unwrap();
        while flying.len() >= 8 || plan.meets_flight(planned.extent) {
            let ended = flying.swap_remove(choose(number, flying.len()) % flying.len());
            plan.landed(ended);
        }
        if planned.kind == Kind::Write {
            plan.book_write(planned.extent);
        }
        plan.launched(planned.extent);
        flying.push(planned.extent);
        done.push(planned);
    }
    done
}

#[test]
fn the_requests_do_not_depend_on_the_order_of_completion() {
    let oldest_first = submitted(|_, _| 0);
    assert_eq!(oldest_first, submitted(|_, flying| flying - 1));
    assert_eq!(oldest_first, submitted(|number, _| number * 7));
    for kind in [Kind::Read, Kind::Write, Kind::Flush] {
        assert!(oldest_first.iter().any(|planned| planned.kind == kind));
    }
}

#[test]
fn reads_ask_only_for_what_was_written() {
    let mut plan = plan();
    let mut reads = 0;
    for _ in 0..300 {
        let planned = plan.next(ANY).unwrap();
        match planned.kind {
            Kind::Write => plan.book_write(planned.extent),
            Kind::Read => {
                reads += 1;
                assert!(!plan.versions(planned.extent).contains(&0));
            }
            Kind::Flush => assert_eq!(planned.extent.sectors, 0),
        }
    }
    assert!(reads > 20);
}

#[test]
fn the_callers_limit_holds() {
    let mut plan = plan();
    for _ in 0..100 {
        assert!(plan.next(16 << 10).unwrap().extent.sectors <= 32);
    }
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
    let mut plan = Plan::new(1, 4096, PARTITION, 128 << 10, 8);
    for _ in 0..100 {
        let extent = next_write(&mut plan);
        assert!((1..=32).contains(&extent.sectors));
        plan.book_write(extent);
    }
    assert!(!plan.written_ranges().is_empty());
}

#[test]
fn an_abandoned_write_leaves_old_or_new_content() {
    let mut plan = plan();
    let old = Extent {
        lba: 2050,
        sectors: 1,
    };
    let cut_off = Extent {
        lba: 2050,
        sectors: 2,
    };
    plan.book_write(old);
    let mut first = vec![0; 512];
    plan.pattern(2050).unwrap().fill(&mut first);
    let before = plan.versions(cut_off);
    plan.book_write(cut_off);
    let mut second = vec![0; 512];
    plan.pattern(2051).unwrap().fill(&mut second);
    let range = plan.abandon(cut_off, &before);
    assert_eq!(range.first_lba, 2050);
    assert_eq!(range.before, [checksum(&first), checksum(&[0; 512])]);
    assert_eq!(range.after.len(), 2);
    assert_eq!(range.after[1], checksum(&second));
    assert!(plan.written_extents().is_empty());
}
