//! Objects in private memory of the adapter, as many as the device turns out to need.
//!
//! Key type: [`Residents`]. Unlike a [`PrivateArea`](crate::private::PrivateArea) the objects are shared, may be of any type, and begin on the
//! boundary that their type asks for, a cache line for instance, which the memory itself does not promise.
//! [`crate::context::FindAdapterContext::residents`] makes them; they end with the adapter and are never dropped.
#![expect(unsafe_code, reason = "an array behind a raw pointer")]
// UNSAFETY: the array lies in memory whose length and lifetime only the arena knows.

use core::ptr::NonNull;

/// Objects in private memory.
///
/// # Invariants
/// `count` initialised values lie from `first` on, for the life of the adapter, and nobody else reaches them but through this.
#[derive(Debug)]
pub struct Residents<T> {
    first: NonNull<T>,
    count: u16,
}

// SAFETY: the objects belong to this value, like those of a box.
unsafe impl<T: Send> Send for Residents<T> {}
// SAFETY: shared access gives shared access to the objects.
unsafe impl<T: Sync> Sync for Residents<T> {}

impl<T> Residents<T> {
    /// No objects: what an adapter has before `HwStorFindAdapter`.
    pub const NONE: Self = Self {
        first: NonNull::dangling(),
        count: 0,
    };

    /// Bytes that `count` objects take at most, for the registration or [`take_pool`](crate::context::FindAdapterContext::take_pool).
    #[must_use]
    pub const fn bytes(count: u16) -> u32 {
        const { assert!(size_of::<T>() < 1 << 15 && align_of::<T>() <= 4096) };
        size_of::<T>() as u32 * count as u32 + align_of::<T>() as u32
    }

    /// # Safety
    /// `count` initialised objects lie from `first` on, for the life of the adapter, and nothing else uses them.
    pub(crate) const unsafe fn new(first: NonNull<T>, count: u16) -> Self {
        // INVARIANT: the caller vouches for the objects.
        Self { first, count }
    }

    /// Number of objects.
    #[must_use]
    #[inline]
    pub const fn len(&self) -> u16 {
        self.count
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Object `index`.
    #[must_use]
    #[inline]
    pub fn get(&self, index: u16) -> Option<&T> {
        if index >= self.count {
            return None;
        }
        // SAFETY: the object lies in the array (checked just now, type invariant).
        let place = unsafe { self.first.add(usize::from(index)) };
        // SAFETY: the object is initialised, and shared access is all that there is (type invariant).
        Some(unsafe { place.as_ref() })
    }

    /// All objects in order.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &T> + Clone {
        // SAFETY: the objects are initialised, and shared access is all that there is (type invariant).
        unsafe { core::slice::from_raw_parts(self.first.as_ptr(), usize::from(self.count)) }.iter()
    }
}
