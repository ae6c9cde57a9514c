//! `cargo harness cycle`: the main job.

use std::path::PathBuf;

use anyhow::Result;

use crate::{
    build::Builder,
    options::MachineArgs,
    progress::{Progress, Verbosity},
    repository::Repository,
    setup::{self, Need},
};

/// Arguments of `cargo harness cycle`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Number of hibernations in one life of the system
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub count: u32,
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
    let verbosity = if arguments.machine.verbose {
        Verbosity::Verbose
    } else {
        Verbosity::Normal
    };
    let progress = Progress::new(verbosity);
    let repository = Repository::find()?;
    let toolchain = setup::prepare(&[Need::Build, Need::Qemu], &progress)?;
    let builder = Builder::new(&repository, &toolchain, &progress);
    let driver = builder.driver()?;
    let bench = builder.bench()?;
    progress.note(&format!("{driver:?} {bench:?}"));
    Ok(())
}
