//! The model of the miniport's spin locks: who holds what, in which callback, and what that callback may take.
//!
//! Documented order: a DPC lock or the StartIo lock first, then the interrupt lock; no lock twice; release in reverse;
//! nothing held when the callback returns (`StorPortAcquireSpinLock`, table of permitted locks). The caller raises and
//! lowers the IRQL; this file is pure bookkeeping and runs on Linux.

use alloc::vec::Vec;

use super::callback::Routine;

/// A lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    /// The lock of one DPC, by the address of its `STOR_DPC`.
    Dpc(u64),
    /// The StartIo lock.
    StartIo,
    /// The interrupt lock.
    Interrupt,
    /// The lock of one interrupt message.
    Message(u32),
    /// A lock that the miniport made by `StorPortInitializeSpinlock`, by its address.
    Own(u64),
}

impl Lock {
    const fn rank(self) -> u8 {
        match self {
            Self::Own(_) => 0,
            Self::Dpc(_) | Self::StartIo => 1,
            Self::Interrupt | Self::Message(_) => 2,
        }
    }
}

/// How a call broke the rules of locking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockFault {
    /// Held already: on a real system this waits for ever.
    AlreadyHeld(Lock),
    /// The callback may not take this lock.
    NotPermitted(Lock, Routine),
    /// Taken while a lock of higher or equal rank is held.
    Order {
        /// The lock taken.
        taken: Lock,
        /// The lock held.
        held: Lock,
    },
    /// Released though not held by this callback.
    NotHeld(Lock),
    /// Released while a lock taken later is still held.
    ReleaseOrder {
        /// The lock released.
        released: Lock,
        /// The lock taken later.
        later: Lock,
    },
    /// Still held when the callback returned.
    LeftHeld(Lock),
}

#[derive(Debug)]
struct Frame {
    routine: Routine,
    held_by_port: Vec<Lock>,
    taken: Vec<Lock>,
}

impl Frame {
    fn holds(&self, lock: Lock) -> bool {
        self.held_by_port.contains(&lock) || self.taken.contains(&lock)
    }
}

/// All locks of one adapter on one processor: callbacks nest (a DPC or an interrupt enters while another runs).
#[derive(Debug, Default)]
pub struct Locks {
    frames: Vec<Frame>,
    concurrent_channels: u32,
}

impl Locks {
    /// No lock held, no callback running.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            frames: Vec::new(),
            concurrent_channels: 0,
        }
    }

    /// Tells how many channels `StorPortInitializePerfOpts` granted: with more than one the port holds no lock in
    /// `HwStorStartIo`, which may then take the StartIo lock itself.
    pub fn set_concurrent_channels(&mut self, channels: u32) {
        self.concurrent_channels = channels;
    }

    /// A callback begins, with these locks held for it by the port.
    pub fn enter(&mut self, routine: Routine, held_by_port: &[Lock]) {
        self.frames.push(Frame {
            routine,
            held_by_port: held_by_port.to_vec(),
            taken: Vec::new(),
        });
    }

    /// The callback returns; yields the locks that it left held (and drops them).
    pub fn leave(&mut self) -> Vec<LockFault> {
        let Some(frame) = self.frames.pop() else {
            return Vec::new();
        };
        frame
            .taken
            .into_iter()
            .rev()
            .map(LockFault::LeftHeld)
            .collect()
    }

    /// The miniport takes `lock`; yields what is wrong with that. The lock is held afterwards in any case, except when
    /// it was held already.
    pub fn acquire(&mut self, lock: Lock) -> Vec<LockFault> {
        let mut faults = Vec::new();
        if self.frames.iter().any(|frame| frame.holds(lock)) {
            faults.push(LockFault::AlreadyHeld(lock));
            return faults;
        }
        let concurrent = self.concurrent_channels > 1;
        let Some(frame) = self.frames.last_mut() else {
            return faults;
        };
        if !permitted(frame.routine, lock, concurrent) {
            faults.push(LockFault::NotPermitted(lock, frame.routine));
        }
        let blocking = frame
            .taken
            .iter()
            .chain(&frame.held_by_port)
            .copied()
            .find(|held| out_of_order(*held, lock));
        if let Some(held) = blocking {
            faults.push(LockFault::Order { taken: lock, held });
        }
        frame.taken.push(lock);
        faults
    }

    /// The miniport releases `lock`; yields what is wrong with that.
    pub fn release(&mut self, lock: Lock) -> Option<LockFault> {
        let frame = self.frames.last_mut()?;
        let Some(position) = frame.taken.iter().rposition(|held| *held == lock) else {
            return Some(LockFault::NotHeld(lock));
        };
        frame.taken.remove(position);
        frame
            .taken
            .get(position)
            .map(|&later| LockFault::ReleaseOrder {
                released: lock,
                later,
            })
    }

    /// Whether anyone on this processor holds `lock`.
    #[must_use]
    pub fn is_held(&self, lock: Lock) -> bool {
        self.frames.iter().any(|frame| frame.holds(lock))
    }

    /// The callback that runs now.
    #[must_use]
    pub fn routine(&self) -> Option<Routine> {
        self.frames.last().map(|frame| frame.routine)
    }
}

/// Equal ranks are compatible only between a DPC lock and the StartIo lock, and between two locks of the miniport's own.
fn out_of_order(held: Lock, taken: Lock) -> bool {
    match (held, taken) {
        (Lock::Dpc(_), Lock::StartIo)
        | (Lock::StartIo, Lock::Dpc(_))
        | (Lock::Own(_), _)
        | (_, Lock::Own(_)) => false,
        _ => held.rank() >= taken.rank(),
    }
}

/// The table of `StorPortAcquireSpinLock`'s page, full duplex. For `ScsiStopAdapter` and `ScsiRestartAdapter` the stricter
/// page (`HwStorAdapterControl`: DIRQL with the interrupt lock held) decides.
fn permitted(routine: Routine, lock: Lock, concurrent: bool) -> bool {
    let (dpc, start_io, interrupt) = match routine {
        Routine::StartIo => (true, concurrent, true),
        Routine::BuildIo
        | Routine::UnitControl
        | Routine::TracingEnabled
        | Routine::Dpc
        | Routine::AdapterControl
        | Routine::WorkItem => (true, true, true),
        Routine::Timer | Routine::ResetBus | Routine::StateChange => (false, false, true),
        Routine::DriverEntry
        | Routine::FindAdapter
        | Routine::Initialize
        | Routine::PassiveInitialize
        | Routine::Interrupt
        | Routine::MessageInterrupt
        | Routine::StopOrRestart
        | Routine::SynchronizedAccess
        | Routine::FreeAdapterResources => (false, false, false),
    };
    match lock {
        Lock::Dpc(_) => dpc,
        Lock::StartIo => start_io,
        Lock::Interrupt => interrupt,
        Lock::Message(_) => interrupt || routine == Routine::MessageInterrupt,
        Lock::Own(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::{Lock, LockFault, Locks};
    use crate::port::callback::Routine;

    fn inside(routine: Routine, held: &[Lock]) -> Locks {
        let mut locks = Locks::new();
        locks.enter(routine, held);
        locks
    }

    #[test]
    fn documented_order_is_accepted() {
        let mut locks = inside(Routine::BuildIo, &[]);
        for lock in [Lock::Dpc(1), Lock::StartIo, Lock::Interrupt] {
            assert_eq!(locks.acquire(lock), []);
        }
        for lock in [Lock::Interrupt, Lock::StartIo, Lock::Dpc(1)] {
            assert_eq!(locks.release(lock), None);
        }
        assert_eq!(locks.leave(), []);
    }

    #[test]
    fn interrupt_lock_first_is_out_of_order() {
        let mut locks = inside(Routine::Dpc, &[]);
        assert_eq!(locks.acquire(Lock::Interrupt), []);
        assert_eq!(
            locks.acquire(Lock::StartIo),
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
            locks.acquire(Lock::StartIo),
            [LockFault::AlreadyHeld(Lock::StartIo)]
        );
        assert_eq!(locks.acquire(Lock::Interrupt), []);
        locks.enter(Routine::Dpc, &[]);
        assert_eq!(
            locks.acquire(Lock::Interrupt),
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
                    locks
                        .acquire(lock)
                        .contains(&LockFault::NotPermitted(lock, routine)),
                    "{routine:?} {lock:?}"
                );
            }
        }
        let mut locks = inside(Routine::ResetBus, &[Lock::StartIo]);
        assert_eq!(locks.acquire(Lock::Interrupt), []);
    }

    #[test]
    fn start_io_may_take_its_lock_only_with_several_channels() {
        let mut locks = inside(Routine::StartIo, &[]);
        locks.set_concurrent_channels(4);
        assert_eq!(locks.acquire(Lock::StartIo), []);
    }

    #[test]
    fn release_without_acquire_and_out_of_order_are_seen() {
        let mut locks = inside(Routine::Dpc, &[]);
        assert_eq!(
            locks.release(Lock::StartIo),
            Some(LockFault::NotHeld(Lock::StartIo))
        );
        locks.acquire(Lock::StartIo);
        locks.acquire(Lock::Interrupt);
        assert_eq!(
            locks.release(Lock::StartIo),
            Some(LockFault::ReleaseOrder {
                released: Lock::StartIo,
                later: Lock::Interrupt
            })
        );
        assert_eq!(locks.leave(), [LockFault::LeftHeld(Lock::Interrupt)]);
    }

    #[test]
    fn locks_of_the_port_are_not_the_callbacks_to_release() {
        let mut locks = inside(Routine::StartIo, &[Lock::StartIo]);
        assert_eq!(
            locks.release(Lock::StartIo),
            Some(LockFault::NotHeld(Lock::StartIo))
        );
        assert!(locks.is_held(Lock::StartIo));
        assert_eq!(locks.leave(), []);
        assert!(!locks.is_held(Lock::StartIo));
    }
}
