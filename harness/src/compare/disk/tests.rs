//! Comparisons of a small partitioned disk.

use std::{fs::OpenOptions, path::PathBuf};

use tempfile::TempDir;
use xxhash_rust::xxh64::xxh64;

use super::*;
use crate::disk::create;

struct Disk {
    _directory: TempDir,
    path: PathBuf,
    layout: Layout,
    baseline: DiskBaseline,
}

fn disk() -> Disk {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("disk.raw");
    let layout = create(&path, 512, 4 << 20).unwrap();
    let baseline = DiskBaseline::take(&path, &layout).unwrap();
    Disk {
        _directory: directory,
        path,
        layout,
        baseline,
    }
}

impl Disk {
    fn put(&self, offset: u64, bytes: &[u8]) {
        let file = OpenOptions::new().write(true).open(&self.path).unwrap();
        file.write_all_at(bytes, offset).unwrap();
    }

    /// Writes sectors of the data partition and returns what the workload would report.
    fn write(&self, sector: u64, fill: u8) -> WrittenRange {
        let bytes = [fill; 1024];
        let first_lba = self.layout.data.first_lba + sector;
        self.put(first_lba * 512, &bytes);
        WrittenRange {
            unit: (0, 0, 0),
            first_lba,
            sectors: 2,
            xxh64: xxh64(&bytes, 0),
        }
    }

    fn compare(&self, written: &[WrittenRange]) -> DiskCompare {
        self.compare_with(&Expected {
            written: written.to_vec(),
            cut_off: Vec::new(),
        })
    }

    fn compare_with(&self, expected: &Expected) -> DiskCompare {
        compare(&self.path, &self.baseline, expected).unwrap()
    }
}

#[test]
fn what_was_written_is_found_and_the_rest_is_untouched() {
    let disk = disk();
    let written = [disk.write(0, 1), disk.write(100, 2)];
    disk.put(disk.layout.hibernation.first_lba * 512, b"an image");
    let result = disk.compare(&written);
    assert_eq!((result.ranges_checked, result.ranges_wrong), (2, 0));
    assert_eq!(result.bytes_checked, 2048);
    assert_eq!(result.bytes_unwritten_changed, 0);
    assert_eq!(
        result.bytes_unwritten,
        disk.layout.data.sectors * 512 - 2048
    );
    assert!(result.outside_unchanged);
    assert!(result.partition_tables_intact);
    assert!(result.bytes_outside > 0);
}

#[test]
fn one_changed_bit_in_a_written_stretch_is_found() {
    let disk = disk();
    let written = [disk.write(0, 1)];
    disk.put(written[0].first_lba * 512 + 700, &[1 ^ 0x10]);
    let result = disk.compare(&written);
    assert_eq!(result.ranges_wrong, 1);
    assert_eq!(result.wrong[0].first_lba, written[0].first_lba);
}

#[test]
fn a_byte_that_nobody_wrote_is_found() {
    let disk = disk();
    let written = [disk.write(0, 1)];
    let place = disk.layout.data.first_lba * 512 + 5000;
    disk.put(place, &[9]);
    let result = disk.compare(&written);
    assert_eq!(result.bytes_unwritten_changed, 1);
    assert_eq!(result.first_unwritten_change, Some(Hex(place)));
}

#[test]
fn the_latest_write_counts_and_what_it_covers_in_part_is_not_judged() {
    let disk = disk();
    let older = disk.write(0, 1);
    let same_place = disk.write(0, 2);
    let overlapping = disk.write(1, 3);
    let result = disk.compare(&[older, same_place, overlapping]);
    assert_eq!((result.ranges_checked, result.ranges_wrong), (1, 0));
    assert_eq!(result.bytes_superseded, 512);
    assert_eq!(result.bytes_unwritten_changed, 0);
}

#[test]
fn a_write_to_the_gap_before_the_first_partition_is_found() {
    let disk = disk();
    disk.put(disk.layout.data.first_lba * 512 - 1, &[1]);
    let result = disk.compare(&[]);
    assert!(!result.outside_unchanged);
    assert!(result.partition_tables_intact);
}

#[test]
fn a_damaged_partition_table_is_found() {
    let disk = disk();
    disk.put(512, &[0; 512]);
    disk.put(disk.layout.bytes() - 512, &[0; 512]);
    let result = disk.compare(&[]);
    assert!(!result.partition_tables_intact);
    assert!(!result.outside_unchanged);
}

#[test]
fn a_truncated_disk_is_found() {
    let disk = disk();
    let file = OpenOptions::new().write(true).open(&disk.path).unwrap();
    file.set_len(disk.layout.bytes() / 2).unwrap();
    let result = disk.compare(&[]);
    assert!(!result.outside_unchanged);
    assert!(!result.partition_tables_intact);
}

/// A write of two sectors over `old` that was cut off.
fn cut_off(old: &WrittenRange) -> AbandonedRange {
    AbandonedRange {
        unit: (0, 0, 0),
        first_lba: old.first_lba,
        before: vec![xxh64(&[1; 512], 0); 2],
        after: vec![xxh64(&[2; 512], 0); 2],
    }
}

#[test]
fn of_a_write_that_was_cut_off_each_sector_is_old_or_new() {
    let disk = disk();
    let old = disk.write(10, 1);
    let place = old.first_lba * 512;
    for (sectors, written) in [([1, 1], 0), ([2, 1], 1), ([1, 2], 1), ([2, 2], 2)] {
        disk.put(place, &[sectors[0]; 512]);
        disk.put(place + 512, &[sectors[1]; 512]);
        let result = disk.compare_with(&Expected {
            written: vec![old],
            cut_off: vec![cut_off(&old)],
        });
        assert_eq!(result.ranges_wrong, 0, "{sectors:?}");
        assert_eq!(result.cut_off_sectors, 2);
        assert_eq!(result.cut_off_sectors_written, written, "{sectors:?}");
        assert_eq!(result.bytes_unwritten_changed, 0);
    }
}

#[test]
fn a_sector_that_is_neither_old_nor_new_is_found() {
    let disk = disk();
    let old = disk.write(10, 1);
    // Half of the sector is new: nothing that a disk may do.
    disk.put(old.first_lba * 512 + 512, &[2; 256]);
    let result = disk.compare_with(&Expected {
        written: Vec::new(),
        cut_off: vec![cut_off(&old)],
    });
    assert_eq!(result.ranges_wrong, 1);
    assert_eq!(result.wrong[0].first_lba, old.first_lba + 1);
}

#[test]
fn what_lies_beside_a_write_that_was_cut_off_is_still_compared() {
    let disk = disk();
    let old = disk.write(10, 1);
    let beside = disk.write(12, 3);
    disk.put(beside.first_lba * 512, &[9]);
    let result = disk.compare_with(&Expected {
        written: vec![old, beside],
        cut_off: vec![cut_off(&old)],
    });
    assert_eq!((result.ranges_checked, result.ranges_wrong), (1, 1));
    assert_eq!(result.wrong[0].first_lba, beside.first_lba);
}
