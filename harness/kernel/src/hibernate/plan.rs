//! Which page goes into which set of the hibernation image, and from where its content is taken.
//!
//! [`PagePlan::new`] reads the owner map and the marks. Boot-phase pages are those that the dump stack needs to read
//! the rest: the bench kernel, the page tables, the dump stack's own memory and what the miniport marked (compare the
//! two sets of a Windows hibernation file). All other pages in use are kernel-phase pages, which the RESUME instance
//! reads. Without a resume-capable miniport everything goes into the boot-phase set.
//!
//! Marks count by the byte: the rest of a marked page is overwritten by the loader ([`PagePlan::wipes`]), and comes
//! back last, from a kernel-phase copy of the page ([`Source::Patch`]).

use alloc::{collections::BTreeSet, vec::Vec};

use proto::{
    hiber::{PAGE_BYTES, WipeRange},
    owner::{Owner, OwnerRun, Role},
};

use super::ranges::{RangeSet, Span};

/// Where the writer takes a page's content from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// From its place: nothing writes to it any more.
    InPlace,
    /// From the shadow copy that was made at the freeze: the page changes while the image is written, and must come
    /// back as it was.
    Shadow,
    /// From its place through a bounce page: it belongs to the dump stack, which is at work on it. It comes back in
    /// the middle of that work; RESUME must cope.
    Bounce,
    /// From its place, but on resume only the bytes that the loader wiped are taken from it.
    Patch,
}

/// A page of the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannedPage {
    /// Page frame number.
    pub pfn: u64,
    /// Where its content comes from.
    pub source: Source,
}

/// One or two sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phases {
    /// The loader restores all.
    Single,
    /// The loader restores the boot-phase set, the RESUME instance reads the rest.
    Two,
}

/// The page sets of one image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PagePlan {
    /// Restored by the loader, in ascending order.
    pub boot: Vec<PlannedPage>,
    /// Read by the RESUME instance, in ascending order.
    pub kernel: Vec<PlannedPage>,
    /// Bytes of boot-phase pages that the loader overwrites with poison.
    pub wipes: Vec<WipeRange>,
}

/// What a page is to the image, by its owner alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// Not saved.
    Left,
    /// Always restored by the loader.
    Boot(Source),
    /// Restored by the RESUME instance, unless marked.
    Kernel,
}

const fn class(owner: Owner) -> Class {
    match owner {
        Owner::Free | Owner::Firmware | Owner::Loader | Owner::Scratch => Class::Left,
        Owner::KernelText | Owner::KernelStack => Class::Boot(Source::InPlace),
        Owner::KernelData | Owner::PageTables => Class::Boot(Source::Shadow),
        Owner::HibernateStack
        | Owner::Image(Role::Hiber)
        | Owner::DumpPort(Role::Hiber)
        | Owner::DeviceExtension(Role::Hiber)
        | Owner::UncachedExtension(Role::Hiber)
        | Owner::Request(Role::Hiber) => Class::Boot(Source::Bounce),
        Owner::Image(Role::Normal | Role::Crash)
        | Owner::DumpPort(Role::Normal | Role::Crash)
        | Owner::DeviceExtension(Role::Normal | Role::Crash)
        | Owner::UncachedExtension(Role::Normal | Role::Crash)
        | Owner::Request(Role::Normal | Role::Crash)
        | Owner::Pool(_)
        | Owner::DumpContext(_)
        | Owner::DataBuffer
        | Owner::Workload => Class::Kernel,
    }
}

/// Must the content of pages of this owner be copied aside at the freeze?
#[must_use]
pub const fn needs_shadow(owner: Owner) -> bool {
    matches!(class(owner), Class::Boot(Source::Shadow))
}

impl PagePlan {
    /// Sorts the pages of `owners` into the sets.
    ///
    /// `marked` are the physical bytes that the miniport marked. Marks on the port's own memory change nothing: those
    /// pages are kept whole, as Windows keeps the common buffers of its dump stack.
    #[must_use]
    pub fn new(owners: &[OwnerRun], marked: &RangeSet, phases: Phases) -> Self {
        let mut plan = Self::default();
        for run in owners {
            for pfn in run.first_pfn..run.first_pfn.saturating_add(run.pages) {
                plan.add(pfn, class(run.owner), marked, phases);
            }
        }
        plan.boot.sort_unstable_by_key(|page| page.pfn);
        plan.kernel.sort_unstable_by_key(|page| page.pfn);
        plan.wipes.sort_unstable_by_key(|wipe| wipe.address);
        plan
    }

    fn add(&mut self, pfn: u64, class: Class, marked: &RangeSet, phases: Phases) {
        match class {
            Class::Left => {}
            Class::Boot(source) => self.boot.push(PlannedPage { pfn, source }),
            Class::Kernel if phases == Phases::Single => self.boot.push(PlannedPage {
                pfn,
                source: Source::InPlace,
            }),
            Class::Kernel => {
                let Some(page) = page_span(pfn).filter(|page| marked.touches(*page)) else {
                    self.kernel.push(PlannedPage {
                        pfn,
                        source: Source::InPlace,
                    });
                    return;
                };
                self.boot.push(PlannedPage {
                    pfn,
                    source: Source::Bounce,
                });
                let unmarked = marked.missing_from(page);
                if !unmarked.is_empty() {
                    self.kernel.push(PlannedPage {
                        pfn,
                        source: Source::Patch,
                    });
                }
                self.wipes.extend(unmarked.iter().map(|span| WipeRange {
                    address: span.start,
                    bytes: span.bytes(),
                }));
            }
        }
    }

    /// The page frame numbers of the boot-phase set.
    #[must_use]
    pub fn boot_pfns(&self) -> BTreeSet<u64> {
        self.boot.iter().map(|page| page.pfn).collect()
    }

    /// Pages of both sets.
    #[must_use]
    pub fn pages(&self) -> usize {
        self.boot.len() + self.kernel.len()
    }

    /// The page at position `index` of the image: boot-phase set first.
    #[must_use]
    pub fn page(&self, index: usize) -> Option<PlannedPage> {
        self.boot
            .get(index)
            .or_else(|| self.kernel.get(index.checked_sub(self.boot.len())?))
            .copied()
    }
}

/// The bytes of a page; `None` for a frame number beyond the address space.
#[must_use]
pub fn page_span(pfn: u64) -> Option<Span> {
    Span::new(pfn.checked_mul(PAGE_BYTES)?, PAGE_BYTES)
}

#[cfg(test)]
mod tests;
