//! The dump life: a copy of the image in the crash-dump or hibernation stack.
//!
//! Key type: [`DumpAdapter`]. One processor at `HIGH_LEVEL`, interrupts off, one request at a time: no lock, no DPC, no timer, no registry,
//! no pool, no wait without a bound. Memory is the device extension and an uncached extension of a few pages. [`find`] takes resources and marks
//! them, [`io`] brings the device up, sends requests and polls for their end.

mod find;
mod io;

use ddi::{
    adapter::{
        Adapter, AdapterControl, Built, Dump, Features, Interrupt, Registration, Started,
        UnitControl,
    },
    cell::StartIoCell,
    context::{
        BuildIoContext, DumpMode, FindAdapterContext, InitializeContext, InterruptContext,
        StartIoContext, SynchronizedContext,
    },
    mmio::RegisterRange,
    private::{PrivateArea, PrivateSlice},
    srb::{Srb, table::RequestSlot},
    status::FindError,
};
use hba::{dump::DumpEngine, plan::Plan, ring::Slot};

use self::io::Pending;
use crate::device::{DeviceMemory, DeviceRegisters};

/// The adapter in the dump life.
#[derive(Debug)]
pub(crate) struct DumpAdapter {
    mode: DumpMode,
    /// How to use the device; without a context it is made when the device is brought up.
    plan: Option<Plan>,
    /// The device's registers; `None` when memory is only to be marked.
    hardware: Option<Hardware>,
    memory: DeviceMemory,
    state: StartIoCell<DumpState>,
}

/// What is needed to touch the device.
#[derive(Debug)]
pub(crate) struct Hardware {
    registers: DeviceRegisters,
    caps: hba::pci::VirtioCaps,
}

/// The engine of this life.
type Engine = DumpEngine<RegisterRange, DeviceMemory, PrivateSlice<Slot>>;

/// Descriptors of the largest ring of this life.
#[expect(clippy::cast_possible_truncation, reason = "checked in the next line")]
const SLOTS: u16 = hba::dump::SLOTS as u16;
const _: () = assert!(SLOTS as usize == hba::dump::SLOTS);

/// What changes from request to request. Nothing else runs, so the cell opens in every callback.
#[derive(Debug)]
pub(crate) struct DumpState {
    engine: Option<Engine>,
    /// The engine's own record of each descriptor, lent to it.
    slots: PrivateArea<Slot>,
    request: RequestSlot<DumpAdapter>,
    pending: Pending,
    /// Times that the request was sent again.
    repeats: u8,
}

impl Adapter for DumpAdapter {
    type Life = Dump;
    type RequestState = ();

    const REGISTRATION: Registration = Registration {
        signature: u32::from_le_bytes(*b"HBdu"),
        private_bytes: PrivateArea::<Slot>::bytes(SLOTS),
        srb_extension_bytes: 0,
        features: Features::DUMP_POINTERS.union(Features::DUMP_RESUME_CAPABLE),
        adapter_controls: &[AdapterControl::QuerySupported],
        unit_controls: &[UnitControl::QuerySupported],
    };

    const UNCONFIGURED: Self = Self {
        mode: DumpMode::None,
        plan: None,
        hardware: None,
        memory: DeviceMemory::ABSENT,
        state: StartIoCell::new(DumpState {
            engine: None,
            slots: PrivateArea::EMPTY,
            request: RequestSlot::EMPTY,
            pending: Pending::Command,
            repeats: 0,
        }),
    };

    fn find_adapter(&mut self, context: &mut FindAdapterContext<'_>) -> Result<(), FindError> {
        self.find(context)
    }

    /// The boot device has to be usable when this returns. Where memory is only to be marked, the device is left alone.
    fn initialize(&self, context: &mut InitializeContext<'_, Self>) -> bool {
        if self.mode == DumpMode::MarkMemory {
            return true;
        }
        let (port, held) = context.split();
        self.bring_up(port, self.state.get(held))
    }

    /// Nothing can be done ahead: there is one request at a time, and no lock to stay out of.
    fn build_io(&self, _context: &BuildIoContext<'_, Self>, srb: Srb<Self>) -> Built<Self> {
        Built::Start(srb.ready_without_state())
    }

    fn start_io(&self, context: &mut StartIoContext<'_, Self>, srb: Srb<Self>) -> Started {
        let (port, held) = context.split();
        let state = self.state.get(held);
        state.repeats = 0;
        self.start(port, state, srb)
    }

    /// The port polls this routine for the end of the request, also when there is none.
    fn interrupt(&self, context: &mut InterruptContext<'_, Self>) -> Interrupt {
        let (port, held) = context.split();
        self.poll(port, self.state.get(held));
        Interrupt::Claimed
    }

    fn message_interrupt(
        &self,
        context: &mut InterruptContext<'_, Self>,
        _message: u32,
    ) -> Interrupt {
        self.interrupt(context)
    }

    /// Bus resets are to be ignored in the dump stack (documentation of miniports that manage the boot drive).
    fn reset_bus(&self, _context: &mut SynchronizedContext<'_, Self>, _path: u32) -> bool {
        true
    }
}
