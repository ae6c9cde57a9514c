//! What several processors have to agree on: who they are, the lock around the bench kernel, code of drivers in parallel,
//! translations, messages that get through, standing still.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::{TEST, block, code};
use crate::{
    call,
    dpc::{self, Dpc},
    exports,
    irql::{self, DISPATCH_LEVEL},
    mem::{self, Allocation, PAGE_BYTES, Presence, Va},
    processors::{self, Each, MOST, giant, park},
    timer,
};
use proto::owner::Role;

/// Longest wait for the others.
const LIMIT_US: u64 = 60_000_000;
/// Additions of each processor.
const TURNS: u64 = 2000;

static ROUTINE: AtomicU64 = AtomicU64::new(0);
static ARGUMENT: AtomicU64 = AtomicU64::new(0);
static DONE: AtomicU64 = AtomicU64::new(0);
static INSIDE: AtomicU64 = AtomicU64::new(0);
static COUNTED: AtomicU64 = AtomicU64::new(0);
static RESULTS: Each<AtomicU64> = Each::new([const { AtomicU64::new(0) }; MOST]);
static TICKING: AtomicBool = AtomicBool::new(false);

pub(super) fn run() {
    numbers();
    parallel_code();
    exclusion();
    translations();
    standing_still();
}

/// Runs `routine`, which counts itself in `DONE`, on every processor but this one.
fn on_all_others(routine: fn(u64)) {
    DONE.store(0, Ordering::SeqCst);
    for number in processors::all_others() {
        let dpc = Dpc {
            routine,
            context: number as u64,
        };
        assert!(dpc::queue_on(number, dpc), "queued already");
    }
}

fn wait_for_others() {
    let others = processors::count() as u64 - 1;
    let begun = timer::now_us();
    while DONE.load(Ordering::SeqCst) != others {
        giant::breathe();
        assert!(
            timer::now_us() - begun < LIMIT_US,
            "only {} of {others} processors answer",
            DONE.load(Ordering::SeqCst)
        );
    }
}

fn numbers() {
    // mov eax, gs:[0x1A4]; ret.
    let read = code(&[0x65, 0x8B, 0x04, 0x25, 0xA4, 0x01, 0, 0, 0xC3]);
    ROUTINE.store(read.va.0, Ordering::Relaxed);
    on_all_others(|number| {
        assert_eq!(processors::current() as u64, number);
        assert_eq!(irql::current(), DISPATCH_LEVEL);
        let said = call::invoke(TEST, Va(ROUTINE.load(Ordering::Relaxed)), &[]);
        RESULTS.of(mem::size(number)).store(said, Ordering::SeqCst);
        DONE.fetch_add(1, Ordering::SeqCst);
    });
    wait_for_others();
    let said = exports::data::address("KeNumberProcessors").map(mem::read::<u64>);
    assert_eq!(said, Some(Ok(processors::count() as u64)));
    for number in processors::all_others() {
        assert_eq!(RESULTS.of(number).load(Ordering::SeqCst), number as u64);
    }
    free([read]);
}

/// Code of a driver on every processor at once: each waits inside of it until all are there.
fn parallel_code() {
    let meeting = block(8, 8);
    assert!(mem::write(meeting.va, &0_u64).is_ok());
    // lock inc qword ptr [rcx]; again: pause; mov rax, [rcx]; cmp rax, rdx; jb again; ret.
    let meet = code(&[
        0xF0, 0x48, 0xFF, 0x01, 0xF3, 0x90, 0x48, 0x8B, 0x01, 0x48, 0x39, 0xD0, 0x72, 0xF6, 0xC3,
    ]);
    ROUTINE.store(meet.va.0, Ordering::Relaxed);
    ARGUMENT.store(meeting.va.0, Ordering::Relaxed);
    on_all_others(|_| {
        meet_the_others();
        DONE.fetch_add(1, Ordering::SeqCst);
    });
    irql::at(DISPATCH_LEVEL, meet_the_others);
    wait_for_others();
    free([meeting, meet]);
}

fn meet_the_others() {
    let all = processors::count() as u64;
    let routine = Va(ROUTINE.load(Ordering::Relaxed));
    call::invoke(TEST, routine, &[ARGUMENT.load(Ordering::Relaxed), all]);
}

/// Exports are the bench kernel's code: one processor at a time.
fn exclusion() {
    let target = block(64, 16);
    // mov rax, rcx; mov rcx, rdx; mov rdx, r8; mov r8, r9; sub rsp, 0x28; call rax; add rsp, 0x28; ret.
    let forward = code(&[
        0x48, 0x89, 0xC8, 0x48, 0x89, 0xD1, 0x4C, 0x89, 0xC2, 0x4D, 0x89, 0xC8, 0x48, 0x83, 0xEC,
        0x28, 0xFF, 0xD0, 0x48, 0x83, 0xC4, 0x28, 0xC3,
    ]);
    ROUTINE.store(forward.va.0, Ordering::Relaxed);
    ARGUMENT.store(target.va.0, Ordering::Relaxed);
    COUNTED.store(0, Ordering::SeqCst);
    on_all_others(|_| {
        count_turns();
        DONE.fetch_add(1, Ordering::SeqCst);
    });
    irql::at(DISPATCH_LEVEL, count_turns);
    wait_for_others();
    assert_eq!(
        COUNTED.load(Ordering::SeqCst),
        TURNS * processors::count() as u64,
        "two processors counted at the same time"
    );
    free([target, forward]);
}

/// Adds without an atomic operation, with a call of an export through a driver between every two additions.
fn count_turns() {
    let Some(memset) = exports::resolve(Role::Normal, "NTOSKRNL.exe", "memset") else {
        panic!("memset is not exported");
    };
    for _ in 0..TURNS {
        assert_eq!(INSIDE.fetch_add(1, Ordering::SeqCst), 0, "not alone");
        let counted = COUNTED.load(Ordering::Relaxed);
        COUNTED.store(counted + 1, Ordering::Relaxed);
        INSIDE.fetch_sub(1, Ordering::SeqCst);
        let target = ARGUMENT.load(Ordering::Relaxed);
        call::invoke(
            TEST,
            Va(ROUTINE.load(Ordering::Relaxed)),
            &[memset.0, target, 0x77, 64],
        );
    }
}

/// A page is taken away while drivers read it on all other processors: none of them goes on with the old translation.
fn translations() {
    let shared = block(PAGE_BYTES, PAGE_BYTES);
    let stop = block(8, 8);
    assert!(mem::write(shared.va, &1_u64).is_ok());
    assert!(mem::write(stop.va, &0_u64).is_ok());
    super::HIDDEN.store(shared.va.0, Ordering::Relaxed);
    // again: pause; mov rax, [rcx]; cmp qword ptr [rdx], 0; je again; ret. The page at rcx comes and goes.
    let read = code(&[
        0xF3, 0x90, 0x48, 0x8B, 0x01, 0x48, 0x83, 0x3A, 0x00, 0x74, 0xF5, 0xC3,
    ]);
    ROUTINE.store(read.va.0, Ordering::Relaxed);
    ARGUMENT.store(shared.va.0, Ordering::Relaxed);
    COUNTED.store(stop.va.0, Ordering::Relaxed);
    on_all_others(|number| {
        let arguments = [
            ARGUMENT.load(Ordering::Relaxed),
            COUNTED.load(Ordering::Relaxed),
        ];
        let read = call::invoke(TEST, Va(ROUTINE.load(Ordering::Relaxed)), &arguments);
        RESULTS.of(mem::size(number)).store(read, Ordering::SeqCst);
        DONE.fetch_add(1, Ordering::SeqCst);
    });
    for _ in 0..100 {
        assert!(mem::set_present(shared.va, 8, Presence::Absent).is_ok());
        // Whoever reads now waits for the repair.
        giant::breathe();
    }
    assert!(mem::set_present(shared.va, 8, Presence::Present).is_ok());
    assert!(mem::write(shared.va, &2_u64).is_ok());
    assert!(mem::write(stop.va, &1_u64).is_ok());
    wait_for_others();
    for number in processors::all_others() {
        let read = RESULTS.of(number).load(Ordering::SeqCst);
        assert!((1..=2).contains(&read), "{read}");
    }
    super::HIDDEN.store(0, Ordering::Relaxed);
    free([shared, stop, read]);
}

/// Nothing runs on processors that stand still; what was queued meanwhile runs afterwards.
fn standing_still() {
    park::while_parked(|| {
        on_all_others(|_| {
            assert!(!TICKING.load(Ordering::SeqCst), "it does not stand still");
            DONE.fetch_add(1, Ordering::SeqCst);
        });
        TICKING.store(true, Ordering::SeqCst);
        let begun = timer::now_us();
        while timer::now_us() - begun < 5000 {
            giant::breathe();
        }
        TICKING.store(false, Ordering::SeqCst);
        assert_eq!(DONE.load(Ordering::SeqCst), 0);
    });
    wait_for_others();
}

fn free<const COUNT: usize>(blocks: [Allocation; COUNT]) {
    for block in blocks {
        assert!(mem::free(block.va).is_ok());
    }
}
