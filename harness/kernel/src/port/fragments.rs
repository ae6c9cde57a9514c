//! Data buffers out of scattered pages: which pages a request gets, and the scatter/gather list that follows.
//!
//! Windows gives a miniport the pages of whoever asked for the I/O: seldom adjacent, below and above 4 GiB. The choice
//! here is seeded, so that a run can be repeated.

use alloc::vec::Vec;

use proto::{hiber::PAGE_BYTES, record::PhysicalRange};

use super::random::Random;

/// Pages for data buffers.
#[derive(Debug)]
pub struct PagePool {
    /// Page frame numbers that are free, ascending.
    free: Vec<u64>,
    random: Random,
}

impl PagePool {
    /// A pool of the pages of `runs` (page aligned).
    #[must_use]
    pub fn new(runs: &[PhysicalRange], random: Random) -> Self {
        let mut free: Vec<u64> = runs
            .iter()
            .flat_map(|run| {
                let first = run.address / PAGE_BYTES;
                first..first + run.bytes / PAGE_BYTES
            })
            .collect();
        free.sort_unstable();
        free.dedup();
        Self { free, random }
    }

    /// Free pages.
    #[must_use]
    pub fn free_pages(&self) -> usize {
        self.free.len()
    }

    /// Takes `count` pages in an order of the seed's choice: short runs of neighbours from random places.
    pub fn take(&mut self, count: usize) -> Option<Vec<u64>> {
        if count > self.free.len() {
            return None;
        }
        let mut taken = Vec::with_capacity(count);
        while taken.len() < count {
            let left = count - taken.len();
            let run = usize::try_from(self.random.between(1, 6))
                .unwrap_or(1)
                .min(left);
            let bound = u64::try_from(self.free.len()).unwrap_or(0);
            let start = usize::try_from(self.random.below(bound)).unwrap_or(0);
            let end = (start + run).min(self.free.len());
            taken.extend(self.free.drain(start..end));
        }
        Some(taken)
    }

    /// Gives pages back.
    pub fn give_back(&mut self, pages: &[u64]) {
        self.free.extend_from_slice(pages);
        self.free.sort_unstable();
    }
}

/// The physical ranges of a buffer of `bytes` bytes that starts `offset` bytes into the first of `pages`; neighbours
/// are merged, as Windows merges them in a scatter/gather list.
#[must_use]
pub fn ranges(pages: &[u64], offset: u64, bytes: u64) -> Vec<PhysicalRange> {
    let mut left = bytes;
    let mut skip = offset;
    let mut ranges: Vec<PhysicalRange> = Vec::new();
    for page in pages {
        if left == 0 {
            break;
        }
        let chunk = (PAGE_BYTES - skip).min(left);
        push_merged(
            &mut ranges,
            PhysicalRange {
                address: page * PAGE_BYTES + skip,
                bytes: chunk,
            },
        );
        left -= chunk;
        skip = 0;
    }
    ranges
}

/// Appends `range`, merged with the last one where they touch.
pub fn push_merged(ranges: &mut Vec<PhysicalRange>, range: PhysicalRange) {
    if let Some(last) = ranges.last_mut()
        && last.address + last.bytes == range.address
    {
        last.bytes += range.bytes;
        return;
    }
    ranges.push(range);
}

/// Pages that a buffer of `bytes` bytes needs when it starts `offset` bytes into a page.
#[must_use]
pub const fn pages_spanned(offset: u64, bytes: u64) -> u64 {
    (offset + bytes).div_ceil(PAGE_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUNS: [PhysicalRange; 2] = [
        PhysicalRange {
            address: 0x10_0000,
            bytes: 64 * PAGE_BYTES,
        },
        PhysicalRange {
            address: 0x1_2000_0000,
            bytes: 64 * PAGE_BYTES,
        },
    ];

    #[test]
    fn pages_are_unique_fragmented_and_come_back() {
        let mut pool = PagePool::new(&RUNS, Random::new(3, "pages"));
        let pages = pool.take(100).unwrap();
        let mut sorted = pages.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), 100);
        let ranges = ranges(&pages, 0, 100 * PAGE_BYTES);
        assert!(ranges.len() > 10, "{} fragments", ranges.len());
        assert!(pages.iter().any(|page| page * PAGE_BYTES >= 1 << 32));
        assert_eq!(pool.take(29), None);
        pool.give_back(&pages);
        assert_eq!(pool.free_pages(), 128);
    }

    #[test]
    fn same_seed_gives_the_same_pages() {
        let take = || PagePool::new(&RUNS, Random::new(9, "pages")).take(17);
        assert_eq!(take(), take());
    }

    #[test]
    fn ranges_cover_exactly_the_bytes_and_merge_neighbours() {
        let ranges = ranges(&[5, 6, 9], 512, 2 * PAGE_BYTES + 100);
        assert_eq!(
            ranges,
            [
                PhysicalRange {
                    address: 5 * PAGE_BYTES + 512,
                    bytes: 2 * PAGE_BYTES - 512
                },
                PhysicalRange {
                    address: 9 * PAGE_BYTES,
                    bytes: 612
                },
            ]
        );
        assert_eq!(pages_spanned(512, 2 * PAGE_BYTES + 100), 3);
        assert_eq!(pages_spanned(0, PAGE_BYTES), 1);
    }
}
