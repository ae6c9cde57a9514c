//! Memory before the freeze against memory after the resume, byte for byte, from the files that QEMU's `pmemsave` wrote.
//!
//! What is compared is decided by the kernel's owner map; what is left out, by its list of volatile ranges, each with a
//! reason. [`compare`] handles one hibernation, [`compare_life`] all of a life. Neither decides whether the exclusions are
//! acceptable: [`crate::verdict`] does.

use std::io;

use proto::{
    hiber::PAGE_BYTES,
    owner::{Owner, OwnerRun},
    record::{Checkpoint, PhysicalRange, Record},
};
use serde::Serialize;

use super::ranges::Ranges;
use crate::{
    report::{Hex, owner_name},
    session::life::{Life, MemorySave},
};

/// Bytes that are read from a file at one time; a multiple of a page.
const CHUNK_BYTES: u64 = 256 * PAGE_BYTES;
/// Differences that are listed; all are counted.
const LISTED_DIFFERENCES: usize = 32;

/// Result for one hibernation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MemoryCompare {
    /// Number of the hibernation, from 1.
    pub cycle: u32,
    /// Pages of the owner map that were compared, in whole or in part.
    pub pages_compared: u64,
    /// Bytes that were compared.
    pub bytes_compared: u64,
    /// Bytes that differ.
    pub bytes_different: u64,
    /// Pages of the owner map that one of the two copies lacks.
    pub pages_missing: u64,
    /// Bytes left out because they are volatile.
    pub bytes_volatile: u64,
    /// What is volatile, and why.
    pub volatile: Vec<VolatileRange>,
    /// The first differences, one entry a page.
    pub differences: Vec<MemoryDifference>,
}

/// A range that may differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VolatileRange {
    /// First physical address.
    pub address: Hex,
    /// Length in bytes.
    pub bytes: u64,
    /// Owner of the first byte.
    pub owner: String,
    /// The kernel's reason.
    pub reason: String,
}

/// A page that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MemoryDifference {
    /// Physical address of the page.
    pub page: Hex,
    /// Its owner.
    pub owner: String,
    /// Offset of the first byte that differs.
    pub offset: u64,
    /// Bytes that differ in this page.
    pub bytes: u64,
    /// The first differing byte before the freeze.
    pub before: u8,
    /// The same byte after the resume.
    pub after: u8,
}

/// Compares the two copies of every hibernation of a life.
///
/// A hibernation of which one copy is missing gives no result; the verdict counts them.
///
/// # Errors
/// A file of a copy cannot be read.
pub fn compare_life(life: &Life) -> io::Result<Vec<MemoryCompare>> {
    let saves: Vec<&MemorySave> = life.boots.iter().flat_map(|boot| &boot.saves).collect();
    let mut results = Vec::new();
    for before in saves
        .iter()
        .filter(|save| save.checkpoint == Checkpoint::Freeze)
    {
        let after = saves
            .iter()
            .find(|save| save.checkpoint == Checkpoint::Resumed && save.cycle == before.cycle);
        if let Some(after) = after {
            let map = maps_of_cycle(life, before.cycle);
            results.push(compare(before, after, &map)?);
        }
    }
    Ok(results)
}

/// What the kernel said of memory around one hibernation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CycleMaps {
    /// The owner map at the freeze.
    pub owners: Vec<OwnerRun>,
    /// The volatile ranges with their reasons.
    pub volatile: Vec<(PhysicalRange, String)>,
}

/// The last owner map before the freeze of hibernation `cycle`, and all volatile ranges reported between the resume of the
/// hibernation before it and its own resume.
#[must_use]
pub fn maps_of_cycle(life: &Life, cycle: u32) -> CycleMaps {
    let mut maps = CycleMaps::default();
    let mut resumes = 0;
    let mut freezes = 0;
    for record in life.records() {
        match record {
            Record::Checkpoint {
                checkpoint: Checkpoint::Freeze,
            } => freezes += 1,
            Record::Checkpoint {
                checkpoint: Checkpoint::Resumed,
            } => resumes += 1,
            Record::OwnerMap { runs } if freezes < cycle => maps.owners.clone_from(runs),
            Record::Volatile { ranges } if resumes + 1 == cycle => {
                maps.volatile.extend(ranges.iter().cloned());
            }
            _ => {}
        }
    }
    maps
}

/// Compares two copies, page by page of the owner map.
///
/// # Errors
/// A file of a copy cannot be read.
pub fn compare(
    before: &MemorySave,
    after: &MemorySave,
    maps: &CycleMaps,
) -> io::Result<MemoryCompare> {
    let volatile = Ranges::of(maps.volatile.iter().map(|(range, _)| range));
    let mut result = MemoryCompare {
        cycle: before.cycle,
        volatile: maps
            .volatile
            .iter()
            .map(|(range, reason)| VolatileRange {
                address: Hex(range.address),
                bytes: range.bytes,
                owner: owner_at(&maps.owners, range.address)
                    .map_or_else(|| "none".to_owned(), owner_name),
                reason: reason.clone(),
            })
            .collect(),
        ..MemoryCompare::default()
    };
    for run in maps.owners.iter().filter(|run| is_compared(run.owner)) {
        let end = run.first_pfn.saturating_add(run.pages);
        let end = end.saturating_mul(PAGE_BYTES);
        let mut address = run.first_pfn.saturating_mul(PAGE_BYTES);
        while address < end {
            let bytes = CHUNK_BYTES.min(end - address);
            compare_chunk(
                &mut result,
                before,
                after,
                &volatile,
                run.owner,
                address,
                bytes,
            )?;
            address += bytes;
        }
    }
    Ok(result)
}

/// Whether pages of this owner must come back: everything the system uses, which the windows of firmware and loader are
/// not, nor the bench's own buffers for the copies that it makes of itself: these are not part of an image.
#[must_use]
pub fn is_compared(owner: Owner) -> bool {
    !matches!(
        owner,
        Owner::Free | Owner::Firmware | Owner::Loader | Owner::Scratch
    )
}

/// The owner of the page that holds `address`.
#[must_use]
pub fn owner_at(owners: &[OwnerRun], address: u64) -> Option<Owner> {
    let pfn = address / PAGE_BYTES;
    owners
        .iter()
        .find(|run| run.first_pfn <= pfn && pfn - run.first_pfn < run.pages)
        .map(|run| run.owner)
}

/// The first page of `[start, end)` whose owner is one that is looked for, and that owner. Goes from run to run: a range that a guest reports
/// may be of any length.
pub fn first_page_of(
    owners: &[OwnerRun],
    (start, end): (u64, u64),
    is_wanted: impl Fn(Option<Owner>) -> bool,
) -> Option<(u64, Option<Owner>)> {
    let mut page = start - start % PAGE_BYTES;
    while page < end {
        let owner = owner_at(owners, page);
        if is_wanted(owner) {
            return Some((page, owner));
        }
        let edges = owners.iter().flat_map(|run| {
            let behind = run.first_pfn.saturating_add(run.pages);
            [run.first_pfn, behind].map(|pfn| pfn.saturating_mul(PAGE_BYTES))
        });
        page = edges.filter(|edge| *edge > page).min()?;
    }
    None
}

fn compare_chunk(
    result: &mut MemoryCompare,
    before: &MemorySave,
    after: &MemorySave,
    volatile: &Ranges,
    owner: Owner,
    address: u64,
    bytes: u64,
) -> io::Result<()> {
    let length = usize::try_from(bytes).map_err(io::Error::other)?;
    let mut old = vec![0; length];
    let mut new = vec![0; length];
    if !before.read(address, &mut old)? || !after.read(address, &mut new)? {
        if bytes == PAGE_BYTES {
            result.pages_missing += 1;
            return Ok(());
        }
        // A piece ends inside of this chunk: page by page.
        for page in (0..bytes).step_by(crate::compare::PAGE_STEP) {
            compare_chunk(
                result,
                before,
                after,
                volatile,
                owner,
                address + page,
                PAGE_BYTES,
            )?;
        }
        return Ok(());
    }
    let pages = old
        .chunks_exact(crate::compare::PAGE_STEP)
        .zip(new.chunks_exact(crate::compare::PAGE_STEP));
    for ((old, new), page) in pages.zip((address..).step_by(crate::compare::PAGE_STEP)) {
        compare_page(result, volatile, owner, page, old, new);
    }
    Ok(())
}

fn compare_page(
    result: &mut MemoryCompare,
    volatile: &Ranges,
    owner: Owner,
    page: u64,
    old: &[u8],
    new: &[u8],
) {
    let all = Ranges::new([(page, page + PAGE_BYTES)]);
    let looked_at = all.minus(volatile).bytes();
    result.bytes_volatile += PAGE_BYTES - looked_at;
    if looked_at == 0 {
        return;
    }
    result.pages_compared += 1;
    result.bytes_compared += looked_at;
    if old == new {
        return;
    }
    let mut first: Option<MemoryDifference> = None;
    for ((offset, was), is) in (0_u64..).zip(old).zip(new) {
        if was == is || volatile.contains(page + offset) {
            continue;
        }
        result.bytes_different += 1;
        first
            .get_or_insert_with(|| MemoryDifference {
                page: Hex(page),
                owner: owner_name(owner),
                offset,
                bytes: 0,
                before: *was,
                after: *is,
            })
            .bytes += 1;
    }
    if let Some(difference) = first
        && result.differences.len() < LISTED_DIFFERENCES
    {
        result.differences.push(difference);
    }
}

#[cfg(test)]
mod tests;
