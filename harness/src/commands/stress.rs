//! `cargo harness stress`: random work, resets, hot-plug, pauses and hibernations, until the time is up.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::Result;
use proto::scenario::Job;

use super::{
    cycle::conclude,
    one_run::{OneRun, driver_option},
};
use crate::{
    disk::others::MOST_DISKS, fault::Fault, options::MachineArgs, session::stress::StressEnd,
    setup::Need, trial::Workshop,
};

const SECONDS_PER_MINUTE: u64 = 60;

/// Arguments of `cargo harness stress`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Minutes after which no further round begins
    #[arg(long, value_name = "M", default_value = "10", value_parser = clap::value_parser!(u64).range(1..))]
    pub minutes: u64,
    /// So many rounds, however long they take
    #[arg(long, value_name = "N", conflicts_with = "minutes", value_parser = clap::value_parser!(u32).range(1..))]
    pub rounds: Option<u32>,
    /// Another miniport for the same HBA instead of this repository's
    #[arg(long, value_name = "FILE.sys")]
    pub driver: Option<PathBuf>,
    /// Also write the report as data (docs/report.md)
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// The machine; it has all disks unless `--disks` says otherwise.
    #[command(flatten)]
    pub machine: MachineArgs,
}

/// Builds, runs, judges, prints.
///
/// # Errors
/// Set-up problems, and a fault when a check failed.
pub fn execute(arguments: &Args) -> Result<()> {
    if arguments.machine.disks == Some(1) {
        return Err(Fault::setup(
            "a stress run pulls out disks, and the first one stays",
            format!("give --disks 2 to {MOST_DISKS}, or leave it out for all of them"),
        )
        .into());
    }
    let workshop = Workshop::open(&[Need::Build, Need::Qemu], arguments.machine.verbosity())?;
    let mut inputs = workshop.inputs(arguments.driver.as_deref())?;
    let mut options = arguments.machine.options();
    options.disks = arguments.machine.disks.unwrap_or(MOST_DISKS);
    workshop.add_filter(&mut inputs, &options)?;
    let (length, end) = match arguments.rounds {
        Some(rounds) => (format!("--rounds {rounds}"), StressEnd::Rounds(rounds)),
        None => (
            format!("--minutes {}", arguments.minutes),
            StressEnd::At(
                Instant::now() + Duration::from_secs(arguments.minutes * SECONDS_PER_MINUTE),
            ),
        ),
    };
    options.stress = Some(end);
    let driver = driver_option(arguments.driver.as_deref());
    let run = OneRun {
        workshop: &workshop,
        machine: &arguments.machine,
        driver: arguments.driver.as_deref(),
        inputs: &inputs,
        options: &options,
    };
    let again = format!(
        "cargo harness stress {length}{driver} {}",
        options.as_arguments()
    );
    let (report, _directory) = run.judged(Job::Stress, again)?;
    conclude(&report, arguments.json.as_deref())
}
