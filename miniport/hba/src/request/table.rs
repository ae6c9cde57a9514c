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

/// Writes the table: one descriptor for each piece of the data, and two more.
#[inline]
pub(super) fn write_table<M: SharedMemory>(
    memory: &M,
    frame: &Frame,
    recipe: &Recipe,
    direction: DataDirection,
    data_bytes: u32,
    pieces: &[impl Piece],
) -> Result<(), PrepareError> {
    let table = frame.table.offset;
    let place = |number: u16| table.wrapping_add(u32::from(number).wrapping_mul(DESCRIPTOR_BYTES));
    memory.write_words(table, [frame.header.bus_address, recipe.header]);
    let response = frame.response.bus_address;
    let last = [response, recipe.response_at_end];
    let data = Data {
        bytes: data_bytes,
        step: recipe.step,
    };
    if direction == DataDirection::In {
        memory.write_words(place(1), [response, recipe.response_before_data]);
        return data.write(memory, place(2), recipe.data_in, recipe.last, pieces);
    }
    if direction == DataDirection::Out {
        // The response ends the chain, so each piece has a successor.
        data.write(memory, place(1), recipe.data_out, u64::MAX, pieces)?;
    } else if !pieces.is_empty() || data_bytes != 0 {
        return Err(contradiction(data_bytes != 0));
    }
    let count = u16::try_from(pieces.len()).unwrap_or(u16::MAX);
    if memory.write_pairs(place(count.wrapping_add(1)), &[last], |&[a, b]| (a, b)) {
        Ok(())
    } else {
        Err(PrepareError::TooManySegments)
    }
}

/// The descriptors of the data.
struct Data {
    /// What the pieces have to come to.
    bytes: u32,
    /// What a second word has more than the one before it.
    step: u64,
}

impl Data {
    /// Writes a descriptor for each piece from `offset` on: `word` is the first one's second word without the length, `kept` what is left of the last
    /// one's. What succeeds has data: no piece is empty.
    #[inline]
    fn write<M: SharedMemory>(
        &self,
        memory: &M,
        offset: u32,
        word: u64,
        kept: u64,
        pieces: &[impl Piece],
    ) -> Result<(), PrepareError> {
        match pieces {
            [] => Err(contradiction(self.bytes == 0)),
            [piece] => {
                let (segment, length) = parts(piece);
                if !is_usable(segment, length) {
                    Err(unusable(pieces))
                } else if length == u64::from(self.bytes) {
                    memory.write_words(offset, [segment, (word | length) & kept]);
                    Ok(())
                } else {
                    Err(PrepareError::LengthMismatch)
                }
            }
            several => self.write_several(memory, offset, word, kept, several),
        }
    }

    /// Apart: the loop needs many registers, which would have to be saved for a single piece too.
    #[inline(never)]
    fn write_several<M: SharedMemory>(
        &self,
        memory: &M,
        offset: u32,
        first: u64,
        kept: u64,
        pieces: &[impl Piece],
    ) -> Result<(), PrepareError> {
        // Too few for 64 bits to overflow. Unusable ones are counted, so that the loop has one way out.
        let (mut bytes, mut unusable_pieces) = (0u64, 0u32);
        let (mut next, mut last) = (first, first);
        let fits = memory.write_pairs(offset, pieces, |piece| {
            let (segment, length) = parts(piece);
            unusable_pieces = unusable_pieces.wrapping_add(u32::from(!is_usable(segment, length)));
            bytes = bytes.wrapping_add(length);
            last = next | length;
            next = next.wrapping_add(self.step);
            (segment, last)
        });
        if !fits {
            return Err(PrepareError::TooManySegments);
        }
        if unusable_pieces != 0 {
            return Err(unusable(pieces));
        }
        if bytes != u64::from(self.bytes) {
            return Err(PrepareError::LengthMismatch);
        }
        // They fit, so there are fewer than 16 bits can number.
        let count = u16::try_from(pieces.len()).unwrap_or(u16::MAX);
        let end = offset.wrapping_add(u32::from(count).wrapping_mul(DESCRIPTOR_BYTES));
        memory.write_u64(end.wrapping_sub(8), last & kept);
        Ok(())
    }
}

/// Bus address and length.
#[inline]
fn parts(piece: &impl Piece) -> (u64, u64) {
    let Segment {
        bus_address,
        length,
    } = piece.segment();
    (bus_address, length.into())
}

/// One test for two things: nothing begins where it ends, and nothing ends before it begins.
#[inline]
const fn is_usable(bus_address: u64, length: u64) -> bool {
    bus_address.wrapping_add(length) > bus_address
}

/// What is wrong with the first piece that is unusable.
#[cold]
fn unusable(pieces: &[impl Piece]) -> PrepareError {
    let mut all = pieces.iter().map(parts);
    match all.find(|&(bus_address, length)| !is_usable(bus_address, length)) {
        Some((_, 0)) => PrepareError::SegmentEmpty,
        _ => PrepareError::SegmentOverflow,
    }
}

/// Direction, length and pieces do not say the same.
#[cold]
const fn contradiction(of_direction: bool) -> PrepareError {
    if of_direction {
        PrepareError::DirectionMismatch
    } else {
        PrepareError::LengthMismatch
    }
}
