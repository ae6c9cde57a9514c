//! `__chkstk`, which drivers with large frames import and call without a home space.
//!
//! UNSAFETY: the convention exists in assembler only.
#![expect(unsafe_code, reason = "a calling convention of its own")]

use crate::mem::Va;

// In a section of its own, so that the tests link without the rest of the kernel.
core::arch::global_asm!(
    r#"
    .pushsection .text.probe_stack, "ax", @progbits
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
    .popsection
"#
);

unsafe extern "C" {
    static probe_stack: u8;
}

/// Address of `__chkstk`: touches the pages of a large frame in their order, so that a stack that is too small ends at its guard
/// page. Compilers call it in the prologue of functions with more than a page of locals, with the frame's size in `rax`,
/// which they subtract from the stack pointer afterwards.
#[must_use]
pub fn stack_probe() -> Va {
    Va(&raw const probe_stack as usize as u64)
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
