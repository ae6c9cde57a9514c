//! The register side of the fake device: four ranges over one state.

use crate::access::Mmio;
use crate::pci::Structure;

use super::device::FakeDevice;

/// One of the four register structures.
#[derive(Debug, Clone, Copy)]
pub struct FakeRegisters<'d, 'm> {
    pub(super) device: &'d FakeDevice<'m>,
    pub(super) structure: Structure,
    pub(super) length: u32,
}

impl FakeRegisters<'_, '_> {
    /// Makes the range shorter.
    pub fn shorten(&mut self, length: u32) {
        self.length = self.length.min(length);
    }

    fn read<const N: usize>(&self, offset: u32) -> [u8; N] {
        let bytes = u32::try_from(N).unwrap_or(u32::MAX);
        if offset
            .checked_add(bytes)
            .is_none_or(|end| end > self.length)
            || self.device.is_gone()
        {
            return [0xFF; N];
        }
        let value = match self.structure {
            Structure::Common => self.device.read_common(offset, bytes),
            Structure::Notify => 0,
            Structure::Isr => u64::from(self.device.read_isr()),
            Structure::Device => self.device.read_device(offset, bytes),
        };
        let mut result = [0; N];
        for (target, source) in result.iter_mut().zip(value.to_le_bytes()) {
            *target = source;
        }
        result
    }

    fn write(&self, offset: u32, bytes: u32, value: u32) {
        if offset
            .checked_add(bytes)
            .is_none_or(|end| end > self.length)
            || self.device.is_gone()
        {
            return;
        }
        match self.structure {
            Structure::Common => self.device.write_common(offset, bytes, value),
            Structure::Notify => self.device.ring_doorbell(offset, value),
            Structure::Isr => {}
            Structure::Device => self.device.write_device(offset, value),
        }
    }
}

impl Mmio for FakeRegisters<'_, '_> {
    fn length(&self) -> u32 {
        self.length
    }
    fn read_u8(&self, offset: u32) -> u8 {
        u8::from_le_bytes(self.read(offset))
    }
    fn read_u16(&self, offset: u32) -> u16 {
        u16::from_le_bytes(self.read(offset))
    }
    fn read_u32(&self, offset: u32) -> u32 {
        u32::from_le_bytes(self.read(offset))
    }
    fn write_u8(&self, offset: u32, value: u8) {
        self.write(offset, 1, u32::from(value));
    }
    fn write_u16(&self, offset: u32, value: u16) {
        self.write(offset, 2, u32::from(value));
    }
    fn write_u32(&self, offset: u32, value: u32) {
        self.write(offset, 4, value);
    }
}
