//! `cargo harness cycle`: the main job.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result};
use proto::scenario::Job;

use super::{
    one_run::{OneRun, driver_option},
    print_all,
};
use crate::{
    fault::Fault,
    options::{MachineArgs, Options},
    report::Report,
    run_directory::{Keep, RunDirectory},
    session::tamper::HostFault,
    setup::Need,
    trial::Workshop,
};

/// Arguments of `cargo harness cycle`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Number of hibernations in one life of the system
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub count: u32,
    /// Reset unit, target and bus under requests in flight before each hibernation
    #[arg(long)]
    pub resets: bool,
    /// Another miniport for the same HBA instead of this repository's
    #[arg(long, value_name = "FILE.sys")]
    pub driver: Option<PathBuf>,
    /// Also write the report as data (docs/report.md)
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// The machine.
    #[command(flatten)]
    pub machine: MachineArgs,
    /// Damage to do on purpose, to see it noticed
    #[arg(long, value_enum, hide = true)]
    pub host_fault: Option<HostFault>,
}

/// Builds, runs, judges, prints.
///
/// # Errors
/// Set-up problems, and a fault when a check failed.
pub fn execute(arguments: &Args) -> Result<()> {
    let workshop = Workshop::open(&[Need::Build, Need::Qemu], arguments.machine.verbosity())?;
    let mut inputs = workshop.inputs(arguments.driver.as_deref())?;
    let mut options = arguments.machine.options();
    workshop.add_filter(&mut inputs, &options)?;
    options.host_fault = arguments.host_fault;
    options.resets = arguments.resets;
    let run = OneRun {
        workshop: &workshop,
        machine: &arguments.machine,
        driver: arguments.driver.as_deref(),
        inputs: &inputs,
        options: &options,
    };
    let job = Job::Cycle {
        count: arguments.count,
    };
    let (report, _directory) = run.judged(job, repeat_with(arguments, &options))?;
    conclude(&report, arguments.json.as_deref())
}

/// The directory of the run, as `--keep` says.
///
/// # Errors
/// It cannot be made.
pub(super) fn directory(machine: &MachineArgs, workshop: &Workshop) -> Result<RunDirectory> {
    let keep = if machine.keep { Keep::Yes } else { Keep::No };
    let directory = RunDirectory::new(keep)?;
    if machine.keep {
        workshop
            .progress
            .note(&format!("keeping {}", directory.path().display()));
    }
    Ok(directory)
}

/// Prints and stores the report; the verdict becomes the exit status.
///
/// # Errors
/// A [`Fault`] when a check failed.
pub(super) fn conclude(report: &Report, json: Option<&std::path::Path>) -> Result<()> {
    print_all(&report.render());
    if let Some(file) = json {
        fs::write(file, report.to_json()? + "\n")
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    if report.passed() {
        return Ok(());
    }
    let failed = format!("failed: {}", report.failed_names().join(", "));
    Err(Fault::check(
        match &report.failure {
            Some(failure) => format!("{failure} ({failed})"),
            None => failed,
        },
        format!("repeat with: {}", report.setup.repeat_with),
    )
    .into())
}

fn repeat_with(arguments: &Args, options: &Options) -> String {
    let driver = driver_option(arguments.driver.as_deref());
    let resets = if arguments.resets { " --resets" } else { "" };
    format!(
        "cargo harness cycle --count {}{resets}{driver} {}",
        arguments.count,
        options.as_arguments()
    )
}
