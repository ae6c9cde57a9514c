//! Figures by request: [`Row`] for the normal path, [`DumpRow`] by MiB for the dump path.

use std::collections::BTreeMap;

use proto::record::{Cost, Flow, Footprint, Stretch, Subject, Transfer};
use serde::Serialize;

use super::Column;

/// The transfer that goals and comparisons are about: 4 KiB reads, 32 at a time.
pub const STANDARD: Transfer = Transfer {
    flow: Flow::Read,
    bytes: 4096,
    depth: 32,
};

const MIB: u64 = 1 << 20;

/// What one request of a kind costs. Averages of many equal ones.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// What is transferred, in words.
    pub name: String,
    /// The same as figures.
    pub transfer: Transfer,
    /// Requests that were counted.
    pub requests: u64,
    /// Most requests that the miniport had at one time.
    pub reached_depth: u32,
    /// Instructions of the driver's own code.
    pub instructions: Instructions,
    /// Instructions of the floor client; `None` if it was not measured.
    pub floor: Option<f64>,
    /// The driver's instructions by the floor's.
    pub ratio: Option<f64>,
    /// Queue notifications; `None` if they cannot be seen.
    pub doorbells: Option<f64>,
    /// Device interrupts.
    pub interrupts: f64,
    /// Locks that the driver took.
    pub locks: f64,
    /// Locks that the port held for its callbacks.
    pub port_locks: f64,
    /// DPCs that it issued.
    pub dpcs: f64,
    /// Calls of the port's and the system's routines, by name.
    pub exports: BTreeMap<String, f64>,
}

/// Instructions by callback.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Instructions {
    /// `HwStorBuildIo`.
    pub build_io: f64,
    /// `HwStorStartIo`.
    pub start_io: f64,
    /// `HwStorInterrupt` or `HwMSInterruptRoutine`.
    pub interrupt: f64,
    /// `HwStorDpcRoutine`.
    pub dpc: f64,
    /// Timers, work items, whatever else ran.
    pub other: f64,
    /// All of them.
    pub all: f64,
}

/// What a MiB costs in the dump path.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DumpRow {
    /// Direction.
    pub flow: Flow,
    /// Bytes of a request: the longest that the instance takes.
    pub request_bytes: u32,
    /// Instructions of all callbacks.
    pub instructions: f64,
    /// Queue notifications; `None` if they cannot be seen.
    pub doorbells: Option<f64>,
    /// Calls of the dump port's and the system's routines.
    pub exports: f64,
}

/// What the driver keeps in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// Size of the loaded image in bytes.
    pub image_bytes: u64,
    /// Device extension in bytes.
    pub device_extension_bytes: u64,
    /// Extension of each request in bytes.
    pub srb_extension_bytes: u64,
    /// Pool in bytes.
    pub pool_bytes: u64,
    /// Memory shared with the device in bytes.
    pub shared_bytes: u64,
    /// The same by request queue.
    pub shared_bytes_by_queue: Option<u64>,
    /// Request queues; 0 if they cannot be seen.
    pub request_queues: u16,
    /// Entries of a request queue; 0 if that cannot be seen.
    pub queue_entries: u16,
    /// Rings are packed.
    pub is_packed: bool,
}

impl From<Footprint> for Memory {
    fn from(footprint: Footprint) -> Self {
        Self {
            image_bytes: footprint.image_bytes,
            device_extension_bytes: footprint.device_extension_bytes,
            srb_extension_bytes: footprint.srb_extension_bytes,
            pool_bytes: footprint.pool_bytes,
            shared_bytes: footprint.shared_bytes,
            shared_bytes_by_queue: footprint
                .shared_bytes
                .checked_div(footprint.request_queues.into()),
            request_queues: footprint.request_queues,
            queue_entries: footprint.queue_entries,
            is_packed: footprint.is_packed,
        }
    }
}

/// The normal path of a column.
#[must_use]
pub fn normal(column: &Column) -> Vec<Row> {
    column
        .of(Subject::Driver)
        .map(|stretch| {
            let floor = column.stretch(Subject::Floor, stretch.transfer);
            row(stretch, floor)
        })
        .collect()
}

/// The dump path of a column.
#[must_use]
pub fn dump(column: &Column) -> Vec<DumpRow> {
    column.of(Subject::Dump).map(dump_row).collect()
}

fn row(stretch: &Stretch, floor: Option<&Stretch>) -> Row {
    let share = |count: u64| ratio(count, stretch.requests);
    let sum = |names: &[&str]| {
        let costs = stretch.costs.iter();
        let of_these = costs.filter(|cost| names.contains(&cost.name.as_str()));
        of_these.map(|cost| cost.instructions).sum::<u64>()
    };
    let all = total(&stretch.costs);
    let parts = [
        sum(&["HwStorBuildIo"]),
        sum(&["HwStorStartIo"]),
        sum(&["HwMSInterruptRoutine", "HwStorInterrupt"]),
        sum(&["HwStorDpcRoutine"]),
    ];
    let [build_io, start_io, interrupt, dpc] = parts.map(share);
    let floor = floor.map(|floor| ratio(total(&floor.costs), floor.requests));
    Row {
        name: name(stretch.transfer),
        transfer: stretch.transfer,
        requests: stretch.requests,
        reached_depth: stretch.reached_depth,
        instructions: Instructions {
            build_io,
            start_io,
            interrupt,
            dpc,
            other: share(all.saturating_sub(parts.iter().sum())),
            all: share(all),
        },
        floor,
        ratio: floor
            .filter(|floor| *floor > 0.0)
            .map(|floor| rounded(share(all) / floor)),
        doorbells: stretch.doorbells.map(share),
        interrupts: share(stretch.interrupts),
        locks: share(stretch.locks),
        port_locks: share(stretch.port_locks),
        dpcs: share(stretch.dpcs),
        exports: stretch
            .exports
            .iter()
            .map(|(name, count)| (name.clone(), share(*count)))
            .collect(),
    }
}

fn dump_row(stretch: &Stretch) -> DumpRow {
    let bytes = stretch.requests * u64::from(stretch.transfer.bytes);
    let by_mib = |count: u64| ratio(count * (MIB / 4096), bytes / 4096);
    DumpRow {
        flow: stretch.transfer.flow,
        request_bytes: stretch.transfer.bytes,
        instructions: by_mib(total(&stretch.costs)),
        doorbells: stretch.doorbells.map(by_mib),
        exports: by_mib(stretch.exports.iter().map(|(_, count)| count).sum()),
    }
}

fn total(costs: &[Cost]) -> u64 {
    costs.iter().map(|cost| cost.instructions).sum()
}

/// A quotient with three decimals; 0 where there is nothing to divide by.
#[must_use]
pub fn ratio(count: u64, of: u64) -> f64 {
    // Exact up to 2^32, which no count of a run comes near.
    let exact = |value: u64| f64::from(u32::try_from(value).unwrap_or(u32::MAX));
    if of == 0 {
        return 0.0;
    }
    rounded(exact(count) / exact(of))
}

fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// A transfer in words, as in `read 4 KiB x 32`.
#[must_use]
pub fn name(transfer: Transfer) -> String {
    format!(
        "{} {} x {}",
        flow(transfer.flow),
        size(transfer.bytes),
        transfer.depth
    )
}

/// A direction in words.
#[must_use]
pub const fn flow(flow: Flow) -> &'static str {
    match flow {
        Flow::Read => "read",
        Flow::Write => "write",
    }
}

/// A length in words.
#[must_use]
pub fn size(bytes: u32) -> String {
    if bytes >= 1 << 20 && bytes.is_multiple_of(1 << 20) {
        format!("{} MiB", bytes >> 20)
    } else {
        format!("{} KiB", bytes >> 10)
    }
}
