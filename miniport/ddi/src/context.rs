//! What a callback may do: one context type per kind of callback.
//!
//! A context is made by the thunk of the callback and dies with it. It carries the [`Port`] handle and, as methods, the services
//! whose condition (IRQL, lock, callback) that callback fulfils; services without a condition are on [`Port`]. Contexts with
//! the `StartIo` lock carry the proof that opens [`crate::cell::StartIoCell`]s.
//! Neighbours: [`find`] is the largest of them. Source: lock table in the documentation of `StorPortAcquireSpinLock`, SDV rules.
#![expect(
    unsafe_code,
    reason = "calls services of the port driver with raw callbacks"
)]
// UNSAFETY: callbacks and out-parameters cross the border as raw pointers.

mod find;
mod performance;

use core::{marker::PhantomData, pin::pin};

use wdk_sys::{_KINTERRUPT_MODE, _SCSI_NOTIFICATION_TYPE, MESSAGE_INTERRUPT_INFORMATION, storage};

pub(crate) use self::find::PrivateMemory;
pub use self::{
    find::{AccessRange, DumpMode, DumpRange, FindAdapterContext},
    performance::{Affinity, Granted, MESSAGES_MAX, MessageTargets, PerfOptions, Wanted},
};
use crate::{
    adapter::{Adapter, Dump},
    cell::StartIoHeld,
    inlines,
    lock::{StartIoGuard, StartIoLockSlot},
    port::Port,
    spin::AtDispatch,
    status::StorError,
    thunk,
};

/// `HwStorInitialize`: DIRQL, interrupt lock held by the port, no request yet.
#[derive(Debug)]
pub struct InitializeContext<'call, A: Adapter> {
    port: Port<'call>,
    held: StartIoHeld<'call>,
    adapter: PhantomData<fn() -> A>,
}

impl<'call, A: Adapter> InitializeContext<'call, A> {
    pub(crate) const fn new(port: Port<'call>) -> Self {
        Self {
            port,
            // INVARIANT: the port sends no request before this callback has returned, and interrupts come to nothing before
            // PassiveInitialize.
            held: StartIoHeld::new(),
            adapter: PhantomData,
        }
    }

    /// The port handle, and the proof that nothing else touches what the `StartIo` lock guards.
    pub const fn split(&mut self) -> (Port<'call>, &mut StartIoHeld<'call>) {
        (self.port, &mut self.held)
    }

    /// Asks for a call of [`Adapter::passive_initialize`]; only here, never on a restart (SDV rules `StorPortEnablePassive` and
    /// `StorPortPassiveFromHwInit`). Returns whether the port agrees; the dump stack need not.
    #[must_use]
    pub fn enable_passive_initialization(&self) -> bool {
        // SAFETY: the extension is live (invariant of Port); the thunk is that of the adapter type in it.
        let enabled = unsafe {
            inlines::StorPortEnablePassiveInitialization(
                self.port.extension(),
                Some(thunk::passive_initialize::<A>),
            )
        };
        enabled != 0
    }
}

/// How many message-signalled interrupts the adapter was given: asks for messages 0, 1, … until the port has none. 0 means the
/// line interrupt. DIRQL or below; not from an interrupt routine (documentation of `StorPortGetMSIInfo`).
fn message_count(port: Port<'_>, wanted: u16) -> u16 {
    for message in 0..wanted {
        let mut info = MESSAGE_INTERRUPT_INFORMATION::default();
        // SAFETY: the extension is live (invariant of Port); the structure is a local.
        let code = unsafe {
            inlines::StorPortGetMSIInfo(port.extension(), u32::from(message), &raw mut info)
        };
        if StorError::check(code).is_err() || info.InterruptMode != _KINTERRUPT_MODE::Latched {
            return message;
        }
    }
    wanted
}

impl<A: Adapter> InitializeContext<'_, A> {
    /// Number of message-signalled interrupts, at most `wanted`; 0 means that the adapter has a line interrupt.
    #[must_use]
    pub fn message_count(&self, wanted: u16) -> u16 {
        message_count(self.port, wanted)
    }
}

/// `HwStorPassiveInitialize`: PASSIVE, no lock, interrupts connected.
#[derive(Debug)]
pub struct PassiveContext<'call, A: Adapter> {
    port: Port<'call>,
    adapter: PhantomData<fn() -> A>,
}

impl<'call, A: Adapter> PassiveContext<'call, A> {
    pub(crate) const fn new(port: Port<'call>) -> Self {
        Self {
            port,
            adapter: PhantomData,
        }
    }

    /// The port handle.
    #[must_use]
    pub const fn port(&self) -> Port<'call> {
        self.port
    }
}

/// `HwStorBuildIo`: at most DISPATCH, no lock, concurrent with everything.
#[derive(Debug)]
pub struct BuildIoContext<'call, A: Adapter> {
    port: Port<'call>,
    adapter: PhantomData<fn() -> A>,
}

impl<'call, A: Adapter> BuildIoContext<'call, A> {
    pub(crate) const fn new(port: Port<'call>) -> Self {
        Self {
            port,
            adapter: PhantomData,
        }
    }

    /// The port handle.
    #[must_use]
    #[inline]
    pub const fn port(&self) -> Port<'call> {
        self.port
    }
}

/// `HwStorStartIo`: DISPATCH. The port holds the `StartIo` lock, unless it has granted several concurrent channels; what is written for it
/// does without. No stall, no allocation (SDV rules `StorPortStartIo`, `SpNoWait`).
#[derive(Debug)]
pub struct StartIoContext<'call, A: Adapter> {
    port: Port<'call>,
    at_dispatch: AtDispatch<'call>,
    /// Proof for the dump stack alone; see `split`.
    held: StartIoHeld<'call>,
    adapter: PhantomData<fn() -> A>,
}

impl<'call, A: Adapter> StartIoContext<'call, A> {
    #[inline]
    pub(crate) const fn new(port: Port<'call>) -> Self {
        Self {
            port,
            // INVARIANT: the port calls this routine at DISPATCH_LEVEL.
            at_dispatch: AtDispatch::new(),
            // INVARIANT: handed out for adapters of the dump stack only, where nothing else runs (`split`).
            held: StartIoHeld::new(),
            adapter: PhantomData,
        }
    }

    /// The port handle.
    #[must_use]
    #[inline]
    pub const fn port(&self) -> Port<'call> {
        self.port
    }

    /// The proof for [`SpinCell`](crate::spin::SpinCell)s.
    #[inline]
    pub const fn at_dispatch(&mut self) -> &mut AtDispatch<'call> {
        &mut self.at_dispatch
    }

    /// Starts the adapter's timer; see [`DpcContext::request_timer`].
    pub fn request_timer(&self, microseconds: u32) {
        request_timer::<A>(self.port, microseconds);
    }
}

impl<'call, A: Adapter<Life = Dump>> StartIoContext<'call, A> {
    /// The port handle, and the proof that nothing else runs: only for adapters of the dump stack.
    #[inline]
    pub const fn split(&mut self) -> (Port<'call>, &mut StartIoHeld<'call>) {
        (self.port, &mut self.held)
    }
}

/// `HwStorTimer`, `HwStorResetBus`: DISPATCH, `StartIo` lock held by the port, however many channels there are.
#[derive(Debug)]
pub struct SynchronizedContext<'call, A: Adapter> {
    port: Port<'call>,
    held: StartIoHeld<'call>,
    adapter: PhantomData<fn() -> A>,
}

impl<'call, A: Adapter> SynchronizedContext<'call, A> {
    pub(crate) const fn new(port: Port<'call>) -> Self {
        Self {
            port,
            // INVARIANT: the port holds the StartIo lock around these callbacks (full duplex); in the dump stack nothing else runs.
            held: StartIoHeld::new(),
            adapter: PhantomData,
        }
    }

    /// The port handle and the proof of the lock.
    pub const fn split(&mut self) -> (Port<'call>, &mut StartIoHeld<'call>) {
        (self.port, &mut self.held)
    }

    /// Starts the adapter's timer; see [`DpcContext::request_timer`].
    pub fn request_timer(&self, microseconds: u32) {
        request_timer::<A>(self.port, microseconds);
    }
}

/// Starts, replaces or cancels the adapter's timer.
fn request_timer<A: Adapter>(port: Port<'_>, microseconds: u32) {
    let routine: wdk_sys::PHW_TIMER = Some(thunk::timer::<A>);
    // SAFETY: the extension is live (invariant of Port); RequestTimerCall takes a timer routine, which is that of the adapter
    // type in it, and a number of microseconds.
    unsafe {
        storage::StorPortNotification(
            _SCSI_NOTIFICATION_TYPE::RequestTimerCall,
            port.extension(),
            routine,
            microseconds,
        );
    };
}

/// `HwStorInterrupt` and `HwMSInterruptRoutine`: DIRQL, interrupt or message lock held by the port. In the dump stack: HIGH, and
/// nothing else runs.
#[derive(Debug)]
pub struct InterruptContext<'call, A: Adapter> {
    port: Port<'call>,
    /// Proof for the dump stack alone; see `split`.
    held: StartIoHeld<'call>,
    adapter: PhantomData<fn() -> A>,
}

impl<'call, A: Adapter> InterruptContext<'call, A> {
    pub(crate) const fn new(port: Port<'call>) -> Self {
        Self {
            port,
            // INVARIANT: handed out for adapters of the dump stack only, where nothing else runs (`split`).
            held: StartIoHeld::new(),
            adapter: PhantomData,
        }
    }

    /// The port handle.
    #[must_use]
    #[inline]
    pub const fn port(&self) -> Port<'call> {
        self.port
    }
}

impl<'call, A: Adapter<Life = Dump>> InterruptContext<'call, A> {
    /// The port handle, and the proof that nothing else runs: only for adapters of the dump stack.
    #[inline]
    pub const fn split(&mut self) -> (Port<'call>, &mut StartIoHeld<'call>) {
        (self.port, &mut self.held)
    }
}

/// Runs `body` under the `StartIo` lock.
#[inline]
fn with_start_io_lock<R>(port: Port<'_>, body: impl FnOnce(&mut StartIoHeld<'_>) -> R) -> R {
    let slot = pin!(StartIoLockSlot::default());
    let mut guard = StartIoGuard::acquire(port, slot);
    body(guard.held())
}

/// A DPC: DISPATCH, no lock.
#[derive(Debug)]
pub struct DpcContext<'call, A: Adapter> {
    port: Port<'call>,
    at_dispatch: AtDispatch<'call>,
    adapter: PhantomData<fn() -> A>,
}

impl<'call, A: Adapter> DpcContext<'call, A> {
    pub(crate) const fn new(port: Port<'call>) -> Self {
        Self {
            port,
            // INVARIANT: the port calls DPCs at DISPATCH_LEVEL.
            at_dispatch: AtDispatch::new(),
            adapter: PhantomData,
        }
    }

    /// The port handle.
    #[must_use]
    #[inline]
    pub const fn port(&self) -> Port<'call> {
        self.port
    }

    /// The proof for [`SpinCell`](crate::spin::SpinCell)s.
    #[inline]
    pub const fn at_dispatch(&mut self) -> &mut AtDispatch<'call> {
        &mut self.at_dispatch
    }

    /// Runs `body` under the `StartIo` lock.
    pub fn with_start_io_lock<R>(&mut self, body: impl FnOnce(&mut StartIoHeld<'_>) -> R) -> R {
        with_start_io_lock(self.port, body)
    }

    /// Starts the adapter's timer: [`Adapter::timer`] is called once after `microseconds` (granularity about 10 ms), which replaces an
    /// earlier call; 0 cancels.
    pub fn request_timer(&self, microseconds: u32) {
        request_timer::<A>(self.port, microseconds);
    }
}

/// `ScsiAdapterPower`, `ScsiAdapterSurpriseRemoval`, `HwStorUnitControl`: at most DISPATCH, no lock.
#[derive(Debug)]
pub struct LockFreeContext<'call, A: Adapter> {
    port: Port<'call>,
    adapter: PhantomData<fn() -> A>,
}

impl<'call, A: Adapter> LockFreeContext<'call, A> {
    pub(crate) const fn new(port: Port<'call>) -> Self {
        Self {
            port,
            adapter: PhantomData,
        }
    }

    /// The port handle.
    #[must_use]
    pub const fn port(&self) -> Port<'call> {
        self.port
    }

    /// Runs `body` under the `StartIo` lock, which raises the IRQL to DISPATCH.
    pub fn with_start_io_lock<R>(&self, body: impl FnOnce(&mut StartIoHeld<'_>) -> R) -> R {
        with_start_io_lock(self.port, body)
    }

    /// Starts the adapter's timer; see [`DpcContext::request_timer`].
    pub fn request_timer(&self, microseconds: u32) {
        request_timer::<A>(self.port, microseconds);
    }

    /// Number of message-signalled interrupts, at most `wanted`; 0 means that the adapter has a line interrupt.
    #[must_use]
    pub fn message_count(&self, wanted: u16) -> u16 {
        message_count(self.port, wanted)
    }
}

/// `ScsiStopAdapter`: maybe DIRQL under the interrupt lock, maybe not; offers nothing that one of the two forbids.
#[derive(Debug)]
pub struct StopContext<'call> {
    port: Port<'call>,
}

impl<'call> StopContext<'call> {
    pub(crate) const fn new(port: Port<'call>) -> Self {
        Self { port }
    }

    /// The port handle.
    #[must_use]
    pub const fn port(&self) -> Port<'call> {
        self.port
    }
}

/// `ScsiRestartAdapter`: like [`StopContext`]; the port sends no request before it has returned.
#[derive(Debug)]
pub struct RestartContext<'call, A: Adapter> {
    port: Port<'call>,
    held: StartIoHeld<'call>,
    adapter: PhantomData<fn() -> A>,
}

impl<'call, A: Adapter> RestartContext<'call, A> {
    pub(crate) const fn new(port: Port<'call>) -> Self {
        Self {
            port,
            // INVARIANT: the adapter is stopped: no request is outstanding or sent, the device is reset and raises nothing,
            // and the DPCs of before the stop have long run.
            held: StartIoHeld::new(),
            adapter: PhantomData,
        }
    }

    /// The port handle, and the proof that nothing else touches what the `StartIo` lock guards.
    pub const fn split(&mut self) -> (Port<'call>, &mut StartIoHeld<'call>) {
        (self.port, &mut self.held)
    }

    /// Number of message-signalled interrupts, at most `wanted`; 0 means that the adapter has a line interrupt.
    #[must_use]
    pub fn message_count(&self, wanted: u16) -> u16 {
        message_count(self.port, wanted)
    }
}
