//! From an SRB to a command: what both lives have in common.
//!
//! Key types: [`Kind`], [`direction`]. Neighbours: `hba::request` writes the command, [`crate::status`] answers.

use ddi::{
    adapter::Adapter,
    port::{Port, UnitAddress},
    scatter::ScatterGather,
    srb::{Srb, SrbFlags},
};
use hba::{
    request::{DataDirection, Request, Segment, TaskAttribute},
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

/// The command of an `EXECUTE_SCSI` request, and its data as the device sees them.
#[inline]
pub(crate) fn command<'srb, A: Adapter>(
    srb: &'srb Srb<A>,
    port: Port<'_>,
) -> Result<(Request<'srb>, ScatterGather<'srb>), Refusal> {
    let unit = srb.address();
    if unit.path != PATH {
        return Err(Refusal::NoSuchPath);
    }
    let asked = srb.data_transfer_length();
    let direction = direction(srb.flags(), asked)?;
    let (data_bytes, list) = if direction == DataDirection::None {
        (0, ScatterGather::EMPTY)
    } else {
        let list = srb.scatter_gather(port).ok_or(Refusal::NoScatterGather)?;
        (asked, list)
    };
    let request = Request {
        address: wire_address(unit),
        cdb: srb.cdb(),
        attribute: TaskAttribute::Simple,
        priority: 0,
        direction,
        data_bytes,
    };
    Ok((request, list))
}

/// A command without data for the unit of a request.
pub(crate) const fn command_without_data(unit: UnitAddress, cdb: &[u8]) -> Request<'_> {
    Request {
        address: wire_address(unit),
        cdb,
        attribute: TaskAttribute::Simple,
        priority: 0,
        direction: DataDirection::None,
        data_bytes: 0,
    }
}

/// The pieces of the data in the engine's terms.
#[inline]
pub(crate) fn segments(list: ScatterGather<'_>) -> impl Iterator<Item = Segment> {
    list.iter().map(|(bus_address, length)| Segment {
        bus_address,
        length,
    })
}
