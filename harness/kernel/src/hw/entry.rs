//! Where interrupts and exceptions enter: 256 small stubs, one common path that saves everything.
//!
//! The floating-point state is saved too, because drivers use SSE registers and the handlers call drivers.
//!
//! UNSAFETY: entry code is assembler, and the frame is handed over as a raw pointer.
#![expect(unsafe_code, reason = "interrupt entry code")]

use crate::{
    mem::Va,
    processors::{
        delay::{self, Step},
        race,
    },
};

/// Vector of debug exceptions.
const DEBUG: u64 = 1;
/// The flag by which every instruction raises one.
const TRAP_FLAG: u64 = 1 << 8;
/// The flag that lets interrupts come.
const INTERRUPT_FLAG: u64 = 1 << 9;
/// Bytes from one stub to the next.
const STUB_BYTES: u64 = 16;

/// The interrupted state, in the order in which the entry code pushes it.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
#[expect(missing_docs, reason = "the fields are the registers")]
pub struct Frame {
    pub r15: u64,
    pub r14: u64,
    pub r13: u64,
    pub r12: u64,
    pub r11: u64,
    pub r10: u64,
    pub r9: u64,
    pub r8: u64,
    pub rdi: u64,
    pub rsi: u64,
    pub rbp: u64,
    pub rbx: u64,
    pub rdx: u64,
    pub rcx: u64,
    pub rax: u64,
    pub vector: u64,
    pub error: u64,
    pub rip: u64,
    pub cs: u64,
    pub flags: u64,
    pub rsp: u64,
    pub ss: u64,
}

impl Frame {
    /// Where execution was interrupted.
    #[must_use]
    pub fn instruction(&self) -> Va {
        Va(self.rip)
    }
}

/// The registers of the caller: those that the convention preserves are exact, the others hold what they hold.
#[must_use]
pub fn here() -> Frame {
    let mut frame = Frame::default();
    // SAFETY: the routine writes one complete frame to the address that it is given.
    unsafe { capture_frame(&raw mut frame) };
    frame
}

core::arch::global_asm!(
    r#"
    .text
    .balign 16
    .global capture_frame
capture_frame:
    mov [rdi], r15
    mov [rdi + 8], r14
    mov [rdi + 16], r13
    mov [rdi + 24], r12
    mov [rdi + 32], r11
    mov [rdi + 40], r10
    mov [rdi + 48], r9
    mov [rdi + 56], r8
    mov [rdi + 64], rdi
    mov [rdi + 72], rsi
    mov [rdi + 80], rbp
    mov [rdi + 88], rbx
    mov [rdi + 96], rdx
    mov [rdi + 104], rcx
    mov [rdi + 112], rax
    mov rax, [rsp]
    mov [rdi + 136], rax            // rip: where the caller goes on.
    mov eax, cs
    mov [rdi + 144], rax
    pushfq
    pop rax
    mov [rdi + 152], rax
    lea rax, [rsp + 8]
    mov [rdi + 160], rax            // rsp: as the caller finds it.
    mov eax, ss
    mov [rdi + 168], rax
    ret

    .balign 16
    .global interrupt_stubs
interrupt_stubs:
    .set vector, 0
    .rept 256
    .balign 16
    .if (vector == 8) || (vector == 10) || (vector == 11) || (vector == 12) || (vector == 13) || (vector == 14) || (vector == 17) || (vector == 21) || (vector == 29) || (vector == 30)
    .else
    .byte 0x6A, 0                   // push 0 in place of an error code.
    .endif
    .byte 0x68                      // push vector.
    .long vector
    jmp interrupt_common
    .set vector, vector + 1
    .endr

    .balign 16
interrupt_common:
    push rax
    push rcx
    push rdx
    push rbx
    push rbp
    push rsi
    push rdi
    push r8
    push r9
    push r10
    push r11
    push r12
    push r13
    push r14
    push r15
    cld
    mov rdi, rsp
    mov rbx, rsp
    sub rsp, 512
    and rsp, -16
    fxsave64 [rsp]
    call {dispatch}
    fxrstor64 [rsp]
    mov rsp, rbx
    pop r15
    pop r14
    pop r13
    pop r12
    pop r11
    pop r10
    pop r9
    pop r8
    pop rdi
    pop rsi
    pop rbp
    pop rbx
    pop rdx
    pop rcx
    pop rax
    add rsp, 16
    iretq
"#,
    dispatch = sym dispatch,
);

unsafe extern "C" {
    static interrupt_stubs: u8;
}

unsafe extern "sysv64" {
    fn capture_frame(into: *mut Frame);
}

/// Address of the stub of a vector.
#[must_use]
pub fn stub(vector: u64) -> u64 {
    let first = &raw const interrupt_stubs as usize as u64;
    first + vector * STUB_BYTES
}

/// What the common path calls.
extern "sysv64" fn dispatch(saved: *mut Frame) {
    // SAFETY: the entry code passes the address of the complete frame that it just pushed.
    let frame = unsafe { *saved };
    if frame.vector == DEBUG {
        let mut flags = frame.flags;
        if race::after_step() == Some(true) {
            flags |= INTERRUPT_FLAG;
        }
        match delay::step(frame.instruction()) {
            Step::Foreign => {}
            step => {
                if step == Step::Done {
                    flags &= !TRAP_FLAG;
                }
                // SAFETY: as above; nobody else has a reference to the frame.
                unsafe { (*saved).flags = flags };
                return;
            }
        }
    }
    match frame.vector {
        0..32 => {
            let flags = crate::fault::handle(&frame);
            // SAFETY: as above; the flags of the interrupted code differ in the trap and the interrupt flag at most.
            unsafe { (*saved).flags = flags };
        }
        // `int 29h`, the compiler's fast fail, and `int 2Ch`, a failed assertion.
        0x29 | 0x2C => crate::fault::trap(&frame),
        vector => crate::interrupt::deliver(vector.to_le_bytes()[0]),
    }
}
