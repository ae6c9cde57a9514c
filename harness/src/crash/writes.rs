//! What was written where: [`order_of`] looks at QEMU's log of the writes, [`strays`] at what must have stayed empty.

use std::{fs::File, io, os::unix::fs::FileExt as _, path::Path};

use proto::hiber::PAGE_BYTES;
use serde::Serialize;

use super::Place;
use crate::{
    compare::ranges::Ranges,
    disk::ByteRange,
    write_log::{self, WriteLog},
};

/// The header of a dump, which is written first and last.
pub(super) const HEADER_BYTES: u64 = 0x2000;

/// The order in which a dump was written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct WriteOrder {
    /// Writes into the crash partition.
    pub writes: u64,
    /// Writes elsewhere after the first of them.
    pub elsewhere: u64,
    /// The header is written first.
    pub header_first: bool,
    /// The header is written again as the last of all.
    pub header_last: bool,
    /// Bytes of the dump that no write names, in words.
    pub gaps: String,
    /// A flush comes between the body and the last header.
    pub flushed: bool,
}

/// Bytes outside of the dump that are not zero: the partition behind it, and the hibernation partition, both new and empty.
pub(super) fn strays(
    place: &Place<'_>,
    area: ByteRange,
    dump_bytes: u64,
) -> io::Result<Vec<String>> {
    let layout = place.layout;
    let hibernation = layout.range(layout.hibernation);
    let behind = ByteRange {
        offset: area.offset + dump_bytes.min(area.bytes),
        bytes: area.bytes - dump_bytes.min(area.bytes),
    };
    let mut strays = Vec::new();
    for (name, range) in [
        ("the crash partition behind the dump", behind),
        ("the hibernation partition", hibernation),
    ] {
        // Without a dump, whatever there is of one is no stray.
        if dump_bytes == 0 && range == behind {
            continue;
        }
        if let Some(offset) = first_nonzero(place.disk, range)? {
            strays.push(format!("{name} is not empty at {offset:#x} of the disk"));
        }
    }
    Ok(strays)
}

fn first_nonzero(disk: &Path, range: ByteRange) -> io::Result<Option<u64>> {
    const CHUNK: usize = 1 << 20;
    let file = File::open(disk)?;
    let mut buffer = vec![0; CHUNK];
    let mut done = 0;
    while done < range.bytes {
        let wanted = usize::try_from(range.bytes - done).map_or(CHUNK, |left| left.min(CHUNK));
        file.read_exact_at(&mut buffer[..wanted], range.offset + done)?;
        if let Some(index) = buffer[..wanted].iter().position(|byte| *byte != 0) {
            return Ok(Some(range.offset + done + index as u64));
        }
        done += wanted as u64;
    }
    Ok(None)
}

/// How a dump in `area` was written.
#[must_use]
pub fn order_of(log: &WriteLog, area: ByteRange, dump_bytes: u64) -> WriteOrder {
    let since = log.since_first_in(area);
    let within = |entry: &write_log::Entry| {
        entry.range.offset >= area.offset
            && entry.range.offset + entry.range.bytes <= area.offset + area.bytes
    };
    let (inside, outside): (Vec<_>, Vec<_>) = since.iter().copied().partition(within);
    let is_header = |entry: &write_log::Entry| {
        entry.range.offset == area.offset && entry.range.bytes <= HEADER_BYTES.max(PAGE_BYTES)
    };
    let covers_header = |entries: &[write_log::Entry]| {
        let header = Ranges::new([(area.offset, area.offset + HEADER_BYTES)]);
        header.minus(&write_log::bytes_of(entries)).is_empty()
    };
    let dump = Ranges::new([(area.offset, area.offset + dump_bytes)]);
    // The last header may take more than one request: everything behind the last write of the body.
    let last_body = inside
        .iter()
        .rposition(|entry| entry.range.offset >= area.offset + HEADER_BYTES);
    let tail = last_body.map_or(&[][..], |index| &inside[index + 1..]);
    let flushed = last_body
        .and_then(|index| {
            let body = inside[index];
            let position = log.entries.iter().rposition(|entry| *entry == body)?;
            let header = log.entries.iter().rposition(is_header)?;
            let between = log.entries.get(position..header)?;
            Some(
                between
                    .iter()
                    .any(|entry| entry.operation == write_log::Operation::Flush),
            )
        })
        .unwrap_or(false);
    WriteOrder {
        writes: inside.len() as u64,
        elsewhere: outside.len() as u64,
        header_first: inside
            .first()
            .is_some_and(|entry| entry.range.offset == area.offset),
        header_last: covers_header(tail),
        gaps: dump.minus(&write_log::bytes_of(&inside)).describe(4),
        flushed,
    }
}
