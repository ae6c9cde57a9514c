//! State that opens only with proof of the lock that guards it, and the proofs.
//!
//! Key types: [`StartIoHeld`] (proof), [`StartIoCell`] (state). A proof is a zero-sized token that only a callback's thunk or
//! a lock guard makes; the cell takes it by exclusive reference, so that one proof opens one cell at a time.
//! Neighbours: [`crate::context`] hands the proofs out, [`crate::lock`] makes them by acquiring.
#![expect(
    unsafe_code,
    reason = "interior mutability guarded by Storport's locks"
)]
// UNSAFETY: the lock is a contract with the port driver, which the compiler cannot see.

use core::{cell::UnsafeCell, marker::PhantomData};

use crate::spin::AtDispatch;

/// Proof that no other callback of this adapter is inside a section that needs the `StartIo` lock.
///
/// # Invariants
/// Exists only while the port driver holds the `StartIo` lock around the running callback, or the miniport acquired it
/// ([`crate::lock::StartIoGuard`]), or the port guarantees that no such callback runs at all (first start, restart, and the
/// dump stack with its single processor). Only one adapter's cells can be reached from a callback, so the token
/// need not name the adapter.
#[derive(Debug)]
pub struct StartIoHeld<'call>(PhantomData<&'call mut ()>);

impl StartIoHeld<'_> {
    /// INVARIANT: callers are thunks and guards for which the type's invariant holds.
    pub(crate) const fn new() -> Self {
        Self(PhantomData)
    }

    /// The proof for [`SpinCell`](crate::spin::SpinCell)s: the lock is held at `DISPATCH_LEVEL`, and where it is not needed nothing else runs.
    #[inline]
    pub const fn at_dispatch(&mut self) -> AtDispatch<'_> {
        // INVARIANT: the proof borrows this one, so there is one at a time.
        AtDispatch::new()
    }
}

/// A value guarded by the `StartIo` lock.
#[derive(Debug)]
pub struct StartIoCell<T>(UnsafeCell<T>);

// SAFETY: the value is reached through `get`, which demands proof of mutual exclusion, or through `get_mut`, whose
// exclusive borrow is proof enough; T moves between processors, hence Send.
unsafe impl<T: Send> Sync for StartIoCell<T> {}

impl<T> StartIoCell<T> {
    /// Wraps `value`.
    pub const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// Opens the cell with proof of the lock.
    #[must_use]
    pub const fn get<'held>(&'held self, _proof: &'held mut StartIoHeld<'_>) -> &'held mut T {
        // SAFETY: the proof says that no other callback is inside; its exclusive borrow says that this one is not either.
        unsafe { &mut *self.0.get() }
    }

    /// Opens the cell of an adapter that is not shared yet.
    pub const fn get_mut(&mut self) -> &mut T {
        self.0.get_mut()
    }
}
