//! The normal life: a device driver with interrupts, DPCs and all queues.
//!
//! Key type: [`NormalAdapter`]. One file per callback family: [`find`] (`HwStorFindAdapter`), [`start`] (`HwStorInitialize`, restart: from the
//! plan to a running device), [`build_io`], [`start_io`], [`interrupt`], [`control`] (adapter and unit control), [`dump_pointers`]. Behind
//! them: [`queue`] (a request queue and the rules of its doorbell), [`messages`] and [`steering`] (which queue, which message),
//! [`completion`] and [`service`] (the deferred calls), [`management`] (resets and aborts), [`recovery`] (the reset of the device).
//!
//! Locking: each request queue has a lock of its own, control and event queue have one together; all are spin locks of
//! [`ddi::spin`], held one at a time and never across a call of the port's. Whoever resets, stops or starts the device has Storport's
//! `StartIo` lock as well, or runs alone. Interrupt routines need none: they only issue DPCs.

mod build_io;
mod completion;
mod control;
mod dump_pointers;
mod find;
mod homes;
mod interrupt;
mod management;
mod messages;
mod queue;
mod recovery;
mod service;
mod start;
mod start_io;
mod steering;

use core::{
    ffi::CStr,
    sync::atomic::{AtomicU16, AtomicU32},
};

use ddi::{
    adapter::{
        Adapter, AdapterControl, Built, Features, Interrupt, Normal, PowerAction, PowerState,
        Registration, Started, UnitControl,
    },
    bugcheck::callbacks::CrashCallbacks,
    context::{
        BuildIoContext, FindAdapterContext, InitializeContext, InterruptContext, LockFreeContext,
        MESSAGES_MAX, PassiveContext, RestartContext, StartIoContext, StopContext,
        SynchronizedContext,
    },
    dpc::Dpc,
    dump::HandedOut,
    port::UnitAddress,
    resident::Residents,
    spin::SpinCell,
    srb::Srb,
    status::FindError,
};
use hba::{
    plan::NormalOptions,
    request::{Prepared, frame_bytes},
};

use self::{
    find::Found,
    queue::Queue,
    service::{Service, ServiceDpc},
    steering::Steering,
};
use crate::lifecycle::Lifecycle;

/// Most request queues.
pub(crate) const QUEUES_MAX: u16 = 16;
/// Descriptors of all request queues together: 8 queues of the largest size, or 16 of half of it. Each takes 24 bytes of pool and, with
/// what the device sees of it, 26 of the uncached extension at most.
pub(crate) const DESCRIPTORS_MAX: u16 = 8192;

// Each queue may have a message of its own, beside that of the rest.
const _: () = assert!(QUEUES_MAX < MESSAGES_MAX);

/// What a crash dump calls this driver.
const COMPONENT: &CStr = c"hiberport";

/// The adapter in normal life.
#[derive(Debug)]
pub(crate) struct NormalAdapter {
    lifecycle: Lifecycle,
    /// What `HwStorFindAdapter` found; never changes after it.
    found: Option<Found>,
    /// The request queues, closed until the device runs.
    queues: Residents<Queue>,
    /// Message-signalled interrupts in use; 0 means the line.
    messages: AtomicU16,
    steering: Steering,
    /// Control queue, event queue, task management.
    service: SpinCell<Service>,
    service_dpc: Dpc<ServiceDpc>,
    /// Queue depth to set for a unit when it answers INQUIRY.
    unit_depth: AtomicU32,
    dump_contexts: HandedOut,
    /// What a crash dump is to contain of this adapter.
    crash_callbacks: CrashCallbacks,
}

/// What a request carries from `HwStorBuildIo` to its completion.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticket {
    prepared: Prepared,
    kind: Kind,
}

/// What a request is, where it matters at completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An `EXECUTE_SCSI` request.
    Command,
    /// An INQUIRY: when it succeeds, the unit exists.
    Inquiry,
    /// FLUSH or SHUTDOWN, sent as SYNCHRONIZE CACHE.
    Flush,
}

impl Adapter for NormalAdapter {
    type Life = Normal;
    type RequestState = Ticket;

    const REGISTRATION: Registration = Registration {
        signature: u32::from_le_bytes(*b"HBno"),
        // The queues lie in pool, as many and as long as the device and the processors suggest: `find` takes it.
        private_bytes: 0,
        srb_extension_bytes: frame_bytes(NormalOptions::STANDARD.segments),
        features: Features::DUMP_POINTERS.union(Features::DUMP_RESUME_CAPABLE),
        adapter_controls: &[
            AdapterControl::QuerySupported,
            AdapterControl::Stop,
            AdapterControl::Restart,
            AdapterControl::Power,
            AdapterControl::SurpriseRemoval,
        ],
        unit_controls: &[
            UnitControl::QuerySupported,
            UnitControl::Start,
            UnitControl::Power,
            UnitControl::Remove,
            UnitControl::SurpriseRemoval,
        ],
    };

    const UNCONFIGURED: Self = Self {
        lifecycle: Lifecycle::new(),
        found: None,
        queues: Residents::NONE,
        messages: AtomicU16::new(0),
        steering: Steering::by_processor(),
        service: SpinCell::new(Service::IDLE),
        service_dpc: Dpc::new(0),
        unit_depth: AtomicU32::new(1),
        dump_contexts: HandedOut::EMPTY,
        crash_callbacks: CrashCallbacks::new(),
    };

    fn find_adapter(&mut self, context: &mut FindAdapterContext<'_>) -> Result<(), FindError> {
        self.find(context)
    }

    fn initialize(&self, context: &mut InitializeContext<'_, Self>) -> bool {
        self.first_start(context)
    }

    fn passive_initialize(&self, context: &PassiveContext<'_, Self>) -> bool {
        for queue in self.queues.iter() {
            queue.dpc.initialize(context);
        }
        self.service_dpc.initialize(context);
        if let Some(found) = self.present() {
            self.crash_callbacks
                .register(context, &found.memory, COMPONENT);
        }
        true
    }

    #[inline]
    fn build_io(&self, context: &BuildIoContext<'_, Self>, srb: Srb<Self>) -> Built<Self> {
        self.build(context, srb)
    }

    #[inline]
    fn start_io(&self, context: &mut StartIoContext<'_, Self>, srb: Srb<Self>) -> Started {
        self.start(context, srb)
    }

    #[inline]
    fn interrupt(&self, context: &mut InterruptContext<'_, Self>) -> Interrupt {
        self.line_interrupt(context.port())
    }

    #[inline]
    fn message_interrupt(
        &self,
        context: &mut InterruptContext<'_, Self>,
        message: u32,
    ) -> Interrupt {
        self.message(context.port(), message)
    }

    fn timer(&self, context: &mut SynchronizedContext<'_, Self>) {
        self.management_timeout(context);
    }

    fn reset_bus(&self, context: &mut SynchronizedContext<'_, Self>, path: u32) -> bool {
        self.bus_reset(context, path)
    }

    fn stop(&self, context: &StopContext<'_>) -> bool {
        self.stop_adapter(context.port())
    }

    fn restart(&self, context: &mut RestartContext<'_, Self>) -> bool {
        self.restart_adapter(context)
    }

    fn power(
        &self,
        context: &LockFreeContext<'_, Self>,
        state: PowerState,
        action: PowerAction,
    ) -> bool {
        self.adapter_power(context, state, action)
    }

    fn surprise_removal(&self, context: &LockFreeContext<'_, Self>) -> bool {
        self.adapter_gone(context)
    }

    fn free_resources(&self) {
        self.crash_callbacks.deregister();
    }

    fn unit_control(
        &self,
        _context: &LockFreeContext<'_, Self>,
        control: UnitControl,
        unit: UnitAddress,
    ) -> bool {
        Self::control_unit(control, unit)
    }
}
