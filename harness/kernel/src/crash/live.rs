//! The running system as a dump describes it: the debugger's block in memory, and headers that point to it.
//!
//! The block is set aside once ([`prepare`]) and written anew whenever somebody will look at it ([`update`]); it stands
//! for the variables that NT keeps up to date all along.

use alloc::vec::Vec;

use proto::owner::Owner;

use super::{
    context::{self, CONTEXT_BYTES, Registers},
    debugger::{self, DebuggerSpec, Module},
    header::{self, Bugcheck, EXCEPTION_BYTES, HeaderError, HeaderSpec, Run, dump_type},
    small::{self, Stretch},
};
use crate::{
    hw::{cpu, entry::Frame, layout},
    image,
    mem::{self, AllocSpec, Allocation, Contiguity, PAGE_BYTES, Placement},
    processors::{self, signal},
    sync::Lock,
    timer,
};

/// The system that the bench says to be: Windows 11 22H2.
pub const BUILD: u32 = 22621;
/// Bytes of the block: the lists of some hundred modules.
const BLOCK_BYTES: u64 = 16 * PAGE_BYTES;
/// MXCSR as every callback finds it.
const MXCSR: u32 = 0x1F80;

static BLOCK: Lock<Option<Allocation>> = Lock::new(None);

/// What a header takes from the system.
#[derive(Clone, Debug)]
pub struct Snapshot {
    runs: Vec<Run>,
    context: [u8; CONTEXT_BYTES],
    bugcheck: Bugcheck,
    exception: [u8; EXCEPTION_BYTES],
    block: u64,
    block_bytes: u64,
    processor: u64,
    processors: u32,
    thread: u64,
    modules: Vec<Module>,
    loaded_modules: u64,
    active_processes: u64,
}

/// Sets memory aside for the block. `PASSIVE_LEVEL`; once is enough. Whether there is such memory.
#[must_use]
pub fn prepare() -> bool {
    if BLOCK.lock().is_some() {
        return true;
    }
    let block = mem::alloc(AllocSpec {
        bytes: BLOCK_BYTES,
        align: PAGE_BYTES,
        contiguous: Contiguity::Contiguous,
        placement: Placement::Low,
        owner: Owner::KernelData,
        name: "debugger data",
    });
    *BLOCK.lock() = block.ok();
    BLOCK.lock().is_some()
}

/// Writes the block for this moment. Any IRQL. `None` if nobody prepared it, or if it is too small.
#[must_use]
pub fn update(bugcheck: Bugcheck, frame: &Frame) -> Option<Snapshot> {
    let address = BLOCK.lock().as_ref()?.va;
    let runs = header::runs_of(
        mem::ram()
            .into_iter()
            .map(|range| (range.address, range.bytes)),
    );
    let contexts = contexts(frame);
    let context = *contexts.get(processors::current())?;
    let modules = modules();
    if debugger::bytes_needed(&modules, contexts.len()) as u64 > BLOCK_BYTES {
        return None;
    }
    let data = debugger::lay_out(&DebuggerSpec {
        address: address.0,
        kernel_base: layout::kernel_text().address,
        modules: &modules,
        contexts: &contexts,
        runs: &runs,
        pfn_database: 0,
        bugcheck,
    });
    mem::write_bytes(address, &data.bytes).ok()?;
    Some(Snapshot {
        runs,
        context,
        bugcheck,
        exception: small::exception(frame.rip),
        block: data.block,
        block_bytes: data.bytes.len() as u64,
        processor: data.processors.get(processors::current()).copied()?,
        processors: u32::try_from(contexts.len()).ok()?,
        thread: data.thread,
        modules,
        loaded_modules: data.loaded_modules,
        active_processes: data.active_processes,
    })
}

impl Snapshot {
    /// The header of a dump of `bytes` bytes.
    ///
    /// # Errors
    /// [`HeaderError`].
    pub fn header(&self, dump_type: u32, bytes: u64) -> Result<Vec<u8>, HeaderError> {
        header::build(&HeaderSpec {
            build: BUILD,
            directory_table_base: cpu::root().0,
            pfn_database: 0,
            loaded_modules: self.loaded_modules,
            active_processes: self.active_processes,
            debugger_data: self.block,
            processors: self.processors,
            bugcheck: self.bugcheck,
            runs: &self.runs,
            context: &self.context,
            exception: (dump_type == dump_type::TRIAGE).then_some(&self.exception),
            dump_type,
            required_space: bytes,
            system_time: timer::system_time_100ns(),
            up_time: timer::now_us() * 10,
        })
    }

    /// RAM in whole pages.
    #[must_use]
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// Why the system stopped.
    #[must_use]
    pub const fn bugcheck(&self) -> Bugcheck {
        self.bugcheck
    }

    /// The kernel, then the drivers in load order.
    #[must_use]
    pub fn modules(&self) -> &[Module] {
        &self.modules
    }

    /// The debugger's data block.
    #[must_use]
    pub const fn debugger_data(&self) -> Stretch {
        Stretch {
            address: self.block,
            bytes: debugger::DATA_BYTES,
        }
    }

    /// What the data block points to: lists, processor blocks, contexts.
    #[must_use]
    pub const fn debugger_lists(&self) -> Stretch {
        Stretch {
            address: self.block + debugger::DATA_BYTES,
            bytes: self.block_bytes - debugger::DATA_BYTES,
        }
    }

    /// The block of the processor that stopped the system.
    #[must_use]
    pub const fn processor(&self) -> u64 {
        self.processor
    }

    /// The thread.
    #[must_use]
    pub const fn thread(&self) -> u64 {
        self.thread
    }
}

/// The kernel, then the drivers in load order.
fn modules() -> Vec<Module> {
    let text = layout::kernel_image();
    let kernel = Module {
        name: "ntoskrnl.exe".into(),
        base: text.address,
        bytes: u32::try_from(text.bytes).unwrap_or(u32::MAX),
        entry: text.address,
    };
    let drivers = image::loaded().into_iter().map(|image| Module {
        name: image.name,
        base: image.base.0,
        bytes: u32::try_from(image.bytes).unwrap_or(u32::MAX),
        entry: image.base.0,
    });
    core::iter::once(kernel).chain(drivers).collect()
}

/// Registers of all processors, by number: those of `frame` for this one, and what the others had when they were stopped.
fn contexts(frame: &Frame) -> Vec<[u8; CONTEXT_BYTES]> {
    let me = processors::current();
    (0..processors::count())
        .map(|number| {
            let stopped = signal::stopped_registers(number).unwrap_or_default();
            let frame = if number == me { frame } else { &stopped };
            context::record(&registers(frame))
        })
        .collect()
}

/// In the order of instruction encodings.
fn registers(frame: &Frame) -> Registers {
    let segment = |value: u64| u16::try_from(value & 0xFFFF).unwrap_or(0);
    let data = segment(frame.ss);
    Registers {
        general: [
            frame.rax, frame.rcx, frame.rdx, frame.rbx, frame.rsp, frame.rbp, frame.rsi, frame.rdi,
            frame.r8, frame.r9, frame.r10, frame.r11, frame.r12, frame.r13, frame.r14, frame.r15,
        ],
        rip: frame.rip,
        eflags: u32::try_from(frame.flags & 0xFFFF_FFFF).unwrap_or(0),
        segments: [segment(frame.cs), data, data, data, data, data],
        mxcsr: MXCSR,
    }
}
