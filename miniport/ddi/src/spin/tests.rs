//! The lock and the promise under a model checker: every order of events that the memory model allows.

use core::sync::atomic::Ordering;

use loom::{
    cell::UnsafeCell,
    sync::{Arc, atomic::AtomicU32},
    thread,
};

use super::{AtDispatch, Promise, SpinCell, Tickets, Word};

impl Word for AtomicU32 {
    fn load(&self, order: Ordering) -> u32 {
        Self::load(self, order)
    }
    fn store(&self, value: u32, order: Ordering) {
        Self::store(self, value, order);
    }
    fn fetch_add(&self, value: u32, order: Ordering) -> u32 {
        Self::fetch_add(self, value, order)
    }
    fn swap(&self, value: u32, order: Ordering) -> u32 {
        Self::swap(self, value, order)
    }
    fn relax() {
        thread::yield_now();
    }
}

fn tickets() -> Tickets<AtomicU32> {
    Tickets::new(AtomicU32::new(0), AtomicU32::new(0))
}

/// What the lock of a queue guards, as far as doorbells are concerned.
#[derive(Default)]
struct Ring {
    filled: u32,
    published: u32,
    promised: bool,
}

/// A queue with the same lock, the same promise and the same steps as `normal::queue`; the DPC queue of the system is a word.
struct Queue {
    lock: Tickets<AtomicU32>,
    ring: UnsafeCell<Ring>,
    pending: Promise<AtomicU32>,
    queued: AtomicU32,
    lost: bool,
}

impl Queue {
    fn new(lost: bool) -> Self {
        Self {
            lock: tickets(),
            ring: UnsafeCell::new(Ring::default()),
            pending: Promise::new(AtomicU32::new(0)),
            queued: AtomicU32::new(0),
            lost,
        }
    }

    fn locked<R>(&self, body: impl FnOnce(&mut Ring) -> R) -> R {
        self.lock.with(|| {
            // SAFETY: loom watches that no two bodies overlap.
            self.ring.with_mut(|ring| body(unsafe { &mut *ring }))
        })
    }

    /// `StorPortIssueDpc`: queues the call unless it is queued. The processor that queued it runs it when it has nothing better to do.
    fn issue(&self) {
        if self.pending.give() && self.queued.swap(1, Ordering::AcqRel) == 0 {
            self.run();
        }
    }

    fn run(&self) {
        // The system takes a DPC out of its queue before it calls the routine.
        self.queued.store(0, Ordering::Release);
        if !self.lost {
            self.pending.begin_to_keep();
        }
        self.locked(|ring| {
            ring.published = ring.filled;
            ring.promised = false;
        });
        if self.lost {
            self.pending.begin_to_keep();
        }
    }

    fn start_io(&self) {
        let issue = self.locked(|ring| {
            ring.filled += 1;
            !core::mem::replace(&mut ring.promised, true)
        });
        if issue {
            self.issue();
        }
    }

    fn all_published(&self) -> bool {
        self.locked(|ring| ring.published == ring.filled)
    }
}

#[test]
fn one_body_at_a_time() {
    loom::model(|| {
        let shared = Arc::new((tickets(), UnsafeCell::new(0u32)));
        let other = Arc::clone(&shared);
        let add = |shared: &(Tickets<AtomicU32>, UnsafeCell<u32>)| {
            // SAFETY: loom watches that no two bodies overlap.
            shared
                .0
                .with(|| shared.1.with_mut(|count| unsafe { *count += 1 }));
        };
        let thread = thread::spawn(move || add(&other));
        add(&shared);
        thread.join().unwrap();
        // SAFETY: the other thread is gone.
        assert_eq!(shared.1.with(|count| unsafe { *count }), 2);
    });
}

/// Two processors submit, an interrupt comes in between: whatever was filled has been published when all is quiet.
fn submit_on_two_processors(lost: bool) {
    let queue = Arc::new(Queue::new(lost));
    let other = Arc::clone(&queue);
    let thread = thread::spawn(move || other.start_io());
    queue.start_io();
    thread.join().unwrap();
    assert!(queue.all_published(), "a request waits without a doorbell");
}

#[test]
fn no_request_waits_without_a_doorbell() {
    loom::model(|| submit_on_two_processors(false));
}

#[test]
fn an_interrupt_does_not_swallow_the_promise() {
    loom::model(|| {
        let queue = Arc::new(Queue::new(false));
        let interrupt = Arc::clone(&queue);
        let thread = thread::spawn(move || interrupt.issue());
        queue.start_io();
        thread.join().unwrap();
        assert!(queue.all_published(), "a request waits without a doorbell");
    });
}

/// The check can fail: a DPC that takes its promise back too late loses a request in some order of events.
#[test]
#[should_panic(expected = "without a doorbell")]
fn a_promise_taken_back_too_late_is_found() {
    loom::model(|| submit_on_two_processors(true));
}

#[test]
fn a_cell_keeps_its_value() {
    let cell = SpinCell::new(3);
    let mut proof = AtDispatch::new();
    cell.with(&mut proof, |value| *value += 1);
    assert_eq!(cell.with(&mut proof, |value| *value), 4);
}
