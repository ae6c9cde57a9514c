//! The normal life: a device driver with interrupts, DPCs and all queues.
//!
//! Key type: [`NormalAdapter`]. One file per callback family: [`find`] (`HwStorFindAdapter`), [`start`] (`HwStorInitialize`, restart: from the
//! plan to a running device), [`build_io`], [`start_io`], [`interrupt`] (interrupt routines and DPCs), [`reset`] (task management, timer,
//! `HwStorResetBus`), [`control`] (adapter and unit control), [`dump_pointers`].
//!
//! Locking: everything that the device's queues consist of is in [`Engine`], guarded by the `StartIo` lock. `HwStorStartIo`, the timer and
//! `HwStorResetBus` come with it, DPCs and power control take it, interrupt routines need none: they only issue DPCs.

mod build_io;
mod control;
mod dump_pointers;
mod find;
mod interrupt;
mod reset;
mod start;
mod start_io;

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
    cell::StartIoCell,
    context::{
        BuildIoContext, FindAdapterContext, InitializeContext, InterruptContext, LockFreeContext,
        PassiveContext, RestartContext, StartIoContext, StopContext,
    },
    dpc::Dpc,
    dump::HandedOut,
    mmio::RegisterRange,
    port::UnitAddress,
    private::{PrivateArea, PrivateSlice},
    srb::{
        Srb,
        table::{Place, RequestTable},
    },
    status::FindError,
};
use hba::{
    plan::{NormalOptions, RING_SIZE_MAX},
    queues::{ControlQueue, EventQueue, RequestQueue},
    request::{Prepared, frame_bytes},
    ring::Slot,
};

use self::{
    find::Found,
    interrupt::{RequestDpc, ServiceDpc},
    reset::Management,
};
use crate::{device::DeviceMemory, lifecycle::Lifecycle};

/// What a crash dump calls this driver.
const COMPONENT: &CStr = c"hiberport";

/// The adapter in normal life.
#[derive(Debug)]
pub(crate) struct NormalAdapter {
    lifecycle: Lifecycle,
    /// What `HwStorFindAdapter` found; never changes after it.
    found: Option<Found>,
    engine: StartIoCell<Engine>,
    request_dpc: Dpc<RequestDpc>,
    service_dpc: Dpc<ServiceDpc>,
    /// Message-signalled interrupts in use; 0 means the line.
    messages: AtomicU16,
    /// Queue depth to set for a unit when it answers INQUIRY.
    unit_depth: AtomicU32,
    dump_contexts: HandedOut,
    /// What a crash dump is to contain of this adapter.
    crash_callbacks: CrashCallbacks,
}

/// What the `StartIo` lock guards.
#[derive(Debug)]
pub(crate) struct Engine {
    /// The queues, while the device runs.
    running: Option<Running>,
    /// The requests that the device has, by the descriptor that heads them.
    requests: RequestTable<NormalAdapter>,
    /// The engine's own record of each descriptor, lent to the request queue.
    slots: PrivateArea<Slot>,
    management: Management,
}

/// The queues of a running device.
#[derive(Debug)]
pub(crate) struct Running {
    requests: RequestQueue<RegisterRange, DeviceMemory, PrivateSlice<Slot>>,
    control: ControlQueue<RegisterRange, DeviceMemory>,
    events: EventQueue<RegisterRange, DeviceMemory>,
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
        private_bytes: PrivateArea::<Slot>::bytes(RING_SIZE_MAX)
            + PrivateArea::<Place<Self>>::bytes(RING_SIZE_MAX),
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
        engine: StartIoCell::new(Engine {
            running: None,
            requests: RequestTable::EMPTY,
            slots: PrivateArea::EMPTY,
            management: Management::NONE,
        }),
        request_dpc: Dpc::new(),
        service_dpc: Dpc::new(),
        messages: AtomicU16::new(0),
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
        self.request_dpc.initialize(context);
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

    fn timer(&self, context: &mut StartIoContext<'_, Self>) {
        self.management_timeout(context);
    }

    fn reset_bus(&self, context: &mut StartIoContext<'_, Self>, path: u32) -> bool {
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
