//! `cargo harness crash`: the system stops, and the crash stack writes a dump.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use clap::ValueEnum;
use proto::scenario::{CrashCause, DumpKind, Job};

use super::{
    cycle::conclude,
    one_run::{OneRun, driver_option},
};
use crate::{
    fault::Fault,
    options::{DumpFault, FilterMode, MachineArgs, Options},
    run_directory::RunDirectory,
    setup::Need,
    trial::Workshop,
};

/// What a dump holds, on the command line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// All of RAM
    #[default]
    Full,
    /// The kernel's pages and what drivers add
    Kernel,
    /// Stack, drivers, a few pages, and the memory that drivers name
    Small,
}

impl From<Kind> for DumpKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Full => Self::Full,
            Kind::Kernel => Self::Kernel,
            Kind::Small => Self::Small,
        }
    }
}

/// What brings the system down, on the command line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// `KeBugCheckEx`
    #[default]
    Bugcheck,
    /// An access violation of the driver
    Fault,
    /// A callback of the driver runs out of stack
    StackOverflow,
    /// The same, ending in a double fault
    DoubleFault,
    /// A non-maskable interrupt, with a lock of the driver held
    Nmi,
}

impl From<By> for CrashCause {
    fn from(by: By) -> Self {
        match by {
            By::Bugcheck => Self::BugCheck,
            By::Fault => Self::AccessViolation,
            By::StackOverflow => Self::StackOverflow,
            By::DoubleFault => Self::DoubleFault,
            By::Nmi => Self::Nmi,
        }
    }
}

/// Arguments of `cargo harness crash`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// What the dump holds
    #[arg(long, value_enum, default_value_t)]
    pub kind: Kind,
    /// What brings the system down
    #[arg(long, value_enum, default_value_t)]
    pub by: By,
    /// Size of the partition that takes the dump, in MiB [default: enough for all of RAM]
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u32).range(1..=131_072))]
    pub partition: Option<u32>,
    /// Let the disk fail where the dump is written: io@OFFSET or full@OFFSET, with ,once behind for a single failure
    #[arg(long, value_name = "FAULT")]
    pub disk_fault: Option<DumpFault>,
    /// Keep the dump as it lies on the disk, if it is complete; with --filter encrypt, FILE.dmp.key is its private key. The
    /// files must not exist
    #[arg(long, value_name = "FILE.dmp")]
    pub dump: Option<PathBuf>,
    /// Another miniport for the same HBA instead of this repository's
    #[arg(long, value_name = "FILE.sys")]
    pub driver: Option<PathBuf>,
    /// Also write the report as data (docs/report.md)
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// The machine.
    #[command(flatten)]
    pub machine: MachineArgs,
}

/// Builds, runs, judges, prints.
///
/// # Errors
/// Set-up problems, and a fault when a check failed.
pub fn execute(arguments: &Args) -> Result<()> {
    let encrypted = arguments.machine.filter == Some(FilterMode::Encrypt);
    let keys = arguments.dump.iter().filter(|_| encrypted);
    let kept = arguments.dump.iter().cloned();
    if let Some(file) = kept
        .chain(keys.map(|out| key_file(out)))
        .find(|file| file.exists())
    {
        return Err(Fault::setup(
            format!("{} exists", file.display()),
            "give the name of a new file for the dump",
        )
        .into());
    }
    let workshop = Workshop::open(&[Need::Build, Need::Qemu], arguments.machine.verbosity())?;
    let mut inputs = workshop.inputs(arguments.driver.as_deref())?;
    let mut options = arguments.machine.options();
    workshop.add_filter(&mut inputs, &options)?;
    options.crash_mib = arguments.partition;
    options.dump_fault = arguments.disk_fault;
    options.log_writes = arguments.disk_fault.is_none();
    let run = OneRun {
        workshop: &workshop,
        machine: &arguments.machine,
        driver: arguments.driver.as_deref(),
        inputs: &inputs,
        options: &options,
    };
    let job = Job::Crash {
        kind: arguments.kind.into(),
        cause: arguments.by.into(),
    };
    let (report, directory) = run.judged(job, repeat_with(arguments, &options))?;
    if let Some(out) = arguments
        .dump
        .as_deref()
        .filter(|_| directory.dump().is_file())
    {
        keep_dump(out, &directory, &options)?;
    }
    conclude(&report, arguments.json.as_deref())
}

/// Copies the dump out of the run's directory, and its private key beside it if it is encrypted.
fn keep_dump(out: &Path, directory: &RunDirectory, options: &Options) -> Result<()> {
    fs::copy(directory.dump(), out).with_context(|| format!("cannot write {}", out.display()))?;
    if let Some(key) = options.private_key() {
        let file = key_file(out);
        fs::write(&file, key.to_text())
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

/// Where the private key of a dump goes.
fn key_file(dump: &Path) -> PathBuf {
    let mut name = dump.as_os_str().to_owned();
    name.push(".key");
    name.into()
}

fn repeat_with(arguments: &Args, options: &Options) -> String {
    let name = |value: Option<clap::builder::PossibleValue>| {
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    };
    let partition = arguments
        .partition
        .map_or_else(String::new, |mib| format!(" --partition {mib}"));
    let disk_fault = arguments
        .disk_fault
        .map_or_else(String::new, |fault| format!(" --disk-fault {fault}"));
    let driver = driver_option(arguments.driver.as_deref());
    format!(
        "cargo harness crash --kind {} --by {}{partition}{disk_fault}{driver} {}",
        name(arguments.kind.to_possible_value()),
        name(arguments.by.to_possible_value()),
        options.as_arguments()
    )
}
