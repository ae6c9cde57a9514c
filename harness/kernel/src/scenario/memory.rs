//! Memory that stands for the machine's programs: pages all over RAM with a seeded pattern, which must come back.

use alloc::{format, vec::Vec};

use proto::{hiber::PAGE_BYTES, owner::Owner};

use super::Stop;
use crate::{
    mem::{self, AllocSpec, Allocation, Contiguity, Pa, Placement},
    port::random::mix,
};

/// Pages of one block.
const BLOCK_PAGES: u64 = 64;

/// The blocks.
#[derive(Debug)]
pub(super) struct PatternMemory {
    seed: u64,
    blocks: Vec<Allocation>,
}

impl PatternMemory {
    /// Takes `pages` pages, below and above 4 GiB in turn, and fills them.
    pub(super) fn fill(pages: u32, seed: u64) -> Result<Self, Stop> {
        let mut blocks = Vec::new();
        let mut left = u64::from(pages);
        while left > 0 {
            let now = left.min(BLOCK_PAGES);
            let block = mem::alloc(AllocSpec {
                bytes: now * PAGE_BYTES,
                align: PAGE_BYTES,
                contiguous: Contiguity::Scattered,
                placement: Placement::Any,
                owner: Owner::Workload,
                name: "workload memory",
            })
            .map_err(|error| Stop::boot_device(format!("the workload's memory: {error}")))?;
            blocks.push(block);
            left -= now;
        }
        let memory = Self { seed, blocks };
        for pfn in memory.frames() {
            let _ = mem::write_physical_bytes(Pa::of_pfn(pfn), &memory.page(pfn));
        }
        Ok(memory)
    }

    /// Number of pages whose content is not what [`PatternMemory::fill`] wrote.
    #[must_use]
    pub(super) fn wrong_pages(&self) -> u64 {
        let mut content = [0; 4096];
        self.frames()
            .filter(|&pfn| {
                mem::read_physical_bytes(Pa::of_pfn(pfn), &mut content).is_err()
                    || content != self.page(pfn)
            })
            .count() as u64
    }

    fn frames(&self) -> impl Iterator<Item = u64> + '_ {
        self.blocks
            .iter()
            .flat_map(|block| &block.runs)
            .flat_map(|run| run.address / PAGE_BYTES..(run.address + run.bytes) / PAGE_BYTES)
    }

    /// What the page holds: different for each page and seed.
    fn page(&self, pfn: u64) -> [u8; 4096] {
        let mut page = [0; 4096];
        let start = mix(self.seed ^ mix(pfn));
        for (index, word) in (0_u64..).zip(page.chunks_exact_mut(8)) {
            word.copy_from_slice(&start.wrapping_add(mix(index)).to_le_bytes());
        }
        page
    }
}
