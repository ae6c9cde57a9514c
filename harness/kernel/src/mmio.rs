//! Device registers: uncached mappings, checked access, and a way to hide them all.
//!
//! `MARK_MEMORY` instances must not touch hardware: [`set_present_all`] makes every access a fault.

use alloc::collections::BTreeMap;

use crate::{
    hw::layout,
    mem::{
        self, FaultKind, MemFault, PAGE_BYTES, Pa, Presence, Va,
        arena::Arena,
        pages_for,
        paging::{self, Caching, Protection},
        registers,
    },
    sync::Lock,
};

/// Bytes of one access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// 8 bits.
    Byte,
    /// 16 bits.
    Word,
    /// 32 bits.
    Dword,
    /// 64 bits.
    Qword,
}

impl Width {
    /// Length in bytes, which is the alignment too.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        match self {
            Self::Byte => 1,
            Self::Word => 2,
            Self::Dword => 4,
            Self::Qword => 8,
        }
    }
}

/// A mapping of registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MmioMapping {
    /// Physical address of the first byte.
    pub pa: Pa,
    /// Virtual address of the first byte.
    pub va: Va,
    /// Length in bytes.
    pub bytes: u64,
}

struct Mappings {
    arena: Arena,
    live: BTreeMap<u64, MmioMapping>,
}

static MAPPINGS: Lock<Mappings> = Lock::new(Mappings {
    arena: Arena::new(Va(layout::MMIO_BASE), layout::MMIO_BYTES),
    live: BTreeMap::new(),
});

/// Maps registers for a driver; `None` for zero bytes, for RAM, or if there is no room.
#[must_use]
pub fn map(pa: Pa, bytes: u64) -> Option<Va> {
    if bytes == 0 || mem::phys::is_ram(pa, 1) {
        return None;
    }
    let mut mappings = MAPPINGS.lock();
    let va = map_pages(&mut mappings.arena, pa, bytes)?;
    mappings.live.insert(va.0, MmioMapping { pa, va, bytes });
    Some(va)
}

/// Maps registers for the kernel itself (interrupt controllers): never hidden, not found by [`find`].
#[must_use]
pub fn map_for_kernel(pa: Pa, bytes: u64) -> Option<Va> {
    map_pages(&mut MAPPINGS.lock().arena, pa, bytes)
}

/// Undoes [`map`]; whether there was such a mapping.
pub fn unmap(va: Va) -> bool {
    let mut mappings = MAPPINGS.lock();
    let Some(mapping) = mappings.live.remove(&va.0) else {
        return false;
    };
    let base = va.page();
    let pages = pages_for(va.page_offset(), mapping.bytes);
    for page in 0..pages {
        paging::unmap_page(base.offset(page * PAGE_BYTES));
    }
    mappings.arena.give_back(base, pages);
    true
}

/// The mapping that holds the byte at `va`.
#[must_use]
pub fn find(va: Va) -> Option<MmioMapping> {
    let mappings = MAPPINGS.lock();
    let (&start, mapping) = mappings.live.range(..=va.0).next_back()?;
    (va.0 - start < mapping.bytes).then_some(*mapping)
}

/// All live mappings.
#[must_use]
pub fn mappings() -> alloc::vec::Vec<MmioMapping> {
    MAPPINGS.lock().live.values().copied().collect()
}

/// Hides all mappings made by [`map`], or brings them back.
pub fn set_present_all(presence: Presence) {
    for mapping in mappings() {
        // The pages are mapped: they are in the list.
        let _ = mem::set_present(mapping.va, mapping.bytes, presence);
    }
}

/// Reads a register.
///
/// # Errors
/// [`MemFault`] unless a mapping made by [`map`] covers it, is present, and the address is aligned.
pub fn read(va: Va, width: Width) -> Result<u64, MemFault> {
    check(va, width)?;
    Ok(registers::read(va, width))
}

/// Writes a register; bits of `value` above the width are ignored.
///
/// # Errors
/// As [`read`].
pub fn write(va: Va, width: Width, value: u64) -> Result<(), MemFault> {
    check(va, width)?;
    registers::write(va, width, value);
    Ok(())
}

fn check(va: Va, width: Width) -> Result<(), MemFault> {
    let fault = |kind| Err(MemFault { va, kind });
    if !va.0.is_multiple_of(width.bytes()) || find(va).is_none() {
        return fault(FaultKind::NotMemory);
    }
    if mem::translate(va).is_none() {
        return fault(FaultKind::NotPresent);
    }
    Ok(())
}

fn map_pages(arena: &mut Arena, pa: Pa, bytes: u64) -> Option<Va> {
    let pages = pages_for(pa.page_offset(), bytes);
    let base = arena.take(pages)?;
    for page in 0..pages {
        let offset = page * PAGE_BYTES;
        paging::map_page(
            base.offset(offset),
            pa.page().offset(offset),
            Protection::Write,
            Caching::Uncached,
        );
    }
    Some(base.offset(pa.page_offset()))
}
