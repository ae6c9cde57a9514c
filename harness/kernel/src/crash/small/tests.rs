//! The file of a small dump by numbers, as the readers of such dumps have them; nothing here uses the writer's own offsets.

use std::string::ToString;

use super::*;

const STACK: Stretch = Stretch {
    address: 0x486_1238,
    bytes: 0x15,
};
const DEBUGGER_DATA: Stretch = Stretch {
    address: 0xFFFF_A000_0000_0000,
    bytes: 0x340,
};
const RECORDED: Stretch = Stretch {
    address: 0xFFFF_A000_0000_0340,
    bytes: 0x104,
};
const ADDED: Stretch = Stretch {
    address: 0xFFFF_A000_0005_0003,
    bytes: 0x21,
};

fn drivers() -> Vec<Driver> {
    [
        ("ntoskrnl.exe", 0x480_0000, 0x7_8000, 0),
        (
            "hiberport.sys",
            0xFFFF_F800_0000_0000,
            0x1_5000,
            0x6543_2100,
        ),
    ]
    .into_iter()
    .map(|(name, base, bytes, time_stamp)| Driver {
        name: String::from(name),
        base,
        bytes,
        check_sum: time_stamp / 2,
        time_stamp,
    })
    .collect()
}

fn spec<'a>(drivers: &'a [Driver], recorded: &'a [Stretch], added: &'a [Stretch]) -> SmallSpec<'a> {
    SmallSpec {
        stack: STACK,
        debugger_data: DEBUGGER_DATA,
        processor: RECORDED.address + 0x40,
        thread: RECORDED.address + 0x10,
        drivers,
        recorded,
        added,
    }
}

/// The memory of the tests: each byte is made of its address.
fn memory(address: u64) -> u8 {
    let [low, high, ..] = address.to_le_bytes();
    low ^ high ^ 0x5A
}

fn read(address: u64, into: &mut [u8]) {
    for (address, byte) in (address..).zip(into) {
        *byte = memory(address);
    }
}

/// The whole file, the header of the dump left out, filled in pieces of `step` bytes.
fn file(small: &Small, step: usize) -> Vec<u8> {
    let mut file = vec![0xEE; size(small.bytes())];
    for (number, piece) in file[0x2000..].chunks_mut(step).enumerate() {
        small.fill((0x2000 + number * step) as u64, piece, read);
    }
    file
}

fn u32_at(file: &[u8], at: usize) -> usize {
    let bytes = file[at..at + 4].try_into().unwrap();
    usize::try_from(u32::from_le_bytes(bytes)).unwrap()
}

fn u64_at(file: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(file[at..at + 8].try_into().unwrap())
}

fn made(added: &[Stretch]) -> Vec<u8> {
    let small = Small::new(&spec(&drivers(), &[RECORDED], added)).unwrap();
    file(&small, 4096)
}

#[test]
fn each_part_is_at_its_place() {
    let file = made(&[ADDED]);
    assert_eq!(file.len(), 0x4_0000);
    for (at, value, name) in [
        (0x2000, 0, "ServicePackBuild"),
        (0x2004, 0x4_0000, "SizeOfDump"),
        (0x2008, 0x3_FFFC, "ValidOffset"),
        (0x200C, 0x348, "ContextOffset"),
        (0x2010, 0xF00, "ExceptionOffset"),
        (0x2014, 0, "MmOffset"),
        (0x2018, 0x2080, "UnloadedDriversOffset"),
        (0x201C, 0x2560 + 0x40, "PrcbOffset"),
        (0x2020, 0, "ProcessOffset"),
        (0x2024, 0x2560 + 0x10, "ThreadOffset"),
        (0x2028, 0x2088, "CallStackOffset"),
        (0x202C, 0x15, "SizeOfCallStack"),
        (0x2030, 0x23E0, "DriverListOffset"),
        (0x2034, 2, "DriverCount"),
        (0x2038, 0x2500, "StringPoolOffset"),
        (0x203C, 0x40, "StringPoolSize"),
        (0x2040, 0, "BrokenDriverOffset"),
        (0x2044, 0xFFFF_FFFF, "TriageOptions"),
        (0x2068, 0, "DataPageOffset"),
        (0x206C, 0, "DataPageSize"),
        (0x2070, 0x20A0, "DebuggerDataOffset"),
        (0x2074, 0x340, "DebuggerDataSize"),
        (0x2078, 0x2540, "DataBlocksOffset"),
        (0x207C, 2, "DataBlocksCount"),
    ] {
        assert_eq!(u32_at(&file, at), value, "{name}");
    }
    assert_eq!(u64_at(&file, 0x2048), STACK.address, "TopOfStack");
    assert_eq!(u64_at(&file, 0x2060), 0, "DataPageAddress");
    assert_eq!(u64_at(&file, 0x2080), 0, "number of unloaded drivers");
    assert_eq!(&file[0x3_FFFC..], b"TRGD");
    assert!(file[0x2685..0x3_FFFC].iter().all(|&byte| byte == 0));
}

#[test]
fn memory_is_found_by_its_address() {
    let file = made(&[ADDED]);
    let holds = |at: usize, stretch: Stretch| {
        (stretch.address..stretch.end())
            .zip(&file[at..])
            .all(|(address, &byte)| byte == memory(address))
    };
    assert!(holds(0x2088, STACK));
    assert!(holds(0x20A0, DEBUGGER_DATA));
    for (at, block, place) in [(0x2540, RECORDED, 0x2560), (0x2550, ADDED, 0x2664)] {
        assert_eq!(u64_at(&file, at), block.address);
        assert_eq!(u32_at(&file, at + 8), place);
        assert_eq!(u32_at(&file, at + 12) as u64, block.bytes);
        assert!(holds(place, block));
    }
}

#[test]
fn the_drivers_have_their_names() {
    let file = made(&[]);
    for (number, driver) in drivers().into_iter().enumerate() {
        let entry = 0x23E0 + number * 0x90;
        let name = u32_at(&file, entry);
        assert_eq!(name % 8, 0);
        let units = u32_at(&file, name);
        let text: Vec<u16> = file[name + 4..name + 4 + 2 * units]
            .chunks(2)
            .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
            .collect();
        assert_eq!(String::from_utf16(&text).unwrap(), driver.name);
        let end = name + 4 + 2 * units;
        assert_eq!(file[end..end + 2], [0, 0], "it ends with a zero");
        assert_eq!(u64_at(&file, entry + 0x38), driver.base);
        assert_eq!(u32_at(&file, entry + 0x48) as u64, u64::from(driver.bytes));
        assert_eq!(
            u32_at(&file, entry + 0x80) as u64,
            u64::from(driver.check_sum)
        );
        assert_eq!(
            u32_at(&file, entry + 0x88) as u64,
            u64::from(driver.time_stamp)
        );
    }
}

#[test]
fn pieces_of_any_length_make_the_same_file() {
    let small = Small::new(&spec(&drivers(), &[RECORDED], &[ADDED])).unwrap();
    let whole = file(&small, 0x3_E000);
    for step in [1, 7, 512, 4096, 65_536] {
        assert!(file(&small, step) == whole, "pieces of {step} bytes");
    }
}

#[test]
fn what_drivers_add_makes_it_longer() {
    let large = Stretch {
        address: 0xFFFF_A000_0100_0000,
        bytes: 0x12_3456,
    };
    let file = made(&[ADDED, large]);
    // The place behind the other blocks, moved by an entry of the list; whole pages with the mark.
    assert_eq!(u32_at(&file, 0x2568), 0x2695);
    assert_eq!(file.len(), 0x12_6000);
    assert_eq!(u32_at(&file, 0x2004), file.len());
    assert_eq!(u32_at(&file, 0x2008), file.len() - 4);
    assert_eq!(&file[file.len() - 4..], b"TRGD");
    assert_eq!(file[0x2695 + 0x12_3455], memory(large.end() - 1));
}

#[test]
fn a_system_that_needs_more_than_there_is_gets_no_dump() {
    let room = Stretch {
        address: RECORDED.address,
        // From the first block on, the mark left out.
        bytes: 0x4_0000 - 4 - 0x2550,
    };
    let drivers = drivers();
    assert!(Small::new(&spec(&drivers, &[room], &[])).is_ok());
    let more = Stretch {
        bytes: room.bytes + 1,
        ..room
    };
    let refused = Small::new(&spec(&drivers, &[more], &[]));
    assert_eq!(refused, Err(SmallError::Full { bytes: 0x4_0001 }));
    assert_eq!(
        SmallError::Full { bytes: 0x4_0001 }.to_string(),
        "a small dump has 262144 bytes for the system, which needs 262145"
    );
    // What drivers add has no part in that.
    assert!(Small::new(&spec(&drivers, &[room], &[ADDED])).is_ok());
}

#[test]
fn without_a_stack_it_says_so() {
    let drivers = drivers();
    let small = Small::new(&SmallSpec {
        stack: Stretch::default(),
        ..spec(&drivers, &[RECORDED], &[])
    })
    .unwrap();
    let file = file(&small, 4096);
    assert_eq!((u32_at(&file, 0x2028), u32_at(&file, 0x202C)), (0, 0));
    assert_eq!(
        u32_at(&file, 0x2070),
        0x2088,
        "the debugger's data moves up"
    );
}

#[test]
fn a_place_that_no_block_holds_is_none() {
    let small = Small::new(&spec(&drivers(), &[], &[])).unwrap();
    let file = file(&small, 4096);
    assert_eq!((u32_at(&file, 0x201C), u32_at(&file, 0x2024)), (0, 0));
    assert_eq!(u32_at(&file, 0x207C), 0);
}

#[test]
fn the_exception_is_the_breakpoint_of_a_bug_check() {
    let record = exception(0xFFFF_F800_0000_1234);
    assert_eq!(record[..8], [3, 0, 0, 0x80, 1, 0, 0, 0]);
    assert_eq!(u64_at(&record, 16), 0xFFFF_F800_0000_1234);
    assert_eq!(u32_at(&record, 24), 0, "no parameters");
}
