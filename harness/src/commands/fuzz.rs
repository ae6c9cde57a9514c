//! `cargo harness fuzz`: looks for inputs that break what reads input, with the compiler that is there.

use std::path::PathBuf;

use anyhow::Result;

use super::print_all;
use crate::{
    fault::Fault,
    fuzz::{FuzzTarget, Fuzzer, choose, output::Outcome, targets},
    progress::Verbosity,
    setup::Need,
    trial::Workshop,
};

const SECONDS_PER_MINUTE: f64 = 60.0;
/// Longest run of a target, in minutes: a week.
const MINUTES_MAX: f64 = 10_080.0;

/// Arguments of `cargo harness fuzz`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Fuzz targets; all if none is named
    #[arg(value_name = "TARGET")]
    pub targets: Vec<String>,
    /// Minutes for each target; may have a fraction
    #[arg(long, value_name = "M", default_value = "1", value_parser = parse_minutes)]
    pub minutes: f64,
    /// Give the target this input, once, instead of looking for one
    #[arg(long, value_name = "FILE", requires = "targets")]
    pub input: Option<PathBuf>,
    /// Print the names of the targets, and do nothing else
    #[arg(long, conflicts_with_all = ["targets", "input"])]
    pub list: bool,
}

/// Builds the targets, runs one after the other, and prints a line for each.
///
/// # Errors
/// Set-up problems, and a fault that names the targets that failed.
pub fn execute(arguments: &Args) -> Result<()> {
    let workshop = Workshop::open(&[Need::Build, Need::Cpp], Verbosity::Normal)?;
    let all = targets(&workshop.repository.root)?;
    if arguments.list {
        workshop.progress.finish();
        for target in &all {
            print_all(&format!("{:20} {}\n", target.name, target.folder));
        }
        return Ok(());
    }
    let chosen = choose(all, &arguments.targets)?;
    let fuzzer = Fuzzer::new(workshop.builder(), &workshop.repository, &workshop.progress);
    fuzzer.build(&chosen)?;
    let mut failed = Vec::new();
    print_all(HEADING);
    for target in &chosen {
        workshop.progress.step(&format!("fuzzing {}", target.name));
        let outcome = match &arguments.input {
            Some(input) => fuzzer.replay(target, input)?,
            None => fuzzer.run(target, seconds(arguments.minutes))?,
        };
        print_all(&line(target, &outcome));
        if outcome.failure.is_some() {
            print_all(&explain(target, &outcome, &fuzzer));
            failed.push(target.name.as_str());
        } else if outcome.edges == 0 {
            return Err(Fault::setup(
                format!("{} was built without coverage", target.name),
                "remove target/fuzz/build, then try again",
            )
            .into());
        }
    }
    workshop.progress.finish();
    if failed.is_empty() {
        return Ok(());
    }
    Err(Fault::check(
        format!("failed: {}", failed.join(", ")),
        "mend the code, and keep the input in a test",
    )
    .into())
}

const HEADING: &str = "target                    inputs  kept  edges reached  before    all  \n";

fn line(target: &FuzzTarget, outcome: &Outcome) -> String {
    let before = outcome
        .reached_before
        .map_or_else(|| "-".to_owned(), |edges| edges.to_string());
    format!(
        "{:20} {:>11} {:>5} {:>14} {before:>7} {:>6}  {}\n",
        target.name,
        outcome.tried,
        outcome.kept,
        outcome.reached,
        outcome.edges,
        if outcome.failure.is_some() {
            "failed"
        } else {
            "ok"
        },
    )
}

fn explain(target: &FuzzTarget, outcome: &Outcome, fuzzer: &Fuzzer<'_>) -> String {
    let failure = outcome.failure.as_deref().unwrap_or_default();
    let again = outcome.artifact.as_ref().map_or_else(String::new, |input| {
        let (name, input) = (&target.name, input.display());
        format!("  again with: cargo harness fuzz {name} --input {input}\n")
    });
    let log = fuzzer.log(target);
    format!(
        "  {failure}\n{again}  all that it said: {}\n",
        log.display()
    )
}

fn parse_minutes(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(minutes) if minutes > 0.0 && minutes <= MINUTES_MAX => Ok(minutes),
        _ => Err(format!("not a number above 0 and up to {MINUTES_MAX}")),
    }
}

/// Whole seconds, at least one.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "above 0 and at most a week"
)]
fn seconds(minutes: f64) -> u64 {
    (minutes * SECONDS_PER_MINUTE).round().max(1.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_may_have_a_fraction_and_must_be_possible() {
        assert_eq!(parse_minutes("0.05").map(seconds), Ok(3));
        assert_eq!(parse_minutes("5").map(seconds), Ok(300));
        assert_eq!(parse_minutes("0.001").map(seconds), Ok(1));
        for bad in ["0", "-1", "NaN", "inf", "20000", "x"] {
            assert!(parse_minutes(bad).is_err(), "{bad}");
        }
    }
}
