//! A small dump: what it holds of stack, data, registers and drivers, and what drivers asked for by `KbCallbackTriageDumpData`.

use proto::scenario::DumpKind;

use super::{Evidence, Finding, dump};
use crate::compare::small::SmallCompare;

/// `dump-small-equal`: stack, data blocks, registers and drivers of a small dump are those of the machine when it had stopped.
pub(in crate::verdict) fn dump_small_equal(evidence: &Evidence<'_>) -> Finding {
    let compare = match compared(evidence) {
        Ok(compare) => compare,
        Err(finding) => return finding,
    };
    Finding::unless(
        &compare.faults(),
        format!(
            "{} bytes in {} blocks, {} of them stack, {} drivers",
            compare.bytes_compared, compare.blocks, compare.stack_bytes, compare.drivers
        ),
    )
}

/// `dump-triage-data`: the dump holds the memory that drivers named for it.
pub(in crate::verdict) fn dump_triage_data(evidence: &Evidence<'_>) -> Finding {
    if let Err(finding) = compared(evidence) {
        return finding;
    }
    match dump(evidence) {
        Ok((_, found, _)) => {
            Finding::unless(&found.triage_lacking, "nothing that was named is missing")
        }
        Err(finding) => finding,
    }
}

fn compared<'a>(evidence: &'a Evidence<'_>) -> Result<&'a SmallCompare, Finding> {
    let (asked, found, _) = dump(evidence)?;
    if asked.kind != DumpKind::Small {
        return Err(Finding::NotApplicable("it is no small dump".to_owned()));
    }
    found
        .small
        .as_ref()
        .ok_or_else(|| Finding::Broken("its blocks were not compared".to_owned()))
}
