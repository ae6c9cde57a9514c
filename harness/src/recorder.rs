//! The driver's flight recorder, read from a dump: bytes in, typed events out.
//!
//! Key types: [`Recording`], [`Event`], [`DecodeError`]. The bytes are the block with the tag [`GUID`] in the secondary data of a
//! crash dump, or the recorder's place in a copy of the driver's data; either may be cut off or damaged, and what can still be
//! read is. The layout is that of version 1 in `miniport/ddi/src/recorder.rs`; the constants here are this reader's own, and one
//! sample (`miniport/ddi/src/recorder/sample.hex`) is a test of both sides.

use std::fmt;

pub mod live;

/// Tag of the block in the secondary data, as it lies in memory: {9B1C4F0E-5A67-4D0B-8E55-2C5D3A7E61F4}.
pub const GUID: [u8; 16] = [
    0x0E, 0x4F, 0x1C, 0x9B, 0x67, 0x5A, 0x0B, 0x4D, 0x8E, 0x55, 0x2C, 0x5D, 0x3A, 0x7E, 0x61, 0xF4,
];
/// First bytes of a recorder.
pub const MAGIC: [u8; 8] = *b"HIBERREC";

/// The version of the layout that this reader knows.
const VERSION: u32 = 1;
/// Bytes of the header.
const HEADER_BYTES: usize = 64;
/// Bytes of an entry in this version; a later one may be longer.
const ENTRY_BYTES: u32 = 32;
/// Most entries and kinds that are believed: more is damage.
const COUNT_LIMIT: u32 = 1 << 16;

/// Kinds of events: number, name, what the two values mean (empty: nothing).
const KINDS: &[(u32, &str, [&str; 2])] = &[
    (1, "DriverEntry", ["in the dump stack", ""]),
    (2, "FindAdapter", ["DumpMode", "device extension"]),
    (3, "FindRefused", ["step", "status"]),
    (4, "DeviceRunning", ["features", "queue size"]),
    (5, "BringUpFailed", ["step", "detail"]),
    (6, "MemoryMarked", ["address", "length"]),
    (7, "MarkRefused", ["address", "status"]),
    (8, "QueueFault", ["queue", "fault"]),
    (9, "AdapterReset", ["reason", "requests ended"]),
    (10, "TaskManagement", ["function", "address"]),
    (11, "TaskManagementDone", ["function", "response"]),
    (12, "TaskManagementTimeout", ["function", "address"]),
    (13, "AdapterControl", ["type", "parameter"]),
    (14, "UnitControl", ["type", "address"]),
    (15, "DeviceEvent", ["event", "reason"]),
    (16, "RequestLeaked", ["request block", ""]),
    (17, "RequestRefused", ["error", "detail"]),
    (18, "ContextRefused", ["error", ""]),
    (19, "Panic", ["file name", "line and column"]),
    (20, "DumpPointers", ["context", "length"]),
    (21, "PollTimeout", ["waited for", "microseconds"]),
    (22, "FunctionRestored", ["offset", "value"]),
    (23, "CrashCallbacks", ["adds pages", "gives the recorder"]),
    (24, "PerformanceOptions", ["options", "channels"]),
    (25, "ParameterRefused", ["parameter", "value"]),
    (26, "UnitsChanged", ["events", "times lost"]),
    (27, "QueuesReduced", ["queues", "bytes"]),
];

/// What a recorder says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// It is that of a copy in a dump stack.
    pub dump_instance: bool,
    /// Times that `DriverEntry` ran on this copy of the image.
    pub entries_into_driver: u32,
    /// Events recorded, repeats aside; more than are left if the ring went round.
    pub written: u32,
    /// How often each kind was recorded, repeats included; kinds that never were are left out.
    pub counts: Vec<(Kind, u32)>,
    /// The events that are left, in order.
    pub events: Vec<Event>,
    /// Entries that hold no event of the ring: damaged, or half written when the machine stopped.
    pub torn: u32,
    /// Entries that the bytes should hold and do not.
    pub missing: u32,
}

/// One event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its number, from 1.
    pub sequence: u32,
    /// What happened.
    pub kind: Kind,
    /// How often it happened again at once.
    pub repeats: u32,
    /// Its two values.
    pub values: [u64; 2],
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind(pub u32);

/// Why bytes are no recorder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// Not even a header.
    TooShort {
        /// Their number.
        bytes: usize,
    },
    /// They begin with something else.
    Magic,
    /// A version that this reader does not know.
    Version(u32),
    /// The header describes no ring.
    Geometry {
        /// Bytes of an entry.
        entry_bytes: u32,
        /// Number of entries.
        capacity: u32,
        /// Number of counters.
        kinds: u32,
    },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort { bytes } => write!(f, "{bytes} bytes are no recorder"),
            Self::Magic => f.write_str("not a recorder: it does not begin with HIBERREC"),
            Self::Version(version) => {
                write!(f, "a recorder of version {version}, known is {VERSION}")
            }
            Self::Geometry {
                entry_bytes,
                capacity,
                kinds,
            } => write!(
                f,
                "a damaged recorder: {capacity} entries of {entry_bytes} bytes, {kinds} counters"
            ),
        }
    }
}

impl std::error::Error for DecodeError {}

impl Kind {
    /// The name; `None` for a kind of a later driver.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        self.row().map(|(_, name, _)| *name)
    }

    fn row(self) -> Option<&'static (u32, &'static str, [&'static str; 2])> {
        KINDS.iter().find(|(number, ..)| *number == self.0)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "event {}", self.0),
        }
    }
}

/// `3: DeviceRunning: features 0x130000006, queue size 0x100`.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.sequence, self.kind)?;
        let names = self
            .kind
            .row()
            .map_or(["value", "value"], |(.., values)| *values);
        let values = names.iter().zip(self.values);
        for (index, (name, value)) in values.filter(|(name, _)| !name.is_empty()).enumerate() {
            let separator = if index == 0 { ": " } else { ", " };
            write!(f, "{separator}{name} {value:#x}")?;
        }
        match self.repeats {
            0 => Ok(()),
            repeats => write!(f, " ({repeats} times more)"),
        }
    }
}

/// Reads a recorder. Bytes behind it are ignored; entries that are cut off are counted.
///
/// # Errors
/// The bytes do not begin with a recorder that can be understood.
pub fn decode(bytes: &[u8]) -> Result<Recording, DecodeError> {
    let header = bytes
        .get(..HEADER_BYTES)
        .ok_or(DecodeError::TooShort { bytes: bytes.len() })?;
    if !header.starts_with(&MAGIC) {
        return Err(DecodeError::Magic);
    }
    let word = |offset| word_at(header, offset).unwrap_or(0);
    let version = word(8);
    if version != VERSION {
        return Err(DecodeError::Version(version));
    }
    let (entry_bytes, capacity, kinds) = (word(12), word(16), word(20));
    let is_ring = capacity.is_power_of_two() && capacity <= COUNT_LIMIT && kinds <= COUNT_LIMIT;
    if !is_ring || !(ENTRY_BYTES..=COUNT_LIMIT).contains(&entry_bytes) {
        return Err(DecodeError::Geometry {
            entry_bytes,
            capacity,
            kinds,
        });
    }
    let mut recording = Recording {
        dump_instance: word(28) != 0,
        entries_into_driver: word(32),
        written: word(24),
        counts: counts(bytes, kinds),
        events: Vec::new(),
        torn: 0,
        missing: 0,
    };
    let ring = HEADER_BYTES + 4 * kinds as usize;
    for index in 0..capacity {
        let place = ring + index as usize * entry_bytes as usize;
        let expected = Expected {
            index,
            capacity,
            written: recording.written,
        };
        match bytes.get(place..place + ENTRY_BYTES as usize) {
            None => recording.missing += u32::from(expected.is_used()),
            Some(entry) => match expected.read(entry) {
                Some(event) => recording.events.push(event),
                None => recording.torn += u32::from(expected.is_used()),
            },
        }
    }
    recording.events.sort_by_key(|event| event.sequence);
    Ok(recording)
}

/// What the ring must hold in one place.
#[derive(Clone, Copy)]
struct Expected {
    index: u32,
    capacity: u32,
    written: u32,
}

impl Expected {
    /// Whether an event was ever written here.
    const fn is_used(self) -> bool {
        self.index < self.written
    }

    /// The youngest sequence number that belongs here.
    const fn sequence(self) -> u32 {
        let behind = (self.written - 1 - self.index) / self.capacity;
        behind * self.capacity + self.index + 1
    }

    /// The event; `None` if the entry does not hold the one that belongs here.
    fn read(self, entry: &[u8]) -> Option<Event> {
        let sequence = word_at(entry, 0)?;
        let kind = word_at(entry, 4)?;
        let sound = self.is_used() && sequence == self.sequence() && kind != 0;
        if !sound {
            return None;
        }
        Some(Event {
            sequence,
            kind: Kind(kind),
            repeats: word_at(entry, 8)?,
            values: [long_at(entry, 16)?, long_at(entry, 24)?],
        })
    }
}

fn counts(bytes: &[u8], kinds: u32) -> Vec<(Kind, u32)> {
    (0..kinds)
        .filter_map(|kind| {
            let count = word_at(bytes, HEADER_BYTES + 4 * kind as usize)?;
            (count != 0).then_some((Kind(kind), count))
        })
        .collect()
}

fn word_at(bytes: &[u8], offset: usize) -> Option<u32> {
    let word = bytes.get(offset..)?.first_chunk()?;
    Some(u32::from_le_bytes(*word))
}

fn long_at(bytes: &[u8], offset: usize) -> Option<u64> {
    let long = bytes.get(offset..)?.first_chunk()?;
    Some(u64::from_le_bytes(*long))
}

#[cfg(test)]
mod tests;
