//! What the host finds of a crash dump when the machine is off: [`examine`] reads it off the disk, compares it with the copy of
//! memory, asks another reader, and looks at what was written where. The result, [`CrashFound`], is plain data for
//! [`crate::verdict`].
//!
//! * [`pages`]: which pages the dump must hold.
//! * [`sealed`]: what the dump filter encrypted.
//! * [`writes`]: in which order it was written, and what must have stayed empty.

pub mod pages;
pub mod sealed;
pub mod writes;

use std::{fs::File, io::BufReader, path::Path};

use anyhow::Result;
use proto::{hiber::PAGE_BYTES, record::Checkpoint};
use serde::Serialize;

use self::{
    pages::{ADD_PAGES, Named, REMOVE_PAGES},
    sealed::Sealed,
    writes::{HEADER_BYTES, WriteOrder},
};
use crate::{
    compare::{
        dump::{self as dump_compare, DumpCompare, PageSet},
        small::{self as small_compare, SmallCompare},
    },
    disk::{ByteRange, Layout},
    dumpfile::{Body, DumpFile, header::DumpType, partition::take_off, summary::Summary},
    readers::{self, Reading},
    seal::{self, PrivateKey},
    session::life::{Life, MemorySave},
    write_log::WriteLog,
};

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
    /// The parts of a small dump against memory at the bug check.
    pub small: Option<SmallCompare>,
    /// What drivers named for a small dump and it lacks, in words.
    pub triage_lacking: Vec<String>,
    /// What another reader makes of it.
    pub reading: Option<Reading>,
    /// What was written outside of the dump, in words.
    pub strays: Vec<String>,
    /// The order of the writes, if QEMU logged it.
    pub order: Option<WriteOrder>,
    /// What the dump filter encrypted; everything else is about the dump in plain. `None` if it was not to encrypt.
    pub sealed: Option<Sealed>,
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
    /// How to open a dump that the dump filter encrypted.
    pub opener: Option<Opener<'a>>,
}

/// The key of an encrypted dump, and the file that the dump in plain is written to.
#[derive(Clone, Copy, Debug)]
pub struct Opener<'a> {
    /// The private key.
    pub key: &'a PrivateKey,
    /// The file.
    pub out: &'a Path,
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
    found.strays = writes::strays(place, area, dump_bytes)?;
    if let Some(log) = place.write_log {
        let log = WriteLog::read(BufReader::new(File::open(log)?), place.layout.sector_bytes)?;
        found.order = Some(writes::order_of(&log, area, dump_bytes));
    }
    match place.opener {
        _ if found.dump.is_none() => {}
        None => examine_pages(&mut found, life, place.out)?,
        Some(opener) => examine_sealed(&mut found, life, place, area, opener)?,
    }
    Ok(found)
}

/// Opens the dump that lies on the disk, and goes on with what comes out.
fn examine_sealed(
    found: &mut CrashFound,
    life: &Life,
    place: &Place<'_>,
    area: ByteRange,
    opener: Opener<'_>,
) -> Result<()> {
    let plain_pages = memory_at_crash(life)
        .map(|save| sealed::plain_pages(save, place.disk, area, HEADER_BYTES))
        .transpose()?;
    let on_disk = found.dump.take();
    found.sealed = Some(Sealed {
        marked: on_disk.is_some_and(|summary| summary.header.sealed),
        plain_pages,
    });
    let decrypted = seal::decrypt_file(place.out, opener.out, opener.key)
        .and_then(|_| Ok(DumpFile::open(BufReader::new(File::open(opener.out)?))?))
        .and_then(|mut dump| Ok(Summary::of(&mut dump)?));
    match decrypted {
        Ok(summary) => {
            found.dump = Some(summary);
            examine_pages(found, life, opener.out)
        }
        Err(error) => {
            found.refusal = Some(format!("{error:#}"));
            Ok(())
        }
    }
}

/// The host's copy of memory when the system had stopped.
fn memory_at_crash(life: &Life) -> Option<&MemorySave> {
    life.boots
        .iter()
        .flat_map(|boot| &boot.saves)
        .find(|save| save.checkpoint == Checkpoint::Crash)
}

fn examine_pages(found: &mut CrashFound, life: &Life, path: &Path) -> Result<()> {
    let mut dump = DumpFile::open(BufReader::new(File::open(path)?))?;
    found.reading = readers::kdmp(path, &mut dump);
    let volatile = pages::volatile(life);
    if let Some(held) = dump.pages() {
        let ram = pages::whole_ram(life);
        let added = Named::of(life, path, ADD_PAGES);
        let expected = if dump.header.dump_type == DumpType::Full {
            ram
        } else {
            let removed = Named::of(life, path, REMOVE_PAGES);
            let outside = added.ranges.minus(&ram);
            pages::kernel_pages(&pages::owners_at_crash(life))
                .union(&added.ranges.minus(&outside))
                .minus(&removed.ranges)
        };
        found.added_pages = added.ranges.bytes() / PAGE_BYTES;
        found.page_set = Some(dump_compare::page_set(held, &expected));
        let absent = added
            .frames()
            .filter(|pfn| held.offset_of(*pfn).is_none())
            .map(|pfn| format!("page {pfn:#x}"));
        found.added_missing = added.lost.iter().cloned().chain(absent).collect();
        if let Some(save) = memory_at_crash(life) {
            found.compare = Some(dump_compare::compare(&mut dump, save, &volatile)?);
        }
    }
    if matches!(dump.body, Body::Blocks(_)) {
        found.triage_lacking = small_compare::lacking(&dump, life);
        if let Some(save) = memory_at_crash(life) {
            found.small = Some(small_compare::compare(&mut dump, save, &volatile)?);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
