//! Blocks of memory for drivers: own pages, a guard page on both sides, filled with a pattern, all registered.

use alloc::vec::Vec;
use core::{
    fmt,
    sync::atomic::{AtomicBool, Ordering},
};

use proto::{owner::Owner, record::PhysicalRange};

use super::{
    Allocation, AllocationInfo, PAGE_BYTES, Pa, Va,
    arena::Arena,
    pages_for,
    paging::{self, Caching, Protection},
    phys::{self, Zone},
    push_merged, raw,
    registry::{self, Registry},
};
use crate::{hw::layout, sync::Lock};

/// What fresh memory is filled with: not zero, since nobody promises zeros.
const FRESH: u8 = 0xA5;
/// What the bytes around a block in its own pages hold.
const RED: u8 = 0xFD;

struct Pool {
    registry: Registry,
    arena: Arena,
}

static POOL: Lock<Pool> = Lock::new(Pool {
    registry: Registry::new(),
    arena: Arena::new(Va(layout::POOL_BASE), layout::POOL_BYTES),
});

/// Which half `Placement::Any` takes next.
static NEXT_HIGH: AtomicBool = AtomicBool::new(true);

/// A wish for memory.
#[derive(Clone, Copy, Debug)]
pub struct AllocSpec {
    /// Length in bytes, not zero.
    pub bytes: u64,
    /// Alignment in bytes, a power of two up to 4096.
    pub align: u64,
    /// Whether its pages must be neighbours in physical memory.
    pub contiguous: Contiguity,
    /// Where in physical memory.
    pub placement: Placement,
    /// What for.
    pub owner: Owner,
    /// Its name in reports.
    pub name: &'static str,
}

/// Whether pages are neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contiguity {
    /// One physical stretch.
    Contiguous,
    /// Pages apart from each other, as far as the memory allows.
    Scattered,
}

/// Where in physical memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// Below and above 4 GiB by turns, if there is memory above.
    Any,
    /// Below 4 GiB.
    Low,
    /// Above 4 GiB if there is memory, else below.
    High,
}

/// Why there is no memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AllocError {
    /// Zero bytes, or an alignment that is no power of two up to 4096.
    Spec,
    /// No such stretch of physical memory.
    NoPages,
    /// The virtual region is used up.
    NoAddresses,
}

impl fmt::Display for AllocError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Spec => "the length or the alignment cannot be served",
            Self::NoPages => "no free physical memory of that length",
            Self::NoAddresses => "the virtual region is used up",
        })
    }
}

/// Why memory cannot be given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FreeError {
    /// No live block begins there.
    NoBlock,
}

/// What [`free`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freed {
    /// Length of the block in bytes.
    pub bytes: u64,
    /// What it was for.
    pub owner: Owner,
    /// The bytes around it in its own pages are what they were.
    pub redzone_intact: bool,
}

/// Allocates a block that ends at a guard page, as far as its alignment allows.
///
/// # Errors
/// The first [`AllocError`] that applies.
pub fn alloc(spec: AllocSpec) -> Result<Allocation, AllocError> {
    if spec.bytes == 0 || !spec.align.is_power_of_two() || spec.align > PAGE_BYTES {
        return Err(AllocError::Spec);
    }
    let slack = spec.bytes.next_multiple_of(PAGE_BYTES) - spec.bytes;
    alloc_at_offset(spec, slack & !(spec.align - 1))
}

/// Allocates a block that begins `page_offset` bytes into its first page.
///
/// # Errors
/// The first [`AllocError`] that applies.
pub fn alloc_at_offset(spec: AllocSpec, page_offset: u64) -> Result<Allocation, AllocError> {
    if spec.bytes == 0 || page_offset >= PAGE_BYTES {
        return Err(AllocError::Spec);
    }
    let pages = pages_for(page_offset, spec.bytes);
    let frames = take_frames(&spec, pages).ok_or(AllocError::NoPages)?;
    let mut pool = POOL.lock();
    let Some(base) = pool.arena.take(pages) else {
        release(&frames);
        return Err(AllocError::NoAddresses);
    };
    let mut runs = Vec::new();
    let end = page_offset + spec.bytes;
    for (index, &pfn) in (0_u64..).zip(&frames) {
        let pa = Pa::of_pfn(pfn);
        let before = index * PAGE_BYTES;
        paging::map_page(
            base.offset(before),
            pa,
            Protection::Write,
            Caching::WriteBack,
        );
        let from = page_offset.saturating_sub(before).min(PAGE_BYTES);
        let to = end.saturating_sub(before).min(PAGE_BYTES);
        raw::fill(pa, RED, PAGE_BYTES);
        raw::fill(pa.offset(from), FRESH, to - from);
        push_merged(&mut runs, pa.0 + from, to - from);
    }
    Ok(pool.registry.insert(Allocation {
        va: base.offset(page_offset),
        bytes: spec.bytes,
        runs,
        owner: spec.owner,
        name: spec.name,
        serial: 0,
    }))
}

/// Gives a block back; from now on its addresses fault.
///
/// # Errors
/// [`FreeError::NoBlock`] unless `va` is the first byte of a live block.
pub fn free(va: Va) -> Result<Freed, FreeError> {
    let mut pool = POOL.lock();
    let block = pool.registry.remove(va).ok_or(FreeError::NoBlock)?;
    let redzone_intact = red_zone_is_intact(&block);
    let base = block.va.page();
    let pages = pages_for(block.va.page_offset(), block.bytes);
    for page in 0..pages {
        paging::unmap_page(base.offset(page * PAGE_BYTES));
    }
    pool.arena.give_back(base, pages);
    drop(pool);
    let frames: Vec<u64> = registry::frames_of(&block.runs).collect();
    release(&frames);
    Ok(Freed {
        bytes: block.bytes,
        owner: block.owner,
        redzone_intact,
    })
}

/// Changes what a block is for.
///
/// # Errors
/// [`FreeError::NoBlock`] unless `va` is the first byte of a live block.
pub fn set_owner(va: Va, owner: Owner) -> Result<(), FreeError> {
    let mut pool = POOL.lock();
    let block = pool
        .registry
        .set_owner(va, owner)
        .ok_or(FreeError::NoBlock)?;
    phys::set_range_owner(&block.runs, owner);
    Ok(())
}

/// The block that holds the byte at a virtual address.
#[must_use]
pub fn find(va: Va) -> Option<AllocationInfo> {
    POOL.lock().registry.find(va)
}

/// A block in or right before a page: what an overrun came from.
pub(crate) fn find_near(page: Va) -> Option<AllocationInfo> {
    POOL.try_lock()?.registry.find_near(page)
}

/// The block that holds the byte at a physical address.
#[must_use]
pub fn find_physical(pa: Pa) -> Option<AllocationInfo> {
    POOL.lock().registry.find_physical(pa)
}

/// All live blocks, by address.
#[must_use]
pub fn allocations() -> Vec<Allocation> {
    POOL.lock().registry.iter().cloned().collect()
}

fn take_frames(spec: &AllocSpec, pages: u64) -> Option<Vec<u64>> {
    let zones = match spec.placement {
        Placement::Low => [Zone::Low; 2],
        Placement::High => [Zone::High, Zone::Low],
        Placement::Any if NEXT_HIGH.fetch_xor(true, Ordering::Relaxed) => [Zone::High, Zone::Low],
        Placement::Any => [Zone::Low, Zone::High],
    };
    zones.into_iter().find_map(|zone| match spec.contiguous {
        Contiguity::Contiguous => phys::take_contiguous(spec.owner, pages, zone)
            .map(|range| registry::frames_of(&[range]).collect()),
        Contiguity::Scattered => phys::take_scattered(spec.owner, pages, zone),
    })
}

fn release(frames: &[u64]) {
    let mut ranges: Vec<PhysicalRange> = Vec::new();
    for &pfn in frames {
        push_merged(&mut ranges, Pa::of_pfn(pfn).0, PAGE_BYTES);
    }
    phys::release_pages(&ranges);
}

/// Looks at the bytes before and behind a block in its first and last page.
fn red_zone_is_intact(block: &Allocation) -> bool {
    let (Some(first), Some(last)) = (block.runs.first(), block.runs.last()) else {
        return true;
    };
    let before = Pa(first.address).page_offset();
    let end = Pa(last.address + last.bytes);
    let behind = end.0.next_multiple_of(PAGE_BYTES) - end.0;
    is_red(Pa(first.address).page(), before) && is_red(end, behind)
}

fn is_red(pa: Pa, bytes: u64) -> bool {
    let mut page = [0; 4096];
    let Some(slice) = page.get_mut(..super::size(bytes)) else {
        return false;
    };
    raw::read(pa, slice);
    slice.iter().all(|&byte| byte == RED)
}
