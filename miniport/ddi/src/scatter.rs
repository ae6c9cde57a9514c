//! The data of a request as the device sees it.
//!
//! Key types: [`ScatterGather`], and its [`Element`]s, which the engine reads as they are. Source: `STOR_SCATTER_GATHER_LIST` in `storport.h`.
#![expect(
    unsafe_code,
    reason = "the list is a C structure with a flexible array"
)]
// UNSAFETY: the element count is only known at run time, from the list itself.

use core::ptr::NonNull;

use hba::request::{Piece, Segment};
use wdk_sys::{STOR_SCATTER_GATHER_ELEMENT, STOR_SCATTER_GATHER_LIST};

/// One piece of the data: bus address and length in bytes.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Element(STOR_SCATTER_GATHER_ELEMENT);

impl Piece for Element {
    #[inline]
    fn segment(&self) -> Segment {
        Segment {
            bus_address: crate::memory::quad(self.0.PhysicalAddress),
            length: self.0.Length,
        }
    }
}

/// A scatter/gather list, borrowed from its request.
#[derive(Clone, Copy)]
pub struct ScatterGather<'srb> {
    elements: &'srb [Element],
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
        let first = unsafe { list.cast::<u8>().add(FIRST) }.cast::<Element>();
        // SAFETY: the list has NumberOfElements elements from there on, and an `Element` is one of them.
        let elements = unsafe { core::slice::from_raw_parts(first.as_ptr(), count as usize) };
        Some(Self { elements })
    }

    /// The pieces in order.
    #[must_use]
    #[inline]
    pub const fn pieces(self) -> &'srb [Element] {
        self.elements
    }
}
