//! Device objects, I/O request packets and remove locks: what a function driver needs of the I/O manager.
//!
//! [`packet`] is the I/O manager's handling of packets, [`manager`] plays PnP and power manager, and the bus driver below the
//! function driver.

use alloc::format;

use proto::owner::Owner;

use super::{export, memory::demand};
use crate::{
    exports::{Export, ExportCall},
    mem::{self, AllocSpec, Contiguity, Placement, Va},
    port::abi::{Structure, View, services::DeviceObject},
    record,
};

pub mod manager;
mod packet;

/// `STATUS_SUCCESS`.
const SUCCESS: u64 = 0;
/// `STATUS_INSUFFICIENT_RESOURCES`.
const INSUFFICIENT_RESOURCES: u64 = 0xC000_009A;
/// `STATUS_DELETE_PENDING`.
const DELETE_PENDING: u64 = 0xC000_0056;
/// `DO_DEVICE_INITIALIZING`.
const INITIALIZING: u32 = 0x80;
/// `IO_TYPE_DEVICE`.
const TYPE_DEVICE: u16 = 3;
/// `DRIVER_VERIFIER_DETECTED_VIOLATION`, which Driver Verifier reports misused remove locks with.
const VERIFIER: u32 = 0xC4;
/// Bytes of an `IO_REMOVE_LOCK` of a free build.
const REMOVE_LOCK_BYTES: u32 = 32;
/// `IO_REMOVE_LOCK.Common.IoCount`; `Removed` is its first byte.
const IO_COUNT: u64 = 4;

/// The routines.
pub static EXPORTS: &[Export] = &[
    export("IoCreateDevice", create_device),
    export("IoDeleteDevice", delete_device),
    export("IoAttachDeviceToDeviceStack", attach),
    export("IoDetachDevice", detach),
    export("IofCallDriver", packet::call_driver),
    export("IofCompleteRequest", packet::complete),
    export("IoForwardIrpSynchronously", packet::forward),
    export("IoInitializeRemoveLockEx", lock_initialize),
    export("IoAcquireRemoveLockEx", lock_acquire),
    export("IoReleaseRemoveLockEx", lock_release),
    export("IoReleaseRemoveLockAndWaitEx", lock_release_and_wait),
];

/// `IoCreateDevice(DriverObject, ExtensionSize, Name, Type, Characteristics, Exclusive, DeviceObject)`: the extension follows the object.
fn create_device(call: &ExportCall) -> u64 {
    let Some(device) = new_device(call.va(0), call.arg32(1), call.arg32(3)) else {
        return INSUFFICIENT_RESOURCES;
    };
    demand(call, mem::write(call.va(6), &device.0));
    SUCCESS
}

/// A device object, zeroed but for what the I/O manager fills.
fn new_device(driver: Va, extension_bytes: u32, device_type: u32) -> Option<Va> {
    let block = mem::alloc(AllocSpec {
        bytes: DeviceObject::BYTES + u64::from(extension_bytes),
        align: 16,
        contiguous: Contiguity::Contiguous,
        placement: Placement::Any,
        owner: Owner::Pool(proto::owner::Role::Normal),
        name: "device object",
    })
    .ok()?;
    mem::fill(block.va, 0, block.bytes).ok()?;
    let object = View::<DeviceObject>::at(block.va);
    object.set(DeviceObject::TYPE, TYPE_DEVICE).ok()?;
    let size = u16::try_from(block.bytes).unwrap_or(u16::MAX);
    object.set(DeviceObject::SIZE, size).ok()?;
    object.set(DeviceObject::DRIVER_OBJECT, driver.0).ok()?;
    object.set(DeviceObject::FLAGS, INITIALIZING).ok()?;
    let extension = block.va.offset(DeviceObject::BYTES);
    object.set(DeviceObject::DEVICE_EXTENSION, extension.0).ok()?;
    object.set(DeviceObject::DEVICE_TYPE, device_type).ok()?;
    object.set(DeviceObject::STACK_SIZE, 1).ok()?;
    Some(block.va)
}

fn delete_device(call: &ExportCall) -> u64 {
    if mem::free(call.va(0)).is_err() {
        stop(call, format!("IoDeleteDevice of {}, which is no device object", call.va(0)));
    }
    0
}

/// `IoAttachDeviceToDeviceStack(Source, Target)`: on top of what is attached to the target; the stack grows by one.
fn attach(call: &ExportCall) -> u64 {
    let source = View::<DeviceObject>::at(call.va(0));
    let target = View::<DeviceObject>::at(call.va(1));
    if demand(call, target.get(DeviceObject::ATTACHED_DEVICE)) != 0 {
        // The bench builds stacks of two.
        return 0;
    }
    let size = demand(call, target.get(DeviceObject::STACK_SIZE));
    demand(call, source.set(DeviceObject::STACK_SIZE, size + 1));
    demand(call, target.set(DeviceObject::ATTACHED_DEVICE, source.base().0));
    target.base().0
}

fn detach(call: &ExportCall) -> u64 {
    let target = View::<DeviceObject>::at(call.va(0));
    demand(call, target.set(DeviceObject::ATTACHED_DEVICE, 0));
    0
}

/// `IoInitializeRemoveLockEx(Lock, Tag, MaxLockedMinutes, HighWatermark, RemlockSize)`.
fn lock_initialize(call: &ExportCall) -> u64 {
    if call.arg32(4) != REMOVE_LOCK_BYTES {
        stop(call, format!("a remove lock of {} bytes", call.arg32(4)));
    }
    demand(call, mem::fill(call.va(0), 0, REMOVE_LOCK_BYTES.into()));
    demand(call, mem::write(call.va(0).offset(IO_COUNT), &1_u32));
    0
}

fn lock_acquire(call: &ExportCall) -> u64 {
    if demand(call, mem::read::<u8>(call.va(0))) != 0 {
        return DELETE_PENDING;
    }
    change_count(call, 1);
    SUCCESS
}

fn lock_release(call: &ExportCall) -> u64 {
    if change_count(call, -1) <= 0 {
        stop(call, format!("the remove lock at {} is released too often", call.va(0)));
    }
    0
}

/// Removes: on one processor nobody else can hold the lock, so a wait would never end.
fn lock_release_and_wait(call: &ExportCall) -> u64 {
    demand(call, mem::write(call.va(0), &1_u8));
    let left = change_count(call, -2);
    if left != 0 {
        stop(call, format!("the remove lock at {} is held {left} times more at the removal", call.va(0)));
    }
    0
}

fn change_count(call: &ExportCall, by: i32) -> i32 {
    let at = call.va(0).offset(IO_COUNT);
    let count = demand(call, mem::read::<i32>(at)) + by;
    demand(call, mem::write(at, &count));
    count
}

/// Stops the simulated system, as Driver Verifier would.
fn stop(call: &ExportCall, text: alloc::string::String) -> ! {
    record::bugcheck(VERIFIER, [call.return_address.0, call.arg(0), 0, 0], text)
}
