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

use core::{marker::PhantomData, pin::pin};

use wdk_sys::{
    _KINTERRUPT_MODE, _SCSI_NOTIFICATION_TYPE, MESSAGE_INTERRUPT_INFORMATION,
    PERF_CONFIGURATION_DATA, storage,
};

pub use self::find::{AccessRange, DumpMode, DumpRange, FindAdapterContext};
use crate::{
    adapter::{Adapter, Dump},
    cell::StartIoHeld,
    inlines,
    lock::{StartIoGuard, StartIoLockSlot},
    port::Port,
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

    /// Asks which performance options the port offers, and switches those of `wanted` on that it does. Returns what was set.
    ///
    /// # Errors
    /// The port's status; performance options are optional, so the driver goes on without.
    pub fn initialize_perf_opts(&self, wanted: PerfOptions) -> Result<PerfOptions, StorError> {
        let mut data = PERF_CONFIGURATION_DATA {
            Version: wdk_sys::STOR_PERF_VERSION,
            Size: size_of::<PERF_CONFIGURATION_DATA>() as u32,
            ..Default::default()
        };
        // SAFETY: the extension is live (invariant of Port); the data is a local of the size that it says.
        let queried =
            unsafe { inlines::StorPortInitializePerfOpts(self.port.extension(), 1, &raw mut data) };
        StorError::check(queried)?;
        let chosen = PerfOptions::from_bits_truncate(data.Flags) & wanted;
        if chosen.is_empty() {
            return Ok(chosen);
        }
        data.Flags = chosen.bits();
        data.ConcurrentChannels = 0;
        // SAFETY: as above.
        let set =
            unsafe { inlines::StorPortInitializePerfOpts(self.port.extension(), 0, &raw mut data) };
        StorError::check(set)?;
        Ok(chosen)
    }
}

bitflags::bitflags! {
    /// Performance options that need nothing but their flag (`STOR_PERF_*`).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct PerfOptions: u32 {
        /// Completions run on the processor that sent the request.
        const DPC_REDIRECTION = wdk_sys::STOR_PERF_DPC_REDIRECTION;
        /// The port makes use of requests that complete inside `HwStorStartIo`.
        const OPTIMIZE_FOR_COMPLETION_DURING_STARTIO =
            wdk_sys::STOR_PERF_OPTIMIZE_FOR_COMPLETION_DURING_STARTIO;
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

/// `HwStorStartIo`, `HwStorTimer`, `HwStorResetBus`: DISPATCH, `StartIo` lock held by the port. No stall, no allocation in
/// `HwStorStartIo` (SDV rules `StorPortStartIo`, `SpNoWait`).
#[derive(Debug)]
pub struct StartIoContext<'call, A: Adapter> {
    port: Port<'call>,
    held: StartIoHeld<'call>,
    adapter: PhantomData<fn() -> A>,
}

impl<'call, A: Adapter> StartIoContext<'call, A> {
    pub(crate) const fn new(port: Port<'call>) -> Self {
        Self {
            port,
            // INVARIANT: the port holds the StartIo lock around these callbacks (full duplex, one channel); in the dump stack
            // nothing else runs.
            held: StartIoHeld::new(),
            adapter: PhantomData,
        }
    }

    /// The port handle and the proof of the lock.
    #[inline]
    pub const fn split(&mut self) -> (Port<'call>, &mut StartIoHeld<'call>) {
        (self.port, &mut self.held)
    }

    /// Starts the adapter's timer; see [`request_timer`].
    pub fn request_timer(&self, microseconds: u32) {
        request_timer::<A>(self.port, microseconds);
    }
}

/// Calls [`Adapter::timer`] once after `microseconds` (granularity about 10 ms), replacing an earlier call; 0 cancels.
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

/// A DPC: DISPATCH, no lock.
#[derive(Debug)]
pub struct DpcContext<'call, A: Adapter> {
    port: Port<'call>,
    adapter: PhantomData<fn() -> A>,
}

/// `ScsiAdapterPower`, `ScsiAdapterSurpriseRemoval`, `HwStorUnitControl`: at most DISPATCH, no lock.
pub type LockFreeContext<'call, A> = DpcContext<'call, A>;

impl<'call, A: Adapter> DpcContext<'call, A> {
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

    /// Runs `body` under the `StartIo` lock.
    #[inline]
    pub fn with_start_io_lock<R>(&self, body: impl FnOnce(&mut StartIoHeld<'_>) -> R) -> R {
        let slot = pin!(StartIoLockSlot::default());
        let mut guard = StartIoGuard::acquire(self.port, slot);
        body(guard.held())
    }

    /// Starts the adapter's timer; see [`StartIoContext::request_timer`].
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
