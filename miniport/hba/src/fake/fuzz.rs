//! Bodies of the fuzz targets: total functions of bytes that fail by panicking when an invariant breaks.
//!
//! [`fuzz_device_answers`] is two-sided: the bytes choose what the driver does and what the device writes into shared memory.
//! Whatever that is, each request comes back exactly once: completed, or reclaimed after the reset.

use std::collections::{BTreeMap, BTreeSet};
use std::vec;
use std::vec::Vec;

use crate::access::SharedMemory;
use crate::device::{BringUp, Features, FieldSizes, Probe, Registers, Reset, Vector};
use crate::dump::{DumpEngine, DumpPoll};
use crate::pci::{self, CONFIG_BYTES};
use crate::plan::{NormalOptions, PLAN_BYTES, Plan, SegMaxRule, seal_record};
use crate::request::{
    CdbField, DataDirection, Fragment, Frame, Prepared, Request, Response, Segment, TaskAttribute,
    TaskFunction, TaskManagement, frame_bytes, prepare,
};
use crate::ring::{RingFormat, Slot, SubmitError, Tag};
use crate::scsi::lun::ScsiAddress;

use super::config_space::ConfigSpace;
use super::device::{Delivery, FakeDevice, Offer};
use super::memory::{FakeMemory, Window};
use super::registers::FakeRegisters;
use super::scsi::Disk;

const BUS: u64 = 0x1_0000_0000;
const REGION: u32 = 0x1_0000;
const FRAMES: u32 = 24;
const SEGMENTS: u16 = 4;
const MEMORY: u32 = 0x2_0000;

/// Takes numbers off the input; zeros when it has run dry.
pub(super) struct Input<'a>(pub(super) &'a [u8]);

impl Input<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let mut value = [0; N];
        for byte in &mut value {
            if let Some((first, rest)) = self.0.split_first() {
                (*byte, self.0) = (*first, rest);
            }
        }
        value
    }

    pub(super) fn u8(&mut self) -> u8 {
        u8::from_le_bytes(self.take())
    }

    pub(super) fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.take())
    }

    pub(super) fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Feeds a configuration space, and a probe made of what follows it, through discovery and planning.
///
/// # Panics
/// When a result breaks an invariant of [`VirtioCaps`](pci::VirtioCaps) or [`Plan`].
pub fn fuzz_capabilities(data: &[u8]) {
    assert!(
        pci::capabilities(data).is_err() || data.len() >= CONFIG_BYTES,
        "a short snapshot was accepted"
    );
    // Half of the inputs begin with a good space and damage it, so that the depths are reached.
    let mut input = Input(data);
    let mut config = if input.u8() & 1 == 0 {
        *ConfigSpace::qemu().bytes()
    } else {
        [0; CONFIG_BYTES]
    };
    for _ in 0..input.u8() {
        let at = usize::from(input.u8());
        let value = input.u8();
        if let Some(byte) = config.get_mut(at) {
            *byte = value;
        }
    }
    let Ok(caps) = pci::capabilities(&config) else {
        return;
    };
    assert_eq!(
        caps.check(),
        Ok(()),
        "the walk accepted what the check refuses"
    );
    for region in caps.regions() {
        let end = region.offset.checked_add(region.length);
        assert!(
            end.is_some_and(|end| end <= caps.mapped_length(region.bar)),
            "a region is not mapped"
        );
    }
    let mut probe = Probe {
        offered: Features::from_bits_retain(u64::from(input.u32()) << 28 | 1 << 32),
        config: Offer::qemu().config,
        sizes: FieldSizes::WANTED,
        request_queues: input.u16(),
        control_size: input.u16(),
        event_size: input.u16(),
        request_size: input.u16(),
    };
    probe.config.seg_max = input.u32();
    probe.config.max_sectors = input.u32();
    probe.config.event_info_size = u32::from(input.u16());
    probe.config.max_lun = input.u32();
    let options = NormalOptions {
        request_queues: input.u16(),
        ring_size: input.u16(),
        segments: input.u16(),
        seg_max: if input.u8() & 1 == 0 {
            SegMaxRule::Honoured
        } else {
            SegMaxRule::RingOnly
        },
        accept: Features::from_bits_retain(u64::from(input.u32()) << 24),
    };
    for plan in [
        Plan::normal(&caps, &probe, &options),
        Plan::dump(&caps, &probe),
    ]
    .into_iter()
    .flatten()
    {
        check_plan(&plan);
    }
}

fn check_plan(plan: &Plan) {
    assert_eq!(plan.check(), Ok(()), "a plan breaks its own rules");
    let stored: [u8; PLAN_BYTES] = plan.into();
    assert_eq!(
        Plan::try_from(&stored[..]),
        Ok(*plan),
        "a plan does not survive being stored"
    );
    let layout = plan.layout();
    let last = layout.request_queue(layout.request_queues.saturating_sub(1));
    let end = last.map(|queue| {
        let device_area = match queue.format {
            RingFormat::Split => u32::from(queue.size).saturating_mul(8).saturating_add(6),
            RingFormat::Packed => 4,
        };
        queue.used.saturating_add(device_area)
    });
    assert!(
        end.is_some_and(|end| end <= layout.length),
        "a queue lies outside of the region"
    );
}

/// Feeds bytes to [`Plan::try_from`]: as they are, and with a valid envelope around them.
///
/// # Panics
/// When bytes that break a rule are accepted.
pub fn fuzz_plan_record(data: &[u8]) {
    if let Ok(plan) = Plan::try_from(data) {
        check_plan(&plan);
    }
    let mut record = [0; PLAN_BYTES];
    for (target, byte) in record.iter_mut().zip(data) {
        *target = *byte;
    }
    seal_record(&mut record);
    if let Ok(plan) = Plan::try_from(&record[..]) {
        check_plan(&plan);
    }
}

/// Plays a driver against a device that writes what the bytes say.
///
/// # Panics
/// When a request is lost or comes back twice, or when the driver breaks a rule of virtio.
pub fn fuzz_device_answers(data: &[u8]) {
    let mut input = Input(data);
    let memory = FakeMemory::new(MEMORY, BUS);
    let mut offer = Offer {
        delivery: Delivery::AtRun,
        ..Offer::qemu()
    };
    let shape = input.u8();
    offer.request_size = 1 << (2 + shape % 5);
    if shape & 0x80 != 0 {
        offer.features.insert(Features::RING_PACKED);
        offer.request_size = offer.request_size.wrapping_add(u16::from(shape >> 5 & 3));
    }
    if input.u8() & 1 == 0 {
        offer.features.remove(Features::RING_INDIRECT_DESC);
    }
    if input.u8() & 1 == 0 {
        offer.features.remove(Features::RING_EVENT_IDX);
    }
    let device = FakeDevice::new(&memory, offer, &[]);
    device.insert_disk(0, 0, Disk::new(64, 512));
    let [common, notify, isr, specific] = device.registers();
    let Ok(registers) = Registers::new(common, notify, isr, specific, offer.notify_multiplier)
    else {
        return;
    };
    if input.u8() % 8 == 0 {
        play_dump(&mut input, &memory, &device, &registers);
    } else {
        play_normal(&mut input, &memory, &device, &registers);
    }
}

type Regs<'d, 'm> = Registers<FakeRegisters<'d, 'm>>;

fn play_normal(
    input: &mut Input<'_>,
    memory: &FakeMemory,
    device: &FakeDevice<'_>,
    registers: &Regs<'_, '_>,
) {
    let quiet = Reset::run(registers, |_| {}).expect("the fake confirms a reset");
    let Ok(probe) = Probe::read(registers, quiet) else {
        return;
    };
    let caps = pci::capabilities(ConfigSpace::qemu().bytes()).expect("a good space");
    let options = NormalOptions {
        segments: SEGMENTS,
        ..NormalOptions::STANDARD
    };
    let Ok(plan) = Plan::normal(&caps, &probe, &options) else {
        return;
    };
    let region = memory.window(0, REGION);
    let quiet = Reset::run(registers, |_| {}).expect("the fake confirms a reset");
    let mut up =
        BringUp::start(registers, &plan, quiet, Vector::NONE).expect("nothing has changed");
    let mut control = up
        .control_queue(region, Vector::NONE)
        .expect("a control queue");
    let mut events = up
        .event_queue(region, Vector::NONE)
        .expect("an event queue");
    let slots = vec![Slot::default(); usize::from(plan.request_ring())];
    let mut requests = up
        .request_queue(0, region, slots, Vector::NONE)
        .expect("a request queue");
    up.finish().expect("a running device");
    events.post_all();

    let mut model = Model::default();
    let mut functions = BTreeSet::new();
    let mut next = 0u64;
    while !input.is_empty() {
        match input.u8() % 10 {
            0..=2 => {
                next += 1;
                let Some((window, prepared)) = build(memory, &plan, input, next) else {
                    continue;
                };
                match requests.submit(&window, &prepared, next) {
                    Ok(tag) => model.submitted(next, tag, prepared, requests.token_of(tag)),
                    Err(SubmitError::Full) => {
                        assert!(requests.outstanding() > 0, "an empty ring is full");
                    }
                    Err(SubmitError::TooLong) => {
                        assert!(
                            prepared.descriptors > plan.request_ring(),
                            "a short chain is too long"
                        );
                    }
                    Err(error) => assert!(matches!(error, SubmitError::Faulted(_)), "{error:?}"),
                }
            }
            3 => {
                requests.publish();
            }
            4 => {
                requests.publish();
                if let Ok(Some(used)) = requests.take_used() {
                    model.completed(memory, used.token, used.tag);
                }
                requests.rearm_interrupts();
            }
            5 => {
                let function = TaskManagement {
                    address: ScsiAddress::from_u8(0, 0),
                    function: TaskFunction::LogicalUnitReset,
                };
                next += 1;
                if control.start(&function, next).is_ok() {
                    assert!(functions.insert(next));
                }
            }
            6 => {
                if let Ok(Some(done)) = control.take_completed() {
                    assert!(functions.remove(&done.token), "a function ended twice");
                }
                let _ = events.take_event();
            }
            7 => device.run(),
            _ => poke(input, memory, plan.layout().length),
        }
    }
    // The device may have been made to break the rules, the driver may not: its own writes were poked over, so that is not
    // checked here but in the unit tests.
    let quiet = Reset::run(registers, |_| {}).expect("the fake confirms a reset");
    while let Some((tag, token)) = requests.reclaim(&quiet) {
        model.completed(memory, token, tag);
    }
    while let Some(token) = control.reclaim(&quiet) {
        assert!(functions.remove(&token), "a function ended twice");
    }
    assert!(model.outstanding.is_empty(), "requests were lost");
    assert!(functions.is_empty(), "functions were lost");
    assert_eq!(requests.outstanding(), 0, "the queue counts wrongly");
}

fn play_dump(
    input: &mut Input<'_>,
    memory: &FakeMemory,
    device: &FakeDevice<'_>,
    registers: &Regs<'_, '_>,
) {
    let quiet = Reset::run(registers, |_| {}).expect("the fake confirms a reset");
    let Ok(probe) = Probe::read(registers, quiet) else {
        return;
    };
    let caps = pci::capabilities(ConfigSpace::qemu().bytes()).expect("a good space");
    let format = probe.offered.ring_format();
    let Ok(plan) = Plan::dump_in_format(&caps, &probe, format) else {
        return;
    };
    let quiet = Reset::run(registers, |_| {}).expect("the fake confirms a reset");
    let region = memory.window(0, plan.region_bytes());
    let mut engine = DumpEngine::start(registers, &plan, quiet, region).expect("a good device");
    let mut waiting = None;
    let mut next = 0u64;
    while !input.is_empty() {
        match input.u8() % 6 {
            0 | 1 => {
                next += 1;
                let (request, segments) = describe(input);
                if engine.submit(&request, &segments, next).is_ok() {
                    assert!(waiting.replace(next).is_none(), "two requests at once");
                }
            }
            2 | 3 => match engine.poll() {
                Ok(DumpPoll::Done { token, completion }) => {
                    assert_eq!(
                        waiting.take(),
                        Some(token),
                        "a request that was not waited for"
                    );
                    let mut sense = [0; 18];
                    assert!(engine.copy_sense(&mut sense) <= usize::from(completion.sense_bytes));
                }
                Ok(DumpPoll::Idle) => assert_eq!(waiting, None, "a request was lost"),
                Ok(DumpPoll::Pending) | Err(_) => assert!(waiting.is_some()),
            },
            4 => device.run(),
            _ => poke(input, memory, plan.region_bytes()),
        }
    }
    let quiet = Reset::run(registers, |_| {}).expect("the fake confirms a reset");
    assert_eq!(engine.abandon(&quiet), waiting, "a request was lost");
}

/// The device writes anywhere into the region, small values more often than large ones.
fn poke(input: &mut Input<'_>, memory: &FakeMemory, length: u32) {
    let offset = input.u16();
    let value = match input.u8() {
        0..=0x7F => u16::from(input.u8()),
        _ => input.u16(),
    };
    memory
        .window(0, length)
        .write_u16(u32::from(offset) % length.max(1), value);
}

fn describe(input: &mut Input<'_>) -> (Request, Vec<Segment>) {
    const READ: [u8; 10] = [0x28, 0, 0, 0, 0, 1, 0, 0, 2, 0];
    const WRITE: [u8; 10] = [0x2A, 0, 0, 0, 0, 1, 0, 0, 2, 0];
    const READY: [u8; 6] = [0; 6];
    let (cdb, direction, count): (&[u8], _, _) = match input.u8() % 3 {
        0 => (&READ, DataDirection::In, 1 + u32::from(input.u8() % 6)),
        1 => (&WRITE, DataDirection::Out, 1 + u32::from(input.u8() % 6)),
        _ => (&READY, DataDirection::None, 0),
    };
    let start = BUS + u64::from(REGION) + 0x8000;
    let segments: Vec<_> = (0..count)
        .map(|index| Segment {
            bus_address: start + u64::from(index) * 512,
            length: 512,
        })
        .collect();
    let request = Request {
        address: ScsiAddress::from_u8(input.u8() & 1, 0),
        cdb: CdbField::new(cdb),
        attribute: TaskAttribute::Simple,
        priority: 0,
        direction,
        data_bytes: count * 512,
    };
    (request, segments)
}

fn build<'m>(
    memory: &'m FakeMemory,
    plan: &Plan,
    input: &mut Input<'_>,
    number: u64,
) -> Option<(Window<'m>, Prepared)> {
    let bytes = frame_bytes(SEGMENTS).next_multiple_of(16);
    let index = u32::try_from(number % u64::from(FRAMES)).unwrap_or(0);
    let window = memory.window(REGION + index * bytes, bytes);
    let fragment = Fragment {
        offset: 0,
        length: bytes,
        bus_address: BUS + u64::from(REGION) + u64::from(index * bytes),
    };
    let frame = Frame::contiguous(fragment, SEGMENTS).expect("frame_bytes is enough");
    let (request, segments) = describe(input);
    prepare(&window, &frame, plan.recipe(), &request, &segments)
        .ok()
        .map(|prepared| (window, prepared))
}

/// What the driver above the engine would know.
#[derive(Default)]
struct Model {
    outstanding: BTreeMap<u64, (Tag, Prepared)>,
}

impl Model {
    fn submitted(&mut self, token: u64, tag: Tag, prepared: Prepared, found: Option<u64>) {
        assert_eq!(found, Some(token), "a fresh tag is unknown");
        assert!(self.outstanding.insert(token, (tag, prepared)).is_none());
    }

    fn completed(&mut self, memory: &FakeMemory, token: u64, tag: Tag) {
        let (expected, prepared) = self
            .outstanding
            .remove(&token)
            .expect("a request that is outstanding");
        assert_eq!(tag, expected, "a foreign tag");
        let response = Response::read(&memory.all(), &prepared);
        let completion = response.completion();
        assert!(
            completion.transferred <= prepared.data_bytes(),
            "more data than asked for"
        );
        let mut sense = [0; 255];
        assert!(
            response.copy_sense(&memory.all(), &mut sense) <= 96,
            "more sense data than the field has"
        );
    }
}
