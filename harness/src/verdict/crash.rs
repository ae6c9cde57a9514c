//! The crash dump: is it whole, does it hold what it must, was it written in order, and do others read the same?
//!
//! In a run without a crash none of these apply.

use proto::{
    hiber::PAGE_BYTES,
    owner::Owner,
    record::{BugcheckCallback, CallbackResult, DumpFacts, PhysicalRange, Record},
    scenario::DumpKind,
};

use uuid::Uuid;

use super::{CrashAsked, Evidence, Finding};
use crate::{
    compare::memory::owner_at,
    crash::CrashFound,
    dumpfile::{
        header::{DumpType, Header, MACHINE_AMD64},
        summary::Summary,
    },
    report::names::owner_name,
};

/// Most bytes of a dump that may be left out of the comparison: the stack on which the dump is written.
const VOLATILE_LIMIT_BYTES: u64 = 1 << 20;

/// `KbCallbackAddPages` and `KbCallbackRemovePages` (wdm.h, `KBUGCHECK_CALLBACK_REASON`).
const PAGES_REASONS: [u32; 2] = [4, 6];
/// `KbCallbackSecondaryDumpData` and its form in several parts.
const DATA_REASONS: [u32; 2] = [2, 5];

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
    if header.machine != MACHINE_AMD64 || header.processors != 1 {
        faults.push(format!(
            "machine {:#x} with {} processors",
            header.machine, header.processors
        ));
    }
    if header.directory_table_base == 0 || header.directory_table_base % PAGE_BYTES != 0 {
        faults.push(format!(
            "DirectoryTableBase is {:#x}",
            header.directory_table_base
        ));
    }
    faults.extend(bug_check_differs(evidence, header));
    faults.extend(memory_differs(evidence, header));
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
            (first, (range.address + range.bytes) / PAGE_BYTES)
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

/// `dump-pages-equal`: every page is what the host saved when the system had stopped.
pub(super) fn dump_pages_equal(evidence: &Evidence<'_>) -> Finding {
    let (asked, found, _) = match dump(evidence) {
        Ok(dump) => dump,
        Err(finding) => return finding,
    };
    let Some(compare) = &found.compare else {
        return if asked.kind == DumpKind::Small {
            Finding::NotApplicable("a small dump has no physical pages".to_owned())
        } else {
            Finding::Broken("the pages were not compared".to_owned())
        };
    };
    let mut faults: Vec<String> = compare
        .differences
        .iter()
        .map(|page| {
            format!(
                "page {:#x} differs in {} bytes from {:#x} on ({:#04x} in memory, {:#04x} in the dump)",
                page.page.0, page.bytes, page.offset, page.memory, page.dump
            )
        })
        .collect();
    if faults.is_empty() && compare.bytes_different > 0 {
        faults.push(format!("{} bytes differ", compare.bytes_different));
    }
    if compare.pages_unknown > 0 {
        faults.push(format!(
            "{} pages are no memory of the machine",
            compare.pages_unknown
        ));
    }
    if compare.pages_compared == 0 {
        faults.push("no page was compared".to_owned());
    }
    Finding::unless(
        &faults,
        format!("{} pages compared", compare.pages_compared),
    )
}

/// `dump-volatile-bounded`: what the comparison leaves out is the stack on which the dump is written, and nothing else.
pub(super) fn dump_volatile_bounded(evidence: &Evidence<'_>) -> Finding {
    let (_, found, _) = match dump(evidence) {
        Ok(dump) => dump,
        Err(finding) => return finding,
    };
    let Some(compare) = &found.compare else {
        return Finding::NotApplicable("no page was compared".to_owned());
    };
    let owners = evidence.life.records().filter_map(|record| match record {
        Record::OwnerMap { runs } => Some(runs.as_slice()),
        _ => None,
    });
    let owners = owners.last().unwrap_or_default();
    let mut faults: Vec<String> = evidence
        .life
        .records()
        .filter_map(|record| match record {
            Record::Volatile { ranges } => Some(ranges),
            _ => None,
        })
        .flatten()
        .filter_map(|(range, reason)| {
            let owner = owner_at(owners, range.address);
            let name = owner.map_or_else(|| "nobody".to_owned(), owner_name);
            (owner != Some(Owner::HibernateStack))
                .then(|| format!("{:#x} of {name} ({reason})", range.address))
        })
        .collect();
    if compare.bytes_volatile > VOLATILE_LIMIT_BYTES {
        faults.push(format!(
            "{} bytes are left out, {VOLATILE_LIMIT_BYTES} at most may be",
            compare.bytes_volatile
        ));
    }
    Finding::unless(
        &faults,
        format!("{} bytes left out", compare.bytes_volatile),
    )
}

/// `dump-full-pages-exact`: a full dump holds every whole page of RAM and nothing else.
pub(super) fn dump_full_pages_exact(evidence: &Evidence<'_>) -> Finding {
    pages_exact(evidence, DumpKind::Full)
}

/// `dump-kernel-pages-exact`: a kernel dump holds, by the owner map, the kernel's pages and those that drivers added.
pub(super) fn dump_kernel_pages_exact(evidence: &Evidence<'_>) -> Finding {
    pages_exact(evidence, DumpKind::Kernel)
}

fn pages_exact(evidence: &Evidence<'_>, kind: DumpKind) -> Finding {
    let (asked, found, _) = match dump(evidence) {
        Ok(dump) => dump,
        Err(finding) => return finding,
    };
    if asked.kind != kind {
        return Finding::NotApplicable(format!("it is no {kind:?} dump").to_lowercase());
    }
    let Some(set) = &found.page_set else {
        return Finding::Broken("its pages were not counted".to_owned());
    };
    let mut faults = Vec::new();
    if set.missing > 0 {
        faults.push(format!(
            "{} pages are missing: {}",
            set.missing, set.missing_ranges
        ));
    }
    if set.unexpected > 0 {
        faults.push(format!(
            "{} pages do not belong there: {}",
            set.unexpected, set.unexpected_ranges
        ));
    }
    if set.expected == 0 {
        faults.push("the owner map has no page that belongs there".to_owned());
    }
    Finding::unless(
        &faults,
        format!("{} pages, none missing, none besides", set.expected),
    )
}

/// `dump-outside-untouched`: nothing was written behind the dump or into the hibernation partition.
pub(super) fn dump_outside_untouched(evidence: &Evidence<'_>) -> Finding {
    match found(evidence) {
        Err(finding) => finding,
        Ok((_, found)) => Finding::unless(&found.strays, "all is empty as it was"),
    }
}

/// `dump-write-order`: by QEMU's log, the header without its mark of validity is written first, the whole one last and after
/// a flush, the dump has no gap, and nothing else was written meanwhile.
pub(super) fn dump_write_order(evidence: &Evidence<'_>) -> Finding {
    let (_, found, _) = match dump(evidence) {
        Ok(dump) => dump,
        Err(finding) => return finding,
    };
    let Some(order) = &found.order else {
        return Finding::Broken("QEMU's log of the writes is missing".to_owned());
    };
    let mut faults = Vec::new();
    for (bad, text) in [
        (!order.header_first, "the header is not written first"),
        (!order.header_last, "the header is not written last"),
        (!order.flushed, "no flush comes before the last header"),
    ] {
        if bad {
            faults.push(text.to_owned());
        }
    }
    if order.elsewhere > 0 {
        faults.push(format!(
            "{} writes lie outside of the crash partition",
            order.elsewhere
        ));
    }
    if !order.gaps.is_empty() {
        faults.push(format!("never written: {}", order.gaps));
    }
    Finding::unless(&faults, format!("{} writes in order", order.writes))
}

/// `dump-readers-agree`: another reader finds the same header, the same pages and the same content.
pub(super) fn dump_readers_agree(evidence: &Evidence<'_>) -> Finding {
    let (asked, found, _) = match dump(evidence) {
        Ok(dump) => dump,
        Err(finding) => return finding,
    };
    match &found.reading {
        None if asked.kind == DumpKind::Small => {
            Finding::NotApplicable("the other reader knows no small dumps".to_owned())
        }
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

/// `dump-secondary-data`: the blocks of the dump are those that callbacks delivered, in their order and with their lengths.
pub(super) fn dump_secondary_data(evidence: &Evidence<'_>) -> Finding {
    let (_, _, dump) = match dump(evidence) {
        Ok(dump) => dump,
        Err(finding) => return finding,
    };
    let delivered: Vec<(Uuid, u64)> = evidence
        .life
        .records()
        .filter_map(|record| match record {
            Record::BugcheckCallback(BugcheckCallback {
                result: CallbackResult::Data { guid, bytes },
                ..
            }) => Some((Uuid::from_bytes_le(*guid), u64::from(*bytes))),
            _ => None,
        })
        .collect();
    let held: Vec<(Uuid, u64)> = dump
        .secondary
        .iter()
        .map(|block| (block.blob.guid, block.blob.bytes))
        .collect();
    if delivered == held {
        return Finding::Holds(format!("{} blocks", held.len()));
    }
    Finding::Broken(format!(
        "callbacks delivered {delivered:?}, the dump holds {held:?}"
    ))
}

/// `bugcheck-callbacks-in-order`: pages are asked for before data are, and all of it before the kernel says that the dump is
/// written.
pub(super) fn bugcheck_callbacks_in_order(evidence: &Evidence<'_>) -> Finding {
    if let Err(finding) = found(evidence) {
        return finding;
    }
    let places = |reasons: &[u32]| {
        let mut places = evidence
            .life
            .records()
            .enumerate()
            .filter(|(_, record)| match record {
                Record::BugcheckCallback(callback) => reasons.contains(&callback.reason),
                _ => false,
            })
            .map(|(place, _)| place);
        let first = places.next();
        (first, places.last().or(first))
    };
    let (first_pages, last_pages) = places(&PAGES_REASONS);
    let (first_data, last_data) = places(&DATA_REASONS);
    if first_pages.is_none() && first_data.is_none() {
        return Finding::NotApplicable("no callback was registered".to_owned());
    }
    let written = evidence
        .life
        .records()
        .position(|record| matches!(record, Record::DumpWritten(_) | Record::DumpFailed { .. }));
    let mut faults = Vec::new();
    if first_data.is_some_and(|data| last_pages.is_some_and(|pages| pages > data)) {
        faults.push("data were asked for before pages".to_owned());
    }
    let last = last_pages.max(last_data);
    match written {
        Some(written) if last.is_some_and(|last| last > written) => {
            faults.push("a callback was called after the dump was written".to_owned());
        }
        Some(_) => {}
        None => faults.push("the kernel did not say that the dump ended".to_owned()),
    }
    Finding::unless(&faults, "pages, then data, then the end")
}

/// `dump-added-pages`: every page that a driver added by its callback is in the dump.
pub(super) fn dump_added_pages(evidence: &Evidence<'_>) -> Finding {
    let (asked, found, _) = match dump(evidence) {
        Ok(dump) => dump,
        Err(finding) => return finding,
    };
    if asked.kind == DumpKind::Small {
        return Finding::NotApplicable("a small dump takes no added pages".to_owned());
    }
    let mut faults: Vec<String> = found
        .added_missing
        .iter()
        .map(|page| format!("{page} was added and is missing"))
        .collect();
    let said = written(evidence).map_or(0, |facts| facts.added_pages);
    if said != found.added_pages {
        faults.push(format!(
            "the kernel says {said} added pages, its callbacks named {}",
            found.added_pages
        ));
    }
    if found.added_pages == 0 {
        return if faults.is_empty() {
            Finding::NotApplicable("no driver added a page".to_owned())
        } else {
            Finding::unless(&faults, "")
        };
    }
    Finding::unless(&faults, format!("{} pages added", found.added_pages))
}
