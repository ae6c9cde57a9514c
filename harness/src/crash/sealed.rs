//! A crash dump that the dump filter encrypted: [`plain_pages`] looks for what should not lie on the disk.

use std::{collections::BTreeSet, io, path::Path};

use proto::hiber::PAGE_BYTES;
use serde::Serialize;

use crate::{compare::plain, disk::ByteRange, session::life::MemorySave};

/// What the dump filter was to do, as it lies on the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sealed {
    /// The header carries the sealed key.
    pub marked: bool,
    /// Pages of memory that lie in the crash partition in plain; `None` if memory was not saved.
    pub plain_pages: Option<u64>,
}

/// Counts the pages of `memory` that lie in `area` of the disk as they are, `plain_bytes` at its start aside.
///
/// # Errors
/// A file cannot be read.
pub fn plain_pages(
    memory: &MemorySave,
    disk: &Path,
    area: ByteRange,
    plain_bytes: u64,
) -> io::Result<u64> {
    let mut known = BTreeSet::new();
    for piece in &memory.pieces {
        let lead = piece.range.address.next_multiple_of(PAGE_BYTES) - piece.range.address;
        let pages = ByteRange {
            offset: lead,
            bytes: piece.range.bytes.saturating_sub(lead),
        };
        plain::each_page(&piece.file, pages, |page| {
            known.insert(page);
        })?;
    }
    let behind = ByteRange {
        offset: area.offset + plain_bytes,
        bytes: area.bytes.saturating_sub(plain_bytes),
    };
    plain::count(disk, behind, &known)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proto::record::{Checkpoint, PhysicalRange};

    use super::*;
    use crate::{compare::PAGE_STEP, session::life::SavedPiece};

    #[test]
    fn pages_of_memory_are_found_wherever_they_lie() {
        let directory = tempfile::tempdir().expect("made");
        let page = |seed: u8| -> Vec<u8> {
            (0..PAGE_STEP)
                .map(|index| seed ^ index.to_le_bytes()[0])
                .collect()
        };
        let (file, disk) = (
            directory.path().join("memory"),
            directory.path().join("disk"),
        );
        let memory = [page(1), page(2), vec![0; PAGE_STEP]].concat();
        fs::write(&file, &memory).expect("written");
        let save = MemorySave {
            checkpoint: Checkpoint::Crash,
            cycle: 0,
            pieces: vec![SavedPiece {
                range: PhysicalRange {
                    address: 0x10_0000,
                    bytes: memory.len() as u64,
                },
                file,
            }],
        };
        let area = ByteRange {
            offset: PAGE_BYTES,
            bytes: 4 * PAGE_BYTES,
        };
        let count = |content: [Vec<u8>; 5]| {
            fs::write(&disk, content.concat()).expect("written");
            plain_pages(&save, &disk, area, PAGE_BYTES).expect("read")
        };
        let zeros = || vec![0; PAGE_STEP];
        // What lies before the area, and in its plain start, does not count.
        assert_eq!(count([page(1), page(2), page(9), zeros(), page(8)]), 0);
        assert_eq!(count([page(9), page(9), page(2), zeros(), page(1)]), 2);
    }
}
