//! A small driver file, put together byte by byte after the PE format: for the tests of [`super::parse`], which break it, and for the fuzz
//! target `driver_image`, which changes it.

use alloc::{vec, vec::Vec};

pub(crate) const TEXT: u32 = 0x1000;
pub(crate) const RDATA: u32 = 0x2000;
pub(crate) const DATA: u32 = 0x3000;
pub(crate) const PAGED: u32 = 0x4000;
pub(crate) const RELOC: u32 = 0x5000;
pub(crate) const IMAGE_BYTES: u32 = 0x6000;
pub(crate) const BASE: u64 = 0x1_4000_0000;

pub(crate) const HEADER_AT: usize = 0x80;
pub(crate) const OPTIONAL_AT: usize = HEADER_AT + 24;
pub(crate) const SECTIONS_AT: usize = OPTIONAL_AT + 240;

pub(crate) const EXECUTE: u32 = 0x6000_0020;
pub(crate) const READ: u32 = 0x4000_0040;
pub(crate) const WRITE: u32 = 0xC000_0040;

/// The file, and ways to change it.
pub(crate) struct File(pub(crate) Vec<u8>);

impl File {
    pub(crate) fn put(&mut self, at: usize, bytes: &[u8]) {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
    }

    pub(crate) fn put16(&mut self, at: usize, value: u16) {
        self.put(at, &value.to_le_bytes());
    }

    pub(crate) fn put32(&mut self, at: usize, value: u32) {
        self.put(at, &value.to_le_bytes());
    }

    pub(crate) fn put64(&mut self, at: usize, value: u64) {
        self.put(at, &value.to_le_bytes());
    }

    pub(crate) fn directory(&mut self, index: usize, rva: u32, bytes: u32) {
        self.put32(OPTIONAL_AT + 112 + 8 * index, rva);
        self.put32(OPTIONAL_AT + 116 + 8 * index, bytes);
    }

    /// Headers of a section; `rva >> 3` is also where its data lies in the file.
    pub(crate) fn section(&mut self, index: usize, name: &[u8], rva: u32, flags: u32) {
        let at = SECTIONS_AT + 40 * index;
        self.put(at, name);
        self.put32(at + 8, 0x200);
        self.put32(at + 12, rva);
        self.put32(at + 16, 0x200);
        self.put32(at + 20, rva >> 3);
        self.put32(at + 36, flags);
    }
}

/// Where an RVA lies in the file.
pub(crate) fn file_at(rva: u32) -> usize {
    let section = rva & !0xFFF;
    usize::try_from((section >> 3) + (rva & 0xFFF)).unwrap()
}

/// A driver in which nothing is wrong: five sections, two imports, one relocation, a load configuration.
pub(crate) fn driver() -> File {
    let mut file = File(vec![0; 0xC00]);
    file.put(0, b"MZ");
    file.put32(0x3C, u32::try_from(HEADER_AT).unwrap());
    file.put(HEADER_AT, b"PE\0\0");
    file.put16(HEADER_AT + 4, 0x8664);
    file.put16(HEADER_AT + 6, 5);
    file.put16(HEADER_AT + 20, 240);
    file.put16(HEADER_AT + 22, 0x22);
    file.put16(OPTIONAL_AT, 0x20B);
    file.put32(OPTIONAL_AT + 16, TEXT + 0x10);
    file.put64(OPTIONAL_AT + 24, BASE);
    file.put32(OPTIONAL_AT + 32, 0x1000);
    file.put32(OPTIONAL_AT + 36, 0x200);
    file.put32(OPTIONAL_AT + 56, IMAGE_BYTES);
    file.put32(OPTIONAL_AT + 60, 0x200);
    file.put16(OPTIONAL_AT + 68, 1);
    file.put32(OPTIONAL_AT + 108, 16);
    file.section(0, b".text", TEXT, EXECUTE);
    file.section(1, b".rdata", RDATA, READ);
    file.section(2, b".data", DATA, WRITE);
    file.section(3, b"PAGE", PAGED, EXECUTE);
    file.section(4, b".reloc", RELOC, READ);

    // One module, two routines.
    file.directory(1, RDATA, 40);
    let descriptor = file_at(RDATA);
    file.put32(descriptor, RDATA + 0x80);
    file.put32(descriptor + 12, RDATA + 0x60);
    file.put32(descriptor + 16, RDATA + 0x40);
    file.put(file_at(RDATA + 0x60), b"storport.sys\0");
    for (slot, name) in [(0_u32, 0xA0_u32), (8, 0xC0)] {
        let pointer = u64::from(RDATA + name);
        file.put64(file_at(RDATA + 0x40 + slot), pointer);
        file.put64(file_at(RDATA + 0x80 + slot), pointer);
    }
    file.put(file_at(RDATA + 0xA2), b"StorPortInitialize\0");
    file.put(file_at(RDATA + 0xC2), b"StorPortNotification\0");

    // The load configuration names the cookie.
    file.directory(10, RDATA + 0x100, 0x60);
    file.put64(file_at(RDATA + 0x158), BASE + u64::from(DATA) + 0x20);

    // One pointer to be moved.
    file.directory(5, RELOC, 12);
    file.put32(file_at(RELOC), DATA);
    file.put32(file_at(RELOC + 4), 12);
    file.put16(file_at(RELOC + 8), 0xA008);
    file.put64(file_at(DATA + 8), BASE + 0x1234);
    file
}
