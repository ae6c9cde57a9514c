//! The shared side of a packed virtqueue: descriptor ring and the two event suppression structures (virtio 2.8).

use crate::access::{DmaMemory, Entries, Row};
use crate::plan::QueueLayout;

use super::descriptor::DESCRIPTOR_BYTES;
use super::window::{RingAddresses, WindowError, claim, there};

/// Bytes of `struct pvirtq_event_suppress` (virtio 2.8.14).
const EVENT_BYTES: u32 = 4;
/// Most descriptors of a packed ring (virtio 2.8): an event offset has 15 bits.
const SIZE_MAX: u16 = 1 << 15;

/// A packed ring in shared memory.
///
/// # Invariants
/// The descriptor ring of `size` entries and both event suppression structures lie within the memory. The accessors take
/// positions below `size` only, which [`PackedRing`](super::PackedRing) keeps; the array itself is bounded too.
#[derive(Debug)]
pub struct PackedWindow<M: DmaMemory> {
    memory: M,
    size: u16,
    /// Offsets of the three parts.
    descriptors: u32,
    driver_event: u32,
    device_event: u32,
    row: M::Row,
    driver_word: M::Entries<EVENT_BYTES>,
    device_word: M::Entries<EVENT_BYTES>,
}

impl<M: DmaMemory> PackedWindow<M> {
    /// Makes a window on the ring that `layout` describes, and zeroes it.
    ///
    /// # Errors
    /// The rule that the layout breaks in this memory.
    pub fn new(memory: M, layout: &QueueLayout) -> Result<Self, WindowError> {
        let QueueLayout {
            size,
            descriptors,
            available: driver_event,
            used: device_event,
            format: _,
        } = *layout;
        if size == 0 || size > SIZE_MAX {
            return Err(WindowError::Size);
        }
        let ring_bytes = u32::from(size).saturating_mul(DESCRIPTOR_BYTES);
        for (start, bytes, alignment) in [
            (descriptors, ring_bytes, 16),
            (driver_event, EVENT_BYTES, 4),
            (device_event, EVENT_BYTES, 4),
        ] {
            claim(&memory, start, bytes, alignment)?;
        }
        Ok(Self {
            row: there(memory.row(descriptors, size))?,
            driver_word: there(memory.entries(driver_event, 0))?,
            device_word: there(memory.entries(device_event, 0))?,
            memory,
            size,
            descriptors,
            driver_event,
            device_event,
        })
    }

    pub(crate) fn addresses(&self) -> RingAddresses {
        // `new` has checked that none of these overflows.
        let bus = |offset: u32| self.memory.bus_address().wrapping_add(u64::from(offset));
        RingAddresses {
            descriptors: bus(self.descriptors),
            available: bus(self.driver_event),
            used: bus(self.device_event),
        }
    }

    /// Descriptors in the ring.
    #[inline]
    pub(super) const fn size(&self) -> u16 {
        self.size
    }

    #[inline]
    pub(super) const fn memory(&self) -> &M {
        &self.memory
    }

    pub(super) fn into_memory(self) -> M {
        self.memory
    }

    #[inline]
    pub(super) fn write_descriptor(&self, position: u16, first: u64, second: u64) {
        debug_assert!(position < self.size, "a position outside of the ring");
        self.row.write_pair(position, first, second);
    }

    /// Writes the flags alone, by which a descriptor becomes available.
    #[inline]
    pub(super) fn write_flags(&self, position: u16, flags: u16) {
        self.row.write_last_u16(position, flags);
    }

    /// Reads length, buffer id and flags of a descriptor in one access of 64 bits: what it shows is of one moment, so that a
    /// device that changes it meanwhile confuses nobody, and id and length are not older than the flags (virtio 2.8.22).
    #[inline]
    pub(super) fn read_second_word(&self, position: u16) -> u64 {
        self.row.read_second(position)
    }

    /// Writes the driver's event suppression structure, offset and flags at once.
    #[inline]
    pub(super) fn write_driver_event(&self, event: u32) {
        self.driver_word.write_u32(0, event);
    }

    /// Reads the device's event suppression structure, offset and flags at once.
    #[inline]
    pub(super) fn read_device_event(&self) -> u32 {
        self.device_word.read_u32(0)
    }
}
