//! Storport's spin locks as guards.
//!
//! Key type: [`StartIoGuard`]. Lock order (documentation of `StorPortAcquireSpinLock`): DPC lock or `StartIo` lock first, then
//! interrupt lock; the driver takes the `StartIo` lock alone, and only from callbacks that hold none.
#![expect(
    unsafe_code,
    reason = "calls the lock notifications of the port driver"
)]
// UNSAFETY: the lock handle is a C structure that the port driver fills and empties.

use core::{marker::PhantomPinned, pin::Pin};

use wdk_sys::{_STOR_SPINLOCK, STOR_LOCK_HANDLE};

use crate::{cell::StartIoHeld, inlines, port::Port};

/// Storage for a lock handle; the port links it into a queue while the lock is held, so it must not move.
#[derive(Debug)]
pub struct StartIoLockSlot {
    handle: STOR_LOCK_HANDLE,
    _pinned: PhantomPinned,
}

impl Default for StartIoLockSlot {
    fn default() -> Self {
        Self {
            handle: STOR_LOCK_HANDLE::default(),
            _pinned: PhantomPinned,
        }
    }
}

/// The `StartIo` lock, held until drop.
#[derive(Debug)]
pub struct StartIoGuard<'slot, 'call> {
    port: Port<'call>,
    slot: Pin<&'slot mut StartIoLockSlot>,
    held: StartIoHeld<'slot>,
}

impl<'slot, 'call> StartIoGuard<'slot, 'call> {
    /// INVARIANT: contexts of callbacks that hold no lock and may take this one (lock table of `StorPortAcquireSpinLock`).
    pub(crate) fn acquire(port: Port<'call>, mut slot: Pin<&'slot mut StartIoLockSlot>) -> Self {
        // SAFETY: the handle is only written by the port below and not moved: it stays where it is pinned.
        let handle = &raw mut unsafe { slot.as_mut().get_unchecked_mut() }.handle;
        // SAFETY: (1) the extension is live; (2) the StartIo lock needs no lock context; (3) the handle stays pinned
        // until release.
        unsafe {
            inlines::StorPortAcquireSpinLock(
                port.extension(),
                _STOR_SPINLOCK::StartIoLock,
                core::ptr::null_mut(),
                handle,
            );
        };
        Self {
            port,
            slot,
            // INVARIANT: the lock was just acquired.
            held: StartIoHeld::new(),
        }
    }

    /// The proof that opens [`crate::cell::StartIoCell`]s.
    pub const fn held(&mut self) -> &mut StartIoHeld<'slot> {
        &mut self.held
    }
}

impl Drop for StartIoGuard<'_, '_> {
    fn drop(&mut self) {
        // SAFETY: as in `acquire`, the handle is not moved.
        let handle = &raw mut unsafe { self.slot.as_mut().get_unchecked_mut() }.handle;
        // SAFETY: the handle is the one that `acquire` filled, and the lock is held.
        unsafe { inlines::StorPortReleaseSpinLock(self.port.extension(), handle) };
    }
}
