//! I/O ports.
//!
//! UNSAFETY: port input and output are instructions that the compiler cannot reason about.
#![expect(unsafe_code, reason = "port I/O is an unsafe primitive")]

use x86_64::instructions::port::Port;

/// Reads a byte.
#[must_use]
pub fn in8(port: u16) -> u8 {
    // SAFETY: a read of an I/O port touches no memory of this program; side effects are the device's own.
    unsafe { Port::new(port).read() }
}

/// Reads 16 bits.
#[must_use]
pub fn in16(port: u16) -> u16 {
    // SAFETY: as in `in8`.
    unsafe { Port::new(port).read() }
}

/// Reads 32 bits.
#[must_use]
pub fn in32(port: u16) -> u32 {
    // SAFETY: as in `in8`.
    unsafe { Port::new(port).read() }
}

/// Writes a byte.
pub fn out8(port: u16, value: u8) {
    // SAFETY: a write to an I/O port touches no memory by itself; DMA that a device starts goes to addresses that the
    // caller gave it through checked allocations.
    unsafe { Port::new(port).write(value) }
}

/// Writes 16 bits.
pub fn out16(port: u16, value: u16) {
    // SAFETY: as in `out8`.
    unsafe { Port::new(port).write(value) }
}

/// Writes 32 bits.
pub fn out32(port: u16, value: u32) {
    // SAFETY: as in `out8`.
    unsafe { Port::new(port).write(value) }
}

/// Writes bytes one after the other to one port.
pub fn out_bytes(port: u16, bytes: &[u8]) {
    // SAFETY: `rep outsb` reads exactly `bytes.len()` bytes from the slice; see `out8` for the port.
    unsafe {
        core::arch::asm!(
            "rep outsb",
            in("dx") port,
            inout("rsi") bytes.as_ptr() => _,
            inout("rcx") bytes.len() => _,
            options(nostack, preserves_flags, readonly),
        );
    }
}
