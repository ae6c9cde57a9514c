//! How the dump port divides its common buffers: a bump allocator over two blocks of 64 KiB, and the 32 KiB rule.
//!
//! SRB, SRB extension, device extension, uncached extension and scatter/gather list lie here. Placement is only as
//! aligned as the documents promise: 8 bytes, and 1 KiB for the uncached extension (storahci adds its own slack for
//! that reason), never a page on purpose. Neighbours: `super::instance` owns the memory.

/// Bytes of one common buffer (0x10000, as the dump port's initialisation context has it).
pub const COMMON_BUFFER_BYTES: u64 = 0x1_0000;
/// Number of common buffers.
pub const COMMON_BUFFERS: usize = 2;
/// What a miniport may ask for in dump mode at most ("should not attempt to allocate more than 32 kilobytes").
pub const NONCACHED_LIMIT_BYTES: u64 = 32 * 1024;
/// Alignment of an uncached extension: no more than this is promised.
pub const UNCACHED_ALIGNMENT_BYTES: u64 = 1024;
/// Alignment of everything else.
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

/// How a piece must be placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// Granted alignment, a power of two.
    pub align: u64,
}

/// Cuts pieces from the common buffers; nothing is given back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommonBuffers {
    used: [u64; COMMON_BUFFERS],
}

impl Default for CommonBuffers {
    fn default() -> Self {
        Self::new()
    }
}

impl CommonBuffers {
    /// Both buffers unused.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            used: [0; COMMON_BUFFERS],
        }
    }

    /// Cuts `bytes` bytes from the first buffer that has room; `None` if neither has.
    ///
    /// The piece is aligned to `placement.align` and, where that is less than a page, deliberately to no more than
    /// that: its offset is an odd multiple.
    pub fn cut(&mut self, bytes: u64, placement: Placement) -> Option<Piece> {
        (0..COMMON_BUFFERS).find_map(|buffer| {
            let used = self.used.get_mut(buffer)?;
            let offset = odd_multiple(*used, placement.align)?;
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
    /// All together.
    #[must_use]
    pub const fn total_bytes(self) -> u64 {
        self.device_extension_bytes
            .saturating_add(self.unit_extension_bytes)
            .saturating_add(self.srb_extension_bytes)
            .saturating_add(self.uncached_extension_bytes)
    }

    /// Does it keep to [`NONCACHED_LIMIT_BYTES`]?
    #[must_use]
    pub const fn within_limit(self) -> bool {
        self.total_bytes() <= NONCACHED_LIMIT_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_do_not_overlap_and_are_aligned_to_no_more_than_promised() {
        let mut buffers = CommonBuffers::new();
        let mut last_end = 0;
        for (bytes, align) in [(100, 8), (24, 8), (4096, 1024), (7, 16), (30, 8)] {
            let piece = buffers.cut(bytes, Placement { align }).unwrap();
            assert_eq!(piece.buffer, 0);
            assert!(piece.offset >= last_end);
            assert!(piece.offset.is_multiple_of(align));
            assert!(!piece.offset.is_multiple_of(align * 2));
            last_end = piece.offset + piece.bytes;
        }
    }

    #[test]
    fn what_does_not_fit_goes_into_the_second_buffer_or_nowhere() {
        let mut buffers = CommonBuffers::new();
        let align = BLOCK_ALIGNMENT_BYTES;
        let big = COMMON_BUFFER_BYTES - 64;
        assert_eq!(
            buffers
                .cut(big, Placement { align })
                .map(|piece| piece.buffer),
            Some(0)
        );
        assert_eq!(
            buffers
                .cut(big, Placement { align })
                .map(|piece| piece.buffer),
            Some(1)
        );
        assert_eq!(buffers.cut(64, Placement { align }), None);
        assert_eq!(
            buffers
                .cut(16, Placement { align })
                .map(|piece| piece.buffer),
            Some(0)
        );
        assert_eq!(buffers.cut(u64::MAX, Placement { align }), None);
    }

    #[test]
    fn the_limit_counts_everything() {
        let demand = NoncachedDemand {
            device_extension_bytes: 4096,
            unit_extension_bytes: 0,
            srb_extension_bytes: 8192,
            uncached_extension_bytes: 20480,
        };
        assert_eq!(demand.total_bytes(), 32768);
        assert!(demand.within_limit());
        let more = NoncachedDemand {
            unit_extension_bytes: 1,
            ..demand
        };
        assert!(!more.within_limit());
    }
}
