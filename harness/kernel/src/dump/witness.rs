//! A second reader of the virtio-scsi device: which memory did the dump instance give to it?
//!
//! After `HwStorInitialize`, after each `HwStorStartIo`, and after a poll that gave the device something more, the queue addresses are read back from the device's common
//! configuration (virtio 1.2, 4.1.4.3; `queue_select` is put back), and the rings are walked ([`super::ring`]). Every
//! address must lie in marked memory, in the port's memory, or in the caller's buffer. Other HBAs have no witness.

use alloc::vec::Vec;

use proto::record::Record;

use super::{
    instance::{self, Port},
    mark,
    ring::{Given, QueueView, RingError},
};
use crate::{
    hibernate::ranges::{RangeSet, Span},
    mem::{self, Pa, Va},
    mmio::{self, Width},
    pci, record, rules,
    rules::Rule,
};

const VIRTIO_VENDOR: u16 = 0x1AF4;
/// Modern and transitional virtio-scsi.
const VIRTIO_SCSI_DEVICES: [u16; 2] = [0x1048, 0x1004];
const VENDOR_CAPABILITY: u8 = 9;
const COMMON_CONFIGURATION: u8 = 1;
/// The structure of the notification registers.
pub const NOTIFICATION: u8 = 2;
const STATUS_DRIVER_OK: u64 = 4;
/// What is read of a device that is powered down.
const NOBODY_THERE: u64 = 0xFF;
/// A queue, or the configuration, has no interrupt message (`VIRTIO_MSI_NO_VECTOR`, 4.1.5.1.2).
pub(crate) const NO_VECTOR: u16 = 0xFFFF;
/// Queues that are looked at: control, event, and more request queues than a dump instance needs.
const MOST_QUEUES: u16 = 64;

/// Registers of the common configuration.
mod register {
    pub(super) const DRIVER_FEATURE_SELECT: u64 = 8;
    pub(super) const DRIVER_FEATURE: u64 = 12;
    pub(super) const CONFIG_MSIX_VECTOR: u64 = 16;
    pub(super) const NUM_QUEUES: u64 = 18;
    pub(super) const DEVICE_STATUS: u64 = 20;
    pub(super) const QUEUE_SELECT: u64 = 22;
    pub(super) const QUEUE_SIZE: u64 = 24;
    pub(super) const QUEUE_MSIX_VECTOR: u64 = 26;
    pub(super) const QUEUE_ENABLE: u64 = 28;
    pub(super) const QUEUE_DESC: u64 = 32;
    pub(super) const QUEUE_DRIVER: u64 = 40;
    pub(super) const QUEUE_DEVICE: u64 = 48;
    pub(super) const BYTES: u64 = 56;
}

#[derive(Clone, Copy, Debug)]
struct Watched {
    queue: QueueView,
    /// Available index up to which chains were walked.
    seen: u16,
}

/// What was seen in one life of the instance.
#[derive(Clone, Debug, Default)]
pub struct Witness {
    queues: Vec<Watched>,
    /// Memory that the device was given, callers' buffers left out.
    pub device_seen: RangeSet,
}

/// Maps the common configuration of a virtio-scsi HBA; `None` for every other. `PASSIVE_LEVEL`.
#[must_use]
pub fn map_common_configuration(hba: &pci::Function) -> Option<Va> {
    if hba.vendor_id != VIRTIO_VENDOR || !VIRTIO_SCSI_DEVICES.contains(&hba.device_id) {
        return None;
    }
    let (start, _) = structure(hba, COMMON_CONFIGURATION)?;
    mmio::map(start, register::BYTES)
}

/// Place and length of a structure that a virtio HBA describes in a vendor capability (4.1.4); a notification structure's
/// registers, for example.
#[must_use]
pub fn structure(hba: &pci::Function, kind: u8) -> Option<(Pa, u32)> {
    let (_, offset) = capability(hba, kind)?;
    let index = hba.read8(offset + 4);
    let bar = hba.bars().into_iter().find(|bar| bar.index == index)?;
    let start = bar.base.checked_add(u64::from(hba.read32(offset + 8)))?;
    Some((Pa(start), hba.read32(offset + 12)))
}

/// What a queue's notification offset is multiplied with (4.1.4.4): it follows the notification structure's capability.
#[must_use]
pub fn notification_multiplier(hba: &pci::Function) -> Option<u64> {
    let (_, offset) = capability(hba, NOTIFICATION)?;
    Some(hba.read32(offset + 16).into())
}

fn capability(hba: &pci::Function, kind: u8) -> Option<(u8, u16)> {
    hba.capabilities()
        .into_iter()
        .find(|&(id, offset)| id == VENDOR_CAPABILITY && hba.read8(offset + 3) == kind)
}

/// Looks at the device after `routine` returned and judges what it was given.
pub(super) fn observe(routine: &str) {
    let base = instance::with(|port| port.stack.common_configuration).flatten();
    let Some(base) = base else {
        return;
    };
    rules::check(Rule::DumpDmaOutsideOwnMemory);
    let Some(queues) = enabled_queues(base) else {
        return;
    };
    let outside = instance::with(|port| {
        let mut allowed = port.port_owned();
        allowed.insert_all(&port.instance.marked);
        let data = caller_buffers(port);
        let (given, errors) = port.instance.witness.walk(queues);
        let mut outside = Vec::new();
        for piece in given {
            for rest in data.missing_from(piece.span) {
                port.instance.witness.device_seen.insert(rest);
                if !allowed.covers(rest) {
                    outside.push((rest, piece.purpose));
                }
            }
        }
        (outside, errors)
    });
    let Some((outside, errors)) = outside else {
        return;
    };
    for (span, purpose) in outside {
        rules::violate(
            Rule::DumpDmaOutsideOwnMemory,
            format_args!(
                "after {routine} the device was given {} ({purpose:?}), which is neither marked nor the port's nor the caller's",
                mark::describe(span)
            ),
        );
    }
    for (queue, error) in errors {
        rules::violate(
            Rule::DumpDmaOutsideOwnMemory,
            format_args!("after {routine} queue {queue} is malformed: {error}"),
        );
    }
}

/// As [`observe`], if `routine` gave the device more than was seen: a driver may submit or repeat a request while it is
/// polled. Asks the rings in memory alone, because it comes after every poll.
pub(super) fn observe_news(routine: &str) {
    let queues = instance::with(|port| port.instance.witness.queues.clone()).unwrap_or_default();
    let news = queues
        .iter()
        .any(|watched| watched.queue.has_more_than(watched.seen, &read_ram) == Some(true));
    if news {
        observe(routine);
    }
}

/// Has the device answered everything that it was given? `None` without a witness.
pub(super) fn device_has_answered() -> Option<bool> {
    let queues = instance::with(|port| port.instance.witness.queues.clone())?;
    let requests: Vec<Watched> = queues
        .into_iter()
        .filter(|watched| watched.queue.index >= 2 && watched.seen > 0)
        .collect();
    if requests.is_empty() {
        return None;
    }
    Some(requests.iter().all(|watched| {
        mem::read_physical::<u16>(Pa(watched.queue.used).offset(2))
            .is_ok_and(|used| used == watched.seen)
    }))
}

/// Reports the memory of the instance and judges marks that do not cover what the device was given.
pub fn conclude() {
    let Some((record, incomplete)) = instance::with(|port| {
        let record = Record::DumpMemory {
            dump_mode: port.instance.mode.raw(),
            marked: port.instance.marked.to_physical_ranges(),
            port_owned: port.port_owned().to_physical_ranges(),
            device_seen: port.instance.witness.device_seen.to_physical_ranges(),
        };
        (record, used_beyond_marks(port))
    }) else {
        return;
    };
    record::emit(&record);
    for (name, span) in incomplete {
        rules::violate(
            Rule::DumpMarkIncomplete,
            format_args!(
                "the {name} is marked in part, and the device was given {} of the rest",
                mark::describe(span)
            ),
        );
    }
}

/// Blocks that the miniport began to mark and then used beyond the mark.
fn used_beyond_marks(port: &Port) -> Vec<(&'static str, Span)> {
    if !port.instance.mode.marks() {
        return Vec::new();
    }
    let marked = &port.instance.marked;
    let mut found = Vec::new();
    for (name, block) in port.instance.blocks.markable() {
        let physical = block.physical();
        if !physical.iter().any(|span| marked.touches(span)) {
            continue;
        }
        for span in physical.iter() {
            let used: RangeSet = port
                .instance
                .witness
                .device_seen
                .overlapping(span)
                .collect();
            found.extend(used.without(marked).iter().map(|span| (name, span)));
        }
    }
    found
}

fn caller_buffers(port: &Port) -> RangeSet {
    port.instance
        .request
        .iter()
        .flat_map(|request| &request.data)
        .filter_map(|run| Span::new(run.address, run.bytes))
        .collect()
}

impl Witness {
    fn walk(&mut self, queues: Vec<QueueView>) -> (Vec<Given>, Vec<(u16, RingError)>) {
        let mut given = Vec::new();
        let mut errors = Vec::new();
        let mut watched = Vec::new();
        for queue in queues {
            let known = self.queues.iter().find(|known| known.queue == queue);
            let from = known.map_or(0, |known| known.seen);
            given.extend(queue.rings());
            let seen = match queue.walk(from, &read_ram, &mut given) {
                Ok(seen) => seen,
                Err(error) => {
                    errors.push((queue.index, error));
                    from
                }
            };
            watched.push(Watched { queue, seen });
        }
        self.queues = watched;
        (given, errors)
    }
}

fn read_ram(address: u64, bytes: &mut [u8]) -> bool {
    mem::read_physical_bytes(Pa(address), bytes).is_ok()
}

/// Whether the driver accepted `VIRTIO_F_RING_PACKED` (section 6); `None` if the device cannot be read.
pub(crate) fn has_packed_rings(base: Va) -> Option<bool> {
    const RING_PACKED: u64 = 1 << 34;
    accepted_features(base).map(|features| features & RING_PACKED != 0)
}

/// The features that the driver accepted; `None` if the device cannot be read. The selector is put back.
pub(crate) fn accepted_features(base: Va) -> Option<u64> {
    let select = base.offset(register::DRIVER_FEATURE_SELECT);
    let selected = mmio::read(select, Width::Dword).ok()?;
    let mut features = 0;
    for half in [1, 0] {
        mmio::write(select, Width::Dword, half).ok()?;
        let window = mmio::read(base.offset(register::DRIVER_FEATURE), Width::Dword).ok()?;
        features = features << 32 | window;
    }
    mmio::write(select, Width::Dword, selected).ok()?;
    Some(features)
}

/// The queues that are enabled; `None` if the device is not in operation or cannot be read.
pub(crate) fn enabled_queues(base: Va) -> Option<Vec<QueueView>> {
    let read = |offset, width| mmio::read(base.offset(offset), width).ok();
    let status = read(register::DEVICE_STATUS, Width::Byte)?;
    if status & STATUS_DRIVER_OK == 0 || status == NOBODY_THERE {
        return None;
    }
    let selected = read(register::QUEUE_SELECT, Width::Word)?;
    let count = u16::try_from(read(register::NUM_QUEUES, Width::Word)?).ok()?;
    let queues = (0..count.min(MOST_QUEUES))
        .filter_map(|index| enabled_queue(base, index))
        .collect();
    mmio::write(base.offset(register::QUEUE_SELECT), Width::Word, selected).ok()?;
    Some(queues)
}

/// The interrupt message of a queue, or [`NO_VECTOR`]; `None` if the device cannot be read. The selector is put back.
pub(crate) fn queue_vector(base: Va, index: u16) -> Option<u16> {
    let select = base.offset(register::QUEUE_SELECT);
    let selected = mmio::read(select, Width::Word).ok()?;
    mmio::write(select, Width::Word, u64::from(index)).ok()?;
    let vector = mmio::read(base.offset(register::QUEUE_MSIX_VECTOR), Width::Word);
    mmio::write(select, Width::Word, selected).ok()?;
    u16::try_from(vector.ok()?).ok()
}

/// The interrupt message of the configuration, likewise.
pub(crate) fn configuration_vector(base: Va) -> Option<u16> {
    let vector = mmio::read(base.offset(register::CONFIG_MSIX_VECTOR), Width::Word).ok()?;
    u16::try_from(vector).ok()
}

fn enabled_queue(base: Va, index: u16) -> Option<QueueView> {
    let read = |offset, width| mmio::read(base.offset(offset), width).ok();
    let wide = |offset| {
        let low = read(offset, Width::Dword)?;
        let high = read(offset + 4, Width::Dword)?;
        Some(low | high << 32)
    };
    mmio::write(
        base.offset(register::QUEUE_SELECT),
        Width::Word,
        u64::from(index),
    )
    .ok()?;
    if read(register::QUEUE_ENABLE, Width::Word)? == 0 {
        return None;
    }
    Some(QueueView {
        index,
        entries: u16::try_from(read(register::QUEUE_SIZE, Width::Word)?).ok()?,
        descriptors: wide(register::QUEUE_DESC)?,
        available: wide(register::QUEUE_DRIVER)?,
        used: wide(register::QUEUE_DEVICE)?,
    })
}
