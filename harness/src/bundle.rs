//! What the bench kernel is given at its first boot: the scenario and the driver, in one file.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, anyhow};
use proto::{
    scenario::{Bundle, File, Job, PROTOCOL_VERSION, Scenario, Workload},
    wire,
};

use crate::{disk::Layout, options::Options, symbols::image::DriverImage};

/// PCI ids of virtio-scsi: modern, and transitional (virtio 1.2, 4.1.2).
pub const VIRTIO_SCSI_IDS: [(u16, u16); 2] = [(0x1af4, 0x1048), (0x1af4, 0x1004)];

/// What a workload of ordinary size is.
#[must_use]
pub const fn workload() -> Workload {
    Workload {
        requests: 192,
        queue_depth: 24,
        pattern_pages: 3072,
        max_request_bytes: 1 << 20,
        in_flight_at_hibernate: 12,
    }
}

/// Puts the scenario together.
#[must_use]
pub fn bundle(driver: &DriverImage, options: &Options, layout: &Layout, job: Job) -> Bundle {
    Bundle {
        protocol_version: PROTOCOL_VERSION,
        scenario: Scenario {
            job,
            driver: driver.name.clone(),
            seed: options.seed,
            hba_ids: VIRTIO_SCSI_IDS.to_vec(),
            sector_bytes: layout.sector_bytes,
            data: layout.data,
            hibernation: layout.hibernation,
            crash: layout.crash,
            registry: Vec::new(),
            workload: workload(),
            faults: options.faults.clone(),
            interrupts: options.interrupts,
        },
        files: vec![File {
            name: driver.name.clone(),
            bytes: driver.bytes.clone(),
        }],
    }
}

/// Writes it as the boot module.
///
/// # Errors
/// The file cannot be written.
pub fn write(bundle: &Bundle, path: &Path) -> Result<()> {
    let bytes = wire::to_bytes(bundle)
        .map_err(|error| anyhow!("the scenario cannot be encoded: {error:?}"))?;
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}
