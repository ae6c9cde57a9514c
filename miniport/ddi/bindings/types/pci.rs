// wdm.h: PCI configuration space.

#[repr(C)]
#[derive(Copy, Clone)]
pub struct _PCI_COMMON_HEADER {
    pub VendorID: USHORT,
    pub DeviceID: USHORT,
    pub Command: USHORT,
    pub Status: USHORT,
    pub RevisionID: UCHAR,
    pub ProgIf: UCHAR,
    pub SubClass: UCHAR,
    pub BaseClass: UCHAR,
    pub CacheLineSize: UCHAR,
    pub LatencyTimer: UCHAR,
    pub HeaderType: UCHAR,
    pub BIST: UCHAR,
    pub u: _PCI_COMMON_HEADER__bindgen_ty_1,
}

#[repr(C)]
#[derive(Copy, Clone)]
pub union _PCI_COMMON_HEADER__bindgen_ty_1 {
    pub type0: _PCI_COMMON_HEADER__bindgen_ty_1__PCI_HEADER_TYPE_0,
    pub type1: _PCI_COMMON_HEADER__bindgen_ty_1__PCI_HEADER_TYPE_1,
    pub type2: _PCI_COMMON_HEADER__bindgen_ty_1__PCI_HEADER_TYPE_2,
}

#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct _PCI_COMMON_HEADER__bindgen_ty_1__PCI_HEADER_TYPE_0 {
    pub BaseAddresses: [ULONG; 6usize],
    pub CIS: ULONG,
    pub SubVendorID: USHORT,
    pub SubSystemID: USHORT,
    pub ROMBaseAddress: ULONG,
    pub CapabilitiesPtr: UCHAR,
    pub Reserved1: [UCHAR; 3usize],
    pub Reserved2: ULONG,
    pub InterruptLine: UCHAR,
    pub InterruptPin: UCHAR,
    pub MinimumGrant: UCHAR,
    pub MaximumLatency: UCHAR,
}

#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct _PCI_COMMON_HEADER__bindgen_ty_1__PCI_HEADER_TYPE_1 {
    pub BaseAddresses: [ULONG; 2usize],
    pub PrimaryBus: UCHAR,
    pub SecondaryBus: UCHAR,
    pub SubordinateBus: UCHAR,
    pub SecondaryLatency: UCHAR,
    pub IOBase: UCHAR,
    pub IOLimit: UCHAR,
    pub SecondaryStatus: USHORT,
    pub MemoryBase: USHORT,
    pub MemoryLimit: USHORT,
    pub PrefetchBase: USHORT,
    pub PrefetchLimit: USHORT,
    pub PrefetchBaseUpper32: ULONG,
    pub PrefetchLimitUpper32: ULONG,
    pub IOBaseUpper16: USHORT,
    pub IOLimitUpper16: USHORT,
    pub CapabilitiesPtr: UCHAR,
    pub Reserved1: [UCHAR; 3usize],
    pub ROMBaseAddress: ULONG,
    pub InterruptLine: UCHAR,
    pub InterruptPin: UCHAR,
    pub BridgeControl: USHORT,
}

#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct _PCI_COMMON_HEADER__bindgen_ty_1__PCI_HEADER_TYPE_2 {
    pub SocketRegistersBaseAddress: ULONG,
    pub CapabilitiesPtr: UCHAR,
    pub Reserved: UCHAR,
    pub SecondaryStatus: USHORT,
    pub PrimaryBus: UCHAR,
    pub SecondaryBus: UCHAR,
    pub SubordinateBus: UCHAR,
    pub SecondaryLatency: UCHAR,
    pub Range: [_PCI_COMMON_HEADER__bindgen_ty_1__PCI_HEADER_TYPE_2__bindgen_ty_1; 4usize],
    pub InterruptLine: UCHAR,
    pub InterruptPin: UCHAR,
    pub BridgeControl: USHORT,
}

#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct _PCI_COMMON_HEADER__bindgen_ty_1__PCI_HEADER_TYPE_2__bindgen_ty_1 {
    pub Base: ULONG,
    pub Limit: ULONG,
}

pub type PCI_COMMON_HEADER = _PCI_COMMON_HEADER;
pub type PPCI_COMMON_HEADER = *mut _PCI_COMMON_HEADER;

#[repr(C)]
#[repr(align(4))]
#[derive(Debug, Copy, Clone)]
pub struct _PCI_COMMON_CONFIG {
    pub __bindgen_padding_0: __BindgenOpaqueArray<[u8; 64usize]>,
    pub DeviceSpecific: [UCHAR; 192usize],
}

pub type PCI_COMMON_CONFIG = _PCI_COMMON_CONFIG;
pub type PPCI_COMMON_CONFIG = *mut _PCI_COMMON_CONFIG;

#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct _PCI_CAPABILITIES_HEADER {
    pub CapabilityID: UCHAR,
    pub Next: UCHAR,
}

pub type PCI_CAPABILITIES_HEADER = _PCI_CAPABILITIES_HEADER;
pub type PPCI_CAPABILITIES_HEADER = *mut _PCI_CAPABILITIES_HEADER;

zeroed_default! {
    _PCI_COMMON_HEADER__bindgen_ty_1,
    _PCI_COMMON_HEADER,
    _PCI_COMMON_CONFIG,
}
