//! A function driver for one kind of Plug and Play device, without requests from programs.
//!
//! Key items: [`Function`] (what the driver implements), [`register`] (called from `DriverEntry`). The dispatch routines ([`dispatch`])
//! follow wdm.h's protocol: start after the lower drivers, stop and removal before them, a remove lock around everything, and every
//! request that the driver does not know passed down.
//! Source: windows-driver-docs, kernel: "Implementing Plug and Play", "Using remove locks", "Passing power IRPs".
#![expect(unsafe_code, reason = "entry points of the I/O manager")]
// UNSAFETY: the I/O manager calls with raw pointers to objects that it keeps alive for the call.

mod dispatch;
mod request;
mod state;

use core::cell::UnsafeCell;

use wdk_sys::{
    _DEVICE_OBJECT, _DRIVER_OBJECT, DO_DEVICE_INITIALIZING, DO_POWER_PAGABLE,
    FILE_DEVICE_SECURE_OPEN, FILE_DEVICE_UNKNOWN, IO_REMOVE_LOCK, IRP_MJ_PNP, IRP_MJ_POWER,
    IRP_MJ_SYSTEM_CONTROL, NT_SUCCESS, NTSTATUS, PDEVICE_OBJECT, PDRIVER_OBJECT,
    STATUS_INVALID_PARAMETER, STATUS_NO_SUCH_DEVICE, STATUS_SUCCESS, ntddk,
};

use self::state::State;
use crate::ports::Resources;

/// First argument of `DriverEntry`.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct DriverObject(PDRIVER_OBJECT);

/// One device, from its start to its stop. All methods run at `PASSIVE_LEVEL`, one at a time.
pub trait Function: Send + 'static {
    /// The device has its resources and its lower drivers run.
    fn start(resources: &Resources<'_>) -> Self;

    /// The system works again after sleep or hibernation; the device may have forgotten everything.
    fn power_up(&mut self);

    /// The device loses its resources.
    fn stop(self);
}

/// What each device object carries.
///
/// # Invariants
/// `lower` is the device that ours is attached to, from `AddDevice` to the removal; the lock is initialised before the first request.
struct Extension<F> {
    lower: PDEVICE_OBJECT,
    lock: UnsafeCell<IO_REMOVE_LOCK>,
    state: State<F>,
}

/// Bytes of a remove lock, as its routines want it.
const LOCK_BYTES: u32 = size_of::<IO_REMOVE_LOCK>() as u32;

/// Registers the driver's entry points; to be returned from `DriverEntry`.
#[must_use]
pub fn register<F: Function>(driver: DriverObject) -> NTSTATUS {
    if driver.0.is_null() {
        return STATUS_INVALID_PARAMETER;
    }
    // SAFETY: the I/O manager passes its driver object to DriverEntry alone; nobody else uses it until that returns.
    let object = unsafe { &mut *driver.0 };
    object.DriverUnload = Some(unload);
    for (function, routine) in [
        (IRP_MJ_PNP, dispatch::pnp::<F> as unsafe extern "C" fn(_, _) -> _),
        (IRP_MJ_POWER, dispatch::power::<F>),
        (IRP_MJ_SYSTEM_CONTROL, dispatch::pass::<F>),
    ] {
        if let Some(slot) = object.MajorFunction.get_mut(function as usize) {
            *slot = Some(routine);
        }
    }
    // SAFETY: every driver object has an extension.
    let extension = unsafe { &mut *object.DriverExtension };
    extension.AddDevice = Some(add_device::<F>);
    STATUS_SUCCESS
}

/// Nothing is left to undo: the I/O manager unloads a driver when its last device is gone.
unsafe extern "C" fn unload(_driver: *mut _DRIVER_OBJECT) {}

/// Makes our device object and puts it on top of the device's stack.
unsafe extern "C" fn add_device<F: Function>(
    driver: *mut _DRIVER_OBJECT,
    physical: *mut _DEVICE_OBJECT,
) -> NTSTATUS {
    let mut device: PDEVICE_OBJECT = core::ptr::null_mut();
    // SAFETY: driver object as received; no name; the result is a local.
    let status = unsafe {
        ntddk::IoCreateDevice(
            driver,
            size_of::<Extension<F>>() as u32,
            core::ptr::null_mut(),
            FILE_DEVICE_UNKNOWN,
            FILE_DEVICE_SECURE_OPEN,
            0,
            &raw mut device,
        )
    };
    if !NT_SUCCESS(status) {
        return status;
    }
    // SAFETY: both are device objects, ours new and not attached.
    let lower = unsafe { ntddk::IoAttachDeviceToDeviceStack(device, physical) };
    if lower.is_null() {
        // SAFETY: nobody knows this device object.
        unsafe { ntddk::IoDeleteDevice(device) };
        return STATUS_NO_SUCH_DEVICE;
    }
    // SAFETY: the device object is ours; no request arrives before DO_DEVICE_INITIALIZING is cleared.
    let object = unsafe { &mut *device };
    let extension: *mut Extension<F> = object.DeviceExtension.cast();
    // SAFETY: plain C data; every member accepts the all-zero bit pattern.
    let lock = unsafe { core::mem::zeroed() };
    let content = Extension::<F> {
        lower,
        lock: UnsafeCell::new(lock),
        state: State::new(),
    };
    // SAFETY: the I/O manager allocated these bytes for us, aligned to 16.
    unsafe { extension.write(content) };
    // SAFETY: just written; the cell's contents are reached by this pointer.
    let lock = unsafe { (*extension).lock.get() };
    // SAFETY: the lock lies in nonpaged memory that lives as long as the device object.
    unsafe {
        ntddk::IoInitializeRemoveLockEx(
            lock,
            u32::from_le_bytes(*b"hibh"),
            0,
            0,
            LOCK_BYTES,
        );
    }
    // Power requests at PASSIVE_LEVEL: `Function::power_up` runs there.
    object.Flags |= DO_POWER_PAGABLE;
    object.Flags &= !DO_DEVICE_INITIALIZING;
    STATUS_SUCCESS
}
