//! The miniport's routines as the port calls them: names, permitted duration.

/// A routine of the miniport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Routine {
    /// The image's entry point.
    DriverEntry,
    /// `HwStorFindAdapter`.
    FindAdapter,
    /// `HwStorInitialize`.
    Initialize,
    /// The routine enabled by `StorPortEnablePassiveInitialization`.
    PassiveInitialize,
    /// `HwStorBuildIo`.
    BuildIo,
    /// `HwStorStartIo`.
    StartIo,
    /// `HwStorInterrupt`.
    Interrupt,
    /// `HwMSInterruptRoutine`.
    MessageInterrupt,
    /// A DPC routine.
    Dpc,
    /// A timer routine.
    Timer,
    /// `HwStorResetBus`.
    ResetBus,
    /// `HwStorAdapterControl`, except stop and restart.
    AdapterControl,
    /// `HwStorAdapterControl` with `ScsiStopAdapter` or `ScsiRestartAdapter`: at DIRQL with the interrupt lock.
    StopOrRestart,
    /// `HwStorUnitControl`.
    UnitControl,
    /// The routine given to `StorPortStateChangeDetected`.
    StateChange,
    /// `HwStorTracingEnabled`.
    TracingEnabled,
    /// A work item.
    WorkItem,
    /// The routine given to `StorPortSynchronizeAccess`.
    SynchronizedAccess,
    /// `HwStorFreeAdapterResources`.
    FreeAdapterResources,
}

impl Routine {
    /// The name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::DriverEntry => "DriverEntry",
            Self::FindAdapter => "HwStorFindAdapter",
            Self::Initialize => "HwStorInitialize",
            Self::PassiveInitialize => "HwStorPassiveInitializeRoutine",
            Self::BuildIo => "HwStorBuildIo",
            Self::StartIo => "HwStorStartIo",
            Self::Interrupt => "HwStorInterrupt",
            Self::MessageInterrupt => "HwMSInterruptRoutine",
            Self::Dpc => "HwStorDpcRoutine",
            Self::Timer => "HwStorTimer",
            Self::ResetBus => "HwStorResetBus",
            Self::AdapterControl => "HwStorAdapterControl",
            Self::StopOrRestart => "HwStorAdapterControl(Stop/Restart)",
            Self::UnitControl => "HwStorUnitControl",
            Self::StateChange => "HwStorStateChange",
            Self::TracingEnabled => "HwStorTracingEnabled",
            Self::WorkItem => "HwStorWorkItem",
            Self::SynchronizedAccess => "HwStorSynchronizedAccess",
            Self::FreeAdapterResources => "HwStorFreeAdapterResources",
        }
    }

    /// The longest the routine may run, in microseconds: bug check 0xF1/0x1002 allows 0.5 s for a callback and 5 s for
    /// `HwStorInitialize`; FindAdapter and the `PASSIVE_LEVEL` routines are exempt.
    #[must_use]
    pub const fn limit_us(self) -> Option<u64> {
        match self {
            Self::DriverEntry
            | Self::FindAdapter
            | Self::PassiveInitialize
            | Self::WorkItem
            | Self::FreeAdapterResources => None,
            Self::Initialize => Some(5_000_000),
            _ => Some(500_000),
        }
    }

    /// Whether the routine may not wait at all (SDV rules `SpNoWait` and `StorPortStartIo`).
    #[must_use]
    pub const fn must_not_wait(self) -> bool {
        matches!(self, Self::StartIo)
    }
}
