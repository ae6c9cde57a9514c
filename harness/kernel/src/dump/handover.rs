//! What HIBER tells RESUME through the port's own memory: the marked bytes.
//!
//! The kernel's variables come back as they were at the freeze, before HIBER ran. This block is saved while the image
//! is being written and so comes back with what HIBER put into it. Format: the number of spans, then start and end of
//! each, as 64-bit words.

use alloc::{vec, vec::Vec};

use crate::{
    hibernate::ranges::{RangeSet, Span},
    mem::{self, MemFault, Va},
};

/// Bytes of the block.
pub const BYTES: u64 = 16 * 1024;
const WORD: usize = 8;

/// Why marks cannot be handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandoverError {
    /// More spans than the block holds.
    TooMany(usize),
    /// The block cannot be accessed, or holds nonsense.
    Damaged,
}

impl From<MemFault> for HandoverError {
    fn from(_: MemFault) -> Self {
        Self::Damaged
    }
}

/// Stores `marks` in the block at `va`.
///
/// # Errors
/// [`HandoverError`].
pub fn store(va: Va, marks: &RangeSet) -> Result<(), HandoverError> {
    let words: Vec<u64> = marks
        .iter()
        .flat_map(|span| [span.start, span.end])
        .collect();
    let count = words.len() / 2;
    let bytes: Vec<u8> = [count as u64]
        .iter()
        .chain(&words)
        .flat_map(|word| word.to_le_bytes())
        .collect();
    if bytes.len() as u64 > BYTES {
        return Err(HandoverError::TooMany(count));
    }
    mem::write_bytes(va, &bytes)?;
    Ok(())
}

/// Reads the marks back.
///
/// # Errors
/// [`HandoverError::Damaged`].
pub fn load(va: Va) -> Result<RangeSet, HandoverError> {
    let count: u64 = mem::read(va)?;
    let bytes = count
        .checked_mul(16)
        .filter(|&bytes| bytes <= BYTES - 8)
        .ok_or(HandoverError::Damaged)?;
    let mut data = vec![0; mem::size(bytes)];
    mem::read_bytes(va.offset(8), &mut data)?;
    let words: Vec<u64> = data
        .chunks_exact(WORD)
        .map(|chunk| {
            let mut word = [0; WORD];
            word.copy_from_slice(chunk);
            u64::from_le_bytes(word)
        })
        .collect();
    words
        .chunks_exact(2)
        .map(|pair| match pair {
            &[start, end] if start < end => Ok(Span { start, end }),
            _ => Err(HandoverError::Damaged),
        })
        .collect()
}
