//! Where each physical page lies in the file: [`PageMap`], from the header's runs or from a bitmap.

use std::io::{self, Read, Seek};

use super::{
    PAGE_BYTES,
    header::Run,
    source::{Source, le64},
};

/// Bytes of the second header of a bitmap dump.
const BITMAP_HEADER_BYTES: usize = 0x38;
/// Bytes of the bitmap that are read at one time.
const CHUNK_BYTES: usize = 1 << 16;
/// Most runs of a bitmap that are listed: more than any system's memory is split into.
const RUNS_MAX: usize = 1 << 22;

/// Consecutive pages that lie one behind the other in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlacedRun {
    /// First page frame number.
    pub first_pfn: u64,
    /// Number of pages.
    pub pages: u64,
    /// Offset of the first page in the file.
    pub offset: u64,
}

impl PlacedRun {
    const fn end_pfn(&self) -> u64 {
        self.first_pfn + self.pages
    }

    const fn end_offset(&self) -> u64 {
        self.offset + self.pages * PAGE_BYTES
    }
}

/// All pages of a dump.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageMap {
    /// Ascending by page frame number, not overlapping, none empty.
    runs: Vec<PlacedRun>,
}

/// Why the body cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum PagesError {
    /// The file cannot be read.
    #[error("its body cannot be read ({0})")]
    Io(#[from] io::Error),
    /// A type that this reader does not know.
    #[error("it is of type {0}, which this program does not read")]
    UnknownType(u32),
    /// Runs that no memory can have.
    #[error("its run of {pages:#x} pages from page {first_pfn:#x} exceeds the address space")]
    RunTooLong {
        /// First page frame number.
        first_pfn: u64,
        /// Number of pages.
        pages: u64,
    },
    /// A page that two runs claim.
    #[error("page {0:#x} is in two of its runs")]
    Overlap(u64),
    /// The second header is not there.
    #[error("its bitmap header is missing")]
    NoBitmap,
    /// The bitmap is longer than the file.
    #[error("its bitmap for {pages} pages does not fit in front of its first page at {first:#x}")]
    BitmapTooLong {
        /// Pages that the bitmap covers.
        pages: u64,
        /// Offset of the first page.
        first: u64,
    },
    /// No system's memory looks like this.
    #[error("its bitmap has more than {RUNS_MAX} runs")]
    TooManyRuns,
    /// The bitmap and its count disagree.
    #[error("its bitmap holds {found} pages, its header says {present}")]
    BitmapCount {
        /// Bits that are set, as far as they were counted.
        found: u64,
        /// What the header says.
        present: u64,
    },
    /// The small dump's own header is not there.
    #[error("its small-dump header is damaged: {0}")]
    Triage(&'static str),
}

impl PageMap {
    /// The pages of a full dump: the runs, one behind the other from `offset`.
    ///
    /// # Errors
    /// The runs overlap, or exceed what can be addressed.
    pub fn of_runs(runs: &[Run], mut offset: u64) -> Result<Self, PagesError> {
        let mut placed = Vec::with_capacity(runs.len());
        for run in runs.iter().filter(|run| run.pages > 0) {
            let end = run.first_pfn.checked_add(run.pages);
            let end_offset = run
                .pages
                .checked_mul(PAGE_BYTES)
                .and_then(|bytes| offset.checked_add(bytes));
            let (Some(_), Some(end_offset)) = (end, end_offset) else {
                return Err(PagesError::RunTooLong {
                    first_pfn: run.first_pfn,
                    pages: run.pages,
                });
            };
            placed.push(PlacedRun {
                first_pfn: run.first_pfn,
                pages: run.pages,
                offset,
            });
            offset = end_offset;
        }
        placed.sort_unstable_by_key(|run| run.first_pfn);
        if let Some(pair) = placed
            .windows(2)
            .find(|pair| pair[0].end_pfn() > pair[1].first_pfn)
        {
            return Err(PagesError::Overlap(pair[1].first_pfn));
        }
        Ok(Self { runs: placed })
    }

    /// The pages of a bitmap dump, and the offset of the first: a second header at `offset`, the bitmap, then the pages in
    /// ascending order.
    pub(super) fn of_bitmap<R: Read + Seek>(
        source: &mut Source<R>,
        offset: u64,
    ) -> Result<(Self, u64), PagesError> {
        let header = source.at_most(offset, BITMAP_HEADER_BYTES)?;
        let known = header.starts_with(b"SDMP") || header.starts_with(b"FDMP");
        if header.len() < BITMAP_HEADER_BYTES || !known || header[4..8] != *b"DUMP" {
            return Err(PagesError::NoBitmap);
        }
        let [first, present, pages] = [0x20, 0x28, 0x30].map(|at| le64(&header, at));
        let bits_at = offset + BITMAP_HEADER_BYTES as u64;
        let bits_end = bits_at.saturating_add(pages.div_ceil(8));
        if bits_end > first.min(source.length()) {
            return Err(PagesError::BitmapTooLong { pages, first });
        }
        let mut builder = Builder {
            runs: Vec::new(),
            offset: first,
            found: 0,
            present,
        };
        let mut at = bits_at;
        while at < bits_end {
            let wanted = usize::try_from(bits_end - at).map_or(CHUNK_BYTES, |n| n.min(CHUNK_BYTES));
            let chunk = source.at_most(at, wanted)?;
            builder.add(&chunk, (at - bits_at) * 8, pages)?;
            at += chunk.len() as u64;
        }
        if builder.found != present {
            return Err(builder.disagrees());
        }
        Ok((Self { runs: builder.runs }, first))
    }

    /// The runs, ascending.
    #[must_use]
    pub fn runs(&self) -> &[PlacedRun] {
        &self.runs
    }

    /// Number of pages.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.runs.iter().map(|run| run.pages).sum()
    }

    /// All page frame numbers, ascending.
    pub fn frames(&self) -> impl Iterator<Item = u64> + '_ {
        self.runs
            .iter()
            .flat_map(|run| run.first_pfn..run.end_pfn())
    }

    /// Where a page lies in the file.
    #[must_use]
    pub fn offset_of(&self, pfn: u64) -> Option<u64> {
        let after = self.runs.partition_point(|run| run.first_pfn <= pfn);
        let run = self.runs.get(after.checked_sub(1)?)?;
        (pfn < run.end_pfn()).then(|| run.offset + (pfn - run.first_pfn) * PAGE_BYTES)
    }

    /// Offset of the first byte behind all pages.
    #[must_use]
    pub fn end(&self) -> Option<u64> {
        self.runs.iter().map(PlacedRun::end_offset).max()
    }
}

/// Collects the bits that are set, no more than there are to be.
struct Builder {
    runs: Vec<PlacedRun>,
    offset: u64,
    found: u64,
    present: u64,
}

impl Builder {
    /// Takes the bits of `chunk`, the first of which stands for page `first`; there are `pages` in all.
    fn add(&mut self, chunk: &[u8], first: u64, pages: u64) -> Result<(), PagesError> {
        for (byte, bits) in (0_u64..).zip(chunk).filter(|(_, bits)| **bits != 0) {
            for bit in (0..8).filter(|bit| bits >> bit & 1 == 1) {
                let pfn = first + byte * 8 + bit;
                if pfn < pages {
                    self.page(pfn)?;
                }
            }
        }
        Ok(())
    }

    fn page(&mut self, pfn: u64) -> Result<(), PagesError> {
        self.found += 1;
        if self.found > self.present {
            return Err(self.disagrees());
        }
        let full = self.runs.len() >= RUNS_MAX;
        match self.runs.last_mut() {
            Some(last) if last.end_pfn() == pfn => last.pages += 1,
            _ if full => return Err(PagesError::TooManyRuns),
            _ => self.runs.push(PlacedRun {
                first_pfn: pfn,
                pages: 1,
                offset: self.offset,
            }),
        }
        self.offset = self
            .offset
            .checked_add(PAGE_BYTES)
            .ok_or_else(|| self.disagrees())?;
        Ok(())
    }

    const fn disagrees(&self) -> PagesError {
        PagesError::BitmapCount {
            found: self.found,
            present: self.present,
        }
    }
}
