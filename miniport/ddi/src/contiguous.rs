//! Memory that is contiguous for a device: allocated by a driver that is no miniport.
//!
//! Key type: [`ContiguousMemory`]. Its contents are written and read with volatile accesses, because a device may change them; no
//! reference to them is ever lent.
#![expect(unsafe_code, reason = "memory shared with a device")]
// UNSAFETY: the device changes this memory behind the compiler's back; only volatile accesses through raw pointers are right.

use core::ptr::NonNull;

use wdk_sys::{_MEMORY_CACHING_TYPE, LARGE_INTEGER, ntddk};

use crate::memory::quad;

/// Contiguous memory anywhere, on whole pages; `None` if there is none. `IRQL <= DISPATCH_LEVEL`.
pub(crate) fn anywhere(bytes: usize) -> Option<NonNull<u8>> {
    let lowest = LARGE_INTEGER { QuadPart: 0 };
    let highest = LARGE_INTEGER { QuadPart: i64::MAX };
    // SAFETY: plain numbers; the result is looked at before it is used.
    let base = unsafe {
        ntddk::MmAllocateContiguousMemorySpecifyCache(
            bytes as u64,
            lowest,
            highest,
            lowest,
            _MEMORY_CACHING_TYPE::MmCached,
        )
    };
    NonNull::new(base.cast())
}

/// Physically contiguous memory in nonpaged, cached address space; freed when dropped.
///
/// # Invariants
/// `base` is the address that `MmAllocateContiguousMemorySpecifyCache` returned for `bytes` bytes.
#[derive(Debug)]
pub struct ContiguousMemory {
    base: NonNull<u8>,
    bytes: usize,
    address: u64,
}

// SAFETY: the memory belongs to this value alone; the routine that frees it may run on any thread at IRQL <= DISPATCH_LEVEL.
unsafe impl Send for ContiguousMemory {}

impl ContiguousMemory {
    /// Allocates and clears it; `None` if there is none. `IRQL <= DISPATCH_LEVEL`.
    #[must_use]
    pub fn allocate(bytes: usize) -> Option<Self> {
        let base = anywhere(bytes)?;
        // SAFETY: `bytes` bytes were just allocated there.
        unsafe { base.write_bytes(0, bytes) };
        // SAFETY: the address is valid nonpaged memory.
        let address = unsafe { ntddk::MmGetPhysicalAddress(base.as_ptr().cast()) };
        Some(Self {
            base,
            bytes,
            address: quad(address),
        })
    }

    /// Physical address of its first byte.
    #[must_use]
    pub const fn physical_address(&self) -> u64 {
        self.address
    }

    /// Writes bytes; what would lie outside is left out.
    pub fn write(&mut self, offset: usize, bytes: &[u8]) {
        for (index, byte) in bytes.iter().enumerate() {
            if let Some(place) = self.place(offset + index, 1) {
                // SAFETY: the place lies in the allocation, which belongs to this value.
                unsafe { place.write_volatile(*byte) };
            }
        }
    }

    /// Reads 32 bits, little endian; zero outside.
    #[must_use]
    pub fn read_u32(&self, offset: usize) -> u32 {
        let bytes = core::array::from_fn(|index| self.read_u8(offset + index));
        u32::from_le_bytes(bytes)
    }

    /// Reads 64 bits, little endian; zero outside.
    #[must_use]
    pub fn read_u64(&self, offset: usize) -> u64 {
        u64::from(self.read_u32(offset + 4)) << 32 | u64::from(self.read_u32(offset))
    }

    fn read_u8(&self, offset: usize) -> u8 {
        let Some(place) = self.place(offset, 1) else {
            return 0;
        };
        // SAFETY: the place lies in the allocation.
        unsafe { place.read_volatile() }
    }

    /// The address of `bytes` bytes at `offset`, if they lie inside; for routines of the system that fill memory.
    pub(crate) fn place(&self, offset: usize, bytes: usize) -> Option<NonNull<u8>> {
        let end = offset.checked_add(bytes)?;
        if end > self.bytes {
            return None;
        }
        // SAFETY: `offset` is at most the length of the allocation.
        Some(unsafe { self.base.add(offset) })
    }
}

impl Drop for ContiguousMemory {
    fn drop(&mut self) {
        // SAFETY: allocated by its counterpart, freed once. IRQL is that of the owner: a PnP request's, PASSIVE_LEVEL.
        unsafe { ntddk::MmFreeContiguousMemory(self.base.as_ptr().cast()) };
    }
}
