//! The hibernation image on the disk, and the package by which the host plays the firmware loader.
//!
//! The hibernation partition holds, in blocks of [`BLOCK_BYTES`]:
//!
//! | block | content |
//! |---|---|
//! | 0 | [`ImageHeader`], written last, its checksum in `header_xxh64` |
//! | `toc_block`.. | [`TocEntry`] × (`boot_pages` + `kernel_pages`), boot-phase set first; checksum in the header |
//! | `wipe_block`.. | [`WipeRange`] × `wipe_count`; at least one block is set aside |
//! | `data_block`.. | the pages, one block each, in the order of the table |
//!
//! A page is in each set at most once. A page of which only a part is marked is in both: the loader restores it and
//! overwrites the unmarked bytes (the wipe list), and the system takes just these bytes back from the kernel-phase copy.
//!
//! The package that the host places at [`PACKAGE_BASE`] is a [`PackageHeader`], then `wipes` × [`WipeRange`], then
//! `pages` × [`TocEntry`], then, at the next page boundary, the pages in that order.

use xxhash_rust::xxh64::xxh64;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Bytes of a page of x86-64 memory.
pub const PAGE_BYTES: u64 = 4096;
/// Bytes of a block of the image.
pub const BLOCK_BYTES: u64 = 4096;
/// `HIBRPORT`, little endian.
pub const IMAGE_MAGIC: u64 = u64::from_le_bytes(*b"HIBRPORT");
/// `HIBRPACK`, little endian.
pub const PACKAGE_MAGIC: u64 = u64::from_le_bytes(*b"HIBRPACK");
/// Version of both formats.
pub const FORMAT_VERSION: u32 = 1;
/// Physical address of the loader's window.
pub const LOADER_BASE: u64 = 0x10_0000;
/// Physical address at which the host places the package.
pub const PACKAGE_BASE: u64 = 0x20_0000;
/// End of the package window; the system allocates no memory below.
pub const PACKAGE_END: u64 = 0x420_0000;
/// What the loader writes into every page that it does not restore.
pub const POISON: u64 = 0xDEAD_F00D_DEAD_F00D;

/// State of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageState {
    /// Complete, may be resumed.
    Ready,
    /// Resumed from; must not be used again.
    Consumed,
    /// No such value: damaged or from another version.
    Unknown(u32),
}

impl ImageState {
    /// As stored.
    #[must_use]
    pub const fn raw(self) -> u32 {
        match self {
            Self::Ready => 1,
            Self::Consumed => 2,
            Self::Unknown(raw) => raw,
        }
    }

    /// From the stored value.
    #[must_use]
    pub const fn from_raw(raw: u32) -> Self {
        match raw {
            1 => Self::Ready,
            2 => Self::Consumed,
            other => Self::Unknown(other),
        }
    }
}

/// Where execution goes on after the loader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub struct ResumeEntry {
    /// Physical address of the root page table.
    pub cr3: u64,
    /// Virtual address of the resume entry.
    pub rip: u64,
    /// Stack pointer at the entry.
    pub rsp: u64,
}

/// First block of the hibernation partition. 4096 bytes on the disk; what follows is the writer's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub struct ImageHeader {
    /// [`IMAGE_MAGIC`].
    pub magic: u64,
    /// [`FORMAT_VERSION`].
    pub version: u32,
    /// [`ImageState`].
    pub state: u32,
    /// Identity of the bench kernel that wrote it (its build id, hashed).
    pub kernel_id: u64,
    /// Number of the hibernation in this life, from 1.
    pub cycle: u64,
    /// Hash of the firmware memory map; a machine of another size refuses the image.
    pub memory_map_xxh64: u64,
    /// Pages that the loader restores.
    pub boot_pages: u64,
    /// Pages that the RESUME instance reads; 0 = single-phase.
    pub kernel_pages: u64,
    /// First block of the table of contents.
    pub toc_block: u64,
    /// xxh64 of the whole table.
    pub toc_xxh64: u64,
    /// First block of the pages.
    pub data_block: u64,
    /// Number of [`WipeRange`]s, at [`ImageHeader::wipe_block`].
    pub wipe_count: u64,
    /// First block of the wipe list.
    pub wipe_block: u64,
    /// xxh64 of the wipe list.
    pub wipe_xxh64: u64,
    /// Where to go on.
    pub entry: ResumeEntry,
    /// xxh64 of all the fields above.
    pub header_xxh64: u64,
}

/// One page of the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub struct TocEntry {
    /// Page frame number.
    pub pfn: u64,
    /// xxh64 (seed 0) of its 4096 bytes.
    pub xxh64: u64,
}

/// Bytes of a restored page that the loader overwrites with poison: memory of the dump instance that was not marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub struct WipeRange {
    /// Physical address of the first byte.
    pub address: u64,
    /// Length in bytes.
    pub bytes: u64,
}

/// Start of the package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub struct PackageHeader {
    /// [`PACKAGE_MAGIC`].
    pub magic: u64,
    /// [`FORMAT_VERSION`].
    pub version: u32,
    /// Zero.
    pub reserved: u32,
    /// Pages in the package.
    pub pages: u64,
    /// Wipe ranges in the package.
    pub wipes: u64,
    /// Offset of the first page in the package, page aligned.
    pub data_offset: u64,
    /// PCI location of the HBA to dirty: bus << 8 | device << 3 | function; `u64::MAX` = none.
    pub hba_location: u64,
    /// Where to go on.
    pub entry: ResumeEntry,
    /// xxh64 of all the fields above.
    pub header_xxh64: u64,
}

/// Why an image or a package is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderError {
    /// Too few bytes.
    Short,
    /// The magic number is not there: no image was ever written, or the start is overwritten.
    Magic,
    /// Written by another version.
    Version(u32),
    /// The header's checksum does not match.
    Checksum,
}

/// Headers that begin with a magic number and a version, and end with a checksum of themselves.
macro_rules! sealed {
    ($header:ident, $magic:ident) => {
        impl $header {
            /// Fills in the checksum.
            #[must_use]
            pub fn sealed(mut self) -> Self {
                self.header_xxh64 = self.own_checksum();
                self
            }

            /// Reads a header from the first bytes, and checks it.
            ///
            /// # Errors
            /// The first [`HeaderError`] that applies.
            pub fn parse(bytes: &[u8]) -> Result<Self, HeaderError> {
                let (header, _) = Self::read_from_prefix(bytes).map_err(|_| HeaderError::Short)?;
                if header.magic != $magic {
                    return Err(HeaderError::Magic);
                }
                if header.version != FORMAT_VERSION {
                    return Err(HeaderError::Version(header.version));
                }
                if header.header_xxh64 != header.own_checksum() {
                    return Err(HeaderError::Checksum);
                }
                Ok(header)
            }

            fn own_checksum(&self) -> u64 {
                let unsealed = Self {
                    header_xxh64: 0,
                    ..*self
                };
                checksum(unsealed.as_bytes())
            }
        }
    };
}

sealed!(ImageHeader, IMAGE_MAGIC);
sealed!(PackageHeader, PACKAGE_MAGIC);

/// The checksum of everything in the image: xxh64 with seed 0.
#[must_use]
pub fn checksum(bytes: &[u8]) -> u64 {
    xxh64(bytes, 0)
}
