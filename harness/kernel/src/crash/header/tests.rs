//! The header: each field at its place, the rest filled, and what does not fit refused.

use alloc::vec::Vec;

use super::*;
use crate::port::abi::{Structure, get};

const CONTEXT: [u8; CONTEXT_BYTES] = [0xC7; CONTEXT_BYTES];

fn spec<'a>(runs: &'a [Run]) -> HeaderSpec<'a> {
    HeaderSpec {
        build: 22621,
        directory_table_base: 0x1AB000,
        pfn_database: 0xFFFF_FA80_0000_0000,
        loaded_modules: 0xFFFF_F800_1111_0000,
        active_processes: 0xFFFF_F800_2222_0000,
        debugger_data: 0xFFFF_F800_3333_0000,
        processors: 2,
        bugcheck: Bugcheck {
            code: 0xE2,
            parameters: [1, 2, 3, 4],
        },
        runs,
        context: &CONTEXT,
        exception: None,
        dump_type: dump_type::FULL,
        required_space: full_dump_bytes(runs),
        system_time: 0x01DC_0000_0000_0000,
        up_time: 12345,
    }
}

const RUNS: [Run; 2] = [
    Run {
        base_page: 1,
        pages: 158,
    },
    Run {
        base_page: 0x100,
        pages: 0x7F00,
    },
];

#[test]
fn each_field_says_what_the_specification_says() {
    let header = build(&spec(&RUNS)).unwrap();
    assert_eq!(header.len() as u64, Header::BYTES);
    assert_eq!(header[..8], *b"PAGEDU64");
    assert_eq!(get(&header, Header::MINOR_VERSION), Some(22621_u32));
    assert_eq!(
        get(&header, Header::DIRECTORY_TABLE_BASE),
        Some(0x1AB000_u64)
    );
    assert_eq!(get(&header, Header::MACHINE), Some(0x8664_u32));
    assert_eq!(get(&header, Header::PROCESSORS), Some(2_u32));
    assert_eq!(get(&header, Header::BUGCHECK_CODE), Some(0xE2_u32));
    assert_eq!(
        get(&header, Header::BUGCHECK_PARAMETERS),
        Some([1_u64, 2, 3, 4])
    );
    assert_eq!(
        get(&header, Header::DEBUGGER_DATA),
        Some(0xFFFF_F800_3333_0000_u64)
    );
    assert_eq!(get(&header, Header::RUN_COUNT), Some(2_u32));
    assert_eq!(get(&header, Header::PAGE_COUNT), Some(158_u64 + 0x7F00));
    assert_eq!(get(&header, Header::RUNS), Some([1_u64, 158]));
    assert_eq!(header[0xA8..0xB0], 0x100_u64.to_le_bytes());
    assert_eq!(header[0xB0..0xB8], 0x7F00_u64.to_le_bytes());
    assert_eq!(get(&header, Header::CONTEXT_RECORD), Some(CONTEXT));
    assert_eq!(get(&header, Header::DUMP_TYPE), Some(1_u32));
    assert_eq!(
        get(&header, Header::REQUIRED_SPACE),
        Some(0x2000 + (158_u64 + 0x7F00) * 0x1000)
    );
    assert_eq!(get(&header, Header::UP_TIME), Some(12345_u64));
}

#[test]
fn what_nobody_sets_is_filled() {
    let header = build(&spec(&RUNS)).unwrap();
    assert_eq!(header[0xB8..0xBC], *b"PAGE", "behind the last run");
    assert_eq!(
        header[0x348 + CONTEXT_BYTES..0x348 + CONTEXT_BYTES + 4],
        *b"PAGE"
    );
    assert_eq!(header[0xF00..0xF04], *b"PAGE", "no exception");
    assert_eq!(
        get(&header, Header::COMMENT).map(|comment: [u8; 128]| comment[..8] == *b"PAGEPAGE"),
        Some(true)
    );
    assert!(header[0x1058..].chunks(4).all(|chunk| chunk == b"PAGE"));
}

#[test]
fn an_exception_is_taken_over() {
    let exception = [0xEE; EXCEPTION_BYTES];
    let header = build(&HeaderSpec {
        exception: Some(&exception),
        ..spec(&RUNS)
    })
    .unwrap();
    assert_eq!(get(&header, Header::EXCEPTION), Some(exception));
    assert_eq!(get(&header, Header::DUMP_TYPE), Some(1_u32));
}

#[test]
fn as_many_runs_as_fit_and_no_more() {
    let runs: Vec<Run> = (0..44)
        .map(|index| Run {
            base_page: index * 10,
            pages: 5,
        })
        .collect();
    let header = build(&spec(&runs[..43])).unwrap();
    // The last run ends where the context begins.
    assert_eq!(header[0x340..0x348], 5_u64.to_le_bytes());
    assert_eq!(header[0x348], 0xC7);
    assert_eq!(build(&spec(&runs)), Err(HeaderError::TooManyRuns));
}

#[test]
fn ram_becomes_runs_of_whole_pages() {
    let ram = [
        (0x800, 0x9_F000),
        (0x10_0000, 0x1000),
        (0x10_1000, 0x2000),
        (0x20_0000, 0x400),
    ];
    assert_eq!(
        runs_of(ram),
        [
            Run {
                base_page: 1,
                pages: 0x9E
            },
            Run {
                base_page: 0x100,
                pages: 3
            }
        ]
    );
}

#[test]
fn each_wrong_argument_has_its_status() {
    assert_eq!(refusal(1, 0, 0x2000), None);
    assert_eq!(refusal(1, 0, 0x4000), None);
    assert_eq!(refusal(2, 1, 0), Some(0xC000_00EF), "the type comes first");
    assert_eq!(refusal(1, 1, 0), Some(0xC000_00F0), "then the flags");
    assert_eq!(refusal(1, 0, 0x1FFF), Some(0xC000_00F2));
}
