//! From an SRB to a command: what both lives have in common.
//!
//! Key types: [`Kind`], [`direction`]. Neighbours: `hba::request` writes the command, [`crate::status`] answers.

use ddi::{
    adapter::Adapter,
    port::{Port, UnitAddress},
    scatter::ScatterGather,
    srb::{Priority, QueueAction, ScsiRequest, Srb, SrbFlags, Usual},
};
use hba::{
    request::{CdbField, DataDirection, Request, TaskAttribute},
    scsi::lun::ScsiAddress,
};

/// The adapter's only bus.
pub(crate) const PATH: u8 = 0;

/// Why a request makes no command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The unit is not on the adapter's bus.
    NoSuchPath,
    /// Data in both directions at once.
    Bidirectional,
    /// The port has no scatter/gather list for the data.
    NoScatterGather,
}

impl Refusal {
    /// The refusal as a number, for the flight recorder.
    pub(crate) const fn code(self) -> u64 {
        match self {
            Self::NoSuchPath => 0x101,
            Self::Bidirectional => 0x102,
            Self::NoScatterGather => 0x103,
        }
    }
}

/// The address on the wire.
#[inline]
pub(crate) const fn wire_address(unit: UnitAddress) -> ScsiAddress {
    ScsiAddress::from_u8(unit.target, unit.lun)
}

/// The address as a number, for the flight recorder.
pub(crate) fn address_code(unit: UnitAddress) -> u64 {
    u64::from(u32::from_be_bytes([0, unit.path, unit.target, unit.lun]))
}

/// Which way the data of a request goes.
#[inline]
pub(crate) const fn direction(flags: SrbFlags, data_bytes: u32) -> Result<DataDirection, Refusal> {
    if data_bytes == 0 {
        return Ok(DataDirection::None);
    }
    match (
        flags.contains(SrbFlags::DATA_IN),
        flags.contains(SrbFlags::DATA_OUT),
    ) {
        (true, false) => Ok(DataDirection::In),
        (false, true) => Ok(DataDirection::Out),
        (false, false) => Ok(DataDirection::None),
        (true, true) => Err(Refusal::Bidirectional),
    }
}

/// How the device may order a command (virtio 5.6.6.1, `task_attr`).
#[inline]
const fn attribute(action: QueueAction) -> TaskAttribute {
    match action {
        QueueAction::None | QueueAction::Simple => TaskAttribute::Simple,
        QueueAction::HeadOfQueue => TaskAttribute::HeadOfQueue,
        QueueAction::Ordered => TaskAttribute::Ordered,
    }
}

/// The command priority (virtio 5.6.6.1, `prio`; SAM-5, 8.7): 1 is the highest, 15 the lowest, and 0 says nothing.
#[inline]
const fn wire_priority(priority: Priority) -> u8 {
    match priority {
        Priority::Critical => 1,
        Priority::High => 4,
        Priority::Normal => 0,
        Priority::Low => 12,
        Priority::VeryLow => 15,
    }
}

/// The command of an `EXECUTE_SCSI` request of any shape, and its data as the device sees them.
pub(crate) fn command<'srb, A: Adapter>(
    srb: &'srb Srb<A>,
    port: Port<'_>,
) -> Result<(Request, ScatterGather<'srb>), Refusal> {
    let (direction, data_bytes, list) = data(srb, port, srb.flags(), srb.data_transfer_length())?;
    let ScsiRequest {
        address,
        cdb,
        queue_action,
        priority,
    } = srb.scsi_request();
    if address.path != PATH {
        return Err(Refusal::NoSuchPath);
    }
    let request = Request {
        address: wire_address(address),
        cdb: CdbField::new(cdb),
        attribute: attribute(queue_action),
        priority: wire_priority(priority),
        direction,
        data_bytes,
    };
    Ok((request, list))
}

/// The same of a request of the usual shape, without a loop and with few tests; `None` if it takes more than that to say why it is no command.
#[inline]
pub(crate) fn usual_command<'srb, A: Adapter>(
    srb: &'srb Srb<A>,
    usual: Usual<'_>,
    port: Port<'_>,
) -> Option<(Request, ScatterGather<'srb>)> {
    let (direction, data_bytes, list) =
        data(srb, port, usual.flags(), usual.data_transfer_length()).ok()?;
    // After the call of the port's, across which registers would have to be kept.
    let (address, (field, bytes)) = (usual.address(), usual.cdb());
    if address.path != PATH {
        return None;
    }
    let (attribute, priority) = match usual.order() {
        None => (TaskAttribute::Simple, wire_priority(Priority::Normal)),
        Some((action, priority)) => (attribute(action), wire_priority(priority)),
    };
    let request = Request {
        address: wire_address(address),
        cdb: CdbField::from_16(field, bytes)?,
        attribute,
        priority,
        direction,
        data_bytes,
    };
    Some((request, list))
}

/// Direction, length and pieces of a request's data.
#[inline]
fn data<'srb, A: Adapter>(
    srb: &'srb Srb<A>,
    port: Port<'_>,
    flags: SrbFlags,
    asked: u32,
) -> Result<(DataDirection, u32, ScatterGather<'srb>), Refusal> {
    let direction = direction(flags, asked)?;
    if direction == DataDirection::None {
        return Ok((direction, 0, ScatterGather::EMPTY));
    }
    let list = srb.scatter_gather(port).ok_or(Refusal::NoScatterGather)?;
    Ok((direction, asked, list))
}

/// A command without data for the unit of a request.
pub(crate) fn command_without_data(unit: UnitAddress, cdb: &[u8]) -> Request {
    Request {
        address: wire_address(unit),
        cdb: CdbField::new(cdb),
        attribute: TaskAttribute::Simple,
        priority: 0,
        direction: DataDirection::None,
        data_bytes: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::{Priority, QueueAction, TaskAttribute, attribute, wire_priority};

    #[test]
    fn more_urgent_requests_have_smaller_numbers_and_most_have_none() {
        let numbers = [
            Priority::Critical,
            Priority::High,
            Priority::Low,
            Priority::VeryLow,
        ]
        .map(wire_priority);
        assert!(numbers.is_sorted() && numbers[0] > 0 && numbers[3] < 16);
        assert_eq!(wire_priority(Priority::Normal), 0);
    }

    #[test]
    fn tags_become_task_attributes() {
        assert_eq!(attribute(QueueAction::None), TaskAttribute::Simple);
        assert_eq!(
            attribute(QueueAction::HeadOfQueue),
            TaskAttribute::HeadOfQueue
        );
        assert_eq!(attribute(QueueAction::Ordered), TaskAttribute::Ordered);
    }
}
