//! Holding the system still: the shadow copy of what the bench kernel itself keeps changing, and hiding memory that
//! has not come back yet.
//!
//! While the image is written, the kernel's variables, heap and page tables go on changing; the image takes them from
//! a copy made at the freeze ([`Shadow`]), so that they come back exactly as they were.

use alloc::{collections::BTreeSet, vec::Vec};

use proto::{hiber::PAGE_BYTES, owner::Owner, record::PhysicalRange};

use super::plan::needs_shadow;
use crate::{
    image,
    mem::{self, Pa, Presence, Va},
};

/// A stretch of pages and where its copy lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ShadowRun {
    first_pfn: u64,
    copy_pfn: u64,
    pages: u64,
}

/// Where the shadow copies lie.
#[derive(Clone, Debug, Default)]
pub struct Shadow {
    runs: Vec<ShadowRun>,
    frames: Vec<PhysicalRange>,
}

impl Shadow {
    /// Sets pages aside for the copy of every page that needs one. `PASSIVE_LEVEL`; from then on no page of that kind
    /// may be added. `None` if there is no memory.
    #[must_use]
    pub fn reserve() -> Option<Self> {
        Self::reserve_for(needs_shadow)
    }

    /// The same for every page whose owner is `wanted`.
    #[must_use]
    pub fn reserve_for(wanted: fn(Owner) -> bool) -> Option<Self> {
        let sources: Vec<_> = mem::owner_runs()
            .into_iter()
            .filter(|run| wanted(run.owner))
            .collect();
        let pages = sources.iter().map(|run| run.pages).sum();
        let frames = mem::take_pages(Owner::Scratch, pages)?;
        let mut free = frames.clone();
        free.reverse();
        let mut runs = Vec::new();
        for source in sources {
            let mut done = 0;
            while done < source.pages {
                let copy = free.pop()?;
                let copy_pages = copy.bytes / PAGE_BYTES;
                let pages = copy_pages.min(source.pages - done);
                runs.push(ShadowRun {
                    first_pfn: source.first_pfn + done,
                    copy_pfn: copy.address / PAGE_BYTES,
                    pages,
                });
                done += pages;
                if pages < copy_pages {
                    free.push(PhysicalRange {
                        address: copy.address + pages * PAGE_BYTES,
                        bytes: (copy_pages - pages) * PAGE_BYTES,
                    });
                }
            }
        }
        Some(Self { runs, frames })
    }

    /// Makes the copy. With interrupts off; takes no lock, because locks are among what is copied.
    pub fn take(&self) {
        for run in &self.runs {
            mem::copy_frames(
                Pa::of_pfn(run.copy_pfn),
                Pa::of_pfn(run.first_pfn),
                run.pages,
            );
        }
    }

    /// The copy of a page, if there is one.
    #[must_use]
    pub fn of(&self, pfn: u64) -> Option<Pa> {
        self.runs.iter().find_map(|run| {
            let offset = pfn.checked_sub(run.first_pfn)?;
            (offset < run.pages).then(|| Pa::of_pfn(run.copy_pfn + offset))
        })
    }

    /// Gives the pages back. `PASSIVE_LEVEL`.
    pub fn release(self) {
        mem::release_pages(&self.frames);
    }
}

/// Pages of drivers that are hidden until their content is back.
#[derive(Debug, Default)]
pub struct Hidden {
    pages: Vec<Va>,
}

impl Hidden {
    /// Hides every mapped page of a block or an image whose page frame is not in `restored`.
    #[must_use]
    pub fn all_but(restored: &BTreeSet<u64>) -> Self {
        let blocks = mem::allocations()
            .into_iter()
            .map(|block| (block.va, block.bytes));
        let images = image::loaded()
            .into_iter()
            .map(|image| (image.base, image.bytes));
        let mut pages = Vec::new();
        for (va, bytes) in blocks.chain(images) {
            let first = va.page();
            for index in 0..mem::pages_for(va.page_offset(), bytes) {
                let page = first.offset(index * PAGE_BYTES);
                // A page that is not mapped is hidden already, by somebody who will bring it back himself.
                let Some(pa) = mem::translate(page) else {
                    continue;
                };
                if !restored.contains(&pa.pfn())
                    && mem::set_present(page, PAGE_BYTES, Presence::Absent).is_ok()
                {
                    pages.push(page);
                }
            }
        }
        Self { pages }
    }

    /// Number of hidden pages.
    #[must_use]
    pub fn count(&self) -> usize {
        self.pages.len()
    }

    /// Brings every page back.
    pub fn reveal(self) {
        for page in self.pages {
            if mem::set_present(page, PAGE_BYTES, Presence::Present).is_err() {
                crate::log_warning!("the page at {page} cannot be brought back");
            }
        }
    }
}
