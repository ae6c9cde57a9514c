//! The descriptor table of one request (virtio 2.7.5.3, 2.8.7), written as the device's [`Recipe`] says.
//!
//! Key types: [`Segment`] and [`Piece`], of which the data consist. Neighbours: [`super::prepare`] writes the other parts of a frame;
//! [`super::recipe`] has the words of the descriptors.

use crate::access::SharedMemory;
use crate::ring::DESCRIPTOR_BYTES;

use super::frame::Frame;
use super::prepare::{DataDirection, PrepareError};
use super::recipe::Recipe;

/// One piece of a data buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Bus address of the first byte.
    pub bus_address: u64,
    /// Length in bytes.
    pub length: u32,
}

/// The data of a request without any.
pub const NO_DATA: &[Segment] = &[];

/// An element of a list of pieces, whoever's list it is.
pub trait Piece {
    /// The piece.
    fn segment(&self) -> Segment;
}

impl Piece for Segment {
    #[inline]
    fn segment(&self) -> Segment {
        *self
    }
}

/// Writes the table and returns how many descriptors it has.
#[inline]
pub(super) fn write_table<M: SharedMemory>(
    memory: &M,
    frame: &Frame,
    recipe: &Recipe,
    direction: DataDirection,
    data_bytes: u32,
    pieces: &[impl Piece],
) -> Result<u16, PrepareError> {
    if pieces.len() > usize::from(frame.segments) {
        return Err(PrepareError::TooManySegments);
    }
    let count = u16::try_from(pieces.len()).unwrap_or(u16::MAX);
    let table = frame.table.offset;
    let place = |number: u16| table.wrapping_add(u32::from(number).wrapping_mul(DESCRIPTOR_BYTES));
    memory.write_words(table, [frame.header.bus_address, recipe.header]);
    let mut data = Data {
        step: recipe.step,
        bytes: 0,
        unusable: 0,
        word: recipe.data_out,
    };
    let response = frame.response.bus_address;
    let fits = if direction == DataDirection::In {
        data.word = recipe.data_in;
        memory.write_words(place(1), [response, recipe.response_before_data]);
        data.write(memory, place(2), pieces, recipe.last)
    } else {
        // The response ends the chain, so each piece has a successor.
        let last = [response, recipe.response_at_end];
        data.write(memory, place(1), pieces, u64::MAX)
            && memory.write_pairs(place(count.wrapping_add(1)), &[last], |&[first, second]| {
                (first, second)
            })
    };
    if !fits {
        return Err(PrepareError::TooManySegments);
    }
    if data.unusable != 0 {
        return Err(unusable(pieces));
    }
    if data.bytes != u64::from(data_bytes) {
        return Err(PrepareError::LengthMismatch);
    }
    // The number of segments is that of a plan at most.
    Ok(count.wrapping_add(2))
}

/// The descriptors of the data, as far as they are written.
struct Data {
    /// The second word of the next one without its length.
    word: u64,
    /// What each has more than the one before it.
    step: u64,
    /// What they come to; too few for 64 bits to overflow.
    bytes: u64,
    /// How many pieces were none.
    unusable: u32,
}

impl Data {
    /// Writes a descriptor for each piece from `offset` on, and of the last one's second word only what is in `kept`; whether there was room.
    #[inline]
    fn write<P: Piece>(
        &mut self,
        memory: &impl SharedMemory,
        offset: u32,
        pieces: &[P],
        kept: u64,
    ) -> bool {
        let Some((last, others)) = pieces.split_last() else {
            return true;
        };
        let mut at = offset;
        if !others.is_empty() {
            if !memory.write_pairs(offset, others, |piece| self.next(piece)) {
                return false;
            }
            // It fits, so there are fewer than 32 bits can number.
            let bytes = others.len().wrapping_mul(size_of::<[u64; 2]>());
            at = at.wrapping_add(u32::try_from(bytes).unwrap_or(u32::MAX));
        }
        memory.write_pairs(at, core::slice::from_ref(last), |piece| {
            let (first, second) = self.next(piece);
            (first, second & kept)
        })
    }

    /// The two words of the next descriptor.
    #[inline]
    fn next(&mut self, piece: &impl Piece) -> (u64, u64) {
        let Segment {
            bus_address,
            length,
        } = piece.segment();
        let length = u64::from(length);
        // One test for both: nothing begins where it ends, and nothing ends before it begins. Counted, so that the loop has one way out.
        let is_unusable = bus_address.wrapping_add(length) <= bus_address;
        self.unusable = self.unusable.wrapping_add(u32::from(is_unusable));
        self.bytes = self.bytes.wrapping_add(length);
        let word = self.word;
        self.word = word.wrapping_add(self.step);
        (bus_address, word | length)
    }
}

/// What is wrong with the first piece that is none.
#[cold]
fn unusable(pieces: &[impl Piece]) -> PrepareError {
    let is_empty = |piece: &Segment| piece.length == 0;
    let wraps = |piece: &Segment| {
        let length = u64::from(piece.length);
        piece.bus_address.checked_add(length).is_none()
    };
    let mut segments = pieces.iter().map(Piece::segment);
    match segments.find(|piece| is_empty(piece) || wraps(piece)) {
        Some(piece) if is_empty(&piece) => PrepareError::SegmentEmpty,
        _ => PrepareError::SegmentOverflow,
    }
}
