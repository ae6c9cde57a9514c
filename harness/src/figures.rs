//! The figures: what a miniport costs in instructions, doorbells, interrupts, locks and bytes.
//!
//! [`measure`] runs the job `Measure` and sorts what the bench kernel counted into a [`Column`], one per driver and machine
//! setting; [`rows`] makes figures by request of it. Counts are the same on every machine: the kernel counts instructions, lets
//! the device work only when it is told to, and the disk has no file behind it.
//!
//! [`table`] shows columns to people, [`markdown`] in a document, [`report`] to programs; [`targets`] says which goals are met; [`recorded`] holds
//! figures against those of before; [`hibernation`] takes a cycle's; [`profile`] finds the functions that the instructions are in.

pub mod hibernation;
pub mod markdown;
pub mod origin;
pub mod profile;
pub mod recorded;
pub mod report;
pub mod rows;
pub mod table;
pub mod targets;
#[cfg(test)]
mod tests;

use anyhow::Result;
use proto::{
    record::{Footprint, LeftOut, Record, Stretch, Subject, Transfer},
    scenario::{Job, MeasureExtent},
};

use self::hibernation::HibernationFigures;
use crate::{
    fault::Fault,
    options::Options,
    progress::Progress,
    run_directory::{Keep, RunDirectory},
    session::{self, Inputs},
    symbols::Symbols,
};

/// What was measured of one driver on one machine.
#[derive(Clone, Debug, PartialEq)]
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
    /// Figures of a hibernation, if one was made.
    pub hibernation: Option<HibernationFigures>,
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
        hibernation: None,
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
