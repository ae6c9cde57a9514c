//! The physical memory map: an owner for each page, kept as runs of equal owners.
//!
//! [`PageMap`] is pure bookkeeping; `mem::phys` holds the machine's one. Pages that no run covers do not exist.

use alloc::{collections::BTreeMap, vec::Vec};

use proto::owner::{Owner, OwnerRun};

/// A run of pages with one owner, keyed by its first page number in [`PageMap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    pages: u64,
    owner: Owner,
}

/// Where a search for free pages may look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// First page number that may be used.
    pub first_pfn: u64,
    /// First page number that may not be used any more.
    pub end_pfn: u64,
}

/// Owner of each page of the machine.
#[derive(Debug, Default)]
pub struct PageMap {
    runs: BTreeMap<u64, Run>,
}

impl PageMap {
    /// A machine without memory.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            runs: BTreeMap::new(),
        }
    }

    /// Gives `pages` pages from `first_pfn` on to `owner`, whoever had them before.
    pub fn set(&mut self, first_pfn: u64, pages: u64, owner: Owner) {
        if pages == 0 {
            return;
        }
        let end = first_pfn.saturating_add(pages);
        self.split(first_pfn);
        self.split(end);
        let inside: Vec<u64> = self
            .runs
            .range(first_pfn..end)
            .map(|(&first, _)| first)
            .collect();
        for first in inside {
            self.runs.remove(&first);
        }
        self.runs.insert(
            first_pfn,
            Run {
                pages: end - first_pfn,
                owner,
            },
        );
        self.merge_before(end);
        self.merge_before(first_pfn);
    }

    /// Owner of a page; `None` if there is no such page.
    #[must_use]
    pub fn owner(&self, pfn: u64) -> Option<Owner> {
        let (&first, run) = self.runs.range(..=pfn).next_back()?;
        (pfn - first < run.pages).then_some(run.owner)
    }

    /// First page of the first free stretch of `pages` pages within `bounds`.
    #[must_use]
    pub fn find_free(&self, pages: u64, bounds: Bounds) -> Option<u64> {
        self.free_stretches(bounds)
            .find(|&(_, length)| length >= pages)
            .map(|(first, _)| first)
    }

    /// The free stretches within `bounds`, as first page and number of pages.
    pub fn free_stretches(&self, bounds: Bounds) -> impl Iterator<Item = (u64, u64)> + '_ {
        let before = self
            .runs
            .range(..bounds.first_pfn)
            .next_back()
            .map_or(bounds.first_pfn, |(&first, _)| first);
        self.runs
            .range(before..bounds.end_pfn)
            .filter(|(_, run)| run.owner == Owner::Free)
            .filter_map(move |(&first, run)| {
                let start = first.max(bounds.first_pfn);
                let end = first.saturating_add(run.pages).min(bounds.end_pfn);
                (end > start).then(|| (start, end - start))
            })
    }

    /// All runs in ascending order, free ones too.
    pub fn runs(&self) -> impl Iterator<Item = OwnerRun> + '_ {
        self.runs.iter().map(|(&first_pfn, run)| OwnerRun {
            first_pfn,
            pages: run.pages,
            owner: run.owner,
        })
    }

    /// Number of pages with that owner.
    #[must_use]
    pub fn count(&self, owner: Owner) -> u64 {
        self.runs()
            .filter(|run| run.owner == owner)
            .map(|run| run.pages)
            .sum()
    }

    /// Makes `pfn` the first page of a run, if a run covers it.
    fn split(&mut self, pfn: u64) {
        let Some((&first, &run)) = self.runs.range(..pfn).next_back() else {
            return;
        };
        let head = pfn - first;
        if head >= run.pages {
            return;
        }
        self.runs.insert(first, Run { pages: head, ..run });
        self.runs.insert(
            pfn,
            Run {
                pages: run.pages - head,
                ..run
            },
        );
    }

    /// Joins the run that begins at `pfn` with the one before it, if they touch and have one owner.
    fn merge_before(&mut self, pfn: u64) {
        let Some(&run) = self.runs.get(&pfn) else {
            return;
        };
        let Some((&first, &before)) = self.runs.range(..pfn).next_back() else {
            return;
        };
        if before.owner == run.owner && first + before.pages == pfn {
            self.runs.remove(&pfn);
            self.runs.insert(
                first,
                Run {
                    pages: before.pages + run.pages,
                    owner: run.owner,
                },
            );
        }
    }
}

#[cfg(test)]
mod tests;
