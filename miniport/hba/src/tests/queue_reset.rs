//! Reset of a single queue: done when it is safe, refused when it is not.

use super::{Adapter, memory, packed_offer, quiet};
use crate::access::Mmio;
use crate::device::{
    BringUpError, Features, QueueIndex, QueueReset, QueueResetError, QueueResetPoll,
    QueueResetRefusal, QueueResetStart, Registers, Vector,
};
use crate::fake::{Answer, Disk, FakeDevice, Fault, Match, Offer};
use crate::request::{DataDirection, Outcome};
use crate::ring::SubmitError;
use crate::scsi::cdb;
use crate::scsi::lun::ScsiAddress;

const UNIT: ScsiAddress = ScsiAddress::from_u8(0, 0);

fn send_ready(adapter: &mut Adapter<'_>, token: u64) {
    let ready = cdb::test_unit_ready();
    let sent = adapter.build(UNIT, ready.as_bytes(), DataDirection::None, &[]);
    adapter.send(&sent, token);
    adapter.requests.publish();
}

#[test]
fn an_idle_queue_is_reset_and_goes_on() {
    for offer in [Offer::qemu(), packed_offer()] {
        let memory = memory();
        let device = FakeDevice::new(&memory, offer, &[Fault::SlowQueueReset(3)]);
        device.insert_disk(0, 0, Disk::new(16, 512));
        let mut adapter = Adapter::start(&memory, &device);
        for round in 0..5 {
            // Whatever the indices are, they begin anew.
            for _ in 0..round * 7 {
                let ready = cdb::test_unit_ready();
                let done = adapter.command(0, 0, &ready, DataDirection::None, &[]);
                assert_eq!(done.outcome, Outcome::Success);
            }
            let Adapter {
                registers,
                plan,
                requests,
                ..
            } = adapter;
            let QueueResetStart::Begun(mut reset) = QueueReset::begin(&registers, &plan, requests)
            else {
                panic!("refused");
            };
            let mut waits = 0;
            let proof = loop {
                match reset.poll(&registers).unwrap() {
                    QueueResetPoll::Done(proof) => break proof,
                    QueueResetPoll::Again { microseconds } => {
                        assert!(microseconds > 0);
                        waits += 1;
                    }
                }
            };
            assert_eq!((waits, device.enabled_size(2)), (3, 0));
            let vector = Vector::message(3);
            let requests = reset.enable(proof, &registers, &plan, vector).unwrap();
            assert_eq!(device.enabled_size(2), plan.request_ring());
            adapter = Adapter {
                registers,
                plan,
                requests,
                ..adapter
            };
            let ready = cdb::test_unit_ready();
            let done = adapter.command(0, 0, &ready, DataDirection::None, &[]);
            assert_eq!(done.outcome, Outcome::Success);
        }
        assert_eq!(
            adapter.registers.fault(),
            Ok(()),
            "the device never stopped"
        );
        assert_eq!(device.violations(), [""; 0]);
        assert_eq!(device.resets(), 2, "one for the probe, one for the start");
    }
}

#[test]
fn a_queue_in_use_is_not_reset() {
    let memory = memory();
    let faults = [Fault::Answer(Match::Nth(2, 0), Answer::Drop)];
    let device = FakeDevice::new(&memory, Offer::qemu(), &faults);
    device.insert_disk(0, 0, Disk::new(16, 512));
    let mut adapter = Adapter::start(&memory, &device);
    send_ready(&mut adapter, 1);
    let QueueResetStart::Refused(refusal, mut requests) =
        QueueReset::begin(&adapter.registers, &adapter.plan, adapter.requests)
    else {
        panic!("requests are outstanding");
    };
    assert_eq!(refusal, QueueResetRefusal::Outstanding);
    assert_eq!(requests.outstanding(), 1, "the queue is as it was");
    assert_eq!(device.enabled_size(2), 256);
    let proof = quiet(&adapter.registers);
    assert_eq!(requests.reclaim(&proof).map(|(_, token)| token), Some(1));
    assert_eq!(device.violations(), [""; 0]);
}

#[test]
fn a_queue_that_was_filled_or_has_failed_is_not_reset() {
    let memory = memory();
    let faults = [Fault::Answer(Match::Nth(2, 0), Answer::Id(999))];
    let device = FakeDevice::new(&memory, Offer::qemu(), &faults);
    device.insert_disk(0, 0, Disk::new(16, 512));
    let mut adapter = Adapter::start(&memory, &device);
    let ready = cdb::test_unit_ready();
    let sent = adapter.build(UNIT, ready.as_bytes(), DataDirection::None, &[]);
    adapter.send(&sent, 1);
    let QueueResetStart::Refused(refusal, mut requests) =
        QueueReset::begin(&adapter.registers, &adapter.plan, adapter.requests)
    else {
        panic!("a request is filled");
    };
    assert_eq!(refusal, QueueResetRefusal::Outstanding);
    requests.publish();
    let fault = requests.take_used().unwrap_err();
    let QueueResetStart::Refused(refusal, mut requests) =
        QueueReset::begin(&adapter.registers, &adapter.plan, requests)
    else {
        panic!("the queue has failed");
    };
    assert_eq!(refusal, QueueResetRefusal::Faulted);
    assert_eq!(
        requests.submit(&sent.window, &sent.prepared, 2),
        Err(SubmitError::Faulted(fault))
    );
}

#[test]
fn without_the_feature_or_the_register_nothing_happens() {
    let memory = memory();
    let mut offer = Offer::qemu();
    offer.features.remove(Features::RING_RESET);
    let device = FakeDevice::new(&memory, offer, &[]);
    let adapter = Adapter::start(&memory, &device);
    let QueueResetStart::Refused(refusal, _) =
        QueueReset::begin(&adapter.registers, &adapter.plan, adapter.requests)
    else {
        panic!("not negotiated");
    };
    assert_eq!(refusal, QueueResetRefusal::NotNegotiated);
    assert_eq!(device.violations(), [""; 0]);

    let device = FakeDevice::new(&memory, Offer::qemu(), &[]);
    let adapter = Adapter::start(&memory, &device);
    let [mut common, notify, isr, specific] = device.registers();
    common.shorten(58);
    assert_eq!(common.length(), 58);
    let multiplier = device.offer().notify_multiplier;
    let short = Registers::new(common, notify, isr, specific, multiplier).unwrap();
    let QueueResetStart::Refused(refusal, _) =
        QueueReset::begin(&short, &adapter.plan, adapter.requests)
    else {
        panic!("there is no register");
    };
    assert_eq!(refusal, QueueResetRefusal::NotNegotiated);
}

#[test]
fn a_reset_that_does_not_succeed_has_a_name() {
    for (fault, expected) in [
        (Fault::SlowQueueReset(u32::MAX), QueueResetError::TimedOut),
        (Fault::IgnoreQueueReset, QueueResetError::StillEnabled),
        (Fault::Gone, QueueResetError::Gone),
    ] {
        let memory = memory();
        let device = FakeDevice::new(&memory, Offer::qemu(), &[]);
        let adapter = Adapter::start(&memory, &device);
        device.set_faults(&[fault]);
        let QueueResetStart::Begun(mut reset) =
            QueueReset::begin(&adapter.registers, &adapter.plan, adapter.requests)
        else {
            panic!("refused");
        };
        let error = loop {
            match reset.poll(&adapter.registers) {
                Ok(QueueResetPoll::Again { .. }) => {}
                Ok(QueueResetPoll::Done(_)) => panic!("{fault:?}: it was not reset"),
                Err(error) => break error,
            }
        };
        assert_eq!(error, expected, "{fault:?}");
    }
}

#[test]
fn a_vector_that_is_refused_leaves_the_device_running() {
    let memory = memory();
    let device = FakeDevice::new(&memory, Offer::qemu(), &[]);
    let adapter = Adapter::start(&memory, &device);
    let QueueResetStart::Begun(mut reset) =
        QueueReset::begin(&adapter.registers, &adapter.plan, adapter.requests)
    else {
        panic!("refused");
    };
    let Ok(QueueResetPoll::Done(proof)) = reset.poll(&adapter.registers) else {
        panic!("not reset");
    };
    device.set_faults(&[Fault::RefuseQueueVector(2)]);
    let attempt = reset.enable(proof, &adapter.registers, &adapter.plan, Vector::message(9));
    let queue = QueueIndex::request(0).unwrap();
    assert_eq!(attempt.map(drop), Err(BringUpError::VectorRefused(queue)));
    assert_eq!(adapter.registers.fault(), Ok(()));
}
