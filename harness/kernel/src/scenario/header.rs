//! The job `DumpHeader`: the driver that publishes a crash dump header, from its load to its unload.
//!
//! The host looks at the checkpoints: the header is published, published again after a hibernation, withdrawn by a stop, published by a
//! second start, withdrawn by the removal.

use alloc::{format, string::String};

use proto::{
    owner::Role,
    record::Checkpoint,
    scenario::{BenchFault, Bundle},
};

use super::Stop;
use crate::{
    nt::pnp::manager::{Device, Pnp, Ports, SystemPower},
    pe, record,
};

/// Ports of QEMU's fw_cfg device, as its ACPI description has them.
const PORTS: Ports = Ports {
    base: 0x510,
    length: 12,
};

/// Runs the job.
pub(super) fn run(bundle: &Bundle) -> Result<(), Stop> {
    let name = &bundle.scenario.driver;
    let file = bundle
        .files
        .iter()
        .find(|file| file.name == *name)
        .ok_or_else(|| failed(format!("the bundle has no file {name}")))?;
    let image = pe::load(name, &file.bytes, Role::Normal).map_err(|error| failed(format!("{error}")))?;
    let device = record::step("load", || Device::add(&image)).map_err(failed)?;
    record::step("start", || device.start(PORTS)).map_err(failed)?;
    device.send(Pnp::QueryCapabilities).map_err(failed)?;
    record::checkpoint(Checkpoint::HeaderPublished);
    record::step("hibernate and wake", || {
        device.set_power(SystemPower::Hibernate)?;
        device.set_power(SystemPower::Working)
    })
    .map_err(failed)?;
    record::checkpoint(Checkpoint::HeaderPublished);
    if bundle.scenario.faults.contains(&BenchFault::HeaderKept) {
        record::checkpoint(Checkpoint::HeaderWithdrawn);
    }
    record::step("stop", || {
        device.send(Pnp::QueryStop)?;
        device.send(Pnp::CancelStop)?;
        device.send(Pnp::QueryStop)?;
        device.send(Pnp::Stop)
    })
    .map_err(failed)?;
    record::checkpoint(Checkpoint::HeaderWithdrawn);
    record::step("start again", || device.start(PORTS)).map_err(failed)?;
    record::checkpoint(Checkpoint::HeaderPublished);
    record::step("remove", || {
        device.send(Pnp::QueryRemove)?;
        device.send(Pnp::CancelRemove)?;
        device.send(Pnp::SurpriseRemoval)?;
        device.send(Pnp::Remove)
    })
    .map_err(failed)?;
    record::step("unload", || device.unload()).map_err(failed)?;
    image.unload();
    record::checkpoint(Checkpoint::HeaderWithdrawn);
    Ok(())
}

/// The driver did not do its part. `PNP_DETECTED_FATAL_ERROR`.
fn failed(text: String) -> Stop {
    Stop {
        code: 0xCA,
        parameter: 0,
        text,
    }
}
