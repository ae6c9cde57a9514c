// srb.h, storport.h: request blocks and storage addresses.

pub mod _STOR_DEVICE_POWER_STATE {
    pub type Type = ::core::ffi::c_int;
    pub const StorPowerDeviceUnspecified: Type = 0;
    pub const StorPowerDeviceD0: Type = 1;
    pub const StorPowerDeviceD1: Type = 2;
    pub const StorPowerDeviceD2: Type = 3;
    pub const StorPowerDeviceD3: Type = 4;
    pub const StorPowerDeviceMaximum: Type = 5;
}

pub use self::_STOR_DEVICE_POWER_STATE::Type as STOR_DEVICE_POWER_STATE;
pub type PSTOR_DEVICE_POWER_STATE = *mut _STOR_DEVICE_POWER_STATE::Type;

pub mod STOR_POWER_ACTION {
    pub type Type = ::core::ffi::c_int;
    pub const StorPowerActionNone: Type = 0;
    pub const StorPowerActionReserved: Type = 1;
    pub const StorPowerActionSleep: Type = 2;
    pub const StorPowerActionHibernate: Type = 3;
    pub const StorPowerActionShutdown: Type = 4;
    pub const StorPowerActionShutdownReset: Type = 5;
    pub const StorPowerActionShutdownOff: Type = 6;
    pub const StorPowerActionWarmEject: Type = 7;
}

pub type PSTOR_POWER_ACTION = *mut STOR_POWER_ACTION::Type;

pub mod STOR_PNP_ACTION {
    pub type Type = ::core::ffi::c_int;
    pub const StorStartDevice: Type = 0;
    pub const StorRemoveDevice: Type = 2;
    pub const StorStopDevice: Type = 4;
    pub const StorQueryCapabilities: Type = 9;
    pub const StorQueryResourceRequirements: Type = 11;
    pub const StorFilterResourceRequirements: Type = 13;
    pub const StorSurpriseRemoval: Type = 23;
}

pub type PSTOR_PNP_ACTION = *mut STOR_PNP_ACTION::Type;

pub mod _SRBEXDATATYPE {
    pub type Type = ::core::ffi::c_int;
    pub const SrbExDataTypeUnknown: Type = 0;
    pub const SrbExDataTypeBidirectional: Type = 1;
    pub const SrbExDataTypeScsiCdb16: Type = 64;
    pub const SrbExDataTypeScsiCdb32: Type = 65;
    pub const SrbExDataTypeScsiCdbVar: Type = 66;
    pub const SrbExDataTypeNvmeCommand: Type = 67;
    pub const SrbExDataTypeWmi: Type = 96;
    pub const SrbExDataTypePower: Type = 97;
    pub const SrbExDataTypePnP: Type = 98;
    pub const SrbExDataTypeIoInfo: Type = 128;
    pub const SrbExDataTypePassthroughDirect: Type = 160;
    pub const SrbExDataTypeMSReservedStart: Type = -268435456;
    pub const SrbExDataTypeReserved: Type = -1;
}

pub use self::_SRBEXDATATYPE::Type as SRBEXDATATYPE;
pub type PSRBEXDATATYPE = *mut _SRBEXDATATYPE::Type;

#[repr(C)]
#[derive(Copy, Clone)]
pub struct _SCSI_REQUEST_BLOCK {
    pub Length: USHORT,
    pub Function: UCHAR,
    pub SrbStatus: UCHAR,
    pub ScsiStatus: UCHAR,
    pub PathId: UCHAR,
    pub TargetId: UCHAR,
    pub Lun: UCHAR,
    pub QueueTag: UCHAR,
    pub QueueAction: UCHAR,
    pub CdbLength: UCHAR,
    pub SenseInfoBufferLength: UCHAR,
    pub SrbFlags: ULONG,
    pub DataTransferLength: ULONG,
    pub TimeOutValue: ULONG,
    pub DataBuffer: PVOID,
    pub SenseInfoBuffer: PVOID,
    pub NextSrb: *mut _SCSI_REQUEST_BLOCK,
    pub OriginalRequest: PVOID,
    pub SrbExtension: PVOID,
    pub __bindgen_anon_1: _SCSI_REQUEST_BLOCK__bindgen_ty_1,
    pub Reserved: ULONG,
    pub Cdb: [UCHAR; 16usize],
}

#[repr(C)]
#[derive(Copy, Clone)]
pub union _SCSI_REQUEST_BLOCK__bindgen_ty_1 {
    pub InternalStatus: ULONG,
    pub QueueSortKey: ULONG,
    pub LinkTimeoutValue: ULONG,
}

pub type SCSI_REQUEST_BLOCK = _SCSI_REQUEST_BLOCK;
pub type PSCSI_REQUEST_BLOCK = *mut _SCSI_REQUEST_BLOCK;

#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct _SCSI_WMI_REQUEST_BLOCK {
    pub Length: USHORT,
    pub Function: UCHAR,
    pub SrbStatus: UCHAR,
    pub WMISubFunction: UCHAR,
    pub PathId: UCHAR,
    pub TargetId: UCHAR,
    pub Lun: UCHAR,
    pub Reserved1: UCHAR,
    pub WMIFlags: UCHAR,
    pub Reserved2: [UCHAR; 2usize],
    pub SrbFlags: ULONG,
    pub DataTransferLength: ULONG,
    pub TimeOutValue: ULONG,
    pub DataBuffer: PVOID,
    pub DataPath: PVOID,
    pub Reserved3: PVOID,
    pub OriginalRequest: PVOID,
    pub SrbExtension: PVOID,
    pub Reserved4: ULONG,
    pub Reserved6: ULONG,
    pub Reserved5: [UCHAR; 16usize],
}

pub type SCSI_WMI_REQUEST_BLOCK = _SCSI_WMI_REQUEST_BLOCK;
pub type PSCSI_WMI_REQUEST_BLOCK = *mut _SCSI_WMI_REQUEST_BLOCK;

#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct _SCSI_POWER_REQUEST_BLOCK {
    pub Length: USHORT,
    pub Function: UCHAR,
    pub SrbStatus: UCHAR,
    pub SrbPowerFlags: UCHAR,
    pub PathId: UCHAR,
    pub TargetId: UCHAR,
    pub Lun: UCHAR,
    pub DevicePowerState: STOR_DEVICE_POWER_STATE,
    pub SrbFlags: ULONG,
    pub DataTransferLength: ULONG,
    pub TimeOutValue: ULONG,
    pub DataBuffer: PVOID,
    pub SenseInfoBuffer: PVOID,
    pub NextSrb: *mut _SCSI_REQUEST_BLOCK,
    pub OriginalRequest: PVOID,
    pub SrbExtension: PVOID,
    pub PowerAction: STOR_POWER_ACTION::Type,
    pub Reserved: ULONG,
    pub Reserved5: [UCHAR; 16usize],
}

pub type SCSI_POWER_REQUEST_BLOCK = _SCSI_POWER_REQUEST_BLOCK;
pub type PSCSI_POWER_REQUEST_BLOCK = *mut _SCSI_POWER_REQUEST_BLOCK;

#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct _SCSI_PNP_REQUEST_BLOCK {
    pub Length: USHORT,
    pub Function: UCHAR,
    pub SrbStatus: UCHAR,
    pub PnPSubFunction: UCHAR,
    pub PathId: UCHAR,
    pub TargetId: UCHAR,
    pub Lun: UCHAR,
    pub PnPAction: STOR_PNP_ACTION::Type,
    pub SrbFlags: ULONG,
    pub DataTransferLength: ULONG,
    pub TimeOutValue: ULONG,
    pub DataBuffer: PVOID,
    pub SenseInfoBuffer: PVOID,
    pub NextSrb: *mut _SCSI_REQUEST_BLOCK,
    pub OriginalRequest: PVOID,
    pub SrbExtension: PVOID,
    pub SrbPnPFlags: ULONG,
    pub Reserved: ULONG,
    pub Reserved4: [UCHAR; 16usize],
}

pub type SCSI_PNP_REQUEST_BLOCK = _SCSI_PNP_REQUEST_BLOCK;
pub type PSCSI_PNP_REQUEST_BLOCK = *mut _SCSI_PNP_REQUEST_BLOCK;

#[repr(C)]
#[repr(align(8))]
#[derive(Debug, Default, Copy, Clone)]
pub struct _STOR_ADDRESS {
    pub Type: USHORT,
    pub Port: USHORT,
    pub AddressLength: ULONG,
    pub AddressData: [UCHAR; 1usize],
}

pub type STOR_ADDRESS = _STOR_ADDRESS;
pub type PSTOR_ADDRESS = *mut _STOR_ADDRESS;

#[repr(C)]
#[repr(align(8))]
#[derive(Debug, Default, Copy, Clone)]
pub struct _STOR_ADDR_BTL8 {
    pub Type: USHORT,
    pub Port: USHORT,
    pub AddressLength: ULONG,
    pub Path: UCHAR,
    pub Target: UCHAR,
    pub Lun: UCHAR,
    pub Reserved: UCHAR,
}

pub type STOR_ADDR_BTL8 = _STOR_ADDR_BTL8;
pub type PSTOR_ADDR_BTL8 = *mut _STOR_ADDR_BTL8;

#[repr(C)]
#[repr(align(8))]
#[derive(Debug, Default, Copy, Clone)]
pub struct _STORAGE_REQUEST_BLOCK_HEADER {
    pub Length: USHORT,
    pub Function: UCHAR,
    pub SrbStatus: UCHAR,
}

pub type STORAGE_REQUEST_BLOCK_HEADER = _STORAGE_REQUEST_BLOCK_HEADER;
pub type PSTORAGE_REQUEST_BLOCK_HEADER = *mut _STORAGE_REQUEST_BLOCK_HEADER;

#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct _STORAGE_REQUEST_BLOCK {
    pub Length: USHORT,
    pub Function: UCHAR,
    pub SrbStatus: UCHAR,
    pub ReservedUlong1: ULONG,
    pub Signature: ULONG,
    pub Version: ULONG,
    pub SrbLength: ULONG,
    pub SrbFunction: ULONG,
    pub SrbFlags: ULONG,
    pub ReservedUlong2: ULONG,
    pub RequestTag: ULONG,
    pub RequestPriority: USHORT,
    pub RequestAttribute: USHORT,
    pub TimeOutValue: ULONG,
    pub SystemStatus: ULONG,
    pub ZeroGuard1: ULONG,
    pub AddressOffset: ULONG,
    pub NumSrbExData: ULONG,
    pub DataTransferLength: ULONG,
    pub DataBuffer: PVOID,
    pub ZeroGuard2: PVOID,
    pub OriginalRequest: PVOID,
    pub ClassContext: PVOID,
    pub PortContext: PVOID,
    pub MiniportContext: PVOID,
    pub NextSrb: *mut _STORAGE_REQUEST_BLOCK,
    pub SrbExDataOffset: [ULONG; 1usize],
}

pub type STORAGE_REQUEST_BLOCK = _STORAGE_REQUEST_BLOCK;
pub type PSTORAGE_REQUEST_BLOCK = *mut _STORAGE_REQUEST_BLOCK;

#[repr(C)]
#[repr(align(8))]
#[derive(Debug, Copy, Clone)]
pub struct _SRBEX_DATA {
    pub Type: SRBEXDATATYPE,
    pub Length: ULONG,
    pub Data: [UCHAR; 1usize],
}

pub type SRBEX_DATA = _SRBEX_DATA;
pub type PSRBEX_DATA = *mut _SRBEX_DATA;

#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct _SRBEX_DATA_BIDIRECTIONAL {
    pub Type: SRBEXDATATYPE,
    pub Length: ULONG,
    pub DataInTransferLength: ULONG,
    pub Reserved1: ULONG,
    pub DataInBuffer: PVOID,
}

pub type SRBEX_DATA_BIDIRECTIONAL = _SRBEX_DATA_BIDIRECTIONAL;
pub type PSRBEX_DATA_BIDIRECTIONAL = *mut _SRBEX_DATA_BIDIRECTIONAL;

#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct _SRBEX_DATA_SCSI_CDB16 {
    pub Type: SRBEXDATATYPE,
    pub Length: ULONG,
    pub ScsiStatus: UCHAR,
    pub SenseInfoBufferLength: UCHAR,
    pub CdbLength: UCHAR,
    pub Reserved: UCHAR,
    pub Reserved1: ULONG,
    pub SenseInfoBuffer: PVOID,
    pub Cdb: [UCHAR; 16usize],
}

pub type SRBEX_DATA_SCSI_CDB16 = _SRBEX_DATA_SCSI_CDB16;
pub type PSRBEX_DATA_SCSI_CDB16 = *mut _SRBEX_DATA_SCSI_CDB16;

#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct _SRBEX_DATA_SCSI_CDB32 {
    pub Type: SRBEXDATATYPE,
    pub Length: ULONG,
    pub ScsiStatus: UCHAR,
    pub SenseInfoBufferLength: UCHAR,
    pub CdbLength: UCHAR,
    pub Reserved: UCHAR,
    pub Reserved1: ULONG,
    pub SenseInfoBuffer: PVOID,
    pub Cdb: [UCHAR; 32usize],
}

pub type SRBEX_DATA_SCSI_CDB32 = _SRBEX_DATA_SCSI_CDB32;
pub type PSRBEX_DATA_SCSI_CDB32 = *mut _SRBEX_DATA_SCSI_CDB32;

#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct _SRBEX_DATA_SCSI_CDB_VAR {
    pub Type: SRBEXDATATYPE,
    pub Length: ULONG,
    pub ScsiStatus: UCHAR,
    pub SenseInfoBufferLength: UCHAR,
    pub Reserved: [UCHAR; 2usize],
    pub CdbLength: ULONG,
    pub Reserved1: [ULONG; 2usize],
    pub SenseInfoBuffer: PVOID,
    pub Cdb: [UCHAR; 1usize],
}

pub type SRBEX_DATA_SCSI_CDB_VAR = _SRBEX_DATA_SCSI_CDB_VAR;
pub type PSRBEX_DATA_SCSI_CDB_VAR = *mut _SRBEX_DATA_SCSI_CDB_VAR;

#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct _SRBEX_DATA_WMI {
    pub Type: SRBEXDATATYPE,
    pub Length: ULONG,
    pub WMISubFunction: UCHAR,
    pub WMIFlags: UCHAR,
    pub Reserved: [UCHAR; 2usize],
    pub Reserved1: ULONG,
    pub DataPath: PVOID,
}

pub type SRBEX_DATA_WMI = _SRBEX_DATA_WMI;
pub type PSRBEX_DATA_WMI = *mut _SRBEX_DATA_WMI;

#[repr(C)]
#[repr(align(8))]
#[derive(Debug, Copy, Clone)]
pub struct _SRBEX_DATA_POWER {
    pub Type: SRBEXDATATYPE,
    pub Length: ULONG,
    pub SrbPowerFlags: UCHAR,
    pub Reserved: [UCHAR; 3usize],
    pub DevicePowerState: STOR_DEVICE_POWER_STATE,
    pub PowerAction: STOR_POWER_ACTION::Type,
}

pub type SRBEX_DATA_POWER = _SRBEX_DATA_POWER;
pub type PSRBEX_DATA_POWER = *mut _SRBEX_DATA_POWER;

#[repr(C)]
#[repr(align(8))]
#[derive(Debug, Copy, Clone)]
pub struct _SRBEX_DATA_PNP {
    pub Type: SRBEXDATATYPE,
    pub Length: ULONG,
    pub PnPSubFunction: UCHAR,
    pub Reserved: [UCHAR; 3usize],
    pub PnPAction: STOR_PNP_ACTION::Type,
    pub SrbPnPFlags: ULONG,
    pub Reserved1: ULONG,
}

pub type SRBEX_DATA_PNP = _SRBEX_DATA_PNP;
pub type PSRBEX_DATA_PNP = *mut _SRBEX_DATA_PNP;

#[repr(C)]
#[repr(align(8))]
#[derive(Debug, Copy, Clone)]
pub struct _SRBEX_DATA_IO_INFO {
    pub Type: SRBEXDATATYPE,
    pub Length: ULONG,
    pub Flags: ULONG,
    pub Key: ULONG,
    pub RWLength: ULONG,
    pub IsWriteRequest: BOOLEAN,
    pub CachePriority: UCHAR,
    pub Reserved: [UCHAR; 2usize],
    pub Reserved1: [ULONG; 2usize],
}

pub type SRBEX_DATA_IO_INFO = _SRBEX_DATA_IO_INFO;
pub type PSRBEX_DATA_IO_INFO = *mut _SRBEX_DATA_IO_INFO;

zeroed_default! {
    _SCSI_REQUEST_BLOCK__bindgen_ty_1,
    _SCSI_REQUEST_BLOCK,
    _SCSI_WMI_REQUEST_BLOCK,
    _SCSI_POWER_REQUEST_BLOCK,
    _SCSI_PNP_REQUEST_BLOCK,
    _STORAGE_REQUEST_BLOCK,
    _SRBEX_DATA,
    _SRBEX_DATA_BIDIRECTIONAL,
    _SRBEX_DATA_SCSI_CDB16,
    _SRBEX_DATA_SCSI_CDB32,
    _SRBEX_DATA_SCSI_CDB_VAR,
    _SRBEX_DATA_WMI,
    _SRBEX_DATA_POWER,
    _SRBEX_DATA_PNP,
    _SRBEX_DATA_IO_INFO,
}
