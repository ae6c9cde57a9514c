//! Comparisons of small files that stand for guest memory.

use std::{fs, path::Path};

use proto::owner::Role;
use tempfile::TempDir;

use super::*;
use crate::session::life::SavedPiece;

const BASE: u64 = 0x500_0000;

fn save(directory: &Path, checkpoint: Checkpoint, pages: &[u8]) -> MemorySave {
    let file = directory.join(format!("{checkpoint:?}"));
    fs::write(&file, pages).unwrap();
    MemorySave {
        checkpoint,
        cycle: 1,
        pieces: vec![SavedPiece {
            range: PhysicalRange {
                address: BASE,
                bytes: pages.len() as u64,
            },
            file,
        }],
    }
}

fn maps(pages: u64) -> CycleMaps {
    CycleMaps {
        owners: vec![OwnerRun {
            first_pfn: BASE / PAGE_BYTES,
            pages,
            owner: Owner::Image(Role::Normal),
        }],
        volatile: Vec::new(),
    }
}

fn pattern(pages: u64) -> Vec<u8> {
    (0..pages * PAGE_BYTES)
        .map(|byte| (byte % 251) as u8)
        .collect()
}

fn run(old: &[u8], new: &[u8], maps: &CycleMaps) -> MemoryCompare {
    let directory = TempDir::new().unwrap();
    let before = save(directory.path(), Checkpoint::Freeze, old);
    let after = save(directory.path(), Checkpoint::Resumed, new);
    compare(&before, &after, maps).unwrap()
}

#[test]
fn equal_memory_has_no_difference_and_every_page_was_looked_at() {
    let memory = pattern(600);
    let result = run(&memory, &memory, &maps(600));
    assert_eq!(result.pages_compared, 600);
    assert_eq!(result.bytes_compared, 600 * PAGE_BYTES);
    assert_eq!(result.bytes_different, 0);
    assert_eq!(result.pages_missing, 0);
}

#[test]
fn one_changed_byte_is_reported_with_page_owner_and_offset() {
    let memory = pattern(300);
    let mut changed = memory.clone();
    changed[4096 * 257 + 17] ^= 0x40;
    let result = run(&memory, &changed, &maps(300));
    assert_eq!(result.bytes_different, 1);
    let [difference] = result.differences.as_slice() else {
        panic!("{result:?}");
    };
    assert_eq!(difference.page, Hex(BASE + 4096 * 257));
    assert_eq!(difference.owner, "image (normal)");
    assert_eq!(difference.offset, 17);
    assert_eq!(difference.before ^ difference.after, 0x40);
}

#[test]
fn a_difference_inside_a_volatile_range_is_left_out_and_one_beside_it_is_not() {
    let memory = pattern(1);
    let mut changed = memory.clone();
    changed[100] ^= 1;
    changed[104] ^= 1;
    let mut maps = maps(1);
    maps.volatile.push((
        PhysicalRange {
            address: BASE + 100,
            bytes: 4,
        },
        "tick count".to_owned(),
    ));
    let result = run(&memory, &changed, &maps);
    assert_eq!(result.bytes_volatile, 4);
    assert_eq!(result.bytes_different, 1);
    assert_eq!(result.differences[0].offset, 104);
    assert_eq!(result.volatile[0].reason, "tick count");
}

#[test]
fn pages_that_were_not_saved_are_counted_as_missing() {
    let memory = pattern(2);
    let result = run(&memory, &memory, &maps(3));
    assert_eq!(result.pages_compared, 2);
    assert_eq!(result.pages_missing, 1);
}

#[test]
fn free_pages_and_the_windows_of_firmware_and_loader_are_not_compared() {
    let memory = pattern(1);
    let mut changed = memory.clone();
    changed[0] ^= 1;
    for owner in [Owner::Free, Owner::Firmware, Owner::Loader] {
        let mut maps = maps(1);
        maps.owners[0].owner = owner;
        assert_eq!(run(&memory, &changed, &maps).pages_compared, 0);
    }
}

#[test]
fn the_maps_of_a_cycle_are_those_before_its_own_freeze() {
    let map = |pages| Record::OwnerMap {
        runs: maps(pages).owners,
    };
    let volatile = |address| Record::Volatile {
        ranges: vec![(PhysicalRange { address, bytes: 8 }, "clock".to_owned())],
    };
    let checkpoint = |checkpoint| Record::Checkpoint { checkpoint };
    let mut life = Life::default();
    life.boots.push(crate::verdict::sample::boot(
        0,
        vec![map(1), volatile(0x1000), checkpoint(Checkpoint::Freeze)],
    ));
    life.boots.push(crate::verdict::sample::boot(
        1,
        vec![
            volatile(0x2000),
            checkpoint(Checkpoint::Resumed),
            map(2),
            volatile(0x3000),
            checkpoint(Checkpoint::Freeze),
        ],
    ));
    let first = maps_of_cycle(&life, 1);
    assert_eq!(first.owners[0].pages, 1);
    let addresses: Vec<u64> = first
        .volatile
        .iter()
        .map(|(range, _)| range.address)
        .collect();
    assert_eq!(addresses, [0x1000, 0x2000]);
    let second = maps_of_cycle(&life, 2);
    assert_eq!(second.owners[0].pages, 2);
    assert_eq!(second.volatile.len(), 1);
}
