//! The breakpoints, and what the debugger reads at each of them.
//!
//! Addresses come from three places: the driver's entry from its image, its routines from the `HW_INITIALIZATION_DATA` that
//! it hands to `StorPortInitialize`, and the exports from the kernel's list. All of it works without a PDB; with one, hits
//! and callers have names.
//!
//! Offsets and the selector are this file's own view of the Windows ABI (storport.h of the WDK 22621), shared neither with
//! the driver nor with the bench kernel.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use anyhow::Result;
use proto::{
    owner::{OwnerRun, Role},
    record::Record,
};

use super::life::{Arguments, Hit, Point};
use crate::{
    gdb::{Debugger, Registers},
    symbols::{Symbols, elf},
};

/// `ExtFunctionMarkDumpMemory`.
const MARK_DUMP_MEMORY: u32 = 45;
/// `HW_INITIALIZATION_DATA.HwInitialize`.
const HW_INITIALIZE: u64 = 8;
/// `HW_INITIALIZATION_DATA.HwFindAdapter`.
const HW_FIND_ADAPTER: u64 = 32;
/// `HW_INITIALIZATION_DATA.FeatureSupport`.
const FEATURE_SUPPORT: u64 = 184;
/// `PORT_CONFIGURATION_INFORMATION.MiniportDumpData`.
const MINIPORT_DUMP_DATA: u64 = 64;
/// `PORT_CONFIGURATION_INFORMATION.DumpMode`.
const DUMP_MODE: u64 = 197;
/// Offset of the fifth argument from the stack pointer at a routine's entry: return address and home space lie before it.
const FIFTH_ARGUMENT: u64 = 0x28;

/// Attempts to leave a breakpoint by a single step. No routine that has one begins with a loop.
const STEPS_MAX: u32 = 8;

/// A loaded image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The name under which it was loaded.
    pub name: String,
    /// Virtual address.
    pub base: u64,
    /// Size in bytes.
    pub bytes: u64,
    /// Virtual address of `DriverEntry`.
    pub entry: u64,
    find_adapter: Option<u64>,
    initialize: Option<u64>,
    dump_mode: Option<u8>,
    stage: Stage,
}

/// How far an instance has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Loaded,
    Entered,
    FindAdapter,
    Initialize,
}

/// Why there is a breakpoint at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reason {
    Checkpoint,
    Routine(Point, Role),
    StorPortInitialize,
    ExtendedFunction,
}

/// What is known about the guest; lives as long as the system does, over all boots.
#[derive(Debug)]
pub struct Watch {
    /// Symbols of the driver.
    pub symbols: Symbols,
    /// The images, by role.
    pub images: BTreeMap<Role, Image>,
    checkpoint: u64,
    /// Export stubs by name; the flag tells the dump port's table.
    exports: BTreeMap<(bool, String), u64>,
    hba_location: Option<(u8, u8, u8)>,
    /// The pages in use, as last reported; a resumed system has those of its freeze.
    pub owners: Vec<OwnerRun>,
    /// Breakpoints set in the current QEMU.
    set: BTreeSet<u64>,
}

impl Watch {
    /// Knows the driver's file and the kernel's checkpoint routine, nothing of the guest yet.
    ///
    /// # Errors
    /// The kernel has no checkpoint routine.
    pub fn new(symbols: Symbols, kernel: &Path) -> Result<Self> {
        Ok(Self {
            symbols,
            images: BTreeMap::new(),
            checkpoint: elf::address_of(kernel, "bench_checkpoint")?,
            exports: BTreeMap::new(),
            hba_location: None,
            owners: Vec::new(),
            set: BTreeSet::new(),
        })
    }

    /// bus << 8 | device << 3 | function of the HBA; all ones while none was found.
    #[must_use]
    pub fn hba_location(&self) -> u64 {
        self.hba_location
            .map_or(u64::MAX, |(bus, device, function)| {
                u64::from(bus) << 8 | u64::from(device) << 3 | u64::from(function)
            })
    }

    /// A new QEMU has no breakpoints.
    pub fn forget_breakpoints(&mut self) {
        self.set.clear();
    }

    /// Learns from what the kernel reports.
    pub fn learn(&mut self, record: &Record) {
        match record {
            Record::ImageLoaded {
                role,
                name,
                base,
                bytes,
                entry,
                ..
            } => {
                let image = Image {
                    name: name.clone(),
                    base: *base,
                    bytes: *bytes,
                    entry: *entry,
                    find_adapter: None,
                    initialize: None,
                    dump_mode: None,
                    stage: Stage::Loaded,
                };
                self.images.insert(*role, image);
            }
            Record::Exports { entries } => {
                for entry in entries {
                    self.exports
                        .insert((entry.dump, entry.name.clone()), entry.address);
                }
            }
            Record::OwnerMap { runs } => self.owners.clone_from(runs),
            Record::Device(device) => self.hba_location = Some(device.location),
            _ => {}
        }
    }

    /// Whether the CPU stands at the checkpoint routine.
    #[must_use]
    pub fn is_checkpoint(&self, registers: &Registers) -> bool {
        registers.rip == self.checkpoint
    }

    /// Sets the breakpoints that should be there now, and removes the others. The CPU must be stopped.
    ///
    /// # Errors
    /// The debugger's port refuses.
    pub fn apply(&mut self, debugger: &mut Debugger) -> Result<()> {
        let wanted: BTreeSet<u64> = self.wanted().keys().copied().collect();
        for address in self.set.difference(&wanted) {
            debugger.clear_breakpoint(*address)?;
        }
        for address in wanted.difference(&self.set) {
            debugger.set_breakpoint(*address)?;
        }
        self.set = wanted;
        Ok(())
    }

    /// Removes all breakpoints.
    ///
    /// # Errors
    /// The debugger's port refuses.
    pub fn clear(&mut self, debugger: &mut Debugger) -> Result<()> {
        for address in std::mem::take(&mut self.set) {
            debugger.clear_breakpoint(address)?;
        }
        Ok(())
    }

    /// Executes the instruction under a breakpoint and lets the machine run. A step may end before the instruction, when the stop of
    /// another processor was under way; the breakpoint would be hit a second time.
    ///
    /// # Errors
    /// The debugger's port refuses.
    pub fn pass(&self, debugger: &mut Debugger, address: u64) -> Result<()> {
        if self.set.contains(&address) {
            debugger.clear_breakpoint(address)?;
            for _ in 0..STEPS_MAX {
                debugger.step()?;
                if debugger.registers()?.rip != address {
                    break;
                }
            }
            debugger.set_breakpoint(address)?;
        }
        debugger.resume()
    }

    /// Reads what belongs to the breakpoint that the CPU stands at; `None` for a call that is of no interest.
    ///
    /// # Errors
    /// The arguments cannot be read.
    pub fn hit(
        &mut self,
        debugger: &mut Debugger,
        registers: &Registers,
        boot: u32,
        after_records: usize,
    ) -> Result<Option<Hit>> {
        let Some(reason) = self.wanted().get(&registers.rip).copied() else {
            return Ok(None);
        };
        let caller = debugger.read_u64(registers.rsp)?;
        let (point, role, arguments) = match reason {
            Reason::Checkpoint => return Ok(None),
            Reason::Routine(point, role) => {
                (point, role, self.routine(debugger, registers, point, role)?)
            }
            Reason::StorPortInitialize => {
                let Some(role) = self.role_of(caller) else {
                    return Ok(None);
                };
                let arguments = self.registration(debugger, registers, role)?;
                (Point::StorPortInitialize, role, arguments)
            }
            Reason::ExtendedFunction => {
                let Some(role) = self.role_of(caller) else {
                    return Ok(None);
                };
                // The selector is an enumeration: 32 bits.
                if registers.rcx & 0xffff_ffff != u64::from(MARK_DUMP_MEMORY) {
                    return Ok(None);
                }
                (Point::MarkDumpMemory, role, mark(debugger, registers)?)
            }
        };
        Ok(Some(Hit {
            point,
            role,
            boot,
            after_records,
            address: registers.rip,
            symbol: self
                .name(registers.rip)
                .or_else(|| self.export_name(registers.rip)),
            caller,
            caller_symbol: self.name(caller),
            dump_mode: self.images.get(&role).and_then(|image| image.dump_mode),
            arguments,
        }))
    }

    /// Addresses worth knowing for a person at a debugger: each image's routines and the exports with a breakpoint.
    #[must_use]
    pub fn places(&self) -> Vec<(String, u64)> {
        self.wanted()
            .into_iter()
            .filter_map(|(address, reason)| {
                let name = match reason {
                    Reason::Checkpoint => "bench_checkpoint".to_owned(),
                    Reason::Routine(point, role) => format!("{point:?} ({role:?})"),
                    Reason::StorPortInitialize | Reason::ExtendedFunction => {
                        self.export_name(address)?
                    }
                };
                Some((name, address))
            })
            .collect()
    }

    /// Symbol of a driver address, in whichever image it lies.
    #[must_use]
    pub fn name(&self, address: u64) -> Option<String> {
        let image = self.images.get(&self.role_of(address)?)?;
        let rva = address - image.base;
        Some(
            self.symbols
                .name_at(rva)
                .unwrap_or_else(|| format!("{}+{rva:#x}", image.name)),
        )
    }

    fn export_name(&self, address: u64) -> Option<String> {
        self.exports
            .iter()
            .find(|(_, stub)| **stub == address)
            .map(|((dump, name), _)| {
                let module = if *dump { "dump port" } else { "storport" };
                format!("{module}!{name}")
            })
    }

    fn role_of(&self, address: u64) -> Option<Role> {
        self.images
            .iter()
            .find(|(_, image)| {
                address
                    .checked_sub(image.base)
                    .is_some_and(|rva| rva < image.bytes)
            })
            .map(|(role, _)| *role)
    }

    fn wanted(&self) -> BTreeMap<u64, Reason> {
        let mut wanted = BTreeMap::from([(self.checkpoint, Reason::Checkpoint)]);
        let mut export = |dump: bool, name: &str, reason| {
            if let Some(address) = self.exports.get(&(dump, name.to_owned())) {
                wanted.insert(*address, reason);
            }
        };
        export(false, "StorPortInitialize", Reason::StorPortInitialize);
        export(true, "StorPortInitialize", Reason::StorPortInitialize);
        export(true, "StorPortExtendedFunction", Reason::ExtendedFunction);
        // The normal instance calls it for every request: it is watched only while FindAdapter runs.
        let normal = self.images.get(&Role::Normal);
        if normal.is_some_and(|image| image.stage == Stage::FindAdapter) {
            export(false, "StorPortExtendedFunction", Reason::ExtendedFunction);
        }
        for (role, image) in &self.images {
            let routines = [
                (Point::DriverEntry, Some(image.entry)),
                (Point::FindAdapter, image.find_adapter),
                (Point::Initialize, image.initialize),
            ];
            for (point, address) in routines {
                if let Some(address) = address {
                    wanted.insert(address, Reason::Routine(point, *role));
                }
            }
        }
        wanted
    }

    fn routine(
        &mut self,
        debugger: &mut Debugger,
        registers: &Registers,
        point: Point,
        role: Role,
    ) -> Result<Arguments> {
        let image = self.images.get_mut(&role);
        Ok(match point {
            Point::FindAdapter => {
                let config = debugger.read_u64(registers.rsp.wrapping_add(FIFTH_ARGUMENT))?;
                let dump_mode = debugger.read(config.wrapping_add(DUMP_MODE), 1)?;
                let dump_mode = dump_mode.first().copied().unwrap_or_default();
                if let Some(image) = image {
                    image.dump_mode = Some(dump_mode);
                    image.stage = Stage::FindAdapter;
                }
                Arguments::FindAdapter {
                    extension: registers.rcx,
                    config,
                    dump_mode,
                    dump_data: debugger.read_u64(config.wrapping_add(MINIPORT_DUMP_DATA))?,
                }
            }
            Point::Initialize => {
                if let Some(image) = image {
                    image.stage = Stage::Initialize;
                }
                Arguments::Initialize {
                    extension: registers.rcx,
                }
            }
            Point::DriverEntry | Point::StorPortInitialize | Point::MarkDumpMemory => {
                if let Some(image) = image {
                    // Entered anew: nothing is known about this life of the instance.
                    image.dump_mode = None;
                    image.stage = Stage::Entered;
                }
                Arguments::DriverEntry {
                    driver_object: registers.rcx,
                    registry_path: registers.rdx,
                }
            }
        })
    }

    fn registration(
        &mut self,
        debugger: &mut Debugger,
        registers: &Registers,
        role: Role,
    ) -> Result<Arguments> {
        let data = registers.r8;
        let find_adapter = debugger.read_u64(data.wrapping_add(HW_FIND_ADAPTER))?;
        let initialize = debugger.read_u64(data.wrapping_add(HW_INITIALIZE))?;
        let features = debugger.read(data.wrapping_add(FEATURE_SUPPORT), 4)?;
        if let Some(image) = self.images.get_mut(&role) {
            image.find_adapter = Some(find_adapter).filter(|address| *address != 0);
            image.initialize = Some(initialize).filter(|address| *address != 0);
        }
        Ok(Arguments::StorPortInitialize {
            driver_object: registers.rcx,
            registry_path: registers.rdx,
            find_adapter,
            initialize,
            feature_support: u32::from_le_bytes(features.try_into().unwrap_or_default()),
        })
    }
}

fn mark(debugger: &mut Debugger, registers: &Registers) -> Result<Arguments> {
    let flags = debugger.read(registers.rsp.wrapping_add(FIFTH_ARGUMENT), 4)?;
    Ok(Arguments::MarkDumpMemory {
        extension: registers.rdx,
        address: registers.r8,
        length: registers.r9,
        flags: u32::from_le_bytes(flags.try_into().unwrap_or_default()),
    })
}
