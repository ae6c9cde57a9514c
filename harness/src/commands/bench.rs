//! `cargo harness bench`: the figures.

use std::path::PathBuf;

use anyhow::Result;
use proto::scenario::MeasureExtent;

use super::print_all;
use crate::{
    figures::{self, table},
    options::MachineArgs,
    setup::Need,
    trial::Workshop,
};

/// Arguments of `cargo harness bench`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Another miniport for the same HBA, to be measured beside this repository's; may be given several times
    #[arg(long, value_name = "FILE.sys")]
    pub driver: Vec<PathBuf>,
    /// A few stretches instead of all
    #[arg(long)]
    pub brief: bool,
    /// The machine.
    #[command(flatten)]
    pub machine: MachineArgs,
}

/// Builds, measures, prints.
///
/// # Errors
/// Set-up problems, and drivers that cannot be measured.
pub fn execute(arguments: &Args) -> Result<()> {
    let workshop = Workshop::open(&[Need::Build, Need::Qemu], arguments.machine.verbosity())?;
    let options = arguments.machine.options();
    let extent = if arguments.brief {
        MeasureExtent::Brief
    } else {
        MeasureExtent::Full
    };
    let mut columns = Vec::new();
    let inputs = workshop.inputs(None)?;
    columns.push(figures::measure(
        &inputs,
        true,
        &options,
        extent,
        &workshop.progress,
    )?);
    for driver in &arguments.driver {
        let inputs = workshop.inputs(Some(driver))?;
        columns.push(figures::measure(
            &inputs,
            false,
            &options,
            extent,
            &workshop.progress,
        )?);
    }
    workshop.progress.finish();
    print_all(&table::render(&columns));
    Ok(())
}
