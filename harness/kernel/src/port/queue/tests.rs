//! The queues of the port on their own: limits, holds, retries.

use super::{Address, Queues};

const UNIT: Address = Address {
    path: 0,
    target: 0,
    lun: 0,
};
const OTHER: Address = Address {
    path: 0,
    target: 1,
    lun: 0,
};

fn queues(limit: u32, depth: u32, requests: u32) -> Queues {
    let mut queues = Queues::new(limit);
    queues.add_unit(UNIT, depth);
    for ticket in 0..requests {
        assert!(queues.submit(UNIT, ticket));
    }
    queues
}

fn take_all(queues: &mut Queues, now_us: u64) -> alloc::vec::Vec<u32> {
    core::iter::from_fn(|| queues.next(now_us)).collect()
}

#[test]
fn requests_leave_in_order_up_to_the_depth() {
    let mut queues = queues(100, 3, 5);
    assert_eq!(take_all(&mut queues, 0), [0, 1, 2]);
    queues.completed(UNIT);
    assert_eq!(take_all(&mut queues, 0), [3]);
    assert_eq!((queues.in_flight(), queues.waiting()), (3, 1));
}

#[test]
fn the_adapters_limit_is_shared_fairly() {
    let mut queues = queues(4, 100, 4);
    queues.add_unit(OTHER, 100);
    for ticket in 10..14 {
        queues.submit(OTHER, ticket);
    }
    assert_eq!(take_all(&mut queues, 0), [0, 10, 1, 11]);
}

#[test]
fn a_hold_keeps_everything_and_loses_nothing() {
    let mut queues = queues(100, 100, 3);
    assert_eq!(queues.next(0), Some(0));
    queues.hold();
    assert_eq!(queues.next(0), None);
    queues.completed(UNIT);
    assert_eq!((queues.in_flight(), queues.waiting()), (0, 2));
    queues.release();
    assert_eq!(take_all(&mut queues, 0), [1, 2]);
}

#[test]
fn pause_ends_by_time_or_by_resume() {
    let mut queues = queues(100, 100, 2);
    queues.pause_adapter(1_000);
    assert_eq!(queues.next(999), None);
    assert_eq!(queues.next_opening_us(), Some(1_000));
    assert_eq!(queues.next(1_000), Some(0));
    assert!(queues.pause_unit(UNIT, 5_000));
    assert_eq!(queues.next(2_000), None);
    assert!(queues.resume_unit(UNIT));
    assert_eq!(queues.next(2_000), Some(1));
    assert!(!queues.pause_unit(OTHER, 1));
}

#[test]
fn busy_opens_after_so_many_completions() {
    let mut queues = queues(100, 100, 6);
    for _ in 0..3 {
        queues.next(0);
    }
    queues.busy_adapter(2);
    assert_eq!(queues.next(0), None);
    queues.completed(UNIT);
    assert_eq!(queues.next(0), None);
    queues.completed(UNIT);
    assert_eq!(queues.next(0), Some(3));
}

#[test]
fn busy_with_nothing_in_flight_does_not_block_for_ever() {
    let mut queues = queues(100, 100, 1);
    queues.busy_adapter(5);
    assert_eq!(queues.next(0), Some(0));
    queues.submit(UNIT, 1);
    queues.busy_unit(UNIT, 9);
    queues.completed(UNIT);
    assert_eq!(queues.next(0), Some(1));
}

#[test]
fn queue_full_drains_to_a_quarter() {
    let mut queues = queues(100, 100, 10);
    for _ in 0..8 {
        queues.next(0);
    }
    queues.queue_full(UNIT, 25);
    for _ in 0..5 {
        queues.completed(UNIT);
        assert_eq!(queues.next(0), None);
    }
    queues.completed(UNIT);
    assert_eq!(queues.next(0), Some(8));
}

#[test]
fn a_request_put_back_is_the_next_one() {
    let mut queues = queues(100, 100, 3);
    assert_eq!(queues.next(0), Some(0));
    queues.completed(UNIT);
    assert!(queues.put_back(UNIT, 0));
    assert_eq!(take_all(&mut queues, 0), [0, 1, 2]);
    assert_eq!(queues.take_peak(), 3);
}

#[test]
fn depth_zero_and_unknown_units_are_refused() {
    let mut queues = queues(100, 4, 0);
    assert!(!queues.set_depth(UNIT, 0));
    assert!(!queues.set_depth(OTHER, 4));
    assert!(!queues.submit(OTHER, 1));
    assert!(queues.set_depth(UNIT, 9));
    assert_eq!(queues.depth(UNIT), Some(9));
}
