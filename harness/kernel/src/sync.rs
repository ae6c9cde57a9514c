//! Locks of the bench kernel: a spin mutex whose holder runs with interrupts off.
//!
//! A lock is held for the bookkeeping of one call, never across a call into a driver; an attempt to take one that is
//! already held can therefore never succeed on one processor and is reported as the bench's own defect.

use core::{
    ops::{Deref, DerefMut},
    sync::atomic::{AtomicU32, Ordering},
};

use spin::{Mutex, MutexGuard};

use crate::{
    crash,
    interrupt::{self, Flag},
};

/// Locks that are held at present.
static HELD: AtomicU32 = AtomicU32::new(0);

/// Whether the bench kernel is in the middle of its own bookkeeping: a non-maskable interrupt that comes then must wait
/// until the books are in order ([`crash::nmi`]).
#[must_use]
pub fn any_held() -> bool {
    HELD.load(Ordering::Relaxed) != 0
}

/// A value that interrupt handlers and the main flow share.
#[derive(Debug, Default)]
pub struct Lock<T> {
    value: Mutex<T>,
}

/// The right to use the value; dropping it gives the lock and the interrupt flag back.
#[derive(Debug)]
pub struct Guard<'a, T> {
    /// `Some` until the guard is dropped: the mutex must be free before interrupts come back.
    value: Option<MutexGuard<'a, T>>,
    flag: Flag,
}

impl<T> Lock<T> {
    /// A free lock around `value`.
    pub const fn new(value: T) -> Self {
        Self {
            value: Mutex::new(value),
        }
    }

    /// Takes the lock. Any IRQL.
    ///
    /// # Panics
    /// If it is already held, which on one processor means that the holder is further down this very stack.
    #[track_caller]
    pub fn lock(&self) -> Guard<'_, T> {
        let flag = interrupt::disable();
        let Some(value) = self.value.try_lock() else {
            panic!("a lock of the bench kernel is taken twice");
        };
        HELD.fetch_add(1, Ordering::Relaxed);
        Guard {
            value: Some(value),
            flag,
        }
    }

    /// Takes the lock if it is free: for code that reports faults and must not add another one.
    pub fn try_lock(&self) -> Option<Guard<'_, T>> {
        let flag = interrupt::disable();
        let Some(value) = self.value.try_lock() else {
            interrupt::restore(flag);
            return None;
        };
        HELD.fetch_add(1, Ordering::Relaxed);
        Some(Guard {
            value: Some(value),
            flag,
        })
    }
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        match &self.value {
            Some(value) => value,
            None => unreachable!("a guard holds its value until it is dropped"),
        }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        match &mut self.value {
            Some(value) => value,
            None => unreachable!("a guard holds its value until it is dropped"),
        }
    }
}

impl<T> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        self.value = None;
        if HELD.fetch_sub(1, Ordering::Relaxed) == 1 {
            crash::after_last_lock();
        }
        interrupt::restore(self.flag);
    }
}
