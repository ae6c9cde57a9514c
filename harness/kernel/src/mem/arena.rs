//! Virtual address ranges: handed out with a page of nothing on both sides, reused late.
//!
//! A freed range rests in a queue, so that a stale pointer hits unmapped memory for as long as the queue is long.

use alloc::collections::{BTreeMap, VecDeque};

use super::addr::{PAGE_BYTES, Va};

/// Ranges of one length that must rest at the same time before the oldest is used again.
const RESTING: usize = 64;

/// A region of virtual addresses.
#[derive(Debug)]
pub struct Arena {
    next: u64,
    end: u64,
    resting: BTreeMap<u64, VecDeque<u64>>,
}

impl Arena {
    /// The region of `bytes` bytes from `start` on; both are multiples of a page.
    #[must_use]
    pub const fn new(start: Va, bytes: u64) -> Self {
        Self {
            next: start.0,
            end: start.0.saturating_add(bytes),
            resting: BTreeMap::new(),
        }
    }

    /// Takes a range of `pages` pages; the pages right before and behind it are never mapped.
    pub fn take(&mut self, pages: u64) -> Option<Va> {
        if let Some(queue) = self.resting.get_mut(&pages)
            && queue.len() > RESTING
        {
            return queue.pop_front().map(Va);
        }
        let start = self.next.checked_add(PAGE_BYTES)?;
        let end = pages.checked_mul(PAGE_BYTES)?.checked_add(start)?;
        if end.checked_add(PAGE_BYTES)? > self.end {
            return None;
        }
        self.next = end;
        Some(Va(start))
    }

    /// Gives a range back.
    pub fn give_back(&mut self, va: Va, pages: u64) {
        self.resting.entry(pages).or_default().push_back(va.0);
    }
}

#[cfg(test)]
mod tests {
    use super::Arena;
    use crate::mem::{PAGE_BYTES, Va};

    #[test]
    fn ranges_never_touch() {
        let mut arena = Arena::new(Va(0x10_0000), 0x10_0000);
        let first = arena.take(2).unwrap();
        let second = arena.take(1).unwrap();
        assert_eq!(first, Va(0x10_1000));
        assert_eq!(second.0, first.0 + 3 * PAGE_BYTES);
    }

    #[test]
    fn a_freed_range_rests_before_it_is_used_again() {
        let mut arena = Arena::new(Va(0x10_0000), 0x1000_0000);
        let first = arena.take(1).unwrap();
        arena.give_back(first, 1);
        for _ in 0..64 {
            let other = arena.take(1).unwrap();
            assert_ne!(other, first);
            arena.give_back(other, 1);
        }
        assert_eq!(arena.take(1), Some(first));
    }

    #[test]
    fn an_exhausted_region_says_so() {
        let mut arena = Arena::new(Va(0), 4 * PAGE_BYTES);
        assert_eq!(arena.take(3), None);
        assert_eq!(arena.take(2), Some(Va(PAGE_BYTES)));
        assert_eq!(arena.take(1), None);
        assert_eq!(arena.take(u64::MAX), None);
    }
}
