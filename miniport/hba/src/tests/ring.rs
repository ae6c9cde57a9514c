//! The split ring against a model, through index wrap-around, in both descriptor forms.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::vec;
use std::vec::Vec;

use crate::access::SharedMemory;
use crate::device::{Features, QueueIndex};
use crate::fake::{FakeMemory, Window};
use crate::plan::QueueLayout;
use crate::ring::{
    Descriptor, Direction, Published, Rearmed, RingFormat, Slot, SplitRing, SubmitError,
    WindowError,
};
use proptest::prelude::*;

const BUS: u64 = 0x7_0000_0000;

fn layout(size: u16) -> QueueLayout {
    let entries = u32::from(size);
    let available = entries * 16;
    QueueLayout {
        size,
        descriptors: 0,
        available,
        used: (available + entries * 2 + 6).next_multiple_of(4),
        format: RingFormat::Split,
    }
}

fn ring(memory: &FakeMemory, size: u16, features: Features) -> SplitRing<Window<'_>, Vec<Slot>> {
    let slots = vec![Slot::default(); usize::from(size)];
    SplitRing::new(
        memory.all(),
        &layout(size),
        slots,
        QueueIndex::CONTROL,
        features,
    )
    .unwrap()
}

/// The least that a device does: it takes heads and returns them, with the event index kept or far away.
struct Peer<'m> {
    memory: Window<'m>,
    layout: QueueLayout,
    taken: u16,
    used: u16,
    heads: VecDeque<u16>,
}

impl<'m> Peer<'m> {
    fn new(memory: &'m FakeMemory, size: u16) -> Self {
        Self {
            memory: memory.all(),
            layout: layout(size),
            taken: 0,
            used: 0,
            heads: VecDeque::new(),
        }
    }

    fn fetch(&mut self) {
        let index = self.memory.read_u16(self.layout.available + 2);
        while self.taken != index {
            let at = self.layout.available + 4 + u32::from(self.taken & (self.layout.size - 1)) * 2;
            self.heads.push_back(self.memory.read_u16(at));
            self.taken = self.taken.wrapping_add(1);
        }
        self.memory.write_u16(
            self.layout.used + 4 + u32::from(self.layout.size) * 8,
            self.taken,
        );
    }

    fn give_back(&mut self, pick: usize, written: u32) -> Option<u16> {
        let head = self.heads.remove(pick % self.heads.len().max(1))?;
        let at = self.layout.used + 4 + u32::from(self.used & (self.layout.size - 1)) * 8;
        self.memory.write_u32(at, u32::from(head));
        self.memory.write_u32(at + 4, written);
        self.used = self.used.wrapping_add(1);
        self.memory.write_u16(self.layout.used + 2, self.used);
        Some(head)
    }
}

#[test]
fn indices_wrap_around() {
    for features in [Features::empty(), Features::RING_EVENT_IDX] {
        let memory = FakeMemory::new(4096, BUS);
        let mut ring = ring(&memory, 4, features);
        let mut peer = Peer::new(&memory, 4);
        let mut doorbells = 0u32;
        for round in 0..70_000u64 {
            let tag = ring.submit_indirect(BUS, 2, 10, round).unwrap();
            assert_eq!(ring.publish(|| doorbells += 1), Published::Rung);
            peer.fetch();
            assert!(peer.give_back(0, 10).is_some());
            let used = ring.take_used().unwrap().unwrap();
            assert_eq!((used.token, used.tag, used.written), (round, tag, 10));
            assert_eq!(ring.rearm(), Rearmed::Idle);
        }
        assert_eq!(doorbells, 70_000);
    }
}

#[test]
fn a_device_that_does_not_listen_is_not_rung() {
    let memory = FakeMemory::new(4096, BUS);
    let mut flags = ring(&memory, 4, Features::empty());
    let used = layout(4).used;
    memory.all().write_u16(used, 1);
    flags.submit_indirect(BUS, 2, 10, 1).unwrap();
    assert_eq!(flags.publish(|| panic!("rung")), Published::Silent);
    memory.all().write_u16(used, 0);
    flags.submit_indirect(BUS, 2, 10, 2).unwrap();
    assert_eq!(flags.publish(|| ()), Published::Rung);

    let mut events = ring(&memory, 4, Features::RING_EVENT_IDX);
    // The device wants to hear of the third entry only; flags do not count (virtio 2.7.10).
    memory.all().write_u16(used, 1);
    memory.all().write_u16(used + 4 + 4 * 8, 2);
    for (token, expected) in [
        (1, Published::Silent),
        (2, Published::Silent),
        (3, Published::Rung),
        (4, Published::Silent),
    ] {
        events.submit_indirect(BUS, 2, 10, token).unwrap();
        assert_eq!(events.publish(|| ()), expected);
    }
}

#[test]
fn direct_chains_are_linked_and_freed() {
    let memory = FakeMemory::new(4096, BUS);
    let mut ring = ring(&memory, 8, Features::empty());
    let mut peer = Peer::new(&memory, 8);
    let piece = |index: u64| Descriptor {
        bus_address: BUS + index,
        length: 1,
        direction: if index == 2 {
            Direction::DeviceToDriver
        } else {
            Direction::DriverToDevice
        },
    };
    let chain = |ring: &mut SplitRing<Window<'_>, Vec<Slot>>, token| {
        ring.submit_direct((0..3).map(piece), 3, 1, token)
    };
    for round in 0..20 {
        chain(&mut ring, round * 2).unwrap();
        chain(&mut ring, round * 2 + 1).unwrap();
        assert_eq!(ring.free_descriptors(), 2);
        assert_eq!(chain(&mut ring, 99), Err(SubmitError::Full));
        ring.publish(|| ());
        peer.fetch();
        let heads: Vec<u16> = peer.heads.iter().copied().collect();
        for head in heads {
            let mut index = u32::from(head);
            for position in 0..3 {
                let at = index * 16;
                assert_eq!(memory.all().read_u64(at), BUS + position);
                assert_eq!(
                    memory.all().read_u16(at + 12),
                    [1, 1, 2][usize::try_from(position).unwrap()]
                );
                index = u32::from(memory.all().read_u16(at + 14));
            }
        }
        peer.give_back(1, 1);
        peer.give_back(0, 1);
        assert_eq!(ring.take_used().unwrap().unwrap().token, round * 2 + 1);
        assert_eq!(ring.take_used().unwrap().unwrap().token, round * 2);
        assert_eq!((ring.free_descriptors(), ring.outstanding()), (8, 0));
    }
    assert_eq!(
        ring.submit_direct([].into_iter(), 0, 0, 1),
        Err(SubmitError::Empty)
    );
    assert_eq!(
        ring.submit_direct((0..1).map(piece), 3, 0, 1),
        Err(SubmitError::Empty),
        "fewer than announced"
    );
    assert_eq!((ring.free_descriptors(), ring.outstanding()), (8, 0));
}

#[test]
fn impossible_rings_are_refused() {
    let memory = FakeMemory::new(4096, BUS);
    let attempt = |layout: QueueLayout, bus: u64| {
        let memory = FakeMemory::new(4096, bus);
        let slots = vec![Slot::default(); 16];
        SplitRing::new(
            memory.all(),
            &layout,
            slots,
            QueueIndex::CONTROL,
            Features::empty(),
        )
        .map(drop)
    };
    let good = layout(16);
    assert_eq!(attempt(good, BUS), Ok(()));
    for size in [0, 3, 12] {
        assert_eq!(
            attempt(QueueLayout { size, ..good }, BUS),
            Err(WindowError::Size)
        );
    }
    assert_eq!(
        attempt(QueueLayout { used: 4000, ..good }, BUS),
        Err(WindowError::OutOfMemoryRange)
    );
    assert_eq!(
        attempt(
            QueueLayout {
                used: u32::MAX - 3,
                ..good
            },
            BUS
        ),
        Err(WindowError::OutOfMemoryRange)
    );
    assert_eq!(
        attempt(QueueLayout { used: 1026, ..good }, BUS),
        Err(WindowError::Misaligned)
    );
    assert_eq!(
        attempt(
            QueueLayout {
                available: 513,
                ..good
            },
            BUS
        ),
        Err(WindowError::Misaligned)
    );
    assert_eq!(
        attempt(
            QueueLayout {
                descriptors: 8,
                ..good
            },
            BUS
        ),
        Err(WindowError::Misaligned)
    );
    assert_eq!(attempt(good, u64::MAX - 100), Err(WindowError::BusAddress));
    assert_eq!(attempt(layout(32), BUS), Err(WindowError::TooFewSlots));
    drop(memory);
}

proptest! {
    /// Any interleaving of driver and device: requests come back exactly once, with their tokens, and the ring never says it
    /// is full while descriptors are free.
    #[test]
    fn any_interleaving_keeps_the_books(
        exponent in 2..7_u32, event_index: bool, direct: bool,
        steps in prop::collection::vec((0..6_u8, any::<u16>()), 1..400),
    ) {
        let size = 1u16 << exponent;
        let features = if event_index { Features::RING_EVENT_IDX } else { Features::empty() };
        let memory = FakeMemory::new(8192, BUS);
        let mut ring = ring(&memory, size, features);
        let mut peer = Peer::new(&memory, size);
        let mut waiting: BTreeMap<u64, (u16, u32)> = BTreeMap::new();
        let mut next = 0u64;
        let mut rung = true;
        for (step, value) in steps {
            match step {
                0 | 1 => {
                    let count = if direct { value % 3 + 1 } else { 1 };
                    let piece = Descriptor { bus_address: BUS, length: 8, direction: Direction::DeviceToDriver };
                    let limit = u32::from(value);
                    let result = if direct {
                        ring.submit_direct(std::iter::repeat_n(piece, usize::from(count)), count, limit, next)
                    } else {
                        ring.submit_indirect(BUS, 3, limit, next)
                    };
                    match result {
                        Ok(tag) => {
                            prop_assert_eq!(ring.token_of(tag), Some(next));
                            waiting.insert(next, (count, limit));
                        }
                        Err(error) => {
                            prop_assert_eq!(error, SubmitError::Full);
                            prop_assert!(ring.free_descriptors() < count);
                        }
                    }
                    next += 1;
                }
                2 => {
                    if ring.publish(|| ()) == Published::Rung {
                        rung = true;
                    }
                }
                3 => {
                    // A device that relies on its doorbell: it must never miss a request.
                    if rung {
                        peer.fetch();
                        rung = !event_index;
                    }
                }
                4 => {
                    let pick = usize::from(value);
                    peer.give_back(pick, 0);
                }
                _ => {
                    ring.publish(|| rung = true);
                    while let Some(used) = ring.take_used().unwrap() {
                        prop_assert!(waiting.remove(&used.token).is_some(), "twice");
                    }
                    prop_assert_eq!(ring.rearm(), Rearmed::Idle);
                }
            }
            let taken: u16 = waiting.values().map(|entry| entry.0).sum();
            prop_assert_eq!(ring.free_descriptors(), size - taken);
            prop_assert_eq!(usize::from(ring.outstanding()), waiting.len());
        }
        // Everything published reaches a device that waits for its doorbell.
        if ring.publish(|| ()) == Published::Rung {
            rung = true;
        }
        if rung {
            peer.fetch();
        }
        while peer.give_back(0, 0).is_some() {}
        while let Some(used) = ring.take_used().unwrap() {
            prop_assert!(waiting.remove(&used.token).is_some(), "twice");
        }
        prop_assert!(waiting.is_empty(), "lost: {waiting:?}");
    }
}
