//! The figures: what a miniport costs in instructions, doorbells, interrupts, locks and bytes.
//!
//! [`measure`] runs the job `Measure` and sorts what the bench kernel counted into a [`Column`], one per driver and machine
//! setting. [`table`] shows columns side by side. Counts are the same on every machine: the kernel counts instructions, lets the
//! device work only when it is told to, and the disk has no file behind it.

pub mod table;

use anyhow::Result;
use proto::{
    record::{Cost, Footprint, LeftOut, Record, Stretch, Subject, Transfer},
    scenario::{Job, MeasureExtent},
};
use serde::Serialize;

use crate::{
    fault::Fault,
    options::Options,
    progress::Progress,
    run_directory::{Keep, RunDirectory},
    session::{self, Inputs},
    symbols::Symbols,
};

/// The callbacks of a miniport's normal path, in the order in which a request meets them.
pub const CALLBACKS: [(&str, &[&str]); 4] = [
    ("BuildIo", &["HwStorBuildIo"]),
    ("StartIo", &["HwStorStartIo"]),
    ("interrupt", &["HwMSInterruptRoutine", "HwStorInterrupt"]),
    ("DPC", &["HwStorDpcRoutine"]),
];

/// What was measured of one driver on one machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Column {
    /// The driver's file name.
    pub driver: String,
    /// Built from this repository.
    pub own: bool,
    /// What it keeps in memory.
    pub footprint: Option<Footprint>,
    /// Counted stretches.
    pub stretches: Vec<Stretch>,
    /// Stretches that the driver cannot do.
    pub left_out: Vec<LeftOut>,
}

/// Counts of a stretch by request.
#[derive(Clone, Copy, Debug)]
pub struct PerRequest<'a>(pub &'a Stretch);

impl PerRequest<'_> {
    /// Instructions of all callbacks together.
    #[must_use]
    pub fn instructions(self) -> f64 {
        self.share(self.0.costs.iter().map(|cost| cost.instructions).sum())
    }

    /// Instructions of the callbacks with one of these names.
    #[must_use]
    pub fn instructions_in(self, names: &[&str]) -> f64 {
        let of_these = |cost: &&Cost| names.contains(&cost.name.as_str());
        let costs = self.0.costs.iter().filter(of_these);
        self.share(costs.map(|cost| cost.instructions).sum())
    }

    /// Doorbells, if they were seen.
    #[must_use]
    pub fn doorbells(self) -> Option<f64> {
        self.0.doorbells.map(|count| self.share(count))
    }

    /// Calls of exports.
    #[must_use]
    pub fn export_calls(self) -> f64 {
        self.share(self.0.exports.iter().map(|(_, count)| count).sum())
    }

    /// A count by request.
    #[must_use]
    pub fn share(self, count: u64) -> f64 {
        ratio(count, self.0.requests)
    }
}

/// A quotient for people; 0 where there is nothing to divide by.
#[must_use]
pub fn ratio(count: u64, of: u64) -> f64 {
    // Counts of a run are far below 2^32.
    let exact = |value: u64| f64::from(u32::try_from(value).unwrap_or(u32::MAX));
    if of == 0 {
        0.0
    } else {
        exact(count) / exact(of)
    }
}

impl Column {
    /// The stretch of that subject and transfer.
    #[must_use]
    pub fn stretch(&self, subject: Subject, transfer: Transfer) -> Option<&Stretch> {
        self.stretches
            .iter()
            .find(|stretch| stretch.subject == subject && stretch.transfer == transfer)
    }

    /// All stretches of a subject.
    pub fn of(&self, subject: Subject) -> impl Iterator<Item = &Stretch> {
        self.stretches
            .iter()
            .filter(move |stretch| stretch.subject == subject)
    }
}

/// Measures one driver.
///
/// # Errors
/// Unusable files, a guest that does not come to the end of the measurement, or a driver that breaks a rule in it.
pub fn measure(
    inputs: &Inputs,
    own: bool,
    options: &Options,
    extent: MeasureExtent,
    progress: &Progress,
) -> Result<Column> {
    let directory = RunDirectory::new(Keep::No)?;
    let job = Job::Measure { extent };
    let life = session::run(inputs, options, job, &directory, progress)?;
    let symbols = Symbols::load(&inputs.sys, None)?;
    if let Some(failure) = life.failure {
        return Err(Fault::check(
            format!("{} cannot be measured: {failure}", symbols.image.name),
            "see what `cargo harness run` says of it",
        )
        .into());
    }
    let mut column = Column {
        driver: symbols.image.name,
        own,
        footprint: None,
        stretches: Vec::new(),
        left_out: Vec::new(),
    };
    for record in life.records() {
        match record {
            Record::Stretch(stretch) => column.stretches.push(stretch.clone()),
            Record::LeftOut(left_out) => column.left_out.push(left_out.clone()),
            Record::Footprint(footprint) => column.footprint = Some(*footprint),
            _ => {}
        }
    }
    Ok(column)
}
