//! What the counting itself costs, measured on code of which every instruction is known; and the proof that what is left is
//! exact.
//!
//! [`run`] at `PASSIVE_LEVEL` before the first measurement, [`doorbells`] when there is a page to catch them on.

use core::sync::atomic::Ordering;

use proto::owner::{Owner, Role};

use super::{CALL_INSTRUCTIONS, DOORBELL_INSTRUCTIONS, EXPORT_INSTRUCTIONS, doorbell};
use crate::{
    call::{self, Callback, CallbackKind},
    exports, interrupt,
    mem::{
        self, AllocSpec, Allocation, Contiguity, PAGE_BYTES, Placement, Va,
        paging::{self, Protection},
    },
};

/// ret.
const EMPTY: &[u8] = &[0xC3];
/// sub rsp, 0x28; call rcx; add rsp, 0x28; ret.
const ONE_CALL: &[u8] = &[
    0x48, 0x83, 0xEC, 0x28, 0xFF, 0xD1, 0x48, 0x83, 0xC4, 0x28, 0xC3,
];
const ONE_CALL_INSTRUCTIONS: u64 = 4;
/// mov [rcx], dx; ret.
const ONE_DOORBELL: &[u8] = &[0x66, 0x89, 0x11, 0xC3];
const ONE_DOORBELL_INSTRUCTIONS: u64 = 2;
/// push rbx; mov rbx, rcx; sub rsp, 0x20; call rbx; mov eax, 100; dec eax; jnz -2; xor r8d, r8d; mov rcx, rbx; call rbx;
/// add rsp, 0x20; pop rbx; ret.
const KNOWN: &[u8] = &[
    0x53, 0x48, 0x89, 0xCB, 0x48, 0x83, 0xEC, 0x20, 0xFF, 0xD3, 0xB8, 100, 0, 0, 0, 0xFF, 0xC8,
    0x75, 0xFC, 0x45, 0x31, 0xC0, 0x48, 0x89, 0xD9, 0xFF, 0xD3, 0x48, 0x83, 0xC4, 0x20, 0x5B, 0xC3,
];
const KNOWN_INSTRUCTIONS: u64 = 5 + 200 + 6;

const CALLBACK: Callback = Callback {
    role: Role::Normal,
    kind: CallbackKind::Other,
    name: "calibration",
};

/// Measures the way into a callback and the way to an export.
///
/// # Panics
/// If a routine whose instructions are known is not counted right afterwards: a defect of the bench.
pub fn run() {
    let Some(export) = exports::resolve(Role::Normal, "ntoskrnl.exe", "memset") else {
        panic!("memset is not exported");
    };
    for overhead in [
        &CALL_INSTRUCTIONS,
        &EXPORT_INSTRUCTIONS,
        &DOORBELL_INSTRUCTIONS,
    ] {
        overhead.store(0, Ordering::Relaxed);
    }
    // memset(export, 0, 0).
    let arguments = [export.0, 0, 0, 0];
    let flag = interrupt::disable();
    let call = own_instructions(EMPTY, &arguments).saturating_sub(1);
    CALL_INSTRUCTIONS.store(call, Ordering::Relaxed);
    let export = own_instructions(ONE_CALL, &arguments).saturating_sub(ONE_CALL_INSTRUCTIONS);
    EXPORT_INSTRUCTIONS.store(export, Ordering::Relaxed);
    let known = own_instructions(KNOWN, &arguments);
    interrupt::restore(flag);
    assert!(
        known == KNOWN_INSTRUCTIONS,
        "a routine of {KNOWN_INSTRUCTIONS} instructions is counted as {known} (ways: {call}, {export}): is -icount shift=0 given?"
    );
    log_debug!("counting: a call costs {call} instructions, an export {export}");
}

/// Measures the two exceptions of a caught doorbell, if doorbells are caught.
///
/// # Panics
/// As [`run`].
pub fn doorbells() {
    let Some(page) = doorbell::watched_page() else {
        return;
    };
    let arguments = [page.0, 0, 0, 0];
    let flag = interrupt::disable();
    DOORBELL_INSTRUCTIONS.store(0, Ordering::Relaxed);
    let cost = own_instructions(ONE_DOORBELL, &arguments).saturating_sub(ONE_DOORBELL_INSTRUCTIONS);
    DOORBELL_INSTRUCTIONS.store(cost, Ordering::Relaxed);
    let again = own_instructions(ONE_DOORBELL, &arguments);
    doorbell::discard();
    interrupt::restore(flag);
    assert!(
        again == ONE_DOORBELL_INSTRUCTIONS,
        "a doorbell of {ONE_DOORBELL_INSTRUCTIONS} instructions is counted as {again}"
    );
    log_debug!("counting: a doorbell costs {cost} instructions");
}

/// Runs machine code as a callback and counts it.
fn own_instructions(code: &[u8], arguments: &[u64]) -> u64 {
    let block = executable(code);
    // The first time may find a list that grows.
    call::invoke(CALLBACK, block.va, arguments);
    let counted = call::invoke_measured(CALLBACK, block.va, arguments).own_instructions;
    let freed = mem::free(block.va);
    assert!(freed.is_ok(), "the code cannot be freed: {freed:?}");
    counted
}

fn executable(code: &[u8]) -> Allocation {
    let block = mem::alloc(AllocSpec {
        bytes: PAGE_BYTES,
        align: PAGE_BYTES,
        contiguous: Contiguity::Contiguous,
        placement: Placement::Any,
        owner: Owner::Scratch,
        name: "code of known length",
    });
    let Ok(block) = block else {
        panic!("no memory for code: {block:?}");
    };
    let written = mem::write_bytes(block.va, code).is_ok();
    assert!(
        written && protect(block.va),
        "code cannot be written at {}",
        block.va
    );
    block
}

fn protect(va: Va) -> bool {
    paging::protect_page(va, Protection::Execute)
}
