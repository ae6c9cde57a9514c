//! Copies of the guest's memory, of those pages only that are in use.

use anyhow::{Context as _, Result};
use proto::{
    hiber::PAGE_BYTES,
    owner::OwnerRun,
    record::{Checkpoint, PhysicalRange, Record},
};

use super::life::{MemorySave, SavedPiece};
use crate::{compare::memory::is_compared, qmp::Qmp, run_directory::RunDirectory};

/// Saves all pages in use; the CPU must be stopped.
///
/// # Errors
/// QEMU cannot write the files.
pub fn save(
    qmp: &mut Qmp,
    runs: &[OwnerRun],
    checkpoint: Checkpoint,
    cycle: u32,
    directory: &RunDirectory,
) -> Result<MemorySave> {
    save_ranges(qmp, &ranges_in_use(runs), checkpoint, cycle, directory)
}

/// All RAM, as the guest's first record has it.
#[must_use]
pub fn ram(records: &[Record]) -> Vec<PhysicalRange> {
    records
        .iter()
        .find_map(|record| match record {
            Record::Hello { ram, .. } => Some(ram.clone()),
            _ => None,
        })
        .unwrap_or_default()
}

/// Saves ranges of memory; the CPU must be stopped.
///
/// # Errors
/// QEMU cannot write the files.
pub fn save_ranges(
    qmp: &mut Qmp,
    ranges: &[PhysicalRange],
    checkpoint: Checkpoint,
    cycle: u32,
    directory: &RunDirectory,
) -> Result<MemorySave> {
    let mut pieces = Vec::new();
    for &range in ranges {
        let file = directory.file(&format!(
            "{checkpoint:?}-{cycle}-{:x}.memory",
            range.address
        ));
        qmp.save_memory(range.address, range.bytes, &file)
            .with_context(|| format!("memory at {:#x}", range.address))?;
        pieces.push(SavedPiece { range, file });
    }
    Ok(MemorySave {
        checkpoint,
        cycle,
        pieces,
    })
}

/// Contiguous ranges of pages that the system owns, ascending.
fn ranges_in_use(runs: &[OwnerRun]) -> Vec<PhysicalRange> {
    let mut runs: Vec<_> = runs.iter().filter(|run| is_compared(run.owner)).collect();
    runs.sort_by_key(|run| run.first_pfn);
    let mut ranges: Vec<PhysicalRange> = Vec::new();
    for run in runs {
        let address = run.first_pfn * PAGE_BYTES;
        let bytes = run.pages * PAGE_BYTES;
        match ranges.last_mut() {
            Some(last) if last.address + last.bytes == address => last.bytes += bytes,
            _ => ranges.push(PhysicalRange { address, bytes }),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use proto::owner::{Owner, Role};

    use super::*;

    #[test]
    fn neighbours_are_joined_and_foreign_pages_left_out() {
        let run = |first_pfn, pages, owner| OwnerRun {
            first_pfn,
            pages,
            owner,
        };
        let ranges = ranges_in_use(&[
            run(0, 256, Owner::Firmware),
            run(256, 256, Owner::Loader),
            run(0x4803, 1, Owner::PageTables),
            run(0x4800, 3, Owner::KernelText),
            run(0x4900, 1, Owner::Image(Role::Normal)),
            run(0x4901, 9, Owner::Free),
        ]);
        assert_eq!(
            ranges,
            [
                PhysicalRange {
                    address: 0x480_0000,
                    bytes: 0x4000
                },
                PhysicalRange {
                    address: 0x490_0000,
                    bytes: 0x1000
                },
            ]
        );
    }
}
