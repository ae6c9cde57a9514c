//! Where the parts of an image lie on the partition, and in which requests they are written or read.
//!
//! [`ImageLayout`] places header, tables and pages (format: `proto::hiber`); [`requests`] cuts a stretch of blocks
//! into requests of many sizes in an order that is not sequential, as a dump stack must expect. Neighbours:
//! [`super::plan`] says which pages, the dump port carries the requests out.

use alloc::vec::Vec;
use core::mem::size_of;

use proto::{
    hiber::{BLOCK_BYTES, TocEntry, WipeRange},
    scenario::Partition,
};

use crate::port::random::Random;

/// A stretch of consecutive blocks of the partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// First block.
    pub first_block: u64,
    /// Number of blocks, at least 1.
    pub blocks: u64,
}

/// Positions of the parts of an image, in blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageLayout {
    /// The table of contents.
    pub toc: Extent,
    /// The wipe list; at least one block is set aside.
    pub wipes: Extent,
    /// The pages.
    pub data: Extent,
}

/// Why an image does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayoutError {
    /// The partition has fewer blocks than the image needs (bug check 0xA0/0xB).
    PartitionTooSmall {
        /// Blocks needed.
        needed: u64,
        /// Blocks there are.
        available: u64,
    },
    /// A block is no whole number of sectors.
    SectorSize(u32),
}

impl ImageLayout {
    /// Places `pages` pages and `wipes` wipe ranges.
    #[must_use]
    pub fn new(pages: usize, wipes: usize) -> Self {
        let toc = Extent {
            first_block: 1,
            blocks: blocks_of(pages, size_of::<TocEntry>()),
        };
        let wipes = Extent {
            first_block: toc.end(),
            blocks: blocks_of(wipes, size_of::<WipeRange>()),
        };
        let data = Extent {
            first_block: wipes.end(),
            blocks: to_u64(pages),
        };
        Self { toc, wipes, data }
    }

    /// Blocks of the whole image, header included.
    #[must_use]
    pub const fn blocks(&self) -> u64 {
        self.data.end()
    }

    /// Does the image fit into `partition` of a disk with sectors of `sector_bytes`?
    ///
    /// # Errors
    /// [`LayoutError`].
    pub fn check(&self, partition: Partition, sector_bytes: u32) -> Result<(), LayoutError> {
        let available = partition.sectors / sectors_per_block(sector_bytes)?;
        if self.blocks() > available {
            return Err(LayoutError::PartitionTooSmall {
                needed: self.blocks(),
                available,
            });
        }
        Ok(())
    }
}

impl Extent {
    /// First block after the extent.
    #[must_use]
    pub const fn end(self) -> u64 {
        self.first_block.saturating_add(self.blocks)
    }
}

/// Sectors in a block of the image.
///
/// # Errors
/// [`LayoutError::SectorSize`] if a block is no whole number of sectors.
pub fn sectors_per_block(sector_bytes: u32) -> Result<u64, LayoutError> {
    let sector = u64::from(sector_bytes);
    if sector == 0 || !BLOCK_BYTES.is_multiple_of(sector) {
        return Err(LayoutError::SectorSize(sector_bytes));
    }
    Ok(BLOCK_BYTES / sector)
}

/// Cuts `extent` into requests of 1 to `limit_blocks` blocks, in shuffled order; every block is in exactly one.
#[must_use]
pub fn requests(extent: Extent, limit_blocks: u64, random: &mut Random) -> Vec<Extent> {
    let limit = limit_blocks.max(1);
    let mut cut = Vec::new();
    let mut next = extent.first_block;
    while next < extent.end() {
        let blocks = request_blocks(limit, random).min(extent.end() - next);
        cut.push(Extent {
            first_block: next,
            blocks,
        });
        next += blocks;
    }
    shuffle(&mut cut, random);
    cut
}

/// Fisher and Yates, from the back.
fn shuffle(cut: &mut [Extent], random: &mut Random) {
    for last in (1..cut.len()).rev() {
        let other = random.between(0, to_u64(last));
        cut.swap(last, usize::try_from(other).unwrap_or(last));
    }
}

/// Mostly the limit, for speed; else any size, and now and then a single page.
fn request_blocks(limit: u64, random: &mut Random) -> u64 {
    match random.below(8) {
        0 => 1,
        1 | 2 => 1 + random.below(limit),
        _ => limit,
    }
}

/// Blocks that `count` entries of `entry_bytes` fill, at least one.
fn blocks_of(count: usize, entry_bytes: usize) -> u64 {
    to_u64(count.saturating_mul(entry_bytes))
        .div_ceil(BLOCK_BYTES)
        .max(1)
}

fn to_u64(value: usize) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_follow_each_other() {
        let layout = ImageLayout::new(257, 0);
        assert_eq!(
            layout.toc,
            Extent {
                first_block: 1,
                blocks: 2
            }
        );
        assert_eq!(
            layout.wipes,
            Extent {
                first_block: 3,
                blocks: 1
            }
        );
        assert_eq!(
            layout.data,
            Extent {
                first_block: 4,
                blocks: 257
            }
        );
        assert_eq!(layout.blocks(), 261);
    }

    #[test]
    fn a_partition_too_small_is_named() {
        let layout = ImageLayout::new(10, 1);
        let partition = |sectors| Partition {
            first_lba: 2048,
            sectors,
        };
        assert_eq!(layout.check(partition(13 * 8), 512), Ok(()));
        assert_eq!(layout.check(partition(13), 4096), Ok(()));
        assert_eq!(
            layout.check(partition(13 * 8 - 1), 512),
            Err(LayoutError::PartitionTooSmall {
                needed: 13,
                available: 12
            })
        );
        assert_eq!(
            layout.check(partition(100), 520),
            Err(LayoutError::SectorSize(520))
        );
        assert_eq!(
            layout.check(partition(100), 0),
            Err(LayoutError::SectorSize(0))
        );
    }

    #[test]
    fn requests_cover_every_block_once_within_the_limit() {
        let extent = Extent {
            first_block: 7,
            blocks: 1000,
        };
        for seed in 0..50 {
            let mut cut = requests(extent, 16, &mut Random::new(seed, "requests"));
            assert!(cut.iter().all(|part| (1..=16).contains(&part.blocks)));
            let sequential = cut
                .windows(2)
                .all(|pair| pair[0].end() == pair[1].first_block);
            assert!(!sequential, "seed {seed}");
            cut.sort_by_key(|part| part.first_block);
            let mut next = extent.first_block;
            for part in cut {
                assert_eq!(part.first_block, next);
                next = part.end();
            }
            assert_eq!(next, extent.end());
        }
    }

    #[test]
    fn no_blocks_no_requests() {
        let extent = Extent {
            first_block: 1,
            blocks: 0,
        };
        assert!(requests(extent, 16, &mut Random::new(1, "requests")).is_empty());
    }
}
