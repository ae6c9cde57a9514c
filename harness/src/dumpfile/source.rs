//! Bounded reads at an offset: [`Source`]. Nothing is allocated for what the file does not have.

use std::io::{self, Read, Seek, SeekFrom};

/// A file and its length.
#[derive(Debug)]
pub(super) struct Source<R> {
    reader: R,
    length: u64,
}

impl<R: Read + Seek> Source<R> {
    pub(super) fn new(mut reader: R) -> io::Result<Self> {
        let length = reader.seek(SeekFrom::End(0))?;
        Ok(Self { reader, length })
    }

    /// Fills `buffer` from `offset`.
    pub(super) fn exact(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.reader.seek(SeekFrom::Start(offset))?;
        self.reader.read_exact(buffer)
    }

    /// Up to `wanted` bytes from `offset`: as many as the file has.
    pub(super) fn at_most(&mut self, offset: u64, wanted: usize) -> io::Result<Vec<u8>> {
        let left = self.length.saturating_sub(offset);
        let bytes = usize::try_from(left).map_or(wanted, |left| left.min(wanted));
        let mut content = vec![0; bytes];
        self.exact(offset, &mut content)?;
        Ok(content)
    }
}

impl<R> Source<R> {
    pub(super) const fn length(&self) -> u64 {
        self.length
    }
}

/// A little-endian 32-bit value; 0 where the bytes end.
pub(super) fn le32(bytes: &[u8], offset: usize) -> u32 {
    bytes
        .get(offset..)
        .and_then(<[u8]>::first_chunk)
        .map_or(0, |value| u32::from_le_bytes(*value))
}

/// A little-endian 64-bit value; 0 where the bytes end.
pub(super) fn le64(bytes: &[u8], offset: usize) -> u64 {
    bytes
        .get(offset..)
        .and_then(<[u8]>::first_chunk)
        .map_or(0, |value| u64::from_le_bytes(*value))
}
