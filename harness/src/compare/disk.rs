//! The disk image with QEMU stopped, read by the host alone.
//!
//! [`DiskBaseline::take`] before the first start, [`compare`] after the last power-off. Three questions: does the data
//! partition hold what the workload wrote, is every byte of it that nobody wrote still zero, and is everything outside of
//! the partitions (partition tables above all) as it was? Of writes that a surprise removal cut off, each sector may
//! hold the old content or the new.

use std::{fs::File, io, os::unix::fs::FileExt as _, path::Path};

use proto::{
    record::{AbandonedRange, Record, WrittenRange},
    scenario::Partition,
};
use serde::Serialize;
use xxhash_rust::xxh64::Xxh64;

use super::ranges::Ranges;
use crate::{
    disk::{Layout, others::UnitAddress, read_layout},
    report::Hex,
    session::life::Life,
};

/// Bytes that are read at one time.
const CHUNK_BYTES: usize = 1 << 20;
/// Wrong ranges that are listed; all are counted.
const LISTED_RANGES: usize = 16;

/// Result of the comparison.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DiskCompare {
    /// Bytes of the disk.
    pub disk_bytes: u64,
    /// Whether both partition tables parse, with the partitions where the harness put them.
    pub partition_tables_intact: bool,
    /// Bytes outside of the partitions that were compared with their state before the run.
    pub bytes_outside: u64,
    /// Whether those bytes are unchanged.
    pub outside_unchanged: bool,
    /// Written stretches whose checksum was computed from the disk.
    pub ranges_checked: u64,
    /// Bytes of those stretches.
    pub bytes_checked: u64,
    /// Bytes of stretches that a later write covered in part, so that the earlier checksum no longer applies.
    pub bytes_superseded: u64,
    /// Stretches with another checksum than the workload's.
    pub ranges_wrong: u64,
    /// The first of them.
    pub wrong: Vec<WrongRange>,
    /// Sectors of writes that a surprise removal cut off; each was compared with both of its possible contents.
    pub cut_off_sectors: u64,
    /// Those of them that hold the new content.
    pub cut_off_sectors_written: u64,
    /// Bytes of the data partition that nobody wrote.
    pub bytes_unwritten: u64,
    /// Those of them that are not zero.
    pub bytes_unwritten_changed: u64,
    /// Byte offset on the disk of the first such byte.
    pub first_unwritten_change: Option<Hex>,
}

/// A stretch of the data partition that does not hold what was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WrongRange {
    /// First sector on the disk.
    pub first_lba: u64,
    /// Number of sectors.
    pub sectors: u64,
    /// Checksum that the workload computed when it wrote.
    pub expected: Hex,
    /// Checksum of the bytes on the disk.
    pub found: Hex,
}

/// What of the disk must not change, taken before the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskBaseline {
    layout: Layout,
    bytes: u64,
    outside_xxh64: u64,
}

impl DiskBaseline {
    /// Reads the disk at `path`, which has this layout.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn take(path: &Path, layout: &Layout) -> io::Result<Self> {
        let file = File::open(path)?;
        let bytes = file.metadata()?.len();
        Ok(Self {
            layout: *layout,
            bytes,
            outside_xxh64: hash(&file, &outside(layout, bytes))?,
        })
    }
}

/// What the workload says the data partition must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// Stretches that it wrote, oldest first.
    pub written: Vec<WrittenRange>,
    /// What was cut off after all of them.
    pub cut_off: Vec<AbandonedRange>,
}

/// Gathers what the workload reported of the unit at `address`.
#[must_use]
pub fn expected(life: &Life, address: UnitAddress) -> Expected {
    let mut expected = Expected::default();
    let is_meant = |(path, target, lun): (u8, u8, u8)| {
        path == 0
            && UnitAddress {
                target,
                lun: lun.into(),
            } == address
    };
    let mut wrote = |written: &[WrittenRange]| {
        let of_unit = written.iter().filter(|range| is_meant(range.unit));
        expected.written.extend(of_unit);
    };
    for record in life.records() {
        match record {
            Record::Io(summary) => wrote(&summary.written),
            Record::Abandoned { ranges, written } => {
                wrote(written);
                let of_unit = ranges.iter().filter(|range| is_meant(range.unit));
                expected.cut_off.extend(of_unit.cloned());
            }
            _ => {}
        }
    }
    expected
}

/// Compares the disk at `path` with its baseline and with what the workload expects.
///
/// # Errors
/// The file cannot be read.
pub fn compare(
    path: &Path,
    baseline: &DiskBaseline,
    expected: &Expected,
) -> io::Result<DiskCompare> {
    let layout = &baseline.layout;
    let file = File::open(path)?;
    let bytes = file.metadata()?.len();
    let outside = outside(layout, baseline.bytes);
    let mut result = DiskCompare {
        disk_bytes: bytes,
        partition_tables_intact: read_layout(path, layout.sector_bytes)
            .is_ok_and(|found| found == *layout),
        bytes_outside: outside.bytes(),
        outside_unchanged: bytes == baseline.bytes
            && hash(&file, &outside)? == baseline.outside_xxh64,
        ..DiskCompare::default()
    };
    let data = partition(layout, layout.data);
    compare_area(&mut result, &file, layout.sector_bytes, data, expected)?;
    Ok(result)
}

/// The same for a disk without partitions, all of which is the workload's. It was all zeros before the run.
///
/// # Errors
/// The file cannot be read.
pub fn compare_unpartitioned(
    path: &Path,
    sector_bytes: u32,
    expected: &Expected,
) -> io::Result<DiskCompare> {
    let file = File::open(path)?;
    let bytes = file.metadata()?.len();
    let mut result = DiskCompare {
        disk_bytes: bytes,
        partition_tables_intact: true,
        outside_unchanged: true,
        ..DiskCompare::default()
    };
    compare_area(&mut result, &file, sector_bytes, (0, bytes), expected)?;
    Ok(result)
}

/// What was written is there, latest first, and the rest of `area` is zero.
fn compare_area(
    result: &mut DiskCompare,
    file: &File,
    sector_bytes: u32,
    area: (u64, u64),
    expected: &Expected,
) -> io::Result<()> {
    let mut covered = Ranges::default();
    for range in &expected.cut_off {
        check_cut_off(result, file, sector_bytes, range)?;
        let sectors = range.after.len() as u64;
        let span = span_of(range.first_lba, sectors, sector_bytes);
        covered = covered.union(&Ranges::new([span]));
    }
    for range in expected.written.iter().rev() {
        let span = span_of(range.first_lba, range.sectors, sector_bytes);
        let stretch = Ranges::new([span]);
        if stretch.meets(&covered) {
            result.bytes_superseded += stretch.minus(&covered).bytes();
        } else {
            check_range(result, file, &stretch, range)?;
        }
        covered = covered.union(&stretch);
    }
    let unwritten = Ranges::new([area]).minus(&covered);
    result.bytes_unwritten = unwritten.bytes();
    count_nonzero(result, file, &unwritten)
}

fn check_range(
    result: &mut DiskCompare,
    file: &File,
    stretch: &Ranges,
    range: &WrittenRange,
) -> io::Result<()> {
    let found = hash(file, stretch)?;
    result.ranges_checked += 1;
    result.bytes_checked += stretch.bytes();
    if found != range.xxh64 {
        list_wrong(
            result,
            WrongRange {
                first_lba: range.first_lba,
                sectors: range.sectors,
                expected: Hex(range.xxh64),
                found: Hex(found),
            },
        );
    }
    Ok(())
}

/// Each sector holds the old content or the new; a device may have got through any part of the write.
fn check_cut_off(
    result: &mut DiskCompare,
    file: &File,
    sector_bytes: u32,
    range: &AbandonedRange,
) -> io::Result<()> {
    for ((lba, before), after) in (range.first_lba..).zip(&range.before).zip(&range.after) {
        let sector = Ranges::new([span_of(lba, 1, sector_bytes)]);
        let found = hash(file, &sector)?;
        result.cut_off_sectors += 1;
        if found == *after {
            result.cut_off_sectors_written += 1;
        } else if found != *before {
            list_wrong(
                result,
                WrongRange {
                    first_lba: lba,
                    sectors: 1,
                    expected: Hex(*after),
                    found: Hex(found),
                },
            );
        }
    }
    Ok(())
}

fn list_wrong(result: &mut DiskCompare, range: WrongRange) {
    result.ranges_wrong += 1;
    if result.wrong.len() < LISTED_RANGES {
        result.wrong.push(range);
    }
}

fn count_nonzero(result: &mut DiskCompare, file: &File, area: &Ranges) -> io::Result<()> {
    let zeros = vec![0; CHUNK_BYTES];
    for_each_chunk(file, area, |offset, bytes| {
        // One comparison of the whole chunk: nearly all of them are zero.
        if zeros.starts_with(bytes) {
            return;
        }
        let changed = (offset..).zip(bytes).filter(|(_, byte)| **byte != 0);
        for (at, _) in changed {
            result.bytes_unwritten_changed += 1;
            result.first_unwritten_change.get_or_insert(Hex(at));
        }
    })
}

/// Everything but the three partitions.
fn outside(layout: &Layout, bytes: u64) -> Ranges {
    let partitions =
        [layout.data, layout.hibernation, layout.crash].map(|part| partition(layout, part));
    Ranges::new([(0, bytes)]).minus(&Ranges::new(partitions))
}

fn partition(layout: &Layout, partition: Partition) -> (u64, u64) {
    span_of(partition.first_lba, partition.sectors, layout.sector_bytes)
}

fn span_of(first_lba: u64, sectors: u64, sector_bytes: u32) -> (u64, u64) {
    let start = first_lba.saturating_mul(u64::from(sector_bytes));
    let bytes = sectors.saturating_mul(u64::from(sector_bytes));
    (start, start.saturating_add(bytes))
}

/// xxh64 of an area; bytes beyond the end of the file count as an empty rest.
fn hash(file: &File, area: &Ranges) -> io::Result<u64> {
    let mut state = Xxh64::new(0);
    for_each_chunk(file, area, |_, bytes| state.update(bytes))?;
    Ok(state.digest())
}

fn for_each_chunk(file: &File, area: &Ranges, mut visit: impl FnMut(u64, &[u8])) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK_BYTES];
    for &(start, end) in area.spans() {
        let mut offset = start;
        while offset < end {
            let wanted =
                usize::try_from(end - offset).map_or(CHUNK_BYTES, |left| left.min(CHUNK_BYTES));
            let read = file.read_at(&mut buffer[..wanted], offset)?;
            if read == 0 {
                break;
            }
            visit(offset, &buffer[..read]);
            offset += read as u64;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
