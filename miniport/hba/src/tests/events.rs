//! Task management and events.

use super::{Adapter, memory, packed_offer, quiet};
use crate::access::SharedMemory;
use crate::device::Features;
use crate::fake::{Answer, Disk, FakeDevice, Fault, Interrupt, Match, Offer};
use crate::queues::TmfCompletion;
use crate::request::{
    DataDirection, EventKind, Missed, Outcome, ResetReason, TaskFunction, TaskManagement,
    TmfOutcome,
};
use crate::ring::{QueueFault, Rearmed, RingFormat, SubmitError};
use crate::scsi::cdb;
use crate::scsi::lun::{LunError, ScsiAddress};

const UNIT: ScsiAddress = ScsiAddress::from_u8(4, 2);

fn function(address: ScsiAddress, function: TaskFunction) -> TaskManagement {
    TaskManagement { address, function }
}

#[test]
fn resets_cancel_the_commands_at_their_address_only() {
    resets_cancel(Offer::qemu());
    resets_cancel(packed_offer());
}

fn resets_cancel(offer: Offer) {
    let far = ScsiAddress::new(4, 700).unwrap();
    let cases = [
        (function(UNIT, TaskFunction::LogicalUnitReset), &[1][..]),
        (function(far, TaskFunction::LogicalUnitReset), &[2]),
        (function(UNIT, TaskFunction::TargetReset), &[1, 2]),
    ];
    for (request, cancelled) in cases {
        let memory = memory();
        let device = FakeDevice::new(
            &memory,
            offer,
            &[Fault::Answer(Match::Opcode(0), Answer::Drop)],
        );
        for (target, lun) in [(4, 2), (4, 700), (5, 2)] {
            device.insert_disk(target, lun, Disk::new(4, 512));
        }
        let mut adapter = Adapter::start(&memory, &device);
        let addresses = [(1, UNIT), (2, far), (3, ScsiAddress::from_u8(5, 2))];
        let sent = addresses.map(|(token, address)| {
            let sent = adapter.build(
                address,
                cdb::test_unit_ready().as_bytes(),
                DataDirection::None,
                &[],
            );
            adapter.send(&sent, token);
            sent
        });
        adapter.requests.publish();
        assert_eq!(adapter.requests.take_used(), Ok(None));
        adapter.control.start(&request, 42).unwrap();
        let done = TmfCompletion {
            token: 42,
            outcome: TmfOutcome::Complete,
        };
        assert_eq!(adapter.control.take_completed(), Ok(Some(done)));
        assert_eq!(adapter.control.take_completed(), Ok(None));
        for token in cancelled {
            assert_eq!(adapter.requests.take_used().unwrap().unwrap().token, *token);
            let index = usize::try_from(*token).unwrap() - 1;
            assert_eq!(sent[index].response().completion().outcome, Outcome::Reset);
        }
        assert_eq!(adapter.requests.take_used(), Ok(None));
        assert_eq!(device.violations(), [""; 0]);
    }
}

#[test]
fn abort_task_names_the_command_by_its_tag() {
    abort_task(Offer::qemu());
    abort_task(packed_offer());
}

fn abort_task(offer: Offer) {
    let memory = memory();
    let device = FakeDevice::new(
        &memory,
        offer,
        &[Fault::Answer(Match::Opcode(0), Answer::Drop)],
    );
    device.insert_disk(4, 2, Disk::new(4, 512));
    let mut adapter = Adapter::start(&memory, &device);
    let tags = [10, 11].map(|token| {
        let sent = adapter.build(
            UNIT,
            cdb::test_unit_ready().as_bytes(),
            DataDirection::None,
            &[],
        );
        (adapter.send(&sent, token), sent)
    });
    adapter.requests.publish();
    adapter
        .control
        .start(&function(UNIT, TaskFunction::AbortTask(tags[1].0)), 1)
        .unwrap();
    assert_eq!(
        adapter.control.take_completed().unwrap().unwrap().outcome,
        TmfOutcome::Complete
    );
    assert_eq!(adapter.requests.take_used().unwrap().unwrap().token, 11);
    assert_eq!(tags[1].1.response().completion().outcome, Outcome::Aborted);
    assert_eq!(adapter.requests.token_of(tags[0].0), Some(10));
}

#[test]
fn every_outcome_is_told_apart() {
    let memory = memory();
    let device = FakeDevice::new(&memory, Offer::qemu(), &[]);
    device.insert_disk(4, 2, Disk::new(4, 512));
    let mut adapter = Adapter::start(&memory, &device);
    let mut outcome = |request| {
        adapter.control.start(&request, 3).unwrap();
        adapter.control.take_completed().unwrap().unwrap().outcome
    };
    let reset = TaskFunction::LogicalUnitReset;
    assert_eq!(outcome(function(UNIT, reset)), TmfOutcome::Complete);
    assert_eq!(
        outcome(function(ScsiAddress::from_u8(4, 3), reset)),
        TmfOutcome::IncorrectLun
    );
    assert_eq!(
        outcome(function(ScsiAddress::from_u8(9, 0), reset)),
        TmfOutcome::BadTarget
    );
    assert_eq!(
        outcome(function(UNIT, TaskFunction::AbortTaskSet)),
        TmfOutcome::Rejected
    );
}

#[test]
fn all_frames_may_be_in_use_and_are_given_back() {
    all_frames(Offer::qemu());
    all_frames(packed_offer());
}

fn all_frames(offer: Offer) {
    let memory = memory();
    let device = FakeDevice::new(
        &memory,
        Offer {
            delivery: crate::fake::Delivery::AtRun,
            ..offer
        },
        &[],
    );
    device.insert_disk(4, 2, Disk::new(4, 512));
    let mut adapter = Adapter::start(&memory, &device);
    let reset = function(UNIT, TaskFunction::LogicalUnitReset);
    for round in 0..3 {
        for token in 0..8 {
            adapter.control.start(&reset, round * 8 + token).unwrap();
        }
        assert_eq!(adapter.control.start(&reset, 99), Err(SubmitError::Full));
        device.run();
        for token in 0..8 {
            assert_eq!(
                adapter.control.take_completed().unwrap().unwrap().token,
                round * 8 + token
            );
        }
    }
    adapter.control.start(&reset, 50).unwrap();
    adapter.control.start(&reset, 51).unwrap();
    let proof = quiet(&adapter.registers);
    assert_eq!(adapter.control.reclaim(&proof), Some(50));
    assert_eq!(adapter.control.reclaim(&proof), Some(51));
    assert_eq!(adapter.control.reclaim(&proof), None);
    assert_eq!(adapter.control.start(&reset, 1), Err(SubmitError::Closed));
}

#[test]
fn a_control_queue_that_misbehaves_stops() {
    let cases = [
        (Answer::Id(1), QueueFault::IdNotOutstanding),
        (Answer::Id(77), QueueFault::IdOutOfRange),
        (Answer::Length(2), QueueFault::Length),
    ];
    let jump = (Answer::IndexJump(3), QueueFault::UsedIndex);
    a_bad_control_queue(Offer::qemu(), &cases);
    a_bad_control_queue(Offer::qemu(), &[jump]);
    a_bad_control_queue(packed_offer(), &cases);
}

fn a_bad_control_queue(offer: Offer, cases: &[(Answer, QueueFault)]) {
    let memory = memory();
    for &(answer, expected) in cases {
        let device = FakeDevice::new(&memory, offer, &[Fault::Answer(Match::Queue(0), answer)]);
        device.insert_disk(4, 2, Disk::new(4, 512));
        let mut adapter = Adapter::start(&memory, &device);
        adapter
            .control
            .start(&function(UNIT, TaskFunction::LogicalUnitReset), 6)
            .unwrap();
        assert_eq!(adapter.control.take_completed(), Err(expected));
        let proof = quiet(&adapter.registers);
        assert_eq!(adapter.control.reclaim(&proof), Some(6));
    }
}

#[test]
fn events_are_typed_and_buffers_replenished() {
    events_are_typed(Offer::qemu());
    events_are_typed(packed_offer());
}

fn events_are_typed(offer: Offer) {
    let memory = memory();
    let device = FakeDevice::new(&memory, offer, &[]);
    let mut adapter = Adapter::start(&memory, &device);
    device.take_interrupts();
    let unit = UNIT.encode();
    let cases = [
        ((1, unit, 0), EventKind::TransportReset(ResetReason::Hard)),
        ((1, unit, 1), EventKind::TransportReset(ResetReason::Rescan)),
        (
            (1, unit, 2),
            EventKind::TransportReset(ResetReason::Removed),
        ),
        (
            (1, unit, 7),
            EventKind::TransportReset(ResetReason::Unknown(7)),
        ),
        ((2, unit, 16), EventKind::AsyncNotify(16)),
        (
            (3, unit, 0x092A),
            EventKind::ParameterChange { asc: 0x2A, ascq: 9 },
        ),
        ((9, unit, 0), EventKind::Unknown(9)),
    ];
    // More events than there are buffers: each is given back.
    for ((event, lun, reason), kind) in cases.into_iter().cycle().take(100) {
        assert!(device.push_event(event, lun, reason));
        let interrupts = device.take_interrupts();
        assert_eq!(
            interrupts,
            [Interrupt::Queue {
                queue: 1,
                vector: 2
            }]
        );
        let event = adapter.events.take_event().unwrap().unwrap();
        assert_eq!(
            (event.kind, event.address, event.missed),
            (kind, Ok(UNIT), Missed::Nothing)
        );
        assert_eq!(adapter.events.take_event(), Ok(None));
        assert_eq!(adapter.events.rearm_interrupts(), Rearmed::Idle);
        assert_eq!(adapter.events.posted(), 16);
    }
    assert_eq!(device.violations(), [""; 0]);
}

#[test]
fn missed_events_are_told() {
    missed_events(Offer::qemu());
    missed_events(packed_offer());
}

fn missed_events(offer: Offer) {
    let memory = memory();
    let offer = Offer {
        event_size: 4,
        ..offer
    };
    let device = FakeDevice::new(&memory, offer, &[]);
    let mut adapter = Adapter::start(&memory, &device);
    for _ in 0..4 {
        assert!(device.push_event(1, UNIT.encode(), 1));
    }
    assert!(!device.push_event(1, UNIT.encode(), 2));
    for _ in 0..4 {
        assert_eq!(
            adapter.events.take_event().unwrap().unwrap().missed,
            Missed::Nothing
        );
    }
    assert!(device.push_event(0, [0; 8], 0));
    let event = adapter.events.take_event().unwrap().unwrap();
    assert_eq!(
        (event.kind, event.missed, event.address),
        (EventKind::None, Missed::Some, Err(LunError::Format))
    );
}

#[test]
fn an_event_queue_that_misbehaves_stops() {
    let memory = memory();
    for (offer, expected) in [
        (Offer::qemu(), QueueFault::UsedIndex),
        (packed_offer(), QueueFault::IdOutOfRange),
    ] {
        let offer = Offer {
            features: offer.features.difference(Features::RING_EVENT_IDX),
            ..offer
        };
        let device = FakeDevice::new(&memory, offer, &[]);
        let mut adapter = Adapter::start(&memory, &device);
        let event = adapter.plan.layout().event.unwrap();
        let region = memory.window(super::REGION, adapter.plan.region_bytes());
        match event.format {
            // The used index runs away.
            RingFormat::Split => region.write_u16(event.used + 2, 17),
            // A descriptor is used for a buffer that there is not.
            RingFormat::Packed => {
                region.write_u16(event.descriptors + 12, 16);
                region.write_u16(event.descriptors + 14, 0x8080);
            }
        }
        assert_eq!(adapter.events.take_event(), Err(expected));
        assert_eq!(adapter.events.fault(), Some(expected));
    }
}
