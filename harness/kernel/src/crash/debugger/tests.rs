//! The debugger's data as QEMU and a debugger walk them.

use alloc::{string::String, vec::Vec};

use super::*;
use crate::port::abi::{Field, get};

const ADDRESS: u64 = 0xFFFF_A000_1234_0000;

fn modules() -> Vec<Module> {
    [
        ("ntoskrnl.exe", 0x20_0000),
        ("hiberport.sys", 0xFFFF_F800_0000_0000),
    ]
    .into_iter()
    .map(|(name, base)| Module {
        name: String::from(name),
        base,
        bytes: 0x1_5000,
        entry: base + 0x1000,
    })
    .collect()
}

fn laid_out() -> DebuggerData {
    let runs = [
        Run {
            base_page: 1,
            pages: 9,
        },
        Run {
            base_page: 100,
            pages: 50,
        },
    ];
    lay_out(&DebuggerSpec {
        address: ADDRESS,
        kernel_base: 0x20_0000,
        modules: &modules(),
        contexts: &[[0xC0; CONTEXT_BYTES], [0xC1; CONTEXT_BYTES]],
        runs: &runs,
        pfn_database: 0xFFFF_FA80_0000_0000,
        bugcheck: Bugcheck {
            code: 0xE2,
            parameters: [5, 6, 7, 8],
        },
    })
}

/// What lies at an address.
fn at(data: &DebuggerData, address: u64) -> &[u8] {
    &data.bytes[usize::try_from(address - ADDRESS).unwrap()..]
}

fn u64_at(data: &DebuggerData, address: u64) -> u64 {
    u64::from_le_bytes(at(data, address)[..8].try_into().unwrap())
}

fn member(data: &DebuggerData, field: Field<Data, u64>) -> u64 {
    get(at(data, data.block), field).unwrap()
}

#[test]
fn the_block_says_what_it_is() {
    let data = laid_out();
    assert_eq!(data.bytes.len(), bytes_needed(&modules(), 2));
    assert_eq!(&at(&data, data.block)[0x10..0x14], b"KDBG");
    assert_eq!(get(at(&data, data.block), Data::SIZE), Some(0x340_u32));
    assert_eq!(
        get(at(&data, data.block), Data::LIST),
        Some([data.block; 2])
    );
    assert_eq!(member(&data, Data::KERNEL_BASE), 0x20_0000);
    assert_eq!(member(&data, Data::PHYSICAL_PAGES), 59);
    assert_eq!(member(&data, Data::HIGHEST_PAGE), 149);
    let pfn_database = u64_at(&data, member(&data, Data::PFN_DATABASE));
    assert_eq!(pfn_database, 0xFFFF_FA80_0000_0000);
}

#[test]
fn the_modules_are_found_both_ways_round() {
    let data = laid_out();
    assert_eq!(member(&data, Data::LOADED_MODULES), data.loaded_modules);
    let mut forwards = Vec::new();
    let mut entry = u64_at(&data, data.loaded_modules);
    while entry != data.loaded_modules {
        let bytes = at(&data, entry);
        let length: u16 = get(bytes, Entry::BASE_NAME_LENGTH).unwrap();
        let buffer: u64 = get(bytes, Entry::BASE_NAME_BUFFER).unwrap();
        let units: Vec<u16> = at(&data, buffer)[..length.into()]
            .chunks(2)
            .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
            .collect();
        let base: u64 = get(bytes, Entry::BASE).unwrap();
        forwards.push((String::from_utf16(&units).unwrap(), base));
        let next = u64_at(&data, entry);
        assert_eq!(u64_at(&data, next + 8), entry, "the way back");
        entry = next;
    }
    assert_eq!(
        forwards,
        [
            (String::from("ntoskrnl.exe"), 0x20_0000),
            (String::from("hiberport.sys"), 0xFFFF_F800_0000_0000)
        ]
    );
    assert_eq!(u64_at(&data, data.active_processes), data.active_processes);
}

#[test]
fn each_processor_has_its_context() {
    let data = laid_out();
    let array = member(&data, Data::PROCESSOR_BLOCK);
    let offset: u16 = get(at(&data, data.block), Data::OFFSET_PRCB_CONTEXT).unwrap();
    for (index, fill) in [(0, 0xC0), (1, 0xC1)] {
        let processor = u64_at(&data, array + 8 * index);
        assert_eq!(processor, data.processors[usize::try_from(index).unwrap()]);
        assert_eq!(u64_at(&data, processor + 8), data.thread);
        let context = u64_at(&data, processor + u64::from(offset));
        assert_eq!(context, data.contexts[usize::try_from(index).unwrap()]);
        assert_eq!(context % 16, 0);
        assert!(
            at(&data, context)[..CONTEXT_BYTES]
                .iter()
                .all(|&byte| byte == fill)
        );
    }
}

#[test]
fn the_bug_check_is_where_the_block_says() {
    let data = laid_out();
    assert_eq!(member(&data, Data::BUGCHECK_DATA), data.bugcheck_data);
    let found: Vec<u64> = (0..5)
        .map(|index| u64_at(&data, data.bugcheck_data + 8 * index))
        .collect();
    assert_eq!(found, [0xE2, 5, 6, 7, 8]);
}
