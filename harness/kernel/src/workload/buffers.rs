//! Memory for the workload's data: scattered and contiguous pages on both sides of 4 GiB, reached by physical address.

use alloc::{vec, vec::Vec};

use proto::{hiber::PAGE_BYTES, owner::Owner, record::PhysicalRange};

use crate::mem::{self, AllocSpec, Allocation, Contiguity, Pa, Placement};

/// So many blocks of so many bytes, by turns scattered and contiguous, high and low.
const BLOCKS: usize = 8;
const BLOCK_BYTES: u64 = 1 << 20;

/// The pages that buffers are made of.
pub(super) fn allocate() -> Vec<Allocation> {
    let mut blocks = Vec::new();
    for index in 0..BLOCKS {
        let block = mem::alloc(AllocSpec {
            bytes: BLOCK_BYTES,
            align: PAGE_BYTES,
            contiguous: if index % 4 < 2 {
                Contiguity::Scattered
            } else {
                Contiguity::Contiguous
            },
            placement: if index % 2 == 0 {
                Placement::High
            } else {
                Placement::Low
            },
            owner: Owner::DataBuffer,
            name: "data buffers",
        });
        match block {
            Ok(block) => blocks.push(block),
            Err(error) => log_warning!("workload: data buffers: {error}"),
        }
    }
    blocks
}

/// Writes `data` into the ranges in order.
pub(super) fn scatter(ranges: &[PhysicalRange], data: &[u8]) {
    let mut rest = data;
    for range in ranges {
        let (now, later) = rest.split_at(mem::size(range.bytes).min(rest.len()));
        // The pages are the workload's own RAM: the access cannot fail.
        let _ = mem::write_physical_bytes(Pa(range.address), now);
        rest = later;
    }
}

/// Reads the ranges in order.
pub(super) fn gather(ranges: &[PhysicalRange]) -> Vec<u8> {
    let total: u64 = ranges.iter().map(|range| range.bytes).sum();
    let mut data = vec![0; mem::size(total)];
    let mut rest = data.as_mut_slice();
    for range in ranges {
        let (now, later) = rest.split_at_mut(mem::size(range.bytes).min(rest.len()));
        let _ = mem::read_physical_bytes(Pa(range.address), now);
        rest = later;
    }
    data
}

/// Changes one bit of the first byte: the fault that the bench plays itself.
pub(super) fn flip_one_bit(ranges: &[PhysicalRange]) {
    if let Some(first) = ranges.first() {
        let at = Pa(first.address);
        let byte = mem::read_physical::<u8>(at).unwrap_or(0);
        let _ = mem::write_physical(at, &(byte ^ 0x10));
    }
}
