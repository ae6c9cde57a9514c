//! Where an adapter's private memory comes from: the tail of its device extension, or a block of pool that it asked for.
//!
//! Key types: [`Arena`], from which arrays and objects are carved, one behind the other, and [`PoolBlock`], the block of pool that ends with
//! the adapter. The extension's size is fixed before the device is known, so it suits what is small whatever the device is (the dump life,
//! which has no pool); a block of pool has the size that the device asks for. Neighbours: [`crate::context::FindAdapterContext`] carves,
//! [`crate::extension`] keeps the block and frees it.
//! Source: `nf-storport-storportallocatepool.md` (nonpaged, at most `DISPATCH_LEVEL`), `nf-storport-storportfreepool.md`.
#![expect(unsafe_code, reason = "carves raw memory")]
// UNSAFETY: the port hands memory out as a raw pointer whose length and lifetime only the documentation tells.

use core::{
    ffi::c_void,
    ptr::NonNull,
    sync::atomic::{AtomicPtr, Ordering},
};

use crate::{
    inlines,
    port::Port,
    private::{Head, PrivateArea},
    resident::Residents,
    status::StorError,
};

/// Pool tag of private memory, `HbPr` in a debugger.
const POOL_TAG: u32 = u32::from_le_bytes(*b"HbPr");

/// Memory that is given away piece by piece.
///
/// # Invariants
/// The bytes from `used` to `bytes` behind `base` are writable, live as long as the adapter, and nobody uses them.
#[derive(Debug)]
pub(crate) struct Arena {
    base: *mut u8,
    bytes: u32,
    used: u32,
}

impl Arena {
    /// # Safety
    /// As the invariants say.
    pub(crate) const unsafe fn new(base: *mut u8, bytes: u32, used: u32) -> Self {
        // INVARIANT: the caller vouches for the memory.
        Self { base, bytes, used }
    }

    /// Takes `bytes` bytes that begin on a multiple of `align`, a power of two.
    pub(crate) fn take(&mut self, bytes: u32, align: usize) -> Option<NonNull<u8>> {
        let base = NonNull::new(self.base)?;
        let next = base.addr().get().checked_add(self.used as usize)?;
        let gap = u32::try_from(next.wrapping_neg() % align).ok()?;
        let start = self.used.checked_add(gap)?;
        let end = start.checked_add(bytes)?;
        if end > self.bytes {
            return None;
        }
        // INVARIANT: what was taken is in front of `used` now.
        self.used = end;
        // SAFETY: `start` is at most the length of the memory (checked just now).
        Some(unsafe { base.add(start as usize) })
    }

    /// Takes an array of `count` times `value`.
    pub(crate) fn area<T: Copy>(&mut self, count: u16, value: T) -> Option<PrivateArea<T>> {
        let head = self
            .take(PrivateArea::<T>::bytes(count), align_of::<Head>())?
            .cast();
        // SAFETY: (1) the range was just taken, so nobody else has it; (2) aligned for its head; (3) it lives as long as the adapter (type
        // invariant).
        Some(unsafe { PrivateArea::new(head, count, value) })
    }

    /// Takes the places of `count` objects, which nobody has written yet.
    pub(crate) fn places<T>(&mut self, count: u16) -> Option<NonNull<T>> {
        let bytes = u32::try_from(size_of::<T>())
            .ok()?
            .checked_mul(count.into())?;
        Some(self.take(bytes, align_of::<T>())?.cast())
    }
}

/// Makes `count` objects where [`Arena::places`] said, each by `make`, which may give up.
///
/// # Safety
/// `first` is the answer of [`Arena::places`] for this type and count.
pub(crate) unsafe fn fill<T>(
    first: NonNull<T>,
    count: u16,
    mut make: impl FnMut(u16) -> Option<T>,
) -> Option<Residents<T>> {
    for index in 0..count {
        let value = make(index)?;
        // SAFETY: the place lies in the range that was taken (the caller vouches for it).
        let place = unsafe { first.add(usize::from(index)) };
        // SAFETY: the place is writable and aligned, and nobody else uses it.
        unsafe { place.write(value) };
    }
    // SAFETY: (1) the objects were just written, in a range that nobody else has; (2) it lives as long as the adapter.
    Some(unsafe { Residents::new(first, count) })
}

/// The block of pool of an adapter, or none.
///
/// # Invariants
/// A pointer other than null is a block that [`PoolBlock::allocate`] got from the port and that was not freed since.
#[derive(Debug)]
pub(crate) struct PoolBlock(AtomicPtr<c_void>);

impl PoolBlock {
    /// No block.
    pub(crate) const fn none() -> Self {
        Self(AtomicPtr::new(core::ptr::null_mut()))
    }

    /// Gets a block of `bytes` bytes, once (`StorPortAllocatePool`). At most `DISPATCH_LEVEL`, not in the dump stack.
    ///
    /// # Errors
    /// [`StorError::Busy`]: there is one already. Otherwise the port's status.
    pub(crate) fn allocate(&self, port: Port<'_>, bytes: u32) -> Result<Arena, StorError> {
        if !self.0.load(Ordering::Relaxed).is_null() {
            return Err(StorError::Busy);
        }
        let mut block = core::ptr::null_mut();
        // SAFETY: the extension is live (invariant of Port); the pointer is a local.
        let code = unsafe {
            inlines::StorPortAllocatePool(port.extension(), bytes, POOL_TAG, &raw mut block)
        };
        StorError::check(code)?;
        let base = NonNull::new(block).ok_or(StorError::InsufficientResources)?;
        // INVARIANT: the port just allocated it.
        self.0.store(base.as_ptr(), Ordering::Release);
        // SAFETY: (1) the port allocated `bytes` writable bytes there; (2) the block is freed with the adapter; (3) nobody else knows it.
        Ok(unsafe { Arena::new(base.cast().as_ptr(), bytes, 0) })
    }

    /// Frees the block, if there is one (`StorPortFreePool`).
    ///
    /// # Safety
    /// Nothing of what was carved from it is used any more.
    pub(crate) unsafe fn free(&self, port: Port<'_>) {
        let block = self.0.swap(core::ptr::null_mut(), Ordering::AcqRel);
        if !block.is_null() {
            // SAFETY: the extension is live (invariant of Port); the block is the port's and not freed yet (type invariant). It knows no
            // failure for such a block.
            unsafe { inlines::StorPortFreePool(port.extension(), block) };
        }
    }
}
