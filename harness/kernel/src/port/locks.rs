//! The miniport's spin locks: which processor holds what, in which callback, who waits, and what a callback may take.
//!
//! Documented order: a DPC lock or the StartIo lock first, then the interrupt lock; no lock twice; release in reverse;
//! nothing held when the callback returns (`StorPortAcquireSpinLock`, table of permitted locks). The caller raises and
//! lowers the IRQL, and tries again for as long as it is told to wait ([`Wait`]); this file is pure bookkeeping and runs on
//! Linux.

use alloc::vec::Vec;

use super::callback::Routine;
use crate::processors::{Each, MOST};

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
    /// One of the channels of `HwStorStartIo`: the port's own, when there are several.
    Channel(u32),
    /// A lock that the miniport made by `StorPortInitializeSpinlock`, by its address.
    Own(u64),
}

impl Lock {
    const fn rank(self) -> u8 {
        match self {
            Self::Own(_) => 0,
            Self::Dpc(_) | Self::StartIo | Self::Channel(_) => 1,
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

/// Another processor holds the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// The lock.
    pub lock: Lock,
    /// Who waits: processor, and the callback that it is in or about to call.
    pub waiter: (usize, Option<Routine>),
    /// Who holds it: processor and callback.
    pub holder: (usize, Routine),
}

/// What one processor does.
#[derive(Debug)]
struct Processor {
    /// Callbacks nest: a DPC or an interrupt enters while another runs.
    frames: Vec<Frame>,
    /// What it waits for.
    waits: Option<Wait>,
}

impl Processor {
    const IDLE: Self = Self {
        frames: Vec::new(),
        waits: None,
    };

    fn holds(&self, lock: Lock) -> bool {
        self.frames.iter().any(|frame| frame.holds(lock))
    }
}

/// All locks of one adapter.
#[derive(Debug)]
pub struct Locks {
    processors: Each<Processor>,
    concurrent_channels: u32,
}

impl Default for Locks {
    fn default() -> Self {
        Self::new()
    }
}

impl Locks {
    /// No lock held, no callback running.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            processors: Each::new([const { Processor::IDLE }; MOST]),
            concurrent_channels: 0,
        }
    }

    /// Tells how many channels `StorPortInitializePerfOpts` granted: with more than one the port holds no lock in
    /// `HwStorStartIo`, which may then take the StartIo lock itself.
    pub fn set_concurrent_channels(&mut self, channels: u32) {
        self.concurrent_channels = channels;
    }

    /// A callback begins on `processor`, with these locks held for it by the port.
    ///
    /// # Errors
    /// [`Wait`] if another processor holds one of them; then none is taken.
    pub fn enter(
        &mut self,
        processor: usize,
        routine: Routine,
        held_by_port: &[Lock],
    ) -> Result<(), Wait> {
        let busy = held_by_port
            .iter()
            .find_map(|&lock| self.busy(processor, Some(routine), lock));
        let me = self.processors.of_mut(processor);
        me.waits = busy;
        if let Some(wait) = busy {
            return Err(wait);
        }
        me.frames.push(Frame {
            routine,
            held_by_port: held_by_port.to_vec(),
            taken: Vec::new(),
        });
        Ok(())
    }

    /// The callback on `processor` returns; yields the locks that it left held (and drops them).
    pub fn leave(&mut self, processor: usize) -> Vec<LockFault> {
        let Some(frame) = self.processors.of_mut(processor).frames.pop() else {
            return Vec::new();
        };
        frame
            .taken
            .into_iter()
            .rev()
            .map(LockFault::LeftHeld)
            .collect()
    }

    /// The miniport takes `lock` on `processor`; yields what is wrong with that. The lock is held afterwards in any case,
    /// except when it was held already.
    ///
    /// # Errors
    /// [`Wait`] if another processor holds it.
    pub fn acquire(&mut self, processor: usize, lock: Lock) -> Result<Vec<LockFault>, Wait> {
        let concurrent = self.concurrent_channels > 1;
        let mut faults = Vec::new();
        if self.processors.of(processor).holds(lock) {
            faults.push(LockFault::AlreadyHeld(lock));
            return Ok(faults);
        }
        let busy = self.busy(processor, self.routine(processor), lock);
        let me = self.processors.of_mut(processor);
        me.waits = busy;
        if let Some(wait) = busy {
            return Err(wait);
        }
        let Some(frame) = me.frames.last_mut() else {
            return Ok(faults);
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
        Ok(faults)
    }

    /// The miniport releases `lock` on `processor`; yields what is wrong with that.
    pub fn release(&mut self, processor: usize, lock: Lock) -> Option<LockFault> {
        let frame = self.processors.of_mut(processor).frames.last_mut()?;
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

    /// The waits that will never end because each holder waits for the next one's lock, if `processor` is one of them.
    #[must_use]
    pub fn deadlock(&self, processor: usize) -> Option<Vec<Wait>> {
        let mut chain = Vec::new();
        let mut next = processor;
        while let Some(Wait { lock, waiter, .. }) = self.processors.of(next).waits {
            // It may have been released since the wait began.
            let wait = self.busy(next, waiter.1, lock)?;
            chain.push(wait);
            next = wait.holder.0;
            if next == processor {
                return Some(chain);
            }
            if chain.len() > MOST {
                break;
            }
        }
        None
    }

    /// Whether a callback on `processor` holds `lock`.
    #[must_use]
    pub fn is_held(&self, processor: usize, lock: Lock) -> bool {
        self.processors.of(processor).holds(lock)
    }

    /// Whether the callbacks on `processor` hold any lock, their own or one that the port holds for them.
    #[must_use]
    pub fn holds_any(&self, processor: usize) -> bool {
        let holds = |frame: &Frame| !frame.held_by_port.is_empty() || !frame.taken.is_empty();
        self.processors.of(processor).frames.iter().any(holds)
    }

    /// The callback that runs on `processor` now.
    #[must_use]
    pub fn routine(&self, processor: usize) -> Option<Routine> {
        let innermost = self.processors.of(processor).frames.last();
        innermost.map(|frame| frame.routine)
    }

    fn busy(&self, processor: usize, routine: Option<Routine>, lock: Lock) -> Option<Wait> {
        let (holder, frame) = self
            .processors
            .iter()
            .filter(|&(number, _)| number != processor)
            .find_map(|(number, other)| {
                let frame = other.frames.iter().find(|frame| frame.holds(lock))?;
                Some((number, frame))
            })?;
        Some(Wait {
            lock,
            waiter: (processor, routine),
            holder: (holder, frame.routine),
        })
    }
}

/// Equal ranks are compatible only between a DPC lock and the StartIo lock (or the port's channel in its place), and between
/// two locks of the miniport's own.
fn out_of_order(held: Lock, taken: Lock) -> bool {
    match (held, taken) {
        (Lock::Dpc(_) | Lock::Channel(_), Lock::StartIo)
        | (Lock::StartIo | Lock::Channel(_), Lock::Dpc(_))
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
        Lock::Channel(_) => false,
        Lock::Own(_) => true,
    }
}

#[cfg(test)]
mod tests;
