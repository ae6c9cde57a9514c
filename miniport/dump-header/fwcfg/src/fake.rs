//! A `fw_cfg` device in memory, with one block of memory that it can reach.
//!
//! Key type: [`Machine`]; [`Machine::ports`] and [`Machine::memory`] are its two sides. It does what QEMU's does, and what [`Fault`] says.

use alloc::{rc::Rc, vec, vec::Vec};
use core::cell::RefCell;

use crate::{
    device::{Ports, Shared},
    note::BLOCK_BYTES,
};

/// Physical address of the block: above 4 GiB, so that both halves of the DMA register count.
pub const BLOCK_ADDRESS: u64 = 0x1_2340_0000;

/// What is wrong with the device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// Nobody answers.
    Absent,
    /// There is no DMA interface.
    NoDma,
    /// Transfers are refused.
    Refuses,
    /// Transfers never end.
    Hangs,
}

/// The device's side of the machine.
#[derive(Debug, Default)]
pub struct Inner {
    /// What is wrong.
    pub fault: Fault,
    /// The bytes of the directory, as the guest reads them.
    pub directory: Vec<u8>,
    /// What was written to files: key and bytes, in order.
    pub written: Vec<(u16, Vec<u8>)>,
    /// The block of memory.
    pub block: Vec<u8>,
    selected: u16,
    position: usize,
    dma_high: u32,
}

/// The machine; its clones are the same one.
#[derive(Clone, Debug)]
pub struct Machine(pub Rc<RefCell<Inner>>);

/// Bytes of a directory with these files: name, key, size.
#[must_use]
pub fn directory(files: &[(&[u8], u16, u32)]) -> Vec<u8> {
    let count = u32::try_from(files.len()).unwrap_or(u32::MAX);
    let mut bytes = count.to_be_bytes().to_vec();
    for &(name, key, size) in files {
        bytes.extend(size.to_be_bytes());
        bytes.extend(key.to_be_bytes());
        bytes.extend([0, 0]);
        let mut field = name.to_vec();
        field.resize(56, 0);
        bytes.extend(field);
    }
    bytes
}

impl Machine {
    /// A machine whose device has this directory.
    #[must_use]
    pub fn new(directory: Vec<u8>, fault: Fault) -> Self {
        Self(Rc::new(RefCell::new(Inner {
            fault,
            directory,
            block: vec![0; BLOCK_BYTES],
            ..Inner::default()
        })))
    }

    /// The device's ports.
    #[must_use]
    pub fn ports(&self) -> FakePorts {
        FakePorts(self.clone())
    }

    /// The block of memory.
    #[must_use]
    pub fn memory(&self) -> FakeMemory {
        FakeMemory(self.clone())
    }
}

/// The ports.
#[derive(Debug)]
pub struct FakePorts(Machine);

/// The memory.
#[derive(Debug)]
pub struct FakeMemory(Machine);

impl Inner {
    fn item(&self) -> &[u8] {
        match (self.selected, self.fault) {
            (0, _) => b"QEMU",
            (1, Fault::NoDma) => &[1, 0, 0, 0],
            (1, _) => &[3, 0, 0, 0],
            (0x19, _) => &self.directory,
            _ => &[],
        }
    }

    /// What the device finds at a physical address.
    fn place(&self, address: u64, bytes: usize) -> Option<core::ops::Range<usize>> {
        let start = usize::try_from(address.checked_sub(BLOCK_ADDRESS)?).ok()?;
        let end = start.checked_add(bytes)?;
        (end <= self.block.len()).then_some(start..end)
    }

    fn transfer(&mut self, descriptor: u64) -> Option<()> {
        let place = self.place(descriptor, 16)?;
        let words: Vec<u8> = self.block.get(place.clone())?.to_vec();
        let word = |index: usize| -> Option<u32> {
            Some(u32::from_be_bytes(
                words.get(index..index + 4)?.try_into().ok()?,
            ))
        };
        let (control, bytes) = (word(0)?, usize::try_from(word(4)?).ok()?);
        let address = u64::from(word(8)?) << 32 | u64::from(word(12)?);
        let answer: u32 = match self.fault {
            Fault::Hangs => return None,
            Fault::Refuses => 1,
            _ => match self.place(address, bytes) {
                Some(data) if control & 0xFFFF == 0x18 => {
                    let data = self.block.get(data)?.to_vec();
                    let [k0, k1, ..] = control.to_be_bytes();
                    self.written.push((u16::from_be_bytes([k0, k1]), data));
                    0
                }
                _ => 1,
            },
        };
        self.block
            .get_mut(place)?
            .get_mut(..4)?
            .copy_from_slice(&answer.to_be_bytes());
        Some(())
    }
}

impl Ports for FakePorts {
    fn read_u8(&mut self, offset: u16) -> u8 {
        let mut inner = self.0.0.borrow_mut();
        if inner.fault == Fault::Absent || offset != 1 {
            return 0xFF;
        }
        let byte = inner.item().get(inner.position).copied().unwrap_or(0);
        inner.position += 1;
        byte
    }

    fn read_u32(&mut self, offset: u16) -> u32 {
        let inner = self.0.0.borrow();
        match (inner.fault, offset) {
            (Fault::Absent | Fault::NoDma, _) => u32::MAX,
            (_, 4) => u32::from_le_bytes(*b"QEMU"),
            (_, 8) => u32::from_le_bytes(*b" CFG"),
            _ => 0,
        }
    }

    fn write_u16(&mut self, offset: u16, value: u16) {
        let mut inner = self.0.0.borrow_mut();
        if offset == 0 {
            inner.selected = value;
            inner.position = 0;
        }
    }

    fn write_u32(&mut self, offset: u16, value: u32) {
        let mut inner = self.0.0.borrow_mut();
        match offset {
            4 => inner.dma_high = value.swap_bytes(),
            8 => {
                let descriptor = u64::from(inner.dma_high) << 32 | u64::from(value.swap_bytes());
                inner.transfer(descriptor);
            }
            _ => {}
        }
    }
}

impl Shared for FakeMemory {
    fn address(&self) -> u64 {
        BLOCK_ADDRESS
    }

    fn write(&mut self, offset: usize, bytes: &[u8]) {
        let mut inner = self.0.0.borrow_mut();
        if let Some(place) = inner.block.get_mut(offset..offset + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    }

    fn read_u32(&self, offset: usize) -> u32 {
        let inner = self.0.0.borrow();
        inner
            .block
            .get(offset..offset + 4)
            .and_then(|bytes| bytes.try_into().ok())
            .map_or(0, u32::from_le_bytes)
    }
}

/// Body of the fuzz target `directory`: whatever the directory says, the search ends without a panic and finds no key that is none. The bytes
/// are the directory, or change a good one.
///
/// # Panics
/// The search found a file that does not take its record: what fuzzing looks for.
pub fn fuzz_directory(data: &[u8]) {
    let good = directory(&[
        (b"etc/system-states", 0x21, 6),
        (crate::note::FILE_NAME, 0x2A, crate::note::RECORD_BYTES),
    ]);
    for directory in [data.to_vec(), changed(good, data)] {
        search(directory);
    }
}

fn search(directory: Vec<u8>) {
    let machine = Machine::new(directory, Fault::None);
    if let Ok(mut device) = crate::FwCfg::open(machine.ports())
        && let Ok(file) = device.find(crate::note::FILE_NAME, crate::note::RECORD_BYTES)
    {
        let mut memory = machine.memory();
        let written = device.write(file, &mut memory, crate::note::RECORD_OFFSET);
        assert_eq!(written, Ok(()), "a file that was found takes its record");
    }
}

/// Body of the fuzz target `note`: a note that is taken has the header in it, where it begins and with its length. The bytes are the note, or
/// change a good one, which is longer than what chance makes.
///
/// # Panics
/// The header is not where it was said to be: what fuzzing looks for.
pub fn fuzz_note(data: &[u8]) {
    let mut good = crate::note::note_prefix().to_vec();
    good.resize(crate::note::NOTE_BYTES as usize, 0);
    for note in [data, &changed(good, data)] {
        if let Ok(header) = crate::note::header_of(note) {
            assert_eq!(header.len(), crate::note::HEADER_BYTES as usize);
            // The last byte of the prefix is a gap, which nobody looks at.
            assert_eq!(note.get(..23), crate::note::note_prefix().get(..23));
        }
    }
}

/// Three bytes at a time say what becomes of `good`: a byte near its start is another, or it is cut short.
fn changed(mut good: Vec<u8>, data: &[u8]) -> Vec<u8> {
    let (edits, _) = data.as_chunks::<3>();
    for &[kind, place, value] in edits {
        if kind == 0xFF {
            good.truncate(good.len().saturating_sub(usize::from(place)));
        } else if let Some(byte) = good.get_mut(usize::from(place)) {
            *byte = value;
        }
    }
    good
}
