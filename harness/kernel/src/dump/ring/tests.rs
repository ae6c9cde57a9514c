//! Tests of the witness: rings made by hand.

use alloc::vec;
use core::cell::RefCell;

use super::*;

const QUEUE: QueueView = QueueView {
    index: 2,
    entries: 4,
    descriptors: 0x100,
    available: 0x200,
    used: 0x300,
};

/// How to break the ring, and what must be said about it.
type Case = (fn(&Ram), RingError);

struct Ram(RefCell<Vec<u8>>);

impl Ram {
    fn new() -> Self {
        Self(RefCell::new(vec![0; 0x1000]))
    }

    fn put(&self, address: usize, bytes: &[u8]) {
        self.0.borrow_mut()[address..address + bytes.len()].copy_from_slice(bytes);
    }

    fn descriptor(&self, at: usize, address: u64, length: u32, flags: u16, next: u16) {
        self.put(at, &address.to_le_bytes());
        self.put(at + 8, &length.to_le_bytes());
        self.put(at + 12, &flags.to_le_bytes());
        self.put(at + 14, &next.to_le_bytes());
    }

    fn offer(&self, slot: usize, head: u16, index: u16) {
        self.put(0x204 + 2 * slot, &head.to_le_bytes());
        self.put(0x202, &index.to_le_bytes());
    }

    fn has_more_than(&self, seen: u16) -> Option<bool> {
        QUEUE.has_more_than(seen, &|address, bytes| self.read(address, bytes))
    }

    fn read(&self, address: u64, bytes: &mut [u8]) -> bool {
        let ram = self.0.borrow();
        let start = usize::try_from(address).unwrap_or(usize::MAX);
        let Some(found) = start
            .checked_add(bytes.len())
            .and_then(|end| ram.get(start..end))
        else {
            return false;
        };
        bytes.copy_from_slice(found);
        true
    }

    fn walk(&self, from: u16) -> (Result<u16, RingError>, Vec<Given>) {
        let mut given = Vec::new();
        let read = |address: u64, bytes: &mut [u8]| self.read(address, bytes);
        let result = QUEUE.walk(from, &read, &mut given);
        (result, given)
    }
}

fn given(address: u64, bytes: u64, purpose: Purpose) -> Given {
    Given {
        span: Span::new(address, bytes).unwrap(),
        purpose,
    }
}

#[test]
fn the_ring_areas_are_part_of_what_the_device_sees() {
    assert_eq!(
        QUEUE.rings(),
        vec![
            given(0x100, 64, Purpose::Ring),
            given(0x200, 14, Purpose::Ring),
            given(0x300, 38, Purpose::Ring),
        ]
    );
}

#[test]
fn a_direct_chain() {
    let ram = Ram::new();
    ram.descriptor(0x110, 0x5000, 51, FLAG_NEXT, 3);
    ram.descriptor(0x130, 0x6000, 108, FLAG_WRITE, 0);
    ram.offer(0, 1, 1);
    let (result, found) = ram.walk(0);
    assert_eq!(result, Ok(1));
    assert_eq!(
        found,
        vec![
            given(0x5000, 51, Purpose::DeviceReads),
            given(0x6000, 108, Purpose::DeviceWrites),
        ]
    );
    assert_eq!(ram.walk(1), (Ok(1), vec![]));
}

#[test]
fn an_indirect_chain() {
    let ram = Ram::new();
    ram.descriptor(0x100, 0x800, 32, FLAG_INDIRECT, 0);
    ram.descriptor(0x800, 0x5000, 51, FLAG_NEXT, 1);
    ram.descriptor(0x810, 0x6000, 4096, FLAG_WRITE, 0);
    ram.offer(3, 0, 0);
    let (result, found) = ram.walk(u16::MAX);
    assert_eq!(result, Ok(0));
    assert_eq!(
        found,
        vec![
            given(0x800, 32, Purpose::IndirectTable),
            given(0x5000, 51, Purpose::DeviceReads),
            given(0x6000, 4096, Purpose::DeviceWrites),
        ]
    );
}

#[test]
fn no_more_than_a_ring_full_is_walked() {
    let ram = Ram::new();
    ram.descriptor(0x100, 0x5000, 1, 0, 0);
    ram.offer(0, 0, 1000);
    let (result, found) = ram.walk(7);
    assert_eq!(result, Ok(1000));
    assert_eq!(found.len(), 4);
}

/// A driver that repeats a refused request builds the second chain in the memory of the first.
#[test]
fn a_chain_that_was_given_back_is_not_walked_again() {
    let ram = Ram::new();
    ram.descriptor(0x100, 0x800, 48, FLAG_INDIRECT, 0);
    ram.descriptor(0x110, 0x800, 32, FLAG_INDIRECT, 0);
    ram.descriptor(0x800, 0x5000, 51, FLAG_NEXT, 1);
    ram.descriptor(0x810, 0x6000, 4096, FLAG_WRITE, 0);
    ram.offer(0, 0, 1);
    ram.offer(1, 1, 2);
    ram.put(0x302, &1_u16.to_le_bytes());
    let (result, found) = ram.walk(0);
    assert_eq!(result, Ok(2));
    assert_eq!(
        found.first(),
        Some(&given(0x800, 32, Purpose::IndirectTable))
    );
    assert_eq!(found.len(), 3);

    // The newest is looked at also when the device was quick.
    ram.put(0x302, &2_u16.to_le_bytes());
    assert_eq!(ram.walk(0), (Ok(2), found));
}

#[test]
fn malformed_rings_are_named() {
    let cases: [Case; 6] = [
        (|ram| ram.offer(0, 4, 1), RingError::DescriptorOutOfRange(4)),
        (
            |ram| {
                ram.descriptor(0x100, 0x5000, 1, FLAG_NEXT, 0);
                ram.offer(0, 0, 1);
            },
            RingError::ChainTooLong(0),
        ),
        (
            |ram| {
                ram.descriptor(0x100, 0x800, 24, FLAG_INDIRECT, 0);
                ram.offer(0, 0, 1);
            },
            RingError::IndirectTable(0x800),
        ),
        (
            |ram| {
                ram.descriptor(0x100, 0x800, 16, FLAG_INDIRECT, 0);
                ram.descriptor(0x800, 0x900, 16, FLAG_INDIRECT, 0);
                ram.offer(0, 0, 1);
            },
            RingError::IndirectTable(0x800),
        ),
        (
            |ram| {
                ram.descriptor(0x100, 0x10_0000, 16, FLAG_INDIRECT, 0);
                ram.offer(0, 0, 1);
            },
            RingError::NotMemory(0x10_0000),
        ),
        (
            |ram| {
                ram.descriptor(0x100, u64::MAX, 2, 0, 0);
                ram.offer(0, 0, 1);
            },
            RingError::Buffer(u64::MAX),
        ),
    ];
    for (prepare, expected) in cases {
        let ram = Ram::new();
        prepare(&ram);
        assert_eq!(ram.walk(0).0, Err(expected));
    }
}

#[test]
fn a_chain_that_is_made_available_later_is_noticed() {
    let ram = Ram::new();
    ram.offer(0, 0, 1);
    assert_eq!(ram.has_more_than(1), Some(false));
    // What a driver does that repeats a request in its interrupt routine.
    ram.offer(1, 2, 2);
    assert_eq!(ram.has_more_than(1), Some(true));
    assert_eq!(ram.has_more_than(2), Some(false));
}

#[test]
fn a_ring_outside_of_memory_is_no_news() {
    let lost = QueueView {
        available: 0x10_0000,
        ..QUEUE
    };
    assert_eq!(lost.has_more_than(0, &|_, _| false), None);
}
