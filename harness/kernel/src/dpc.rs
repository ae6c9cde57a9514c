//! The queue of deferred procedure calls, first in, first out, drained at `DISPATCH_LEVEL`.
//!
//! Queuing also sends an interrupt of priority 2 to this processor, so that the queue is drained even if a driver
//! lowers the IRQL by writing CR8 itself.

use alloc::collections::VecDeque;

use crate::{
    interrupt,
    irql::{self, DISPATCH_LEVEL},
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

static QUEUE: Lock<VecDeque<Dpc>> = Lock::new(VecDeque::new());

/// Queues a call; `false` if the same one is queued already.
pub fn queue(dpc: Dpc) -> bool {
    let mut queue = QUEUE.lock();
    if queue.iter().any(|queued| queued.is(&dpc)) {
        return false;
    }
    queue.push_back(dpc);
    drop(queue);
    interrupt::request_dispatch();
    true
}

/// Takes a call out of the queue; whether it was there.
pub fn remove(dpc: Dpc) -> bool {
    let mut queue = QUEUE.lock();
    let before = queue.len();
    queue.retain(|queued| !queued.is(&dpc));
    queue.len() != before
}

/// Calls in the queue.
#[must_use]
pub fn pending() -> usize {
    QUEUE.lock().len()
}

/// Makes all queued calls at `DISPATCH_LEVEL` and returns at the level it was called at, below that.
pub fn drain() {
    let old = irql::raise(DISPATCH_LEVEL);
    loop {
        // The lock is free again before the call is made.
        let next = QUEUE.lock().pop_front();
        let Some(dpc) = next else {
            break;
        };
        (dpc.routine)(dpc.context);
    }
    crate::hw::cpu::write_cr8(old);
}
