//! A small driver file, and the same with every part wrong in turn.

use alloc::{string::ToString, vec::Vec};

use super::{
    PeError, Protection, fuzz_image, parse,
    small_driver::{
        DATA, File, HEADER_AT, IMAGE_BYTES, OPTIONAL_AT, RDATA, RELOC, SECTIONS_AT, TEXT, driver,
        file_at,
    },
};

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

#[test]
fn the_fuzz_target_holds_on_samples() {
    let good = driver().0;
    for place in 0..good.len() {
        let mut file = good.clone();
        for value in [0, 0x7F, 0x80, 0xFF] {
            file[place] = value;
            fuzz_image(&file);
        }
        fuzz_image(&good[..place]);
    }
}
