//! SCSI data, request blocks and storage addresses.

use wdk_sys::{
    _INQUIRYDATA, _LUN_LIST, _SCSI_PNP_REQUEST_BLOCK, _SCSI_POWER_REQUEST_BLOCK,
    _SCSI_REQUEST_BLOCK, _SCSI_WMI_REQUEST_BLOCK, _SENSE_DATA, _SRB_IO_CONTROL, _SRBEX_DATA,
    _SRBEX_DATA_BIDIRECTIONAL, _SRBEX_DATA_IO_INFO, _SRBEX_DATA_PNP, _SRBEX_DATA_POWER,
    _SRBEX_DATA_SCSI_CDB_VAR, _SRBEX_DATA_SCSI_CDB16, _SRBEX_DATA_SCSI_CDB32, _SRBEX_DATA_WMI,
    _STOR_ADDR_BTL8, _STOR_ADDRESS, _STORAGE_REQUEST_BLOCK, _STORAGE_REQUEST_BLOCK_HEADER,
};

super::layouts! {
    _SRB_IO_CONTROL: 28, 4 {
        HeaderLength 0, Signature 4, Timeout 12, ControlCode 16, ReturnCode 20, Length 24,
    }
    _LUN_LIST: 8, 1 {
        LunListLength 0, Reserved 4, Lun 8,
    }
    _INQUIRYDATA: 104, 1 {
        __bindgen_anon_1.Versions 2, AdditionalLength 4, __bindgen_anon_2.Reserved 5, VendorId 8, ProductId 16,
        ProductRevisionLevel 32, VendorSpecific 36, Reserved3 56, VersionDescriptors 58, Reserved4 74,
    }
    _SENSE_DATA: 18, 1 {
        SegmentNumber 1, Information 3, AdditionalSenseLength 7, CommandSpecificInformation 8, AdditionalSenseCode 12,
        AdditionalSenseCodeQualifier 13, FieldReplaceableUnitCode 14, SenseKeySpecific 15,
    }
    _SCSI_REQUEST_BLOCK: 88, 8 {
        Length 0, Function 2, SrbStatus 3, ScsiStatus 4, PathId 5, TargetId 6, Lun 7, QueueTag 8, QueueAction 9,
        CdbLength 10, SenseInfoBufferLength 11, SrbFlags 12, DataTransferLength 16, TimeOutValue 20, DataBuffer 24,
        SenseInfoBuffer 32, NextSrb 40, OriginalRequest 48, SrbExtension 56, __bindgen_anon_1.InternalStatus 64,
        __bindgen_anon_1.QueueSortKey 64, __bindgen_anon_1.LinkTimeoutValue 64, Reserved 68, Cdb 72,
    }
    _SCSI_WMI_REQUEST_BLOCK: 88, 8 {
        Length 0, Function 2, SrbStatus 3, WMISubFunction 4, PathId 5, TargetId 6, Lun 7, Reserved1 8, WMIFlags 9,
        Reserved2 10, SrbFlags 12, DataTransferLength 16, TimeOutValue 20, DataBuffer 24, DataPath 32, Reserved3 40,
        OriginalRequest 48, SrbExtension 56, Reserved4 64, Reserved6 68, Reserved5 72,
    }
    _SCSI_POWER_REQUEST_BLOCK: 88, 8 {
        Length 0, Function 2, SrbStatus 3, SrbPowerFlags 4, PathId 5, TargetId 6, Lun 7, DevicePowerState 8,
        SrbFlags 12, DataTransferLength 16, TimeOutValue 20, DataBuffer 24, SenseInfoBuffer 32, NextSrb 40,
        OriginalRequest 48, SrbExtension 56, PowerAction 64, Reserved 68, Reserved5 72,
    }
    _SCSI_PNP_REQUEST_BLOCK: 88, 8 {
        Length 0, Function 2, SrbStatus 3, PnPSubFunction 4, PathId 5, TargetId 6, Lun 7, PnPAction 8, SrbFlags 12,
        DataTransferLength 16, TimeOutValue 20, DataBuffer 24, SenseInfoBuffer 32, NextSrb 40, OriginalRequest 48,
        SrbExtension 56, SrbPnPFlags 64, Reserved 68, Reserved4 72,
    }
    _STOR_ADDRESS: 16, 8 {
        Type 0, Port 2, AddressLength 4, AddressData 8,
    }
    _STOR_ADDR_BTL8: 16, 8 {
        Type 0, Port 2, AddressLength 4, Path 8, Target 9, Lun 10, Reserved 11,
    }
    _STORAGE_REQUEST_BLOCK_HEADER: 8, 8 {
        Length 0, Function 2, SrbStatus 3,
    }
    _STORAGE_REQUEST_BLOCK: 128, 8 {
        Length 0, Function 2, SrbStatus 3, ReservedUlong1 4, Signature 8, Version 12, SrbLength 16, SrbFunction 20,
        SrbFlags 24, ReservedUlong2 28, RequestTag 32, RequestPriority 36, RequestAttribute 38, TimeOutValue 40,
        SystemStatus 44, ZeroGuard1 48, AddressOffset 52, NumSrbExData 56, DataTransferLength 60, DataBuffer 64,
        ZeroGuard2 72, OriginalRequest 80, ClassContext 88, PortContext 96, MiniportContext 104, NextSrb 112,
        SrbExDataOffset 120,
    }
    _SRBEX_DATA: 16, 8 {
        Type 0, Length 4, Data 8,
    }
    _SRBEX_DATA_BIDIRECTIONAL: 24, 8 {
        Type 0, Length 4, DataInTransferLength 8, Reserved1 12, DataInBuffer 16,
    }
    _SRBEX_DATA_SCSI_CDB16: 40, 8 {
        Type 0, Length 4, ScsiStatus 8, SenseInfoBufferLength 9, CdbLength 10, Reserved 11, Reserved1 12,
        SenseInfoBuffer 16, Cdb 24,
    }
    _SRBEX_DATA_SCSI_CDB32: 56, 8 {
        Type 0, Length 4, ScsiStatus 8, SenseInfoBufferLength 9, CdbLength 10, Reserved 11, Reserved1 12,
        SenseInfoBuffer 16, Cdb 24,
    }
    _SRBEX_DATA_SCSI_CDB_VAR: 40, 8 {
        Type 0, Length 4, ScsiStatus 8, SenseInfoBufferLength 9, Reserved 10, CdbLength 12, Reserved1 16,
        SenseInfoBuffer 24, Cdb 32,
    }
    _SRBEX_DATA_WMI: 24, 8 {
        Type 0, Length 4, WMISubFunction 8, WMIFlags 9, Reserved 10, Reserved1 12, DataPath 16,
    }
    _SRBEX_DATA_POWER: 24, 8 {
        Type 0, Length 4, SrbPowerFlags 8, Reserved 9, DevicePowerState 12, PowerAction 16,
    }
    _SRBEX_DATA_PNP: 24, 8 {
        Type 0, Length 4, PnPSubFunction 8, Reserved 9, PnPAction 12, SrbPnPFlags 16, Reserved1 20,
    }
    _SRBEX_DATA_IO_INFO: 32, 8 {
        Type 0, Length 4, Flags 8, Key 12, RWLength 16, IsWriteRequest 20, CachePriority 21, Reserved 22,
        Reserved1 24,
    }
}
