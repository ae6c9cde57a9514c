//! Status values that cross the border to Storport: request status, service status, find status.
//!
//! Key types: [`SrbStatus`] (how a request ended), [`StorError`] (why a Storport service refused), [`FindError`] (why an
//! adapter was not taken). Which status a request gets is decided in one file of the driver; here are only the values.
//! Source: WDK 10.0.22621 `srb.h` and `storport.h`.

use wdk_sys::{
    SP_RETURN_BAD_CONFIG, SP_RETURN_ERROR, SP_RETURN_NOT_FOUND, SRB_STATUS_ABORT_FAILED,
    SRB_STATUS_ABORTED, SRB_STATUS_AUTOSENSE_VALID, SRB_STATUS_BUS_RESET, SRB_STATUS_BUSY,
    SRB_STATUS_DATA_OVERRUN, SRB_STATUS_ERROR, SRB_STATUS_INSUFFICIENT_RESOURCES,
    SRB_STATUS_INVALID_LUN, SRB_STATUS_INVALID_REQUEST, SRB_STATUS_INVALID_TARGET_ID,
    SRB_STATUS_NO_DEVICE, SRB_STATUS_NO_HBA, SRB_STATUS_SUCCESS, SRB_STATUS_TIMEOUT,
    STOR_STATUS_ACCESS_DENIED, STOR_STATUS_BUFFER_TOO_SMALL, STOR_STATUS_BUSY,
    STOR_STATUS_INSUFFICIENT_RESOURCES, STOR_STATUS_INVALID_DEVICE_REQUEST,
    STOR_STATUS_INVALID_IRQL, STOR_STATUS_INVALID_PARAMETER, STOR_STATUS_NOT_IMPLEMENTED,
    STOR_STATUS_SUCCESS,
};

/// How a request ended: the value of `SrbStatus` at completion.
///
/// `SRB_STATUS_PENDING` has no variant: a request cannot be completed with it (SDV rule `StorPortStatusPending`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum SrbStatus {
    /// Done; for a short transfer the length tells how much.
    Success = SRB_STATUS_SUCCESS as u8,
    /// Ended by an abort task.
    Aborted = SRB_STATUS_ABORTED as u8,
    /// The request to abort was not found, or the device would not abort it.
    AbortFailed = SRB_STATUS_ABORT_FAILED as u8,
    /// Failed without sense data.
    Error = SRB_STATUS_ERROR as u8,
    /// Failed, and the sense buffer says why.
    ErrorWithSense = (SRB_STATUS_ERROR | SRB_STATUS_AUTOSENSE_VALID) as u8,
    /// Not accepted now; the port sends the request again.
    Busy = SRB_STATUS_BUSY as u8,
    /// The function or its parameters are not supported.
    InvalidRequest = SRB_STATUS_INVALID_REQUEST as u8,
    /// No device at this address any more.
    NoDevice = SRB_STATUS_NO_DEVICE as u8,
    /// The adapter did not answer in time.
    Timeout = SRB_STATUS_TIMEOUT as u8,
    /// Ended by a reset of the unit, target, bus or adapter.
    BusReset = SRB_STATUS_BUS_RESET as u8,
    /// The adapter has failed or is gone.
    NoHba = SRB_STATUS_NO_HBA as u8,
    /// More or less data than asked for; the length tells how much.
    DataOverrun = SRB_STATUS_DATA_OVERRUN as u8,
    /// No such logical unit.
    InvalidLun = SRB_STATUS_INVALID_LUN as u8,
    /// No such target.
    InvalidTargetId = SRB_STATUS_INVALID_TARGET_ID as u8,
    /// The request needs more resources than the adapter has.
    InsufficientResources = SRB_STATUS_INSUFFICIENT_RESOURCES as u8,
}

impl SrbStatus {
    /// The value as the SRB stores it.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }
}

/// Why a Storport service refused (`STOR_STATUS_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StorError {
    /// `STOR_STATUS_NOT_IMPLEMENTED`: this port driver (or the dump port driver) does not have the service.
    NotImplemented,
    /// `STOR_STATUS_INSUFFICIENT_RESOURCES`.
    InsufficientResources,
    /// `STOR_STATUS_BUFFER_TOO_SMALL`.
    BufferTooSmall,
    /// `STOR_STATUS_ACCESS_DENIED`.
    AccessDenied,
    /// `STOR_STATUS_INVALID_PARAMETER`.
    InvalidParameter,
    /// `STOR_STATUS_INVALID_DEVICE_REQUEST`: for example no message-signalled interrupts.
    InvalidDeviceRequest,
    /// `STOR_STATUS_INVALID_IRQL`.
    InvalidIrql,
    /// `STOR_STATUS_BUSY`.
    Busy,
    /// Any other failure, with its code.
    Other(u32),
}

impl StorError {
    /// Turns a `STOR_STATUS_*` code into a result.
    ///
    /// # Errors
    /// Any code but `STOR_STATUS_SUCCESS`.
    pub(crate) const fn check(code: u32) -> Result<(), Self> {
        Err(match code {
            STOR_STATUS_SUCCESS => return Ok(()),
            STOR_STATUS_NOT_IMPLEMENTED => Self::NotImplemented,
            STOR_STATUS_INSUFFICIENT_RESOURCES => Self::InsufficientResources,
            STOR_STATUS_BUFFER_TOO_SMALL => Self::BufferTooSmall,
            STOR_STATUS_ACCESS_DENIED => Self::AccessDenied,
            STOR_STATUS_INVALID_PARAMETER => Self::InvalidParameter,
            STOR_STATUS_INVALID_DEVICE_REQUEST => Self::InvalidDeviceRequest,
            STOR_STATUS_INVALID_IRQL => Self::InvalidIrql,
            STOR_STATUS_BUSY => Self::Busy,
            other => Self::Other(other),
        })
    }
}

/// Why `HwStorFindAdapter` does not take the adapter; SDV rule `SpReturnValue` knows no other answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FindError {
    /// `SP_RETURN_NOT_FOUND`: no adapter of ours at this place.
    NotFound,
    /// `SP_RETURN_ERROR`: the adapter is there and cannot be used now.
    Failed,
    /// `SP_RETURN_BAD_CONFIG`: the configuration that was handed over is invalid.
    BadConfig,
}

impl FindError {
    pub(crate) const fn code(self) -> u32 {
        match self {
            Self::NotFound => SP_RETURN_NOT_FOUND,
            Self::Failed => SP_RETURN_ERROR,
            Self::BadConfig => SP_RETURN_BAD_CONFIG,
        }
    }
}
