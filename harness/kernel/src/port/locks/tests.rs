//! Orders, permissions and waits, as the documents have them.

use alloc::vec::Vec;

use super::{Lock, LockFault, Locks, Wait};
use crate::port::callback::Routine;

/// On processor 0, where nobody else is in the way.
fn acquire(locks: &mut Locks, lock: Lock) -> Vec<LockFault> {
    locks.acquire(0, lock).expect("free")
}

fn inside(routine: Routine, held: &[Lock]) -> Locks {
    let mut locks = Locks::new();
    assert_eq!(locks.enter(0, routine, held), Ok(()));
    locks
}

#[test]
fn documented_order_is_accepted() {
    let mut locks = inside(Routine::BuildIo, &[]);
    for lock in [Lock::Dpc(1), Lock::StartIo, Lock::Interrupt] {
        assert_eq!(acquire(&mut locks, lock), []);
    }
    for lock in [Lock::Interrupt, Lock::StartIo, Lock::Dpc(1)] {
        assert_eq!(locks.release(0, lock), None);
    }
    assert_eq!(locks.leave(0), []);
}

#[test]
fn interrupt_lock_first_is_out_of_order() {
    let mut locks = inside(Routine::Dpc, &[]);
    assert_eq!(acquire(&mut locks, Lock::Interrupt), []);
    assert_eq!(
        acquire(&mut locks, Lock::StartIo),
        [LockFault::Order {
            taken: Lock::StartIo,
            held: Lock::Interrupt
        }]
    );
}

#[test]
fn taking_a_lock_twice_is_a_deadlock_even_across_callbacks() {
    let mut locks = inside(Routine::StartIo, &[Lock::StartIo]);
    assert_eq!(
        acquire(&mut locks, Lock::StartIo),
        [LockFault::AlreadyHeld(Lock::StartIo)]
    );
    assert_eq!(acquire(&mut locks, Lock::Interrupt), []);
    assert_eq!(locks.enter(0, Routine::Dpc, &[]), Ok(()));
    assert_eq!(
        acquire(&mut locks, Lock::Interrupt),
        [LockFault::AlreadyHeld(Lock::Interrupt)]
    );
}

#[test]
fn callbacks_that_may_take_nothing_are_told_so() {
    for routine in [
        Routine::FindAdapter,
        Routine::Initialize,
        Routine::PassiveInitialize,
        Routine::StopOrRestart,
    ] {
        let mut locks = inside(routine, &[]);
        for lock in [Lock::Dpc(4), Lock::StartIo, Lock::Interrupt] {
            assert!(
                acquire(&mut locks, lock).contains(&LockFault::NotPermitted(lock, routine)),
                "{routine:?} {lock:?}"
            );
        }
    }
    let mut locks = inside(Routine::ResetBus, &[Lock::StartIo]);
    assert_eq!(acquire(&mut locks, Lock::Interrupt), []);
}

#[test]
fn start_io_may_take_its_lock_only_with_several_channels() {
    let mut locks = inside(Routine::StartIo, &[]);
    locks.set_concurrent_channels(4);
    assert_eq!(acquire(&mut locks, Lock::StartIo), []);
}

#[test]
fn release_without_acquire_and_out_of_order_are_seen() {
    let mut locks = inside(Routine::Dpc, &[]);
    assert_eq!(
        locks.release(0, Lock::StartIo),
        Some(LockFault::NotHeld(Lock::StartIo))
    );
    acquire(&mut locks, Lock::StartIo);
    acquire(&mut locks, Lock::Interrupt);
    assert_eq!(
        locks.release(0, Lock::StartIo),
        Some(LockFault::ReleaseOrder {
            released: Lock::StartIo,
            later: Lock::Interrupt
        })
    );
    assert_eq!(locks.leave(0), [LockFault::LeftHeld(Lock::Interrupt)]);
}

#[test]
fn locks_of_the_port_are_not_the_callbacks_to_release() {
    let mut locks = inside(Routine::StartIo, &[Lock::StartIo]);
    assert_eq!(
        locks.release(0, Lock::StartIo),
        Some(LockFault::NotHeld(Lock::StartIo))
    );
    assert!(locks.is_held(0, Lock::StartIo) && locks.holds_any(0));
    assert_eq!(locks.leave(0), []);
    assert!(!locks.is_held(0, Lock::StartIo) && !locks.holds_any(0));
}

#[test]
fn a_lock_that_another_processor_holds_is_waited_for() {
    let mut locks = inside(Routine::Dpc, &[]);
    assert_eq!(acquire(&mut locks, Lock::StartIo), []);
    let wait = Wait {
        lock: Lock::StartIo,
        waiter: (1, Some(Routine::StartIo)),
        holder: (0, Routine::Dpc),
    };
    assert_eq!(
        locks.enter(1, Routine::StartIo, &[Lock::StartIo]),
        Err(wait)
    );
    assert_eq!(locks.routine(1), None, "it has not begun");
    assert_eq!(locks.deadlock(1), None, "the holder goes on");
    assert_eq!(locks.release(0, Lock::StartIo), None);
    assert_eq!(locks.enter(1, Routine::StartIo, &[Lock::StartIo]), Ok(()));
    assert!(locks.acquire(0, Lock::StartIo).is_err());
    assert_eq!(locks.leave(1), []);
    assert_eq!(acquire(&mut locks, Lock::StartIo), []);
}

#[test]
fn a_callback_that_needs_several_locks_takes_all_or_none() {
    let mut locks = Locks::new();
    locks.set_concurrent_channels(2);
    assert_eq!(
        locks.enter(1, Routine::StartIo, &[Lock::Channel(1)]),
        Ok(())
    );
    let all = [Lock::StartIo, Lock::Channel(0), Lock::Channel(1)];
    let wait = locks.enter(0, Routine::ResetBus, &all).expect_err("busy");
    assert_eq!(wait.lock, Lock::Channel(1));
    // Nothing of it is in the way of others meanwhile.
    assert_eq!(
        locks.enter(2, Routine::StartIo, &[Lock::Channel(0)]),
        Ok(())
    );
    assert_eq!((locks.leave(1), locks.leave(2)), (Vec::new(), Vec::new()));
    assert_eq!(locks.enter(0, Routine::ResetBus, &all), Ok(()));
}

#[test]
fn waits_in_a_circle_are_a_deadlock() {
    let mut locks = Locks::new();
    for processor in 0..2 {
        assert_eq!(locks.enter(processor, Routine::Dpc, &[]), Ok(()));
    }
    assert_eq!(locks.acquire(0, Lock::Own(1)), Ok(Vec::new()));
    assert_eq!(locks.acquire(1, Lock::Own(2)), Ok(Vec::new()));
    assert!(locks.acquire(0, Lock::Own(2)).is_err());
    assert_eq!(locks.deadlock(0), None);
    assert!(locks.acquire(1, Lock::Own(1)).is_err());
    for processor in 0..2 {
        let chain = locks.deadlock(processor).expect("a circle");
        let holders: Vec<usize> = chain.iter().map(|wait| wait.holder.0).collect();
        assert_eq!(holders, [1 - processor, processor]);
    }
}

#[test]
fn a_wait_whose_lock_is_free_again_is_part_of_no_deadlock() {
    let mut locks = Locks::new();
    for processor in 0..2 {
        assert_eq!(locks.enter(processor, Routine::Dpc, &[]), Ok(()));
    }
    assert_eq!(locks.acquire(0, Lock::Own(1)), Ok(Vec::new()));
    assert_eq!(locks.acquire(1, Lock::Own(2)), Ok(Vec::new()));
    assert!(locks.acquire(1, Lock::Own(1)).is_err());
    assert_eq!(locks.release(0, Lock::Own(1)), None);
    // Processor 1 has not looked again yet.
    assert!(locks.acquire(0, Lock::Own(2)).is_err());
    assert_eq!(locks.deadlock(0), None);
}

#[test]
fn what_one_processor_holds_another_does_not() {
    let mut locks = inside(Routine::Interrupt, &[Lock::Interrupt]);
    assert_eq!(locks.enter(1, Routine::Dpc, &[]), Ok(()));
    assert!(!locks.is_held(1, Lock::Interrupt));
    assert_eq!(
        locks.release(1, Lock::Interrupt),
        Some(LockFault::NotHeld(Lock::Interrupt))
    );
    assert_eq!(locks.routine(1), Some(Routine::Dpc));
}
