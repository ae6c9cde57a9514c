//! What the commands have in common that run one job on one machine: from the options to the judged report.
//!
//! Key type: [`OneRun`]. Neighbours: [`crate::trial`] does the work, [`super::cycle::conclude`] prints what comes of it.

use std::path::Path;

use anyhow::Result;
use proto::scenario::Job;

use super::cycle::directory;
use crate::{
    options::{MachineArgs, Options},
    report::Report,
    run_directory::RunDirectory,
    session::Inputs,
    trial::{self, Origin, Workshop},
};

/// What a command has put together.
#[derive(Clone, Copy, Debug)]
pub(super) struct OneRun<'a> {
    /// The tools.
    pub(super) workshop: &'a Workshop,
    /// The machine as it stands on the command line.
    pub(super) machine: &'a MachineArgs,
    /// The driver that was named there.
    pub(super) driver: Option<&'a Path>,
    /// What is run.
    pub(super) inputs: &'a Inputs,
    /// The machine and the run.
    pub(super) options: &'a Options,
}

impl OneRun<'_> {
    /// Runs the job and judges it; the directory is there as long as the answer is. `repeat_with` is the command that does it again.
    ///
    /// # Errors
    /// The run could not be made.
    pub(super) fn judged(&self, job: Job, repeat_with: String) -> Result<(Report, RunDirectory)> {
        let progress = &self.workshop.progress;
        progress.note(&format!("seed {}", self.options.seed));
        let setup = trial::describe(
            self.inputs,
            &self.workshop.toolchain,
            self.options,
            Origin::of(self.driver),
            repeat_with,
        )?;
        let directory = directory(self.machine, self.workshop)?;
        let report = trial::judged(self.inputs, self.options, job, setup, &directory, progress)?;
        progress.finish();
        Ok((report, directory))
    }
}

/// How the driver that was named stands on a command line, with a space in front.
pub(super) fn driver_option(driver: Option<&Path>) -> String {
    driver.map_or_else(String::new, |file| format!(" --driver {}", file.display()))
}
