//! The section of the crash dump.

use std::fmt::Write as _;

use crate::report::Report;

/// What the dump says of itself and how it compares with memory; nothing when no crash was asked for.
pub(super) fn section(out: &mut String, report: &Report) {
    let Some(crash) = &report.crash else { return };
    let Some(dump) = &crash.dump else {
        let why = crash.refusal.as_deref().unwrap_or("there is none");
        line!(out, "dump       {why}");
        return;
    };
    for row in dump.render().lines() {
        line!(out, "  {row}");
    }
    if let Some(compare) = &crash.compare {
        line!(
            out,
            "  compared      {} pages, {} bytes differ, {} volatile",
            compare.pages_compared,
            compare.bytes_different,
            compare.bytes_volatile
        );
    }
}
