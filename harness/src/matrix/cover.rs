//! Few configurations that contain every pair of values: [`covering`], a greedy covering array of strength two.
//!
//! Faults of a driver that come from its configuration come from one property or from two together nearly always, and the
//! full product has thousands of machines. Each row is the best of some candidates; a candidate starts with a pair that is
//! missing and takes for each further property the value with most that is new. What is new: values first, then pairs, so
//! that the first rows are a useful sample by themselves.

use super::axes::{Choice, SIZES};

/// Candidates for each row.
const CANDIDATES: usize = 24;

/// The rows, the two extremes first. The same seed gives the same rows.
#[must_use]
pub fn covering(seed: u64) -> Vec<Choice> {
    let mut covered = Seen::default();
    let mut rows = vec![[0; SIZES.len()], [1; SIZES.len()]];
    for row in &rows {
        covered.add(row);
    }
    let mut random = Random(seed);
    while let Some(missing) = covered.missing() {
        let best = (0..CANDIDATES)
            .map(|_| candidate(missing, &covered, &mut random))
            .max_by_key(|row| covered.news(row))
            .unwrap_or(rows[0]);
        covered.add(&best);
        rows.push(best);
    }
    rows
}

/// Two properties, each with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pair {
    first: (usize, usize),
    second: (usize, usize),
}

/// What the rows so far contain.
#[derive(Debug, Default)]
struct Seen {
    rows: Vec<Choice>,
}

impl Seen {
    fn add(&mut self, row: &Choice) {
        self.rows.push(*row);
    }

    fn value(&self, (axis, value): (usize, usize)) -> bool {
        self.rows.iter().any(|row| row[axis] == value)
    }

    fn pair(&self, pair: Pair) -> bool {
        self.rows
            .iter()
            .any(|row| row[pair.first.0] == pair.first.1 && row[pair.second.0] == pair.second.1)
    }

    /// A pair that no row has, with as many values as possible that no row has.
    fn missing(&self) -> Option<Pair> {
        pairs().filter(|pair| !self.pair(*pair)).min_by_key(|pair| {
            usize::from(self.value(pair.first)) + usize::from(self.value(pair.second))
        })
    }

    /// Number of values and of pairs that `row` would be the first to have.
    fn news(&self, row: &Choice) -> (usize, usize) {
        let values = row
            .iter()
            .enumerate()
            .filter(|(axis, value)| !self.value((*axis, **value)))
            .count();
        let fresh = pairs()
            .filter(|pair| {
                row[pair.first.0] == pair.first.1
                    && row[pair.second.0] == pair.second.1
                    && !self.pair(*pair)
            })
            .count();
        (values, fresh)
    }
}

/// Every pair of values of two properties.
fn pairs() -> impl Iterator<Item = Pair> {
    (0..SIZES.len()).flat_map(|first| {
        (first + 1..SIZES.len()).flat_map(move |second| {
            (0..SIZES[first]).flat_map(move |one| {
                (0..SIZES[second]).map(move |other| Pair {
                    first: (first, one),
                    second: (second, other),
                })
            })
        })
    })
}

/// A row with `start`, filled up greedily in a random order of the properties.
fn candidate(start: Pair, seen: &Seen, random: &mut Random) -> Choice {
    let mut row: [Option<usize>; SIZES.len()] = [None; SIZES.len()];
    row[start.first.0] = Some(start.first.1);
    row[start.second.0] = Some(start.second.1);
    let mut open: Vec<usize> = (0..SIZES.len())
        .filter(|axis| row[*axis].is_none())
        .collect();
    while !open.is_empty() {
        let axis = open.swap_remove(random.below(open.len()));
        let offset = random.below(SIZES[axis]);
        let best = (0..SIZES[axis])
            .map(|value| (value + offset) % SIZES[axis])
            .max_by_key(|value| {
                let fresh = row
                    .iter()
                    .enumerate()
                    .filter_map(|(other, chosen)| chosen.map(|chosen| (other, chosen)))
                    .filter(|chosen| {
                        !seen.pair(Pair {
                            first: *chosen,
                            second: (axis, *value),
                        })
                    })
                    .count();
                (!seen.value((axis, *value)), fresh)
            });
        row[axis] = best;
    }
    row.map(Option::unwrap_or_default)
}

/// Splitmix64: the rows must not change with the version of a crate.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^= word >> 31;
        let limit = u64::try_from(limit.max(1)).unwrap_or(1);
        usize::try_from(word % limit).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uncovered(rows: &[Choice]) -> usize {
        let seen = Seen {
            rows: rows.to_vec(),
        };
        pairs().filter(|pair| !seen.pair(*pair)).count()
    }

    #[test]
    fn every_pair_is_there_and_the_rows_are_few() {
        for seed in [0, 1, 77] {
            let rows = covering(seed);
            assert_eq!(uncovered(&rows), 0);
            // Eight values meet seven values: 56 rows at least.
            assert!((56..=68).contains(&rows.len()), "{} rows", rows.len());
        }
    }

    #[test]
    fn a_row_left_out_would_be_missed() {
        let rows = covering(1);
        assert!(uncovered(&rows[..rows.len() - 1]) > 0);
    }

    #[test]
    fn the_seed_decides() {
        assert_eq!(covering(5), covering(5));
        assert_ne!(covering(5), covering(6));
    }

    #[test]
    fn the_first_rows_have_every_value() {
        let seen = Seen {
            rows: covering(1)[..8].to_vec(),
        };
        for (axis, size) in SIZES.iter().enumerate() {
            for value in 0..*size {
                assert!(seen.value((axis, value)), "property {axis}, value {value}");
            }
        }
        // And four have all but those of the two long axes.
        let four = Seen {
            rows: covering(1)[..4].to_vec(),
        };
        for (axis, size) in SIZES.iter().enumerate().filter(|(_, size)| **size <= 4) {
            for value in 0..*size {
                assert!(four.value((axis, value)), "property {axis}, value {value}");
            }
        }
    }
}
