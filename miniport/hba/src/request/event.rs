//! Events (virtio 5.6.6.3).

use crate::access::SharedMemory;
use crate::scsi::lun::{LunError, ScsiAddress};

const EVENTS_MISSED: u32 = 0x8000_0000;
const LUN_OFFSET: u32 = 4;
const REASON_OFFSET: u32 = 12;

/// Why a logical unit went through a transport reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResetReason {
    /// It was reset and is still there.
    Hard,
    /// It, or with logical unit 0 perhaps its target, has appeared: rescan.
    Rescan,
    /// It, or with logical unit 0 perhaps its target, is gone: rescan.
    Removed,
    /// A reason that virtio 1.3 does not know.
    Unknown(u32),
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// Nothing; usually a carrier of [`Event::missed`].
    None,
    /// A logical unit was reset, appeared or disappeared.
    TransportReset(ResetReason),
    /// An asynchronous notification to which nobody has subscribed; the event bits.
    AsyncNotify(u32),
    /// Parameters of a logical unit changed, its capacity for instance (0x2A, 0x09).
    ParameterChange {
        /// Additional sense code.
        asc: u8,
        /// Additional sense code qualifier.
        ascq: u8,
    },
    /// An event that virtio 1.3 does not know.
    Unknown(u32),
}

/// Whether events were lost for want of buffers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missed {
    /// None that the device knows of.
    Nothing,
    /// Some: rescan the bus.
    Some,
}

/// One event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// Where; an error when the device's address makes no sense, as it may with `EventKind::None`.
    pub address: Result<ScsiAddress, LunError>,
    /// Whether others were lost before it.
    pub missed: Missed,
}

/// Reads the event in the buffer at `offset`.
pub(crate) fn read<M: SharedMemory>(memory: &M, offset: u32) -> Event {
    let event = memory.read_u32(offset);
    let reason = memory.read_u32(offset.wrapping_add(REASON_OFFSET));
    let [asc, ascq, _, _] = reason.to_le_bytes();
    let mut lun = [0; 8];
    memory.read_bytes(offset.wrapping_add(LUN_OFFSET), &mut lun);
    let kind = match event & !EVENTS_MISSED {
        0 => EventKind::None,
        1 => EventKind::TransportReset(match reason {
            0 => ResetReason::Hard,
            1 => ResetReason::Rescan,
            2 => ResetReason::Removed,
            other => ResetReason::Unknown(other),
        }),
        2 => EventKind::AsyncNotify(reason),
        3 => EventKind::ParameterChange { asc, ascq },
        other => EventKind::Unknown(other),
    };
    let missed = if event & EVENTS_MISSED == 0 {
        Missed::Nothing
    } else {
        Missed::Some
    };
    Event {
        kind,
        address: ScsiAddress::decode(lun),
        missed,
    }
}
