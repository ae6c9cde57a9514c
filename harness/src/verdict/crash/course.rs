//! How a crash dump was written: in order, in its place, with what the drivers' callbacks had to say.

use proto::record::{BugcheckCallback, CallbackResult, Record};
use uuid::Uuid;

use super::{Evidence, Finding, dump, found};

/// `KbCallbackAddPages`, `KbCallbackRemovePages` and `KbCallbackTriageDumpData` (wdm.h, `KBUGCHECK_CALLBACK_REASON`).
const PAGES_REASONS: [u32; 3] = [4, 6, 7];
/// `KbCallbackSecondaryDumpData` and its form in several parts.
const DATA_REASONS: [u32; 2] = [2, 5];

/// `dump-secondary-data`: the blocks of the dump are those that callbacks delivered, in their order and with their lengths.
pub(in crate::verdict) fn dump_secondary_data(evidence: &Evidence<'_>) -> Finding {
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
pub(in crate::verdict) fn bugcheck_callbacks_in_order(evidence: &Evidence<'_>) -> Finding {
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

/// `dump-outside-untouched`: nothing was written behind the dump or into the hibernation partition.
pub(in crate::verdict) fn dump_outside_untouched(evidence: &Evidence<'_>) -> Finding {
    match found(evidence) {
        Err(finding) => finding,
        Ok((_, found)) => Finding::unless(&found.strays, "all is empty as it was"),
    }
}

/// `dump-write-order`: by QEMU's log, the header without its mark of validity is written first, the whole one last and after
/// a flush, the dump has no gap, and nothing else was written meanwhile.
pub(in crate::verdict) fn dump_write_order(evidence: &Evidence<'_>) -> Finding {
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
