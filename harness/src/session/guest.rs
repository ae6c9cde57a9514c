//! One QEMU process: [`Guest::run`] goes from stop to stop until the machine is off. `checkpoint` has what the host does at
//! those that the guest announces.

mod checkpoint;

use std::{
    cmp::Ordering,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use proto::record::{Checkpoint, Level, Record};

use self::checkpoint::Then;
use super::{
    life::{Boot, Hit, PowerOff, QmpEvent},
    power::{ASLEEP, power_off},
    stop::StopRequest,
    watch::Watch,
};
use crate::{
    console::Arrived,
    fault::Fault,
    gdb::{Debugger, Registers, Stop, Waited, Wire},
    interrupt,
    options::Options,
    progress::Progress,
    qemu::{DebuggerPort, MachineSpec, Qemu},
    qmp::Qmp,
    run_directory::RunDirectory,
};

/// How long one wait for the CPU lasts before the other channels are looked at.
const POLL: Duration = Duration::from_millis(100);
/// Warnings of one boot that are always shown.
const MOST_WARNINGS: usize = 10;
/// Time from the failure of a channel to the end of the process, if that is the cause.
const DEATH_LIMIT: Duration = Duration::from_secs(1);
/// Time from the power-off to the end of the process.
const EXIT_LIMIT: Duration = Duration::from_secs(20);

/// How the run of a guest ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The machine is off.
    PoweredOff,
    /// Nothing was heard for too long; the process was ended.
    Hung(String),
}

/// What [`Guest::run`] came back for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunEnd {
    /// The process has ended, or must be ended.
    Ended,
    /// The CPU stands at the place asked for.
    Stopped,
}

/// A QEMU process under observation.
#[derive(Debug)]
pub struct Guest<'a> {
    qemu: Qemu,
    debugger: Option<Debugger>,
    options: &'a Options,
    directory: &'a RunDirectory,
    progress: &'a Progress,
    boot: Boot,
    started: Instant,
    last_heard: String,
    cycle: u32,
    hung: Option<String>,
    warnings: usize,
    /// Where the CPU stands since the last [`RunEnd::Stopped`].
    stands_at: Option<u64>,
    /// What is to happen once the machine runs again.
    then: Option<Then>,
}

impl<'a> Guest<'a> {
    /// Starts QEMU and attaches; the CPU is stopped before its first instruction.
    ///
    /// # Errors
    /// QEMU does not start.
    pub fn start(
        spec: &MachineSpec,
        number: u32,
        options: &'a Options,
        directory: &'a RunDirectory,
        progress: &'a Progress,
    ) -> Result<Self> {
        let started = Instant::now();
        let mut qemu = Qemu::start(spec)?;
        progress.detail(&qemu.command_line);
        let wire = match (spec.debugger, qemu.debugger.take()) {
            (DebuggerPort::Tcp(port), _) => Wire::Tcp(connect(port)?),
            (DebuggerPort::Socket, Some(stream)) => Wire::Unix(stream),
            (DebuggerPort::Socket, None) => {
                return Err(Fault::check("QEMU has no debugger port", "").into());
            }
        };
        let debugger = Debugger::attach(wire)?;
        Ok(Self {
            boot: Boot::new(number, qemu.command_line.clone()),
            qemu,
            debugger: Some(debugger),
            options,
            directory,
            progress,
            started,
            last_heard: String::new(),
            // A resumed system speaks of the hibernation that it comes from until it is through.
            cycle: number,
            hung: None,
            warnings: 0,
            stands_at: None,
            then: None,
        })
    }

    /// Lets the machine run until it is off, or until it stands at the place asked for.
    ///
    /// # Errors
    /// QEMU dies, or the user interrupts.
    pub fn run(&mut self, watch: &mut Watch, until: Option<StopRequest>) -> Result<RunEnd> {
        watch.forget_breakpoints();
        let mut debugger = self
            .debugger
            .take()
            .context("the debugger was given away")?;
        watch.apply(&mut debugger)?;
        match self.stands_at.take() {
            Some(address) => watch.pass(&mut debugger, address)?,
            None => debugger.resume()?,
        }
        let end = match self.watch_until(&mut debugger, watch, until) {
            Ok(end) => end,
            Err(error) => return Err(self.explain(error)),
        };
        if end == RunEnd::Stopped {
            watch.clear(&mut debugger)?;
        }
        self.debugger = Some(debugger);
        Ok(end)
    }

    /// A channel that fails is the consequence of a QEMU that died, if it did.
    fn explain(&mut self, error: anyhow::Error) -> anyhow::Error {
        if interrupt::check().is_err() {
            return error;
        }
        match self.qemu.wait(DEATH_LIMIT) {
            Ok(status) => {
                // Its last words may be there still.
                let _heard = self.take_remaining_records();
                self.qemu.death(status, &self.last_heard)
            }
            Err(_) => error,
        }
    }

    /// Memory of the stopped guest at a virtual address; `None` where nothing is mapped.
    pub fn read(&mut self, address: u64, bytes: u64) -> Option<Vec<u8>> {
        self.debugger.as_mut()?.read(address, bytes).ok()
    }

    /// Gives the debugger's port free without letting the machine run.
    pub fn release_debugger(&mut self) {
        self.debugger = None;
    }

    /// Takes note of records and events, and tells whether the process still runs.
    ///
    /// # Errors
    /// Undecodable records.
    pub fn look(&mut self, watch: &mut Watch) -> Result<Running> {
        self.take_records(watch)?;
        self.take_events()?;
        Ok(match self.qemu.ended()? {
            Some(_) => Running::No,
            None => Running::Yes,
        })
    }

    /// Whether a virtual CPU runs, in QEMU's words.
    ///
    /// # Errors
    /// QEMU does not answer.
    pub fn status(&mut self) -> Result<String> {
        self.qemu.qmp.status()
    }

    /// The monitor, while the CPU is stopped.
    pub fn monitor(&mut self) -> &mut Qmp {
        &mut self.qemu.qmp
    }

    /// What QEMU itself has written so far.
    #[must_use]
    pub fn words(&self) -> String {
        self.qemu.words()
    }

    /// The checkpoint that the guest announced last.
    #[must_use]
    pub fn checkpoint(&self) -> Option<Checkpoint> {
        self.boot
            .records
            .iter()
            .rev()
            .find_map(|record| match record {
                Record::Checkpoint { checkpoint } => Some(*checkpoint),
                _ => None,
            })
    }

    /// What was collected; ends the process if it still runs.
    ///
    /// # Errors
    /// The process ended without the guest's doing: an error with QEMU's last words.
    pub fn finish(mut self) -> Result<(Boot, Ended)> {
        if let Some(text) = self.hung.take() {
            self.boot.complaints = self.qemu.complaints();
            self.boot.wall = self.started.elapsed();
            return Ok((self.boot, Ended::Hung(text)));
        }
        let status = self.qemu.wait(EXIT_LIMIT)?;
        self.take_remaining_records()?;
        self.keep_events();
        self.boot.power_off = power_off(&self.boot.events);
        if self.boot.power_off == PowerOff::None {
            return Err(self.qemu.death(status, &self.last_heard));
        }
        self.boot.complaints = self.qemu.complaints();
        self.boot.wall = self.started.elapsed();
        Ok((self.boot, Ended::PoweredOff))
    }

    /// Number of the boot.
    #[must_use]
    pub const fn number(&self) -> u32 {
        self.boot.number
    }

    /// The last breakpoint hit.
    #[must_use]
    pub fn last_hit(&self) -> Option<&Hit> {
        self.boot.hits.last()
    }

    fn watch_until(
        &mut self,
        debugger: &mut Debugger,
        watch: &mut Watch,
        until: Option<StopRequest>,
    ) -> Result<RunEnd> {
        loop {
            match debugger.wait(POLL)? {
                Waited::Stopped(Stop::Trap) => {
                    let registers = debugger.registers()?;
                    self.take_records(watch)?;
                    self.take_events()?;
                    if self.at_stop(debugger, watch, &registers, until)? {
                        self.stands_at = Some(registers.rip);
                        return Ok(RunEnd::Stopped);
                    }
                    watch.apply(debugger)?;
                    watch.pass(debugger, registers.rip)?;
                    self.do_meanwhile()?;
                }
                Waited::Stopped(Stop::Signal(_)) => debugger.resume()?,
                Waited::Stopped(Stop::Exited) | Waited::Closed => return Ok(RunEnd::Ended),
                Waited::Running => {
                    interrupt::check()?;
                    if self.look(watch)? == Running::No {
                        return Ok(RunEnd::Ended);
                    }
                    if self.qemu.console.silence() > self.options.time_limit {
                        self.hung = Some(self.hang());
                        return Ok(RunEnd::Ended);
                    }
                }
            }
        }
    }

    /// Does what is to be done at a stop; true if it is the place asked for.
    fn at_stop(
        &mut self,
        debugger: &mut Debugger,
        watch: &mut Watch,
        registers: &Registers,
        until: Option<StopRequest>,
    ) -> Result<bool> {
        if watch.is_checkpoint(registers) {
            let checkpoint = self
                .boot
                .records
                .iter()
                .rev()
                .find_map(|record| match record {
                    Record::Checkpoint { checkpoint } => Some(*checkpoint),
                    _ => None,
                });
            let Some(checkpoint) = checkpoint else {
                return Err(Fault::check(
                    "the guest is at a checkpoint that it did not announce",
                    "",
                )
                .into());
            };
            self.at_checkpoint(checkpoint, debugger, registers, &watch.owners)?;
            return Ok(until.is_some_and(|request| request.is_checkpoint(checkpoint)));
        }
        let hit = watch.hit(
            debugger,
            registers,
            self.boot.number,
            self.boot.records.len(),
        )?;
        let Some(hit) = hit else {
            return Ok(false);
        };
        let wanted = until.is_some_and(|request| request.is_hit(&hit));
        self.progress.detail(&format!(
            "breakpoint {:?} ({:?}), dump mode {:?}: {:x?}",
            hit.point, hit.role, hit.dump_mode, hit.arguments
        ));
        self.boot.hits.push(hit);
        Ok(wanted)
    }

    fn take_records(&mut self, watch: &mut Watch) -> Result<()> {
        for arrived in self.qemu.console.drain()? {
            watch.learn(&arrived.record);
            self.keep(arrived);
        }
        Ok(())
    }

    fn take_remaining_records(&mut self) -> Result<()> {
        for arrived in self.qemu.console.drain()? {
            self.keep(arrived);
        }
        Ok(())
    }

    fn keep(&mut self, arrived: Arrived) {
        self.show(&arrived.record);
        self.boot
            .arrivals
            .push(arrived.at.saturating_duration_since(self.started));
        self.boot.records.push(arrived.record);
    }

    /// Takes note of events, and wakes a machine that sleeps.
    fn take_events(&mut self) -> Result<()> {
        let before = self.boot.events.len();
        self.keep_events();
        let new = self.boot.events.iter().skip(before);
        if new.filter(|event| event.name == ASLEEP).count() != 0 {
            self.qemu.qmp.wake()?;
        }
        Ok(())
    }

    fn keep_events(&mut self) {
        let after_records = self.boot.records.len();
        for event in self.qemu.qmp.events() {
            // Every breakpoint stops and resumes the machine.
            if matches!(event.name.as_str(), "STOP" | "RESUME") {
                continue;
            }
            self.boot.events.push(QmpEvent {
                name: event.name,
                data: event.data,
                after_records,
            });
        }
    }

    fn show(&mut self, record: &Record) {
        match record {
            Record::StepBegin { name } => {
                self.progress.step(name);
                self.last_heard.clone_from(name);
            }
            Record::Log { level, text } => {
                self.last_heard.clone_from(text);
                match level {
                    Level::Warning => self.warn(&format!("warning: {text}")),
                    Level::Info | Level::Debug => self.progress.detail(text),
                }
            }
            Record::DriverPrint { role, text } => {
                self.progress
                    .detail(&format!("driver ({role:?}): {}", text.trim_end()));
            }
            Record::Violation(violation) => {
                self.progress.note(&format!(
                    "violation of {}: {}",
                    violation.rule, violation.detail
                ));
            }
            Record::Bugcheck { text, .. } | Record::KernelPanic { text } => {
                self.last_heard.clone_from(text);
            }
            _ => {}
        }
    }

    /// A line that stays; a flood of them would hide what matters.
    fn warn(&mut self, text: &str) {
        self.warnings += 1;
        match self.warnings.cmp(&MOST_WARNINGS) {
            Ordering::Less => self.progress.note(text),
            Ordering::Equal => {
                self.progress.note(text);
                self.progress
                    .note("further warnings are shown with --verbose alone");
            }
            Ordering::Greater => self.progress.detail(text),
        }
    }

    fn hang(&self) -> String {
        let last = if self.last_heard.is_empty() {
            "nothing at all".to_owned()
        } else {
            format!("`{}`", self.last_heard)
        };
        format!(
            "the guest was silent for {} s (--time-limit waits longer); last heard: {last}",
            self.options.time_limit.as_secs()
        )
    }
}

/// Whether a process still runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Running {
    /// It does.
    Yes,
    /// It has ended.
    No,
}

fn connect(port: u16) -> Result<std::net::TcpStream> {
    let start = Instant::now();
    loop {
        match std::net::TcpStream::connect(("127.0.0.1", port)) {
            Ok(stream) => return Ok(stream),
            Err(error) if start.elapsed() > Duration::from_secs(10) => {
                return Err(error).context("QEMU's debugger port does not open");
            }
            Err(_) => thread::sleep(Duration::from_millis(10)),
        }
    }
}
