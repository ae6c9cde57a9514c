//! A small dump and the memory that it was made of, and each of its parts changed in turn.

use std::io::Cursor;

use proto::{
    owner::{Owner, Role},
    record::CallbackRange,
};

use super::*;
use crate::{
    compare::walk::machine::Machine,
    dumpfile::small::{
        CONTEXT_BYTES,
        tests::{DEBUGGER_DATA, DEBUGGER_DATA_AT, DEBUGGER_DATA_BYTES, DRIVERS, put, small_dump},
    },
    session::life::{Boot, PowerOff},
};

/// Where the synthetic dump has its stack and its block.
const STACK: u64 = 0xffff_9000_0000_0000;
const BLOCK: u64 = 0xffff_8000_1234_5000;
const ARRAY: u64 = 0xffff_a000_0000_2000;
const PROCESSOR: u64 = 0xffff_a000_0000_2100;
const CONTEXT: u64 = 0xffff_a000_0000_3000;
const MODULES: u64 = 0xffff_a000_0000_4000;

fn context() -> Vec<u8> {
    let mut context: Vec<u8> = (0..=250).cycle().take(CONTEXT_BYTES).collect();
    put(&mut context, 152, &STACK.to_le_bytes());
    put(&mut context, 248, &0xffff_f800_0000_1234_u64.to_le_bytes());
    context
}

fn debugger_data() -> Vec<u8> {
    let mut data: Vec<u8> = (0..=252).cycle().take(DEBUGGER_DATA_BYTES).collect();
    put(&mut data, 0x218, &ARRAY.to_le_bytes());
    put(&mut data, 0x338, &0x40_u16.to_le_bytes());
    data
}

/// The dump, with the content of all its parts.
fn file() -> Vec<u8> {
    let mut file = small_dump(&DRIVERS);
    put(&mut file, 0x20, &MODULES.to_le_bytes());
    put(&mut file, 0x348, &context());
    put(&mut file, DEBUGGER_DATA_AT, &debugger_data());
    file
}

/// The memory that it was made of.
fn machine() -> Machine {
    let mut machine = Machine::new();
    machine.put(STACK, &[0x5a; 0x1000]);
    machine.put(BLOCK, &[0xa5; 100]);
    machine.put(DEBUGGER_DATA, &debugger_data());
    machine.put(ARRAY, &PROCESSOR.to_le_bytes());
    machine.put(PROCESSOR + 0x40, &CONTEXT.to_le_bytes());
    machine.put(CONTEXT, &context());
    let entry = |number: u64| MODULES + 0x100 * (number + 1);
    machine.put(MODULES, &entry(0).to_le_bytes());
    for (number, (name, base, bytes)) in (0..).zip(DRIVERS) {
        let at = entry(number);
        let next = if number == 1 {
            MODULES
        } else {
            entry(number + 1)
        };
        let text: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let length = u16::try_from(text.len()).unwrap();
        machine.put(at, &next.to_le_bytes());
        machine.put(at + 0x30, &base.to_le_bytes());
        machine.put(at + 0x40, &bytes.to_le_bytes());
        machine.put(at + 0x58, &length.to_le_bytes());
        machine.put(at + 0x60, &(at + 0xa0).to_le_bytes());
        machine.put(at + 0xa0, &text);
    }
    machine
}

fn result(file: Vec<u8>, machine: &Machine, volatile: &Ranges) -> SmallCompare {
    let directory = tempfile::tempdir().expect("made");
    let memory = machine.save(directory.path());
    let mut dump = DumpFile::open(Cursor::new(file)).expect("a dump");
    assert_eq!(dump.problems, Vec::<String>::new());
    compare(&mut dump, &memory, volatile).expect("compared")
}

#[test]
fn a_dump_of_this_memory_has_no_fault() {
    let found = result(file(), &machine(), &Ranges::default());
    assert_eq!(found.faults(), Vec::<String>::new());
    let bytes = 0x1000 + 100 + DEBUGGER_DATA_BYTES as u64;
    assert_eq!(found.bytes_compared, bytes);
    assert_eq!(
        (found.stack_bytes, found.blocks, found.drivers),
        (0x1000, 1, 2)
    );
}

#[test]
fn each_part_that_differs_is_named() {
    for (address, words) in [
        (
            STACK + 7,
            "the byte at 0xffff900000000007 is 0xa5 in memory",
        ),
        (
            BLOCK + 99,
            "the byte at 0xffff800012345063 is 0x5a in memory",
        ),
        (DEBUGGER_DATA + 0x33f, "the byte at 0xffffa0000000133f"),
        (CONTEXT + 248, "Rip is 0xfffff800000012cb in memory"),
        (CONTEXT + 56, "SegCs is"),
        (CONTEXT + 600, "registers apart"),
        (MODULES + 0x130, "ntoskrnl.exe at 0x48000ff"),
        (MODULES + 0x240, "with 0x150ff bytes is hiberport.sys"),
    ] {
        let mut machine = machine();
        machine.flip(address);
        let faults = result(file(), &machine, &Ranges::default()).faults();
        assert_eq!(faults.len(), 1, "{words}: {faults:?}");
        assert!(faults[0].contains(words), "{words}: {faults:?}");
    }
}

#[test]
fn what_is_volatile_is_left_out() {
    let mut machine = machine();
    machine.flip(STACK + 7);
    let place = machine.physical(STACK + 7);
    let volatile = Ranges::new([(place - 1, place + 3)]);
    let found = result(file(), &machine, &volatile);
    assert_eq!(found.faults(), Vec::<String>::new());
    assert_eq!(found.bytes_volatile, 4);
}

#[test]
fn what_is_not_mapped_is_a_fault() {
    for (address, words) in [
        (STACK, "4096 bytes are no memory"),
        (BLOCK, "100 bytes are no memory"),
        (CONTEXT, "context is not found in memory"),
        (MODULES, "0 modules are in memory, 2 drivers in the dump"),
    ] {
        let mut machine = machine();
        machine.unmap(address);
        let faults = result(file(), &machine, &Ranges::default()).faults();
        assert_eq!(faults.len(), 1, "{words}: {faults:?}");
        assert!(faults[0].contains(words), "{words}: {faults:?}");
    }
}

#[test]
fn a_dump_without_stack_or_drivers_is_faulty() {
    let mut file = file();
    put(&mut file, 0x202c, &[0; 4]);
    put(&mut file, 0x2034, &[0; 4]);
    let faults = result(file, &machine(), &Ranges::default()).faults();
    let has = |words: &str| faults.iter().any(|fault| fault.contains(words));
    assert!(
        has("it has no stack") && has("it names no driver"),
        "{faults:?}"
    );
}

#[test]
fn a_stack_begins_at_its_pointer_or_where_it_ended() {
    for (pointer, good) in [
        (STACK - 1, true),
        (STACK - 0xfff, true),
        (STACK - 0x1000, false),
        (STACK + 8, false),
    ] {
        let mut file = file();
        let mut machine = machine();
        put(&mut file, 0x348 + 152, &pointer.to_le_bytes());
        machine.put(CONTEXT + 152, &pointer.to_le_bytes());
        let faults = result(file, &machine, &Ranges::default()).faults();
        assert_eq!(faults.is_empty(), good, "{pointer:#x}: {faults:?}");
    }
}

#[test]
fn every_byte_that_a_driver_named_must_be_there() {
    let dump = DumpFile::open(Cursor::new(file())).expect("a dump");
    let named = |address, bytes| {
        let range = CallbackRange {
            address,
            bytes,
            owner: Owner::Pool(Role::Normal),
        };
        let callback = Record::BugcheckCallback(BugcheckCallback {
            component: "hiberport".to_owned(),
            routine: "hiberport.sys+0x1234".to_owned(),
            reason: 7,
            calls: 1,
            instructions: 900,
            result: CallbackResult::Ranges(vec![range]),
        });
        lacking(&dump, &life(vec![callback]))
    };
    assert_eq!(named(BLOCK + 10, 90), Vec::<String>::new());
    assert_eq!(named(STACK, 0x1000), Vec::<String>::new());
    let missing = named(BLOCK + 10, 91);
    assert_eq!(missing.len(), 1);
    assert!(missing[0].contains("1 bytes that \"hiberport\" named"));
    assert_eq!(lacking(&dump, &life(Vec::new())), Vec::<String>::new());
}

fn life(records: Vec<Record>) -> Life {
    Life {
        boots: vec![Boot {
            number: 0,
            records,
            arrivals: Vec::new(),
            events: Vec::new(),
            hits: Vec::new(),
            saves: Vec::new(),
            power_off: PowerOff::ShutDown,
            image: None,
            complaints: Vec::new(),
            wall: std::time::Duration::ZERO,
            command_line: String::new(),
        }],
        failure: None,
    }
}
