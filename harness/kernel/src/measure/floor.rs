//! The floor: the `floor` crate's client on the same device, started without a driver.
//!
//! [`Floor::start`] brings the device up with one request queue, [`Floor::stretch`] counts in the same rounds as for a driver. Its
//! doorbell is a word of memory, delivered when the device is to work; it takes no interrupts, because it is called as from a DPC.
//! Source: virtio 1.2, 3.1 (initialisation), 4.1.4 (PCI transport), 5.6.6.1.

use alloc::{format, string::String, vec::Vec};
use core::sync::atomic::Ordering;

use floor::{Client, Direction, ENTRIES, FRAME_WORDS, Memory, Request, Segment};
use proto::{
    owner::Owner,
    record::{Cost, Flow, PhysicalRange, Stretch, Subject, Transfer},
};

use super::device::Device;
use crate::{
    dump::witness,
    hw::shared::SharedBlock,
    interrupt,
    mem::{self, AllocSpec, Contiguity, PAGE_BYTES, Placement, Va},
    mmio::{self, Width},
    pci,
    port::{cdb, srb::CDB_BYTES},
    timer,
};

/// Nothing was written to the doorbell.
const NOTHING: u16 = u16::MAX;
/// TEST UNIT READY is sent so often at most until a unit has told everything of its past.
const GREETINGS: u32 = 8;
/// Rounds before the counting begins.
const WARM_UP_ROUNDS: u32 = 3;
/// Sectors of the unit are used one behind the other up to here, in requests.
const SPREAD_REQUESTS: u32 = 64;
/// No interrupt for this queue (4.1.5.1.2).
const NO_VECTOR: u64 = 0xFFFF;
/// Memory decoding and bus mastering in the PCI command register.
const COMMAND: u16 = 4;
const DECODE_AND_MASTER: u16 = 6;

/// Registers of the common configuration (4.1.4.3).
mod register {
    pub(super) const DRIVER_FEATURE_SELECT: u64 = 8;
    pub(super) const DRIVER_FEATURE: u64 = 12;
    pub(super) const DEVICE_STATUS: u64 = 20;
    pub(super) const QUEUE_SELECT: u64 = 22;
    pub(super) const QUEUE_SIZE: u64 = 24;
    pub(super) const QUEUE_VECTOR: u64 = 26;
    pub(super) const QUEUE_ENABLE: u64 = 28;
    pub(super) const QUEUE_NOTIFY_OFFSET: u64 = 30;
    pub(super) const QUEUE_DESC: u64 = 32;
    pub(super) const QUEUE_DRIVER: u64 = 40;
    pub(super) const QUEUE_DEVICE: u64 = 48;
}

/// ACKNOWLEDGE, DRIVER, `DRIVER_OK`, `FEATURES_OK` (2.1).
mod status {
    pub(super) const DRIVER: u64 = 1 | 2;
    pub(super) const FEATURES_OK: u64 = 8;
    pub(super) const DRIVER_OK: u64 = 4;
}

/// `VIRTIO_F_INDIRECT_DESC`, `VIRTIO_F_EVENT_IDX`; `VIRTIO_F_VERSION_1` in the upper half (6).
const FEATURES: [u64; 2] = [1 << 28 | 1 << 29, 1];

/// Where the parts lie in the shared block.
mod place {
    use super::{ENTRIES, FRAME_WORDS};

    pub(super) const AVAILABLE: u64 = 16 * ENTRIES as u64;
    pub(super) const USED: u64 = AVAILABLE + 0x400;
    pub(super) const DOORBELL: u64 = USED + 0xC00;
    pub(super) const FRAMES: u64 = 0x3000;
    pub(super) const BYTES: u64 = FRAMES + 8 * (FRAME_WORDS * ENTRIES) as u64;
}

/// The client with its device.
#[derive(Debug)]
pub struct Floor {
    client: Client<'static>,
    memory: Memory<'static>,
    device: Device,
    common: Va,
    notify: Va,
    rung: u64,
    /// Instructions of reading the clock twice and of a call.
    overhead: u64,
}

/// What the floor is to transfer.
#[derive(Clone, Copy, Debug)]
pub struct Work<'a> {
    /// Size, direction, depth.
    pub transfer: Transfer,
    /// Requests to count.
    pub requests: u32,
    /// Memory of the data.
    pub data: &'a [PhysicalRange],
    /// Bytes per sector.
    pub sector_bytes: u32,
    /// First sector.
    pub first_lba: u64,
}

impl Floor {
    /// Starts the device. `PASSIVE_LEVEL`; no driver may be at it.
    ///
    /// # Errors
    /// Why it does not start.
    pub fn start(hba: &pci::Function) -> Result<Self, String> {
        let text = |what: &str| String::from(what);
        hba.write16(COMMAND, hba.read16(COMMAND) | DECODE_AND_MASTER);
        let common = witness::map_common_configuration(hba)
            .ok_or_else(|| text("the HBA is no virtio-scsi device"))?;
        let memory = shared_memory().ok_or_else(|| text("no memory for the rings"))?;
        let (memory, addresses) = memory;
        let bring_up = BringUp { common };
        bring_up
            .negotiate()
            .ok_or_else(|| text("the device refuses the features"))?;
        let offset = bring_up
            .enable_queue(addresses)
            .ok_or_else(|| format!("the device has no request queue of {ENTRIES} entries"))?;
        let notify = notification_register(hba, offset)
            .ok_or_else(|| text("the device has no notification register"))?;
        bring_up.set_status(status::DRIVER | status::FEATURES_OK | status::DRIVER_OK);
        let mut floor = Self {
            client: Client::new(memory),
            memory,
            device: Device::look(Some(common)),
            common,
            notify,
            rung: 0,
            overhead: 0,
        };
        floor.overhead = floor.clock(|_| floor::nothing()).1;
        floor.greet()?;
        Ok(floor)
    }

    /// Counts a stretch.
    ///
    /// # Errors
    /// What went wrong.
    pub fn stretch(&mut self, work: Work<'_>) -> Result<Stretch, String> {
        let flag = interrupt::disable();
        let counted = self.counted(work);
        interrupt::restore(flag);
        counted
    }

    /// Stops the device.
    pub fn stop(self) {
        BringUp {
            common: self.common,
        }
        .set_status(0);
    }

    fn counted(&mut self, work: Work<'_>) -> Result<Stretch, String> {
        let depth = work.transfer.depth.max(1);
        let segments: Vec<Segment> = segments(work.data, work.transfer.bytes);
        let mut costs = [("submit", 0, 0), ("drain", 0, 0)];
        let mut done = 0;
        let mut before = self.rung;
        for round in 0..WARM_UP_ROUNDS + work.requests / depth {
            if round == WARM_UP_ROUNDS {
                costs = [("submit", 0, 0), ("drain", 0, 0)];
                before = self.rung;
                done = 0;
            }
            let burst = burst(&work, &segments, round * depth);
            let (submitted, submit) = self.clock(|floor| floor.client.submit(&burst));
            submitted.map_err(|broken| format!("the floor cannot submit: {broken:?}"))?;
            self.settle()?;
            let (drained, drain) = self.clock(|floor| floor.client.drain());
            done += drained.map_err(|broken| format!("the floor is answered {broken:?}"))?;
            for ((_, calls, instructions), took) in costs.iter_mut().zip([submit, drain]) {
                *calls += 1;
                *instructions += took;
            }
        }
        Ok(Stretch {
            subject: Subject::Floor,
            transfer: work.transfer,
            requests: done as u64,
            reached_depth: depth,
            costs: costs
                .map(|(name, calls, instructions)| Cost {
                    name: String::from(name),
                    calls,
                    instructions,
                })
                .to_vec(),
            exports: Vec::new(),
            doorbells: Some(self.rung - before),
            interrupts: 0,
            locks: 0,
            port_locks: 0,
            dpcs: 0,
        })
    }

    /// A unit answers the first commands after a reset with what it has been through.
    fn greet(&mut self) -> Result<(), String> {
        let mut last = None;
        for _ in 0..GREETINGS {
            let request = Request {
                lun: FIRST_UNIT,
                cdb: halves(cdb::test_unit_ready().bytes),
                direction: Direction::In,
                data: &[],
            };
            self.client
                .submit(&[request])
                .map_err(|broken| format!("the floor cannot submit: {broken:?}"))?;
            self.settle()?;
            match self.client.drain() {
                Ok(1) => return Ok(()),
                other => last = Some(other),
            }
        }
        Err(format!("the unit is not ready: {last:?}"))
    }

    /// Delivers the doorbell and waits for the device.
    fn settle(&mut self) -> Result<(), String> {
        if self.memory.doorbell.swap(NOTHING, Ordering::Relaxed) != NOTHING {
            self.rung += 1;
            mmio::write(self.notify, Width::Word, Memory::QUEUE.into())
                .map_err(|fault| format!("{fault}"))?;
        }
        if self.device.settle() {
            Ok(())
        } else {
            Err(String::from("the device does not answer the floor"))
        }
    }

    /// Runs `work`; its instructions without those of the measuring.
    fn clock<R>(&mut self, work: impl FnOnce(&mut Self) -> R) -> (R, u64) {
        let start = timer::instructions();
        let result = work(self);
        let took = timer::instructions().wrapping_sub(start);
        (result, took.saturating_sub(self.overhead))
    }
}

/// Target 0, LUN 0 (5.6.6.1).
const FIRST_UNIT: u64 = u64::from_le_bytes([1, 0, 0x40, 0, 0, 0, 0, 0]);

/// The first 16 bytes of a command, which is no longer, as two words.
fn halves(bytes: [u8; CDB_BYTES]) -> [u64; 2] {
    let value = bytes
        .first_chunk()
        .map_or(0, |first| u128::from_le_bytes(*first));
    let [low, high] = [value, value >> 64].map(|half| half & u128::from(u64::MAX));
    [low, high].map(|half| u64::try_from(half).unwrap_or(0))
}

fn segments(data: &[PhysicalRange], bytes: u32) -> Vec<Segment> {
    let mut left = u64::from(bytes);
    let mut segments = Vec::new();
    for range in data {
        let taken = range.bytes.min(left);
        left -= taken;
        if taken > 0 {
            segments.push(Segment {
                address: range.address,
                bytes: u32::try_from(taken).unwrap_or(0),
            });
        }
    }
    segments
}

fn burst<'a>(work: &Work<'_>, segments: &'a [Segment], first: u32) -> Vec<Request<'a>> {
    let sectors = work.transfer.bytes / work.sector_bytes.max(1);
    let (direction, cdb_direction) = match work.transfer.flow {
        Flow::Read => (Direction::In, cdb::Direction::In),
        Flow::Write => (Direction::Out, cdb::Direction::Out),
    };
    (0..work.transfer.depth)
        .map(|number| {
            let place = (first + number) % SPREAD_REQUESTS;
            let lba = work.first_lba + u64::from(place) * u64::from(sectors);
            Request {
                lun: FIRST_UNIT,
                cdb: halves(cdb::transfer(cdb_direction, lba, sectors).bytes),
                direction,
                data: segments,
            }
        })
        .collect()
}

/// Physical addresses of descriptor table, available and used ring.
type Addresses = [u64; 3];

fn shared_memory() -> Option<(Memory<'static>, Addresses)> {
    let block = mem::alloc(AllocSpec {
        bytes: place::BYTES,
        align: PAGE_BYTES,
        contiguous: Contiguity::Contiguous,
        placement: Placement::Any,
        owner: Owner::Scratch,
        name: "the floor's rings",
    })
    .ok()?;
    mem::fill(block.va, 0, block.bytes).ok()?;
    let shared = SharedBlock::new(block);
    let address = shared.address();
    let (frames, _) = shared
        .words64(place::FRAMES, FRAME_WORDS * ENTRIES)?
        .as_chunks();
    let [doorbell] = shared.words16(place::DOORBELL, 1)? else {
        return None;
    };
    doorbell.store(NOTHING, Ordering::Relaxed);
    let memory = Memory {
        descriptors: shared.words64(0, 2 * ENTRIES)?.try_into().ok()?,
        available: shared
            .words16(place::AVAILABLE, ENTRIES + 3)?
            .try_into()
            .ok()?,
        used: shared
            .words32(place::USED, 2 * ENTRIES + 2)?
            .try_into()
            .ok()?,
        frames: frames.try_into().ok()?,
        frames_address: address + place::FRAMES,
        doorbell,
    };
    let addresses = [0, place::AVAILABLE, place::USED].map(|offset| address + offset);
    Some((memory, addresses))
}

/// Register of a queue whose notification offset is known.
fn notification_register(hba: &pci::Function, queue_offset: u64) -> Option<Va> {
    let (start, bytes) = witness::structure(hba, witness::NOTIFICATION)?;
    let multiplier = witness::notification_multiplier(hba)?;
    let offset = queue_offset.checked_mul(multiplier)?;
    let base = mmio::map(start, bytes.into())?;
    (offset + 2 <= u64::from(bytes)).then(|| base.offset(offset))
}

/// The device's registers while it is started.
struct BringUp {
    common: Va,
}

impl BringUp {
    fn write(&self, register: u64, width: Width, value: u64) {
        // The registers are mapped and aligned: a refusal shows in what is read next.
        let _ = mmio::write(self.common.offset(register), width, value);
    }

    fn read(&self, register: u64, width: Width) -> u64 {
        mmio::read(self.common.offset(register), width).unwrap_or(u64::MAX)
    }

    fn set_status(&self, status: u64) {
        self.write(register::DEVICE_STATUS, Width::Byte, status);
    }

    fn negotiate(&self) -> Option<()> {
        self.set_status(0);
        let begun = timer::instructions();
        while self.read(register::DEVICE_STATUS, Width::Byte) != 0 {
            if timer::instructions().wrapping_sub(begun) > 1_000_000_000 {
                return None;
            }
        }
        self.set_status(status::DRIVER);
        for (select, features) in (0..).zip(FEATURES) {
            self.write(register::DRIVER_FEATURE_SELECT, Width::Dword, select);
            self.write(register::DRIVER_FEATURE, Width::Dword, features);
        }
        self.set_status(status::DRIVER | status::FEATURES_OK);
        let now = self.read(register::DEVICE_STATUS, Width::Byte);
        (now & status::FEATURES_OK != 0).then_some(())
    }

    /// Yields the queue's notification offset.
    fn enable_queue(&self, addresses: Addresses) -> Option<u64> {
        self.write(register::QUEUE_SELECT, Width::Word, Memory::QUEUE.into());
        if self.read(register::QUEUE_SIZE, Width::Word) < ENTRIES as u64 {
            return None;
        }
        self.write(register::QUEUE_SIZE, Width::Word, ENTRIES as u64);
        self.write(register::QUEUE_VECTOR, Width::Word, NO_VECTOR);
        let registers = [
            register::QUEUE_DESC,
            register::QUEUE_DRIVER,
            register::QUEUE_DEVICE,
        ];
        for (register, address) in registers.into_iter().zip(addresses) {
            self.write(register, Width::Dword, address & 0xFFFF_FFFF);
            self.write(register + 4, Width::Dword, address >> 32);
        }
        self.write(register::QUEUE_ENABLE, Width::Word, 1);
        Some(self.read(register::QUEUE_NOTIFY_OFFSET, Width::Word))
    }
}

// The parts do not overlap.
const _: () = {
    assert!(place::AVAILABLE + 2 * (ENTRIES as u64 + 3) <= place::USED);
    assert!(place::USED + 4 * (2 * ENTRIES as u64 + 2) <= place::DOORBELL);
    assert!(place::DOORBELL + 2 <= place::FRAMES);
};
