//! The result of a run as data: [`Report`].
//!
//! Each field is described in `docs/report.md`; a test of this module holds the two together. [`gather`] fills in the facts
//! from a [`crate::session::life::Life`], [`crate::verdict`] adds the checks and the verdict, [`text`] prints it for people
//! and [`Report::to_json`] for programs.

use serde::{Serialize, Serializer};

use crate::{
    compare::{disk::DiskCompare, memory::MemoryCompare},
    crash::CrashFound,
    options::Options,
};

pub mod gather;
pub mod names;
mod requests;
pub mod stress;
pub mod text;

pub use names::owner_name;
pub use requests::{InFlight, Io, Processors};

/// Version of the data format; grows when a field changes its meaning or goes away.
pub const SCHEMA: u32 = 1;

/// A 64-bit address or checksum, written as a string like `"0xfffff80000001000"` because many readers of JSON round large
/// numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hex(pub u64);

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:#x}", self.0))
    }
}

/// Everything that is known of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Whether all checks passed.
    pub verdict: Outcome,
    /// Why the run ended before its end, if it did.
    pub failure: Option<String>,
    /// What was looked at, one entry a check.
    pub checks: Vec<Check>,
    /// Hibernations.
    pub cycles: Cycles,
    /// What ran where.
    pub setup: Setup,
    /// The HBA.
    pub device: Option<Device>,
    /// What the miniport declared, one entry an instance and dump mode.
    pub adapter: Vec<Adapter>,
    /// Logical units found by the bus scan.
    pub units: Vec<Unit>,
    /// The requests, one entry a stretch of I/O.
    pub io: Vec<Io>,
    /// Requests when a hibernation began, one entry a hibernation.
    pub in_flight: Vec<InFlight>,
    /// The rounds of a stress run.
    pub stress: Option<stress::Stress>,
    /// What the processors did; `None` if there is one.
    pub processors: Option<Processors>,
    /// Every call of `StorPortMarkDumpMemory` as the bench kernel saw it.
    pub marks: Vec<MarkCall>,
    /// Every breakpoint hit, as the debugger saw it.
    pub breakpoints: Vec<Breakpoint>,
    /// Every call of a driver's routine in a dump role, as the bench kernel saw it.
    pub dump_calls: Vec<DumpCall>,
    /// Noncached memory of the dump instance: device extension and uncached extension.
    pub dump_memory_bytes: u64,
    /// Bytes of the last hibernation image on the disk.
    pub image_bytes: u64,
    /// The images, one entry a hibernation.
    pub images: Vec<Image>,
    /// Memory before and after, one entry a hibernation.
    pub memory_compare: Vec<MemoryCompare>,
    /// The disk after the last power-off.
    pub disk_compare: Option<DiskCompare>,
    /// The disks beside the first one.
    pub other_disks: Vec<OtherDiskCompare>,
    /// The crash dump; `None` if no crash was asked for.
    pub crash: Option<CrashFound>,
    /// Broken rules.
    pub violations: Vec<RuleViolation>,
    /// All rules of the bench with what became of them.
    pub rules: Vec<Rule>,
    /// Functions of the port driver that the bench does not have, and how often they were called.
    pub not_implemented: Vec<NotImplemented>,
    /// Where the time went.
    pub steps: Vec<Step>,
    /// The QEMU processes.
    pub boots: Vec<BootSummary>,
}

impl Report {
    /// The names of the checks that failed and of the rules that were broken, without repetitions.
    #[must_use]
    pub fn failed_names(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .checks
            .iter()
            .filter(|check| check.outcome == Outcome::Failed)
            .map(|check| check.name.to_owned())
            .chain(
                self.violations
                    .iter()
                    .map(|violation| violation.rule.clone()),
            )
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Whether the verdict is good.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.verdict == Outcome::Passed
    }

    /// The whole report as JSON, indented.
    ///
    /// # Errors
    /// Never in practice: all keys are strings.
    pub fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self)
    }
}

/// Result of a check, and of the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It held.
    Passed,
    /// It did not.
    Failed,
    /// It does not apply to this run; the detail says why.
    NotApplicable,
}

/// One thing that must hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Its name (docs/testing.md).
    pub name: &'static str,
    /// Whether it held.
    pub outcome: Outcome,
    /// What was seen.
    pub detail: String,
}

/// Hibernations asked for and completed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cycles {
    /// Asked for.
    pub asked: u32,
    /// Completed, by the kernel's last record.
    pub completed: u32,
}

/// What ran where.
#[derive(Clone, Debug, Serialize)]
pub struct Setup {
    /// The driver's file.
    pub driver: DriverFile,
    /// How driver and bench kernel were built.
    pub build_route: String,
    /// The machine and the seed.
    pub options: Options,
    /// The command that repeats this run.
    pub repeat_with: String,
}

/// The driver's file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DriverFile {
    /// File name.
    pub name: String,
    /// Size in bytes.
    pub bytes: u64,
    /// Whether a matching PDB was there.
    pub symbols: bool,
    /// Whether it is this repository's driver, of which more is demanded than of any miniport.
    pub own: bool,
}

/// The HBA.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Device {
    /// Bus, device, function as `00:03.0`.
    pub location: String,
    /// Vendor and device id as `1af4:1048`.
    pub ids: String,
    /// Names of the features that it offers.
    pub offered_features: Vec<String>,
    /// Names of those that the driver accepted.
    pub accepted_features: Vec<String>,
    /// Queues that it offers.
    pub queues: u16,
    /// Entries of a request queue.
    pub queue_entries: u16,
    /// Interrupt messages connected; 0 = line interrupt.
    pub messages: u16,
}

/// What an instance declared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Adapter {
    /// `normal`, `crash` or `hiber`.
    pub role: &'static str,
    /// `ConfigInfo.DumpMode` by name.
    pub dump_mode: String,
    /// Names of the `FeatureSupport` bits.
    pub feature_support: Vec<String>,
    /// `MaximumTransferLength` in bytes.
    pub maximum_transfer_bytes: u32,
    /// `NumberOfPhysicalBreaks`.
    pub physical_breaks: u32,
    /// Device extension in bytes.
    pub device_extension_bytes: u32,
    /// SRB extension in bytes.
    pub srb_extension_bytes: u32,
    /// Uncached extension in bytes.
    pub uncached_extension_bytes: u32,
    /// `RequestedDumpBufferSize` in bytes.
    pub requested_dump_buffer_bytes: u32,
    /// Physical address of the uncached extension.
    pub uncached_extension_address: Hex,
}

/// A logical unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unit {
    /// Path, target and LUN as `0:0:0`.
    pub address: String,
    /// INQUIRY vendor and product.
    pub name: String,
    /// Bytes per sector.
    pub sector_bytes: u32,
    /// Number of sectors.
    pub sectors: u64,
}

/// What the host found on a disk beside the first one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OtherDiskCompare {
    /// Path, target and LUN.
    pub unit: String,
    /// Whether Windows can address it; one that it cannot must be untouched.
    pub addressable: bool,
    /// The comparison.
    pub compare: DiskCompare,
}

/// A call of `StorPortMarkDumpMemory`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MarkCall {
    /// Hibernation it belongs to, from 1.
    pub cycle: u32,
    /// Role of the caller.
    pub role: &'static str,
    /// `ConfigInfo.DumpMode` by name.
    pub dump_mode: String,
    /// `Address` argument.
    pub address: Hex,
    /// `Length` argument in bytes.
    pub length: u64,
    /// `Flags` argument: `virtual` or `physical`, or the number of an unknown value.
    pub flags: String,
    /// Returned `STOR_STATUS`.
    pub status: Hex,
    /// Symbol and offset of the caller; its address without a PDB.
    pub caller: String,
    /// Callback in which it was called.
    pub callback: String,
    /// Owner of the first byte.
    pub owner: String,
    /// Physical ranges that it covers.
    pub covers: Vec<CoveredRange>,
    /// Whether the debugger saw the same call with the same arguments.
    pub witnessed: bool,
}

/// A range of physical memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct CoveredRange {
    /// First physical address.
    pub address: Hex,
    /// Length in bytes.
    pub bytes: u64,
}

/// A breakpoint that was hit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Breakpoint {
    /// QEMU process, from 0.
    pub boot: u32,
    /// Hibernation it belongs to, from 1.
    pub cycle: u32,
    /// The routine.
    pub routine: &'static str,
    /// Role of the instance.
    pub role: &'static str,
    /// Address of the breakpoint.
    pub address: Hex,
    /// Symbol at that address.
    pub symbol: Option<String>,
    /// Symbol and offset of the return address; its address without a PDB.
    pub caller: String,
    /// `ConfigInfo.DumpMode` by name, as the debugger read it.
    pub dump_mode: Option<String>,
    /// Arguments by name, as the debugger read them.
    pub arguments: Vec<Argument>,
}

/// An argument of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Argument {
    /// Name of the parameter.
    pub name: &'static str,
    /// Its value.
    pub value: Hex,
}

/// A call of the driver in a dump role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DumpCall {
    /// Hibernation it belongs to, from 1.
    pub cycle: u32,
    /// Role of the instance.
    pub role: &'static str,
    /// `ConfigInfo.DumpMode` by name.
    pub dump_mode: String,
    /// The routine.
    pub routine: String,
    /// What it returned.
    pub returned: Hex,
    /// Instructions that it took.
    pub instructions: u64,
}

/// A hibernation image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Image {
    /// Hibernation, from 1.
    pub cycle: u32,
    /// Written in two sets and read back in two phases.
    pub two_phase: bool,
    /// Pages that the loader restored.
    pub boot_pages: u64,
    /// Pages that the RESUME instance read.
    pub kernel_pages: u64,
    /// Bytes of the boot-phase pages.
    pub boot_bytes: u64,
    /// Bytes of the kernel-phase pages.
    pub kernel_bytes: u64,
    /// Bytes on the disk, header and tables included.
    pub image_bytes: u64,
    /// Pages of the image whose checksum the host verified on the disk.
    pub pages_verified_by_host: u64,
    /// Requests that wrote it.
    pub write_requests: u64,
    /// Largest of them in bytes.
    pub largest_write_bytes: u32,
    /// Polls of the interrupt routine while writing.
    pub write_polls: u64,
    /// Requests that read the rest of it.
    pub read_requests: u64,
    /// Polls of the interrupt routine while reading.
    pub read_polls: u64,
}

/// A broken rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleViolation {
    /// The rule's name (docs/testing.md).
    pub rule: String,
    /// Role of the instance that broke it.
    pub role: Option<&'static str>,
    /// What happened.
    pub detail: String,
    /// Callback that was running.
    pub callback: String,
    /// Return addresses and last calls of the port driver, newest first.
    pub trace: Vec<String>,
}

/// A rule of the bench.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// Its name (docs/testing.md).
    pub rule: String,
    /// `checked`, `not checked` or `not applicable`.
    pub state: &'static str,
    /// Why it is not applicable.
    pub reason: Option<String>,
    /// Times it was looked at.
    pub checks: u64,
    /// Times it was broken.
    pub violations: u64,
}

/// A function of the port driver that the bench does not have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NotImplemented {
    /// Role of the caller.
    pub role: &'static str,
    /// Function code of `StorPortExtendedFunction`.
    pub code: u32,
    /// Calls.
    pub count: u64,
}

/// A step of the scenario.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// QEMU process in which it ended, from 0.
    pub boot: u32,
    /// Its name.
    pub name: String,
    /// Guest instructions; `None` if the step did not end, or without instruction counting.
    pub instructions: Option<u64>,
    /// Wall time in microseconds as the host saw it; `None` if the step did not end.
    pub wall_microseconds: Option<u64>,
}

/// A QEMU process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BootSummary {
    /// Its number, from 0.
    pub boot: u32,
    /// How the machine was switched off: `hibernated`, `shut down` or `none`.
    pub power_off: &'static str,
    /// Names of the QMP events, in order.
    pub events: Vec<String>,
    /// QEMU's own complaints, a line each.
    pub complaints: Vec<String>,
    /// Wall time of the process in milliseconds.
    pub wall_milliseconds: u64,
    /// The command line.
    pub command_line: String,
}

#[cfg(test)]
mod tests;
