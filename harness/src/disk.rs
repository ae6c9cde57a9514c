//! The disk of the virtual machine: a raw file, sparse, with a GPT, a data partition, a hibernation partition
//! and a partition for crash dumps. [`others`] are those beside it.

pub mod others;

use std::{
    fs::{File, OpenOptions},
    os::unix::fs::FileExt as _,
    path::Path,
};

use anyhow::{Context as _, Result};
use gpt::{GptConfig, disk::LogicalBlockSize, mbr::ProtectiveMBR, partition_types};
use proto::scenario::Partition;
use serde::Serialize;

use crate::fault::Fault;

/// Partitions start at multiples of this.
const ALIGNMENT: u64 = 1 << 20;
/// Size of the data partition in bytes.
const DATA_BYTES: u64 = 128 << 20;
/// Size of the hibernation partition in bytes: the 56 MiB that the bench uses at most, doubled.
const HIBERNATION_BYTES: u64 = 128 << 20;
const DATA_NAME: &str = "data";
/// What the partition for crash dumps holds beside RAM: headers and secondary data.
pub const CRASH_EXTRA_BYTES: u64 = 32 << 20;
const HIBERNATION_NAME: &str = "hibernation";
const CRASH_NAME: &str = "crash";

/// Where things are on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Bytes per sector.
    pub sector_bytes: u32,
    /// Sectors of the disk.
    pub sectors: u64,
    /// The partition whose sectors the workload writes.
    pub data: Partition,
    /// The partition that takes the hibernation image.
    pub hibernation: Partition,
    /// The partition that takes a crash dump.
    pub crash: Partition,
}

/// A range of bytes on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ByteRange {
    /// Offset of the first byte.
    pub offset: u64,
    /// Length.
    pub bytes: u64,
}

impl Layout {
    /// Where a partition's bytes are.
    #[must_use]
    pub fn range(&self, partition: Partition) -> ByteRange {
        ByteRange {
            offset: partition.first_lba * u64::from(self.sector_bytes),
            bytes: partition.sectors * u64::from(self.sector_bytes),
        }
    }

    /// Size of the disk in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.sectors * u64::from(self.sector_bytes)
    }
}

/// Makes a new, empty, partitioned disk with `crash_bytes` for a crash dump.
///
/// # Errors
/// The file cannot be written.
pub fn create(path: &Path, sector_bytes: u32, crash_bytes: u64) -> Result<Layout> {
    let crash_bytes = crash_bytes.next_multiple_of(ALIGNMENT);
    let total = DATA_BYTES + HIBERNATION_BYTES + crash_bytes + 2 * ALIGNMENT;
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(path)
        .with_context(|| format!("cannot create the disk {}", path.display()))?;
    file.set_len(total)?;
    let in_sectors = |bytes: u64| bytes / u64::from(sector_bytes);
    let last_lba = u32::try_from(in_sectors(total) - 1).unwrap_or(u32::MAX);
    ProtectiveMBR::with_lb_size(last_lba)
        .overwrite_lba0(&mut file)
        .context("cannot write the protective MBR")?;
    let mut table = GptConfig::new()
        .writable(true)
        .logical_block_size(block_size(sector_bytes)?)
        .create_from_device(file, None)
        .context("cannot lay out the disk")?;
    table.update_partitions(std::collections::BTreeMap::new())?;
    let data = ALIGNMENT;
    for (id, name, first, bytes) in [
        (1, DATA_NAME, data, DATA_BYTES),
        (2, HIBERNATION_NAME, data + DATA_BYTES, HIBERNATION_BYTES),
        (
            3,
            CRASH_NAME,
            data + DATA_BYTES + HIBERNATION_BYTES,
            crash_bytes,
        ),
    ] {
        table.add_partition_at(
            name,
            id,
            in_sectors(first),
            in_sectors(bytes),
            partition_types::BASIC,
            0,
        )?;
    }
    table.write().context("cannot write the partition table")?;
    read_layout(path, sector_bytes)
}

/// Reads the partition table and checks that the file can hold what it says.
///
/// # Errors
/// A [`Fault`]: no valid table, a partition missing, or a file that is shorter than its table says.
pub fn read_layout(path: &Path, sector_bytes: u32) -> Result<Layout> {
    let name = path.display();
    let file = File::open(path).map_err(|error| {
        Fault::setup(
            format!("cannot read the disk {name}: {error}"),
            "does it exist?",
        )
    })?;
    let length = file.metadata()?.len();
    let table = GptConfig::new()
        .logical_block_size(block_size(sector_bytes)?)
        .open_from_device(file)
        .map_err(|error| {
            Fault::check(
                format!("the disk {name} has no valid partition table: {error}"),
                "start over with a new disk",
            )
        })?;
    let mut found = [None, None, None];
    for partition in table
        .partitions()
        .values()
        .filter(|partition| partition.is_used())
    {
        let slot = match partition.name.as_str() {
            DATA_NAME => 0,
            HIBERNATION_NAME => 1,
            CRASH_NAME => 2,
            _ => continue,
        };
        found[slot] = Some(Partition {
            first_lba: partition.first_lba,
            sectors: partition.sectors_len()?,
        });
    }
    let header = table.header();
    let layout = match found {
        [Some(data), Some(hibernation), Some(crash)] => Layout {
            sector_bytes,
            // The last usable sector is followed by the second copy of the table.
            sectors: header.backup_lba.max(header.current_lba) + 1,
            data,
            hibernation,
            crash,
        },
        _ => {
            return Err(Fault::check(
                format!("the disk {name} lacks the data, the hibernation or the crash partition"),
                "start over with a new disk",
            )
            .into());
        }
    };
    if length < layout.bytes() {
        return Err(Fault::check(
            format!(
                "the disk {name} is cut short: {length} bytes, its table says {}",
                layout.bytes()
            ),
            "the image is lost; start over with a new disk",
        )
        .into());
    }
    Ok(layout)
}

/// Reads bytes of a disk.
///
/// # Errors
/// The file cannot be read there.
pub fn read(path: &Path, range: ByteRange) -> Result<Vec<u8>> {
    let mut content = vec![0; usize::try_from(range.bytes)?];
    File::open(path)?
        .read_exact_at(&mut content, range.offset)
        .with_context(|| {
            format!(
                "cannot read {} bytes at {:#x} of {}",
                range.bytes,
                range.offset,
                path.display()
            )
        })?;
    Ok(content)
}

fn block_size(sector_bytes: u32) -> Result<LogicalBlockSize> {
    match sector_bytes {
        512 => Ok(LogicalBlockSize::Lb512),
        4096 => Ok(LogicalBlockSize::Lb4096),
        other => Err(Fault::setup(
            format!("sectors of {other} bytes are not supported"),
            "use 512 or 4096",
        )
        .into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sector_sizes_give_aligned_partitions() {
        for sector_bytes in [512, 4096] {
            let directory = tempfile::tempdir().expect("made");
            let path = directory.path().join("disk");
            let layout = create(&path, sector_bytes, 8 << 20).expect("created");
            assert_eq!(read_layout(&path, sector_bytes).expect("read"), layout);
            for partition in [layout.data, layout.hibernation] {
                let range = layout.range(partition);
                assert_eq!(range.offset % ALIGNMENT, 0);
                assert_eq!(range.bytes, 128 << 20);
            }
            assert_eq!(
                layout.bytes(),
                std::fs::metadata(&path).expect("there").len()
            );
            let first = read(
                &path,
                ByteRange {
                    offset: 510,
                    bytes: 2,
                },
            )
            .expect("read");
            assert_eq!(first, [0x55, 0xaa], "protective MBR");
            let magic = ByteRange {
                offset: u64::from(sector_bytes),
                bytes: 8,
            };
            assert_eq!(read(&path, magic).expect("read"), b"EFI PART");
        }
    }

    #[test]
    fn a_disk_that_is_cut_short_is_refused() {
        let directory = tempfile::tempdir().expect("made");
        let path = directory.path().join("disk");
        create(&path, 512, 8 << 20).expect("created");
        let file = OpenOptions::new().write(true).open(&path).expect("opened");
        file.set_len(100 << 20).expect("cut");
        let message = format!("{:#}", read_layout(&path, 512).expect_err("refused"));
        assert!(
            message.contains("cut short") || message.contains("no valid partition table"),
            "{message}"
        );
        file.set_len(100).expect("cut");
        let message = format!("{:#}", read_layout(&path, 512).expect_err("refused"));
        assert!(message.contains("no valid partition table"), "{message}");
    }

    /// The table is read by a program that nobody here wrote, where it is installed.
    #[test]
    fn another_reader_finds_the_same_partitions() {
        let directory = tempfile::tempdir().expect("made");
        let path = directory.path().join("disk");
        let layout = create(&path, 512, 8 << 20).expect("created");
        let Some(sfdisk) = crate::setup::facts::find_program("sfdisk") else {
            eprintln!("sfdisk is not installed: the cross-check is left out");
            return;
        };
        let output = std::process::Command::new(sfdisk)
            .arg("--dump")
            .arg(&path)
            .output()
            .expect("started");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains("label: gpt"), "{text}");
        for partition in [layout.data, layout.hibernation] {
            let start = format!("start={:>12}", partition.first_lba);
            let size = format!("size={:>12}", partition.sectors);
            assert!(
                text.lines()
                    .any(|line| line.contains(&start) && line.contains(&size)),
                "{text}"
            );
        }
    }
}
