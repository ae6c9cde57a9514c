//! Sets of byte ranges of physical memory or of a disk: [`Ranges`].

use proto::record::PhysicalRange;

/// A set of bytes, kept as ascending ranges that neither overlap nor touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranges {
    /// Start and end (exclusive) of each range.
    spans: Vec<(u64, u64)>,
}

impl Ranges {
    /// The set of `[start, end)` pairs, in any order, overlapping or not. Empty ones are ignored.
    #[must_use]
    pub fn new(spans: impl IntoIterator<Item = (u64, u64)>) -> Self {
        let mut sorted: Vec<(u64, u64)> = spans.into_iter().filter(|(a, b)| a < b).collect();
        sorted.sort_unstable();
        let mut merged: Vec<(u64, u64)> = Vec::with_capacity(sorted.len());
        for (start, end) in sorted {
            match merged.last_mut() {
                Some(last) if start <= last.1 => last.1 = last.1.max(end),
                _ => merged.push((start, end)),
            }
        }
        Self { spans: merged }
    }

    /// The set of these ranges of physical memory.
    #[must_use]
    pub fn of<'a>(ranges: impl IntoIterator<Item = &'a PhysicalRange>) -> Self {
        Self::new(
            ranges
                .into_iter()
                .map(|range| (range.address, range.address.saturating_add(range.bytes))),
        )
    }

    /// The spans, ascending.
    #[must_use]
    pub fn spans(&self) -> &[(u64, u64)] {
        &self.spans
    }

    /// Number of bytes in the set.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.spans.iter().map(|(start, end)| end - start).sum()
    }

    /// Whether the set has no byte.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Whether the byte at `address` is in the set.
    #[must_use]
    pub fn contains(&self, address: u64) -> bool {
        let after = self.spans.partition_point(|(start, _)| *start <= address);
        after
            .checked_sub(1)
            .and_then(|index| self.spans.get(index))
            .is_some_and(|(_, end)| address < *end)
    }

    /// All bytes of this set and of `other`.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self::new(self.spans.iter().chain(&other.spans).copied())
    }

    /// The bytes of this set that are not in `other`.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        let mut left = Vec::new();
        for &(start, end) in &self.spans {
            let mut from = start;
            for &(cut_start, cut_end) in &other.spans {
                if cut_end <= from || cut_start >= end {
                    continue;
                }
                if from < cut_start {
                    left.push((from, cut_start));
                }
                from = from.max(cut_end);
            }
            if from < end {
                left.push((from, end));
            }
        }
        Self { spans: left }
    }

    /// Whether this set and `other` have a byte in common.
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        self.minus(other).bytes() != self.bytes()
    }

    /// The set in words, at most `limit` ranges.
    #[must_use]
    pub fn describe(&self, limit: usize) -> String {
        let mut words: Vec<String> = self
            .spans
            .iter()
            .take(limit)
            .map(|(start, end)| format!("{start:#x}+{:#x}", end - start))
            .collect();
        if self.spans.len() > limit {
            words.push(format!("and {} more", self.spans.len() - limit));
        }
        words.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_and_touching_ranges_become_one() {
        let set = Ranges::new([(20, 30), (0, 10), (10, 15), (25, 40), (50, 50)]);
        assert_eq!(set.spans(), [(0, 15), (20, 40)]);
        assert_eq!(set.bytes(), 35);
    }

    #[test]
    fn a_byte_is_found_exactly_within_its_range() {
        let set = Ranges::new([(10, 20)]);
        assert!(!set.contains(9));
        assert!(set.contains(10));
        assert!(set.contains(19));
        assert!(!set.contains(20));
    }

    #[test]
    fn subtraction_leaves_both_ends() {
        let set = Ranges::new([(0, 100), (200, 300)]);
        let cut = Ranges::new([(10, 20), (90, 210), (250, 260)]);
        assert_eq!(
            set.minus(&cut).spans(),
            [(0, 10), (20, 90), (210, 250), (260, 300)]
        );
        assert!(set.minus(&set).is_empty());
    }

    #[test]
    fn subtraction_agrees_with_a_byte_by_byte_model() {
        for seed in 0_u64..200 {
            let at = |n: u32| {
                seed.wrapping_mul(6_364_136_223_846_793_005)
                    .rotate_left(n * 7)
                    % 48
            };
            let first = Ranges::new([(at(0), at(0) + at(1) % 9), (at(2), at(2) + at(3) % 9)]);
            let second = Ranges::new([(at(4), at(4) + at(5) % 9), (at(6), at(6) + at(7) % 9)]);
            let left = first.minus(&second);
            let both = first.union(&second);
            for byte in 0..64 {
                let (in_first, in_second) = (first.contains(byte), second.contains(byte));
                assert_eq!(left.contains(byte), in_first && !in_second, "seed {seed}");
                assert_eq!(both.contains(byte), in_first || in_second, "seed {seed}");
            }
        }
    }

    #[test]
    fn the_end_of_the_address_space_does_not_wrap() {
        let set = Ranges::of(&[PhysicalRange {
            address: u64::MAX - 1,
            bytes: 16,
        }]);
        assert_eq!(set.bytes(), 1);
    }
}
