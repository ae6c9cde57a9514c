//! One descriptor, as two 64-bit words: of a split ring (virtio 2.7.5) and of a packed one (virtio 2.8.13).
//!
//! Both have address, length and 32 bits of other things: flags and link here, buffer id and flags there.

/// Bytes of a descriptor.
pub const DESCRIPTOR_BYTES: u32 = 16;

pub(crate) const FLAG_NEXT: u16 = 1;
pub(crate) const FLAG_WRITE: u16 = 2;
pub(crate) const FLAG_INDIRECT: u16 = 4;

/// Which way a buffer goes, seen from the driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The device reads it.
    DriverToDevice,
    /// The device writes it.
    DeviceToDriver,
}

/// A buffer in bus address space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descriptor {
    /// Bus address of the first byte.
    pub bus_address: u64,
    /// Length in bytes.
    pub length: u32,
    /// Which way it goes.
    pub direction: Direction,
}

impl Descriptor {
    /// Flags without NEXT.
    pub(crate) const fn flags(self) -> u16 {
        match self.direction {
            Direction::DriverToDevice => 0,
            Direction::DeviceToDriver => FLAG_WRITE,
        }
    }
}

/// The second word of a descriptor: length, flags and next.
#[inline]
pub(crate) fn second_word(length: u32, flags: u16, next: u16) -> u64 {
    u64::from(length) | (u64::from(flags) << 32) | (u64::from(next) << 48)
}

/// Length and flags out of a second word; `next` is not needed anywhere.
#[inline]
pub(crate) fn length_and_flags(word: u64) -> (u32, u16) {
    let length = u32::try_from(word & 0xFFFF_FFFF).unwrap_or_default();
    let flags = u16::try_from((word >> 32) & 0xFFFF).unwrap_or_default();
    (length, flags)
}

/// The second word of a descriptor of a packed ring (virtio 2.8.13): length, buffer id and flags.
#[inline]
pub(crate) fn packed_second_word(length: u32, id: u16, flags: u16) -> u64 {
    second_word(length, id, flags)
}

/// Length, buffer id and flags out of a second word of a packed ring.
#[inline]
pub(crate) fn packed_used(word: u64) -> (u32, u16, u16) {
    let (length, id) = length_and_flags(word);
    let flags = u16::try_from(word >> 48).unwrap_or_default();
    (length, id, flags)
}

/// Length and flags alone.
#[inline]
pub(crate) fn packed_length_and_flags(word: u64) -> (u32, u16) {
    let (length, _, flags) = packed_used(word);
    (length, flags)
}
