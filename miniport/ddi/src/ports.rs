//! I/O ports that Plug and Play assigned to a device.
//!
//! Key types: [`Resources`] (what a start request names), [`PortRange`]. A range reads and writes within itself only; what lies outside
//! reads as all ones and is not written, as on a bus where nobody answers.
#![expect(unsafe_code, reason = "port instructions and resource lists of the PnP manager")]
// UNSAFETY: port instructions have effects that the compiler cannot see; resource lists are C arrays of unstated length.

use core::marker::PhantomData;

use wdk_sys::{
    CM_FULL_RESOURCE_DESCRIPTOR, CM_PARTIAL_RESOURCE_DESCRIPTOR, CM_RESOURCE_PORT_IO,
    CmResourceTypePort, PCM_RESOURCE_LIST,
};

use crate::memory::quad;

/// The resources of a device, translated for its driver.
///
/// # Invariants
/// `list` is null or the PnP manager's list of this start request, which lives as long as the request.
#[derive(Debug)]
pub struct Resources<'request> {
    list: PCM_RESOURCE_LIST,
    request: PhantomData<&'request ()>,
}

impl Resources<'_> {
    /// INVARIANT: the caller passes `Parameters.StartDevice.AllocatedResourcesTranslated` of a request that it holds.
    pub(crate) const fn new(list: PCM_RESOURCE_LIST) -> Self {
        Self {
            list,
            request: PhantomData,
        }
    }

    /// The first range of I/O ports with at least `length` ports; the list has one full descriptor on a PnP bus (wdm.h,
    /// `CM_RESOURCE_LIST`: only the first is of variable length, and others are not looked at).
    #[must_use]
    pub fn ports(&self, length: u16) -> Option<PortRange> {
        let count = self.count()?;
        (0..count).find_map(|index| PortRange::of(&self.descriptor(index)?, length))
    }

    fn count(&self) -> Option<u32> {
        if self.list.is_null() {
            return None;
        }
        // SAFETY: the list is the PnP manager's (the type's invariant); copies of aligned or packed integers alike.
        let lists = unsafe { (&raw const (*self.list).Count).read_unaligned() };
        if lists == 0 {
            return None;
        }
        // SAFETY: there is at least one full descriptor.
        Some(unsafe {
            (&raw const (*self.list).List[0].PartialResourceList.Count).read_unaligned()
        })
    }

    fn descriptor(&self, index: u32) -> Option<CM_PARTIAL_RESOURCE_DESCRIPTOR> {
        let index = usize::try_from(index).ok()?;
        // SAFETY: the field lies in the first full descriptor, which exists (`count`).
        let full: *const CM_FULL_RESOURCE_DESCRIPTOR = unsafe { &raw const (*self.list).List[0] };
        // SAFETY: as above.
        let first = unsafe { &raw const (*full).PartialResourceList.PartialDescriptors };
        let first: *const CM_PARTIAL_RESOURCE_DESCRIPTOR = first.cast();
        // SAFETY: `index` is below the count of the array that begins here.
        let descriptor = unsafe { first.add(index) };
        // SAFETY: the same; every bit pattern is a descriptor.
        Some(unsafe { descriptor.read_unaligned() })
    }
}

/// I/O ports of a device.
///
/// # Invariants
/// The PnP manager assigned ports `base` to `base + length - 1` to the device; `base + length` is at most 0x10000.
#[derive(Debug)]
pub struct PortRange {
    base: u16,
    length: u16,
}

impl PortRange {
    fn of(descriptor: &CM_PARTIAL_RESOURCE_DESCRIPTOR, length: u16) -> Option<Self> {
        let is_port = u32::from(descriptor.Type) == CmResourceTypePort
            && u32::from(descriptor.Flags) & CM_RESOURCE_PORT_IO != 0;
        if !is_port {
            return None;
        }
        // SAFETY: the type says that the union holds ports; plain integers anyway.
        let port = unsafe { descriptor.u.Port };
        let base = u16::try_from(quad(port.Start)).ok()?;
        let assigned = u16::try_from(port.Length).ok()?;
        let fits = assigned >= length && base.checked_add(assigned - 1).is_some();
        (fits && length > 0).then_some(Self {
            base,
            length: assigned,
        })
    }

    /// First port.
    #[must_use]
    pub const fn base(&self) -> u16 {
        self.base
    }

    /// The port at `offset`, if an access of `bytes` bytes stays within the range.
    fn port(&self, offset: u16, bytes: u16) -> Option<u16> {
        let end = offset.checked_add(bytes)?;
        (end <= self.length).then(|| self.base + offset)
    }

    /// Reads a byte.
    #[must_use]
    pub fn read_u8(&self, offset: u16) -> u8 {
        self.port(offset, 1).map_or(u8::MAX, instructions::in8)
    }

    /// Reads 32 bits.
    #[must_use]
    pub fn read_u32(&self, offset: u16) -> u32 {
        self.port(offset, 4).map_or(u32::MAX, instructions::in32)
    }

    /// Writes 16 bits.
    pub fn write_u16(&mut self, offset: u16, value: u16) {
        if let Some(port) = self.port(offset, 2) {
            instructions::out16(port, value);
        }
    }

    /// Writes 32 bits.
    pub fn write_u32(&mut self, offset: u16, value: u32) {
        if let Some(port) = self.port(offset, 4) {
            instructions::out32(port, value);
        }
    }
}

/// The instructions that the WDK's `READ_PORT_*` and `WRITE_PORT_*` are on x64. They order memory accesses as a volatile access does:
/// the compiler takes them to touch any memory.
#[cfg(target_os = "windows")]
mod instructions {
    use core::arch::asm;

    pub(super) fn in8(port: u16) -> u8 {
        let value;
        // SAFETY: the port belongs to this device (`PortRange`); its side effects are the device's.
        unsafe { asm!("in al, dx", in("dx") port, out("al") value, options(nostack, preserves_flags)) };
        value
    }

    pub(super) fn in32(port: u16) -> u32 {
        let value;
        // SAFETY: as in `in8`.
        unsafe { asm!("in eax, dx", in("dx") port, out("eax") value, options(nostack, preserves_flags)) };
        value
    }

    pub(super) fn out16(port: u16, value: u16) {
        // SAFETY: as in `in8`; memory that the device then uses is what its driver gave it.
        unsafe { asm!("out dx, ax", in("dx") port, in("ax") value, options(nostack, preserves_flags)) };
    }

    pub(super) fn out32(port: u16, value: u32) {
        // SAFETY: as in `out16`.
        unsafe { asm!("out dx, eax", in("dx") port, in("eax") value, options(nostack, preserves_flags)) };
    }
}

/// A bus where nobody answers, for the tests.
#[cfg(not(target_os = "windows"))]
mod instructions {
    pub(super) const fn in8(_port: u16) -> u8 {
        u8::MAX
    }

    pub(super) const fn in32(_port: u16) -> u32 {
        u32::MAX
    }

    pub(super) const fn out16(_port: u16, _value: u16) {}

    pub(super) const fn out32(_port: u16, _value: u32) {}
}

#[cfg(test)]
mod tests {
    use wdk_sys::{_INTERFACE_TYPE, CM_PARTIAL_RESOURCE_LIST, CM_RESOURCE_LIST, LARGE_INTEGER};

    use super::*;

    /// A list of one descriptor.
    fn list(kind: u8, start: i64, length: u32) -> CM_RESOURCE_LIST {
        // SAFETY: plain C data; every member accepts the all-zero bit pattern.
        let mut descriptor: CM_PARTIAL_RESOURCE_DESCRIPTOR = unsafe { core::mem::zeroed() };
        descriptor.Type = kind;
        descriptor.Flags = 1;
        descriptor.u.Port.Start = LARGE_INTEGER { QuadPart: start };
        descriptor.u.Port.Length = length;
        CM_RESOURCE_LIST {
            Count: 1,
            List: [CM_FULL_RESOURCE_DESCRIPTOR {
                InterfaceType: _INTERFACE_TYPE::Isa,
                BusNumber: 0,
                PartialResourceList: CM_PARTIAL_RESOURCE_LIST {
                    Version: 1,
                    Revision: 1,
                    Count: 1,
                    PartialDescriptors: [descriptor],
                },
            }],
        }
    }

    fn found(list: &mut CM_RESOURCE_LIST) -> Option<(u16, u16)> {
        let range = Resources::new(list).ports(12)?;
        Some((range.base, range.length))
    }

    #[test]
    fn ports_are_found() {
        assert_eq!(found(&mut list(1, 0x510, 12)), Some((0x510, 12)));
    }

    #[test]
    fn what_is_no_range_of_ports_is_passed_over() {
        assert_eq!(found(&mut list(3, 0x510, 12)), None, "memory");
        assert_eq!(found(&mut list(1, 0x510, 11)), None, "too short");
        assert_eq!(found(&mut list(1, 0xFFFE, 12)), None, "past the last port");
        assert_eq!(found(&mut list(1, 0x1_0510, 12)), None, "no port at all");
        assert!(Resources::new(core::ptr::null_mut()).ports(12).is_none());
        let mut empty = list(1, 0x510, 12);
        empty.Count = 0;
        assert_eq!(found(&mut empty), None);
    }

    #[test]
    fn accesses_stay_within_the_range() {
        let range = PortRange {
            base: 0x510,
            length: 12,
        };
        assert_eq!(range.port(8, 4), Some(0x518));
        assert_eq!(range.port(9, 4), None);
        assert_eq!(range.port(u16::MAX, 2), None);
    }
}
