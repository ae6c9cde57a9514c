//! A crash dump against the host's own copy of RAM: every page byte for byte, and whether it holds the pages that it must.
//!
//! The copy is QEMU's (`pmemsave`), taken when the bug check had stopped the system and nothing of the dump had run. What the
//! writing of the dump itself changes is the kernel's to name (`Record::Volatile`) and the verdict's to bound.

use std::io::{self, Read, Seek};

use proto::hiber::PAGE_BYTES;
use serde::Serialize;

use super::ranges::Ranges;
use crate::{
    dumpfile::{DumpFile, pages::PageMap},
    report::Hex,
    session::life::MemorySave,
};

/// Differences that are listed; all are counted.
const LISTED: usize = 16;

/// How the pages of a dump compare with memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DumpCompare {
    /// Pages in the dump.
    pub pages: u64,
    /// Pages that were compared, in whole or in part.
    pub pages_compared: u64,
    /// Pages that are all volatile: nothing of them was compared.
    pub pages_volatile: u64,
    /// Pages in the dump that are no memory by the host's copy.
    pub pages_unknown: u64,
    /// Bytes left out because they are volatile.
    pub bytes_volatile: u64,
    /// Bytes that differ.
    pub bytes_different: u64,
    /// The first pages that differ.
    pub differences: Vec<PageDifference>,
}

/// A page that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PageDifference {
    /// Physical address of the page.
    pub page: Hex,
    /// Offset of the first byte that differs.
    pub offset: u64,
    /// Bytes that differ in this page.
    pub bytes: u64,
    /// The first differing byte in memory.
    pub memory: u8,
    /// The same byte in the dump.
    pub dump: u8,
}

/// Whether a dump holds the pages that it must.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PageSet {
    /// Pages that must be there.
    pub expected: u64,
    /// Of these, not in the dump.
    pub missing: u64,
    /// In the dump and not expected.
    pub unexpected: u64,
    /// The missing ones in words.
    pub missing_ranges: String,
    /// The unexpected ones in words.
    pub unexpected_ranges: String,
}

/// Compares every page of the dump.
///
/// # Errors
/// The dump or the copy cannot be read.
pub fn compare<R: Read + Seek>(
    dump: &mut DumpFile<R>,
    memory: &MemorySave,
    volatile: &Ranges,
) -> io::Result<DumpCompare> {
    let mut result = DumpCompare::default();
    let frames: Vec<u64> = dump
        .pages()
        .map_or_else(Vec::new, |pages| pages.frames().collect());
    let mut ours = vec![0; usize::try_from(PAGE_BYTES).map_err(io::Error::other)?];
    let mut theirs = ours.clone();
    for pfn in frames {
        result.pages += 1;
        let address = pfn * PAGE_BYTES;
        let page = Ranges::new([(address, address + PAGE_BYTES)]);
        let compared = page.minus(volatile);
        result.bytes_volatile += PAGE_BYTES - compared.bytes();
        if compared.is_empty() {
            result.pages_volatile += 1;
            continue;
        }
        dump.read_page(pfn, &mut theirs)?;
        if !memory.read(address, &mut ours)? {
            result.pages_unknown += 1;
            continue;
        }
        result.pages_compared += 1;
        if ours != theirs {
            differing(&mut result, address, &compared, &ours, &theirs);
        }
    }
    Ok(result)
}

fn differing(
    result: &mut DumpCompare,
    address: u64,
    compared: &Ranges,
    ours: &[u8],
    theirs: &[u8],
) {
    let mut first = None;
    let mut bytes = 0;
    for (offset, (memory, dump)) in (0_u64..).zip(ours.iter().zip(theirs)) {
        if memory != dump && compared.contains(address + offset) {
            first = first.or(Some((offset, *memory, *dump)));
            bytes += 1;
        }
    }
    result.bytes_different += bytes;
    if let Some((offset, memory, dump)) = first.filter(|_| result.differences.len() < LISTED) {
        result.differences.push(PageDifference {
            page: Hex(address),
            offset,
            bytes,
            memory,
            dump,
        });
    }
}

/// The pages of the dump against those that must be in it; whole pages count.
#[must_use]
pub fn page_set(pages: &PageMap, expected: &Ranges) -> PageSet {
    let held = Ranges::new(pages.runs().iter().map(|run| {
        let start = run.first_pfn * PAGE_BYTES;
        (start, start + run.pages * PAGE_BYTES)
    }));
    let expected = whole_pages(expected);
    let missing = expected.minus(&held);
    let unexpected = held.minus(&expected);
    PageSet {
        expected: expected.bytes() / PAGE_BYTES,
        missing: missing.bytes() / PAGE_BYTES,
        unexpected: unexpected.bytes() / PAGE_BYTES,
        missing_ranges: missing.describe(4),
        unexpected_ranges: unexpected.describe(4),
    }
}

fn whole_pages(ranges: &Ranges) -> Ranges {
    Ranges::new(ranges.spans().iter().map(|(start, end)| {
        let start = start - start % PAGE_BYTES;
        (start, end.next_multiple_of(PAGE_BYTES))
    }))
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Cursor};

    use proto::record::{Checkpoint, PhysicalRange};

    use super::*;
    use crate::{
        dumpfile::synthetic::{self, Synthetic},
        session::life::SavedPiece,
    };

    /// A copy of the pages 0x100 to 0x11ff, each with the content that the synthetic dump gives it.
    fn memory(directory: &std::path::Path, change: impl FnOnce(&mut Vec<u8>)) -> MemorySave {
        let mut content: Vec<u8> = (0x100..0x1200).flat_map(synthetic::page).collect();
        change(&mut content);
        let file = directory.join("memory");
        fs::write(&file, &content).expect("written");
        MemorySave {
            checkpoint: Checkpoint::Freeze,
            cycle: 1,
            pieces: vec![SavedPiece {
                range: PhysicalRange {
                    address: 0x10_0000,
                    bytes: content.len() as u64,
                },
                file,
            }],
        }
    }

    fn result(change: impl FnOnce(&mut Vec<u8>), volatile: &Ranges) -> DumpCompare {
        let directory = tempfile::tempdir().expect("made");
        let memory = memory(directory.path(), change);
        let file = Synthetic::default().bitmap(6);
        let mut dump = DumpFile::open(Cursor::new(file)).expect("a dump");
        compare(&mut dump, &memory, volatile).expect("compared")
    }

    #[test]
    fn equal_pages_are_all_compared() {
        let found = result(|_| {}, &Ranges::default());
        assert_eq!((found.pages, found.pages_compared), (8, 8));
        assert_eq!((found.bytes_different, found.pages_unknown), (0, 0));
    }

    #[test]
    fn one_byte_is_found_and_a_volatile_one_left_out() {
        let change = |content: &mut Vec<u8>| content[0x1000 + 5] ^= 0xff;
        let found = result(change, &Ranges::default());
        assert_eq!(found.bytes_different, 1);
        let difference = &found.differences[0];
        assert_eq!((difference.page.0, difference.offset), (0x10_1000, 5));
        let volatile = Ranges::new([(0x10_1004, 0x10_1008)]);
        let found = result(change, &volatile);
        assert_eq!((found.bytes_different, found.bytes_volatile), (0, 4));
        let found = result(change, &Ranges::new([(0x10_1000, 0x10_2000)]));
        assert_eq!((found.pages_volatile, found.pages_compared), (1, 7));
    }

    #[test]
    fn a_page_that_is_no_memory_is_counted() {
        let cut = |content: &mut Vec<u8>| content.truncate(0x10_0000);
        assert_eq!(result(cut, &Ranges::default()).pages_unknown, 2);
    }

    #[test]
    fn the_set_of_pages_is_compared_both_ways() {
        let file = Synthetic::default().bitmap(6);
        let dump = DumpFile::open(Cursor::new(file)).expect("a dump");
        let pages = dump.pages().expect("pages");
        let page = |pfn: u64| (pfn * PAGE_BYTES, (pfn + 1) * PAGE_BYTES);
        let all: Vec<_> = Synthetic::default().present.into_iter().map(page).collect();
        let exact = page_set(pages, &Ranges::new(all.clone()));
        assert_eq!((exact.expected, exact.missing, exact.unexpected), (8, 0, 0));
        let one_more = all.iter().copied().chain([page(0x500)]);
        assert_eq!(page_set(pages, &Ranges::new(one_more)).missing, 1);
        let one_less = page_set(pages, &Ranges::new(all[1..].to_vec()));
        assert_eq!(one_less.unexpected, 1);
        assert_eq!(one_less.unexpected_ranges, "0x100000+0x1000");
    }
}
