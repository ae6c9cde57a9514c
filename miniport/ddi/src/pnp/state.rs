//! The state of a device between its start and its stop.
//!
//! Key type: [`State`]. The PnP manager sends its requests one at a time; a power request may come beside them, and then finds the state in
//! use and leaves it alone.
#![expect(unsafe_code, reason = "interior mutability guarded by a flag")]
// UNSAFETY: the flag, which the compiler cannot connect with the value, admits one user at a time.

use core::{
    cell::UnsafeCell,
    sync::atomic::{AtomicBool, Ordering},
};

/// A value that one routine at a time may use.
pub(super) struct State<F> {
    in_use: AtomicBool,
    value: UnsafeCell<Option<F>>,
}

// SAFETY: the flag admits one user at a time, on whatever thread.
unsafe impl<F: Send> Sync for State<F> {}

impl<F> State<F> {
    pub(super) const fn new() -> Self {
        Self {
            in_use: AtomicBool::new(false),
            value: UnsafeCell::new(None),
        }
    }

    /// Lets `body` use the value; waits for another user, whose part is short.
    pub(super) fn with<R>(&self, body: impl FnOnce(&mut Option<F>) -> R) -> R {
        while self.in_use.swap(true, Ordering::Acquire) {
            core::hint::spin_loop();
        }
        self.enter(body)
    }

    /// The same, unless it is in use.
    pub(super) fn try_with<R>(&self, body: impl FnOnce(&mut Option<F>) -> R) -> Option<R> {
        if self.in_use.swap(true, Ordering::Acquire) {
            return None;
        }
        Some(self.enter(body))
    }

    /// INVARIANT: the caller has just set the flag.
    fn enter<R>(&self, body: impl FnOnce(&mut Option<F>) -> R) -> R {
        // SAFETY: the flag was clear and is set now, so there is no other user.
        let result = body(unsafe { &mut *self.value.get() });
        self.in_use.store(false, Ordering::Release);
        result
    }
}
