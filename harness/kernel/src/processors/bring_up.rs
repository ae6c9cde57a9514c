//! Starting the other processors, and what they do when there is nothing to do.
//!
//! Each gets stacks and a control region of its own. Processor 0 starts one after the other by INIT and start-up messages
//! (Intel SDM volume 3, 9.4); they come out of real mode through a page below 1 MiB (`hw::trampoline`). After a resume they
//! are in reset and are started the same way, on the same stacks.

use core::sync::atomic::{AtomicBool, Ordering};

use proto::owner::Owner;

use super::{Each, MOST, giant, park};
use crate::{
    dpc,
    exports::data,
    hw::{cpu, descriptors, trampoline},
    interrupt, kpcr,
    mem::{self, AllocSpec, Contiguity, PAGE_BYTES, Placement, Va},
    sync::Lock,
    timer,
};

/// Longest time that a processor may take from reset to its idle loop.
const LIMIT_US: u64 = 20_000_000;

/// Tops of the stacks of one processor.
#[derive(Clone, Copy, Debug)]
pub struct Stacks {
    /// Of its idle loop, and of whatever interrupts that.
    pub main: Va,
    /// Of page and protection faults.
    pub fault: Va,
    /// Of double faults.
    pub double_fault: Va,
    /// Of non-maskable interrupts.
    pub non_maskable: Va,
}

static STACKS: Lock<Each<Option<Stacks>>> = Lock::new(Each::new([None; MOST]));
static RUNNING: Each<AtomicBool> = Each::new([const { AtomicBool::new(false) }; MOST]);

/// Starts processors 1 to `count` - 1. Once, on processor 0 at `PASSIVE_LEVEL`.
///
/// # Panics
/// If there are more than the bench can run, one of them does not come, or memory is short.
pub fn start(count: usize) {
    assert!(
        (1..=MOST).contains(&count),
        "{count} processors are asked for; the bench runs 1 to {MOST}"
    );
    if count == 1 {
        return;
    }
    for number in 1..count {
        let stacks = Stacks {
            main: stack(128 << 10),
            fault: stack(32 << 10),
            double_fault: stack(16 << 10),
            non_maskable: stack(16 << 10),
        };
        *STACKS.lock().of_mut(number) = Some(stacks);
        kpcr::add(number);
    }
    super::activate(count);
    data::set_processors(count);
    start_all();
}

/// Starts them again on the resumed machine, where they are in reset. `PASSIVE_LEVEL`.
pub fn start_again() {
    if super::is_single() {
        return;
    }
    park::forget();
    giant::forget_others();
    start_all();
}

/// The stacks of a processor that was started.
///
/// # Panics
/// If it was not.
pub(super) fn stacks(number: usize) -> Stacks {
    match *STACKS.lock().of(number) {
        Some(stacks) => stacks,
        None => panic!("processor {number} has no stacks"),
    }
}

fn start_all() {
    for number in super::all_others() {
        RUNNING.of(number).store(false, Ordering::SeqCst);
        trampoline::prepare(number, stacks(number).main);
        interrupt::start_processor(number, trampoline::PAGE);
        let begun = timer::now_us();
        while !RUNNING.of(number).load(Ordering::SeqCst) {
            giant::breathe();
            let waited = timer::now_us().saturating_sub(begun);
            assert!(
                waited < LIMIT_US,
                "processor {number} does not start; has the machine as many as the scenario says?"
            );
        }
    }
    trampoline::remove();
}

/// Where a processor arrives from its trampoline, on its own stack.
pub(crate) fn arrive(number: usize) -> ! {
    cpu::set_control_bits();
    // Its number comes from the descriptors: nothing before may ask for it.
    let stacks = descriptors_stacks(number);
    descriptors::load_for(number, stacks);
    cpu::default_float_state();
    cpu::set_gs_base(kpcr::page_of(number));
    cpu::write_cr8(0);
    interrupt::start_local(number);
    RUNNING.of(number).store(true, Ordering::SeqCst);
    idle()
}

fn descriptors_stacks(number: usize) -> descriptors::InterruptStacks {
    let stacks = stacks(number);
    descriptors::InterruptStacks {
        fault: stacks.fault,
        double_fault: stacks.double_fault,
        non_maskable: stacks.non_maskable,
    }
}

/// Waits for interrupts, DPCs and the wish to stand still. Interrupts disabled at first.
fn idle() -> ! {
    loop {
        cpu::disable_interrupts();
        if park::is_wanted() {
            park::stand_still();
            continue;
        }
        let entered = giant::enter();
        if dpc::pending_here() != 0 {
            cpu::enable_interrupts();
            dpc::drain();
            giant::leave(entered);
            continue;
        }
        giant::leave(entered);
        cpu::wait_for_interrupt();
    }
}

/// A stack between guard pages; its top.
fn stack(bytes: u64) -> Va {
    let block = mem::alloc(AllocSpec {
        bytes,
        align: PAGE_BYTES,
        contiguous: Contiguity::Contiguous,
        placement: Placement::Low,
        owner: Owner::KernelStack,
        name: "stack of a processor",
    });
    match block {
        Ok(block) => block.va.offset(block.bytes),
        Err(error) => panic!("no stack for a processor: {error}"),
    }
}
