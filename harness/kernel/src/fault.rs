//! Exceptions: what a driver did wrong ends the simulated system with a bug check, what the kernel did wrong is its own
//! panic; and page faults that the bench provoked on purpose go to its [`Hook`]s.

use alloc::{format, string::String, vec::Vec};

use proto::{owner::Role, record::PhysicalRange};

use crate::{
    call, crash,
    hw::{cpu, entry::Frame, layout},
    image,
    irql::{self, DISPATCH_LEVEL},
    measure::doorbell,
    mem::{PAGE_BYTES, Va, paging},
    processors::{self, giant, race, signal},
    record,
    sync::Lock,
};

/// `DRIVER_IRQL_NOT_LESS_OR_EQUAL`.
const IRQL_NOT_LESS_OR_EQUAL: u32 = 0xD1;
/// `SYSTEM_THREAD_EXCEPTION_NOT_HANDLED`.
const EXCEPTION_NOT_HANDLED: u32 = 0x7E;
/// `UNEXPECTED_KERNEL_MODE_TRAP`.
const UNEXPECTED_TRAP: u32 = 0x7F;
/// `KERNEL_SECURITY_CHECK_FAILURE`.
const SECURITY_CHECK_FAILURE: u32 = 0x139;
/// `STATUS_ACCESS_VIOLATION`.
const ACCESS_VIOLATION: u64 = 0xC000_0005;
/// `STATUS_BREAKPOINT`.
const BREAKPOINT: u64 = 0x8000_0003;
/// `STATUS_ILLEGAL_INSTRUCTION`.
const ILLEGAL_INSTRUCTION: u64 = 0xC000_001D;
/// `STATUS_INTEGER_DIVIDE_BY_ZERO`.
const DIVIDE_BY_ZERO: u64 = 0xC000_0094;
/// `STATUS_ASSERTION_FAILURE`.
const ASSERTION_FAILURE: u64 = 0xC000_0420;

const DIVIDE: u64 = 0;
const DEBUG: u64 = 1;
const NMI: u64 = 2;
const BREAK: u64 = 3;
const INVALID_OPCODE: u64 = 6;
const DOUBLE_FAULT: u64 = 8;
const PROTECTION: u64 = 13;
const PAGE_FAULT: u64 = 14;
/// RFLAGS.TF: one more instruction, then a debug exception.
const TRAP_FLAG: u64 = 1 << 8;

/// What a faulting instruction wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultAccess {
    /// To read.
    Read,
    /// To write.
    Write,
    /// To execute.
    Execute,
}

/// A page fault in driver code.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// The address that was accessed.
    pub address: Va,
    /// How.
    pub access: FaultAccess,
    /// The instruction that did it.
    pub instruction: Va,
    /// The instance whose code it is.
    pub role: Option<Role>,
}

/// What to do about a page fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultAction {
    /// Not this hook's: ask the next one; after the last, the system stops.
    Pass,
    /// The cause is removed: execute the instruction again.
    Retry,
}

/// Looks at a page fault of a driver, with interrupts disabled, on a small stack of its own.
pub type Hook = fn(&Fault) -> FaultAction;

static HOOKS: Lock<Vec<Hook>> = Lock::new(Vec::new());

/// Adds a hook.
pub fn add_hook(hook: Hook) {
    HOOKS.lock().push(hook);
}

/// What the entry code calls for exceptions, with interrupts disabled. Yields the flags to go on with.
pub(crate) fn handle(frame: &Frame) -> u64 {
    if frame.vector == PAGE_FAULT
        && let Some(flags) = race::on_fault(frame)
    {
        return flags;
    }
    let caught = match frame.vector {
        PAGE_FAULT => doorbell::begin(cpu::fault_address()),
        DEBUG => doorbell::end(),
        _ => false,
    };
    if caught {
        return match frame.vector {
            PAGE_FAULT => frame.flags | TRAP_FLAG,
            _ => frame.flags & !TRAP_FLAG,
        };
    }
    decide(frame);
    frame.flags
}

/// An exception that nobody wanted to see, but for page faults that a [`Hook`] knows.
fn decide(frame: &Frame) {
    if frame.vector == NMI {
        if !signal::take_message(frame) {
            crash::nmi(frame);
        }
        return;
    }
    let entered = giant::enter();
    look_at(frame);
    giant::leave(entered);
}

/// Comes back if the instruction is to be executed again.
fn look_at(frame: &Frame) {
    let role = image::find(frame.instruction()).map(|place| place.role);
    if frame.vector == PAGE_FAULT {
        let fault = Fault {
            address: cpu::fault_address(),
            access: access_of(frame.error),
            instruction: frame.instruction(),
            role,
        };
        if was_repaired(&fault) {
            return;
        }
        let hooks = HOOKS.try_lock().map(|hooks| hooks.clone());
        for hook in hooks.unwrap_or_default() {
            if hook(&fault) == FaultAction::Retry {
                return;
            }
        }
        stop_for_page_fault(frame, &fault);
    }
    let in_kernel = is_kernel_text(frame.instruction());
    assert!(
        !in_kernel,
        "exception {} (error {:#x}) in the kernel at {:#x}",
        frame.vector, frame.error, frame.rip
    );
    let (code, first, what) = match frame.vector {
        DIVIDE => (EXCEPTION_NOT_HANDLED, DIVIDE_BY_ZERO, "division by zero"),
        BREAK => (EXCEPTION_NOT_HANDLED, BREAKPOINT, "breakpoint instruction"),
        INVALID_OPCODE => (
            EXCEPTION_NOT_HANDLED,
            ILLEGAL_INSTRUCTION,
            "invalid instruction",
        ),
        PROTECTION => (
            EXCEPTION_NOT_HANDLED,
            ACCESS_VIOLATION,
            "general protection fault",
        ),
        DOUBLE_FAULT => (UNEXPECTED_TRAP, DOUBLE_FAULT, "double fault"),
        other => (UNEXPECTED_TRAP, other, "unexpected exception"),
    };
    let text = format!("{what} at {}", image::symbolise(frame.instruction()));
    stop(code, [first, frame.rip, 0, 0], text, frame);
}

/// Whether another processor made the page accessible while this one waited to report the fault.
fn was_repaired(fault: &Fault) -> bool {
    !processors::is_single()
        && fault.access != FaultAccess::Execute
        && paging::look_up(fault.address)
            .is_some_and(|page| page.writable || fault.access == FaultAccess::Read)
}

/// `int 29h` and `int 2Ch`.
pub(crate) fn trap(frame: &Frame) -> ! {
    // Not given back: the system ends here.
    let _ = giant::enter();
    let place = image::symbolise(frame.instruction());
    if frame.vector == 0x29 {
        let text = format!("fast fail with code {} at {place}", frame.rcx);
        stop(SECURITY_CHECK_FAILURE, [frame.rcx, 0, 0, 0], text, frame)
    }
    let text = format!("assertion failed at {place}");
    stop(
        EXCEPTION_NOT_HANDLED,
        [ASSERTION_FAILURE, frame.rip, 0, 0],
        text,
        frame,
    )
}

fn stop_for_page_fault(frame: &Frame, fault: &Fault) -> ! {
    let how = match fault.access {
        FaultAccess::Read => "read",
        FaultAccess::Write => "write",
        FaultAccess::Execute => "execution",
    };
    assert!(
        !is_kernel_text(fault.instruction),
        "page fault in the kernel: {how} of {} at {}, called from {:x?}",
        fault.address,
        fault.instruction,
        call::trace_from(fault.instruction, Va(frame.rsp)),
    );
    let place = image::symbolise(fault.instruction);
    if is_used_up_stack(frame, fault) {
        let text = format!("the stack is used up at {} by {place}", fault.address);
        stop(UNEXPECTED_TRAP, [DOUBLE_FAULT, 0, 0, 0], text, frame)
    }
    let hint = hint_for(fault.address);
    let text = format!("{how} of {}{hint} by {place}", fault.address);
    let level = irql::current();
    if level >= DISPATCH_LEVEL {
        let kind = match fault.access {
            FaultAccess::Read => 0,
            FaultAccess::Write => 1,
            FaultAccess::Execute => 8,
        };
        let parameters = [fault.address.0, level.into(), kind, frame.rip];
        stop(IRQL_NOT_LESS_OR_EQUAL, parameters, text, frame)
    }
    let parameters = [ACCESS_VIOLATION, frame.rip, fault.address.0, 0];
    stop(EXCEPTION_NOT_HANDLED, parameters, text, frame)
}

/// A fault right at the stack pointer means that the stack ends there. Windows has no stack left to deliver it on and stops
/// with a double fault, so that is what is reported.
fn is_used_up_stack(frame: &Frame, fault: &Fault) -> bool {
    fault.access != FaultAccess::Execute && fault.address.0.abs_diff(frame.rsp) < PAGE_BYTES
}

/// What lies near an address that is not mapped.
fn hint_for(address: Va) -> String {
    if address.0 < 0x1_0000 {
        return String::from(" (null pointer)");
    }
    let stacks = [layout::main_stack(), layout::hibernate_stack()];
    let below =
        |stack: &PhysicalRange| (stack.address - PAGE_BYTES..stack.address).contains(&address.0);
    if stacks.iter().any(below) {
        return String::from(" (the stack is used up)");
    }
    let near = [0_u64, 4096].into_iter().find_map(|back| {
        let page = Va(address.0.wrapping_sub(back)).page();
        crate::mem::find_near(page)
    });
    match near {
        Some(block) => format!(
            " ({} bytes after the start of {}, which has {} bytes)",
            address.0.wrapping_sub(block.va.0),
            block.name,
            block.bytes
        ),
        None => String::new(),
    }
}

fn stop(code: u32, parameters: [u64; 4], text: String, frame: &Frame) -> ! {
    let trace = call::trace_from(frame.instruction(), Va(frame.rsp));
    record::bugcheck_at(code, parameters, text, trace, frame)
}

/// The error code of a page fault (Intel SDM volume 3, 4.7).
const fn access_of(error: u64) -> FaultAccess {
    if error & 0x10 != 0 {
        FaultAccess::Execute
    } else if error & 2 != 0 {
        FaultAccess::Write
    } else {
        FaultAccess::Read
    }
}

fn is_kernel_text(va: Va) -> bool {
    let text = layout::kernel_text();
    (text.address..text.address + text.bytes).contains(&va.0)
}
