// storport.h: enumerations and structures.

pub type STOR_PHYSICAL_ADDRESS = PHYSICAL_ADDRESS;
pub type PSTOR_PHYSICAL_ADDRESS = *mut PHYSICAL_ADDRESS;

pub mod _SCSI_ADAPTER_CONTROL_TYPE {
    pub type Type = ::core::ffi::c_int;
    pub const ScsiQuerySupportedControlTypes: Type = 0;
    pub const ScsiStopAdapter: Type = 1;
    pub const ScsiRestartAdapter: Type = 2;
    pub const ScsiSetBootConfig: Type = 3;
    pub const ScsiSetRunningConfig: Type = 4;
    pub const ScsiPowerSettingNotification: Type = 5;
    pub const ScsiAdapterPower: Type = 6;
    pub const ScsiAdapterPoFxPowerRequired: Type = 7;
    pub const ScsiAdapterPoFxPowerActive: Type = 8;
    pub const ScsiAdapterPoFxPowerSetFState: Type = 9;
    pub const ScsiAdapterPoFxPowerControl: Type = 10;
    pub const ScsiAdapterPrepareForBusReScan: Type = 11;
    pub const ScsiAdapterSystemPowerHints: Type = 12;
    pub const ScsiAdapterFilterResourceRequirements: Type = 13;
    pub const ScsiAdapterPoFxMaxOperationalPower: Type = 14;
    pub const ScsiAdapterPoFxSetPerfState: Type = 15;
    pub const ScsiAdapterSurpriseRemoval: Type = 16;
    pub const ScsiAdapterSerialNumber: Type = 17;
    pub const ScsiAdapterCryptoOperation: Type = 18;
    pub const ScsiAdapterQueryFruId: Type = 19;
    pub const ScsiAdapterSetEventLogging: Type = 20;
    pub const ScsiAdapterReportInternalData: Type = 21;
    pub const ScsiAdapterResetBusSynchronous: Type = 22;
    pub const ScsiAdapterPostHwInitialize: Type = 23;
    pub const ScsiAdapterPrepareEarlyDumpData: Type = 24;
    pub const ScsiAdapterRestoreEarlyDumpData: Type = 25;
    pub const ScsiAdapterControlMax: Type = 26;
    pub const MakeAdapterControlTypeSizeOfUlong: Type = -1;
}

pub use self::_SCSI_ADAPTER_CONTROL_TYPE::Type as SCSI_ADAPTER_CONTROL_TYPE;
pub type PSCSI_ADAPTER_CONTROL_TYPE = *mut _SCSI_ADAPTER_CONTROL_TYPE::Type;

pub mod _SCSI_ADAPTER_CONTROL_STATUS {
    pub type Type = ::core::ffi::c_int;
    pub const ScsiAdapterControlSuccess: Type = 0;
    pub const ScsiAdapterControlUnsuccessful: Type = 1;
    pub const ScsiAdapterControlRetryNeeded: Type = 2;
    pub const ScsiAdapterControlBufferTooSmall: Type = 3;
}

pub use self::_SCSI_ADAPTER_CONTROL_STATUS::Type as SCSI_ADAPTER_CONTROL_STATUS;
pub type PSCSI_ADAPTER_CONTROL_STATUS = *mut _SCSI_ADAPTER_CONTROL_STATUS::Type;

pub mod _SCSI_UNIT_CONTROL_TYPE {
    pub type Type = ::core::ffi::c_int;
    pub const ScsiQuerySupportedUnitControlTypes: Type = 0;
    pub const ScsiUnitUsage: Type = 1;
    pub const ScsiUnitStart: Type = 2;
    pub const ScsiUnitPower: Type = 3;
    pub const ScsiUnitPoFxPowerInfo: Type = 4;
    pub const ScsiUnitPoFxPowerRequired: Type = 5;
    pub const ScsiUnitPoFxPowerActive: Type = 6;
    pub const ScsiUnitPoFxPowerSetFState: Type = 7;
    pub const ScsiUnitPoFxPowerControl: Type = 8;
    pub const ScsiUnitRemove: Type = 9;
    pub const ScsiUnitSurpriseRemoval: Type = 10;
    pub const ScsiUnitRichDescription: Type = 11;
    pub const ScsiUnitQueryBusType: Type = 12;
    pub const ScsiUnitQueryFruId: Type = 13;
    pub const ScsiUnitReportInternalData: Type = 14;
    pub const ScsiUnitControlMax: Type = 15;
    pub const MakeUnitControlTypeSizeOfUlong: Type = -1;
}

pub use self::_SCSI_UNIT_CONTROL_TYPE::Type as SCSI_UNIT_CONTROL_TYPE;
pub type PSCSI_UNIT_CONTROL_TYPE = *mut _SCSI_UNIT_CONTROL_TYPE::Type;

pub mod _SCSI_UNIT_CONTROL_STATUS {
    pub type Type = ::core::ffi::c_int;
    pub const ScsiUnitControlSuccess: Type = 0;
    pub const ScsiUnitControlUnsuccessful: Type = 1;
}

pub use self::_SCSI_UNIT_CONTROL_STATUS::Type as SCSI_UNIT_CONTROL_STATUS;
pub type PSCSI_UNIT_CONTROL_STATUS = *mut _SCSI_UNIT_CONTROL_STATUS::Type;

pub mod _SCSI_NOTIFICATION_TYPE {
    pub type Type = ::core::ffi::c_int;
    pub const RequestComplete: Type = 0;
    pub const NextRequest: Type = 1;
    pub const NextLuRequest: Type = 2;
    pub const ResetDetected: Type = 3;
    pub const _obsolete1: Type = 4;
    pub const _obsolete2: Type = 5;
    pub const RequestTimerCall: Type = 6;
    pub const BusChangeDetected: Type = 7;
    pub const WMIEvent: Type = 8;
    pub const WMIReregister: Type = 9;
    pub const LinkUp: Type = 10;
    pub const LinkDown: Type = 11;
    pub const QueryTickCount: Type = 12;
    pub const BufferOverrunDetected: Type = 13;
    pub const TraceNotification: Type = 14;
    pub const GetExtendedFunctionTable: Type = 15;
    pub const EnablePassiveInitialization: Type = 4096;
    pub const InitializeDpc: Type = 4097;
    pub const IssueDpc: Type = 4098;
    pub const AcquireSpinLock: Type = 4099;
    pub const ReleaseSpinLock: Type = 4100;
    pub const StateChangeDetectedCall: Type = 4101;
    pub const IoTargetRequestServiceTime: Type = 4102;
    pub const AsyncNotificationDetected: Type = 4103;
    pub const RequestDirectComplete: Type = 4104;
    pub const InitializeDpcWithContext: Type = 4105;
    pub const InitializeThreadedDpc: Type = 4106;
    pub const SetTargetProcessorDpc: Type = 4107;
    pub const MarkDeviceFailed: Type = 4108;
    pub const MarkDeviceFailedEx: Type = 4109;
    pub const TerminateSystemThread: Type = 4110;
}

pub use self::_SCSI_NOTIFICATION_TYPE::Type as SCSI_NOTIFICATION_TYPE;
pub type PSCSI_NOTIFICATION_TYPE = *mut _SCSI_NOTIFICATION_TYPE::Type;

pub mod _STOR_SYNCHRONIZATION_MODEL {
    pub type Type = ::core::ffi::c_int;
    pub const StorSynchronizeHalfDuplex: Type = 0;
    pub const StorSynchronizeFullDuplex: Type = 1;
}

pub use self::_STOR_SYNCHRONIZATION_MODEL::Type as STOR_SYNCHRONIZATION_MODEL;

pub mod _INTERRUPT_SYNCHRONIZATION_MODE {
    pub type Type = ::core::ffi::c_int;
    pub const InterruptSupportNone: Type = 0;
    pub const InterruptSynchronizeAll: Type = 1;
    pub const InterruptSynchronizePerMessage: Type = 2;
}

pub use self::_INTERRUPT_SYNCHRONIZATION_MODE::Type as INTERRUPT_SYNCHRONIZATION_MODE;

pub mod _STOR_SPINLOCK {
    pub type Type = ::core::ffi::c_int;
    pub const DpcLock: Type = 1;
    pub const StartIoLock: Type = 2;
    pub const InterruptLock: Type = 3;
    pub const ThreadedDpcLock: Type = 4;
    pub const DpcLevelLock: Type = 5;
}

pub use self::_STOR_SPINLOCK::Type as STOR_SPINLOCK;

pub mod _STOR_EVENT_ASSOCIATION_ENUM {
    pub type Type = ::core::ffi::c_int;
    pub const StorEventAdapterAssociation: Type = 0;
    pub const StorEventLunAssociation: Type = 1;
    pub const StorEventTargetAssociation: Type = 2;
    pub const StorEventInvalidAssociation: Type = 3;
}

pub use self::_STOR_EVENT_ASSOCIATION_ENUM::Type as STOR_EVENT_ASSOCIATION_ENUM;
pub type PSTOR_EVENT_ASSOCIATION_ENUM = *mut _STOR_EVENT_ASSOCIATION_ENUM::Type;

pub mod _GETSGSTATUS {
    pub type Type = ::core::ffi::c_int;
    pub const SG_ALLOCATED: Type = 0;
    pub const SG_BUFFER_TOO_SMALL: Type = 1;
}

pub use self::_GETSGSTATUS::Type as GETSGSTATUS;
pub type PGETSGSTATUS = *mut _GETSGSTATUS::Type;

pub mod _STORPORT_FUNCTION_CODE {
    pub type Type = ::core::ffi::c_int;
    pub const ExtFunctionAllocatePool: Type = 0;
    pub const ExtFunctionFreePool: Type = 1;
    pub const ExtFunctionAllocateMdl: Type = 2;
    pub const ExtFunctionFreeMdl: Type = 3;
    pub const ExtFunctionBuildMdlForNonPagedPool: Type = 4;
    pub const ExtFunctionGetSystemAddress: Type = 5;
    pub const ExtFunctionGetOriginalMdl: Type = 6;
    pub const ExtFunctionCompleteServiceIrp: Type = 7;
    pub const ExtFunctionGetDeviceObjects: Type = 8;
    pub const ExtFunctionBuildScatterGatherList: Type = 9;
    pub const ExtFunctionPutScatterGatherList: Type = 10;
    pub const ExtFunctionAcquireMSISpinLock: Type = 11;
    pub const ExtFunctionReleaseMSISpinLock: Type = 12;
    pub const ExtFunctionGetMessageInterruptInformation: Type = 13;
    pub const ExtFunctionInitializePerformanceOptimizations: Type = 14;
    pub const ExtFunctionGetStartIoPerformanceParameters: Type = 15;
    pub const ExtFunctionLogSystemEvent: Type = 16;
    pub const ExtFunctionGetCurrentProcessorNumber: Type = 17;
    pub const ExtFunctionGetActiveGroupCount: Type = 18;
    pub const ExtFunctionGetGroupAffinity: Type = 19;
    pub const ExtFunctionGetActiveNodeCount: Type = 20;
    pub const ExtFunctionGetNodeAffinity: Type = 21;
    pub const ExtFunctionGetHighestNodeNumber: Type = 22;
    pub const ExtFunctionGetLogicalProcessorRelationship: Type = 23;
    pub const ExtFunctionAllocateContiguousMemorySpecifyCacheNode: Type = 24;
    pub const ExtFunctionFreeContiguousMemorySpecifyCache: Type = 25;
    pub const ExtFunctionSetPowerSettingNotificationGuids: Type = 26;
    pub const ExtFunctionInvokeAcpiMethod: Type = 27;
    pub const ExtFunctionGetRequestInfo: Type = 28;
    pub const ExtFunctionInitializeWorker: Type = 29;
    pub const ExtFunctionQueueWorkItem: Type = 30;
    pub const ExtFunctionFreeWorker: Type = 31;
    pub const ExtFunctionInitializeTimer: Type = 32;
    pub const ExtFunctionRequestTimer: Type = 33;
    pub const ExtFunctionFreeTimer: Type = 34;
    pub const ExtFunctionInitializeSListHead: Type = 35;
    pub const ExtFunctionInterlockedFlushSList: Type = 36;
    pub const ExtFunctionInterlockedPopEntrySList: Type = 37;
    pub const ExtFunctionInterlockedPushEntrySList: Type = 38;
    pub const ExtFunctionQueryDepthSList: Type = 39;
    pub const ExtFunctionGetActivityId: Type = 40;
    pub const ExtFunctionGetSystemPortNumber: Type = 41;
    pub const ExtFunctionGetDataInBufferMdl: Type = 42;
    pub const ExtFunctionGetDataInBufferSystemAddress: Type = 43;
    pub const ExtFunctionGetDataInBufferScatterGatherList: Type = 44;
    pub const ExtFunctionMarkDumpMemory: Type = 45;
    pub const ExtFunctionSetUnitAttributes: Type = 46;
    pub const ExtFunctionQueryPerformanceCounter: Type = 47;
    pub const ExtFunctionInitializePoFxPower: Type = 48;
    pub const ExtFunctionPoFxActivateComponent: Type = 49;
    pub const ExtFunctionPoFxIdleComponent: Type = 50;
    pub const ExtFunctionPoFxSetComponentLatency: Type = 51;
    pub const ExtFunctionPoFxSetComponentResidency: Type = 52;
    pub const ExtFunctionPoFxPowerControl: Type = 53;
    pub const ExtFunctionFlushDataBufferMdl: Type = 54;
    pub const ExtFunctionDeviceOperationAllowed: Type = 55;
    pub const ExtFunctionGetProcessorIndexFromNumber: Type = 56;
    pub const ExtFunctionPoFxSetIdleTimeout: Type = 57;
    pub const ExtFunctionMiniportEtwEvent2: Type = 58;
    pub const ExtFunctionMiniportEtwEvent4: Type = 59;
    pub const ExtFunctionMiniportEtwEvent8: Type = 60;
    pub const ExtFunctionCurrentOsInstallationUpgrade: Type = 61;
    pub const ExtFunctionRegistryReadAdapterKey: Type = 62;
    pub const ExtFunctionRegistryWriteAdapterKey: Type = 63;
    pub const ExtFunctionSetAdapterBusType: Type = 64;
    pub const ExtFunctionPoFxRegisterPerfStates: Type = 65;
    pub const ExtFunctionPoFxSetPerfState: Type = 66;
    pub const ExtFunctionGetD3ColdSupport: Type = 67;
    pub const ExtFunctionInitializeRpmb: Type = 68;
    pub const ExtFunctionAllocateHmb: Type = 69;
    pub const ExtFunctionFreeHmb: Type = 70;
    pub const ExtFunctionPropagateIrpExtension: Type = 71;
    pub const ExtFunctionInterlockedInsertHeadList: Type = 72;
    pub const ExtFunctionInterlockedInsertTailList: Type = 73;
    pub const ExtFunctionInterlockedRemoveHeadList: Type = 74;
    pub const ExtFunctionInitializeSpinlock: Type = 75;
    pub const ExtFunctionGetPfns: Type = 76;
    pub const ExtFunctionInitializeCryptoEngine: Type = 77;
    pub const ExtFunctionGetRequestCryptoInfo: Type = 78;
    pub const ExtFunctionMiniportTelemetry: Type = 79;
    pub const ExtFunctionUpdateAdapterMaxIO: Type = 80;
    pub const ExtFunctionDelayExecution: Type = 81;
    pub const ExtFunctionAllocateDmaMemory: Type = 82;
    pub const ExtFunctionFreeDmaMemory: Type = 83;
    pub const ExtFunctionUpdateAdapterMaxIOInfo: Type = 84;
    pub const ExtFunctionMiniportChannelEtwEvent2: Type = 85;
    pub const ExtFunctionMiniportChannelEtwEvent4: Type = 86;
    pub const ExtFunctionMiniportChannelEtwEvent8: Type = 87;
    pub const ExtFunctionInitializeHighResolutionTimer: Type = 88;
    pub const ExtFunctionRequestHighResolutionTimer: Type = 89;
    pub const ExtFunctionCancelHighResolutionTimer: Type = 90;
    pub const ExtFunctionFreeHighResolutionTimer: Type = 91;
    pub const ExtFunctionGetCurrentProcessorIndex: Type = 92;
    pub const ExtFunctionAcquireSpinLock: Type = 93;
    pub const ExtFunctionGetProcessorCount: Type = 94;
    pub const ExtFunctionCancelDpc: Type = 95;
    pub const ExtFunctionMiniportTelemetryEx: Type = 96;
    pub const ExtFunctionQueryConfiguration: Type = 97;
    pub const ExtFunctionLogHardwareError: Type = 98;
    pub const ExtFunctionInitializeEvent: Type = 99;
    pub const ExtFunctionWaitForEvent: Type = 100;
    pub const ExtFunctionSetEvent: Type = 101;
    pub const ExtFunctionDeviceReset: Type = 102;
    pub const ExtFunctionSetFeatureList: Type = 103;
    pub const ExtFunctionCaptureLiveDump: Type = 104;
    pub const ExtFunctionMiniportLogByteStream: Type = 105;
    pub const ExtFunctionQueryDpcWatchdogInformation: Type = 106;
    pub const ExtFunctionQueryTimerMinInterval: Type = 107;
    pub const ExtFunctionMaskPciMsixEntry: Type = 108;
    pub const ExtFunctionGetCurrentIrql: Type = 109;
    pub const ExtFunctionCreateSystemThread: Type = 110;
    pub const ExtFunctionSetPriorityThread: Type = 111;
    pub const ExtFunctionSetSystemGroupAffinityThread: Type = 112;
    pub const ExtFunctionRevertToUserGroupAffinityThread: Type = 113;
    pub const ExtFunctionDeviceResetEx: Type = 114;
    pub const ExtFunctionMiniportReportInternalData: Type = 115;
    pub const ExtFunctionGetMessageInterruptIDFromProcessorIndex: Type = 116;
    pub const ExtFunctionGetNodeAffinity2: Type = 117;
    pub const ExtFunctionEnableRegistryKeyNotification: Type = 118;
    pub const ExtFunctionPoFxRegisterPerfStatesEx: Type = 119;
}

pub use self::_STORPORT_FUNCTION_CODE::Type as STORPORT_FUNCTION_CODE;
pub type PSTORPORT_FUNCTION_CODE = *mut _STORPORT_FUNCTION_CODE::Type;

#[repr(C)]
#[derive(Copy, Clone)]
pub struct _ACCESS_RANGE {
    pub RangeStart: STOR_PHYSICAL_ADDRESS,
    pub RangeLength: ULONG,
    pub RangeInMemory: BOOLEAN,
}

pub type ACCESS_RANGE = _ACCESS_RANGE;
pub type PACCESS_RANGE = *mut _ACCESS_RANGE;

#[repr(C)]
#[derive(Copy, Clone)]
pub struct _MEMORY_REGION {
    pub VirtualBase: PUCHAR,
    pub PhysicalBase: PHYSICAL_ADDRESS,
    pub Length: ULONG,
}

pub type MEMORY_REGION = _MEMORY_REGION;
pub type PMEMORY_REGION = *mut _MEMORY_REGION;

#[repr(C)]
#[derive(Copy, Clone)]
pub struct _STOR_SCATTER_GATHER_ELEMENT {
    pub PhysicalAddress: STOR_PHYSICAL_ADDRESS,
    pub Length: ULONG,
    pub Reserved: ULONG_PTR,
}

pub type STOR_SCATTER_GATHER_ELEMENT = _STOR_SCATTER_GATHER_ELEMENT;
pub type PSTOR_SCATTER_GATHER_ELEMENT = *mut _STOR_SCATTER_GATHER_ELEMENT;

#[repr(C)]
pub struct _STOR_SCATTER_GATHER_LIST {
    pub NumberOfElements: ULONG,
    pub Reserved: ULONG_PTR,
    pub List: __IncompleteArrayField<STOR_SCATTER_GATHER_ELEMENT>,
}

pub type STOR_SCATTER_GATHER_LIST = _STOR_SCATTER_GATHER_LIST;
pub type PSTOR_SCATTER_GATHER_LIST = *mut _STOR_SCATTER_GATHER_LIST;

#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct _DPC_BUFFER {
    pub Type: CSHORT,
    pub Number: UCHAR,
    pub Importance: UCHAR,
    pub __bindgen_anon_1: _DPC_BUFFER__bindgen_ty_1,
    pub DeferredRoutine: PVOID,
    pub DeferredContext: PVOID,
    pub SystemArgument1: PVOID,
    pub SystemArgument2: PVOID,
    pub DpcData: PVOID,
}

#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct _DPC_BUFFER__bindgen_ty_1 {
    pub F: PVOID,
    pub B: PVOID,
}

pub type DPC_BUFFER = _DPC_BUFFER;

#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct _STOR_DPC {
    pub Dpc: DPC_BUFFER,
    pub Lock: ULONG_PTR,
}

pub type STOR_DPC = _STOR_DPC;
pub type PSTOR_DPC = *mut _STOR_DPC;

#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct _STOR_LOCK_HANDLE {
    pub Lock: STOR_SPINLOCK,
    pub Context: _STOR_LOCK_HANDLE__bindgen_ty_1,
}

#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct _STOR_LOCK_HANDLE__bindgen_ty_1 {
    pub LockQueue: _STOR_LOCK_HANDLE__bindgen_ty_1__bindgen_ty_1,
    pub OldIrql: KIRQL,
}

#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct _STOR_LOCK_HANDLE__bindgen_ty_1__bindgen_ty_1 {
    pub Next: PVOID,
    pub Lock: PVOID,
}

pub type STOR_LOCK_HANDLE = _STOR_LOCK_HANDLE;
pub type PSTOR_LOCK_HANDLE = *mut _STOR_LOCK_HANDLE;

#[repr(C)]
#[derive(Copy, Clone)]
pub struct _MESSAGE_INTERRUPT_INFORMATION {
    pub MessageId: ULONG,
    pub MessageData: ULONG,
    pub MessageAddress: PHYSICAL_ADDRESS,
    pub InterruptVector: ULONG,
    pub InterruptLevel: ULONG,
    pub InterruptMode: KINTERRUPT_MODE,
}

pub type MESSAGE_INTERRUPT_INFORMATION = _MESSAGE_INTERRUPT_INFORMATION;
pub type PMESSAGE_INTERRUPT_INFORMATION = *mut _MESSAGE_INTERRUPT_INFORMATION;

#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct _PERF_CONFIGURATION_DATA {
    pub Version: ULONG,
    pub Size: ULONG,
    pub Flags: ULONG,
    pub ConcurrentChannels: ULONG,
    pub FirstRedirectionMessageNumber: ULONG,
    pub LastRedirectionMessageNumber: ULONG,
    pub DeviceNode: ULONG,
    pub Reserved: ULONG,
    pub MessageTargets: PGROUP_AFFINITY,
}

pub type PERF_CONFIGURATION_DATA = _PERF_CONFIGURATION_DATA;
pub type PPERF_CONFIGURATION_DATA = *mut _PERF_CONFIGURATION_DATA;

#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct _STARTIO_PERFORMANCE_PARAMETERS {
    pub Version: ULONG,
    pub Size: ULONG,
    pub MessageNumber: ULONG,
    pub ChannelNumber: ULONG,
}

pub type STARTIO_PERFORMANCE_PARAMETERS = _STARTIO_PERFORMANCE_PARAMETERS;
pub type PSTARTIO_PERFORMANCE_PARAMETERS = *mut _STARTIO_PERFORMANCE_PARAMETERS;

#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct _STOR_LOG_EVENT_DETAILS {
    pub InterfaceRevision: ULONG,
    pub Size: ULONG,
    pub Flags: ULONG,
    pub EventAssociation: STOR_EVENT_ASSOCIATION_ENUM,
    pub PathId: ULONG,
    pub TargetId: ULONG,
    pub LunId: ULONG,
    pub StorportSpecificErrorCode: BOOLEAN,
    pub ErrorCode: ULONG,
    pub UniqueId: ULONG,
    pub DumpDataSize: ULONG,
    pub DumpData: PVOID,
    pub StringCount: ULONG,
    pub StringList: *mut PWSTR,
}

pub type STOR_LOG_EVENT_DETAILS = _STOR_LOG_EVENT_DETAILS;
pub type PSTOR_LOG_EVENT_DETAILS = *mut _STOR_LOG_EVENT_DETAILS;

#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct _STOR_POWER_CONTROL_HEADER {
    pub Version: ULONG,
    pub Size: ULONG,
    pub Address: PSTOR_ADDRESS,
}

pub type STOR_POWER_CONTROL_HEADER = _STOR_POWER_CONTROL_HEADER;
pub type PSTOR_POWER_CONTROL_HEADER = *mut _STOR_POWER_CONTROL_HEADER;

#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct _STOR_ADAPTER_CONTROL_POWER {
    pub Header: _STOR_POWER_CONTROL_HEADER,
    pub PowerAction: STOR_POWER_ACTION::Type,
    pub PowerState: STOR_DEVICE_POWER_STATE,
}

pub type STOR_ADAPTER_CONTROL_POWER = _STOR_ADAPTER_CONTROL_POWER;
pub type PSTOR_ADAPTER_CONTROL_POWER = *mut _STOR_ADAPTER_CONTROL_POWER;

#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct _STOR_UNIT_CONTROL_POWER {
    pub Address: PSTOR_ADDRESS,
    pub PowerAction: STOR_POWER_ACTION::Type,
    pub PowerState: STOR_DEVICE_POWER_STATE,
}

pub type STOR_UNIT_CONTROL_POWER = _STOR_UNIT_CONTROL_POWER;
pub type PSTOR_UNIT_CONTROL_POWER = *mut _STOR_UNIT_CONTROL_POWER;

#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct _STOR_POWER_SETTING_INFO {
    pub PowerSettingGuid: _GUID,
    pub Value: PVOID,
    pub ValueLength: ULONG,
}

pub type STOR_POWER_SETTING_INFO = _STOR_POWER_SETTING_INFO;
pub type PSTOR_POWER_SETTING_INFO = *mut _STOR_POWER_SETTING_INFO;

#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct _STOR_FILTER_RESOURCE_REQUIREMENTS {
    pub Version: ULONG,
    pub Size: ULONG,
    pub IoResourceRequirementsList: PIO_RESOURCE_REQUIREMENTS_LIST,
}

pub type STOR_FILTER_RESOURCE_REQUIREMENTS = _STOR_FILTER_RESOURCE_REQUIREMENTS;
pub type PSTOR_FILTER_RESOURCE_REQUIREMENTS = *mut _STOR_FILTER_RESOURCE_REQUIREMENTS;

#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct _STOR_RICH_DEVICE_DESCRIPTION {
    pub Version: ULONG,
    pub Size: ULONG,
    pub VendorId: [CHAR; 17usize],
    pub ModelNumber: [CHAR; 65usize],
    pub FirmwareRevision: [CHAR; 17usize],
}

pub type STOR_RICH_DEVICE_DESCRIPTION = _STOR_RICH_DEVICE_DESCRIPTION;
pub type PSTOR_RICH_DEVICE_DESCRIPTION = *mut _STOR_RICH_DEVICE_DESCRIPTION;

#[repr(C)]
#[derive(Debug, Default)]
pub struct _SCSI_SUPPORTED_CONTROL_TYPE_LIST {
    pub MaxControlType: ULONG,
    pub SupportedTypeList: __IncompleteArrayField<BOOLEAN>,
}

pub type SCSI_SUPPORTED_CONTROL_TYPE_LIST = _SCSI_SUPPORTED_CONTROL_TYPE_LIST;
pub type PSCSI_SUPPORTED_CONTROL_TYPE_LIST = *mut _SCSI_SUPPORTED_CONTROL_TYPE_LIST;

#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct _STOR_DEVICE_CAPABILITIES {
    pub _bindgen_align: [u32; 0],
    pub Version: USHORT,
    pub __bindgen_padding_0: [u8; 2usize],
    pub _bitfield_1: __BindgenBitfieldUnit<[u8; 2usize]>,
    pub __bindgen_padding_1: u16,
}

pub type STOR_DEVICE_CAPABILITIES = _STOR_DEVICE_CAPABILITIES;
pub type PSTOR_DEVICE_CAPABILITIES = *mut _STOR_DEVICE_CAPABILITIES;

#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct _STOR_DEVICE_CAPABILITIES_EX {
    pub Version: USHORT,
    pub Size: USHORT,
    pub _bitfield_1: __BindgenBitfieldUnit<[u8; 4usize]>,
    pub Address: ULONG,
    pub UINumber: ULONG,
    pub Reserved1: [ULONG; 2usize],
}

pub type STOR_DEVICE_CAPABILITIES_EX = _STOR_DEVICE_CAPABILITIES_EX;
pub type PSTOR_DEVICE_CAPABILITIES_EX = *mut _STOR_DEVICE_CAPABILITIES_EX;

#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct _STOR_UNIT_ATTRIBUTES {
    pub _bindgen_align: [u32; 0],
    pub _bitfield_1: __BindgenBitfieldUnit<[u8; 4usize]>,
}

pub type STOR_UNIT_ATTRIBUTES = _STOR_UNIT_ATTRIBUTES;
pub type PSTOR_UNIT_ATTRIBUTES = *mut _STOR_UNIT_ATTRIBUTES;

zeroed_default! {
    _ACCESS_RANGE,
    _MEMORY_REGION,
    _STOR_SCATTER_GATHER_ELEMENT,
    _STOR_SCATTER_GATHER_LIST,
    _DPC_BUFFER__bindgen_ty_1,
    _DPC_BUFFER,
    _STOR_DPC,
    _STOR_LOCK_HANDLE__bindgen_ty_1__bindgen_ty_1,
    _STOR_LOCK_HANDLE__bindgen_ty_1,
    _STOR_LOCK_HANDLE,
    _MESSAGE_INTERRUPT_INFORMATION,
    _PERF_CONFIGURATION_DATA,
    _STOR_LOG_EVENT_DETAILS,
    _STOR_POWER_CONTROL_HEADER,
    _STOR_ADAPTER_CONTROL_POWER,
    _STOR_UNIT_CONTROL_POWER,
    _STOR_POWER_SETTING_INFO,
    _STOR_FILTER_RESOURCE_REQUIREMENTS,
    _STOR_RICH_DEVICE_DESCRIPTION,
}

bitfields! { _STOR_DEVICE_CAPABILITIES._bitfield_1;
    DeviceD1, set_DeviceD1: ULONG = 0, 1;
    DeviceD2, set_DeviceD2: ULONG = 1, 1;
    LockSupported, set_LockSupported: ULONG = 2, 1;
    EjectSupported, set_EjectSupported: ULONG = 3, 1;
    Removable, set_Removable: ULONG = 4, 1;
    DockDevice, set_DockDevice: ULONG = 5, 1;
    UniqueID, set_UniqueID: ULONG = 6, 1;
    SilentInstall, set_SilentInstall: ULONG = 7, 1;
    SurpriseRemovalOK, set_SurpriseRemovalOK: ULONG = 8, 1;
    NoDisplayInUI, set_NoDisplayInUI: ULONG = 9, 1;
}

bitfields! { _STOR_DEVICE_CAPABILITIES_EX._bitfield_1;
    DeviceD1, set_DeviceD1: ULONG = 0, 1;
    DeviceD2, set_DeviceD2: ULONG = 1, 1;
    LockSupported, set_LockSupported: ULONG = 2, 1;
    EjectSupported, set_EjectSupported: ULONG = 3, 1;
    Removable, set_Removable: ULONG = 4, 1;
    DockDevice, set_DockDevice: ULONG = 5, 1;
    UniqueID, set_UniqueID: ULONG = 6, 1;
    SilentInstall, set_SilentInstall: ULONG = 7, 1;
    RawDeviceOK, set_RawDeviceOK: ULONG = 8, 1;
    SurpriseRemovalOK, set_SurpriseRemovalOK: ULONG = 9, 1;
    NoDisplayInUI, set_NoDisplayInUI: ULONG = 10, 1;
    DefaultWriteCacheEnabled, set_DefaultWriteCacheEnabled: ULONG = 11, 1;
    Reserved0, set_Reserved0: ULONG = 12, 20;
}

bitfields! { _STOR_UNIT_ATTRIBUTES._bitfield_1;
    DeviceAttentionSupported, set_DeviceAttentionSupported: ULONG = 0, 1;
    AsyncNotificationSupported, set_AsyncNotificationSupported: ULONG = 1, 1;
    D3ColdNotSupported, set_D3ColdNotSupported: ULONG = 2, 1;
    BypassIOSupported, set_BypassIOSupported: ULONG = 3, 1;
    Reserved, set_Reserved: ULONG = 4, 28;
}
