//! Sets of bytes of physical memory, as sorted disjoint ranges.
//!
//! [`RangeSet`] answers the questions of the hibernation: which bytes are marked, which bytes of a page are not, which
//! addresses did the device see that nobody may use. Neighbours: [`super::plan`] turns such sets into page sets,
//! `dump::marks` fills them.

use alloc::vec::Vec;

use proto::record::PhysicalRange;

/// A non-empty stretch of addresses, `start..end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// First address.
    pub start: u64,
    /// First address after it.
    pub end: u64,
}

impl Span {
    /// The span of `bytes` bytes at `start`; `None` if it is empty or runs past the end of the address space.
    #[must_use]
    pub fn new(start: u64, bytes: u64) -> Option<Self> {
        let end = start.checked_add(bytes)?;
        (bytes > 0).then_some(Self { start, end })
    }

    /// Length in bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.end - self.start
    }

    /// The part that both have in common.
    #[must_use]
    pub fn intersection(self, other: Self) -> Option<Self> {
        let start = self.start.max(other.start);
        let end = self.end.min(other.end);
        (start < end).then_some(Self { start, end })
    }
}

/// A set of addresses; the spans are sorted, disjoint and never adjacent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RangeSet {
    spans: Vec<Span>,
}

impl RangeSet {
    /// The empty set.
    #[must_use]
    pub const fn new() -> Self {
        Self { spans: Vec::new() }
    }

    /// Adds a span; what was there stays.
    pub fn insert(&mut self, span: Span) {
        // Spans that overlap the new one or touch it merge with it.
        let first = self.spans.partition_point(|old| old.end < span.start);
        let after = self.spans.partition_point(|old| old.start <= span.end);
        let merged = self
            .spans
            .get(first..after)
            .unwrap_or_default()
            .iter()
            .fold(span, |sum, old| Span {
                start: sum.start.min(old.start),
                end: sum.end.max(old.end),
            });
        self.spans.splice(first..after, [merged]);
    }

    /// Adds `bytes` bytes at `address`; an empty or wrapping range adds nothing.
    pub fn insert_range(&mut self, address: u64, bytes: u64) {
        if let Some(span) = Span::new(address, bytes) {
            self.insert(span);
        }
    }

    /// Adds all of `other`.
    pub fn insert_all(&mut self, other: &Self) {
        for span in other.iter() {
            self.insert(span);
        }
    }

    /// The spans in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = Span> + '_ {
        self.spans.iter().copied()
    }

    /// Is nothing in the set?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Number of addresses in the set.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.iter().map(Span::bytes).sum()
    }

    /// Is every address of `span` in the set?
    #[must_use]
    pub fn covers(&self, span: Span) -> bool {
        self.missing_from(span).is_empty()
    }

    /// Is any address of `span` in the set?
    #[must_use]
    pub fn touches(&self, span: Span) -> bool {
        self.overlapping(span).next().is_some()
    }

    /// The parts of `span` that are not in the set, in ascending order.
    #[must_use]
    pub fn missing_from(&self, span: Span) -> Vec<Span> {
        let mut missing = Vec::new();
        let mut next = span.start;
        for old in self.overlapping(span) {
            if next < old.start {
                missing.push(Span {
                    start: next,
                    end: old.start,
                });
            }
            next = old.end;
        }
        if next < span.end {
            missing.push(Span {
                start: next,
                end: span.end,
            });
        }
        missing
    }

    /// The spans of the set cut to `span`, in ascending order.
    pub fn overlapping(&self, span: Span) -> impl Iterator<Item = Span> + '_ {
        let first = self.spans.partition_point(|old| old.end <= span.start);
        self.spans
            .iter()
            .skip(first)
            .map_while(move |old| old.intersection(span))
    }

    /// What is in this set and not in `other`.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        Self {
            spans: self
                .iter()
                .flat_map(|span| other.missing_from(span))
                .collect(),
        }
    }

    /// As the records carry it.
    #[must_use]
    pub fn to_physical_ranges(&self) -> Vec<PhysicalRange> {
        self.iter()
            .map(|span| PhysicalRange {
                address: span.start,
                bytes: span.bytes(),
            })
            .collect()
    }
}

impl FromIterator<Span> for RangeSet {
    fn from_iter<I: IntoIterator<Item = Span>>(spans: I) -> Self {
        let mut set = Self::new();
        for span in spans {
            set.insert(span);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    fn span(start: u64, end: u64) -> Span {
        Span { start, end }
    }

    fn set(spans: &[(u64, u64)]) -> RangeSet {
        spans.iter().map(|&(start, end)| span(start, end)).collect()
    }

    #[test]
    fn insertion_merges_what_overlaps_or_touches() {
        let mut ranges = set(&[(10, 20), (30, 40), (60, 70)]);
        ranges.insert(span(20, 30));
        assert_eq!(ranges, set(&[(10, 40), (60, 70)]));
        ranges.insert(span(0, 100));
        assert_eq!(ranges, set(&[(0, 100)]));
        ranges.insert(span(101, 102));
        assert_eq!(
            ranges.iter().collect::<Vec<_>>(),
            vec![span(0, 100), span(101, 102)]
        );
        assert_eq!(ranges.bytes(), 101);
    }

    #[test]
    fn an_inner_span_changes_nothing() {
        let mut ranges = set(&[(10, 20)]);
        ranges.insert(span(12, 15));
        assert_eq!(ranges, set(&[(10, 20)]));
    }

    #[test]
    fn empty_and_wrapping_ranges_add_nothing() {
        let mut ranges = RangeSet::new();
        ranges.insert_range(5, 0);
        ranges.insert_range(u64::MAX, 2);
        assert!(ranges.is_empty());
    }

    #[test]
    fn gaps_are_exact_to_the_byte() {
        let ranges = set(&[(10, 20), (30, 40)]);
        assert_eq!(
            ranges.missing_from(span(5, 45)),
            vec![span(5, 10), span(20, 30), span(40, 45)]
        );
        assert_eq!(ranges.missing_from(span(12, 18)), vec![]);
        assert_eq!(ranges.missing_from(span(19, 31)), vec![span(20, 30)]);
        assert!(ranges.covers(span(30, 40)));
        assert!(!ranges.covers(span(30, 41)));
        assert!(ranges.touches(span(39, 50)));
        assert!(!ranges.touches(span(40, 50)));
    }

    #[test]
    fn difference_of_sets() {
        let left = set(&[(0, 10), (20, 30)]);
        let right = set(&[(5, 25)]);
        assert_eq!(left.without(&right), set(&[(0, 5), (25, 30)]));
    }

    #[test]
    fn every_insertion_order_gives_the_same_set() {
        let spans = [
            span(0, 4),
            span(3, 9),
            span(9, 10),
            span(12, 14),
            span(13, 13 + 8),
        ];
        let expected = set(&[(0, 10), (12, 21)]);
        for rotation in 0..spans.len() {
            let mut rotated = spans;
            rotated.rotate_left(rotation);
            assert_eq!(rotated.into_iter().collect::<RangeSet>(), expected);
            rotated.reverse();
            assert_eq!(rotated.into_iter().collect::<RangeSet>(), expected);
        }
    }
}
