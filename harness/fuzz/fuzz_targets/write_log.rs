//! Fuzz target: what may stand where QEMU's log of the disk's writes is expected.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| harness::untrusted::fuzz_write_log(data));
