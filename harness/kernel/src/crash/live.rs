//! The header of the running system, and the debugger's data that it points to, in kernel memory.

use alloc::{string::String, vec, vec::Vec};

use super::{
    context::{self, Registers},
    debugger::{self, DebuggerSpec, Module},
    header::{self, Bugcheck, HeaderError, HeaderSpec, dump_type},
};
use crate::{
    hw::{cpu, layout},
    image,
    mem::{self, AllocSpec, Contiguity, Owner, Placement, Va},
    sync::Lock,
    timer,
};

/// Windows 11 22H2, as `RtlGetVersion` says.
const BUILD: u32 = 22621;
/// The bench keeps no page frame database: an address that nothing is mapped at.
const PFN_DATABASE: u64 = 0xFFFF_FA80_0000_0000;
/// Place of the stack pointer in [`Registers::general`].
const RSP: usize = 4;
/// Flags and selectors of code that runs with interrupts enabled on the kernel's descriptors.
const EFLAGS: u32 = 0x202;
const SEGMENTS: [u16; 6] = [0x08, 0x10, 0x10, 0, 0, 0x10];
/// Room for the block: it is laid out anew for each header, at the same address.
const BLOCK_BYTES: u64 = 0x8000;
/// All floating-point exceptions masked.
const MXCSR: u32 = 0x1F80;

/// Address of the block, once there is one.
static BLOCK: Lock<Option<Va>> = Lock::new(None);

/// Lays out the debugger's data anew and makes the header; `caller` stands for the instruction pointer.
///
/// # Errors
/// [`HeaderError`], if RAM has too many runs.
///
/// # Panics
/// If there is no memory for the block, or it is too small: a defect of the bench.
pub fn header(caller: Va) -> Result<Vec<u8>, HeaderError> {
    let mut registers = Registers {
        rip: caller.0,
        eflags: EFLAGS,
        segments: SEGMENTS,
        mxcsr: MXCSR,
        ..Registers::default()
    };
    registers.general[RSP] = cpu::stack_pointer().0;
    let context = context::record(&registers);
    let runs = header::runs_of(mem::ram().into_iter().map(|range| (range.address, range.bytes)));
    let block = block();
    let modules = modules();
    let data = debugger::lay_out(&DebuggerSpec {
        address: block.0,
        kernel_base: layout::kernel_image().address,
        modules: &modules,
        contexts: &[context],
        runs: &runs,
        pfn_database: PFN_DATABASE,
        bugcheck: Bugcheck::default(),
    });
    assert!(
        data.bytes.len() as u64 <= BLOCK_BYTES,
        "the debugger's data need {} bytes",
        data.bytes.len()
    );
    let written = mem::write_bytes(block, &data.bytes);
    assert!(written.is_ok(), "the block is mapped");
    header::build(&HeaderSpec {
        build: BUILD,
        directory_table_base: cpu::root().0,
        pfn_database: PFN_DATABASE,
        loaded_modules: data.loaded_modules,
        active_processes: data.active_processes,
        debugger_data: data.block,
        processors: 1,
        bugcheck: Bugcheck::default(),
        runs: &runs,
        context: &context,
        exception: None,
        dump_type: dump_type::FULL,
        required_space: header::full_dump_bytes(&runs),
        system_time: timer::system_time_100ns(),
        up_time: timer::now_us() * 10,
    })
}

fn block() -> Va {
    let mut block = BLOCK.lock();
    if let Some(block) = *block {
        return block;
    }
    let made = mem::alloc(AllocSpec {
        bytes: BLOCK_BYTES,
        align: mem::PAGE_BYTES,
        contiguous: Contiguity::Contiguous,
        placement: Placement::Any,
        owner: Owner::KernelData,
        name: "debugger data",
    });
    let Ok(made) = made else {
        panic!("no memory for the debugger's data");
    };
    *block = Some(made.va);
    made.va
}

/// The kernel first, under the name by which debuggers look for it.
fn modules() -> Vec<Module> {
    let kernel = layout::kernel_image();
    let mut modules = vec![Module {
        name: String::from("ntoskrnl.exe"),
        base: kernel.address,
        bytes: u32::try_from(kernel.bytes).unwrap_or(u32::MAX),
        entry: kernel.address,
    }];
    modules.extend(image::loaded().into_iter().map(|image| Module {
        name: image.name,
        base: image.base.0,
        bytes: u32::try_from(image.bytes).unwrap_or(u32::MAX),
        entry: image.code.first().map_or(image.base.0, |&(va, _)| va.0),
    }));
    modules
}
