//! The device from start to stop: [`HeaderDevice`].
//!
//! The header and the note around it live in one block of contiguous memory ([`fwcfg::note`]) as long as they are published.

use core::fmt;

use ddi::{
    contiguous::ContiguousMemory,
    crash_header::{self, HeaderError},
    pnp::Function,
    ports::{PortRange, Resources},
};
use fwcfg::{
    Error, File, FwCfg, Ports, Shared,
    device::PORTS,
    note::{
        BLOCK_BYTES, FILE_NAME, HEADER_BYTES, HEADER_OFFSET, RECORD_BYTES, RECORD_OFFSET, Record,
        note_prefix,
    },
};

/// Where the header names the debugger's data block (`DUMP_HEADER64.KdDebuggerDataBlock`).
const DEBUGGER_DATA: usize = HEADER_OFFSET + 0x80;

/// The device's registers.
#[derive(Debug)]
struct Registers(PortRange);

impl Ports for Registers {
    fn read_u8(&mut self, offset: u16) -> u8 {
        self.0.read_u8(offset)
    }

    fn read_u32(&mut self, offset: u16) -> u32 {
        self.0.read_u32(offset)
    }

    fn write_u16(&mut self, offset: u16, value: u16) {
        self.0.write_u16(offset, value);
    }

    fn write_u32(&mut self, offset: u16, value: u32) {
        self.0.write_u32(offset, value);
    }
}

/// The memory that QEMU reads.
#[derive(Debug)]
struct Block(ContiguousMemory);

impl Shared for Block {
    fn address(&self) -> u64 {
        self.0.physical_address()
    }

    fn write(&mut self, offset: usize, bytes: &[u8]) {
        self.0.write(offset, bytes);
    }

    fn read_u32(&self, offset: usize) -> u32 {
        self.0.read_u32(offset)
    }
}

/// Why nothing is published.
#[derive(Clone, Copy, Debug)]
enum Missing {
    /// The start request names no ports.
    Ports,
    /// The fw_cfg device does not serve.
    Device(Error),
    /// There is no contiguous memory.
    Memory,
    /// The system gives no header.
    Header(HeaderError),
}

impl From<Error> for Missing {
    fn from(error: Error) -> Self {
        Self::Device(error)
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ports => f.write_str("the device was given no I/O ports"),
            Self::Device(error) => write!(f, "{error}"),
            Self::Memory => f.write_str("no contiguous memory"),
            Self::Header(HeaderError::Query(status) | HeaderError::Refused(status)) => {
                write!(f, "KeInitializeCrashDumpHeader returned {status:#x}")
            }
            Self::Header(HeaderError::Size(bytes)) => {
                write!(f, "the system's header has {bytes:#x} bytes")
            }
        }
    }
}

/// A device that QEMU knows a header from.
#[derive(Debug)]
struct Publisher {
    device: FwCfg<Registers>,
    file: File,
    block: Block,
}

impl Publisher {
    /// Finds the device and its file and allocates the block; nothing is published yet.
    fn new(resources: &Resources<'_>) -> Result<Self, Missing> {
        let ports = resources.ports(PORTS).ok_or(Missing::Ports)?;
        let mut device = FwCfg::open(Registers(ports))?;
        let file = device.find(FILE_NAME, RECORD_BYTES)?;
        let memory = ContiguousMemory::allocate(BLOCK_BYTES).ok_or(Missing::Memory)?;
        Ok(Self {
            device,
            file,
            block: Block(memory),
        })
    }

    /// Has the header filled anew, for memory may have been added, and tells QEMU where it is.
    fn publish(&mut self) -> Result<(), Missing> {
        self.block.write(0, &note_prefix());
        crash_header::write(&mut self.block.0, HEADER_OFFSET, HEADER_BYTES)
            .map_err(Missing::Header)?;
        let data = self.block.0.read_u64(DEBUGGER_DATA);
        if !crash_header::is_plain(data) {
            say(&format_args!(
                "the debugger's data block is encoded; QEMU reads it only while a kernel debugger is enabled"
            ));
        }
        self.tell(Record::of_note(self.block.address()))
    }

    /// Takes it back, unless the device is gone.
    fn withdraw(&mut self) -> Result<(), Missing> {
        if !self.device.answers() {
            return Err(Missing::Device(Error::NoDevice));
        }
        self.tell(Record::nothing())
    }

    fn tell(&mut self, record: Record) -> Result<(), Missing> {
        self.block.write(RECORD_OFFSET, &record.to_bytes());
        Ok(self
            .device
            .write(self.file, &mut self.block, RECORD_OFFSET)?)
    }
}

/// The device; without a publisher it is idle.
#[derive(Debug)]
pub(crate) struct HeaderDevice(Option<Publisher>);

impl Function for HeaderDevice {
    fn start(resources: &Resources<'_>) -> Self {
        let published = Publisher::new(resources).and_then(|mut publisher| {
            publisher.publish()?;
            Ok(publisher)
        });
        match published {
            Ok(publisher) => {
                let address = publisher.block.address();
                say(&format_args!("header published at {address:#x}"));
                Self(Some(publisher))
            }
            Err(missing) => {
                say(&format_args!("nothing published: {missing}"));
                Self(None)
            }
        }
    }

    /// After hibernation QEMU is a new process that knows nothing.
    fn power_up(&mut self) {
        if let Some(publisher) = &mut self.0
            && let Err(missing) = publisher.publish()
        {
            say(&format_args!("not published again: {missing}"));
        }
    }

    fn stop(self) {
        let Some(mut publisher) = self.0 else {
            return;
        };
        match publisher.withdraw() {
            Ok(()) => say(&format_args!("header withdrawn")),
            Err(missing) => say(&format_args!("header not withdrawn: {missing}")),
        }
    }
}

/// A line for the debugger.
fn say(text: &fmt::Arguments<'_>) {
    wdk::println!("dumpheader: {text}");
}
