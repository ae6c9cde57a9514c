//! Deferred procedure calls.
//!
//! Key type: [`Dpc`], an object of the adapter bound to a [`DpcRoutine`] by type. Calls issued before the object is ready are not lost: they
//! are remembered and issued when [`Dpc::initialize`] has run. The dump adapter has none.
//! Source: `nf-storport-storportinitializedpc.md` (once, from `HwStorPassiveInitialize`), `nf-storport-storportissuedpc.md`.
#![expect(unsafe_code, reason = "the DPC object is the port driver's")]
// UNSAFETY: the port driver links the object into its queues behind the compiler's back.

use core::{
    cell::UnsafeCell,
    ffi::c_void,
    marker::PhantomData,
    sync::atomic::{AtomicBool, Ordering},
};

use wdk_sys::STOR_DPC;

use crate::{
    adapter::DpcRoutine,
    context::{DpcContext, PassiveContext},
    extension, inlines,
    port::Port,
};

/// A deferred procedure call of an adapter.
///
/// # Invariants
/// Lies in the device extension and so never moves once the port knows it. `ready` is set after the port initialised `object`, and
/// from then on the object is the port's alone.
#[derive(Debug)]
pub struct Dpc<R: DpcRoutine> {
    object: UnsafeCell<STOR_DPC>,
    ready: AtomicBool,
    deferred: AtomicBool,
    routine: PhantomData<fn() -> R>,
}

// SAFETY: only the port touches the object, after `initialize`; the flags are atomic.
unsafe impl<R: DpcRoutine> Sync for Dpc<R> {}
// SAFETY: before `initialize` the object is plain memory; after it the adapter does not move.
unsafe impl<R: DpcRoutine> Send for Dpc<R> {}

impl<R: DpcRoutine> Dpc<R> {
    /// An object that the port does not know yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            object: UnsafeCell::new(
                // SAFETY: the structure consists of integers and pointers, for which all zeros is a value.
                unsafe { core::mem::zeroed() },
            ),
            ready: AtomicBool::new(false),
            deferred: AtomicBool::new(false),
            routine: PhantomData,
        }
    }

    /// Makes the object known to the port, and issues the call if it was asked for meanwhile. Once in the life of the adapter:
    /// later calls do nothing, so that a restart leaves the object alone.
    pub fn initialize(&self, context: &PassiveContext<'_, R::Adapter>) {
        if self.ready.load(Ordering::Acquire) {
            return;
        }
        let port = context.port();
        // SAFETY: (1) the extension is live (invariant of Port); (2) the object lies in it and never moves; (3) the routine is
        // that of the adapter type in it.
        unsafe {
            inlines::StorPortInitializeDpc(port.extension(), self.object.get(), Some(run::<R>));
        };
        self.ready.store(true, Ordering::SeqCst);
        if self.deferred.swap(false, Ordering::SeqCst) {
            self.queue(port);
        }
    }

    /// Asks for a call of the routine; several requests before it runs are one. Any IRQL.
    #[inline]
    pub fn issue(&self, port: Port<'_>) {
        if self.ready.load(Ordering::Acquire) {
            self.queue(port);
        } else {
            self.defer(port);
        }
    }

    #[cold]
    fn defer(&self, port: Port<'_>) {
        self.deferred.store(true, Ordering::SeqCst);
        // `initialize` may have looked at `deferred` just before.
        if self.ready.load(Ordering::SeqCst) && self.deferred.swap(false, Ordering::SeqCst) {
            self.queue(port);
        }
    }

    #[inline]
    fn queue(&self, port: Port<'_>) {
        // SAFETY: (1) the extension is live (invariant of Port); (2) the object is initialised. That it is queued already is fine.
        unsafe {
            inlines::StorPortIssueDpc(
                port.extension(),
                self.object.get(),
                core::ptr::null_mut(),
                core::ptr::null_mut(),
            );
        };
    }
}

impl<R: DpcRoutine> Default for Dpc<R> {
    fn default() -> Self {
        Self::new()
    }
}

/// `HwDpcRoutine`.
unsafe extern "C" fn run<R: DpcRoutine>(
    _dpc: *mut STOR_DPC,
    device_extension: *mut c_void,
    _argument1: *mut c_void,
    _argument2: *mut c_void,
) {
    // SAFETY: the port passes the extension of the adapter whose DPC it is.
    if let Some((adapter, port)) = unsafe { extension::shared::<R::Adapter>(device_extension) } {
        R::run(adapter, &DpcContext::new(port));
    }
}
