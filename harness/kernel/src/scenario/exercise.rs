//! A life without hibernation: start, workload, reset ladder, stop and start again, removal.

use alloc::format;

use proto::{record::Checkpoint, scenario::Bundle};

use super::{Stop, play_sudden_faults, system::System};
use crate::{
    port::{self, Reset},
    record,
    workload::Workload,
};

/// Runs the job `Run`.
pub(super) fn run(bundle: &Bundle) -> Result<(), Stop> {
    let failed = |error| Stop::boot_device(format!("{error}"));
    let system = record::step("start", || System::start(bundle))?;
    let mut workload = Workload::new(&bundle.scenario, &system.unit);
    record::checkpoint(Checkpoint::Workload);
    play_sudden_faults(&bundle.scenario.faults);
    let _ = record::step("workload", || workload.run("workload"));
    record::step("reset ladder", || -> Result<(), Stop> {
        for kind in [Reset::LogicalUnit, Reset::Device, Reset::Bus] {
            let flight = workload.launch(bundle.scenario.workload.in_flight_at_hibernate);
            port::reset(kind, system.unit.address).map_err(failed)?;
            let _ = workload.land(flight, "in flight at a reset");
        }
        Ok(())
    })?;
    record::step("PnP stop and start", || -> Result<(), Stop> {
        port::hold();
        port::drain().map_err(failed)?;
        port::power::stop_adapter().map_err(failed)?;
        port::power::restart_adapter().map_err(failed)?;
        port::release();
        Ok(())
    })?;
    let _ = record::step("workload after restart", || workload.run("after restart"));
    let _ = record::step("read back", || workload.verify_all("read back"));
    record::step("stop and remove", || system.stop())
}
