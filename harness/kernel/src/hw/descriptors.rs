//! Segments, task state and interrupt gates.
//!
//! One flat code and one flat data segment; a task state for each processor, which only holds its stacks for page faults,
//! double faults and non-maskable interrupts, so that a driver that overflows its stack is reported and not a triple fault.
//! The task register also tells a processor its number ([`processor`]).
//!
//! UNSAFETY: the tables are read by the processor behind the compiler's back.
#![expect(
    unsafe_code,
    reason = "descriptor tables are loaded by privileged instructions"
)]

use core::{arch::asm, cell::UnsafeCell};

use super::{cpu, entry, layout};
use crate::{mem::Va, processors::MOST};

/// Selector of the code segment.
pub const CODE: u16 = 0x08;
const DATA: u16 = 0x10;
/// Selector of processor 0's task state; the others' follow.
const TASK: u16 = 0x18;
/// Bytes of a task state's descriptor.
const TASK_DESCRIPTOR_BYTES: u16 = 16;
/// Entries of the segment table: null, code, data, and two for each task state.
const ENTRIES: usize = 3 + 2 * MOST;
/// Last byte of the segment table.
const SEGMENTS_LIMIT: u16 = 8 * 19 - 1;
const _: () = assert!(SEGMENTS_LIMIT as usize + 1 == 8 * ENTRIES);

/// Interrupt stack of page and protection faults.
const FAULT_STACK: u64 = 1;
/// Interrupt stack of double faults.
const DOUBLE_FAULT_STACK: u64 = 2;
/// Interrupt stack of non-maskable interrupts.
const NMI_STACK: u64 = 3;

/// Words of a 64-bit task state segment (Intel SDM volume 3, 8.7): 104 bytes.
const TASK_STATE_BYTES: usize = 104;

/// A table that the processor reads.
struct Table<T>(UnsafeCell<T>);

// SAFETY: written by `load`, which runs before there are other processors, and by `load_for`, which runs on one processor
// after the other and writes that one's part alone; interrupts are disabled.
unsafe impl<T: Send> Sync for Table<T> {}

#[repr(C, align(16))]
struct Gates([[u64; 2]; 256]);

#[repr(C, align(16))]
struct Segments([u64; ENTRIES]);

#[derive(Clone, Copy)]
#[repr(C, align(16))]
struct TaskState([u8; TASK_STATE_BYTES]);

/// Tops of the stacks that interrupts of one processor switch to.
#[derive(Clone, Copy, Debug)]
pub struct InterruptStacks {
    /// Of page and protection faults.
    pub fault: Va,
    /// Of double faults.
    pub double_fault: Va,
    /// Of non-maskable interrupts.
    pub non_maskable: Va,
}

static GATES: Table<Gates> = Table(UnsafeCell::new(Gates([[0; 2]; 256])));
static SEGMENTS: Table<Segments> = Table(UnsafeCell::new(Segments([0; ENTRIES])));
static TASK_STATES: Table<[TaskState; MOST]> =
    Table(UnsafeCell::new([TaskState([0; TASK_STATE_BYTES]); MOST]));

#[repr(C, packed)]
struct Pointer {
    limit: u16,
    base: u64,
}

/// Fills the tables and loads them on processor 0; at boot and again after a resume (the descriptor of a loaded task state
/// is marked busy and must be written anew). Interrupts disabled.
pub fn load() {
    // SAFETY: see `Table`: nobody else holds a reference.
    let segments = unsafe { &mut *SEGMENTS.0.get() };
    segments.0 = [0; ENTRIES];
    segments.0[1] = 0x00AF_9B00_0000_FFFF;
    segments.0[2] = 0x00CF_9300_0000_FFFF;
    // SAFETY: as above.
    let gates = unsafe { &mut *GATES.0.get() };
    for (vector, gate) in (0_u64..).zip(gates.0.iter_mut()) {
        let stack = match vector {
            2 => NMI_STACK,
            8 => DOUBLE_FAULT_STACK,
            12..=14 => FAULT_STACK,
            _ => 0,
        };
        *gate = interrupt_gate(entry::stub(vector), stack);
    }

    load_for(
        0,
        InterruptStacks {
            fault: layout::top(layout::fault_stack()),
            double_fault: layout::top(layout::double_fault_stack()),
            non_maskable: layout::top(layout::nmi_stack()),
        },
    );
}

/// Writes the task state of this processor, whose number is `number`, and loads the tables. Processor 0 has filled the rest of
/// them. Interrupts disabled.
pub fn load_for(number: usize, stacks: InterruptStacks) {
    // SAFETY: see `Table`: nobody else holds a reference.
    let tasks = unsafe { &mut *TASK_STATES.0.get() };
    // SAFETY: as above.
    let segments = unsafe { &mut *SEGMENTS.0.get() };
    let entry = 3 + 2 * number;
    if let (Some(task), Some(descriptor)) =
        (tasks.get_mut(number), segments.0.get_mut(entry..entry + 2))
    {
        fill(task, stacks);
        let base = core::ptr::from_ref(task) as usize as u64;
        descriptor.copy_from_slice(&[task_descriptor(base), base >> 32]);
    }
    let gates = Pointer {
        limit: 256 * 16 - 1,
        base: GATES.0.get() as usize as u64,
    };
    let segments = Pointer {
        limit: SEGMENTS_LIMIT,
        base: SEGMENTS.0.get() as usize as u64,
    };
    // SAFETY: the table is static and complete.
    unsafe { asm!("lgdt [{}]", in(reg) &raw const segments, options(readonly, nostack)) };
    // SAFETY: the table is static and complete.
    unsafe { asm!("lidt [{}]", in(reg) &raw const gates, options(readonly, nostack)) };
    // SAFETY: the selectors name entries of the table just loaded; the far return reloads CS with the flat segment.
    unsafe {
        asm!(
            "push {code}",
            "lea {scratch}, [rip + 2f]",
            "push {scratch}",
            "retfq",
            "2:",
            "mov ds, {data:e}",
            "mov es, {data:e}",
            "mov ss, {data:e}",
            code = const CODE as u64,
            data = in(reg) u64::from(DATA),
            scratch = out(reg) _,
        );
    }
    let task = TASK + TASK_DESCRIPTOR_BYTES * u16::try_from(number).unwrap_or(0);
    // SAFETY: the selector names the task state descriptor just written, which is marked available.
    unsafe { asm!("ltr {0:x}", in(reg) task, options(nostack)) };
}

/// The number of this processor, by its task register: no driver can change it, and reading it costs one instruction.
#[must_use]
pub fn processor() -> usize {
    usize::from(cpu::task_register().saturating_sub(TASK) / TASK_DESCRIPTOR_BYTES)
}

/// A task state with these stacks.
fn fill(task: &mut TaskState, stacks: InterruptStacks) {
    task.0 = [0; TASK_STATE_BYTES];
    for (number, top) in [
        (FAULT_STACK, stacks.fault),
        (DOUBLE_FAULT_STACK, stacks.double_fault),
        (NMI_STACK, stacks.non_maskable),
    ] {
        // The interrupt stack table begins at byte 36.
        let offset = crate::mem::size(36 + (number - 1) * 8);
        if let Some(slot) = task.0.get_mut(offset..offset + 8) {
            slot.copy_from_slice(&top.0.to_le_bytes());
        }
    }
    // No I/O permission map: its offset lies behind the segment.
    task.0[102..].copy_from_slice(&104_u16.to_le_bytes());
}

/// Delivers page faults on the stack on which they occur: where that is used up, a double fault follows, as on a system
/// without a stack of its own for page faults.
pub fn deliver_page_faults_in_place() {
    // SAFETY: see `Table`: nobody else holds a reference, and the others only read.
    let gates = unsafe { &mut *GATES.0.get() };
    if let Some(gate) = gates.0.get_mut(14) {
        *gate = interrupt_gate(entry::stub(14), 0);
    }
}

/// Low half of the descriptor of an available 64-bit task state segment.
fn task_descriptor(base: u64) -> u64 {
    (TASK_STATE_BYTES as u64 - 1)
        | (base & 0xFF_FFFF) << 16
        | 0x89 << 40
        | (base >> 24 & 0xFF) << 56
}

/// A gate that keeps interrupts disabled.
fn interrupt_gate(target: u64, stack: u64) -> [u64; 2] {
    [
        (target & 0xFFFF)
            | u64::from(CODE) << 16
            | stack << 32
            | 0x8E << 40
            | (target >> 16 & 0xFFFF) << 48,
        target >> 32,
    ]
}
