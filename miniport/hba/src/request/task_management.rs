//! Task management functions: request and response (virtio 5.6.6.2).

use crate::access::SharedMemory;
use crate::ring::Tag;
use crate::scsi::lun::ScsiAddress;

/// Bytes of the device-readable part of `struct virtio_scsi_ctrl_tmf`.
pub(crate) const REQUEST_BYTES: u32 = 24;
/// The response byte has the second half of its frame.
pub(crate) const RESPONSE_OFFSET: u32 = 32;

const SUBTYPE_OFFSET: u32 = 4;
const LUN_OFFSET: u32 = 8;
const ID_OFFSET: u32 = 16;
const TYPE_TMF: u32 = 0;
const POISON: u8 = 0xFF;

/// A task management function, with what it addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskFunction {
    /// ABORT TASK: the command with this tag, at the address it was sent to.
    AbortTask(Tag),
    /// ABORT TASK SET: all commands of this initiator at the logical unit.
    AbortTaskSet,
    /// LOGICAL UNIT RESET.
    LogicalUnitReset,
    /// `I_T` NEXUS RESET: the whole target; the logical unit number is ignored.
    TargetReset,
    /// QUERY TASK: is this command still known?
    QueryTask(Tag),
}

impl TaskFunction {
    const fn subtype(self) -> u32 {
        match self {
            Self::AbortTask(_) => 0,
            Self::AbortTaskSet => 1,
            Self::TargetReset => 4,
            Self::LogicalUnitReset => 5,
            Self::QueryTask(_) => 6,
        }
    }

    const fn id(self) -> u64 {
        match self {
            Self::AbortTask(tag) | Self::QueryTask(tag) => tag.get(),
            Self::AbortTaskSet | Self::LogicalUnitReset | Self::TargetReset => 0,
        }
    }
}

/// A task management request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskManagement {
    /// Target and logical unit.
    pub address: ScsiAddress,
    /// What to do.
    pub function: TaskFunction,
}

impl TaskManagement {
    /// Writes request and poisoned response into the frame at `offset`.
    pub(crate) fn write<M: SharedMemory>(&self, memory: &M, offset: u32) {
        memory.write_u32(offset, TYPE_TMF);
        memory.write_u32(offset.wrapping_add(SUBTYPE_OFFSET), self.function.subtype());
        memory.write_u64(
            offset.wrapping_add(LUN_OFFSET),
            u64::from_le_bytes(self.address.encode()),
        );
        memory.write_u64(offset.wrapping_add(ID_OFFSET), self.function.id());
        memory.write_u8(offset.wrapping_add(RESPONSE_OFFSET), POISON);
    }
}

/// How a task management function ended (virtio 5.6.6.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TmfOutcome {
    /// FUNCTION COMPLETE: done; every affected command has been completed before.
    Complete,
    /// FUNCTION SUCCEEDED: for queries, the task is known; otherwise as `Complete`.
    Succeeded,
    /// FUNCTION REJECTED: the device does not support it.
    Rejected,
    /// There is no such logical unit.
    IncorrectLun,
    /// There is no such target.
    BadTarget,
    /// Try again later.
    Busy,
    /// Transport, target, nexus or other failure; the code as received.
    Failure(u8),
    /// A code that virtio 1.3 does not know.
    Unknown(u8),
    /// The device returned the request without writing a response.
    NotWritten,
}

impl TmfOutcome {
    pub(crate) fn read<M: SharedMemory>(memory: &M, offset: u32) -> Self {
        match memory.read_u8(offset.wrapping_add(RESPONSE_OFFSET)) {
            0 => Self::Complete,
            10 => Self::Succeeded,
            11 => Self::Rejected,
            12 => Self::IncorrectLun,
            3 => Self::BadTarget,
            5 => Self::Busy,
            code @ 6..=9 => Self::Failure(code),
            POISON => Self::NotWritten,
            code => Self::Unknown(code),
        }
    }
}
