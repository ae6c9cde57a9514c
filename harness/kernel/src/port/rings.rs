//! The normal instance's rings, as its device knows them: for whoever watches or reads them beside the driver.
//!
//! The device's common configuration has a selector (`queue_select`, virtio 1.2, 4.1.4.3), which is the driver's. So the device
//! is asked only while no code of the driver runs ([`refresh`]), and after that known addresses are used until something
//! happened that may place rings anew ([`forget`]). Neighbours: `dump::witness` reads the configuration,
//! `processors::race` watches the words.

use alloc::vec::Vec;

use crate::{
    call,
    dump::{ring::QueueView, witness},
    mem::{self, Pa, Va},
    mmio, pci,
    processors::words::{self, Area, Format, Part},
    sync::Lock,
};

/// `VIRTIO_F_EVENT_IDX` and `VIRTIO_F_RING_PACKED` (section 6).
const EVENT_INDEX: u64 = 1 << 29;
const RING_PACKED: u64 = 1 << 34;
/// Control and event queue come first (5.6.2).
const FIRST_REQUEST_QUEUE: u16 = 2;

#[derive(Debug)]
struct Rings {
    /// The bench's own mapping of the common configuration; `None` for an HBA that has none.
    common: Option<Va>,
    format: Format,
    /// Empty while they are not known.
    queues: Vec<QueueView>,
}

static RINGS: Lock<Rings> = Lock::new(Rings {
    common: None,
    format: Format {
        packed: false,
        event_index: false,
    },
    queues: Vec::new(),
});

/// Finds the device's configuration. While the function is idle: its BARs are sized. `PASSIVE_LEVEL`.
pub(super) fn attach(hba: &pci::Function) {
    detach();
    let common = witness::map_common_configuration(hba);
    RINGS.lock().common = common;
}

/// The adapter goes away.
pub(super) fn detach() {
    forget();
    let common = RINGS.lock().common.take();
    if let Some(common) = common {
        mmio::unmap(common);
    }
}

/// The driver may have placed its rings anew.
pub(super) fn forget() {
    RINGS.lock().queues.clear();
}

/// Asks the device, if the rings are not known and no code of the driver runs on any processor.
pub(super) fn refresh() {
    let common = {
        let rings = RINGS.lock();
        rings.common.filter(|_| rings.queues.is_empty())
    };
    let Some(common) = common.filter(|_| call::is_nobody_inside()) else {
        return;
    };
    let queues = witness::enabled_queues(common).unwrap_or_default();
    let features = witness::accepted_features(common).unwrap_or(0);
    let mut rings = RINGS.lock();
    rings.queues = queues;
    rings.format = Format {
        packed: features & RING_PACKED != 0,
        event_index: features & EVENT_INDEX != 0,
    };
}

/// Draws an area of a ring that the driver writes, and says where the driver sees it. Request queues are drawn most often, and
/// of them the available index, by which every request passes.
#[must_use]
pub(crate) fn draw(drawn: u64) -> Option<(Area, Va)> {
    refresh();
    let area = {
        let rings = RINGS.lock();
        let mut drawn = Drawn(drawn);
        let from = if drawn.below(8)? > 0 {
            rings.first_request_queue()
        } else {
            0
        };
        let queues = rings.queues.get(from..)?;
        let queue = queues.get(drawn.below(queues.len())?)?;
        let areas = words::areas(queue, rings.format);
        let index = areas.iter().find(|area| area.part == Part::Index);
        match index {
            Some(index) if drawn.below(2)? > 0 => *index,
            _ => *areas.get(drawn.below(areas.len())?)?,
        }
    };
    let block = mem::find_physical(Pa(area.start))?;
    (block.offset + area.bytes <= block.bytes).then(|| (area, block.va.offset(block.offset)))
}

/// A drawn number of which each choice takes its part.
struct Drawn(u64);

impl Drawn {
    /// A number below `count`; `None` if there is none.
    fn below(&mut self, count: usize) -> Option<usize> {
        let count = u64::try_from(count).ok().filter(|&count| count > 0)?;
        let number = self.0 % count;
        self.0 /= count;
        usize::try_from(number).ok()
    }
}

impl Rings {
    /// Place of the first queue behind control and event queue; 0 if there is none.
    fn first_request_queue(&self) -> usize {
        let is_request_queue = |queue: &QueueView| queue.index >= FIRST_REQUEST_QUEUE;
        self.queues.iter().position(is_request_queue).unwrap_or(0)
    }
}
