//! Arrays in private memory of the adapter.
//!
//! Key types: [`PrivateArea`], an array whose length is known when the device is found, and [`PrivateSlice`], the loan of it. It costs no
//! allocation of its own, lives as long as the adapter and needs no space on the stack. The engine takes the loan while the device runs and gives
//! it back by dropping it. [`crate::context::FindAdapterContext::private_area`] carves an area.
#![expect(unsafe_code, reason = "an array behind a raw pointer")]
// UNSAFETY: the array lies in memory whose length and lifetime only the arena knows.

use core::{
    ptr::NonNull,
    sync::atomic::{AtomicBool, Ordering},
};

/// What precedes the values of an area in memory.
#[repr(C, align(8))]
pub(crate) struct Head {
    lent: AtomicBool,
}

/// An array in private memory.
///
/// # Invariants
/// `head` and the `count` initialised values behind it are used by nobody but this area and its loan, for the life of the adapter.
#[derive(Debug)]
pub struct PrivateArea<T: Copy> {
    head: Option<NonNull<Head>>,
    count: usize,
    values: core::marker::PhantomData<T>,
}

/// The loan of an area, exclusive while it lives.
///
/// # Invariants
/// As for [`PrivateArea`]; there is one loan of an area at a time.
#[derive(Debug)]
pub struct PrivateSlice<T: Copy> {
    head: Option<NonNull<Head>>,
    first: NonNull<T>,
    count: usize,
}

// SAFETY: an area owns its values exclusively, like a box.
unsafe impl<T: Copy + Send> Send for PrivateArea<T> {}
// SAFETY: shared access to an area can only take the loan, which the flag makes exclusive.
unsafe impl<T: Copy + Send> Sync for PrivateArea<T> {}
// SAFETY: a loan owns the values exclusively, like a box.
unsafe impl<T: Copy + Send> Send for PrivateSlice<T> {}
// SAFETY: shared access to a loan is shared access to its values, like a box.
unsafe impl<T: Copy + Sync> Sync for PrivateSlice<T> {}

impl<T: Copy> PrivateArea<T> {
    /// No memory: what an adapter has before `HwStorFindAdapter`.
    pub const EMPTY: Self = Self {
        head: None,
        count: 0,
        values: core::marker::PhantomData,
    };

    /// Bytes that an area of `count` values takes, for the registration or [`take_pool`](crate::context::FindAdapterContext::take_pool).
    #[must_use]
    pub const fn bytes(count: u16) -> u32 {
        const { assert!(align_of::<T>() <= 8 && size_of::<T>() < 1 << 15) };
        let values = size_of::<T>() as u32 * count as u32;
        size_of::<Head>() as u32 + values.next_multiple_of(8)
    }

    /// # Safety
    /// `head` points to memory of [`PrivateArea::bytes`] bytes, aligned to 8, for the life of the adapter, and nothing else uses it.
    pub(crate) unsafe fn new(head: NonNull<Head>, count: u16, value: T) -> Self {
        let lent = AtomicBool::new(false);
        // SAFETY: the caller vouches for the memory.
        unsafe { head.write(Head { lent }) };
        // SAFETY: the values lie behind the head in the same memory.
        let first = unsafe { head.add(1) }.cast::<T>();
        for index in 0..usize::from(count) {
            // SAFETY: the place lies inside the memory that the caller vouches for.
            let place = unsafe { first.add(index) };
            // SAFETY: the memory is writable and aligned.
            unsafe { place.write(value) };
        }
        // INVARIANT: the caller vouches for the memory; the values were just written.
        Self {
            head: Some(head),
            count: usize::from(count),
            values: core::marker::PhantomData,
        }
    }

    /// Lends the values as the last borrower left them; `None` while they are lent, and of an empty area.
    #[must_use]
    pub fn lend(&self) -> Option<PrivateSlice<T>> {
        let head = self.head?;
        // SAFETY: the head is live and only accessed by shared reference (type invariant).
        let lent = &unsafe { head.as_ref() }.lent;
        if lent.swap(true, Ordering::Acquire) {
            return None;
        }
        // SAFETY: the values lie behind the head in the same memory.
        let first = unsafe { head.add(1) }.cast::<T>();
        // INVARIANT: the flag was clear, so this is the only loan.
        Some(PrivateSlice {
            head: Some(head),
            first,
            count: self.count,
        })
    }
}

impl<T: Copy> PrivateSlice<T> {
    /// No memory.
    pub const EMPTY: Self = Self {
        head: None,
        first: NonNull::dangling(),
        count: 0,
    };
}

impl<T: Copy> Drop for PrivateSlice<T> {
    fn drop(&mut self) {
        if let Some(head) = self.head {
            // SAFETY: the head is live and only accessed by shared reference (type invariant).
            unsafe { head.as_ref() }
                .lent
                .store(false, Ordering::Release);
        }
    }
}

impl<T: Copy> AsRef<[T]> for PrivateSlice<T> {
    #[inline]
    fn as_ref(&self) -> &[T] {
        // SAFETY: the values are initialised and exclusively lent (type invariant).
        unsafe { core::slice::from_raw_parts(self.first.as_ptr(), self.count) }
    }
}

impl<T: Copy> AsMut<[T]> for PrivateSlice<T> {
    #[inline]
    fn as_mut(&mut self) -> &mut [T] {
        // SAFETY: the values are initialised and exclusively lent (type invariant).
        unsafe { core::slice::from_raw_parts_mut(self.first.as_ptr(), self.count) }
    }
}
