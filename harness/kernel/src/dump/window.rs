//! Where the data of a dump request are mapped: a window of virtual pages that is filled anew for each request.
//!
//! The pages of a request may lie anywhere in RAM; the miniport sees them in one piece, as behind the memory descriptor
//! of a real dump stack. The window's page tables are made at `PASSIVE_LEVEL` ([`prepare`]), so that nothing is
//! allocated later.

use proto::{hiber::PAGE_BYTES, record::PhysicalRange};

use crate::mem::{
    Pa, Va,
    paging::{self, Caching, Protection},
};

/// Virtual address of the window.
const BASE: Va = Va(0xFFFF_C000_0000_0000);
/// Pages of the window: the largest transfer, 1 MiB.
pub const PAGES: u64 = 256;

/// Makes the window's page tables.
pub fn prepare() {
    for page in 0..PAGES {
        let va = BASE.offset(page * PAGE_BYTES);
        // Any page will do to make the table; it is taken out again at once.
        paging::map_page(va, Pa(0), Protection::Read, Caching::WriteBack);
        paging::unmap_page(va);
    }
}

/// Maps the pages that `runs` touch; returns the address of the first byte. `None` if they do not fit, or if a run
/// other than the first does not start on a page (the miniport would see a hole).
#[must_use]
pub fn map(runs: &[PhysicalRange]) -> Option<Va> {
    let mut pages = 0;
    for (index, run) in runs.iter().enumerate() {
        let first = Pa(run.address).page();
        if index > 0 && first.0 != run.address {
            return None;
        }
        let end = run.address.checked_add(run.bytes)?;
        for pfn in first.pfn()..end.div_ceil(PAGE_BYTES) {
            if pages == PAGES {
                return None;
            }
            let va = BASE.offset(pages * PAGE_BYTES);
            paging::map_page(va, Pa::of_pfn(pfn), Protection::Write, Caching::WriteBack);
            pages += 1;
        }
    }
    let start = runs.first()?.address % PAGE_BYTES;
    Some(BASE.offset(start))
}

/// Takes every page out of the window.
pub fn clear() {
    for page in 0..PAGES {
        paging::unmap_page(BASE.offset(page * PAGE_BYTES));
    }
}

/// Does the address lie in the window?
#[must_use]
pub const fn contains(va: Va) -> bool {
    va.0.wrapping_sub(BASE.0) < PAGES * PAGE_BYTES
}
