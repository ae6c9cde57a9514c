//! Fuzz target: whatever may stand where a crash dump is expected: bytes as they are, or a dump of one of three kinds, changed.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/bench/support/synthetic.rs"]
#[allow(dead_code, reason = "its tests use all of it")]
mod synthetic;

fuzz_target!(|data: &[u8]| {
    let made = synthetic::Synthetic {
        runs: vec![(0x10, 2), (0x20, 1)],
        present: vec![0x10, 0x20],
        ..synthetic::Synthetic::default()
    };
    let Some((kind, edits)) = data.split_first() else {
        return;
    };
    let dump = match kind & 3 {
        0 => made.full(),
        1 => made.bitmap(6),
        2 => made.small(),
        _ => return harness::dumpfile::fuzz::fuzz_dump_file(edits),
    };
    harness::dumpfile::fuzz::fuzz_dump_file(&harness::untrusted::edited(&dump, edits));
});
