//! The dispatch routines: Plug and Play, power, and everything that is only passed down.
#![expect(unsafe_code, reason = "entry points of the I/O manager")]
// UNSAFETY: the I/O manager calls with raw pointers to objects that it keeps alive for the call.

use wdk_sys::{
    _DEVICE_OBJECT, _IRP, IRP_MN_CANCEL_REMOVE_DEVICE, IRP_MN_CANCEL_STOP_DEVICE,
    IRP_MN_QUERY_REMOVE_DEVICE, IRP_MN_QUERY_STOP_DEVICE, IRP_MN_REMOVE_DEVICE,
    IRP_MN_START_DEVICE, IRP_MN_STOP_DEVICE, IRP_MN_SURPRISE_REMOVAL, NT_SUCCESS, NTSTATUS,
    PDEVICE_OBJECT, STATUS_SUCCESS, ntddk,
};

use super::{Extension, Function, LOCK_BYTES, request::Request};

/// A device of ours for the time of one request, under its remove lock.
struct Held<'call, F> {
    device: PDEVICE_OBJECT,
    extension: &'call Extension<F>,
    tag: *mut core::ffi::c_void,
}

impl<F: Function> Held<'_, F> {
    /// Takes the lock; the status to complete the request with if the device is being removed.
    ///
    /// INVARIANT: the caller is a dispatch routine that passes its own device.
    fn acquire(device: PDEVICE_OBJECT, request: &Request) -> Result<Self, NTSTATUS> {
        // SAFETY: the I/O manager calls with a device object of this driver, whose extension `add_device` wrote.
        let extension: *mut Extension<F> = unsafe { (*device).DeviceExtension }.cast();
        // SAFETY: as above. The cell's contents are the system's to change; they are reached by pointers alone.
        let lock = unsafe { (*extension).lock.get() };
        // SAFETY: the lock was initialised.
        let status = unsafe {
            ntddk::IoAcquireRemoveLockEx(lock, request.tag(), core::ptr::null(), 0, LOCK_BYTES)
        };
        if !NT_SUCCESS(status) {
            return Err(status);
        }
        Ok(Self {
            device,
            // SAFETY: the lock keeps the device object, and with it the extension, until it is released.
            extension: unsafe { &*extension },
            tag: request.tag(),
        })
    }

    fn lower(&self) -> PDEVICE_OBJECT {
        self.extension.lower
    }

    fn lock(&self) -> *mut wdk_sys::IO_REMOVE_LOCK {
        self.extension.lock.get()
    }

    fn stop(&self) {
        let state = self.extension.state.with(Option::take);
        if let Some(function) = state {
            function.stop();
        }
    }

    fn release(self) {
        // SAFETY: acquired with the same tag.
        unsafe { ntddk::IoReleaseRemoveLockEx(self.lock(), self.tag, LOCK_BYTES) };
    }

    /// Passes the request down and lets the device go.
    fn pass(self, request: Request) -> NTSTATUS {
        let status = request.pass(self.lower());
        self.release();
        status
    }

    fn start(self, request: Request) -> NTSTATUS {
        let mut status = request.forward(self.lower());
        if NT_SUCCESS(status) {
            let function = F::start(&request.resources());
            self.extension.state.with(|state| *state = Some(function));
            status = STATUS_SUCCESS;
        }
        let status = request.complete(status);
        self.release();
        status
    }

    fn remove(self, request: Request) -> NTSTATUS {
        self.stop();
        request.set_status(STATUS_SUCCESS);
        // SAFETY: acquired with the same tag; waits for every other request, and none is admitted any more.
        unsafe { ntddk::IoReleaseRemoveLockAndWaitEx(self.lock(), self.tag, LOCK_BYTES) };
        let (device, lower) = (self.device, self.lower());
        let status = request.pass(lower);
        // SAFETY: ours is attached to it.
        unsafe { ntddk::IoDetachDevice(lower) };
        // SAFETY: nobody uses the device object or its extension any more: the lock is gone, the stack too.
        unsafe { ntddk::IoDeleteDevice(device) };
        status
    }
}

/// `IRP_MJ_PNP`.
pub(super) unsafe extern "C" fn pnp<F: Function>(
    device: *mut _DEVICE_OBJECT,
    irp: *mut _IRP,
) -> NTSTATUS {
    let request = Request::new(irp);
    let held = match Held::<F>::acquire(device, &request) {
        Ok(held) => held,
        Err(status) => return request.complete(status),
    };
    match request.minor() {
        IRP_MN_START_DEVICE => held.start(request),
        IRP_MN_REMOVE_DEVICE => held.remove(request),
        IRP_MN_STOP_DEVICE | IRP_MN_SURPRISE_REMOVAL => {
            held.stop();
            request.set_status(STATUS_SUCCESS);
            held.pass(request)
        }
        IRP_MN_QUERY_STOP_DEVICE
        | IRP_MN_CANCEL_STOP_DEVICE
        | IRP_MN_QUERY_REMOVE_DEVICE
        | IRP_MN_CANCEL_REMOVE_DEVICE => {
            request.set_status(STATUS_SUCCESS);
            held.pass(request)
        }
        _ => held.pass(request),
    }
}

/// `IRP_MJ_POWER`: passed down; when the system works again, the device is told first.
pub(super) unsafe extern "C" fn power<F: Function>(
    device: *mut _DEVICE_OBJECT,
    irp: *mut _IRP,
) -> NTSTATUS {
    let request = Request::new(irp);
    let held = match Held::<F>::acquire(device, &request) {
        Ok(held) => held,
        Err(status) => return request.complete(status),
    };
    if request.is_wake() {
        // A start or stop that is under way at the same time does this itself.
        held.extension.state.try_with(|state| {
            if let Some(function) = state {
                function.power_up();
            }
        });
    }
    held.pass(request)
}

/// Requests that are for the lower drivers.
pub(super) unsafe extern "C" fn pass<F: Function>(
    device: *mut _DEVICE_OBJECT,
    irp: *mut _IRP,
) -> NTSTATUS {
    let request = Request::new(irp);
    match Held::<F>::acquire(device, &request) {
        Ok(held) => held.pass(request),
        Err(status) => request.complete(status),
    }
}
