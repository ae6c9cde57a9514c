//! The way of a further processor from its start-up message (16-bit, real mode) to Rust (64-bit, the kernel's page tables).
//!
//! The code is copied to [`PAGE`], which is mapped one to one for as long as processors are being started, with the
//! parameters of the next one in the same page.
//!
//! UNSAFETY: entry code can only be written in assembler.
#![expect(unsafe_code, reason = "the entry point is assembler")]

use super::{cpu, switch};
use crate::{
    mem::{
        self, Pa, Va,
        paging::{self, Caching, Protection},
    },
    processors::bring_up,
};

/// The page below 1 MiB that holds the code; the firmware's data there are not needed any more.
pub const PAGE: Pa = Pa(0x8000);

/// Parameters: root of the page tables, top of the stack, number, entry; after a sleep also what is to be copied: from, to, words.
const PARAMETERS: u64 = 0xF00;

core::arch::global_asm!(
    r#"
    .section .rodata.trampoline, "a"
    .balign 16
    .global trampoline_start
    .code16
trampoline_start:
    cli
    cld
    mov ax, cs
    mov ds, ax
    .byte 0x66, 0x0F, 0x01, 0x16    // lgdt with a base of 32 bits.
    .word trampoline_gdt_pointer - trampoline_start
    mov eax, 0x620                  // PAE, OSFXSR, OSXMMEXCPT.
    mov cr4, eax
    mov eax, dword ptr [0xF00]
    mov cr3, eax
    mov ecx, 0xC0000080             // EFER: LME, NXE.
    rdmsr
    or eax, 0x900
    wrmsr
    mov eax, 0x80010033             // PG, WP, NE, ET, MP, PE.
    mov cr0, eax
    .byte 0x66, 0xEA                // Far jump to 8:trampoline_long.
    .long 0x8000 + trampoline_long - trampoline_start
    .word 8
    .balign 16
    .code64
trampoline_long:
    mov eax, 16
    mov ds, eax
    mov es, eax
    mov ss, eax
    xor eax, eax
    mov fs, eax
    mov gs, eax
    mov rsp, qword ptr [0x8F08]
    mov rdi, qword ptr [0x8F10]
    xor ebp, ebp
    mov rax, qword ptr [0x8F18]
    call rax
    ud2
    .balign 8
trampoline_gdt:
    .quad 0
    .quad 0x00AF9B000000FFFF
    .quad 0x00CF93000000FFFF
trampoline_gdt_pointer:
    .word 23
    .long 0x8000 + trampoline_gdt - trampoline_start
    .global trampoline_end
trampoline_end:

    // Where processor 0 comes from the trampoline after a sleep. The kernel's variables are not what they were before this.
    .text
    .balign 16
    .global wake
wake:
    mov rsi, qword ptr [0x8F20]
    mov rdi, qword ptr [0x8F28]
    mov rcx, qword ptr [0x8F30]
    cld
    rep movsq
    jmp resume_from_loader
"#
);

unsafe extern "C" {
    static trampoline_start: u8;
    static trampoline_end: u8;
}

unsafe extern "sysv64" {
    fn wake();
}

/// Puts code and parameters for processor `number` in their place.
///
/// # Panics
/// If the page is no memory, which no machine of QEMU has.
pub fn prepare(number: usize, stack: Va) {
    let entry = arrive as *const () as usize as u64;
    place(&[cpu::root().0, stack.0, number as u64, entry]);
}

/// The same for processor 0 after a sleep: it copies `bytes` (a multiple of 8) from `copy` to `original`, then goes on as after a
/// hibernation.
///
/// # Panics
/// As [`prepare`].
pub fn prepare_wake(original: Va, copy: Va, bytes: u64) {
    let entry = wake as *const () as usize as u64;
    let stack = switch::entry().rsp;
    let number = 0;
    place(&[
        cpu::root().0,
        stack,
        number,
        entry,
        copy.0,
        original.0,
        bytes / 8,
    ]);
}

fn place(parameters: &[u64]) {
    paging::map_page(Va(PAGE.0), PAGE, Protection::Execute, Caching::WriteBack);
    let start = &raw const trampoline_start as usize as u64;
    let end = &raw const trampoline_end as usize as u64;
    let bytes: alloc::vec::Vec<u8> = parameters
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    let written = mem::read_vec(Va(start), end - start).is_ok_and(|code| {
        mem::write_physical_bytes(PAGE, &code).is_ok()
            && mem::write_physical_bytes(PAGE.offset(PARAMETERS), &bytes).is_ok()
    });
    assert!(written, "there is no memory at {PAGE:?}");
}

/// All processors run: the page is not needed any more.
pub fn remove() {
    paging::unmap_page(Va(PAGE.0));
}

/// First Rust code of a further processor.
extern "sysv64" fn arrive(number: u64) -> ! {
    bring_up::arrive(mem::size(number))
}
