//! Device registers by width. `mmio` checks the addresses; the kernel's own interrupt controllers come here directly.

use super::{Va, raw};
use crate::mmio::Width;

/// Reads a register at an address that is mapped and aligned.
#[must_use]
pub(crate) fn read(va: Va, width: Width) -> u64 {
    match width {
        Width::Byte => raw::read_register8(va).into(),
        Width::Word => raw::read_register16(va).into(),
        Width::Dword => raw::read_register32(va).into(),
        Width::Qword => raw::read_register64(va),
    }
}

/// Writes a register at an address that is mapped and aligned.
pub(crate) fn write(va: Va, width: Width, value: u64) {
    let [b0, b1, b2, b3, ..] = value.to_le_bytes();
    match width {
        Width::Byte => raw::write_register8(va, b0),
        Width::Word => raw::write_register16(va, u16::from_le_bytes([b0, b1])),
        Width::Dword => raw::write_register32(va, u32::from_le_bytes([b0, b1, b2, b3])),
        Width::Qword => raw::write_register64(va, value),
    }
}
