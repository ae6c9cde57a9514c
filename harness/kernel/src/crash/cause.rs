//! What brings the system down: each cause strikes with requests at the device.
//!
//! A driver's defects are played without changing the driver: its registers are taken away, or a callback is given a stack
//! that is too small. A non-maskable interrupt comes from the host, at a moment when the driver holds a lock.

use alloc::string::String;
use core::sync::atomic::{AtomicBool, Ordering};

use proto::{owner::Owner, record::Checkpoint, scenario::CrashCause};

use crate::{
    call, dpc,
    hw::descriptors,
    interrupt,
    mem::{self, AllocSpec, Contiguity, PAGE_BYTES, Placement, Presence},
    mmio, port, record, timer,
    workload::Workload,
};

/// `MANUALLY_INITIATED_CRASH`.
const MANUALLY_INITIATED_CRASH: u32 = 0xE2;
/// Stack that a callback finds before its end: its arguments, a return address and three registers.
const TIGHT_STACK_BYTES: u64 = 0x40;

/// Requests that are started until one of them rings the doorbell.
const DOORBELLS: u32 = 20;
/// Time in which the device comes to the end of its queue.
const IDLE_US: u64 = 20_000;

static NMI_AT_LOCK: AtomicBool = AtomicBool::new(false);
/// The fault that comes now is the bench's doing.
static PLAYED: AtomicBool = AtomicBool::new(false);

/// Whether a fault of the driver is one that a cause plays: the driver broke no rule.
#[must_use]
pub fn is_played() -> bool {
    PLAYED.load(Ordering::Relaxed)
}

/// Brings the system down; returns what happened if it survives.
pub fn bring_down(cause: CrashCause, workload: &mut Workload, in_flight: u32) -> String {
    // What completes now stays at the driver: nobody hears the interrupt.
    let flag = interrupt::disable();
    let flight = workload.launch(in_flight);
    workload.cut_off(&flight);
    crate::log!(
        "{} requests are at the miniport when the system comes down",
        port::in_flight()
    );
    match cause {
        CrashCause::BugCheck => record::bugcheck(
            MANUALLY_INITIATED_CRASH,
            [0; 4],
            String::from("the system was told to stop"),
        ),
        CrashCause::AccessViolation => {
            mmio::set_present_all(Presence::Absent);
            PLAYED.store(true, Ordering::Relaxed);
            for _ in 0..DOORBELLS {
                workload.launch_flush();
                // A driver may leave the doorbell to its DPC.
                dpc::drain();
                // The device was still at work and needed no doorbell: it is idle in a moment.
                timer::stall_aside_us(IDLE_US);
            }
            PLAYED.store(false, Ordering::Relaxed);
            mmio::set_present_all(Presence::Present);
        }
        CrashCause::StackOverflow | CrashCause::DoubleFault => {
            let stack = mem::alloc(AllocSpec {
                bytes: PAGE_BYTES,
                align: PAGE_BYTES,
                contiguous: Contiguity::Contiguous,
                placement: Placement::Any,
                owner: Owner::Scratch,
                name: "a stack that is too small",
            });
            let Ok(stack) = stack else {
                return String::from("there is no memory for a small stack");
            };
            if cause == CrashCause::DoubleFault {
                descriptors::deliver_page_faults_in_place();
            }
            call::tighten_next_start_io(stack.va.offset(TIGHT_STACK_BYTES));
            PLAYED.store(true, Ordering::Relaxed);
            workload.launch_flush();
            PLAYED.store(false, Ordering::Relaxed);
        }
        CrashCause::Nmi => {
            NMI_AT_LOCK.store(true, Ordering::Relaxed);
            interrupt::restore(flag);
            // It only reads: what the disk must hold has been said.
            let _ = workload.verify_all("until the NMI");
            if NMI_AT_LOCK.swap(false, Ordering::Relaxed) {
                crate::log_warning!("the driver took no lock: the NMI comes without one");
                record::checkpoint(Checkpoint::NmiWanted);
            }
        }
    }
    String::from("the system survived what was to bring it down")
}

/// The driver calls the port: the moment for the host's NMI, if it is wanted and the callback holds a lock. A driver with locks of
/// its own takes none of the port's, but `HwStorStartIo` is called with one.
pub fn port_called() {
    if NMI_AT_LOCK.load(Ordering::Relaxed) && port::holds_lock() {
        lock_taken();
    }
}

/// The driver has just taken a lock: the moment for the host's NMI, if it is wanted.
pub fn lock_taken() {
    if NMI_AT_LOCK.load(Ordering::Relaxed)
        && port::in_flight() > 0
        && NMI_AT_LOCK.swap(false, Ordering::Relaxed)
    {
        crate::log!(
            "a lock of the driver is held, {} requests are at the miniport",
            port::in_flight()
        );
        record::checkpoint(Checkpoint::NmiWanted);
    }
}
