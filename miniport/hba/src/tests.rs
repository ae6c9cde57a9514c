//! Scenarios over the whole engine with the fake device: bring-up, requests, faults, events, dump, fuzz bodies.

mod bring_up;
mod dump;
mod events;
mod faults;
mod frames;
mod fuzz;
mod limits;
mod packed;
mod queue_reset;
mod requests;
mod ring;

use std::vec;
use std::vec::Vec;

use crate::device::{BringUp, BringUpError, Features, Probe, Quiesced, Registers, Reset, Vector};
use crate::fake::{ConfigSpace, FakeDevice, FakeMemory, FakeRegisters, Offer, Window};
use crate::pci;
use crate::plan::{NormalOptions, Plan};
use crate::queues::{ControlQueue, EventQueue, RequestQueue};
use crate::request::{
    CdbField, Completion, DataDirection, Fragment, Frame, Prepared, Request, Response, Segment,
    TaskAttribute, frame_bytes, prepare,
};
use crate::ring::{Slot, Tag};
use crate::scsi::cdb::Cdb;
use crate::scsi::lun::ScsiAddress;

/// Where device memory lies: above 4 GiB, so that a lost upper half is noticed.
const BUS: u64 = 0x1_8000_0000;
/// The DMA region, the frames, and the data buffers in it.
const REGION: u32 = 0x10_0000;
const FRAMES: u32 = 0x18_0000;
const DATA: u32 = 0x20_0000;
const MEMORY: u32 = 0x40_0000;

type Regs<'d> = FakeRegisters<'d, 'd>;
type Requests<'d> = RequestQueue<Regs<'d>, Window<'d>, Vec<Slot>>;

fn memory() -> FakeMemory {
    FakeMemory::new(MEMORY, BUS)
}

/// What QEMU offers with `packed=on`.
fn packed_offer() -> Offer {
    let mut offer = Offer::qemu();
    offer.features.insert(Features::RING_PACKED);
    offer
}

fn registers<'d>(device: &'d FakeDevice<'d>) -> Registers<Regs<'d>> {
    let [common, notify, isr, specific] = device.registers();
    Registers::new(common, notify, isr, specific, device_multiplier(device)).unwrap()
}

fn device_multiplier(device: &FakeDevice<'_>) -> u32 {
    device.offer().notify_multiplier
}

fn quiet(registers: &Registers<Regs<'_>>) -> Quiesced {
    Reset::run(registers, |_| {}).unwrap()
}

fn plan(registers: &Registers<Regs<'_>>, options: NormalOptions) -> Plan {
    let probe = Probe::read(registers, quiet(registers)).unwrap();
    let caps = pci::capabilities(ConfigSpace::qemu().bytes()).unwrap();
    Plan::normal(&caps, &probe, &options).unwrap()
}

/// A running adapter.
struct Adapter<'d> {
    memory: &'d FakeMemory,
    registers: Registers<Regs<'d>>,
    plan: Plan,
    control: ControlQueue<Regs<'d>, Window<'d>>,
    events: EventQueue<Regs<'d>, Window<'d>>,
    requests: Requests<'d>,
    frames: u32,
}

impl<'d> Adapter<'d> {
    fn start(memory: &'d FakeMemory, device: &'d FakeDevice<'d>) -> Self {
        let registers = registers(device);
        let plan = plan(&registers, NormalOptions::STANDARD);
        Self::carry_out(memory, device, &plan).unwrap()
    }

    fn carry_out(
        memory: &'d FakeMemory,
        device: &'d FakeDevice<'d>,
        plan: &Plan,
    ) -> Result<Self, BringUpError> {
        let registers = registers(device);
        let region = memory.window(REGION, plan.region_bytes());
        let mut up = BringUp::start(&registers, plan, quiet(&registers), Vector::message(0))?;
        let control = up.control_queue(region, Vector::message(1))?;
        let mut events = up.event_queue(region, Vector::message(2))?;
        let slots = vec![Slot::default(); usize::from(plan.request_ring())];
        let requests = up.request_queue(0, region, slots, Vector::message(3))?;
        up.finish()?;
        events.post_all();
        Ok(Self {
            memory,
            registers,
            plan: *plan,
            control,
            events,
            requests,
            frames: 0,
        })
    }

    /// Builds a request in a frame of its own; the data lie in `segments`.
    fn build(
        &mut self,
        address: ScsiAddress,
        cdb: &[u8],
        direction: DataDirection,
        segments: &[Segment],
    ) -> Sent<'d> {
        let bytes = frame_bytes(self.plan.segments()).next_multiple_of(64);
        let offset = FRAMES + self.frames % 32 * bytes;
        self.frames += 1;
        let window = self.memory.window(offset, bytes);
        let fragment = Fragment {
            offset: 0,
            length: bytes,
            bus_address: BUS + u64::from(offset),
        };
        let frame = Frame::contiguous(fragment, self.plan.segments()).unwrap();
        let data_bytes = segments.iter().map(|segment| segment.length).sum();
        let request = Request {
            address,
            cdb: CdbField::new(cdb),
            attribute: TaskAttribute::Simple,
            priority: 0,
            direction,
            data_bytes,
        };
        let recipe = self.plan.recipe();
        let prepared = prepare(&window, &frame, recipe, &request, segments).unwrap();
        Sent { window, prepared }
    }

    fn send(&mut self, sent: &Sent<'d>, token: u64) -> Tag {
        self.requests
            .submit(&sent.window, &sent.prepared, token)
            .unwrap()
    }

    /// Sends one command and expects it back at once.
    fn command(
        &mut self,
        target: u8,
        lun: u16,
        cdb: &Cdb,
        direction: DataDirection,
        data: &[Segment],
    ) -> Completion {
        let address = ScsiAddress::new(target, lun).unwrap();
        let sent = self.build(address, cdb.as_bytes(), direction, data);
        let tag = self.send(&sent, 77);
        self.requests.publish();
        let used = self.requests.take_used().unwrap().unwrap();
        assert_eq!((used.token, used.tag), (77, tag));
        assert_eq!(self.requests.take_used(), Ok(None));
        sent.response().completion()
    }
}

/// A request in its frame.
struct Sent<'d> {
    window: Window<'d>,
    prepared: Prepared,
}

impl Sent<'_> {
    fn response(&self) -> Response {
        Response::read(&self.window, &self.prepared)
    }
}

/// `count` segments of `length` bytes from the start of the data area, with a gap behind each.
fn segments(count: u32, length: u32) -> Vec<Segment> {
    let segment = |index: u32| Segment {
        bus_address: BUS + u64::from(DATA + index * (length + 512)),
        length,
    };
    (0..count).map(segment).collect()
}
