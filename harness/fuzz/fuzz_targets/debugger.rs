//! Fuzz target: what may come from a debugger port.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| harness::untrusted::fuzz_debugger(data));
