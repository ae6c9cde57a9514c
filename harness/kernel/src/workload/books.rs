//! One book a unit: which unit the workload writes to, and what every sector of its area must hold.

use alloc::vec::Vec;

use proto::{record::WrittenRange, scenario::Partition};

use super::plan::{Extent, Plan};
use crate::port::{Unit, random::mix};

/// A unit and its book.
#[derive(Debug)]
pub(super) struct Book {
    /// The unit.
    pub(super) unit: Unit,
    /// What it must hold, and what is asked of it next.
    pub(super) plan: Plan,
    /// The unit was pulled out.
    pub(super) gone: bool,
    /// Writes that did not end because of that.
    pub(super) torn: Vec<Torn>,
}

/// A write that was cut off: each sector holds what was there before, or what was to be there.
#[derive(Debug)]
pub(super) struct Torn {
    /// Where.
    pub(super) extent: Extent,
    /// Number of the write that filled each sector before it, as in the plan.
    pub(super) before: Vec<u32>,
    /// The same with it.
    pub(super) after: Vec<u32>,
}

/// What the books of a workload have in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// Seed of the first book; the others' follow from it, so that the sectors of two units differ.
    pub(super) seed: u64,
    /// Area on the first unit. The others are written from end to end: nothing else is on them.
    pub(super) data: Partition,
    /// Longest request in bytes.
    pub(super) max_bytes: u32,
    /// So many requests in a row do not meet.
    pub(super) apart: usize,
}

/// A book for each of `units`, of which the first has the partitions.
pub(super) fn open(units: &[Unit], terms: Terms) -> Vec<Book> {
    (0..)
        .zip(units)
        .map(|(number, unit)| {
            let (seed, area) = match number {
                0 => (terms.seed, terms.data),
                other => (
                    mix(terms.seed ^ mix(other)),
                    Partition {
                        first_lba: 0,
                        sectors: unit.sectors,
                    },
                ),
            };
            let address = unit.address;
            Book {
                unit: unit.clone(),
                gone: false,
                torn: Vec::new(),
                plan: Plan::new(seed, unit.sector_bytes, area, terms.max_bytes, terms.apart)
                    .on_unit((address.path, address.target, address.lun)),
            }
        })
        .collect()
}

/// What all of them have written.
pub(super) fn written(books: &[Book]) -> Vec<WrittenRange> {
    books
        .iter()
        .flat_map(|book| book.plan.written_ranges())
        .collect()
}
