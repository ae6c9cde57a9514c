//! Dumps made by hand, read by two programs that others wrote: they and this repository's reader find the same.

use std::{fmt::Write as _, fs};

use crate::support::synthetic::Synthetic;
use harness::dumpfile::DumpFile;
use serde_json::Value;
use tempfile::TempDir;

/// A page that none of the dumps has.
const ABSENT: u64 = 0x500;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("text");
        text
    })
}

/// Asks the others and compares; the pages in `frames` are all of those in the dump.
fn agree(bytes: &[u8], kind: u64, frames: &[u64]) {
    let directory = TempDir::new().expect("made");
    let path = directory.path().join("memory.dmp");
    fs::write(&path, bytes).expect("written");
    let mut samples = frames.to_vec();
    samples.push(ABSENT);
    let found = crate::support::python::read_with_others(&path, &samples);
    let file = fs::File::open(&path).expect("opened");
    let mut dump = DumpFile::open(file).expect("a dump");
    assert_eq!(dump.problems, Vec::<String>::new());
    for reader in ["kdmp_parser", "volatility3"] {
        let theirs = &found[reader];
        assert_eq!(theirs["type"], kind, "{reader}");
        assert_eq!(theirs["pages"], frames.len(), "{reader}");
        assert_eq!(theirs["page_tables"], dump.header.directory_table_base);
        for pfn in frames {
            let mut page = vec![0; crate::support::synthetic::PAGE];
            assert!(dump.read_page(*pfn, &mut page).expect("read"));
            let theirs = &theirs["samples"][pfn.to_string()];
            assert_eq!(*theirs, hex(&page), "{reader}, page {pfn:#x}");
        }
        assert_eq!(theirs["samples"][ABSENT.to_string()], Value::Null);
    }
    assert_eq!(found["kdmp_parser"]["code"], dump.header.bug_check_code);
    for (index, parameter) in dump.header.parameters.iter().enumerate() {
        assert_eq!(found["kdmp_parser"]["parameters"][index], *parameter);
    }
}

#[test]
fn other_readers_agree_on_a_full_dump() {
    let made = Synthetic::default();
    let frames: Vec<u64> = made
        .runs
        .iter()
        .flat_map(|(first, pages)| *first..first + pages)
        .collect();
    agree(&made.full(), 1, &frames);
}

#[test]
fn other_readers_agree_on_a_bitmap_dump() {
    let made = Synthetic::default();
    agree(&made.bitmap(5), 5, &made.present);
}
