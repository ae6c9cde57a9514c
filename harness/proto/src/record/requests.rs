//! What a stretch of I/O did, and what it must leave on the disks.

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

/// Result of a stretch of I/O.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IoSummary {
    /// What for (`workload`, `in flight at hibernate`, `after resume`).
    pub name: String,
    /// Requests issued, by kind.
    pub reads: u64,
    /// Requests issued.
    pub writes: u64,
    /// Other requests.
    pub others: u64,
    /// Data bytes read.
    pub bytes_read: u64,
    /// Data bytes written.
    pub bytes_written: u64,
    /// Requests that ended with an error status.
    pub errors: u64,
    /// Bytes whose content was verified against the pattern.
    pub bytes_verified: u64,
    /// Verified bytes that differed.
    pub bytes_wrong: u64,
    /// Requests that a buffer above 4 GiB served.
    pub above_4gib: u64,
    /// Interrupts taken.
    pub interrupts: u64,
    /// Most requests in flight at one time.
    pub peak_in_flight: u64,
    /// xxh64 of what the written area of the data partition must hold, in sector order; the host checks the disk by it.
    pub written: Vec<WrittenRange>,
}

/// A stretch of a unit and the checksum it must have: of the data partition on the first disk, anywhere on others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenRange {
    /// Path, target and LUN of the unit.
    pub unit: (u8, u8, u8),
    /// First sector on the disk.
    pub first_lba: u64,
    /// Number of sectors.
    pub sectors: u64,
    /// xxh64 (seed 0) of the bytes.
    pub xxh64: u64,
}

/// Sectors of a write that was cut off: each holds what was there before, or what was to be there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AbandonedRange {
    /// Path, target and LUN of the unit.
    pub unit: (u8, u8, u8),
    /// First sector on the disk.
    pub first_lba: u64,
    /// xxh64 (seed 0) of each sector without the write.
    pub before: Vec<u64>,
    /// xxh64 (seed 0) of each sector with it.
    pub after: Vec<u64>,
}
