//! A simulated port driver for unit tests on machines without Windows: the callbacks of a registered adapter on one side, the engine's fake
//! device on the other.
//!
//! Key types: [`Simulator`], [`Machine`], [`Answer`](request::Ended). The test doubles of [`crate::fake`] ask the simulator for answers, register accesses of
//! [`crate::mmio`] reach the fake device through [`registers`], and the device works on the same memory. It checks what a port would
//! suffer from: completing twice, completing as pending, locks taken twice or kept, marks outside of `HwStorFindAdapter`, services that the dump stack
//! does not have. Neighbours: [`services`] (the exports), [`request`] (request blocks), [`control`] (power and removal), [`crash`] (bug check callbacks).
//! Not compiled for Windows.
#![expect(unsafe_code, reason = "calls registered callbacks with raw pointers")]
// UNSAFETY: a simulated port does what a port does: it passes raw pointers to C entry points.

pub mod control;
pub mod crash;
pub mod registers;
pub mod request;
mod services;
pub mod topology;

use std::{
    boxed::Box,
    cell::Cell,
    cell::RefCell,
    collections::VecDeque,
    ffi::{CStr, c_void},
    rc::Rc,
    sync::{Mutex, MutexGuard, PoisonError},
    vec::Vec,
};

use hba::fake::{ConfigSpace, FakeDevice, FakeMemory};
use wdk_sys::{
    ACCESS_RANGE, HW_INITIALIZATION_DATA, LARGE_INTEGER, PORT_CONFIGURATION_INFORMATION, PSTOR_DPC,
};

use crate::{
    fake,
    registration::{DriverObject, RegistryPath},
};

/// Bytes of memory that driver and device share.
const MEMORY_BYTES: u32 = 8 * 1024 * 1024;
/// Where PnP put the device's registers.
pub const BAR_START: u64 = 0xFE00_0000;
/// Bytes of the range.
pub const BAR_BYTES: u32 = 0x4000;
/// What fresh memory holds.
const FRESH: u8 = 0xCC;

/// The hardware: shared memory, the fake device on it, and its configuration space. Lives on when the driver restarts.
#[derive(Clone, Copy, Debug)]
pub struct Machine {
    /// Memory that the device reaches; bus addresses are its own addresses.
    pub memory: &'static FakeMemory,
    /// The device.
    pub device: &'static FakeDevice<'static>,
    /// PCI configuration space.
    pub config_space: &'static RefCell<[u8; 256]>,
    /// Bytes of the memory that are taken.
    used: &'static Cell<u32>,
}

impl Machine {
    /// A machine with the device that `make` builds over its memory. It is leaked: a test process is short.
    #[must_use]
    pub fn new(make: impl FnOnce(&'static FakeMemory) -> FakeDevice<'static>) -> Self {
        let memory = Box::leak(Box::new(FakeMemory::identity_mapped(MEMORY_BYTES)));
        let mut space = ConfigSpace::qemu();
        // BAR 4 is where the structures are; memory space and bus mastering are on.
        space.put(0x20, &0xFE00_000C_u32.to_le_bytes());
        space.put(0x04, &6u16.to_le_bytes());
        Self {
            memory,
            device: Box::leak(Box::new(make(memory))),
            config_space: Box::leak(Box::new(RefCell::new(*space.bytes()))),
            used: Box::leak(Box::new(Cell::new(0))),
        }
    }

    /// Takes `bytes` bytes of the shared memory, `shift` bytes behind a page boundary.
    pub(crate) fn take(&self, bytes: u32, shift: u32) -> *mut u8 {
        let base = self.memory.as_ptr().cast_mut().cast::<u8>();
        let next = base.addr() + self.used.get() as usize;
        let start = next.next_multiple_of(4096) + shift as usize - base.addr();
        let end = start + bytes as usize;
        assert!(
            end <= MEMORY_BYTES as usize,
            "the simulated machine has no more memory"
        );
        self.used.set(u32::try_from(end).unwrap_or(u32::MAX));
        base.wrapping_add(start)
    }
}

/// Keeps tests apart that use the statics of the image (the dump life does); hold it as long as the simulator.
///
/// # Panics
/// Never: a test that failed while it held the lock does not poison it for the others.
pub fn exclusive() -> MutexGuard<'static, ()> {
    static LOCK: Mutex<()> = Mutex::new(());
    LOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The arguments of `DriverEntry`: null in the dump stack.
fn arguments(is_dump: bool) -> (DriverObject, RegistryPath) {
    let address = if is_dump { 0 } else { 0x1000 };
    (
        DriverObject::simulated(address),
        RegistryPath::simulated(address),
    )
}

/// A mark that the driver set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Address, virtual or physical.
    pub address: u64,
    /// Length in bytes.
    pub bytes: u64,
    /// `MARK_DUMP_MEMORY_FLAG_*`.
    pub flags: u32,
}

/// What happened so far.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) initialization: Option<HW_INITIALIZATION_DATA>,
    pub(crate) in_find_adapter: bool,
    pub(crate) in_start_io: bool,
    pub(crate) marks: Vec<Mark>,
    pub(crate) uncached: Option<(*mut u8, u32)>,
    pub(crate) ended: Vec<request::Ended>,
    pub(crate) owned: Vec<u64>,
    /// Issued calls: object and first argument.
    pub(crate) dpcs: VecDeque<(u64, u64)>,
    pub(crate) dpcs_issued: u32,
    pub(crate) known_dpcs: Vec<(u64, u64)>,
    pub(crate) passive: Option<u64>,
    pub(crate) lock_held: bool,
    pub(crate) timer: Option<(u64, u32)>,
    pub(crate) pool: Vec<(u64, Vec<u64>)>,
    pub(crate) pool_failures: u32,
    pub(crate) bus_changes: u32,
    pub(crate) queue_depths: Vec<u32>,
    pub(crate) messages: u16,
    pub(crate) processors: topology::Processors,
    pub(crate) perf: topology::Perf,
    pub(crate) stalls_in_start_io: u32,
    pub(crate) refused: Vec<i32>,
    /// Values below the driver's key.
    pub(crate) registry: Vec<(&'static CStr, u32)>,
    /// The buffer that was lent for reading them.
    pub(crate) registry_buffer: Option<Box<u64>>,
    /// Numbers of the structured events.
    pub(crate) traced: Vec<u32>,
    pub(crate) mapped: u32,
    pub(crate) bus_data_reads: u32,
    pub(crate) callbacks: Vec<crash::Registered>,
}

/// A port driver with one adapter.
pub struct Simulator {
    machine: Machine,
    is_dump: bool,
    pub(crate) state: Rc<RefCell<State>>,
    extension: Vec<u64>,
    /// The configuration as the driver left it.
    pub config: PORT_CONFIGURATION_INFORMATION,
    ranges: Box<[ACCESS_RANGE; 6]>,
}

impl Simulator {
    /// A port on `machine` in which `entry` (the driver's entry point) has just registered an adapter.
    ///
    /// # Panics
    /// When the entry point fails or registers nothing.
    #[must_use]
    pub fn load(
        machine: Machine,
        is_dump: bool,
        entry: extern "system" fn(DriverObject, RegistryPath) -> i32,
    ) -> Self {
        let state = Rc::new(RefCell::new(State {
            messages: 2,
            ..State::default()
        }));
        let simulator = Self {
            machine,
            is_dump,
            state,
            extension: Vec::new(),
            config: PORT_CONFIGURATION_INFORMATION::default(),
            ranges: Box::default(),
        };
        simulator.attach();
        let (driver_object, registry_path) = arguments(is_dump);
        let status = entry(driver_object, registry_path);
        assert_eq!(status, 0, "the entry point failed");
        simulator
    }

    /// Makes this port the one that the exports of this thread belong to.
    pub fn attach(&self) {
        fake::reset();
        registers::connect(self.machine.device);
        let services = services::Services {
            machine: self.machine,
            state: Rc::clone(&self.state),
            is_dump: self.is_dump,
        };
        fake::answer(move |call| services.answer(call));
    }

    /// Puts a `REG_DWORD` below the driver's `Parameters\Device` key.
    pub fn set_parameter(&self, name: &'static CStr, value: u32) {
        self.state.borrow_mut().registry.push((name, value));
    }

    /// Numbers of the structured events that the driver wrote, in order.
    #[must_use]
    pub fn traced_events(&self) -> Vec<u32> {
        self.state.borrow().traced.clone()
    }

    /// Gives the adapter only so many messages; 0 is the line interrupt.
    pub fn limit_messages(&self, messages: u16) {
        self.state.borrow_mut().messages = messages;
    }

    /// What the driver registered.
    ///
    /// # Panics
    /// When it registered nothing.
    #[must_use]
    pub fn initialization(&self) -> HW_INITIALIZATION_DATA {
        let state = self.state.borrow();
        state.initialization.expect("StorPortInitialize was called")
    }

    pub(crate) fn extension(&mut self) -> *mut c_void {
        self.extension.as_mut_ptr().cast()
    }

    /// `HwStorFindAdapter` with this `DumpMode` and this context; returns its `SP_RETURN_*`.
    ///
    /// # Panics
    /// When the driver registered no such callback.
    pub fn find_adapter(&mut self, dump_mode: u8, dump_data: *mut c_void) -> u32 {
        let data = self.initialization();
        if self.extension.is_empty() {
            let words = (data.DeviceExtensionSize as usize).div_ceil(8);
            self.extension = std::vec![0; words];
        }
        self.ranges[0] = ACCESS_RANGE {
            RangeStart: LARGE_INTEGER {
                QuadPart: BAR_START.cast_signed(),
            },
            RangeLength: BAR_BYTES,
            RangeInMemory: 1,
        };
        self.config = PORT_CONFIGURATION_INFORMATION {
            Length: size_of::<PORT_CONFIGURATION_INFORMATION>() as u32,
            AdapterInterfaceType: data.AdapterInterfaceType,
            MaximumTransferLength: u32::MAX,
            NumberOfPhysicalBreaks: u32::MAX,
            NumberOfAccessRanges: 6,
            AccessRanges: (&raw mut *self.ranges).cast(),
            MiniportDumpData: dump_data,
            DumpMode: dump_mode,
            ..Default::default()
        };
        // SAFETY: the driver registered a HW_FIND_ADAPTER; the field has no type of its own.
        let find: unsafe extern "C" fn(
            *mut c_void,
            *mut c_void,
            *mut c_void,
            *mut i8,
            *mut PORT_CONFIGURATION_INFORMATION,
            *mut u8,
        ) -> u32 = unsafe { core::mem::transmute(data.HwFindAdapter) };
        let mut again = 1;
        let extension = self.extension();
        {
            let mut state = self.state.borrow_mut();
            // Each HwStorFindAdapter begins with an extension made anew, and the DPCs lay there.
            state.known_dpcs.clear();
            state.in_find_adapter = true;
        }
        // SAFETY: the extension has the registered size; everything else lives in `self` or is null.
        let result = unsafe {
            find(
                extension,
                core::ptr::null_mut(),
                core::ptr::null_mut(),
                core::ptr::null_mut(),
                &raw mut self.config,
                &raw mut again,
            )
        };
        self.state.borrow_mut().in_find_adapter = false;
        assert_eq!(again, 0, "Again was not cleared");
        result
    }

    /// `HwStorInitialize`, and `HwStorPassiveInitialize` if the driver asked for it.
    ///
    /// # Panics
    /// When the driver registered no such callback.
    pub fn initialize(&mut self) -> bool {
        let routine = self.initialization().HwInitialize.expect("HwInitialize");
        let extension = self.extension();
        // SAFETY: the extension is the adapter's.
        if unsafe { routine(extension) } == 0 {
            return false;
        }
        let passive = self.state.borrow_mut().passive.take();
        match passive {
            None => true,
            Some(address) => {
                // SAFETY: the driver passed a HW_PASSIVE_INITIALIZE_ROUTINE.
                let routine: unsafe extern "C" fn(*mut c_void) -> u8 =
                    unsafe { core::mem::transmute(address as usize) };
                // SAFETY: the extension is the adapter's.
                unsafe { routine(extension) != 0 }
            }
        }
    }

    /// Delivers the device's interrupts, as messages or by the line.
    ///
    /// # Panics
    /// When the driver registered no such callback.
    pub fn deliver_interrupts(&mut self) {
        let extension = self.extension();
        let messages = self.state.borrow().messages;
        for interrupt in self.machine.device.take_interrupts() {
            let hba::fake::Interrupt::Queue { vector, .. } = interrupt;
            if messages == 0 {
                self.poll();
                continue;
            }
            assert!(vector < messages, "an interrupt by vector {vector}");
            let routine = self.config.HwMSInterruptRoutine.expect("message routine");
            // SAFETY: the extension is the adapter's.
            unsafe { routine(extension, vector.into()) };
        }
    }

    /// Calls `HwStorInterrupt` once.
    ///
    /// # Panics
    /// When the driver registered no such callback.
    pub fn poll(&mut self) -> bool {
        let routine = self.initialization().HwInterrupt.expect("HwInterrupt");
        let extension = self.extension();
        // SAFETY: the extension is the adapter's.
        unsafe { routine(extension) != 0 }
    }

    /// Runs the DPCs that were issued.
    ///
    /// # Panics
    /// When a DPC was issued that was never initialised, or one keeps a lock.
    pub fn run_dpcs(&mut self) {
        let extension = self.extension();
        loop {
            let next = self.state.borrow_mut().dpcs.pop_front();
            let Some((object, argument)) = next else {
                return;
            };
            let known = self.state.borrow().known_dpcs.clone();
            let (_, routine) = known
                .into_iter()
                .find(|&(known, _)| known == object)
                .expect("an initialised DPC");
            // SAFETY: the driver passed a HW_DPC_ROUTINE.
            let routine: unsafe extern "C" fn(PSTOR_DPC, *mut c_void, *mut c_void, *mut c_void) =
                unsafe { core::mem::transmute(routine as usize) };
            // SAFETY: the object is the one that the driver issued, the extension its adapter's.
            unsafe {
                routine(
                    core::ptr::with_exposed_provenance_mut(object as usize),
                    extension,
                    core::ptr::without_provenance_mut(argument as usize),
                    core::ptr::null_mut(),
                );
            };
            assert!(!self.state.borrow().lock_held, "a DPC kept a lock");
        }
    }

    /// The burst is over: DPCs run, then the device works, then interrupts and their DPCs.
    pub fn settle(&mut self) {
        self.run_dpcs();
        self.machine.device.run();
        self.deliver_interrupts();
        self.run_dpcs();
    }

    /// Runs the timer out, if the driver started it; returns whether it had.
    pub fn expire_timer(&mut self) -> bool {
        let Some((routine, _)) = self.state.borrow_mut().timer.take() else {
            return false;
        };
        let extension = self.extension();
        // SAFETY: the driver passed a HW_TIMER.
        let routine: unsafe extern "C" fn(*mut c_void) =
            unsafe { core::mem::transmute(routine as usize) };
        self.state.borrow_mut().lock_held = true;
        // SAFETY: the extension is the adapter's.
        unsafe { routine(extension) };
        self.state.borrow_mut().lock_held = false;
        true
    }

    /// Microseconds after which the timer runs out; `None` when it is not started.
    #[must_use]
    pub fn timer(&self) -> Option<u32> {
        self.state
            .borrow()
            .timer
            .map(|(_, microseconds)| microseconds)
    }

    /// The marks set so far, in order.
    #[must_use]
    pub fn marks(&self) -> Vec<Mark> {
        self.state.borrow().marks.clone()
    }

    /// Address and size of the device extension.
    pub fn device_extension(&mut self) -> (u64, u64) {
        let bytes = self.initialization().DeviceExtensionSize;
        (self.extension().addr() as u64, bytes.into())
    }

    /// Address and asked-for size of the uncached extension.
    #[must_use]
    pub fn uncached_extension(&self) -> Option<(u64, u32)> {
        let (address, bytes) = self.state.borrow().uncached?;
        Some((address.addr() as u64, bytes))
    }

    /// How often the bus was reported as changed.
    #[must_use]
    pub fn bus_changes(&self) -> u32 {
        self.state.borrow().bus_changes
    }

    /// Queue depths set.
    #[must_use]
    pub fn queue_depths(&self) -> Vec<u32> {
        self.state.borrow().queue_depths.clone()
    }

    /// Turns a bit of byte `index` of the youngest pool block around.
    ///
    /// # Panics
    /// When there is no block, or it is too short.
    pub fn damage_pool(&self, index: usize) {
        let mut state = self.state.borrow_mut();
        let (_, block) = state.pool.last_mut().expect("a pool block");
        block[index / 8] ^= 1 << (index % 8 * 8);
    }

    /// Register ranges mapped, and reads of configuration space.
    #[must_use]
    pub fn hardware_touches(&self) -> (u32, u32) {
        let state = self.state.borrow();
        (state.mapped, state.bus_data_reads)
    }

    /// Times that `HwStorStartIo` stalled.
    #[must_use]
    pub fn stalls_in_start_io(&self) -> u32 {
        self.state.borrow().stalls_in_start_io
    }

    /// Services asked for that the dump stack does not have.
    #[must_use]
    pub fn refused_services(&self) -> Vec<i32> {
        self.state.borrow().refused.clone()
    }

    /// Moves device extension and uncached extension, contents and all, to another life of the driver on the same memory: what the resumed system has.
    pub fn inherit(&mut self, earlier: &mut Self) {
        self.extension = core::mem::take(&mut earlier.extension);
        self.state.borrow_mut().uncached = earlier.state.borrow().uncached;
    }
}
