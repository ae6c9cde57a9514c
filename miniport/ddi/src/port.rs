//! The adapter's handle to its port driver, and the services that are legal at any IRQL and under any lock.
//!
//! Key type: [`Port`]. Everything that has a condition of IRQL, lock or callback is a method of a token in
//! [`crate::context`] instead.
#![expect(
    unsafe_code,
    reason = "calls the exported functions of the port driver"
)]
// UNSAFETY: Storport's exports are C functions that take the raw device extension pointer.

use core::{ffi::c_void, marker::PhantomData, ptr::NonNull};

use wdk_sys::{_SCSI_NOTIFICATION_TYPE, STOR_LOG_EVENT_DETAILS, storage};

use crate::{inlines, status::StorError};

/// `STOR_CURRENT_LOG_INTERFACE_REVISION` of storport.h.
const LOG_INTERFACE_REVISION: u32 = 1;

/// Where a logical unit is: Storport's bus, target and LUN numbers (`STOR_ADDR_BTL8`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[repr(C)]
pub struct UnitAddress {
    /// Bus number; the adapter has bus 0 alone.
    pub path: u8,
    /// Target on the bus.
    pub target: u8,
    /// Logical unit of the target.
    pub lun: u8,
}

/// Handle to the port driver for one adapter, valid during a callback.
///
/// # Invariants
/// `extension` is the device extension pointer that the port driver passed to the callback that is running.
#[derive(Clone, Copy, Debug)]
pub struct Port<'call> {
    extension: NonNull<c_void>,
    callback: PhantomData<&'call ()>,
}

impl Port<'_> {
    /// INVARIANT: thunks only, with the pointer they were called with.
    pub(crate) const fn new(extension: NonNull<c_void>) -> Self {
        Self {
            extension,
            callback: PhantomData,
        }
    }

    /// The `HwDeviceExtension` argument of every Storport service.
    pub(crate) const fn extension(&self) -> *mut c_void {
        self.extension.as_ptr()
    }

    /// Tells the port that units came, went or changed: it scans the bus again (`BusChangeDetected`). Any IRQL.
    pub fn bus_change_detected(self, path: u8) {
        // SAFETY: the extension is live (type invariant); BusChangeDetected takes one path number.
        unsafe {
            storage::StorPortNotification(
                _SCSI_NOTIFICATION_TYPE::BusChangeDetected,
                self.extension(),
                u32::from(path),
            );
        };
    }

    /// Tells the port that the adapter saw a reset that the port did not ask for (`ResetDetected`). Any IRQL.
    pub fn reset_detected(self, path: u8) {
        // SAFETY: the extension is live (type invariant); ResetDetected takes one path number.
        unsafe {
            storage::StorPortNotification(
                _SCSI_NOTIFICATION_TYPE::ResetDetected,
                self.extension(),
                u32::from(path),
            );
        };
    }

    /// Sets how many requests the port may have outstanding at a unit that it has found already.
    /// Returns false when the port does not know the unit. IRQL: at most `DISPATCH_LEVEL`.
    #[must_use]
    pub fn set_device_queue_depth(self, unit: UnitAddress, depth: u32) -> bool {
        // SAFETY: the extension is live (type invariant); the other arguments are plain numbers.
        let set = unsafe {
            storage::StorPortSetDeviceQueueDepth(
                self.extension(),
                unit.path,
                unit.target,
                unit.lun,
                depth,
            )
        };
        set != 0
    }

    /// Waits actively for `microseconds`.
    ///
    /// Storport Verification allows at most 100 000 in normal life; the driver asks for at most 1000 at a time
    /// (documentation of `StorPortStallExecution`). Never from `HwStorStartIo` (SDV rule `StorPortStartIo`).
    pub fn stall_execution(self, microseconds: u32) {
        // SAFETY: takes a plain number.
        unsafe { storage::StorPortStallExecution(microseconds) };
    }

    /// Writes an entry about the adapter to the system event log. IRQL: at most `DISPATCH_LEVEL`.
    ///
    /// # Errors
    /// The port's status, for example [`StorError::NotImplemented`] in the dump stack.
    pub fn log_adapter_event(self, error: EventCode, unique_id: u32) -> Result<(), StorError> {
        let mut details = STOR_LOG_EVENT_DETAILS {
            InterfaceRevision: LOG_INTERFACE_REVISION,
            Size: size_of::<STOR_LOG_EVENT_DETAILS>() as u32,
            EventAssociation: wdk_sys::_STOR_EVENT_ASSOCIATION_ENUM::StorEventAdapterAssociation,
            StorportSpecificErrorCode: 1,
            ErrorCode: error as u32,
            UniqueId: unique_id,
            ..Default::default()
        };
        let mut maximum_bytes = 0;
        // SAFETY: the extension is live (type invariant); both pointers are to locals that outlive the call.
        let code = unsafe {
            inlines::StorPortLogSystemEvent(
                self.extension(),
                &raw mut details,
                &raw mut maximum_bytes,
            )
        };
        StorError::check(code)
    }
}

/// Codes of the event log entries that the driver writes (`SP_*` of srb.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum EventCode {
    /// The adapter broke its protocol: an index, id or length that cannot be.
    ProtocolError = wdk_sys::SP_PROTOCOL_ERROR,
    /// The adapter failed internally, for example it would not leave reset.
    InternalAdapterError = wdk_sys::SP_INTERNAL_ADAPTER_ERROR,
    /// The adapter did not answer in time.
    BusTimeOut = wdk_sys::SP_BUS_TIME_OUT,
}
