//! The core's own test on the machine: `selftest` on the kernel's command line.
//!
//! What only hardware can answer: memory with its guard pages, IRQL, DPCs, timers, calls into code with the Windows
//! convention and back through export stubs, faults that are repaired, with `processors=N` what several processors have to
//! agree on, and, with `selftest=hibernate`, the change of
//! stacks and the loader: then the kernel leaves a package of all its pages in the window and suspends to disk, and
//! the host starts the loader with it. A failure is a panic record, success ends with `Record::Finished`; with
//! `selftest=null` and `selftest=overflow` it ends with the bug check of what a driver did wrong.

use core::sync::atomic::{AtomicU64, Ordering};

use proto::{
    owner::{Owner, Role},
    record::Record,
};

use crate::{
    call::{self, Callback, CallbackKind},
    dpc::{self, Dpc},
    exports,
    fault::{self, Fault, FaultAction},
    interrupt,
    irql::{self, DISPATCH_LEVEL, PASSIVE_LEVEL},
    mem::{
        self, AllocSpec, Allocation, Contiguity, FaultKind, PAGE_BYTES, Placement, Presence, Va,
        paging::{self, Protection},
    },
    power,
    processors::bring_up,
    record, timer,
};

mod hibernate;
mod several;

/// Which tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Everything that one life shows.
    Life,
    /// That, and the way through the loader.
    Hibernate,
    /// A driver reads through a null pointer at `DISPATCH_LEVEL`.
    NullPointer,
    /// A driver uses up its stack.
    StackOverflow,
}

/// What the command line asks for.
#[must_use]
pub fn requested(command_line: &str) -> Option<Extent> {
    let mut words = command_line.split_whitespace();
    words.find_map(|word| match word {
        "selftest" => Some(Extent::Life),
        "selftest=hibernate" => Some(Extent::Hibernate),
        "selftest=null" => Some(Extent::NullPointer),
        "selftest=overflow" => Some(Extent::StackOverflow),
        _ => None,
    })
}

/// How many processors the command line asks for.
#[must_use]
pub fn processors(command_line: &str) -> usize {
    let mut words = command_line.split_whitespace();
    let number = words.find_map(|word| word.strip_prefix("processors="));
    number.and_then(|number| number.parse().ok()).unwrap_or(1)
}

/// Runs the tests and turns the machine off.
///
/// # Panics
/// If one fails.
pub fn run(extent: Extent, processors: usize) -> ! {
    bring_up::start(processors);
    record::step("memory", memory);
    record::step("levels and deferred calls", levels);
    record::step("timers", timers);
    record::step("calls", calls);
    record::step("faults", faults);
    if processors > 1 {
        record::step("several processors", several::run);
    }
    match extent {
        Extent::Life => {}
        Extent::Hibernate => hibernate::run(),
        Extent::NullPointer => {
            irql::raise(DISPATCH_LEVEL);
            // xor eax, eax; mov rax, [rax + 8].
            call::invoke(TEST, code(&[0x31, 0xC0, 0x48, 0x8B, 0x40, 0x08]).va, &[]);
        }
        Extent::StackOverflow => {
            // push rax; jmp to itself.
            call::invoke(TEST, code(&[0x50, 0xEB, 0xFD]).va, &[]);
        }
    }
    record::emit(&Record::Finished { cycles: 0 });
    power::off()
}

fn spec(bytes: u64, align: u64) -> AllocSpec {
    AllocSpec {
        bytes,
        align,
        contiguous: Contiguity::Scattered,
        placement: Placement::Any,
        owner: Owner::Pool(Role::Normal),
        name: "test",
    }
}

fn block(bytes: u64, align: u64) -> Allocation {
    match mem::alloc(spec(bytes, align)) {
        Ok(block) => block,
        Err(error) => panic!("no block of {bytes} bytes: {error}"),
    }
}

fn memory() {
    let small = block(100, 4);
    assert_eq!(
        small.va.offset(100).page_offset(),
        0,
        "the block ends at its guard page"
    );
    assert!(mem::write(small.va.offset(96), &7_u32).is_ok());
    let beyond = mem::write(small.va.offset(97), &7_u32);
    assert_eq!(
        beyond.map_err(|fault| fault.kind),
        Err(FaultKind::NotPresent)
    );
    assert_eq!(mem::read::<u8>(small.va), Ok(0xA5));
    let pa = mem::translate(small.va.offset(96));
    let found = pa.and_then(mem::find_physical);
    assert_eq!(
        found.map(|info| (info.va, info.offset)),
        Some((small.va, 96))
    );

    let large = block(5 * PAGE_BYTES + 8, 8);
    assert!(large.runs.len() > 1, "scattered pages are no neighbours");
    assert!(mem::fill(large.va, 0x3C, large.bytes).is_ok());
    assert!(mem::copy(large.va.offset(3), large.va, 4 * PAGE_BYTES).is_ok());
    assert_eq!(mem::owner_of(large.pa()), Owner::Pool(Role::Normal));

    // One byte before the block is in its page, but not its own.
    let _ = mem::write(small.va.offset(u64::MAX), &0_u8);
    assert_eq!(
        mem::free(small.va).map(|freed| freed.redzone_intact),
        Ok(false)
    );
    assert_eq!(
        mem::free(large.va).map(|freed| freed.redzone_intact),
        Ok(true)
    );
    assert!(mem::free(large.va).is_err(), "twice");
    assert!(
        mem::read::<u8>(large.va).is_err(),
        "after it was given back"
    );
    assert!(mem::read::<u64>(Va(0)).is_err());
    assert!(mem::read::<u64>(Va(0x8000_0000_0000_0000)).is_err());
}

static RAN: AtomicU64 = AtomicU64::new(0);

fn note(argument: u64) {
    assert_eq!(irql::current(), DISPATCH_LEVEL);
    RAN.fetch_add(argument, Ordering::Relaxed);
}

fn levels() {
    let dpc = Dpc {
        routine: note,
        context: 1,
    };
    assert_eq!(irql::current(), PASSIVE_LEVEL);
    let old = irql::raise(DISPATCH_LEVEL);
    assert!(dpc::queue(dpc));
    assert!(!dpc::queue(dpc), "queued already");
    assert_eq!(RAN.load(Ordering::Relaxed), 0, "held back");
    irql::lower(old);
    assert_eq!(RAN.load(Ordering::Relaxed), 1);
    // A driver that writes CR8 itself.
    irql::raise(DISPATCH_LEVEL);
    dpc::queue(dpc);
    crate::hw::cpu::write_cr8(PASSIVE_LEVEL);
    timer::stall_us(10);
    assert_eq!(RAN.load(Ordering::Relaxed), 2, "by interrupt");
    assert_eq!(irql::current(), PASSIVE_LEVEL);
}

fn timers() {
    let before = RAN.load(Ordering::Relaxed);
    let dpc = |context| Dpc {
        routine: note,
        context,
    };
    let start = timer::now_us();
    timer::set_after_us(2000, dpc(100));
    let late = timer::set_after_us(60_000_000, dpc(10_000));
    timer::set_after_us(500, dpc(10));
    assert!(timer::cancel(late));
    while RAN.load(Ordering::Relaxed) != before + 110 {
        assert!(timer::now_us() - start < 30_000_000, "the timers are late");
        let flag = interrupt::disable();
        if RAN.load(Ordering::Relaxed) != before + 110 {
            interrupt::wait();
        }
        interrupt::restore(flag);
    }
    assert!(timer::now_us() - start >= 2000, "the timers are early");
}

const TEST: Callback = Callback {
    role: Role::Normal,
    kind: CallbackKind::Other,
    name: "test",
};

/// Executable memory with that content.
fn code(bytes: &[u8]) -> Allocation {
    let block = block(PAGE_BYTES, PAGE_BYTES);
    assert!(mem::write_bytes(block.va, bytes).is_ok());
    assert!(paging::protect_page(block.va, Protection::Execute));
    block
}

fn calls() {
    // lea rax, [rcx + rdx]; add rax, r8; add rax, r9; add rax, [rsp + 0x28]; ret.
    let sum = code(&[
        0x48, 0x8D, 0x04, 0x11, 0x4C, 0x01, 0xC0, 0x4C, 0x01, 0xC8, 0x48, 0x03, 0x44, 0x24, 0x28,
        0xC3,
    ]);
    assert_eq!(
        call::invoke(TEST, sum.va, &[1, 20, 300, 4000, 50_000]),
        54_321
    );
    // mov rax, rcx; mov rcx, rdx; mov rdx, r8; mov r8, r9; sub rsp, 0x28; call rax; add rsp, 0x28; ret.
    let forward = code(&[
        0x48, 0x89, 0xC8, 0x48, 0x89, 0xD1, 0x4C, 0x89, 0xC2, 0x4D, 0x89, 0xC8, 0x48, 0x83, 0xEC,
        0x28, 0xFF, 0xD0, 0x48, 0x83, 0xC4, 0x28, 0xC3,
    ]);
    let Some(memset) = exports::resolve(Role::Normal, "NTOSKRNL.exe", "memset") else {
        panic!("memset is not exported");
    };
    let target = block(64, 16);
    let returned = call::invoke(TEST, forward.va, &[memset.0, target.va.0, 0x77, 64]);
    assert_eq!(returned, target.va.0);
    assert_eq!(
        mem::read::<u64>(target.va.offset(56)),
        Ok(0x7777_7777_7777_7777)
    );
    assert!(
        exports::recent(1)
            .first()
            .is_some_and(|call| call.starts_with("memset("))
    );
    // A driver that returns at another IRQL does not spoil the bench.
    // mov eax, 2; mov cr8, rax; ret.
    let raising = code(&[0xB8, 2, 0, 0, 0, 0x44, 0x0F, 0x22, 0xC0, 0xC3]);
    call::invoke(TEST, raising.va, &[]);
    assert_eq!(irql::current(), PASSIVE_LEVEL);
    for block in [sum, forward, raising, target] {
        assert!(mem::free(block.va).is_ok());
    }
}

static HIDDEN: AtomicU64 = AtomicU64::new(0);

fn repair(fault: &Fault) -> FaultAction {
    if fault.address.0 != HIDDEN.load(Ordering::Relaxed) {
        return FaultAction::Pass;
    }
    match mem::set_present(fault.address, 1, Presence::Present) {
        Ok(()) => FaultAction::Retry,
        Err(_) => FaultAction::Pass,
    }
}

fn faults() {
    let data = block(8, 8);
    assert!(mem::write(data.va, &0x1234_5678_u64).is_ok());
    assert!(mem::set_present(data.va, 8, Presence::Absent).is_ok());
    assert!(mem::read::<u64>(data.va).is_err());
    HIDDEN.store(data.va.0, Ordering::Relaxed);
    fault::add_hook(repair);
    // mov rax, [rcx]; ret.
    let load = code(&[0x48, 0x8B, 0x01, 0xC3]);
    assert_eq!(call::invoke(TEST, load.va, &[data.va.0]), 0x1234_5678);
    HIDDEN.store(0, Ordering::Relaxed);
    assert!(mem::free(load.va).is_ok());
    assert!(mem::free(data.va).is_ok());
}
