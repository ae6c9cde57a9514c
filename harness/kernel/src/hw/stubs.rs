//! The border between the Windows calling convention and the kernel's own: entry points of the exports, and the way
//! into a driver.
//!
//! Each export has a stub of [`STUB_BYTES`]. It writes the four register arguments to the home space that the caller
//! reserved, so that all arguments, variadic ones too, lie in memory as one array of 64-bit slots, and calls
//! [`crate::exports::dispatch`].
//!
//! One routine is no stub: [`stack_probe`], which has a convention of its own.
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

    // rax: bytes of the frame that is about to be reserved below the caller's stack pointer. No home space; every register
    // but r10 and r11 is kept.
    .balign 16
    .global probe_stack
probe_stack:
    lea r10, [rsp + 8]
    mov r11, r10
    sub r10, rax
    and r10, -4096
    and r11, -4096
2:
    cmp r11, r10
    jbe 3f
    sub r11, 4096
    test byte ptr [r11], 0
    jmp 2b
3:
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
    static probe_stack: u8;
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

/// Address of `__chkstk`: touches the pages of a large frame in their order, so that a stack that is too small ends at its guard
/// page. Compilers call it in the prologue of functions with more than a page of locals, with the frame's size in `rax`,
/// which they subtract from the stack pointer afterwards.
#[must_use]
pub fn stack_probe() -> Va {
    Va(&raw const probe_stack as usize as u64)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A prologue as compilers write it. Returns rax after the call, and the registers that carry arguments.
    fn reserve(bytes: u64) -> (u64, [u64; 4]) {
        let (mut size, mut registers) = (bytes, [1, 2, 3, 4]);
        let [rcx, rdx, r8, r9] = &mut registers;
        // SAFETY: the stack pointer is put back; the frame lies within the test's stack of 2 MiB and is not written.
        unsafe {
            core::arch::asm!(
                "mov r12, rsp",
                "call r13",
                "sub rsp, rax",
                "mov rsp, r12",
                inout("rax") size,
                inout("rcx") *rcx,
                inout("rdx") *rdx,
                inout("r8") *r8,
                inout("r9") *r9,
                out("r10") _,
                out("r11") _,
                out("r12") _,
                in("r13") stack_probe().0,
            );
        };
        (size, registers)
    }

    #[test]
    fn the_stack_probe_keeps_the_size_and_the_arguments() {
        for bytes in [0, 8, 4096, 5000, 3 * 4096, 100_000] {
            assert_eq!(reserve(bytes), (bytes, [1, 2, 3, 4]), "{bytes}");
        }
    }
}
