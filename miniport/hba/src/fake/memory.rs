//! Memory that driver and fake device share: cells, so that both may write at any time.

use std::boxed::Box;
use std::cell::Cell;
use std::vec::Vec;

use crate::access::{CheckedEntries, CheckedRow, DmaMemory, SharedMemory};

/// An arena with a bus address.
#[derive(Debug)]
pub struct FakeMemory {
    cells: Box<[Cell<u8>]>,
    bus_address: u64,
}

impl FakeMemory {
    /// `length` bytes at `bus_address`, filled with a pattern: fresh memory is not zero.
    #[must_use]
    pub fn new(length: u32, bus_address: u64) -> Self {
        let cells: Vec<_> = (0..length).map(|_| Cell::new(0xA5)).collect();
        Self {
            cells: cells.into_boxed_slice(),
            bus_address,
        }
    }

    /// The same with the memory's own address as bus address, for tests whose driver side works with pointers.
    #[must_use]
    pub fn identity_mapped(length: u32) -> Self {
        let mut memory = Self::new(length, 0);
        memory.bus_address = u64::try_from(memory.as_ptr().addr()).unwrap_or(0);
        memory
    }

    /// The first byte.
    #[must_use]
    pub const fn as_ptr(&self) -> *const Cell<u8> {
        self.cells.as_ptr()
    }

    /// A window of `length` bytes at `offset`.
    #[must_use]
    pub fn window(&self, offset: u32, length: u32) -> Window<'_> {
        let cells = range(offset, length)
            .and_then(|range| self.cells.get(range))
            .unwrap_or(&[]);
        Window {
            cells,
            bus_address: self.bus_address.wrapping_add(u64::from(offset)),
        }
    }

    /// The whole of it.
    #[must_use]
    pub fn all(&self) -> Window<'_> {
        Window {
            cells: &self.cells,
            bus_address: self.bus_address,
        }
    }

    /// The bytes that the device reaches at `bus_address`; `None` when they are not all there.
    pub(super) fn at_bus(&self, bus_address: u64, length: u32) -> Option<Window<'_>> {
        let offset = u32::try_from(bus_address.checked_sub(self.bus_address)?).ok()?;
        let cells = self.cells.get(range(offset, length)?)?;
        Some(Window { cells, bus_address })
    }
}

/// A part of a [`FakeMemory`].
#[derive(Debug, Clone, Copy)]
pub struct Window<'m> {
    cells: &'m [Cell<u8>],
    bus_address: u64,
}

fn range(offset: u32, length: u32) -> Option<std::ops::Range<usize>> {
    let start = usize::try_from(offset).ok()?;
    Some(start..start.checked_add(usize::try_from(length).ok()?)?)
}

impl Window<'_> {
    fn get<const N: usize>(&self, offset: u32) -> [u8; N] {
        let mut value = [0; N];
        self.read_bytes(offset, &mut value);
        value
    }

    /// The contents, copied.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        self.cells.iter().map(Cell::get).collect()
    }
}

impl SharedMemory for Window<'_> {
    fn length(&self) -> u32 {
        u32::try_from(self.cells.len()).unwrap_or(u32::MAX)
    }
    fn read_u8(&self, offset: u32) -> u8 {
        u8::from_le_bytes(self.get(offset))
    }
    fn read_u16(&self, offset: u32) -> u16 {
        u16::from_le_bytes(self.get(offset))
    }
    fn read_u32(&self, offset: u32) -> u32 {
        u32::from_le_bytes(self.get(offset))
    }
    fn read_u64(&self, offset: u32) -> u64 {
        u64::from_le_bytes(self.get(offset))
    }
    fn write_u8(&self, offset: u32, value: u8) {
        self.write_bytes(offset, &value.to_le_bytes());
    }
    fn write_u16(&self, offset: u32, value: u16) {
        self.write_bytes(offset, &value.to_le_bytes());
    }
    fn write_u32(&self, offset: u32, value: u32) {
        self.write_bytes(offset, &value.to_le_bytes());
    }
    fn write_u64(&self, offset: u32, value: u64) {
        self.write_bytes(offset, &value.to_le_bytes());
    }

    /// All or nothing, as the trait demands.
    fn read_bytes(&self, offset: u32, destination: &mut [u8]) {
        let length = u32::try_from(destination.len()).unwrap_or(u32::MAX);
        if let Some(cells) = range(offset, length).and_then(|range| self.cells.get(range)) {
            for (byte, cell) in destination.iter_mut().zip(cells) {
                *byte = cell.get();
            }
        }
    }

    fn write_bytes(&self, offset: u32, source: &[u8]) {
        let length = u32::try_from(source.len()).unwrap_or(u32::MAX);
        if let Some(cells) = range(offset, length).and_then(|range| self.cells.get(range)) {
            for (byte, cell) in source.iter().zip(cells) {
                cell.set(*byte);
            }
        }
    }
}

impl<'m> DmaMemory for Window<'m> {
    type Entries<const BYTES: u32> = CheckedEntries<Window<'m>, BYTES>;
    type Row = CheckedRow<Window<'m>>;

    fn entries<const BYTES: u32>(&self, offset: u32, mask: u16) -> Option<Self::Entries<BYTES>> {
        CheckedEntries::new(*self, offset, mask)
    }
    fn row(&self, offset: u32, count: u16) -> Option<Self::Row> {
        CheckedRow::new(*self, offset, count)
    }
    fn bus_address(&self) -> u64 {
        self.bus_address
    }
}
