//! Which pages a dump must hold, by what the kernel reported: the owner map, RAM, and what callbacks named.
//!
//! [`Named`] finds the pages of callbacks. The kernel's translation of a virtual address is not believed: the dump's own
//! page tables say where it lies.

use std::path::Path;

use proto::{
    hiber::PAGE_BYTES,
    owner::{Owner, OwnerRun, Role},
    record::{BugcheckCallback, CallbackPages, CallbackResult, PhysicalRange, Record},
};

use crate::{compare::ranges::Ranges, readers, session::life::Life};

/// `KbCallbackAddPages` (wdm.h, `KBUGCHECK_CALLBACK_REASON`).
pub const ADD_PAGES: u32 = 4;
/// `KbCallbackRemovePages`.
pub const REMOVE_PAGES: u32 = 6;

/// Who owned which page when the system stopped: the kernel's last word.
pub(super) fn owners_at_crash(life: &Life) -> Vec<OwnerRun> {
    life.records()
        .filter_map(|record| match record {
            Record::OwnerMap { runs } => Some(runs.clone()),
            _ => None,
        })
        .last()
        .unwrap_or_default()
}

/// The pages that belong into a kernel dump without anybody adding them.
///
/// Not in it: what is free, programs' memory and data buffers, the bench's own scratch memory, and the memory of the normal
/// instance that Windows does not map as the kernel's (common buffers); its driver adds those.
#[must_use]
pub fn kernel_pages(owners: &[OwnerRun]) -> Ranges {
    let is_kernel = |owner| {
        !matches!(
            owner,
            Owner::Free
                | Owner::Firmware
                | Owner::Loader
                | Owner::Scratch
                | Owner::Workload
                | Owner::DataBuffer
                | Owner::UncachedExtension(Role::Normal)
                | Owner::DeviceExtension(Role::Normal)
        )
    };
    Ranges::new(owners.iter().filter(|run| is_kernel(run.owner)).map(|run| {
        let start = run.first_pfn * PAGE_BYTES;
        (start, start + run.pages * PAGE_BYTES)
    }))
}

/// The whole pages of RAM that the machine has.
pub(super) fn whole_ram(life: &Life) -> Ranges {
    let ram = life.records().find_map(|record| match record {
        Record::Hello { ram, .. } => Some(ram.clone()),
        _ => None,
    });
    Ranges::new(ram.unwrap_or_default().iter().map(|range| {
        let end = range.address.saturating_add(range.bytes);
        let start = range.address.next_multiple_of(PAGE_BYTES);
        (start, end - end % PAGE_BYTES)
    }))
}

/// What the writing of the dump changes by the kernel's account.
pub(super) fn volatile(life: &Life) -> Ranges {
    let ranges: Vec<PhysicalRange> = life
        .records()
        .filter_map(|record| match record {
            Record::Volatile { ranges } => Some(ranges.iter().map(|(range, _)| *range)),
            _ => None,
        })
        .flatten()
        .collect();
    Ranges::of(&ranges)
}

/// The pages that drivers named by callbacks of one reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Named {
    /// Their physical memory, whole pages.
    pub(super) ranges: Ranges,
    /// Those that cannot be found, in words.
    pub(super) lost: Vec<String>,
}

impl Named {
    /// The pages of callbacks with this reason; virtual addresses are looked up in the dump at `path`.
    pub(super) fn of(life: &Life, path: &Path, reason: u32) -> Self {
        let named: Vec<CallbackPages> = life
            .records()
            .filter_map(|record| match record {
                Record::BugcheckCallback(BugcheckCallback {
                    reason: asked,
                    result: CallbackResult::Pages(pages),
                    ..
                }) if *asked == reason => Some(pages.iter().copied()),
                _ => None,
            })
            .flatten()
            .collect();
        let virtual_addresses = addresses(&named, Space::Virtual);
        let translated = if virtual_addresses.is_empty() {
            Vec::new()
        } else {
            readers::physical_of(path, &virtual_addresses)
        };
        let lost = virtual_addresses
            .iter()
            .zip(&translated)
            .filter(|(_, place)| place.is_none())
            .map(|(address, _)| {
                format!("the page at {address:#x}, not mapped by the dump's page tables,")
            })
            .collect();
        let physical = addresses(&named, Space::Physical);
        let pages = physical.into_iter().chain(translated.into_iter().flatten());
        let ranges = Ranges::new(pages.map(|address| {
            let start = address - address % PAGE_BYTES;
            (start, start + PAGE_BYTES)
        }));
        Self { ranges, lost }
    }

    /// The numbers of the page frames.
    pub(super) fn frames(&self) -> impl Iterator<Item = u64> {
        self.ranges
            .spans()
            .iter()
            .flat_map(|(start, end)| start / PAGE_BYTES..end / PAGE_BYTES)
    }
}

/// How a callback gave an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Space {
    Physical,
    Virtual,
}

/// The address of every page in `named` that was given in this way.
fn addresses(named: &[CallbackPages], space: Space) -> Vec<u64> {
    named
        .iter()
        .filter(|range| range.physical_address == (space == Space::Physical))
        .flat_map(|range| {
            let first = range.address;
            (0..range.pages).map(move |page| first + page * PAGE_BYTES)
        })
        .collect()
}
