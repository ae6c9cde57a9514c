//! The callbacks that the port calls.

/// Which of the documented callbacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CallbackKind {
    /// `DriverEntry`.
    DriverEntry,
    /// `AddDevice` of a driver that is no miniport.
    AddDevice,
    /// `DriverUnload`.
    Unload,
    /// `HwStorFindAdapter`.
    FindAdapter,
    /// `HwStorInitialize`.
    Initialize,
    /// `HwStorPassiveInitializeRoutine`.
    PassiveInitialize,
    /// `HwStorBuildIo`.
    BuildIo,
    /// `HwStorStartIo`.
    StartIo,
    /// `HwStorInterrupt`.
    Interrupt,
    /// `HwMSInterruptRoutine`.
    MessageInterrupt,
    /// `HwStorResetBus`.
    ResetBus,
    /// `HwStorAdapterControl`.
    AdapterControl,
    /// `HwStorUnitControl`.
    UnitControl,
    /// `HwStorDpcRoutine`.
    DpcRoutine,
    /// `HwStorTimer`.
    Timer,
    /// `HwStorTracingEnabled`.
    TracingEnabled,
    /// `HwStorStateChange`.
    StateChange,
    /// A work item.
    WorkItem,
    /// A routine that the port calls under a lock (`StorPortSynchronizeAccess`).
    Synchronized,
    /// A bug check callback.
    BugCheckCallback,
    /// Anything else.
    Other,
}
