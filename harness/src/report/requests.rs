//! The requests of a run: each stretch of them, those in flight when a hibernation began, and the processors that ran the driver for them.

use serde::Serialize;

/// Requests at the moment when a hibernation holds the queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct InFlight {
    /// Hibernation.
    pub cycle: u32,
    /// At the miniport.
    pub at_miniport: u32,
    /// Kept back by the port until after the resume.
    pub kept_back: u32,
}

/// What several processors did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Processors {
    /// Callbacks of drivers, by processor.
    pub callbacks: Vec<u64>,
    /// Most processors that ran a driver at the same time.
    pub most_at_once: u32,
    /// Reads and writes that the miniport completed.
    pub completed: u64,
    /// Of these, completed on the processor that had given them to the miniport.
    pub completed_at_home: u64,
}

/// A stretch of I/O.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Io {
    /// What for.
    pub name: String,
    /// Hibernation that follows or, for I/O after the last resume, precedes.
    pub cycle: u32,
    /// Read requests.
    pub reads: u64,
    /// Write requests.
    pub writes: u64,
    /// Other requests.
    pub others: u64,
    /// Data bytes read.
    pub bytes_read: u64,
    /// Data bytes written.
    pub bytes_written: u64,
    /// Bytes whose content was compared with the pattern.
    pub bytes_verified: u64,
    /// Those that differed.
    pub bytes_wrong: u64,
    /// Requests that ended with an error status.
    pub errors: u64,
    /// Requests with a buffer above 4 GiB.
    pub above_4gib: u64,
    /// Interrupts taken.
    pub interrupts: u64,
    /// Most requests in flight at one time.
    pub peak_in_flight: u64,
}
