//! Private memory of the adapter behind its fixed part in the device extension.
//!
//! Key type: [`PrivateSlice`], an array whose length is known when the device is found. It costs no allocation, lives as long as
//! the adapter and needs no space on the stack. [`crate::context::FindAdapterContext::private_slice`] carves it.
#![expect(unsafe_code, reason = "an array behind a raw pointer")]
// UNSAFETY: the array lies in the device extension, whose size only the registration knows.

use core::ptr::NonNull;

/// An array in the device extension, exclusively owned.
///
/// # Invariants
/// `first` points to `count` initialised values that nothing else uses, for the life of the adapter. The values need no drop.
#[derive(Debug)]
pub struct PrivateSlice<T: Copy> {
    first: NonNull<T>,
    count: usize,
}

// SAFETY: the slice owns its values exclusively, like a box.
unsafe impl<T: Copy + Send> Send for PrivateSlice<T> {}
// SAFETY: shared access to the slice is shared access to its values, like a box.
unsafe impl<T: Copy + Sync> Sync for PrivateSlice<T> {}

impl<T: Copy> PrivateSlice<T> {
    /// No memory.
    pub const EMPTY: Self = Self {
        first: NonNull::dangling(),
        count: 0,
    };

    /// # Safety
    /// `first` points to memory for `count` values, aligned, for the life of the adapter, and nothing else uses it.
    pub(crate) unsafe fn new(first: NonNull<T>, count: usize, value: T) -> Self {
        for index in 0..count {
            // SAFETY: the place lies inside the memory that the caller vouches for.
            let place = unsafe { first.add(index) };
            // SAFETY: the memory is writable and aligned.
            unsafe { place.write(value) };
        }
        // INVARIANT: the caller vouches for the memory; the values were just written.
        Self { first, count }
    }
}

impl<T: Copy> AsRef<[T]> for PrivateSlice<T> {
    #[inline]
    fn as_ref(&self) -> &[T] {
        // SAFETY: the values are initialised and exclusively ours (type invariant).
        unsafe { core::slice::from_raw_parts(self.first.as_ptr(), self.count) }
    }
}

impl<T: Copy> AsMut<[T]> for PrivateSlice<T> {
    #[inline]
    fn as_mut(&mut self) -> &mut [T] {
        // SAFETY: the values are initialised and exclusively ours (type invariant).
        unsafe { core::slice::from_raw_parts_mut(self.first.as_ptr(), self.count) }
    }
}
