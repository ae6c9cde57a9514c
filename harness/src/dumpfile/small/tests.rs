//! A small dump with all its parts, made by hand from the synthetic one, whole and damaged.

use std::io::Cursor;

use super::*;
use crate::dumpfile::{Body, summary::Summary, synthetic::Synthetic};

/// Where the debugger's data were.
pub(crate) const DEBUGGER_DATA: u64 = 0xffff_a000_0000_1000;
/// Bytes of the debugger's data.
pub(crate) const DEBUGGER_DATA_BYTES: usize = 0x340;
/// Where they lie in the file.
pub(crate) const DEBUGGER_DATA_AT: usize = 0x2800;
/// Where the list of drivers begins.
pub(crate) const DRIVERS_AT: usize = 0x2100;
/// Where their names begin.
const NAMES_AT: usize = 0x2400;

/// Puts bytes into a file.
pub(crate) fn put(file: &mut [u8], at: usize, bytes: &[u8]) {
    file[at..at + bytes.len()].copy_from_slice(bytes);
}

/// The synthetic small dump with a context, the debugger's data and these drivers: name, base and length.
pub(crate) fn small_dump(drivers: &[(&str, u64, u32)]) -> Vec<u8> {
    let mut file = Synthetic::default().small();
    let word = |value: usize| u32::try_from(value).unwrap().to_le_bytes();
    put(&mut file, 0x80, &DEBUGGER_DATA.to_le_bytes());
    put(&mut file, 0x88, b"PAGEPAGEPAGEPAGE");
    for (at, value) in [
        (0x200c, 0x348),
        (0x2010, 0xf00),
        (0x2030, DRIVERS_AT),
        (0x2034, drivers.len()),
        (0x2038, NAMES_AT),
        (0x203c, 0x100),
        (0x2070, DEBUGGER_DATA_AT),
        (0x2074, DEBUGGER_DATA_BYTES),
    ] {
        put(&mut file, at, &word(value));
    }
    let mut name_at = NAMES_AT;
    for (number, (name, base, bytes)) in drivers.iter().enumerate() {
        let entry = DRIVERS_AT + number * 0x90;
        put(&mut file, entry, &word(name_at));
        put(&mut file, entry + 0x38, &base.to_le_bytes());
        put(&mut file, entry + 0x48, &bytes.to_le_bytes());
        put(&mut file, entry + 0x80, &word(0x1234));
        put(&mut file, entry + 0x88, &word(0x6543_2100));
        let text: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        put(&mut file, name_at, &word(text.len() / 2));
        put(&mut file, name_at + 4, &text);
        name_at += (4 + text.len() + 2).next_multiple_of(8);
    }
    file
}

/// The drivers of the tests.
pub(crate) const DRIVERS: [(&str, u64, u32); 2] = [
    ("ntoskrnl.exe", 0x480_0000, 0x7_8000),
    ("hiberport.sys", 0xffff_f800_0000_0000, 0x1_5000),
];

fn open(bytes: Vec<u8>) -> DumpFile<Cursor<Vec<u8>>> {
    DumpFile::open(Cursor::new(bytes)).expect("a dump")
}

#[test]
fn every_part_is_found() {
    let mut file = small_dump(&DRIVERS);
    put(&mut file, 0x348 + 248, &0x1234_5678_u64.to_le_bytes());
    put(&mut file, DEBUGGER_DATA_AT + 0x10, b"KDBG");
    let mut dump = open(file);
    assert_eq!(dump.problems, Vec::<String>::new());
    let context = dump.context().expect("read");
    assert_eq!(context.len(), CONTEXT_BYTES);
    assert_eq!(le64(&context, 248), 0x1234_5678);
    let small = dump.small.clone().expect("parts");
    let block = small.debugger_data.expect("the debugger's data");
    assert_eq!(block.address, DEBUGGER_DATA);
    let mut tag = [0; 4];
    dump.read_data(block, 0x10, &mut tag).expect("read");
    assert_eq!(&tag, b"KDBG");
    let found: Vec<_> = small
        .drivers
        .iter()
        .map(|driver| (driver.name.as_str(), driver.base, driver.bytes))
        .collect();
    assert_eq!(found, DRIVERS);
    assert_eq!(small.drivers[1].time_stamp, 0x6543_2100);
    assert_eq!(small.drivers[1].check_sum, 0x1234);
}

#[test]
fn memory_that_is_not_listed_is_none() {
    let mut dump = open(small_dump(&[]));
    assert_eq!((dump.header.page_count, dump.header.runs.len()), (0, 0));
    let text = Summary::of(&mut dump).expect("read").render();
    assert!(text.contains("not listed"), "{text}");
    // In any other dump the same is damage.
    let mut full = Synthetic::default().full();
    put(&mut full, 0x88, b"PAGE");
    assert!(DumpFile::open(Cursor::new(full)).is_err());
}

#[test]
fn secondary_data_follow_at_once() {
    let mut file = small_dump(&[]);
    // The dump proper ends four bytes later: the mark moves, and everything behind it.
    let size = le32(&file, 0x2004);
    let end = usize::try_from(size).expect("small");
    put(&mut file, 0x2004, &(size + 4).to_le_bytes());
    put(&mut file, 0x2008, &size.to_le_bytes());
    file.splice(end..end, *b"TRGD").for_each(drop);
    let length = file.len() as u64;
    put(&mut file, 0xfa0, &length.to_le_bytes());
    let dump = open(file);
    assert_eq!(dump.problems, Vec::<String>::new());
    assert_eq!(dump.body_end % 8, 4);
    assert_eq!(dump.blobs.len(), 1);
}

#[test]
fn the_summary_names_the_drivers() {
    let summary = Summary::of(&mut open(small_dump(&DRIVERS))).expect("read");
    let text = summary.render();
    assert!(
        text.contains("0xfffff80000000000+0x15000 hiberport.sys"),
        "{text}"
    );
    let data = serde_json::to_value(&summary).expect("data");
    assert_eq!(data["drivers"][0]["name"], "ntoskrnl.exe");
    assert_eq!(data["drivers"][1]["base"], "0xfffff80000000000");
}

#[test]
fn of_many_drivers_the_first_are_printed() {
    let mut file = small_dump(&[]);
    // Twenty entries in the unused end of the header, all with one name.
    put(&mut file, NAMES_AT, &[1, 0, 0, 0, b'x', 0]);
    for number in 0..20 {
        put(&mut file, 0x1100 + number * 0x90, &0x2400_u32.to_le_bytes());
    }
    put(&mut file, 0x2030, &0x1100_u32.to_le_bytes());
    put(&mut file, 0x2034, &20_u32.to_le_bytes());
    let text = Summary::of(&mut open(file)).expect("read").render();
    assert!(text.contains("and 4 more"), "{text}");
}

#[test]
fn what_is_damaged_is_named_and_the_blocks_are_read() {
    for (at, value, reason) in [
        (0x200c, u32::MAX, "its context lies outside"),
        (0x2070, u32::MAX, "the debugger's data lie outside"),
        (0x2074, u32::MAX, "the debugger's data lie outside"),
        (0x2030, u32::MAX, "list of drivers is cut short"),
        (0x2034, 5000, "too many drivers"),
        (0x2400, 1025, "name of a driver is too long"),
    ] {
        let mut file = small_dump(&DRIVERS);
        put(&mut file, at, &value.to_le_bytes());
        let dump = open(file);
        assert!(
            dump.problems.iter().any(|problem| problem.contains(reason)),
            "{reason}: {:?}",
            dump.problems
        );
        assert_eq!(dump.small, None);
        assert!(matches!(dump.body, Body::Blocks(_)));
    }
}

#[test]
fn a_name_that_the_file_does_not_have_is_damage() {
    let mut file = small_dump(&DRIVERS);
    let at = file.len() - 8;
    put(
        &mut file,
        DRIVERS_AT,
        &u32::try_from(at).unwrap().to_le_bytes(),
    );
    put(&mut file, at, &100_u32.to_le_bytes());
    let dump = open(file);
    assert!(dump.problems[0].contains("name of a driver is cut short"));
}

#[test]
fn debugger_data_that_wrap_around_are_damage() {
    let mut file = small_dump(&DRIVERS);
    put(&mut file, 0x80, &u64::MAX.to_le_bytes());
    let dump = open(file);
    assert!(dump.problems[0].contains("the debugger's data lie outside"));
}
