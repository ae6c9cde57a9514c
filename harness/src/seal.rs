//! What dumpfilter.sys encrypted, in plain again for the holder of the private key.
//!
//! [`decrypt_dump`] turns a whole crash dump back, [`decrypt_file`] a file of one; [`Opened`] decrypts any part of a file, for the
//! hibernation image. Everything is written again on purpose (formats, sealed boxes, the mode of AES), with other crates where there
//! are some: what the driver encrypts and this module decrypts is right for two reasons. Formats: docs/dump-filter.md.

#[cfg(test)]
mod tests;

use std::{
    fmt::Write as _,
    fs::{self, File},
    io::{BufReader, BufWriter, Read, Write},
    path::Path,
};

use aes::{Aes256, cipher::KeyInit as _, cipher::generic_array::GenericArray};
use anyhow::{Context as _, Result, bail};
use crypto_box::SecretKey;
use thiserror::Error;
use xts_mode::{Xts128, get_tweak_default};

use crate::fault::Fault;

/// Bytes of the record that carries the sealed key.
pub const RECORD_BYTES: usize = 128;
/// Where it lies in a crash dump: the comment of `DUMP_HEADER64`.
pub const CRASH_RECORD_OFFSET: usize = 0xfb0;
/// Bytes of a crash dump's header, which stay plain.
pub const CRASH_HEADER_BYTES: usize = 0x2000;
/// Bytes of a hibernation file that stay plain.
pub const HIBERNATION_HEADER_BYTES: usize = 0x1000;
/// Where the record lies in them.
pub const HIBERNATION_RECORD_OFFSET: usize = HIBERNATION_HEADER_BYTES - RECORD_BYTES;

const MAGIC: &[u8] = b"HPSEAL01";
const CRASH_SIGNATURE: &[u8] = b"PAGEDU64";
/// Bytes of a unit of the cipher; nothing shorter can be decrypted.
pub const SECTOR_BYTES: usize = 512;
const DATA_KEY_BYTES: usize = 64;
/// Bytes that are decrypted at once.
const CHUNK_BYTES: usize = 1 << 20;

/// Why a record cannot be opened.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum SealError {
    /// Too few bytes.
    #[error("the record of the sealed key is cut short")]
    Short,
    /// There is no record.
    #[error("there is no sealed key: the file was not encrypted by dumpfilter")]
    Magic,
    /// Sealed to another key, or damaged.
    #[error("the sealed key does not open with this private key")]
    Refused,
}

/// An X25519 private key.
#[derive(Clone, Debug)]
pub struct PrivateKey(SecretKey);

impl PrivateKey {
    /// From its 32 bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(SecretKey::from(bytes))
    }

    /// The key of a bench run, reproducible from the run's seed; good for nothing else.
    #[must_use]
    pub fn of_run(seed: u64) -> Self {
        let mut bytes = [0; 32];
        for (number, chunk) in (0_u64..).zip(bytes.chunks_exact_mut(8)) {
            let word = xxhash_rust::xxh64::xxh64(&number.to_le_bytes(), seed);
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        Self::from_bytes(bytes)
    }

    /// From the content of a file: 32 bytes, or 64 hexadecimal digits; `None` for anything else.
    #[must_use]
    pub fn from_file(content: &[u8]) -> Option<Self> {
        if let Ok(bytes) = <[u8; 32]>::try_from(content) {
            return Some(Self::from_bytes(bytes));
        }
        let (pairs, rest) = content.trim_ascii().as_chunks::<2>();
        let mut bytes = [0; 32];
        if pairs.len() != bytes.len() || !rest.is_empty() {
            return None;
        }
        let digit = |letter: u8| char::from(letter).to_digit(16);
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()?;
        }
        Some(Self::from_bytes(bytes))
    }

    /// As the text that [`PrivateKey::from_file`] reads.
    #[must_use]
    pub fn to_text(&self) -> String {
        let bytes = self.0.to_bytes();
        let text = bytes.iter().fold(String::new(), |mut text, byte| {
            // Writing to a string does not fail.
            let _ok = write!(text, "{byte:02x}");
            text
        });
        text + "\n"
    }

    /// The public key, as the driver's parameter `PublicKey` takes it.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        *self.0.public_key().as_bytes()
    }

    /// Opens a record.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn open(&self, record: &[u8]) -> Result<Opened, SealError> {
        let record = record.get(..RECORD_BYTES).ok_or(SealError::Short)?;
        let (magic, rest) = record.split_at(MAGIC.len());
        if magic != MAGIC {
            return Err(SealError::Magic);
        }
        let (first_sector, sealed) = rest.split_first_chunk().ok_or(SealError::Short)?;
        let key = self.0.unseal(sealed).map_err(|_| SealError::Refused)?;
        let (data, tweak) = key
            .split_at_checked(DATA_KEY_BYTES / 2)
            .filter(|_| key.len() == DATA_KEY_BYTES)
            .ok_or(SealError::Refused)?;
        Ok(Opened {
            first_sector: u64::from_le_bytes(*first_sector),
            cipher: Xts128::new(
                Aes256::new(GenericArray::from_slice(data)),
                Aes256::new(GenericArray::from_slice(tweak)),
            ),
        })
    }
}

/// The key of one file.
pub struct Opened {
    first_sector: u64,
    cipher: Xts128<Aes256>,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened")
            .field("first_sector", &self.first_sector)
            .finish_non_exhaustive()
    }
}

impl Opened {
    /// Decrypts whole sectors that lie at `offset` bytes in the file; both are multiples of 512, a rest stays as it is.
    pub fn decrypt(&self, offset: u64, data: &mut [u8]) {
        let whole = data.len() / SECTOR_BYTES * SECTOR_BYTES;
        let first = self.first_sector.wrapping_add(offset / SECTOR_BYTES as u64);
        self.cipher.decrypt_area(
            &mut data[..whole],
            SECTOR_BYTES,
            first.into(),
            get_tweak_default,
        );
    }
}

/// Decrypts a crash dump; returns the number of bytes written. The record is left out of the header that is written.
///
/// The dump lies in the file in one piece, as it did on the partition (docs/dump-filter.md).
///
/// # Errors
/// The file is no crash dump of a 64-bit system, was not encrypted, or was encrypted to another key.
pub fn decrypt_dump(mut from: impl Read, key: &PrivateKey, mut to: impl Write) -> Result<u64> {
    let mut header = [0; CRASH_HEADER_BYTES];
    from.read_exact(&mut header)
        .context("the file is shorter than the header of a crash dump")?;
    if !header.starts_with(CRASH_SIGNATURE) {
        bail!("the file does not begin with the header of a 64-bit crash dump");
    }
    let record = &mut header[CRASH_RECORD_OFFSET..CRASH_RECORD_OFFSET + RECORD_BYTES];
    let opened = key.open(record)?;
    record.fill(0);
    to.write_all(&header)?;
    let mut offset = CRASH_HEADER_BYTES as u64;
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let length = fill(&mut from, &mut chunk)?;
        let Some(data) = chunk.get_mut(..length).filter(|data| !data.is_empty()) else {
            to.flush()?;
            return Ok(offset);
        };
        opened.decrypt(offset, data);
        to.write_all(data)?;
        offset += length as u64;
    }
}

/// Decrypts the crash dump in the file `from` into the new file `to`; of that nothing is left if it fails.
///
/// # Errors
/// A [`Fault`]: a file cannot be used, `to` exists, or as [`decrypt_dump`].
pub fn decrypt_file(from: &Path, to: &Path, key: &PrivateKey) -> Result<u64> {
    let source = File::open(from).map_err(|error| {
        Fault::setup(
            format!("cannot read {}: {error}", from.display()),
            "give a .dmp file",
        )
    })?;
    let target = File::create_new(to).map_err(|error| {
        Fault::setup(
            format!("cannot create {}: {error}", to.display()),
            "nothing is overwritten: give the name of a new file in a directory that exists",
        )
    })?;
    decrypt_dump(BufReader::new(source), key, BufWriter::new(target)).map_err(|error| {
        let _gone = fs::remove_file(to);
        Fault::setup(
            format!("cannot decrypt {}: {error:#}", from.display()),
            "give the dump as it lies on the disk, and the private key that belongs to the public key of the machine",
        )
        .into()
    })
}

/// Body of the fuzz target: whatever stands where a record is expected is refused, since nobody can make one without the public key;
/// the magic is put in so that the sealed box is reached.
///
/// # Panics
/// If a record is accepted.
pub fn fuzz_record(data: &[u8]) {
    let key = PrivateKey::of_run(0);
    let mut record = data.to_vec();
    if let Some(magic) = record.get_mut(..MAGIC.len()) {
        magic.copy_from_slice(MAGIC);
    }
    let expected = if record.len() < RECORD_BYTES {
        SealError::Short
    } else {
        SealError::Refused
    };
    assert_eq!(key.open(&record).err(), Some(expected));
}

/// Reads until the buffer is full or the file ends.
fn fill(from: &mut impl Read, buffer: &mut [u8]) -> Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        match from.read(&mut buffer[done..])? {
            0 => break,
            more => done += more,
        }
    }
    Ok(done)
}
