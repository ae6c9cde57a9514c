//! Blocks of memory as atomic words, for what the bench kernel itself shares with a device.
//!
//! UNSAFETY: a block of memory can only be seen as words through a raw pointer.
#![expect(unsafe_code, reason = "memory as words")]

use core::{
    mem::size_of,
    ptr, slice,
    sync::atomic::{AtomicU16, AtomicU32, AtomicU64},
};

use crate::mem::{Allocation, size};

/// Words that live as long as the system: the block is never given back.
#[derive(Debug)]
pub struct SharedBlock {
    block: Allocation,
}

impl SharedBlock {
    /// Takes a block for good. It was filled when it was allocated, so every word has a value.
    #[must_use]
    pub const fn new(block: Allocation) -> Self {
        Self { block }
    }

    /// Physical address of the first byte.
    #[must_use]
    pub fn address(&self) -> u64 {
        self.block.pa().0
    }

    /// `count` words of 64 bits from byte `offset` on; `None` if they do not lie in the block, or not aligned.
    #[must_use]
    pub fn words64(&self, offset: u64, count: usize) -> Option<&'static [AtomicU64]> {
        self.words(offset, count)
    }

    /// The same for 32 bits.
    #[must_use]
    pub fn words32(&self, offset: u64, count: usize) -> Option<&'static [AtomicU32]> {
        self.words(offset, count)
    }

    /// The same for 16 bits.
    #[must_use]
    pub fn words16(&self, offset: u64, count: usize) -> Option<&'static [AtomicU16]> {
        self.words(offset, count)
    }

    fn words<T>(&self, offset: u64, count: usize) -> Option<&'static [T]> {
        let bytes = count.checked_mul(size_of::<T>())? as u64;
        let end = offset.checked_add(bytes)?;
        let first = self.block.va.offset(offset);
        if end > self.block.bytes || !first.0.is_multiple_of(align_of::<T>() as u64) {
            return None;
        }
        let pointer: *const T = ptr::with_exposed_provenance(size(first.0));
        // SAFETY: (1) the words lie in a live block, which is never freed, and are aligned; (2) `T` is one of the atomic types
        // of the callers above, for which every content is a value; (3) nobody has a reference that is not atomic.
        Some(unsafe { slice::from_raw_parts(pointer, count) })
    }
}
