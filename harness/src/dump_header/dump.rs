//! Reads a Windows dump that QEMU wrote: header and runs, and where its pages differ from memory.
//!
//! Offsets are those of `DUMP_HEADER64`, this file's own view of them. A second reader, which nobody here wrote, opens the same file in
//! `harness/tests/bench/header.rs`.

use std::{
    fs::File,
    io::{BufReader, Read, Seek as _, SeekFrom},
    path::Path,
};

use anyhow::{Context as _, Result};

/// Bytes of the header.
const HEADER_BYTES: u64 = 0x2000;
/// Bytes of a page.
const PAGE_BYTES: u64 = 0x1000;
/// Runs that a header can hold.
const MAX_RUNS: u32 = 43;

/// What a dump says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DumpFacts {
    /// Size of the file in bytes.
    pub file_bytes: u64,
    /// `PAGEDU64`.
    pub signature_is_right: bool,
    /// `MachineImageType`.
    pub machine: u32,
    /// `DumpType`.
    pub dump_type: u32,
    /// `BugCheckCode`.
    pub bugcheck: u32,
    /// `NumberProcessors`.
    pub processors: u32,
    /// `RequiredDumpSpace`.
    pub required_bytes: u64,
    /// Address and bytes of each run.
    pub runs: Vec<(u64, u64)>,
    /// Where it differs from memory, if that was looked at.
    pub differences: Option<Differences>,
}

/// Bytes of a dump that are not those of memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// Bytes compared.
    pub compared: u64,
    /// Bytes that differ.
    pub different: u64,
    /// Distance from the first to the last of them, both included.
    pub span: u64,
}

impl DumpFacts {
    /// Reads the header of a dump.
    ///
    /// # Errors
    /// The file cannot be read, or has no header.
    pub fn read(file: &Path) -> Result<Self> {
        let mut source =
            File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
        let file_bytes = source.metadata()?.len();
        let mut header = vec![0; usize::try_from(HEADER_BYTES)?];
        source
            .read_exact(&mut header)
            .context("the dump has no header")?;
        Ok(Self {
            file_bytes,
            ..Self::of(&header)
        })
    }

    fn of(header: &[u8]) -> Self {
        let word = |offset: usize| -> u32 {
            header
                .get(offset..offset + 4)
                .and_then(|bytes| bytes.try_into().ok())
                .map_or(0, u32::from_le_bytes)
        };
        let long = |offset: usize| u64::from(word(offset + 4)) << 32 | u64::from(word(offset));
        let runs = (0..word(0x88).min(MAX_RUNS) as usize)
            .map(|index| {
                let run = 0x98 + 16 * index;
                (long(run) * PAGE_BYTES, long(run + 8) * PAGE_BYTES)
            })
            .collect();
        Self {
            file_bytes: 0,
            signature_is_right: header.starts_with(b"PAGEDU64"),
            machine: word(0x30),
            processors: word(0x34),
            bugcheck: word(0x38),
            dump_type: word(0xF98),
            required_bytes: long(0xFA0),
            runs,
            differences: None,
        }
    }
}

/// Compares the pages of a dump with a copy of the same memory.
///
/// # Errors
/// A file cannot be read, or one is longer than the other.
pub fn compare(dump: &Path, memory: &Path) -> Result<Differences> {
    const CHUNK: usize = 1 << 20;
    let mut dump_file = File::open(dump)?;
    dump_file.seek(SeekFrom::Start(HEADER_BYTES))?;
    let (mut left, mut right) = (
        BufReader::new(dump_file),
        BufReader::new(File::open(memory)?),
    );
    let (mut ours, mut theirs) = (vec![0; CHUNK], vec![0; CHUNK]);
    let mut found = Differences::default();
    let (mut first, mut last) = (None, 0);
    loop {
        let read = fill(&mut left, &mut ours)?;
        anyhow::ensure!(
            read == fill(&mut right, &mut theirs)?,
            "the dump and memory have different lengths"
        );
        if read == 0 {
            break;
        }
        if ours[..read] != theirs[..read] {
            for (index, _) in (0_u64..)
                .zip(ours[..read].iter().zip(&theirs[..read]))
                .filter(|(_, (a, b))| a != b)
            {
                last = found.compared + index;
                first.get_or_insert(last);
                found.different += 1;
            }
        }
        found.compared += read as u64;
    }
    found.span = first.map_or(0, |first| last - first + 1);
    Ok(found)
}

/// Fills the buffer as far as the source goes.
fn fill(source: &mut impl Read, buffer: &mut [u8]) -> Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match source.read(&mut buffer[filled..])? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_header_is_read() {
        let mut header = vec![0; 0x2000];
        header[..8].copy_from_slice(b"PAGEDU64");
        header[0x88] = 1;
        header[0x98] = 2;
        header[0xA0] = 3;
        header[0xF98] = 1;
        let facts = DumpFacts::of(&header);
        assert!(facts.signature_is_right);
        assert_eq!(facts.runs, [(0x2000, 0x3000)]);
        assert_eq!(facts.dump_type, 1);
    }

    #[test]
    fn differences_are_counted_and_lengths_held() {
        let directory = tempfile::tempdir().expect("made");
        let (dump, memory) = (directory.path().join("d"), directory.path().join("m"));
        let mut bytes = vec![0; 0x2000 + 0x3000];
        bytes[0x2000 + 0x10] = 1;
        bytes[0x2000 + 0x20] = 1;
        fs::write(&dump, &bytes).expect("written");
        fs::write(&memory, vec![0; 0x3000]).expect("written");
        let expected = Differences {
            compared: 0x3000,
            different: 2,
            span: 0x11,
        };
        assert_eq!(compare(&dump, &memory).expect("comparable"), expected);
        fs::write(&memory, vec![0; 0x2FFF]).expect("written");
        assert!(compare(&dump, &memory).is_err());
    }
}
