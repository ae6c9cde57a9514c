//! Bodies of two more fuzz targets: the packed ring by itself, and the event queue in both formats.
//!
//! As in [`super::fuzz`] the bytes choose what the driver does and what the device writes. Here the device is not the
//! [`FakeDevice`](super::FakeDevice) but whatever may stand in memory: any flags, any id, any length, at any place.

use std::collections::BTreeMap;
use std::vec;
use std::vec::Vec;

use crate::access::SharedMemory;
use crate::device::{BringUp, Features, Probe, QueueIndex, Quiesced, Registers, Reset, Vector};
use crate::pci;
use crate::plan::{NormalOptions, Plan, QueueLayout};
use crate::ring::{
    Descriptor, Direction, PackedRing, Published, RingFormat, Slot, SubmitError, Tag,
};

use super::config_space::ConfigSpace;
use super::device::{Delivery, FakeDevice, Offer};
use super::fuzz::Input;
use super::memory::{FakeMemory, Window};

const BUS: u64 = 0x3_0000_0000;
/// Length of the memory behind a ring that must stay as it was.
const GUARD: u32 = 256;
const REGION: u32 = 0x1_0000;

/// Plays the driver's side of a packed ring against bytes.
///
/// # Panics
/// When a request is lost, comes back twice, with another token, or with more bytes than it has; when the books do not balance; or
/// when the driver writes outside of its ring.
pub fn fuzz_packed_ring(data: &[u8]) {
    let mut input = Input(data);
    let size = 1 + u16::from(input.u8() % 40);
    let features = if input.u8() & 1 == 0 {
        Features::empty()
    } else {
        Features::RING_EVENT_IDX
    };
    let ring_bytes = u32::from(size) * 16;
    let layout = QueueLayout {
        size,
        descriptors: 0,
        available: ring_bytes,
        used: ring_bytes + 4,
        format: RingFormat::Packed,
    };
    let memory = FakeMemory::new(ring_bytes + 8 + GUARD, BUS);
    let guard = memory.window(ring_bytes + 8, GUARD);
    let before = guard.to_vec();
    let slots = vec![Slot::default(); usize::from(size)];
    let mut ring = PackedRing::new(memory.all(), &layout, slots, QueueIndex::EVENT, features)
        .expect("a layout that fits");
    let mut books = Books::default();
    let mut next = 0u64;
    while !input.is_empty() {
        match input.u8() % 8 {
            0 | 1 => {
                next += 1;
                let limit = u32::from(input.u8());
                let count = 1 + u16::from(input.u8() % 5);
                // Sometimes fewer descriptors come than were announced.
                let comes = count - u16::from(input.u8() == 0);
                let (cost, result) = if input.u8() & 1 == 0 {
                    (1, ring.submit_indirect(BUS, count, limit, next))
                } else {
                    let piece = Descriptor {
                        bus_address: BUS,
                        length: 1,
                        direction: Direction::DeviceToDriver,
                    };
                    let pieces = std::iter::repeat_n(piece, usize::from(comes));
                    (count, ring.submit_direct(pieces, count, limit, next))
                };
                match result {
                    Ok(tag) => {
                        assert_eq!(ring.token_of(tag), Some(next), "a fresh tag is unknown");
                        assert!(books.open.insert(next, (tag, cost, limit)).is_none());
                    }
                    Err(SubmitError::Full) => assert!(ring.free_descriptors() < cost),
                    Err(SubmitError::Empty) => assert!(comes < count),
                    Err(SubmitError::TooLong) => assert!(count > size),
                    Err(error) => assert!(matches!(error, SubmitError::Faulted(_))),
                }
            }
            2 => {
                if ring.publish(|| ()) != Published::Nothing {
                    assert_eq!(ring.fault(), None, "a queue that has stopped publishes");
                }
            }
            3 => {
                if let Ok(Some(used)) = ring.take_used() {
                    let limit = books.close(used.token, used.tag);
                    assert!(used.written <= limit, "more bytes than there are");
                    assert_eq!(ring.token_of(used.tag), None, "a stale tag is known");
                }
            }
            4 => {
                ring.suppress();
                ring.rearm();
            }
            5 => mark(&mut input, &memory, size),
            _ => poke(&mut input, &memory, ring_bytes + 8),
        }
        let taken: u16 = books.open.values().map(|request| request.1).sum();
        assert_eq!(
            ring.free_descriptors(),
            size - taken,
            "the books do not balance"
        );
        assert_eq!(usize::from(ring.outstanding()), books.open.len());
    }
    let proof = Quiesced::device_removed();
    while let Some((tag, token)) = ring.reclaim(&proof) {
        books.close(token, tag);
    }
    assert!(books.open.is_empty(), "requests were lost");
    assert_eq!((ring.outstanding(), ring.free_descriptors()), (0, size));
    assert!(
        guard.to_vec() == before,
        "the driver wrote outside of the ring"
    );
}

/// What the driver above the ring would know: tag, descriptors and report limit by token.
#[derive(Default)]
struct Books {
    open: BTreeMap<u64, (Tag, u16, u32)>,
}

impl Books {
    fn close(&mut self, token: u64, tag: Tag) -> u32 {
        let (expected, _, limit) = self
            .open
            .remove(&token)
            .expect("a request that is outstanding");
        assert_eq!(tag, expected, "a foreign tag");
        limit
    }
}

/// The device marks a descriptor as used, in one of the two laps, with an id that is often one of the ring.
fn mark(input: &mut Input<'_>, memory: &FakeMemory, size: u16) {
    let at = u32::from(u16::from(input.u8()) % size) * 16;
    let id = match input.u8() {
        any @ 0..=0xDF => u16::from(any) % size,
        _ => input.u16(),
    };
    let all = memory.all();
    all.write_u32(at + 8, u32::from(input.u8()));
    all.write_u16(at + 12, id);
    let flags = match input.u8() & 3 {
        0 => 0x8080,
        1 => 0x8082,
        2 => 0,
        _ => 2,
    };
    all.write_u16(at + 14, flags);
}

fn poke(input: &mut Input<'_>, memory: &FakeMemory, length: u32) {
    let at = u32::from(input.u16()) % length;
    memory.window(0, length).write_u16(at, input.u16());
}

/// Plays a driver whose event queue is filled by a device that the bytes describe.
///
/// # Panics
/// When a buffer is lost or given away twice, when an event that was pushed does not arrive as it is, or when the driver writes outside
/// of its region.
pub fn fuzz_event_queue(data: &[u8]) {
    let mut input = Input(data);
    let choice = input.u8();
    let mut offer = Offer {
        delivery: Delivery::AtRun,
        event_size: 1 + u16::from(choice >> 3),
        ..Offer::qemu()
    };
    if choice & 1 != 0 {
        offer.features.insert(Features::RING_PACKED);
    }
    if choice & 2 != 0 {
        offer.features.remove(Features::RING_EVENT_IDX);
    }
    offer.config.event_info_size = 16 + u32::from(choice & 4) * 5;
    let memory = FakeMemory::new(REGION + GUARD, BUS);
    let device = FakeDevice::new(&memory, offer, &[]);
    let [common, notify, isr, specific] = device.registers();
    let registers = Registers::new(common, notify, isr, specific, offer.notify_multiplier)
        .expect("long ranges");
    let quiet = Reset::run(&registers, |_| {}).expect("the fake confirms a reset");
    let probe = Probe::read(&registers, quiet).expect("a usable device");
    let caps = pci::capabilities(ConfigSpace::qemu().bytes()).expect("a good space");
    let plan = Plan::normal(&caps, &probe, &NormalOptions::STANDARD).expect("a plan");
    let region = memory.window(0, plan.region_bytes());
    let guard = memory.window(plan.region_bytes(), GUARD);
    let before = guard.to_vec();
    let quiet = Reset::run(&registers, |_| {}).expect("the fake confirms a reset");
    let mut up = BringUp::start(&registers, &plan, quiet, Vector::NONE).expect("no change");
    let mut events = up
        .event_queue(region, Vector::NONE)
        .expect("an event queue");
    up.finish().expect("a running device");
    events.post_all();
    let buffers = plan.layout().event_buffer_count;
    assert_eq!(events.posted(), buffers, "the device has all buffers");

    // Until the device breaks a rule, what was pushed is what arrives.
    let mut pushed: Option<Vec<u32>> = Some(Vec::new());
    // Once descriptors are changed, it is the device that writes where they say.
    let mut is_guarded = true;
    while !input.is_empty() {
        match input.u8() % 6 {
            0..=2 => {
                let (event, reason) = (u32::from(input.u8() % 6), input.u32());
                let arrives = device.push_event(event, [1, 0, 0, 0, 0, 0, 0, 0], reason);
                if let Some(pushed) = pushed.as_mut().filter(|_| arrives) {
                    pushed.push(event);
                }
            }
            3 => {
                events.rearm_interrupts();
            }
            4 => drain(&mut events, &mut pushed, buffers),
            _ => {
                pushed = None;
                is_guarded &= !scribble(&mut input, &region, &plan);
            }
        }
    }
    drain(&mut events, &mut pushed, buffers);
    assert!(
        pushed.is_none_or(|rest| rest.is_empty()),
        "events were lost"
    );
    assert!(
        !is_guarded || guard.to_vec() == before,
        "the driver wrote outside of its region"
    );
}

type Events<'m> = crate::queues::EventQueue<super::FakeRegisters<'m, 'm>, Window<'m>>;

fn drain(events: &mut Events<'_>, pushed: &mut Option<Vec<u32>>, buffers: u16) {
    // A device may return a buffer as often as it gets it; more often than this it does not in one step.
    for _ in 0..1_000 {
        match events.take_event() {
            Ok(Some(event)) => {
                assert_eq!(events.posted(), buffers, "a buffer was not given back");
                if let Some(pushed) = pushed {
                    let expected = pushed.remove(0);
                    assert_eq!(code(event.kind), expected, "another event");
                }
            }
            Ok(None) => {
                assert_eq!(events.posted(), buffers);
                return;
            }
            Err(fault) => {
                assert!(pushed.is_none(), "a good device is said to break rules");
                assert_eq!(events.fault(), Some(fault));
                assert!(events.posted() <= buffers, "a buffer was given away twice");
                return;
            }
        }
    }
}

/// The number on the wire (virtio 5.6.6.3).
const fn code(kind: crate::request::EventKind) -> u32 {
    use crate::request::EventKind;
    match kind {
        EventKind::None => 0,
        EventKind::TransportReset(_) => 1,
        EventKind::AsyncNotify(_) => 2,
        EventKind::ParameterChange { .. } => 3,
        EventKind::Unknown(code) => code,
    }
}

/// The device writes into the event ring or the buffers, wherever it likes; true when that may have changed a descriptor.
fn scribble(input: &mut Input<'_>, region: &Window<'_>, plan: &Plan) -> bool {
    let layout = plan.layout();
    let Some(ring) = layout.event else {
        return false;
    };
    let place = input.u8() & 3;
    let (start, length) = match place {
        0 => (ring.descriptors, u32::from(ring.size) * 16),
        1 => (ring.used, 6 + u32::from(ring.size) * 8),
        2 => (ring.available, 4),
        _ => (
            layout.event_buffers,
            u32::from(layout.event_buffer_count) * layout.event_buffer_bytes,
        ),
    };
    let at = start + u32::from(input.u16()) % length.max(1);
    region.write_u16(at, input.u16());
    place == 0
}
