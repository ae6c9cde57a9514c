//! Request blocks, their extended data, addresses and scatter/gather lists.

use super::{constants, structure};

structure! {
    /// The request block of `SRB_TYPE_SCSI_REQUEST_BLOCK`.
    ScsiRequestBlock = "SCSI_REQUEST_BLOCK", 88 {
        LENGTH: u16 = "Length" @ 0,
        FUNCTION: u8 = "Function" @ 2,
        SRB_STATUS: u8 = "SrbStatus" @ 3,
        SCSI_STATUS: u8 = "ScsiStatus" @ 4,
        PATH_ID: u8 = "PathId" @ 5,
        TARGET_ID: u8 = "TargetId" @ 6,
        LUN: u8 = "Lun" @ 7,
        QUEUE_TAG: u8 = "QueueTag" @ 8,
        QUEUE_ACTION: u8 = "QueueAction" @ 9,
        CDB_LENGTH: u8 = "CdbLength" @ 10,
        SENSE_INFO_BUFFER_LENGTH: u8 = "SenseInfoBufferLength" @ 11,
        SRB_FLAGS: u32 = "SrbFlags" @ 12,
        DATA_TRANSFER_LENGTH: u32 = "DataTransferLength" @ 16,
        TIME_OUT_VALUE: u32 = "TimeOutValue" @ 20,
        DATA_BUFFER: u64 = "DataBuffer" @ 24,
        SENSE_INFO_BUFFER: u64 = "SenseInfoBuffer" @ 32,
        NEXT_SRB: u64 = "NextSrb" @ 40,
        ORIGINAL_REQUEST: u64 = "OriginalRequest" @ 48,
        SRB_EXTENSION: u64 = "SrbExtension" @ 56,
        QUEUE_SORT_KEY: u32 = "QueueSortKey" @ 64,
        CDB: [u8; 16] = "Cdb" @ 72,
    }
}

structure! {
    /// The request block of `SRB_TYPE_STORAGE_REQUEST_BLOCK`.
    StorageRequestBlock = "STORAGE_REQUEST_BLOCK", 128 {
        LENGTH: u16 = "Length" @ 0,
        FUNCTION: u8 = "Function" @ 2,
        SRB_STATUS: u8 = "SrbStatus" @ 3,
        SIGNATURE: u32 = "Signature" @ 8,
        VERSION: u32 = "Version" @ 12,
        SRB_LENGTH: u32 = "SrbLength" @ 16,
        SRB_FUNCTION: u32 = "SrbFunction" @ 20,
        SRB_FLAGS: u32 = "SrbFlags" @ 24,
        REQUEST_TAG: u32 = "RequestTag" @ 32,
        REQUEST_PRIORITY: u16 = "RequestPriority" @ 36,
        REQUEST_ATTRIBUTE: u16 = "RequestAttribute" @ 38,
        TIME_OUT_VALUE: u32 = "TimeOutValue" @ 40,
        SYSTEM_STATUS: u32 = "SystemStatus" @ 44,
        ZERO_GUARD1: u32 = "ZeroGuard1" @ 48,
        ADDRESS_OFFSET: u32 = "AddressOffset" @ 52,
        NUM_SRB_EX_DATA: u32 = "NumSrbExData" @ 56,
        DATA_TRANSFER_LENGTH: u32 = "DataTransferLength" @ 60,
        DATA_BUFFER: u64 = "DataBuffer" @ 64,
        ZERO_GUARD2: u64 = "ZeroGuard2" @ 72,
        ORIGINAL_REQUEST: u64 = "OriginalRequest" @ 80,
        CLASS_CONTEXT: u64 = "ClassContext" @ 88,
        PORT_CONTEXT: u64 = "PortContext" @ 96,
        MINIPORT_CONTEXT: u64 = "MiniportContext" @ 104,
        NEXT_SRB: u64 = "NextSrb" @ 112,
        SRB_EX_DATA_OFFSET: [u32; 1] = "SrbExDataOffset" @ 120,
    }
}

structure! {
    /// Start of each block of extended data.
    SrbExData = "SRBEX_DATA", 16 {
        TYPE: u32 = "Type" @ 0,
        LENGTH: u32 = "Length" @ 4,
    }
}

structure! {
    /// Command of up to 16 bytes.
    SrbExDataScsiCdb16 = "SRBEX_DATA_SCSI_CDB16", 40 {
        TYPE: u32 = "Type" @ 0,
        LENGTH: u32 = "Length" @ 4,
        SCSI_STATUS: u8 = "ScsiStatus" @ 8,
        SENSE_INFO_BUFFER_LENGTH: u8 = "SenseInfoBufferLength" @ 9,
        CDB_LENGTH: u8 = "CdbLength" @ 10,
        SENSE_INFO_BUFFER: u64 = "SenseInfoBuffer" @ 16,
        CDB: [u8; 16] = "Cdb" @ 24,
    }
}

structure! {
    /// Command of up to 32 bytes; up to the command it is [`SrbExDataScsiCdb16`].
    SrbExDataScsiCdb32 = "SRBEX_DATA_SCSI_CDB32", 56 {
        TYPE: u32 = "Type" @ 0,
        LENGTH: u32 = "Length" @ 4,
        SCSI_STATUS: u8 = "ScsiStatus" @ 8,
        SENSE_INFO_BUFFER_LENGTH: u8 = "SenseInfoBufferLength" @ 9,
        CDB_LENGTH: u8 = "CdbLength" @ 10,
        SENSE_INFO_BUFFER: u64 = "SenseInfoBuffer" @ 16,
        CDB: [u8; 32] = "Cdb" @ 24,
    }
}

structure! {
    /// Parameters of `SRB_FUNCTION_POWER`.
    SrbExDataPower = "SRBEX_DATA_POWER", 24 {
        TYPE: u32 = "Type" @ 0,
        LENGTH: u32 = "Length" @ 4,
        SRB_POWER_FLAGS: u8 = "SrbPowerFlags" @ 8,
        DEVICE_POWER_STATE: u32 = "DevicePowerState" @ 12,
        POWER_ACTION: u32 = "PowerAction" @ 16,
    }
}

structure! {
    /// Parameters of `SRB_FUNCTION_PNP`.
    SrbExDataPnp = "SRBEX_DATA_PNP", 24 {
        TYPE: u32 = "Type" @ 0,
        LENGTH: u32 = "Length" @ 4,
        PNP_SUB_FUNCTION: u8 = "PnPSubFunction" @ 8,
        PNP_ACTION: u32 = "PnPAction" @ 12,
        SRB_PNP_FLAGS: u32 = "SrbPnPFlags" @ 16,
    }
}

structure! {
    /// Hints about a read or write.
    SrbExDataIoInfo = "SRBEX_DATA_IO_INFO", 32 {
        TYPE: u32 = "Type" @ 0,
        LENGTH: u32 = "Length" @ 4,
        FLAGS: u32 = "Flags" @ 8,
        KEY: u32 = "Key" @ 12,
        RW_LENGTH: u32 = "RWLength" @ 16,
        IS_WRITE_REQUEST: u8 = "IsWriteRequest" @ 20,
        CACHE_PRIORITY: u8 = "CachePriority" @ 21,
    }
}

structure! {
    /// `SCSI_REQUEST_BLOCK` as `SRB_FUNCTION_PNP` uses it.
    ScsiPnpRequestBlock = "SCSI_PNP_REQUEST_BLOCK", 88 {
        LENGTH: u16 = "Length" @ 0,
        FUNCTION: u8 = "Function" @ 2,
        SRB_STATUS: u8 = "SrbStatus" @ 3,
        PNP_SUB_FUNCTION: u8 = "PnPSubFunction" @ 4,
        PATH_ID: u8 = "PathId" @ 5,
        TARGET_ID: u8 = "TargetId" @ 6,
        LUN: u8 = "Lun" @ 7,
        PNP_ACTION: u32 = "PnPAction" @ 8,
        SRB_FLAGS: u32 = "SrbFlags" @ 12,
        DATA_TRANSFER_LENGTH: u32 = "DataTransferLength" @ 16,
        TIME_OUT_VALUE: u32 = "TimeOutValue" @ 20,
        DATA_BUFFER: u64 = "DataBuffer" @ 24,
        SRB_EXTENSION: u64 = "SrbExtension" @ 56,
        SRB_PNP_FLAGS: u32 = "SrbPnPFlags" @ 64,
    }
}

structure! {
    /// `SCSI_REQUEST_BLOCK` as `SRB_FUNCTION_POWER` uses it.
    ScsiPowerRequestBlock = "SCSI_POWER_REQUEST_BLOCK", 88 {
        LENGTH: u16 = "Length" @ 0,
        FUNCTION: u8 = "Function" @ 2,
        SRB_STATUS: u8 = "SrbStatus" @ 3,
        SRB_POWER_FLAGS: u8 = "SrbPowerFlags" @ 4,
        PATH_ID: u8 = "PathId" @ 5,
        TARGET_ID: u8 = "TargetId" @ 6,
        LUN: u8 = "Lun" @ 7,
        DEVICE_POWER_STATE: u32 = "DevicePowerState" @ 8,
        SRB_FLAGS: u32 = "SrbFlags" @ 12,
        DATA_TRANSFER_LENGTH: u32 = "DataTransferLength" @ 16,
        TIME_OUT_VALUE: u32 = "TimeOutValue" @ 20,
        DATA_BUFFER: u64 = "DataBuffer" @ 24,
        SRB_EXTENSION: u64 = "SrbExtension" @ 56,
        POWER_ACTION: u32 = "PowerAction" @ 64,
    }
}

structure! {
    /// Address by path, target and LUN of 8 bits each.
    StorAddrBtl8 = "STOR_ADDR_BTL8", 16 {
        TYPE: u16 = "Type" @ 0,
        PORT: u16 = "Port" @ 2,
        ADDRESS_LENGTH: u32 = "AddressLength" @ 4,
        PATH: u8 = "Path" @ 8,
        TARGET: u8 = "Target" @ 9,
        LUN: u8 = "Lun" @ 10,
    }
}

structure! {
    /// Header of the data of `SRB_FUNCTION_IO_CONTROL`.
    SrbIoControl = "SRB_IO_CONTROL", 28 {
        HEADER_LENGTH: u32 = "HeaderLength" @ 0,
        SIGNATURE: [u8; 8] = "Signature" @ 4,
        TIMEOUT: u32 = "Timeout" @ 12,
        CONTROL_CODE: u32 = "ControlCode" @ 16,
        RETURN_CODE: u32 = "ReturnCode" @ 20,
        LENGTH: u32 = "Length" @ 24,
    }
}

structure! {
    /// Header of a scatter/gather list; the elements follow.
    ScatterGatherList = "STOR_SCATTER_GATHER_LIST", 16 {
        NUMBER_OF_ELEMENTS: u32 = "NumberOfElements" @ 0,
        RESERVED: u64 = "Reserved" @ 8,
    }
}

structure! {
    /// One element of a scatter/gather list.
    ScatterGatherElement = "STOR_SCATTER_GATHER_ELEMENT", 24 {
        PHYSICAL_ADDRESS: u64 = "PhysicalAddress" @ 0,
        LENGTH: u32 = "Length" @ 8,
        RESERVED: u64 = "Reserved" @ 16,
    }
}

constants! {
    FUNCTIONS:
    SRB_FUNCTION_ABORT_COMMAND: u8 = 0x10;
    SRB_FUNCTION_ATTACH_DEVICE: u8 = 5;
    SRB_FUNCTION_CLAIM_DEVICE: u8 = 1;
    SRB_FUNCTION_DUMP_POINTERS: u8 = 0x26;
    SRB_FUNCTION_EXECUTE_NVME: u8 = 0xA;
    SRB_FUNCTION_EXECUTE_SCSI: u8 = 0;
    SRB_FUNCTION_FLUSH: u8 = 8;
    SRB_FUNCTION_FLUSH_QUEUE: u8 = 0x15;
    SRB_FUNCTION_FREE_DUMP_POINTERS: u8 = 0x27;
    SRB_FUNCTION_IO_CONTROL: u8 = 2;
    SRB_FUNCTION_LINK_TIMEOUT_COMPLETE: u8 = 0x23;
    SRB_FUNCTION_LINK_TIMEOUT_OCCURRED: u8 = 0x22;
    SRB_FUNCTION_LOCK_QUEUE: u8 = 0x18;
    SRB_FUNCTION_PNP: u8 = 0x25;
    SRB_FUNCTION_POWER: u8 = 0x24;
    SRB_FUNCTION_PROTOCOL_COMMAND: u8 = 9;
    SRB_FUNCTION_QUIESCE_DEVICE: u8 = 0x1A;
    SRB_FUNCTION_RECEIVE_EVENT: u8 = 3;
    SRB_FUNCTION_RELEASE_DEVICE: u8 = 6;
    SRB_FUNCTION_RELEASE_QUEUE: u8 = 4;
    SRB_FUNCTION_RELEASE_RECOVERY: u8 = 0x11;
    SRB_FUNCTION_REMOVE_DEVICE: u8 = 0x16;
    SRB_FUNCTION_RESET_BUS: u8 = 0x12;
    SRB_FUNCTION_RESET_DEVICE: u8 = 0x13;
    SRB_FUNCTION_RESET_LOGICAL_UNIT: u8 = 0x20;
    SRB_FUNCTION_SET_LINK_TIMEOUT: u8 = 0x21;
    SRB_FUNCTION_SHUTDOWN: u8 = 7;
    SRB_FUNCTION_STORAGE_REQUEST_BLOCK: u8 = 0x28;
    SRB_FUNCTION_TERMINATE_IO: u8 = 0x14;
    SRB_FUNCTION_UNLOCK_QUEUE: u8 = 0x19;
    SRB_FUNCTION_WMI: u8 = 0x17;
}

constants! {
    STATUSES:
    SRB_STATUS_ABORTED: u8 = 2;
    SRB_STATUS_ABORT_FAILED: u8 = 3;
    SRB_STATUS_AUTOSENSE_VALID: u8 = 0x80;
    SRB_STATUS_BAD_FUNCTION: u8 = 0x22;
    SRB_STATUS_BAD_SRB_BLOCK_LENGTH: u8 = 0x15;
    SRB_STATUS_BUSY: u8 = 5;
    SRB_STATUS_BUS_RESET: u8 = 0xE;
    SRB_STATUS_COMMAND_TIMEOUT: u8 = 0xB;
    SRB_STATUS_DATA_OVERRUN: u8 = 0x12;
    SRB_STATUS_ERROR: u8 = 4;
    SRB_STATUS_ERROR_RECOVERY: u8 = 0x23;
    SRB_STATUS_INSUFFICIENT_RESOURCES: u8 = 0x26;
    SRB_STATUS_INTERNAL_ERROR: u8 = 0x30;
    SRB_STATUS_INVALID_LUN: u8 = 0x20;
    SRB_STATUS_INVALID_PARAMETER: u8 = 0x28;
    SRB_STATUS_INVALID_PATH_ID: u8 = 7;
    SRB_STATUS_INVALID_REQUEST: u8 = 6;
    SRB_STATUS_INVALID_TARGET_ID: u8 = 0x21;
    SRB_STATUS_LINK_DOWN: u8 = 0x25;
    SRB_STATUS_MESSAGE_REJECTED: u8 = 0xD;
    SRB_STATUS_NOT_POWERED: u8 = 0x24;
    SRB_STATUS_NO_DEVICE: u8 = 8;
    SRB_STATUS_NO_HBA: u8 = 0x11;
    SRB_STATUS_PARITY_ERROR: u8 = 0xF;
    SRB_STATUS_PENDING: u8 = 0;
    SRB_STATUS_PHASE_SEQUENCE_FAILURE: u8 = 0x14;
    SRB_STATUS_QUEUE_FROZEN: u8 = 0x40;
    SRB_STATUS_REQUEST_FLUSHED: u8 = 0x16;
    SRB_STATUS_REQUEST_SENSE_FAILED: u8 = 0x10;
    SRB_STATUS_SELECTION_TIMEOUT: u8 = 0xA;
    SRB_STATUS_SUCCESS: u8 = 1;
    SRB_STATUS_THROTTLED_REQUEST: u8 = 0x27;
    SRB_STATUS_TIMEOUT: u8 = 9;
    SRB_STATUS_UNEXPECTED_BUS_FREE: u8 = 0x13;
}

constants! {
    FLAGS:
    SRB_FLAGS_QUEUE_ACTION_ENABLE: u32 = 2;
    SRB_FLAGS_DISABLE_DISCONNECT: u32 = 4;
    SRB_FLAGS_DISABLE_SYNCH_TRANSFER: u32 = 8;
    SRB_FLAGS_BYPASS_FROZEN_QUEUE: u32 = 0x10;
    SRB_FLAGS_DISABLE_AUTOSENSE: u32 = 0x20;
    SRB_FLAGS_DATA_IN: u32 = 0x40;
    SRB_FLAGS_DATA_OUT: u32 = 0x80;
    SRB_FLAGS_NO_DATA_TRANSFER: u32 = 0;
    SRB_FLAGS_NO_QUEUE_FREEZE: u32 = 0x100;
    SRB_FLAGS_D3_PROCESSING: u32 = 0x800;
    SRB_FLAGS_NO_KEEP_AWAKE: u32 = 0x0010_0000;
    SRB_FLAGS_BYPASS_LOCKED_QUEUE: u32 = 0x0008_0000;
}

constants! {
    SCSI:
    SCSISTAT_GOOD: u8 = 0;
    SCSISTAT_CHECK_CONDITION: u8 = 2;
    SCSISTAT_CONDITION_MET: u8 = 4;
    SCSISTAT_BUSY: u8 = 8;
    SCSISTAT_INTERMEDIATE: u8 = 0x10;
    SCSISTAT_RESERVATION_CONFLICT: u8 = 0x18;
    SCSISTAT_COMMAND_TERMINATED: u8 = 0x22;
    SCSISTAT_QUEUE_FULL: u8 = 0x28;
    SCSIOP_TEST_UNIT_READY: u8 = 0;
    SCSIOP_REQUEST_SENSE: u8 = 3;
    SCSIOP_INQUIRY: u8 = 0x12;
    SCSIOP_MODE_SENSE: u8 = 0x1A;
    SCSIOP_START_STOP_UNIT: u8 = 0x1B;
    SCSIOP_READ: u8 = 0x28;
    SCSIOP_WRITE: u8 = 0x2A;
    SCSIOP_READ_CAPACITY: u8 = 0x25;
    SCSIOP_SYNCHRONIZE_CACHE: u8 = 0x35;
    SCSIOP_READ16: u8 = 0x88;
    SCSIOP_WRITE16: u8 = 0x8A;
    SCSIOP_SYNCHRONIZE_CACHE16: u8 = 0x91;
    SCSIOP_SERVICE_ACTION_IN16: u8 = 0x9E;
    SCSIOP_REPORT_LUNS: u8 = 0xA0;
    SCSIOP_UNMAP: u8 = 0x42;
    SCSIOP_WRITE_SAME16: u8 = 0x93;
    SCSIOP_PERSISTENT_RESERVE_IN: u8 = 0x5E;
    SCSIOP_PERSISTENT_RESERVE_OUT: u8 = 0x5F;
    SCSIOP_OPERATION32: u8 = 0x7F;
}

constants! {
    ADDRESSES:
    STOR_ADDRESS_TYPE_BTL8: u16 = 1;
}

constants! {
    SIZES:
    STOR_ADDR_BTL8_ADDRESS_LENGTH: u32 = 4;
    SRB_SIGNATURE: u32 = 0x5352_4258;
    STORAGE_REQUEST_BLOCK_VERSION_1: u32 = 1;
}

/// Mask of the status proper in `SrbStatus`, without the queue-frozen and autosense bits.
pub const SRB_STATUS_MASK: u8 = 0x3F;
