//! The order of writes, and which pages belong into a kernel dump.

use super::*;
use crate::write_log::{Entry, Operation};

const AREA: ByteRange = ByteRange {
    offset: 0x10_0000,
    bytes: 0x10_0000,
};
/// Header, and a body of four pages.
const DUMP_BYTES: u64 = 0x6000;

fn write(offset: u64, bytes: u64) -> Entry {
    Entry {
        operation: Operation::Write,
        range: ByteRange { offset, bytes },
        data: 0,
    }
}

fn flush() -> Entry {
    Entry {
        operation: Operation::Flush,
        ..write(0, 0)
    }
}

/// A write of the workload, then a dump as it should be.
fn good() -> Vec<Entry> {
    vec![
        write(0x200, 0x200),
        flush(),
        write(AREA.offset, HEADER_BYTES),
        write(AREA.offset + 0x2000, 0x2000),
        write(AREA.offset + 0x4000, 0x2000),
        flush(),
        write(AREA.offset, HEADER_BYTES),
        flush(),
    ]
}

fn order(entries: Vec<Entry>) -> WriteOrder {
    order_of(&WriteLog { entries }, AREA, DUMP_BYTES)
}

#[test]
fn a_dump_as_it_should_be_has_header_body_flush_header() {
    assert_eq!(
        order(good()),
        WriteOrder {
            writes: 4,
            elsewhere: 0,
            header_first: true,
            header_last: true,
            gaps: String::new(),
            flushed: true,
        }
    );
}

#[test]
fn each_deviation_is_seen() {
    let mut early = good();
    early.swap(4, 6);
    assert!(!order(early).header_last);
    let mut late = good();
    late.remove(2);
    assert!(!order(late).header_first);
    let mut gap = good();
    gap[4] = write(AREA.offset + 0x4000, 0x1000);
    assert_eq!(order(gap).gaps, "0x105000+0x1000");
    let mut stray = good();
    stray.insert(5, write(0x200, 0x200));
    assert_eq!(order(stray).elsewhere, 1);
    let mut across = good();
    across.insert(5, write(AREA.offset + AREA.bytes - 0x200, 0x400));
    assert_eq!(order(across).elsewhere, 1);
    let mut unsafe_end = good();
    unsafe_end.remove(5);
    assert!(!order(unsafe_end).flushed);
    assert_eq!(order(Vec::new()), WriteOrder::default_with_gap());
}

impl WriteOrder {
    /// Of a disk to which nothing was written.
    fn default_with_gap() -> Self {
        Self {
            gaps: "0x100000+0x6000".to_owned(),
            ..Self::default()
        }
    }
}

#[test]
fn a_kernel_dump_leaves_out_what_is_free_or_a_program() {
    let run = |first_pfn, owner| OwnerRun {
        first_pfn,
        pages: 1,
        owner,
    };
    let pages = kernel_pages(&[
        run(1, Owner::KernelText),
        run(3, Owner::Workload),
        run(5, Owner::UncachedExtension(Role::Normal)),
        run(7, Owner::UncachedExtension(Role::Crash)),
        run(9, Owner::Free),
    ]);
    assert_eq!(pages.spans(), [(0x1000, 0x2000), (0x7000, 0x8000)]);
}
