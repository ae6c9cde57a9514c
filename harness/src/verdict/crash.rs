//! The crash dump: is it whole, does its header tell what happened, and do others read the same?
//!
//! * [`pages`]: does it hold the pages that it must, with the content that they had?
//! * [`small`]: does a small one hold what it must?
//! * [`course`]: was it written in order, with what callbacks had to say?
//!
//! In a run without a crash none of these apply.

use proto::{
    hiber::PAGE_BYTES,
    record::{DumpFacts, PhysicalRange, Record},
    scenario::DumpKind,
};

use super::{CrashAsked, Evidence, Finding};
use crate::{
    crash::CrashFound,
    dumpfile::{
        header::{DumpType, Header, MACHINE_AMD64},
        summary::Summary,
    },
};

pub mod course;
pub mod pages;
pub mod small;

/// What was asked for and what was found, or why there is nothing to look at.
fn found<'a>(evidence: &'a Evidence<'_>) -> Result<(&'a CrashAsked, &'a CrashFound), Finding> {
    match (&evidence.context.crash, &evidence.context.dump) {
        (None, _) => Err(Finding::NotApplicable("no crash was asked for".to_owned())),
        (Some(_), None) => Err(Finding::Broken("nobody looked for the dump".to_owned())),
        (Some(asked), Some(found)) => Ok((asked, found)),
    }
}

/// The same with the dump itself.
fn dump<'a>(
    evidence: &'a Evidence<'_>,
) -> Result<(&'a CrashAsked, &'a CrashFound, &'a Summary), Finding> {
    let (asked, found) = found(evidence)?;
    match (&found.dump, &found.refusal) {
        (Some(dump), _) => Ok((asked, found, dump)),
        (None, Some(refusal)) => Err(Finding::Broken(refusal.clone())),
        (None, None) => Err(Finding::Broken("there is no dump".to_owned())),
    }
}

fn written<'a>(evidence: &'a Evidence<'_>) -> Option<&'a DumpFacts> {
    evidence.life.records().find_map(|record| match record {
        Record::DumpWritten(facts) => Some(facts),
        _ => None,
    })
}

/// `dump-complete`: the host found a whole dump at the start of the crash partition, as long as the kernel says.
pub(super) fn dump_complete(evidence: &Evidence<'_>) -> Finding {
    let (_, _, dump) = match dump(evidence) {
        Ok(dump) => dump,
        Err(finding) => return finding,
    };
    let mut faults = dump.problems.clone();
    match written(evidence) {
        None => faults.push("the kernel did not say that it wrote a dump".to_owned()),
        Some(facts) => {
            for (what, said, is) in [
                ("bytes", facts.dump_bytes, dump.file_bytes),
                ("pages", facts.pages, dump.pages),
                (
                    "secondary blocks",
                    u64::from(facts.secondary_blocks),
                    dump.secondary.len() as u64,
                ),
            ] {
                if said != is {
                    faults.push(format!("the kernel says {said} {what}, the dump has {is}"));
                }
            }
        }
    }
    Finding::unless(
        &faults,
        format!(
            "{} bytes, {} pages, {} secondary blocks",
            dump.file_bytes,
            dump.pages,
            dump.secondary.len()
        ),
    )
}

/// `dump-header`: type, bug check, processors, page tables and memory of the header are those of the run.
pub(super) fn dump_header(evidence: &Evidence<'_>) -> Finding {
    let (asked, _, dump) = match dump(evidence) {
        Ok(dump) => dump,
        Err(finding) => return finding,
    };
    let header = &dump.header;
    let mut faults = Vec::new();
    let fits = match asked.kind {
        DumpKind::Full => header.dump_type == DumpType::Full,
        DumpKind::Kernel => matches!(
            header.dump_type,
            DumpType::BitmapFull | DumpType::BitmapKernel
        ),
        DumpKind::Small => header.dump_type == DumpType::Triage,
    };
    if !fits {
        faults.push(format!(
            "its type is {} ({})",
            header.dump_type.raw(),
            header.dump_type.name()
        ));
    }
    let processors = evidence.context.setup.options.processors;
    if header.machine != MACHINE_AMD64 || header.processors != processors {
        faults.push(format!(
            "machine {:#x} with {} processors",
            header.machine, header.processors
        ));
    }
    if header.directory_table_base == 0 || !header.directory_table_base.is_multiple_of(PAGE_BYTES) {
        faults.push(format!(
            "DirectoryTableBase is {:#x}",
            header.directory_table_base
        ));
    }
    faults.extend(bug_check_differs(evidence, header));
    // A small dump says nothing of memory as a whole.
    if asked.kind != DumpKind::Small {
        faults.extend(memory_differs(evidence, header));
    }
    Finding::unless(
        &faults,
        format!(
            "{}, bug check {:#x}, {} runs of memory",
            header.dump_type.name(),
            header.bug_check_code,
            header.runs.len()
        ),
    )
}

/// The bug check in the header against the one that the kernel reported.
fn bug_check_differs(evidence: &Evidence<'_>, header: &Header) -> Option<String> {
    let reported = evidence.life.records().find_map(|record| match record {
        Record::Bugcheck {
            code, parameters, ..
        } => Some((*code, *parameters)),
        _ => None,
    });
    match reported {
        None => Some("no bug check was reported".to_owned()),
        Some(reported) if reported == (header.bug_check_code, header.parameters) => None,
        Some((code, parameters)) => Some(format!(
            "it says bug check {:#x} {:x?}, reported was {code:#x} {parameters:x?}",
            header.bug_check_code, header.parameters
        )),
    }
}

/// The runs of memory against the whole pages of the RAM that the machine has.
fn memory_differs(evidence: &Evidence<'_>, header: &Header) -> Option<String> {
    let ram = evidence.life.records().find_map(|record| match record {
        Record::Hello { ram, .. } => Some(ram.as_slice()),
        _ => None,
    });
    let mut runs: Vec<(u64, u64)> = ram
        .unwrap_or_default()
        .iter()
        .map(|range: &PhysicalRange| {
            let first = range.address.div_ceil(PAGE_BYTES);
            (
                first,
                range.address.saturating_add(range.bytes) / PAGE_BYTES,
            )
        })
        .filter(|(first, end)| end > first)
        .map(|(first, end)| (first, end - first))
        .collect();
    runs.sort_unstable();
    let said: Vec<(u64, u64)> = header
        .runs
        .iter()
        .map(|run| (run.first_pfn, run.pages))
        .collect();
    (runs != said).then(|| format!("its runs of memory are {said:x?}, the machine has {runs:x?}"))
}

/// `dump-readers-agree`: another reader finds the same header, the same pages and the same content.
pub(super) fn dump_readers_agree(evidence: &Evidence<'_>) -> Finding {
    let (asked, found, _) = match dump(evidence) {
        Ok(dump) => dump,
        Err(finding) => return finding,
    };
    if asked.kind == DumpKind::Small {
        return Finding::NotApplicable("the other reader knows no small dumps".to_owned());
    }
    match &found.reading {
        None => Finding::Broken("no other reader was asked".to_owned()),
        Some(reading) => {
            let mut faults = reading.disagreements.clone();
            if faults.is_empty() && reading.differences > 0 {
                faults.push(format!("{} differences", reading.differences));
            }
            if reading.pages == 0 {
                faults.push("it found no page".to_owned());
            }
            Finding::unless(
                &faults,
                format!("{}: {} pages", reading.reader, reading.pages),
            )
        }
    }
}
