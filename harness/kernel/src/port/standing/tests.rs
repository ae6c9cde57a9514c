//! Where a request stands, from rings made by hand.

use alloc::{string::ToString as _, vec};
use core::cell::RefCell;

use super::*;

const ENTRIES: u16 = 8;
const QUEUE: QueueView = QueueView {
    index: 3,
    entries: ENTRIES,
    descriptors: 0x100,
    available: 0x200,
    used: 0x300,
};
const ADDRESS: Address = Address {
    path: 0,
    target: 2,
    lun: 5,
};
const READ: [u8; 10] = [0x28, 0, 0, 0, 1, 2, 0, 0, 8, 0];
/// The request's header, and that of another one.
const HEADER: u64 = 0x400;
const OTHER: u64 = 0x480;
/// A table of indirect descriptors that begins with the header.
const TABLE: u64 = 0x500;
const SPLIT: Format = Format {
    packed: false,
    event_index: true,
};
const PACKED: Format = Format {
    packed: true,
    event_index: true,
};
const NEXT: u16 = 1;
const INDIRECT: u16 = 4;
const AVAILABLE: u16 = 1 << 7;
const USED: u16 = 1 << 15;

struct Ram(RefCell<Vec<u8>>);

impl Ram {
    /// Headers are there, and nothing in the rings.
    fn new() -> Self {
        let ram = Self(RefCell::new(vec![0; 0x1000]));
        for (address, read) in [(HEADER, 0x28), (OTHER, 0x2A)] {
            ram.put(address, &[1, 2, 0x40, 5]);
            let mut cdb = READ;
            cdb[0] = read;
            ram.put(address + 19, &cdb);
        }
        ram.put(TABLE, &HEADER.to_le_bytes());
        ram
    }

    fn put(&self, address: u64, bytes: &[u8]) {
        let start = usize::try_from(address).unwrap();
        self.0.borrow_mut()[start..start + bytes.len()].copy_from_slice(bytes);
    }

    fn half(&self, address: u64, value: u16) {
        self.put(address, &value.to_le_bytes());
    }

    fn descriptor(&self, slot: u16, address: u64, id: u16, flags: u16) {
        let at = 0x100 + 16 * u64::from(slot);
        self.put(at, &address.to_le_bytes());
        self.half(at + 12, id);
        self.half(at + 14, flags);
    }

    /// A split queue's descriptor.
    fn table(&self, slot: u16, address: u64) {
        self.half(0x100 + 16 * u64::from(slot) + 12, INDIRECT);
        self.put(0x100 + 16 * u64::from(slot), &address.to_le_bytes());
    }

    fn available(&self, index: u16, heads: &[(u16, u16)]) {
        self.half(0x202, index);
        for &(at, head) in heads {
            self.half(0x204 + 2 * u64::from(at % ENTRIES), head);
        }
    }

    fn used(&self, index: u16, heads: &[(u16, u16)]) {
        self.half(0x302, index);
        for &(at, head) in heads {
            self.half(0x304 + 8 * u64::from(at % ENTRIES), head);
        }
    }

    /// `used_event` and `avail_event`.
    fn events(&self, driver: u16, device: u16) {
        self.half(0x204 + 2 * u64::from(ENTRIES), driver);
        self.half(0x304 + 8 * u64::from(ENTRIES), device);
    }

    /// Places of the event structures of a packed ring.
    fn places(&self, driver: (u16, u16), device: (u16, u16)) {
        for (base, (slot, wrap)) in [(0x200, driver), (0x300, device)] {
            self.half(base, slot | wrap << 15);
            self.half(base + 2, 2);
        }
    }

    fn find(&self, format: Format) -> Standing {
        self.look_for(format, Some(&READ))
    }

    fn look_for(&self, format: Format, cdb: Option<&[u8]>) -> Standing {
        let sought = Sought {
            address: ADDRESS,
            cdb,
        };
        let control = QueueView { index: 0, ..QUEUE };
        let queue = if cdb.is_some() { QUEUE } else { control };
        find(&[queue], format, sought, &|address, bytes| {
            self.read(address, bytes)
        })
    }

    fn oldest_untaken(&self, format: Format) -> Option<u16> {
        oldest_untaken(&QUEUE, format, &|address, bytes| self.read(address, bytes))
    }

    fn read(&self, address: u64, bytes: &mut [u8]) -> bool {
        let ram = self.0.borrow();
        let start = usize::try_from(address).unwrap_or(usize::MAX);
        let found = start
            .checked_add(bytes.len())
            .and_then(|end| ram.get(start..end));
        found.is_some_and(|found| {
            bytes.copy_from_slice(found);
            true
        })
    }
}

#[test]
fn a_request_that_was_put_into_no_ring_is_in_none() {
    let ram = Ram::new();
    assert_eq!(ram.find(SPLIT), Standing::InNoRing);
    assert_eq!(ram.find(PACKED), Standing::InNoRing);
    // Others' requests are not it.
    ram.table(0, OTHER);
    ram.available(1, &[(0, 0)]);
    assert_eq!(ram.find(SPLIT), Standing::InNoRing);
}

#[test]
fn a_split_ring_shows_how_far_a_request_came() {
    let ram = Ram::new();
    // Head 6, by an indirect table, behind two others; the device has looked at those two.
    ram.table(6, TABLE);
    ram.available(2, &[(0, 1), (1, 2), (2, 6)]);
    ram.used(2, &[(0, 1), (1, 2)]);
    ram.events(2, 2);
    assert_eq!(ram.find(SPLIT), Standing::NotPublished(3));
    ram.available(3, &[]);
    assert_eq!(ram.find(SPLIT), Standing::NotNotified(3));
    ram.events(2, 3);
    assert_eq!(ram.find(SPLIT), Standing::WithDevice(3));
    ram.used(3, &[(2, 6)]);
    assert_eq!(ram.find(SPLIT), Standing::Untaken(3));
    // The driver went on, but the request was not completed.
    ram.events(3, 3);
    assert_eq!(ram.find(SPLIT), Standing::InNoRing);
}

#[test]
fn without_the_event_index_a_split_ring_says_less() {
    let blind = Format {
        event_index: false,
        ..SPLIT
    };
    let ram = Ram::new();
    ram.table(6, HEADER);
    ram.available(1, &[(0, 6)]);
    assert_eq!(ram.find(blind), Standing::Published(3));
    ram.used(1, &[(0, 6)]);
    assert_eq!(ram.find(blind), Standing::Answered(3));
}

#[test]
fn indices_go_round() {
    let ram = Ram::new();
    ram.table(6, TABLE);
    let first = u16::MAX - 1;
    let before = [0, 1, 2, 3, 4, 5].map(|step: u16| (first.wrapping_add(step), step));
    // Six others were published and answered from 65534 on, then ours at 4.
    ram.available(5, &before);
    ram.available(5, &[(4, 6)]);
    ram.used(4, &before);
    ram.events(4, 5);
    assert_eq!(ram.find(SPLIT), Standing::WithDevice(3));
    ram.used(5, &[(4, 6)]);
    assert_eq!(ram.find(SPLIT), Standing::Untaken(3));
}

#[test]
fn a_driver_that_leaves_its_event_index_alone_is_not_said_to_leave_answers() {
    let ram = Ram::new();
    ram.table(6, TABLE);
    // The same head twice from its `used_event` on: it took the first answer.
    ram.available(2, &[(0, 6), (1, 6)]);
    ram.used(2, &[(0, 6), (1, 6)]);
    ram.events(0, 2);
    assert_eq!(ram.find(SPLIT), Standing::Answered(3));
    // Published again, and out.
    ram.available(3, &[(0, 4), (1, 6), (2, 4)]);
    ram.used(2, &[(0, 4), (1, 6)]);
    ram.events(0, 3);
    assert_eq!(ram.find(SPLIT), Standing::Answered(3));
}

#[test]
fn a_descriptor_of_an_earlier_use_is_not_taken_for_a_request_that_is_out() {
    let ram = Ram::new();
    // Head 6 led to the same memory before, was answered and taken; head 1 is out.
    ram.table(6, TABLE);
    ram.table(1, OTHER);
    ram.available(2, &[(0, 6), (1, 1)]);
    ram.used(1, &[(0, 6)]);
    ram.events(1, 2);
    assert_eq!(ram.find(SPLIT), Standing::PerhapsOut(3));
    ram.used(2, &[(1, 1)]);
    ram.events(2, 2);
    assert_eq!(ram.find(SPLIT), Standing::InNoRing);
}

#[test]
fn a_packed_ring_shows_how_far_a_request_came() {
    let ram = Ram::new();
    // Others at slots 0 and 1 are answered and taken; ours is to come to slot 2.
    ram.descriptor(0, OTHER, 0, AVAILABLE | USED);
    ram.descriptor(1, OTHER, 1, AVAILABLE | USED);
    ram.descriptor(2, TABLE, 5, INDIRECT);
    ram.places((2, 1), (2, 1));
    assert_eq!(ram.find(PACKED), Standing::NotPublished(3));
    ram.descriptor(2, TABLE, 5, INDIRECT | AVAILABLE);
    assert_eq!(ram.find(PACKED), Standing::NotNotified(3));
    ram.places((2, 1), (3, 1));
    assert_eq!(ram.find(PACKED), Standing::WithDevice(3));
    ram.descriptor(2, TABLE, 5, AVAILABLE | USED);
    assert_eq!(ram.find(PACKED), Standing::Untaken(3));
    ram.places((3, 1), (3, 1));
    assert_eq!(ram.find(PACKED), Standing::InNoRing);
}

#[test]
fn a_packed_ring_is_read_in_its_second_lap() {
    let ram = Ram::new();
    for slot in 0..ENTRIES {
        ram.descriptor(slot, OTHER, slot, AVAILABLE | USED);
    }
    // The lap in which both flags are 0 when used: a chain of two at slots 7 and 0 of the next.
    ram.descriptor(7, HEADER, 9, NEXT | AVAILABLE);
    ram.descriptor(0, 0x700, 9, USED);
    ram.places((7, 1), (1, 0));
    assert_eq!(ram.find(PACKED), Standing::WithDevice(3));
    ram.places((7, 1), (7, 1));
    assert_eq!(ram.find(PACKED), Standing::NotNotified(3));
}

#[test]
fn an_answer_in_another_place_of_a_packed_ring_is_found_by_its_id() {
    let ram = Ram::new();
    // Slot 0 is another's and still out; ours, at slot 1 with id 5, was answered first, over slot 0.
    ram.descriptor(0, OTHER, 5, AVAILABLE | USED);
    ram.descriptor(1, TABLE, 5, INDIRECT | AVAILABLE);
    ram.places((0, 1), (2, 1));
    assert_eq!(ram.find(PACKED), Standing::Untaken(3));
    ram.descriptor(0, OTHER, 4, AVAILABLE | USED);
    assert_eq!(ram.find(PACKED), Standing::WithDevice(3));
}

#[test]
fn without_event_structures_a_packed_ring_says_less() {
    let ram = Ram::new();
    ram.descriptor(0, TABLE, 5, INDIRECT | AVAILABLE);
    assert_eq!(ram.find(PACKED), Standing::Published(3));
    ram.descriptor(0, TABLE, 5, AVAILABLE | USED);
    assert_eq!(ram.find(PACKED), Standing::Answered(3));
}

#[test]
fn the_oldest_untaken_answer_is_that_at_the_drivers_event() {
    let ram = Ram::new();
    ram.available(3, &[(0, 1), (1, 2), (2, 3)]);
    ram.used(3, &[(0, 1), (1, 2), (2, 3)]);
    ram.events(1, 3);
    assert_eq!(ram.oldest_untaken(SPLIT), Some(1));
    // All are taken; then an event that lies ahead, of a driver that wants no interrupt yet.
    ram.events(3, 3);
    assert_eq!(ram.oldest_untaken(SPLIT), None);
    ram.events(5, 3);
    assert_eq!(ram.oldest_untaken(SPLIT), None);
    let blind = Format {
        event_index: false,
        ..SPLIT
    };
    ram.events(1, 3);
    assert_eq!(ram.oldest_untaken(blind), None);
}

#[test]
fn the_oldest_untaken_answer_of_a_packed_ring_has_its_lap() {
    let ram = Ram::new();
    for slot in 0..3 {
        ram.descriptor(slot, OTHER, slot, AVAILABLE | USED);
    }
    ram.places((2, 1), (3, 1));
    assert_eq!(ram.oldest_untaken(PACKED), Some(2 | 1 << 15));
    // In the next lap both flags are 0 when used; slot 2 is still that of the lap before.
    for slot in 0..2 {
        ram.descriptor(slot, OTHER, slot, 0);
    }
    for slot in 3..ENTRIES {
        ram.descriptor(slot, OTHER, slot, AVAILABLE | USED);
    }
    ram.places((2, 0), (2, 0));
    assert_eq!(ram.oldest_untaken(PACKED), None);
    ram.descriptor(2, OTHER, 5, 0);
    assert_eq!(ram.oldest_untaken(PACKED), Some(2));
    // Events that are no places: the driver does not say how far it came.
    ram.half(0x202, 0);
    assert_eq!(ram.oldest_untaken(PACKED), None);
}

#[test]
fn task_management_is_looked_for_in_the_control_queue() {
    let ram = Ram::new();
    ram.put(HEADER, &[0; 32]);
    ram.put(HEADER + 4, &[5, 0, 0, 0, 1, 2, 0, 5]);
    ram.table(0, HEADER);
    ram.available(1, &[(0, 0)]);
    ram.events(0, 1);
    assert_eq!(ram.look_for(SPLIT, None), Standing::WithDevice(0));
    assert_eq!(ram.find(SPLIT), Standing::InNoRing);
}

#[test]
fn rings_outside_of_memory_are_no_rings() {
    let beyond = QueueView {
        available: u64::MAX - 1,
        ..QUEUE
    };
    let sought = Sought {
        address: ADDRESS,
        cdb: Some(&READ),
    };
    let nothing = |_: u64, _: &mut [u8]| false;
    for format in [SPLIT, PACKED] {
        assert_eq!(
            find(&[beyond], format, sought, &nothing),
            Standing::InNoRing
        );
    }
}

#[test]
fn each_place_is_said_with_its_queue() {
    for standing in [
        Standing::PerhapsOut(7),
        Standing::NotPublished(7),
        Standing::Answered(7),
        Standing::Published(7),
        Standing::WithDevice(7),
        Standing::NotNotified(7),
        Standing::Untaken(7),
    ] {
        assert!(standing.to_string().contains("queue 7"), "{standing}");
        assert_eq!(standing.queue(), Some(7));
    }
    assert_eq!(Standing::InNoRing.queue(), None);
    assert!(Standing::Untaken(1).is_answered() && !Standing::WithDevice(1).is_answered());
}
