//! Structures of the port's services: locks, DPCs, performance options, messages, power, memory descriptors.

use super::{constants, structure};

structure! {
    /// A miniport DPC.
    StorDpc = "STOR_DPC", 72 {
        DPC_TYPE: u16 = "Dpc.Type" @ 0,
        DPC_IMPORTANCE: u8 = "Dpc.Importance" @ 3,
        DPC_DEFERRED_ROUTINE: u64 = "Dpc.DeferredRoutine" @ 24,
        DPC_DEFERRED_CONTEXT: u64 = "Dpc.DeferredContext" @ 32,
        DPC_SYSTEM_ARGUMENT1: u64 = "Dpc.SystemArgument1" @ 40,
        DPC_SYSTEM_ARGUMENT2: u64 = "Dpc.SystemArgument2" @ 48,
        LOCK: u64 = "Lock" @ 64,
    }
}

structure! {
    /// What a miniport keeps while it holds a lock.
    StorLockHandle = "STOR_LOCK_HANDLE", 32 {
        LOCK: u32 = "Lock" @ 0,
        CONTEXT_LOCK_QUEUE_NEXT: u64 = "Context.LockQueue.Next" @ 8,
        CONTEXT_LOCK_QUEUE_LOCK: u64 = "Context.LockQueue.Lock" @ 16,
        CONTEXT_OLD_IRQL: u8 = "Context.OldIrql" @ 24,
    }
}

structure! {
    /// Performance options.
    PerfConfigurationData = "PERF_CONFIGURATION_DATA", 40 {
        VERSION: u32 = "Version" @ 0,
        SIZE: u32 = "Size" @ 4,
        FLAGS: u32 = "Flags" @ 8,
        CONCURRENT_CHANNELS: u32 = "ConcurrentChannels" @ 12,
        FIRST_REDIRECTION_MESSAGE_NUMBER: u32 = "FirstRedirectionMessageNumber" @ 16,
        LAST_REDIRECTION_MESSAGE_NUMBER: u32 = "LastRedirectionMessageNumber" @ 20,
        DEVICE_NODE: u32 = "DeviceNode" @ 24,
        MESSAGE_TARGETS: u64 = "MessageTargets" @ 32,
    }
}

structure! {
    /// Where a request was issued.
    StartIoPerformanceParameters = "STARTIO_PERFORMANCE_PARAMETERS", 16 {
        VERSION: u32 = "Version" @ 0,
        SIZE: u32 = "Size" @ 4,
        MESSAGE_NUMBER: u32 = "MessageNumber" @ 8,
        CHANNEL_NUMBER: u32 = "ChannelNumber" @ 12,
    }
}

structure! {
    /// One interrupt message.
    MessageInterruptInformation = "MESSAGE_INTERRUPT_INFORMATION", 32 {
        MESSAGE_ID: u32 = "MessageId" @ 0,
        MESSAGE_DATA: u32 = "MessageData" @ 4,
        MESSAGE_ADDRESS: u64 = "MessageAddress" @ 8,
        INTERRUPT_VECTOR: u32 = "InterruptVector" @ 16,
        INTERRUPT_LEVEL: u32 = "InterruptLevel" @ 20,
        INTERRUPT_MODE: u32 = "InterruptMode" @ 24,
    }
}

structure! {
    /// Parameters of `ScsiAdapterPower`.
    StorAdapterControlPower = "STOR_ADAPTER_CONTROL_POWER", 24 {
        HEADER_VERSION: u32 = "Header.Version" @ 0,
        HEADER_SIZE: u32 = "Header.Size" @ 4,
        HEADER_ADDRESS: u64 = "Header.Address" @ 8,
        POWER_ACTION: u32 = "PowerAction" @ 16,
        POWER_STATE: u32 = "PowerState" @ 20,
    }
}

structure! {
    /// Parameters of `ScsiUnitPower`.
    StorUnitControlPower = "STOR_UNIT_CONTROL_POWER", 16 {
        ADDRESS: u64 = "Address" @ 0,
        POWER_ACTION: u32 = "PowerAction" @ 8,
        POWER_STATE: u32 = "PowerState" @ 12,
    }
}

structure! {
    /// Header of the list of supported control types; one BOOLEAN per type follows.
    SupportedControlTypeList = "SCSI_SUPPORTED_CONTROL_TYPE_LIST", 4 {
        MAX_CONTROL_TYPE: u32 = "MaxControlType" @ 0,
    }
}

structure! {
    /// An event for the system log.
    StorLogEventDetails = "STOR_LOG_EVENT_DETAILS", 72 {
        INTERFACE_REVISION: u32 = "InterfaceRevision" @ 0,
        SIZE: u32 = "Size" @ 4,
        FLAGS: u32 = "Flags" @ 8,
        EVENT_ASSOCIATION: u32 = "EventAssociation" @ 12,
        PATH_ID: u32 = "PathId" @ 16,
        TARGET_ID: u32 = "TargetId" @ 20,
        LUN_ID: u32 = "LunId" @ 24,
        STORPORT_SPECIFIC_ERROR_CODE: u8 = "StorportSpecificErrorCode" @ 28,
        ERROR_CODE: u32 = "ErrorCode" @ 32,
        UNIQUE_ID: u32 = "UniqueId" @ 36,
        DUMP_DATA_SIZE: u32 = "DumpDataSize" @ 40,
        DUMP_DATA: u64 = "DumpData" @ 48,
        STRING_COUNT: u32 = "StringCount" @ 56,
        STRING_LIST: u64 = "StringList" @ 64,
    }
}

structure! {
    /// Memory descriptor list; the page frame numbers follow.
    Mdl = "MDL", 48 {
        NEXT: u64 = "Next" @ 0,
        SIZE: u16 = "Size" @ 8,
        MDL_FLAGS: u16 = "MdlFlags" @ 10,
        PROCESS: u64 = "Process" @ 16,
        MAPPED_SYSTEM_VA: u64 = "MappedSystemVa" @ 24,
        START_VA: u64 = "StartVa" @ 32,
        BYTE_COUNT: u32 = "ByteCount" @ 40,
        BYTE_OFFSET: u32 = "ByteOffset" @ 44,
    }
}

structure! {
    /// Processors of one group.
    GroupAffinity = "GROUP_AFFINITY", 16 {
        MASK: u64 = "Mask" @ 0,
        GROUP: u16 = "Group" @ 8,
    }
}

structure! {
    /// A processor.
    ProcessorNumber = "PROCESSOR_NUMBER", 4 {
        GROUP: u16 = "Group" @ 0,
        NUMBER: u8 = "Number" @ 2,
    }
}

structure! {
    /// Head of a sequenced singly linked list.
    SlistHeader = "SLIST_HEADER", 16 {
        ALIGNMENT: u64 = "Alignment" @ 0,
        REGION: u64 = "Region" @ 8,
    }
}

structure! {
    /// A doubly linked list entry.
    ListEntry = "LIST_ENTRY", 16 {
        FLINK: u64 = "Flink" @ 0,
        BLINK: u64 = "Blink" @ 8,
    }
}

structure! {
    /// A singly linked list entry.
    SingleListEntry = "SINGLE_LIST_ENTRY", 8 {
        NEXT: u64 = "Next" @ 0,
    }
}

structure! {
    /// A counted UTF-16 string.
    UnicodeString = "UNICODE_STRING", 16 {
        LENGTH: u16 = "Length" @ 0,
        MAXIMUM_LENGTH: u16 = "MaximumLength" @ 2,
        BUFFER: u64 = "Buffer" @ 8,
    }
}

structure! {
    /// The members of a device object that the bench fills.
    DeviceObject = "DEVICE_OBJECT", 336 {
        TYPE: u16 = "Type" @ 0,
        SIZE: u16 = "Size" @ 2,
        REFERENCE_COUNT: u32 = "ReferenceCount" @ 4,
        DRIVER_OBJECT: u64 = "DriverObject" @ 8,
        ATTACHED_DEVICE: u64 = "AttachedDevice" @ 24,
        FLAGS: u32 = "Flags" @ 48,
        DEVICE_EXTENSION: u64 = "DeviceExtension" @ 64,
        DEVICE_TYPE: u32 = "DeviceType" @ 72,
        STACK_SIZE: u8 = "StackSize" @ 76,
        ALIGNMENT_REQUIREMENT: u32 = "AlignmentRequirement" @ 152,
    }
}

structure! {
    /// The members of a driver object that the bench fills.
    DriverObject = "DRIVER_OBJECT", 336 {
        TYPE: u16 = "Type" @ 0,
        SIZE: u16 = "Size" @ 2,
        DEVICE_OBJECT: u64 = "DeviceObject" @ 8,
        DRIVER_START: u64 = "DriverStart" @ 24,
        DRIVER_SIZE: u32 = "DriverSize" @ 32,
        DRIVER_EXTENSION: u64 = "DriverExtension" @ 48,
        DRIVER_NAME_LENGTH: u16 = "DriverName.Length" @ 56,
        DRIVER_NAME_MAXIMUM_LENGTH: u16 = "DriverName.MaximumLength" @ 58,
        DRIVER_NAME_BUFFER: u64 = "DriverName.Buffer" @ 64,
        DRIVER_INIT: u64 = "DriverInit" @ 88,
        DRIVER_UNLOAD: u64 = "DriverUnload" @ 104,
    }
}

structure! {
    /// PCI configuration space as `StorPortGetBusData` returns it.
    PciCommonConfig = "PCI_COMMON_CONFIG", 256 {
        VENDOR_ID: u16 = "VendorID" @ 0,
        DEVICE_ID: u16 = "DeviceID" @ 2,
        COMMAND: u16 = "Command" @ 4,
        STATUS: u16 = "Status" @ 6,
    }
}

constants! {
    CONSTANTS:
    STOR_PERF_ADV_CONFIG_LOCALITY: u32 = 8;
    STOR_PERF_CONCURRENT_CHANNELS: u32 = 2;
    STOR_PERF_DPC_REDIRECTION: u32 = 1;
    STOR_PERF_DPC_REDIRECTION_CURRENT_CPU: u32 = 0x20;
    STOR_PERF_HETEROGENEOUS_CPU: u32 = 0x100;
    STOR_PERF_INTERRUPT_MESSAGE_RANGES: u32 = 4;
    STOR_PERF_NO_SGL: u32 = 0x40;
    STOR_PERF_OPTIMIZE_FOR_COMPLETION_DURING_STARTIO: u32 = 0x10;
    STOR_PERF_SOFT_NUMA: u32 = 0x80;
    STOR_PERF_VERSION: u32 = 7;
    STOR_PERF_VERSION_2: u32 = 2;
    STOR_PERF_VERSION_3: u32 = 3;
    STOR_PERF_VERSION_4: u32 = 4;
    STOR_PERF_VERSION_5: u32 = 5;
    STOR_PERF_VERSION_6: u32 = 6;
    STOR_PERF_VERSION_7: u32 = 7;
    MDL_MAPPED_TO_SYSTEM_VA: u16 = 1;
    MDL_PAGES_LOCKED: u16 = 2;
    MDL_SOURCE_IS_NONPAGED_POOL: u16 = 4;
    MDL_ALLOCATED_FIXED_SIZE: u16 = 8;
}

constants! {
    REGISTRY:
    MINIPORT_REG_BINARY: u32 = 3;
    MINIPORT_REG_DWORD: u32 = 4;
    MINIPORT_REG_MULTI_SZ: u32 = 7;
    MINIPORT_REG_SZ: u32 = 1;
}
