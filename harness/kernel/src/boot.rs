//! The way from the PVH entry (32-bit, no paging) to Rust (64-bit, all memory below 4 GiB mapped one to one).
//!
//! Neighbours: `main` for what comes next, `kernel.ld` for the addresses, `hw::pvh` for what `ebx` points to.
//!
//! UNSAFETY: entry code and the ELF note can only be written in assembler.
#![expect(unsafe_code, reason = "the entry point is assembler")]

core::arch::global_asm!(
    r#"
    .section .note.pvh, "a", @note
    .align 4
    .long 4
    .long 4
    .long 18                        // XEN_ELFNOTE_PHYS32_ENTRY.
    .asciz "Xen"
    .long pvh_start

    .section .text.boot, "ax"
    .code32
    .global pvh_start
pvh_start:
    cli
    cld
    mov ebp, ebx                    // start_info, for the Rust entry.

    // Root: entry 0 maps low memory one to one, entry 256 is the direct map; both share one table for now.
    lea eax, [boot_pdpt]
    or eax, 3
    mov dword ptr [boot_pml4], eax
    mov dword ptr [boot_pml4 + 256 * 8], eax
    lea eax, [boot_pd]
    or eax, 3
    mov ecx, 4
    lea edi, [boot_pdpt]
2:  mov dword ptr [edi], eax
    add eax, 4096
    add edi, 8
    loop 2b

    // 2048 pages of 2 MiB.
    mov eax, 0x83
    mov ecx, 2048
    lea edi, [boot_pd]
3:  mov dword ptr [edi], eax
    add eax, 0x200000
    add edi, 8
    loop 3b

    lea eax, [boot_pml4]
    mov cr3, eax
    mov eax, cr4
    or eax, 0x620                   // PAE, OSFXSR, OSXMMEXCPT.
    mov cr4, eax
    mov ecx, 0xC0000080             // EFER.
    rdmsr
    or eax, 0x900                   // LME, NXE.
    wrmsr
    mov eax, cr0
    and eax, 0xFFFFFFF3             // EM and TS off.
    or eax, 0x80010023              // PG, WP, NE, MP, PE.
    mov cr0, eax
    lgdt [boot_gdt_pointer]
    push 8
    lea eax, [boot_long]
    push eax
    retf

    .code64
boot_long:
    mov eax, 16
    mov ds, eax
    mov es, eax
    mov ss, eax
    xor eax, eax
    mov fs, eax
    mov gs, eax
    lea rsp, [__main_stack_top]
    mov edi, ebp
    xor ebp, ebp
    call {entry}
    ud2

    .section .rodata.boot, "a"
    .align 8
boot_gdt:
    .quad 0
    .quad 0x00AF9B000000FFFF
    .quad 0x00CF93000000FFFF
boot_gdt_pointer:
    .word 23
    .long boot_gdt

    .section .bss.boot, "aw", @nobits
    .align 4096
boot_pml4: .skip 4096
boot_pdpt: .skip 4096
boot_pd:   .skip 4 * 4096
    .text
"#,
    entry = sym crate::rust_entry,
);
