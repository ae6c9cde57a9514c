//! Fuzz target: what a configuration space may hold.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| hba::fake::fuzz_capabilities(data));
