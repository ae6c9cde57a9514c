//! Fuzz target: what a device may write into a packed ring.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| hba::fake::fuzz_packed_ring(data));
