//! Where what goes in a dump file: header, page map, pages, secondary data.
//!
//! A complete dump is the header of 8 KiB and then every run of RAM. A kernel dump has a second header with a bit per
//! page frame between them. Behind the pages follows the secondary data: a file header (`DumpBlob`) and a tagged block
//! for each callback. All of it in whole pages, because the dump stack writes whole pages.

use alloc::{collections::BTreeSet, vec, vec::Vec};

use proto::hiber::PAGE_BYTES;

use super::pages::Runs;

/// Bytes of `DUMP_HEADER64`.
pub const HEADER_BYTES: u64 = 0x2000;
/// Bytes of the second header before the bits.
const BITMAP_HEADER_BYTES: usize = 0x38;
/// Signature of a kernel dump's second header: summary, valid.
const BITMAP_SIGNATURE: &[u8; 8] = b"SDMPDUMP";
/// Signature of the secondary data (`DUMP_BLOB_FILE_HEADER`).
const BLOB_SIGNATURE: &[u8; 8] = b"DumpBlob";
/// Bytes of `DUMP_BLOB_FILE_HEADER`.
const BLOB_FILE_HEADER_BYTES: u32 = 16;
/// Bytes of `DUMP_BLOB_HEADER`.
const BLOB_HEADER_BYTES: u32 = 32;
/// Blocks of secondary data begin at multiples of this.
const BLOB_ALIGNMENT: usize = 8;

/// A block of secondary data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secondary {
    /// Its tag, as a GUID lies in memory.
    pub guid: [u8; 16],
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// The parts of a dump file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The second header, in whole pages; empty in a complete dump.
    pub bitmap: Vec<u8>,
    /// Page frames in the order of the file: first frame and count.
    pub pages: Runs,
    /// The secondary data, in whole pages; empty without any.
    pub secondary: Vec<u8>,
}

impl Layout {
    /// A complete dump of `ram`.
    #[must_use]
    pub fn full(ram: &Runs, secondary: &[Secondary], build: u32) -> Self {
        Self {
            bitmap: Vec::new(),
            pages: ram.clone(),
            secondary: secondary_data(secondary, build),
        }
    }

    /// A kernel dump of `present`, which are frames of `ram`.
    #[must_use]
    pub fn kernel(
        present: &BTreeSet<u64>,
        ram: &Runs,
        secondary: &[Secondary],
        build: u32,
    ) -> Self {
        let end = ram
            .iter()
            .map(|&(first, count)| first.saturating_add(count))
            .max()
            .unwrap_or(0);
        Self {
            bitmap: bitmap(present, end),
            pages: runs_of(present),
            secondary: secondary_data(secondary, build),
        }
    }

    /// Offset of the first page in the file.
    #[must_use]
    pub fn first_page(&self) -> u64 {
        HEADER_BYTES + self.bitmap.len() as u64
    }

    /// Number of pages.
    #[must_use]
    pub fn page_count(&self) -> u64 {
        self.pages.iter().map(|&(_, count)| count).sum()
    }

    /// Offset of the secondary data.
    #[must_use]
    pub fn secondary_offset(&self) -> u64 {
        self.first_page() + self.page_count() * PAGE_BYTES
    }

    /// Bytes of the file.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.secondary_offset() + self.secondary.len() as u64
    }
}

/// The second header of a kernel dump: a bit for each frame below `end`, least significant first.
fn bitmap(present: &BTreeSet<u64>, end: u64) -> Vec<u8> {
    let bits = end.div_ceil(64) * 64;
    let bytes = BITMAP_HEADER_BYTES + crate::mem::size(bits / 8);
    let mut block = vec![0; bytes.next_multiple_of(crate::mem::size(PAGE_BYTES))];
    let first_page = HEADER_BYTES + block.len() as u64;
    block[..8].copy_from_slice(BITMAP_SIGNATURE);
    for (offset, value) in [
        (0x20, first_page),
        (0x28, present.len() as u64),
        (0x30, end),
    ] {
        block[offset..offset + 8].copy_from_slice(&value.to_le_bytes());
    }
    for &pfn in present {
        if let Some(byte) = block.get_mut(BITMAP_HEADER_BYTES + crate::mem::size(pfn / 8)) {
            *byte |= 1 << (pfn % 8);
        }
    }
    block
}

fn runs_of(pages: &BTreeSet<u64>) -> Runs {
    let mut runs = Runs::new();
    for &pfn in pages {
        match runs.last_mut() {
            Some((first, count)) if *first + *count == pfn => *count += 1,
            _ => runs.push((pfn, 1)),
        }
    }
    runs
}

/// File header and blocks, each behind a header of its own and padded.
fn secondary_data(blocks: &[Secondary], build: u32) -> Vec<u8> {
    if blocks.is_empty() {
        return Vec::new();
    }
    let mut data = Vec::from(*BLOB_SIGNATURE);
    data.extend(BLOB_FILE_HEADER_BYTES.to_le_bytes());
    data.extend(build.to_le_bytes());
    for block in blocks {
        let padding = block.bytes.len().next_multiple_of(BLOB_ALIGNMENT) - block.bytes.len();
        data.extend(BLOB_HEADER_BYTES.to_le_bytes());
        data.extend(block.guid);
        for number in [block.bytes.len(), 0, padding] {
            data.extend(u32::try_from(number).unwrap_or(0).to_le_bytes());
        }
        data.extend(&block.bytes);
        data.resize(data.len() + padding, 0);
    }
    data.resize(data.len().next_multiple_of(crate::mem::size(PAGE_BYTES)), 0);
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complete_dump_is_the_header_and_every_run() {
        let layout = Layout::full(&vec![(0, 0x9f), (0x100, 16)], &[], 22621);
        assert_eq!(layout.first_page(), 0x2000);
        assert_eq!(layout.page_count(), 0x9f + 16);
        assert_eq!(layout.bytes(), 0x2000 + (0x9f + 16) * 4096);
    }

    #[test]
    fn the_page_map_has_a_bit_for_each_page() {
        let present = BTreeSet::from([1, 2, 9, 130]);
        let layout = Layout::kernel(&present, &vec![(0, 131)], &[], 22621);
        assert_eq!(&layout.bitmap[..8], b"SDMPDUMP");
        assert_eq!(layout.bitmap[0x20..0x28], 0x3000_u64.to_le_bytes());
        assert_eq!(layout.bitmap[0x28..0x30], 4_u64.to_le_bytes());
        assert_eq!(layout.bitmap[0x30..0x38], 131_u64.to_le_bytes());
        assert_eq!(layout.bitmap[0x38], 0b110);
        assert_eq!(layout.bitmap[0x39], 0b10);
        assert_eq!(layout.bitmap[0x38 + 16], 0b100);
        assert_eq!(layout.pages, [(1, 2), (9, 1), (130, 1)]);
        assert_eq!(layout.bytes(), 0x3000 + 4 * 4096);
    }

    #[test]
    fn secondary_blocks_follow_their_headers() {
        let block = Secondary {
            guid: [7; 16],
            bytes: vec![1, 2, 3],
        };
        let layout = Layout::full(&vec![(0, 1)], &[block.clone(), block], 22621);
        let data = &layout.secondary;
        assert_eq!(data.len(), 4096);
        assert_eq!(&data[..8], b"DumpBlob");
        assert_eq!(data[8..12], 16_u32.to_le_bytes());
        assert_eq!(data[16..20], 32_u32.to_le_bytes());
        assert_eq!(data[20..36], [7; 16]);
        assert_eq!(data[36..40], 3_u32.to_le_bytes());
        assert_eq!(data[44..48], 5_u32.to_le_bytes());
        assert_eq!(data[48..51], [1, 2, 3]);
        assert_eq!(data[56..60], 32_u32.to_le_bytes());
        assert_eq!(layout.secondary_offset(), 0x3000);
        assert_eq!(layout.bytes(), 0x4000);
    }
}
