//! A small dump against the host's own copy of RAM: stack, data blocks, the debugger's data, registers, drivers.
//!
//! As with the other kinds ([`super::dump`]) the copy is QEMU's, taken when the bug check had stopped the system. Virtual
//! addresses are looked up in the page tables of that copy ([`super::walk`]). [`SmallCompare::faults`] says what is wrong in
//! words, [`lacking`] what drivers named and the dump does not hold.

use std::io::{self, Read, Seek};

use proto::record::{BugcheckCallback, CallbackResult, Record};
use serde::Serialize;

use super::{
    ranges::Ranges,
    walk::{VirtualMemory, to_page_end},
};
use crate::{
    compare::PAGE_STEP,
    dumpfile::{Body, DumpFile, triage::DataBlock},
    report::Hex,
    session::life::{Life, MemorySave},
};

mod system;

/// Differences that are listed; all are counted.
const LISTED: usize = 16;

/// How a small dump compares with memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SmallCompare {
    /// Bytes of stack in the dump.
    pub stack_bytes: u64,
    /// Data blocks in the dump.
    pub blocks: u64,
    /// Bytes of stack, blocks and debugger's data that were compared.
    pub bytes_compared: u64,
    /// Bytes left out because they are volatile.
    pub bytes_volatile: u64,
    /// Bytes in the dump that are not mapped, or no memory by the host's copy.
    pub bytes_unmapped: u64,
    /// Bytes that differ.
    pub bytes_different: u64,
    /// The first bytes that differ.
    pub differences: Vec<ByteDifference>,
    /// What is wrong with the registers in the dump's context, in words.
    pub registers: Vec<String>,
    /// Drivers in the dump.
    pub drivers: u64,
    /// What is wrong with them, in words.
    pub driver_differences: Vec<String>,
}

/// A byte that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ByteDifference {
    /// Its virtual address.
    pub address: Hex,
    /// The byte in memory.
    pub memory: u8,
    /// The byte in the dump.
    pub dump: u8,
}

impl SmallCompare {
    /// What is wrong, in words; nothing if nothing is.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let mut faults: Vec<String> = self
            .differences
            .iter()
            .map(|byte| {
                format!(
                    "the byte at {:#x} is {:#04x} in memory and {:#04x} in the dump",
                    byte.address.0, byte.memory, byte.dump
                )
            })
            .collect();
        if faults.is_empty() && self.bytes_different > 0 {
            faults.push(format!("{} bytes differ", self.bytes_different));
        }
        if self.bytes_unmapped > 0 {
            faults.push(format!(
                "{} bytes are no memory by the machine's page tables",
                self.bytes_unmapped
            ));
        }
        if self.stack_bytes == 0 {
            faults.push("it has no stack".to_owned());
        }
        if self.bytes_compared == 0 {
            faults.push("nothing was compared".to_owned());
        }
        if self.drivers == 0 {
            faults.push("it names no driver".to_owned());
        }
        faults.extend(self.registers.iter().cloned());
        faults.extend(self.driver_differences.iter().cloned());
        faults
    }
}

/// Compares everything in the dump that was in memory; of any other dump there is nothing to compare.
///
/// # Errors
/// The dump or the copy cannot be read.
pub fn compare<R: Read + Seek>(
    dump: &mut DumpFile<R>,
    memory: &MemorySave,
    volatile: &Ranges,
) -> io::Result<SmallCompare> {
    let mut result = SmallCompare::default();
    let Body::Blocks(triage) = dump.body.clone() else {
        return Ok(result);
    };
    result.stack_bytes = triage.stack.map_or(0, |stack| stack.bytes);
    result.blocks = triage.blocks.len() as u64;
    let space = VirtualMemory::new(memory, dump.header.directory_table_base);
    let job = Job {
        memory,
        space,
        volatile,
    };
    for block in held(dump) {
        job.block(&mut result, dump, block)?;
    }
    result.registers = system::registers(dump, &space, triage.stack)?;
    let drivers = dump.small.as_ref().map(|small| small.drivers.clone());
    let drivers = drivers.unwrap_or_default();
    result.drivers = drivers.len() as u64;
    result.driver_differences = system::drivers(&drivers, &space, dump.header.loaded_module_list)?;
    Ok(result)
}

/// The memory that drivers named for the dump and that it lacks, in words.
#[must_use]
pub fn lacking<R>(dump: &DumpFile<R>, life: &Life) -> Vec<String> {
    let held = Ranges::new(
        held(dump)
            .into_iter()
            .map(|block| (block.address, block.address.saturating_add(block.bytes))),
    );
    let mut lacking = Vec::new();
    for record in life.records() {
        let Record::BugcheckCallback(BugcheckCallback {
            component,
            result: CallbackResult::Ranges(ranges),
            ..
        }) = record
        else {
            continue;
        };
        for range in ranges {
            let end = range.address.saturating_add(range.bytes);
            let absent = Ranges::new([(range.address, end)]).minus(&held);
            if !absent.is_empty() {
                lacking.push(format!(
                    "{} bytes that \"{component}\" named: {}",
                    absent.bytes(),
                    absent.describe(4)
                ));
            }
        }
    }
    lacking
}

/// Everything in a small dump that was in memory.
fn held<R>(dump: &DumpFile<R>) -> Vec<DataBlock> {
    let Body::Blocks(triage) = &dump.body else {
        return Vec::new();
    };
    let debugger_data = dump.small.as_ref().and_then(|small| small.debugger_data);
    triage
        .stack
        .into_iter()
        .chain(triage.blocks.iter().copied())
        .chain(debugger_data)
        .collect()
}

/// What blocks are compared with.
struct Job<'a> {
    memory: &'a MemorySave,
    space: VirtualMemory<'a>,
    volatile: &'a Ranges,
}

impl Job<'_> {
    fn block<R: Read + Seek>(
        &self,
        result: &mut SmallCompare,
        dump: &mut DumpFile<R>,
        block: DataBlock,
    ) -> io::Result<()> {
        let (mut ours, mut theirs) = ([0; PAGE_STEP], [0; PAGE_STEP]);
        let mut done = 0;
        while done < block.bytes {
            let address = block.address + done;
            let left = usize::try_from(block.bytes - done).unwrap_or(usize::MAX);
            let step = to_page_end(address).min(left);
            let (ours, theirs) = (&mut ours[..step], &mut theirs[..step]);
            dump.read_data(block, done, theirs)?;
            let physical = self.space.physical(address)?;
            let found = match physical {
                Some(physical) => self.memory.read(physical, ours)?,
                None => false,
            };
            match physical {
                Some(physical) if found => self.bytes(result, [address, physical], ours, theirs),
                _ => result.bytes_unmapped += step as u64,
            }
            done += step as u64;
        }
        Ok(())
    }

    /// Compares bytes that begin at a virtual and a physical address.
    fn bytes(
        &self,
        result: &mut SmallCompare,
        [address, physical]: [u64; 2],
        ours: &[u8],
        theirs: &[u8],
    ) {
        for (offset, (&memory, &dump)) in (0_u64..).zip(ours.iter().zip(theirs)) {
            if self.volatile.contains(physical + offset) {
                result.bytes_volatile += 1;
                continue;
            }
            result.bytes_compared += 1;
            if memory == dump {
                continue;
            }
            result.bytes_different += 1;
            if result.differences.len() < LISTED {
                result.differences.push(ByteDifference {
                    address: Hex(address + offset),
                    memory,
                    dump,
                });
            }
        }
    }
}

#[cfg(test)]
mod tests;
