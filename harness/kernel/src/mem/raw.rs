//! The only raw memory access of the bench: RAM by physical address, through the direct map, and device registers.
//!
//! UNSAFETY: memory outside of Rust's objects can only be reached by raw pointers. The functions demand addresses that
//! their callers (`phys`, `access`, `paging`, `mmio`) have checked.
#![expect(unsafe_code, reason = "raw memory access")]

use core::{
    ptr,
    sync::atomic::{AtomicU64, Ordering},
};

use super::{Pa, Va, size};
use crate::hw::layout;

fn pointer(pa: Pa) -> *mut u8 {
    ptr::with_exposed_provenance_mut(size(layout::direct(pa).0))
}

fn word_pointer(pa: Pa) -> *mut u64 {
    ptr::with_exposed_provenance_mut(size(layout::direct(pa).0))
}

/// Copies RAM out. The range is RAM.
pub(crate) fn read(pa: Pa, into: &mut [u8]) {
    // SAFETY: (1) the caller checked that the range is RAM, all of which the direct map maps; (2) the slice is a Rust
    // object of the kernel, and no caller reads the kernel's own objects by physical address into themselves.
    unsafe { ptr::copy(pointer(pa), into.as_mut_ptr(), into.len()) };
}

/// Copies into RAM. The range is RAM that belongs to no Rust object.
pub(crate) fn write(pa: Pa, from: &[u8]) {
    // SAFETY: as in `read`; what lies there is a driver's or the host's memory, or a page table.
    unsafe { ptr::copy(from.as_ptr(), pointer(pa), from.len()) };
}

/// Copies within RAM; the ranges may overlap.
pub(crate) fn copy(to: Pa, from: Pa, bytes: u64) {
    // SAFETY: both ranges are RAM, see `read` and `write`.
    unsafe { ptr::copy(pointer(from), pointer(to), size(bytes)) };
}

/// Fills RAM.
pub(crate) fn fill(pa: Pa, value: u8, bytes: u64) {
    // SAFETY: as in `write`.
    unsafe { ptr::write_bytes(pointer(pa), value, size(bytes)) };
}

/// Fills RAM with a word; address and length are multiples of 64 bytes.
pub(crate) fn fill_words(pa: Pa, value: u64, bytes: u64) {
    // SAFETY: (1) as in `write`; (2) XMM0 is no register that the compiler uses on this target, and its old content
    // belongs to no driver, because this runs in the loader.
    unsafe {
        core::arch::asm!(
            "movq xmm0, {value}",
            "punpcklqdq xmm0, xmm0",
            "2:",
            "movaps [{to}], xmm0",
            "movaps [{to} + 16], xmm0",
            "movaps [{to} + 32], xmm0",
            "movaps [{to} + 48], xmm0",
            "add {to}, 64",
            "sub {left}, 64",
            "ja 2b",
            value = in(reg) value,
            to = inout(reg) pointer(pa) => _,
            left = inout(reg) bytes => _,
            options(nostack),
        );
    }
}

/// Memory that nothing writes to any more: the loader's package.
pub(crate) fn window(pa: Pa, bytes: u64) -> &'static [u8] {
    // SAFETY: (1) the direct map maps it; (2) the loader neither places nor poisons anything there.
    unsafe { core::slice::from_raw_parts(pointer(pa), size(bytes)) }
}

/// Reads an aligned 64-bit word of RAM.
pub(crate) fn read_word(pa: Pa) -> u64 {
    // SAFETY: as in `read`, and the caller's address is a multiple of 8. Volatile: the processor and devices write it.
    unsafe { word_pointer(pa).read_volatile() }
}

/// Writes an aligned 64-bit word of RAM.
pub(crate) fn write_word(pa: Pa, value: u64) {
    // SAFETY: as in `read_word`.
    unsafe { word_pointer(pa).write_volatile(value) };
}

/// Replaces an aligned 64-bit word of RAM if it is `old`; whether it was.
pub(crate) fn exchange_word(pa: Pa, old: u64, new: u64) -> bool {
    // SAFETY: (1) as in `read_word`; (2) whoever else writes the word at this moment does so by one aligned store or by this.
    let word = unsafe { AtomicU64::from_ptr(word_pointer(pa)) };
    word.compare_exchange(old, new, Ordering::SeqCst, Ordering::Relaxed)
        .is_ok()
}

macro_rules! register {
    ($read:ident, $write:ident, $type:ty) => {
        /// Reads a device register that is mapped at an address with its natural alignment.
        pub(crate) fn $read(va: Va) -> $type {
            let register: *const $type = ptr::with_exposed_provenance(size(va.0));
            // SAFETY: the caller checked that a register mapping covers the address and that it is aligned.
            unsafe { register.read_volatile() }
        }

        /// Writes a device register that is mapped at an address with its natural alignment.
        pub(crate) fn $write(va: Va, value: $type) {
            let register: *mut $type = ptr::with_exposed_provenance_mut(size(va.0));
            // SAFETY: the caller checked that a register mapping covers the address and that it is aligned.
            unsafe { register.write_volatile(value) };
        }
    };
}

register!(read_register8, write_register8, u8);
register!(read_register16, write_register16, u16);
register!(read_register32, write_register32, u32);
register!(read_register64, write_register64, u64);
