//! Arrays of a ring in shared memory: bounds are checked once, positions are masked.
//!
//! Key types: [`RingEntries`]; [`RingRow`], where the length is no power of two. Neighbour: the engine's windows on rings (`hba::ring`), which are made of them.
#![expect(unsafe_code, reason = "memory shared with a device")]
// UNSAFETY: the device changes this memory behind the compiler's back; only volatile accesses through raw pointers are right.

use core::ptr::NonNull;

use hba::access::{Entries, Row};

use super::Window;

/// An array of entries of `BYTES` bytes, as many as a power of two.
///
/// It is a handle like the memory that it came from, and ends with the adapter.
///
/// # Invariants
/// `(mask + 1) * BYTES` bytes from `first` on lie in the adapter's memory, where `mask + 1` is a power of two; `first` is aligned to
/// [`RingEntries::ALIGNMENT`], and so is each entry.
#[derive(Debug)]
pub struct RingEntries<const BYTES: u32> {
    first: NonNull<u8>,
    mask: u16,
}

// SAFETY: the array is memory of the adapter, the same for every processor.
unsafe impl<const BYTES: u32> Send for RingEntries<BYTES> {}
// SAFETY: all accesses are volatile, and none lends a reference; whoever writes holds the lock of the queue.
unsafe impl<const BYTES: u32> Sync for RingEntries<BYTES> {}

impl<const BYTES: u32> RingEntries<BYTES> {
    /// Used elements are aligned to 4 bytes only (virtio 2.7.8).
    const ALIGNMENT: u32 = match BYTES {
        2 => 2,
        4 | 8 => 4,
        16 => 8,
        _ => panic!("no ring has entries of this size"),
    };

    pub(super) fn new(window: Window, offset: u32, mask: u16) -> Option<Self> {
        let count = u32::from(mask) + 1;
        if !count.is_power_of_two()
            || !window.holds_multiple(offset, count * BYTES, Self::ALIGNMENT)
        {
            return None;
        }
        // INVARIANT: the array lies inside the window, which is aligned to 8 bytes.
        Some(Self {
            first: window.bytes_at(offset, 0)?,
            mask,
        })
    }

    #[inline]
    fn at(&self, position: u16) -> NonNull<u8> {
        let index = usize::from(position & self.mask);
        // SAFETY: the index is at most the mask, so the entry lies inside the array (type invariant).
        unsafe { self.first.add(index * BYTES as usize) }
    }
}

impl<const BYTES: u32> Entries<BYTES> for RingEntries<BYTES> {
    #[inline]
    fn read_u16(&self, position: u16) -> u16 {
        const { assert!(BYTES >= 2) };
        let place = self.at(position).cast::<u16>();
        // SAFETY: the place lies in an entry of two bytes at least, and is aligned (type invariant); every bit pattern is an integer.
        u16::from_le(unsafe { place.read_volatile() })
    }

    #[inline]
    fn read_u32(&self, position: u16) -> u32 {
        const { assert!(BYTES >= 4) };
        let place = self.at(position).cast::<u32>();
        // SAFETY: the place lies in an entry of four bytes at least, and is aligned (type invariant); every bit pattern is an integer.
        u32::from_le(unsafe { place.read_volatile() })
    }

    #[inline]
    fn write_u32(&self, position: u16, value: u32) {
        const { assert!(BYTES >= 4) };
        let place = self.at(position).cast::<u32>();
        // SAFETY: the place lies in an entry of four bytes at least, and is aligned (type invariant).
        unsafe { place.write_volatile(value.to_le()) };
    }

    #[inline]
    fn write_u16(&self, position: u16, value: u16) {
        const { assert!(BYTES >= 2) };
        let place = self.at(position).cast::<u16>();
        // SAFETY: the place lies in an entry of two bytes at least, and is aligned (type invariant).
        unsafe { place.write_volatile(value.to_le()) };
    }

    #[inline]
    fn write_words(&self, position: u16, first: u64, second: u64) {
        const { assert!(BYTES == 16) };
        let place = self.at(position).cast::<u64>();
        // SAFETY: the word is the first of an entry of two, and is aligned (type invariant).
        unsafe { place.write_volatile(first.to_le()) };
        // SAFETY: the second word lies in the entry too.
        let place = unsafe { place.add(1) };
        // SAFETY: as above.
        unsafe { place.write_volatile(second.to_le()) };
    }

    #[inline]
    fn read_u32_pair(&self, position: u16) -> (u32, u32) {
        const { assert!(BYTES == 8) };
        let place = self.at(position).cast::<u32>();
        // SAFETY: the number is the first of an entry of two, and is aligned (type invariant); every bit pattern is an integer.
        let first = unsafe { place.read_volatile() };
        // SAFETY: the second number lies in the entry too.
        let place = unsafe { place.add(1) };
        // SAFETY: as above.
        let second = unsafe { place.read_volatile() };
        (u32::from_le(first), u32::from_le(second))
    }
}

/// An array of pairs of words.
///
/// It is a handle like the memory that it came from, and ends with the adapter.
///
/// # Invariants
/// `count` pairs from `first` on lie in the adapter's memory; `first` is aligned to 8 bytes.
#[derive(Debug)]
pub struct RingRow {
    first: NonNull<u64>,
    count: u16,
}

// SAFETY: the array is memory of the adapter, the same for every processor.
unsafe impl Send for RingRow {}
// SAFETY: all accesses are volatile, and none lends a reference; whoever writes holds the lock of the queue.
unsafe impl Sync for RingRow {}

impl RingRow {
    pub(super) fn new(window: Window, offset: u32, count: u16) -> Option<Self> {
        // INVARIANT: the array lies inside the window, which is aligned to 8 bytes.
        Some(Self {
            first: window.words_at(offset, u32::from(count) * 2)?,
            count,
        })
    }

    /// The first word of a pair.
    #[inline]
    fn at(&self, position: u16) -> Option<NonNull<u64>> {
        if position >= self.count {
            return None;
        }
        // SAFETY: the pair lies inside the array (checked just now, type invariant).
        Some(unsafe { self.first.add(usize::from(position) * 2) })
    }

    /// The second word of a pair.
    #[inline]
    fn second(&self, position: u16) -> Option<NonNull<u64>> {
        // SAFETY: a pair has two words.
        self.at(position).map(|place| unsafe { place.add(1) })
    }
}

impl Row for RingRow {
    #[inline]
    fn write_pair(&self, position: u16, first: u64, second: u64) {
        if let Some(place) = self.at(position) {
            // SAFETY: the word is the first of a pair of the array, and aligned (type invariant).
            unsafe { place.write_volatile(first.to_le()) };
            // SAFETY: the second word lies in the pair too.
            let place = unsafe { place.add(1) };
            // SAFETY: as above.
            unsafe { place.write_volatile(second.to_le()) };
        }
    }

    #[inline]
    fn read_second(&self, position: u16) -> u64 {
        self.second(position).map_or(0, |place| {
            // SAFETY: the word is one of the array, and aligned (type invariant); every bit pattern is an integer.
            u64::from_le(unsafe { place.read_volatile() })
        })
    }

    #[inline]
    fn write_last_u16(&self, position: u16, value: u16) {
        if let Some(place) = self.second(position) {
            // SAFETY: the word has four such numbers.
            let place = unsafe { place.cast::<u16>().add(3) };
            // SAFETY: the number lies in the array, and is aligned as the word is.
            unsafe { place.write_volatile(value.to_le()) };
        }
    }
}
