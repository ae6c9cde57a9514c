//! A small driver file made here, and the same with every part wrong in turn.

use alloc::{string::ToString, vec, vec::Vec};

use super::{PeError, Protection, parse};

const TEXT: u32 = 0x1000;
const RDATA: u32 = 0x2000;
const DATA: u32 = 0x3000;
const PAGED: u32 = 0x4000;
const RELOC: u32 = 0x5000;
const IMAGE_BYTES: u32 = 0x6000;
const BASE: u64 = 0x1_4000_0000;

const HEADER_AT: usize = 0x80;
const OPTIONAL_AT: usize = HEADER_AT + 24;
const SECTIONS_AT: usize = OPTIONAL_AT + 240;

const EXECUTE: u32 = 0x6000_0020;
const READ: u32 = 0x4000_0040;
const WRITE: u32 = 0xC000_0040;

struct File(Vec<u8>);

impl File {
    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn put16(&mut self, at: usize, value: u16) {
        self.put(at, &value.to_le_bytes());
    }

    fn put32(&mut self, at: usize, value: u32) {
        self.put(at, &value.to_le_bytes());
    }

    fn put64(&mut self, at: usize, value: u64) {
        self.put(at, &value.to_le_bytes());
    }

    fn directory(&mut self, index: usize, rva: u32, bytes: u32) {
        self.put32(OPTIONAL_AT + 112 + 8 * index, rva);
        self.put32(OPTIONAL_AT + 116 + 8 * index, bytes);
    }

    /// Headers of a section; `rva >> 3` is also where its data lies in the file.
    fn section(&mut self, index: usize, name: &[u8], rva: u32, flags: u32) {
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
fn file_at(rva: u32) -> usize {
    let section = rva & !0xFFF;
    usize::try_from((section >> 3) + (rva & 0xFFF)).unwrap()
}

fn driver() -> File {
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

fn error(change: impl FnOnce(&mut File)) -> PeError {
    let mut file = driver();
    change(&mut file);
    parse(&file.0).unwrap_err()
}

#[test]
fn a_good_driver_is_read() {
    let mut image = parse(&driver().0).unwrap();
    assert_eq!(image.memory.len(), 0x6000);
    assert_eq!(image.entry_rva, TEXT + 0x10);
    assert_eq!(image.cookie_rva, Some(DATA + 0x20));
    assert_eq!(image.relocations, [DATA + 8]);
    let names: Vec<(&str, u32)> = image
        .imports
        .iter()
        .map(|import| (import.name.as_str(), import.slot_rva))
        .collect();
    assert_eq!(
        names,
        [
            ("StorPortInitialize", RDATA + 0x40),
            ("StorPortNotification", RDATA + 0x48)
        ]
    );
    assert!(
        image
            .imports
            .iter()
            .all(|import| import.module == "storport.sys")
    );
    let rights: Vec<Protection> = image.sections.iter().map(|s| s.protection).collect();
    assert_eq!(
        rights,
        [
            Protection::Execute,
            Protection::Read,
            Protection::Write,
            Protection::Execute,
            Protection::Read
        ]
    );
    let paged: Vec<&str> = image
        .sections
        .iter()
        .filter(|section| section.is_paged())
        .map(|section| section.name.as_str())
        .collect();
    assert_eq!(paged, ["PAGE"]);

    image.relocate(0xFFFF_F800_0000_0000);
    image.set_slot(RDATA + 0x40, 0x55);
    let at = usize::try_from(DATA + 8).unwrap();
    assert_eq!(
        image.memory[at..at + 8],
        0xFFFF_F800_0000_1234_u64.to_le_bytes()
    );
    let at = usize::try_from(RDATA + 0x40).unwrap();
    assert_eq!(image.memory[at], 0x55);
}

#[test]
fn what_is_no_pe_is_called_that() {
    assert_eq!(parse(b""), Err(PeError::NotPe));
    assert_eq!(parse(b"\x7FELF and so on"), Err(PeError::NotPe));
    assert_eq!(parse(&[0; 4096]), Err(PeError::NotPe));
    assert_eq!(error(|file| file.put(HEADER_AT, b"NE\0\0")), PeError::NotPe);
}

#[test]
fn every_truncation_is_an_error() {
    let file = driver().0;
    // The last section's data ends at 0xC00.
    for length in 0..file.len() {
        assert!(parse(&file[..length]).is_err(), "{length} bytes");
    }
    assert_eq!(parse(&file[..0x800]), Err(PeError::Truncated));
}

#[test]
fn images_for_other_machines_are_refused() {
    assert_eq!(
        error(|file| file.put16(HEADER_AT + 4, 0xAA64)),
        PeError::Machine(0xAA64)
    );
    assert_eq!(
        error(|file| file.put16(OPTIONAL_AT, 0x10B)),
        PeError::NotPe32Plus
    );
    assert_eq!(
        error(|file| file.put16(OPTIONAL_AT + 68, 3)),
        PeError::Subsystem(3)
    );
    assert!(
        PeError::Machine(0xAA64)
            .to_string()
            .contains("machine 0xaa64")
    );
}

#[test]
fn sections_keep_to_the_rules() {
    assert_eq!(
        error(|file| file.put32(SECTIONS_AT + 36, 0xE000_0020)),
        PeError::WritableExecutable(".text".to_string())
    );
    assert_eq!(
        error(|file| file.put32(SECTIONS_AT + 12, 0x800)),
        PeError::Section(".text".to_string())
    );
    assert_eq!(
        error(|file| file.put32(SECTIONS_AT + 40 + 12, TEXT)),
        PeError::Section(".rdata".to_string())
    );
    assert_eq!(
        error(|file| file.put32(SECTIONS_AT + 40 * 4 + 8, 0xFFFF_FFF0)),
        PeError::Section(".reloc".to_string())
    );
    assert_eq!(
        error(|file| file.put32(SECTIONS_AT + 40 * 4 + 20, 0xFFFF_FF00)),
        PeError::Truncated
    );
    assert_eq!(
        error(|file| file.put32(OPTIONAL_AT + 32, 0x200)),
        PeError::Alignment(0x200)
    );
    assert_eq!(
        error(|file| file.put32(OPTIONAL_AT + 56, 0x4000_0000)),
        PeError::TooLarge(0x4000_0000)
    );
    assert_eq!(
        error(|file| file.put32(OPTIONAL_AT + 16, DATA)),
        PeError::Entry(DATA)
    );
}

#[test]
fn relocations_stay_inside() {
    assert_eq!(
        error(|file| file.put32(file_at(RELOC), IMAGE_BYTES - 0xC)),
        PeError::RelocationRange(IMAGE_BYTES - 4)
    );
    assert_eq!(
        error(|file| file.put16(file_at(RELOC + 8), 0x3008)),
        PeError::RelocationKind(3)
    );
    let stripped = error(|file| {
        file.directory(5, 0, 0);
        file.put16(HEADER_AT + 22, 0x23);
    });
    assert_eq!(stripped, PeError::NoRelocations);
    // The last slot that fits.
    let mut file = driver();
    file.put32(file_at(RELOC), IMAGE_BYTES - 0x10);
    assert_eq!(parse(&file.0).unwrap().relocations, [IMAGE_BYTES - 8]);
}

#[test]
fn imports_are_by_name() {
    assert_eq!(
        error(|file| file.put64(file_at(RDATA + 0x80), 1 << 63 | 0x11)),
        PeError::ImportByOrdinal(17)
    );
    assert_eq!(
        error(|file| file.put64(file_at(RDATA + 0x80), 0x7FFF_0000)),
        PeError::Imports
    );
    assert_eq!(
        error(|file| file.put32(file_at(RDATA) + 12, 0x7FFF_0000)),
        PeError::Imports
    );
    assert_eq!(
        error(|file| file.put32(file_at(RDATA) + 16, 0xFFFF_FFF0)),
        PeError::Imports
    );
}

#[test]
fn random_damage_never_panics() {
    let mut seed = 0x1234_5678_9ABC_DEF1_u64;
    for _ in 0..20_000 {
        let mut file = driver();
        for _ in 0..3 {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            let at = usize::try_from(seed % 0x300).unwrap();
            let at = if seed & 1 << 40 == 0 { at } else { 0x400 + at };
            file.0[at] = seed.to_le_bytes()[5];
        }
        if let Ok(mut image) = parse(&file.0) {
            image.relocate(seed);
            for import in image.imports.clone() {
                image.set_slot(import.slot_rva, 1);
            }
        }
    }
}
