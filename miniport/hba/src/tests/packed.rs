//! The packed ring against a model, through many laps, in both descriptor forms and in sizes that are no powers of two.

mod model;
mod peer;

use std::vec;
use std::vec::Vec;

use crate::access::SharedMemory;
use crate::device::{Features, QueueIndex, Quiesced};
use crate::fake::{FakeMemory, Window};
use crate::plan::QueueLayout;
use crate::ring::{
    Descriptor, Direction, PackedRing, Published, QueueFault, Rearmed, RingFormat, Slot,
    SubmitError, WindowError,
};
use peer::Peer;

const BUS: u64 = 0x7_0000_0000;
const NEXT: u16 = 1;
const WRITE: u16 = 2;
const INDIRECT: u16 = 4;

fn layout(size: u16) -> QueueLayout {
    let end = u32::from(size) * 16;
    QueueLayout {
        size,
        descriptors: 0,
        available: end,
        used: end + 4,
        format: RingFormat::Packed,
    }
}

type Packed<'m> = PackedRing<Window<'m>, Vec<Slot>>;

fn ring(memory: &FakeMemory, size: u16, features: Features) -> Packed<'_> {
    let slots = vec![Slot::default(); usize::from(size)];
    PackedRing::new(
        memory.all(),
        &layout(size),
        slots,
        QueueIndex::CONTROL,
        features,
    )
    .unwrap()
}

fn piece(direction: Direction) -> Descriptor {
    Descriptor {
        bus_address: BUS,
        length: 8,
        direction,
    }
}

#[test]
fn laps_go_round() {
    for features in [Features::empty(), Features::RING_EVENT_IDX] {
        for size in [1, 3, 4] {
            let memory = FakeMemory::new(4096, BUS);
            let mut ring = ring(&memory, size, features);
            let mut peer = Peer::new(&memory, size);
            for round in 0..1_000u64 {
                let tag = ring.submit_indirect(BUS, 2, 10, round).unwrap();
                assert_eq!(ring.outstanding(), 1);
                assert_eq!(ring.publish(|| ()), Published::Rung);
                peer.fetch();
                assert_eq!(ring.take_used(), Ok(None));
                assert!(peer.give_back(0, Some(10)).is_some());
                let used = ring.take_used().unwrap().unwrap();
                assert_eq!((used.token, used.tag, used.written), (round, tag, 10));
                assert_eq!(ring.take_used(), Ok(None));
                assert_eq!(ring.rearm(), Rearmed::Idle);
            }
        }
    }
}

#[test]
fn a_burst_stays_hidden_until_it_is_published() {
    let memory = FakeMemory::new(4096, BUS);
    let mut ring = ring(&memory, 5, Features::empty());
    let mut peer = Peer::new(&memory, 5);
    for round in 0..20u64 {
        for token in 0..5 {
            ring.submit_indirect(BUS, 3, 10, token).unwrap();
            peer.fetch();
            assert!(peer.taken.is_empty(), "round {round}: visible too early");
            assert_eq!(ring.take_used(), Ok(None), "round {round}");
        }
        assert_eq!(ring.submit_indirect(BUS, 3, 10, 9), Err(SubmitError::Full));
        ring.publish(|| ());
        peer.fetch();
        assert_eq!(peer.taken.len(), 5);
        // The device answers from the middle; the driver must not mistake what it wrote for something else.
        for pick in [2, 0, 2, 1, 0] {
            peer.give_back(pick, None);
        }
        let tokens: Vec<u64> = std::iter::from_fn(|| ring.take_used().unwrap())
            .map(|used| {
                assert_eq!(used.written, 0, "the length does not count without WRITE");
                used.token
            })
            .collect();
        assert_eq!(tokens, [2, 0, 4, 3, 1]);
        assert_eq!((ring.free_descriptors(), ring.outstanding()), (5, 0));
    }
}

#[test]
fn doorbells_ring_when_the_device_asks() {
    let memory = FakeMemory::new(4096, BUS);
    let device_event = layout(4).used;
    let all = memory.all();
    let mut flags = ring(&memory, 4, Features::empty());
    for (value, expected) in [
        (1, Published::Silent),
        (0, Published::Rung),
        // Only with event index (virtio 2.8.10), and reserved: a doorbell too many does no harm.
        (2, Published::Rung),
        (3, Published::Rung),
    ] {
        all.write_u16(device_event + 2, value);
        flags.submit_indirect(BUS, 2, 10, 1).unwrap();
        assert_eq!(flags.publish(|| ()), expected);
    }
    assert_eq!(flags.publish(|| ()), Published::Nothing);

    // The device wants to hear of the third descriptor of the second lap.
    let mut events = ring(&memory, 4, Features::RING_EVENT_IDX);
    let mut peer = Peer::new(&memory, 4);
    let expected = [
        Published::Silent,
        Published::Silent,
        Published::Silent,
        Published::Silent,
        Published::Silent,
        Published::Silent,
        Published::Rung,
        Published::Silent,
    ];
    for (token, expected) in (0..).zip(expected) {
        events.submit_indirect(BUS, 2, 10, token).unwrap();
        peer.memory.write_u16(device_event, 2);
        peer.memory.write_u16(device_event + 2, 2);
        assert_eq!(events.publish(|| ()), expected, "request {token}");
        peer.fetch();
        peer.give_back(0, None);
        assert_eq!(events.take_used().unwrap().unwrap().token, token);
    }
}

#[test]
fn interrupts_are_asked_for_in_one_write() {
    let memory = FakeMemory::new(4096, BUS);
    let driver_event = layout(3).available;
    let read = || memory.all().read_u32(driver_event);
    let mut flags = ring(&memory, 3, Features::empty());
    assert_eq!(read(), 0, "enabled");
    flags.suppress();
    assert_eq!(read() >> 16, 1, "disabled");
    flags.rearm();
    assert_eq!(read() >> 16, 0);

    let mut events = ring(&memory, 3, Features::RING_EVENT_IDX);
    let mut peer = Peer::new(&memory, 3);
    assert_eq!(read(), 0x2_8000, "at the first descriptor of the first lap");
    for expected in [0x2_8001, 0x2_8002, 0x2_0000, 0x2_0001, 0x2_0002, 0x2_8000] {
        events.submit_indirect(BUS, 2, 10, 0).unwrap();
        events.publish(|| ());
        peer.fetch();
        peer.give_back(0, None);
        assert_eq!(events.rearm(), Rearmed::More);
        assert!(events.take_used().unwrap().is_some());
        events.suppress();
        assert_eq!(read() >> 16, 1);
        assert_eq!(events.rearm(), Rearmed::Idle);
        assert_eq!(read(), expected);
    }
}

#[test]
fn an_interrupt_is_asked_for_at_the_next_completion_not_behind_what_is_out() {
    let memory = FakeMemory::new(4096, BUS);
    let mut ring = ring(&memory, 5, Features::RING_EVENT_IDX);
    let mut peer = Peer::new(&memory, 5);
    for token in 0..4 {
        ring.submit_indirect(BUS, 2, 10, token).unwrap();
    }
    ring.publish(|| ());
    peer.fetch();
    for expected in [0x2_8001, 0x2_8002, 0x2_8003] {
        peer.give_back(0, None);
        assert!(ring.take_used().unwrap().is_some());
        assert_eq!(ring.rearm(), Rearmed::Idle);
        assert_eq!(memory.all().read_u32(layout(5).available), expected);
    }
}

#[test]
fn ids_are_those_of_the_ring_however_many_slots_there_are() {
    let memory = FakeMemory::new(4096, BUS);
    let slots = vec![Slot::default(); 40];
    let mut ring = PackedRing::new(
        memory.all(),
        &layout(5),
        slots,
        QueueIndex::CONTROL,
        Features::empty(),
    )
    .unwrap();
    let peer = Peer::new(&memory, 5);
    ring.submit_indirect(BUS, 2, 10, 1).unwrap();
    ring.publish(|| ());
    peer.mark_used(5, None);
    assert_eq!(ring.take_used(), Err(QueueFault::IdOutOfRange));
}

#[test]
fn direct_chains_wrap_and_carry_their_id() {
    let memory = FakeMemory::new(4096, BUS);
    let mut ring = ring(&memory, 7, Features::empty());
    let mut peer = Peer::new(&memory, 7);
    let parts = |count: u16| {
        (0..count).map(move |index| Descriptor {
            bus_address: BUS + u64::from(index),
            length: 1,
            direction: if index + 1 == count {
                Direction::DeviceToDriver
            } else {
                Direction::DriverToDevice
            },
        })
    };
    let mut position = 0u32;
    for round in 0..40u64 {
        let first = ring.submit_direct(parts(3), 3, 1, round).unwrap();
        let second = ring.submit_direct(parts(2), 2, 1, round + 100).unwrap();
        assert_eq!(ring.free_descriptors(), 2);
        assert_eq!(
            ring.submit_direct(parts(3), 3, 1, 0),
            Err(SubmitError::Full)
        );
        ring.publish(|| ());
        for (tag, index, flags) in [
            (first, 0, NEXT),
            (first, 1, NEXT),
            (first, 2, WRITE),
            (second, 0, NEXT),
            (second, 1, WRITE),
        ] {
            let at = position % 7 * 16;
            assert_eq!(memory.all().read_u64(at), BUS + index);
            assert_eq!(memory.all().read_u16(at + 12), tag.descriptor());
            let found = memory.all().read_u16(at + 14);
            assert_eq!(found & !0x8080, flags);
            let is_odd_lap = (position / 7) % 2 == 1;
            assert_eq!(found & 0x8080, if is_odd_lap { 0x8000 } else { 0x80 });
            position += 1;
        }
        peer.fetch();
        assert_eq!(peer.taken.iter().map(|chain| chain.1).sum::<u16>(), 5);
        peer.give_back(1, Some(1));
        peer.give_back(0, Some(1));
        assert_eq!(ring.take_used().unwrap().unwrap().token, round + 100);
        assert_eq!(ring.take_used().unwrap().unwrap().token, round);
        assert_eq!((ring.free_descriptors(), ring.outstanding()), (7, 0));
    }
}

#[test]
fn a_chain_that_falls_short_leaves_nothing_behind() {
    let memory = FakeMemory::new(4096, BUS);
    let mut ring = ring(&memory, 6, Features::empty());
    let mut peer = Peer::new(&memory, 6);
    let part = piece(Direction::DriverToDevice);
    for round in 0..30u64 {
        let short =
            |ring: &mut Packed<'_>| ring.submit_direct(std::iter::repeat_n(part, 2), 4, 0, 99);
        assert_eq!(short(&mut ring), Err(SubmitError::Empty));
        assert_eq!(ring.publish(|| ()), Published::Nothing);
        ring.submit_indirect(BUS, 2, 0, round).unwrap();
        // Behind a request that waits for `publish`: the device must stop there.
        assert_eq!(short(&mut ring), Err(SubmitError::Empty));
        assert_eq!((ring.free_descriptors(), ring.outstanding()), (5, 1));
        ring.publish(|| ());
        peer.fetch();
        assert_eq!(peer.taken.len(), 1, "round {round}");
        peer.give_back(0, None);
        assert_eq!(ring.take_used().unwrap().unwrap().token, round);
        assert_eq!(ring.take_used(), Ok(None));
    }
    assert_eq!(
        ring.submit_direct([].into_iter(), 0, 0, 1),
        Err(SubmitError::Empty)
    );
    assert_eq!(
        ring.submit_direct(std::iter::repeat_n(part, 7), 7, 0, 1),
        Err(SubmitError::TooLong)
    );
}

/// What a device does to a queue.
type Misdeed = fn(&mut Peer<'_>);

#[test]
fn a_device_that_breaks_the_rules_stops_the_queue() {
    let cases: [(&str, Misdeed, QueueFault); 6] = [
        (
            "an id outside of the ring",
            |peer| peer.mark_used(5, None),
            QueueFault::IdOutOfRange,
        ),
        (
            "the largest id",
            |peer| peer.mark_used(u16::MAX, None),
            QueueFault::IdOutOfRange,
        ),
        (
            "an id that was never used",
            |peer| peer.mark_used(4, None),
            QueueFault::IdNotOutstanding,
        ),
        (
            "more bytes than there are",
            |peer| peer.mark_used(0, Some(11)),
            QueueFault::Length,
        ),
        (
            "a request twice",
            |peer| {
                let id = peer.give_back(0, None).unwrap();
                peer.mark_used(id, None);
            },
            QueueFault::IdNotOutstanding,
        ),
        (
            "a request that is not published",
            |peer| {
                peer.give_back(0, None);
                peer.give_back(0, None);
                peer.mark_used(2, None);
            },
            QueueFault::UsedIndex,
        ),
    ];
    for (what, act, expected) in cases {
        let memory = FakeMemory::new(4096, BUS);
        let mut ring = ring(&memory, 5, Features::empty());
        let mut peer = Peer::new(&memory, 5);
        for token in 0..2 {
            ring.submit_indirect(BUS, 2, 10, token).unwrap();
        }
        ring.publish(|| ());
        peer.fetch();
        ring.submit_indirect(BUS, 2, 10, 2).unwrap();
        act(&mut peer);
        let mut taken = 0;
        let fault = loop {
            match ring.take_used() {
                Ok(Some(_)) => taken += 1,
                Ok(None) => panic!("{what}: not noticed"),
                Err(fault) => break fault,
            }
        };
        assert_eq!(fault, expected, "{what}");
        assert_eq!((ring.fault(), ring.rejected()), (Some(expected), 1));
        assert_eq!(ring.take_used(), Err(expected));
        assert_eq!(
            ring.submit_indirect(BUS, 2, 10, 9),
            Err(SubmitError::Faulted(expected))
        );
        assert_eq!(ring.publish(|| panic!("rung")), Published::Nothing);
        let proof = Quiesced::device_removed();
        let rest = std::iter::from_fn(|| ring.reclaim(&proof)).count();
        assert_eq!(taken + rest, 3, "{what}: each ends exactly once");
        assert_eq!((ring.outstanding(), ring.free_descriptors()), (0, 5));
        assert_eq!(
            ring.submit_indirect(BUS, 2, 10, 9),
            Err(SubmitError::Closed)
        );
    }
}

#[test]
fn flags_of_another_lap_are_nobodys() {
    let memory = FakeMemory::new(4096, BUS);
    let mut ring = ring(&memory, 2, Features::empty());
    ring.submit_indirect(BUS, 2, 10, 1).unwrap();
    ring.publish(|| ());
    for flags in [0, 0x80, 0x8000] {
        memory.all().write_u16(14, flags | INDIRECT);
        assert_eq!(ring.take_used(), Ok(None), "flags {flags:#x}");
    }
    memory.all().write_u16(14, 0x8080);
    assert!(ring.take_used().unwrap().is_some());
}

#[test]
fn impossible_rings_are_refused() {
    let attempt = |layout: QueueLayout, bus: u64| {
        let memory = FakeMemory::new(4096, bus);
        let slots = vec![Slot::default(); 100];
        PackedRing::new(
            memory.all(),
            &layout,
            slots,
            QueueIndex::CONTROL,
            Features::empty(),
        )
        .map(drop)
    };
    let good = layout(100);
    assert_eq!(attempt(good, BUS), Ok(()));
    let with = |change: fn(&mut QueueLayout)| {
        let mut layout = good;
        change(&mut layout);
        attempt(layout, BUS)
    };
    assert_eq!(with(|ring| ring.size = 0), Err(WindowError::Size));
    assert_eq!(with(|ring| ring.size = 0x8001), Err(WindowError::Size));
    assert_eq!(
        with(|ring| ring.size = 0x8000),
        Err(WindowError::OutOfMemoryRange)
    );
    assert_eq!(
        with(|ring| ring.used = 4096),
        Err(WindowError::OutOfMemoryRange)
    );
    assert_eq!(
        with(|ring| ring.available = u32::MAX - 1),
        Err(WindowError::OutOfMemoryRange)
    );
    assert_eq!(
        with(|ring| ring.available += 2),
        Err(WindowError::Misaligned)
    );
    assert_eq!(
        with(|ring| ring.descriptors = 8),
        Err(WindowError::Misaligned)
    );
    assert_eq!(attempt(good, u64::MAX - 100), Err(WindowError::BusAddress));
    assert_eq!(attempt(layout(101), BUS), Err(WindowError::TooFewSlots));
}
