//! The device as QEMU has it, and the ways in which it may be another.

use alloc::vec::Vec;

use super::*;
use crate::{
    fake::{BLOCK_ADDRESS, Fault, Machine, directory},
    note::{FILE_NAME, RECORD_BYTES, RECORD_OFFSET, Record},
};

fn machine(fault: Fault) -> Machine {
    let files: &[(&[u8], u16, u32)] = &[
        (b"etc/system-states", 0x21, 6),
        (b"etc/vmcoreinfo", 0x2A, 16),
        (b"etc/vmcoreinfo2", 0x2B, 16),
    ];
    Machine::new(directory(files), fault)
}

fn publish(machine: &Machine) -> Result<(), Error> {
    let mut device = FwCfg::open(machine.ports())?;
    let file = device.find(FILE_NAME, RECORD_BYTES)?;
    let mut memory = machine.memory();
    memory.write(RECORD_OFFSET, &Record::of_note(BLOCK_ADDRESS).to_bytes());
    device.write(file, &mut memory, RECORD_OFFSET)
}

#[test]
fn the_record_reaches_its_file() {
    let machine = machine(Fault::None);
    assert_eq!(publish(&machine), Ok(()));
    let expected = Record::of_note(BLOCK_ADDRESS).to_bytes().to_vec();
    assert_eq!(machine.0.borrow().written, [(0x2A, expected)]);
}

#[test]
fn each_fault_has_its_name_and_nothing_is_written() {
    for (fault, error) in [
        (Fault::Absent, Error::NoDevice),
        (Fault::NoDma, Error::NoDma),
        (Fault::Refuses, Error::Refused),
        (Fault::Hangs, Error::TimedOut),
    ] {
        let machine = machine(fault);
        assert_eq!(publish(&machine), Err(error));
        assert!(machine.0.borrow().written.is_empty(), "{fault:?}");
    }
}

#[test]
fn a_directory_without_the_file_or_against_its_own_rules_is_refused() {
    let find = |directory: Vec<u8>| publish(&Machine::new(directory, Fault::None));
    assert_eq!(
        find(directory(&[(b"etc/vmcoreinf", 0x20, 16)])),
        Err(Error::NotFound)
    );
    assert_eq!(find(directory(&[])), Err(Error::NotFound));
    assert_eq!(
        find(directory(&[(FILE_NAME, 0x20, 24)])),
        Err(Error::FileSize(24))
    );
    assert_eq!(
        find(directory(&[(FILE_NAME, 0x19, 16)])),
        Err(Error::Directory)
    );
    assert_eq!(
        find(directory(&[(FILE_NAME, 0x4000, 16)])),
        Err(Error::Directory)
    );
    assert_eq!(find(alloc::vec![0xFF; 64]), Err(Error::Directory));
    let mut unterminated = directory(&[(b"x", 0x20, 16)]);
    unterminated[12..].fill(b'x');
    assert_eq!(find(unterminated), Err(Error::NotFound));
}

#[test]
fn withdrawing_is_a_record_of_zeros() {
    let machine = machine(Fault::None);
    let mut device = FwCfg::open(machine.ports()).unwrap();
    let file = device.find(FILE_NAME, RECORD_BYTES).unwrap();
    let mut memory = machine.memory();
    memory.write(RECORD_OFFSET, &Record::nothing().to_bytes());
    assert_eq!(device.write(file, &mut memory, RECORD_OFFSET), Ok(()));
    assert_eq!(machine.0.borrow().written, [(0x2A, alloc::vec![0; 16])]);
}

#[test]
fn the_fuzz_targets_hold_on_samples() {
    use crate::fake::{fuzz_directory, fuzz_note};
    let mut directory = directory(&[(b"a", 0x20, 1), (FILE_NAME, 0x21, 16)]);
    for place in 0..directory.len() {
        fuzz_directory(&directory);
        fuzz_directory(&directory[..place]);
        directory[place] ^= 0x5A;
    }
    let mut note = crate::note::note_prefix().to_vec();
    note.resize(crate::note::NOTE_BYTES as usize, 0);
    fuzz_note(&note);
    for place in 0..=u8::MAX {
        for value in [0, 1, 0x7F, 0x80, 0xFF] {
            for kind in [0, 0xFF] {
                fuzz_note(&[kind, place, value]);
                fuzz_directory(&[kind, place, value]);
            }
        }
    }
    for place in 0..40 {
        note[place] ^= 0xA5;
        fuzz_note(&note);
    }
}
