//! Responses to command requests (virtio 5.6.6.1) and what they mean.

use crate::access::SharedMemory;

use super::prepare::Prepared;

const VERDICT: u32 = 8;
const SENSE: u32 = 12;

/// Never a response code. Written ahead of each request: a completion that leaves it there is no completion.
const POISON: u8 = 0xFF;
const STATUS_GOOD: u8 = 0;

/// Prepares a response area, so that a device that returns a request without answering it is found out.
#[inline]
pub(super) fn poison<M: SharedMemory>(memory: &M, offset: u32) {
    // Qualifier, status, response code, and the first bytes of the sense field: a response is read only if the code says that there is one.
    memory.write_u64(
        offset.wrapping_add(VERDICT),
        u64::from_le_bytes([0, 0, 0, POISON, 0xFF, 0xFF, 0xFF, 0xFF]),
    );
}

/// The fixed part of a response, read once and then private.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Response {
    sense_length: u32,
    residual: u32,
    /// SCSI status in the lower half, response code in the upper.
    verdict: u16,
    sense_offset: u32,
    data_bytes: u32,
    sense_field: u8,
}

/// What a response says that cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseFault {
    /// The device returned the request without writing a response.
    NotWritten,
    /// The command succeeded, but more bytes are said to be missing than were asked for.
    Residual,
}

/// The outcome of a command. Codes of virtio 5.6.6.1, with an arm for whatever else a device may invent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// `VIRTIO_SCSI_S_OK` with status GOOD. [`Completion::transferred`] may be less than was asked for.
    Success,
    /// `VIRTIO_SCSI_S_OK` with another status; see [`Completion::scsi_status`] and the sense data.
    Status,
    /// `VIRTIO_SCSI_S_OVERRUN`: the CDB asks for more data than there is buffer.
    Overrun,
    /// `VIRTIO_SCSI_S_ABORTED`: cancelled by a task management function.
    Aborted,
    /// `VIRTIO_SCSI_S_BAD_TARGET`: there is no such target.
    BadTarget,
    /// `VIRTIO_SCSI_S_RESET`: cancelled by a reset.
    Reset,
    /// `VIRTIO_SCSI_S_BUSY`: retry on the same path.
    Busy,
    /// `VIRTIO_SCSI_S_TRANSPORT_FAILURE`: the link between host and target failed.
    TransportFailure,
    /// `VIRTIO_SCSI_S_TARGET_FAILURE`: do not retry on other paths.
    TargetFailure,
    /// `VIRTIO_SCSI_S_NEXUS_FAILURE`: another path may succeed.
    NexusFailure,
    /// `VIRTIO_SCSI_S_FAILURE`: some other error.
    Failure,
    /// A response code that virtio 1.3 does not know.
    Unknown(u8),
    /// A response that contradicts itself; treat as failure.
    Malformed(ResponseFault),
}

/// The end of a command. What the operating system is told of it is the caller's choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Completion {
    /// How it ended.
    pub outcome: Outcome,
    /// SCSI status byte; GOOD (0) unless `outcome` is [`Outcome::Status`].
    pub scsi_status: u8,
    /// Bytes of data moved: what was asked for less the residual. Meaningful for `Success`, and for `Status` as far as the
    /// device knows.
    pub transferred: u32,
    /// Bytes of sense data that the device wrote, at most [`SENSE_BYTES`](crate::device::SENSE_BYTES).
    pub sense_bytes: u8,
}

impl Response {
    /// Reads the response of a completed request from its frame.
    #[inline]
    pub fn read<M: SharedMemory>(memory: &M, prepared: &Prepared) -> Self {
        let at = prepared.response_offset.get();
        // Sense length and residual; qualifier, status, response code, and the first bytes of the sense field.
        let [lengths, verdict] = memory.read_words(at);
        Self {
            // Each is as wide as what it takes.
            sense_length: u32::try_from(lengths & 0xFFFF_FFFF).unwrap_or_default(),
            residual: u32::try_from(lengths >> 32).unwrap_or_default(),
            verdict: u16::try_from((verdict >> 16) & 0xFFFF).unwrap_or_default(),
            sense_offset: at.wrapping_add(SENSE),
            data_bytes: prepared.data_bytes,
            sense_field: prepared.sense_bytes,
        }
    }

    /// Whether the command did all that it was asked for: [`Outcome::Success`] with nothing missing. Nearly all are so.
    #[inline]
    #[must_use]
    pub fn is_plain_success(&self) -> bool {
        // Response code and status are 0 then as well, so one test will do.
        const { assert!(STATUS_GOOD == 0) };
        self.residual | u32::from(self.verdict) == 0
    }

    /// What it means.
    #[inline]
    #[must_use]
    pub fn completion(&self) -> Completion {
        let [status, code] = self.verdict.to_le_bytes();
        let outcome = match code {
            0 if status != STATUS_GOOD => Outcome::Status,
            0 if self.residual > self.data_bytes => Outcome::Malformed(ResponseFault::Residual),
            0 => Outcome::Success,
            code => unsuccessful(code),
        };
        let transferred = match outcome {
            Outcome::Success | Outcome::Status => self.data_bytes.saturating_sub(self.residual),
            _ => 0,
        };
        let (scsi_status, sense_bytes) = match outcome {
            Outcome::Status => (status, self.bounded_sense()),
            _ => (STATUS_GOOD, 0),
        };
        Completion {
            outcome,
            scsi_status,
            transferred,
            sense_bytes,
        }
    }

    /// Bytes of sense data: no more than the sense field has.
    #[inline]
    fn bounded_sense(&self) -> u8 {
        u8::try_from(self.sense_length)
            .map_or(self.sense_field, |length| length.min(self.sense_field))
    }

    /// Copies the sense data into `destination` and returns how many bytes that were: bounded by what the device wrote, by the
    /// sense field, and by `destination`.
    pub fn copy_sense<M: SharedMemory>(&self, memory: &M, destination: &mut [u8]) -> usize {
        let bytes = usize::from(self.completion().sense_bytes).min(destination.len());
        match destination.get_mut(..bytes) {
            Some(target) => {
                memory.read_bytes(self.sense_offset, target);
                bytes
            }
            None => 0,
        }
    }
}

#[cold]
fn unsuccessful(code: u8) -> Outcome {
    match code {
        1 => Outcome::Overrun,
        2 => Outcome::Aborted,
        3 => Outcome::BadTarget,
        4 => Outcome::Reset,
        5 => Outcome::Busy,
        6 => Outcome::TransportFailure,
        7 => Outcome::TargetFailure,
        8 => Outcome::NexusFailure,
        9 => Outcome::Failure,
        POISON => Outcome::Malformed(ResponseFault::NotWritten),
        other => Outcome::Unknown(other),
    }
}
