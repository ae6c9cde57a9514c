//! Interrupts and the DPCs behind them.
//!
//! Key types: [`Messages`] (which message means what), [`RequestDpc`] (completes requests), [`ServiceDpc`] (task management, events, device
//! faults). Interrupt routines take no lock and touch no queue: they issue the DPC that does.

use core::sync::atomic::Ordering;

use ddi::{
    adapter::{DpcRoutine, Interrupt},
    context::DpcContext,
    port::Port,
    recorder::{self, Event},
    srb::{Completed, Srb},
    status::SrbStatus,
};
use hba::{
    device::{DeviceFault, InterruptStatus, SENSE_BYTES},
    request::{Event as DeviceEvent, EventKind, Missed, ResetReason, Response},
    ring::{QueueFault, Rearmed, Tag},
};

use super::{Engine, Kind, NormalAdapter, Ticket, reset::Reason};
use crate::{lifecycle::State, request::PATH, status};

/// Requests that are taken out of the queue under one acquisition of the lock.
const BATCH: usize = 8;
/// Batches after which the DPC lets others run and issues itself again.
const BATCHES_MAX: u32 = 64;
/// Events handled in one run of the service DPC.
const EVENTS_MAX: u32 = 64;

/// How the adapter's message-signalled interrupts are divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Messages {
    count: u16,
}

impl Messages {
    /// Messages that the driver has a use for: one for the request queue, one for everything else.
    pub(crate) const WANTED: u16 = 2;

    pub(crate) const fn new(count: u16) -> Self {
        Self { count }
    }

    /// The message of control queue, event queue and configuration changes.
    pub(crate) const fn service(self) -> Option<u16> {
        if self.count == 0 { None } else { Some(0) }
    }

    /// The message of the request queue.
    pub(crate) const fn request(self) -> Option<u16> {
        match self.count {
            0 => None,
            1 => Some(0),
            _ => Some(1),
        }
    }
}

impl NormalAdapter {
    /// `HwMSInterruptRoutine`.
    #[inline]
    pub(super) fn message(&self, port: Port<'_>, message: u32) -> Interrupt {
        let messages = Messages::new(self.messages.load(Ordering::Relaxed));
        if messages.request().map(u32::from) == Some(message) {
            self.request_dpc.issue(port);
        }
        if messages.service().map(u32::from) == Some(message) {
            self.service_dpc.issue(port);
        }
        Interrupt::Claimed
    }

    /// `HwStorInterrupt`: reading the ISR status acknowledges the line (virtio 4.1.4.5).
    pub(super) fn line_interrupt(&self, port: Port<'_>) -> Interrupt {
        let Some(found) = &self.found else {
            return Interrupt::NotOurs;
        };
        let status = found.registers.acknowledge_interrupt();
        if status.is_empty() || self.lifecycle.state() != State::Running {
            return Interrupt::NotOurs;
        }
        if status.contains(InterruptStatus::QUEUE) {
            self.request_dpc.issue(port);
        }
        // All queues share the bit, so the others may have news too.
        self.service_dpc.issue(port);
        Interrupt::Claimed
    }

    /// Completes what the device has answered.
    #[inline]
    fn complete_requests(&self, context: &DpcContext<'_, Self>) {
        let port = context.port();
        for _ in 0..BATCHES_MAX {
            let mut batch = [const { None }; BATCH];
            let drained = context.with_start_io_lock(|held| {
                let engine = self.engine.get(held);
                if self.lifecycle.state() == State::Running {
                    engine.drain(&mut batch)
                } else {
                    Drained::Idle
                }
            });
            for srb in batch.into_iter().flatten() {
                let Completed { .. } = self.finish(port, srb);
            }
            match drained {
                Drained::More => {}
                Drained::Idle => return,
                Drained::Fault(fault) => return self.device_broke_rules(context, 2, fault as u64),
            }
        }
        self.request_dpc.issue(port);
    }

    /// Turns an answer into the end of a request.
    #[inline]
    fn finish(&self, port: Port<'_>, srb: Srb<Self>) -> Completed {
        let Some((Ticket { prepared, kind }, response)) = srb.attached().and_then(|ticket| {
            let window = srb.extension()?;
            Some((ticket, Response::read(&window, &ticket.prepared)))
        }) else {
            return srb.complete(port, SrbStatus::Error);
        };
        let completion = response.completion();
        let copy_sense = |srb: &Srb<Self>, sense: &mut [u8]| {
            srb.extension()
                .map_or(0, |window| response.copy_sense(&window, sense))
        };
        if kind == Kind::Flush {
            let mut sense = [0; SENSE_BYTES];
            let bytes = copy_sense(&srb, &mut sense);
            let verdict = status::of_flush(completion, sense.get(..bytes).unwrap_or(&[]));
            return srb.complete(port, verdict);
        }
        let verdict = status::of_command(completion, prepared.data_bytes());
        if kind == Kind::Inquiry && verdict.srb_status != SrbStatus::Error {
            let depth = self.unit_depth.load(Ordering::Relaxed);
            let _ = port.set_device_queue_depth(srb.address(), depth);
        }
        status::complete(srb, port, &verdict, copy_sense)
    }

    /// Task management answers, events and faults of the device.
    fn service(&self, context: &DpcContext<'_, Self>) {
        self.finish_management(context);
        let mut rescan = false;
        let fault = context.with_start_io_lock(|held| {
            let engine = self.engine.get(held);
            match &mut engine.running {
                Some(running) if self.lifecycle.state() == State::Running => {
                    take_events(running, &mut rescan)
                }
                _ => Ok(()),
            }
        });
        if rescan {
            context.port().bus_change_detected(PATH);
        }
        if let Err(fault) = fault {
            return self.device_broke_rules(context, 1, fault as u64);
        }
        let device_fault = match &self.found {
            Some(found) if self.lifecycle.state() == State::Running => found.registers.fault(),
            _ => Ok(()),
        };
        match device_fault {
            Ok(()) => {}
            Err(DeviceFault::Gone) => {
                recorder::record(Event::QueueFault, 0xFF, 0);
            }
            Err(DeviceFault::NeedsReset | DeviceFault::NotRunning) => {
                self.device_broke_rules(context, 0xFE, 0);
            }
        }
    }

    /// The device broke the protocol: it is reset, its requests end, and it starts anew.
    #[cold]
    pub(super) fn device_broke_rules(
        &self,
        context: &DpcContext<'_, Self>,
        queue: u64,
        fault: u64,
    ) {
        recorder::record(Event::QueueFault, queue, fault);
        let port = context.port();
        context.with_start_io_lock(|held| self.reset_adapter(port, held, Reason::ProtocolError));
        port.reset_detected(PATH);
    }
}

/// Takes events and gives their buffers back; notes whether the bus has to be scanned.
fn take_events(running: &mut super::Running, rescan: &mut bool) -> Result<(), QueueFault> {
    for _ in 0..EVENTS_MAX {
        match running.events.take_event()? {
            Some(event) => *rescan |= needs_rescan(&event),
            None if running.events.rearm_interrupts() == Rearmed::Idle => return Ok(()),
            None => {}
        }
    }
    // A device that floods the queue gets its next hearing with its next interrupt.
    Ok(())
}

/// Whether an event changes what is on the bus (virtio 5.6.6.3): a unit came, went, or has another size.
fn needs_rescan(event: &DeviceEvent) -> bool {
    /// CAPACITY DATA HAS CHANGED, and the other PARAMETERS CHANGED codes (SPC-5, annex on ASC and ASCQ).
    const PARAMETERS_CHANGED: u8 = 0x2A;
    let (code, wanted) = match event.kind {
        EventKind::TransportReset(ResetReason::Rescan) => (1, true),
        EventKind::TransportReset(ResetReason::Removed) => (2, true),
        EventKind::TransportReset(ResetReason::Hard | ResetReason::Unknown(_)) => (3, false),
        EventKind::ParameterChange { asc, .. } => (4, asc == PARAMETERS_CHANGED),
        EventKind::None => (5, false),
        EventKind::AsyncNotify(_) | EventKind::Unknown(_) => (6, false),
    };
    let missed = event.missed == Missed::Some;
    recorder::record(Event::DeviceEvent, code, missed.into());
    wanted || missed
}

/// What a drain left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Drained {
    /// The batch is full: come again.
    More,
    /// Nothing is left, and the next completion interrupts.
    Idle,
    /// The device broke a rule.
    Fault(QueueFault),
}

impl Engine {
    /// Takes answered requests out of the queue, as many as the batch holds.
    #[inline]
    fn drain(&mut self, batch: &mut [Option<Srb<NormalAdapter>>; BATCH]) -> Drained {
        let Some(running) = &mut self.running else {
            return Drained::Idle;
        };
        let queue = &mut running.requests;
        queue.suppress_interrupts();
        for place in batch {
            let used = loop {
                match queue.take_used() {
                    Ok(Some(used)) => break used,
                    Ok(None) if queue.rearm_interrupts() == Rearmed::Idle => return Drained::Idle,
                    Ok(None) => {}
                    Err(fault) => return Drained::Fault(fault),
                }
            };
            *place = self.requests.take(place_of(used.tag));
        }
        Drained::More
    }
}

/// Where a request waits: under the descriptor that heads it, the low half word of its tag.
#[inline]
pub(super) const fn place_of(tag: Tag) -> u16 {
    let [low, high, ..] = tag.get().to_le_bytes();
    u16::from_le_bytes([low, high])
}

/// Completes requests.
#[derive(Debug)]
pub(crate) struct RequestDpc;

impl DpcRoutine for RequestDpc {
    type Adapter = NormalAdapter;

    #[inline]
    fn run(adapter: &NormalAdapter, context: &DpcContext<'_, NormalAdapter>) {
        adapter.complete_requests(context);
    }
}

/// Handles task management, events and device faults.
#[derive(Debug)]
pub(crate) struct ServiceDpc;

impl DpcRoutine for ServiceDpc {
    type Adapter = NormalAdapter;

    fn run(adapter: &NormalAdapter, context: &DpcContext<'_, NormalAdapter>) {
        adapter.service(context);
    }
}
