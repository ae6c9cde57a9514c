//! The machine's pages: the one [`PageMap`], filled from the firmware's memory map.

use alloc::vec::Vec;

use proto::{
    hiber::{LOADER_BASE, PACKAGE_END},
    owner::{Owner, OwnerRun},
    record::PhysicalRange,
};

use super::{
    PAGE_BYTES, Pa,
    map::{Bounds, PageMap},
};
use crate::{
    hw::{layout, pvh::Stretch},
    sync::Lock,
};

/// First page above 4 GiB.
pub const HIGH_PFN: u64 = (1 << 32) / PAGE_BYTES;
/// First page that the allocator may hand out.
const FIRST_PFN: u64 = PACKAGE_END / PAGE_BYTES;

struct Machine {
    map: PageMap,
    ram: Vec<PhysicalRange>,
}

static MACHINE: Lock<Machine> = Lock::new(Machine {
    map: PageMap::new(),
    ram: Vec::new(),
});

/// Enters the firmware's memory map, the windows, the kernel's image and its heap. Once, at boot.
pub fn init(memory: &[Stretch], heap: PhysicalRange) {
    let mut guard = MACHINE.lock();
    let machine = &mut *guard;
    let usable: Vec<&Stretch> = memory.iter().filter(|stretch| stretch.usable).collect();
    for stretch in &usable {
        machine.ram.push(PhysicalRange {
            address: stretch.address,
            bytes: stretch.bytes,
        });
        let first = stretch.address.div_ceil(PAGE_BYTES);
        let end = (stretch.address + stretch.bytes) / PAGE_BYTES;
        machine
            .map
            .set(first, end.saturating_sub(first), Owner::Free);
    }
    // RAM that the firmware kept: reserved stretches that touch usable ones (tables below the top of low memory).
    for stretch in memory.iter().filter(|stretch| !stretch.usable) {
        let touches = usable
            .iter()
            .any(|ram| ram.address + ram.bytes == stretch.address);
        if touches {
            let first = stretch.address / PAGE_BYTES;
            let end = (stretch.address + stretch.bytes).div_ceil(PAGE_BYTES);
            machine.map.set(first, end - first, Owner::Firmware);
        }
    }
    machine
        .map
        .set(0, LOADER_BASE / PAGE_BYTES, Owner::Firmware);
    machine.map.set(
        LOADER_BASE / PAGE_BYTES,
        (PACKAGE_END - LOADER_BASE) / PAGE_BYTES,
        Owner::Loader,
    );
    for (range, owner) in [
        (layout::kernel_image(), Owner::KernelData),
        (layout::kernel_text(), Owner::KernelText),
        (layout::kernel_rodata(), Owner::KernelText),
        (layout::main_stack(), Owner::KernelStack),
        (layout::hibernate_stack(), Owner::HibernateStack),
        (layout::fault_stack(), Owner::KernelStack),
        (layout::double_fault_stack(), Owner::KernelStack),
        (layout::nmi_stack(), Owner::KernelStack),
        (heap, Owner::KernelData),
    ] {
        machine.map.set(
            range.address / PAGE_BYTES,
            range.bytes.div_ceil(PAGE_BYTES),
            owner,
        );
    }
}

/// Which part of memory a search uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zone {
    /// Below 4 GiB.
    Low,
    /// Above 4 GiB.
    High,
}

impl Zone {
    const fn bounds(self) -> Bounds {
        match self {
            Self::Low => Bounds {
                first_pfn: FIRST_PFN,
                end_pfn: HIGH_PFN,
            },
            Self::High => Bounds {
                first_pfn: HIGH_PFN,
                end_pfn: u64::MAX,
            },
        }
    }
}

/// Takes one stretch of neighbouring pages.
#[must_use]
pub fn take_contiguous(owner: Owner, pages: u64, zone: Zone) -> Option<PhysicalRange> {
    let mut machine = MACHINE.lock();
    let first = machine.map.find_free(pages, zone.bounds())?;
    machine.map.set(first, pages, owner);
    Some(PhysicalRange {
        address: first * PAGE_BYTES,
        bytes: pages * PAGE_BYTES,
    })
}

/// Takes pages that lie apart from each other where the memory allows it: every second free page, so that code that
/// takes neighbouring virtual pages for neighbouring physical ones is found out.
#[must_use]
pub fn take_scattered(owner: Owner, pages: u64, zone: Zone) -> Option<Vec<u64>> {
    let mut machine = MACHINE.lock();
    let wanted = super::size(pages);
    let bounds = zone.bounds();
    let mut taken: Vec<u64> = machine
        .map
        .free_stretches(bounds)
        .flat_map(|(first, length)| (first..first + length).step_by(2))
        .take(wanted)
        .collect();
    if taken.len() < wanted {
        taken = machine
            .map
            .free_stretches(bounds)
            .flat_map(|(first, length)| first..first + length)
            .take(wanted)
            .collect();
    }
    if taken.len() < wanted {
        return None;
    }
    for &pfn in &taken {
        machine.map.set(pfn, 1, owner);
    }
    Some(taken)
}

/// Takes pages without mapping them; reach them by [`super::direct`]. As few stretches as possible, low memory first.
#[must_use]
pub fn take_pages(owner: Owner, pages: u64) -> Option<Vec<PhysicalRange>> {
    for zone in [Zone::Low, Zone::High] {
        if let Some(range) = take_contiguous(owner, pages, zone) {
            return Some(Vec::from([range]));
        }
    }
    let frames = take_scattered(owner, pages, Zone::Low)?;
    let mut ranges = Vec::new();
    for pfn in frames {
        super::push_merged(&mut ranges, pfn * PAGE_BYTES, PAGE_BYTES);
    }
    Some(ranges)
}

/// Gives whole pages back.
pub fn release_pages(ranges: &[PhysicalRange]) {
    set_range_owner(ranges, Owner::Free);
}

/// Changes the owner of whole pages.
pub fn set_range_owner(ranges: &[PhysicalRange], owner: Owner) {
    let mut machine = MACHINE.lock();
    for range in ranges {
        let first = range.address / PAGE_BYTES;
        let end = (range.address + range.bytes).div_ceil(PAGE_BYTES);
        machine.map.set(first, end - first, owner);
    }
}

/// Owner of the page that holds a byte; memory that is not RAM belongs to the firmware.
#[must_use]
pub fn owner_of(pa: Pa) -> Owner {
    MACHINE
        .lock()
        .map
        .owner(pa.pfn())
        .unwrap_or(Owner::Firmware)
}

/// Whether the whole range is RAM.
#[must_use]
pub fn is_ram(pa: Pa, bytes: u64) -> bool {
    let Some(end) = pa.0.checked_add(bytes) else {
        return false;
    };
    let machine = MACHINE.lock();
    machine
        .ram
        .iter()
        .any(|ram| ram.address <= pa.0 && end <= ram.address + ram.bytes)
}

/// Owners of all pages in use, in ascending order.
#[must_use]
pub fn owner_runs() -> Vec<OwnerRun> {
    MACHINE
        .lock()
        .map
        .runs()
        .filter(|run| run.owner != Owner::Free)
        .collect()
}

/// Usable RAM as the firmware reported it.
#[must_use]
pub fn ram() -> Vec<PhysicalRange> {
    MACHINE.lock().ram.clone()
}

/// Free pages in a zone.
#[must_use]
pub fn free_pages(zone: Zone) -> u64 {
    MACHINE
        .lock()
        .map
        .free_stretches(zone.bounds())
        .map(|(_, pages)| pages)
        .sum()
}
