//! Spin locks of the driver's own, for state that several processors use at once.
//!
//! Key types: [`SpinCell`] (a value and its lock), [`AtDispatch`] (the proof that opens it). Storport's own locks cannot guard such state: a
//! reset has to reach every queue from `HwStorResetBus` and `HwStorTimer`, which hold the `StartIo` lock and may take the interrupt lock only,
//! never a DPC lock (lock table of `StorPortAcquireSpinLock`; docs/decisions/0011-request-queues-and-their-locks.md).
//!
//! Lock order, by types: Storport's `StartIo` lock first, then one of these, never two. A body borrows the proof exclusively, so inside
//! it no other cell can be opened and no lock of Storport's taken. Rule for bodies: they complete no request and call nothing of the port's.
#![expect(unsafe_code, reason = "interior mutability guarded by a lock")]
// UNSAFETY: the compiler cannot see that a ticket lock excludes other processors.

#[cfg(test)]
mod tests;

use core::{
    cell::UnsafeCell,
    hint,
    marker::PhantomData,
    sync::atomic::{AtomicU32, Ordering},
};

/// Proof that nothing on this processor can interrupt the callback and open the same cells: IRQL `DISPATCH_LEVEL` under which all users of
/// cells run, or a callback beside which no other runs at all (first start, restart).
///
/// # Invariants
/// There is one at a time in a callback: it is made by thunks and guards, and lent exclusively.
#[derive(Debug)]
pub struct AtDispatch<'call>(PhantomData<&'call mut ()>);

impl AtDispatch<'_> {
    /// INVARIANT: callers are contexts and guards for which the type's invariant holds.
    pub(crate) const fn new() -> Self {
        Self(PhantomData)
    }
}

/// An atomic word; a trait, so that a model checker can put its own in place.
pub(crate) trait Word {
    fn load(&self, order: Ordering) -> u32;
    fn store(&self, value: u32, order: Ordering);
    fn fetch_add(&self, value: u32, order: Ordering) -> u32;
    fn swap(&self, value: u32, order: Ordering) -> u32;
    fn relax();
}

impl Word for AtomicU32 {
    #[inline]
    fn load(&self, order: Ordering) -> u32 {
        Self::load(self, order)
    }
    #[inline]
    fn store(&self, value: u32, order: Ordering) {
        Self::store(self, value, order);
    }
    #[inline]
    fn fetch_add(&self, value: u32, order: Ordering) -> u32 {
        Self::fetch_add(self, value, order)
    }
    #[inline]
    fn swap(&self, value: u32, order: Ordering) -> u32 {
        Self::swap(self, value, order)
    }
    #[inline]
    fn relax() {
        hint::spin_loop();
    }
}

/// A ticket lock: processors come in one after the other, in the order in which they asked.
#[derive(Debug)]
pub(crate) struct Tickets<W> {
    next: W,
    serving: W,
}

/// The lock, held until drop.
struct Held<'lock, W: Word>(&'lock Tickets<W>);

impl<W: Word> Tickets<W> {
    pub(crate) const fn new(next: W, serving: W) -> Self {
        Self { next, serving }
    }

    /// Runs `body` while no other body of this lock runs.
    #[inline]
    pub(crate) fn with<R>(&self, body: impl FnOnce() -> R) -> R {
        let mine = self.next.fetch_add(1, Ordering::Relaxed);
        // Acquire: what the last holder did is visible from here on.
        while self.serving.load(Ordering::Acquire) != mine {
            W::relax();
        }
        let _held = Held(self);
        body()
    }
}

impl<W: Word> Drop for Held<'_, W> {
    #[inline]
    fn drop(&mut self) {
        // Only the holder writes this word, so it may be read without order.
        let next = self.0.serving.load(Ordering::Relaxed).wrapping_add(1);
        self.0.serving.store(next, Ordering::Release);
    }
}

/// A promise that something will happen soon, to be given once: the first of several callers has to see to it.
///
/// Whoever keeps the promise takes it back ([`Promise::begin_to_keep`]) and only then looks at what there is to do. A caller that finds
/// the promise given therefore knows that its news will be seen: it came before the look.
#[derive(Debug)]
pub(crate) struct Promise<W>(W);

impl<W: Word> Promise<W> {
    pub(crate) const fn new(word: W) -> Self {
        Self(word)
    }

    /// Gives the promise; whether the caller is the one that has to see to it.
    #[inline]
    #[must_use]
    pub(crate) fn give(&self) -> bool {
        self.0.swap(1, Ordering::AcqRel) == 0
    }

    /// Takes it back, to do what was promised. A full barrier: no look at the world comes before it.
    #[inline]
    pub(crate) fn begin_to_keep(&self) {
        self.0.swap(0, Ordering::SeqCst);
    }
}

/// A value that one processor at a time may use.
///
/// # Invariants
/// A reference to the value exists only inside a body of `tickets`, or under an exclusive borrow of the cell.
#[derive(Debug)]
pub struct SpinCell<T> {
    tickets: Tickets<AtomicU32>,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached inside the lock alone; it moves between processors, hence Send.
unsafe impl<T: Send> Sync for SpinCell<T> {}

impl<T> SpinCell<T> {
    /// Wraps `value`.
    pub const fn new(value: T) -> Self {
        Self {
            tickets: Tickets::new(AtomicU32::new(0), AtomicU32::new(0)),
            value: UnsafeCell::new(value),
        }
    }

    /// Runs `body` on the value. Short: other processors may be waiting actively. It must not complete a request, nor call anything of
    /// the port's.
    #[inline]
    pub fn with<R>(&self, _proof: &mut AtDispatch<'_>, body: impl FnOnce(&mut T) -> R) -> R {
        self.tickets.with(|| {
            // SAFETY: (1) the lock excludes other processors; (2) on this one nothing opens cells meanwhile, as the proof says; (3) the
            // body cannot open this cell again, since it would need the proof, which is borrowed exclusively.
            body(unsafe { &mut *self.value.get() })
        })
    }
}
