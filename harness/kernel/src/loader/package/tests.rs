//! Packages with every number wrong in turn.

use alloc::{vec, vec::Vec};

use proto::{
    hiber::{
        FORMAT_VERSION, HeaderError, PACKAGE_END, PACKAGE_MAGIC, PackageHeader, ResumeEntry,
        TocEntry, WipeRange, checksum,
    },
    record::PhysicalRange,
};
use zerocopy::IntoBytes;

use super::{Package, PackageError};

const RAM: [PhysicalRange; 2] = [
    PhysicalRange {
        address: 0x10_0000,
        bytes: 0x0FF0_0000,
    },
    PhysicalRange {
        address: 1 << 32,
        bytes: 0x10_0000,
    },
];

fn header() -> PackageHeader {
    PackageHeader {
        magic: PACKAGE_MAGIC,
        version: FORMAT_VERSION,
        reserved: 0,
        pages: 2,
        wipes: 1,
        data_offset: 4096,
        hba_location: u64::MAX,
        entry: ResumeEntry {
            cr3: 1,
            rip: 2,
            rsp: 3,
        },
        header_xxh64: 0,
    }
}

/// A window with two pages and one range; the change is made before the header is sealed.
fn window(change: impl FnOnce(&mut PackageHeader, &mut [TocEntry; 2], &mut WipeRange)) -> Vec<u64> {
    let pages = [[0x11_u8; 4096], [0x22_u8; 4096]];
    let mut header = header();
    let mut table = [0x5000, 1 << 20].map(|pfn| TocEntry { pfn, xxh64: 0 });
    for (entry, page) in table.iter_mut().zip(&pages) {
        entry.xxh64 = checksum(page);
    }
    let mut wipe = WipeRange {
        address: 0x500_0010,
        bytes: 0x20,
    };
    change(&mut header, &mut table, &mut wipe);
    let header = header.sealed();
    let mut bytes = Vec::new();
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend_from_slice(wipe.as_bytes());
    bytes.extend_from_slice(table.as_bytes());
    bytes.resize(4096, 0);
    bytes.extend_from_slice(pages.as_flattened());
    // Words, for the alignment that memory has.
    let mut words = vec![0_u64; bytes.len() / 8];
    words.as_mut_bytes().copy_from_slice(&bytes);
    words
}

fn error(
    change: impl FnOnce(&mut PackageHeader, &mut [TocEntry; 2], &mut WipeRange),
) -> PackageError {
    Package::parse(window(change).as_bytes(), &RAM).unwrap_err()
}

#[test]
fn a_good_package_gives_its_pages() {
    let window = window(|_, _, _| {});
    let package = Package::parse(window.as_bytes(), &RAM).unwrap();
    let pages: Vec<_> = package.pages().map(Result::unwrap).collect();
    assert_eq!(pages.len(), 2);
    assert_eq!((pages[0].0, pages[0].1[0]), (0x5000, 0x11));
    assert_eq!((pages[1].0, pages[1].1[4095]), (1 << 20, 0x22));
    assert_eq!(package.wipes[0].address, 0x500_0010);
    assert_eq!(package.entry().rip, 2);
}

#[test]
fn damage_is_found() {
    assert_eq!(
        error(|header, _, _| header.magic = 0),
        PackageError::Header(HeaderError::Magic)
    );
    assert_eq!(
        error(|header, _, _| header.version = 9),
        PackageError::Header(HeaderError::Version(9))
    );
    let mut damaged = window(|_, _, _| {});
    damaged[3] ^= 1 << 40;
    assert_eq!(
        Package::parse(damaged.as_bytes(), &RAM).unwrap_err(),
        PackageError::Header(HeaderError::Checksum)
    );
    let mut damaged = window(|_, _, _| {});
    *damaged.last_mut().unwrap() ^= 1;
    let package = Package::parse(damaged.as_bytes(), &RAM).unwrap();
    assert_eq!(
        package.pages().find_map(Result::err),
        Some(PackageError::Checksum(1 << 20))
    );
}

#[test]
fn numbers_that_lead_outside_are_refused() {
    assert_eq!(
        error(|header, _, _| header.pages = u64::MAX),
        PackageError::Size
    );
    assert_eq!(
        error(|header, _, _| header.wipes = 1 << 60),
        PackageError::Size
    );
    assert_eq!(error(|header, _, _| header.pages = 3), PackageError::Size);
    assert_eq!(
        error(|header, _, _| header.data_offset = u64::MAX),
        PackageError::Size
    );
    assert_eq!(
        error(|_, table, _| table[0].pfn = u64::MAX),
        PackageError::Page(u64::MAX)
    );
    let first_legal = PACKAGE_END / 4096;
    assert_eq!(
        error(|_, table, _| table[0].pfn = first_legal - 1),
        PackageError::Page(first_legal - 1)
    );
    assert_eq!(
        error(|_, table, _| table[1].pfn = 0x1_0000),
        PackageError::Page(0x1_0000)
    );
    assert_eq!(
        error(|_, _, wipe| wipe.bytes = 1 << 40),
        PackageError::Wipe(0x500_0010)
    );
    assert_eq!(
        error(|_, _, wipe| wipe.address = u64::MAX),
        PackageError::Wipe(u64::MAX)
    );
}

#[test]
fn an_empty_window_is_called_that() {
    let empty = [0_u64; 512];
    assert_eq!(
        Package::parse(empty.as_bytes(), &RAM).unwrap_err(),
        PackageError::Header(HeaderError::Magic)
    );
    assert_eq!(
        Package::parse(&[], &RAM).unwrap_err(),
        PackageError::Header(HeaderError::Short)
    );
}
