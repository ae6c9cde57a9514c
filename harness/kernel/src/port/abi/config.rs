//! `PORT_CONFIGURATION_INFORMATION` and the structures that hang off it.

use super::{constants, structure};

structure! {
    /// What Storport and `HwStorFindAdapter` agree on for an adapter.
    PortConfiguration = "PORT_CONFIGURATION_INFORMATION", 224 {
        LENGTH: u32 = "Length" @ 0,
        SYSTEM_IO_BUS_NUMBER: u32 = "SystemIoBusNumber" @ 4,
        ADAPTER_INTERFACE_TYPE: u32 = "AdapterInterfaceType" @ 8,
        BUS_INTERRUPT_LEVEL: u32 = "BusInterruptLevel" @ 12,
        BUS_INTERRUPT_VECTOR: u32 = "BusInterruptVector" @ 16,
        INTERRUPT_MODE: u32 = "InterruptMode" @ 20,
        MAXIMUM_TRANSFER_LENGTH: u32 = "MaximumTransferLength" @ 24,
        NUMBER_OF_PHYSICAL_BREAKS: u32 = "NumberOfPhysicalBreaks" @ 28,
        DMA_CHANNEL: u32 = "DmaChannel" @ 32,
        DMA_PORT: u32 = "DmaPort" @ 36,
        DMA_WIDTH: u32 = "DmaWidth" @ 40,
        DMA_SPEED: u32 = "DmaSpeed" @ 44,
        ALIGNMENT_MASK: u32 = "AlignmentMask" @ 48,
        NUMBER_OF_ACCESS_RANGES: u32 = "NumberOfAccessRanges" @ 52,
        ACCESS_RANGES: u64 = "AccessRanges" @ 56,
        MINIPORT_DUMP_DATA: u64 = "MiniportDumpData" @ 64,
        NUMBER_OF_BUSES: u8 = "NumberOfBuses" @ 72,
        INITIATOR_BUS_ID: [u8; 8] = "InitiatorBusId" @ 73,
        SCATTER_GATHER: u8 = "ScatterGather" @ 81,
        MASTER: u8 = "Master" @ 82,
        CACHES_DATA: u8 = "CachesData" @ 83,
        ADAPTER_SCANS_DOWN: u8 = "AdapterScansDown" @ 84,
        ATDISK_PRIMARY_CLAIMED: u8 = "AtdiskPrimaryClaimed" @ 85,
        ATDISK_SECONDARY_CLAIMED: u8 = "AtdiskSecondaryClaimed" @ 86,
        DMA32_BIT_ADDRESSES: u8 = "Dma32BitAddresses" @ 87,
        DEMAND_MODE: u8 = "DemandMode" @ 88,
        MAP_BUFFERS: u8 = "MapBuffers" @ 89,
        NEED_PHYSICAL_ADDRESSES: u8 = "NeedPhysicalAddresses" @ 90,
        TAGGED_QUEUING: u8 = "TaggedQueuing" @ 91,
        AUTO_REQUEST_SENSE: u8 = "AutoRequestSense" @ 92,
        MULTIPLE_REQUEST_PER_LU: u8 = "MultipleRequestPerLu" @ 93,
        RECEIVE_EVENT: u8 = "ReceiveEvent" @ 94,
        REAL_MODE_INITIALIZED: u8 = "RealModeInitialized" @ 95,
        BUFFER_ACCESS_SCSI_PORT_CONTROLLED: u8 = "BufferAccessScsiPortControlled" @ 96,
        MAXIMUM_NUMBER_OF_TARGETS: u8 = "MaximumNumberOfTargets" @ 97,
        SRB_TYPE: u8 = "SrbType" @ 98,
        ADDRESS_TYPE: u8 = "AddressType" @ 99,
        SLOT_NUMBER: u32 = "SlotNumber" @ 100,
        BUS_INTERRUPT_LEVEL2: u32 = "BusInterruptLevel2" @ 104,
        BUS_INTERRUPT_VECTOR2: u32 = "BusInterruptVector2" @ 108,
        INTERRUPT_MODE2: u32 = "InterruptMode2" @ 112,
        DMA_CHANNEL2: u32 = "DmaChannel2" @ 116,
        DMA_PORT2: u32 = "DmaPort2" @ 120,
        DMA_WIDTH2: u32 = "DmaWidth2" @ 124,
        DMA_SPEED2: u32 = "DmaSpeed2" @ 128,
        DEVICE_EXTENSION_SIZE: u32 = "DeviceExtensionSize" @ 132,
        SPECIFIC_LU_EXTENSION_SIZE: u32 = "SpecificLuExtensionSize" @ 136,
        SRB_EXTENSION_SIZE: u32 = "SrbExtensionSize" @ 140,
        DMA64_BIT_ADDRESSES: u8 = "Dma64BitAddresses" @ 144,
        RESET_TARGET_SUPPORTED: u8 = "ResetTargetSupported" @ 145,
        MAXIMUM_NUMBER_OF_LOGICAL_UNITS: u8 = "MaximumNumberOfLogicalUnits" @ 146,
        WMI_DATA_PROVIDER: u8 = "WmiDataProvider" @ 147,
        SYNCHRONIZATION_MODEL: u32 = "SynchronizationModel" @ 148,
        HW_MS_INTERRUPT_ROUTINE: u64 = "HwMSInterruptRoutine" @ 152,
        INTERRUPT_SYNCHRONIZATION_MODE: u32 = "InterruptSynchronizationMode" @ 160,
        DUMP_REGION_VIRTUAL_BASE: u64 = "DumpRegion.VirtualBase" @ 168,
        DUMP_REGION_PHYSICAL_BASE: u64 = "DumpRegion.PhysicalBase" @ 176,
        DUMP_REGION_LENGTH: u32 = "DumpRegion.Length" @ 184,
        REQUESTED_DUMP_BUFFER_SIZE: u32 = "RequestedDumpBufferSize" @ 192,
        VIRTUAL_DEVICE: u8 = "VirtualDevice" @ 196,
        DUMP_MODE: u8 = "DumpMode" @ 197,
        DMA_ADDRESS_WIDTH: u8 = "DmaAddressWidth" @ 198,
        EXTENDED_FLAGS1: u32 = "ExtendedFlags1" @ 200,
        MAX_NUMBER_OF_IO: u32 = "MaxNumberOfIO" @ 204,
        MAX_IOS_PER_LUN: u32 = "MaxIOsPerLun" @ 208,
        INITIAL_LUN_QUEUE_DEPTH: u32 = "InitialLunQueueDepth" @ 212,
        BUS_RESET_HOLD_TIME: u32 = "BusResetHoldTime" @ 216,
        FEATURE_SUPPORT: u32 = "FeatureSupport" @ 220,
    }
}

structure! {
    /// A bus address range of the adapter.
    AccessRange = "ACCESS_RANGE", 16 {
        RANGE_START: u64 = "RangeStart" @ 0,
        RANGE_LENGTH: u32 = "RangeLength" @ 8,
        RANGE_IN_MEMORY: u8 = "RangeInMemory" @ 12,
    }
}

structure! {
    /// A physically contiguous region.
    MemoryRegion = "MEMORY_REGION", 24 {
        VIRTUAL_BASE: u64 = "VirtualBase" @ 0,
        PHYSICAL_BASE: u64 = "PhysicalBase" @ 8,
        LENGTH: u32 = "Length" @ 16,
    }
}

structure! {
    /// Data of `SRB_FUNCTION_DUMP_POINTERS`.
    MiniportDumpPointers = "MINIPORT_DUMP_POINTERS", 112 {
        VERSION: u16 = "Version" @ 0,
        SIZE: u16 = "Size" @ 2,
        DRIVER_NAME: [u16; 15] = "DriverName" @ 4,
        ADAPTER_OBJECT: u64 = "AdapterObject" @ 40,
        MAPPED_REGISTER_BASE: u64 = "MappedRegisterBase" @ 48,
        COMMON_BUFFER_SIZE: u32 = "CommonBufferSize" @ 56,
        MINIPORT_PRIVATE_DUMP_DATA: u64 = "MiniportPrivateDumpData" @ 64,
        SYSTEM_IO_BUS_NUMBER: u32 = "SystemIoBusNumber" @ 72,
        ADAPTER_INTERFACE_TYPE: u32 = "AdapterInterfaceType" @ 76,
        MAXIMUM_TRANSFER_LENGTH: u32 = "MaximumTransferLength" @ 80,
        NUMBER_OF_PHYSICAL_BREAKS: u32 = "NumberOfPhysicalBreaks" @ 84,
        ALIGNMENT_MASK: u32 = "AlignmentMask" @ 88,
        NUMBER_OF_ACCESS_RANGES: u32 = "NumberOfAccessRanges" @ 92,
        ACCESS_RANGES: u64 = "AccessRanges" @ 96,
        NUMBER_OF_BUSES: u8 = "NumberOfBuses" @ 104,
        MASTER: u8 = "Master" @ 105,
        MAP_BUFFERS: u8 = "MapBuffers" @ 106,
        MAXIMUM_NUMBER_OF_TARGETS: u8 = "MaximumNumberOfTargets" @ 107,
    }
}

constants! {
    CONSTANTS:
    SP_RETURN_NOT_FOUND: u32 = 0;
    SP_RETURN_FOUND: u32 = 1;
    SP_RETURN_ERROR: u32 = 2;
    SP_RETURN_BAD_CONFIG: u32 = 3;
    DUMP_MODE_CRASH: u8 = 1;
    DUMP_MODE_HIBER: u8 = 2;
    DUMP_MODE_MARK_MEMORY: u8 = 3;
    DUMP_MODE_RESUME: u8 = 4;
    DUMP_MINIPORT_VERSION_1: u16 = 0x100;
    DUMP_MINIPORT_VERSION: u16 = 0x200;
    MARK_DUMP_MEMORY_FLAG_PHYSICAL_ADDRESS: u32 = 1;
    SCSI_MAXIMUM_LUNS_PER_TARGET: u32 = 0xFF;
    SCSI_MAXIMUM_TARGETS_PER_BUS: u32 = 0x80;
    SCSI_MAXIMUM_BUSES_PER_ADAPTER: u32 = 0xFF;
    SCSI_DMA64_MINIPORT_SUPPORTED: u8 = 1;
    SCSI_DMA64_SYSTEM_SUPPORTED: u8 = 0x80;
    SCSI_DMA64_MINIPORT_FULL64BIT_SUPPORTED: u8 = 2;
    SCSI_DMA64_MINIPORT_FULL64BIT_NO_BOUNDARY_REQ_SUPPORTED: u8 = 3;
    SCSI_DMA64_MINIPORT_64BIT_ONE_4GB_SUPPORTED: u8 = 4;
    SRB_TYPE_SCSI_REQUEST_BLOCK: u8 = 0;
    SRB_TYPE_STORAGE_REQUEST_BLOCK: u8 = 1;
    STORAGE_ADDRESS_TYPE_BTL8: u8 = 0;
    STOR_ADAPTER_DMA_ADDRESS_WIDTH_SPECIFIED: u32 = 0x40;
    STOR_ADAPTER_DMA_V3_PREFERRED: u32 = 8;
    STOR_ADAPTER_FEATURE_ABORT_COMMAND: u32 = 0x10;
    STOR_ADAPTER_FEATURE_DEVICE_TELEMETRY: u32 = 1;
    STOR_ADAPTER_FEATURE_RICH_TEMPERATURE_THRESHOLD: u32 = 0x20;
    STOR_ADAPTER_FEATURE_STOP_UNIT_DURING_POWER_DOWN: u32 = 2;
    STOR_ADAPTER_UNCACHED_EXTENSION_NUMA_NODE_PREFERRED: u32 = 4;
}

/// `MaximumTransferLength` and `NumberOfPhysicalBreaks` before the miniport sets them (`SP_UNINITIALIZED_VALUE`).
pub const SP_UNINITIALIZED_VALUE: u32 = u32::MAX;
