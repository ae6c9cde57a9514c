//! Dumps on disks made for the test, with both sizes of sectors, whole and not.

use std::{collections::BTreeMap, os::unix::fs::FileExt as _, path::PathBuf};

use gpt::{mbr::ProtectiveMBR, partition_types};
use tempfile::TempDir;

use super::*;
use crate::{dumpfile::synthetic::Synthetic, fault};

const DISK_BYTES: u64 = 8 << 20;
const START: u64 = 1 << 20;

/// A disk with one partition of this name and size, and `content` at its start.
fn disk(sector_bytes: u64, name: &str, bytes: u64, content: &[u8]) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("made");
    let path = directory.path().join("disk");
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .open(&path)
        .expect("created");
    file.set_len(DISK_BYTES).expect("sized");
    let last = u32::try_from(DISK_BYTES / sector_bytes - 1).expect("small");
    ProtectiveMBR::with_lb_size(last)
        .overwrite_lba0(&mut file)
        .expect("written");
    file.write_all_at(content, START).expect("written");
    let size = match sector_bytes {
        512 => LogicalBlockSize::Lb512,
        _ => LogicalBlockSize::Lb4096,
    };
    let mut table = GptConfig::new()
        .writable(true)
        .logical_block_size(size)
        .create_from_device(file, None)
        .expect("laid out");
    table.update_partitions(BTreeMap::new()).expect("empty");
    let (first, sectors) = (START / sector_bytes, bytes / sector_bytes);
    table
        .add_partition_at(name, 1, first, sectors, partition_types::BASIC, 0)
        .expect("added");
    table.write().expect("written");
    (directory, path)
}

fn refusal(path: &Path, out: &Path) -> String {
    let error = take_off(path, out).expect_err("refused");
    assert_eq!(fault::exit_status(&error), 2);
    fault::one_line(&error)
}

#[test]
fn a_dump_comes_off_disks_with_both_sizes_of_sectors() {
    let dump = Synthetic::default().bitmap(6);
    for sector_bytes in [512, 4096] {
        let (directory, path) = disk(sector_bytes, CRASH_NAME, 2 << 20, &dump);
        let range = find(&path).expect("found");
        assert_eq!((range.offset, range.bytes), (START, 2 << 20));
        let out = directory.path().join("memory.dmp");
        let summary = take_off(&path, &out).expect("taken off");
        assert!(summary.complete);
        assert_eq!(summary.pages, 8);
        assert_eq!(fs::read(&out).expect("written"), dump, "byte for byte");
    }
}

#[test]
fn nothing_is_overwritten() {
    let (directory, path) = disk(512, CRASH_NAME, 2 << 20, &Synthetic::default().full());
    let out = directory.path().join("memory.dmp");
    fs::write(&out, "precious").expect("written");
    assert!(refusal(&path, &out).contains("nothing is overwritten"));
    assert_eq!(fs::read(&out).expect("there"), b"precious");
}

#[test]
fn what_lacks_something_is_refused_by_name() {
    let good = Synthetic::default().full();
    let mut unfinished = good.clone();
    unfinished[4..8].copy_from_slice(b"PAGE");
    let mut short = good.clone();
    short[0x2000 + 64 * 4096..].fill(0xff);
    for (name, bytes, content, reason) in [
        ("data", 2 << 20, &good, "no partition named crash"),
        (CRASH_NAME, 2 << 20, &Vec::new(), "does not begin with PAGE"),
        (CRASH_NAME, 2 << 20, &unfinished, "was not completed"),
        (CRASH_NAME, 2 << 20, &short, "no secondary data"),
        (CRASH_NAME, 64 << 10, &good, "the partition has 65536"),
    ] {
        let (directory, path) = disk(512, name, bytes, content);
        let out = directory.path().join("memory.dmp");
        let found = refusal(&path, &out);
        assert!(found.contains(reason), "{found}");
        assert!(!out.exists(), "{reason}: nothing is left behind");
    }
}

#[test]
fn a_file_without_a_table_is_refused() {
    let directory = tempfile::tempdir().expect("made");
    let path = directory.path().join("disk");
    let out = directory.path().join("memory.dmp");
    assert!(refusal(&path, &out).contains("cannot read the disk"));
    fs::write(&path, vec![0; 1 << 20]).expect("written");
    assert!(refusal(&path, &out).contains("no valid partition table"));
}

#[test]
fn a_window_has_its_own_ends() {
    let range = ByteRange {
        offset: 2,
        bytes: 3,
    };
    let mut window = Window::new(io::Cursor::new(b"abcdefgh"), range);
    let mut text = String::new();
    window.read_to_string(&mut text).expect("read");
    assert_eq!(text, "cde");
    assert_eq!(window.seek(SeekFrom::End(-1)).expect("within"), 2);
    text.clear();
    window.read_to_string(&mut text).expect("read");
    assert_eq!(text, "e");
    assert!(window.seek(SeekFrom::End(-4)).is_err());
}
