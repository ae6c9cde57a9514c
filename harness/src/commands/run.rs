//! `cargo harness run`: any miniport binary through its daily life, without a hibernation.

use std::path::PathBuf;

use anyhow::Result;
use clap::ValueEnum;
use proto::scenario::Job;

use super::{cycle::conclude, one_run::OneRun};
use crate::{options::MachineArgs, setup::Need, trial::Workshop};

/// HBAs that the bench can put into the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum HbaArg {
    /// QEMU's virtio-scsi-pci
    #[default]
    VirtioScsi,
}

/// Arguments of `cargo harness run`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The miniport; this repository's if left out
    #[arg(value_name = "FILE.sys")]
    pub driver: Option<PathBuf>,
    /// The HBA that it drives
    #[arg(long, value_enum, default_value_t)]
    pub hba: HbaArg,
    /// Also let every call that may fail do so once, each in a life of its own
    #[arg(long)]
    pub exhaust: bool,
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
    let HbaArg::VirtioScsi = arguments.hba;
    let workshop = Workshop::open(&[Need::Build, Need::Qemu], arguments.machine.verbosity())?;
    let mut inputs = workshop.inputs(arguments.driver.as_deref())?;
    let options = arguments.machine.options();
    workshop.add_filter(&mut inputs, &options)?;
    let driver = arguments
        .driver
        .as_ref()
        .map_or_else(String::new, |file| format!(" {}", file.display()));
    let run = OneRun {
        workshop: &workshop,
        machine: &arguments.machine,
        driver: arguments.driver.as_deref(),
        inputs: &inputs,
        options: &options,
    };
    let job = Job::Run {
        exhaust: arguments.exhaust,
    };
    let exhaust = if arguments.exhaust { " --exhaust" } else { "" };
    let again = format!(
        "cargo harness run{driver}{exhaust} {}",
        options.as_arguments()
    );
    let (report, _directory) = run.judged(job, again)?;
    conclude(&report, arguments.json.as_deref())
}
