//! The body of the fuzz target `dump_file` (`harness/fuzz`), here so that ordinary tests compile and run it too.

use std::io::Cursor;

use super::{DumpFile, summary::Summary};
use crate::compare::PAGE_STEP;

/// Pages that are read of one dump.
const PAGES_READ: usize = 64;

/// Reads whatever there is of `data` taken for a dump. Nothing may panic, and nothing may take long.
///
/// # Panics
/// The reader has a defect.
pub fn fuzz_dump_file(data: &[u8]) {
    let Ok(mut dump) = DumpFile::open(Cursor::new(data)) else {
        return;
    };
    if let Ok(summary) = Summary::of(&mut dump) {
        let text = summary.render();
        assert!(text.starts_with("dump"));
    }
    let frames: Vec<u64> = dump
        .pages()
        .map(|pages| pages.frames().take(PAGES_READ).collect())
        .unwrap_or_default();
    let mut page = [0; PAGE_STEP];
    for pfn in frames {
        // An error is the end of the file.
        let _read = dump.read_page(pfn, &mut page);
    }
    let _read = dump.read_block(u64::MAX, &mut page);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{dumpfile::synthetic::Synthetic, untrusted::edited};

    /// Each byte of what decides the layout is set to extremes, one at a time.
    #[test]
    fn no_byte_of_the_structures_can_do_harm() {
        let made = Synthetic {
            runs: vec![(0x10, 2), (0x20, 1)],
            present: vec![0x10, 0x20],
            ..Synthetic::default()
        };
        for good in [made.full(), made.bitmap(6), made.small()] {
            let blobs = good.len() - 100..good.len();
            let header = (0x80..0xb8).chain(0xf90..0xfb0);
            for at in header.chain(0x2000..0x2090).chain(blobs) {
                for value in [0, 1, 0x7f, 0x80, 0xff] {
                    let mut bad = good.clone();
                    bad[at] = value;
                    fuzz_dump_file(&bad);
                }
            }
            for length in (0..good.len()).step_by(777) {
                fuzz_dump_file(&good[..length]);
            }
        }
    }

    /// What fuzzing found: a page map that begins at the end of all files, in front of which alignment went round.
    #[test]
    fn a_body_behind_all_files_is_no_panic() {
        let made = Synthetic {
            runs: vec![(0x10, 2), (0x20, 1)],
            present: vec![0x10, 0x20],
            ..Synthetic::default()
        };
        let edits = [
            0x00, 0x02, 0x02, 0xaf, 0xff, 0xdf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0x00,
            0x07, 0xfc, 0xff, 0xff,
        ];
        fuzz_dump_file(&edited(&made.bitmap(6), &edits));
    }
}
