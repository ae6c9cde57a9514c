//! `DriverEntry`'s part: which life this is, and registration with the port driver.
//!
//! Key types: [`EntryArguments`], [`Role`]. In the dump stack both arguments of `DriverEntry` are null, and the port calls
//! `HwStorFindAdapter` and `HwStorInitialize` before `StorPortInitialize` returns; so the role is decided before that call.
//! Source: `ns-storport-_hw_initialization_data-r1.md`, restrictions on miniport drivers that manage the boot drive.
#![expect(unsafe_code, reason = "registers C entry points")]
// UNSAFETY: StorPortInitialize takes raw pointers and keeps the callbacks.

use core::ffi::c_void;

use wdk_sys::{
    _INTERFACE_TYPE, ADDRESS_TYPE_FLAG_BTL8, HW_INITIALIZATION_DATA, NTSTATUS,
    SRB_TYPE_FLAG_SCSI_REQUEST_BLOCK, SRB_TYPE_FLAG_STORAGE_REQUEST_BLOCK,
    STOR_MAP_NON_READ_WRITE_BUFFERS, storage,
};

use crate::{
    adapter::{Adapter, Life},
    extension::DeviceExtension,
    instance,
    recorder::{self, Event},
    srb::Srb,
    thunk,
};

/// PCI functions have up to six ranges (`PCI_TYPE0_ADDRESSES`).
const ACCESS_RANGES: u32 = 6;

/// First argument of `DriverEntry`: the driver object, or null in the dump stack.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct DriverObject(*mut c_void);

/// Second argument of `DriverEntry`: the registry path, or null in the dump stack.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct RegistryPath(*mut c_void);

#[cfg(not(target_os = "windows"))]
impl DriverObject {
    /// An object that is only compared with null.
    pub(crate) const fn simulated(address: usize) -> Self {
        Self(core::ptr::without_provenance_mut(address))
    }
}

#[cfg(not(target_os = "windows"))]
impl RegistryPath {
    /// A path that is only compared with null.
    pub(crate) const fn simulated(address: usize) -> Self {
        Self(core::ptr::without_provenance_mut(address))
    }
}

/// Which life of the driver begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A device driver in a running system.
    Normal,
    /// A copy of the image in the crash-dump or hibernation stack.
    Dump,
}

/// The arguments of `DriverEntry`.
#[derive(Clone, Copy, Debug)]
pub struct EntryArguments {
    driver_object: DriverObject,
    registry_path: RegistryPath,
}

impl EntryArguments {
    /// Takes the arguments as they came.
    #[must_use]
    pub const fn new(driver_object: DriverObject, registry_path: RegistryPath) -> Self {
        Self {
            driver_object,
            registry_path,
        }
    }

    /// Which life begins: dump when both arguments are null.
    #[must_use]
    pub const fn role(&self) -> Role {
        if self.driver_object.0.is_null() && self.registry_path.0.is_null() {
            Role::Dump
        } else {
            Role::Normal
        }
    }

    /// Brings every static of the image into its first state: a copy of the image in the dump stack may be entered again with
    /// whatever its data section held. Comes before anything else in `DriverEntry`.
    pub fn reinitialise_statics(&self) {
        let is_dump = u32::from(self.role() == Role::Dump);
        recorder::RECORDER.reinitialise(is_dump);
        instance::INSTANCE.reinitialise(is_dump);
    }
}

/// Registers adapter type `A` with the port driver and returns the status for `DriverEntry` to return.
#[must_use]
pub fn initialize<A: Adapter>(arguments: &EntryArguments) -> NTSTATUS {
    let is_dump = u64::from(arguments.role() == Role::Dump);
    if arguments.role() != <A::Life as Life>::ROLE {
        return wdk_sys::STATUS_INVALID_PARAMETER;
    }
    recorder::record(Event::DriverEntry, is_dump, 0);
    let mut data = initialization_data::<A>();
    // SAFETY: (1) the arguments are those that DriverEntry got; (2) the data is complete and a local; (3) the callbacks are
    // thunks of one adapter type, and the sizes are of its extension.
    let status = unsafe {
        storage::StorPortInitialize(
            arguments.driver_object.0,
            arguments.registry_path.0,
            &raw mut data,
            core::ptr::null_mut(),
        )
    };
    status.cast_signed()
}

/// `HW_INITIALIZATION_DATA` of Windows 10 and 11 for adapter type `A`.
pub(crate) fn initialization_data<A: Adapter>() -> HW_INITIALIZATION_DATA {
    HW_INITIALIZATION_DATA {
        HwInitializationDataSize: size_of::<HW_INITIALIZATION_DATA>() as u32,
        AdapterInterfaceType: _INTERFACE_TYPE::PCIBus,
        HwFindAdapter: thunk::find_adapter::<A> as *mut c_void,
        HwInitialize: Some(thunk::initialize::<A>),
        HwBuildIo: Some(thunk::build_io::<A>),
        HwStartIo: Some(thunk::start_io::<A>),
        HwInterrupt: Some(thunk::interrupt::<A>),
        HwResetBus: Some(thunk::reset_bus::<A>),
        HwAdapterControl: Some(thunk::adapter_control::<A>),
        HwUnitControl: Some(thunk::unit_control::<A>),
        // The dump stack ends with the machine or with its image: it has nobody to call this.
        HwFreeAdapterResources: match <A::Life as Life>::ROLE {
            Role::Normal => Some(thunk::free_adapter_resources::<A>),
            Role::Dump => None,
        },
        DeviceExtensionSize: DeviceExtension::<A>::TOTAL_BYTES,
        SpecificLuExtensionSize: 0,
        SrbExtensionSize: Srb::<A>::EXTENSION_BYTES,
        NumberOfAccessRanges: ACCESS_RANGES,
        MapBuffers: STOR_MAP_NON_READ_WRITE_BUFFERS as u8,
        NeedPhysicalAddresses: 1,
        TaggedQueuing: 1,
        AutoRequestSense: 1,
        MultipleRequestPerLu: 1,
        FeatureSupport: A::REGISTRATION.features.bits(),
        SrbTypeFlags: SRB_TYPE_FLAG_SCSI_REQUEST_BLOCK | SRB_TYPE_FLAG_STORAGE_REQUEST_BLOCK,
        AddressTypeFlags: ADDRESS_TYPE_FLAG_BTL8,
        ..Default::default()
    }
}
