//! Dumps made by hand, whole and damaged.

use std::io::Cursor;

use super::{
    Body, DumpError, DumpFile,
    header::DumpType,
    summary::Summary,
    synthetic::{self, Synthetic},
};

fn open(bytes: Vec<u8>) -> DumpFile<Cursor<Vec<u8>>> {
    DumpFile::open(Cursor::new(bytes)).expect("a dump")
}

fn refusal(bytes: Vec<u8>) -> String {
    match DumpFile::open(Cursor::new(bytes)) {
        Ok(_) => panic!("opened"),
        Err(DumpError::Io(error)) => panic!("{error}"),
        Err(error) => error.to_string(),
    }
}

fn frames(dump: &DumpFile<Cursor<Vec<u8>>>) -> Vec<u64> {
    dump.pages().expect("pages").frames().collect()
}

fn check_pages(dump: &mut DumpFile<Cursor<Vec<u8>>>) {
    for pfn in frames(dump) {
        let mut page = vec![0; synthetic::PAGE];
        assert!(dump.read_page(pfn, &mut page).expect("read"));
        assert_eq!(page, synthetic::page(pfn), "page {pfn:#x}");
    }
}

#[test]
fn a_full_dump_has_every_page_of_its_runs() {
    let made = Synthetic::default();
    let mut dump = open(made.full());
    assert_eq!(dump.problems, Vec::<String>::new());
    assert_eq!(dump.header.dump_type, DumpType::Full);
    assert_eq!(dump.header.page_count, 64);
    let expected: Vec<u64> = made
        .runs
        .iter()
        .flat_map(|(first, pages)| *first..first + pages)
        .collect();
    assert_eq!(frames(&dump), expected);
    check_pages(&mut dump);
    let mut page = [0; synthetic::PAGE];
    for absent in [0, 0xff, 0x128, 0x208, 0xfff, 0x1010, u64::MAX] {
        assert!(
            !dump.read_page(absent, &mut page).expect("read"),
            "{absent:#x}"
        );
    }
}

#[test]
fn a_bitmap_dump_has_the_pages_of_its_bitmap() {
    let made = Synthetic::default();
    for (kind, name) in [(5, DumpType::BitmapFull), (6, DumpType::BitmapKernel)] {
        let mut dump = open(made.bitmap(kind));
        assert_eq!(dump.problems, Vec::<String>::new());
        assert_eq!(dump.header.dump_type, name);
        assert_eq!(frames(&dump), made.present);
        assert_eq!(dump.pages().expect("pages").runs().len(), 4);
        check_pages(&mut dump);
    }
}

#[test]
fn a_small_dump_has_stack_and_blocks() {
    let mut dump = open(Synthetic::default().small());
    assert_eq!(dump.problems, Vec::<String>::new());
    let Body::Blocks(triage) = dump.body.clone() else {
        panic!("{:?}", dump.body);
    };
    assert_eq!(triage.blocks.len(), 1);
    assert_eq!(triage.stack.expect("a stack").bytes, 0x1000);
    let mut bytes = [0; 100];
    assert!(
        dump.read_block(0xffff_8000_1234_5000, &mut bytes)
            .expect("read")
    );
    assert_eq!(bytes, [0xa5; 100]);
    assert!(
        dump.read_block(0xffff_9000_0000_0f9c, &mut bytes)
            .expect("read")
    );
    assert_eq!(bytes, [0x5a; 100]);
    assert!(
        !dump
            .read_block(0xffff_8000_1234_5001, &mut bytes)
            .expect("read")
    );
    assert_eq!(dump.blobs.len(), 1);
}

#[test]
fn secondary_data_are_found_by_their_name() {
    for bytes in [
        Synthetic::default().full(),
        Synthetic::default().bitmap(6),
        Synthetic::default().small(),
    ] {
        let mut dump = open(bytes);
        let blob = dump.blobs[0];
        assert_eq!(
            blob.guid.to_string(),
            "00112233-4455-6677-8899-aabbccddeeff"
        );
        assert_eq!(
            dump.read_blob(&blob).expect("read"),
            b"what the driver has to say"
        );
    }
    let without = Synthetic {
        secondary: None,
        ..Synthetic::default()
    };
    let dump = open(without.full());
    assert!(dump.blobs.is_empty() && dump.problems.is_empty());
}

#[test]
fn what_is_no_dump_is_refused_with_the_reason() {
    let good = Synthetic::default().full();
    let with = |at: usize, bytes: &[u8]| {
        let mut file = good.clone();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        file
    };
    for (file, reason) in [
        (Vec::new(), "it has 0 bytes"),
        (good[..0x1fff].to_vec(), "it has 8191 bytes"),
        (
            b"MZ this is something else".to_vec(),
            "does not begin with PAGE",
        ),
        (vec![0; 0x4000], "does not begin with PAGE"),
        (with(4, b"DUMP"), "32-bit"),
        (with(4, b"PAGE"), "was not completed"),
        (with(0x88, &44_u32.to_le_bytes()), "44 runs"),
    ] {
        let found = refusal(file);
        assert!(found.contains(reason), "{found}");
    }
}

#[test]
fn what_is_damaged_is_named_and_the_rest_is_read() {
    let full = Synthetic::default().full();
    let bitmap = Synthetic::default().bitmap(6);
    let small = Synthetic::default().small();
    let body_end = 0x2000 + 64 * synthetic::PAGE;
    let with = |file: &[u8], at: usize, bytes: &[u8]| {
        let mut file = file.to_vec();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        file
    };
    let big = u64::MAX.to_le_bytes();
    for (file, reason) in [
        (full[..0x9000].to_vec(), "cut short: 36864 bytes of the"),
        (with(&full, 0xfa0, &[0; 8]), "its body ends at"),
        (with(&full, 0x90, &[7; 8]), "the runs have 64"),
        (with(&full, 0xa0, &big), "exceeds the address space"),
        (
            with(&full, 0xa8, &0x110_u64.to_le_bytes()),
            "is in two of its runs",
        ),
        (with(&full, 0xf98, &[9, 0, 0, 0]), "of type 9"),
        (with(&full, body_end, b"XXXX"), "no secondary data"),
        (
            with(&full, body_end + 8, &[0; 4]),
            "header of its secondary data",
        ),
        (
            with(&full, body_end + 16, &[1, 0, 0, 0]),
            "block 1 of its secondary",
        ),
        (
            with(&full, body_end + 36, &[0xff; 4]),
            "block 1 of its secondary",
        ),
        (with(&bitmap, 0x2000, b"XX"), "bitmap header is missing"),
        (with(&bitmap, 0x2028, &[7, 0]), "its header says 7"),
        (with(&bitmap, 0x2028, &[9, 0]), "holds 8 pages"),
        (with(&bitmap, 0x2030, &big), "does not fit in front of"),
        (with(&small, 0x2004, &[0xff; 4]), "longer than the file"),
        (with(&small, 0x2008, &[0; 4]), "mark of its end"),
        (with(&small, 0x2080 + 8, &[0xff; 4]), "lies outside"),
        (with(&small, 0x207c, &[0xff; 4]), "too many blocks"),
    ] {
        let dump = open(file);
        assert!(
            dump.problems.iter().any(|problem| problem.contains(reason)),
            "{reason}: {:?}",
            dump.problems
        );
        assert_eq!(dump.header.bug_check_code, synthetic::CODE);
    }
}

#[test]
fn an_encrypted_dump_is_known_by_its_sealed_key() {
    let mut file = Synthetic::default().bitmap(6);
    file[0xfb0..0xfb8].copy_from_slice(b"HPSEAL01");
    file[0x2000..].fill(0xd7);
    let mut dump = open(file);
    assert_eq!(dump.problems, Vec::<String>::new());
    assert_eq!(dump.body, Body::Sealed);
    assert_eq!(dump.header.comment, "");
    let text = Summary::of(&mut dump).expect("read").render();
    assert!(
        text.contains("encrypted") && text.contains("0xe2"),
        "{text}"
    );
}

#[test]
fn a_page_beyond_a_cut_is_an_error_not_zeros() {
    let mut file = Synthetic::default().full();
    file.truncate(0x2800);
    let mut dump = open(file);
    let mut page = [0; synthetic::PAGE];
    assert!(dump.read_page(0x100, &mut page).is_err());
}

#[test]
fn the_summary_says_it_all() {
    let mut dump = open(Synthetic::default().bitmap(6));
    let summary = Summary::of(&mut dump).expect("read");
    assert!(summary.complete);
    let text = summary.render();
    for words in [
        "type 6 (kernel, bitmap)",
        "complete",
        "x64, 2 processors, build 22621",
        "0xe2 (0x11, 0x22, 0x33, 0x44)",
        "2026-11-25T12:00:00Z, 42 s after the start",
        "64 pages in 3 runs: 0x100+0x28 0x200+0x8 0x1000+0x10",
        "8 pages in 4 runs",
        "made by hand",
        "00112233-4455-6677-8899-aabbccddeeff 26 bytes, begins with 7768617420746865",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
    let data = serde_json::to_value(&summary).expect("data");
    assert_eq!(data["header"]["bug_check_code"], "0xe2");
    assert_eq!(data["secondary"][0]["bytes"], 26);
}
