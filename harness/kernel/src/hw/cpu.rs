//! The processor: control registers, floating-point state, time stamp, the page behind GS.
//!
//! UNSAFETY: privileged registers change what every later instruction means.
#![expect(unsafe_code, reason = "privileged instructions")]

use core::arch::asm;

use x86_64::registers::model_specific::Msr;

use crate::mem::{Pa, Va};

/// `IA32_GS_BASE`.
const MSR_GS_BASE: u32 = 0xC000_0101;
/// `IA32_EFER`.
const MSR_EFER: u32 = 0xC000_0080;
/// NXE, LME, SCE off.
const EFER_LONG_NX: u64 = 0x900;
/// MXCSR as the Windows x64 convention demands it on entry: all exceptions masked, round to nearest.
static MXCSR_DEFAULT: u32 = 0x1F80;

/// Interrupt priority threshold, which is the IRQL.
#[must_use]
pub fn read_cr8() -> u8 {
    let value: u64;
    // SAFETY: reading CR8 has no side effect.
    unsafe { asm!("mov {}, cr8", out(reg) value, options(nomem, nostack, preserves_flags)) };
    value.to_le_bytes()[0]
}

/// Sets the interrupt priority threshold.
pub fn write_cr8(level: u8) {
    let value = u64::from(level & 15);
    // SAFETY: the threshold delays interrupts; it cannot break memory safety. No `nomem`: handlers may run here.
    unsafe { asm!("mov cr8, {}", in(reg) value, options(nostack, preserves_flags)) };
}

/// The address of the last page fault.
#[must_use]
pub fn fault_address() -> Va {
    let value: u64;
    // SAFETY: reading CR2 has no side effect.
    unsafe { asm!("mov {}, cr2", out(reg) value, options(nomem, nostack, preserves_flags)) };
    Va(value)
}

/// Physical address of the root page table.
#[must_use]
pub fn root() -> Pa {
    let value: u64;
    // SAFETY: reading CR3 has no side effect.
    unsafe { asm!("mov {}, cr3", out(reg) value, options(nomem, nostack, preserves_flags)) };
    Pa(value).page()
}

/// Switches to other page tables.
pub fn set_root(root: Pa) {
    // SAFETY: `mem::paging` hands over complete tables, which map the running code, its stack and the direct map as
    // they were mapped before.
    unsafe { asm!("mov cr3, {}", in(reg) root.0, options(nostack, preserves_flags)) };
}

/// Drops the cached translation of one page.
pub fn invalidate(page: Va) {
    // SAFETY: dropping a cached translation makes the processor read the tables again, nothing else.
    unsafe { asm!("invlpg [{}]", in(reg) page.0, options(nostack, preserves_flags)) };
}

/// Drops all cached translations.
pub fn forget_translations() {
    set_root(root());
}

/// The selector in the task register; 0 before a task state was loaded.
#[must_use]
pub fn task_register() -> u16 {
    let value: u64;
    // SAFETY: storing the task register has no side effect.
    unsafe { asm!("str {}", out(reg) value, options(nomem, nostack, preserves_flags)) };
    let [low, high, ..] = value.to_le_bytes();
    u16::from_le_bytes([low, high])
}

/// From the next instruction but one on, every instruction raises a debug exception (trap flag).
pub fn step_from_here() {
    // SAFETY: the flag changes nothing but that; `entry` handles the exception.
    unsafe { asm!("pushfq", "or qword ptr [rsp], 0x100", "popfq") };
}

/// Undoes [`step_from_here`].
pub fn step_no_more() {
    // SAFETY: as above.
    unsafe { asm!("pushfq", "and qword ptr [rsp], -0x101", "popfq") };
}

/// The time stamp counter: instructions under `-icount shift=0`.
#[must_use]
pub fn time_stamp() -> u64 {
    let (low, high): (u32, u32);
    // SAFETY: reading the counter has no side effect.
    unsafe {
        asm!("rdtsc", out("eax") low, out("edx") high, options(nomem, nostack, preserves_flags));
    }
    u64::from(high) << 32 | u64::from(low)
}

/// Floating-point state as a function of the Windows x64 convention expects it at its entry.
pub fn default_float_state() {
    // SAFETY: the kernel itself uses no floating-point register.
    unsafe { asm!("fninit", options(nomem, nostack)) };
    // SAFETY: the operand is a valid MXCSR value.
    unsafe { asm!("ldmxcsr [{}]", in(reg) &raw const MXCSR_DEFAULT, options(nostack, readonly)) };
}

/// Points GS at the page that drivers take for the processor control region.
pub fn set_gs_base(page: Va) {
    // SAFETY: the kernel's own code uses no GS-relative address.
    unsafe { Msr::new(MSR_GS_BASE).write(page.0) };
}

/// Control bits as the entry code left them at the first boot; after the loader they are set anew.
pub fn set_control_bits() {
    // SAFETY: long mode is active already; NX becomes or stays usable.
    unsafe { Msr::new(MSR_EFER).write(EFER_LONG_NX | 0x400) };
    // SAFETY: PAE, OSFXSR and OSXMMEXCPT, no others: what the kernel's tables and its entry code rely on.
    unsafe { asm!("mov cr4, {}", in(reg) 0x620_u64, options(nostack, preserves_flags)) };
    // SAFETY: PG, WP, NE, ET, MP, PE: paging stays on, write protection holds for the kernel too, no FPU traps.
    unsafe { asm!("mov cr0, {}", in(reg) 0x8001_0033_u64, options(nostack, preserves_flags)) };
}

/// Whether interrupts are enabled.
#[must_use]
pub fn interrupts_enabled() -> bool {
    x86_64::instructions::interrupts::are_enabled()
}

/// Disables interrupts.
pub fn disable_interrupts() {
    x86_64::instructions::interrupts::disable();
}

/// Enables interrupts.
pub fn enable_interrupts() {
    x86_64::instructions::interrupts::enable();
}

/// Enables interrupts and waits for one; returns with interrupts enabled.
pub fn wait_for_interrupt() {
    x86_64::instructions::interrupts::enable_and_hlt();
}

/// The stack pointer, roughly: frames of routines called from here lie below.
#[must_use]
pub fn stack_pointer() -> Va {
    let value: u64;
    // SAFETY: reading the register has no side effect.
    unsafe { asm!("mov {}, rsp", out(reg) value, options(nomem, nostack, preserves_flags)) };
    Va(value)
}

/// Stops for good.
pub fn stop() -> ! {
    loop {
        disable_interrupts();
        x86_64::instructions::hlt();
    }
}

/// Lets a busy loop breathe.
pub fn relax() {
    core::hint::spin_loop();
}
