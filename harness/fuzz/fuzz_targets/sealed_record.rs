//! Fuzz target: whatever may stand where the record of a sealed key is expected.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| harness::seal::fuzz_record(data));
