//! Decoding of the six base address registers (PCI Local Bus 3.0, 6.2.5.1).

use super::walk::Snapshot;
use super::{CapError, Structure};

/// Base address registers of a type 0 header.
pub const BAR_COUNT: usize = 6;

const FIRST_BAR_OFFSET: u8 = 0x10;

/// One base address register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bar {
    /// All zero: not implemented, or no address assigned.
    Unused,
    /// I/O ports from `base`.
    Io {
        /// First port.
        base: u32,
    },
    /// Memory from `base`; a 64-bit BAR also takes the next slot.
    Memory {
        /// Bus address of the first byte.
        base: u64,
    },
    /// The upper half of the 64-bit BAR before it.
    UpperHalf,
    /// A reserved memory type, or a 64-bit BAR in the last slot.
    Reserved,
}

impl Bar {
    pub(super) fn check(self, structure: Structure) -> Result<(), CapError> {
        match self {
            Self::Memory { base: 1.. } | Self::Io { base: 1.. } => Ok(()),
            Self::Unused | Self::Memory { .. } | Self::Io { .. } => {
                Err(CapError::BarUnassigned(structure))
            }
            Self::UpperHalf | Self::Reserved => Err(CapError::BarUnusable(structure)),
        }
    }
}

/// Decodes the BARs of a snapshot.
pub(super) fn decode(snapshot: &Snapshot<'_>) -> [Bar; BAR_COUNT] {
    let mut offset = FIRST_BAR_OFFSET;
    let raw = [(); BAR_COUNT].map(|()| {
        let value = snapshot.u32(offset);
        offset = offset.saturating_add(4);
        value
    });
    decode_raw(raw)
}

fn decode_raw(raw: [u32; BAR_COUNT]) -> [Bar; BAR_COUNT] {
    let mut bars = [Bar::Unused; BAR_COUNT];
    let mut slots = bars.iter_mut();
    let mut values = raw.into_iter();
    while let (Some(bar), Some(low)) = (slots.next(), values.next()) {
        let base = u64::from(low & !0xF);
        *bar = match low & 0b111 {
            _ if low == 0 => Bar::Unused,
            0b000 => Bar::Memory { base },
            0b100 => match (slots.next(), values.next()) {
                (Some(upper), Some(high)) => {
                    *upper = Bar::UpperHalf;
                    Bar::Memory {
                        base: (u64::from(high) << 32) | base,
                    }
                }
                _ => Bar::Reserved,
            },
            bits if bits & 1 == 1 => Bar::Io { base: low & !0b11 },
            _ => Bar::Reserved,
        };
    }
    bars
}

#[cfg(test)]
mod tests {
    use super::{Bar, decode_raw};

    #[test]
    fn pairs_take_two_slots_and_the_last_slot_cannot_pair() {
        let bars = decode_raw([0xC001, 0xFEB0_0000, 0, 0, 0xFE00_000C, 0x80]);
        assert_eq!(
            bars,
            [
                Bar::Io { base: 0xC000 },
                Bar::Memory { base: 0xFEB0_0000 },
                Bar::Unused,
                Bar::Unused,
                Bar::Memory {
                    base: 0x80_FE00_0000
                },
                Bar::UpperHalf
            ]
        );
        assert_eq!(decode_raw([0, 0, 0, 0, 0, 0xFE00_000C])[5], Bar::Reserved);
        assert_eq!(decode_raw([0x2, 0, 0, 0, 0, 0])[0], Bar::Reserved);
    }
}
