// wdm.h, ntddk.h: kernel objects that a storage driver handles.

pub mod _INTERFACE_TYPE {
    pub type Type = ::core::ffi::c_int;
    pub const InterfaceTypeUndefined: Type = -1;
    pub const Internal: Type = 0;
    pub const Isa: Type = 1;
    pub const Eisa: Type = 2;
    pub const MicroChannel: Type = 3;
    pub const TurboChannel: Type = 4;
    pub const PCIBus: Type = 5;
    pub const VMEBus: Type = 6;
    pub const NuBus: Type = 7;
    pub const PCMCIABus: Type = 8;
    pub const CBus: Type = 9;
    pub const MPIBus: Type = 10;
    pub const MPSABus: Type = 11;
    pub const ProcessorInternal: Type = 12;
    pub const InternalPowerBus: Type = 13;
    pub const PNPISABus: Type = 14;
    pub const PNPBus: Type = 15;
    pub const Vmcs: Type = 16;
    pub const ACPIBus: Type = 17;
    pub const MaximumInterfaceType: Type = 18;
}

pub use self::_INTERFACE_TYPE::Type as INTERFACE_TYPE;
pub type PINTERFACE_TYPE = *mut _INTERFACE_TYPE::Type;

pub mod _DMA_WIDTH {
    pub type Type = ::core::ffi::c_int;
    pub const Width8Bits: Type = 0;
    pub const Width16Bits: Type = 1;
    pub const Width32Bits: Type = 2;
    pub const Width64Bits: Type = 3;
    pub const WidthNoWrap: Type = 4;
    pub const MaximumDmaWidth: Type = 5;
}

pub use self::_DMA_WIDTH::Type as DMA_WIDTH;
pub type PDMA_WIDTH = *mut _DMA_WIDTH::Type;

pub mod _DMA_SPEED {
    pub type Type = ::core::ffi::c_int;
    pub const Compatible: Type = 0;
    pub const TypeA: Type = 1;
    pub const TypeB: Type = 2;
    pub const TypeC: Type = 3;
    pub const TypeF: Type = 4;
    pub const MaximumDmaSpeed: Type = 5;
}

pub use self::_DMA_SPEED::Type as DMA_SPEED;
pub type PDMA_SPEED = *mut _DMA_SPEED::Type;

pub mod _BUS_DATA_TYPE {
    pub type Type = ::core::ffi::c_int;
    pub const ConfigurationSpaceUndefined: Type = -1;
    pub const Cmos: Type = 0;
    pub const EisaConfiguration: Type = 1;
    pub const Pos: Type = 2;
    pub const CbusConfiguration: Type = 3;
    pub const PCIConfiguration: Type = 4;
    pub const VMEConfiguration: Type = 5;
    pub const NuBusConfiguration: Type = 6;
    pub const PCMCIAConfiguration: Type = 7;
    pub const MPIConfiguration: Type = 8;
    pub const MPSAConfiguration: Type = 9;
    pub const PNPISAConfiguration: Type = 10;
    pub const SgiInternalConfiguration: Type = 11;
    pub const MaximumBusDataType: Type = 12;
}

pub use self::_BUS_DATA_TYPE::Type as BUS_DATA_TYPE;
pub type PBUS_DATA_TYPE = *mut _BUS_DATA_TYPE::Type;

pub mod _KINTERRUPT_MODE {
    pub type Type = ::core::ffi::c_int;
    pub const LevelSensitive: Type = 0;
    pub const Latched: Type = 1;
}

pub use self::_KINTERRUPT_MODE::Type as KINTERRUPT_MODE;

pub mod _MEMORY_CACHING_TYPE {
    pub type Type = ::core::ffi::c_int;
    pub const MmNonCached: Type = 0;
    pub const MmCached: Type = 1;
    pub const MmWriteCombined: Type = 2;
    pub const MmHardwareCoherentCached: Type = 3;
    pub const MmNonCachedUnordered: Type = 4;
    pub const MmUSWCCached: Type = 5;
    pub const MmMaximumCacheType: Type = 6;
    pub const MmNotMapped: Type = -1;
}

pub use self::_MEMORY_CACHING_TYPE::Type as MEMORY_CACHING_TYPE;

#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct _KSPIN_LOCK_QUEUE {
    pub Next: *mut _KSPIN_LOCK_QUEUE,
    pub Lock: PKSPIN_LOCK,
}

pub type KSPIN_LOCK_QUEUE = _KSPIN_LOCK_QUEUE;
pub type PKSPIN_LOCK_QUEUE = *mut _KSPIN_LOCK_QUEUE;

pub type KDEFERRED_ROUTINE = ::core::option::Option<
    unsafe extern "C" fn(
        Dpc: *mut _KDPC,
        DeferredContext: PVOID,
        SystemArgument1: PVOID,
        SystemArgument2: PVOID,
    ),
>;

pub type PKDEFERRED_ROUTINE = KDEFERRED_ROUTINE;

#[repr(C)]
#[derive(Copy, Clone)]
pub struct _KDPC {
    pub __bindgen_anon_1: _KDPC__bindgen_ty_1,
    pub DpcListEntry: SINGLE_LIST_ENTRY,
    pub ProcessorHistory: KAFFINITY,
    pub DeferredRoutine: PKDEFERRED_ROUTINE,
    pub DeferredContext: PVOID,
    pub SystemArgument1: PVOID,
    pub SystemArgument2: PVOID,
    pub DpcData: PVOID,
}

#[repr(C)]
#[derive(Copy, Clone)]
pub union _KDPC__bindgen_ty_1 {
    pub TargetInfoAsUlong: ULONG,
    pub __bindgen_anon_1: _KDPC__bindgen_ty_1__bindgen_ty_1,
}

#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct _KDPC__bindgen_ty_1__bindgen_ty_1 {
    pub Type: UCHAR,
    pub Importance: UCHAR,
    pub Number: USHORT,
}

pub type KDPC = _KDPC;
pub type PKDPC = *mut _KDPC;
pub type PRKDPC = *mut _KDPC;

#[repr(C)]
#[derive(Debug)]
pub struct _EPROCESS {
    _unused: [u8; 0],
}

#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct _MDL {
    pub Next: *mut _MDL,
    pub Size: CSHORT,
    pub MdlFlags: CSHORT,
    pub Process: *mut _EPROCESS,
    pub MappedSystemVa: PVOID,
    pub StartVa: PVOID,
    pub ByteCount: ULONG,
    pub ByteOffset: ULONG,
}

pub type MDL = _MDL;
pub type PMDL = *mut _MDL;

#[repr(C)]
#[derive(Copy, Clone)]
pub struct _PHYSICAL_MEMORY_RANGE {
    pub BaseAddress: PHYSICAL_ADDRESS,
    pub NumberOfBytes: LARGE_INTEGER,
}

pub type PHYSICAL_MEMORY_RANGE = _PHYSICAL_MEMORY_RANGE;
pub type PPHYSICAL_MEMORY_RANGE = *mut _PHYSICAL_MEMORY_RANGE;

pub type PDRIVER_EXTENSION = *mut _DRIVER_EXTENSION;

#[repr(C)]
#[derive(Debug)]
pub struct _FAST_IO_DISPATCH {
    _unused: [u8; 0],
}

pub type PFAST_IO_DISPATCH = *mut _FAST_IO_DISPATCH;

#[repr(C)]
#[derive(Debug)]
pub struct _IO_RESOURCE_REQUIREMENTS_LIST {
    _unused: [u8; 0],
}

pub type PIO_RESOURCE_REQUIREMENTS_LIST = *mut _IO_RESOURCE_REQUIREMENTS_LIST;

pub type DRIVER_INITIALIZE = ::core::option::Option<
    unsafe extern "C" fn(DriverObject: *mut _DRIVER_OBJECT, RegistryPath: PUNICODE_STRING) -> NTSTATUS,
>;

pub type PDRIVER_INITIALIZE = DRIVER_INITIALIZE;

pub type DRIVER_STARTIO =
    ::core::option::Option<unsafe extern "C" fn(DeviceObject: *mut _DEVICE_OBJECT, Irp: *mut _IRP)>;

pub type PDRIVER_STARTIO = DRIVER_STARTIO;

pub type DRIVER_UNLOAD = ::core::option::Option<unsafe extern "C" fn(DriverObject: *mut _DRIVER_OBJECT)>;

pub type PDRIVER_UNLOAD = DRIVER_UNLOAD;

pub type DRIVER_DISPATCH = ::core::option::Option<
    unsafe extern "C" fn(DeviceObject: *mut _DEVICE_OBJECT, Irp: *mut _IRP) -> NTSTATUS,
>;

pub type PDRIVER_DISPATCH = DRIVER_DISPATCH;

pub type DRIVER_ADD_DEVICE = ::core::option::Option<
    unsafe extern "C" fn(
        DriverObject: *mut _DRIVER_OBJECT,
        PhysicalDeviceObject: *mut _DEVICE_OBJECT,
    ) -> NTSTATUS,
>;

pub type PDRIVER_ADD_DEVICE = DRIVER_ADD_DEVICE;

#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct _DRIVER_EXTENSION {
    pub DriverObject: *mut _DRIVER_OBJECT,
    pub AddDevice: PDRIVER_ADD_DEVICE,
    pub Count: ULONG,
    pub ServiceKeyName: UNICODE_STRING,
}

pub type DRIVER_EXTENSION = _DRIVER_EXTENSION;

#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct _DRIVER_OBJECT {
    pub Type: CSHORT,
    pub Size: CSHORT,
    pub DeviceObject: PDEVICE_OBJECT,
    pub Flags: ULONG,
    pub DriverStart: PVOID,
    pub DriverSize: ULONG,
    pub DriverSection: PVOID,
    pub DriverExtension: PDRIVER_EXTENSION,
    pub DriverName: UNICODE_STRING,
    pub HardwareDatabase: PUNICODE_STRING,
    pub FastIoDispatch: PFAST_IO_DISPATCH,
    pub DriverInit: PDRIVER_INITIALIZE,
    pub DriverStartIo: PDRIVER_STARTIO,
    pub DriverUnload: PDRIVER_UNLOAD,
    pub MajorFunction: [PDRIVER_DISPATCH; 28usize],
}

pub type DRIVER_OBJECT = _DRIVER_OBJECT;
pub type PDRIVER_OBJECT = *mut _DRIVER_OBJECT;

zeroed_default! {
    _KSPIN_LOCK_QUEUE,
    _KDPC__bindgen_ty_1,
    _KDPC,
    _MDL,
    _PHYSICAL_MEMORY_RANGE,
    _DRIVER_EXTENSION,
    _DRIVER_OBJECT,
}
