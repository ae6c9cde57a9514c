//! Whether a resume that was refused left the disk as it found it.
//!
//! [`Fingerprint::take`] when the image is on the disk and again after the refusal: both are equal if nobody wrote. Holes of
//! the sparse file are passed over, so that a fingerprint costs what was ever written and no more.

use std::{fs::File, io, os::unix::fs::FileExt as _, path::Path};

use rustix::{
    fs::{SeekFrom, seek},
    io::Errno,
};
use xxhash_rust::xxh64::Xxh64;

/// Bytes that are read and hashed at one time; stretches of zeros of this size count as holes.
const CHUNK_BYTES: u64 = 64 << 10;

/// What a disk held at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    bytes: u64,
    xxh64: u64,
}

impl Fingerprint {
    /// Reads the disk at `path`.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn take(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let bytes = file.metadata()?.len();
        let mut state = Xxh64::new(0);
        let mut buffer = vec![0; usize::try_from(CHUNK_BYTES).unwrap_or(0)];
        let mut offset = 0;
        while let Some(start) = next_data(&file, offset)? {
            // By whole chunks, so that it does not matter where exactly a file system sees a hole.
            offset = start - start % CHUNK_BYTES;
            let wanted = usize::try_from((bytes - offset).min(CHUNK_BYTES)).unwrap_or(0);
            let chunk = &mut buffer[..wanted];
            file.read_exact_at(chunk, offset)?;
            if chunk.iter().any(|byte| *byte != 0) {
                state.update(&offset.to_le_bytes());
                state.update(chunk);
            }
            offset += CHUNK_BYTES;
        }
        Ok(Self {
            bytes,
            xxh64: state.digest(),
        })
    }
}

/// The first byte from `offset` on that is not in a hole.
fn next_data(file: &File, offset: u64) -> io::Result<Option<u64>> {
    match seek(file, SeekFrom::Data(offset)) {
        Ok(start) => Ok(Some(start)),
        Err(Errno::NXIO) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;

    use super::*;

    const BYTES: u64 = 1 << 20;

    fn disk(write: impl FnOnce(&File)) -> Fingerprint {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("disk.raw");
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)
            .unwrap();
        file.set_len(BYTES).unwrap();
        write(&file);
        Fingerprint::take(&path).unwrap()
    }

    fn put(file: &File, bytes: &[u8], offset: u64) {
        file.write_all_at(bytes, offset).unwrap();
    }

    #[test]
    fn the_same_content_is_the_same_whether_zeros_are_written_or_holes() {
        let sparse = disk(|file| put(file, b"data", 500_000));
        let written = disk(|file| {
            put(file, &vec![0; 1 << 20], 0);
            put(file, b"data", 500_000);
        });
        assert_eq!(sparse, written);
    }

    #[test]
    fn one_bit_a_move_and_another_length_are_found() {
        let before = disk(|file| put(file, b"data", 500_000));
        assert_ne!(before, disk(|file| put(file, b"datb", 500_000)));
        assert_ne!(
            before,
            disk(|file| put(file, b"data", 500_000 + (64 << 10)))
        );
        assert_ne!(
            before,
            disk(|file| {
                put(file, b"data", 500_000);
                put(file, &[1], BYTES - 1);
            })
        );
        assert_ne!(
            before,
            disk(|file| {
                put(file, b"data", 500_000);
                file.set_len(BYTES / 2 + (64 << 10)).unwrap();
            })
        );
    }
}
