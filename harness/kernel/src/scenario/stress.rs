//! Random work on all disks, resets, disks that go and come back, pauses, hibernations; until the host says that it is enough.
//!
//! The sequence of rounds follows from the seed alone; the host decides only when it ends. A turn has each
//! [`StressAction`] once and some again, in a random order; then every disk is plugged in and the system hibernates. Rounds in which
//! the miniport is stopped are in [`rest`].

use alloc::{format, vec::Vec};
use core::sync::atomic::{AtomicU8, Ordering};

use proto::{
    owner::Role,
    record::{Checkpoint, HostAction, Record, StressAction},
    scenario::Bundle,
};

mod rest;

use super::{Stop, cycle, memory::PatternMemory, play_sudden_faults, system::System};
use crate::{
    port::{self, PortError, Request, Reset, SleepDepth, Unit, random::Random},
    record,
    rules::{self, Rule},
    workload::{self, Workload},
};

/// Most disks that are out at one time.
const MOST_GONE: usize = 3;

/// Where the host writes its answer at [`Checkpoint::StressRound`].
static ENOUGH: AtomicU8 = AtomicU8::new(0);

/// Runs the job `Stress`; yields the number of hibernations.
pub(super) fn run(bundle: &Bundle) -> Result<u32, Stop> {
    let scenario = &bundle.scenario;
    let system = record::step("start", || System::start(bundle))?;
    let crash_stack = record::step("load the crash stack", || system.load_stack(Role::Crash))?;
    let memory = record::step("fill memory", || {
        PatternMemory::fill(scenario.workload.pattern_pages, scenario.seed)
    })?;
    let mut workload = Workload::new(scenario, &system.disks());
    // The books of many disks are long: the host compares by the last of them.
    workload.tell_written(false);
    record::checkpoint(Checkpoint::Workload);
    play_sudden_faults(&scenario.faults);
    let mut course = Course {
        random: Random::new(scenario.seed, "stress"),
        in_flight: scenario.workload.in_flight_at_hibernate,
        main: system.unit.clone(),
        gone: Vec::new(),
        messages: port::messages(),
        next_sleep: SleepDepth::System,
    };
    let (mut round, mut turns) = (0, 0);
    loop {
        for action in course.turn() {
            round += 1;
            if !go_on(round, action) {
                course.finish(&mut workload)?;
                record::step("unload the crash stack", || {
                    System::unload_stack(crash_stack)
                })?;
                record::step("stop and remove", || system.stop())?;
                return Ok(turns);
            }
            course.round(action, &mut workload).map_err(failed)?;
        }
        course.plug_all(&mut workload).map_err(failed)?;
        let _ = record::step("workload", || workload.verify_all("before hibernation"));
        turns += 1;
        cycle::hibernate(&system, &mut workload, u64::from(turns))?;
        let wrong = memory.wrong_pages();
        if wrong != 0 {
            log_warning!("{wrong} pages of the workload's memory did not come back");
        }
    }
}

fn failed(error: PortError) -> Stop {
    Stop::boot_device(format!("{error}"))
}

/// Asks the host whether there is to be another round.
fn go_on(round: u32, action: StressAction) -> bool {
    record::emit(&Record::StressRound { round, action });
    ENOUGH.store(0, Ordering::SeqCst);
    let address = (&raw const ENOUGH).expose_provenance();
    record::checkpoint_with(
        Checkpoint::StressRound,
        u64::try_from(address).unwrap_or(u64::MAX),
    );
    ENOUGH.load(Ordering::SeqCst) == 0
}

/// Has the host do something; it is done when this returns, or soon after.
fn ask(action: HostAction) {
    record::emit(&Record::HostWanted { action });
    record::checkpoint(Checkpoint::HostWanted);
}

/// What is random, and what is out.
#[derive(Debug)]
struct Course {
    random: Random,
    in_flight: u32,
    /// The disk with the partitions, which stays.
    main: Unit,
    gone: Vec<Unit>,
    /// Interrupt messages that the adapter started with.
    messages: u16,
    /// What sleeps next.
    next_sleep: SleepDepth,
}

impl Course {
    /// The actions of the next turn.
    fn turn(&mut self) -> Vec<StressAction> {
        let mut actions = Vec::from(StressAction::ALL);
        for _ in 0..StressAction::MORE_OF_A_TURN {
            actions.extend(self.random.pick(&StressAction::ALL).copied());
        }
        for last in (1..actions.len()).rev() {
            let other = self.random.below(u64::try_from(last + 1).unwrap_or(1));
            actions.swap(last, usize::try_from(other).unwrap_or(0));
        }
        actions
    }

    fn round(&mut self, action: StressAction, workload: &mut Workload) -> Result<(), PortError> {
        record::step(action.name(), || match action {
            StressAction::Exchange => {
                let count = self.random.between(24, 160);
                workload.exchange(u32::try_from(count).unwrap_or(24), action.name());
                Ok(())
            }
            StressAction::Reset => self.reset(workload),
            StressAction::Unplug => self.unplug(workload),
            // There must be one that can come back.
            StressAction::Plug if self.gone.is_empty() => {
                self.unplug(workload)?;
                self.plug(workload)
            }
            StressAction::Plug => self.plug(workload),
            StressAction::Pause => {
                let flight = workload.launch(self.in_flight);
                let milliseconds = u16::try_from(self.random.between(20, 400)).unwrap_or(20);
                ask(HostAction::Pause { milliseconds });
                let _ = workload.land(flight, action.name());
                Ok(())
            }
            StressAction::Sleep => self.sleep(workload),
            StressAction::Rebalance => self.rebalance(workload),
        })
    }

    fn reset(&mut self, workload: &mut Workload) -> Result<(), PortError> {
        let kinds = [Reset::LogicalUnit, Reset::Device, Reset::Bus];
        let kind = self.random.pick(&kinds).copied().unwrap_or(Reset::Bus);
        let units = port::units();
        let unit = self.random.pick(&units).unwrap_or(&self.main).clone();
        let flight = workload.launch(self.in_flight);
        let swept = port::reset(kind, unit.address)?;
        log!(
            "{kind:?} reset of {:?}: {swept} requests were at the miniport",
            unit.address
        );
        let _ = workload.land(flight, StressAction::Reset.name());
        Ok(())
    }

    /// A disk goes while requests to it and to others are in flight. They end, the miniport says that its bus changed, the
    /// scan no longer finds the disk, and a request to it is refused.
    fn unplug(&mut self, workload: &mut Workload) -> Result<(), PortError> {
        if self.gone.len() >= MOST_GONE {
            return self.plug(workload);
        }
        let units: Vec<Unit> = port::units()
            .into_iter()
            .filter(|unit| unit.address != self.main.address)
            .collect();
        let Some(unit) = self.random.pick(&units).cloned() else {
            log!("no disk can be pulled out");
            return Ok(());
        };
        let mut flight = workload.launch(self.in_flight / 2);
        let (target, lun) = (unit.address.target, unit.address.lun);
        ask(HostAction::Unplug { target, lun });
        workload.launch_at(unit.address, self.in_flight / 2, &mut flight);
        workload.unit_left(unit.address);
        let announced = port::await_bus_change("a disk was pulled out");
        let _ = workload.land(flight, StressAction::Unplug.name());
        if announced {
            let units = port::scan()?;
            rules::demand(
                Rule::BusChangeMissed,
                units.iter().all(|other| other.address != unit.address),
                format_args!(
                    "{:?} was pulled out, and a scan still finds it",
                    unit.address
                ),
            );
        }
        let answer = port::execute(Request::synchronize_cache(&unit).without_retry())?;
        rules::demand(
            Rule::RequestRefused,
            workload::is_gone(&answer),
            format_args!("a request to a disk that was pulled out ends with {answer:?}"),
        );
        self.gone.push(unit);
        Ok(())
    }

    /// A disk comes back with what it held.
    fn plug(&mut self, workload: &mut Workload) -> Result<(), PortError> {
        let count = u64::try_from(self.gone.len()).unwrap_or(0);
        if count == 0 {
            return Ok(());
        }
        let index = usize::try_from(self.random.below(count)).unwrap_or(0);
        let unit = self.gone.swap_remove(index);
        let (target, lun) = (unit.address.target, unit.address.lun);
        let flight = workload.launch(self.in_flight);
        ask(HostAction::Plug { target, lun });
        let announced = port::await_bus_change("a disk was plugged in");
        let _ = workload.land(flight, StressAction::Plug.name());
        if !announced {
            return Ok(());
        }
        let units = port::scan()?;
        let found = units.iter().find(|other| other.address == unit.address);
        rules::demand(
            Rule::BusChangeMissed,
            found.is_some_and(|found| found.sectors == unit.sectors),
            format_args!(
                "{:?} was plugged in, and a scan finds {found:?}",
                unit.address
            ),
        );
        if let Some(found) = found {
            workload.unit_back(found);
        }
        Ok(())
    }

    fn plug_all(&mut self, workload: &mut Workload) -> Result<(), PortError> {
        while !self.gone.is_empty() {
            record::step(StressAction::Plug.name(), || self.plug(workload))?;
        }
        Ok(())
    }

    /// Everything is plugged in, read back, and told to the host.
    fn finish(&mut self, workload: &mut Workload) -> Result<(), Stop> {
        self.plug_all(workload).map_err(failed)?;
        workload.tell_written(true);
        let _ = record::step("read back", || workload.verify_all("read back at the end"));
        Ok(())
    }
}
