//! The bounded walk: a length-checked snapshot, its capability list, and one vendor capability.

use super::{
    CFG_COMMON, CFG_DEVICE, CFG_ISR, CFG_NOTIFY, CONFIG_BYTES, CapError, Region, Structure,
};
use super::{check_multiplier, check_region};

const STATUS: u8 = 0x06;
const STATUS_CAPABILITY_LIST: u16 = 1 << 4;
const CAPABILITY_POINTER: u8 = 0x34;
const HEADER_BYTES: u8 = 0x40;
/// Capabilities are at least four bytes long and aligned to four, so no list has more.
const VISIT_LIMIT: u8 = 48;
/// Bytes of `struct virtio_pci_cap` (virtio 4.1.4).
const CAPABILITY_BYTES: u8 = 16;
/// Bytes of `struct virtio_pci_notify_cap` (virtio 4.1.4.4).
const NOTIFY_CAPABILITY_BYTES: u8 = 20;

/// A snapshot with all its [`CONFIG_BYTES`] bytes; reads at 8-bit offsets cannot fail except past the very end,
/// where they give zero.
pub(super) struct Snapshot<'a> {
    bytes: &'a [u8; CONFIG_BYTES],
}

impl<'a> Snapshot<'a> {
    pub(super) fn new(config: &'a [u8]) -> Result<Self, CapError> {
        let bytes = config.first_chunk().ok_or(CapError::SnapshotTooShort)?;
        Ok(Self { bytes })
    }

    pub(super) fn u8(&self, offset: u8) -> u8 {
        self.bytes.get(usize::from(offset)).copied().unwrap_or(0)
    }

    pub(super) fn u16(&self, offset: u8) -> u16 {
        self.bytes_at(offset).map_or(0, u16::from_le_bytes)
    }

    pub(super) fn u32(&self, offset: u8) -> u32 {
        self.bytes_at(offset).map_or(0, u32::from_le_bytes)
    }

    fn bytes_at<const N: usize>(&self, offset: u8) -> Option<[u8; N]> {
        self.bytes
            .get(usize::from(offset)..)?
            .first_chunk()
            .copied()
    }

    /// Offsets of the capabilities, in list order.
    pub(super) fn capabilities(&self) -> Capabilities<'_, 'a> {
        let listed = self.u16(STATUS) & STATUS_CAPABILITY_LIST != 0;
        Capabilities {
            snapshot: self,
            next: if listed {
                self.u8(CAPABILITY_POINTER)
            } else {
                0
            },
            visits: 0,
        }
    }
}

pub(super) struct Capabilities<'s, 'a> {
    snapshot: &'s Snapshot<'a>,
    next: u8,
    visits: u8,
}

impl Iterator for Capabilities<'_, '_> {
    type Item = Result<u8, CapError>;

    fn next(&mut self) -> Option<Self::Item> {
        // The two low bits are reserved and must be masked off (PCI Local Bus 3.0, 6.7).
        let at = self.next & !0b11;
        if at == 0 {
            return None;
        }
        self.next = 0;
        if at < HEADER_BYTES {
            return Some(Err(CapError::PointerInHeader));
        }
        if self.visits == VISIT_LIMIT {
            return Some(Err(CapError::ListTooLong));
        }
        self.visits = self.visits.saturating_add(1);
        self.next = self.snapshot.u8(at.saturating_add(1));
        Some(Ok(at))
    }
}

/// One `struct virtio_pci_cap`.
pub(super) struct VendorCapability {
    at: u8,
    length: u8,
    pub(super) cfg_type: u8,
    pub(super) region: Region,
}

impl VendorCapability {
    /// Reads the capability at `at`. Types that this driver does not use are not checked further.
    pub(super) fn read(snapshot: &Snapshot<'_>, at: u8) -> Result<Self, CapError> {
        let field = |offset: u8| at.saturating_add(offset);
        let length = snapshot.u8(field(2));
        let cfg_type = snapshot.u8(field(3));
        let needed = match cfg_type {
            CFG_COMMON | CFG_ISR | CFG_DEVICE => CAPABILITY_BYTES,
            CFG_NOTIFY => NOTIFY_CAPABILITY_BYTES,
            _ => 0,
        };
        if length < needed || usize::from(at).saturating_add(usize::from(needed)) > CONFIG_BYTES {
            return Err(CapError::CapabilityTooShort);
        }
        let region = Region {
            bar: snapshot.u8(field(4)),
            offset: snapshot.u32(field(8)),
            length: snapshot.u32(field(12)),
        };
        Ok(Self {
            at,
            length,
            cfg_type,
            region,
        })
    }

    /// The region, checked as its type demands and no longer than the driver needs it (virtio 4.1.4.1).
    pub(super) fn checked(&self) -> Result<Region, CapError> {
        let (structure, least, most, alignment) = match self.cfg_type {
            CFG_COMMON => (
                Structure::Common,
                super::COMMON_BYTES,
                super::COMMON_BYTES_MAX,
                4,
            ),
            CFG_NOTIFY => (Structure::Notify, 2, super::NOTIFY_BYTES_MAX, 2),
            CFG_ISR => (Structure::Isr, 1, 1, 1),
            _ => (
                Structure::Device,
                super::DEVICE_BYTES,
                super::DEVICE_BYTES,
                4,
            ),
        };
        check_region(structure, self.region, least, alignment)?;
        Ok(Region {
            length: self.region.length.min(most),
            ..self.region
        })
    }

    /// The multiplier that follows a notification capability.
    pub(super) fn notify_multiplier(&self, snapshot: &Snapshot<'_>) -> Result<u32, CapError> {
        if self.length < NOTIFY_CAPABILITY_BYTES {
            return Err(CapError::CapabilityTooShort);
        }
        let multiplier = snapshot.u32(self.at.saturating_add(CAPABILITY_BYTES));
        check_multiplier(multiplier)?;
        Ok(multiplier)
    }
}
