//! A device that breaks the rules of its queues: the queue stops, and each request comes back exactly once after the reset.

use std::collections::BTreeSet;

use super::{Adapter, memory, packed_offer, quiet};
use crate::device::{Features, Quiesced};
use crate::fake::{Answer, Disk, FakeDevice, Fault, Match, Offer};
use crate::request::DataDirection;
use crate::ring::{Published, QueueFault, SubmitError, Tag};
use crate::scsi::cdb;
use crate::scsi::lun::ScsiAddress;

/// Sends five commands, of which the third is answered wrongly, and returns what became of them.
fn five_with(answer: Answer, features: Features) -> (QueueFault, BTreeSet<u64>, BTreeSet<u64>) {
    let memory = memory();
    let fault = Fault::Answer(Match::Nth(2, 2), answer);
    let device = FakeDevice::new(
        &memory,
        Offer {
            features,
            ..Offer::qemu()
        },
        &[fault],
    );
    device.insert_disk(0, 0, Disk::new(16, 512));
    let mut adapter = Adapter::start(&memory, &device);
    for token in 0..5 {
        let address = ScsiAddress::from_u8(0, 0);
        let sent = adapter.build(
            address,
            cdb::test_unit_ready().as_bytes(),
            DataDirection::None,
            &[],
        );
        adapter.send(&sent, token);
    }
    adapter.requests.publish();
    let mut completed = BTreeSet::new();
    let fault = loop {
        match adapter.requests.take_used() {
            Ok(Some(used)) => assert!(completed.insert(used.token), "completed twice"),
            Ok(None) => panic!("the fault went unnoticed"),
            Err(fault) => break fault,
        }
    };
    // The queue has stopped for good.
    assert_eq!(adapter.requests.take_used(), Err(fault));
    assert_eq!(
        (adapter.requests.fault(), adapter.requests.rejected()),
        (Some(fault), 1)
    );
    let address = ScsiAddress::from_u8(0, 0);
    let sent = adapter.build(
        address,
        cdb::test_unit_ready().as_bytes(),
        DataDirection::None,
        &[],
    );
    let refused = adapter.requests.submit(&sent.window, &sent.prepared, 9);
    assert_eq!(refused, Err(SubmitError::Faulted(fault)));
    assert_eq!(adapter.requests.publish(), Published::Nothing);

    let proof = quiet(&adapter.registers);
    let mut reclaimed = BTreeSet::new();
    while let Some((tag, token)) = adapter.requests.reclaim(&proof) {
        assert!(reclaimed.insert(token), "reclaimed twice");
        assert_eq!(adapter.requests.token_of(tag), None);
    }
    assert_eq!(adapter.requests.outstanding(), 0);
    assert_eq!(
        adapter.requests.submit(&sent.window, &sent.prepared, 9),
        Err(SubmitError::Closed)
    );
    assert_eq!(adapter.requests.take_used(), Ok(None));
    (fault, completed, reclaimed)
}

#[test]
fn wrong_answers_stop_the_queue_and_lose_nothing() {
    let cases = [
        (Answer::Id(16), QueueFault::IdNotOutstanding),
        (Answer::Id(255), QueueFault::IdNotOutstanding),
        (Answer::Id(256), QueueFault::IdOutOfRange),
        (Answer::Id(0x1_0002), QueueFault::IdOutOfRange),
        (Answer::Id(u32::MAX), QueueFault::IdOutOfRange),
        (Answer::Id(0), QueueFault::IdNotOutstanding),
        (Answer::Length(109), QueueFault::Length),
        (Answer::Length(u32::MAX), QueueFault::Length),
        (Answer::Twice, QueueFault::UsedIndex),
        (Answer::IndexJump(1), QueueFault::UsedIndex),
        (Answer::IndexJump(0x8000), QueueFault::UsedIndex),
    ];
    // In a packed ring ids have 16 bits, and the length counts only if the device vouches for it, as the fake one does.
    let packed = packed_offer().features;
    let packed_cases = [
        (Answer::Id(16), QueueFault::IdNotOutstanding),
        (Answer::Id(256), QueueFault::IdOutOfRange),
        (Answer::Id(0xFFFF), QueueFault::IdOutOfRange),
        (Answer::Id(0), QueueFault::IdNotOutstanding),
        (Answer::Length(109), QueueFault::Length),
        (Answer::Length(u32::MAX), QueueFault::Length),
        (Answer::Twice, QueueFault::IdNotOutstanding),
    ];
    for (features, cases) in [
        (Offer::qemu().features, &cases[..]),
        (Features::VERSION_1, &cases[..]),
        (packed, &packed_cases[..]),
        (
            packed.difference(Features::RING_INDIRECT_DESC),
            &packed_cases[..],
        ),
    ] {
        for &(answer, expected) in cases {
            let (fault, completed, reclaimed) = five_with(answer, features);
            assert_eq!(fault, expected, "{answer:?}");
            assert!(
                completed.is_disjoint(&reclaimed),
                "{answer:?}: completed and reclaimed"
            );
            assert_eq!(completed.len() + reclaimed.len(), 5, "{answer:?}: lost");
        }
    }
}

#[test]
fn a_duplicate_is_found_even_when_the_index_is_right() {
    // The fifth request never comes back, so the duplicate of the third fits into the used index.
    let memory = memory();
    let faults = [
        Fault::Answer(Match::Nth(2, 2), Answer::Twice),
        Fault::Answer(Match::Nth(2, 4), Answer::Drop),
    ];
    let device = FakeDevice::new(&memory, Offer::qemu(), &faults);
    device.insert_disk(0, 0, Disk::new(16, 512));
    let mut adapter = Adapter::start(&memory, &device);
    for token in 0..5 {
        let address = ScsiAddress::from_u8(0, 0);
        let sent = adapter.build(
            address,
            cdb::test_unit_ready().as_bytes(),
            DataDirection::None,
            &[],
        );
        adapter.send(&sent, token);
    }
    adapter.requests.publish();
    for token in 0..3 {
        assert_eq!(adapter.requests.take_used().unwrap().unwrap().token, token);
    }
    assert_eq!(
        adapter.requests.take_used(),
        Err(QueueFault::IdNotOutstanding)
    );
    let proof = quiet(&adapter.registers);
    let left: BTreeSet<u64> = std::iter::from_fn(|| adapter.requests.reclaim(&proof))
        .map(|(_, token)| token)
        .collect();
    assert_eq!(left, BTreeSet::from([3, 4]));
}

#[test]
fn a_request_that_is_used_in_the_wrong_lap_is_not_seen_and_not_lost() {
    let memory = memory();
    let fault = Fault::Answer(Match::Nth(2, 2), Answer::WrongLap);
    let device = FakeDevice::new(&memory, packed_offer(), &[fault]);
    device.insert_disk(0, 0, Disk::new(16, 512));
    let mut adapter = Adapter::start(&memory, &device);
    for token in 0..5 {
        let address = ScsiAddress::from_u8(0, 0);
        let ready = cdb::test_unit_ready();
        let sent = adapter.build(address, ready.as_bytes(), DataDirection::None, &[]);
        adapter.send(&sent, token);
    }
    adapter.requests.publish();
    for token in 0..2 {
        assert_eq!(adapter.requests.take_used().unwrap().unwrap().token, token);
    }
    // What follows is behind it: used descriptors are read in order.
    assert_eq!(adapter.requests.take_used(), Ok(None));
    let proof = quiet(&adapter.registers);
    let left: BTreeSet<u64> = std::iter::from_fn(|| adapter.requests.reclaim(&proof))
        .map(|(_, token)| token)
        .collect();
    assert_eq!(left, BTreeSet::from([2, 3, 4]));
}

#[test]
fn tags_of_completed_and_reclaimed_requests_are_stale() {
    let memory = memory();
    let device = FakeDevice::new(
        &memory,
        Offer {
            request_size: 16,
            ..Offer::qemu()
        },
        &[],
    );
    device.insert_disk(0, 0, Disk::new(16, 512));
    let mut adapter = Adapter::start(&memory, &device);
    let address = ScsiAddress::from_u8(0, 0);
    let mut tags: BTreeSet<u64> = BTreeSet::new();
    // Every slot is used several times; no tag comes twice.
    for token in 0..100 {
        let sent = adapter.build(
            address,
            cdb::test_unit_ready().as_bytes(),
            DataDirection::None,
            &[],
        );
        let tag = adapter.send(&sent, token);
        assert_eq!(adapter.requests.token_of(tag), Some(token));
        assert_eq!(
            adapter
                .requests
                .token_of(Tag::from_raw(tag.get() ^ 1 << 32)),
            None,
            "another queue's tag"
        );
        assert_eq!(
            adapter.requests.token_of(Tag::from_raw(tag.get() | 0xFFFF)),
            None,
            "no such descriptor"
        );
        assert!(tags.insert(tag.get()), "a tag came twice");
        adapter.requests.publish();
        assert!(adapter.requests.take_used().unwrap().is_some());
        assert_eq!(adapter.requests.token_of(tag), None);
    }
}

#[test]
fn a_removed_device_gives_everything_back() {
    let memory = memory();
    let device = FakeDevice::new(
        &memory,
        Offer::qemu(),
        &[Fault::Answer(Match::Queue(2), Answer::Drop)],
    );
    device.insert_disk(0, 0, Disk::new(16, 512));
    let mut adapter = Adapter::start(&memory, &device);
    for token in 0..7 {
        let address = ScsiAddress::from_u8(0, 0);
        let sent = adapter.build(
            address,
            cdb::test_unit_ready().as_bytes(),
            DataDirection::None,
            &[],
        );
        adapter.send(&sent, token);
    }
    adapter.requests.publish();
    device.set_faults(&[Fault::Gone]);
    assert_eq!(adapter.requests.take_used(), Ok(None));
    let proof = Quiesced::device_removed();
    assert_eq!(
        std::iter::from_fn(|| adapter.requests.reclaim(&proof)).count(),
        7
    );
}

#[test]
fn unpublished_requests_are_reclaimed_too() {
    let memory = memory();
    let device = FakeDevice::new(&memory, Offer::qemu(), &[]);
    let mut adapter = Adapter::start(&memory, &device);
    let address = ScsiAddress::from_u8(0, 0);
    let sent = adapter.build(
        address,
        cdb::test_unit_ready().as_bytes(),
        DataDirection::None,
        &[],
    );
    let tag = adapter.send(&sent, 5);
    let proof = quiet(&adapter.registers);
    assert_eq!(adapter.requests.reclaim(&proof), Some((tag, 5)));
    assert_eq!(adapter.requests.reclaim(&proof), None);
}
