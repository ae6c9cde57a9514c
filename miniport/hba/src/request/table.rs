//! The descriptor table of one request, in either format (virtio 2.7.5.3, 2.8.7).
//!
//! Key types: [`Table`], which counts and checks, and [`TableFormat`], which says what a descriptor looks like. Neighbour:
//! [`super::prepare`]; the room is of [`crate::access`].

use core::marker::PhantomData;

use crate::access::Room;
use crate::ring::{Descriptor, FLAG_NEXT, FLAG_WRITE};

use super::prepare::{PrepareError, Segment};

/// How the second word of a descriptor is encoded; the length is in its lower half in both formats.
pub(super) trait TableFormat {
    /// Where the flags begin.
    const FLAGS_SHIFT: u32;
    /// What a descriptor with a successor has besides: the NEXT flag, in place.
    const LINKED: u64;
    /// By how much the number of the successor, in place, grows from one descriptor to the next.
    const STEP: u64;
}

/// A chain by index.
pub(super) struct SplitTable;

impl TableFormat for SplitTable {
    const FLAGS_SHIFT: u32 = 32;
    const LINKED: u64 = in_place(FLAG_NEXT, 32);
    const STEP: u64 = 1 << 48;
}

/// A plain array: its order is the order of the buffers, and WRITE is the only flag that may be set (virtio 2.8.19).
pub(super) struct PackedTable;

impl TableFormat for PackedTable {
    const FLAGS_SHIFT: u32 = 48;
    const LINKED: u64 = 0;
    const STEP: u64 = 0;
}

/// Flags as part of a second word.
const fn in_place(flags: u16, shift: u32) -> u64 {
    let [low, high] = flags.to_le_bytes();
    u64::from_le_bytes([low, high, 0, 0, 0, 0, 0, 0]) << shift
}

/// Writes a descriptor table.
pub(super) struct Table<R, F> {
    room: R,
    /// The number of the next descriptor's successor, in place.
    successor: u64,
    format: PhantomData<F>,
}

impl<R: Room, F: TableFormat> Table<R, F> {
    /// An empty table in `room`.
    #[inline]
    pub(super) const fn new(room: R) -> Self {
        Self {
            room,
            successor: F::STEP,
            format: PhantomData,
        }
    }

    /// Writes a descriptor with a successor.
    #[inline]
    pub(super) fn push(&mut self, descriptor: Descriptor) -> Result<(), PrepareError> {
        let word = last_word::<F>(descriptor.length, descriptor.flags());
        let linked = word | F::LINKED | self.successor;
        self.successor = self.successor.wrapping_add(F::STEP);
        self.write(descriptor.bus_address, linked)
    }

    /// Writes the last descriptor.
    #[inline]
    pub(super) fn push_last(&mut self, descriptor: Descriptor) -> Result<(), PrepareError> {
        let word = last_word::<F>(descriptor.length, descriptor.flags());
        self.write(descriptor.bus_address, word)
    }

    /// Writes a descriptor per segment, each with a successor, and returns the length of the last one.
    #[inline]
    pub(super) fn push_data(
        &mut self,
        segments: impl Iterator<Item = Segment>,
        direction_flag: u16,
        data_bytes: u32,
    ) -> Result<u32, PrepareError> {
        // All of the second word but the length: what each segment adds is one sum and one OR.
        let mut rest = self.successor | F::LINKED | in_place(direction_flag, F::FLAGS_SHIFT);
        let mut bytes_left = data_bytes;
        let mut last_length = 0;
        for Segment {
            bus_address,
            length,
        } in segments
        {
            let to_last = length.checked_sub(1).ok_or(PrepareError::SegmentEmpty)?;
            if bus_address.checked_add(u64::from(to_last)).is_none() {
                return Err(PrepareError::SegmentOverflow);
            }
            bytes_left = bytes_left
                .checked_sub(length)
                .ok_or(PrepareError::LengthMismatch)?;
            self.write(bus_address, rest | u64::from(length))?;
            rest = rest.wrapping_add(F::STEP);
            last_length = length;
        }
        if bytes_left == 0 {
            Ok(last_length)
        } else {
            Err(PrepareError::LengthMismatch)
        }
    }

    /// Makes the descriptor written last the end: a data segment of `length` bytes that the device writes.
    #[inline]
    pub(super) fn end_chain(&mut self, length: u32) {
        if F::LINKED != 0 {
            self.room.amend(last_word::<F>(length, FLAG_WRITE));
        }
    }

    #[inline]
    fn write(&mut self, bus_address: u64, word: u64) -> Result<(), PrepareError> {
        if self.room.push(bus_address, word) {
            Ok(())
        } else {
            Err(PrepareError::TooManySegments)
        }
    }

    /// Descriptors written.
    #[inline]
    pub(super) fn descriptors(&self) -> u16 {
        // As many as the room has at most, whose size was a 16-bit number.
        u16::try_from(self.room.written()).unwrap_or(u16::MAX)
    }
}

/// The second word of a descriptor without a successor.
#[inline]
fn last_word<F: TableFormat>(length: u32, flags: u16) -> u64 {
    u64::from(length) | in_place(flags, F::FLAGS_SHIFT)
}
