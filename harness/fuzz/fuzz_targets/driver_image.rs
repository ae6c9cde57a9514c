//! Fuzz target: what may be handed over as a driver's file, to the harness and to the bench kernel.
#![no_main]

extern crate alloc;

use libfuzzer_sys::fuzz_target;

#[path = "../../kernel/src/pe/parse/small_driver.rs"]
#[allow(dead_code, reason = "its tests use all of it")]
mod small_driver;

fuzz_target!(|data: &[u8]| {
    let file = harness::untrusted::edited(&small_driver::driver().0, data);
    for file in [data, &file] {
        harness::untrusted::fuzz_driver_image(file);
        kernel::pe::parse::fuzz_image(file);
    }
});
