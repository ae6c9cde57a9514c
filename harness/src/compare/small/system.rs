//! What a small dump says of the system, against what its variables in memory say: registers and drivers.

use std::io::{self, Read, Seek};

use proto::hiber::PAGE_BYTES;

use crate::{
    compare::walk::VirtualMemory,
    dumpfile::{
        DumpFile,
        small::{CONTEXT_BYTES, Driver},
        triage::DataBlock,
    },
};

/// Where `KDDEBUGGER_DATA64` points to the processor blocks.
const PROCESSOR_BLOCK: u64 = 0x218;
/// Where it has the offset of the processor's number in such a block.
const OFFSET_OF_NUMBER: u64 = 0x2be;
/// Where it has the offset of the pointer to the context in such a block.
const OFFSET_OF_CONTEXT: u64 = 0x338;
/// Most modules that the list in memory is followed for.
const MODULES_MAX: usize = 4096;
/// Where a `CONTEXT` has the stack pointer.
const STACK_POINTER: usize = 152;

/// Name, offset and length of the registers in a `CONTEXT`.
const REGISTERS: [(&str, usize, usize); 25] = [
    ("MxCsr", 52, 4),
    ("SegCs", 56, 2),
    ("SegDs", 58, 2),
    ("SegEs", 60, 2),
    ("SegFs", 62, 2),
    ("SegGs", 64, 2),
    ("SegSs", 66, 2),
    ("EFlags", 68, 4),
    ("Rax", 120, 8),
    ("Rcx", 128, 8),
    ("Rdx", 136, 8),
    ("Rbx", 144, 8),
    ("Rsp", STACK_POINTER, 8),
    ("Rbp", 160, 8),
    ("Rsi", 168, 8),
    ("Rdi", 176, 8),
    ("R8", 184, 8),
    ("R9", 192, 8),
    ("R10", 200, 8),
    ("R11", 208, 8),
    ("R12", 216, 8),
    ("R13", 224, 8),
    ("R14", 232, 8),
    ("R15", 240, 8),
    ("Rip", 248, 8),
];

/// What is wrong with the dump's context: each register that is not what the processor's block in memory has, and a stack
/// that does not begin at its pointer.
pub(super) fn registers<R: Read + Seek>(
    dump: &mut DumpFile<R>,
    space: &VirtualMemory<'_>,
    stack: Option<DataBlock>,
) -> io::Result<Vec<String>> {
    let theirs = dump.context()?;
    if theirs.len() != CONTEXT_BYTES {
        return Ok(vec!["its context is cut short".to_owned()]);
    }
    let mut faults = Vec::new();
    let pointer = register(&theirs, STACK_POINTER, 8);
    if let Some(stack) = stack {
        // Below a stack that was used up there is nothing: then it begins at its end.
        let above = stack.address.checked_sub(pointer);
        let begins = above == Some(0)
            || (stack.address.is_multiple_of(PAGE_BYTES)
                && above.is_some_and(|gap| gap < PAGE_BYTES));
        if !begins {
            faults.push(format!(
                "its stack begins at {:#x}, Rsp is {pointer:#x}",
                stack.address
            ));
        }
    }
    let number = processor(dump, space)?;
    let Some(ours) = context_in_memory(space, dump.header.debugger_data_block, number)? else {
        faults.push("the processor's context is not found in memory".to_owned());
        return Ok(faults);
    };
    for (name, at, bytes) in REGISTERS {
        let (memory, dump) = (register(&ours, at, bytes), register(&theirs, at, bytes));
        if memory != dump {
            faults.push(format!(
                "{name} is {memory:#x} in memory and {dump:#x} in the dump"
            ));
        }
    }
    if faults.is_empty() && ours != theirs {
        faults.push("its context differs from the one in memory, registers apart".to_owned());
    }
    Ok(faults)
}

fn register(context: &[u8], at: usize, bytes: usize) -> u64 {
    let mut value = [0; 8];
    if let Some(found) = context.get(at..at + bytes) {
        value[..bytes].copy_from_slice(found);
    }
    u64::from_le_bytes(value)
}

/// The processor whose context the dump has: its block in the dump says its number; without one it is the first.
fn processor<R: Read + Seek>(dump: &mut DumpFile<R>, space: &VirtualMemory<'_>) -> io::Result<u64> {
    let block = dump.small.as_ref().and_then(|small| small.processor_offset);
    let debugger_data = dump.header.debugger_data_block;
    let offset = space.read_u16(debugger_data.wrapping_add(OFFSET_OF_NUMBER))?;
    let (Some(block), Some(offset)) = (block, offset) else {
        return Ok(0);
    };
    let mut number = [0; 4];
    let place = DataBlock {
        address: 0,
        bytes: 4,
        offset: block.saturating_add(offset.into()),
    };
    dump.read_data(place, 0, &mut number)?;
    Ok(u32::from_le_bytes(number).into())
}

/// A processor's context, on the way that a debugger takes.
fn context_in_memory(
    space: &VirtualMemory<'_>,
    block: u64,
    number: u64,
) -> io::Result<Option<Vec<u8>>> {
    let array = space.read_u64(block.wrapping_add(PROCESSOR_BLOCK))?;
    let offset = space.read_u16(block.wrapping_add(OFFSET_OF_CONTEXT))?;
    let (Some(array), Some(offset)) = (array, offset) else {
        return Ok(None);
    };
    let Some(processor) = space.read_u64(array.wrapping_add(8 * number))? else {
        return Ok(None);
    };
    let Some(place) = space.read_u64(processor.wrapping_add(offset.into()))? else {
        return Ok(None);
    };
    let mut context = vec![0; CONTEXT_BYTES];
    Ok(space.read(place, &mut context)?.then_some(context))
}

/// What is wrong with the dump's drivers by the list of loaded modules in memory.
pub(super) fn drivers(
    theirs: &[Driver],
    space: &VirtualMemory<'_>,
    list: u64,
) -> io::Result<Vec<String>> {
    let ours = modules_in_memory(space, list)?;
    let mut faults = Vec::new();
    if ours.len() != theirs.len() {
        faults.push(format!(
            "{} modules are in memory, {} drivers in the dump",
            ours.len(),
            theirs.len()
        ));
    }
    for ((name, base, bytes), driver) in ours.iter().zip(theirs) {
        if (name, base, bytes) != (&driver.name, &driver.base, &driver.bytes) {
            faults.push(format!(
                "{name} at {base:#x} with {bytes:#x} bytes is {} at {:#x} with {:#x} bytes in the dump",
                driver.name, driver.base, driver.bytes
            ));
        }
    }
    Ok(faults)
}

/// Name, base and length of each module in the list, as far as it can be followed (`KLDR_DATA_TABLE_ENTRY`).
fn modules_in_memory(space: &VirtualMemory<'_>, list: u64) -> io::Result<Vec<(String, u64, u32)>> {
    let mut modules = Vec::new();
    let mut next = space.read_u64(list)?;
    while let Some(entry) = next.filter(|&entry| entry != list && modules.len() < MODULES_MAX) {
        let base = space.read_u64(entry.wrapping_add(0x30))?;
        let bytes = space.read_u32(entry.wrapping_add(0x40))?;
        let length = space.read_u16(entry.wrapping_add(0x58))?;
        let buffer = space.read_u64(entry.wrapping_add(0x60))?;
        let (Some(base), Some(bytes), Some(length), Some(buffer)) = (base, bytes, length, buffer)
        else {
            break;
        };
        let mut text = vec![0; length.into()];
        if !space.read(buffer, &mut text)? {
            break;
        }
        let units: Vec<u16> = text
            .chunks_exact(2)
            .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
            .collect();
        modules.push((String::from_utf16_lossy(&units), base, bytes));
        next = space.read_u64(entry)?;
    }
    Ok(modules)
}
