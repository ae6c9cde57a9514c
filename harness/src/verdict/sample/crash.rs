//! A crash and its kernel dump in which nothing is wrong, made of a synthetic dump.

use std::io::Cursor;

use proto::{
    owner::{Owner, OwnerRun, Role},
    record::{BugcheckCallback, CallbackPages, CallbackResult, DumpFacts, PhysicalRange, Record},
    scenario::{CrashCause, DumpKind, PROTOCOL_VERSION},
};

use crate::{
    compare::{
        dump::{DumpCompare, PageDifference, PageSet},
        small::{ByteDifference, SmallCompare},
    },
    crash::{CrashFound, sealed::Sealed, writes::WriteOrder},
    dumpfile::{
        DumpFile,
        small::Driver,
        summary::Summary,
        synthetic::{CODE, GUID, Synthetic},
        triage::{DataBlock, Triage},
    },
    readers::Reading,
    report::Hex,
    session::life::Life,
    verdict::{Context, CrashAsked},
};

/// A life that ends in the bug check of the synthetic dumps.
fn life(summary: &Summary) -> Life {
    let ram = Synthetic::default()
        .runs
        .iter()
        .map(|(first, pages)| PhysicalRange {
            address: first * 4096,
            bytes: pages * 4096,
        })
        .collect();
    let owners = vec![
        OwnerRun {
            first_pfn: 0x100,
            pages: 7,
            owner: Owner::KernelData,
        },
        OwnerRun {
            first_pfn: 0x120,
            pages: 1,
            owner: Owner::HibernateStack,
        },
    ];
    let stack = PhysicalRange {
        address: 0x12_0000,
        bytes: 4096,
    };
    let records = vec![
        Record::Hello {
            protocol_version: PROTOCOL_VERSION,
            boot: 0,
            ram,
        },
        Record::Bugcheck {
            code: CODE,
            parameters: [0x11, 0x22, 0x33, 0x44],
            text: "on purpose".to_owned(),
            trace: Vec::new(),
        },
        Record::OwnerMap { runs: owners },
        Record::Volatile {
            ranges: vec![(stack, "the stack on which the dump is written".to_owned())],
        },
        callback(
            4,
            CallbackResult::Pages(vec![CallbackPages {
                physical_address: true,
                address: 0x20_0000,
                pages: 2,
                owner: Owner::UncachedExtension(Role::Normal),
            }]),
        ),
        callback(
            2,
            CallbackResult::Data {
                guid: GUID,
                bytes: 26,
            },
        ),
        Record::DumpWritten(DumpFacts {
            kind: DumpKind::Kernel,
            dump_bytes: summary.file_bytes,
            pages: summary.pages,
            added_pages: 2,
            secondary_blocks: 1,
            requests: 3,
            largest_request_bytes: 8192,
            polls: 5,
        }),
    ];
    Life {
        boots: vec![super::boot(0, records)],
        failure: None,
    }
}

/// A callback of the driver that was called once.
fn callback(reason: u32, result: CallbackResult) -> Record {
    Record::BugcheckCallback(BugcheckCallback {
        component: "hiberport".to_owned(),
        routine: "hiberport.sys+0x1234".to_owned(),
        reason,
        calls: 2,
        instructions: 900,
        result,
    })
}

/// The life and a kernel dump in which nothing is wrong.
pub(crate) fn good() -> (Life, Context) {
    let mut file = Synthetic::default().bitmap(5);
    file[0x34] = 1;
    let mut dump = DumpFile::open(Cursor::new(file)).unwrap();
    let summary = Summary::of(&mut dump).unwrap();
    let life = life(&summary);
    let context = Context {
        cycles: 0,
        crash: Some(CrashAsked {
            kind: DumpKind::Kernel,
            cause: CrashCause::BugCheck,
        }),
        dump: Some(CrashFound {
            dump: Some(summary),
            compare: Some(DumpCompare {
                pages: 8,
                pages_compared: 7,
                pages_volatile: 1,
                bytes_volatile: 4096,
                ..DumpCompare::default()
            }),
            page_set: Some(PageSet {
                expected: 8,
                ..PageSet::default()
            }),
            added_pages: 2,
            reading: Some(Reading {
                reader: "another".to_owned(),
                pages: 8,
                ..Reading::default()
            }),
            order: Some(WriteOrder {
                writes: 4,
                header_first: true,
                header_last: true,
                flushed: true,
                ..WriteOrder::default()
            }),
            ..CrashFound::default()
        }),
        memory: Vec::new(),
        ..super::context()
    };
    (life, context)
}

/// Everything that can be found of a dump at once, so that all fields of the report appear.
pub(crate) fn everything() -> CrashFound {
    let (_, context) = good();
    let mut found = context.dump.unwrap();
    found.refusal = Some("its header was not completed".to_owned());
    found.strays.push("elsewhere".to_owned());
    found.added_missing.push("page 0x11".to_owned());
    found.sealed = Some(Sealed {
        marked: true,
        plain_pages: Some(0),
    });
    let summary = found.dump.as_mut().unwrap();
    summary.problems.push("it is cut short".to_owned());
    let block = DataBlock {
        address: 0x1000,
        bytes: 1,
        offset: 0x3000,
    };
    summary.triage = Some(Triage {
        dump_bytes: 0x4000,
        stack: Some(block),
        blocks: vec![block],
    });
    summary.drivers.push(Driver {
        name: "hiberport.sys".to_owned(),
        base: 0xffff_f800_0000_0000,
        bytes: 0x15800,
        check_sum: 1,
        time_stamp: 2,
    });
    let difference = PageDifference {
        page: Hex(0x1000),
        offset: 1,
        bytes: 1,
        memory: 0,
        dump: 1,
    };
    found.compare.as_mut().unwrap().differences.push(difference);
    found.triage_lacking.push("0x10 bytes at 0x1000".to_owned());
    found.small = Some(SmallCompare {
        differences: vec![ByteDifference {
            address: Hex(0x1000),
            memory: 0,
            dump: 1,
        }],
        registers: vec!["rsp is not in the stack".to_owned()],
        driver_differences: vec!["hiberport.sys has another base".to_owned()],
        ..SmallCompare::default()
    });
    let reading = found.reading.as_mut().unwrap();
    reading.modules.push("hiberport.sys".to_owned());
    reading.disagreements.push("number of pages".to_owned());
    found
}
