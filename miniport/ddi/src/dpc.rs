//! Deferred procedure calls.
//!
//! Key type: [`Dpc`], an object of the adapter bound to a [`DpcRoutine`] by type. Calls issued before the object is ready are not lost: they
//! are remembered and issued when [`Dpc::initialize`] has run. Calls issued while one is pending cost a look at a flag. The dump adapter
//! has none.
//! Source: `nf-storport-storportinitializedpc.md` (once, from `HwStorPassiveInitialize`), `nf-storport-storportissuedpc.md`.
#![expect(unsafe_code, reason = "the DPC object is the port driver's")]
// UNSAFETY: the port driver links the object into its queues behind the compiler's back.

use core::{
    cell::UnsafeCell,
    ffi::c_void,
    marker::PhantomData,
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
};

use wdk_sys::STOR_DPC;

use crate::{
    adapter::DpcRoutine,
    context::{DpcContext, PassiveContext},
    extension, inlines,
    port::Port,
    spin::Promise,
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
    /// A call is on its way, and has not begun yet.
    pending: Promise<AtomicU32>,
    /// Which of several objects of the routine this is.
    number: u16,
    routine: PhantomData<fn() -> R>,
}

// SAFETY: only the port touches the object, after `initialize`; the flags are atomic.
unsafe impl<R: DpcRoutine> Sync for Dpc<R> {}
// SAFETY: before `initialize` the object is plain memory; after it the adapter does not move.
unsafe impl<R: DpcRoutine> Send for Dpc<R> {}

impl<R: DpcRoutine> Dpc<R> {
    /// Object `number` of its routine, which the port does not know yet. [`DpcRoutine::object`] finds it by this number.
    #[must_use]
    pub const fn new(number: u16) -> Self {
        Self {
            object: UnsafeCell::new(
                // SAFETY: the structure consists of integers and pointers, for which all zeros is a value.
                unsafe { core::mem::zeroed() },
            ),
            ready: AtomicBool::new(false),
            deferred: AtomicBool::new(false),
            pending: Promise::new(AtomicU32::new(0)),
            number,
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
        if !self.pending.give() {
            // The call that is pending begins later than this, so it sees what this one is about.
            return;
        }
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
                core::ptr::without_provenance_mut(usize::from(self.number)),
                core::ptr::null_mut(),
            );
        };
    }
}

/// `HwDpcRoutine`.
unsafe extern "C" fn run<R: DpcRoutine>(
    _dpc: *mut STOR_DPC,
    device_extension: *mut c_void,
    number: *mut c_void,
    _argument2: *mut c_void,
) {
    // SAFETY: the port passes the extension of the adapter whose DPC it is.
    if let Some((adapter, port)) = unsafe { extension::shared::<R::Adapter>(device_extension) } {
        let Some(object) = u16::try_from(number.addr())
            .ok()
            .and_then(|number| R::object(adapter, number))
        else {
            return;
        };
        object.pending.begin_to_keep();
        R::run(adapter, object.number, &mut DpcContext::new(port));
    }
}
