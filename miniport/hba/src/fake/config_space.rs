//! A configuration space to be damaged: a builder for the capability list of a virtio function.

use std::vec::Vec;

use crate::pci::{CONFIG_BYTES, DEVICE_ID_MODERN, VENDOR_ID};

/// A configuration space under construction.
#[derive(Debug, Clone)]
pub struct ConfigSpace {
    bytes: [u8; CONFIG_BYTES],
    link: usize,
    next: usize,
}

impl Default for ConfigSpace {
    fn default() -> Self {
        Self::new()
    }
}

impl ConfigSpace {
    /// A virtio-scsi function without capabilities; BAR 4 is a 64-bit memory BAR at `0xFE00_0000`.
    #[must_use]
    pub fn new() -> Self {
        let mut space = Self {
            bytes: [0; CONFIG_BYTES],
            link: 0x34,
            next: 0x40,
        };
        space.put(0, &VENDOR_ID.to_le_bytes());
        space.put(2, &DEVICE_ID_MODERN.to_le_bytes());
        space.put(6, &[0x10]);
        space.put(0x20, &0xFE00_000C_u32.to_le_bytes());
        space
    }

    /// What QEMU's virtio-scsi-pci shows: MSI-X with four entries, then the five virtio capabilities.
    #[must_use]
    pub fn qemu() -> Self {
        let mut space = Self::new();
        space.capability(0x11, &[3, 0x80, 1, 0, 0, 0, 1, 8, 0, 0]);
        // The PCI access capability comes first in the list, with BAR 0 and no length.
        space.virtio(5, 0, 0, 0, &[0; 4]);
        space.virtio(2, 4, 0x3000, 0x1000, &4_u32.to_le_bytes());
        space.virtio(4, 4, 0x2000, 0x1000, &[]);
        space.virtio(3, 4, 0x1000, 0x1000, &[]);
        space.virtio(1, 4, 0, 0x1000, &[]);
        space
    }

    /// Writes `bytes` at `offset`; what does not fit is left out.
    pub fn put(&mut self, offset: usize, bytes: &[u8]) {
        for (target, byte) in self.bytes.iter_mut().skip(offset).zip(bytes) {
            *target = *byte;
        }
    }

    /// Appends a capability and returns its offset.
    pub fn capability(&mut self, id: u8, body: &[u8]) -> usize {
        let at = self.next;
        self.put(self.link, &[u8::try_from(at).unwrap_or(0)]);
        self.put(at, &[id, 0]);
        self.put(at.saturating_add(2), body);
        self.link = at.saturating_add(1);
        self.next = at
            .saturating_add(2)
            .saturating_add(body.len())
            .next_multiple_of(4);
        at
    }

    /// Appends a virtio capability and returns its offset.
    pub fn virtio(
        &mut self,
        cfg_type: u8,
        bar: u8,
        offset: u32,
        length: u32,
        extra: &[u8],
    ) -> usize {
        let bytes = u8::try_from(extra.len()).unwrap_or(0).saturating_add(16);
        let mut body: Vec<u8> = Vec::from([bytes, cfg_type, bar, 0, 0, 0]);
        body.extend_from_slice(&offset.to_le_bytes());
        body.extend_from_slice(&length.to_le_bytes());
        body.extend_from_slice(extra);
        self.capability(0x09, &body)
    }

    /// The bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; CONFIG_BYTES] {
        &self.bytes
    }
}
