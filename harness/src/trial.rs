//! One session and its judgement: what `cargo harness cycle`, `run` and the red cases have in common.
//!
//! [`Workshop`] has the tools and builds the files; [`judged`] runs them and asks the verdict.

use std::path::Path;

use anyhow::Result;
use proto::{record::Checkpoint, scenario::Job};

use crate::{
    build::Builder,
    bundle,
    compare::{
        disk::{self as disk_compare, DiskBaseline},
        memory::{self as memory_compare, MemoryCompare},
        untouched::Fingerprint,
    },
    crash,
    disk::others::{self, OtherDisk},
    interrupt,
    options::Options,
    progress::{Progress, Verbosity},
    report::{DriverFile, OtherDiskCompare, Report, Setup},
    repository::Repository,
    run_directory::RunDirectory,
    session::{
        Inputs, Next, Session,
        life::{Life, PowerOff},
    },
    setup::{self, Need, Toolchain},
    symbols::Symbols,
    verdict::{self, Context, CrashAsked},
};

/// The tools of a command: where the sources are, how to build, where to show progress.
#[derive(Debug)]
pub struct Workshop {
    /// The source tree.
    pub repository: Repository,
    /// The way to build.
    pub toolchain: Toolchain,
    /// Where progress is shown.
    pub progress: Progress,
}

impl Workshop {
    /// Finds the repository and makes sure that the tools are there.
    ///
    /// # Errors
    /// Something is missing that cannot be installed from here.
    pub fn open(needs: &[Need], verbosity: Verbosity) -> Result<Self> {
        interrupt::watch();
        let progress = Progress::new(verbosity);
        let repository = Repository::find()?;
        let toolchain = setup::prepare(needs, &progress)?;
        Ok(Self {
            repository,
            toolchain,
            progress,
        })
    }

    /// Builds for this tree.
    #[must_use]
    pub const fn builder(&self) -> Builder<'_> {
        Builder::new(&self.repository, &self.toolchain, &self.progress)
    }

    /// Builds what a session runs: the bench, and this repository's driver unless another file is given.
    ///
    /// # Errors
    /// It does not build, or the file given is no driver; that is found out first.
    pub fn inputs(&self, driver: Option<&Path>) -> Result<Inputs> {
        let given = driver.map(given_driver).transpose()?;
        if let Some((sys, pdb)) = given {
            return Ok(Inputs {
                bench: self.builder().bench()?,
                sys,
                pdb,
                filter: None,
            });
        }
        let (driver, bench) = self.builder().driver_and_bench()?;
        Ok(Inputs {
            bench,
            sys: driver.sys,
            pdb: Some(driver.pdb),
            filter: None,
        })
    }

    /// Adds this repository's dump filter to what a session runs, if the options ask for it.
    ///
    /// # Errors
    /// It does not build.
    pub fn add_filter(&self, inputs: &mut Inputs, options: &Options) -> Result<()> {
        if options.filter.is_some() {
            inputs.filter = Some(self.builder().filter()?.sys);
        }
        Ok(())
    }
}

/// A driver file that the user names; a PDB of the same build beside it is taken along.
fn given_driver(sys: &Path) -> Result<(std::path::PathBuf, Option<std::path::PathBuf>)> {
    Symbols::load(sys, None)?;
    let pdb = sys.with_extension("pdb");
    let fits = pdb.is_file() && Symbols::load(sys, Some(&pdb)).is_ok();
    Ok((sys.to_path_buf(), fits.then_some(pdb)))
}

/// Runs a life and judges it.
///
/// # Errors
/// As [`crate::session::run`].
pub fn judged(
    inputs: &Inputs,
    options: &Options,
    job: Job,
    setup: Setup,
    directory: &RunDirectory,
    progress: &Progress,
) -> Result<Report> {
    let mut session = Session::new(inputs, options, job, directory, progress)?;
    let baseline = DiskBaseline::take(&directory.disk(), &session.layout)?;
    let mut memory = Vec::new();
    loop {
        let next = match session.boot() {
            Ok(next) => next,
            Err(error) => return Err(refused(error, &session, directory)),
        };
        compare_resumed(&session.life, &mut memory, directory, progress)?;
        if next == Next::End {
            break;
        }
    }
    progress.step("comparing the disk");
    let before_resume = session.before_resume;
    let layout = session.layout;
    let life = session.life;
    let others_there = session.other_disks;
    let disk = if life.failure.is_none() {
        let expected = disk_compare::expected(&life, others::FIRST);
        Some(disk_compare::compare(
            &directory.disk(),
            &baseline,
            &expected,
        )?)
    } else {
        None
    };
    let other_disks = if life.failure.is_none() {
        compare_others(&life, &others_there, options)?
    } else {
        Vec::new()
    };
    let disk_left_alone = match before_resume {
        Some(before) if life.failure.is_some() => {
            Some(Fingerprint::take(&directory.disk())? == before)
        }
        _ => None,
    };
    let dump = match job {
        Job::Crash { .. } => {
            progress.step("examining the dump");
            let log = options.log_writes.then(|| directory.write_log());
            let key = options.private_key();
            let plain = directory.plain_dump();
            let place = crash::Place {
                disk: &directory.disk(),
                layout: &layout,
                out: &directory.dump(),
                write_log: log.as_deref(),
                opener: key.as_ref().map(|key| crash::Opener { key, out: &plain }),
            };
            Some(crash::examine(&life, &place)?)
        }
        Job::Cycle { .. }
        | Job::Run { .. }
        | Job::Measure { .. }
        | Job::Stress
        | Job::DumpHeader => None,
    };
    let context = Context {
        cycles: match job {
            Job::Cycle { count } => count,
            Job::Stress => hibernations(&life),
            Job::Run { .. } | Job::Crash { .. } | Job::Measure { .. } | Job::DumpHeader => 0,
        },
        crash: match job {
            Job::Crash { kind, cause } => Some(CrashAsked { kind, cause }),
            Job::Cycle { .. }
            | Job::Run { .. }
            | Job::Measure { .. }
            | Job::Stress
            | Job::DumpHeader => None,
        },
        dump,
        in_flight: bundle::workload().in_flight_at_hibernate,
        setup,
        memory,
        disk,
        other_disks,
        disk_left_alone,
    };
    Ok(verdict::judge(&life, &context))
}

/// Times that the machine was switched off for a hibernation.
fn hibernations(life: &Life) -> u32 {
    let hibernated = life
        .boots
        .iter()
        .filter(|boot| boot.power_off == PowerOff::Hibernated);
    u32::try_from(hibernated.count()).unwrap_or(u32::MAX)
}

/// Compares the disks beside the first one.
fn compare_others(
    life: &Life,
    disks: &[OtherDisk],
    options: &Options,
) -> Result<Vec<OtherDiskCompare>> {
    disks
        .iter()
        .map(|disk| {
            let expected = disk_compare::expected(life, disk.address);
            let compare =
                disk_compare::compare_unpartitioned(&disk.file, options.sector_bytes, &expected)?;
            Ok(OtherDiskCompare {
                unit: disk.address.to_string(),
                addressable: disk.address.is_addressable(),
                compare,
            })
        })
        .collect()
}

/// What is said in front of a refusal by which the disk did not change.
pub const DISK_UNCHANGED: &str = "the disk is unchanged";

/// An image that was refused, with the answer to the question whether the disk was left alone; other errors as they are.
fn refused(error: anyhow::Error, session: &Session<'_>, directory: &RunDirectory) -> anyhow::Error {
    let image_refused = session
        .life
        .boots
        .last()
        .is_some_and(|boot| boot.power_off == PowerOff::Hibernated && boot.image.is_none());
    let Some(before) = session.before_resume.filter(|_| image_refused) else {
        return error;
    };
    match Fingerprint::take(&directory.disk()) {
        Ok(now) if now == before => error.context(DISK_UNCHANGED),
        Ok(_) => error.context("the disk has changed since the power-off"),
        Err(_) => error.context("the disk cannot be read any more"),
    }
}

/// Compares the memory of each hibernation that is through, and removes the copies: many cycles would fill the disk.
fn compare_resumed(
    life: &Life,
    done: &mut Vec<MemoryCompare>,
    directory: &RunDirectory,
    progress: &Progress,
) -> Result<()> {
    let saves = || life.boots.iter().flat_map(|boot| &boot.saves);
    let find = |checkpoint, cycle| {
        saves().find(|save| save.checkpoint == checkpoint && save.cycle == cycle)
    };
    let through: Vec<u32> = saves()
        .filter(|save| save.checkpoint == Checkpoint::Resumed)
        .map(|save| save.cycle)
        .filter(|cycle| done.iter().all(|result| result.cycle != *cycle))
        .collect();
    for cycle in through {
        let before = find(Checkpoint::Freeze, cycle);
        let after = find(Checkpoint::Resumed, cycle);
        if let (Some(before), Some(after)) = (before, after) {
            progress.step(&format!("comparing memory of hibernation {cycle}"));
            let maps = memory_compare::maps_of_cycle(life, cycle);
            done.push(memory_compare::compare(before, after, &maps)?);
            directory.discard(
                before
                    .pieces
                    .iter()
                    .chain(&after.pieces)
                    .map(|piece| piece.file.as_path()),
            );
        }
    }
    Ok(())
}

/// What ran where, for the report.
///
/// # Errors
/// The driver's file cannot be read.
pub fn describe(
    inputs: &Inputs,
    toolchain: &Toolchain,
    options: &Options,
    own: Origin,
    repeat_with: String,
) -> Result<Setup> {
    let symbols = Symbols::load(&inputs.sys, inputs.pdb.as_deref())?;
    Ok(Setup {
        driver: DriverFile {
            name: symbols.image.name.clone(),
            bytes: symbols.image.bytes.len() as u64,
            symbols: symbols.has_names(),
            own: own == Origin::Repository,
        },
        build_route: toolchain.describe(),
        options: options.clone(),
        repeat_with,
    })
}

/// Where a driver comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Built from this repository.
    Repository,
    /// A file that the user named.
    Elsewhere,
}

impl Origin {
    /// By the argument that names a file.
    #[must_use]
    pub const fn of(driver: Option<&Path>) -> Self {
        match driver {
            None => Self::Repository,
            Some(_) => Self::Elsewhere,
        }
    }
}
