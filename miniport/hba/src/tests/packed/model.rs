//! Random steps of driver and device on a packed ring, against a model of what must come of them.

use std::collections::BTreeMap;

use super::peer::Peer;
use super::{BUS, piece, ring};
use crate::device::Features;
use crate::fake::FakeMemory;
use crate::ring::{Direction, Published, Rearmed, SubmitError};
use proptest::prelude::*;

proptest! {
    /// Any interleaving of driver and device: requests come back exactly once, with their tokens, the device sees none that is
    /// not published and all that are, and no access leaves the ring.
    #[test]
    fn any_interleaving_keeps_the_books(
        size in 1..70_u16, event_index: bool, direct: bool,
        steps in prop::collection::vec((0..7_u8, any::<u16>()), 1..400),
    ) {
        let features = if event_index { Features::RING_EVENT_IDX } else { Features::empty() };
        let memory = FakeMemory::new(2048, BUS);
        let beyond = u32::from(size) * 16 + 8;
        let untouched = memory.window(beyond, 2048 - beyond).to_vec();
        let mut ring = ring(&memory, size, features);
        let mut peer = Peer::new(&memory, size);
        let mut waiting: BTreeMap<u64, u16> = BTreeMap::new();
        let (mut next, mut rung, mut filled, mut visible) = (0u64, true, 0usize, 0usize);
        for (step, value) in steps {
            match step {
                0 | 1 => {
                    let count = if direct { value % 4 + 1 } else { 1 };
                    let result = if direct {
                        let part = piece(Direction::DeviceToDriver);
                        ring.submit_direct(std::iter::repeat_n(part, usize::from(count)), count, 9, next)
                    } else {
                        ring.submit_indirect(BUS, 3, 9, next)
                    };
                    match result {
                        Ok(tag) => {
                            prop_assert_eq!(ring.token_of(tag), Some(next));
                            waiting.insert(next, count);
                            filled += 1;
                        }
                        Err(SubmitError::TooLong) => prop_assert!(count > size),
                        Err(error) => {
                            prop_assert_eq!(error, SubmitError::Full);
                            prop_assert!(ring.free_descriptors() < count);
                        }
                    }
                    next += 1;
                }
                2 => {
                    rung |= ring.publish(|| ()) == Published::Rung;
                    visible += std::mem::take(&mut filled);
                }
                3 => {
                    // A device that relies on its doorbell: it must never miss a request.
                    if rung {
                        let before = peer.taken.len();
                        peer.fetch();
                        prop_assert_eq!(peer.taken.len() - before, visible, "missed, or too early");
                        visible = 0;
                        rung = !event_index;
                    }
                }
                4 | 5 => {
                    let written = if value & 1 == 0 { None } else { Some(u32::from(value % 10)) };
                    peer.give_back(usize::from(value), written);
                }
                _ => {
                    rung |= ring.publish(|| ()) == Published::Rung;
                    visible += std::mem::take(&mut filled);
                    while let Some(used) = ring.take_used().unwrap() {
                        prop_assert!(waiting.remove(&used.token).is_some(), "twice");
                    }
                    prop_assert_eq!(ring.rearm(), Rearmed::Idle);
                }
            }
            let taken: u16 = waiting.values().sum();
            prop_assert_eq!(ring.free_descriptors(), size - taken);
            prop_assert_eq!(usize::from(ring.outstanding()), waiting.len());
        }
        // Everything published reaches a device that waits for its doorbell.
        rung |= ring.publish(|| ()) == Published::Rung;
        if rung {
            peer.fetch();
        }
        while peer.give_back(0, None).is_some() {}
        while let Some(used) = ring.take_used().unwrap() {
            prop_assert!(waiting.remove(&used.token).is_some(), "twice");
        }
        prop_assert!(waiting.is_empty(), "lost: {waiting:?}");
        prop_assert_eq!(memory.window(beyond, 2048 - beyond).to_vec(), untouched);
    }
}
