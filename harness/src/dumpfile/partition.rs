//! A dump that still lies on the disk: [`find`] looks the crash partition up, [`Window`] reads it as a file of its own,
//! [`take_off`] makes one of it.
//!
//! In the bench the dump lies at the start of a partition of its own, as it would in a dedicated dump file; on Windows the
//! next start copies it out of the page file.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom},
    path::Path,
};

use anyhow::{Context as _, Result};
use gpt::{GptConfig, disk::LogicalBlockSize};

use super::{DumpFile, summary::Summary};
use crate::{disk::ByteRange, fault::Fault};

/// Name of the partition.
pub const CRASH_NAME: &str = "crash";

/// The crash partition of a disk with sectors of 512 or 4096 bytes.
///
/// # Errors
/// A [`Fault`] that says what the disk lacks.
pub fn find(path: &Path) -> Result<ByteRange, Fault> {
    let name = path.display();
    let open = || {
        File::open(path).map_err(|error| {
            Fault::setup(
                format!("cannot read the disk {name}: {error}"),
                "give the disk image of a run that crashed (--keep keeps it)",
            )
        })
    };
    let mut table = None;
    for size in [LogicalBlockSize::Lb512, LogicalBlockSize::Lb4096] {
        let found = GptConfig::new()
            .logical_block_size(size)
            .open_from_device(open()?);
        if let Ok(found) = found {
            table = Some((found, size.as_u64()));
            break;
        }
    }
    let Some((table, sector_bytes)) = table else {
        return Err(Fault::setup(
            format!(
                "{name} has no valid partition table, neither with sectors of 512 nor of 4096 bytes"
            ),
            "give the disk image of a run that crashed (--keep keeps it)",
        ));
    };
    let partition = table
        .partitions()
        .values()
        .find(|partition| partition.is_used() && partition.name == CRASH_NAME)
        .ok_or_else(|| {
            Fault::setup(
                format!("the disk {name} has no partition named {CRASH_NAME}"),
                "it was not made for crash dumps",
            )
        })?;
    let bytes_of = |sectors: u64| sectors.checked_mul(sector_bytes);
    let range = partition
        .sectors_len()
        .ok()
        .and_then(bytes_of)
        .zip(bytes_of(partition.first_lba));
    let (bytes, offset) = range.ok_or_else(|| {
        Fault::setup(
            format!("the partition {CRASH_NAME} of {name} has an impossible place"),
            "the partition table is damaged",
        )
    })?;
    Ok(ByteRange { offset, bytes })
}

/// Copies the dump out of the crash partition and returns what it holds.
///
/// # Errors
/// A [`Fault`]: no table, no partition, no complete dump, or the output exists.
pub fn take_off(disk: &Path, out: &Path) -> Result<Summary> {
    let range = find(disk)?;
    let name = disk.display();
    let open = || File::open(disk).with_context(|| format!("cannot read {name}"));
    let refused = |why: String| {
        Fault::setup(
            format!("the crash partition of {name} holds no complete dump: {why}"),
            "the run must crash and write it to the end (`cargo harness crash --keep`)",
        )
    };
    let head =
        DumpFile::open(Window::new(open()?, range)).map_err(|error| refused(error.to_string()))?;
    let bytes = head.header.required_space;
    if bytes > range.bytes {
        return Err(refused(format!(
            "its header says {bytes} bytes, the partition has {}",
            range.bytes
        ))
        .into());
    }
    let range = ByteRange { bytes, ..range };
    let mut dump =
        DumpFile::open(Window::new(open()?, range)).map_err(|error| refused(error.to_string()))?;
    let summary = Summary::of(&mut dump)?;
    if let Some(problem) = summary.problems.first() {
        return Err(refused(problem.clone()).into());
    }
    copy(open()?, range, out)?;
    Ok(summary)
}

/// A half-written output is not left behind.
fn copy(mut disk: File, range: ByteRange, out: &Path) -> Result<()> {
    let mut target = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(out)
        .map_err(|error| {
            Fault::setup(
                format!("cannot create {}: {error}", out.display()),
                "nothing is overwritten: give the name of a new file in a directory that exists",
            )
        })?;
    let copied = disk
        .seek(io::SeekFrom::Start(range.offset))
        .and_then(|_| io::copy(&mut disk.take(range.bytes), &mut target))
        .and_then(|bytes| {
            target.sync_all()?;
            if bytes == range.bytes {
                Ok(())
            } else {
                Err(io::ErrorKind::UnexpectedEof.into())
            }
        });
    copied.map_err(|error| {
        let _gone = fs::remove_file(out);
        Fault::setup(
            format!("cannot copy the dump to {}: {error}", out.display()),
            "is there space for it, and is the disk image whole?",
        )
        .into()
    })
}

/// A range of a file, read as if it were the whole.
#[derive(Debug)]
pub struct Window<R> {
    reader: R,
    start: u64,
    bytes: u64,
    position: u64,
}

impl<R: Read + Seek> Window<R> {
    /// The part of `reader` that lies in `range`.
    #[must_use]
    pub const fn new(reader: R, range: ByteRange) -> Self {
        Self {
            reader,
            start: range.offset,
            bytes: range.bytes,
            position: 0,
        }
    }
}

impl<R: Read + Seek> Read for Window<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.bytes.saturating_sub(self.position);
        let wanted = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let at = self
            .start
            .checked_add(self.position)
            .ok_or(io::ErrorKind::InvalidInput)?;
        self.reader.seek(SeekFrom::Start(at))?;
        let read = self.reader.read(&mut buffer[..wanted])?;
        self.position += read as u64;
        Ok(read)
    }
}

impl<R: Read + Seek> Seek for Window<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(offset) => self.bytes.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests;
