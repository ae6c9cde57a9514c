//! Calls into drivers: which callback runs, where its frames begin, what it may leave behind.
//!
//! [`invoke`] is the only way into a driver image; the driver's code runs without the bench kernel's lock. [`set_hooks`] lets the rules look at every entry and exit.

use alloc::{format, string::String, vec::Vec};
use core::sync::atomic::{AtomicU64, Ordering};

pub use kind::CallbackKind;
use proto::owner::Role;

use crate::{
    exports,
    hw::{cpu, stubs},
    image,
    irql::{self, Irql},
    measure,
    mem::{self, Va},
    processors::{
        self, Each, MOST, at_work, delay,
        giant::{self, For},
        race,
    },
    sync::Lock,
    timer,
};

mod kind;

/// Return addresses that a trace holds at most.
const TRACE_LIMIT: usize = 32;
/// Bytes of stack that a trace looks through at most.
const SCAN_BYTES: u64 = 16 << 10;
/// Longest call instruction that a return address is checked against.
const CALL_BYTES: u64 = 7;

/// A callback of a driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Callback {
    /// The instance.
    pub role: Role,
    /// Which of the documented callbacks.
    pub kind: CallbackKind,
    /// What reports call it.
    pub name: &'static str,
}

/// What a callback left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// IRQL at which it was called.
    pub irql_before: Irql,
    /// IRQL at which it returned.
    pub irql_after: Irql,
    /// Instructions that it took, nested callbacks and exports included.
    pub instructions: u64,
    /// Instructions of its own code: without exports, what they called, and interrupts.
    pub own_instructions: u64,
}

/// What looks at every callback.
#[derive(Clone, Copy, Debug)]
pub struct Hooks {
    /// Right before the call.
    pub enter: fn(&Callback),
    /// Right after the return.
    pub leave: fn(&Callback, Left),
}

/// Result of [`invoke_measured`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// Content of RAX; the caller cuts it to the type that the callback returns.
    pub returned: u64,
    /// Instructions that it took, nested callbacks and exports included.
    pub instructions: u64,
    /// Instructions of its own code: without exports, what they called, and interrupts.
    pub own_instructions: u64,
}

/// Where a violation happened.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// The instance.
    pub role: Option<Role>,
    /// The callbacks that are running, outermost first.
    pub callback: String,
    /// Return addresses into the driver's images and the last export calls, newest first.
    pub trace: Vec<String>,
}

/// A callback that is running.
struct Active {
    callback: Callback,
    /// Stack pointer at its entry: its frames lie below.
    stack_top: u64,
    /// Exports that it is in, outermost first: the argument array and the return address.
    exports: Vec<(Va, Va)>,
    /// Instructions that were not its own so far.
    foreign_instructions: u64,
    /// Exports that it called and doorbells that were caught: each way there and back is the bench's too.
    ways: measure::Ways,
}

/// The callbacks that run, by processor, outermost first.
static ACTIVE: Lock<Each<Vec<Active>>> = Lock::new(Each::new([const { Vec::new() }; MOST]));
static HOOKS: Lock<Option<Hooks>> = Lock::new(None);
/// Top of the stack on which the next `HwStorStartIo` runs; 0: the stack of the moment.
static TIGHT_STACK: AtomicU64 = AtomicU64::new(0);

/// Runs the next `HwStorStartIo` on the stack that ends at `top`: one that is too small brings the system down.
pub fn tighten_next_start_io(top: Va) {
    TIGHT_STACK.store(top.0, Ordering::Relaxed);
}

/// Sets what looks at every callback.
pub fn set_hooks(hooks: Hooks) {
    *HOOKS.lock() = Some(hooks);
}

/// Calls a driver's routine at the current IRQL; returns its RAX.
#[expect(clippy::must_use_candidate, reason = "many callbacks return nothing")]
pub fn invoke(callback: Callback, entry: Va, args: &[u64]) -> u64 {
    invoke_measured(callback, entry, args).returned
}

/// As [`invoke`], with the number of instructions. The IRQL is put back if the driver changed it (the hooks are told
/// the one that it left).
pub fn invoke_measured(callback: Callback, entry: Va, args: &[u64]) -> Invocation {
    let mut slots: Vec<u64> = args.to_vec();
    slots.resize(args.len().max(4), 0);
    if callback.role == Role::Normal {
        race::maybe_begin();
    }
    ACTIVE.lock().of_mut(processors::current()).push(Active {
        callback,
        stack_top: cpu::stack_pointer().0,
        exports: Vec::new(),
        foreign_instructions: 0,
        ways: measure::Ways::default(),
    });
    let hooks = *HOOKS.lock();
    if let Some(hooks) = hooks {
        (hooks.enter)(&callback);
    }
    let irql_before = irql::current();
    cpu::default_float_state();
    let stack = if callback.kind == CallbackKind::StartIo {
        TIGHT_STACK.swap(0, Ordering::Relaxed)
    } else {
        0
    };
    at_work::begin();
    let given_up = giant::give_up(For::Driver);
    delay::maybe();
    if stack == 0 && callback.role == Role::Normal {
        delay::arm();
    }
    let start = timer::instructions();
    let returned = stubs::call(entry, &slots, Va(stack));
    let instructions = timer::instructions().wrapping_sub(start);
    delay::disarm();
    giant::take_back(given_up);
    let irql_after = irql::current();
    let foreign = ACTIVE
        .lock()
        .of(processors::current())
        .last()
        .map_or(0, |active| {
            active.foreign_instructions + active.ways.instructions()
        });
    let own_instructions = instructions.saturating_sub(foreign);
    measure::callback(callback.name, own_instructions);
    if let Some(hooks) = hooks {
        (hooks.leave)(
            &callback,
            Left {
                irql_before,
                irql_after,
                instructions,
                own_instructions,
            },
        );
    }
    if irql_after != irql_before {
        irql::lower(irql_before);
    }
    ACTIVE.lock().of_mut(processors::current()).pop();
    Invocation {
        returned,
        instructions,
        own_instructions,
    }
}

/// The callback that runs on this processor, the innermost one.
#[must_use]
pub fn current() -> Option<Callback> {
    let active = ACTIVE.lock();
    let innermost = active.of(processors::current()).last();
    innermost.map(|active| active.callback)
}

/// All callbacks that run on this processor, outermost first (an interrupt handler's nest inside what it interrupted).
#[must_use]
pub fn stack() -> Vec<Callback> {
    let active = ACTIVE.lock();
    let running = active.of(processors::current()).iter();
    running.map(|active| active.callback).collect()
}

/// Names of the callbacks that run on processor `number`, outermost first.
#[must_use]
pub fn names_on(number: usize) -> String {
    let active = ACTIVE.lock();
    let running = active.of(number).iter();
    let names: Vec<&str> = running.map(|active| active.callback.name).collect();
    names.join(" > ")
}

/// Whether no processor runs a callback.
#[must_use]
pub fn is_nobody_inside() -> bool {
    ACTIVE.lock().iter().all(|(_, active)| active.is_empty())
}

/// Where we are, for a violation.
#[must_use]
pub fn context() -> Context {
    let mut trace: Vec<String> = trace()
        .into_iter()
        .map(|address| image::symbolise(Va(address)))
        .collect();
    trace.extend(
        exports::recent(6)
            .into_iter()
            .map(|text| format!("earlier call: {text}")),
    );
    Context {
        role: current().map(|callback| callback.role),
        callback: names_on(processors::current()),
        trace,
    }
}

/// Return addresses into driver images, newest first, of the driver code that is running or waits for an export.
#[must_use]
pub fn trace() -> Vec<u64> {
    let newest = ACTIVE.try_lock().and_then(|active| {
        let exports = active.of(processors::current()).last()?.exports.last();
        exports.map(|&(args, return_address)| (return_address, args))
    });
    match newest {
        Some((return_address, args)) => trace_from(return_address, args),
        None => trace_from(Va::NULL, cpu::stack_pointer()),
    }
}

/// The same, from an instruction and a stack pointer on.
///
/// Frames are found by looking for return addresses on the stack: values that point into a driver's code right behind
/// a call instruction. Stale ones may slip in; the first is exact.
#[must_use]
pub fn trace_from(instruction: Va, stack_pointer: Va) -> Vec<u64> {
    let mut trace = Vec::new();
    if image::find(instruction).is_some() {
        trace.push(instruction.0);
    }
    let end = ACTIVE
        .try_lock()
        .and_then(|active| {
            let innermost = active.of(processors::current()).last();
            innermost.map(|active| active.stack_top)
        })
        .unwrap_or(u64::MAX)
        .min(stack_pointer.0.saturating_add(SCAN_BYTES));
    let mut slot = Va(stack_pointer.0.next_multiple_of(8));
    while slot.0 < end && trace.len() < TRACE_LIMIT {
        let Ok(value) = mem::read::<u64>(slot) else {
            break;
        };
        if is_return_address(Va(value)) {
            trace.push(value);
        }
        slot = slot.offset(8);
    }
    trace
}

/// Notes that the running callback entered an export.
pub(crate) fn enter_export(args: Va, return_address: Va) {
    if let Some(active) = ACTIVE.lock().of_mut(processors::current()).last_mut() {
        active.exports.push((args, return_address));
    }
}

/// Notes that it left again, after that many instructions.
pub(crate) fn leave_export(instructions: u64) {
    if let Some(active) = ACTIVE.lock().of_mut(processors::current()).last_mut() {
        active.exports.pop();
        if active.exports.is_empty() {
            active.foreign_instructions += instructions;
            active.ways.exports += 1;
        }
    }
}

/// Notes that a doorbell of the running callback was caught, by handlers that took that many instructions.
pub(crate) fn caught(instructions: u64) {
    if let Some(active) = ACTIVE.lock().of_mut(processors::current()).last_mut()
        && active.exports.is_empty()
    {
        active.foreign_instructions += instructions;
        active.ways.doorbells += 1;
    }
}

/// Notes that the running callback was interrupted for that many instructions.
pub(crate) fn interrupted(instructions: u64) {
    if let Some(active) = ACTIVE.lock().of_mut(processors::current()).last_mut()
        // An export's time counts as a whole.
        && active.exports.is_empty()
    {
        active.foreign_instructions += instructions;
    }
}

/// Whether a value points into a driver's code right behind a call.
fn is_return_address(va: Va) -> bool {
    let Some(place) = image::find(va) else {
        return false;
    };
    if !place.executable {
        return false;
    }
    let mut before = [0; 7];
    if mem::read_bytes(Va(va.0.wrapping_sub(CALL_BYTES)), &mut before).is_err() {
        return false;
    }
    ends_in_call(before)
}

/// Whether seven bytes end in a call: `E8 rel32`, or `FF /2` with a register, an 8-bit or a 32-bit displacement.
const fn ends_in_call(bytes: [u8; 7]) -> bool {
    let [b7, b6, b5, b4, b3, b2, b1] = bytes;
    b5 == 0xE8
        || (b2 == 0xFF && indirect_call(b1))
        || (b3 == 0xFF && indirect_call(b2))
        || (b4 == 0xFF && indirect_call(b3))
        || (b6 == 0xFF && indirect_call(b5))
        || (b7 == 0xFF && indirect_call(b6))
}

/// The operation field of `FF` that means a near call.
const fn indirect_call(modrm: u8) -> bool {
    modrm >> 3 & 7 == 2
}
