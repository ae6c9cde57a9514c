//! Look-ups by address, at the edges of blocks.

use alloc::{vec, vec::Vec};

use proto::{
    owner::{Owner, Role},
    record::PhysicalRange,
};

use super::{Allocation, Registry, push_merged};
use crate::mem::{Pa, Va};

fn block(va: u64, runs: &[(u64, u64)]) -> Allocation {
    Allocation {
        va: Va(va),
        bytes: runs.iter().map(|run| run.1).sum(),
        runs: runs
            .iter()
            .map(|&(address, bytes)| PhysicalRange { address, bytes })
            .collect(),
        owner: Owner::Pool(Role::Normal),
        name: "test",
        serial: 0,
    }
}

#[test]
fn bytes_around_a_block_belong_to_nobody() {
    let mut registry = Registry::new();
    registry.insert(block(0x1F00, &[(0x5F00, 0x100), (0x9000, 0x80)]));
    assert_eq!(registry.find(Va(0x1EFF)), None);
    assert_eq!(registry.find(Va(0x1F00)).unwrap().offset, 0);
    assert_eq!(registry.find(Va(0x207F)).unwrap().offset, 0x17F);
    assert_eq!(registry.find(Va(0x2080)), None);
}

#[test]
fn physical_look_up_is_byte_exact() {
    let mut registry = Registry::new();
    registry.insert(block(0x1F00, &[(0x5F00, 0x100), (0x9000, 0x80)]));
    assert_eq!(registry.find_physical(Pa(0x5EFF)), None);
    assert_eq!(registry.find_physical(Pa(0x5F00)).unwrap().offset, 0);
    assert_eq!(registry.find_physical(Pa(0x907F)).unwrap().offset, 0x17F);
    assert_eq!(registry.find_physical(Pa(0x9080)), None);
    assert_eq!(registry.find_physical(Pa(0x9080)), None);
    let info = registry.find_physical(Pa(0x9000)).unwrap();
    assert_eq!(
        (info.va, info.pa, info.bytes),
        (Va(0x1F00), Pa(0x5F00), 0x180)
    );
}

#[test]
fn removing_forgets_both_ways() {
    let mut registry = Registry::new();
    registry.insert(block(0x1000, &[(0x5000, 0x1000)]));
    let second = registry.insert(block(0x3000, &[(0x7000, 0x10)]));
    assert_eq!(second.serial, 2);
    assert!(registry.remove(Va(0x1001)).is_none(), "only by its start");
    assert_eq!(registry.remove(Va(0x1000)).unwrap().serial, 1);
    assert_eq!(registry.find(Va(0x1000)), None);
    assert_eq!(registry.find_physical(Pa(0x5000)), None);
    assert!(registry.find_physical(Pa(0x700F)).is_some());
    assert_eq!(registry.iter().count(), 1);
}

#[test]
fn a_byte_maps_to_its_own_physical_address() {
    let block = block(0x1F00, &[(0x5F00, 0x100), (0x9000, 0x80)]);
    assert_eq!(block.pa_at(0xFF), Some(Pa(0x5FFF)));
    assert_eq!(block.pa_at(0x100), Some(Pa(0x9000)));
    assert_eq!(block.pa_at(0x180), None);
}

#[test]
fn ranges_that_touch_are_joined() {
    let mut runs = Vec::new();
    push_merged(&mut runs, 0x1000, 0x1000);
    push_merged(&mut runs, 0x2000, 0x10);
    push_merged(&mut runs, 0x4000, 0);
    push_merged(&mut runs, 0x3000, 0x10);
    assert_eq!(
        runs,
        vec![
            PhysicalRange {
                address: 0x1000,
                bytes: 0x1010
            },
            PhysicalRange {
                address: 0x3000,
                bytes: 0x10
            }
        ]
    );
}
