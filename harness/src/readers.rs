//! Another program's view of a dump: [`kdmp`] reads it with the crate `kdmp-parser`, written by others for real Windows dumps.
//!
//! Agreement of two readers that do not know each other says that the dump follows the format rather than this repository's
//! idea of it. Two more readers, in Python, are asked in `harness/tests/bench/readers.rs`.

use std::{
    io::{Read, Seek},
    path::Path,
};

use kdmp_parser::{
    gxa::{Gpa, Gva, Gxa as _},
    parse::KernelDumpParser,
    phys, virt,
};
use serde::Serialize;

use crate::{
    compare::PAGE_STEP,
    dumpfile::{DumpFile, PAGE_BYTES, header::DumpType},
};

/// Disagreements that are listed; all are counted.
const LISTED: usize = 8;

/// What another reader found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reading {
    /// Which reader.
    pub reader: String,
    /// Pages that it found, all compared with what this program reads.
    pub pages: u64,
    /// Names of the loaded modules that it found by the lists in the dump's memory.
    pub modules: Vec<String>,
    /// Differences, all counted.
    pub differences: u64,
    /// The first of them in words.
    pub disagreements: Vec<String>,
}

impl Reading {
    fn of(reader: &str) -> Self {
        Self {
            reader: reader.to_owned(),
            ..Self::default()
        }
    }

    fn differs(&mut self, what: String) {
        self.differences += 1;
        if self.disagreements.len() < LISTED {
            self.disagreements.push(what);
        }
    }

    fn same<T: Copy + PartialEq + std::fmt::LowerHex>(&mut self, what: &str, theirs: T, ours: T) {
        if theirs != ours {
            self.differs(format!("{what} is {theirs:#x}, here {ours:#x}"));
        }
    }
}

/// Reads the dump with `kdmp-parser` and compares type, header and every page. A small dump has no pages: the crate does not
/// read it, and there is no reading.
#[must_use]
pub fn kdmp<R: Read + Seek>(path: &Path, dump: &mut DumpFile<R>) -> Option<Reading> {
    if dump.header.dump_type == DumpType::Triage {
        return None;
    }
    let mut reading = Reading::of("kdmp-parser");
    match KernelDumpParser::new(path) {
        Ok(parser) => compare(&mut reading, &parser, dump),
        Err(error) => reading.differs(format!("it does not open it: {error}")),
    }
    Some(reading)
}

/// Where virtual addresses lie in physical memory, by the page tables in the dump itself; `None` for one that is not mapped.
#[must_use]
pub fn physical_of(path: &Path, addresses: &[u64]) -> Vec<Option<u64>> {
    let Ok(parser) = KernelDumpParser::new(path) else {
        return vec![None; addresses.len()];
    };
    let memory = virt::Reader::new(&parser);
    addresses
        .iter()
        .map(|address| memory.translate(Gva::new(*address)).ok())
        .map(|found| found.map(|place| place.gpa().u64()))
        .collect()
}

fn compare<R: Read + Seek>(
    reading: &mut Reading,
    parser: &KernelDumpParser,
    dump: &mut DumpFile<R>,
) {
    let (theirs, ours) = (parser.headers(), dump.header.clone());
    reading.same("type", theirs.dump_type, ours.dump_type.raw());
    reading.same("code", theirs.bug_check_code, ours.bug_check_code);
    for (number, (theirs, ours)) in (1..).zip(
        theirs
            .bug_check_code_parameters
            .into_iter()
            .zip(ours.parameters),
    ) {
        reading.same(&format!("parameter {number}"), theirs, ours);
    }
    reading.same(
        "DirectoryTableBase",
        theirs.directory_table_base,
        ours.directory_table_base,
    );
    reading.same(
        "NumberProcessors",
        theirs.number_processors,
        ours.processors,
    );
    reading.same("machine", theirs.machine_image_type, ours.machine);
    reading.same(
        "RequiredDumpSpace",
        u64::try_from(theirs.required_dump_space).unwrap_or(0),
        ours.required_space,
    );
    let context = parser.context_record();
    if context.rip == 0 || context.rsp == 0 {
        reading.differs("the context record has no RIP or no RSP".to_owned());
    }
    let mut modules: Vec<String> = parser
        .kernel_modules()
        .map(|(_, name)| name.to_owned())
        .collect();
    modules.sort_unstable();
    reading.modules = modules;
    compare_pages(reading, parser, dump);
}

fn compare_pages<R: Read + Seek>(
    reading: &mut Reading,
    parser: &KernelDumpParser,
    dump: &mut DumpFile<R>,
) {
    let ours = dump
        .pages()
        .map_or(0, crate::dumpfile::pages::PageMap::count);
    let theirs = parser.physmem().len() as u64;
    reading.pages = theirs;
    reading.same("number of pages", theirs, ours);
    let memory = phys::Reader::new(parser);
    let mut their_page = vec![0; PAGE_STEP];
    let mut our_page = their_page.clone();
    for (address, _) in parser.physmem() {
        let pfn = address.u64() / PAGE_BYTES;
        match dump.read_page(pfn, &mut our_page) {
            Ok(true) => {}
            Ok(false) => {
                reading.differs(format!("page {pfn:#x} is not in the dump by this program"));
                continue;
            }
            Err(error) => {
                reading.differs(format!("page {pfn:#x}: {error}"));
                continue;
            }
        }
        match memory.read_exact(Gpa::new(address.u64()), &mut their_page) {
            Ok(()) if their_page == our_page => {}
            Ok(()) => reading.differs(format!("page {pfn:#x} has another content")),
            Err(error) => reading.differs(format!("page {pfn:#x}: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, fs::File};

    use super::*;
    use crate::dumpfile::synthetic::Synthetic;

    fn reading(bytes: &[u8], theirs: Option<&[u8]>) -> Option<Reading> {
        let directory = tempfile::tempdir().expect("made");
        let path = directory.path().join("memory.dmp");
        fs::write(&path, bytes).expect("written");
        let mut dump = DumpFile::open(File::open(&path).expect("opened")).expect("a dump");
        if let Some(theirs) = theirs {
            let other = directory.path().join("other.dmp");
            fs::write(&other, theirs).expect("written");
            return kdmp(&other, &mut dump);
        }
        kdmp(&path, &mut dump)
    }

    #[test]
    fn another_reader_agrees_on_every_page() {
        let made = Synthetic::default();
        for (bytes, pages) in [(made.full(), 64), (made.bitmap(5), 8), (made.bitmap(6), 8)] {
            let reading = reading(&bytes, None).expect("a reading");
            assert_eq!(reading.disagreements, Vec::<String>::new());
            assert_eq!(reading.differences, 0);
            assert_eq!(reading.pages, pages);
        }
        assert_eq!(reading(&made.small(), None), None);
    }

    #[test]
    fn a_disagreement_is_named() {
        let made = Synthetic::default();
        let good = made.bitmap(6);
        let fewer = Synthetic {
            present: made.present[1..].to_vec(),
            ..made
        };
        let mut changed = good.clone();
        changed[0x3000 + 77] ^= 1;
        let mut code = good.clone();
        code[0x38] ^= 1;
        for (theirs, words) in [
            (fewer.bitmap(6), "number of pages is 0x7, here 0x8"),
            (changed, "page 0x100 has another content"),
            (code, "code is 0xe3, here 0xe2"),
            (b"something else".to_vec(), "it does not open it"),
        ] {
            let reading = reading(&good, Some(&theirs)).expect("a reading");
            assert!(
                reading
                    .disagreements
                    .iter()
                    .any(|line| line.contains(words)),
                "{words}: {:?}",
                reading.disagreements
            );
        }
    }
}
