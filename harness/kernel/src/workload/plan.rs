//! Which requests the workload makes, and what every sector of its area must hold. Pure and seeded.
//!
//! The sequence of [`Plan::next`] follows from the seed alone: it never looks at what is in flight, so it is the same
//! whatever the order and the time of the completions. Who submits a request of it waits until nothing in flight meets
//! its extent ([`Plan::meets_flight`]); the plan keeps its latest extents apart, so that this is seldom.

use alloc::{collections::VecDeque, vec, vec::Vec};

use proto::{
    hiber::checksum,
    record::{AbandonedRange, WrittenRange},
    scenario::Partition,
};

use super::pattern::SectorPattern;
use crate::port::random::Random;

/// Bytes of the partition that the workload uses; the book-keeping is four bytes a sector.
const AREA_BYTES: u64 = 32 << 20;
/// Longest stretch with one checksum.
const CHECKSUM_BYTES: u64 = 256 << 10;
/// Smallest request in bytes.
const MIN_REQUEST_BYTES: u64 = 4096;
/// A flush comes after so many requests on average.
const FLUSH_EVERY: u64 = 40;
/// The extent of a request without one.
const NOWHERE: Extent = Extent { lba: 0, sectors: 0 };

/// A stretch of sectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// First sector on the disk.
    pub lba: u64,
    /// Number of sectors.
    pub sectors: u32,
}

impl Extent {
    fn end(self) -> u64 {
        self.lba + u64::from(self.sectors)
    }

    fn overlaps(self, other: Self) -> bool {
        self.lba < other.end() && other.lba < self.end()
    }
}

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Reads sectors that were written before.
    Read,
    /// Writes sectors.
    Write,
    /// Flushes the device's cache.
    Flush,
}

/// A request of the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planned {
    /// What it does.
    pub kind: Kind,
    /// Where; no sectors for a flush.
    pub extent: Extent,
}

/// Book of what the area holds, and source of requests.
#[derive(Debug)]
pub struct Plan {
    seed: u64,
    /// Path, target and LUN, for the host.
    unit: (u8, u8, u8),
    sector_bytes: u32,
    first_lba: u64,
    /// Number of the write that filled each sector; 0 = none yet.
    versions: Vec<u32>,
    last_version: u32,
    max_sectors: u32,
    random: Random,
    /// So many of the latest planned extents do not overlap.
    apart: usize,
    latest: VecDeque<Extent>,
    in_flight: Vec<Extent>,
}

impl Plan {
    /// A plan for the start of `partition`, with requests of up to `max_bytes`, of which `apart` in a row do not meet.
    #[must_use]
    pub fn new(
        seed: u64,
        sector_bytes: u32,
        partition: Partition,
        max_bytes: u32,
        apart: usize,
    ) -> Self {
        let sectors = partition
            .sectors
            .min(AREA_BYTES / u64::from(sector_bytes.max(1)));
        Self {
            seed,
            unit: (0, 0, 0),
            sector_bytes,
            first_lba: partition.first_lba,
            versions: vec![0; usize::try_from(sectors).unwrap_or(0)],
            last_version: 0,
            max_sectors: (max_bytes / sector_bytes.max(1)).max(1),
            random: Random::new(seed, "workload"),
            apart,
            latest: VecDeque::new(),
            in_flight: Vec::new(),
        }
    }

    /// The same for the unit at this path, target and LUN instead of 0:0:0.
    #[must_use]
    pub const fn on_unit(mut self, unit: (u8, u8, u8)) -> Self {
        self.unit = unit;
        self
    }

    /// The next request, of up to `max_bytes`. The one before must be booked ([`Plan::book_write`]) if it is a write;
    /// `None` only if the area is too small for any.
    pub fn next(&mut self, max_bytes: u64) -> Option<Planned> {
        if self.random.one_in(FLUSH_EVERY) {
            return Some(Planned {
                kind: Kind::Flush,
                extent: NOWHERE,
            });
        }
        let read = if self.random.one_in(2) && self.last_version != 0 {
            self.place(max_bytes, |versions| {
                versions.iter().all(|version| *version != 0)
            })
        } else {
            None
        };
        let (kind, extent) = match read {
            Some(extent) => (Kind::Read, extent),
            None => (Kind::Write, self.place_write(max_bytes)?),
        };
        while self.latest.len() >= self.apart.max(1) {
            self.latest.pop_front();
        }
        self.latest.push_back(extent);
        Some(Planned { kind, extent })
    }

    /// The last `sectors` sectors of the area.
    #[must_use]
    pub fn tail(&self, sectors: u32) -> Extent {
        let all = self.versions.len() as u64;
        let sectors = sectors.min(u32::try_from(all).unwrap_or(u32::MAX));
        Extent {
            lba: self.first_lba + all - u64::from(sectors),
            sectors,
        }
    }

    /// Whether a request in flight meets `extent`.
    #[must_use]
    pub fn meets_flight(&self, extent: Extent) -> bool {
        self.in_flight.iter().any(|other| other.overlaps(extent))
    }

    /// A request on `extent` begins; nothing else may begin there until [`Plan::landed`].
    pub fn launched(&mut self, extent: Extent) {
        self.in_flight.push(extent);
    }

    /// The request on `extent` is over.
    pub fn landed(&mut self, extent: Extent) {
        if let Some(position) = self.in_flight.iter().position(|other| *other == extent) {
            self.in_flight.swap_remove(position);
        }
    }

    /// Books a write on `extent`: from here on the area must hold its pattern there.
    pub fn book_write(&mut self, extent: Extent) {
        self.last_version += 1;
        let version = self.last_version;
        if let Some(versions) = self.versions_mut(extent) {
            versions.fill(version);
        }
    }

    /// A write on `extent` failed: what is there is unknown.
    pub fn forget(&mut self, extent: Extent) {
        if let Some(versions) = self.versions_mut(extent) {
            versions.fill(0);
        }
    }

    /// The pattern that sector `lba` must hold; `None` if it was never written.
    #[must_use]
    pub fn pattern(&self, lba: u64) -> Option<SectorPattern> {
        let index = usize::try_from(lba.checked_sub(self.first_lba)?).ok()?;
        self.pattern_of(lba, *self.versions.get(index)?)
    }

    /// Every written stretch, in ascending order, none longer than the largest request.
    #[must_use]
    pub fn written_extents(&self) -> Vec<Extent> {
        self.stretches(self.max_sectors)
    }

    /// Every written stretch with the checksum that the host must find on the disk.
    #[must_use]
    pub fn written_ranges(&self) -> Vec<WrittenRange> {
        let limit = u32::try_from(CHECKSUM_BYTES / u64::from(self.sector_bytes)).unwrap_or(1);
        let mut content = Vec::new();
        self.stretches(limit)
            .into_iter()
            .map(|extent| {
                self.content(extent, &mut content);
                WrittenRange {
                    unit: self.unit,
                    first_lba: extent.lba,
                    sectors: u64::from(extent.sectors),
                    xxh64: checksum(&content),
                }
            })
            .collect()
    }

    /// The writes that filled the sectors of `extent`, 0 where there was none; for [`Plan::abandon`].
    #[must_use]
    pub fn versions(&self, extent: Extent) -> Vec<u32> {
        self.versions_of(extent).unwrap_or_default().to_vec()
    }

    /// A write on `extent` was cut off: each sector holds what it held `before`, or what the write was to leave there.
    /// What is there is unknown to the plan from here on.
    pub fn abandon(&mut self, extent: Extent, before: &[u32]) -> AbandonedRange {
        let after = self.versions(extent);
        self.forget(extent);
        let checksums = |versions: &[u32]| {
            (extent.lba..)
                .zip(versions)
                .map(|(lba, version)| self.sector_checksum(lba, *version))
                .collect()
        };
        AbandonedRange {
            unit: self.unit,
            first_lba: extent.lba,
            before: checksums(before),
            after: checksums(&after),
        }
    }

    /// Whether `sector` at `lba` is as write number `version` left it; 0 if none has.
    #[must_use]
    pub fn holds(&self, lba: u64, version: u32, sector: &[u8]) -> bool {
        match self.pattern_of(lba, version) {
            Some(pattern) => pattern.differing_bytes(sector) == 0,
            None => sector.iter().all(|byte| *byte == 0),
        }
    }

    /// Writes into `content` what `extent` must hold; sectors that were never written become zero.
    pub fn content(&self, extent: Extent, content: &mut Vec<u8>) {
        let sector_bytes = usize::try_from(self.sector_bytes).unwrap_or(1);
        content.clear();
        content.resize(
            sector_bytes * usize::try_from(extent.sectors).unwrap_or(0),
            0,
        );
        for (lba, sector) in (extent.lba..).zip(content.chunks_mut(sector_bytes)) {
            if let Some(pattern) = self.pattern(lba) {
                pattern.fill(sector);
            }
        }
    }

    /// Bytes per sector.
    #[must_use]
    pub const fn sector_bytes(&self) -> u32 {
        self.sector_bytes
    }

    fn pattern_of(&self, lba: u64, version: u32) -> Option<SectorPattern> {
        (version != 0).then(|| SectorPattern::new(self.seed, lba, version))
    }

    /// Checksum of sector `lba` as `version` leaves it; sectors that were never written are zero.
    fn sector_checksum(&self, lba: u64, version: u32) -> u64 {
        let mut sector = vec![0; usize::try_from(self.sector_bytes).unwrap_or(0)];
        if let Some(pattern) = self.pattern_of(lba, version) {
            pattern.fill(&mut sector);
        }
        checksum(&sector)
    }

    /// A place for a write; the oldest of the latest extents are given up if the area has no other.
    fn place_write(&mut self, max_bytes: u64) -> Option<Extent> {
        loop {
            let found = self.place(max_bytes, |_| true);
            if found.is_some() || self.latest.pop_front().is_none() {
                return found;
            }
        }
    }

    fn place(&mut self, max_bytes: u64, wanted: impl Fn(&[u32]) -> bool) -> Option<Extent> {
        for _ in 0..64 {
            let extent = self.random_extent(max_bytes)?;
            let free = !self.latest.iter().any(|other| other.overlaps(extent));
            if free && self.versions_of(extent).is_some_and(&wanted) {
                return Some(extent);
            }
        }
        None
    }

    /// Sizes are spread evenly over the powers of two, so that small and large requests both occur; starts are at any
    /// sector, mostly at a page boundary.
    fn random_extent(&mut self, max_bytes: u64) -> Option<Extent> {
        let total = u64::try_from(self.versions.len()).ok()?;
        let min = (MIN_REQUEST_BYTES / u64::from(self.sector_bytes)).max(1);
        let most = (max_bytes / u64::from(self.sector_bytes)).min(self.max_sectors.into());
        let max = most.min(total).max(min);
        let powers = (max / min).max(1).ilog2();
        let base = min << self.random.between(0, u64::from(powers));
        let sectors = (base + self.random.below(base)).min(max);
        let mut start = self.random.below(total.checked_sub(sectors)? + 1);
        if !self.random.one_in(4) {
            start -= start % min;
        }
        Some(Extent {
            lba: self.first_lba + start,
            sectors: u32::try_from(sectors).ok()?,
        })
    }

    fn stretches(&self, limit: u32) -> Vec<Extent> {
        let mut extents: Vec<Extent> = Vec::new();
        for (lba, version) in (self.first_lba..).zip(&self.versions) {
            if *version == 0 {
                continue;
            }
            match extents.last_mut() {
                Some(last) if last.end() == lba && last.sectors < limit => last.sectors += 1,
                _ => extents.push(Extent { lba, sectors: 1 }),
            }
        }
        extents
    }

    fn bounds(&self, extent: Extent) -> Option<core::ops::Range<usize>> {
        let start = usize::try_from(extent.lba.checked_sub(self.first_lba)?).ok()?;
        Some(start..start + usize::try_from(extent.sectors).ok()?)
    }

    fn versions_of(&self, extent: Extent) -> Option<&[u32]> {
        self.versions.get(self.bounds(extent)?)
    }

    fn versions_mut(&mut self, extent: Extent) -> Option<&mut [u32]> {
        let bounds = self.bounds(extent)?;
        self.versions.get_mut(bounds)
    }
}

#[cfg(test)]
mod tests;
