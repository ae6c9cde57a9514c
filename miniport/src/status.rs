//! The one place where a request's SRB status is chosen.
//!
//! Key types: [`Verdict`] and the functions that make it. Sources: virtio 1.3, 5.6.6.1 (responses); documentation of `SCSI_REQUEST_BLOCK`
//! and of sense data in Storport; the mapping that Windows' virtio-scsi driver established in the field.

use ddi::{
    adapter::Adapter,
    port::Port,
    srb::{Completed, Srb},
    status::SrbStatus,
};
use hba::{
    device::SENSE_BYTES,
    request::{Completion, Outcome, PrepareError, TmfOutcome},
};

/// `SCSISTAT_GOOD`.
const GOOD: u8 = 0x00;
/// `SCSISTAT_CHECK_CONDITION`.
const CHECK_CONDITION: u8 = 0x02;
/// `SCSISTAT_BUSY`.
const DEVICE_BUSY: u8 = 0x08;
/// `SCSISTAT_QUEUE_FULL`.
const QUEUE_FULL: u8 = 0x28;

/// Sense keys (SPC-5, 4.5.6): NOT READY, ILLEGAL REQUEST and UNIT ATTENTION.
const NOT_READY: u8 = 0x2;
const ILLEGAL_REQUEST: u8 = 0x5;
const UNIT_ATTENTION: u8 = 0x6;

/// What a request is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// `SrbStatus`, before it is known whether sense data fit.
    pub(crate) srb_status: SrbStatus,
    /// `ScsiStatus`.
    pub(crate) scsi_status: u8,
    /// `DataTransferLength`, or `None` to leave it alone (the port sends a busy request again).
    pub(crate) transferred: Option<u32>,
}

/// How a command that asked for `data_bytes` ended.
pub(crate) fn of_command(completion: Completion, data_bytes: u32) -> Verdict {
    let Completion {
        outcome,
        scsi_status,
        transferred,
        sense_bytes: _,
    } = completion;
    let failed = |srb_status| Verdict {
        srb_status,
        scsi_status: GOOD,
        transferred: Some(0),
    };
    match outcome {
        Outcome::Success if transferred == data_bytes => Verdict {
            srb_status: SrbStatus::Success,
            scsi_status: GOOD,
            transferred: Some(transferred),
        },
        Outcome::Success => Verdict {
            srb_status: SrbStatus::DataOverrun,
            scsi_status: GOOD,
            transferred: Some(transferred),
        },
        Outcome::Status if matches!(scsi_status, DEVICE_BUSY | QUEUE_FULL) => Verdict {
            srb_status: SrbStatus::Busy,
            scsi_status,
            transferred: None,
        },
        Outcome::Status => Verdict {
            srb_status: SrbStatus::Error,
            scsi_status,
            transferred: Some(transferred),
        },
        Outcome::Busy => Verdict {
            srb_status: SrbStatus::Busy,
            scsi_status: DEVICE_BUSY,
            transferred: None,
        },
        Outcome::Overrun => failed(SrbStatus::DataOverrun),
        Outcome::Aborted => failed(SrbStatus::Aborted),
        Outcome::BadTarget => failed(SrbStatus::InvalidTargetId),
        Outcome::Reset => failed(SrbStatus::BusReset),
        Outcome::TransportFailure
        | Outcome::TargetFailure
        | Outcome::NexusFailure
        | Outcome::Failure
        | Outcome::Unknown(_)
        | Outcome::Malformed(_) => failed(SrbStatus::Error),
    }
}

/// A request for which the queue has no room now: QUEUE FULL makes the port hold the unit until some of its requests are done,
/// and send this one again.
pub(crate) const QUEUE_IS_FULL: Verdict = Verdict {
    srb_status: SrbStatus::Busy,
    scsi_status: QUEUE_FULL,
    transferred: None,
};

/// How the SYNCHRONIZE CACHE of a FLUSH or SHUTDOWN ended. A unit without a cache or without a medium has nothing to lose. One that
/// answered with UNIT ATTENTION, as after each reset, has not executed it: whoever asked must ask again, as after a bus reset.
pub(crate) fn of_flush(completion: Completion, sense: &[u8]) -> SrbStatus {
    match completion.outcome {
        Outcome::Success => SrbStatus::Success,
        Outcome::Status if is_unit_attention(completion, sense) => SrbStatus::BusReset,
        Outcome::Status
            if completion.scsi_status == CHECK_CONDITION
                && matches!(sense_key(sense), Some(NOT_READY | ILLEGAL_REQUEST)) =>
        {
            SrbStatus::Success
        }
        Outcome::BadTarget => SrbStatus::NoDevice,
        Outcome::Reset => SrbStatus::BusReset,
        Outcome::Aborted => SrbStatus::Aborted,
        _ => SrbStatus::Error,
    }
}

/// Whether a command was not executed but answered with UNIT ATTENTION.
pub(crate) fn is_unit_attention(completion: Completion, sense: &[u8]) -> bool {
    completion.outcome == Outcome::Status
        && completion.scsi_status == CHECK_CONDITION
        && sense_key(sense) == Some(UNIT_ATTENTION)
}

/// Sense key of fixed or descriptor format sense data (SPC-5, 4.5).
fn sense_key(sense: &[u8]) -> Option<u8> {
    match sense.first()? & 0x7F {
        0x70 | 0x71 => sense.get(2).map(|byte| byte & 0xF),
        0x72 | 0x73 => sense.get(1).map(|byte| byte & 0xF),
        _ => None,
    }
}

/// How a reset request ended.
pub(crate) const fn of_reset(outcome: TmfOutcome) -> SrbStatus {
    match outcome {
        TmfOutcome::Complete | TmfOutcome::Succeeded => SrbStatus::Success,
        TmfOutcome::IncorrectLun => SrbStatus::InvalidLun,
        TmfOutcome::BadTarget => SrbStatus::InvalidTargetId,
        TmfOutcome::Busy => SrbStatus::Busy,
        TmfOutcome::Rejected
        | TmfOutcome::Failure(_)
        | TmfOutcome::Unknown(_)
        | TmfOutcome::NotWritten => SrbStatus::Error,
    }
}

/// How an abort request ended.
pub(crate) const fn of_abort(outcome: TmfOutcome) -> SrbStatus {
    match outcome {
        TmfOutcome::Complete | TmfOutcome::Succeeded => SrbStatus::Success,
        _ => SrbStatus::AbortFailed,
    }
}

/// Why a request could not be prepared.
pub(crate) const fn of_refusal(error: PrepareError) -> SrbStatus {
    match error {
        PrepareError::FrameOutOfRange => SrbStatus::InsufficientResources,
        PrepareError::CdbEmpty
        | PrepareError::CdbTooLong
        | PrepareError::TooManySegments
        | PrepareError::SegmentEmpty
        | PrepareError::SegmentOverflow
        | PrepareError::LengthMismatch
        | PrepareError::DirectionMismatch => SrbStatus::InvalidRequest,
    }
}

/// Completes a command with its verdict. `copy_sense` fills its second argument with the device's sense data and returns the length.
#[inline]
pub(crate) fn complete<A: Adapter>(
    mut srb: Srb<A>,
    port: Port<'_>,
    verdict: &Verdict,
    copy_sense: impl FnOnce(&Srb<A>, &mut [u8]) -> usize,
) -> Completed {
    let mut status = verdict.srb_status;
    if status == SrbStatus::Error && verdict.scsi_status == CHECK_CONDITION {
        status = with_sense(&mut srb, copy_sense);
    }
    srb.set_scsi_status(verdict.scsi_status);
    if let Some(bytes) = verdict.transferred {
        srb.set_data_transfer_length(bytes);
    }
    srb.complete(port, status)
}

/// Copies sense data into the request, if both have any; returns the status that says so.
#[cold]
fn with_sense<A: Adapter>(
    srb: &mut Srb<A>,
    copy_sense: impl FnOnce(&Srb<A>, &mut [u8]) -> usize,
) -> SrbStatus {
    let mut sense = [0; SENSE_BYTES];
    let length = copy_sense(srb, &mut sense);
    match sense.get(..length) {
        Some(sense) if !sense.is_empty() && srb.set_sense(sense) != 0 => SrbStatus::ErrorWithSense,
        _ => SrbStatus::Error,
    }
}

#[cfg(test)]
mod tests;
