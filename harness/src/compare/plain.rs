//! Pages of memory that lie on a disk as they are, where they should be encrypted.
//!
//! Pages are known by their checksums. Those of one byte repeated are left out: unused parts of a disk look like them.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, BufReader, Read as _, Seek as _, SeekFrom},
    path::Path,
};

use proto::hiber::{PAGE_BYTES, checksum};

use super::PAGE_STEP;
use crate::disk::ByteRange;

/// Counts the pages in `area` of the disk that are among `known`.
///
/// # Errors
/// The disk cannot be read.
pub fn count(disk: &Path, area: ByteRange, known: &BTreeSet<u64>) -> io::Result<u64> {
    let mut found = 0;
    each_page(disk, area, |page| {
        found += u64::from(known.contains(&page));
    })?;
    Ok(found)
}

/// Visits the checksum of every whole page in a range of a file that is not one byte repeated.
///
/// # Errors
/// The file cannot be read.
pub fn each_page(file: &Path, range: ByteRange, mut visit: impl FnMut(u64)) -> io::Result<()> {
    let mut source = File::open(file)?;
    source.seek(SeekFrom::Start(range.offset))?;
    let mut source = BufReader::with_capacity(1 << 20, source);
    let mut page = vec![0; PAGE_STEP];
    for _ in 0..range.bytes / PAGE_BYTES {
        source.read_exact(&mut page)?;
        if page.iter().any(|byte| *byte != page[0]) {
            visit(checksum(&page));
        }
    }
    Ok(())
}
