//! The memory of a dump filter: the filter itself and its secondary buffer, in one contiguous piece.
//!
//! Key types: [`Block`], [`Buffer`]. The page frames of the buffer are known from the start, so that a memory descriptor list can be
//! pointed to it where no service of the kernel may be called. One piece, because whoever keeps a filter's memory over a hibernation
//! then keeps everything.
#![expect(unsafe_code, reason = "allocates, places and frees memory")]
// UNSAFETY: contiguous memory comes and goes by raw address.

use core::{
    ptr::{self, NonNull},
    slice,
};

use wdk_sys::{PAGE_SIZE, ntddk};

use crate::{contiguous, memory::quad};

/// Bytes of a page.
pub(super) const PAGE_BYTES: usize = PAGE_SIZE as usize;

/// A filter in its memory; the buffer's pages follow at the next page boundary.
///
/// # Invariants
/// Lies at the start of contiguous memory that holds [`header_bytes`] and then `pages` pages, the first of which is page frame
/// `first_frame`. Nothing else refers to those pages.
#[derive(Debug)]
pub(super) struct Block<F> {
    filter: F,
    pages: u32,
    first_frame: u64,
}

/// The secondary buffer, lent for one call.
#[derive(Debug)]
pub(super) struct Buffer<'call> {
    /// Its bytes, page aligned.
    pub(super) bytes: &'call mut [u8],
    /// Page frame of its first page; the others follow.
    pub(super) first_frame: u64,
}

/// Bytes before the buffer, whole pages.
const fn header_bytes<F>() -> usize {
    size_of::<Block<F>>().next_multiple_of(PAGE_BYTES)
}

impl<F> Block<F> {
    /// Places `filter` in memory with a buffer of `pages` pages, or of as many as can be had. `PASSIVE_LEVEL`.
    pub(super) fn allocate(filter: F, pages: u32) -> Option<BlockBox<F>> {
        let mut pages = pages;
        let memory = loop {
            if pages == 0 {
                return None;
            }
            if let Some(memory) =
                contiguous::anywhere(header_bytes::<F>() + pages as usize * PAGE_BYTES)
            {
                break memory;
            }
            pages /= 2;
        };
        // SAFETY: the buffer begins that far inside of the allocation.
        let buffer = unsafe { memory.add(header_bytes::<F>()) };
        // SAFETY: takes any mapped address.
        let physical = unsafe { ntddk::MmGetPhysicalAddress(buffer.as_ptr().cast()) };
        let block = memory.cast::<Self>();
        let content = Self {
            filter,
            pages,
            // INVARIANT: the memory is contiguous.
            first_frame: quad(physical) / PAGE_BYTES as u64,
        };
        // SAFETY: freshly allocated, aligned to a page, and long enough.
        unsafe { block.write(content) };
        Some(BlockBox(block))
    }

    /// The filter.
    pub(super) const fn filter_mut(&mut self) -> &mut F {
        &mut self.filter
    }

    /// Filter and buffer.
    pub(super) fn parts(&mut self) -> (&mut F, Buffer<'_>) {
        let start = ptr::from_mut(self).cast::<u8>();
        let bytes = self.pages as usize * PAGE_BYTES;
        // SAFETY: the buffer lies behind the block in the same allocation (type invariant).
        let first = unsafe { start.add(header_bytes::<F>()) };
        // SAFETY: the pages are the block's alone, and the block is borrowed exclusively.
        let buffer = unsafe { slice::from_raw_parts_mut(first, bytes) };
        let first_frame = self.first_frame;
        (
            &mut self.filter,
            Buffer {
                bytes: buffer,
                first_frame,
            },
        )
    }

    /// Drops the filter, wipes the buffer and frees the memory. `PASSIVE_LEVEL`.
    ///
    /// # Safety
    /// `block` was made by [`Block::allocate`] and is not used again.
    pub(super) unsafe fn release(block: NonNull<Self>) {
        let mut block = block;
        // SAFETY: the caller gives the block up.
        let content = unsafe { block.as_mut() };
        let (_, buffer) = content.parts();
        buffer.bytes.fill(0);
        // SAFETY: the filter lives and is dropped once.
        unsafe { block.drop_in_place() };
        // SAFETY: allocated by `contiguous::anywhere`, and nothing refers to it any more.
        unsafe { ntddk::MmFreeContiguousMemory(block.as_ptr().cast()) };
    }
}

/// A block that nobody owns yet; freed if dropped.
#[derive(Debug)]
pub(super) struct BlockBox<F>(NonNull<Block<F>>);

impl<F> BlockBox<F> {
    /// Pages of the buffer.
    pub(super) const fn pages(&self) -> u32 {
        // SAFETY: the block is alive and not shared.
        unsafe { self.0.as_ref() }.pages
    }

    /// Gives the block to the dump stack, which gives it back in `Dump_Unload`.
    pub(super) fn into_raw(self) -> NonNull<Block<F>> {
        let block = self.0;
        core::mem::forget(self);
        block
    }
}

impl<F> Drop for BlockBox<F> {
    fn drop(&mut self) {
        // SAFETY: made by `allocate`; a block that was given away is not dropped here.
        unsafe { Block::release(self.0) };
    }
}
