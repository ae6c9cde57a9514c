// ntddscsi.h, ntdddump.h, ntdddisk.h: dump pointers and dump filters.

pub type DUMP_DEVICE_POWERON_ROUTINE = ::core::option::Option<unsafe extern "C" fn(Context: PVOID) -> LONG>;

pub type PDUMP_DEVICE_POWERON_ROUTINE = DUMP_DEVICE_POWERON_ROUTINE;

#[repr(C)]
#[derive(Debug)]
pub struct _ADAPTER_OBJECT {
    _unused: [u8; 0],
}

#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct _DUMP_POINTERS_VERSION {
    pub Version: ULONG,
    pub Size: ULONG,
}

pub type DUMP_POINTERS_VERSION = _DUMP_POINTERS_VERSION;
pub type PDUMP_POINTERS_VERSION = *mut _DUMP_POINTERS_VERSION;

#[repr(C)]
#[derive(Copy, Clone)]
pub struct _DUMP_POINTERS {
    pub AdapterObject: *mut _ADAPTER_OBJECT,
    pub MappedRegisterBase: PVOID,
    pub DumpData: PVOID,
    pub CommonBufferVa: PVOID,
    pub CommonBufferPa: PHYSICAL_ADDRESS,
    pub CommonBufferSize: ULONG,
    pub AllocateCommonBuffers: BOOLEAN,
    pub UseDiskDump: BOOLEAN,
    pub Spare1: [UCHAR; 2usize],
    pub DeviceObject: PVOID,
}

pub type DUMP_POINTERS = _DUMP_POINTERS;
pub type PDUMP_POINTERS = *mut _DUMP_POINTERS;

#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct _DUMP_POINTERS_EX {
    pub Header: _DUMP_POINTERS_VERSION,
    pub DumpData: PVOID,
    pub CommonBufferVa: PVOID,
    pub CommonBufferSize: ULONG,
    pub AllocateCommonBuffers: BOOLEAN,
    pub DeviceObject: PVOID,
    pub DriverList: PVOID,
    pub dwPortFlags: ULONG,
    pub MaxDeviceDumpSectionSize: ULONG,
    pub MaxDeviceDumpLevel: ULONG,
    pub MaxTransferSize: ULONG,
    pub AdapterObject: PVOID,
    pub MappedRegisterBase: PVOID,
    pub DeviceReady: PBOOLEAN,
    pub DumpDevicePowerOn: PDUMP_DEVICE_POWERON_ROUTINE,
    pub DumpDevicePowerOnContext: PVOID,
}

pub type DUMP_POINTERS_EX = _DUMP_POINTERS_EX;
pub type PDUMP_POINTERS_EX = *mut _DUMP_POINTERS_EX;

#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct _MINIPORT_DUMP_POINTERS {
    pub Version: USHORT,
    pub Size: USHORT,
    pub DriverName: [WCHAR; 15usize],
    pub AdapterObject: *mut _ADAPTER_OBJECT,
    pub MappedRegisterBase: PVOID,
    pub CommonBufferSize: ULONG,
    pub MiniportPrivateDumpData: PVOID,
    pub SystemIoBusNumber: ULONG,
    pub AdapterInterfaceType: INTERFACE_TYPE,
    pub MaximumTransferLength: ULONG,
    pub NumberOfPhysicalBreaks: ULONG,
    pub AlignmentMask: ULONG,
    pub NumberOfAccessRanges: ULONG,
    pub AccessRanges: *mut [ACCESS_RANGE; 0usize],
    pub NumberOfBuses: UCHAR,
    pub Master: BOOLEAN,
    pub MapBuffers: BOOLEAN,
    pub MaximumNumberOfTargets: UCHAR,
}

pub type MINIPORT_DUMP_POINTERS = _MINIPORT_DUMP_POINTERS;
pub type PMINIPORT_DUMP_POINTERS = *mut _MINIPORT_DUMP_POINTERS;

pub mod _FILTER_DUMP_TYPE {
    pub type Type = ::core::ffi::c_int;
    pub const DumpTypeUndefined: Type = 0;
    pub const DumpTypeCrashdump: Type = 1;
    pub const DumpTypeHibernation: Type = 2;
}

pub use self::_FILTER_DUMP_TYPE::Type as FILTER_DUMP_TYPE;
pub type PFILTER_DUMP_TYPE = *mut _FILTER_DUMP_TYPE::Type;
pub type PFILTER_EXTENSION = *mut _FILTER_EXTENSION;

pub type DUMP_START =
    ::core::option::Option<unsafe extern "C" fn(FilterExtension: PFILTER_EXTENSION) -> NTSTATUS>;

pub type PDUMP_START = DUMP_START;

pub type DUMP_WRITE = ::core::option::Option<
    unsafe extern "C" fn(
        FilterExtension: PFILTER_EXTENSION,
        DiskByteOffset: PLARGE_INTEGER,
        Mdl: PMDL,
    ) -> NTSTATUS,
>;

pub type PDUMP_WRITE = DUMP_WRITE;

pub type DUMP_FINISH =
    ::core::option::Option<unsafe extern "C" fn(FilterExtension: PFILTER_EXTENSION) -> NTSTATUS>;

pub type PDUMP_FINISH = DUMP_FINISH;

pub type DUMP_UNLOAD =
    ::core::option::Option<unsafe extern "C" fn(FilterExtension: PFILTER_EXTENSION) -> NTSTATUS>;

pub type PDUMP_UNLOAD = DUMP_UNLOAD;

pub type DUMP_READ = ::core::option::Option<
    unsafe extern "C" fn(
        FilterExtension: PFILTER_EXTENSION,
        DiskByteOffset: PLARGE_INTEGER,
        Mdl: PMDL,
    ) -> NTSTATUS,
>;

pub type PDUMP_READ = DUMP_READ;

pub mod _MEDIA_TYPE {
    pub type Type = ::core::ffi::c_int;
    pub const Unknown: Type = 0;
    pub const RemovableMedia: Type = 11;
    pub const FixedMedia: Type = 12;
}

pub use self::_MEDIA_TYPE::Type as MEDIA_TYPE;

pub mod _PARTITION_STYLE {
    pub type Type = ::core::ffi::c_int;
    pub const PARTITION_STYLE_MBR: Type = 0;
    pub const PARTITION_STYLE_GPT: Type = 1;
    pub const PARTITION_STYLE_RAW: Type = 2;
}

pub use self::_PARTITION_STYLE::Type as PARTITION_STYLE;

#[repr(C)]
#[derive(Copy, Clone)]
pub struct _DISK_GEOMETRY {
    pub Cylinders: LARGE_INTEGER,
    pub MediaType: MEDIA_TYPE,
    pub TracksPerCylinder: ULONG,
    pub SectorsPerTrack: ULONG,
    pub BytesPerSector: ULONG,
}

pub type DISK_GEOMETRY = _DISK_GEOMETRY;
pub type PDISK_GEOMETRY = *mut _DISK_GEOMETRY;

#[repr(C)]
#[derive(Copy, Clone)]
pub struct _DISK_PARTITION_INFO {
    pub SizeOfPartitionInfo: ULONG,
    pub PartitionStyle: PARTITION_STYLE,
    pub __bindgen_anon_1: _DISK_PARTITION_INFO__bindgen_ty_1,
}

#[repr(C)]
#[derive(Copy, Clone)]
pub union _DISK_PARTITION_INFO__bindgen_ty_1 {
    pub Mbr: _DISK_PARTITION_INFO__bindgen_ty_1__bindgen_ty_1,
    pub Gpt: _DISK_PARTITION_INFO__bindgen_ty_1__bindgen_ty_2,
}

#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct _DISK_PARTITION_INFO__bindgen_ty_1__bindgen_ty_1 {
    pub Signature: ULONG,
    pub CheckSum: ULONG,
}

#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct _DISK_PARTITION_INFO__bindgen_ty_1__bindgen_ty_2 {
    pub DiskId: GUID,
}

pub type DISK_PARTITION_INFO = _DISK_PARTITION_INFO;
pub type PDISK_PARTITION_INFO = *mut _DISK_PARTITION_INFO;

#[repr(C)]
#[derive(Copy, Clone)]
pub struct _FILTER_EXTENSION {
    pub DumpType: FILTER_DUMP_TYPE,
    pub DeviceObject: PDEVICE_OBJECT,
    pub Geometry: DISK_GEOMETRY,
    pub DiskSize: LARGE_INTEGER,
    pub PartitionInfo: DISK_PARTITION_INFO,
    pub DumpData: PVOID,
    pub Size: ULONG,
    pub Flags: ULONG,
}

pub type FILTER_EXTENSION = _FILTER_EXTENSION;

#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct _FILTER_INITIALIZATION_DATA {
    pub MajorVersion: ULONG,
    pub MinorVersion: ULONG,
    pub DumpStart: PDUMP_START,
    pub DumpWrite: PDUMP_WRITE,
    pub DumpFinish: PDUMP_FINISH,
    pub DumpUnload: PDUMP_UNLOAD,
    pub DumpData: PVOID,
    pub MaxPagesPerWrite: ULONG,
    pub Flags: ULONG,
    pub DumpRead: PDUMP_READ,
}

pub type FILTER_INITIALIZATION_DATA = _FILTER_INITIALIZATION_DATA;
pub type PFILTER_INITIALIZATION_DATA = *mut _FILTER_INITIALIZATION_DATA;

zeroed_default! {
    _DUMP_POINTERS,
    _DUMP_POINTERS_EX,
    _MINIPORT_DUMP_POINTERS,
    _DISK_GEOMETRY,
    _DISK_PARTITION_INFO__bindgen_ty_1,
    _DISK_PARTITION_INFO,
    _FILTER_EXTENSION,
    _FILTER_INITIALIZATION_DATA,
}
