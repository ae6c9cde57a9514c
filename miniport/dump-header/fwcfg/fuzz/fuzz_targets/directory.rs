//! Fuzz target: what the directory of a fw_cfg device may hold.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| fwcfg::fake::fuzz_directory(data));
