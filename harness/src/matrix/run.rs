//! Runs of the matrix: each configuration is a life of its own with I/O, resets and a hibernation; several at a time.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;
use proto::scenario::Job;
use serde::Serialize;

use super::axes::Configuration;
use crate::{
    fault, interrupt,
    progress::{Progress, Verbosity},
    report::{Outcome, Report},
    run_directory::{Keep, RunDirectory},
    session::Inputs,
    setup::Toolchain,
    trial::{self, Origin},
};

/// What all runs have in common.
#[derive(Debug)]
pub struct Plan<'a> {
    /// The machines.
    pub configurations: Vec<Configuration>,
    /// The files.
    pub inputs: &'a Inputs,
    /// How they were built.
    pub toolchain: &'a Toolchain,
    /// Where the driver comes from.
    pub origin: Origin,
    /// The words by which a repeated run is given the driver, with a space before.
    pub driver_words: String,
    /// Seed of every run.
    pub seed: u64,
    /// Silence after which a guest counts as hung.
    pub time_limit: Duration,
    /// Runs at a time.
    pub jobs: usize,
}

/// A check that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failed {
    /// Its name.
    pub check: String,
    /// What was seen.
    pub detail: String,
}

/// What became of one configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Run {
    /// The arguments that ask for its machine.
    pub arguments: String,
    /// Whether every check held.
    pub passed: bool,
    /// The checks that did not.
    pub failed: Vec<Failed>,
    /// What ended the life early, if anything did.
    pub failure: Option<String>,
    /// Names of the features that the driver accepted.
    pub accepted_features: Vec<String>,
    /// Interrupt messages connected.
    pub messages: u16,
    /// Wall time.
    pub milliseconds: u64,
    /// The command that repeats it.
    pub repeat_with: String,
}

/// Runs all configurations of `plan`; the results are in their order.
///
/// # Errors
/// The user's interruption. What goes wrong in a run is its result.
pub fn all(plan: &Plan<'_>, progress: &Progress) -> Result<Vec<Run>> {
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, Run)>> = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..plan.jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(configuration) = plan.configurations.get(index) else {
                        break;
                    };
                    if interrupt::check().is_err() {
                        break;
                    }
                    let run = one(plan, configuration);
                    let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                    done.push((index, run));
                    if let Some((_, run)) = done.last() {
                        announce(progress, done.len(), plan.configurations.len(), run);
                    }
                }
            });
        }
    });
    interrupt::check()?;
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(index, _)| *index);
    Ok(done.into_iter().map(|(_, run)| run).collect())
}

fn announce(progress: &Progress, done: usize, of: usize, run: &Run) {
    let outcome = if run.passed { "passed" } else { "FAILED" };
    let text = format!("{done} of {of}: {outcome} {}", run.arguments);
    if run.passed {
        progress.step(&text);
    } else {
        progress.note(&text);
    }
}

fn one(plan: &Plan<'_>, configuration: &Configuration) -> Run {
    let start = Instant::now();
    let mut options = configuration.options(plan.seed);
    options.time_limit = plan.time_limit;
    let repeat_with = format!(
        "cargo harness cycle --resets{} {}",
        plan.driver_words,
        options.as_arguments()
    );
    let judged = || -> Result<Report> {
        let progress = Progress::new(Verbosity::Silent);
        let setup = trial::describe(
            plan.inputs,
            plan.toolchain,
            &options,
            plan.origin,
            repeat_with.clone(),
        )?;
        let directory = RunDirectory::new(Keep::No)?;
        let job = Job::Cycle { count: 1 };
        trial::judged(plan.inputs, &options, job, setup, &directory, &progress)
    };
    let mut run = match judged() {
        Ok(report) => of_report(&report),
        Err(error) => Run {
            arguments: String::new(),
            passed: false,
            failed: Vec::new(),
            failure: Some(fault::one_line(&error)),
            accepted_features: Vec::new(),
            messages: 0,
            milliseconds: 0,
            repeat_with: String::new(),
        },
    };
    run.arguments = configuration.arguments();
    run.milliseconds = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    run.repeat_with = repeat_with;
    run
}

fn of_report(report: &Report) -> Run {
    let device = report.device.as_ref();
    Run {
        arguments: String::new(),
        passed: report.passed(),
        failed: report
            .checks
            .iter()
            .filter(|check| check.outcome == Outcome::Failed)
            .map(|check| Failed {
                check: check.name.to_owned(),
                detail: check.detail.clone(),
            })
            .collect(),
        failure: report.failure.clone(),
        accepted_features: device.map_or_else(Vec::new, |device| device.accepted_features.clone()),
        messages: device.map_or(0, |device| device.messages),
        milliseconds: 0,
        repeat_with: String::new(),
    }
}
