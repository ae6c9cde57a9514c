//! What the host finds of a crash dump when the machine is off: [`examine`] reads it off the disk, compares it with the copy of
//! memory, asks another reader, and looks at what was written where. The result, [`CrashFound`], is plain data for
//! [`crate::verdict`].

use std::{
    fs::File,
    io::{self, BufReader},
    path::Path,
};

use anyhow::Result;
use proto::{
    hiber::PAGE_BYTES,
    owner::{Owner, OwnerRun, Role},
    record::{BugcheckCallback, CallbackPages, CallbackResult, Checkpoint, PhysicalRange, Record},
};
use serde::Serialize;

use crate::{
    compare::{
        dump::{self as dump_compare, DumpCompare, PageSet},
        ranges::Ranges,
    },
    disk::{ByteRange, Layout},
    dumpfile::{DumpFile, header::DumpType, partition::take_off, summary::Summary},
    readers::{self, Reading},
    session::life::Life,
    write_log::{self, WriteLog},
};

/// The header of a dump, which is written first and last.
const HEADER_BYTES: u64 = 0x2000;
/// `KbCallbackAddPages` (wdm.h, `KBUGCHECK_CALLBACK_REASON`).
const ADD_PAGES: u32 = 4;

/// What was found of a dump.
#[derive(Clone, Debug, Default, Serialize)]
pub struct CrashFound {
    /// Why there is no complete dump on the disk.
    pub refusal: Option<String>,
    /// What the dump holds.
    pub dump: Option<Summary>,
    /// Its pages against memory at the bug check.
    pub compare: Option<DumpCompare>,
    /// Its pages against those that it must hold.
    pub page_set: Option<PageSet>,
    /// Pages that drivers added by their callbacks.
    pub added_pages: u64,
    /// Those that the dump lacks, in words.
    pub added_missing: Vec<String>,
    /// What another reader makes of it.
    pub reading: Option<Reading>,
    /// What was written outside of the dump, in words.
    pub strays: Vec<String>,
    /// The order of the writes, if QEMU logged it.
    pub order: Option<WriteOrder>,
}

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

/// Where things are that the examination needs.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The disk of the run.
    pub disk: &'a Path,
    /// Where its partitions are.
    pub layout: &'a Layout,
    /// The file that the dump is copied to.
    pub out: &'a Path,
    /// QEMU's log of the writes, if it kept one.
    pub write_log: Option<&'a Path>,
}

/// Reads, compares and asks.
///
/// # Errors
/// A file of the run cannot be read; a bad dump is a finding, not an error.
pub fn examine(life: &Life, place: &Place<'_>) -> Result<CrashFound> {
    let mut found = CrashFound::default();
    let area = place.layout.range(place.layout.crash);
    let dump_bytes = match take_off(place.disk, place.out) {
        Ok(summary) => {
            let bytes = summary.header.required_space;
            found.dump = Some(summary);
            bytes
        }
        Err(error) => {
            found.refusal = Some(format!("{error:#}"));
            0
        }
    };
    found.strays = strays(place, area, dump_bytes)?;
    if let Some(log) = place.write_log {
        let log = WriteLog::read(BufReader::new(File::open(log)?), place.layout.sector_bytes)?;
        found.order = Some(order_of(&log, area, dump_bytes));
    }
    if found.dump.is_some() {
        examine_pages(&mut found, life, place.out)?;
    }
    Ok(found)
}

fn examine_pages(found: &mut CrashFound, life: &Life, path: &Path) -> Result<()> {
    let mut dump = DumpFile::open(BufReader::new(File::open(path)?))?;
    found.reading = readers::kdmp(path, &mut dump);
    let save = life
        .boots
        .iter()
        .flat_map(|boot| &boot.saves)
        .find(|save| save.checkpoint == Checkpoint::Crash);
    let owners = owners_at_crash(life);
    let (added, lost) = added_pages(life, path);
    if let Some(pages) = dump.pages() {
        let expected = match dump.header.dump_type {
            DumpType::Full => whole_ram(life),
            _ => kernel_pages(&owners).union(&added.minus(&not_ram(life))),
        };
        found.added_pages = added.bytes() / PAGE_BYTES;
        found.page_set = Some(dump_compare::page_set(pages, &expected));
        let absent = added
            .spans()
            .iter()
            .flat_map(|(start, end)| start / PAGE_BYTES..end / PAGE_BYTES)
            .filter(|pfn| pages.offset_of(*pfn).is_none())
            .map(|pfn| format!("page {pfn:#x}"));
        found.added_missing = lost.into_iter().chain(absent).collect();
        if let Some(save) = save {
            let volatile = volatile(life);
            found.compare = Some(dump_compare::compare(&mut dump, save, &volatile)?);
        }
    }
    Ok(())
}

/// Who owned which page when the system stopped: the kernel's last word.
fn owners_at_crash(life: &Life) -> Vec<OwnerRun> {
    life.records()
        .filter_map(|record| match record {
            Record::OwnerMap { runs } => Some(runs.clone()),
            _ => None,
        })
        .last()
        .unwrap_or_default()
}

/// The pages that belong into a kernel dump without anybody adding them.
///
/// Not in it: what is free, programs' memory and data buffers, the bench's own scratch memory, and the memory of the normal
/// instance that Windows does not map as the kernel's (common buffers); its driver adds those.
#[must_use]
pub fn kernel_pages(owners: &[OwnerRun]) -> Ranges {
    let is_kernel = |owner| {
        !matches!(
            owner,
            Owner::Free
                | Owner::Firmware
                | Owner::Loader
                | Owner::Scratch
                | Owner::Workload
                | Owner::DataBuffer
                | Owner::UncachedExtension(Role::Normal)
                | Owner::DeviceExtension(Role::Normal)
        )
    };
    Ranges::new(owners.iter().filter(|run| is_kernel(run.owner)).map(|run| {
        let start = run.first_pfn * PAGE_BYTES;
        (start, start + run.pages * PAGE_BYTES)
    }))
}

/// The whole pages of RAM.
fn whole_ram(life: &Life) -> Ranges {
    let ram = life.records().find_map(|record| match record {
        Record::Hello { ram, .. } => Some(ram.clone()),
        _ => None,
    });
    Ranges::new(ram.unwrap_or_default().iter().map(|range| {
        let end = range.address.saturating_add(range.bytes);
        let start = range.address.next_multiple_of(PAGE_BYTES);
        (start, end - end % PAGE_BYTES)
    }))
}

fn not_ram(life: &Life) -> Ranges {
    Ranges::new([(0, u64::MAX)]).minus(&whole_ram(life))
}

/// What the writing of the dump changes by the kernel's account.
fn volatile(life: &Life) -> Ranges {
    let ranges: Vec<PhysicalRange> = life
        .records()
        .filter_map(|record| match record {
            Record::Volatile { ranges } => Some(ranges.iter().map(|(range, _)| *range)),
            _ => None,
        })
        .flatten()
        .collect();
    Ranges::of(&ranges)
}

/// The pages that drivers added by their callbacks, and what is wrong with those that cannot be found.
///
/// The kernel's translation of a virtual address is not believed: the dump's own page tables say where it lies.
fn added_pages(life: &Life, path: &Path) -> (Ranges, Vec<String>) {
    let named: Vec<CallbackPages> = life
        .records()
        .filter_map(|record| match record {
            Record::BugcheckCallback(BugcheckCallback {
                reason: ADD_PAGES,
                result: CallbackResult::Pages(pages),
                ..
            }) => Some(pages.iter().copied()),
            _ => None,
        })
        .flatten()
        .collect();
    let addresses: Vec<(bool, u64)> = named
        .iter()
        .flat_map(|range| {
            (0..range.pages).map(|page| (range.physical_address, range.address + page * PAGE_BYTES))
        })
        .collect();
    let by_address = |physical: bool| {
        addresses
            .iter()
            .filter(move |(is_physical, _)| *is_physical == physical)
            .map(|(_, address)| *address)
    };
    let virtual_addresses: Vec<u64> = by_address(false).collect();
    let translated = if virtual_addresses.is_empty() {
        Vec::new()
    } else {
        readers::physical_of(path, &virtual_addresses)
    };
    let lost = virtual_addresses
        .iter()
        .zip(&translated)
        .filter(|(_, place)| place.is_none())
        .map(|(address, _)| {
            format!("the page at {address:#x}, not mapped by the dump's page tables,")
        })
        .collect();
    let pages = by_address(true).chain(translated.iter().flatten().copied());
    let ranges = Ranges::new(pages.map(|address| {
        let start = address - address % PAGE_BYTES;
        (start, start + PAGE_BYTES)
    }));
    (ranges, lost)
}

/// Bytes outside of the dump that are not zero: the partition behind it, and the hibernation partition, both new and empty.
fn strays(place: &Place<'_>, area: ByteRange, dump_bytes: u64) -> io::Result<Vec<String>> {
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
    use std::os::unix::fs::FileExt as _;

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

#[cfg(test)]
mod tests;
