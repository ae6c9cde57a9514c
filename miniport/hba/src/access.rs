//! Access to the device: registers and shared memory, as three small traits.
//!
//! The driver's `ddi` crate implements them with volatile accesses, the [fake device](crate::fake) with cells. Offsets are
//! checked once, when a typed window is made ([`crate::ring`], [`crate::device`], [`crate::request`]); the implementations
//! are nevertheless bounded and total, so that no offset whatever can reach foreign memory.

use core::sync::atomic::{Ordering, fence};

/// One bounded range of device registers, memory mapped or I/O ports (virtio 4.1.3: little endian, naturally aligned).
///
/// An access that does not fit into the range behaves like an absent PCI function: reads return all ones, writes vanish.
pub trait Mmio {
    /// Length of the range in bytes.
    fn length(&self) -> u32;
    /// Reads 8 bits at `offset` bytes.
    fn read_u8(&self, offset: u32) -> u8;
    /// Reads 16 bits at `offset` bytes.
    fn read_u16(&self, offset: u32) -> u16;
    /// Reads 32 bits at `offset` bytes.
    fn read_u32(&self, offset: u32) -> u32;
    /// Writes 8 bits at `offset` bytes.
    fn write_u8(&self, offset: u32, value: u8);
    /// Writes 16 bits at `offset` bytes.
    fn write_u16(&self, offset: u32, value: u16);
    /// Writes 32 bits at `offset` bytes.
    fn write_u32(&self, offset: u32, value: u32);
}

/// Memory that the device may read or write at any time: accessors only, never a reference to the contents.
///
/// Values are little endian in memory. Single accesses are volatile and, when naturally aligned, not torn. An access that
/// does not fit into the window has no effect: reads return zero, writes vanish.
pub trait SharedMemory {
    /// Length of the window in bytes.
    fn length(&self) -> u32;
    /// Reads 8 bits at `offset` bytes.
    fn read_u8(&self, offset: u32) -> u8;
    /// Reads 16 bits at `offset` bytes.
    fn read_u16(&self, offset: u32) -> u16;
    /// Reads 32 bits at `offset` bytes.
    fn read_u32(&self, offset: u32) -> u32;
    /// Reads 64 bits at `offset` bytes.
    fn read_u64(&self, offset: u32) -> u64;
    /// Writes 8 bits at `offset` bytes.
    fn write_u8(&self, offset: u32, value: u8);
    /// Writes 16 bits at `offset` bytes.
    fn write_u16(&self, offset: u32, value: u16);
    /// Writes 32 bits at `offset` bytes.
    fn write_u32(&self, offset: u32, value: u32);
    /// Writes 64 bits at `offset` bytes.
    fn write_u64(&self, offset: u32, value: u64);

    /// Copies `destination.len()` bytes out of the window, starting at `offset`.
    fn read_bytes(&self, offset: u32, destination: &mut [u8]) {
        for (position, byte) in (offset..).zip(destination) {
            *byte = self.read_u8(position);
        }
    }

    /// Copies `source` into the window, starting at `offset`.
    fn write_bytes(&self, offset: u32, source: &[u8]) {
        for (position, &byte) in (offset..).zip(source) {
            self.write_u8(position, byte);
        }
    }

    /// Reads two 32-bit values next to each other: a used element, which is aligned to 4 bytes only. Worth overriding with a single
    /// bounds check.
    fn read_u32_pair(&self, offset: u32) -> (u32, u32) {
        (
            self.read_u32(offset),
            self.read_u32(offset.saturating_add(4)),
        )
    }

    /// Writes two 64-bit values next to each other: a descriptor. Worth overriding with a single bounds check.
    fn write_u64_pair(&self, offset: u32, first: u64, second: u64) {
        self.write_u64(offset, first);
        self.write_u64(offset.saturating_add(8), second);
    }

    /// Writes `length` zero bytes, starting at `offset`.
    fn zero(&self, offset: u32, length: u32) {
        for position in offset..offset.saturating_add(length) {
            self.write_u8(position, 0);
        }
    }

    /// Orders all writes before it ahead of all writes after it, as the device sees them (virtio 2.7.13.2).
    fn write_barrier(&self) {
        fence(Ordering::Release);
    }

    /// Orders all reads before it ahead of all reads after it (virtio 2.7.14).
    fn read_barrier(&self) {
        fence(Ordering::Acquire);
    }

    /// Orders all accesses before it ahead of all accesses after it, writes before reads included (virtio 2.7.13.4.1).
    fn full_barrier(&self) {
        fence(Ordering::SeqCst);
    }
}

/// Shared memory that is contiguous for the device too.
pub trait DmaMemory: SharedMemory {
    /// Address by which the device reaches offset 0; offset `n` is `n` bytes above it.
    fn bus_address(&self) -> u64;
}

impl<T: Mmio + ?Sized> Mmio for &T {
    fn length(&self) -> u32 {
        (**self).length()
    }
    fn read_u8(&self, offset: u32) -> u8 {
        (**self).read_u8(offset)
    }
    fn read_u16(&self, offset: u32) -> u16 {
        (**self).read_u16(offset)
    }
    fn read_u32(&self, offset: u32) -> u32 {
        (**self).read_u32(offset)
    }
    fn write_u8(&self, offset: u32, value: u8) {
        (**self).write_u8(offset, value);
    }
    fn write_u16(&self, offset: u32, value: u16) {
        (**self).write_u16(offset, value);
    }
    fn write_u32(&self, offset: u32, value: u32) {
        (**self).write_u32(offset, value);
    }
}

impl<T: SharedMemory + ?Sized> SharedMemory for &T {
    fn length(&self) -> u32 {
        (**self).length()
    }
    fn read_u8(&self, offset: u32) -> u8 {
        (**self).read_u8(offset)
    }
    fn read_u16(&self, offset: u32) -> u16 {
        (**self).read_u16(offset)
    }
    fn read_u32(&self, offset: u32) -> u32 {
        (**self).read_u32(offset)
    }
    fn read_u64(&self, offset: u32) -> u64 {
        (**self).read_u64(offset)
    }
    fn write_u8(&self, offset: u32, value: u8) {
        (**self).write_u8(offset, value);
    }
    fn write_u16(&self, offset: u32, value: u16) {
        (**self).write_u16(offset, value);
    }
    fn write_u32(&self, offset: u32, value: u32) {
        (**self).write_u32(offset, value);
    }
    fn write_u64(&self, offset: u32, value: u64) {
        (**self).write_u64(offset, value);
    }
    fn read_bytes(&self, offset: u32, destination: &mut [u8]) {
        (**self).read_bytes(offset, destination);
    }
    fn write_bytes(&self, offset: u32, source: &[u8]) {
        (**self).write_bytes(offset, source);
    }
    fn read_u32_pair(&self, offset: u32) -> (u32, u32) {
        (**self).read_u32_pair(offset)
    }
    fn write_u64_pair(&self, offset: u32, first: u64, second: u64) {
        (**self).write_u64_pair(offset, first, second);
    }
    fn zero(&self, offset: u32, length: u32) {
        (**self).zero(offset, length);
    }
    fn write_barrier(&self) {
        (**self).write_barrier();
    }
    fn read_barrier(&self) {
        (**self).read_barrier();
    }
    fn full_barrier(&self) {
        (**self).full_barrier();
    }
}

impl<T: DmaMemory + ?Sized> DmaMemory for &T {
    fn bus_address(&self) -> u64 {
        (**self).bus_address()
    }
}
