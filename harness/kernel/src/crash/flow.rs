//! From the bug check to the power-off: what is ready for it, who takes over, in which order things happen.
//!
//! Order: interrupts off and `HIGH_LEVEL`; the owner map for the host; a copy of everything that the dump itself will
//! change ([`Shadow`]), right before the host saves all memory, so that the dump holds what the host saw; the crash
//! stack's copy is entered; the dump is written.
//!
//! A non-maskable interrupt may come at any instruction. The bench finishes its own bookkeeping first ([`nmi`]): NT's
//! would not survive that either, but the bench has to give account of what happened.

use alloc::{format, string::String, vec::Vec};
use core::sync::atomic::{AtomicBool, Ordering};

use proto::{
    hiber::PAGE_BYTES,
    owner::{Owner, Role},
    record::{Checkpoint, PhysicalRange, Record},
    scenario::{DumpKind, Partition},
};

use super::{header::Bugcheck, live, writer};
use crate::{
    bugcheck::run as run_callbacks,
    call,
    dump::{instance, mode::DumpMode, stack::DumpStack},
    hibernate::freeze::Shadow,
    hw::{entry::Frame, switch},
    image, interrupt, irql,
    mem::{self, Presence, Va},
    mmio, power,
    processors::{at_work, giant, signal},
    record, rules,
    sync::Lock,
    timer,
};

/// `NMI_HARDWARE_FAILURE`.
const NMI_HARDWARE_FAILURE: u32 = 0x80;

/// What is ready for a crash.
#[derive(Debug)]
pub struct Plan {
    /// What the dump is to hold.
    pub kind: DumpKind,
    /// Where it goes.
    pub partition: Partition,
    /// Bytes per sector of the disk.
    pub sector_bytes: u32,
    /// Seed of the writer's choices.
    pub seed: u64,
    /// The crash stack.
    pub stack: DumpStack,
    /// Pages set aside for what the dump itself will change ([`changes_in_dump`]).
    pub shadow: Shadow,
    /// Pages through which headers go: as many as a request can carry.
    pub bounce: Vec<PhysicalRange>,
}

/// A bug check.
#[derive(Clone, Copy, Debug)]
pub(super) struct BugCheck {
    /// Its code.
    pub code: u32,
    /// Its parameters.
    pub parameters: [u64; 4],
    /// The registers at that moment.
    pub registers: Frame,
}

/// Time in which the device does what it was told of before the crash. Until its answers are there, copies of memory that are taken one after
/// the other differ.
const DEVICE_US: u64 = 20_000;

static ARMED: AtomicBool = AtomicBool::new(false);
static PLAN: Lock<Option<Plan>> = Lock::new(None);
static BUG_CHECK: Lock<Option<BugCheck>> = Lock::new(None);
static NMI_PENDING: AtomicBool = AtomicBool::new(false);
static NMI_FRAME: Lock<Option<Frame>> = Lock::new(None);

/// Does writing a dump change pages of this owner? They are copied before.
#[must_use]
pub const fn changes_in_dump(owner: Owner) -> bool {
    matches!(
        owner,
        Owner::KernelData
            | Owner::KernelStack
            | Owner::HibernateStack
            | Owner::PageTables
            | Owner::Image(_)
            | Owner::DumpPort(Role::Crash)
            | Owner::DeviceExtension(_)
            | Owner::UncachedExtension(Role::Crash)
            | Owner::Request(Role::Crash)
            | Owner::DumpContext(_)
            | Owner::Scratch
    )
}

/// From now on a bug check writes a dump. `PASSIVE_LEVEL`.
pub fn arm(plan: Plan) {
    *PLAN.lock() = Some(plan);
    crate::sync::call_after_last(after_last_lock);
    ARMED.store(true, Ordering::SeqCst);
}

/// Goes on after a bug check that has been reported; returns only if nobody called [`arm`], or if the dump itself
/// brought the system down.
pub fn take_over(code: u32, parameters: [u64; 4], registers: &Frame) {
    if !ARMED.swap(false, Ordering::SeqCst) {
        return;
    }
    let _ = interrupt::disable();
    let _ = irql::raise(irql::HIGH_LEVEL);
    signal::stop_others();
    *BUG_CHECK.lock() = Some(BugCheck {
        code,
        parameters,
        registers: *registers,
    });
    switch::leave(run)
}

/// A non-maskable interrupt: the system stops, now or when the bench's books are in order.
pub fn nmi(frame: &Frame) {
    if !giant::is_mine() {
        // Another processor keeps the books at this moment.
        let _ = giant::enter_with(|| {
            signal::take_message(frame);
        });
    } else if crate::sync::any_held() {
        if let Some(mut pending) = NMI_FRAME.try_lock() {
            *pending = Some(*frame);
        }
        NMI_PENDING.store(true, Ordering::SeqCst);
        return;
    }
    stop_for_nmi(frame)
}

/// What the last lock of the bench kernel calls when it is free again.
fn after_last_lock() {
    if NMI_PENDING.load(Ordering::Relaxed) && NMI_PENDING.swap(false, Ordering::SeqCst) {
        let frame = NMI_FRAME.lock().take().unwrap_or_default();
        stop_for_nmi(&frame)
    }
}

fn stop_for_nmi(frame: &Frame) -> ! {
    let place = image::symbolise(frame.instruction());
    let text = format!("a non-maskable interrupt arrived at {place}");
    let trace = call::trace_from(frame.instruction(), Va(frame.rsp));
    record::bugcheck_at(
        NMI_HARDWARE_FAILURE,
        [0x4F_4454, 0, 0, 0],
        text,
        trace,
        frame,
    )
}

/// Everything after the bug check, on the crash stack.
fn run() -> ! {
    let (Some(plan), Some(bug_check)) = (PLAN.lock().take(), BUG_CHECK.lock().take()) else {
        panic!("a crash without a plan");
    };
    let Plan {
        kind,
        partition,
        sector_bytes,
        seed,
        stack,
        shadow,
        bounce,
    } = plan;
    // What a cause took away from the driver comes back.
    mmio::set_present_all(Presence::Present);
    let owners = mem::owner_runs();
    record::emit(&Record::OwnerMap {
        runs: owners.clone(),
    });
    record::emit(&Record::Volatile {
        ranges: volatile(&owners),
    });
    instance::install(stack, DumpMode::Crash);
    let reason = Bugcheck {
        code: bug_check.code,
        parameters: bug_check.parameters,
    };
    let Some(snapshot) = live::update(reason, &bug_check.registers) else {
        panic!("no memory was set aside for the debugger's block");
    };
    timer::stall_us(DEVICE_US);
    record::checkpoint_after(Checkpoint::Crash, || shadow.take());
    let job = writer::Job {
        kind,
        partition,
        sector_bytes,
        seed,
        shadow: &shadow,
        bounce: &bounce,
        owners: &owners,
        snapshot: &snapshot,
        bug_check: &bug_check,
    };
    match record::step("crash: write the dump", || writer::write(&job)) {
        Ok(facts) => record::emit(&Record::DumpWritten(facts)),
        Err(error) => record::emit(&Record::DumpFailed {
            text: format!("{error}"),
        }),
    }
    run_callbacks::plain();
    at_work::report();
    crate::hibernate::report_not_implemented();
    record::emit(&Record::Rules {
        rules: rules::states(),
    });
    record::emit(&Record::Finished { cycles: 0 });
    power::off()
}

/// The stack on which this runs is the one thing that cannot be held still.
fn volatile(owners: &[proto::owner::OwnerRun]) -> Vec<(PhysicalRange, String)> {
    owners
        .iter()
        .filter(|run| run.owner == Owner::HibernateStack)
        .map(|run| {
            let range = PhysicalRange {
                address: run.first_pfn * PAGE_BYTES,
                bytes: run.pages * PAGE_BYTES,
            };
            (
                range,
                String::from("the stack on which the dump is written"),
            )
        })
        .collect()
}
