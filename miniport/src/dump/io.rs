//! Requests of the dump life: bring-up, sending, polling.
//!
//! Key type: [`Pending`]. A request ends when the port polls; nothing here waits for it. What the device does wrong ends the request and starts
//! the device again, so that the next one has a chance.

use ddi::{
    adapter::Started,
    context::DumpMode,
    port::Port,
    recorder::{self, Event},
    srb::{Completed, Function, Srb},
    status::SrbStatus,
};
use hba::{
    device::{Probe, Quiesced, ResetError, SENSE_BYTES},
    dump::{DumpEngine, DumpPoll, DumpSubmitError},
    plan::Plan,
    request::{Completion, NO_DATA, PrepareError},
    scsi::cdb::synchronize_cache_10,
};

use super::{DumpAdapter, DumpState, Engine, Hardware};
use crate::{
    device::{Patience, reset},
    request::{PATH, command, command_without_data, usual_command},
    status,
};

/// Times that a request is sent again because of a unit attention; a unit has one for each of a few reasons (SPC-5, 5.14).
const REPEATS_MAX: u8 = 4;

/// What the outstanding request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pending {
    /// An `EXECUTE_SCSI` request that asked for data.
    Command,
    /// FLUSH or SHUTDOWN, sent as SYNCHRONIZE CACHE.
    Flush,
}

impl DumpAdapter {
    /// Resets the device, whatever state firmware or the normal life left it in, and carries out the plan.
    pub(super) fn bring_up(&self, port: Port<'_>, state: &mut DumpState) -> bool {
        state.engine = None;
        let Some(hardware) = &self.hardware else {
            return false;
        };
        match self.start_engine(port, hardware, state) {
            Ok(engine) => {
                state.engine = Some(engine);
                recorder::record(Event::DeviceRunning, 1, 0);
                true
            }
            Err(step) => {
                recorder::record(Event::BringUpFailed, step, 0);
                false
            }
        }
    }

    fn start_engine(
        &self,
        port: Port<'_>,
        hardware: &Hardware,
        state: &DumpState,
    ) -> Result<Engine, u64> {
        let registers = &hardware.registers;
        let quiesced = reset(registers, port, Patience::Long).map_err(|_| 0x11u64)?;
        let (plan, quiesced) = if let Some(plan) = self.plan {
            (plan, quiesced)
        } else {
            let probe = Probe::read(registers, quiesced).map_err(|_| 0x12u64)?;
            let plan = Plan::dump(&hardware.caps, &probe).map_err(|_| 0x13u64)?;
            let quiesced = reset(registers, port, Patience::Long).map_err(|_| 0x14u64)?;
            (plan, quiesced)
        };
        let slots = state.slots.lend().ok_or(0x16u64)?;
        DumpEngine::start_with_slots(registers, &plan, quiesced, self.memory.clone(), slots)
            .map_err(|_| 0x15u64)
    }

    pub(super) fn start(&self, port: Port<'_>, state: &mut DumpState, srb: Srb<Self>) -> Started {
        match srb.function() {
            Function::ExecuteScsi => start_command(port, state, srb),
            Function::Flush | Function::Shutdown if self.writes() => start_flush(port, state, srb),
            Function::Flush
            | Function::Shutdown
            | Function::ResetLogicalUnit
            | Function::ResetDevice
            | Function::ResetBus => Started::Completed(srb.complete(port, SrbStatus::Success)),
            Function::AbortCommand => {
                Started::Completed(srb.complete(port, SrbStatus::AbortFailed))
            }
            _ => Started::Completed(srb.complete(port, SrbStatus::InvalidRequest)),
        }
    }

    /// Whether this instance writes, so that the unit's cache has something to lose.
    const fn writes(&self) -> bool {
        matches!(
            self.mode,
            DumpMode::Crash | DumpMode::Hiber | DumpMode::Other(_)
        )
    }

    /// Looks once whether the outstanding request is done, and completes it if so.
    pub(super) fn poll(&self, port: Port<'_>, state: &mut DumpState) {
        let Some(engine) = &mut state.engine else {
            return;
        };
        match engine.poll() {
            Ok(DumpPoll::Idle | DumpPoll::Pending) => {}
            Ok(DumpPoll::Done { completion, .. }) => {
                let Some(srb) = state.request.take() else {
                    return;
                };
                if state.repeats < REPEATS_MAX && tells_of_reset(engine, completion) {
                    state.repeats += 1;
                    // Whether it is outstanding again or ended after all, the request is taken care of.
                    let (Started::Completed(_) | Started::Pending(_)) =
                        self.start(port, state, srb);
                    return;
                }
                let Completed { .. } = finish(port, srb, engine, completion, state.pending);
            }
            Err(fault) => {
                recorder::record(Event::QueueFault, 2, fault as u64);
                self.recover(port, state);
            }
        }
    }

    /// The device broke a rule: once a reset has silenced it, the request ends and the device starts again.
    #[cold]
    fn recover(&self, port: Port<'_>, state: &mut DumpState) {
        let Some(hardware) = &self.hardware else {
            return;
        };
        let quiesced = match reset(&hardware.registers, port, Patience::Long) {
            Ok(quiesced) => quiesced,
            Err(ResetError::Gone) => Quiesced::device_removed(),
            // It may still write to the request's memory: the request stays open, the port gives up on it by itself.
            Err(ResetError::TimedOut) => return,
        };
        if let Some(engine) = state.engine.take() {
            engine.abandon(&quiesced);
        }
        if let Some(srb) = state.request.take() {
            let Completed { .. } = srb.complete(port, SrbStatus::Error);
        }
        self.bring_up(port, state);
    }
}

/// Sends a command as it came, whichever length its CDB has.
fn start_command(port: Port<'_>, state: &mut DumpState, srb: Srb<DumpAdapter>) -> Started {
    let Some(engine) = &mut state.engine else {
        return Started::Completed(srb.complete(port, SrbStatus::NoHba));
    };
    let usual = srb
        .usual()
        .and_then(|usual| usual_command(&srb, usual, port));
    let submitted = match usual.map_or_else(|| command(&srb, port), Ok) {
        Ok((request, list)) => engine.submit(&request, list.pieces(), 0),
        Err(refusal) => {
            recorder::record(Event::RequestRefused, refusal.code(), 0);
            return Started::Completed(srb.complete(port, SrbStatus::InvalidRequest));
        }
    };
    keep(port, state, srb, submitted, Pending::Command)
}

/// FLUSH and SHUTDOWN: the unit's cache goes to the medium.
fn start_flush(port: Port<'_>, state: &mut DumpState, srb: Srb<DumpAdapter>) -> Started {
    let unit = srb.address();
    let Some(engine) = state.engine.as_mut().filter(|_| unit.path == PATH) else {
        return Started::Completed(srb.complete(port, SrbStatus::NoDevice));
    };
    let cdb = synchronize_cache_10();
    let request = command_without_data(unit, cdb.as_bytes());
    let submitted = engine.submit(&request, NO_DATA, 0);
    keep(port, state, srb, submitted, Pending::Flush)
}

/// Keeps a request that was sent, and ends one that was not.
fn keep(
    port: Port<'_>,
    state: &mut DumpState,
    srb: Srb<DumpAdapter>,
    submitted: Result<(), DumpSubmitError>,
    pending: Pending,
) -> Started {
    let status = match submitted {
        Ok(()) => {
            state.pending = pending;
            return match state.request.park(srb) {
                Ok(parked) => Started::Pending(parked),
                Err(srb) => Started::Completed(srb.complete(port, SrbStatus::Busy)),
            };
        }
        Err(DumpSubmitError::Busy) => SrbStatus::Busy,
        Err(DumpSubmitError::Prepare(error)) => {
            recorder::record(Event::RequestRefused, 0x300, prepare_code(error));
            status::of_refusal(error)
        }
        Err(DumpSubmitError::Submit(_)) => SrbStatus::Error,
    };
    Started::Completed(srb.complete(port, status))
}

/// Whether the unit did nothing but tell that it was reset: by the reset that began this life. In normal life a class driver repeats such
/// a command; here nobody does, and the first write of a dump would fail.
fn tells_of_reset(engine: &Engine, completion: Completion) -> bool {
    let mut sense = [0; SENSE_BYTES];
    let bytes = engine.copy_sense(&mut sense);
    status::is_unit_attention(completion, sense.get(..bytes).unwrap_or(&[]))
}

/// Turns an answer into the end of a request.
fn finish(
    port: Port<'_>,
    srb: Srb<DumpAdapter>,
    engine: &Engine,
    completion: Completion,
    pending: Pending,
) -> Completed {
    match pending {
        Pending::Flush => {
            let mut sense = [0; SENSE_BYTES];
            let bytes = engine.copy_sense(&mut sense);
            let verdict = status::of_flush(completion, sense.get(..bytes).unwrap_or(&[]));
            srb.complete(port, verdict)
        }
        Pending::Command => {
            let verdict = status::of_command(completion, srb.data_transfer_length());
            status::complete(srb, port, &verdict, |_, sense| engine.copy_sense(sense))
        }
    }
}

/// A refusal as a number, for the flight recorder.
const fn prepare_code(error: PrepareError) -> u64 {
    error as u64
}
