//! A life of the driver that publishes a crash dump header, with QEMU's own Windows dump at each of its steps.
//!
//! [`run`] drives the guest and asks QEMU for a dump whenever the header was published or withdrawn; [`dump`] reads what QEMU wrote and
//! compares it with memory; [`judge`] is the verdict on what was seen.

pub mod dump;
pub mod judge;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use proto::{
    record::{Checkpoint, Record},
    scenario::Job,
};
use serde_json::json;

use self::dump::DumpFacts;
use crate::{
    options::Options,
    progress::Progress,
    qmp::Qmp,
    run_directory::RunDirectory,
    session::{
        Inputs, Session,
        guest::{Guest, RunEnd},
        stop::{StopAt, StopRequest},
    },
};

/// Whether the machine has QEMU's device for notes in dumps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoteDevice {
    /// `-device vmcoreinfo`.
    Present,
    /// Without it a driver can publish nothing.
    Absent,
}

/// What QEMU answered when it was asked for a dump.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Where the guest stood.
    pub checkpoint: Checkpoint,
    /// The dump, or QEMU's words why there is none.
    pub answer: Result<DumpFacts, String>,
    /// What QEMU wrote to its standard streams meanwhile.
    pub words: String,
}

/// A life, seen from outside.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The machine.
    pub device: NoteDevice,
    /// Each request for a dump, in order.
    pub asked: Vec<Asked>,
    /// What the driver printed.
    pub prints: Vec<String>,
    /// Whether the guest's last word was that everything was done.
    pub finished: bool,
    /// What the simulated system or the bench stopped with.
    pub stopped: Option<String>,
}

/// Runs a life; the first dump and a copy of memory stay in `keep`, if that is given.
///
/// # Errors
/// Unusable files, QEMU that ends by itself, an interruption.
pub fn run(
    inputs: &Inputs,
    options: &Options,
    device: NoteDevice,
    directory: &RunDirectory,
    keep: Option<&Path>,
    progress: &Progress,
) -> Result<Seen> {
    let mut session = Session::new(inputs, options, Job::DumpHeader, directory, progress)?;
    session.vmcoreinfo = device == NoteDevice::Present;
    let mut guest = session.start()?;
    let mut asked = Vec::new();
    let stop = StopRequest {
        at: StopAt::Header,
        role: None,
    };
    while guest.run(&mut session.watch, Some(stop))? == RunEnd::Stopped {
        let first = asked.is_empty();
        let files = Files::new(directory, keep, asked.len());
        progress.step("asking QEMU for a Windows dump");
        asked.push(ask(&mut guest, &files, first)?);
        if !first || keep.is_none() {
            files.discard();
        }
    }
    session.finish(guest)?;
    Ok(seen(&session.life.boots, device, asked, session.life.failure.clone()))
}

fn seen(
    boots: &[crate::session::life::Boot],
    device: NoteDevice,
    asked: Vec<Asked>,
    stopped: Option<String>,
) -> Seen {
    let records = || boots.iter().flat_map(|boot| &boot.records);
    Seen {
        device,
        asked,
        prints: records()
            .filter_map(|record| match record {
                Record::DriverPrint { text, .. } => Some(text.trim_end().to_owned()),
                _ => None,
            })
            .collect(),
        finished: records().any(|record| matches!(record, Record::Finished { .. })),
        stopped,
    }
}

/// Where a dump and the copy of memory go.
#[derive(Debug)]
struct Files {
    dump: PathBuf,
    memory: PathBuf,
}

impl Files {
    fn new(directory: &RunDirectory, keep: Option<&Path>, number: usize) -> Self {
        let place = |name: String| keep.map_or_else(|| directory.file(&name), |keep| keep.join(&name));
        Self {
            dump: place(format!("header-{number}.dmp")),
            memory: place(format!("header-{number}.memory")),
        }
    }

    fn discard(&self) {
        for file in [&self.dump, &self.memory] {
            // What cannot be removed now goes with the directory.
            let _gone = fs::remove_file(file);
        }
    }
}

/// Asks for a dump; memory is compared if `compare` is set.
fn ask(guest: &mut Guest<'_>, files: &Files, compare: bool) -> Result<Asked> {
    let checkpoint = guest.checkpoint().context("a stop without a checkpoint")?;
    let before = guest.words().len();
    let answer = match write_dump(guest.monitor(), &files.dump) {
        Ok(()) => {
            let mut facts = DumpFacts::read(&files.dump)?;
            if compare {
                save_memory(guest.monitor(), &facts, &files.memory)?;
                facts.differences = Some(dump::compare(&files.dump, &files.memory)?);
            }
            Ok(facts)
        }
        Err(error) => Err(format!("{error:#}")),
    };
    let words = guest.words().get(before..).unwrap_or_default().to_owned();
    Ok(Asked {
        checkpoint,
        answer,
        words,
    })
}

/// `dump-guest-memory` in the format of Windows.
fn write_dump(monitor: &mut Qmp, file: &Path) -> Result<()> {
    let arguments = json!({
        "paging": false,
        "protocol": format!("file:{}", file.display()),
        "format": "win-dmp",
    });
    monitor.execute("dump-guest-memory", arguments).map(|_| ())
}

/// Copies the runs of memory that the dump has, one after the other, into one file.
fn save_memory(monitor: &mut Qmp, facts: &DumpFacts, file: &Path) -> Result<()> {
    let mut whole = fs::File::create(file).with_context(|| format!("cannot write {}", file.display()))?;
    for &(address, bytes) in &facts.runs {
        let piece = file.with_extension("piece");
        monitor.save_memory(address, bytes, &piece)?;
        let mut source = fs::File::open(&piece)?;
        std::io::copy(&mut source, &mut whole)?;
        fs::remove_file(&piece)?;
    }
    Ok(())
}
