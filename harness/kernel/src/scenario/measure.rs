//! The job `Measure`: stretches of equal requests, each counted; then the same for the crash stack's transfers.
//!
//! `stretch` drives the normal instance as a class driver that keeps its queue full does, `dump` the copy in the dump stack.
//! What is counted, and how exactly, is `crate::measure`'s. Nothing here depends on the speed of the host: the device works when
//! it is told to, and interrupts when it is asked to.

mod dump;
mod stretch;

use alloc::vec::Vec;

use proto::{
    owner::{Owner, Role},
    record::{Checkpoint, Flow, Footprint, LeftOut, Record, Subject, Transfer},
    scenario::{Bundle, MeasureExtent},
};

use self::stretch::ClassDriver;
use super::{
    Stop, play_sudden_faults,
    system::{self, System},
};
use crate::{
    dump::witness,
    hibernate::context,
    measure::{
        calibrate,
        device::Device,
        doorbell,
        floor::{Floor, Work},
    },
    mem::{self, AllocSpec, Allocation, Contiguity, PAGE_BYTES, Placement, Va},
    port, record,
};

const KIB: u32 = 1 << 10;
const MIB: u32 = 1 << 20;
/// Requests of a stretch, in multiples of every queue depth and ring size that occur.
const SHORT_REQUESTS: u32 = 512;
/// The same for long requests, whose cost is nearly all in their pages.
const LONG_REQUESTS: u32 = 256;

/// The same where each instruction becomes a line of a log.
const PROFILE_REQUESTS: u32 = 128;

/// What is measured.
fn transfers(extent: MeasureExtent) -> Vec<Transfer> {
    let transfer = |flow, bytes, depth| Transfer { flow, bytes, depth };
    match extent {
        MeasureExtent::Brief => [
            (Flow::Read, 4 * KIB, 1),
            (Flow::Read, 4 * KIB, 32),
            (Flow::Write, 4 * KIB, 32),
            (Flow::Read, 64 * KIB, 8),
        ]
        .map(|(flow, bytes, depth)| transfer(flow, bytes, depth))
        .to_vec(),
        MeasureExtent::Profile => [transfer(Flow::Read, 4 * KIB, 32)].to_vec(),
        MeasureExtent::Full => {
            let mut list = Vec::new();
            for bytes in [4 * KIB, 64 * KIB, MIB] {
                for flow in [Flow::Read, Flow::Write] {
                    list.extend([1, 8, 32, 128].map(|depth| transfer(flow, bytes, depth)));
                }
            }
            list
        }
    }
}

/// Requests that are counted.
const fn requests(transfer: Transfer, extent: MeasureExtent) -> u32 {
    if matches!(extent, MeasureExtent::Profile) {
        PROFILE_REQUESTS
    } else if transfer.bytes < MIB {
        SHORT_REQUESTS
    } else {
        LONG_REQUESTS
    }
}

/// Runs the job `Measure`. Comes back with the dump instance in place, at `HIGH_LEVEL`.
pub(super) fn run(bundle: &Bundle, extent: MeasureExtent) -> Result<(), Stop> {
    play_sudden_faults(&bundle.scenario.faults);
    calibrate::run();
    let buffer = data_buffer()?;
    record::step("floor", || measure_floor(bundle, extent, &buffer))?;
    let system = record::step("start", || System::start(bundle))?;
    let common = witness::map_common_configuration(&system.hba);
    let device = Device::look(common);
    record::emit(&Record::Footprint(footprint(&system, &device)));
    let caught = doorbell::arm(&system.hba);
    if caught {
        calibrate::doorbells();
    }
    record::step("normal path", || {
        measure_driver(&system, &device, &buffer, extent, caught)
    })?;
    doorbell::disarm();
    // A miniport without a dump path is measured all the same.
    if let Err(stop) = record::step("dump path", || measure_dump(&system, common)) {
        record::emit(&Record::LeftOut(LeftOut {
            subject: Subject::Dump,
            transfer: dump::LONGEST,
            reason: stop.text,
        }));
    }
    Ok(())
}

fn measure_dump(system: &System<'_>, common: Option<Va>) -> Result<(), Stop> {
    let stack = system.load_stack(Role::Crash)?;
    let pages = context::take_bounce_pages()
        .ok_or_else(|| Stop::boot_device("no memory for the dump's buffers".into()))?;
    dump::run(system, stack, &pages, common)
}

/// The least that the transfers need, before a driver has the device. A device that the floor client cannot drive is no reason
/// not to measure the driver.
fn measure_floor(bundle: &Bundle, extent: MeasureExtent, buffer: &Allocation) -> Result<(), Stop> {
    let scenario = &bundle.scenario;
    let left_out = |transfer, reason| {
        record::emit(&Record::LeftOut(LeftOut {
            subject: Subject::Floor,
            transfer,
            reason,
        }));
    };
    let mut floor = match Floor::start(&system::find_hba(scenario)?) {
        Ok(floor) => floor,
        Err(reason) => {
            for transfer in transfers(extent) {
                left_out(transfer, reason.clone());
            }
            return Ok(());
        }
    };
    for transfer in transfers(extent) {
        let work = Work {
            transfer,
            requests: requests(transfer, extent),
            data: &buffer.runs,
            sector_bytes: scenario.sector_bytes,
            first_lba: scenario.data.first_lba,
        };
        let counted = floor.stretch(work).map_err(Stop::boot_device)?;
        record::emit(&Record::Stretch(counted));
    }
    floor.stop();
    Ok(())
}

fn measure_driver(
    system: &System<'_>,
    device: &Device,
    buffer: &Allocation,
    extent: MeasureExtent,
    caught: bool,
) -> Result<(), Stop> {
    for transfer in transfers(extent) {
        if let Some(reason) = stretch::refusal(transfer) {
            record::emit(&Record::LeftOut(LeftOut {
                subject: Subject::Driver,
                transfer,
                reason,
            }));
            continue;
        }
        let class = ClassDriver::new(&system.unit, transfer, buffer);
        let edge: fn() = match extent {
            MeasureExtent::Profile => || record::checkpoint(Checkpoint::Workload),
            MeasureExtent::Full | MeasureExtent::Brief => || {},
        };
        let counted = stretch::run(class, device, requests(transfer, extent), edge)?;
        record::emit(&Record::Stretch(counted.record(transfer, caught)));
    }
    Ok(())
}

/// Pages that are no neighbours, as those of a program are: every request of a stretch is about them.
fn data_buffer() -> Result<Allocation, Stop> {
    mem::alloc(AllocSpec {
        bytes: u64::from(MIB),
        align: PAGE_BYTES,
        contiguous: Contiguity::Scattered,
        placement: Placement::Any,
        owner: Owner::DataBuffer,
        name: "data buffers",
    })
    .map_err(|error| Stop::boot_device(alloc::format!("no memory for data: {error}")))
}

fn footprint(system: &System<'_>, device: &Device) -> Footprint {
    let sizes = port::sizes();
    Footprint {
        image_bytes: system.image_bytes(),
        device_extension_bytes: sizes.device_extension_bytes,
        srb_extension_bytes: sizes.srb_extension_bytes,
        pool_bytes: sizes.pool_bytes,
        shared_bytes: sizes.shared_bytes,
        request_queues: device.request_queues(),
        queue_entries: device.queue_entries(),
        is_packed: device.is_packed(),
    }
}
