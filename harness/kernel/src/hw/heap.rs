//! The kernel's own heap: one stretch of memory given to `talc` at boot.
//!
//! UNSAFETY: a global allocator hands out raw memory.
#![expect(unsafe_code, reason = "the global allocator trait is unsafe")]

use core::{
    alloc::{GlobalAlloc, Layout},
    ptr::{self, NonNull},
};

use talc::{ErrOnOom, Span, Talc};

use crate::{mem::Va, sync::Lock};

/// The heap; empty until [`init`].
struct Heap(Lock<Talc<ErrOnOom>>);

#[cfg_attr(target_os = "none", global_allocator)]
static HEAP: Heap = Heap(Lock::new(Talc::new(ErrOnOom)));

/// Gives the heap its memory: a mapped, writable stretch of RAM that nothing else uses. Once, before the first
/// allocation.
///
/// # Panics
/// If the stretch is too small to hold anything.
pub fn init(start: Va, bytes: u64) {
    let (start, bytes) = (crate::mem::size(start.0), crate::mem::size(bytes));
    let span = Span::from_base_size(ptr::with_exposed_provenance_mut(start), bytes);
    // SAFETY: the boot code chose the stretch from the firmware's memory map and gives it to nobody else.
    let claimed = unsafe { HEAP.0.lock().claim(span) };
    assert!(claimed.is_ok(), "the heap is too small");
}

// SAFETY: `talc` returns blocks that fit the layout and do not overlap; the lock keeps interrupt handlers out.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the trait's caller guarantees a layout of more than zero bytes.
        let block = unsafe { self.0.lock().malloc(layout) };
        block.map_or(ptr::null_mut(), NonNull::as_ptr)
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if let Some(block) = NonNull::new(block) {
            // SAFETY: the trait's caller guarantees that the block came from `alloc` with this layout.
            unsafe { self.0.lock().free(block, layout) };
        }
    }
}
