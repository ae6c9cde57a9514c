//! The descriptor table of one request, in either format (virtio 2.7.5.3, 2.8.7).
//!
//! Key types: [`Table`], which counts and checks, and [`TableFormat`], which says what a descriptor looks like. Neighbour:
//! [`super::prepare`].

use core::marker::PhantomData;

use crate::access::SharedMemory;
use crate::ring::{
    DESCRIPTOR_BYTES, Descriptor, FLAG_NEXT, FLAG_WRITE, packed_second_word, second_word,
};

use super::prepare::{PrepareError, Segment};

/// How a descriptor of a table is encoded.
pub(super) trait TableFormat {
    /// The second word of a descriptor behind which `next` follows.
    fn linked(length: u32, flags: u16, next: u16) -> u64;
    /// The second word of the last descriptor.
    fn last(length: u32, flags: u16) -> u64;
    /// Whether the two differ.
    const LINKED: bool;
}

/// A chain by index.
pub(super) struct SplitTable;

impl TableFormat for SplitTable {
    const LINKED: bool = true;

    #[inline]
    fn linked(length: u32, flags: u16, next: u16) -> u64 {
        second_word(length, flags | FLAG_NEXT, next)
    }

    #[inline]
    fn last(length: u32, flags: u16) -> u64 {
        second_word(length, flags, 0)
    }
}

/// A plain array: its order is the order of the buffers, and WRITE is the only flag that may be set (virtio 2.8.19).
pub(super) struct PackedTable;

impl TableFormat for PackedTable {
    const LINKED: bool = false;

    #[inline]
    fn linked(length: u32, flags: u16, _next: u16) -> u64 {
        packed_second_word(length, 0, flags)
    }

    #[inline]
    fn last(length: u32, flags: u16) -> u64 {
        packed_second_word(length, 0, flags)
    }
}

/// Writes a descriptor table. The caller has checked that the segments and
/// [`EXTRA_DESCRIPTORS`](crate::plan::EXTRA_DESCRIPTORS) others fit.
pub(super) struct Table<'m, M, F> {
    memory: &'m M,
    /// Offset of the next descriptor.
    at: u32,
    /// Index of the next descriptor.
    next: u16,
    /// Segments that may still come.
    left: u16,
    /// Length in the descriptor written last.
    last_length: u32,
    format: PhantomData<F>,
}

impl<'m, M: SharedMemory, F: TableFormat> Table<'m, M, F> {
    /// A table at `offset` with room for `segments` segments.
    #[inline]
    pub(super) const fn new(memory: &'m M, offset: u32, segments: u16) -> Self {
        Self {
            memory,
            at: offset,
            next: 0,
            left: segments,
            last_length: 0,
            format: PhantomData,
        }
    }

    /// Writes a descriptor with a successor.
    #[inline]
    pub(super) fn push(&mut self, descriptor: Descriptor) {
        self.link(
            descriptor.bus_address,
            descriptor.length,
            descriptor.flags(),
        );
    }

    /// Writes the last descriptor.
    #[inline]
    pub(super) fn push_last(&mut self, descriptor: Descriptor) {
        let word = F::last(descriptor.length, descriptor.flags());
        self.next = self.next.wrapping_add(1);
        self.memory
            .write_u64_pair(self.at, descriptor.bus_address, word);
    }

    /// Writes a descriptor per segment, each with a successor.
    #[inline]
    pub(super) fn push_data(
        &mut self,
        segments: impl Iterator<Item = Segment>,
        direction_flag: u16,
        data_bytes: u32,
    ) -> Result<(), PrepareError> {
        let mut bytes_left = data_bytes;
        for Segment {
            bus_address,
            length,
        } in segments
        {
            self.left = self
                .left
                .checked_sub(1)
                .ok_or(PrepareError::TooManySegments)?;
            let last = length.checked_sub(1).ok_or(PrepareError::SegmentEmpty)?;
            if bus_address.checked_add(u64::from(last)).is_none() {
                return Err(PrepareError::SegmentOverflow);
            }
            bytes_left = bytes_left
                .checked_sub(length)
                .ok_or(PrepareError::LengthMismatch)?;
            self.link(bus_address, length, direction_flag);
        }
        if bytes_left == 0 {
            Ok(())
        } else {
            Err(PrepareError::LengthMismatch)
        }
    }

    #[inline]
    fn link(&mut self, bus_address: u64, length: u32, flags: u16) {
        self.next = self.next.wrapping_add(1);
        self.last_length = length;
        self.memory
            .write_u64_pair(self.at, bus_address, F::linked(length, flags, self.next));
        self.at = self.at.wrapping_add(DESCRIPTOR_BYTES);
    }

    /// Makes the descriptor written last the end: a data segment that the device writes.
    #[inline]
    pub(super) fn end_chain(&self) {
        if F::LINKED {
            let word = self.at.wrapping_sub(8);
            self.memory
                .write_u64(word, F::last(self.last_length, FLAG_WRITE));
        }
    }

    /// Descriptors written.
    #[inline]
    pub(super) const fn descriptors(&self) -> u16 {
        self.next
    }
}
