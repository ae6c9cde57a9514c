//! Resets and aborts: task management through the control queue.
//!
//! Key type: [`Management`]. A reset or abort request is sent to the unit that it names and completes when the device has answered; the
//! requests that it ends are answered by the device one by one, so none is completed while the device may still write to its memory. A
//! timer bounds the wait. What the device does not answer in time ends in a reset of the device ([`super::recovery`]).
//!
//! Before a function is sent, everything that is filled in is made visible to the device, in all queues: a reset must find what it ends.

use ddi::{
    adapter::Started,
    context::{DpcContext, StartIoContext, SynchronizedContext},
    port::UnitAddress,
    recorder::{self, Event},
    srb::{Completed, Function, Srb, table::RequestSlot},
    status::SrbStatus,
};
use hba::{
    queues::TmfCompletion,
    request::{TaskFunction, TaskManagement, TmfOutcome},
    ring::{QueueFault, Rearmed},
};

use super::{NormalAdapter, recovery::Reason, service::Service};
use crate::{
    diagnosis::{self, Finding},
    lifecycle::State,
    request::{PATH, address_code, wire_address},
    status,
};

/// Functions that are outstanding at once; the control queue has room for as many.
const CONCURRENT_MAX: usize = 8;

/// Task management requests that wait for the device.
#[derive(Debug)]
pub(crate) struct Management {
    waiting: [Waiting; CONCURRENT_MAX],
}

/// One of them.
#[derive(Debug)]
struct Waiting {
    request: RequestSlot<NormalAdapter>,
    step: Step,
}

/// What the request waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// One reset function.
    Reset,
    /// An abort.
    Abort,
    /// Target resets one after the other; this one is under way, and there is a last one.
    EveryTarget { target: u8, last: u8 },
}

impl Management {
    pub(crate) const NONE: Self = Self {
        waiting: [const {
            Waiting {
                request: RequestSlot::EMPTY,
                step: Step::Reset,
            }
        }; CONCURRENT_MAX],
    };

    /// A free place and its number.
    fn free(&mut self) -> Option<(u64, &mut Waiting)> {
        (0..)
            .zip(&mut self.waiting)
            .find(|(_, waiting)| !waiting.request.is_occupied())
    }

    fn get(&mut self, token: u64) -> Option<&mut Waiting> {
        self.waiting.get_mut(usize::try_from(token).ok()?)
    }

    /// Takes any request out, after a reset of the device.
    pub(super) fn take_any(&mut self) -> Option<Srb<NormalAdapter>> {
        self.waiting
            .iter_mut()
            .find_map(|waiting| waiting.request.take())
    }

    /// Whether any request waits.
    fn is_busy(&self) -> bool {
        self.waiting
            .iter()
            .any(|waiting| waiting.request.is_occupied())
    }
}

impl NormalAdapter {
    /// `RESET_LOGICAL_UNIT`, `RESET_DEVICE`, `RESET_BUS`.
    #[cold]
    pub(super) fn start_reset(
        &self,
        context: &mut StartIoContext<'_, Self>,
        srb: Srb<Self>,
    ) -> Started {
        let unit = srb.address();
        let (step, function) = match srb.function() {
            Function::ResetLogicalUnit => (Step::Reset, TaskFunction::LogicalUnitReset),
            Function::ResetDevice => (Step::Reset, TaskFunction::TargetReset),
            _ => (self.every_target(), TaskFunction::TargetReset),
        };
        let unit = match step {
            Step::EveryTarget { target, .. } => UnitAddress {
                path: unit.path,
                target,
                lun: 0,
            },
            _ => unit,
        };
        self.send(context, srb, step, unit, function)
    }

    /// A bus reset in terms of targets: virtio-scsi has no function for the whole bus.
    fn every_target(&self) -> Step {
        let last = self
            .found
            .as_ref()
            .map_or(0, |found| found.plan.limits().max_target);
        Step::EveryTarget { target: 0, last }
    }

    /// `ABORT_COMMAND`: the request to abort is the one that this one points to.
    #[cold]
    pub(super) fn start_abort(
        &self,
        context: &mut StartIoContext<'_, Self>,
        srb: Srb<Self>,
    ) -> Started {
        let found = self.queues.iter().find_map(|queue| {
            queue
                .state
                .with(context.at_dispatch(), |state| state.find_target(&srb))
        });
        match found {
            Some((unit, tag)) => self.send(
                context,
                srb,
                Step::Abort,
                unit,
                TaskFunction::AbortTask(tag),
            ),
            // It is not with the device (any more): too late to abort.
            None => Started::Completed(srb.complete(context.port(), SrbStatus::AbortFailed)),
        }
    }

    /// Sends a function and keeps its request until the answer comes.
    fn send(
        &self,
        context: &mut StartIoContext<'_, Self>,
        srb: Srb<Self>,
        step: Step,
        unit: UnitAddress,
        function: TaskFunction,
    ) -> Started {
        let port = context.port();
        if unit.path != PATH {
            return Started::Completed(srb.complete(port, SrbStatus::NoDevice));
        }
        for queue in self.queues.iter() {
            queue
                .state
                .with(context.at_dispatch(), super::queue::QueueState::publish);
        }
        recorder::record(Event::TaskManagement, code(function), address_code(unit));
        let management = TaskManagement {
            address: wire_address(unit),
            function,
        };
        let parked = self.service.with(context.at_dispatch(), |service| {
            let (Some((token, waiting)), Some(running)) =
                (service.management.free(), &mut service.running)
            else {
                return Err(srb);
            };
            if running.control.start(&management, token).is_err() {
                return Err(srb);
            }
            waiting.step = step;
            // The place was free a moment ago; were it not, the answer would find nobody and be dropped.
            waiting.request.park(srb)
        });
        match parked {
            Ok(parked) => {
                context.request_timer(self.management_timeout_microseconds());
                Started::Pending(parked)
            }
            Err(srb) => Started::Completed(srb.complete(port, SrbStatus::Busy)),
        }
    }

    /// How long the device may take for a task management function.
    fn management_timeout_microseconds(&self) -> u32 {
        self.found
            .as_ref()
            .map_or(0, |found| found.parameters.management_timeout_microseconds)
    }

    /// Completes the requests whose functions the device has answered.
    pub(super) fn finish_management(&self, context: &mut DpcContext<'_, Self>) {
        let port = context.port();
        loop {
            let answer = self.service.with(context.at_dispatch(), |service| {
                if self.lifecycle.state() == State::Running {
                    service.take_answer()
                } else {
                    Answer::None
                }
            });
            match answer {
                Answer::None => return,
                Answer::GoesOn => {}
                Answer::Ended { srb, status, last } => {
                    if last {
                        context.request_timer(0);
                    }
                    if let Some(srb) = srb {
                        let Completed { .. } = srb.complete(port, status);
                    }
                }
                Answer::Fault(fault) => return self.device_broke_rules(context, 0, fault as u64),
            }
        }
    }

    /// `HwStorTimer`: a function was not answered in time.
    pub(super) fn management_timeout(&self, context: &mut SynchronizedContext<'_, Self>) {
        let (port, held) = context.split();
        let is_busy = self.service.with(&mut held.at_dispatch(), |service| {
            service.management.is_busy()
        });
        if !is_busy {
            return;
        }
        diagnosis::tell(port, Finding::ManagementTimeout, None, 0, 0);
        self.reset_adapter(port, held, Reason::NoAnswer);
    }
}

/// A function as a number, for the flight recorder: the subtype on the wire (virtio 5.6.6.2).
const fn code(function: TaskFunction) -> u64 {
    match function {
        TaskFunction::AbortTask(_) => 0,
        TaskFunction::AbortTaskSet => 1,
        TaskFunction::TargetReset => 4,
        TaskFunction::LogicalUnitReset => 5,
        TaskFunction::QueryTask(_) => 6,
    }
}

/// An answer as a number, for the flight recorder: the code on the wire (virtio 5.6.6.2).
const fn outcome_code(outcome: TmfOutcome) -> u64 {
    match outcome {
        TmfOutcome::Complete => 0,
        TmfOutcome::BadTarget => 3,
        TmfOutcome::Busy => 5,
        TmfOutcome::Succeeded => 10,
        TmfOutcome::Rejected => 11,
        TmfOutcome::IncorrectLun => 12,
        TmfOutcome::Failure(code) | TmfOutcome::Unknown(code) => code as u64,
        TmfOutcome::NotWritten => 0xFF,
    }
}

/// What the control queue had.
enum Answer {
    None,
    /// A function has ended, and its request goes on with the next one.
    GoesOn,
    /// A function has ended, and with it its request.
    Ended {
        srb: Option<Srb<NormalAdapter>>,
        status: SrbStatus,
        /// No other function is outstanding.
        last: bool,
    },
    Fault(QueueFault),
}

impl Service {
    /// Takes one answer from the control queue.
    fn take_answer(&mut self) -> Answer {
        let Some(running) = &mut self.running else {
            return Answer::None;
        };
        let TmfCompletion { token, outcome } = loop {
            match running.control.take_completed() {
                Ok(Some(completion)) => break completion,
                Ok(None) if running.control.rearm_interrupts() == Rearmed::Idle => {
                    return Answer::None;
                }
                Ok(None) => {}
                Err(fault) => return Answer::Fault(fault),
            }
        };
        recorder::record(Event::TaskManagementDone, token, outcome_code(outcome));
        let Some(waiting) = self.management.get(token) else {
            return Answer::None;
        };
        let status = match waiting.step {
            Step::Abort => status::of_abort(outcome),
            Step::Reset => status::of_reset(outcome),
            Step::EveryTarget { target, last } => {
                if let Some(next) = target.checked_add(1).filter(|&next| next <= last) {
                    waiting.step = Step::EveryTarget { target: next, last };
                    let management = TaskManagement {
                        address: wire_address(UnitAddress {
                            path: PATH,
                            target: next,
                            lun: 0,
                        }),
                        function: TaskFunction::TargetReset,
                    };
                    if running.control.start(&management, token).is_ok() {
                        return Answer::GoesOn;
                    }
                }
                SrbStatus::Success
            }
        };
        let srb = waiting.request.take();
        Answer::Ended {
            srb,
            status,
            last: !self.management.is_busy(),
        }
    }
}
