//! The shared side of a split virtqueue: three checked offsets, and accessors that cannot miss (virtio 2.7).

use crate::access::{DmaMemory, Entries};
use crate::plan::QueueLayout;

use super::descriptor::DESCRIPTOR_BYTES;

/// `VIRTQ_AVAIL_F_NO_INTERRUPT` (virtio 2.7.6).
pub(super) const AVAILABLE_NO_INTERRUPT: u16 = 1;
/// `VIRTQ_USED_F_NO_NOTIFY` (virtio 2.7.8).
pub(super) const USED_NO_NOTIFY: u16 = 1;

const FLAGS: u32 = 0;
const INDEX: u32 = 2;
const ENTRIES: u32 = 4;

/// Bytes of an entry of the available ring and of a used element (virtio 2.7.6, 2.7.8).
const AVAILABLE_BYTES: u32 = 2;
const USED_BYTES: u32 = 8;

/// Why a ring cannot live where it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowError {
    /// A part of the ring does not fit into the memory.
    OutOfMemoryRange,
    /// A part of the ring is not aligned as virtio 2.7 or 2.8 demands.
    Misaligned,
    /// The size is 0, no power of two in a split ring, or above 32,768 in a packed one.
    Size,
    /// The bus address of a part overflows 64 bits.
    BusAddress,
    /// Fewer slots than descriptors.
    TooFewSlots,
}

/// Bus addresses of the three parts, by the names of the registers that take them (virtio 4.1.4.3): `queue_desc`,
/// `queue_driver`, `queue_device`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RingAddresses {
    pub(crate) descriptors: u64,
    pub(crate) available: u64,
    pub(crate) used: u64,
}

/// Checks that a part of a ring lies in the memory and is aligned for the device, and zeroes it.
pub(super) fn claim<M: DmaMemory>(
    memory: &M,
    start: u32,
    bytes: u32,
    alignment: u64,
) -> Result<(), WindowError> {
    let end = start
        .checked_add(bytes)
        .ok_or(WindowError::OutOfMemoryRange)?;
    if end > memory.length() {
        return Err(WindowError::OutOfMemoryRange);
    }
    let bus = memory
        .bus_address()
        .checked_add(u64::from(end))
        .ok_or(WindowError::BusAddress)?;
    if !bus.wrapping_sub(u64::from(bytes)).is_multiple_of(alignment) {
        return Err(WindowError::Misaligned);
    }
    memory.zero(start, bytes);
    Ok(())
}

/// A part that fits, but that the memory may find misaligned all the same.
pub(super) fn there<T>(part: Option<T>) -> Result<T, WindowError> {
    part.ok_or(WindowError::Misaligned)
}

/// A ring in shared memory.
///
/// # Invariants
/// The three parts, of `mask + 1` entries each, lie within the memory; `mask + 1` is a power of two. Positions and descriptor
/// indices are masked, so no access leaves the ring.
#[derive(Debug)]
pub struct RingWindow<M: DmaMemory> {
    memory: M,
    mask: u16,
    /// Offsets of the three parts.
    descriptors: u32,
    available: u32,
    used: u32,
    descriptor_entries: M::Entries<DESCRIPTOR_BYTES>,
    available_entries: M::Entries<AVAILABLE_BYTES>,
    used_entries: M::Entries<USED_BYTES>,
    available_flags: Number<M>,
    available_index: Number<M>,
    used_event: Number<M>,
    used_flags: Number<M>,
    used_index: Number<M>,
    available_event: Number<M>,
}

/// A place of 16 bits.
type Number<M> = <M as DmaMemory>::Entries<2>;

impl<M: DmaMemory> RingWindow<M> {
    /// Makes a window on the ring that `layout` describes, and zeroes it.
    ///
    /// # Errors
    /// The rule that the layout breaks in this memory.
    pub fn new(memory: M, layout: &QueueLayout) -> Result<Self, WindowError> {
        let QueueLayout {
            size,
            descriptors,
            available,
            used,
            format: _,
        } = *layout;
        let mask = size
            .checked_sub(1)
            .filter(|_| size.is_power_of_two())
            .ok_or(WindowError::Size)?;
        let entries = u32::from(size);
        for (start, entry_bytes, extra, alignment) in [
            (descriptors, DESCRIPTOR_BYTES, 0, 16),
            (available, AVAILABLE_BYTES, 6, 2),
            (used, USED_BYTES, 6, 4),
        ] {
            let bytes = entries.saturating_mul(entry_bytes).saturating_add(extra);
            claim(&memory, start, bytes, alignment)?;
        }
        // The rings fit, so the sums cannot overflow. What the memory may still find is an offset that is aligned for the device alone.
        let at = |part: u32, offset| there(memory.entries(part.wrapping_add(offset), 0));
        let behind = |part, entry_bytes| {
            at(
                part,
                entries.wrapping_mul(entry_bytes).wrapping_add(ENTRIES),
            )
        };
        Ok(Self {
            mask,
            descriptors,
            available,
            used,
            descriptor_entries: there(memory.entries(descriptors, mask))?,
            available_entries: there(memory.entries(available.wrapping_add(ENTRIES), mask))?,
            used_entries: there(memory.entries(used.wrapping_add(ENTRIES), mask))?,
            available_flags: at(available, FLAGS)?,
            available_index: at(available, INDEX)?,
            used_event: behind(available, AVAILABLE_BYTES)?,
            used_flags: at(used, FLAGS)?,
            used_index: at(used, INDEX)?,
            available_event: behind(used, USED_BYTES)?,
            memory,
        })
    }

    pub(crate) fn addresses(&self) -> RingAddresses {
        // `new` has checked that none of these overflows.
        let bus = |offset: u32| self.memory.bus_address().wrapping_add(u64::from(offset));
        RingAddresses {
            descriptors: bus(self.descriptors),
            available: bus(self.available),
            used: bus(self.used),
        }
    }

    /// Descriptors in the ring less one.
    #[inline]
    pub(super) const fn mask(&self) -> u16 {
        self.mask
    }

    /// Descriptors in the ring.
    pub(super) const fn size(&self) -> u16 {
        // At most 32,768, a power of two that fits 16 bits.
        self.mask.wrapping_add(1)
    }

    #[inline]
    pub(super) const fn memory(&self) -> &M {
        &self.memory
    }

    pub(super) fn into_memory(self) -> M {
        self.memory
    }

    #[inline]
    pub(super) fn write_descriptor(&self, index: u16, first: u64, second: u64) {
        self.descriptor_entries.write_words(index, first, second);
    }

    #[inline]
    pub(super) fn write_available(&self, position: u16, head: u16) {
        self.available_entries.write_u16(position, head);
    }

    #[inline]
    pub(super) fn write_available_index(&self, index: u16) {
        self.available_index.write_u16(0, index);
    }

    #[inline]
    pub(super) fn write_available_flags(&self, flags: u16) {
        self.available_flags.write_u16(0, flags);
    }

    #[inline]
    pub(super) fn write_used_event(&self, index: u16) {
        self.used_event.write_u16(0, index);
    }

    #[inline]
    pub(super) fn read_used_index(&self) -> u16 {
        self.used_index.read_u16(0)
    }

    #[inline]
    pub(super) fn read_used_flags(&self) -> u16 {
        self.used_flags.read_u16(0)
    }

    /// Id and length of a used element, which is aligned to 4 bytes only (virtio 2.7.8).
    #[inline]
    pub(super) fn read_used(&self, position: u16) -> (u32, u32) {
        self.used_entries.read_u32_pair(position)
    }

    #[inline]
    pub(super) fn read_available_event(&self) -> u16 {
        self.available_event.read_u16(0)
    }
}
