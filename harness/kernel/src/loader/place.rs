//! What the loader does, in order.

use alloc::vec::Vec;

use proto::{
    hiber::{PACKAGE_BASE, PACKAGE_END, PAGE_BYTES, POISON, checksum},
    record::PhysicalRange,
};

use super::{
    hba::{self, Dirtied},
    package::{Package, PackageError, WINDOW_BYTES},
    tables::Tables,
};
use crate::{
    hw::{
        heap, layout,
        pvh::{self, BootInfo},
        switch,
    },
    mem::{Pa, raw, size},
    pci::{self, Location},
    power,
};

/// The loader's heap in its window.
const HEAP: Pa = Pa(0x18_0000);
const HEAP_BYTES: u64 = 0x3_0000;

/// Restores the machine from the package and enters it.
///
/// # Panics
/// If the package is damaged or for another machine; the panic becomes a record.
pub fn run(start_info: u64) -> ! {
    power::init();
    heap::init(layout::direct(HEAP), HEAP_BYTES);
    let info = match pvh::boot_info(start_info) {
        Ok(info) => info,
        Err(error) => panic!("the boot information is damaged: {error:?}"),
    };
    let ram = usable(&info);
    let mut tables = Tables::new();
    for range in &ram {
        tables.map(range.address, range.bytes);
    }
    let window = raw::window(Pa(PACKAGE_BASE), WINDOW_BYTES);
    let package = match Package::parse(window, &ram) {
        Ok(package) => package,
        Err(error) => panic!("the package {error}"),
    };
    let poisoned = poison(&ram);
    if let Err(error) = place(&package) {
        panic!("the package {error}");
    }
    for wipe in package.wipes {
        destroy(wipe.address, wipe.bytes);
    }
    let dirtied = find_hba(package.header.hba_location).map_or(Dirtied::Untouched, |function| {
        hba::dirty(&function, &mut tables)
    });
    crate::log!(
        "loader: {} pages placed and verified, {} pages poisoned, {} ranges destroyed, HBA {}",
        package.table.len(),
        poisoned,
        package.wipes.len(),
        match dirtied {
            Dirtied::InUse => "left in use",
            Dirtied::Untouched => "untouched",
        }
    );
    switch::enter(package.entry())
}

fn usable(info: &BootInfo) -> Vec<PhysicalRange> {
    info.memory
        .iter()
        .filter(|stretch| stretch.usable)
        .map(|stretch| PhysicalRange {
            address: stretch.address,
            bytes: stretch.bytes,
        })
        .collect()
}

/// Fills all memory above the windows; returns the number of pages.
fn poison(ram: &[PhysicalRange]) -> u64 {
    let mut pages = 0;
    for range in ram {
        let start = range.address.max(PACKAGE_END);
        let end = (range.address + range.bytes) & !(PAGE_BYTES - 1);
        if start < end {
            raw::fill_words(Pa(start), POISON, end - start);
            pages += (end - start) / PAGE_BYTES;
        }
    }
    pages
}

/// Copies the pages to their places and verifies them there.
fn place(package: &Package<'_>) -> Result<(), PackageError> {
    for page in package.pages() {
        let (pfn, content) = page?;
        raw::write(Pa::of_pfn(pfn), content);
    }
    let mut page = [0; 4096];
    for entry in package.table {
        raw::read(Pa::of_pfn(entry.pfn), &mut page);
        if checksum(&page) != entry.xxh64 {
            return Err(PackageError::Checksum(entry.pfn));
        }
    }
    Ok(())
}

/// Overwrites bytes with the poison that a whole page of it would have there.
fn destroy(address: u64, bytes: u64) {
    let pattern = POISON.to_le_bytes();
    for byte in address..address + bytes {
        if let Some(value) = pattern.get(size(byte & 7)) {
            raw::fill(Pa(byte), *value, 1);
        }
    }
}

fn find_hba(location: u64) -> Option<pci::Function> {
    let location = u16::try_from(location).ok().map(Location::from_raw)?;
    pci::scan()
        .into_iter()
        .find(|function| function.location == location)
}
