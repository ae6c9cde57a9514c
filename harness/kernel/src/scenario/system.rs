//! The simulated system: its HBA, its miniport, its disk; from PnP start to removal.

use alloc::{format, vec::Vec};

use proto::{
    owner::Role,
    record::Record,
    scenario::{Bundle, Scenario},
};

use super::Stop;
use crate::{
    dump::{
        filter::{self, FilterFile},
        stack::DumpStack,
    },
    nt::services,
    pci,
    pe::{self, LoadedImage},
    port::{self, Unit, abi::init::STOR_FEATURE_DUMP_POINTERS},
    record, rules,
    rules::Rule,
};

/// The running system.
#[derive(Debug)]
pub(super) struct System<'a> {
    /// What the host asked for.
    pub(super) scenario: &'a Scenario,
    /// The miniport's file.
    pub(super) file: &'a [u8],
    /// The normal instance's image.
    image: LoadedImage,
    /// The dump filters, in their order.
    filters: Vec<FilterFile<'a>>,
    /// The HBA.
    pub(super) hba: pci::Function,
    /// The disk with the partitions.
    pub(super) unit: Unit,
    /// The other disks with sectors of the same size.
    others: Vec<Unit>,
}

impl<'a> System<'a> {
    /// Loads the miniport, starts the HBA and scans its bus.
    pub(super) fn start(bundle: &'a Bundle) -> Result<Self, Stop> {
        Self::start_with(bundle, &port::Options::from_scenario(&bundle.scenario))
    }

    /// The same with options of the caller's choice.
    pub(super) fn start_with(bundle: &'a Bundle, options: &port::Options) -> Result<Self, Stop> {
        let scenario = &bundle.scenario;
        let file = driver_file(bundle)?;
        services::configure(&scenario.filter_registry, scenario.seed);
        let hba = find_hba(scenario)?;
        let image = pe::load(&scenario.driver, file, Role::Normal)
            .map_err(|error| Stop::boot_device(format!("{error}")))?;
        port::start(&image, &hba, options)
            .map_err(|error| Stop::boot_device(format!("{error}")))?;
        let units = port::scan().map_err(|error| Stop::boot_device(format!("{error}")))?;
        let unit = choose_unit(scenario, &units)?;
        let others = others(&unit, units);
        Ok(Self {
            scenario,
            file,
            filters: filter_files(bundle)?,
            image,
            hba,
            unit,
            others,
        })
    }

    /// All disks that a workload may write to; the one with the partitions comes first.
    pub(super) fn disks(&self) -> Vec<Unit> {
        let mut disks = self.others.clone();
        disks.insert(0, self.unit.clone());
        disks
    }

    /// The dump pointers, if the miniport offers them.
    pub(super) fn dump_pointers(&self) -> Result<Option<port::DumpPointers>, Stop> {
        if port::feature_support() & STOR_FEATURE_DUMP_POINTERS == 0 {
            return Ok(None);
        }
        rules::check(Rule::DumpPointersInvalid);
        port::dump_pointers(&self.unit)
            .map(Some)
            .map_err(|error| Stop::power(0xC, format!("{error}")))
    }

    /// Loads a dump stack.
    pub(super) fn load_stack(&self, role: Role) -> Result<DumpStack, Stop> {
        let pointers = self.dump_pointers()?;
        let mut stack = DumpStack::load(
            role,
            &self.scenario.driver,
            self.file,
            &self.hba,
            &self.unit,
            pointers,
            self.scenario.seed,
        )
        .map_err(|error| Stop::power(0xC, format!("{error}")))?;
        let disk_bytes = self.unit.sectors * u64::from(self.unit.sector_bytes);
        match filter::load(role, &self.filters, disk_bytes) {
            Ok(filters) => stack.filters = filters,
            Err(text) => {
                Self::unload_stack(stack)?;
                return Err(Stop::power(0xC, text));
            }
        }
        Ok(stack)
    }

    /// Size of the loaded image in bytes.
    pub(super) const fn image_bytes(&self) -> u64 {
        self.image.bytes
    }

    /// Gives back what a dump stack holds.
    pub(super) fn unload_stack(mut stack: DumpStack) -> Result<(), Stop> {
        let pointers = stack.pointers.take();
        stack.unload();
        if let Some(pointers) = pointers {
            port::free_dump_pointers(pointers)
                .map_err(|error| Stop::power(0, format!("{error}")))?;
        }
        Ok(())
    }

    /// FLUSH, SHUTDOWN, stop and removal; the leak census is the port's.
    pub(super) fn stop(self) -> Result<(), Stop> {
        Self::report_unserved();
        port::stop_and_remove().map_err(|error| Stop::boot_device(format!("{error}")))?;
        self.image.unload();
        Ok(())
    }

    /// The HBA is pulled out; the leak census is the port's.
    pub(super) fn pull_out(self) -> Result<(), Stop> {
        Self::report_unserved();
        port::surprise_remove().map_err(|error| Stop::boot_device(format!("{error}")))?;
        self.image.unload();
        Ok(())
    }

    fn report_unserved() {
        for (code, count) in port::not_implemented() {
            record::emit(&Record::NotImplemented {
                role: Role::Normal,
                code,
                count,
            });
        }
    }
}

fn filter_files(bundle: &Bundle) -> Result<Vec<FilterFile<'_>>, Stop> {
    bundle
        .scenario
        .filters
        .iter()
        .map(|name| {
            let file = bundle.files.iter().find(|file| &file.name == name);
            file.map(|file| FilterFile {
                name,
                bytes: &file.bytes,
            })
            .ok_or_else(|| Stop::boot_device(format!("the bundle has no file {name}")))
        })
        .collect()
}

/// The miniport's file.
pub(super) fn driver_file(bundle: &Bundle) -> Result<&[u8], Stop> {
    let name = &bundle.scenario.driver;
    bundle
        .files
        .iter()
        .find(|file| file.name == *name)
        .map(|file| file.bytes.as_slice())
        .ok_or_else(|| Stop::boot_device(format!("the bundle has no file {name}")))
}

/// The HBA of the scenario.
pub(super) fn find_hba(scenario: &Scenario) -> Result<pci::Function, Stop> {
    pci::scan()
        .into_iter()
        .find(|function| {
            scenario
                .hba_ids
                .contains(&(function.vendor_id, function.device_id))
        })
        .ok_or_else(|| {
            Stop::boot_device(format!(
                "no PCI function with one of the ids {:04x?} is on the bus",
                scenario.hba_ids
            ))
        })
}

/// The unit with the disk: its sectors are as the host says, and both partitions lie on it.
fn choose_unit(scenario: &Scenario, units: &[Unit]) -> Result<Unit, Stop> {
    let end = [scenario.data, scenario.hibernation]
        .iter()
        .map(|partition| partition.first_lba + partition.sectors)
        .max()
        .unwrap_or(0);
    let count = units.len();
    units
        .iter()
        .find(|unit| unit.sector_bytes == scenario.sector_bytes && unit.sectors >= end)
        .cloned()
        .ok_or_else(|| {
            Stop::boot_device(format!(
                "none of the {count} units found is the disk ({} bytes a sector, at least {end} sectors)",
                scenario.sector_bytes
            ))
        })
}

fn others(chosen: &Unit, units: Vec<Unit>) -> Vec<Unit> {
    units
        .into_iter()
        .filter(|unit| unit.address != chosen.address && unit.sector_bytes == chosen.sector_bytes)
        .collect()
}
