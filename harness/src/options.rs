//! The machine and the run that the user asks for: [`MachineArgs`] on the command line, [`Options`] inside; [`hba`] has
//! the HBA's part, [`dump_fault`] a fault of the disk.

pub mod dump_fault;
pub mod hba;
pub mod parameter;

use std::{
    fmt,
    hash::{BuildHasher as _, RandomState},
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

use clap::{Args, ValueEnum};
use proto::scenario::{BenchFault, InterruptMode};
use serde::{Deserialize, Serialize};

pub use self::dump_fault::DumpFault;
use self::{
    hba::{HbaArgs, HbaOptions},
    parameter::Parameter,
};
use crate::{
    disk::{CRASH_EXTRA_BYTES, others::MOST_DISKS},
    progress::Verbosity,
    seal::PrivateKey,
    session::{stress::StressEnd, tamper::HostFault},
};

/// Chipset of the virtual machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Machine {
    /// ICH9, PCI Express.
    #[default]
    Q35,
    /// PIIX, conventional PCI.
    Pc,
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Q35 => "q35",
            Self::Pc => "pc",
        })
    }
}

/// How the guest's clock runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum GuestClock {
    /// `-icount shift=0`: one instruction is one nanosecond, figures are the same on every machine.
    #[default]
    Instructions,
    /// The host's time.
    RealTime,
}

/// What dumpfilter.sys does in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FilterMode {
    /// It is loaded and lets crash dumps and hibernation files pass.
    Pass,
    /// It encrypts both.
    Encrypt,
}

impl fmt::Display for FilterMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pass => "pass",
            Self::Encrypt => "encrypt",
        })
    }
}

/// Options of the virtual machine, shared by all commands that start one.
#[derive(Clone, Debug, Args)]
pub struct MachineArgs {
    /// The HBA.
    #[command(flatten)]
    pub hba: HbaArgs,
    /// Bytes per sector of the disk
    #[arg(long, value_name = "BYTES", default_value = "512", value_parser = parse_sector_size)]
    pub sector_size: u32,
    /// Disks of the HBA, at several targets and LUNs (docs/testing.md) [default: 1]
    #[arg(long, value_name = "N", value_parser = parse_disks)]
    pub disks: Option<usize>,
    /// Chipset
    #[arg(long, value_enum, default_value_t)]
    pub machine: Machine,
    /// RAM, as in 128M or 3G
    #[arg(long, value_name = "SIZE", default_value = "128M")]
    pub memory: Memory,
    /// How much of the RAM lies below the 4 GiB line at most [default: 2G]
    #[arg(long, value_name = "SIZE")]
    pub memory_below_4g: Option<Memory>,
    /// Processors, 1 to 8; with more than one they run at the same time, and instructions are not counted
    #[arg(long, value_name = "N", default_value = "1", value_parser = parse_processors)]
    pub processors: u32,
    /// Seed of all data and all random choices [default: a new one, printed]
    #[arg(long, value_name = "N", value_parser = parse_seed)]
    pub seed: Option<u64>,
    /// Where the driver's interrupts come from
    #[arg(long, value_enum, default_value_t)]
    pub interrupts: Interrupts,
    /// A registry value of the driver (`Parameters\Device`); may be given several times
    #[arg(long, value_name = "NAME=NUMBER")]
    pub parameter: Vec<Parameter>,
    /// Load this repository's dump filter into the dump stacks
    #[arg(long, value_enum, value_name = "WHAT")]
    pub filter: Option<FilterMode>,
    /// Another dump filter, below that one; may be given several times
    #[arg(long, value_name = "FILE.sys")]
    pub filter_driver: Vec<PathBuf>,
    /// Let the guest's clock follow the host's instead of counting instructions
    #[arg(long)]
    pub real_time: bool,
    /// Seconds without any sign of life after which a guest counts as hung
    #[arg(long, value_name = "SECONDS", default_value = "120")]
    pub time_limit: u64,
    /// Keep disk, logs and memory images, and say where they are
    #[arg(long)]
    pub keep: bool,
    /// Print what the kernel and the driver say
    #[arg(long, short)]
    pub verbose: bool,
}

/// Source of interrupts on the command line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Interrupts {
    /// MSI-X, as many messages as the device has
    #[default]
    Messages,
    /// MSI-X with a single message
    OneMessage,
    /// The line interrupt
    Line,
}

/// As much RAM as lies below the 4 GiB line unless the user says otherwise, in MiB.
const USUAL_BELOW_4G_MIB: u32 = 2048;

/// An amount of RAM in MiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory(pub u32);

impl FromStr for Memory {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (digits, unit) = text.split_at(
            text.find(|c: char| !c.is_ascii_digit())
                .unwrap_or(text.len()),
        );
        let factor = match unit {
            "" | "M" | "m" => 1,
            "G" | "g" => 1024,
            _ => return Err("a number with M or G, as in 128M or 3G".to_owned()),
        };
        digits
            .parse::<u32>()
            .ok()
            .and_then(|number| number.checked_mul(factor))
            .filter(|mib| (128..=64 * 1024).contains(mib))
            .map(Self)
            .ok_or_else(|| "between 128M and 64G".to_owned())
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}M", self.0)
    }
}

fn parse_processors(text: &str) -> Result<u32, String> {
    text.parse()
        .ok()
        .filter(|count| (1..=8).contains(count))
        .ok_or_else(|| "1 to 8".to_owned())
}

fn parse_disks(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|disks| (1..=MOST_DISKS).contains(disks))
        .ok_or_else(|| format!("1 to {MOST_DISKS}"))
}

fn parse_sector_size(text: &str) -> Result<u32, String> {
    text.parse::<u32>()
        .ok()
        .filter(|size| matches!(size, 512 | 4096))
        .ok_or_else(|| "512 or 4096".to_owned())
}

fn parse_seed(text: &str) -> Result<u64, String> {
    text.strip_prefix("0x")
        .map_or_else(|| text.parse(), |hex| u64::from_str_radix(hex, 16))
        .map_err(|_| "a number, decimal or 0x...".to_owned())
}

/// What a session needs to know about the machine and the run.
#[derive(Clone, Debug, Serialize)]
pub struct Options {
    /// The HBA.
    #[serde(flatten)]
    pub hba: HbaOptions,
    /// Registry values of the driver.
    #[serde(skip)]
    pub parameters: Vec<Parameter>,
    /// Bytes per sector of the disk.
    pub sector_bytes: u32,
    /// Disks of the HBA.
    pub disks: usize,
    /// Chipset.
    pub machine: Machine,
    /// RAM in MiB.
    pub memory_mib: u32,
    /// RAM below the 4 GiB line in MiB, at most; the rest lies above.
    pub below_4g_mib: u32,
    /// Processors of the machine.
    pub processors: u32,
    /// Size of the partition for crash dumps in MiB; `None`: enough for all of RAM.
    #[serde(skip)]
    pub crash_mib: Option<u32>,
    /// Seed of all data and all random choices.
    pub seed: u64,
    /// How the guest's clock runs.
    pub clock: GuestClock,
    /// Silence after which a guest counts as hung.
    #[serde(skip)]
    pub time_limit: Duration,
    /// What this repository's dump filter does; `None` if it is not loaded.
    #[serde(skip)]
    pub filter: Option<FilterMode>,
    /// Other dump filters.
    #[serde(skip)]
    pub filter_drivers: Vec<PathBuf>,
    /// Faults that the bench plays.
    #[serde(skip)]
    pub faults: Vec<BenchFault>,
    /// Damage that the host does.
    #[serde(skip)]
    pub host_fault: Option<HostFault>,
    /// How the HBA's interrupts are delivered.
    #[serde(skip)]
    pub interrupts: InterruptMode,
    /// Whether each kind of reset strikes requests in flight before each hibernation.
    #[serde(skip)]
    pub resets: bool,
    /// What ends a stress run.
    #[serde(skip)]
    pub stress: Option<StressEnd>,
    /// Whether QEMU logs every write of the disk.
    #[serde(skip)]
    pub log_writes: bool,
    /// A fault of the disk while the dump is written.
    #[serde(skip)]
    pub dump_fault: Option<DumpFault>,
}

impl MachineArgs {
    /// The same for a session; a seed is drawn if none was given.
    #[must_use]
    pub fn options(&self) -> Options {
        Options {
            hba: self.hba.options(),
            parameters: self.parameter.clone(),
            sector_bytes: self.sector_size,
            disks: self.disks.unwrap_or(1),
            machine: self.machine,
            memory_mib: self.memory.0,
            below_4g_mib: self
                .memory_below_4g
                .map_or(USUAL_BELOW_4G_MIB, |memory| memory.0),
            processors: self.processors,
            crash_mib: None,
            seed: self.seed.unwrap_or_else(fresh_seed),
            // QEMU counts instructions on one processor only.
            clock: if self.real_time || self.processors > 1 {
                GuestClock::RealTime
            } else {
                GuestClock::Instructions
            },
            time_limit: Duration::from_secs(self.time_limit),
            filter: self.filter,
            filter_drivers: self.filter_driver.clone(),
            faults: Vec::new(),
            host_fault: None,
            resets: false,
            stress: None,
            log_writes: false,
            dump_fault: None,
            interrupts: match self.interrupts {
                Interrupts::Messages => InterruptMode::Messages,
                Interrupts::OneMessage => InterruptMode::MessagesAtMost(1),
                Interrupts::Line => InterruptMode::Line,
            },
        }
    }
}

impl MachineArgs {
    /// How much is said.
    #[must_use]
    pub const fn verbosity(&self) -> Verbosity {
        if self.verbose {
            Verbosity::Verbose
        } else {
            Verbosity::Normal
        }
    }
}

impl Options {
    /// The private key that opens the run's dumps and images; `None` if they are not to be encrypted.
    #[must_use]
    pub fn private_key(&self) -> Option<PrivateKey> {
        (self.filter == Some(FilterMode::Encrypt)).then(|| PrivateKey::of_run(self.seed))
    }

    /// Bytes of the partition for crash dumps.
    #[must_use]
    pub fn crash_partition_bytes(&self) -> u64 {
        let mib = |count: u32| u64::from(count) << 20;
        self.crash_mib
            .map_or_else(|| mib(self.memory_mib) + CRASH_EXTRA_BYTES, mib)
    }

    /// The arguments that ask for the same machine and seed again.
    #[must_use]
    pub fn as_arguments(&self) -> String {
        let usual = Self::default();
        let mut words = vec![format!("--seed {}", self.seed)];
        if self.machine != usual.machine {
            words.push(format!("--machine {}", self.machine));
        }
        if self.memory_mib != usual.memory_mib {
            words.push(format!("--memory {}M", self.memory_mib));
        }
        if self.below_4g_mib != usual.below_4g_mib {
            words.push(format!("--memory-below-4g {}M", self.below_4g_mib));
        }
        if self.sector_bytes != usual.sector_bytes {
            words.push(format!("--sector-size {}", self.sector_bytes));
        }
        if self.disks != usual.disks {
            words.push(format!("--disks {}", self.disks));
        }
        words.extend(self.hba.as_arguments());
        for parameter in &self.parameters {
            words.push(format!("--parameter {parameter}"));
        }
        if self.processors != usual.processors {
            words.push(format!("--processors {}", self.processors));
        }
        match self.interrupts {
            InterruptMode::Messages => {}
            InterruptMode::MessagesAtMost(_) => words.push("--interrupts one-message".to_owned()),
            InterruptMode::Line => words.push("--interrupts line".to_owned()),
        }
        if let Some(mode) = self.filter {
            words.push(format!("--filter {mode}"));
        }
        for file in &self.filter_drivers {
            words.push(format!("--filter-driver {}", file.display()));
        }
        if self.clock == GuestClock::RealTime && self.processors == 1 {
            words.push("--real-time".to_owned());
        }
        words.join(" ")
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            hba: HbaOptions::default(),
            parameters: Vec::new(),
            sector_bytes: 512,
            disks: 1,
            machine: Machine::Q35,
            memory_mib: 128,
            below_4g_mib: USUAL_BELOW_4G_MIB,
            processors: 1,
            crash_mib: None,
            seed: 1,
            clock: GuestClock::Instructions,
            time_limit: Duration::from_secs(120),
            filter: None,
            filter_drivers: Vec::new(),
            faults: Vec::new(),
            host_fault: None,
            interrupts: InterruptMode::Messages,
            resets: false,
            stress: None,
            log_writes: false,
            dump_fault: None,
        }
    }
}

/// 32 bits are easier to type back in than 64.
fn fresh_seed() -> u64 {
    RandomState::new().hash_one(std::process::id()) & 0xffff_ffff
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::{hba::Legacy, *};

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        machine: MachineArgs,
    }

    /// What a run says to repeat it asks for the very same run.
    #[test]
    fn the_arguments_read_back_give_the_same_options() {
        let odd = Options {
            hba: HbaOptions {
                queue_size: Some(1024),
                queues: 3,
                legacy: Legacy::ModernOnly,
                ..HbaOptions::default()
            },
            sector_bytes: 4096,
            disks: 5,
            machine: Machine::Pc,
            memory_mib: 3072,
            seed: 77,
            clock: GuestClock::RealTime,
            interrupts: InterruptMode::Line,
            filter: Some(FilterMode::Encrypt),
            filter_drivers: vec![PathBuf::from("other.sys")],
            ..Options::default()
        };
        let several = Options {
            processors: 4,
            clock: GuestClock::RealTime,
            ..Options::default()
        };
        for options in [Options::default(), odd, several] {
            let text = options.as_arguments();
            let words = std::iter::once("x").chain(text.split_whitespace());
            let read = Line::try_parse_from(words)
                .expect("valid")
                .machine
                .options();
            assert_eq!(format!("{read:?}"), format!("{options:?}"));
        }
    }
}
