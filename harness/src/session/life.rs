//! What the host saw of one life of the simulated system: a sequence of QEMU processes on one disk.
//!
//! Plain data ([`Life`], [`Boot`], [`Hit`], [`MemorySave`]): the session fills it in, the verdict reads it. Nothing in here
//! was concluded; each item is a record of the kernel, an event of QEMU, or a value that the debugger read.

use std::{fs::File, io, os::unix::fs::FileExt as _, path::PathBuf, time::Duration};

use proto::{
    hiber::ImageHeader,
    owner::Role,
    record::{Checkpoint, PhysicalRange, Record},
};
use serde::Serialize;

/// One life of the system, from the first start to the last power-off.
#[derive(Debug, Default)]
pub struct Life {
    /// The QEMU processes, in order. Boot 0 is the first start, each later one a resume.
    pub boots: Vec<Boot>,
    /// Why the life ended before the kernel's `Finished`; `None` when it did not.
    pub failure: Option<String>,
}

impl Life {
    /// All records of all boots, in order.
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        self.boots.iter().flat_map(|boot| &boot.records)
    }

    /// All breakpoint hits of all boots, in order.
    pub fn hits(&self) -> impl Iterator<Item = &Hit> {
        self.boots.iter().flat_map(|boot| &boot.hits)
    }
}

/// One QEMU process.
#[derive(Debug)]
pub struct Boot {
    /// 0 for the first start, then the number of the resume.
    pub number: u32,
    /// What the kernel reported, in order.
    pub records: Vec<Record>,
    /// When each record came, from the start of the process; empty where nobody measured.
    pub arrivals: Vec<Duration>,
    /// What QEMU reported over QMP, in order.
    pub events: Vec<QmpEvent>,
    /// The breakpoints hit, in order.
    pub hits: Vec<Hit>,
    /// The copies of memory taken at `Freeze` and `Resumed`.
    pub saves: Vec<MemorySave>,
    /// How the machine was switched off, as the host saw it.
    pub power_off: PowerOff,
    /// The hibernation image that the host found on the disk after the process ended; `None` if none was to be there.
    pub image: Option<ImageFound>,
    /// What QEMU complained of on its standard error stream (`virtio: bogus descriptor or out of resources`), a line each.
    pub complaints: Vec<String>,
    /// Wall time of the process.
    pub wall: Duration,
    /// The command line, for the report.
    pub command_line: String,
}

impl Boot {
    /// A process of which nothing is known yet but how it was started.
    #[must_use]
    pub const fn new(number: u32, command_line: String) -> Self {
        Self {
            number,
            records: Vec::new(),
            arrivals: Vec::new(),
            events: Vec::new(),
            hits: Vec::new(),
            saves: Vec::new(),
            power_off: PowerOff::None,
            image: None,
            complaints: Vec::new(),
            wall: Duration::ZERO,
            command_line,
        }
    }
}

/// How the machine was switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum PowerOff {
    /// QMP `SUSPEND_DISK`, then `SHUTDOWN`: `SLP_TYP` for S4 was written.
    Hibernated,
    /// QMP `SHUTDOWN` by the guest without `SUSPEND_DISK`: S5.
    ShutDown,
    /// The process ended without either event, or the host ended it.
    None,
}

/// An event of QEMU.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QmpEvent {
    /// Its name (`SHUTDOWN`).
    pub name: String,
    /// Its data, `null` if it has none.
    pub data: serde_json::Value,
    /// Number of records of this boot that had arrived before it.
    pub after_records: usize,
}

/// A breakpoint that was hit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Hit {
    /// Which one.
    pub point: Point,
    /// The instance that executed it, from the load address (of the caller, for the port driver's exports).
    pub role: Role,
    /// Boot in which it was hit.
    pub boot: u32,
    /// Number of records of this boot that had arrived before it; orders hits against records.
    pub after_records: usize,
    /// Address of the breakpoint.
    pub address: u64,
    /// Symbol at that address, from the PDB, or the export's name.
    pub symbol: Option<String>,
    /// Return address found on the stack.
    pub caller: u64,
    /// Symbol and offset of the return address; `None` outside of the driver or without a PDB.
    pub caller_symbol: Option<String>,
    /// `ConfigInfo.DumpMode` that the debugger read at the instance's last `HwStorFindAdapter`; `None` before it.
    pub dump_mode: Option<u8>,
    /// The arguments, by name.
    pub arguments: Arguments,
}

/// The places with a breakpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub enum Point {
    /// The image's entry point.
    DriverEntry,
    /// `StorPortInitialize`, or its twin of the dump port driver.
    StorPortInitialize,
    /// `HwStorFindAdapter`.
    FindAdapter,
    /// `HwStorInitialize`.
    Initialize,
    /// `StorPortExtendedFunction` with the selector of `StorPortMarkDumpMemory`.
    MarkDumpMemory,
}

/// Arguments as read by the debugger, without help from the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "routine")]
pub enum Arguments {
    /// Both are 0 in the dump roles.
    DriverEntry {
        /// `DriverObject`.
        driver_object: u64,
        /// `RegistryPath`.
        registry_path: u64,
    },
    /// What the driver registers.
    StorPortInitialize {
        /// `Argument1` (`DriverObject`).
        driver_object: u64,
        /// `Argument2` (`RegistryPath`).
        registry_path: u64,
        /// `HW_INITIALIZATION_DATA.HwFindAdapter`.
        find_adapter: u64,
        /// `HW_INITIALIZATION_DATA.HwInitialize`.
        initialize: u64,
        /// `HW_INITIALIZATION_DATA.FeatureSupport`.
        feature_support: u32,
    },
    /// `HwStorFindAdapter`.
    FindAdapter {
        /// `DeviceExtension`.
        extension: u64,
        /// `ConfigInfo`.
        config: u64,
        /// `ConfigInfo.DumpMode`.
        dump_mode: u8,
        /// `ConfigInfo.MiniportDumpData`.
        dump_data: u64,
    },
    /// `HwStorInitialize`.
    Initialize {
        /// `DeviceExtension`.
        extension: u64,
    },
    /// `StorPortMarkDumpMemory`.
    MarkDumpMemory {
        /// `HwDeviceExtension`.
        extension: u64,
        /// `Address`.
        address: u64,
        /// `Length` in bytes.
        length: u64,
        /// `Flags`.
        flags: u32,
    },
}

/// A copy of guest memory, in files of the run's directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemorySave {
    /// When it was taken.
    pub checkpoint: Checkpoint,
    /// Number of the hibernation, from 1.
    pub cycle: u32,
    /// The pieces, in ascending order, not overlapping.
    pub pieces: Vec<SavedPiece>,
}

/// A contiguous piece of guest physical memory in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedPiece {
    /// Which memory.
    pub range: PhysicalRange,
    /// The file; its length is `range.bytes`.
    pub file: PathBuf,
}

impl MemorySave {
    /// Reads `buffer.len()` bytes at a physical address; `Ok(false)` if they are not all in one saved piece.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(&self, address: u64, buffer: &mut [u8]) -> io::Result<bool> {
        let length = buffer.len() as u64;
        let piece = self.pieces.iter().find(|piece| {
            address
                .checked_sub(piece.range.address)
                .and_then(|offset| offset.checked_add(length))
                .is_some_and(|end| end <= piece.range.bytes)
        });
        let Some(piece) = piece else {
            return Ok(false);
        };
        File::open(&piece.file)?.read_exact_at(buffer, address - piece.range.address)?;
        Ok(true)
    }
}

/// The hibernation image that the host read from the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageFound {
    /// Its header, checksum verified.
    pub header: ImageHeader,
    /// Bytes of the image on the disk, header and tables included.
    pub image_bytes: u64,
    /// Boot-phase pages whose checksums the host verified.
    pub boot_pages_verified: u64,
    /// Kernel-phase pages whose checksums the host verified.
    pub kernel_pages_verified: u64,
    /// Pages of the guest that the host found on the partition in plain, if it is to be encrypted.
    pub plain_pages: Option<u64>,
}
