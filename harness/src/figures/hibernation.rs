//! The figures of a hibernation, from one cycle: what is written and read for each GiB of memory, and what is marked.

use anyhow::Result;
use proto::{
    record::{ImageFacts, PhysicalRange, Record},
    scenario::Job,
};
use serde::Serialize;

use super::rows::ratio;
use crate::{
    fault::Fault,
    options::Options,
    progress::Progress,
    run_directory::{Keep, RunDirectory},
    session::{self, Inputs, life::Life},
};

const MIB: u64 = 1 << 20;

/// What a hibernation costs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct HibernationFigures {
    /// RAM of the machine in bytes.
    pub memory_bytes: u64,
    /// The image: bytes on the disk.
    pub image_bytes: u64,
    /// Requests that wrote it.
    pub write_requests: u64,
    /// Requests that read what the loader did not.
    pub read_requests: u64,
    /// MiB of image for each GiB of memory.
    pub image_mib_by_gib: f64,
    /// Write requests for each GiB of memory.
    pub write_requests_by_gib: f64,
    /// Read requests for each GiB of memory.
    pub read_requests_by_gib: f64,
    /// Bytes that the miniport marked.
    pub marked_bytes: u64,
}

/// Hibernates once and resumes.
///
/// # Errors
/// The cycle fails.
pub fn measure(
    inputs: &Inputs,
    options: &Options,
    progress: &Progress,
) -> Result<HibernationFigures> {
    let directory = RunDirectory::new(Keep::No)?;
    let life = session::run(
        inputs,
        options,
        Job::Cycle { count: 1 },
        &directory,
        progress,
    )?;
    if let Some(failure) = life.failure {
        return Err(Fault::check(
            format!("no figures of a hibernation: {failure}"),
            "see what `cargo harness cycle` says of it",
        )
        .into());
    }
    of(&life).ok_or_else(|| Fault::check("the hibernation left no figures", "").into())
}

fn of(life: &Life) -> Option<HibernationFigures> {
    let facts = |wanted: fn(&Record) -> Option<ImageFacts>| life.records().find_map(wanted);
    let written = facts(|record| match record {
        Record::ImageWritten(facts) => Some(*facts),
        _ => None,
    })?;
    let read = facts(|record| match record {
        Record::ImageRead(facts) => Some(*facts),
        _ => None,
    });
    let memory_bytes = life.records().find_map(|record| match record {
        Record::Hello { ram, .. } => Some(bytes_of(ram)),
        _ => None,
    })?;
    let marked_bytes = life
        .records()
        .filter_map(|record| match record {
            Record::DumpMemory { marked, .. } => Some(bytes_of(marked)),
            _ => None,
        })
        .max()
        .unwrap_or(0);
    let read_requests = read.map_or(0, |facts| facts.requests);
    let by_gib = |count: u64| ratio(count * 1024, memory_bytes / MIB);
    Some(HibernationFigures {
        memory_bytes,
        image_bytes: written.image_bytes,
        write_requests: written.requests,
        read_requests,
        image_mib_by_gib: by_gib(written.image_bytes / MIB),
        write_requests_by_gib: by_gib(written.requests),
        read_requests_by_gib: by_gib(read_requests),
        marked_bytes,
    })
}

fn bytes_of(ranges: &[PhysicalRange]) -> u64 {
    ranges.iter().map(|range| range.bytes).sum()
}
