//! The dump path: the crash stack writes as a crash dump is written, and reads as a hibernation file is read, both in its
//! longest transfers. One request at a time, polled; the device has always answered before the first poll.

use alloc::{format, vec::Vec};

use proto::{
    hiber::PAGE_BYTES,
    record::{Flow, PhysicalRange, Record, Stretch, Subject, Transfer},
};

use super::super::{Stop, system::System};
use crate::{
    dump::{
        cdb::CdbForm,
        instance,
        mode::DumpMode,
        request,
        stack::DumpStack,
        start, window,
        write::{self as transfer, Destination},
    },
    interrupt, irql,
    measure::{self, calibrate, device::Device, doorbell},
    mem::{self, Va},
    record,
};

/// The transfer that a dump consists of, if the miniport takes it.
pub(super) const LONGEST: Transfer = Transfer {
    flow: Flow::Write,
    bytes: 1 << 20,
    depth: 1,
};
/// Transfers in each direction.
const TRANSFERS: u32 = 64;
/// Transfers before the counting begins.
const WARM_UP: u32 = 2;

/// Enters the copy and counts. Does not come back to the system: the IRQL stays at `HIGH_LEVEL`.
pub(super) fn run(
    system: &System<'_>,
    stack: DumpStack,
    pages: &[PhysicalRange],
    common: Option<Va>,
) -> Result<(), Stop> {
    let failed = |text| Stop::power(0xC, text);
    window::prepare();
    let _ = interrupt::disable();
    let _ = irql::raise(irql::HIGH_LEVEL);
    instance::install(stack, DumpMode::Crash);
    start::enter(DumpMode::Crash).map_err(|error| failed(format!("{error}")))?;
    let device = Device::look(common);
    let caught = doorbell::arm(&system.hba);
    if caught {
        calibrate::doorbells();
    }
    request::set_device(Some(device));
    let destination = Destination {
        partition: system.scenario.data,
        sector_bytes: system.scenario.sector_bytes,
    };
    let count = request::limit_blocks();
    let runs = first_pages(pages, count);
    let bytes = count * PAGE_BYTES;
    let length = destination.partition.sectors * u64::from(destination.sector_bytes);
    for flow in [Flow::Write, Flow::Read] {
        for number in 0..WARM_UP + TRANSFERS {
            if number == WARM_UP {
                measure::begin();
            }
            let offset = u64::from(number) * bytes % length.saturating_sub(bytes).max(1);
            let offset = offset / PAGE_BYTES * PAGE_BYTES;
            let done = match flow {
                Flow::Write => transfer::write(destination, CdbForm::Sixteen, offset, runs.clone()),
                Flow::Read => transfer::read(destination, CdbForm::Sixteen, offset, &runs),
            };
            done.map_err(|error| failed(format!("a transfer of the dump stack: {error}")))?;
        }
        let counts = measure::end();
        record::emit(&Record::Stretch(Stretch {
            subject: Subject::Dump,
            transfer: Transfer {
                flow,
                bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
                depth: 1,
            },
            requests: TRANSFERS.into(),
            reached_depth: 1,
            costs: counts.costs(),
            exports: counts.exports(),
            doorbells: caught.then(|| counts.doorbells()),
            interrupts: counts.interrupts(),
            locks: counts.locks(),
            port_locks: counts.port_locks(),
            dpcs: counts.dpcs(),
        }));
    }
    request::set_device(None);
    doorbell::disarm();
    Ok(())
}

fn first_pages(pages: &[PhysicalRange], count: u64) -> Vec<PhysicalRange> {
    let mut runs = Vec::new();
    let frames = pages
        .iter()
        .flat_map(|run| (run.address..run.address + run.bytes).step_by(mem::size(PAGE_BYTES)));
    for address in frames.take(mem::size(count)) {
        mem::push_merged(&mut runs, address, PAGE_BYTES);
    }
    runs
}
