//! The words of a virtqueue that the driver writes, and which of them an address is (virtio 1.2, 2.7 and 2.8).
//!
//! Pure. [`areas`] lists the driver's areas of a ring of either format; [`Area::word`] finds the word of an address. Flags
//! words (`VIRTQ_AVAIL_F_NO_INTERRUPT`, event flags of a packed ring) are left out: they are hints, which a driver may write
//! without order. Neighbour: [`super::race`] looks whether two processors write one word at the same time.

use alloc::vec::Vec;
use core::fmt;

use crate::dump::ring::QueueView;

/// A descriptor is two words: where, and how long with flags and link or id.
const DESCRIPTOR_BYTES: u64 = 16;
const DESCRIPTOR_WORD: u64 = 8;
/// Available ring: flags, index, slots, `used_event`.
const AVAILABLE_INDEX: u64 = 2;
const AVAILABLE_SLOTS: u64 = 4;
const INDEX_BYTES: u64 = 2;

/// What of a ring a driver writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Descriptors: the table of a split ring, or a packed ring.
    Descriptors,
    /// Entries of the available ring.
    Slots,
    /// The available index.
    Index,
    /// `used_event` of a split ring, `off_wrap` of a packed ring's driver event structure.
    Event,
}

/// Which features decide what the areas are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Format {
    /// `VIRTIO_F_RING_PACKED`.
    pub packed: bool,
    /// `VIRTIO_F_EVENT_IDX`: without it nothing is written to [`Part::Event`].
    pub event_index: bool,
}

/// A stretch of words of one kind, by physical address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    /// The queue.
    pub queue: u16,
    /// What the words are.
    pub part: Part,
    /// Physical address of the first byte.
    pub start: u64,
    /// Length in bytes: a multiple of `unit`.
    pub bytes: u64,
    /// Bytes of a word.
    pub unit: u64,
}

impl Area {
    /// Number of the word `offset` bytes behind the start; `None` beyond the end.
    #[must_use]
    pub const fn word(&self, offset: u64) -> Option<u64> {
        if offset < self.bytes {
            Some(offset / self.unit)
        } else {
            None
        }
    }

    /// What a report calls word `number`.
    #[must_use]
    pub const fn name(&self, number: u64) -> WordName {
        WordName {
            queue: self.queue,
            part: self.part,
            number,
        }
    }
}

/// A word in a report: "descriptor 5 of queue 2".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WordName {
    queue: u16,
    part: Part,
    number: u64,
}

impl fmt::Display for WordName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (queue, number) = (self.queue, self.number);
        match self.part {
            Part::Descriptors => write!(
                f,
                "descriptor {} of queue {queue}",
                number / (DESCRIPTOR_BYTES / DESCRIPTOR_WORD)
            ),
            Part::Slots => write!(f, "slot {number} of queue {queue}'s available ring"),
            Part::Index => write!(f, "the available index of queue {queue}"),
            Part::Event => write!(f, "the interrupt event index of queue {queue}"),
        }
    }
}

/// The driver's areas of a queue.
#[must_use]
pub fn areas(view: &QueueView, format: Format) -> Vec<Area> {
    let entries = u64::from(view.entries);
    let mut areas = Vec::new();
    let mut add = |part, start: Option<u64>, bytes, unit| {
        if let Some(start) = start {
            areas.push(Area {
                queue: view.index,
                part,
                start,
                bytes,
                unit,
            });
        }
    };
    add(
        Part::Descriptors,
        Some(view.descriptors),
        entries * DESCRIPTOR_BYTES,
        DESCRIPTOR_WORD,
    );
    let in_driver_area = |offset| view.available.checked_add(offset);
    let event = if format.packed {
        0
    } else {
        add(
            Part::Slots,
            in_driver_area(AVAILABLE_SLOTS),
            entries * INDEX_BYTES,
            INDEX_BYTES,
        );
        add(
            Part::Index,
            in_driver_area(AVAILABLE_INDEX),
            INDEX_BYTES,
            INDEX_BYTES,
        );
        AVAILABLE_SLOTS + entries * INDEX_BYTES
    };
    if format.event_index {
        add(Part::Event, in_driver_area(event), INDEX_BYTES, INDEX_BYTES);
    }
    areas
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString as _;

    use super::*;

    const VIEW: QueueView = QueueView {
        index: 2,
        entries: 8,
        descriptors: 0x1000,
        available: 0x2000,
        used: 0x3000,
    };

    fn named(format: Format, address: u64) -> Vec<alloc::string::String> {
        areas(&VIEW, format)
            .into_iter()
            .filter_map(|area| {
                let word = area.word(address.checked_sub(area.start)?)?;
                Some(area.name(word).to_string())
            })
            .collect()
    }

    #[test]
    fn every_word_of_a_split_ring_has_its_name_and_the_rest_none() {
        let split = Format {
            packed: false,
            event_index: true,
        };
        assert_eq!(named(split, 0x1000), ["descriptor 0 of queue 2"]);
        assert_eq!(named(split, 0x107F), ["descriptor 7 of queue 2"]);
        assert_eq!(named(split, 0x1080), [""; 0]);
        // The flags of the available ring are a hint.
        assert_eq!(named(split, 0x2001), [""; 0]);
        assert_eq!(named(split, 0x2002), ["the available index of queue 2"]);
        assert_eq!(named(split, 0x2004), ["slot 0 of queue 2's available ring"]);
        assert_eq!(named(split, 0x2013), ["slot 7 of queue 2's available ring"]);
        assert_eq!(
            named(split, 0x2014),
            ["the interrupt event index of queue 2"]
        );
        assert_eq!(named(split, 0x2016), [""; 0]);
        // The used ring is the device's.
        assert_eq!(named(split, 0x3002), [""; 0]);
    }

    #[test]
    fn without_the_feature_nobody_writes_an_event_index() {
        let split = Format::default();
        assert_eq!(named(split, 0x2014), [""; 0]);
    }

    #[test]
    fn a_packed_ring_has_descriptors_and_an_event_structure() {
        let packed = Format {
            packed: true,
            event_index: true,
        };
        assert_eq!(named(packed, 0x1018), ["descriptor 1 of queue 2"]);
        assert_eq!(
            named(packed, 0x2000),
            ["the interrupt event index of queue 2"]
        );
        assert_eq!(named(packed, 0x2002), [""; 0]);
        assert_eq!(named(packed, 0x2004), [""; 0]);
    }

    #[test]
    fn both_halves_of_a_descriptor_are_words_of_their_own() {
        let table = areas(&VIEW, Format::default())[0];
        assert_eq!(table.word(16), Some(2));
        assert_eq!(table.word(23), Some(2));
        assert_eq!(table.word(24), Some(3));
        assert_eq!(table.word(128), None);
    }
}
