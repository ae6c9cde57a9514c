//! Fuzz target: what may come by the event queue.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| hba::fake::fuzz_event_queue(data));
