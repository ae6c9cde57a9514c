//! Device registers in memory space.
//!
//! Key type: [`RegisterRange`], one mapped PnP range. On x64 `storport.h` has the register accessors (`StorPortReadRegisterUlong`
//! and so on) as inlines over volatile accesses, so these are the same without an import.
#![expect(unsafe_code, reason = "device registers")]
// UNSAFETY: a register access is a volatile access to an address that only the port driver knows to be right.

use core::ptr::NonNull;

use hba::access::Mmio;

#[cfg(not(target_os = "windows"))]
use crate::simulator;

/// A range of device registers mapped by `StorPortGetDeviceBase`, for the life of the adapter.
///
/// It is a handle: clones are the same registers. They belong into the adapter, and end with it.
///
/// # Invariants
/// `bytes` bytes from `base` on are mapped device registers, and `base` is page aligned plus the offset of the PnP range.
#[derive(Clone, Debug)]
pub struct RegisterRange {
    base: NonNull<u8>,
    bytes: u32,
}

// SAFETY: the mapping is the same for every processor.
unsafe impl Send for RegisterRange {}
// SAFETY: all accesses are volatile; what a sequence of them means to the device is the engine's business.
unsafe impl Sync for RegisterRange {}

impl RegisterRange {
    /// No registers: what an adapter has before `HwStorFindAdapter`; behaves like an absent PCI function.
    pub const ABSENT: Self = Self {
        base: NonNull::<u64>::dangling().cast(),
        bytes: 0,
    };

    /// # Safety
    /// `bytes` bytes from `base` on are device registers mapped for the life of the adapter.
    pub(crate) const unsafe fn new(base: NonNull<u8>, bytes: u32) -> Self {
        // INVARIANT: the caller vouches for it.
        Self { base, bytes }
    }

    /// Part of the range: `bytes` bytes from `offset` on; `None` when they do not lie inside.
    #[must_use]
    pub fn part(&self, offset: u32, bytes: u32) -> Option<Self> {
        if offset.checked_add(bytes)? > self.bytes {
            return None;
        }
        // SAFETY: the part lies inside the range (checked just now, type invariant).
        let base = unsafe { self.base.add(offset as usize) };
        // INVARIANT: a part of mapped registers is mapped registers.
        Some(Self { base, bytes })
    }

    /// The register at `offset`, if it lies inside the range and is aligned.
    #[inline]
    fn place<T>(&self, offset: u32) -> Option<NonNull<T>> {
        let size = size_of::<T>() as u32;
        if self.bytes < size || offset > self.bytes - size {
            return None;
        }
        // SAFETY: the register lies inside the range (checked just now, type invariant).
        let place = unsafe { self.base.add(offset as usize) }.cast::<T>();
        place.is_aligned().then_some(place)
    }
}

macro_rules! access {
    ($read:ident, $write:ident, $type:ty) => {
        #[inline]
        fn $read(&self, offset: u32) -> $type {
            let Some(place) = self.place::<$type>(offset) else {
                return <$type>::MAX;
            };
            #[cfg(not(target_os = "windows"))]
            if let Some(value) = simulator::registers::$read(place.addr().get()) {
                return value;
            }
            // SAFETY: `place` checked bounds and alignment.
            <$type>::from_le(unsafe { place.read_volatile() })
        }
        #[inline]
        fn $write(&self, offset: u32, value: $type) {
            let Some(place) = self.place::<$type>(offset) else {
                return;
            };
            #[cfg(not(target_os = "windows"))]
            if simulator::registers::$write(place.addr().get(), value) {
                return;
            }
            // SAFETY: `place` checked bounds and alignment.
            unsafe { place.write_volatile(value.to_le()) };
        }
    };
}

impl Mmio for RegisterRange {
    fn length(&self) -> u32 {
        self.bytes
    }
    access!(read_u8, write_u8, u8);
    access!(read_u16, write_u16, u16);
    access!(read_u32, write_u32, u32);
}
