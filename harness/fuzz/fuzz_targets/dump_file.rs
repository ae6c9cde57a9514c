//! Fuzz target: whatever may stand where a crash dump is expected.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| harness::dumpfile::fuzz::fuzz_dump_file(data));
