//! Which pages a dump holds, by who owns them and by what drivers added.
//!
//! A complete dump holds every page of RAM. A kernel dump leaves out what belongs to programs and what is free, and, as
//! the system does with memory that it does not map as its own, the common buffers that a driver got for its device: a
//! driver that wants those in the dump adds them (`KbCallbackAddPages`). Here that is the uncached and the device
//! extension of the normal instance, so that what a driver adds is never there already. Free memory has no owner map
//! entry and is in no kernel dump.

use alloc::{collections::BTreeSet, vec::Vec};

use proto::{
    hiber::PAGE_BYTES,
    owner::{Owner, OwnerRun, Role},
    record::PhysicalRange,
};

/// Runs of whole page frames: first frame and count, ascending and apart.
pub type Runs = Vec<(u64, u64)>;

/// The whole pages of ranges of RAM, as the header's physical memory block lists them.
#[must_use]
pub fn whole_pages(ram: &[PhysicalRange]) -> Runs {
    let mut runs: Runs = ram
        .iter()
        .filter_map(|range| {
            let first = range.address.div_ceil(PAGE_BYTES);
            let end = range.address.checked_add(range.bytes)? / PAGE_BYTES;
            (end > first).then(|| (first, end - first))
        })
        .collect();
    runs.sort_unstable();
    runs
}

/// Is a page of this owner part of a kernel dump by itself?
#[must_use]
pub const fn is_kernel_page(owner: Owner) -> bool {
    match owner {
        Owner::Free
        | Owner::Firmware
        | Owner::Loader
        | Owner::Scratch
        | Owner::Workload
        | Owner::DataBuffer
        | Owner::UncachedExtension(Role::Normal)
        | Owner::DeviceExtension(Role::Normal) => false,
        Owner::KernelText
        | Owner::KernelData
        | Owner::KernelStack
        | Owner::HibernateStack
        | Owner::PageTables
        | Owner::Image(_)
        | Owner::DeviceExtension(_)
        | Owner::UncachedExtension(_)
        | Owner::Request(_)
        | Owner::Pool(_)
        | Owner::DumpContext(_)
        | Owner::DumpPort(_) => true,
    }
}

/// The page frames of a kernel dump: the kernel's, and those that drivers added, as far as they are RAM.
#[must_use]
pub fn kernel_pages(owners: &[OwnerRun], added: &[u64], ram: &[(u64, u64)]) -> BTreeSet<u64> {
    let is_ram = |pfn: &u64| {
        ram.iter()
            .any(|&(first, count)| (first..first.saturating_add(count)).contains(pfn))
    };
    owners
        .iter()
        .filter(|run| is_kernel_page(run.owner))
        .flat_map(|run| run.first_pfn..run.first_pfn.saturating_add(run.pages))
        .chain(added.iter().copied())
        .filter(is_ram)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_that_are_ram_in_part_only_are_left_out() {
        let range = |address, bytes| PhysicalRange { address, bytes };
        let runs = whole_pages(&[
            range(0x10_0000, 0x3000),
            range(0, 0x9_fc00),
            range(0x20_0800, 0x800),
        ]);
        assert_eq!(runs, [(0, 0x9f), (0x100, 3)]);
    }

    #[test]
    fn a_kernel_dump_holds_kernel_pages_and_added_ones_alone() {
        let run = |first_pfn, pages, owner| OwnerRun {
            first_pfn,
            pages,
            owner,
        };
        let owners = [
            run(10, 2, Owner::KernelText),
            run(12, 1, Owner::UncachedExtension(Role::Normal)),
            run(13, 1, Owner::UncachedExtension(Role::Crash)),
            run(14, 2, Owner::Workload),
            run(0xC0000, 1, Owner::KernelData),
        ];
        let pages = kernel_pages(&owners, &[12, 15, 999_999], &[(8, 100)]);
        assert_eq!(pages.into_iter().collect::<Vec<_>>(), [10, 11, 12, 13, 15]);
    }
}
