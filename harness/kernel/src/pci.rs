//! PCI: functions on the buses, their configuration space (mechanism 1), BARs, capabilities and MSI-X.
//!
//! [`Function::save`] and [`Function::restore`] carry a function's configuration over a power-off, as the bus driver of
//! Windows does.

use alloc::vec::Vec;
use core::fmt;

use crate::{
    hw::port,
    mem::{Pa, registers},
    mmio::{self, Width},
};

const ADDRESS_PORT: u16 = 0xCF8;
const DATA_PORT: u16 = 0xCFC;
/// Configuration registers that mechanism 1 reaches.
pub const CONFIG_BYTES: u16 = 256;

const COMMAND: u16 = 0x04;
/// Decode of I/O and memory, bits of the command register.
const DECODE: u16 = 0x3;
const CLASS: u16 = 0x08;
const HEADER_TYPE: u16 = 0x0E;
const BAR0: u16 = 0x10;
/// Base class and subclass of a bridge to another PCI bus.
const BRIDGE_CLASS: [u8; 2] = [6, 4];
/// Register of such a bridge: the bus behind it.
const SECONDARY_BUS: u16 = 0x19;
const CAPABILITIES: u16 = 0x34;
const INTERRUPT_LINE: u16 = 0x3C;
const STATUS: u16 = 0x06;
const STATUS_CAPABILITIES: u16 = 1 << 4;
/// Capability id of MSI-X.
pub const MSIX_CAPABILITY: u8 = 0x11;
/// More capabilities than fit into the configuration space are a loop.
const CAPABILITY_LIMIT: usize = 48;

const MSIX_ENABLE: u16 = 1 << 15;
const MSIX_ENTRY_BYTES: u64 = 16;
const MSIX_MASKED: u64 = 1;

/// Place of a function on the buses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    /// Bus number.
    pub bus: u8,
    /// Device number, 0 to 31.
    pub device: u8,
    /// Function number, 0 to 7.
    pub function: u8,
}

impl Location {
    /// A place.
    #[must_use]
    pub const fn new(bus: u8, device: u8, function: u8) -> Self {
        Self {
            bus,
            device,
            function,
        }
    }

    /// As one number: bus << 8 | device << 3 | function.
    #[must_use]
    pub fn raw(self) -> u16 {
        u16::from(self.bus) << 8 | u16::from(self.device & 31) << 3 | u16::from(self.function & 7)
    }

    /// The inverse of [`Location::raw`].
    #[must_use]
    pub const fn from_raw(raw: u16) -> Self {
        let [low, bus] = raw.to_le_bytes();
        Self::new(bus, low >> 3, low & 7)
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}:{:02x}.{}", self.bus, self.device, self.function)
    }
}

/// A function that answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Function {
    /// Where it is.
    pub location: Location,
    /// Vendor id.
    pub vendor_id: u16,
    /// Device id.
    pub device_id: u16,
    /// Base class, subclass, programming interface.
    pub class: [u8; 3],
}

/// Kind of a BAR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BarKind {
    /// Memory, 32 bits.
    Memory32,
    /// Memory, 64 bits: the next register holds the upper half.
    Memory64,
    /// I/O ports.
    Io,
}

/// A base address register in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bar {
    /// Number of the register, 0 to 5.
    pub index: u8,
    /// Memory or ports.
    pub kind: BarKind,
    /// First address.
    pub base: u64,
    /// Length in bytes.
    pub bytes: u64,
}

/// A function's MSI-X table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Msix {
    /// Offset of the capability in the configuration space.
    pub capability: u16,
    /// Entries of the table.
    pub entries: u16,
    /// BAR that holds the table.
    pub table_bar: u8,
    /// Offset of the table in that BAR, in bytes.
    pub table_offset: u64,
}

/// The state of the MSI-X capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MsixState {
    /// Messages are sent.
    Enabled,
    /// The line is used.
    Disabled,
}

/// The configuration of a function, to be written back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedConfig {
    words: Vec<u32>,
}

/// All functions that answer, bus by bus: those of bus 0 and of the buses behind its bridges.
#[must_use]
pub fn scan() -> Vec<Function> {
    let mut found: Vec<Function> = Vec::new();
    let mut buses = Vec::from([0]);
    let mut next = 0;
    while let Some(&bus) = buses.get(next) {
        next += 1;
        for function in scan_bus(bus) {
            if function.class.starts_with(&BRIDGE_CLASS) {
                let secondary = function.read8(SECONDARY_BUS);
                if secondary != 0 && !buses.contains(&secondary) {
                    buses.push(secondary);
                }
            }
            found.push(function);
        }
    }
    found
}

fn scan_bus(bus: u8) -> Vec<Function> {
    let mut found = Vec::new();
    for device in 0..32 {
        let first = Location::new(bus, device, 0);
        let Some(function) = probe(first) else {
            continue;
        };
        found.push(function);
        if read8(first, HEADER_TYPE) & 0x80 != 0 {
            let others = (1..8).map(|number| Location::new(bus, device, number));
            found.extend(others.filter_map(probe));
        }
    }
    found
}

fn probe(location: Location) -> Option<Function> {
    let [v0, v1, d0, d1] = read32(location, 0).to_le_bytes();
    let vendor_id = u16::from_le_bytes([v0, v1]);
    if vendor_id == 0xFFFF {
        return None;
    }
    let [_revision, interface, subclass, class] = read32(location, CLASS).to_le_bytes();
    Some(Function {
        location,
        vendor_id,
        device_id: u16::from_le_bytes([d0, d1]),
        class: [class, subclass, interface],
    })
}

impl Function {
    /// Reads a byte of the configuration space; 0xFF beyond its end.
    #[must_use]
    pub fn read8(&self, offset: u16) -> u8 {
        read8(self.location, offset)
    }

    /// Reads 16 bits; the offset is even.
    #[must_use]
    pub fn read16(&self, offset: u16) -> u16 {
        u16::from_le_bytes([self.read8(offset), self.read8(offset.wrapping_add(1))])
    }

    /// Reads 32 bits; the offset is a multiple of 4.
    #[must_use]
    pub fn read32(&self, offset: u16) -> u32 {
        read32(self.location, offset)
    }

    /// Writes a byte; nothing beyond the end.
    pub fn write8(&self, offset: u16, value: u8) {
        if select(self.location, offset) {
            port::out8(DATA_PORT + (offset & 3), value);
        }
    }

    /// Writes 16 bits; the offset is even.
    pub fn write16(&self, offset: u16, value: u16) {
        if select(self.location, offset) {
            port::out16(DATA_PORT + (offset & 2), value);
        }
    }

    /// Writes 32 bits; the offset is a multiple of 4.
    pub fn write32(&self, offset: u16, value: u32) {
        write32(self.location, offset, value);
    }

    /// Reads bytes; 0xFF beyond the end.
    pub fn read_config(&self, offset: u16, into: &mut [u8]) {
        for (index, byte) in (offset..=u16::MAX).zip(into) {
            *byte = self.read8(index);
        }
    }

    /// Writes bytes, each by itself.
    pub fn write_config(&self, offset: u16, from: &[u8]) {
        for (index, &byte) in (offset..=u16::MAX).zip(from) {
            self.write8(index, byte);
        }
    }

    /// The base address registers in use, with their sizes. Decoding is off while the sizes are asked for.
    #[must_use]
    pub fn bars(&self) -> Vec<Bar> {
        let command = self.read16(COMMAND);
        self.write16(COMMAND, command & !DECODE);
        let mut bars = Vec::new();
        let mut index = 0;
        while index < 6 {
            let bar = self.size_bar(index);
            index += match bar {
                Some(Bar {
                    kind: BarKind::Memory64,
                    ..
                }) => 2,
                _ => 1,
            };
            bars.extend(bar.filter(|bar| bar.bytes != 0 && bar.base != 0));
        }
        self.write16(COMMAND, command);
        bars
    }

    fn size_bar(&self, index: u8) -> Option<Bar> {
        let offset = BAR0 + 4 * u16::from(index);
        let low = self.read32(offset);
        self.write32(offset, u32::MAX);
        let low_mask = self.read32(offset);
        self.write32(offset, low);
        if low_mask == 0 {
            return None;
        }
        if low & 1 != 0 {
            return Some(Bar {
                index,
                kind: BarKind::Io,
                base: u64::from(low & !3),
                bytes: u64::from(!(low_mask & !3) & 0xFFFF) + 1,
            });
        }
        if low & 0b110 != 0b100 {
            return Some(Bar {
                index,
                kind: BarKind::Memory32,
                base: u64::from(low & !15),
                bytes: u64::from(!(low_mask & !15)) + 1,
            });
        }
        let high = self.read32(offset + 4);
        self.write32(offset + 4, u32::MAX);
        let high_mask = self.read32(offset + 4);
        self.write32(offset + 4, high);
        let mask = u64::from(high_mask) << 32 | u64::from(low_mask & !15);
        Some(Bar {
            index,
            kind: BarKind::Memory64,
            base: u64::from(high) << 32 | u64::from(low & !15),
            bytes: (!mask).wrapping_add(1),
        })
    }

    /// The capabilities as id and offset, in the order of the list; a loop ends the walk.
    #[must_use]
    pub fn capabilities(&self) -> Vec<(u8, u16)> {
        let mut list = Vec::new();
        if self.read16(STATUS) & STATUS_CAPABILITIES == 0 {
            return list;
        }
        let mut offset = u16::from(self.read8(CAPABILITIES) & !3);
        while offset >= 0x40 && list.len() < CAPABILITY_LIMIT {
            list.push((self.read8(offset), offset));
            offset = u16::from(self.read8(offset + 1) & !3);
        }
        list
    }

    /// Offset of the first capability with that id.
    #[must_use]
    pub fn capability(&self, id: u8) -> Option<u16> {
        self.capabilities()
            .into_iter()
            .find(|&(found, _)| found == id)
            .map(|(_, offset)| offset)
    }

    /// The MSI-X table, if there is one.
    #[must_use]
    pub fn msix(&self) -> Option<Msix> {
        let capability = self.capability(MSIX_CAPABILITY)?;
        let table = self.read32(capability + 4);
        let [low, ..] = table.to_le_bytes();
        Some(Msix {
            capability,
            entries: (self.read16(capability + 2) & 0x7FF) + 1,
            table_bar: low & 7,
            table_offset: u64::from(table & !7),
        })
    }

    /// Switches the MSI-X capability.
    pub fn set_msix(&self, state: MsixState) {
        let Some(capability) = self.capability(MSIX_CAPABILITY) else {
            return;
        };
        let control = self.read16(capability + 2) & !MSIX_ENABLE;
        let bit = match state {
            MsixState::Enabled => MSIX_ENABLE,
            MsixState::Disabled => 0,
        };
        self.write16(capability + 2, control | bit);
    }

    /// Whether the MSI-X capability is on.
    #[must_use]
    pub fn msix_state(&self) -> MsixState {
        match self.capability(MSIX_CAPABILITY) {
            Some(capability) if self.read16(capability + 2) & MSIX_ENABLE != 0 => {
                MsixState::Enabled
            }
            _ => MsixState::Disabled,
        }
    }

    /// Pin of the I/O APIC to which the firmware routed the interrupt line.
    #[must_use]
    pub fn line(&self) -> Option<u8> {
        let [line, pin, ..] = self.read32(INTERRUPT_LINE).to_le_bytes();
        (pin != 0 && line != 0 && line < 24).then_some(line)
    }

    /// Writes an entry of the MSI-X table and unmasks it.
    pub(crate) fn set_message(&self, index: u16, address: u64, data: u32) {
        self.write_message(index, address, u64::from(data));
    }

    /// Masks an entry of the MSI-X table.
    pub(crate) fn mask_message(&self, index: u16) {
        self.write_message(index, 0, MSIX_MASKED << 32);
    }

    /// `control_and_data`: the message's data in the lower half, vector control in the upper.
    fn write_message(&self, index: u16, address: u64, control_and_data: u64) {
        let Some(table) = self.msix().filter(|table| index < table.entries) else {
            return;
        };
        let bars = self.bars();
        let Some(bar) = bars.iter().find(|bar| bar.index == table.table_bar) else {
            return;
        };
        let entry = bar.base + table.table_offset + u64::from(index) * MSIX_ENTRY_BYTES;
        let Some(va) = mmio::map(Pa(entry), MSIX_ENTRY_BYTES) else {
            return;
        };
        let masked = control_and_data | MSIX_MASKED << 32;
        for (offset, value) in [
            (12, masked >> 32),
            (0, address & 0xFFFF_FFFF),
            (4, address >> 32),
            (8, control_and_data & 0xFFFF_FFFF),
            (12, control_and_data >> 32),
        ] {
            registers::write(va.offset(offset), Width::Dword, value);
        }
        mmio::unmap(va);
    }

    /// The whole configuration space below 256 bytes.
    #[must_use]
    pub fn save(&self) -> SavedConfig {
        SavedConfig {
            words: (0..CONFIG_BYTES)
                .step_by(4)
                .map(|offset| self.read32(offset))
                .collect(),
        }
    }

    /// Writes a saved configuration back: header and BARs first, then MSI-X control, the command register last. The
    /// table of MSI-X is in memory of the device: `interrupt::reprogram` writes it.
    pub fn restore(&self, saved: &SavedConfig) {
        let word = |offset: u16| {
            saved
                .words
                .get(usize::from(offset / 4))
                .copied()
                .unwrap_or(0)
        };
        self.write16(COMMAND, 0);
        for offset in (BAR0..0x40)
            .step_by(4)
            .filter(|&offset| offset != CAPABILITIES)
        {
            self.write32(offset, word(offset));
        }
        self.write32(0x0C, word(0x0C));
        if let Some(capability) = self.capability(MSIX_CAPABILITY) {
            let [_, _, low, high] = word(capability).to_le_bytes();
            self.write16(capability + 2, u16::from_le_bytes([low, high]));
        }
        let [low, high, ..] = word(COMMAND).to_le_bytes();
        self.write16(COMMAND, u16::from_le_bytes([low, high]));
    }
}

/// Reads a byte of a function's configuration space; 0xFF beyond its end.
#[must_use]
pub fn read8(location: Location, offset: u16) -> u8 {
    if select(location, offset) {
        port::in8(DATA_PORT + (offset & 3))
    } else {
        u8::MAX
    }
}

/// Reads 32 bits; the offset is a multiple of 4.
#[must_use]
pub fn read32(location: Location, offset: u16) -> u32 {
    if select(location, offset) {
        port::in32(DATA_PORT)
    } else {
        u32::MAX
    }
}

/// Writes 32 bits; the offset is a multiple of 4.
pub fn write32(location: Location, offset: u16, value: u32) {
    if select(location, offset) {
        port::out32(DATA_PORT, value);
    }
}

/// Selects a register; the data port is valid until interrupts might select another one, which no handler does.
fn select(location: Location, offset: u16) -> bool {
    if offset >= CONFIG_BYTES {
        return false;
    }
    let address = 1 << 31 | u32::from(location.raw()) << 8 | u32::from(offset & !3);
    port::out32(ADDRESS_PORT, address);
    true
}
