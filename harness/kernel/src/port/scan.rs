//! The bus scan: REPORT LUNS or probing, INQUIRY, READ CAPACITY, unit start.

use alloc::{string::String, vec, vec::Vec};

use proto::{owner::Owner, record::Record};

use super::{
    PortError,
    abi::{
        codes::unit_control,
        srb::{
            SRB_STATUS_DATA_OVERRUN, SRB_STATUS_ERROR, SRB_STATUS_INVALID_LUN,
            SRB_STATUS_INVALID_PATH_ID, SRB_STATUS_INVALID_TARGET_ID, SRB_STATUS_NO_DEVICE,
            SRB_STATUS_SELECTION_TIMEOUT, SRB_STATUS_SUCCESS, SRB_STATUS_TIMEOUT,
        },
    },
    adapter::{self, ROLE, Unit},
    cdb::{self, Cdb},
    control, dispatch, hotplug,
    queue::Address,
    request::{Buffer, Completion, Direction, Request},
    start,
};
use crate::{
    mem, record,
    rules::{self, Rule},
};

const INQUIRY_BYTES: u8 = 36;
const REPORT_LUNS_BYTES: u32 = 16 + 8 * 255;
const CAPACITY_BYTES: u32 = 32;
/// Peripheral qualifier and device type: connected disk.
const CONNECTED_DISK: u8 = 0;
/// Peripheral qualifier and type of "no such unit".
const NO_UNIT: u8 = 0x7F;
/// Peripheral qualifier: anything but 0 is a unit that is not there (SPC-4, 6.4.2), though the target answers for it.
const QUALIFIER: u8 = 0xE0;
/// Depth of a unit's queue while it is probed.
const PROBE_DEPTH: u32 = 1;
/// Bit of INQUIRY byte 7: the unit takes several commands.
const COMMAND_QUEUE: u8 = 1 << 1;

/// Looks for logical units at every address up to the adapter's limits; the miniport is told of those that are gone since the
/// last scan. `PASSIVE_LEVEL`.
///
/// # Errors
/// If requests cannot be made, or there is no disk.
pub fn scan() -> Result<Vec<Unit>, PortError> {
    let limits = super::limits();
    let before = super::units();
    adapter::with(|adapter| adapter.services.bus_changed = false);
    let mut units = Vec::new();
    for path in 0..limits.buses {
        for target in 0..limits.targets {
            scan_target(path, target, limits.luns, &mut units)?;
            stop_if_nothing_answers()?;
        }
    }
    adapter::with(|adapter| adapter.units.clone_from(&units));
    for gone in before {
        if units.iter().all(|unit| unit.address != gone.address) {
            hotplug::remove(&gone);
        }
    }
    if units.is_empty() {
        return Err(PortError::NoDisk);
    }
    Ok(units)
}

fn scan_target(path: u8, target: u8, luns: u8, units: &mut Vec<Unit>) -> Result<(), PortError> {
    let first = Address {
        path,
        target,
        lun: 0,
    };
    make_known(first)?;
    let candidates: Vec<u8> = match report_luns(first)? {
        Answer::Data(data) => listed(&data, luns),
        Answer::NoDevice => {
            forget(first, units);
            return Ok(());
        }
        // A unit that does not know the command: every LUN is tried.
        Answer::Refused => (0..luns).collect(),
    };
    let wanted_first = candidates.contains(&0);
    for lun in candidates {
        probe(Address { lun, ..first }, units)?;
        stop_if_nothing_answers()?;
    }
    if !wanted_first {
        forget(first, units);
    }
    Ok(())
}

/// A miniport whose requests time out, one after the other, would be scanned for hours.
fn stop_if_nothing_answers() -> Result<(), PortError> {
    if adapter::with(|adapter| adapter.ladder.is_out_of_patience()) == Some(true) {
        return Err(PortError::Request(
            "the scan of the bus",
            SRB_STATUS_TIMEOUT,
        ));
    }
    Ok(())
}

/// The LUNs of REPORT LUNS that an address with eight bits can name, and, of the others, what is left of their numbers in
/// eight bits: behind those there must be nothing, or the miniport reaches the wrong unit.
fn listed(data: &[u8], luns: u8) -> Vec<u8> {
    let mut listed: Vec<u8> = cdb::parse_luns(data).filter(|lun| *lun < luns).collect();
    for cut in cdb::cut_luns(data).filter(|lun| *lun < luns) {
        if !listed.contains(&cut) {
            listed.push(cut);
        }
    }
    listed
}

/// Answer of a unit during the scan.
enum Answer {
    Data(Vec<u8>),
    Refused,
    NoDevice,
}

fn report_luns(address: Address) -> Result<Answer, PortError> {
    ask(
        address,
        cdb::report_luns(REPORT_LUNS_BYTES),
        REPORT_LUNS_BYTES,
    )
}

fn probe(address: Address, units: &mut Vec<Unit>) -> Result<(), PortError> {
    make_known(address)?;
    let inquiry = ask(
        address,
        cdb::inquiry(INQUIRY_BYTES),
        u32::from(INQUIRY_BYTES),
    )?;
    let Answer::Data(inquiry) = inquiry else {
        forget(address, units);
        return Ok(());
    };
    let kind = inquiry.first().copied().unwrap_or(NO_UNIT);
    if kind & QUALIFIER != 0 {
        forget(address, units);
        return Ok(());
    }
    let queueing = inquiry
        .get(7)
        .is_some_and(|flags| flags & COMMAND_QUEUE != 0);
    if !is_known(address) {
        control::unit(unit_control::UNIT_START, address, None);
    }
    set_initial_depth(address, queueing);
    if kind != CONNECTED_DISK {
        return Ok(());
    }
    let Some((sectors, sector_bytes)) = capacity(address)? else {
        log_warning!("unit {address:?} does not tell its capacity");
        return Ok(());
    };
    let unit = Unit {
        address,
        name: unit_name(&inquiry),
        sector_bytes,
        sectors,
    };
    record::emit(&Record::Unit {
        address: (address.path, address.target, address.lun),
        name: unit.name.clone(),
        sector_bytes,
        sectors,
    });
    units.push(unit);
    Ok(())
}

fn capacity(address: Address) -> Result<Option<(u64, u32)>, PortError> {
    if let Answer::Data(data) = ask(address, cdb::read_capacity_10(), 8)?
        && let Some(found) = cdb::parse_capacity_10(&data)
    {
        // The long form must agree: both are the miniport's to deliver unchanged.
        let long = long_capacity(address)?;
        if let Some(long) = long {
            rules::demand(
                Rule::RequestLength,
                long == found,
                format_args!("READ CAPACITY says {found:?} in short and {long:?} in long form"),
            );
        }
        return Ok(Some(found));
    }
    long_capacity(address)
}

fn long_capacity(address: Address) -> Result<Option<(u64, u32)>, PortError> {
    match ask(
        address,
        cdb::read_capacity_16(CAPACITY_BYTES),
        CAPACITY_BYTES,
    )? {
        Answer::Data(data) => Ok(cdb::parse_capacity_16(&data)),
        _ => Ok(None),
    }
}

/// One command with data in.
fn ask(address: Address, cdb: Cdb, bytes: u32) -> Result<Answer, PortError> {
    let block = start::zeroed(u64::from(bytes), Owner::Request(ROLE), "scan buffer")?;
    let request = Request::command(address, cdb, Direction::In, Buffer::of(&block));
    let completion = dispatch::execute(request);
    let data = mem::read_vec(block.va, u64::from(bytes)).unwrap_or_else(|_| vec![]);
    let _ = mem::free(block.va);
    Ok(classify(&completion?, data))
}

fn classify(completion: &Completion, mut data: Vec<u8>) -> Answer {
    match completion.status {
        // A unit may send less than asked; either status is documented for that.
        SRB_STATUS_SUCCESS | SRB_STATUS_DATA_OVERRUN => {
            data.truncate(mem::size(u64::from(completion.transferred)));
            Answer::Data(data)
        }
        SRB_STATUS_NO_DEVICE
        | SRB_STATUS_SELECTION_TIMEOUT
        | SRB_STATUS_INVALID_LUN
        | SRB_STATUS_INVALID_TARGET_ID
        | SRB_STATUS_INVALID_PATH_ID => Answer::NoDevice,
        SRB_STATUS_ERROR if completion.sense.is_empty() => Answer::NoDevice,
        _ => Answer::Refused,
    }
}

/// Gives the unit a queue and its extension.
fn make_known(address: Address) -> Result<(), PortError> {
    let (bytes, known) = adapter::with(|adapter| {
        adapter.queues.add_unit(address, PROBE_DEPTH);
        (
            adapter.miniport.unit_extension_bytes,
            adapter.unit_extensions.contains_key(&address),
        )
    })
    .ok_or(PortError::NotRunning)?;
    if bytes > 0 && !known {
        let block = start::zeroed(
            u64::from(bytes),
            Owner::Pool(ROLE),
            "logical unit extension",
        )?;
        adapter::with(|adapter| adapter.unit_extensions.insert(address, block));
    }
    Ok(())
}

/// The unit is not there: its extension goes away, its empty queue does no harm.
fn forget(address: Address, units: &[Unit]) {
    if units.iter().any(|unit| unit.address == address) || is_known(address) {
        return;
    }
    hotplug::free_extension(address);
}

/// Whether the last scan found a unit there: it was started, and is removed when the present scan is through.
fn is_known(address: Address) -> bool {
    super::units().iter().any(|unit| unit.address == address)
}

/// The initial depth, unless the miniport set one of its own while the unit was probed.
fn set_initial_depth(address: Address, queueing: bool) {
    adapter::with(|adapter| {
        if adapter.queues.depth(address) == Some(PROBE_DEPTH) && queueing {
            let depth = adapter.limits.unit_depth;
            adapter.queues.set_depth(address, depth);
        }
    });
}

fn unit_name(inquiry: &[u8]) -> String {
    let text = |range: core::ops::Range<usize>| {
        String::from_utf8_lossy(inquiry.get(range).unwrap_or_default())
            .trim()
            .into()
    };
    let (vendor, product): (String, String) = (text(8..16), text(16..32));
    alloc::format!("{vendor} {product}")
}
