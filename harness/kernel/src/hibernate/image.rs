//! The image's own blocks: header, table of contents, wipe list, built for the writer and checked by the reader.
//!
//! [`TableOfContents`] collects a checksum per page while pages are written in any order; [`ImageError`] is what makes
//! a resume stop (bug check 0xA0). Neighbours: [`super::plan`] and [`super::layout`] say what goes where,
//! `proto::hiber` holds the format.

use alloc::{vec, vec::Vec};
use core::fmt;

use proto::hiber::{
    FORMAT_VERSION, HeaderError, IMAGE_MAGIC, ImageHeader, ImageState, ResumeEntry, TocEntry,
    WipeRange, checksum,
};
use zerocopy::{FromBytes, IntoBytes};

use super::{layout::ImageLayout, plan::PagePlan};

/// What the reader finds wrong with an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageError {
    /// The header.
    Header(HeaderError),
    /// The image is complete but not to be resumed from.
    State(u32),
    /// Another kernel wrote it, or another hibernation.
    Identity,
    /// The header's own numbers contradict each other.
    Geometry,
    /// The table of contents.
    TocChecksum,
    /// The wipe list.
    WipeChecksum,
    /// A page.
    PageChecksum {
        /// Its page frame number.
        pfn: u64,
        /// Its block on the partition.
        block: u64,
    },
}

impl fmt::Display for ImageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(HeaderError::Short) => f.write_str("the image header is cut short"),
            Self::Header(HeaderError::Magic) => f.write_str("there is no image header"),
            Self::Header(HeaderError::Version(version)) => {
                write!(f, "the image has format version {version}")
            }
            Self::Header(HeaderError::Checksum) => {
                f.write_str("the checksum of the image header is wrong")
            }
            Self::State(state) => write!(f, "the image is in state {state}, not ready"),
            Self::Identity => f.write_str("the image belongs to another system"),
            Self::Geometry => f.write_str("the image header contradicts itself"),
            Self::TocChecksum => f.write_str("the checksum of the table of contents is wrong"),
            Self::WipeChecksum => f.write_str("the checksum of the wipe list is wrong"),
            Self::PageChecksum { pfn, block } => write!(
                f,
                "the checksum of kernel-phase page {pfn:#x} (block {block} of the partition) is wrong"
            ),
        }
    }
}

/// What identifies a hibernation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The kernel's build.
    pub kernel_id: u64,
    /// Number of the hibernation in this life, from 1.
    pub cycle: u64,
    /// Hash of the firmware memory map.
    pub memory_map_xxh64: u64,
}

/// The table of contents while it is being made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableOfContents {
    entries: Vec<TocEntry>,
}

impl TableOfContents {
    /// A table for the pages of `plan`, checksums still 0.
    #[must_use]
    pub fn new(plan: &PagePlan) -> Self {
        Self {
            entries: plan
                .boot
                .iter()
                .chain(&plan.kernel)
                .map(|page| TocEntry {
                    pfn: page.pfn,
                    xxh64: 0,
                })
                .collect(),
        }
    }

    /// Sets the checksum of the page at position `index`; a position outside the table is ignored.
    pub fn set(&mut self, index: usize, xxh64: u64) {
        if let Some(entry) = self.entries.get_mut(index) {
            entry.xxh64 = xxh64;
        }
    }

    /// The table as it is stored, without padding.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.entries.as_bytes()
    }
}

/// The wipe list as it is stored, without padding.
#[must_use]
pub fn wipe_bytes(wipes: &[WipeRange]) -> &[u8] {
    wipes.as_bytes()
}

/// The sealed header of a complete image.
#[must_use]
pub fn header(
    identity: Identity,
    plan: &PagePlan,
    layout: &ImageLayout,
    toc: &TableOfContents,
    entry: ResumeEntry,
) -> ImageHeader {
    ImageHeader {
        magic: IMAGE_MAGIC,
        version: FORMAT_VERSION,
        state: ImageState::Ready.raw(),
        kernel_id: identity.kernel_id,
        cycle: identity.cycle,
        memory_map_xxh64: identity.memory_map_xxh64,
        boot_pages: count(plan.boot.len()),
        kernel_pages: count(plan.kernel.len()),
        toc_block: layout.toc.first_block,
        toc_xxh64: checksum(toc.as_bytes()),
        data_block: layout.data.first_block,
        wipe_count: count(plan.wipes.len()),
        wipe_block: layout.wipes.first_block,
        wipe_xxh64: checksum(wipe_bytes(&plan.wipes)),
        entry,
        header_xxh64: 0,
    }
    .sealed()
}

/// Reads a header and checks that it is the one to resume from.
///
/// # Errors
/// [`ImageError`] up to [`ImageError::Geometry`].
pub fn accept_header(
    block: &[u8],
    identity: Identity,
) -> Result<(ImageHeader, ImageLayout), ImageError> {
    let header = ImageHeader::parse(block).map_err(ImageError::Header)?;
    if ImageState::from_raw(header.state) != ImageState::Ready {
        return Err(ImageError::State(header.state));
    }
    let found = Identity {
        kernel_id: header.kernel_id,
        cycle: header.cycle,
        memory_map_xxh64: header.memory_map_xxh64,
    };
    if found != identity {
        return Err(ImageError::Identity);
    }
    let pages = header
        .boot_pages
        .checked_add(header.kernel_pages)
        .and_then(|pages| usize::try_from(pages).ok())
        .ok_or(ImageError::Geometry)?;
    let wipes = usize::try_from(header.wipe_count).map_err(|_| ImageError::Geometry)?;
    let layout = ImageLayout::new(pages, wipes);
    let places = (
        layout.toc.first_block,
        layout.wipes.first_block,
        layout.data.first_block,
    );
    if places != (header.toc_block, header.wipe_block, header.data_block) {
        return Err(ImageError::Geometry);
    }
    Ok((header, layout))
}

/// Reads the table of contents from its blocks.
///
/// # Errors
/// [`ImageError::Geometry`], [`ImageError::TocChecksum`].
pub fn accept_toc(header: &ImageHeader, blocks: &[u8]) -> Result<Vec<TocEntry>, ImageError> {
    let entries = header.boot_pages.saturating_add(header.kernel_pages);
    let mut toc = vec![TocEntry { pfn: 0, xxh64: 0 }; entries_in(entries)?];
    fill(toc.as_mut_bytes(), blocks)?;
    if checksum(toc.as_bytes()) != header.toc_xxh64 {
        return Err(ImageError::TocChecksum);
    }
    Ok(toc)
}

/// Reads the wipe list from its blocks.
///
/// # Errors
/// [`ImageError::Geometry`], [`ImageError::WipeChecksum`].
pub fn accept_wipes(header: &ImageHeader, blocks: &[u8]) -> Result<Vec<WipeRange>, ImageError> {
    let zero = WipeRange {
        address: 0,
        bytes: 0,
    };
    let mut wipes = vec![zero; entries_in(header.wipe_count)?];
    fill(wipes.as_mut_bytes(), blocks)?;
    if checksum(wipes.as_bytes()) != header.wipe_xxh64 {
        return Err(ImageError::WipeChecksum);
    }
    Ok(wipes)
}

/// Marks the header in `block` as used up; `None` if it holds no sound header.
#[must_use]
pub fn consumed(block: &[u8]) -> Option<ImageHeader> {
    let header = ImageHeader::parse(block).ok()?;
    Some(
        ImageHeader {
            state: ImageState::Consumed.raw(),
            ..header
        }
        .sealed(),
    )
}

/// The header as its whole block.
#[must_use]
pub fn header_block(header: &ImageHeader) -> Vec<u8> {
    let mut block = vec![0; usize::try_from(proto::hiber::BLOCK_BYTES).unwrap_or(0)];
    if let Some(start) = block.get_mut(..header.as_bytes().len()) {
        start.copy_from_slice(header.as_bytes());
    }
    block
}

/// Offset of the counters in the header's block: the rest of the block is the writer's own.
const COUNTERS_OFFSET: usize = 1024;

/// The header's block with the rule counters that the writer collected after the freeze.
#[must_use]
pub fn header_block_with(header: &ImageHeader, counters: &[[u64; 2]]) -> Vec<u8> {
    let mut block = header_block(header);
    let bytes = counters.as_bytes();
    let end = COUNTERS_OFFSET.saturating_add(bytes.len());
    if let Some(place) = block.get_mut(COUNTERS_OFFSET..end) {
        place.copy_from_slice(bytes);
    }
    block
}

/// Reads `count` counters back from the header's block.
#[must_use]
pub fn counters_of(block: &[u8], count: usize) -> Vec<[u64; 2]> {
    let mut counters = vec![[0; 2]; count];
    let end = COUNTERS_OFFSET.saturating_add(counters.as_bytes().len());
    if let Some(bytes) = block.get(COUNTERS_OFFSET..end) {
        counters.as_mut_bytes().copy_from_slice(bytes);
    }
    counters
}

/// Reads a [`TocEntry`] or [`WipeRange`] table from raw bytes, for tests and tools.
#[must_use]
pub fn entries_of<T: FromBytes>(mut bytes: &[u8]) -> Vec<T> {
    let mut entries = Vec::new();
    while let Ok((entry, rest)) = T::read_from_prefix(bytes) {
        entries.push(entry);
        bytes = rest;
    }
    entries
}

fn fill(target: &mut [u8], blocks: &[u8]) -> Result<(), ImageError> {
    let source = blocks.get(..target.len()).ok_or(ImageError::Geometry)?;
    target.copy_from_slice(source);
    Ok(())
}

fn entries_in(count: u64) -> Result<usize, ImageError> {
    // A table larger than all pages of 1 TiB is damage, not an image; it must not exhaust the heap.
    const LIMIT: u64 = 1 << 28;
    usize::try_from(count)
        .ok()
        .filter(|_| count <= LIMIT)
        .ok_or(ImageError::Geometry)
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
