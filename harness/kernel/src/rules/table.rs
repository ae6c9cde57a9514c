//! The table of rules: name, set, meaning and coverage of each.
//!
//! Names and meanings follow the Static Driver Verifier's Storport rules (44 of them), Storport Verification
//! (bug check 0xF1), and the restrictions on miniports in the dump stack; the bench's own rules come last in each part.

/// Where a rule comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleSet {
    /// Static Driver Verifier, rules for Storport drivers.
    Sdv,
    /// Storport Verification, bug check 0xF1.
    Verification,
    /// The bench's own reading of the documents.
    Bench,
    /// Restrictions in dump and hibernation mode.
    Dump,
    /// What is asked of dump filters.
    Filter,
}

/// Whether the bench looks at a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// It does.
    Checked,
    /// Only in a run that asks for it (`run --exhaust`, `stress`); the reports of others list it as not checked.
    OnRequest,
    /// The rule has no meaning for a physical miniport here, for this reason.
    NotApplicable(&'static str),
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct RuleInfo {
    /// The rule's name, as the report and the red cases use it.
    pub name: &'static str,
    /// Where it comes from.
    pub set: RuleSet,
    /// What it demands.
    pub text: &'static str,
    /// Whether it is checked.
    pub coverage: Coverage,
}

macro_rules! rules {
    ($($name:ident, $set:ident, $coverage:expr, $text:literal;)*) => {
        /// A rule. The variants carry the rules' own names.
        #[expect(
            non_camel_case_types,
            reason = "the names are those of the documents, which people search for"
        )]
        #[expect(
            clippy::doc_markdown,
            reason = "the texts are printed in reports, where markup would only disturb"
        )]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule {
            $(#[doc = $text] $name,)*
        }

        impl Rule {
            /// Every rule, in the order of the report.
            pub const ALL: &[Self] = &[$(Self::$name),*];
            /// Number of rules.
            pub const COUNT: usize = Self::ALL.len();

            const fn row(self) -> RuleInfo {
                match self {
                    $(Self::$name => RuleInfo {
                        name: stringify!($name),
                        set: RuleSet::$set,
                        text: $text,
                        coverage: $coverage,
                    },)*
                }
            }
        }
    };
}

impl Rule {
    /// The rule's row.
    #[must_use]
    pub const fn info(self) -> RuleInfo {
        self.row()
    }

    /// The rule's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// Position in [`Rule::ALL`].
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self as u8)
    }
}

const CHECKED: Coverage = Coverage::Checked;
const ON_REQUEST: Coverage = Coverage::OnRequest;
const PROHIBITED: Coverage = Coverage::NotApplicable(
    "the routines are prohibited to a physical miniport: HwStorPortProhibitedDDIs catches the call",
);
const VIRTUAL: Coverage = Coverage::NotApplicable("virtual miniports only");
const TDI: Coverage = Coverage::NotApplicable("no storage miniport registers TDI handlers");
const INLINE: Coverage = Coverage::NotApplicable(
    "the routines are inline on x64: a stray access faults and is reported as MemoryFault",
);

rules! {
    HwStorPortProhibitedDDIs, Sdv, CHECKED,
        "A physical miniport does not call the system routines on the rule's list.";
    NullCheck, Sdv, ON_REQUEST,
        "No value that may be NULL is dereferenced (each call that may fail does so once).";
    StorPortDDIsPortOnly, Sdv, CHECKED,
        "No routine that is the port driver's alone is called (StorPortCompleteRequest).";
    StorPortDeprecated, Sdv, CHECKED,
        "Neither StorPortValidateRange nor StorPortLogError is called.";
    IrqlDispatch, Sdv, CHECKED,
        "The routines that need DISPATCH_LEVEL are called there.";
    IrqlKeReleaseSpinLock, Sdv, PROHIBITED,
        "KeReleaseSpinLock is called at DISPATCH_LEVEL with the saved IRQL.";
    SpChangeIrql, Sdv, CHECKED,
        "Every callback returns at the IRQL at which it was entered.";
    SpIrql, Sdv, TDI,
        "TDI handlers are registered below DISPATCH_LEVEL.";
    StorPortIrql, Sdv, CHECKED,
        "Each StorPort routine is called at its IRQL.";
    CancelSpinLock, Sdv, PROHIBITED,
        "The cancel spin lock is released promptly.";
    QueuedSpinLock, Sdv, PROHIBITED,
        "Queued spin locks are released promptly.";
    QueuedSpinLockRelease, Sdv, PROHIBITED,
        "No queued spin lock is released that is not held.";
    SpinLock, Sdv, PROHIBITED,
        "KeAcquireSpinLock is paired and not nested.";
    SpinLockDpc, Sdv, PROHIBITED,
        "KeAcquireSpinLockRaiseToDpc is paired and not nested.";
    SpinLockRelease, Sdv, PROHIBITED,
        "No spin lock is released that is not held.";
    SpinLockSafe, Sdv, PROHIBITED,
        "No packet is started or completed with a lock held.";
    StorPortMSILock, Sdv, CHECKED,
        "The MSI spin lock is taken only with InterruptSynchronizePerMessage.";
    StorPortSpinLock, Sdv, CHECKED,
        "No lock is taken twice, waited for in a circle, or left held at the end of a callback.";
    StorPortSpinLock3, Sdv, CHECKED,
        "Locks are taken in order, and only where the callback permits it.";
    StorPortSpinLock4, Sdv, CHECKED,
        "No lock is released that is not held, and locks are released in reverse order.";
    SpDuplex, Sdv, CHECKED,
        "The synchronisation model is full duplex.";
    SpNoWait, Sdv, CHECKED,
        "HwStorStartIo neither waits nor allocates.";
    SpReturnValue, Sdv, CHECKED,
        "HwStorFindAdapter returns one of the four documented values.";
    StorPortAllocatePool, Sdv, CHECKED,
        "No buffer is freed that is not allocated.";
    StorPortAllocatePool2, Sdv, CHECKED,
        "No pointer to a live allocation is overwritten (seen as a leak).";
    StorPortBuildIo, Sdv, CHECKED,
        "After HwStorBuildIo returned FALSE the request is completed and HwStorStartIo is not called.";
    StorPortCompleteRequest, Sdv, CHECKED,
        "StorPortCompleteRequest is not called.";
    StorPortEnablePassive, Sdv, CHECKED,
        "Passive initialisation is enabled from HwStorInitialize only.";
    StorPortFindAdapter, Sdv, CHECKED,
        "MaximumTransferLength and NumberOfPhysicalBreaks are set by HwStorFindAdapter.";
    StorPortNotification2, Sdv, CHECKED,
        "Only the documented notification types are sent.";
    StorPortPassiveFromHwInit, Sdv, CHECKED,
        "Passive initialisation is not enabled on the restart path.";
    StorPortPerfOpts, Sdv, CHECKED,
        "StorPortInitializePerfOpts is given a data pointer.";
    StorPortStartIo, Sdv, CHECKED,
        "HwStorStartIo does not stall.";
    StorPortTimer, Sdv, CHECKED,
        "RequestTimerCall names a timer routine.";
    DoubleExFreePool, Sdv, CHECKED,
        "No pool block is freed twice.";
    DoubleKeSetEvent, Sdv, VIRTUAL,
        "No event is set twice.";
    IoFreeIrp, Sdv, VIRTUAL,
        "Allocated IRPs are freed.";
    StorPortVirtualDevice, Sdv, CHECKED,
        "VirtualDevice stays FALSE.";
    StorPortVirtualDevice2, Sdv, VIRTUAL,
        "VirtualDevice is TRUE.";
    WithinCriticalRegion, Sdv, VIRTUAL,
        "Some calls are made with normal APCs disabled.";
    ZwRegistryCreate, Sdv, VIRTUAL,
        "Registry key handles are closed.";
    ZwRegistryOpen, Sdv, VIRTUAL,
        "Registry key handles are closed.";
    PagedCode, Sdv, CHECKED,
        "No pageable code or data is touched at DISPATCH_LEVEL or above.";
    StorPortStatusPending, Sdv, CHECKED,
        "No request is completed with SRB_STATUS_PENDING.";
    F1_1000_InitializeBadArguments, Verification, CHECKED,
        "StorPortInitialize is given a complete HW_INITIALIZATION_DATA.";
    F1_1001_StallTooLong, Verification, CHECKED,
        "No StorPortStallExecution call exceeds its limit (0x1001, 0x2001).";
    F1_1002_CallbackTooLong, Verification, ON_REQUEST,
        "No callback exceeds its instruction budget.";
    F1_1003_RequestCompletedTwice, Verification, CHECKED,
        "No request is completed twice (0x1003, 0x2004).";
    F1_1004_InvalidSrbStatus, Verification, CHECKED,
        "A request is completed with a status that a miniport may set.";
    F1_1006_GetPhysicalAddress, Verification, CHECKED,
        "StorPortGetPhysicalAddress is given an address that the miniport was given.";
    F1_1007_ResetHold, Verification, CHECKED,
        "After the reset hold time no request is outstanding.";
    F1_2002_GetUncachedExtension, Verification, CHECKED,
        "StorPortGetUncachedExtension is called from FindAdapter, for a bus master, with the configuration filled in.";
    F1_2003_GetDeviceBase, Verification, CHECKED,
        "StorPortGetDeviceBase names addresses that PnP assigned.";
    F1_2005_RegisterAddress, Verification, INLINE,
        "Register and port routines are given mapped addresses.";
    F1_FreeDeviceBase, Verification, CHECKED,
        "StorPortFreeDeviceBase is called from FindAdapter only, with a mapped address.";
    PortArgument, Bench, CHECKED,
        "Pointers and handles given to the port are valid.";
    PortCaller, Bench, CHECKED,
        "A routine is called only from the callbacks in which it is documented.";
    RequestOwnership, Bench, CHECKED,
        "A request is named only while the miniport owns it.";
    RequestTouchedAfterCompletion, Bench, CHECKED,
        "Neither CPU nor device touches a request's memory after its completion.";
    RequestLength, Bench, CHECKED,
        "A completed transfer is not longer than asked for, and its length agrees with its status.";
    RequestSense, Bench, CHECKED,
        "Sense data are announced exactly when they were delivered.";
    RequestLost, Bench, CHECKED,
        "Every request given to the miniport is completed, at the latest after the last reset.";
    RequestTimeout, Bench, CHECKED,
        "No request exceeds its time-out.";
    QueueMessageIgnored, Bench, CHECKED,
        "The answers in a queue are taken when the queue's own message comes.";
    RingRace, Bench, ON_REQUEST,
        "No two processors write the same word of a ring at the same time.";
    RequestRefused, Bench, CHECKED,
        "A request that the miniport must refuse or support is answered as documented.";
    CommandPassedThrough, Bench, CHECKED,
        "A command that is no read or write is sent as it is, and what comes of it is the device's answer.";
    BusChangeMissed, Bench, ON_REQUEST,
        "A unit that comes or goes is announced (BusChangeDetected), and the next scan finds the bus as it is.";
    BufferTouchedByCpu, Bench, CHECKED,
        "Read and write buffers that are not mapped for the CPU are left to the device.";
    InterruptClaimed, Bench, CHECKED,
        "A message interrupt is claimed; a line interrupt that stays active is served.";
    InterruptAfterStop, Bench, CHECKED,
        "A stopped adapter raises no interrupt.";
    StopTouchedHardware, Bench, CHECKED,
        "A device that was removed, or is without power, is left alone.";
    PerfOptions, Bench, CHECKED,
        "Performance options are queried first and set to a subset, from HwStorInitialize or passive initialisation.";
    DpcInitialization, Bench, CHECKED,
        "StorPortInitializeDpc is called from passive initialisation.";
    ControlTypeList, Bench, CHECKED,
        "The list of supported control types is filled within its bounds, and the answers agree with it.";
    ConfigInformation, Bench, CHECKED,
        "FindAdapter leaves a consistent PORT_CONFIGURATION_INFORMATION.";
    MemoryFault, Bench, CHECKED,
        "The driver touches only memory that it owns or was given.";
    PoolOverrun, Bench, CHECKED,
        "The driver stays within its allocations.";
    PoolLeak, Bench, CHECKED,
        "After removal nothing is left of what the instance allocated.";
    BugCheck, Bench, CHECKED,
        "The driver does not stop the system.";
    BugcheckCallbackInDump, Bench, CHECKED,
        "No copy of the driver in a dump stack registers or removes bug check callbacks.";
    BugcheckCallbackLeft, Bench, CHECKED,
        "No bug check callback stays registered when its record or its routine goes away.";
    BugcheckCallbackRecord, Bench, CHECKED,
        "A callback record is prepared, resident, and left alone while it is registered.";
    BugcheckCallbackAnswer, Bench, CHECKED,
        "A bug check callback answers within the documented limits.";
    BugcheckCallbackRestrictions, Bench, CHECKED,
        "A bug check callback neither allocates nor locks nor calls what needs a lower IRQL.";
    BugcheckCallbackTouchedHardware, Bench, CHECKED,
        "A bug check callback leaves the HBA alone: it is the dump instance's.";
    DumpMarkMissing, Dump, CHECKED,
        "Every byte that the dump instance uses in RESUME is marked or owned by the port.";
    DumpMarkIncomplete, Dump, CHECKED,
        "A marked object is marked to its end.";
    DumpMarkForeign, Dump, CHECKED,
        "Nothing is marked that is not the miniport's own.";
    DumpMarkWrongTime, Dump, CHECKED,
        "Memory is marked in DriverEntry or FindAdapter only (bug check 0xA0/0x10B).";
    DumpMarkBadFlags, Dump, CHECKED,
        "Marking arguments are valid (bug check 0xA0/0x10C).";
    DumpUnmarkedAccess, Dump, CHECKED,
        "In RESUME no memory is touched that is neither marked nor owned by the port.";
    DumpMemoryLimit32K, Dump, CHECKED,
        "The dump instance asks for at most 32 KiB.";
    DumpReliesOnDpc, Dump, CHECKED,
        "The dump instance needs no DPC.";
    DumpReliesOnInterrupt, Dump, CHECKED,
        "The dump instance needs no interrupt.";
    DumpReliesOnTimer, Dump, CHECKED,
        "The dump instance needs neither timer nor system time.";
    DumpHardwareInMarkMemory, Dump, CHECKED,
        "With DUMP_MODE_MARK_MEMORY the hardware is left alone.";
    DumpPassiveOnlyCall, Dump, CHECKED,
        "No routine that needs PASSIVE_LEVEL is called in dump mode.";
    DumpPoolCall, Dump, CHECKED,
        "No pool is allocated in dump mode.";
    DumpStaticsNotReset, Dump, CHECKED,
        "Entered again on its restored image, the driver does not trust its variables.";
    DumpOneRequestPerUnit, Dump, CHECKED,
        "The dump instance works with one request at a time.";
    DumpDmaOutsideOwnMemory, Dump, CHECKED,
        "The device is given only memory that is marked, the port's or the caller's.";
    DumpInitialiseFailed, Dump, CHECKED,
        "The dump stack can be initialised (bug check 0xA0/0xC).";
    DumpRequestTimeout, Dump, CHECKED,
        "Polling completes every request in time.";
    DumpMaxTransferInvalid, Dump, CHECKED,
        "The dump instance declares finite, consistent transfer limits.";
    DumpBusReset, Dump, CHECKED,
        "HwStorResetBus in dump mode returns TRUE and does nothing.";
    DumpPointersInvalid, Dump, CHECKED,
        "SRB_FUNCTION_DUMP_POINTERS is answered with a valid MINIPORT_DUMP_POINTERS.";
    DumpRequestRefused, Dump, CHECKED,
        "The dump instance answers INQUIRY to SHUTDOWN.";
    ResumeFailed, Dump, CHECKED,
        "A resume capable miniport resumes (bug check 0xA0/0x10A, 0x10E).";
    FilterInitialization, Filter, CHECKED,
        "A filter's DriverEntry leaves a known version and does not raise MaxPagesPerWrite.";
    FilterSourceChanged, Filter, CHECKED,
        "Dump_Write leaves the source buffer as it is.";
    FilterLengthChanged, Filter, CHECKED,
        "Dump_Write leaves the length of the write as it is.";
    FilterOffsetChanged, Filter, CHECKED,
        "Dump_Write leaves the offset of the write as it is.";
    FilterBufferMisaligned, Filter, CHECKED,
        "A buffer that Dump_Write puts in is page aligned.";
    FilterBufferForeign, Filter, CHECKED,
        "A buffer that Dump_Write puts in is the filter's own memory, and the list names its pages.";
    FilterMdlFlags, Filter, CHECKED,
        "Dump_Write leaves the flags of the memory descriptor list as storage drivers read them.";
    FilterReadListChanged, Filter, CHECKED,
        "Dump_Read changes neither the offset nor the memory descriptor list.";
    FilterFailed, Filter, CHECKED,
        "The routines of a filter succeed.";
    FilterServiceAtHighLevel, Filter, CHECKED,
        "A filter calls services that need PASSIVE_LEVEL from DriverEntry and Dump_Unload only.";
}
