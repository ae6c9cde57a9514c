//! A driver in miniature over the engine: what the miniport does, with waiting in place of interrupts.

use std::thread::sleep;
use std::time::{Duration, Instant};

use hba::device::{BringUp, DescriptorForm, DeviceFault, Probe, Registers, Vector};
use hba::dump::{DumpEngine, DumpPoll};
use hba::pci::{self, VirtioCaps};
use hba::plan::{NormalOptions, PLAN_BYTES, Plan};
use hba::queues::{ControlQueue, EventQueue, RequestQueue};
use hba::request::{
    CdbField, Completion, DataDirection, Event, Fragment, Frame, Outcome, Request, Response,
    Segment, TaskAttribute, TaskFunction, TaskManagement, TmfOutcome, frame_bytes, prepare,
};
use hba::ring::{Rearmed, Slot};
use hba::scsi::cdb::{self, Access, Cdb, Form, Transfer};
use hba::scsi::lun::ScsiAddress;

use crate::qtest::{PATIENCE, Qemu, Window, reset};

/// Where things are in guest memory.
pub(crate) const REGION: u64 = 0x10_0000;
const DUMP_REGION: u64 = 0x30_0000;
const FRAME: u64 = 0x38_0000;
/// Frames of bursts, and how many there are.
const FRAMES: u64 = 0x20_0000;
const FRAME_STRIDE: u64 = 0x200;
const FRAMES_MAX: u16 = 128;
const DATA: u64 = 0x40_0000;
/// Length of a page, and the offset in it at which data begin: the worst case for the number of segments.
const PAGE: u64 = 4096;
const UNALIGNED: u64 = PAGE - 512;

/// A logical unit.
#[derive(Clone, Copy)]
pub(crate) struct Unit {
    pub(crate) target: u8,
    pub(crate) lun: u16,
}

impl Unit {
    fn address(self) -> ScsiAddress {
        ScsiAddress::new(self.target, self.lun).expect("a number in range")
    }
}

/// Address of the first byte of data.
pub(crate) const fn data_start() -> u64 {
    DATA + UNALIGNED
}

/// Where a burst puts its block `index`.
pub(crate) const fn block_of(index: u16) -> u64 {
    DATA + index as u64 * 512
}

fn caps(qemu: &Qemu) -> VirtioCaps {
    pci::capabilities(&qemu.config_space()).expect("a modern device")
}

fn probe(qemu: &Qemu, caps: &VirtioCaps) -> Probe {
    let registers = qemu.registers(caps);
    Probe::read(&registers, reset(&registers)).expect("a usable device")
}

/// A plan for the normal instance.
pub(crate) fn plan_normal(qemu: &Qemu, options: NormalOptions) -> Plan {
    let caps = caps(qemu);
    Plan::normal(&caps, &probe(qemu, &caps), &options).expect("a plan")
}

/// A plan for the dump instance, by way of its stored form.
pub(crate) fn plan_dump(qemu: &Qemu) -> Plan {
    let caps = caps(qemu);
    let plan = Plan::dump(&caps, &probe(qemu, &caps)).expect("a plan");
    let stored: [u8; PLAN_BYTES] = (&plan).into();
    Plan::try_from(&stored[..]).expect("a plan that survives")
}

/// `bytes` bytes of data in pieces of a page.
fn segments(bytes: u32) -> Vec<Segment> {
    let end = data_start() + u64::from(bytes);
    let mut bus_address = data_start();
    let mut segments = Vec::new();
    while bus_address < end {
        let next = (bus_address / PAGE + 1) * PAGE;
        let length = u32::try_from(next.min(end) - bus_address).expect("at most a page");
        segments.push(Segment {
            bus_address,
            length,
        });
        bus_address = next;
    }
    segments
}

fn pattern(bytes: u32, factor: u32) -> Vec<u8> {
    (0..bytes)
        .map(|index| u8::try_from(index.wrapping_mul(factor) % 251).expect("below 251"))
        .collect()
}

fn request(unit: Unit, cdb: &[u8], direction: DataDirection, data_bytes: u32) -> Request {
    Request {
        address: unit.address(),
        cdb: CdbField::new(cdb),
        attribute: TaskAttribute::Simple,
        priority: 0,
        direction,
        data_bytes,
    }
}

/// Polls until there is something.
fn wait<T>(mut poll: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = poll() {
            return value;
        }
        assert!(Instant::now() < deadline, "QEMU did not answer");
        sleep(Duration::from_millis(1));
    }
}

pub(crate) type Requests<'q> = RequestQueue<Window<'q>, Window<'q>, Vec<Slot>>;

/// A running adapter.
pub(crate) struct Adapter<'q> {
    qemu: &'q Qemu,
    registers: Registers<Window<'q>>,
    plan: Plan,
    control: ControlQueue<Window<'q>, Window<'q>>,
    events: EventQueue<Window<'q>, Window<'q>>,
    requests: Vec<Requests<'q>>,
    next_queue: usize,
}

impl<'q> Adapter<'q> {
    /// Brings the device up.
    pub(crate) fn start(qemu: &'q Qemu, options: NormalOptions) -> Self {
        let plan = plan_normal(qemu, options);
        let registers = qemu.registers(plan.caps());
        let region = qemu.memory(REGION, plan.region_bytes());
        let mut up =
            BringUp::start(&registers, &plan, reset(&registers), Vector::NONE).expect("a start");
        let control = up
            .control_queue(region, Vector::NONE)
            .expect("a control queue");
        let mut events = up
            .event_queue(region, Vector::NONE)
            .expect("an event queue");
        let requests = (0..plan.request_queues())
            .map(|number| {
                let slots = vec![Slot::default(); usize::from(plan.request_ring())];
                up.request_queue(number, region, slots, Vector::NONE)
                    .expect("a request queue")
            })
            .collect();
        up.finish().expect("a running device");
        events.post_all();
        Self {
            qemu,
            registers,
            plan,
            control,
            events,
            requests,
            next_queue: 0,
        }
    }

    pub(crate) const fn plan(&self) -> &Plan {
        &self.plan
    }

    pub(crate) const fn transfer_bytes(&self) -> u32 {
        self.plan.transfer_bytes()
    }

    pub(crate) fn fault(&self) -> Result<(), DeviceFault> {
        self.registers.fault()
    }

    /// Collects unit attentions until the unit is ready.
    pub(crate) fn settle(&mut self, unit: Unit) {
        let ready = cdb::test_unit_ready();
        let is_ready = |adapter: &mut Self| {
            adapter
                .command(unit, &ready, DataDirection::None, 0)
                .outcome
                == Outcome::Success
        };
        assert!(
            (0..8).any(|_| is_ready(self)),
            "the unit does not become ready"
        );
    }

    /// Sends one command by the next queue and waits for its end.
    pub(crate) fn command(
        &mut self,
        unit: Unit,
        cdb: &Cdb,
        direction: DataDirection,
        bytes: u32,
    ) -> Completion {
        self.command_with_sense(unit, cdb, direction, bytes).0
    }

    /// The same, with the sense data.
    pub(crate) fn command_with_sense(
        &mut self,
        unit: Unit,
        cdb: &Cdb,
        direction: DataDirection,
        bytes: u32,
    ) -> (Completion, [u8; 18]) {
        let length = frame_bytes(self.plan.segments());
        let memory = self.qemu.memory(FRAME, length);
        let fragment = Fragment {
            offset: 0,
            length,
            bus_address: FRAME,
        };
        let frame = Frame::contiguous(fragment, self.plan.segments()).expect("a frame");
        let request = request(unit, cdb.as_bytes(), direction, bytes);
        let prepared = prepare(
            &memory,
            &frame,
            self.plan.recipe(),
            &request,
            &segments(bytes),
        )
        .expect("a request");
        self.next_queue = (self.next_queue + 1) % self.requests.len();
        let queue = &mut self.requests[self.next_queue];
        let tag = queue
            .submit(&memory, &prepared, 7)
            .expect("room in the ring");
        queue.publish();
        let used = wait(|| queue.take_used().expect("a device that keeps the rules"));
        assert_eq!((used.tag, used.token), (tag, 7));
        assert_eq!(queue.rearm_interrupts(), Rearmed::Idle);
        let response = Response::read(&memory, &prepared);
        let mut sense = [0; 18];
        response.copy_sense(&memory, &mut sense);
        (response.completion(), sense)
    }

    /// Requests that a queue takes at once: as many as there are descriptors for, and frames here.
    pub(crate) fn room(&self, queue: u16) -> u16 {
        let descriptors = self.requests[usize::from(queue)].free_descriptors();
        let each = match self.plan.features().descriptor_form() {
            DescriptorForm::Indirect => 1,
            DescriptorForm::Direct => 3,
        };
        (descriptors / each).min(FRAMES_MAX)
    }

    /// Sends `count` reads of a block by one queue, with the numbers from 0 as tokens, and publishes them together.
    pub(crate) fn burst(&mut self, unit: Unit, queue: u16, count: u16) {
        let length = frame_bytes(1);
        for index in 0..count {
            let at = FRAMES + u64::from(index) * FRAME_STRIDE;
            let memory = self.qemu.memory(at, length);
            let fragment = Fragment {
                offset: 0,
                length,
                bus_address: at,
            };
            let frame = Frame::contiguous(fragment, 1).expect("a frame");
            let read = Transfer {
                access: Access::Read,
                block: index.into(),
                blocks: 1,
                caching: cdb::Caching::Allowed,
            };
            let read = read.build(Form::Ten).expect("a short address");
            let segment = Segment {
                bus_address: block_of(index),
                length: 512,
            };
            let request = request(unit, read.as_bytes(), DataDirection::In, 512);
            let prepared = prepare(&memory, &frame, self.plan.recipe(), &request, &[segment])
                .expect("a request");
            self.requests[usize::from(queue)]
                .submit(&memory, &prepared, index.into())
                .expect("room in the ring");
        }
        self.requests[usize::from(queue)].publish();
    }

    /// Waits for `count` completions of a queue and returns their tokens.
    pub(crate) fn collect(&mut self, queue: u16, count: u16) -> Vec<u64> {
        let queue = &mut self.requests[usize::from(queue)];
        (0..count)
            .map(|_| wait(|| queue.take_used().expect("a device that keeps the rules")).token)
            .collect()
    }

    /// The request queues, to be taken out and put back.
    pub(crate) const fn requests(&mut self) -> &mut Vec<Requests<'q>> {
        &mut self.requests
    }

    pub(crate) const fn registers(&self) -> &Registers<Window<'q>> {
        &self.registers
    }

    /// Writes a pattern, flushes, finds it in the image and reads it back.
    pub(crate) fn round_trip(&mut self, unit: Unit, write: &Transfer, block_bytes: u32) {
        let bytes = write.blocks * block_bytes;
        let data = pattern(bytes, 31);
        self.qemu.write(data_start(), &data);
        let out = write.build(Form::Ten).expect("a short address");
        let completion = self.command(unit, &out, DataDirection::Out, bytes);
        assert_eq!(
            (completion.outcome, completion.transferred),
            (Outcome::Success, bytes)
        );
        let flush = cdb::synchronize_cache_10();
        assert_eq!(
            self.command(unit, &flush, DataDirection::None, 0).outcome,
            Outcome::Success
        );
        assert_on_disk(self.qemu, write, block_bytes, &data);
        self.qemu.write(data_start(), &pattern(bytes, 3));
        let back = Transfer {
            access: Access::Read,
            ..*write
        }
        .build(Form::Sixteen)
        .expect("any address");
        let completion = self.command(unit, &back, DataDirection::In, bytes);
        assert_eq!(
            (completion.outcome, completion.transferred),
            (Outcome::Success, bytes)
        );
        assert!(
            self.qemu.read(data_start(), data.len()) == data,
            "other data came back"
        );
    }

    /// Sends a task management function and waits for its end.
    pub(crate) fn manage(&mut self, unit: Unit, function: TaskFunction) -> TmfOutcome {
        let request = TaskManagement {
            address: unit.address(),
            function,
        };
        self.control.start(&request, 1).expect("a free frame");
        let control = &mut self.control;
        wait(|| {
            control
                .take_completed()
                .expect("a device that keeps the rules")
        })
        .outcome
    }

    /// Waits for an event.
    pub(crate) fn event(&mut self) -> Event {
        let events = &mut self.events;
        wait(|| events.take_event().expect("a device that keeps the rules"))
    }
}

fn assert_on_disk(qemu: &Qemu, write: &Transfer, block_bytes: u32, data: &[u8]) {
    let start = usize::try_from(write.block * u64::from(block_bytes)).expect("an offset");
    assert!(
        qemu.image()[start..start + data.len()] == *data,
        "other data are in the image"
    );
}

/// The life of a dump instance: INQUIRY, writes of the longest kind, SYNCHRONIZE CACHE, all polled.
pub(crate) fn run_dump(qemu: &Qemu, plan: &Plan, unit: Unit, block_bytes: u32) {
    let registers = qemu.registers(plan.caps());
    let region = qemu.memory(DUMP_REGION, plan.region_bytes());
    let mut engine =
        DumpEngine::start(&registers, plan, reset(&registers), region).expect("a start");
    assert_eq!(engine.poll(), Ok(DumpPoll::Idle), "a spurious poll");
    let mut ask = |cdb: &Cdb, direction, bytes| {
        let request = request(unit, cdb.as_bytes(), direction, bytes);
        engine
            .submit(&request, &segments(bytes), 5)
            .expect("an idle engine");
        wait(
            || match engine.poll().expect("a device that keeps the rules") {
                DumpPoll::Done {
                    completion,
                    token: 5,
                } => Some(completion),
                DumpPoll::Pending => None,
                other => panic!("{other:?}"),
            },
        )
    };
    // The reset of the device is a unit attention.
    let ready = cdb::test_unit_ready();
    assert!((0..8).any(|_| ask(&ready, DataDirection::None, 0).outcome == Outcome::Success));
    assert_eq!(
        ask(&cdb::inquiry(36), DataDirection::In, 36).outcome,
        Outcome::Success
    );
    let bytes = plan.transfer_bytes() / block_bytes * block_bytes;
    let data = pattern(bytes, 17);
    qemu.write(data_start(), &data);
    for (form, block) in [(Form::Ten, 1000), (Form::Sixteen, 1001), (Form::Ten, 1002)] {
        let write = Transfer {
            access: Access::Write,
            block,
            blocks: bytes / block_bytes,
            caching: cdb::Caching::Allowed,
        };
        let out = write.build(form).expect("a short address");
        let completion = ask(&out, DataDirection::Out, bytes);
        assert_eq!(
            (completion.outcome, completion.transferred),
            (Outcome::Success, bytes)
        );
        assert_eq!(
            ask(&cdb::synchronize_cache_10(), DataDirection::None, 0).outcome,
            Outcome::Success
        );
        assert_on_disk(qemu, &write, block_bytes, &data);
    }
}
