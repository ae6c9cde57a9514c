//! Interrupts: the local APIC, the I/O APIC, MSI-X messages and who handles them.
//!
//! Handlers run at the IRQL that they were connected at, with interrupts enabled, and the end of interrupt is signalled
//! after they return. Connections live through a hibernation: [`reprogram`] writes all of them again. Each message goes to
//! one processor, which its owner names, the line to processor 0.

use alloc::{collections::BTreeMap, vec::Vec};
use core::{
    fmt,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

use crate::{
    call, dpc,
    hw::{cpu, port},
    irql::{self, DEVICE_LEVEL_HIGH, DEVICE_LEVEL_LOW, DISPATCH_LEVEL, Irql},
    mem::Pa,
    pci::Function,
    processors::{
        self, Each, MOST,
        giant::{self, For},
    },
    sync::Lock,
    timer,
};

mod apic;

/// Interrupt that drains a processor's DPC queue.
const DISPATCH_VECTOR: u8 = 0x2F;
/// The local APIC's timer.
const CLOCK_VECTOR: u8 = 0xD0;
/// Ends a wait of another processor.
const WAKE_VECTOR: u8 = 0xF1;
/// What the local APIC sends when an interrupt went away.
const SPURIOUS_VECTOR: u8 = 0xFF;

/// What is called.
#[derive(Clone, Copy, Debug)]
pub struct Handler {
    /// The routine.
    pub routine: fn(u64),
    /// Its argument.
    pub context: u64,
    /// At which level, 3 to 12.
    pub irql: Irql,
    /// Its name in reports.
    pub name: &'static str,
}

/// A connected handler; give it to [`disconnect`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The processor's vector.
    pub vector: u8,
}

/// Where an interrupt comes from.
#[derive(Clone, Copy, Debug)]
enum Source {
    Message {
        function: Function,
        index: u16,
        processor: usize,
    },
    Line {
        pin: u8,
    },
}

/// Why a handler cannot be connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InterruptError {
    /// The level is none for devices.
    Level,
    /// All vectors of the level are taken.
    NoVector,
    /// The device has no MSI-X capability, or its table has no such entry.
    NoMessage,
    /// The device has no interrupt line.
    NoLine,
}

impl fmt::Display for InterruptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Level => "the level is none for devices",
            Self::NoVector => "all vectors of the level are taken",
            Self::NoMessage => "the device has no such interrupt message",
            Self::NoLine => "the device has no interrupt line",
        })
    }
}

/// Whether interrupts were enabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flag {
    /// They were.
    Enabled,
    /// They were not.
    Disabled,
}

static CONNECTIONS: Lock<BTreeMap<u8, (Handler, Source)>> = Lock::new(BTreeMap::new());
static DELIVERED: AtomicU64 = AtomicU64::new(0);
/// Interrupt routines and DPCs run with interrupts disabled.
static HELD_BACK: AtomicBool = AtomicBool::new(false);
/// Processors that are in [`wait`].
static WAITING: Each<AtomicBool> = Each::new([const { AtomicBool::new(false) }; MOST]);

/// Lets no interrupt come into interrupt routines and DPCs from now on, or lets them again: for measurements, in which the
/// device may only interrupt when it is asked to.
pub fn hold_back(all: bool) {
    HELD_BACK.store(all, Ordering::Relaxed);
}

/// Disables interrupts; returns what to [`restore`].
#[must_use]
pub fn disable() -> Flag {
    let flag = if cpu::interrupts_enabled() {
        Flag::Enabled
    } else {
        Flag::Disabled
    };
    cpu::disable_interrupts();
    flag
}

/// Undoes [`disable`].
pub fn restore(flag: Flag) {
    if flag == Flag::Enabled {
        cpu::enable_interrupts();
    }
}

/// Enables interrupts.
pub fn enable() {
    cpu::enable_interrupts();
}

/// Whether interrupts are enabled.
#[must_use]
pub fn enabled() -> bool {
    cpu::interrupts_enabled()
}

/// Waits for one interrupt, or for the end of another processor's DPCs. Interrupts are enabled afterwards; below
/// `DISPATCH_LEVEL` the DPC queue is empty then. What the caller looked at before with interrupts disabled is still so when
/// the wait begins, or the wait ends at once.
pub fn wait() {
    let waiting = WAITING.of(processors::current());
    waiting.store(true, Ordering::SeqCst);
    let given_up = giant::give_up(For::Waiting);
    cpu::wait_for_interrupt();
    giant::take_back(given_up);
    waiting.store(false, Ordering::SeqCst);
    if irql::current() < DISPATCH_LEVEL {
        dpc::drain();
    }
}

/// Device interrupts delivered so far.
#[must_use]
pub fn count() -> u64 {
    DELIVERED.load(Ordering::Relaxed)
}

/// Prepares the controllers at boot: everything masked, the local APIC enabled.
pub fn init() {
    apic::map();
    apic::start();
}

/// Connects a handler on `processor` to an entry of the device's MSI-X table and unmasks the entry. The capability itself is
/// switched on by `Function::set_msix`.
///
/// # Errors
/// The first [`InterruptError`] that applies.
pub fn connect_msix(
    function: &Function,
    index: u16,
    processor: usize,
    handler: Handler,
) -> Result<Connection, InterruptError> {
    let table = function.msix().ok_or(InterruptError::NoMessage)?;
    if index >= table.entries {
        return Err(InterruptError::NoMessage);
    }
    let source = Source::Message {
        function: *function,
        index,
        processor,
    };
    connect(source, handler)
}

/// Connects a handler to the device's interrupt line.
///
/// # Errors
/// The first [`InterruptError`] that applies.
pub fn connect_line(function: &Function, handler: Handler) -> Result<Connection, InterruptError> {
    let pin = function.line().ok_or(InterruptError::NoLine)?;
    connect(Source::Line { pin }, handler)
}

/// Masks the source and forgets the handler.
pub fn disconnect(connection: Connection) {
    let removed = CONNECTIONS.lock().remove(&connection.vector);
    if let Some((_, source)) = removed {
        match source {
            Source::Message {
                function, index, ..
            } => function.mask_message(index),
            Source::Line { pin } => apic::mask_pin(pin),
        }
    }
}

/// Writes the controllers and all live connections again, after the machine was new.
pub fn reprogram() {
    apic::start();
    let live: Vec<(u8, Source)> = CONNECTIONS
        .lock()
        .iter()
        .map(|(&vector, &(_, source))| (vector, source))
        .collect();
    for (vector, source) in live {
        program(vector, source);
    }
    if dpc::pending_here() != 0 {
        request_dispatch(processors::current());
    }
}

/// Asks for an interrupt at `DISPATCH_LEVEL` on processor `number`.
pub(crate) fn request_dispatch(number: usize) {
    if number == processors::current() {
        apic::send_to_self(DISPATCH_VECTOR);
    } else {
        apic::send(number, DISPATCH_VECTOR);
    }
}

/// Ends a wait of processor `number`, or brings it to look whether it is to stand still.
pub(crate) fn wake(number: usize) {
    apic::send(number, WAKE_VECTOR);
}

/// Ends the waits of all others.
pub(crate) fn wake_waiting() {
    for number in processors::all_others() {
        if WAITING.of(number).load(Ordering::SeqCst) {
            wake(number);
        }
    }
}

/// Sends a non-maskable interrupt to processor `number`.
pub(crate) fn send_non_maskable(number: usize) {
    apic::send_non_maskable(number);
}

/// Starts processor `number`, which is in reset or does something else that ends with this, at `page`.
pub(crate) fn start_processor(number: usize, page: Pa) {
    apic::send_init(number);
    timer::stall_us(10_000);
    for _ in 0..2 {
        apic::send_start_up(number, page);
        timer::stall_us(200);
    }
}

/// Enables this processor's local APIC.
///
/// # Panics
/// If its identification is not `number`: messages would go astray.
pub(crate) fn start_local(number: usize) {
    apic::start_local();
    assert!(
        apic::id() == number,
        "processor {number} has the APIC identification {}",
        apic::id()
    );
}

/// Sets the one-shot clock, which is processor 0's; 0 stops it. Another processor has it set by an interrupt.
pub(crate) fn set_clock(ticks: u32) {
    if processors::current() == 0 {
        apic::set_timer(CLOCK_VECTOR, ticks);
    } else {
        apic::send(0, CLOCK_VECTOR);
    }
}

/// Remaining ticks of the one-shot clock.
pub(crate) fn clock_ticks() -> u32 {
    apic::timer_ticks()
}

/// What the entry code calls, with interrupts disabled.
pub(crate) fn deliver(vector: u8) {
    if vector == SPURIOUS_VECTOR {
        return;
    }
    if vector == WAKE_VECTOR {
        return apic::end_of_interrupt();
    }
    let start = timer::instructions();
    let entered = giant::enter();
    let interrupted = irql::raise(vector >> 4);
    match vector {
        DISPATCH_VECTOR => {
            apic::end_of_interrupt();
            if !HELD_BACK.load(Ordering::Relaxed) {
                cpu::enable_interrupts();
            }
            dpc::drain();
            cpu::disable_interrupts();
        }
        CLOCK_VECTOR => {
            timer::tick();
            apic::end_of_interrupt();
        }
        _ => {
            DELIVERED.fetch_add(1, Ordering::Relaxed);
            let handler = CONNECTIONS.lock().get(&vector).map(|&(handler, _)| handler);
            if let Some(handler) = handler {
                if !HELD_BACK.load(Ordering::Relaxed) {
                    cpu::enable_interrupts();
                }
                (handler.routine)(handler.context);
                cpu::disable_interrupts();
            }
            apic::end_of_interrupt();
        }
    }
    cpu::write_cr8(interrupted);
    call::interrupted(timer::instructions().wrapping_sub(start));
    giant::leave(entered);
}

fn connect(source: Source, handler: Handler) -> Result<Connection, InterruptError> {
    if !(DEVICE_LEVEL_LOW..=DEVICE_LEVEL_HIGH).contains(&handler.irql) {
        return Err(InterruptError::Level);
    }
    let mut connections = CONNECTIONS.lock();
    let vector = (0..16)
        .map(|number| handler.irql << 4 | number)
        .find(|vector| !connections.contains_key(vector))
        .ok_or(InterruptError::NoVector)?;
    connections.insert(vector, (handler, source));
    drop(connections);
    program(vector, source);
    Ok(Connection { vector })
}

fn program(vector: u8, source: Source) {
    match source {
        Source::Message {
            function,
            index,
            processor,
        } => {
            function.set_message(index, apic::message_address(processor), u32::from(vector));
        }
        Source::Line { pin } => apic::set_pin(pin, vector),
    }
}

/// Masks both ancient interrupt controllers for good.
fn mask_pics() {
    port::out8(0x21, 0xFF);
    port::out8(0xA1, 0xFF);
}
