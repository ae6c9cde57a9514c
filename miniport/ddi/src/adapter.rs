//! What a miniport is to this crate: one trait, with one method per callback family.
//!
//! Key types: [`Adapter`], [`Registration`], [`Built`], [`Started`]. The thunks in [`crate::thunk`] turn the port's raw calls into these,
//! and [`crate::registration`] registers them. A driver has one adapter type for normal life and another for the dump stack.

use crate::{
    context::{
        BuildIoContext, DpcContext, FindAdapterContext, InitializeContext, InterruptContext,
        LockFreeContext, PassiveContext, RestartContext, StartIoContext, StopContext,
        SynchronizedContext,
    },
    dpc::Dpc,
    port::UnitAddress,
    registration::Role,
    srb::{Completed, Ready, Srb, table::Parked},
    status::FindError,
};

bitflags::bitflags! {
    /// `HW_INITIALIZATION_DATA.FeatureSupport`, as far as the driver uses it.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Features: u32 {
        /// The miniport answers DUMP_POINTERS and FREE_DUMP_POINTERS.
        const DUMP_POINTERS = wdk_sys::STOR_FEATURE_DUMP_POINTERS;
        /// The miniport can be started again in the restored system to read the rest of the hibernation file.
        const DUMP_RESUME_CAPABLE = wdk_sys::STOR_FEATURE_DUMP_RESUME_CAPABLE;
    }
}

/// In which life of the driver an adapter type serves.
pub trait Life: 'static {
    /// The role for which it may be registered.
    const ROLE: Role;
}

/// Normal operation: many processors, interrupts, locks.
#[derive(Debug)]
pub enum Normal {}

/// The crash-dump or hibernation stack: one processor, interrupts off, nothing runs beside a callback.
#[derive(Debug)]
pub enum Dump {}

impl Life for Normal {
    const ROLE: Role = Role::Normal;
}

impl Life for Dump {
    const ROLE: Role = Role::Dump;
}

/// What an adapter type registers with the port.
#[derive(Clone, Copy, Debug)]
pub struct Registration {
    /// Tells a device extension of this type from one of another; not 0, and different for each adapter type of the driver.
    pub signature: u32,
    /// Bytes of private memory behind the adapter, for [`PrivateArea`](crate::private::PrivateArea)s, where
    /// [`take_pool`](FindAdapterContext::take_pool) does not serve.
    pub private_bytes: u32,
    /// Bytes of device-visible memory that the miniport wants in each request, beside its [`Adapter::RequestState`].
    pub srb_extension_bytes: u32,
    /// Optional features.
    pub features: Features,
    /// Adapter control types that [`Adapter::stop`], [`Adapter::restart`] and so on stand behind.
    pub adapter_controls: &'static [AdapterControl],
    /// Unit control types that [`Adapter::unit_control`] answers.
    pub unit_controls: &'static [UnitControl],
}

/// Adapter control types that the crate knows (`SCSI_ADAPTER_CONTROL_TYPE`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum AdapterControl {
    /// `ScsiQuerySupportedControlTypes`.
    QuerySupported = wdk_sys::_SCSI_ADAPTER_CONTROL_TYPE::ScsiQuerySupportedControlTypes,
    /// `ScsiStopAdapter`.
    Stop = wdk_sys::_SCSI_ADAPTER_CONTROL_TYPE::ScsiStopAdapter,
    /// `ScsiRestartAdapter`.
    Restart = wdk_sys::_SCSI_ADAPTER_CONTROL_TYPE::ScsiRestartAdapter,
    /// `ScsiAdapterPower`.
    Power = wdk_sys::_SCSI_ADAPTER_CONTROL_TYPE::ScsiAdapterPower,
    /// `ScsiAdapterSurpriseRemoval`.
    SurpriseRemoval = wdk_sys::_SCSI_ADAPTER_CONTROL_TYPE::ScsiAdapterSurpriseRemoval,
}

/// Unit control types that the crate knows (`SCSI_UNIT_CONTROL_TYPE`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum UnitControl {
    /// `ScsiQuerySupportedUnitControlTypes`.
    QuerySupported = wdk_sys::_SCSI_UNIT_CONTROL_TYPE::ScsiQuerySupportedUnitControlTypes,
    /// `ScsiUnitStart`.
    Start = wdk_sys::_SCSI_UNIT_CONTROL_TYPE::ScsiUnitStart,
    /// `ScsiUnitPower`.
    Power = wdk_sys::_SCSI_UNIT_CONTROL_TYPE::ScsiUnitPower,
    /// `ScsiUnitRemove`.
    Remove = wdk_sys::_SCSI_UNIT_CONTROL_TYPE::ScsiUnitRemove,
    /// `ScsiUnitSurpriseRemoval`.
    SurpriseRemoval = wdk_sys::_SCSI_UNIT_CONTROL_TYPE::ScsiUnitSurpriseRemoval,
}

/// Device power state of an adapter power request (`STOR_DEVICE_POWER_STATE`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PowerState {
    /// Working.
    D0,
    /// Off, or about to be.
    D3,
    /// Any other value.
    Other(i32),
}

/// Why power changes (`STOR_POWER_ACTION`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PowerAction {
    /// The system hibernates.
    Hibernate,
    /// The system sleeps.
    Sleep,
    /// The system shuts down or restarts.
    Shutdown,
    /// No system action, or one that a miniport does not know.
    Other(i32),
}

/// What became of a request in `HwStorBuildIo`.
#[derive(Debug)]
pub enum Built<A: Adapter> {
    /// Prepared; the port passes it to `HwStorStartIo`.
    Start(Ready<A>),
    /// Completed; `HwStorStartIo` does not see it.
    Completed(Completed),
}

/// What became of a request in `HwStorStartIo`.
#[derive(Debug)]
pub enum Started {
    /// Completed already.
    Completed(Completed),
    /// Kept by the miniport, which completes it later.
    Pending(Parked),
}

/// Whether an interrupt was the adapter's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interrupt {
    /// The adapter's.
    Claimed,
    /// Another device's on the same line.
    NotOurs,
}

/// A miniport.
///
/// The methods run under the IRQL and lock that the port documents for the callback; what that allows is what their context
/// offers. Source: documentation of the callbacks, `nc-storport-hw_*.md`.
pub trait Adapter: Sized + Send + Sync + 'static {
    /// The life in which this type serves; registration for the other is refused.
    type Life: Life;

    /// What is registered with the port.
    const REGISTRATION: Registration;

    /// The adapter before `HwStorFindAdapter`; written into the device extension whenever that runs, so that nothing of an
    /// earlier life is left.
    const UNCONFIGURED: Self;

    /// What the miniport notes in a request between `HwStorBuildIo` and its completion; plain data.
    type RequestState: Copy + Send + Sync + 'static;

    /// `HwStorFindAdapter`: finds the device, takes its resources and describes it to the port. PASSIVE; HIGH in the dump stack.
    ///
    /// # Errors
    /// The adapter is not taken.
    fn find_adapter(&mut self, context: &mut FindAdapterContext<'_>) -> Result<(), FindError>;

    /// `HwStorInitialize`: starts the device. DIRQL; returns whether it runs.
    fn initialize(&self, context: &mut InitializeContext<'_, Self>) -> bool;

    /// `HwStorPassiveInitialize`: what needs PASSIVE. Returns whether it went well.
    fn passive_initialize(&self, _context: &PassiveContext<'_, Self>) -> bool {
        true
    }

    /// `HwStorBuildIo`: prepares a request without any lock. At most DISPATCH.
    fn build_io(&self, context: &BuildIoContext<'_, Self>, srb: Srb<Self>) -> Built<Self>;

    /// `HwStorStartIo`: hands a prepared request to the device. DISPATCH, under the `StartIo` lock unless several concurrent channels
    /// were granted.
    fn start_io(&self, context: &mut StartIoContext<'_, Self>, srb: Srb<Self>) -> Started;

    /// `HwStorInterrupt`: the line interrupt, or a poll in the dump stack. DIRQL.
    fn interrupt(&self, context: &mut InterruptContext<'_, Self>) -> Interrupt;

    /// `HwMSInterruptRoutine`: a message-signalled interrupt. DIRQL.
    fn message_interrupt(
        &self,
        context: &mut InterruptContext<'_, Self>,
        message: u32,
    ) -> Interrupt;

    /// `HwStorTimer`: the timer that [`DpcContext::request_timer`] and its like started ran out. DISPATCH, `StartIo` lock held.
    fn timer(&self, _context: &mut SynchronizedContext<'_, Self>) {}

    /// `HwStorResetBus`: returns whether the bus was reset; all its requests are completed then. DISPATCH, `StartIo` lock held.
    fn reset_bus(&self, context: &mut SynchronizedContext<'_, Self>, path: u32) -> bool;

    /// `ScsiStopAdapter`: halts the device. Takes no lock and waits for nothing but the device, since documents differ on whether
    /// the interrupt lock is held.
    fn stop(&self, _context: &StopContext<'_>) -> bool {
        false
    }

    /// `ScsiRestartAdapter`: does what [`Adapter::initialize`] does, on resources that were kept.
    fn restart(&self, _context: &mut RestartContext<'_, Self>) -> bool {
        false
    }

    /// `ScsiAdapterPower`. At most DISPATCH, no lock held.
    fn power(
        &self,
        _context: &LockFreeContext<'_, Self>,
        _state: PowerState,
        _action: PowerAction,
    ) -> bool {
        false
    }

    /// `ScsiAdapterSurpriseRemoval`: the device is gone. Below DISPATCH, no lock held.
    fn surprise_removal(&self, _context: &LockFreeContext<'_, Self>) -> bool {
        false
    }

    /// `HwStorFreeAdapterResources`: the extension ends after it; takes back what somebody else knows of it. PASSIVE, no lock held.
    /// Of a normal adapter only; comes before a second `HwStorFindAdapter` on the same extension too.
    fn free_resources(&self) {}

    /// `HwStorUnitControl` for the registered types but the query. At most DISPATCH, no lock held.
    fn unit_control(
        &self,
        _context: &LockFreeContext<'_, Self>,
        _control: UnitControl,
        _unit: UnitAddress,
    ) -> bool {
        false
    }
}

/// The body of a deferred procedure call of an adapter.
pub trait DpcRoutine: 'static {
    /// Whose it is.
    type Adapter: Adapter;

    /// Object `number` of this routine.
    fn object(adapter: &Self::Adapter, number: u16) -> Option<&Dpc<Self>>
    where
        Self: Sized;

    /// Runs at DISPATCH without any lock, for object `number`.
    fn run(adapter: &Self::Adapter, number: u16, context: &mut DpcContext<'_, Self::Adapter>);
}
