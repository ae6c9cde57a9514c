//! The data of a request as the device sees it.
//!
//! Key type: [`ScatterGather`]. Source: `STOR_SCATTER_GATHER_LIST` in `storport.h`.
#![expect(
    unsafe_code,
    reason = "the list is a C structure with a flexible array"
)]
// UNSAFETY: the element count is only known at run time, from the list itself.

use core::ptr::NonNull;

use wdk_sys::{STOR_SCATTER_GATHER_ELEMENT, STOR_SCATTER_GATHER_LIST};

/// A scatter/gather list, borrowed from its request.
#[derive(Clone, Copy)]
pub struct ScatterGather<'srb> {
    elements: &'srb [STOR_SCATTER_GATHER_ELEMENT],
}

impl<'srb> ScatterGather<'srb> {
    /// The list of a request without data.
    pub const EMPTY: Self = Self { elements: &[] };

    /// # Safety
    /// `list` is null or a list that lives, unchanged, for `'srb`.
    #[inline]
    pub(crate) unsafe fn new(list: *mut STOR_SCATTER_GATHER_LIST) -> Option<Self> {
        const FIRST: usize = core::mem::offset_of!(STOR_SCATTER_GATHER_LIST, List);
        let list = NonNull::new(list)?;
        // SAFETY: the caller vouches for the list.
        let count = unsafe { list.as_ref() }.NumberOfElements;
        // SAFETY: the elements begin at this offset of the list, which is at least as long as its header.
        let first = unsafe { list.cast::<u8>().add(FIRST) }.cast::<STOR_SCATTER_GATHER_ELEMENT>();
        // SAFETY: the list has NumberOfElements elements from there on.
        let elements = unsafe { core::slice::from_raw_parts(first.as_ptr(), count as usize) };
        Some(Self { elements })
    }

    /// Number of pieces.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.elements.len()
    }

    /// Whether there are no pieces.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.elements.is_empty()
    }

    /// The pieces in order: bus address and length in bytes.
    #[must_use]
    #[inline]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (u64, u32)> + Clone + use<'srb> {
        self.elements
            .iter()
            .map(|element| (crate::memory::quad(element.PhysicalAddress), element.Length))
    }
}
