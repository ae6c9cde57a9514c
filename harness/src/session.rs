//! One life of the guest: a sequence of QEMU processes over one disk, watched from outside.
//!
//! * [`run`] drives the whole life; [`Session`] does it boot by boot, for `cargo harness debug`.
//! * [`guest`]: one QEMU process, from its start to the power-off.
//! * [`watch`]: the breakpoints, and what the debugger reads at each.
//! * [`stop`]: places at which a person can have the machine stopped.
//! * [`memory`]: copies of the guest's memory.
//! * [`stress`]: when a run without a plan ends.
//! * [`tamper`]: damage done on purpose, to see it noticed.
//! * [`life`] is what comes out: plain data for the verdict.

pub mod guest;
pub mod life;
pub mod memory;
pub(crate) mod power;
pub mod stop;
pub mod stress;
pub mod tamper;
pub mod watch;

use std::{
    fs::{self, File},
    ops::Range,
    path::PathBuf,
};

use anyhow::{Context as _, Result};
use proto::{record::Record, scenario::Job};

use self::{
    guest::{Ended, Guest},
    life::{Boot, ImageFound, Life, PowerOff},
    watch::Watch,
};
use crate::{
    build::BenchFiles,
    bundle,
    compare::untouched::Fingerprint,
    disk::{
        self, Layout,
        others::{self, OtherDisk},
    },
    fault::Fault,
    hibernation::Image,
    interrupt,
    options::Options,
    progress::Progress,
    qemu::{
        BootFrom, DebuggerPort, MachineSpec,
        machine::{DiskDriver, Hba, WriteFault},
    },
    run_directory::RunDirectory,
    symbols::Symbols,
};

/// The files that a session runs.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// Bench kernel and resume loader.
    pub bench: BenchFiles,
    /// The miniport.
    pub sys: PathBuf,
    /// Its symbols, if there are any.
    pub pdb: Option<PathBuf>,
    /// This repository's dump filter, if one is to be loaded.
    pub filter: Option<PathBuf>,
}

/// Runs a whole life on a new disk in `directory`.
///
/// A life that ends early because of what the guest did is no error: [`Life::failure`] says what happened, and everything
/// seen until then is there.
///
/// # Errors
/// Unusable files, QEMU that ends by itself, an image on the disk that is refused, an interruption.
pub fn run(
    inputs: &Inputs,
    options: &Options,
    job: Job,
    directory: &RunDirectory,
    progress: &Progress,
) -> Result<Life> {
    let mut session = Session::new(inputs, options, job, directory, progress)?;
    while session.boot()? == Next::Boot {}
    Ok(session.life)
}

/// Whether the life goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The guest hibernates; the next boot resumes it.
    Boot,
    /// It is over.
    End,
}

/// A life, boot by boot.
#[derive(Debug)]
pub struct Session<'a> {
    options: &'a Options,
    inputs: &'a Inputs,
    job: Job,
    directory: &'a RunDirectory,
    progress: &'a Progress,
    /// Where things are on the disk.
    pub layout: Layout,
    /// The disks beside the first one.
    pub other_disks: Vec<OtherDisk>,
    /// What is known about the guest.
    pub watch: Watch,
    /// What was seen so far.
    pub life: Life,
    /// Where the debugger's port is.
    pub debugger: DebuggerPort,
    /// The disk with the last image on it, as the resume finds it.
    pub before_resume: Option<Fingerprint>,
    package: Option<PathBuf>,
    /// Whether the machine has QEMU's device for notes in dumps.
    pub vmcoreinfo: bool,
    /// Addresses of the guest to which QEMU's log of instructions is limited, once it is switched on.
    pub logged_code: Option<Range<u64>>,
}

impl<'a> Session<'a> {
    /// Checks the files, makes disk and boot module.
    ///
    /// # Errors
    /// The driver is unusable, or the directory cannot be written.
    pub fn new(
        inputs: &'a Inputs,
        options: &'a Options,
        job: Job,
        directory: &'a RunDirectory,
        progress: &'a Progress,
    ) -> Result<Self> {
        interrupt::watch();
        let symbols = Symbols::load(&inputs.sys, inputs.pdb.as_deref())?;
        let layout = disk::create(
            &directory.disk(),
            options.sector_bytes,
            options.crash_partition_bytes(),
        )?;
        let other_disks = others::of_machine(options.disks, directory.path());
        others::create(&other_disks)?;
        let mut bundle = bundle::bundle(&symbols.image, options, &layout, job);
        let own = inputs.filter.iter();
        bundle::add_filters(&mut bundle, own.chain(&options.filter_drivers), options)?;
        bundle::write(&bundle, &directory.file("bundle"))?;
        Ok(Self {
            watch: Watch::new(symbols, &inputs.bench.kernel)?,
            options,
            inputs,
            job,
            directory,
            progress,
            layout,
            other_disks,
            life: Life::default(),
            debugger: DebuggerPort::Socket,
            before_resume: None,
            package: None,
            vmcoreinfo: false,
            logged_code: None,
        })
    }

    /// Runs one QEMU process to its end.
    ///
    /// # Errors
    /// As [`run`].
    pub fn boot(&mut self) -> Result<Next> {
        let mut guest = self.start()?;
        guest.run(&mut self.watch, None)?;
        self.finish(guest)
    }

    /// Starts the next QEMU process; the virtual CPU is still stopped.
    ///
    /// # Errors
    /// As [`run`].
    pub fn start(&mut self) -> Result<Guest<'a>> {
        let number = u32::try_from(self.life.boots.len())?;
        let boot = match &self.package {
            None => BootFrom::Kernel {
                kernel: self.inputs.bench.kernel.clone(),
                bundle: self.directory.file("bundle"),
            },
            Some(package) => BootFrom::Loader {
                loader: self.inputs.bench.loader.clone(),
                package: package.clone(),
            },
        };
        let spec = MachineSpec {
            machine: self.options.machine,
            memory_mib: self.options.memory_mib,
            below_4g_mib: self.options.below_4g_mib,
            hba: Hba::VirtioScsi(self.options.hba),
            disk: self.directory.disk(),
            sector_bytes: self.options.sector_bytes,
            other_disks: self.other_disks.clone(),
            disk_driver: self.disk_driver()?,
            processors: self.options.processors,
            clock: self.options.clock,
            boot,
            sockets: self.directory.path().to_path_buf(),
            debugger: self.debugger,
            vmcoreinfo: self.vmcoreinfo,
            logged_code: self.logged_code.clone(),
        };
        self.progress.step(&match number {
            0 => "starting the system".to_owned(),
            number => format!("resume {number}: a new QEMU on the same disk"),
        });
        Guest::start(&spec, number, self.options, self.directory, self.progress)
    }

    /// What is between the guest's disk and its file in this run.
    fn disk_driver(&self) -> Result<DiskDriver> {
        if matches!(self.job, Job::Measure { .. }) {
            let disk = self.directory.disk();
            let bytes = fs::metadata(&disk)
                .with_context(|| format!("cannot read {}", disk.display()))?
                .len();
            return Ok(DiskDriver::Null { bytes });
        }
        if let Some(fault) = self.options.dump_fault {
            let start = self.layout.range(self.layout.crash).offset;
            return Ok(DiskDriver::FailWrites(WriteFault {
                error: fault.error,
                offset: start.saturating_add(fault.offset),
                once: fault.once,
            }));
        }
        if self.options.log_writes {
            let log = self.directory.write_log();
            File::create(&log).with_context(|| format!("cannot create {}", log.display()))?;
            return Ok(DiskDriver::LogWrites { log });
        }
        Ok(DiskDriver::Plain)
    }

    /// Takes the ended process's results and prepares the next boot.
    ///
    /// # Errors
    /// As [`run`].
    pub fn finish(&mut self, guest: Guest<'a>) -> Result<Next> {
        let (mut boot, ended) = guest.finish()?;
        let hibernations = match self.job {
            Job::Cycle { count } => count,
            // As many as it comes to.
            Job::Stress if boot.power_off == PowerOff::Hibernated => u32::MAX,
            Job::Stress
            | Job::Run { .. }
            | Job::Crash { .. }
            | Job::Measure { .. }
            | Job::DumpHeader => 0,
        };
        let failure = match ended {
            Ended::PoweredOff => failure_of(
                &boot,
                boot.number < hibernations,
                usize::from(matches!(self.job, Job::Crash { .. })),
            ),
            Ended::Hung(text) => Some(text),
        };
        if let Some(refusal) = refused_driver(&boot, &self.watch.symbols.image.name) {
            return Err(refusal.into());
        }
        if failure.is_some() || boot.power_off != PowerOff::Hibernated {
            self.life.boots.push(boot);
            self.life.failure = failure;
            return Ok(Next::End);
        }
        if let Some(fault) = self.options.host_fault {
            tamper::damage_disk(fault, &self.directory.disk(), &self.layout)?;
        }
        self.before_resume = Some(Fingerprint::take(&self.directory.disk())?);
        let result = self.take_image(&mut boot);
        self.life.boots.push(boot);
        result?;
        Ok(Next::Boot)
    }

    /// The firmware loader's part: reads header and boot-phase set from the disk and makes the package.
    fn take_image(&mut self, boot: &mut Boot) -> Result<()> {
        self.progress
            .step("reading the hibernation image from the disk");
        let disk = self.directory.disk();
        let layout = disk::read_layout(&disk, self.layout.sector_bytes)?;
        let key = self.options.private_key();
        let image = Image::open(&disk, &layout, key.as_ref())?;
        boot.image = Some(ImageFound {
            header: image.header,
            image_bytes: image.bytes(),
            boot_pages_verified: image.check_boot_pages()?,
            kernel_pages_verified: image.sound_kernel_pages()?,
            plain_pages: key
                .map(|_| image.plain_pages(&self.watch.owners))
                .transpose()?,
        });
        let package = self.directory.file("package");
        image.write_package(&package, self.watch.hba_location())?;
        self.package = Some(package);
        Ok(())
    }
}

/// A driver that could not even be loaded is unusable input, not a failed check.
fn refused_driver(boot: &Boot, driver: &str) -> Option<Fault> {
    let loaded = boot
        .records
        .iter()
        .any(|record| matches!(record, Record::ImageLoaded { .. }));
    if loaded || boot.number > 0 {
        return None;
    }
    boot.records.iter().find_map(|record| match record {
        Record::Bugcheck { text, .. } if text.starts_with(driver) => Some(Fault::setup(
            text.clone(),
            "give a miniport that needs only what the bench provides (docs/testing.md)",
        )),
        _ => None,
    })
}

/// What a guest that powered off should have done before.
fn failure_of(boot: &Boot, hibernation_due: bool, bug_checks_due: usize) -> Option<String> {
    let is_bug_check = |record: &&Record| matches!(record, Record::Bugcheck { .. });
    let due: Vec<&Record> = boot
        .records
        .iter()
        .filter(is_bug_check)
        .take(bug_checks_due)
        .collect();
    for record in &boot.records {
        if due.iter().any(|asked| std::ptr::eq(*asked, record)) {
            continue;
        }
        match record {
            Record::KernelPanic { text } => {
                return Some(format!("the bench kernel failed: {text}"));
            }
            Record::Bugcheck {
                code,
                parameters,
                text,
                ..
            } => {
                let [a, b, c, d] = parameters;
                return Some(format!(
                    "bug check {code:#x} ({a:#x}, {b:#x}, {c:#x}, {d:#x}): {text}"
                ));
            }
            _ => {}
        }
    }
    let finished = boot
        .records
        .iter()
        .any(|record| matches!(record, Record::Finished { .. }));
    match (boot.power_off, hibernation_due) {
        (PowerOff::Hibernated, true) => None,
        (PowerOff::ShutDown, false) if finished => None,
        (PowerOff::Hibernated, false) => {
            Some("the system hibernated once more than it was told to".to_owned())
        }
        (PowerOff::ShutDown, true) if !finished => Some(
            "the machine was switched off (QMP SHUTDOWN) without QMP SUSPEND_DISK: S4 was not entered"
                .to_owned(),
        ),
        (PowerOff::ShutDown, _) => {
            Some("the machine was switched off before the work was done".to_owned())
        }
        (PowerOff::None, _) => Some("the machine stopped without a power-off".to_owned()),
    }
}
