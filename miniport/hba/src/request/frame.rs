//! Where a request's device-visible parts are: header, response, descriptor table.
//!
//! The memory is the caller's: part of each request in the normal instance, the DMA region in the dump instance. A part must be
//! contiguous for the device, the whole need not be: [`Frame::fragmented`] finds a place for each part and refuses when there
//! is none, so that contiguity is never assumed.

use crate::device::{CDB_BYTES, SENSE_BYTES};
use crate::plan::{EXTRA_DESCRIPTORS, FrameLayout};
use crate::ring::DESCRIPTOR_BYTES;

/// Bytes reserved for a request header; at most 51 are used (virtio 5.6.6.1 with 32 bytes of CDB).
pub const HEADER_AREA_BYTES: u32 = 64;
/// Bytes reserved for a response; at most 108 are used (virtio 5.6.6.1 with 96 bytes of sense data).
pub const RESPONSE_AREA_BYTES: u32 = 112;

/// Bytes of a request header ahead of the CDB, and of a response ahead of the sense data (virtio 5.6.6.1).
pub(super) const HEADER_FIXED_BYTES: u32 = 19;
pub(super) const RESPONSE_FIXED_BYTES: u32 = 12;

const _: () = assert!(19 + CDB_BYTES <= 64 && 12 + SENSE_BYTES <= 112);

/// The accesses are 64 bits wide, and none of the parts needs more: the boundary of 16 bytes is one for the descriptor table of a virtqueue
/// (virtio 2.7, 2.8.10.1), not for indirect tables (virtio 2.7.5.3, 2.8.7).
const AREA_ALIGNMENT: u64 = 8;

// `Frame::contiguous` relies on it.
const _: () = assert!(HEADER_AREA_BYTES.is_multiple_of(8) && RESPONSE_AREA_BYTES.is_multiple_of(8));

/// Bytes of memory that surely hold a frame for `segments` segments, when they are contiguous and aligned to 8.
#[must_use]
pub const fn frame_bytes(segments: u16) -> u32 {
    let descriptors = segments.saturating_add(EXTRA_DESCRIPTORS);
    // The products of 16-bit and small numbers fit 32 bits; saturation is for the lint.
    let table = to_u32(descriptors).saturating_mul(DESCRIPTOR_BYTES);
    HEADER_AREA_BYTES
        .saturating_add(RESPONSE_AREA_BYTES)
        .saturating_add(table)
}

const fn to_u32(value: u16) -> u32 {
    let [low, high] = value.to_le_bytes();
    u32::from_le_bytes([low, high, 0, 0])
}

/// Why memory cannot hold a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameError {
    /// There is no contiguous piece that is long enough for a part.
    NoRoom,
    /// A piece wraps around the end of the address space.
    Overflow,
    /// A piece is not aligned to 8 bytes.
    Misaligned,
}

/// A piece of memory that is contiguous for the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fragment {
    /// Offset in the [`SharedMemory`](crate::access::SharedMemory) window, in bytes.
    pub offset: u32,
    /// Length in bytes.
    pub length: u32,
    /// Bus address of the first byte.
    pub bus_address: u64,
}

/// One part of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Area {
    /// Offset in the [`SharedMemory`](crate::access::SharedMemory) window, in bytes.
    pub offset: u32,
    /// Bus address.
    pub bus_address: u64,
}

/// A request frame: three areas, each contiguous for the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    pub(super) header: Area,
    pub(super) response: Area,
    pub(super) table: Area,
    pub(super) segments: u16,
}

impl Frame {
    /// Divides one contiguous fragment. The table gets what is left.
    ///
    /// # Errors
    /// When it does not hold header, response and a table for one segment.
    #[inline]
    pub fn contiguous(fragment: Fragment, segments_max: u16) -> Result<Self, FrameError> {
        // A part may begin at any bus address. That its offset is one of a word is checked when it is written.
        let mut run = Run::new(fragment)?;
        let header = run.area();
        run.skip(HEADER_AREA_BYTES).ok_or(FrameError::NoRoom)?;
        let response = run.area();
        run.skip(RESPONSE_AREA_BYTES).ok_or(FrameError::NoRoom)?;
        if run.segments() == 0 {
            return Err(FrameError::NoRoom);
        }
        Ok(Self {
            header,
            response,
            table: run.area(),
            segments: segments_max,
        })
    }

    /// Finds room in several fragments for a request of `segments` segments. Fragments that continue each other in both
    /// address spaces count as one. The table goes into the longest run, the rest where it fits first.
    ///
    /// # Errors
    /// [`FrameError::NoRoom`] when a part has no contiguous place.
    pub fn fragmented(
        fragments: impl Iterator<Item = Fragment> + Clone,
        segments: u16,
    ) -> Result<Self, FrameError> {
        let mut longest = Runs::new(fragments.clone())
            .try_fold(None, |best: Option<Run>, run| {
                let run = run?;
                Ok(Some(
                    best.filter(|best| best.length >= run.length).unwrap_or(run),
                ))
            })?
            .ok_or(FrameError::NoRoom)?;
        let start = longest.offset;
        longest.align(AREA_ALIGNMENT).ok_or(FrameError::NoRoom)?;
        let table_bytes = frame_table_bytes(segments);
        let table = longest
            .take(table_bytes, AREA_ALIGNMENT)
            .ok_or(FrameError::NoRoom)?;
        let (mut header, mut response) = (None, None);
        for run in Runs::new(fragments) {
            let mut run = run?;
            if run.offset == start {
                run = longest;
            }
            if header.is_none() {
                header = run.take(HEADER_AREA_BYTES, AREA_ALIGNMENT);
            }
            if response.is_none() {
                response = run.take(RESPONSE_AREA_BYTES, AREA_ALIGNMENT);
            }
        }
        let (header, response) = header.zip(response).ok_or(FrameError::NoRoom)?;
        Ok(Self {
            header,
            response,
            table,
            segments,
        })
    }

    /// The frame of a dump plan: offsets in the DMA region that begins at `bus_address`.
    ///
    /// # Errors
    /// [`FrameError::Overflow`] when the region wraps around the end of the address space.
    pub fn in_region(layout: &FrameLayout, bus_address: u64) -> Result<Self, FrameError> {
        let area = |offset: u32| {
            let bus_address = bus_address
                .checked_add(u64::from(offset))
                .ok_or(FrameError::Overflow)?;
            Ok(Area {
                offset,
                bus_address,
            })
        };
        let FrameLayout {
            header,
            response,
            table,
            segments,
        } = *layout;
        let (header, response, table) = (area(header)?, area(response)?, area(table)?);
        Ok(Self {
            header,
            response,
            table,
            segments,
        })
    }

    /// Most segments that a request in this frame may have, if its table has room for them.
    #[must_use]
    pub const fn segments(&self) -> u16 {
        self.segments
    }
}

fn frame_table_bytes(segments: u16) -> u32 {
    u32::from(segments.saturating_add(EXTRA_DESCRIPTORS)).saturating_mul(DESCRIPTOR_BYTES)
}

/// What is left of a contiguous piece.
#[derive(Debug, Clone, Copy)]
struct Run {
    offset: u32,
    length: u32,
    bus_address: u64,
}

impl Run {
    #[inline]
    fn new(fragment: Fragment) -> Result<Self, FrameError> {
        let Fragment {
            offset,
            length,
            bus_address,
        } = fragment;
        bus_address
            .checked_add(u64::from(length))
            .ok_or(FrameError::Overflow)?;
        offset.checked_add(length).ok_or(FrameError::Overflow)?;
        Ok(Self {
            offset,
            length,
            bus_address,
        })
    }

    /// The same if words of the memory are words of the bus too.
    fn aligned(fragment: Fragment) -> Result<Self, FrameError> {
        if (fragment.bus_address ^ u64::from(fragment.offset)).is_multiple_of(8) {
            Self::new(fragment)
        } else {
            Err(FrameError::Misaligned)
        }
    }

    /// Drops bytes until the bus address is a multiple of `alignment`, a power of two.
    #[inline]
    fn align(&mut self, alignment: u64) -> Option<()> {
        let gap = self.bus_address.wrapping_neg() & alignment.wrapping_sub(1);
        self.skip(u32::try_from(gap).ok()?)
    }

    #[inline]
    fn skip(&mut self, bytes: u32) -> Option<()> {
        self.length = self.length.checked_sub(bytes)?;
        // `new` has checked that the ends do not overflow.
        self.offset = self.offset.wrapping_add(bytes);
        self.bus_address = self.bus_address.wrapping_add(u64::from(bytes));
        Some(())
    }

    #[inline]
    fn take(&mut self, bytes: u32, alignment: u64) -> Option<Area> {
        let mut rest = *self;
        rest.align(alignment)?;
        let area = rest.area();
        rest.skip(bytes)?;
        *self = rest;
        Some(area)
    }

    #[inline]
    const fn area(&self) -> Area {
        Area {
            offset: self.offset,
            bus_address: self.bus_address,
        }
    }

    /// Segments for which a table in the rest has room.
    #[inline]
    fn segments(&self) -> u16 {
        let descriptors = self.length / DESCRIPTOR_BYTES;
        u16::try_from(descriptors)
            .unwrap_or(u16::MAX)
            .saturating_sub(EXTRA_DESCRIPTORS)
    }
}

/// Fragments, joined where they continue each other.
struct Runs<I: Iterator> {
    fragments: core::iter::Peekable<I>,
}

impl<I: Iterator<Item = Fragment>> Runs<I> {
    fn new(fragments: I) -> Self {
        Self {
            fragments: fragments.peekable(),
        }
    }
}

impl<I: Iterator<Item = Fragment>> Iterator for Runs<I> {
    type Item = Result<Run, FrameError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut run = match Run::aligned(self.fragments.next()?) {
            Ok(run) => run,
            Err(error) => return Some(Err(error)),
        };
        let continues = |run: &Run, next: &Fragment| {
            run.offset.checked_add(run.length) == Some(next.offset)
                && run.bus_address.checked_add(u64::from(run.length)) == Some(next.bus_address)
                && run.length.checked_add(next.length).is_some()
        };
        while let Some(next) = self.fragments.next_if(|next| continues(&run, next)) {
            let joined = Fragment {
                offset: run.offset,
                length: run.length.saturating_add(next.length),
                bus_address: run.bus_address,
            };
            run = match Run::new(joined) {
                Ok(run) => run,
                Err(error) => return Some(Err(error)),
            };
        }
        Some(Ok(run))
    }
}
