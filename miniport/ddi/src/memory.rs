//! Memory that the device reads and writes: the uncached extension and the SRB extensions.
//!
//! Key types: [`UncachedMemory`] (allocated once by the port for the life of the adapter), [`SrbExtension`] (part of one request),
//! [`BusRange`]. They implement the engine's traits with volatile accesses and never lend a reference to their contents.
//! Neighbours: [`crate::context::FindAdapterContext`] obtains the uncached extension, [`crate::srb`] the SRB extensions.
#![expect(unsafe_code, reason = "memory shared with a device")]
// UNSAFETY: the device changes this memory behind the compiler's back; only volatile accesses through raw pointers are right.

use core::{marker::PhantomData, ptr::NonNull};

use hba::access::{DmaMemory, SharedMemory};

pub use self::entries::{RingEntries, RingRow};
use wdk_sys::{LARGE_INTEGER, SCSI_REQUEST_BLOCK};

/// A range of addresses as the device sees it, not empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BusRange {
    address: u64,
    bytes: u32,
}

impl BusRange {
    /// `None` when there is nothing in the range: the port could not translate the address.
    #[inline]
    pub(crate) fn new(address: u64, bytes: u32) -> Option<Self> {
        (bytes != 0).then_some(Self { address, bytes })
    }

    /// First address.
    #[must_use]
    pub const fn address(self) -> u64 {
        self.address
    }

    /// Length in bytes, never 0.
    #[must_use]
    pub const fn bytes(self) -> u32 {
        self.bytes
    }
}

/// The 64-bit value of a physical address.
#[inline]
pub(crate) fn quad(address: LARGE_INTEGER) -> u64 {
    // SAFETY: every view of the union is plain integers over the same eight bytes.
    let value = unsafe { address.QuadPart };
    value.cast_unsigned()
}

/// A window of memory that is accessed with volatile instructions.
///
/// # Invariants
/// `base` is aligned to 8 bytes, and `bytes` bytes from there on are mapped for as long as the window is used.
#[derive(Clone, Copy, Debug)]
struct Window {
    base: NonNull<u8>,
    bytes: u32,
}

impl Window {
    const ABSENT: Self = Self {
        base: NonNull::<u64>::dangling().cast(),
        bytes: 0,
    };

    /// Whether a `T` at `offset` lies inside and is aligned.
    #[inline]
    const fn holds<T>(self, offset: u32) -> bool {
        const { assert!(size_of::<T>() <= 8 && align_of::<T>() <= 8) };
        self.holds_multiple(offset, size_of::<T>() as u32, align_of::<T>() as u32)
    }

    /// Whether `bytes` bytes at `offset`, a multiple of `alignment`, lie inside. One sum and two tests, since this precedes most accesses on
    /// the path of each request; where the compiler knows something of the offset, none is left.
    #[inline]
    const fn holds_multiple(self, offset: u32, bytes: u32, alignment: u32) -> bool {
        offset as u64 + bytes as u64 <= self.bytes as u64 && offset.is_multiple_of(alignment)
    }

    #[inline]
    fn read<T: Copy + Default>(self, offset: u32) -> T {
        if !self.holds::<T>(offset) {
            return T::default();
        }
        // SAFETY: the place lies inside the window (checked just now, type invariant).
        let place = unsafe { self.base.add(offset as usize) }.cast::<T>();
        // SAFETY: the place is aligned (checked just now); every bit pattern is a valid T (integers only).
        unsafe { place.read_volatile() }
    }

    #[inline]
    fn write<T: Copy>(self, offset: u32, value: T) {
        if self.holds::<T>(offset) {
            // SAFETY: the place lies inside the window (checked just now, type invariant).
            let place = unsafe { self.base.add(offset as usize) }.cast::<T>();
            // SAFETY: the place is aligned (checked just now).
            unsafe { place.write_volatile(value) };
        }
    }

    /// The place of `count` words next to each other, if all lie inside and are aligned.
    #[inline]
    fn words_at(self, offset: u32, count: u32) -> Option<NonNull<u64>> {
        if !self.holds_multiple(offset, count * 8, 8) {
            return None;
        }
        // SAFETY: the place lies inside the window (checked just now, type invariant).
        Some(unsafe { self.base.add(offset as usize) }.cast())
    }

    /// Words next to each other after one test. Each is an access of its own: an array would go over the stack.
    #[inline]
    fn read_words<const N: usize>(self, offset: u32) -> [u64; N] {
        let mut words = [0; N];
        if let Some(first) = self.words_at(offset, N as u32) {
            for (index, word) in words.iter_mut().enumerate() {
                // SAFETY: index is below N, and N words from `first` on lie inside the window.
                let place = unsafe { first.add(index) };
                // SAFETY: the place is aligned (checked by `words_at`), and every bit pattern is an integer.
                *word = u64::from_le(unsafe { place.read_volatile() });
            }
        }
        words
    }

    /// The same, written.
    #[inline]
    fn write_words<const N: usize>(self, offset: u32, words: [u64; N]) {
        if let Some(first) = self.words_at(offset, N as u32) {
            for (index, word) in words.iter().enumerate() {
                // SAFETY: index is below N, and N words from `first` on lie inside the window.
                let place = unsafe { first.add(index) };
                // SAFETY: the place is aligned (checked by `words_at`).
                unsafe { place.write_volatile(word.to_le()) };
            }
        }
    }

    /// A pair of words for each item, next to each other after one test; several items in each round of the loop.
    #[inline]
    fn write_pairs<T>(
        self,
        offset: u32,
        items: &[T],
        mut pair: impl FnMut(&T) -> (u64, u64),
    ) -> bool {
        let first = u32::try_from(items.len())
            .ok()
            .and_then(|count| count.checked_mul(16))
            .and_then(|bytes| self.words_at(offset, bytes / 8));
        let Some(mut place) = first else {
            return false;
        };
        let mut write = |item| {
            let (first, second) = pair(item);
            // SAFETY: two words for each item lie inside the window and are aligned (checked just now).
            unsafe { place.write_volatile(first.to_le()) };
            // SAFETY: this is the second word of the pair.
            let behind = unsafe { place.add(1) };
            // SAFETY: as above.
            unsafe { behind.write_volatile(second.to_le()) };
            // SAFETY: the pair ends inside the window or at its end.
            place = unsafe { place.add(2) };
        };
        let (rounds, rest) = items.as_chunks::<4>();
        for [first, second, third, fourth] in rounds {
            write(first);
            write(second);
            write(third);
            write(fourth);
        }
        rest.iter().for_each(write);
        true
    }

    /// The first of `length` bytes at `offset`, if all lie inside.
    #[inline]
    fn bytes_at(self, offset: u32, length: usize) -> Option<NonNull<u8>> {
        let end = u32::try_from(length).ok()?.checked_add(offset)?;
        if end > self.bytes {
            return None;
        }
        // SAFETY: the place lies inside the window (checked just now, type invariant).
        Some(unsafe { self.base.add(offset as usize) })
    }

    fn read_bytes(self, offset: u32, destination: &mut [u8]) {
        let Some(source) = self.bytes_at(offset, destination.len()) else {
            return;
        };
        // SAFETY: (1) the source lies inside the window; (2) the destination is a slice of ordinary memory, which no
        // window overlaps; (3) a torn copy of bytes that the device changes meanwhile is as good as an earlier or later one,
        // since all values are checked after the copy.
        unsafe {
            core::ptr::copy_nonoverlapping(
                source.as_ptr(),
                destination.as_mut_ptr(),
                destination.len(),
            );
        };
    }

    #[inline]
    fn write_bytes(self, offset: u32, source: &[u8]) {
        let Some(destination) = self.bytes_at(offset, source.len()) else {
            return;
        };
        // SAFETY: (1) the destination lies inside the window; (2) the source is ordinary memory, which no window overlaps.
        unsafe {
            core::ptr::copy_nonoverlapping(source.as_ptr(), destination.as_ptr(), source.len());
        };
    }

    fn zero(self, offset: u32, length: u32) {
        if let Some(destination) = self.bytes_at(offset, length as usize) {
            // SAFETY: the range lies inside the window.
            unsafe { core::ptr::write_bytes(destination.as_ptr(), 0, length as usize) };
        }
    }
}

macro_rules! shared_memory {
    ($type:ty) => {
        impl SharedMemory for $type {
            #[inline]
            fn length(&self) -> u32 {
                self.window.bytes
            }
            #[inline]
            fn read_u8(&self, offset: u32) -> u8 {
                self.window.read(offset)
            }
            #[inline]
            fn read_u16(&self, offset: u32) -> u16 {
                u16::from_le(self.window.read(offset))
            }
            #[inline]
            fn read_u32(&self, offset: u32) -> u32 {
                u32::from_le(self.window.read(offset))
            }
            #[inline]
            fn read_u64(&self, offset: u32) -> u64 {
                u64::from_le(self.window.read(offset))
            }
            #[inline]
            fn write_u8(&self, offset: u32, value: u8) {
                self.window.write(offset, value);
            }
            #[inline]
            fn write_u16(&self, offset: u32, value: u16) {
                self.window.write(offset, value.to_le());
            }
            #[inline]
            fn write_u32(&self, offset: u32, value: u32) {
                self.window.write(offset, value.to_le());
            }
            #[inline]
            fn write_u64(&self, offset: u32, value: u64) {
                self.window.write(offset, value.to_le());
            }
            #[inline]
            fn read_bytes(&self, offset: u32, destination: &mut [u8]) {
                self.window.read_bytes(offset, destination);
            }
            #[inline]
            fn write_bytes(&self, offset: u32, source: &[u8]) {
                self.window.write_bytes(offset, source);
            }
            #[inline]
            fn read_words<const N: usize>(&self, offset: u32) -> [u64; N] {
                self.window.read_words(offset)
            }
            #[inline]
            fn write_words<const N: usize>(&self, offset: u32, words: [u64; N]) {
                self.window.write_words(offset, words);
            }
            #[inline]
            fn write_pairs<T>(
                &self,
                offset: u32,
                items: &[T],
                pair: impl FnMut(&T) -> (u64, u64),
            ) -> bool {
                self.window.write_pairs(offset, items, pair)
            }
            #[inline]
            fn zero(&self, offset: u32, length: u32) {
                self.window.zero(offset, length);
            }
        }
    };
}

/// The adapter's uncached extension (`StorPortGetUncachedExtension`), or the contiguous part of it that the driver uses.
///
/// The port allocates it once and frees it with the adapter; its address never changes in between.
///
/// It is a handle: clones are the same memory. They belong into the adapter, and end with it.
///
/// # Invariants
/// `bus` is the address by which the device reaches `window.base`, and the whole window is contiguous for the device.
#[derive(Clone, Debug)]
pub struct UncachedMemory {
    window: Window,
    bus: u64,
}

// SAFETY: the window is memory of the adapter, the same for every processor.
unsafe impl Send for UncachedMemory {}
// SAFETY: all accesses are volatile, and none lends a reference; what concurrent writers mean to each other is the business of
// the engine, which works under the StartIo lock.
unsafe impl Sync for UncachedMemory {}

impl UncachedMemory {
    /// No memory: what an adapter has before `HwStorFindAdapter`.
    pub const ABSENT: Self = Self {
        window: Window::ABSENT,
        bus: 0,
    };

    /// # Safety
    /// `base` is aligned to 8 bytes; `bytes` bytes there are mapped for the life of the adapter, used by nobody else, and
    /// contiguous for the device from `bus` on.
    pub(crate) const unsafe fn new(base: NonNull<u8>, bytes: u32, bus: u64) -> Self {
        // INVARIANT: the caller vouches for it.
        Self {
            window: Window { base, bytes },
            bus,
        }
    }

    /// The whole range as the device sees it.
    #[must_use]
    pub const fn bus_range(&self) -> BusRange {
        BusRange {
            address: self.bus,
            bytes: self.window.bytes,
        }
    }
}

shared_memory!(UncachedMemory);

impl DmaMemory for UncachedMemory {
    type Entries<const BYTES: u32> = RingEntries<BYTES>;
    type Row = RingRow;

    fn entries<const BYTES: u32>(&self, offset: u32, mask: u16) -> Option<RingEntries<BYTES>> {
        RingEntries::new(self.window, offset, mask)
    }

    fn row(&self, offset: u32, count: u16) -> Option<RingRow> {
        RingRow::new(self.window, offset, count)
    }

    #[inline]
    fn bus_address(&self) -> u64 {
        self.bus
    }
}

/// The miniport's memory in one request; ordinary cached memory that the device reads and writes too. A handle that borrows the request.
#[derive(Clone, Copy, Debug)]
pub struct SrbExtension<'srb> {
    window: Window,
    block: NonNull<SCSI_REQUEST_BLOCK>,
    request: PhantomData<&'srb ()>,
}

impl SrbExtension<'_> {
    /// # Safety
    /// `bytes` bytes from `base` on, which is aligned to 8, are mapped during the lifetime and used by nobody else but the device; they
    /// belong to the SRB extension of the request `block`, which lives as long.
    #[inline]
    pub(crate) const unsafe fn new(
        base: NonNull<u8>,
        bytes: u32,
        block: NonNull<SCSI_REQUEST_BLOCK>,
    ) -> Self {
        // INVARIANT: the caller vouches for it.
        Self {
            window: Window { base, bytes },
            block,
            request: PhantomData,
        }
    }

    /// The place of the byte at `offset`; `None` at the end and behind it, where the memory is not the request's.
    #[inline]
    pub(crate) fn place(&self, offset: u32) -> Option<NonNull<u8>> {
        self.window.bytes_at(offset, 1)
    }

    /// The request that the window belongs to.
    #[inline]
    pub(crate) const fn block(&self) -> NonNull<SCSI_REQUEST_BLOCK> {
        self.block
    }
}

shared_memory!(SrbExtension<'_>);

mod entries;

#[cfg(test)]
mod tests;
