//! `cargo harness matrix`: the main job with resets on machines whose HBAs differ.

use std::{fs, num::NonZeroUsize, path::PathBuf, thread, time::Duration};

use anyhow::{Context as _, Result};

use super::{one_run::driver_option, print_all};
use crate::{
    fault::Fault,
    matrix::{
        axes::{Configuration, product},
        cover::covering,
        run::{self, Plan},
        table::{self, Summary},
    },
    progress::Verbosity,
    setup::Need,
    trial::{Origin, Workshop},
};

/// Arguments of `cargo harness matrix`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Only the first N machines: the extremes, then those with most values that are new
    #[arg(long, value_name = "N", conflicts_with = "full")]
    pub sample: Option<usize>,
    /// All combinations of all values instead of all pairs of values: 7168 machines
    #[arg(long)]
    pub full: bool,
    /// Only machines whose arguments contain this, as in `--queue-size 16`
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub only: Option<String>,
    /// Print the arguments of the machines, and run nothing
    #[arg(long)]
    pub list: bool,
    /// Machines at a time [default: one a processor]
    #[arg(long, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
    /// Another miniport for the same HBA instead of this repository's
    #[arg(long, value_name = "FILE.sys")]
    pub driver: Option<PathBuf>,
    /// Also write the results as data (docs/matrix.md)
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Seed of the choice of machines and of every run
    #[arg(long, value_name = "N", default_value = "1")]
    pub seed: u64,
    /// Seconds without any sign of life after which a guest counts as hung
    #[arg(long, value_name = "SECONDS", default_value = "120")]
    pub time_limit: u64,
}

/// Builds once, runs all machines, prints the table.
///
/// # Errors
/// Set-up problems, and a fault when a run failed.
pub fn execute(arguments: &Args) -> Result<()> {
    let configurations = chosen(arguments)?;
    if arguments.list {
        let lines: Vec<String> = configurations
            .iter()
            .map(Configuration::arguments)
            .collect();
        print_all(&(lines.join("\n") + "\n"));
        return Ok(());
    }
    let workshop = Workshop::open(&[Need::Build, Need::Qemu], Verbosity::Normal)?;
    let inputs = workshop.inputs(arguments.driver.as_deref())?;
    let plan = Plan {
        configurations,
        inputs: &inputs,
        toolchain: &workshop.toolchain,
        origin: Origin::of(arguments.driver.as_deref()),
        driver_words: driver_option(arguments.driver.as_deref()),
        seed: arguments.seed,
        time_limit: Duration::from_secs(arguments.time_limit),
        jobs: arguments.jobs.map_or_else(
            || thread::available_parallelism().map_or(1, NonZeroUsize::get),
            NonZeroUsize::get,
        ),
    };
    workshop.progress.note(&format!(
        "{} machines, {} at a time, seed {}",
        plan.configurations.len(),
        plan.jobs,
        plan.seed
    ));
    let runs = run::all(&plan, &workshop.progress)?;
    workshop.progress.finish();
    let summary = Summary::new(arguments.seed, &runs);
    print_all(&table::text(&summary));
    if let Some(file) = &arguments.json {
        let text = serde_json::to_string_pretty(&summary)? + "\n";
        fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    if summary.passed {
        return Ok(());
    }
    let failed = runs.iter().filter(|run| !run.passed).count();
    Err(Fault::check(
        format!("{failed} of {} machines failed", runs.len()),
        "each can be repeated alone by the command in the table",
    )
    .into())
}

fn chosen(arguments: &Args) -> Result<Vec<Configuration>> {
    let choices = if arguments.full {
        product().collect()
    } else {
        covering(arguments.seed)
    };
    let chosen: Vec<Configuration> = choices
        .into_iter()
        .take(arguments.sample.unwrap_or(usize::MAX))
        .map(Configuration::from_choice)
        .filter(|configuration| {
            arguments
                .only
                .as_ref()
                .is_none_or(|text| configuration.arguments().contains(text))
        })
        .collect();
    if chosen.is_empty() {
        return Err(Fault::setup(
            "no machine of the matrix is left by these arguments",
            "`cargo harness matrix --list` prints them all",
        )
        .into());
    }
    Ok(chosen)
}
