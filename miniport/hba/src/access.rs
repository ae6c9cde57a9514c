//! Access to the device: registers and shared memory, as three small traits.
//!
//! The driver's `ddi` crate implements them with volatile accesses, the [fake device](crate::fake) with cells. Offsets are
//! checked once, when a typed window is made ([`crate::ring`], [`crate::device`], [`crate::request`]); the implementations
//! are nevertheless bounded and total, so that no offset whatever can reach foreign memory.

use core::{
    fmt::{self, Debug},
    sync::atomic::{Ordering, fence},
};

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

    /// Reads `N` 64-bit values next to each other: a response. Worth overriding with a single bounds check.
    fn read_words<const N: usize>(&self, offset: u32) -> [u64; N] {
        let mut words = [0; N];
        let mut at = offset;
        for word in &mut words {
            *word = self.read_u64(at);
            at = at.saturating_add(8);
        }
        words
    }

    /// Writes `N` 64-bit values next to each other: a header, a descriptor. Worth overriding with a single bounds check.
    fn write_words<const N: usize>(&self, offset: u32, words: [u64; N]) {
        let mut at = offset;
        for word in words {
            self.write_u64(at, word);
            at = at.saturating_add(8);
        }
    }

    /// Writes a pair of 64-bit values for each of `items`, next to each other from `offset` on, which is aligned to 8: descriptors. False, and
    /// nothing is written, when they would not all fit. Worth overriding with a single bounds check.
    fn write_pairs<T>(
        &self,
        offset: u32,
        items: &[T],
        mut pair: impl FnMut(&T) -> (u64, u64),
    ) -> bool {
        let end = u32::try_from(items.len())
            .ok()
            .and_then(|count| count.checked_mul(PAIR_BYTES)?.checked_add(offset));
        if !offset.is_multiple_of(8) || end.is_none_or(|end| end > self.length()) {
            return false;
        }
        let mut at = offset;
        for item in items {
            let (first, second) = pair(item);
            self.write_words(at, [first, second]);
            at = at.wrapping_add(PAIR_BYTES);
        }
        true
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

/// Bytes of a pair of 64-bit values.
const PAIR_BYTES: u32 = 16;

/// An array in shared memory whose length is a power of two: positions are masked, so that no access leaves it. With a single entry it is a place
/// that is checked once.
pub trait Entries<const BYTES: u32>: Debug {
    /// Reads 16 bits at the beginning of an entry.
    fn read_u16(&self, position: u16) -> u16;
    /// Reads 32 bits at the beginning of an entry, one of 4 bytes at least.
    fn read_u32(&self, position: u16) -> u32;
    /// Writes 32 bits at the beginning of an entry, one of 4 bytes at least.
    fn write_u32(&self, position: u16, value: u32);
    /// Writes 16 bits at the beginning of an entry.
    fn write_u16(&self, position: u16, value: u16);
    /// Writes two 64-bit values, an entry of 16 bytes.
    fn write_words(&self, position: u16, first: u64, second: u64);
    /// Reads two 32-bit values, an entry of 8 bytes.
    fn read_u32_pair(&self, position: u16) -> (u32, u32);
}

/// An array of pairs of 64-bit values in shared memory, of any length. An access behind its end has no effect: reads return zero.
pub trait Row: Debug {
    /// Writes a pair.
    fn write_pair(&self, position: u16, first: u64, second: u64);
    /// Reads the second value of a pair.
    fn read_second(&self, position: u16) -> u64;
    /// Writes the last 16 bits of a pair.
    fn write_last_u16(&self, position: u16, value: u16);
}

/// [`Row`] whose accesses the memory checks one by one.
pub struct CheckedRow<M> {
    memory: M,
    offset: u32,
    count: u16,
}

impl<M> Debug for CheckedRow<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckedRow")
            .field("offset", &self.offset)
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}

impl<M: SharedMemory> CheckedRow<M> {
    /// An array of `count` pairs at `offset`, if that lies in the memory.
    pub fn new(memory: M, offset: u32, count: u16) -> Option<Self> {
        let bytes = u32::from(count).checked_mul(PAIR_BYTES)?;
        let is_there = offset.checked_add(bytes)? <= memory.length();
        (is_there && offset.is_multiple_of(8)).then_some(Self {
            memory,
            offset,
            count,
        })
    }

    fn at(&self, position: u16) -> Option<u32> {
        // `new` has checked that the end of the array does not overflow.
        let bytes = u32::from(position).wrapping_mul(PAIR_BYTES);
        (position < self.count).then_some(self.offset.wrapping_add(bytes))
    }
}

impl<M: SharedMemory> Row for CheckedRow<M> {
    fn write_pair(&self, position: u16, first: u64, second: u64) {
        if let Some(at) = self.at(position) {
            self.memory.write_words(at, [first, second]);
        }
    }

    fn read_second(&self, position: u16) -> u64 {
        self.at(position)
            .map_or(0, |at| self.memory.read_u64(at.wrapping_add(8)))
    }

    fn write_last_u16(&self, position: u16, value: u16) {
        if let Some(at) = self.at(position) {
            self.memory.write_u16(at.wrapping_add(14), value);
        }
    }
}

/// [`Entries`] whose accesses the memory checks one by one.
pub struct CheckedEntries<M, const BYTES: u32> {
    memory: M,
    offset: u32,
    mask: u16,
}

impl<M, const BYTES: u32> Debug for CheckedEntries<M, BYTES> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckedEntries")
            .field("offset", &self.offset)
            .field("mask", &self.mask)
            .finish_non_exhaustive()
    }
}

impl<M: SharedMemory, const BYTES: u32> CheckedEntries<M, BYTES> {
    /// An array of `mask + 1` entries at `offset`, if that lies in the memory.
    pub fn new(memory: M, offset: u32, mask: u16) -> Option<Self> {
        let bytes = u32::from(mask).checked_add(1)?.checked_mul(BYTES)?;
        let is_there = offset.checked_add(bytes)? <= memory.length();
        (is_there && mask & mask.wrapping_add(1) == 0).then_some(Self {
            memory,
            offset,
            mask,
        })
    }

    fn at(&self, position: u16) -> u32 {
        // `new` has checked that the end of the array does not overflow.
        let index = u32::from(position & self.mask);
        self.offset.wrapping_add(index.wrapping_mul(BYTES))
    }
}

impl<M: SharedMemory, const BYTES: u32> Entries<BYTES> for CheckedEntries<M, BYTES> {
    fn read_u16(&self, position: u16) -> u16 {
        self.memory.read_u16(self.at(position))
    }

    fn read_u32(&self, position: u16) -> u32 {
        self.memory.read_u32(self.at(position))
    }

    fn write_u32(&self, position: u16, value: u32) {
        self.memory.write_u32(self.at(position), value);
    }

    fn write_u16(&self, position: u16, value: u16) {
        self.memory.write_u16(self.at(position), value);
    }

    fn write_words(&self, position: u16, first: u64, second: u64) {
        self.memory.write_words(self.at(position), [first, second]);
    }

    fn read_u32_pair(&self, position: u16) -> (u32, u32) {
        let at = self.at(position);
        (
            self.memory.read_u32(at),
            self.memory.read_u32(at.saturating_add(4)),
        )
    }
}

/// Shared memory that is contiguous for the device too.
pub trait DmaMemory: SharedMemory {
    /// What [`DmaMemory::entries`] yields. [`CheckedEntries`] will do wherever speed does not matter.
    type Entries<const BYTES: u32>: Entries<BYTES>;
    /// What [`DmaMemory::row`] yields. [`CheckedRow`] will do wherever speed does not matter.
    type Row: Row;

    /// Address by which the device reaches offset 0; offset `n` is `n` bytes above it.
    fn bus_address(&self) -> u64;

    /// An array of `mask + 1` entries of `BYTES` bytes at `offset`, whose bounds are checked here and not for each access; as long-lived as
    /// the memory itself. `None` when it is not all there, not aligned to 8 bytes (or to `BYTES`, or to 4 for entries of 8 bytes), or when
    /// `mask + 1` is no power of two.
    fn entries<const BYTES: u32>(&self, offset: u32, mask: u16) -> Option<Self::Entries<BYTES>>;

    /// An array of `count` pairs at `offset`, on the same terms. `None` when it is not all there, or not aligned to 8 bytes.
    fn row(&self, offset: u32, count: u16) -> Option<Self::Row>;
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

impl<T: SharedMemory> SharedMemory for &T {
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
    fn read_words<const N: usize>(&self, offset: u32) -> [u64; N] {
        (**self).read_words(offset)
    }
    fn write_words<const N: usize>(&self, offset: u32, words: [u64; N]) {
        (**self).write_words(offset, words);
    }
    fn write_pairs<I>(&self, offset: u32, items: &[I], pair: impl FnMut(&I) -> (u64, u64)) -> bool {
        (**self).write_pairs(offset, items, pair)
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

impl<T: DmaMemory> DmaMemory for &T {
    type Entries<const BYTES: u32> = T::Entries<BYTES>;
    type Row = T::Row;

    fn row(&self, offset: u32, count: u16) -> Option<Self::Row> {
        (**self).row(offset, count)
    }
    fn entries<const BYTES: u32>(&self, offset: u32, mask: u16) -> Option<Self::Entries<BYTES>> {
        (**self).entries(offset, mask)
    }
    fn bus_address(&self) -> u64 {
        (**self).bus_address()
    }
}
