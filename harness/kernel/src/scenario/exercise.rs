//! A life without hibernation: workload, resets, a crash's callbacks, refused and rare requests, stop and start, power, removal; then a
//! second life with the other request block, which ends by surprise removal.

use alloc::format;

use proto::{
    record::Checkpoint,
    scenario::{Bundle, RESET_STRETCH, SLEEP_STEP},
};

use super::{Stop, play_sudden_faults, system::System};
use crate::{
    bugcheck::run as callbacks,
    port::{self, BlockKind, PortError, Reset, SleepDepth},
    processors::park,
    record,
    workload::Workload,
};

/// How long the adapter sleeps.
const SLEEP_US: u64 = 5_000;

/// Runs the job `Run`.
pub(super) fn run(bundle: &Bundle) -> Result<(), Stop> {
    let system = record::step("start", || System::start(bundle))?;
    let mut workload = Workload::new(&bundle.scenario, &system.disks());
    record::checkpoint(Checkpoint::Workload);
    play_sudden_faults(&bundle.scenario.faults);
    let _ = record::step("workload", || workload.run("workload"));
    let in_flight = bundle.scenario.workload.in_flight_at_hibernate;
    record::step("resets", || {
        reset_each_way(&system, &mut workload, in_flight)
    })
    .map_err(failed)?;
    record::step("bug check callbacks", || {
        let flight = workload.launch(in_flight);
        // When the system comes down the others are stopped.
        park::while_parked(rehearse_a_crash);
        let _ = workload.land(flight, "in flight at bug check callbacks");
    });
    record::step("rare requests", || port::send_rare_requests(&system.unit)).map_err(failed)?;
    record::step("commands passed through", || {
        workload.pass_through(port::block_kind())
    })
    .map_err(failed)?;
    let messages = port::messages();
    if messages > 1 {
        record::step("PnP stop and start with one message", || stop_and_start(1))
            .map_err(failed)?;
        let _ = record::step("read back by one message", || {
            workload.verify_all("read back by one message")
        });
    }
    record::step("PnP stop and start", || stop_and_start(messages)).map_err(failed)?;
    let _ = record::step("workload after restart", || workload.run("after restart"));
    record::step(SLEEP_STEP, || power_cycle(&mut workload, in_flight)).map_err(failed)?;
    let _ = record::step("read back", || workload.verify_all("read back"));
    record::step("stop and remove", || system.stop())?;
    second_life(bundle, &mut workload, in_flight)?;
    workload.end_of_life();
    Ok(())
}

fn failed(error: PortError) -> Stop {
    Stop::boot_device(format!("{error}"))
}

/// Each kind of reset hits requests in flight; all of them must come back, and their data must be right in the end.
pub(super) fn reset_each_way(
    system: &System<'_>,
    workload: &mut Workload,
    in_flight: u32,
) -> Result<(), PortError> {
    for kind in [Reset::LogicalUnit, Reset::Device, Reset::Bus] {
        let flight = workload.launch(in_flight);
        let swept = port::reset(kind, system.unit.address)?;
        log!("{kind:?} reset: {swept} requests were at the miniport");
        let _ = workload.land(flight, RESET_STRETCH);
    }
    Ok(())
}

/// Calls the bug check callbacks as a crash would, with I/O at the device. The system lives on (as after a live dump): they
/// only look, and must find the same state in a crash.
fn rehearse_a_crash() {
    const MANUALLY_INITIATED_CRASH: u32 = 0xE2;
    const SECONDARY_LIMIT: u32 = 1 << 20;
    let added = callbacks::add_pages(MANUALLY_INITIATED_CRASH);
    let removed = callbacks::remove_pages(MANUALLY_INITIATED_CRASH);
    let blocks = callbacks::secondary(SECONDARY_LIMIT);
    // Nothing is allowed: a callback that offers data all the same breaks a limit.
    let _ = callbacks::secondary(0);
    let bytes: usize = blocks.iter().map(|block| block.bytes.len()).sum();
    log!(
        "bug check callbacks: {} ranges added, {} left out, {} blocks of {bytes} bytes",
        added.len(),
        removed.len(),
        blocks.len()
    );
}

/// As for a change of resources: drained, stopped, started again with so many messages and without `HwStorFindAdapter`.
fn stop_and_start(messages: u16) -> Result<(), PortError> {
    port::hold();
    port::drain()?;
    port::power::rebalance(messages)?;
    port::release();
    Ok(())
}

/// Sleep and wake with requests kept back by the port.
fn power_cycle(workload: &mut Workload, in_flight: u32) -> Result<(), PortError> {
    port::hold();
    let flight = workload.launch(in_flight);
    let kept_back = port::waiting();
    let way = port::sleep_and_wake(SLEEP_US, SleepDepth::System)?;
    log!("powered down by {way:?} with {kept_back} requests kept back");
    port::release();
    let _ = workload.land(flight, "kept back during sleep");
    Ok(())
}

/// The same disk under a fresh instance that is given the classic request block, if it takes it.
fn second_life(bundle: &Bundle, workload: &mut Workload, in_flight: u32) -> Result<(), Stop> {
    let options = port::Options {
        block: Some(BlockKind::Classic),
        ..port::Options::from_scenario(&bundle.scenario)
    };
    let system = record::step("start again", || System::start_with(bundle, &options))?;
    let _ = record::step("read back again", || workload.verify_all("read back again"));
    let _ = record::step("workload again", || workload.run("second instance"));
    let flight = workload.launch(in_flight);
    record::step("surprise removal", || system.pull_out())?;
    workload.abandon(flight);
    Ok(())
}
