//! The registry of allocations: which block holds a byte, by virtual and by physical address.
//!
//! Every block that a driver can see is in it, with byte granularity, so that a mark or a DMA address can be held
//! against what was really handed out. Pure bookkeeping; `mem::pool` does the mapping.

use alloc::{collections::BTreeMap, vec::Vec};

use proto::{owner::Owner, record::PhysicalRange};

use super::addr::{PAGE_BYTES, Pa, Va};

/// One block of memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allocation {
    /// First byte.
    pub va: Va,
    /// Length in bytes, as asked for.
    pub bytes: u64,
    /// Where it lies, byte exact, in virtual order; neighbours are merged.
    pub runs: Vec<PhysicalRange>,
    /// What it is for.
    pub owner: Owner,
    /// What it is called in reports.
    pub name: &'static str,
    /// Number of the allocation since the start, from 1.
    pub serial: u64,
}

impl Allocation {
    /// Physical address of the first byte.
    #[must_use]
    pub fn pa(&self) -> Pa {
        Pa(self.runs.first().map_or(0, |run| run.address))
    }

    /// Physical address of the byte at `offset`, if it is inside.
    #[must_use]
    pub fn pa_at(&self, offset: u64) -> Option<Pa> {
        let mut left = offset;
        for run in &self.runs {
            if left < run.bytes {
                return Some(Pa(run.address + left));
            }
            left -= run.bytes;
        }
        None
    }
}

/// What is known of the block that holds some byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllocationInfo {
    /// First byte of the block.
    pub va: Va,
    /// Physical address of its first byte.
    pub pa: Pa,
    /// Its length in bytes.
    pub bytes: u64,
    /// What it is for.
    pub owner: Owner,
    /// Its name.
    pub name: &'static str,
    /// Its number.
    pub serial: u64,
    /// Offset of the byte that was asked for.
    pub offset: u64,
}

/// All live allocations.
#[derive(Debug, Default)]
pub struct Registry {
    blocks: BTreeMap<u64, Allocation>,
    /// Start of the block that uses a page frame. A frame serves one block only.
    frames: BTreeMap<u64, u64>,
    serial: u64,
}

impl Registry {
    /// No allocations.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            blocks: BTreeMap::new(),
            frames: BTreeMap::new(),
            serial: 0,
        }
    }

    /// Enters a block and gives it its number.
    pub fn insert(&mut self, mut block: Allocation) -> Allocation {
        self.serial += 1;
        block.serial = self.serial;
        for pfn in frames_of(&block.runs) {
            self.frames.insert(pfn, block.va.0);
        }
        self.blocks.insert(block.va.0, block.clone());
        block
    }

    /// Takes the block that begins at `va` out.
    pub fn remove(&mut self, va: Va) -> Option<Allocation> {
        let block = self.blocks.remove(&va.0)?;
        for pfn in frames_of(&block.runs) {
            self.frames.remove(&pfn);
        }
        Some(block)
    }

    /// The block that begins at `va`.
    #[must_use]
    pub fn get(&self, va: Va) -> Option<&Allocation> {
        self.blocks.get(&va.0)
    }

    /// Changes the owner of the block that begins at `va`.
    pub fn set_owner(&mut self, va: Va, owner: Owner) -> Option<&Allocation> {
        let block = self.blocks.get_mut(&va.0)?;
        block.owner = owner;
        Some(block)
    }

    /// The block that holds the byte at `va`.
    #[must_use]
    pub fn find(&self, va: Va) -> Option<AllocationInfo> {
        let (&start, block) = self.blocks.range(..=va.0).next_back()?;
        let offset = va.0 - start;
        (offset < block.bytes).then(|| info(block, offset))
    }

    /// The last block that begins at or before the end of the page at `page`, if it touches that page.
    #[must_use]
    pub fn find_near(&self, page: Va) -> Option<AllocationInfo> {
        let (_, block) = self
            .blocks
            .range(..page.0.saturating_add(PAGE_BYTES))
            .next_back()?;
        (block.va.0 + block.bytes > page.0.saturating_sub(1)).then(|| info(block, 0))
    }

    /// The block that holds the byte at `pa`.
    #[must_use]
    pub fn find_physical(&self, pa: Pa) -> Option<AllocationInfo> {
        let block = self.blocks.get(self.frames.get(&pa.pfn())?)?;
        let mut before = 0;
        for run in &block.runs {
            if let Some(inside) = pa.0.checked_sub(run.address).filter(|&n| n < run.bytes) {
                return Some(info(block, before + inside));
            }
            before += run.bytes;
        }
        None
    }

    /// All blocks by address.
    pub fn iter(&self) -> impl Iterator<Item = &Allocation> {
        self.blocks.values()
    }
}

fn info(block: &Allocation, offset: u64) -> AllocationInfo {
    AllocationInfo {
        va: block.va,
        pa: block.pa(),
        bytes: block.bytes,
        owner: block.owner,
        name: block.name,
        serial: block.serial,
        offset,
    }
}

/// Page frames that a list of ranges touches.
pub(crate) fn frames_of(runs: &[PhysicalRange]) -> impl Iterator<Item = u64> + '_ {
    runs.iter().flat_map(|run| {
        let first = run.address / PAGE_BYTES;
        let end = (run.address + run.bytes).div_ceil(PAGE_BYTES);
        first..end.max(first)
    })
}

/// Appends a range, joined to the last one if they touch.
pub fn push_merged(runs: &mut Vec<PhysicalRange>, address: u64, bytes: u64) {
    if bytes == 0 {
        return;
    }
    if let Some(last) = runs.last_mut()
        && last.address + last.bytes == address
    {
        last.bytes += bytes;
        return;
    }
    runs.push(PhysicalRange { address, bytes });
}

#[cfg(test)]
mod tests;
