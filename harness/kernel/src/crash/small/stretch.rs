//! Ranges of virtual memory: [`Stretch`], and [`Apart`], which keeps each byte from being in a dump twice.

use alloc::{vec, vec::Vec};

/// A range of virtual memory that does not reach the end of the address space.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stretch {
    /// First byte.
    pub address: u64,
    /// Length in bytes.
    pub bytes: u64,
}

impl Stretch {
    /// Address of the first byte behind it.
    #[must_use]
    pub const fn end(self) -> u64 {
        self.address.saturating_add(self.bytes)
    }

    /// How far into it an address lies, if it does.
    #[must_use]
    pub fn offset_of(self, address: u64) -> Option<u64> {
        address
            .checked_sub(self.address)
            .filter(|&offset| offset < self.bytes)
    }

    /// What of it lies outside of `other`: what is before, what is behind.
    fn without(self, other: Self) -> impl Iterator<Item = Self> {
        let before = (self.address, self.end().min(other.address));
        let behind = (self.address.max(other.end()), self.end());
        [before, behind]
            .into_iter()
            .filter(|(start, end)| start < end)
            .map(|(start, end)| Self {
                address: start,
                bytes: end - start,
            })
    }
}

/// The ranges that a dump holds already.
#[derive(Clone, Debug, Default)]
pub struct Apart {
    held: Vec<Stretch>,
}

impl Apart {
    /// What of a range is not held yet; from now on all of it is.
    pub fn add(&mut self, stretch: Stretch) -> Vec<Stretch> {
        let mut pieces = vec![stretch];
        pieces.retain(|piece| piece.bytes != 0);
        for &held in &self.held {
            pieces = pieces
                .into_iter()
                .flat_map(|piece| piece.without(held))
                .collect();
        }
        self.held.extend(&pieces);
        pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn stretch(address: u64, bytes: u64) -> Stretch {
        Stretch { address, bytes }
    }

    #[test]
    fn what_is_held_already_is_cut_out() {
        let mut apart = Apart::default();
        assert_eq!(
            apart.add(stretch(0x1000, 0x1000)),
            [stretch(0x1000, 0x1000)]
        );
        assert!(apart.add(stretch(0x1000, 0x1000)).is_empty());
        assert!(apart.add(stretch(0x1800, 0x10)).is_empty());
        assert_eq!(apart.add(stretch(0x1800, 0x1000)), [stretch(0x2000, 0x800)]);
        assert_eq!(
            apart.add(stretch(0, 0x4000)),
            [stretch(0, 0x1000), stretch(0x2800, 0x1800)]
        );
        assert!(apart.add(stretch(0x5000, 0)).is_empty());
    }

    #[test]
    fn no_byte_is_held_twice_and_none_is_lost() {
        let mut apart = Apart::default();
        let mut model = [false; 64];
        for seed in 0_u64..300 {
            let draw = |turn: u32| seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(turn);
            let (address, bytes) = (draw(5) % 56, draw(23) % 9);
            let asked = address..address + bytes;
            for piece in apart.add(stretch(address, bytes)) {
                for byte in piece.address..piece.end() {
                    assert!(asked.contains(&byte), "seed {seed}: byte {byte}");
                    let held = &mut model[usize::try_from(byte).unwrap()];
                    assert!(!*held, "seed {seed}: byte {byte} twice");
                    *held = true;
                }
            }
            let all = asked
                .clone()
                .all(|byte| model[usize::try_from(byte).unwrap()]);
            assert!(all, "seed {seed}: a byte is lost");
        }
    }

    #[test]
    fn an_address_is_found_in_its_range_alone() {
        let range = stretch(0xFFFF_A000_0000_0010, 0x20);
        assert_eq!(range.offset_of(0xFFFF_A000_0000_0010), Some(0));
        assert_eq!(range.offset_of(0xFFFF_A000_0000_002F), Some(0x1F));
        assert_eq!(range.offset_of(0xFFFF_A000_0000_0030), None);
        assert_eq!(range.offset_of(0xFFFF_A000_0000_000F), None);
    }
}
