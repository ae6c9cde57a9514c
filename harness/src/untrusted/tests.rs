//! The bodies of the fuzz targets on samples: good ones, and each of their bytes wrong in turn.

use proto::{
    hiber::{BLOCK_BYTES, TocEntry},
    owner::{Owner, OwnerRun, Role},
    record::{ImageFacts, Mark, PhysicalRange, Record},
    wire,
};

use super::{image::fuzz_hibernation_image, records::fuzz_guest_records, *};

/// Every byte of `good` set to extremes, and every length.
fn damaged(good: &[u8], mut body: impl FnMut(&[u8])) {
    body(good);
    for place in 0..good.len() {
        for value in [0, 1, 0x7f, 0x80, 0xff] {
            let mut bad = good.to_vec();
            bad[place] = value;
            body(&bad);
        }
        body(&good[..place]);
    }
}

#[test]
fn a_file_is_changed_where_the_bytes_say() {
    assert_eq!(edited(b"abcdef", &[]), b"abcdef");
    assert_eq!(edited(b"abcdef", &[2, 0, 0, 1, b'X', b'Y']), b"abXYef");
    assert_eq!(edited(b"abcdef", &[8, 0, 0, 0xf0]), b"ab");
    assert_eq!(edited(b"abcdef", &[2, 0, 0, 0xf8]), b"abcdef\0\0");
    assert_eq!(edited(b"abcdef", &[5, 0, 0, 7, 1, 2, 3]), b"abcde\x01");
    assert_eq!(edited(b"", &[5, 0, 0, 7, 1]), b"");
}

#[test]
fn write_logs() {
    let mut log = vec![0; 512];
    for (first, sectors, flags) in [(9_u64, 1_u64, 0_u64), (0, 0, 1), (100, 8, 4)] {
        let start = log.len();
        for word in [first, sectors, flags, 0] {
            log.extend(word.to_le_bytes());
        }
        let data = if flags == 0 { sectors * 512 } else { 0 };
        log.resize(start + 512 + usize::try_from(data).expect("small"), 0);
    }
    fuzz_write_log(&log);
    damaged(&log[..600], |bad| {
        let mut file = log.clone();
        file[..bad.len()].copy_from_slice(bad);
        fuzz_write_log(&file);
    });
}

#[test]
fn recorders() {
    let mut recorder = vec![0; 64 + 4 * 4 + 4 * 32];
    for (place, word) in [
        (12, 32),
        (16, 4),
        (20, 4),
        (24, 2),
        (80, 1),
        (84, 1),
        (112, 2),
        (116, 2),
    ] {
        let word: u32 = word;
        recorder[place..place + 4].copy_from_slice(&word.to_le_bytes());
    }
    damaged(&recorder, fuzz_recorder);
}

#[test]
fn answers_of_a_debugger() {
    let mut answers = vec![5];
    answers.extend(b"+$T05thread:01;#07");
    answers.extend(encode("0*\"00"));
    damaged(&answers, fuzz_debugger);
}

#[test]
fn streams_of_records() {
    let records = [
        Record::Finished { cycles: u32::MAX },
        Record::StepBegin {
            name: "a step".to_owned(),
        },
    ];
    let mut stream = vec![0];
    let mut single = Vec::new();
    for record in &records {
        stream.extend(wire::to_frame(record).expect("encoded"));
        let bytes = wire::to_bytes(record).expect("encoded");
        single.push(u8::try_from(bytes.len()).expect("short"));
        single.extend(bytes);
    }
    single.push(0xff);
    damaged(&stream, fuzz_guest_records);
    damaged(&single, fuzz_guest_records);
}

/// What fuzzing found: figures were added and multiplied as if they were those of a machine.
#[test]
fn figures_that_no_machine_has_are_judged() {
    let image = Record::ImageWritten(ImageFacts {
        two_phase: true,
        boot_pages: u64::MAX,
        kernel_pages: u64::MAX,
        image_bytes: u64::MAX,
        requests: u64::MAX,
        largest_request_bytes: u32::MAX,
        polls: u64::MAX,
    });
    let step = Record::StepEnd {
        name: "a step".to_owned(),
        instructions: u64::MAX,
    };
    let owners = Record::OwnerMap {
        runs: vec![OwnerRun {
            first_pfn: u64::MAX,
            pages: u64::MAX,
            owner: Owner::Workload,
        }],
    };
    let mark = Record::Mark(Mark {
        role: Role::Hiber,
        dump_mode: 3,
        address: 0,
        length: u64::MAX,
        flags: 1,
        status: 0,
        caller: 0,
        callback: String::new(),
        owner: Owner::Free,
        covers: vec![
            PhysicalRange {
                address: 0,
                bytes: u64::MAX,
            };
            2
        ],
    });
    let mut input = Vec::new();
    for record in [&image, &image, &step, &step, &owners, &mark] {
        let bytes = wire::to_bytes(record).expect("encoded");
        input.push(u8::try_from(bytes.len()).expect("short"));
        input.extend(bytes);
    }
    fuzz_guest_records(&input);
}

#[test]
fn hibernation_images() {
    // Boot and kernel pages, table, wipe list, their number, data: as blocks.
    let mut good = vec![2, 1, 1, 2, 1, 3];
    for pfn in [0_u64, 1, 2] {
        good.extend(pfn.to_le_bytes());
        good.extend(proto::hiber::checksum(&[0; 4096]).to_le_bytes());
    }
    assert_eq!(good.len(), 6 + 3 * size_of::<TocEntry>());
    damaged(&good, fuzz_hibernation_image);
    // A page that lies behind all that can be counted.
    let mut far = good.clone();
    far.splice(5..6, [0xff].into_iter().chain(u64::MAX.to_le_bytes()));
    fuzz_hibernation_image(&far);
    far.splice(6..14, (u64::MAX / BLOCK_BYTES).to_le_bytes());
    fuzz_hibernation_image(&far);
}

#[test]
fn driver_images() {
    let mut start = b"MZ".to_vec();
    start.resize(0x3c, 0);
    start.extend(0x40_u32.to_le_bytes());
    start.extend(b"PE\0\0\x64\x86\x01\0");
    start.resize(0x200, 0);
    damaged(&start, fuzz_driver_image);
}
