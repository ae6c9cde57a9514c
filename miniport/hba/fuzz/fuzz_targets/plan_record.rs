//! Fuzz target: what may stand where a stored plan is expected.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| hba::fake::fuzz_plan_record(data));
