//! The change of stacks at hibernation, and the entry after the loader.
//!
//! The main flow calls [`hibernate`]. Its registers are saved on its own stack, which from then on nobody touches; the
//! image is written from the hibernate stack. In the resumed machine the loader enters on the hibernate stack, and
//! when all memory is back, [`hibernate`] returns on the main stack as if nothing had happened.
//!
//! UNSAFETY: stacks are switched in assembler.
#![expect(unsafe_code, reason = "stack switches")]

use proto::hiber::ResumeEntry;

use super::{cpu, descriptors, layout};
use crate::sync::Lock;

/// What runs in the resumed machine before the main flow goes on.
static RESUME: Lock<Option<fn()>> = Lock::new(None);

core::arch::global_asm!(
    r#"
    .text
    // rdi: what runs on the hibernate stack.
    .balign 16
    .global switch_to_hibernate
switch_to_hibernate:
    push rbp
    push rbx
    push r12
    push r13
    push r14
    push r15
    mov [rip + main_stack_pointer], rsp
    lea rsp, [rip + __hibernate_stack_top]
    xor ebp, ebp
    call rdi
    ud2

    .balign 16
    .global resume_from_loader
resume_from_loader:
    cld
    lea rsp, [rip + __hibernate_stack_top]
    xor ebp, ebp
    call {resumed}
    mov rsp, [rip + main_stack_pointer]
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbx
    pop rbp
    ret

    .section .data.switch, "aw"
    .balign 8
main_stack_pointer: .quad 0
    .text
"#,
    resumed = sym resumed,
);

unsafe extern "sysv64" {
    fn switch_to_hibernate(write: extern "sysv64" fn() -> !);
    fn resume_from_loader();
}

/// The routine that [`hibernate`] was given.
static WRITE: Lock<Option<fn() -> !>> = Lock::new(None);

/// Runs `write` on the hibernate stack; returns in the resumed machine, after `resume` ran there. IRQL HIGH, interrupts
/// disabled, and so it returns.
pub fn hibernate(write: fn() -> !, resume: fn()) {
    *RESUME.lock() = Some(resume);
    *WRITE.lock() = Some(write);
    // SAFETY: the routine saves all registers that the convention calls preserved, and the one that returns from it
    // restores them from the same stack, whose content is by then what it was.
    unsafe { switch_to_hibernate(begin) };
}

/// Runs `run` on the hibernate stack and never comes back: for the crash dump, whatever the stack of the moment is worth.
/// IRQL HIGH, interrupts disabled.
pub fn leave(run: fn() -> !) -> ! {
    *WRITE.lock() = Some(run);
    // SAFETY: the routine switches to a stack that nothing else uses in the life of a crashed system, and `begin` does
    // not return.
    unsafe { switch_to_hibernate(begin) };
    unreachable!("the routine on the other stack does not return")
}

extern "sysv64" fn begin() -> ! {
    let write = *WRITE.lock();
    match write {
        Some(write) => write(),
        None => unreachable!("`hibernate` stores the routine first"),
    }
}

/// Where the loader enters the restored kernel.
#[must_use]
pub fn entry() -> ResumeEntry {
    ResumeEntry {
        cr3: cpu::root().0,
        rip: resume_from_loader as *const () as usize as u64,
        rsp: layout::top(layout::hibernate_stack()).0,
    }
}

/// Enters a restored kernel: switches to its page tables, which map the loader's window one to one, and jumps.
pub fn enter(entry: ResumeEntry) -> ! {
    // SAFETY: the host took the values from the image's header, whose checksum was verified, and the tables are among
    // the pages that were placed and verified.
    unsafe {
        core::arch::asm!(
            "mov cr3, {cr3}",
            "mov rsp, {rsp}",
            "jmp {rip}",
            cr3 = in(reg) entry.cr3,
            rsp = in(reg) entry.rsp,
            rip = in(reg) entry.rip,
            options(noreturn),
        );
    }
}

/// First Rust code in the resumed machine: makes the processor what it was.
extern "sysv64" fn resumed() {
    cpu::set_control_bits();
    descriptors::load();
    cpu::default_float_state();
    cpu::set_gs_base(crate::kpcr::page());
    cpu::write_cr8(crate::irql::HIGH_LEVEL);
    let resume = *RESUME.lock();
    if let Some(resume) = resume {
        resume();
    }
}
