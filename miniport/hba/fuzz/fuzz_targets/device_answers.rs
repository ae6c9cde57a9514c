//! Fuzz target: what a device may answer.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| hba::fake::fuzz_device_answers(data));
