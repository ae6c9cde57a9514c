//! The CDB field of a request header.
//!
//! Key type: [`CdbField`]. The field is longer than most commands (virtio 5.6.6.1), and what is behind a command has to be zero whatever lies
//! behind it where it came from. Neighbour: [`super::prepare`], which writes it.

use crate::device::CDB_BYTES;

/// A command descriptor block, padded with zeros to the longest that there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CdbField {
    /// The bytes in order, little endian.
    words: [u64; 4],
    /// Length of the command; more than [`CDB_BYTES`] if it is none that can be sent.
    bytes: usize,
}

const _: () = assert!(size_of::<[u64; 4]>() == CDB_BYTES);

/// Most bytes of [`CdbField::from_16`].
const SHORT: usize = 16;

/// What is kept of the two words of 16 bytes, by the length of the command.
const KEPT: [[u64; 2]; SHORT + 1] = {
    let mut kept = [[0; 2]; SHORT + 1];
    let mut rest: &mut [[u64; 2]] = &mut kept;
    let mut words = [0, 0];
    while let [first, others @ ..] = rest {
        *first = words;
        words = match words {
            [low, 0] if low != u64::MAX => [(low << 8) | 0xFF, 0],
            [low, high] => [low, (high << 8) | 0xFF],
        };
        rest = others;
    }
    kept
};

impl CdbField {
    /// Takes a command over, whatever its length: [`prepare`](super::prepare()) refuses one that is too long.
    #[must_use]
    pub fn new(cdb: &[u8]) -> Self {
        let mut words = [0; 4];
        for (word, chunk) in words.iter_mut().zip(cdb.chunks(8)) {
            // Shifted in: the compiler makes a call of a loop that copies.
            *word = chunk
                .iter()
                .rev()
                .fold(0, |word, &byte| (word << 8) | u64::from(byte));
        }
        Self {
            words,
            bytes: cdb.len(),
        }
    }

    /// Takes over a command of `bytes` bytes that lies in a field of 16, without a loop: nearly all do. `None` if it is longer.
    #[inline]
    #[must_use]
    pub fn from_16(field: &[u8; SHORT], bytes: u8) -> Option<Self> {
        let bytes = usize::from(bytes);
        let [keep_low, keep_high] = *KEPT.get(bytes)?;
        let value = u128::from_le_bytes(*field);
        let low = value & u128::from(u64::MAX);
        let low = u64::try_from(low).unwrap_or_default() & keep_low;
        let high = u64::try_from(value >> 64).unwrap_or_default() & keep_high;
        Some(Self {
            words: [low, high, 0, 0],
            bytes,
        })
    }

    /// Length of the command in bytes.
    #[inline]
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The first two bytes of the command, of which the first is its operation code; zero behind its end.
    #[inline]
    #[must_use]
    pub const fn front(&self) -> [u8; 2] {
        let [low, ..] = self.words;
        let [opcode, second, ..] = low.to_le_bytes();
        [opcode, second]
    }

    /// The words of the header from the one that begins with `front`, the three bytes ahead of the field (attribute, priority, CRN).
    #[inline]
    pub(super) const fn behind(&self, front: u64) -> [u64; 5] {
        let [w0, w1, w2, w3] = self.words;
        [
            front | (w0 << 24),
            (w0 >> 40) | (w1 << 24),
            (w1 >> 40) | (w2 << 24),
            (w2 >> 40) | (w3 << 24),
            w3 >> 40,
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::CdbField;

    #[test]
    fn a_command_of_any_length_is_taken_over_without_what_is_behind_it() {
        let bytes: [u8; 16] = core::array::from_fn(|index| 0xF0 ^ u8::try_from(index).unwrap());
        for length in 0..=16u8 {
            let taken = CdbField::from_16(&bytes, length).unwrap();
            assert_eq!(taken, CdbField::new(&bytes[..usize::from(length)]));
            assert_eq!(taken.bytes(), usize::from(length));
        }
        assert_eq!(CdbField::from_16(&bytes, 17), None);
        assert_eq!(CdbField::from_16(&bytes, u8::MAX), None);
        assert_eq!(CdbField::new(&bytes).front(), [0xF0, 0xF1]);
        assert_eq!(CdbField::new(&bytes[..1]).front(), [0xF0, 0]);
        assert_eq!(CdbField::new(&[7; 40]).bytes(), 40);
    }
}
