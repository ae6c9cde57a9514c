//! The normal instance's rings, as its device knows them: for whoever watches or reads them beside the driver.
//!
//! The device's common configuration has a selector (`queue_select`, virtio 1.2, 4.1.4.3), which is the driver's. So the device
//! is asked only while no code of the driver runs ([`refresh`]), and after that known addresses are used until something
//! happened that may place rings anew ([`forget`]). Neighbours: `dump::witness` reads the configuration,
//! `processors::race` watches the words, [`super::standing`] reads the rings.

use alloc::{collections::BTreeMap, vec::Vec};

use super::{
    adapter,
    standing::{
        self, Sought, Standing,
        message::{Delivery, Message},
    },
};
use crate::{
    call,
    dump::{
        ring::QueueView,
        witness::{self, NO_VECTOR},
    },
    mem::{self, Pa, Va},
    mmio, pci,
    processors::words::{self, Area, Format, Part},
    sync::Lock,
    timer,
};

/// `VIRTIO_F_EVENT_IDX` and `VIRTIO_F_RING_PACKED` (section 6).
const EVENT_INDEX: u64 = 1 << 29;
const RING_PACKED: u64 = 1 << 34;
/// Control and event queue come first (5.6.2).
const FIRST_REQUEST_QUEUE: u16 = 2;

/// One queue.
#[derive(Clone, Copy, Debug)]
struct Known {
    view: QueueView,
    /// The interrupt message that the driver gave it, or [`NO_VECTOR`].
    vector: u16,
    /// The oldest untaken answer when the message came last.
    found: Option<u16>,
}

#[derive(Debug)]
struct Rings {
    /// The bench's own mapping of the common configuration; `None` for an HBA that has none.
    common: Option<Va>,
    format: Format,
    /// The message of the configuration.
    configuration_vector: u16,
    /// Empty while they are not known.
    queues: Vec<Known>,
    /// When each message came last.
    came_us: BTreeMap<u16, u64>,
}

static RINGS: Lock<Rings> = Lock::new(Rings {
    common: None,
    format: Format {
        packed: false,
        event_index: false,
    },
    configuration_vector: NO_VECTOR,
    queues: Vec::new(),
    came_us: BTreeMap::new(),
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
    RINGS.lock().came_us.clear();
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
    if RINGS.lock().queues.is_empty() {
        ask();
    }
}

/// Asks the device, if no code of the driver runs on any processor.
fn ask() {
    let common = RINGS.lock().common;
    let Some(common) = common.filter(|_| call::is_nobody_inside()) else {
        return;
    };
    let mut queues: Vec<Known> = witness::enabled_queues(common)
        .unwrap_or_default()
        .into_iter()
        .map(|view| Known {
            view,
            vector: witness::queue_vector(common, view.index).unwrap_or(NO_VECTOR),
            found: None,
        })
        .collect();
    let features = witness::accepted_features(common).unwrap_or(0);
    let configuration_vector = witness::configuration_vector(common).unwrap_or(NO_VECTOR);
    let mut rings = RINGS.lock();
    for queue in &mut queues {
        let same = rings.queues.iter().find(|known| known.view == queue.view);
        queue.found = same.and_then(|known| known.found);
    }
    rings.queues = queues;
    rings.configuration_vector = configuration_vector;
    rings.format = Format {
        packed: features & RING_PACKED != 0,
        event_index: features & EVENT_INDEX != 0,
    };
}

/// Message `number` is about to be handled: notes which answers wait for it.
pub(super) fn note_message(number: u16) {
    refresh();
    let now = timer::now_us();
    let mut rings = RINGS.lock();
    rings.came_us.insert(number, now);
    let format = rings.format;
    let served = rings.queues.iter_mut();
    for queue in served.filter(|queue| queue.vector == number) {
        queue.found = standing::oldest_untaken(&queue.view, format, &read_ram);
    }
}

/// Where a request stands that was issued at `issued_us`, and what became of the message of its queue. `None` for an HBA that is not
/// known, or while its rings are not.
pub(super) fn locate(sought: Sought<'_>, issued_us: u64) -> Option<(Standing, Option<Message>)> {
    ask();
    let rings = RINGS.lock();
    if rings.queues.is_empty() {
        return None;
    }
    let views: Vec<QueueView> = rings.queues.iter().map(|queue| queue.view).collect();
    let standing = standing::find(&views, rings.format, sought, &read_ram);
    let queue = standing.queue().filter(|_| standing.is_answered());
    let message = queue.and_then(|index| rings.message_of(index, issued_us));
    drop(rings);
    Some((standing, message.map(with_port)))
}

/// Adds what the port knows of a message.
fn with_port(message: Message) -> Message {
    let (granted, awaits_dpc) = adapter::with(|adapter| {
        let awaits_dpc = adapter.services.awaits_dpc();
        (adapter.interrupts.messages, awaits_dpc)
    })
    .unwrap_or_default();
    Message {
        is_connected: message.number.is_some_and(|number| number < granted),
        awaits_dpc,
        ..message
    }
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
        let areas = words::areas(&queue.view, rings.format);
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
        let is_request_queue = |queue: &Known| queue.view.index >= FIRST_REQUEST_QUEUE;
        self.queues.iter().position(is_request_queue).unwrap_or(0)
    }

    fn message_of(&self, index: u16, issued_us: u64) -> Option<Message> {
        let queue = self.queues.iter().find(|queue| queue.view.index == index)?;
        let users = self
            .queues
            .iter()
            .filter(|other| other.vector == queue.vector)
            .count();
        let waiting = standing::oldest_untaken(&queue.view, self.format, &read_ram);
        let came = self.came_us.get(&queue.vector).copied();
        Some(Message {
            number: (queue.vector != NO_VECTOR).then_some(queue.vector),
            is_alone: users == 1 && self.configuration_vector != queue.vector,
            last: came.filter(|&at| at >= issued_us).map(|at| Delivery {
                us_ago: timer::now_us().saturating_sub(at),
                found_answer: waiting.is_some() && queue.found == waiting,
            }),
            ..Message::default()
        })
    }
}

fn read_ram(address: u64, bytes: &mut [u8]) -> bool {
    mem::read_physical_bytes(Pa(address), bytes).is_ok()
}
