//! `cargo harness crash`: the system stops, and the crash stack writes a dump.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result};
use clap::ValueEnum;
use proto::scenario::{CrashCause, DumpKind, Job};

use super::cycle::{conclude, directory};
use crate::{
    fault::Fault,
    options::{DumpFault, MachineArgs, Options},
    setup::Need,
    trial::{self, Origin, Workshop},
};

/// What a dump holds, on the command line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// All of RAM
    #[default]
    Full,
    /// The kernel's pages and what drivers add
    Kernel,
    /// Stack, processor and drivers
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
    /// Keep the dump, if it is complete; the file must not exist
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
    if let Some(out) = arguments.dump.as_deref().filter(|out| out.exists()) {
        return Err(Fault::setup(
            format!("{} exists", out.display()),
            "give the name of a new file for the dump",
        )
        .into());
    }
    let workshop = Workshop::open(&[Need::Build, Need::Qemu], arguments.machine.verbosity())?;
    let inputs = workshop.inputs(arguments.driver.as_deref())?;
    let mut options = arguments.machine.options();
    options.crash_mib = arguments.partition;
    options.dump_fault = arguments.disk_fault;
    options.log_writes = arguments.disk_fault.is_none();
    workshop.progress.note(&format!("seed {}", options.seed));
    let setup = trial::describe(
        &inputs,
        &workshop.toolchain,
        &options,
        Origin::of(arguments.driver.as_deref()),
        repeat_with(arguments, &options),
    )?;
    let directory = directory(&arguments.machine, &workshop)?;
    let job = Job::Crash {
        kind: arguments.kind.into(),
        cause: arguments.by.into(),
    };
    let report = trial::judged(
        &inputs,
        &options,
        job,
        setup,
        &directory,
        &workshop.progress,
    )?;
    workshop.progress.finish();
    if let Some(out) = arguments
        .dump
        .as_deref()
        .filter(|_| directory.dump().is_file())
    {
        fs::copy(directory.dump(), out)
            .with_context(|| format!("cannot write {}", out.display()))?;
    }
    conclude(&report, arguments.json.as_deref())
}

fn repeat_with(arguments: &Args, options: &Options) -> String {
    let name = |value: Option<clap::builder::PossibleValue>| {
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    };
    let mut text = format!(
        "cargo harness crash --kind {} --by {}",
        name(arguments.kind.to_possible_value()),
        name(arguments.by.to_possible_value())
    );
    if let Some(mib) = arguments.partition {
        text += &format!(" --partition {mib}");
    }
    if let Some(driver) = &arguments.driver {
        text += &format!(" --driver {}", driver.display());
    }
    text + " " + &options.as_arguments()
}
