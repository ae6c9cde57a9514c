//! What the bench kernel reports to the host, one COBS frame a record on the debug console.

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

pub use self::{
    crash::{BugcheckCallback, CallbackPages, CallbackRange, CallbackResult, DumpFacts},
    figures::{Cost, Flow, Footprint, LeftOut, Stretch, Subject, Transfer},
    requests::{AbandonedRange, IoSummary, WrittenRange},
    stress::{HostAction, Rest, StressAction},
};
use crate::owner::{Owner, OwnerRun, Role};

mod crash;
mod figures;
mod requests;
mod stress;

/// A range of bytes in guest physical memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhysicalRange {
    /// First physical address.
    pub address: u64,
    /// Length in bytes.
    pub bytes: u64,
}

/// One report of the kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// First record of a boot.
    Hello {
        /// The kernel's protocol version.
        protocol_version: u32,
        /// 0 for the first boot, then the number of the resume.
        boot: u32,
        /// Usable RAM, as the firmware reported it.
        ram: Vec<PhysicalRange>,
    },
    /// A line for the reader.
    Log {
        /// How loud.
        level: Level,
        /// The text, without a line end.
        text: String,
    },
    /// A driver printed this (`DbgPrint`, `StorPortDebugPrint`).
    DriverPrint {
        /// Which instance.
        role: Role,
        /// The text.
        text: String,
    },
    /// A step of the scenario begins.
    StepBegin {
        /// The step's name, as the report prints it.
        name: String,
    },
    /// The step ended; `instructions` is the TSC difference under `-icount shift=0`.
    StepEnd {
        /// The same name.
        name: String,
        /// Instructions that the step took in the guest.
        instructions: u64,
    },
    /// An image was loaded and may be given breakpoints (a checkpoint follows).
    ImageLoaded {
        /// Which instance.
        role: Role,
        /// The name under which it was loaded (`dump_hiberport.sys`).
        name: String,
        /// Virtual address of the image.
        base: u64,
        /// Size of the image in bytes.
        bytes: u64,
        /// Virtual address of `DriverEntry`.
        entry: u64,
        /// Physical pages lie above 4 GiB.
        above_4gib: bool,
    },
    /// The entry points of the exports, for breakpoints.
    Exports {
        /// One entry per export and table.
        entries: Vec<ExportEntry>,
    },
    /// The HBA found.
    Device(DeviceFacts),
    /// What the miniport asked for in `StorPortInitialize` and FindAdapter.
    Adapter(AdapterFacts),
    /// A logical unit found by the bus scan.
    Unit {
        /// Path, target, LUN.
        address: (u8, u8, u8),
        /// INQUIRY vendor and product.
        name: String,
        /// Bytes per sector.
        sector_bytes: u32,
        /// Number of sectors.
        sectors: u64,
    },
    /// Result of a stretch of I/O.
    Io(IoSummary),
    /// The adapter was pulled out under requests: the last account of the disk in a life.
    Abandoned {
        /// Sectors of writes that were cut off.
        ranges: Vec<AbandonedRange>,
        /// As [`IoSummary::written`], for all other sectors.
        written: Vec<WrittenRange>,
    },
    /// Requests when a hibernation holds the queues.
    InFlight {
        /// At the miniport.
        at_miniport: u32,
        /// Kept back by the port until after the resume.
        kept_back: u32,
    },
    /// The machine slept (S3) and woke: devices and processors came out of a reset.
    Slept,
    /// One call of `StorPortMarkDumpMemory`.
    Mark(Mark),
    /// One call of a driver's routine in a dump role, in order.
    DumpCall {
        /// Which instance.
        role: Role,
        /// `ConfigInfo.DumpMode` at that time.
        dump_mode: u8,
        /// The routine (`DriverEntry`, `HwStorFindAdapter`, ...).
        routine: String,
        /// What it returned.
        returned: u64,
        /// Instructions it took.
        instructions: u64,
    },
    /// A rule was broken.
    Violation(Violation),
    /// The counters of the rules were taken for the image's header: what is broken from here to the power-off is in no counter
    /// of the system that comes back.
    CountersTaken,
    /// A rule's state at the end of the run.
    Rules {
        /// Every rule with its state.
        rules: Vec<RuleState>,
    },
    /// `StorPortExtendedFunction` codes that the bench answered with `STOR_STATUS_NOT_IMPLEMENTED`.
    NotImplemented {
        /// Which instance.
        role: Role,
        /// The function code.
        code: u32,
        /// How often it was called.
        count: u64,
    },
    /// A dump filter's `DriverEntry` returned.
    FilterLoaded {
        /// Which stack.
        role: Role,
        /// The filter.
        name: String,
        /// What it returned.
        status: u32,
        /// It undoes in `Dump_Read` what it does in `Dump_Write`.
        reads: bool,
        /// Longest write in pages that it takes.
        maximum_pages: u32,
    },
    /// What passed through the dump filters of the stack at work.
    FilterTransfers {
        /// Writes.
        writes: u64,
        /// Writes of which the data were replaced.
        replaced: u64,
        /// Reads.
        reads: u64,
    },
    /// Memory that the dump instance may use in RESUME, and memory it was seen to use.
    DumpMemory {
        /// The instance's dump mode.
        dump_mode: u8,
        /// Ranges that were marked, merged.
        marked: Vec<PhysicalRange>,
        /// Ranges owned by the dump port (images, extensions, common buffers).
        port_owned: Vec<PhysicalRange>,
        /// Ranges that the device was given by the instance (rings, tables, headers), without callers' buffers.
        device_seen: Vec<PhysicalRange>,
    },
    /// Owner of every page in use.
    OwnerMap {
        /// Runs in ascending order; free pages are left out.
        runs: Vec<OwnerRun>,
    },
    /// Pages that may differ between freeze and resume, with the reason.
    Volatile {
        /// Each with a short reason.
        ranges: Vec<(PhysicalRange, String)>,
    },
    /// The hibernation image was written.
    ImageWritten(ImageFacts),
    /// The rest of the image was read by the RESUME instance.
    ImageRead(ImageFacts),
    /// The crash dump was written.
    DumpWritten(DumpFacts),
    /// No crash dump was written, or not all of one.
    DumpFailed {
        /// Why, in words.
        text: String,
    },
    /// The machine stops for the host here (see [`Checkpoint`]).
    Checkpoint {
        /// Which one.
        checkpoint: Checkpoint,
    },
    /// The simulated system stopped (`KeBugCheckEx` or a fault), with its parameters.
    Bugcheck {
        /// The bug check code.
        code: u32,
        /// Its four parameters.
        parameters: [u64; 4],
        /// What happened, in words.
        text: String,
        /// Return addresses, newest first.
        trace: Vec<u64>,
    },
    /// The bench kernel itself failed: a defect of the bench, not of the driver.
    KernelPanic {
        /// Message and place.
        text: String,
    },
    /// The bug check callbacks of one registered record were called.
    BugcheckCallback(BugcheckCallback),
    /// A stretch of requests was counted.
    Stretch(Stretch),
    /// One was not.
    LeftOut(LeftOut),
    /// What the measured instance keeps in memory.
    Footprint(Footprint),
    /// A round of a stress run is due; it begins if the host lets it.
    StressRound {
        /// Its number, from 1.
        round: u32,
        /// What it does.
        action: StressAction,
    },
    /// In a round, the miniport was stopped and started again with requests waiting.
    StressRest {
        /// What for.
        rest: Rest,
        /// Requests at the miniport when the port held its queues; they ended before the stop.
        at_miniport: u32,
        /// Requests kept back by the port until after the start.
        kept_back: u32,
    },
    /// The host is to do something at the checkpoint that follows.
    HostWanted {
        /// What.
        action: HostAction,
    },
    /// What the processors did, if there are several.
    Processors {
        /// Callbacks of drivers that each of them ran.
        callbacks: Vec<u64>,
        /// Most processors that ran a driver at the same time.
        most_at_once: u32,
        /// Reads and writes that the miniport completed.
        completed: u64,
        /// Of these, completed on the processor that had given them to the miniport.
        completed_at_home: u64,
    },
    /// The last record of a life: everything was done.
    Finished {
        /// Cycles completed.
        cycles: u32,
    },
}

/// How loud a log line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Level {
    /// Shown only with `--verbose`.
    Debug,
    /// Shown.
    Info,
    /// Shown and counted.
    Warning,
}

/// Points at which the kernel calls `bench_checkpoint`, where the host has a breakpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Checkpoint {
    /// An image was just loaded (`Record::ImageLoaded` precedes).
    ImageLoaded,
    /// The system is frozen and quiet: the host saves memory.
    Freeze,
    /// The image is complete on the disk; power-off follows.
    ImageComplete,
    /// All memory is restored: the host saves memory and compares.
    Resumed,
    /// The workload starts (for `debug --at`).
    Workload,
    /// A bug check has stopped the system: the host saves all of RAM, before anything of the dump has run.
    Crash,
    /// A lock of the driver is held with requests in flight: the host sends a non-maskable interrupt.
    NmiWanted,
    /// A crash dump header was published to the host, if the machine lets the driver.
    HeaderPublished,
    /// It was taken back.
    HeaderWithdrawn,
    /// A round of a stress run is due: the host writes 1 to the byte at the address in `rsi` if it was enough.
    StressRound,
    /// The host is to do what the last `Record::HostWanted` says.
    HostWanted,
}

/// One export's entry point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportEntry {
    /// Serves the dump roles (the dump port's table) rather than the normal role.
    pub dump: bool,
    /// Exported name.
    pub name: String,
    /// Virtual address of the stub.
    pub address: u64,
}

/// The HBA as found on the bus.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceFacts {
    /// Bus, device, function.
    pub location: (u8, u8, u8),
    /// Vendor and device id.
    pub ids: (u16, u16),
    /// Feature bits that the device offers (virtio HBAs).
    pub offered_features: u64,
    /// Feature bits that the driver accepted, after its start.
    pub accepted_features: u64,
    /// Queues that the device offers.
    pub queues: u16,
    /// Size of the first request queue.
    pub queue_entries: u16,
    /// Interrupt messages connected; 0 = line interrupt.
    pub messages: u16,
}

/// What the miniport declared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdapterFacts {
    /// Which instance.
    pub role: Role,
    /// `ConfigInfo.DumpMode`.
    pub dump_mode: u8,
    /// `HW_INITIALIZATION_DATA.FeatureSupport`.
    pub feature_support: u32,
    /// `MaximumTransferLength` in bytes.
    pub maximum_transfer_bytes: u32,
    /// `NumberOfPhysicalBreaks`.
    pub physical_breaks: u32,
    /// Device extension in bytes.
    pub device_extension_bytes: u32,
    /// SRB extension in bytes.
    pub srb_extension_bytes: u32,
    /// Uncached extension in bytes.
    pub uncached_extension_bytes: u32,
    /// `RequestedDumpBufferSize` in bytes.
    pub requested_dump_buffer_bytes: u32,
    /// Physical address of the uncached extension.
    pub uncached_extension_address: u64,
}

/// One call of `StorPortMarkDumpMemory`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Which instance.
    pub role: Role,
    /// `ConfigInfo.DumpMode` at the time of the call (0 if FindAdapter has not been called).
    pub dump_mode: u8,
    /// The `Address` argument.
    pub address: u64,
    /// The `Length` argument.
    pub length: u64,
    /// The `Flags` argument.
    pub flags: u32,
    /// What the call returned (`STOR_STATUS_*`).
    pub status: u32,
    /// Return address of the call.
    pub caller: u64,
    /// The callback in which the call was made.
    pub callback: String,
    /// The physical ranges it covers.
    pub covers: Vec<PhysicalRange>,
    /// Owner of the first byte.
    pub owner: Owner,
}

/// A rule was broken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// The rule's name (docs/testing.md).
    pub rule: String,
    /// Which instance.
    pub role: Option<Role>,
    /// What happened, with the values.
    pub detail: String,
    /// The callback that was running.
    pub callback: String,
    /// Return addresses into the image and the last export calls, newest first.
    pub trace: Vec<String>,
}

/// The state of a rule at the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleState {
    /// Its name.
    pub rule: String,
    /// What became of it.
    pub state: RuleOutcome,
}

/// What became of a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RuleOutcome {
    /// Checked so many times, broken so many times.
    Checked {
        /// Times it was looked at.
        checks: u64,
        /// Times it was broken.
        violations: u64,
    },
    /// The bench does not check it yet.
    NotChecked,
    /// It does not apply to a physical miniport; with the reason.
    NotApplicable(String),
}

/// Figures of a hibernation image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageFacts {
    /// Two phases (the miniport is resume capable), or one.
    pub two_phase: bool,
    /// Pages restored by the loader.
    pub boot_pages: u64,
    /// Pages read by the RESUME instance.
    pub kernel_pages: u64,
    /// Bytes on the disk, header and tables included.
    pub image_bytes: u64,
    /// Requests sent to the dump instance.
    pub requests: u64,
    /// Largest request in bytes.
    pub largest_request_bytes: u32,
    /// Calls of `HwStorInterrupt` that polled.
    pub polls: u64,
}
