//! What a sector of the workload holds: a pattern that follows from the seed, its place and the write that filled it.
//!
//! A sector that landed in the wrong place, an old version of it, or one wrong bit all differ from what is expected.

use crate::port::random::mix;

const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// The content of one sector after one write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SectorPattern {
    base: u64,
}

impl SectorPattern {
    /// The pattern of sector `lba` as write number `version` leaves it.
    #[must_use]
    pub const fn new(seed: u64, lba: u64, version: u32) -> Self {
        Self {
            base: mix(mix(seed ^ lba.wrapping_mul(STEP)) ^ version as u64),
        }
    }

    /// Fills a sector, whose length is a multiple of 8.
    pub fn fill(self, sector: &mut [u8]) {
        let (words, _) = sector.as_chunks_mut();
        let mut word = self.base;
        for bytes in words {
            *bytes = word.to_le_bytes();
            word = word.wrapping_add(STEP);
        }
    }

    /// Number of bytes of `sector` that differ. What is left behind the last whole word belongs to no sector, and differs.
    #[must_use]
    pub fn differing_bytes(self, sector: &[u8]) -> u64 {
        let (words, rest) = sector.as_chunks();
        let mut word = self.base;
        let mut wrong = rest.len() as u64;
        for bytes in words {
            let difference = u64::from_le_bytes(*bytes) ^ word;
            if difference != 0 {
                let differs = |byte: &&u8| **byte != 0;
                wrong += difference.to_le_bytes().iter().filter(differs).count() as u64;
            }
            word = word.wrapping_add(STEP);
        }
        wrong
    }
}

#[cfg(test)]
mod tests {
    use super::SectorPattern;

    #[test]
    fn a_sector_verifies_and_one_bit_does_not() {
        let pattern = SectorPattern::new(1, 2, 3);
        let mut sector = [0; 512];
        pattern.fill(&mut sector);
        assert_eq!(pattern.differing_bytes(&sector), 0);
        sector[100] ^= 4;
        assert_eq!(pattern.differing_bytes(&sector), 1);
    }

    #[test]
    fn place_version_and_seed_matter() {
        let pattern = SectorPattern::new(1, 2, 3);
        for other in [
            SectorPattern::new(1, 3, 3),
            SectorPattern::new(1, 2, 4),
            SectorPattern::new(2, 2, 3),
        ] {
            let mut sector = [0; 512];
            other.fill(&mut sector);
            assert!(pattern.differing_bytes(&sector) > 400);
        }
    }
}
