//! How the dump port divides its common buffers: a bump allocator over two blocks of 64 KiB, and the 32 KiB rule.
//!
//! SRB, SRB extension, device extension and uncached extension lie here. Placement is only as aligned as the documents
//! promise: 8 bytes for all of them (storahci adds slack to its uncached extension for that reason), 16 for the device
//! extension of a miniport that asks for it; never more, on purpose. Neighbour: `super::stack` owns the memory.

use core::fmt;

/// Bytes of one common buffer (0x10000, as the dump port's initialisation context has it).
pub const COMMON_BUFFER_BYTES: u64 = 0x1_0000;
/// Number of common buffers.
pub const COMMON_BUFFERS: usize = 2;
/// What a miniport may ask for in dump mode at most ("should not attempt to allocate more than 32 kilobytes").
pub const NONCACHED_LIMIT_BYTES: u64 = 32 * 1024;
/// Alignment of every piece: no more than this is promised.
pub const BLOCK_ALIGNMENT_BYTES: u64 = 8;
/// Alignment with `STOR_FEATURE_DUMP_16_BYTE_ALIGNMENT`.
pub const FEATURE_ALIGNMENT_BYTES: u64 = 16;

/// A piece of a common buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Which buffer.
    pub buffer: usize,
    /// Offset in it.
    pub offset: u64,
    /// Length in bytes.
    pub bytes: u64,
}

/// Cuts pieces from the common buffers; nothing is given back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommonBuffers {
    bases: [u64; COMMON_BUFFERS],
    used: [u64; COMMON_BUFFERS],
}

impl CommonBuffers {
    /// Unused buffers at these addresses.
    #[must_use]
    pub const fn new(bases: [u64; COMMON_BUFFERS]) -> Self {
        Self {
            bases,
            used: [0; COMMON_BUFFERS],
        }
    }

    /// Cuts `bytes` bytes from the first buffer that has room; `None` if neither has.
    ///
    /// The piece's address is an odd multiple of `align` (a power of two): aligned to that, and to no more.
    pub fn cut(&mut self, bytes: u64, align: u64) -> Option<Piece> {
        (0..COMMON_BUFFERS).find_map(|buffer| {
            let base = *self.bases.get(buffer)?;
            let used = self.used.get_mut(buffer)?;
            let address = odd_multiple(base.checked_add(*used)?, align)?;
            let offset = address - base;
            let end = offset.checked_add(bytes)?;
            if end > COMMON_BUFFER_BYTES {
                return None;
            }
            *used = end;
            Some(Piece {
                buffer,
                offset,
                bytes,
            })
        })
    }
}

/// The lowest odd multiple of `align` that is not below `from`.
fn odd_multiple(from: u64, align: u64) -> Option<u64> {
    let multiple = from.checked_add(align - 1)? / align;
    (multiple | 1).checked_mul(align)
}

/// Noncached memory that a miniport asks for in dump mode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoncachedDemand {
    /// `DeviceExtensionSize`.
    pub device_extension_bytes: u64,
    /// `SpecificLuExtensionSize`.
    pub unit_extension_bytes: u64,
    /// `SrbExtensionSize`.
    pub srb_extension_bytes: u64,
    /// What `StorPortGetUncachedExtension` asked for.
    pub uncached_extension_bytes: u64,
}

impl NoncachedDemand {
    /// What the documented ceiling speaks of: the device's and the driver's extensions. That of the one request is the port's.
    #[must_use]
    pub const fn total_bytes(self) -> u64 {
        self.device_extension_bytes
            .saturating_add(self.unit_extension_bytes)
            .saturating_add(self.uncached_extension_bytes)
    }

    /// Does it keep to [`NONCACHED_LIMIT_BYTES`]?
    #[must_use]
    pub const fn within_limit(self) -> bool {
        self.total_bytes() <= NONCACHED_LIMIT_BYTES
    }
}

impl fmt::Display for NoncachedDemand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} bytes of noncached memory (device extension {}, extension of a unit {}, uncached extension {})",
            self.total_bytes(),
            self.device_extension_bytes,
            self.unit_extension_bytes,
            self.uncached_extension_bytes
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASES: [u64; COMMON_BUFFERS] = [0x10_0E18, 0x30_0028];

    #[test]
    fn pieces_do_not_overlap_and_are_aligned_to_no_more_than_promised() {
        let mut buffers = CommonBuffers::new(BASES);
        let mut last_end = 0;
        for (bytes, align) in [(100, 8), (24, 8), (4096, 8), (7, 16), (30, 8)] {
            let piece = buffers.cut(bytes, align).unwrap();
            assert_eq!(piece.buffer, 0);
            assert!(piece.offset >= last_end);
            let address = BASES[0] + piece.offset;
            assert!(address.is_multiple_of(align));
            assert!(!address.is_multiple_of(align * 2));
            last_end = piece.offset + piece.bytes;
        }
    }

    #[test]
    fn what_does_not_fit_goes_into_the_second_buffer_or_nowhere() {
        let mut buffers = CommonBuffers::new(BASES);
        let mut cut = |bytes| {
            buffers
                .cut(bytes, BLOCK_ALIGNMENT_BYTES)
                .map(|piece| piece.buffer)
        };
        let big = COMMON_BUFFER_BYTES - 56;
        assert_eq!(cut(big), Some(0));
        assert_eq!(cut(big), Some(1));
        assert_eq!(cut(64), None);
        assert_eq!(cut(16), Some(0));
        assert_eq!(cut(u64::MAX), None);
    }

    #[test]
    fn the_limit_counts_the_extensions_of_device_and_driver() {
        let demand = NoncachedDemand {
            device_extension_bytes: 4096,
            unit_extension_bytes: 0,
            srb_extension_bytes: 8192,
            uncached_extension_bytes: 28672,
        };
        assert_eq!(
            format!("{demand}"),
            "32768 bytes of noncached memory (device extension 4096, extension of a unit 0, uncached extension 28672)"
        );
        assert_eq!(demand.total_bytes(), 32768);
        assert!(demand.within_limit());
        let more = NoncachedDemand {
            unit_extension_bytes: 1,
            ..demand
        };
        assert!(!more.within_limit());
    }
}
