//! What the host asks of the bench kernel: one [`Bundle`] is the boot module.

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

/// Everything the kernel is given at its first boot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundle {
    /// [`PROTOCOL_VERSION`] of the writer; the kernel refuses another one.
    pub protocol_version: u32,
    /// What to do.
    pub scenario: Scenario,
    /// The driver files, by name (`hiberport.sys` and filters).
    pub files: Vec<File>,
}

/// Version of all records in this crate: half of their fingerprint.
pub const PROTOCOL_VERSION: u32 = {
    let [a, b, c, d, ..] = crate::version::FINGERPRINT.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
};

/// A file handed to the kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// File name, without a directory.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// The job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scenario {
    /// What to run.
    pub job: Job,
    /// Name of the miniport's file in [`Bundle::files`].
    pub driver: String,
    /// Seed of every pattern and of every random choice.
    pub seed: u64,
    /// The HBA to bind to: PCI vendor and device ids, any of which will do; the first function found wins.
    pub hba_ids: Vec<(u16, u16)>,
    /// Bytes per sector of the disk.
    pub sector_bytes: u32,
    /// The partition whose sectors the workload writes.
    pub data: Partition,
    /// The partition that takes the hibernation image.
    pub hibernation: Partition,
    /// The partition that takes a crash dump: the dump file lies at its start, byte for byte.
    pub crash: Partition,
    /// Registry values that the driver may read.
    pub registry: Vec<RegistryValue>,
    /// Dump filters by their files' names in [`Bundle::files`], in their order.
    pub filters: Vec<String>,
    /// Values below the dump filter's `Parameters` key.
    pub filter_registry: Vec<RegistryValue>,
    /// Size of the workload.
    pub workload: Workload,
    /// Faults that the bench itself plays (red cases of checks that a driver build cannot break).
    pub faults: Vec<BenchFault>,
    /// Where interrupts may come from.
    pub interrupts: InterruptMode,
    /// Processors of the machine, 1 to 8.
    pub processors: u32,
}

/// What to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Job {
    /// Start, workload, and that many hibernate/resume cycles in one life of the system.
    Cycle {
        /// Number of cycles, at least 1.
        count: u32,
    },
    /// Start, bus scan, workload, reset ladder, PnP stop and removal; no hibernation.
    Run {
        /// Further lives, in each of which another call fails, until every call that may fail has.
        exhaust: bool,
    },
    /// Start, workload, then a bug check with requests in flight, and a dump by the crash stack.
    Crash {
        /// What the dump holds.
        kind: DumpKind,
        /// What brings the system down.
        cause: CrashCause,
    },
    /// Start, stretches of equal requests with everything counted, then the crash stack's transfers. No hibernation.
    Measure {
        /// How many stretches.
        extent: MeasureExtent,
    },
    /// Start, then random work, resets, hot-plug, pauses and hibernations until the host says that it is enough.
    Stress,
    /// The driver that publishes a crash dump header: load, start, stop, start, removal, unload. No miniport.
    DumpHeader,
}

/// How much is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MeasureExtent {
    /// Every size, direction and queue depth.
    Full,
    /// A few that stand for all, in a few seconds.
    Brief,
    /// A short one of 4 KiB reads, between two [`Checkpoint::Workload`](crate::record::Checkpoint::Workload): the host looks
    /// at every instruction.
    Profile,
}

/// What a crash dump holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DumpKind {
    /// Every page of RAM (`DUMP_TYPE_FULL`).
    Full,
    /// The kernel's pages and what drivers added (`DUMP_TYPE_BITMAP_FULL`'s layout).
    Kernel,
    /// Stack, drivers, a few pages, and the memory that drivers named (`DUMP_TYPE_TRIAGE`).
    Small,
}

/// What brings the system down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CrashCause {
    /// `KeBugCheckEx(MANUALLY_INITIATED_CRASH)`, as by the keyboard.
    BugCheck,
    /// The driver's doorbell page is taken away under it: an access violation in `HwStorStartIo`.
    AccessViolation,
    /// A callback runs on a stack that is too small.
    StackOverflow,
    /// The same where the page fault cannot be delivered either: a double fault.
    DoubleFault,
    /// A non-maskable interrupt of the host, with a lock of the driver held.
    Nmi,
}

/// Name of the stretch of I/O that a reset strikes.
pub const RESET_STRETCH: &str = "in flight at a reset";

/// Name of the step in which the machine is suspended to RAM.
pub const SLEEP_STEP: &str = "sleep and wake";

/// Name of the step that is a life in which a call fails.
pub const EXHAUST_STEP: &str = "a life in which a call fails";

/// A partition, in sectors of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partition {
    /// First sector.
    pub first_lba: u64,
    /// Number of sectors.
    pub sectors: u64,
}

/// Registry data, by type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RegistryData {
    /// `REG_DWORD`.
    Dword(u32),
    /// `REG_SZ`.
    Text(String),
    /// `REG_BINARY`.
    Binary(Vec<u8>),
}

/// A value below the driver's `Parameters\Device` key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistryValue {
    /// Value name.
    pub name: String,
    /// Its data.
    pub data: RegistryData,
}

impl RegistryValue {
    /// The data of the value with this name; case does not matter.
    #[must_use]
    pub fn find<'a>(values: &'a [Self], name: &str) -> Option<&'a RegistryData> {
        values
            .iter()
            .find(|value| value.name.eq_ignore_ascii_case(name))
            .map(|value| &value.data)
    }
}

/// How much the workload does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workload {
    /// Requests of the read/write/verify run before each hibernation.
    pub requests: u32,
    /// Highest number of requests in flight.
    pub queue_depth: u32,
    /// Pages of RAM filled with a seeded pattern.
    pub pattern_pages: u32,
    /// Largest request in bytes (bounded by the adapter's own limit).
    pub max_request_bytes: u32,
    /// Requests in flight when the hibernation begins.
    pub in_flight_at_hibernate: u32,
    /// Whether each kind of reset strikes requests in flight before each hibernation.
    pub resets: bool,
}

/// A fault that the bench plays itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BenchFault {
    /// Flips one bit of a data buffer after the device wrote it and before it is verified.
    FlipBitInRead,
    /// Flips one bit of a page of the image while it is written to the hibernation partition.
    FlipBitInImage,
    /// Changes one byte of a page after it was restored and before the host compares memory.
    ChangeRestoredPage,
    /// The kernel panics half-way through the workload.
    PanicInWorkload,
    /// Says that the dump header is withdrawn before the driver is told to stop.
    HeaderKept,
    /// Stops reporting and spins (the host's time limit must end it).
    Hang,
}

/// How the HBA's interrupts are delivered to the normal instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum InterruptMode {
    /// As many messages as the device's MSI-X table has.
    Messages,
    /// That many messages, fewer than the table has.
    MessagesAtMost(u16),
    /// The line interrupt.
    Line,
}
