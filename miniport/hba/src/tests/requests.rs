//! Command requests from preparation to completion.

use std::vec;

use super::{Adapter, BUS, DATA, memory, packed_offer, segments};
use crate::access::SharedMemory;
use crate::device::Features;
use crate::fake::{Answer, Disk, FakeDevice, Fault, Match, Offer};
use crate::request::{DataDirection, Outcome, ResponseFault};
use crate::ring::{Published, Rearmed, SubmitError};
use crate::scsi::cdb::{self, Access, Caching, Form, Transfer};
use crate::scsi::lun::ScsiAddress;

fn transfer(access: Access, block: u64, blocks: u32) -> cdb::Cdb {
    Transfer {
        access,
        block,
        blocks,
        caching: Caching::Allowed,
    }
    .build(Form::Ten)
    .unwrap()
}

#[test]
fn data_goes_both_ways_whatever_the_features() {
    for (offer, removed) in [
        Features::empty(),
        Features::RING_INDIRECT_DESC,
        Features::RING_EVENT_IDX,
        Features::INOUT,
        Features::RING_INDIRECT_DESC | Features::RING_EVENT_IDX,
    ]
    .into_iter()
    .flat_map(|removed| [(Offer::qemu(), removed), (packed_offer(), removed)])
    {
        let memory = memory();
        let offer = Offer {
            features: offer.features.difference(removed),
            ..offer
        };
        let device = FakeDevice::new(&memory, offer, &[]);
        device.insert_disk(3, 300, Disk::new(256, 512));
        let mut adapter = Adapter::start(&memory, &device);
        let data = segments(5, 1024);
        for (index, segment) in data.iter().enumerate() {
            let fill = [u8::try_from(index).unwrap() + 1; 1024];
            memory
                .all()
                .write_bytes(u32::try_from(segment.bus_address - BUS).unwrap(), &fill);
        }
        let write = transfer(Access::Write, 7, 10);
        let completion = adapter.command(3, 300, &write, DataDirection::Out, &data);
        assert_eq!(
            (completion.outcome, completion.transferred),
            (Outcome::Success, 5120)
        );
        let disk = device.disk(3, 300).unwrap();
        assert_eq!(
            disk.contents[7 * 512..][..5120],
            [[1u8; 1024], [2; 1024], [3; 1024], [4; 1024], [5; 1024]].concat()
        );

        memory.all().zero(DATA, 0x1_0000);
        let read = transfer(Access::Read, 9, 10);
        let completion = adapter.command(3, 300, &read, DataDirection::In, &data);
        assert_eq!(
            (completion.outcome, completion.transferred),
            (Outcome::Success, 5120)
        );
        let last = u32::try_from(data[4].bus_address - BUS).unwrap();
        assert_eq!(memory.window(last, 1024).to_vec(), vec![0; 1024]);
        assert_eq!(memory.window(DATA, 1024).to_vec(), [[2u8]; 1024].concat());

        let flush = cdb::synchronize_cache_10();
        assert_eq!(
            adapter
                .command(3, 300, &flush, DataDirection::None, &[])
                .outcome,
            Outcome::Success
        );
        assert_eq!(device.disk(3, 300).unwrap().flushes, 1);
        assert_eq!(device.violations(), [""; 0]);
    }
}

#[test]
fn a_short_answer_is_a_residual_and_an_error_brings_sense_data() {
    let memory = memory();
    let device = FakeDevice::new(&memory, Offer::qemu(), &[]);
    device.insert_disk(0, 0, Disk::new(16, 512));
    let mut adapter = Adapter::start(&memory, &device);
    let completion = adapter.command(
        0,
        0,
        &cdb::inquiry(255),
        DataDirection::In,
        &segments(1, 255),
    );
    assert_eq!(
        (completion.outcome, completion.transferred),
        (Outcome::Success, 36)
    );

    let beyond = transfer(Access::Read, 100, 1);
    let sent = adapter.build(
        ScsiAddress::from_u8(0, 0),
        beyond.as_bytes(),
        DataDirection::In,
        &segments(1, 512),
    );
    adapter.send(&sent, 1);
    adapter.requests.publish();
    assert_eq!(adapter.requests.take_used().unwrap().unwrap().token, 1);
    let response = sent.response();
    let completion = response.completion();
    assert_eq!(
        (
            completion.outcome,
            completion.scsi_status,
            completion.sense_bytes
        ),
        (Outcome::Status, 2, 18)
    );
    let mut sense = [0xEE; 32];
    assert_eq!(response.copy_sense(&sent.window, &mut sense), 18);
    assert_eq!(
        (sense[0], sense[2], sense[12], sense[18]),
        (0x70, 5, 0x21, 0xEE)
    );
    assert_eq!(
        response.copy_sense(&sent.window, &mut sense[..4]),
        4,
        "bounded by the destination"
    );
    assert_eq!(response.copy_sense(&sent.window, &mut []), 0);

    assert_eq!(
        adapter
            .command(9, 0, &beyond, DataDirection::In, &segments(1, 512))
            .outcome,
        Outcome::BadTarget
    );
}

#[test]
fn every_response_code_has_a_meaning() {
    let memory = memory();
    let cases = [
        (Answer::Response(1), Outcome::Overrun),
        (Answer::Response(2), Outcome::Aborted),
        (Answer::Response(4), Outcome::Reset),
        (Answer::Response(5), Outcome::Busy),
        (Answer::Response(6), Outcome::TransportFailure),
        (Answer::Response(7), Outcome::TargetFailure),
        (Answer::Response(8), Outcome::NexusFailure),
        (Answer::Response(9), Outcome::Failure),
        (Answer::Response(10), Outcome::Unknown(10)),
        (Answer::Response(0xFE), Outcome::Unknown(0xFE)),
        (
            Answer::Silent,
            Outcome::Malformed(ResponseFault::NotWritten),
        ),
        (
            Answer::Residual(513),
            Outcome::Malformed(ResponseFault::Residual),
        ),
        (
            Answer::Residual(u32::MAX),
            Outcome::Malformed(ResponseFault::Residual),
        ),
        (Answer::Residual(512), Outcome::Success),
    ];
    for (answer, outcome) in cases {
        let device = FakeDevice::new(
            &memory,
            Offer::qemu(),
            &[Fault::Answer(Match::Opcode(0x28), answer)],
        );
        device.insert_disk(0, 0, Disk::new(16, 512));
        let mut adapter = Adapter::start(&memory, &device);
        let read = transfer(Access::Read, 0, 1);
        let completion = adapter.command(0, 0, &read, DataDirection::In, &segments(1, 512));
        assert_eq!(
            (
                completion.outcome,
                completion.transferred,
                completion.sense_bytes
            ),
            (outcome, 0, 0)
        );
        // The adapter goes on: the fault was in one response, not in the queue.
        assert_eq!(adapter.requests.fault(), None);
        let ready = cdb::test_unit_ready();
        assert_eq!(
            adapter
                .command(0, 0, &ready, DataDirection::None, &[])
                .outcome,
            Outcome::Success
        );
    }
}

#[test]
fn sense_length_is_bounded_by_the_field() {
    let memory = memory();
    for (announced, copied) in [(0, 0), (18, 18), (96, 96), (97, 96), (u32::MAX, 96)] {
        let fault = Fault::Answer(Match::Queue(2), Answer::Status(2, announced));
        let device = FakeDevice::new(&memory, Offer::qemu(), &[fault]);
        device.insert_disk(0, 0, Disk::new(16, 512));
        let mut adapter = Adapter::start(&memory, &device);
        let address = ScsiAddress::from_u8(0, 0);
        let sent = adapter.build(
            address,
            cdb::test_unit_ready().as_bytes(),
            DataDirection::None,
            &[],
        );
        adapter.send(&sent, 1);
        adapter.requests.publish();
        assert!(adapter.requests.take_used().unwrap().is_some());
        let mut sense = [0; 255];
        assert_eq!(sent.response().copy_sense(&sent.window, &mut sense), copied);
        assert!(sense.iter().take(copied).all(|&byte| byte == 0x5E));
    }
}

#[test]
fn a_burst_costs_one_doorbell_and_one_interrupt() {
    a_burst(Offer::qemu());
    a_burst(packed_offer());
    // A ring that does not hold the bursts evenly, so that they cross its end.
    a_burst(Offer {
        request_size: 75,
        ..packed_offer()
    });
}

fn a_burst(offer: Offer) {
    let memory = memory();
    let device = FakeDevice::new(&memory, offer, &[]);
    device.insert_disk(0, 0, Disk::new(16, 512));
    let mut adapter = Adapter::start(&memory, &device);
    device.take_interrupts();
    for round in 0..9 {
        assert_eq!(adapter.requests.rearm_interrupts(), Rearmed::Idle);
        assert_eq!(adapter.requests.publish(), Published::Nothing);
        for token in 0..32 {
            let read = transfer(Access::Read, 0, 1);
            let data = segments(1, 512);
            let sent = adapter.build(
                ScsiAddress::from_u8(0, 0),
                read.as_bytes(),
                DataDirection::In,
                &data,
            );
            adapter.send(&sent, token);
        }
        assert_eq!(adapter.requests.publish(), Published::Rung);
        assert_eq!(device.doorbells(2), round + 1);
        assert_eq!(device.take_interrupts().len(), 1);
        assert_eq!(adapter.requests.rearm_interrupts(), Rearmed::More);
        for token in 0..32 {
            assert_eq!(adapter.requests.take_used().unwrap().unwrap().token, token);
        }
        assert_eq!(adapter.requests.take_used(), Ok(None));
    }
    assert_eq!(device.violations(), [""; 0]);
}

#[test]
fn suppressed_interrupts_stay_away_without_event_index() {
    suppressed_interrupts(Offer::qemu());
    suppressed_interrupts(packed_offer());
}

fn suppressed_interrupts(offer: Offer) {
    let memory = memory();
    let offer = Offer {
        features: offer.features.difference(Features::RING_EVENT_IDX),
        ..offer
    };
    let device = FakeDevice::new(&memory, offer, &[]);
    device.insert_disk(0, 0, Disk::new(16, 512));
    let mut adapter = Adapter::start(&memory, &device);
    device.take_interrupts();
    let ready = cdb::test_unit_ready();
    adapter.requests.suppress_interrupts();
    adapter.command(0, 0, &ready, DataDirection::None, &[]);
    assert_eq!(device.take_interrupts(), []);
    assert_eq!(adapter.requests.rearm_interrupts(), Rearmed::Idle);
    adapter.command(0, 0, &ready, DataDirection::None, &[]);
    assert_eq!(device.take_interrupts().len(), 1);
}

#[test]
fn a_full_ring_takes_no_more_and_loses_nothing() {
    a_full_ring(Offer::qemu());
    a_full_ring(packed_offer());
}

fn a_full_ring(offer: Offer) {
    let memory = memory();
    let offer = Offer {
        request_size: 16,
        ..offer
    };
    let device = FakeDevice::new(
        &memory,
        offer,
        &[Fault::Answer(Match::Queue(2), Answer::Delay(0))],
    );
    device.insert_disk(0, 0, Disk::new(16, 512));
    let mut adapter = Adapter::start(&memory, &device);
    let ready = cdb::test_unit_ready();
    let address = ScsiAddress::from_u8(0, 0);
    for token in 0..16 {
        let sent = adapter.build(address, ready.as_bytes(), DataDirection::None, &[]);
        adapter.send(&sent, token);
    }
    let sent = adapter.build(address, ready.as_bytes(), DataDirection::None, &[]);
    assert_eq!(
        adapter.requests.submit(&sent.window, &sent.prepared, 99),
        Err(SubmitError::Full)
    );
    adapter.requests.publish();
    assert_eq!(adapter.requests.take_used(), Ok(None));
    device.run();
    for token in 0..16 {
        assert_eq!(adapter.requests.take_used().unwrap().unwrap().token, token);
    }
    assert_eq!(
        (
            adapter.requests.outstanding(),
            adapter.requests.free_descriptors()
        ),
        (0, 16)
    );
    assert!(
        adapter
            .requests
            .submit(&sent.window, &sent.prepared, 99)
            .is_ok()
    );
}
