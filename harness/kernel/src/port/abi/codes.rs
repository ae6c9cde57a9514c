//! Selector and status codes: notifications, adapter and unit control, `STOR_STATUS_*`.

use super::{constants, enumeration};

constants! {
    STOR_STATUSES:
    STOR_STATUS_ACCESS_DENIED: u32 = 0xC100_0005;
    STOR_STATUS_BUFFER_TOO_SMALL: u32 = 0xC100_0004;
    STOR_STATUS_BUSY: u32 = 0xC100_000C;
    STOR_STATUS_INSUFFICIENT_RESOURCES: u32 = 0xC100_0003;
    STOR_STATUS_INVALID_BUFFER_SIZE: u32 = 0xC100_000A;
    STOR_STATUS_INVALID_DATA: u32 = 0xC100_000F;
    STOR_STATUS_INVALID_DEVICE_REQUEST: u32 = 0xC100_0007;
    STOR_STATUS_INVALID_DEVICE_STATE: u32 = 0xC100_0009;
    STOR_STATUS_INVALID_IRQL: u32 = 0xC100_0008;
    STOR_STATUS_INVALID_PARAMETER: u32 = 0xC100_0006;
    STOR_STATUS_NOT_IMPLEMENTED: u32 = 0xC100_0002;
    STOR_STATUS_SUCCESS: u32 = 0;
    STOR_STATUS_THROTTLED_REQUEST: u32 = 0xC100_000D;
    STOR_STATUS_TIMEOUT: u32 = 0xC100_000E;
    STOR_STATUS_UNSUCCESSFUL: u32 = 0xC100_0001;
    STOR_STATUS_UNSUPPORTED_VERSION: u32 = 0xC100_000B;
}

enumeration! {
    /// Types of `StorPortNotification`.
    notification: u32 {
        REQUEST_COMPLETE = "RequestComplete" @ 0,
        NEXT_REQUEST = "NextRequest" @ 1,
        NEXT_LU_REQUEST = "NextLuRequest" @ 2,
        RESET_DETECTED = "ResetDetected" @ 3,
        REQUEST_TIMER_CALL = "RequestTimerCall" @ 6,
        BUS_CHANGE_DETECTED = "BusChangeDetected" @ 7,
        WMI_EVENT = "WMIEvent" @ 8,
        WMI_REREGISTER = "WMIReregister" @ 9,
        LINK_UP = "LinkUp" @ 10,
        LINK_DOWN = "LinkDown" @ 11,
        QUERY_TICK_COUNT = "QueryTickCount" @ 12,
        BUFFER_OVERRUN_DETECTED = "BufferOverrunDetected" @ 13,
        TRACE_NOTIFICATION = "TraceNotification" @ 14,
        GET_EXTENDED_FUNCTION_TABLE = "GetExtendedFunctionTable" @ 15,
        ENABLE_PASSIVE_INITIALIZATION = "EnablePassiveInitialization" @ 4096,
        INITIALIZE_DPC = "InitializeDpc" @ 4097,
        ISSUE_DPC = "IssueDpc" @ 4098,
        ACQUIRE_SPIN_LOCK = "AcquireSpinLock" @ 4099,
        RELEASE_SPIN_LOCK = "ReleaseSpinLock" @ 4100,
        STATE_CHANGE_DETECTED_CALL = "StateChangeDetectedCall" @ 4101,
        IO_TARGET_REQUEST_SERVICE_TIME = "IoTargetRequestServiceTime" @ 4102,
        ASYNC_NOTIFICATION_DETECTED = "AsyncNotificationDetected" @ 4103,
        REQUEST_DIRECT_COMPLETE = "RequestDirectComplete" @ 4104,
        INITIALIZE_DPC_WITH_CONTEXT = "InitializeDpcWithContext" @ 4105,
        INITIALIZE_THREADED_DPC = "InitializeThreadedDpc" @ 4106,
        SET_TARGET_PROCESSOR_DPC = "SetTargetProcessorDpc" @ 4107,
        MARK_DEVICE_FAILED = "MarkDeviceFailed" @ 4108,
        MARK_DEVICE_FAILED_EX = "MarkDeviceFailedEx" @ 4109,
        TERMINATE_SYSTEM_THREAD = "TerminateSystemThread" @ 4110,
    }
}

enumeration! {
    /// Control types of `HwStorAdapterControl`.
    adapter_control: u32 {
        QUERY_SUPPORTED_CONTROL_TYPES = "ScsiQuerySupportedControlTypes" @ 0,
        STOP_ADAPTER = "ScsiStopAdapter" @ 1,
        RESTART_ADAPTER = "ScsiRestartAdapter" @ 2,
        SET_BOOT_CONFIG = "ScsiSetBootConfig" @ 3,
        SET_RUNNING_CONFIG = "ScsiSetRunningConfig" @ 4,
        POWER_SETTING_NOTIFICATION = "ScsiPowerSettingNotification" @ 5,
        ADAPTER_POWER = "ScsiAdapterPower" @ 6,
        ADAPTER_POFX_POWER_REQUIRED = "ScsiAdapterPoFxPowerRequired" @ 7,
        ADAPTER_POFX_POWER_ACTIVE = "ScsiAdapterPoFxPowerActive" @ 8,
        ADAPTER_POFX_POWER_SET_F_STATE = "ScsiAdapterPoFxPowerSetFState" @ 9,
        ADAPTER_POFX_POWER_CONTROL = "ScsiAdapterPoFxPowerControl" @ 10,
        ADAPTER_PREPARE_FOR_BUS_RE_SCAN = "ScsiAdapterPrepareForBusReScan" @ 11,
        ADAPTER_SYSTEM_POWER_HINTS = "ScsiAdapterSystemPowerHints" @ 12,
        ADAPTER_FILTER_RESOURCE_REQUIREMENTS = "ScsiAdapterFilterResourceRequirements" @ 13,
        ADAPTER_POFX_MAX_OPERATIONAL_POWER = "ScsiAdapterPoFxMaxOperationalPower" @ 14,
        ADAPTER_POFX_SET_PERF_STATE = "ScsiAdapterPoFxSetPerfState" @ 15,
        ADAPTER_SURPRISE_REMOVAL = "ScsiAdapterSurpriseRemoval" @ 16,
        ADAPTER_SERIAL_NUMBER = "ScsiAdapterSerialNumber" @ 17,
        ADAPTER_CRYPTO_OPERATION = "ScsiAdapterCryptoOperation" @ 18,
        ADAPTER_QUERY_FRU_ID = "ScsiAdapterQueryFruId" @ 19,
        ADAPTER_SET_EVENT_LOGGING = "ScsiAdapterSetEventLogging" @ 20,
        ADAPTER_REPORT_INTERNAL_DATA = "ScsiAdapterReportInternalData" @ 21,
        ADAPTER_RESET_BUS_SYNCHRONOUS = "ScsiAdapterResetBusSynchronous" @ 22,
        ADAPTER_POST_HW_INITIALIZE = "ScsiAdapterPostHwInitialize" @ 23,
        ADAPTER_PREPARE_EARLY_DUMP_DATA = "ScsiAdapterPrepareEarlyDumpData" @ 24,
        ADAPTER_RESTORE_EARLY_DUMP_DATA = "ScsiAdapterRestoreEarlyDumpData" @ 25,
        ADAPTER_CONTROL_MAX = "ScsiAdapterControlMax" @ 26,
    }
}

enumeration! {
    /// Answers of `HwStorAdapterControl`.
    adapter_control_status: u32 {
        SUCCESS = "ScsiAdapterControlSuccess" @ 0,
        UNSUCCESSFUL = "ScsiAdapterControlUnsuccessful" @ 1,
        RETRY_NEEDED = "ScsiAdapterControlRetryNeeded" @ 2,
        BUFFER_TOO_SMALL = "ScsiAdapterControlBufferTooSmall" @ 3,
    }
}

enumeration! {
    /// Control types of `HwStorUnitControl`.
    unit_control: u32 {
        QUERY_SUPPORTED_UNIT_CONTROL_TYPES = "ScsiQuerySupportedUnitControlTypes" @ 0,
        UNIT_USAGE = "ScsiUnitUsage" @ 1,
        UNIT_START = "ScsiUnitStart" @ 2,
        UNIT_POWER = "ScsiUnitPower" @ 3,
        UNIT_POFX_POWER_INFO = "ScsiUnitPoFxPowerInfo" @ 4,
        UNIT_POFX_POWER_REQUIRED = "ScsiUnitPoFxPowerRequired" @ 5,
        UNIT_POFX_POWER_ACTIVE = "ScsiUnitPoFxPowerActive" @ 6,
        UNIT_POFX_POWER_SET_F_STATE = "ScsiUnitPoFxPowerSetFState" @ 7,
        UNIT_POFX_POWER_CONTROL = "ScsiUnitPoFxPowerControl" @ 8,
        UNIT_REMOVE = "ScsiUnitRemove" @ 9,
        UNIT_SURPRISE_REMOVAL = "ScsiUnitSurpriseRemoval" @ 10,
        UNIT_RICH_DESCRIPTION = "ScsiUnitRichDescription" @ 11,
        UNIT_QUERY_BUS_TYPE = "ScsiUnitQueryBusType" @ 12,
        UNIT_QUERY_FRU_ID = "ScsiUnitQueryFruId" @ 13,
        UNIT_REPORT_INTERNAL_DATA = "ScsiUnitReportInternalData" @ 14,
        UNIT_CONTROL_MAX = "ScsiUnitControlMax" @ 15,
    }
}

enumeration! {
    /// Answers of `HwStorUnitControl`.
    unit_control_status: u32 {
        SUCCESS = "ScsiUnitControlSuccess" @ 0,
        UNSUCCESSFUL = "ScsiUnitControlUnsuccessful" @ 1,
    }
}

enumeration! {
    /// Kinds of lock of `StorPortAcquireSpinLock`.
    spin_lock: u32 {
        DPC_LOCK = "DpcLock" @ 1,
        START_IO_LOCK = "StartIoLock" @ 2,
        INTERRUPT_LOCK = "InterruptLock" @ 3,
        THREADED_DPC_LOCK = "ThreadedDpcLock" @ 4,
        DPC_LEVEL_LOCK = "DpcLevelLock" @ 5,
    }
}

enumeration! {
    /// Values of `InterruptSynchronizationMode`.
    interrupt_synchronization: u32 {
        SUPPORT_NONE = "InterruptSupportNone" @ 0,
        SYNCHRONIZE_ALL = "InterruptSynchronizeAll" @ 1,
        SYNCHRONIZE_PER_MESSAGE = "InterruptSynchronizePerMessage" @ 2,
    }
}

enumeration! {
    /// Values of `SynchronizationModel`.
    synchronization_model: u32 {
        HALF_DUPLEX = "StorSynchronizeHalfDuplex" @ 0,
        FULL_DUPLEX = "StorSynchronizeFullDuplex" @ 1,
    }
}

enumeration! {
    /// Bus types.
    interface_type: i32 {
        INTERFACE_TYPE_UNDEFINED = "InterfaceTypeUndefined" @ -1,
        INTERNAL = "Internal" @ 0,
        ISA = "Isa" @ 1,
        EISA = "Eisa" @ 2,
        MICRO_CHANNEL = "MicroChannel" @ 3,
        TURBO_CHANNEL = "TurboChannel" @ 4,
        PCI_BUS = "PCIBus" @ 5,
        VME_BUS = "VMEBus" @ 6,
        NU_BUS = "NuBus" @ 7,
        PCMCIA_BUS = "PCMCIABus" @ 8,
        C_BUS = "CBus" @ 9,
        MPI_BUS = "MPIBus" @ 10,
        MPSA_BUS = "MPSABus" @ 11,
        PROCESSOR_INTERNAL = "ProcessorInternal" @ 12,
        INTERNAL_POWER_BUS = "InternalPowerBus" @ 13,
        PNPISA_BUS = "PNPISABus" @ 14,
        PNP_BUS = "PNPBus" @ 15,
        VMCS = "Vmcs" @ 16,
        ACPI_BUS = "ACPIBus" @ 17,
        MAXIMUM_INTERFACE_TYPE = "MaximumInterfaceType" @ 18,
    }
}

enumeration! {
    /// Interrupt modes.
    interrupt_mode: u32 {
        LEVEL_SENSITIVE = "LevelSensitive" @ 0,
        LATCHED = "Latched" @ 1,
    }
}

enumeration! {
    /// Kinds of bus data.
    bus_data_type: i32 {
        CONFIGURATION_SPACE_UNDEFINED = "ConfigurationSpaceUndefined" @ -1,
        CMOS = "Cmos" @ 0,
        EISA_CONFIGURATION = "EisaConfiguration" @ 1,
        POS = "Pos" @ 2,
        CBUS_CONFIGURATION = "CbusConfiguration" @ 3,
        PCI_CONFIGURATION = "PCIConfiguration" @ 4,
        VME_CONFIGURATION = "VMEConfiguration" @ 5,
        NU_BUS_CONFIGURATION = "NuBusConfiguration" @ 6,
        PCMCIA_CONFIGURATION = "PCMCIAConfiguration" @ 7,
        MPI_CONFIGURATION = "MPIConfiguration" @ 8,
        MPSA_CONFIGURATION = "MPSAConfiguration" @ 9,
        PNPISA_CONFIGURATION = "PNPISAConfiguration" @ 10,
        SGI_INTERNAL_CONFIGURATION = "SgiInternalConfiguration" @ 11,
        MAXIMUM_BUS_DATA_TYPE = "MaximumBusDataType" @ 12,
    }
}

enumeration! {
    /// Device power states.
    device_power_state: u32 {
        UNSPECIFIED = "StorPowerDeviceUnspecified" @ 0,
        D0 = "StorPowerDeviceD0" @ 1,
        D1 = "StorPowerDeviceD1" @ 2,
        D2 = "StorPowerDeviceD2" @ 3,
        D3 = "StorPowerDeviceD3" @ 4,
        MAXIMUM = "StorPowerDeviceMaximum" @ 5,
    }
}

enumeration! {
    /// Why a power state changes.
    power_action: u32 {
        NONE = "StorPowerActionNone" @ 0,
        RESERVED = "StorPowerActionReserved" @ 1,
        SLEEP = "StorPowerActionSleep" @ 2,
        HIBERNATE = "StorPowerActionHibernate" @ 3,
        SHUTDOWN = "StorPowerActionShutdown" @ 4,
        SHUTDOWN_RESET = "StorPowerActionShutdownReset" @ 5,
        SHUTDOWN_OFF = "StorPowerActionShutdownOff" @ 6,
        WARM_EJECT = "StorPowerActionWarmEject" @ 7,
    }
}

enumeration! {
    /// Actions of `SRB_FUNCTION_PNP`.
    pnp_action: u32 {
        START_DEVICE = "StorStartDevice" @ 0,
        REMOVE_DEVICE = "StorRemoveDevice" @ 2,
        STOP_DEVICE = "StorStopDevice" @ 4,
        QUERY_CAPABILITIES = "StorQueryCapabilities" @ 9,
        QUERY_RESOURCE_REQUIREMENTS = "StorQueryResourceRequirements" @ 11,
        FILTER_RESOURCE_REQUIREMENTS = "StorFilterResourceRequirements" @ 13,
        SURPRISE_REMOVAL = "StorSurpriseRemoval" @ 23,
    }
}

enumeration! {
    /// Types of extended request data.
    srbex: i32 {
        UNKNOWN = "SrbExDataTypeUnknown" @ 0,
        BIDIRECTIONAL = "SrbExDataTypeBidirectional" @ 1,
        SCSI_CDB16 = "SrbExDataTypeScsiCdb16" @ 64,
        SCSI_CDB32 = "SrbExDataTypeScsiCdb32" @ 65,
        SCSI_CDB_VAR = "SrbExDataTypeScsiCdbVar" @ 66,
        NVME_COMMAND = "SrbExDataTypeNvmeCommand" @ 67,
        WMI = "SrbExDataTypeWmi" @ 96,
        POWER = "SrbExDataTypePower" @ 97,
        PNP = "SrbExDataTypePnP" @ 98,
        IO_INFO = "SrbExDataTypeIoInfo" @ 128,
        PASSTHROUGH_DIRECT = "SrbExDataTypePassthroughDirect" @ 160,
        MS_RESERVED_START = "SrbExDataTypeMSReservedStart" @ -268_435_456,
        RESERVED = "SrbExDataTypeReserved" @ -1,
    }
}

enumeration! {
    /// Memory caching types.
    memory_caching: i32 {
        NON_CACHED = "MmNonCached" @ 0,
        CACHED = "MmCached" @ 1,
        WRITE_COMBINED = "MmWriteCombined" @ 2,
        HARDWARE_COHERENT_CACHED = "MmHardwareCoherentCached" @ 3,
        NON_CACHED_UNORDERED = "MmNonCachedUnordered" @ 4,
        USWC_CACHED = "MmUSWCCached" @ 5,
        MAXIMUM_CACHE_TYPE = "MmMaximumCacheType" @ 6,
        NOT_MAPPED = "MmNotMapped" @ -1,
    }
}
