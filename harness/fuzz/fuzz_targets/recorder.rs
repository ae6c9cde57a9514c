//! Fuzz target: what may stand where the driver's flight recorder is expected.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| harness::untrusted::fuzz_recorder(data));
