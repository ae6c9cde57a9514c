//! Reads the package: every number in it is checked before it is used.

use core::fmt;

use proto::{
    hiber::{
        HeaderError, PACKAGE_BASE, PACKAGE_END, PAGE_BYTES, PackageHeader, ResumeEntry, TocEntry,
        WipeRange, checksum,
    },
    record::PhysicalRange,
};
use zerocopy::FromBytes;

use crate::mem::size;

/// A package, all of whose parts lie inside of it.
#[derive(Clone, Copy, Debug)]
pub struct Package<'a> {
    /// Its header.
    pub header: PackageHeader,
    /// What is to be destroyed.
    pub wipes: &'a [WipeRange],
    /// Where the pages belong.
    pub table: &'a [TocEntry],
    /// The pages.
    pub data: &'a [u8],
}

/// Why a package is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PackageError {
    /// The header.
    Header(HeaderError),
    /// More pages or ranges than the window holds.
    Size,
    /// A page belongs where no memory is, or where the loader itself lies.
    Page(u64),
    /// A range to be destroyed lies outside of memory.
    Wipe(u64),
    /// The checksum of a page does not match.
    Checksum(u64),
}

impl fmt::Display for PackageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(HeaderError::Short) => write!(f, "is too short"),
            Self::Header(HeaderError::Magic) => write!(f, "is not there"),
            Self::Header(HeaderError::Version(version)) => {
                write!(f, "has version {version}, which this loader does not know")
            }
            Self::Header(HeaderError::Checksum) => write!(f, "has a damaged header"),
            Self::Size => write!(f, "is larger than its window"),
            Self::Page(pfn) => write!(f, "has page {pfn:#x}, which is no memory of this machine"),
            Self::Wipe(address) => write!(f, "would destroy {address:#x}, which is no memory"),
            Self::Checksum(pfn) => write!(f, "has a damaged page {pfn:#x}"),
        }
    }
}

impl<'a> Package<'a> {
    /// Reads the package in `window`, for a machine with that memory.
    ///
    /// # Errors
    /// The first [`PackageError`] that applies.
    pub fn parse(window: &'a [u8], ram: &[PhysicalRange]) -> Result<Self, PackageError> {
        let header = PackageHeader::parse(window).map_err(PackageError::Header)?;
        let (wipes, rest) = window
            .get(size_of::<PackageHeader>()..)
            .and_then(|rest| {
                <[WipeRange]>::ref_from_prefix_with_elems(rest, size(header.wipes)).ok()
            })
            .ok_or(PackageError::Size)?;
        let (table, _) = <[TocEntry]>::ref_from_prefix_with_elems(rest, size(header.pages))
            .map_err(|_| PackageError::Size)?;
        let bytes = header
            .pages
            .checked_mul(PAGE_BYTES)
            .and_then(|bytes| bytes.checked_add(header.data_offset))
            .ok_or(PackageError::Size)?;
        let data = window
            .get(size(header.data_offset)..size(bytes))
            .ok_or(PackageError::Size)?;
        for entry in table {
            let address = entry
                .pfn
                .checked_mul(PAGE_BYTES)
                .ok_or(PackageError::Page(entry.pfn))?;
            if address < PACKAGE_END || !holds(ram, address, PAGE_BYTES) {
                return Err(PackageError::Page(entry.pfn));
            }
        }
        for wipe in wipes {
            if wipe.address < PACKAGE_END || !holds(ram, wipe.address, wipe.bytes) {
                return Err(PackageError::Wipe(wipe.address));
            }
        }
        Ok(Self {
            header,
            wipes,
            table,
            data,
        })
    }

    /// The pages with where they belong, each one's checksum verified on the way.
    pub fn pages(&self) -> impl Iterator<Item = Result<(u64, &'a [u8]), PackageError>> {
        let pages = self.data.chunks_exact(size(PAGE_BYTES));
        self.table.iter().zip(pages).map(|(entry, page)| {
            if checksum(page) == entry.xxh64 {
                Ok((entry.pfn, page))
            } else {
                Err(PackageError::Checksum(entry.pfn))
            }
        })
    }

    /// Where execution goes on.
    #[must_use]
    pub const fn entry(&self) -> ResumeEntry {
        self.header.entry
    }
}

/// Bytes of the window.
pub const WINDOW_BYTES: u64 = PACKAGE_END - PACKAGE_BASE;

/// Whether a range lies inside of one of the others.
fn holds(ram: &[PhysicalRange], address: u64, bytes: u64) -> bool {
    let Some(end) = address.checked_add(bytes) else {
        return false;
    };
    ram.iter().any(|range| {
        range.address <= address
            && range
                .address
                .checked_add(range.bytes)
                .is_some_and(|range_end| end <= range_end)
    })
}

#[cfg(test)]
mod tests;
