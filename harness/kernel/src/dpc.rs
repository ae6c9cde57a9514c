//! The queues of deferred procedure calls, one for each processor, first in, first out, drained at `DISPATCH_LEVEL`.
//!
//! Queuing also sends an interrupt of priority 2 to the processor, so that the queue is drained even if a driver
//! lowers the IRQL by writing CR8 itself.

use alloc::collections::VecDeque;

use crate::{
    interrupt,
    irql::{self, DISPATCH_LEVEL},
    processors::{self, Each, MOST},
    sync::Lock,
};

/// A call to be made later.
#[derive(Clone, Copy, Debug)]
pub struct Dpc {
    /// What to call.
    pub routine: fn(u64),
    /// Its argument.
    pub context: u64,
}

impl Dpc {
    /// Same routine, same argument.
    fn is(&self, other: &Self) -> bool {
        core::ptr::fn_addr_eq(self.routine, other.routine) && self.context == other.context
    }
}

static QUEUES: Lock<Each<VecDeque<Dpc>>> = Lock::new(Each::new([const { VecDeque::new() }; MOST]));

/// Queues a call on this processor; `false` if the same one is queued already, on whichever.
#[expect(clippy::must_use_candidate, reason = "called for its effect")]
pub fn queue(dpc: Dpc) -> bool {
    queue_on(processors::current(), dpc)
}

/// Queues a call on processor `number`; `false` if the same one is queued already, on whichever.
pub fn queue_on(number: usize, dpc: Dpc) -> bool {
    let mut queues = QUEUES.lock();
    let is_queued =
        (0..processors::count()).any(|other| queues.of(other).iter().any(|queued| queued.is(&dpc)));
    if is_queued {
        return false;
    }
    queues.of_mut(number).push_back(dpc);
    drop(queues);
    interrupt::request_dispatch(number);
    true
}

/// Takes a call out of the queue; whether it was there.
pub fn remove(dpc: Dpc) -> bool {
    let mut queues = QUEUES.lock();
    let mut was_there = false;
    for number in 0..processors::count() {
        let queue = queues.of_mut(number);
        let before = queue.len();
        queue.retain(|queued| !queued.is(&dpc));
        was_there |= queue.len() != before;
    }
    was_there
}

/// Calls in this processor's queue.
#[must_use]
pub fn pending_here() -> usize {
    QUEUES.lock().of(processors::current()).len()
}

/// Makes all queued calls of this processor at `DISPATCH_LEVEL` and returns at the level it was called at, below that.
pub fn drain() {
    let old = irql::raise(DISPATCH_LEVEL);
    let mut made_calls = false;
    loop {
        // The lock is free again before the call is made.
        let next = QUEUES.lock().of_mut(processors::current()).pop_front();
        let Some(dpc) = next else {
            break;
        };
        (dpc.routine)(dpc.context);
        made_calls = true;
    }
    crate::hw::cpu::write_cr8(old);
    if made_calls {
        // What another processor's main flow waits for may have happened here.
        interrupt::wake_waiting();
    }
}
