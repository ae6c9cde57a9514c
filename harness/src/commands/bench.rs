//! `cargo harness bench`: the figures, of this repository's driver and of others beside it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use proto::scenario::MeasureExtent;

use super::print_all;
use crate::{
    fault::Fault,
    figures::{
        self, Column, hibernation, markdown, origin, profile, recorded,
        recorded::Recorded,
        report::{ColumnReport, Report},
        table,
    },
    options::{GuestClock, MachineArgs, Options},
    session::Inputs,
    setup::Need,
    trial::Workshop,
};

/// The document with the figures.
const DOCUMENT: &str = "docs/performance.md";

/// A hibernation image holds what the seed places, so its figures are about one seed unless the user wants another.
const SEED: u64 = 1;

/// Arguments of `cargo harness bench`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Another miniport for the same HBA, to be measured beside this repository's; may be given several times
    #[arg(long, value_name = "FILE.sys", conflicts_with_all = ["record", "compare", "write_docs"])]
    pub driver: Vec<PathBuf>,
    /// Also write the figures as data (docs/performance.md)
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// A few transfers instead of all, and no hibernation
    #[arg(long, conflicts_with = "write_docs")]
    pub brief: bool,
    /// Say in which functions of the driver the instructions of 4 KiB reads, 32 at a time, are
    #[arg(long, conflicts_with_all = ["json", "write_docs", "record", "compare", "brief"])]
    pub profile: bool,
    /// What becomes of the figures.
    #[command(flatten)]
    pub purpose: Purpose,
    /// The machine.
    #[command(flatten)]
    pub machine: MachineArgs,
}

/// What becomes of the figures, beside being shown. One at a time.
#[derive(Clone, Copy, Debug, clap::Args)]
#[group(multiple = false)]
pub struct Purpose {
    /// Write the figures into docs/performance.md
    #[arg(long)]
    pub write_docs: bool,
    /// Make the figures of today those that `--compare` and the tests hold others against (harness/figures.toml)
    #[arg(long)]
    pub record: bool,
    /// Fail if a figure is more than 3 % above the recorded one
    #[arg(long)]
    pub compare: bool,
}

/// Builds, measures, prints.
///
/// # Errors
/// Set-up problems, drivers that cannot be measured, and with `--compare` figures that are worse than recorded.
pub fn execute(arguments: &Args) -> Result<()> {
    let workshop = Workshop::open(&[Need::Build, Need::Qemu], arguments.machine.verbosity())?;
    let mut options = arguments.machine.options();
    options.seed = arguments.machine.seed.unwrap_or(SEED);
    if options.clock != GuestClock::Instructions {
        return Err(Fault::setup(
            "figures are counted in instructions of the guest",
            "leave out --real-time",
        )
        .into());
    }
    if arguments.profile {
        return profiles(arguments, &workshop, &options);
    }
    let columns = columns(arguments, &workshop, &options)?;
    workshop.progress.finish();
    print_all(&table::render(&columns));
    let root = &workshop.repository.root;
    let commit = origin::commit(root);
    let compiler = origin::compiler(&workshop.toolchain);
    if let Some(file) = &arguments.json {
        let report = Report {
            commit: commit.clone(),
            build_route: workshop.toolchain.describe(),
            compiler: compiler.clone(),
            columns: columns.iter().map(ColumnReport::of).collect(),
        };
        let text = serde_json::to_string_pretty(&report)? + "\n";
        fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    if arguments.purpose.write_docs {
        let origin = format!("Measured at commit {commit}, driver built by {compiler}.");
        write_document(root, &markdown::render(&columns, &origin))?;
    }
    let Some(own) = columns.first() else {
        return Ok(());
    };
    let today = Recorded::of(own, &compiler);
    if arguments.purpose.record {
        today.write(root)?;
    }
    if arguments.purpose.compare {
        let worse = Recorded::read(root)?.worse(&today);
        if !worse.is_empty() {
            return Err(Fault::check(
                format!("worse than recorded: {}", worse.join("; ")),
                format!(
                    "make it better, or say why not and record it: cargo harness bench --record ({})",
                    recorded::FILE
                ),
            )
            .into());
        }
    }
    Ok(())
}

/// Where the instructions of each driver are.
fn profiles(arguments: &Args, workshop: &Workshop, options: &Options) -> Result<()> {
    for (_, inputs) in all_inputs(arguments, workshop)? {
        let profile = profile::measure(&inputs, options, &workshop.progress)?;
        workshop.progress.finish();
        print_all(&profile.render());
        profile.check()?;
    }
    Ok(())
}

/// This repository's driver, then the others. A wrong file is found before minutes are spent on the first.
fn all_inputs<'a>(
    arguments: &'a Args,
    workshop: &Workshop,
) -> Result<Vec<(Option<&'a Path>, Inputs)>> {
    let others = arguments.driver.iter().map(|file| Some(file.as_path()));
    std::iter::once(None)
        .chain(others)
        .map(|driver| Ok((driver, workshop.inputs(driver)?)))
        .collect()
}

/// Measures all drivers.
fn columns(arguments: &Args, workshop: &Workshop, options: &Options) -> Result<Vec<Column>> {
    let brief = arguments.brief || arguments.purpose.record || arguments.purpose.compare;
    let extent = if brief {
        MeasureExtent::Brief
    } else {
        MeasureExtent::Full
    };
    let mut columns = Vec::new();
    for (driver, inputs) in all_inputs(arguments, workshop)? {
        let own = driver.is_none();
        let mut column = figures::measure(&inputs, own, options, extent, &workshop.progress)?;
        if let Some(file) = driver
            && columns
                .iter()
                .any(|other: &Column| other.driver == column.driver)
        {
            column.driver = file.display().to_string();
        }
        if !brief {
            match hibernation::measure(&inputs, options, &workshop.progress) {
                Ok(figures) => column.hibernation = Some(figures),
                Err(error) if own => return Err(error),
                // Many drivers cannot; their other figures are worth having.
                Err(error) => workshop
                    .progress
                    .note(&format!("{}: {error:#}", column.driver)),
            }
        }
        columns.push(column);
    }
    Ok(columns)
}

fn write_document(root: &Path, tables: &str) -> Result<()> {
    let path = root.join(DOCUMENT);
    let document = fs::read_to_string(&path).with_context(|| format!("cannot read {DOCUMENT}"))?;
    let document = markdown::insert(&document, tables)?;
    fs::write(&path, document).with_context(|| format!("cannot write {DOCUMENT}"))
}
