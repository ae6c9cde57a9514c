//! Packed rings, resets with requests in flight, and the reset of single queues against QEMU's device.

use std::thread::sleep;
use std::time::Duration;

use hba::access::Mmio;
use hba::device::{
    Features, QueueReset, QueueResetPoll, QueueResetRefusal, QueueResetStart, Vector,
};
use hba::pci;
use hba::plan::NormalOptions;
use hba::ring::RingFormat;

use crate::adapter::{Adapter, block_of};
use crate::qtest::{Qemu, reset};
use crate::{DISK, live, live_with};

/// Offsets in `struct virtio_pci_common_cfg` (virtio 4.1.4.3).
const QUEUE_SELECT: u32 = 22;
const QUEUE_ENABLE: u32 = 28;
const QUEUE_RESET: u32 = 58;

fn is_packed(features: Features) -> bool {
    features.ring_format() == RingFormat::Packed
}

#[test]
fn packed_rings() {
    let (features, ring) = live(",packed=on", 512);
    assert!(is_packed(features) && features.contains(Features::RING_EVENT_IDX));
    assert_eq!(ring, 256);
    let (features, _) = live(",packed=on,event_idx=off", 4096);
    assert!(is_packed(features) && !features.contains(Features::RING_EVENT_IDX));
    let (features, ring) = live(",packed=on,num_queues=4,virtqueue_size=1024", 512);
    assert!(is_packed(features));
    assert_eq!(ring, 1024);
}

#[test]
fn a_split_ring_where_the_packed_one_is_not_wanted() {
    let choice = NormalOptions {
        accept: Features::NORMAL.difference(Features::RING_PACKED),
        ..NormalOptions::STANDARD
    };
    let (features, ring) = live_with(",packed=on", 512, choice);
    assert!(!is_packed(features));
    assert_eq!(ring, 256);
}

#[test]
fn packed_rings_without_indirect_descriptors() {
    for options in [
        ",packed=on,indirect_desc=off",
        ",packed=on,indirect_desc=off,event_idx=off,num_queues=4,virtqueue_size=64",
    ] {
        let (features, _) = live(options, 512);
        assert!(is_packed(features) && !features.contains(Features::RING_INDIRECT_DESC));
    }
}

#[test]
fn packed_rings_of_sizes_that_are_no_powers_of_two() {
    for (options, ring_size) in [
        (",packed=on", 17),
        (",packed=on,event_idx=off", 100),
        (",packed=on,indirect_desc=off", 75),
        (",packed=on,num_queues=2", 255),
    ] {
        let choice = NormalOptions {
            ring_size,
            ..NormalOptions::STANDARD
        };
        let (features, ring) = live_with(options, 512, choice);
        assert!(is_packed(features));
        assert_eq!(ring, ring_size);
    }
}

#[test]
fn requests_in_flight_come_back_once_after_a_reset() {
    for options in [
        "",
        ",packed=on",
        ",packed=on,indirect_desc=off",
        ",event_idx=off",
    ] {
        let qemu = Qemu::start_slow(options);
        let mut adapter = Adapter::start(&qemu, NormalOptions::STANDARD);
        adapter.settle(DISK);
        adapter.burst(DISK, 0, 5);
        let mut ended = adapter.collect(0, 1);
        let proof = reset(adapter.registers());
        let queue = &mut adapter.requests()[0];
        let done = ended.len();
        // QEMU returns what it cancels before it is done with the reset; that it has let go is what counts.
        ended.extend(std::iter::from_fn(|| queue.reclaim(&proof)).map(|(_, token)| token));
        assert!(ended.len() > done, "nothing was in flight");
        ended.sort_unstable();
        assert!(ended.into_iter().eq(0..5), "each ends exactly once");
        // The device is silent: nothing arrives any more.
        qemu.write(block_of(0), &[0x5A; 5 * 512]);
        sleep(Duration::from_millis(700));
        assert_eq!(qemu.read(block_of(0), 5 * 512), [0x5A; 5 * 512]);
    }
}

#[test]
fn an_idle_queue_is_reset_alone() {
    for options in [",num_queues=2", ",num_queues=2,packed=on"] {
        let qemu = Qemu::start(options, 512);
        let choice = NormalOptions {
            request_queues: 2,
            ..NormalOptions::STANDARD
        };
        let mut adapter = Adapter::start(&qemu, choice);
        adapter.settle(DISK);
        for _ in 0..3 {
            adapter.burst(DISK, 1, 20);
            assert_eq!(adapter.collect(1, 20).len(), 20);
            let queue = adapter.requests().pop().expect("the second queue");
            let plan = *adapter.plan();
            let QueueResetStart::Begun(mut reset) =
                QueueReset::begin(adapter.registers(), &plan, queue)
            else {
                panic!("QEMU offers the reset of queues");
            };
            let Ok(QueueResetPoll::Done(proof)) = reset.poll(adapter.registers()) else {
                panic!("QEMU resets a queue at once");
            };
            // The other queue goes on meanwhile.
            adapter.burst(DISK, 0, 20);
            assert_eq!(adapter.collect(0, 20).len(), 20);
            let queue = reset.enable(proof, adapter.registers(), &plan, Vector::NONE);
            let queue = queue.expect("the queue again");
            adapter.requests().push(queue);
            adapter.burst(DISK, 1, 20);
            assert_eq!(adapter.collect(1, 20).len(), 20);
            assert_eq!(adapter.fault(), Ok(()));
        }
    }
}

/// Why a queue with requests in flight is not reset: QEMU confirms the reset and goes on with them. If this fails one day, QEMU has
/// learned to let go, and the condition of `QueueReset` may be thought over.
#[test]
fn qemu_does_not_let_go_of_requests_when_their_queue_is_reset() {
    let qemu = Qemu::start_slow("");
    let mut adapter = Adapter::start(&qemu, NormalOptions::STANDARD);
    adapter.settle(DISK);
    qemu.write(block_of(0), &[0x5A; 3 * 512]);
    adapter.burst(DISK, 0, 3);
    let plan = *adapter.plan();
    let queue = adapter.requests().remove(0);
    let QueueResetStart::Refused(refusal, queue) =
        QueueReset::begin(adapter.registers(), &plan, queue)
    else {
        panic!("requests are in flight");
    };
    assert_eq!(refusal, QueueResetRefusal::Outstanding);
    assert_eq!(queue.outstanding(), 3);

    // What the engine refuses, by hand.
    let caps = pci::capabilities(&qemu.config_space()).expect("a modern device");
    let common = qemu.window(&caps, caps.common);
    common.write_u16(QUEUE_SELECT, queue.queue().get());
    common.write_u16(QUEUE_RESET, 1);
    assert_eq!(common.read_u16(QUEUE_RESET), 0, "done, says QEMU");
    assert_eq!(common.read_u16(QUEUE_ENABLE), 0);
    let last = block_of(2);
    assert_eq!(qemu.read(last, 512), [0x5A; 512], "not read yet");
    let arrives = (0..100).any(|_| {
        sleep(Duration::from_millis(100));
        qemu.read(last, 512) == [0; 512]
    });
    assert!(arrives, "a request of a queue that was reset has written");
}
