//! The bodies of the fuzz targets, with fixed and with random inputs (`PROPTEST_CASES` sets how many).

use std::vec::Vec;

use crate::fake::{
    ConfigSpace, fuzz_capabilities, fuzz_device_answers, fuzz_event_queue, fuzz_packed_ring,
    fuzz_plan_record,
};
use proptest::prelude::*;

#[test]
fn fixed_inputs() {
    for body in [
        fuzz_capabilities,
        fuzz_device_answers,
        fuzz_plan_record,
        fuzz_packed_ring,
        fuzz_event_queue,
    ] {
        body(&[]);
        body(&[0; 400]);
        body(&[0xFF; 400]);
        body(ConfigSpace::qemu().bytes());
        let counting: Vec<u8> = (0..=255).cycle().take(4000).collect();
        body(&counting);
    }
}

proptest! {
    #[test]
    fn capability_space(data in prop::collection::vec(any::<u8>(), 0..400)) {
        fuzz_capabilities(&data);
    }

    #[test]
    fn plan_record(data in prop::collection::vec(any::<u8>(), 0..200)) {
        fuzz_plan_record(&data);
    }

    #[test]
    fn device_answers(data in prop::collection::vec(any::<u8>(), 0..600)) {
        fuzz_device_answers(&data);
    }

    #[test]
    fn packed_ring(data in prop::collection::vec(any::<u8>(), 0..600)) {
        fuzz_packed_ring(&data);
    }

    #[test]
    fn event_queue(data in prop::collection::vec(any::<u8>(), 0..400)) {
        fuzz_event_queue(&data);
    }
}
