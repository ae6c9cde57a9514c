//! What is not requests: control queue, event queue, faults of the device.
//!
//! Key types: [`Service`] (what its lock guards), [`ServiceDpc`]. Neighbours: [`super::management`] has the functions that wait in it,
//! [`super::recovery`] resets the device.

use ddi::{
    adapter::DpcRoutine,
    context::DpcContext,
    dpc::Dpc,
    mmio::RegisterRange,
    recorder::{self, Event},
};
use hba::{
    device::DeviceFault,
    queues::{ControlQueue, EventQueue},
    request::{Event as DeviceEvent, EventKind, Missed, ResetReason},
    ring::{QueueFault, Rearmed},
};

use super::{NormalAdapter, management::Management};
use crate::{
    device::DeviceMemory,
    diagnosis::{self, Finding},
    lifecycle::State,
    request::PATH,
};

/// Events handled in one run of the deferred call.
const EVENTS_MAX: u32 = 64;

/// What the lock of the service queues guards.
#[derive(Debug)]
pub(crate) struct Service {
    /// The queues, while the device runs.
    pub(super) running: Option<Running>,
    pub(super) management: Management,
}

/// Control and event queue of a running device.
#[derive(Debug)]
pub(crate) struct Running {
    pub(super) control: ControlQueue<RegisterRange, DeviceMemory>,
    pub(super) events: EventQueue<RegisterRange, DeviceMemory>,
}

impl Service {
    /// Nothing runs, nothing waits.
    pub(super) const IDLE: Self = Self {
        running: None,
        management: Management::NONE,
    };

    /// Takes events and gives their buffers back; notes which of them say that the bus has to be scanned.
    fn take_events(&mut self, changes: &mut Changes) -> Result<(), QueueFault> {
        let Some(running) = &mut self.running else {
            return Ok(());
        };
        for _ in 0..EVENTS_MAX {
            match running.events.take_event()? {
                Some(event) => changes.note(&event),
                None if running.events.rearm_interrupts() == Rearmed::Idle => return Ok(()),
                None => {}
            }
        }
        // A device that floods the queue gets its next hearing with its next interrupt.
        Ok(())
    }
}

/// What events say about the units on the bus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Changes {
    /// Events by which a unit came, went, or has another size.
    wanted: u64,
    /// Times that the device had lost events: anything may have changed.
    lost: u64,
}

impl Changes {
    /// Whether the bus has to be scanned.
    const fn any(self) -> bool {
        self.wanted != 0 || self.lost != 0
    }

    /// Looks at an event (virtio 5.6.6.3).
    fn note(&mut self, event: &DeviceEvent) {
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
        let lost = event.missed == Missed::Some;
        recorder::record(Event::DeviceEvent, code, lost.into());
        self.wanted += u64::from(wanted);
        self.lost += u64::from(lost);
    }
}

/// Handles task management, events and device faults.
#[derive(Debug)]
pub(crate) struct ServiceDpc;

impl DpcRoutine for ServiceDpc {
    type Adapter = NormalAdapter;

    fn object(adapter: &NormalAdapter, _number: u16) -> Option<&Dpc<Self>> {
        Some(&adapter.service_dpc)
    }

    fn run(adapter: &NormalAdapter, _number: u16, context: &mut DpcContext<'_, NormalAdapter>) {
        adapter.serve(context);
    }
}

impl NormalAdapter {
    /// Task management answers, events and faults of the device.
    fn serve(&self, context: &mut DpcContext<'_, Self>) {
        self.finish_management(context);
        let mut changes = Changes::default();
        let fault = self.service.with(context.at_dispatch(), |service| {
            if self.lifecycle.state() == State::Running {
                service.take_events(&mut changes)
            } else {
                Ok(())
            }
        });
        if changes.any() {
            let port = context.port();
            let Changes { wanted, lost } = changes;
            diagnosis::tell(port, Finding::UnitsChanged, None, wanted, lost);
            port.bus_change_detected(PATH);
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
}
