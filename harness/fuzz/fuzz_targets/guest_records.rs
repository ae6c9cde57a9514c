//! Fuzz target: what a bench kernel may send as records.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| harness::untrusted::records::fuzz_guest_records(data));
