//! Fuzz target: what may stand for a note.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| fwcfg::fake::fuzz_note(data));
