//! The pages of a crash dump: those that it must hold, with the content that memory had when the system had stopped.

use proto::{owner::Owner, record::Record, scenario::DumpKind};

use super::{Evidence, Finding, dump, written};
use crate::{compare::memory::owner_at, report::names::owner_name};

/// Most bytes of a dump that may be left out of the comparison: the stack on which the dump is written.
const VOLATILE_LIMIT_BYTES: u64 = 1 << 20;

/// `dump-pages-equal`: every page is what the host saved when the system had stopped.
pub(in crate::verdict) fn dump_pages_equal(evidence: &Evidence<'_>) -> Finding {
    let (asked, found, _) = match dump(evidence) {
        Ok(dump) => dump,
        Err(finding) => return finding,
    };
    if asked.kind == DumpKind::Small {
        return Finding::NotApplicable("a small dump holds no pages".to_owned());
    }
    let Some(compare) = &found.compare else {
        return Finding::Broken("the pages were not compared".to_owned());
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
pub(in crate::verdict) fn dump_volatile_bounded(evidence: &Evidence<'_>) -> Finding {
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
pub(in crate::verdict) fn dump_full_pages_exact(evidence: &Evidence<'_>) -> Finding {
    pages_exact(evidence, DumpKind::Full)
}

/// `dump-kernel-pages-exact`: a kernel dump holds, by the owner map, the kernel's pages and those that drivers added.
pub(in crate::verdict) fn dump_kernel_pages_exact(evidence: &Evidence<'_>) -> Finding {
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

/// `dump-added-pages`: every page that a driver added by its callback is in the dump.
pub(in crate::verdict) fn dump_added_pages(evidence: &Evidence<'_>) -> Finding {
    let (asked, found, _) = match dump(evidence) {
        Ok(dump) => dump,
        Err(finding) => return finding,
    };
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
    let must_add = evidence.context.setup.driver.own && asked.kind == DumpKind::Kernel;
    if found.added_pages == 0 && must_add {
        faults.push("this repository's driver added none of its pages".to_owned());
    }
    if found.added_pages == 0 && faults.is_empty() {
        return Finding::NotApplicable("no driver added a page".to_owned());
    }
    Finding::unless(&faults, format!("{} pages added", found.added_pages))
}
