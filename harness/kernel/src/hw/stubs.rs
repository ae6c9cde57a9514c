//! The border between the Windows calling convention and the kernel's own: entry points of the exports, and the way
//! into a driver.
//!
//! Each export has a stub of [`STUB_BYTES`]. It writes the four register arguments to the home space that the caller
//! reserved, so that all arguments, variadic ones too, lie in memory as one array of 64-bit slots, and calls
//! [`crate::exports::dispatch`].
//!
//! One routine has a convention of its own and is no stub: `super::probe`.
//!
//! UNSAFETY: calling conventions can only be bridged in assembler.
#![expect(unsafe_code, reason = "calling-convention bridges")]

use crate::mem::Va;

/// Bytes from one stub to the next.
pub const STUB_BYTES: u64 = 16;
/// Number of stubs.
pub const STUBS: usize = 1024;

core::arch::global_asm!(
    r#"
    .text
    .balign 16
    .global export_stubs
export_stubs:
    .set index, 0
    .rept 1024
    .balign 16
    .byte 0x68                      // push index.
    .long index
    jmp export_common
    .set index, index + 1
    .endr

    .balign 16
export_common:
    mov [rsp + 16], rcx
    mov [rsp + 24], rdx
    mov [rsp + 32], r8
    mov [rsp + 40], r9
    pop rax
    push rbp
    mov rbp, rsp
    push rdi
    push rsi
    mov rdi, rax
    lea rsi, [rbp + 16]
    mov rdx, [rbp + 8]
    and rsp, -16
    cld
    call {dispatch}
    lea rsp, [rbp - 16]
    pop rsi
    pop rdi
    pop rbp
    ret

    // rdi: entry, rsi: arguments, rdx: their number (at least 4), rcx: top of another stack, or 0.
    .balign 16
    .global call_driver
call_driver:
    push rbp
    mov rbp, rsp
    test rcx, rcx
    cmovnz rsp, rcx
    mov rax, rdi
    lea r10, [rdx + 1]
    and r10, -2
    shl r10, 3
    sub rsp, r10
    mov rdi, rsp
    mov rcx, rdx
    cld
    rep movsq
    mov rcx, [rsp]
    mov rdx, [rsp + 8]
    mov r8, [rsp + 16]
    mov r9, [rsp + 24]
    call rax
    mov rsp, rbp
    pop rbp
    cld
    ret
"#,
    dispatch = sym dispatch,
);

unsafe extern "C" {
    static export_stubs: u8;
}

unsafe extern "sysv64" {
    fn call_driver(entry: u64, arguments: *const u64, count: u64, stack: u64) -> u64;
}

/// Address of the stub with that number.
#[must_use]
pub fn stub(index: usize) -> Va {
    let first = &raw const export_stubs as usize as u64;
    Va(first + index as u64 * STUB_BYTES)
}

/// Calls code of a driver image with the Windows x64 convention, on the stack that ends at `stack` unless that is null.
///
/// # Panics
/// If there are fewer than four arguments: the convention's home space must be complete.
#[must_use]
pub fn call(entry: Va, arguments: &[u64], stack: Va) -> u64 {
    assert!(arguments.len() >= 4, "the home space has four slots");
    // SAFETY: (1) the bridge keeps the kernel's registers and stack as the convention demands of both sides; (2) what
    // the driver does is not in our hands: a fault ends the run with a report, and its memory is its own.
    unsafe { call_driver(entry.0, arguments.as_ptr(), arguments.len() as u64, stack.0) }
}

/// What every stub calls.
extern "sysv64" fn dispatch(index: u64, arguments: u64, return_address: u64) -> u64 {
    crate::exports::dispatch(crate::mem::size(index), Va(arguments), Va(return_address))
}
