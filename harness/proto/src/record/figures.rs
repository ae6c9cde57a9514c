//! Records of a measurement: what was counted, for whom, and for which transfers.

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

/// Who was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Subject {
    /// The miniport's normal instance.
    Driver,
    /// The bench kernel's own ring client: the least that the same transfers need.
    Floor,
    /// The miniport's copy in a dump stack.
    Dump,
}

/// Direction of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Flow {
    /// From the disk.
    Read,
    /// To the disk.
    Write,
}

/// What was transferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Transfer {
    /// Direction.
    pub flow: Flow,
    /// Bytes of a request.
    pub bytes: u32,
    /// Requests in flight.
    pub depth: u32,
}

/// A routine, or what was called in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// The callback (`HwStorStartIo`), or the part of the floor client.
    pub name: String,
    /// Times it was called.
    pub calls: u64,
    /// Instructions of its own: without the port's routines and interrupts.
    pub instructions: u64,
}

/// One stretch of equal requests, counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stretch {
    /// Who.
    pub subject: Subject,
    /// What.
    pub transfer: Transfer,
    /// Requests that were counted.
    pub requests: u64,
    /// Most requests that were at the miniport at one time.
    pub reached_depth: u32,
    /// The subject's code.
    pub costs: Vec<Cost>,
    /// Calls of the port's and the system's routines.
    pub exports: Vec<(String, u64)>,
    /// Queue notifications that were written; `None` if they cannot be seen (a driver that uses I/O ports).
    pub doorbells: Option<u64>,
    /// Device interrupts taken.
    pub interrupts: u64,
    /// Locks that the subject took.
    pub locks: u64,
    /// Locks that the port held for it in its callbacks.
    pub port_locks: u64,
    /// DPCs that it issued.
    pub dpcs: u64,
}

/// What the subject keeps in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Footprint {
    /// Size of the loaded image in bytes.
    pub image_bytes: u64,
    /// Device extension in bytes.
    pub device_extension_bytes: u64,
    /// Extension of each request in bytes.
    pub srb_extension_bytes: u64,
    /// Pool in bytes.
    pub pool_bytes: u64,
    /// Memory shared with the device: uncached extension, contiguous and DMA allocations, in bytes.
    pub shared_bytes: u64,
    /// Request queues that the device was given; 0 if that cannot be seen.
    pub request_queues: u16,
    /// Entries of a request queue; 0 if that cannot be seen.
    pub queue_entries: u16,
    /// Rings are packed.
    pub is_packed: bool,
}

/// A stretch that could not be measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Who.
    pub subject: Subject,
    /// What.
    pub transfer: Transfer,
    /// Why not.
    pub reason: String,
}
