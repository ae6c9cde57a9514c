//! The order in which the disk was written, as QEMU's block driver `blklogwrites` logged it: [`WriteLog`].
//!
//! The log's format is that of Linux' device mapper target `log-writes` (documentation: "dm-log-writes"), all values
//! little-endian. Sector 0 of the log is a super block:
//!
//! ```text
//! +0x00  u64 magic 0x6a736677736872
//! +0x08  u64 version, 1
//! +0x10  u64 number of entries
//! +0x18  u32 bytes of a sector of the log
//! ```
//!
//! then one entry behind the other, each on a sector of the log: `u64` first sector, `u64` number of sectors, `u64` flags
//! (1 flush, 2 FUA, 4 discard, 8 mark), `u64` length of a mark's text, and behind it the data of a write. QEMU writes no marks,
//! and rewrites the super block at each flush only: entries behind it are found by their form, up to the end of the log.

use std::io::{self, Read, Seek, SeekFrom};

use serde::Serialize;

use crate::{compare::ranges::Ranges, disk::ByteRange};

const MAGIC: u64 = 0x006a_7366_7773_6872;
const VERSION: u64 = 1;
const FLUSH: u64 = 1;
const DISCARD: u64 = 4;
const KNOWN_FLAGS: u64 = 0xf;
/// Bytes of an entry, of which the rest of its sector is empty.
const ENTRY_BYTES: usize = 32;
/// Sectors from the first address that a log is believed.
const SECTORS_MAX: u64 = 1 << 52;

/// What was done to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    /// Bytes were written.
    Write,
    /// Bytes were given up.
    Discard,
    /// What was written before is safe.
    Flush,
}

/// An entry of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// What was done.
    pub operation: Operation,
    /// Where on the disk; empty for a flush.
    pub range: ByteRange,
    /// Where the data of a write are in the log.
    pub data: u64,
}

/// Everything that was done, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct WriteLog {
    /// The entries.
    pub entries: Vec<Entry>,
}

/// Why a log cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The file cannot be read.
    #[error("the write log cannot be read ({0})")]
    Io(#[from] io::Error),
    /// Not such a log.
    #[error("the file is no write log of QEMU")]
    Foreign,
}

impl WriteLog {
    /// Reads a log.
    ///
    /// `sector_bytes` is the size that QEMU was asked for: the super block is there only after a flush.
    ///
    /// # Errors
    /// The file cannot be read, or is something else.
    pub fn read<R: Read + Seek>(mut reader: R, sector_bytes: u32) -> Result<Self, LogError> {
        let length = reader.seek(SeekFrom::End(0))?;
        let sector = u64::from(sector_bytes);
        let mut log = Self::default();
        if length < sector {
            return Ok(log);
        }
        let mut head = [0; ENTRY_BYTES];
        read_at(&mut reader, 0, &mut head)?;
        let [magic, version, counted, size] = words(&head);
        let size = size & u64::from(u32::MAX);
        if magic != 0 && (magic != MAGIC || version != VERSION || size != sector) {
            return Err(LogError::Foreign);
        }
        let mut at = sector;
        while at + sector <= length {
            read_at(&mut reader, at, &mut head)?;
            let [first, sectors, flags, data_bytes] = words(&head);
            let plausible = flags & !KNOWN_FLAGS == 0
                && data_bytes == 0
                && first <= SECTORS_MAX
                && sectors <= SECTORS_MAX;
            // An entry of nothing is the end of what was written, unless the super block counts it.
            let empty = sectors == 0 && flags & FLUSH == 0;
            if !plausible || (empty && log.entries.len() as u64 >= counted) {
                break;
            }
            let operation = match flags {
                flags if flags & FLUSH != 0 && sectors == 0 => Operation::Flush,
                flags if flags & DISCARD != 0 => Operation::Discard,
                _ => Operation::Write,
            };
            let range = ByteRange {
                offset: first * sector,
                bytes: sectors * sector,
            };
            let data = at + sector;
            log.entries.push(Entry {
                operation,
                range,
                data,
            });
            at = match operation {
                Operation::Write => data + range.bytes,
                Operation::Discard | Operation::Flush => data,
            };
        }
        Ok(log)
    }

    /// The writes, in order.
    pub fn writes(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries
            .iter()
            .filter(|entry| entry.operation == Operation::Write)
    }

    /// The writes from the first that touches `area` on: what a dump did, when nothing else writes there.
    #[must_use]
    pub fn since_first_in(&self, area: ByteRange) -> Vec<Entry> {
        let area = Ranges::new([(area.offset, area.offset + area.bytes)]);
        self.writes()
            .skip_while(|entry| !bytes_of(&[**entry]).meets(&area))
            .copied()
            .collect()
    }
}

/// The bytes that these entries name.
#[must_use]
pub fn bytes_of(entries: &[Entry]) -> Ranges {
    Ranges::new(entries.iter().map(|entry| {
        let end = entry.range.offset.saturating_add(entry.range.bytes);
        (entry.range.offset, end)
    }))
}

fn words(bytes: &[u8; ENTRY_BYTES]) -> [u64; 4] {
    let (words, _) = bytes.as_chunks::<8>();
    std::array::from_fn(|index| words.get(index).map_or(0, |word| u64::from_le_bytes(*word)))
}

fn read_at<R: Read + Seek>(reader: &mut R, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
    reader.seek(SeekFrom::Start(offset))?;
    reader.read_exact(buffer)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::{
        Operation::{Discard, Flush, Write},
        *,
    };

    fn log(sector: usize, counted: u64, entries: &[(u64, u64, u64)]) -> Vec<u8> {
        let mut file = Vec::new();
        for word in [MAGIC, VERSION, counted, sector as u64] {
            file.extend(word.to_le_bytes());
        }
        file.resize(sector, 0);
        for (first, sectors, flags) in entries {
            let start = file.len();
            for word in [*first, *sectors, *flags, 0] {
                file.extend(word.to_le_bytes());
            }
            file.resize(start + sector, 0);
            if flags & DISCARD == 0 {
                let bytes = usize::try_from(*sectors).expect("small") * sector;
                file.resize(start + sector + bytes, 0xee);
            }
        }
        file
    }

    #[test]
    fn entries_are_found_in_their_order_with_the_place_of_their_data() {
        for sector in [512_usize, 4096] {
            let file = log(sector, 4, &[(9, 2, 0), (0, 0, 1), (100, 8, 4), (7, 1, 2)]);
            let size = u32::try_from(sector).expect("small");
            let log = WriteLog::read(Cursor::new(&file), size).expect("a log");
            let operations: Vec<_> = log.entries.iter().map(|entry| entry.operation).collect();
            assert_eq!(operations, [Write, Flush, Discard, Write]);
            let bytes = sector as u64;
            assert_eq!(log.entries[0].range.offset, 9 * bytes);
            assert_eq!(log.entries[0].range.bytes, 2 * bytes);
            assert_eq!(log.entries[3].data, 7 * bytes);
            assert_eq!(log.writes().count(), 2);
        }
    }

    #[test]
    fn writes_behind_the_last_flush_are_found_too() {
        let mut file = log(512, 1, &[(9, 2, 0), (11, 2, 0)]);
        let read = |file: &[u8]| WriteLog::read(Cursor::new(file), 512);
        assert_eq!(read(&file).expect("a log").entries.len(), 2);
        file.resize(file.len() + 4096, 0);
        assert_eq!(read(&file).expect("a log").entries.len(), 2, "zeros end it");
        file[..512].fill(0);
        assert_eq!(
            read(&file).expect("a log").entries.len(),
            2,
            "no flush at all"
        );
        file[0] = 1;
        assert!(matches!(read(&file), Err(LogError::Foreign)));
        assert_eq!(read(&[]).expect("a log").entries, []);
    }

    #[test]
    fn what_came_before_the_area_was_written_is_left_out() {
        let file = log(512, 3, &[(1, 1, 0), (20, 4, 0), (2, 1, 0)]);
        let log = WriteLog::read(Cursor::new(&file), 512).expect("a log");
        let area = ByteRange {
            offset: 20 * 512,
            bytes: 100 * 512,
        };
        let since = log.since_first_in(area);
        assert_eq!(since.len(), 2);
        assert_eq!(
            bytes_of(&since).spans(),
            [(2 * 512, 3 * 512), (20 * 512, 24 * 512)]
        );
    }
}
