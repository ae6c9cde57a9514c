//! What the bench kernel is given at its first boot: the scenario and the driver, in one file.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, anyhow};
use proto::{
    scenario::{
        Bundle, File, Job, PROTOCOL_VERSION, RegistryData, RegistryValue, Scenario, Workload,
    },
    wire,
};

use crate::{
    disk::Layout,
    options::{FilterMode, Options, parameter::Parameter},
    seal::PrivateKey,
    symbols::image::DriverImage,
};

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
        resets: false,
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
            registry: options
                .parameters
                .iter()
                .map(Parameter::as_registry_value)
                .collect(),
            filters: Vec::new(),
            filter_registry: Vec::new(),
            workload: Workload {
                resets: options.resets,
                ..workload()
            },
            faults: options.faults.clone(),
            interrupts: options.interrupts,
            processors: options.processors,
        },
        files: vec![File {
            name: driver.name.clone(),
            bytes: driver.bytes.clone(),
        }],
    }
}

/// Adds dump filters, and the parameters of this repository's own.
///
/// # Errors
/// A file cannot be read.
pub fn add_filters<'a>(
    bundle: &mut Bundle,
    files: impl Iterator<Item = &'a PathBuf>,
    options: &Options,
) -> Result<()> {
    for path in files {
        let bytes =
            fs::read(path).with_context(|| format!("cannot read the filter {}", path.display()))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        bundle.scenario.filters.push(name.clone().into_owned());
        bundle.files.push(File {
            name: name.into_owned(),
            bytes,
        });
    }
    let key = PrivateKey::of_run(options.seed).public();
    let encrypts = options.filter == Some(FilterMode::Encrypt);
    let values = [
        ("PublicKey", RegistryData::Binary(key.to_vec())),
        ("EncryptCrashDumps", RegistryData::Dword(encrypts.into())),
        ("EncryptHibernation", RegistryData::Dword(encrypts.into())),
        ("Critical", RegistryData::Dword(1)),
    ];
    bundle.scenario.filter_registry = values
        .into_iter()
        .map(|(name, data)| RegistryValue {
            name: name.to_owned(),
            data,
        })
        .collect();
    Ok(())
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
