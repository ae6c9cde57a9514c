//! A processor's registers as the `CONTEXT` record that a dump carries.

use super::abi::ContextRecord as Record;
use crate::port::abi::{Structure, put};

/// Bytes of a record.
pub const CONTEXT_BYTES: usize = 1232;
/// `CONTEXT_AMD64` with control, integer, segment and floating-point registers (winnt.h).
const FLAGS: u32 = 0x0010_000F;

const _: () = assert!(Record::BYTES == CONTEXT_BYTES as u64);

/// Registers of a processor, saved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Registers {
    /// rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8 to r15: the order of instruction encodings and of the record.
    pub general: [u64; 16],
    /// Instruction pointer.
    pub rip: u64,
    /// Flags.
    pub eflags: u32,
    /// cs, ds, es, fs, gs, ss.
    pub segments: [u16; 6],
    /// Floating-point control and status.
    pub mxcsr: u32,
}

/// The record of these registers.
#[must_use]
pub fn record(registers: &Registers) -> [u8; CONTEXT_BYTES] {
    let mut bytes = [0; CONTEXT_BYTES];
    put(&mut bytes, Record::FLAGS, FLAGS);
    put(&mut bytes, Record::MXCSR, registers.mxcsr);
    put(&mut bytes, Record::FLOAT_MXCSR, registers.mxcsr);
    put(&mut bytes, Record::EFLAGS, registers.eflags);
    put(&mut bytes, Record::RIP, registers.rip);
    let segments = [
        Record::SEG_CS,
        Record::SEG_DS,
        Record::SEG_ES,
        Record::SEG_FS,
        Record::SEG_GS,
        Record::SEG_SS,
    ];
    for (field, value) in segments.into_iter().zip(registers.segments) {
        put(&mut bytes, field, value);
    }
    let general = [
        Record::RAX,
        Record::RCX,
        Record::RDX,
        Record::RBX,
        Record::RSP,
        Record::RBP,
        Record::RSI,
        Record::RDI,
        Record::R8,
        Record::R9,
        Record::R10,
        Record::R11,
        Record::R12,
        Record::R13,
        Record::R14,
        Record::R15,
    ];
    for (field, value) in general.into_iter().zip(registers.general) {
        put(&mut bytes, field, value);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::abi::get;

    #[test]
    fn every_register_has_its_place() {
        let registers = Registers {
            general: core::array::from_fn(|index| 0x1111 * (index as u64 + 1)),
            rip: 0xFFFF_F800_0000_1234,
            eflags: 0x246,
            segments: [0x10, 0x2B, 0x2C, 0x53, 0x2D, 0x18],
            mxcsr: 0x1F80,
        };
        let bytes = record(&registers);
        assert_eq!(get(&bytes, Record::FLAGS), Some(0x0010_000F_u32));
        assert_eq!(get(&bytes, Record::RIP), Some(registers.rip));
        assert_eq!(get(&bytes, Record::RSP), Some(0x5555_u64));
        assert_eq!(get(&bytes, Record::R15), Some(0x1_1110_u64));
        assert_eq!(get(&bytes, Record::SEG_CS), Some(0x10_u16));
        assert_eq!(get(&bytes, Record::SEG_SS), Some(0x18_u16));
        assert_eq!(get(&bytes, Record::EFLAGS), Some(0x246_u32));
        assert_eq!(get(&bytes, Record::FLOAT_MXCSR), Some(0x1F80_u32));
    }
}
