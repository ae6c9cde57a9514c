//! A reader of Windows crash dumps of x64 systems: header, pages, data blocks and secondary data.
//!
//! [`DumpFile::open`] takes any reader, checks everything against the length of the file before it allocates, and goes on
//! where a part is damaged: what is wrong is in [`DumpFile::problems`]. This is the host's own view of the format, made from
//! public descriptions (docs/crash-dump.md) and independent of the bench kernel's writer.
//!
//! Parts: [`header`] the first 8 KiB, [`pages`] where each physical page lies, [`triage`] the small dump's blocks, [`small`]
//! its context and drivers, [`blobs`] the secondary data, [`summary`] all of it in words, [`partition`] a dump that still lies
//! on the disk.

pub mod blobs;
pub mod fuzz;
pub mod header;
pub mod pages;
pub mod partition;
pub mod small;
mod source;
pub mod summary;
#[cfg(test)]
#[path = "../tests/bench/support/synthetic.rs"]
pub(crate) mod synthetic;
#[cfg(test)]
mod tests;
pub mod triage;

use std::io::{self, Read, Seek};

use self::{
    blobs::{Blob, BlobSection},
    header::{DumpType, HEADER_BYTES, Header, HeaderError},
    pages::{PageMap, PagesError},
    small::SmallParts,
    source::Source,
    triage::Triage,
};

/// Bytes of a page.
pub const PAGE_BYTES: u64 = 0x1000;
/// Where the body of every type begins.
const BODY_OFFSET: u64 = HEADER_BYTES as u64;

/// Why a file cannot be read as a dump.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// The file cannot be read.
    #[error("it cannot be read ({0})")]
    Io(#[from] io::Error),
    /// The first 8 KiB are no header of a complete dump.
    #[error(transparent)]
    Header(#[from] HeaderError),
}

/// What a dump holds behind its header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Physical pages (types 1, 2, 5, 6).
    Pages(PageMap),
    /// Blocks by virtual address (type 4).
    Blocks(Triage),
    /// Encrypted by the dump filter: readable with the private key alone.
    Sealed,
    /// Nothing that could be read; [`DumpFile::problems`] says why.
    Unreadable,
}

/// An opened dump.
#[derive(Debug)]
pub struct DumpFile<R> {
    source: Source<R>,
    /// The header.
    pub header: Header,
    /// Where the content lies.
    pub body: Body,
    /// What a small dump has beside its blocks; `None` in any other, and where it cannot be read.
    pub small: Option<SmallParts>,
    /// Offset of the first byte after the body.
    pub body_end: u64,
    /// The secondary data, in the order of the file.
    pub blobs: Vec<Blob>,
    /// What is wrong with the file, one sentence each; empty if nothing is.
    pub problems: Vec<String>,
}

impl<R: Read + Seek> DumpFile<R> {
    /// Reads the header and finds everything else.
    ///
    /// # Errors
    /// There is no header of a complete dump, or the file cannot be read.
    pub fn open(reader: R) -> Result<Self, DumpError> {
        let mut source = Source::new(reader)?;
        let start = source.at_most(0, HEADER_BYTES)?;
        let header = Header::parse(&start)?;
        let mut problems = Vec::new();
        let (body, body_end) = match read_body(&mut source, &header) {
            Ok(found) => found,
            Err(problem) => {
                problems.push(problem.to_string());
                (Body::Unreadable, BODY_OFFSET)
            }
        };
        let mut dump = Self {
            source,
            header,
            body,
            small: None,
            body_end,
            blobs: Vec::new(),
            problems,
        };
        dump.read_small();
        dump.check_length();
        dump.check_counts();
        dump.read_blobs()?;
        Ok(dump)
    }

    /// Length of the file.
    #[must_use]
    pub const fn length(&self) -> u64 {
        self.source.length()
    }

    /// The map of pages; `None` in a small dump or where it cannot be read.
    #[must_use]
    pub const fn pages(&self) -> Option<&PageMap> {
        match &self.body {
            Body::Pages(pages) => Some(pages),
            Body::Blocks(_) | Body::Sealed | Body::Unreadable => None,
        }
    }

    /// Reads a physical page; `Ok(false)` if the dump does not hold it.
    ///
    /// # Errors
    /// The file cannot be read there, or ends before.
    pub fn read_page(&mut self, pfn: u64, page: &mut [u8]) -> io::Result<bool> {
        let Some(offset) = self.pages().and_then(|pages| pages.offset_of(pfn)) else {
            return Ok(false);
        };
        self.source.exact(offset, page)?;
        Ok(true)
    }

    /// Reads bytes of the small dump by virtual address; `Ok(false)` if they do not lie in its stack or in one of its blocks.
    ///
    /// # Errors
    /// The file cannot be read there, or ends before.
    pub fn read_block(&mut self, address: u64, bytes: &mut [u8]) -> io::Result<bool> {
        let Body::Blocks(triage) = &self.body else {
            return Ok(false);
        };
        let Some(offset) = triage.offset_of(address, bytes.len() as u64) else {
            return Ok(false);
        };
        self.source.exact(offset, bytes)?;
        Ok(true)
    }

    /// The data of a secondary block.
    ///
    /// # Errors
    /// The file cannot be read there.
    pub fn read_blob(&mut self, blob: &Blob) -> io::Result<Vec<u8>> {
        let length = usize::try_from(blob.bytes).map_err(io::Error::other)?;
        self.source.at_most(blob.offset, length)
    }

    /// `RequiredDumpSpace` is the length of the dump, body and secondary data included.
    fn check_length(&mut self) {
        let (length, required) = (self.length(), self.header.required_space);
        if length < required {
            self.problems.push(format!(
                "it is cut short: {length} bytes of the {required} that its header says"
            ));
        }
        if required < self.body_end {
            self.problems.push(format!(
                "its header says {required} bytes, but its body ends at {}",
                self.body_end
            ));
        }
    }

    /// `PhysicalMemoryBlock.NumberOfPages` is the sum of the runs.
    fn check_counts(&mut self) {
        let sum = self
            .header
            .runs
            .iter()
            .fold(0_u64, |sum, run| sum.saturating_add(run.pages));
        if sum != self.header.page_count {
            self.problems.push(format!(
                "its header says {} pages of memory, the runs have {sum}",
                self.header.page_count
            ));
        }
    }

    fn read_small(&mut self) {
        let Body::Blocks(triage) = &self.body else {
            return;
        };
        let address = self.header.debugger_data_block;
        match SmallParts::read(&mut self.source, BODY_OFFSET, triage.dump_bytes, address) {
            Ok(parts) => self.small = Some(parts),
            Err(problem) => self.problems.push(problem.to_string()),
        }
    }

    fn read_blobs(&mut self) -> io::Result<()> {
        if matches!(self.body, Body::Sealed | Body::Unreadable) {
            return Ok(());
        }
        // Windows' small dumps end anywhere, and the secondary data follow at once.
        let start = if matches!(self.body, Body::Blocks(_)) {
            Some(self.body_end)
        } else {
            self.body_end.checked_next_multiple_of(blobs::ALIGNMENT)
        };
        // A body that ends where nothing can follow is behind the end of the file; the pages that are missing are a problem already.
        let Some(start) = start else {
            return Ok(());
        };
        let end = self.header.required_space.min(self.length());
        if end <= start {
            return Ok(());
        }
        let BlobSection { blobs, problem } = blobs::read(&mut self.source, start, end)?;
        self.blobs = blobs;
        self.problems.extend(problem);
        Ok(())
    }
}

fn read_body<R: Read + Seek>(
    source: &mut Source<R>,
    header: &Header,
) -> Result<(Body, u64), PagesError> {
    if header.sealed {
        return Ok((Body::Sealed, BODY_OFFSET));
    }
    match header.dump_type {
        DumpType::Full => {
            let pages = PageMap::of_runs(&header.runs, BODY_OFFSET)?;
            let end = pages.end().unwrap_or(BODY_OFFSET);
            Ok((Body::Pages(pages), end))
        }
        DumpType::Summary | DumpType::BitmapFull | DumpType::BitmapKernel => {
            let (pages, first) = PageMap::of_bitmap(source, BODY_OFFSET)?;
            let end = pages.end().unwrap_or(first);
            Ok((Body::Pages(pages), end))
        }
        DumpType::Triage => {
            let triage = Triage::read(source, BODY_OFFSET)?;
            let end = triage.dump_bytes;
            Ok((Body::Blocks(triage), end))
        }
        DumpType::Other(raw) => Err(PagesError::UnknownType(raw)),
    }
}
