//! Fuzz target: what a guest may leave where its hibernation image is expected.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| harness::untrusted::image::fuzz_hibernation_image(data));
