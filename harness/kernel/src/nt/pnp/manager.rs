//! The managers: they load a function driver, start its device with I/O ports, and take it down again.
//!
//! Key type: [`Device`]. Every request must be completed when its routine returns, with the status that is returned; so it is with a bus
//! driver that completes at once.

use alloc::{
    format,
    string::{String, ToString},
};

use proto::owner::{Owner, Role};

use super::{
    new_device,
    packet::{self, Request},
};
use crate::{
    call::{self, Callback, CallbackKind},
    mem::{self, AllocSpec, Contiguity, MemFault, PAGE_BYTES, Placement, Va},
    pe::LoadedImage,
    port::abi::{
        Structure, View,
        services::{DeviceObject, DriverObject, UnicodeString},
    },
};

/// `IO_TYPE_DRIVER`.
const TYPE_DRIVER: u16 = 4;
/// `DO_DEVICE_INITIALIZING`.
const INITIALIZING: u32 = 0x80;
/// Places in the page of the driver object: extension (`DRIVER_EXTENSION`), registry path, its characters, resources.
const EXTENSION: u64 = 0x180;
const PATH: u64 = 0x200;
const CHARACTERS: u64 = 0x220;
const RESOURCES: u64 = 0x400;
/// `DRIVER_EXTENSION.AddDevice`.
const ADD_DEVICE: u64 = 8;
/// `IRP_MJ_PNP`, `IRP_MJ_POWER`.
const MJ_PNP: u8 = 27;
const MJ_POWER: u8 = 22;
/// `IRP_MN_SET_POWER`.
const MN_SET_POWER: u8 = 2;

/// Minor functions of Plug and Play.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Pnp {
    /// The device has its resources.
    Start = 0,
    /// May it be removed?
    QueryRemove = 1,
    /// It is removed.
    Remove = 2,
    /// It is not removed after all.
    CancelRemove = 3,
    /// It loses its resources.
    Stop = 4,
    /// May it be stopped?
    QueryStop = 5,
    /// It is not stopped after all.
    CancelStop = 6,
    /// What can it do? For the bus driver.
    QueryCapabilities = 9,
    /// It is gone already.
    SurpriseRemoval = 23,
}

/// `SYSTEM_POWER_STATE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum SystemPower {
    /// S0.
    Working = 1,
    /// S4.
    Hibernate = 5,
}

/// A range of I/O ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// First port.
    pub base: u16,
    /// Their number.
    pub length: u16,
}

/// A device with its function driver.
#[derive(Debug)]
pub struct Device {
    driver: Va,
    physical: Va,
}

impl Device {
    /// Calls `DriverEntry` and `AddDevice`; the device is not started.
    ///
    /// # Errors
    /// One line, if the driver refuses or there is no memory.
    pub fn add(image: &LoadedImage) -> Result<Self, String> {
        let driver = driver_object(image).ok_or("no memory for the driver object")?;
        let path = driver.offset(PATH);
        let status = invoke(CallbackKind::DriverEntry, "DriverEntry", image.entry, &[driver.0, path.0]);
        succeeded("DriverEntry", status)?;
        let physical = new_device(Va::NULL, 0, 0x22).ok_or("no memory for the device object")?;
        let flags = View::<DeviceObject>::at(physical).set(DeviceObject::FLAGS, 0);
        let routine = flags.and_then(|()| mem::read::<u64>(driver.offset(EXTENSION + ADD_DEVICE)));
        let routine = routine.map_err(fault)?;
        if routine == 0 {
            return Err(String::from("the driver has no AddDevice"));
        }
        let status = invoke(CallbackKind::AddDevice, "AddDevice", Va(routine), &[driver.0, physical.0]);
        succeeded("AddDevice", status)?;
        let device = Self { driver, physical };
        let top = device.top()?;
        let flags = View::<DeviceObject>::at(top).get(DeviceObject::FLAGS);
        if flags.map_err(fault)? & INITIALIZING != 0 {
            return Err(String::from("AddDevice left DO_DEVICE_INITIALIZING set"));
        }
        Ok(device)
    }

    /// Starts the device with these ports.
    ///
    /// # Errors
    /// As for [`Device::send`].
    pub fn start(&self, ports: Ports) -> Result<(), String> {
        let list = self.driver.offset(RESOURCES);
        write_resources(list, ports).map_err(fault)?;
        self.pnp(Pnp::Start, [list.0, list.0, 0])
    }

    /// Sends a request of Plug and Play without parameters.
    ///
    /// # Errors
    /// As for [`Device::send`].
    pub fn send(&self, minor: Pnp) -> Result<(), String> {
        self.pnp(minor, [0; 3])
    }

    /// Tells the device that the system changes its power state.
    ///
    /// # Errors
    /// As for [`Device::send`].
    pub fn set_power(&self, state: SystemPower) -> Result<(), String> {
        let parameters = [0, 0, state as u64];
        self.request(MJ_POWER, MN_SET_POWER, parameters, "set power")
    }

    /// After the removal: calls `DriverUnload`.
    ///
    /// # Errors
    /// One line, if the driver left something behind.
    pub fn unload(self) -> Result<(), String> {
        let attached = View::<DeviceObject>::at(self.physical).get(DeviceObject::ATTACHED_DEVICE);
        if attached.map_err(fault)? != 0 {
            return Err(String::from("after the removal a device is attached still"));
        }
        let routine = View::<DriverObject>::at(self.driver).get(DriverObject::DRIVER_UNLOAD);
        let routine = routine.map_err(fault)?;
        if routine == 0 {
            return Err(String::from("the driver cannot be unloaded"));
        }
        invoke(CallbackKind::Unload, "DriverUnload", Va(routine), &[self.driver.0]);
        for block in [self.physical, self.driver] {
            mem::free(block).map_err(|error| format!("{error:?}"))?;
        }
        match left_behind() {
            None => Ok(()),
            Some(text) => Err(text),
        }
    }

    fn pnp(&self, minor: Pnp, parameters: [u64; 3]) -> Result<(), String> {
        self.request(MJ_PNP, minor as u8, parameters, &format!("{minor:?}"))
    }

    fn request(&self, major: u8, minor: u8, parameters: [u64; 3], name: &str) -> Result<(), String> {
        let outcome = packet::send(
            self.top()?,
            Request {
                major,
                minor,
                parameters,
            },
        );
        let outcome = outcome.map_err(fault)?;
        match outcome.status {
            Some(0) if outcome.returned == 0 => Ok(()),
            Some(status) => Err(format!(
                "{name} was completed with {status:#x}, the routine returned {:#x}",
                outcome.returned
            )),
            None => Err(format!(
                "{name} was not completed; the routine returned {:#x}",
                outcome.returned
            )),
        }
    }

    /// The device on top of the stack.
    fn top(&self) -> Result<Va, String> {
        let attached = View::<DeviceObject>::at(self.physical).get(DeviceObject::ATTACHED_DEVICE);
        match attached.map_err(fault)? {
            0 => Err(String::from("nothing is attached to the device")),
            device => Ok(Va(device)),
        }
    }
}

fn invoke(kind: CallbackKind, name: &'static str, entry: Va, args: &[u64]) -> u64 {
    let callback = Callback {
        role: Role::Normal,
        kind,
        name,
    };
    call::invoke(callback, entry, args)
}

fn succeeded(routine: &str, status: u64) -> Result<(), String> {
    // NTSTATUS is the lower half of the register.
    match status & 0xFFFF_FFFF {
        0 => Ok(()),
        status => Err(format!("{routine} returned {status:#x}")),
    }
}

fn fault(fault: MemFault) -> String {
    fault.to_string()
}

/// Driver object, extension, registry path and room for resources, in one page.
fn driver_object(image: &LoadedImage) -> Option<Va> {
    let block = mem::alloc(AllocSpec {
        bytes: PAGE_BYTES,
        align: PAGE_BYTES,
        contiguous: Contiguity::Contiguous,
        placement: Placement::Any,
        owner: Owner::Scratch,
        name: "driver object",
    })
    .ok()?;
    mem::fill(block.va, 0, PAGE_BYTES).ok()?;
    let object = View::<DriverObject>::at(block.va);
    object.set(DriverObject::TYPE, TYPE_DRIVER).ok()?;
    object
        .set(DriverObject::SIZE, u16::try_from(DriverObject::BYTES).ok()?)
        .ok()?;
    object.set(DriverObject::DRIVER_START, image.base.0).ok()?;
    object
        .set(DriverObject::DRIVER_SIZE, u32::try_from(image.bytes).ok()?)
        .ok()?;
    object.set(DriverObject::DRIVER_INIT, image.entry.0).ok()?;
    let extension = block.va.offset(EXTENSION);
    object.set(DriverObject::DRIVER_EXTENSION, extension.0).ok()?;
    mem::write(extension, &block.va.0).ok()?;
    let service = image.name.trim_end_matches(".sys");
    let text = format!("\\REGISTRY\\MACHINE\\SYSTEM\\ControlSet001\\Services\\{service}");
    let characters = block.va.offset(CHARACTERS);
    for (index, unit) in (0_u64..).zip(text.encode_utf16().take(200)) {
        mem::write(characters.offset(index * 2), &unit).ok()?;
    }
    let bytes = u16::try_from(text.encode_utf16().take(200).count() * 2).ok()?;
    let path = View::<UnicodeString>::at(block.va.offset(PATH));
    path.set(UnicodeString::LENGTH, bytes).ok()?;
    path.set(UnicodeString::MAXIMUM_LENGTH, bytes + 2).ok()?;
    path.set(UnicodeString::BUFFER, characters.0).ok()?;
    Some(block.va)
}

/// A `CM_RESOURCE_LIST` of one range of I/O ports on the internal bus, as ACPI gives it.
fn write_resources(list: Va, ports: Ports) -> Result<(), MemFault> {
    const ACPI_BUS: u32 = 17;
    // Count, InterfaceType, BusNumber; Version and Revision; Count; Type 1 = port, ShareDisposition 1 = exclusive, Flags 0x11 = I/O ports
    // decoded in 16 bits.
    let words = [1, ACPI_BUS, 0, 1 | 1 << 16, 1, 1 | 1 << 8 | 0x11 << 16, ports.base.into(), 0, ports.length.into(), 0];
    mem::write::<[u32; 10]>(list, &words)
}

/// What the driver allocated and did not give back.
fn left_behind() -> Option<String> {
    let left = mem::allocations()
        .into_iter()
        .find(|block| block.owner == Owner::Pool(Role::Normal))?;
    Some(format!(
        "after the unload {} bytes of {} at {} are left",
        left.bytes, left.name, left.va
    ))
}
