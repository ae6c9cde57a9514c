//! What a debugger, and QEMU when it writes a Windows dump, look for in the memory of the dumped system.
//!
//! [`lay_out`] makes one block of bytes for a known address: `KdDebuggerDataBlock`, the list of loaded modules, the processor
//! blocks with their contexts, and the variables that the block points to. The header of the dump
//! ([`super::header::HeaderSpec`]) takes the addresses from [`DebuggerData`]. The system has no processes: that list is
//! empty.

use alloc::{string::String, vec, vec::Vec};

use super::{
    abi::{DEBUGGER_TAG, DebuggerData as Data, LoadedModule as Entry, PAGE_BYTES},
    context::CONTEXT_BYTES,
    header::{Bugcheck, Run},
};
use crate::port::abi::{Structure, put};

/// Where a processor block has its `CurrentThread` (fixed on x64: drivers read it inline).
const PRCB_CURRENT_THREAD: usize = 0x8;
/// Where it has its number.
const PRCB_NUMBER: usize = 0x24;
/// Where it has the address of its context; Windows' own offset changes with the build, the data block tells.
const PRCB_CONTEXT: usize = 0x40;
/// Bytes of a processor block.
const PRCB_BYTES: usize = 0x80;
/// Bytes that stand for a thread: all zero, so that no reader takes it for one of a process.
const THREAD_BYTES: usize = 0x400;
/// Bytes of the data block itself, which everything else follows.
pub const DATA_BYTES: u64 = Data::BYTES;
/// Bytes of `KiBugcheckData`: the code and four parameters, 8 bytes each.
const BUGCHECK_BYTES: usize = 40;

/// A loaded module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    /// File name.
    pub name: String,
    /// First byte.
    pub base: u64,
    /// Length in bytes.
    pub bytes: u32,
    /// Entry point.
    pub entry: u64,
}

/// What the block says.
#[derive(Clone, Copy, Debug)]
pub struct DebuggerSpec<'a> {
    /// Where the block will lie: a multiple of 16, up to [`bytes_needed`] bytes, mapped by the system's root table.
    pub address: u64,
    /// First byte of the kernel.
    pub kernel_base: u64,
    /// The kernel first, then the drivers in load order.
    pub modules: &'a [Module],
    /// Registers of each processor, as [`super::context::record`] gives them.
    pub contexts: &'a [[u8; CONTEXT_BYTES]],
    /// RAM.
    pub runs: &'a [Run],
    /// `MmPfnDatabase`.
    pub pfn_database: u64,
    /// Why the system stopped; zero while it runs.
    pub bugcheck: Bugcheck,
}

/// The block, and what lies where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DebuggerData {
    /// The bytes, for [`DebuggerSpec::address`].
    pub bytes: Vec<u8>,
    /// `KdDebuggerDataBlock`.
    pub block: u64,
    /// `PsLoadedModuleList`.
    pub loaded_modules: u64,
    /// `PsActiveProcessHead`.
    pub active_processes: u64,
    /// `KiBugcheckData`.
    pub bugcheck_data: u64,
    /// The processor blocks.
    pub processors: Vec<u64>,
    /// The thread that all processors execute.
    pub thread: u64,
    /// The context of each processor.
    pub contexts: Vec<u64>,
}

/// Bytes of the block for that many modules and processors.
#[must_use]
pub fn bytes_needed(modules: &[Module], processors: usize) -> usize {
    let names: usize = modules
        .iter()
        .map(|module| (module.name.encode_utf16().count() * 2 + 2).next_multiple_of(16))
        .sum();
    let fixed = round(data_bytes()) + 3 * 16 + round(BUGCHECK_BYTES) + THREAD_BYTES;
    fixed
        + round(8 * processors)
        + processors * (PRCB_BYTES + round(CONTEXT_BYTES))
        + modules.len() * round(entry_bytes())
        + names
}

/// Makes the block.
#[must_use]
pub fn lay_out(spec: &DebuggerSpec<'_>) -> DebuggerData {
    let mut block = Block {
        address: spec.address,
        bytes: vec![0; bytes_needed(spec.modules, spec.contexts.len())],
        used: 0,
    };
    let data = block.take(data_bytes());
    let loaded_modules = block.take(16);
    let active_processes = block.take(16);
    let pfn_database = block.take(8);
    let bugcheck = block.take(BUGCHECK_BYTES);
    let thread = block.take(THREAD_BYTES);
    block.put_u64(pfn_database, spec.pfn_database);
    block.put_bugcheck(bugcheck, spec.bugcheck);
    block.link(active_processes, &[]);
    let entries: Vec<usize> = spec
        .modules
        .iter()
        .map(|module| block.put_module(module))
        .collect();
    block.link(loaded_modules, &entries);
    let (processor_block, places) = block.put_processors(thread, spec.contexts);
    block.put_data(
        data,
        &Lists {
            loaded_modules,
            active_processes,
            bugcheck,
            pfn_database,
            processor_block,
        },
        spec,
    );
    DebuggerData {
        block: block.at(data),
        loaded_modules: block.at(loaded_modules),
        active_processes: block.at(active_processes),
        bugcheck_data: block.at(bugcheck),
        processors: places.iter().map(|place| block.at(place.0)).collect(),
        thread: block.at(thread),
        contexts: places.iter().map(|place| block.at(place.1)).collect(),
        bytes: block.bytes,
    }
}

/// Offsets of what the data block points to.
struct Lists {
    loaded_modules: usize,
    active_processes: usize,
    bugcheck: usize,
    pfn_database: usize,
    processor_block: usize,
}

/// Bytes under construction, for a known address.
struct Block {
    address: u64,
    bytes: Vec<u8>,
    used: usize,
}

impl Block {
    /// The next `bytes` bytes, on a multiple of 16.
    fn take(&mut self, bytes: usize) -> usize {
        let offset = self.used;
        self.used += round(bytes);
        offset
    }

    fn at(&self, offset: usize) -> u64 {
        self.address + offset as u64
    }

    fn tail(&mut self, offset: usize) -> &mut [u8] {
        self.bytes.get_mut(offset..).unwrap_or_default()
    }

    fn put_bytes(&mut self, offset: usize, bytes: &[u8]) {
        if let Some(place) = self.tail(offset).get_mut(..bytes.len()) {
            place.copy_from_slice(bytes);
        }
    }

    fn put_u64(&mut self, offset: usize, value: u64) {
        self.put_bytes(offset, &value.to_le_bytes());
    }

    /// Makes a list of the entries, each of which begins with its links.
    fn link(&mut self, head: usize, entries: &[usize]) {
        let mut ring = vec![head];
        ring.extend(entries);
        let next = ring.iter().cycle().skip(1);
        let pairs: Vec<(usize, usize)> = ring.iter().copied().zip(next.copied()).collect();
        for (from, to) in pairs {
            let (from_address, to_address) = (self.at(from), self.at(to));
            self.put_u64(from, to_address);
            self.put_u64(to + 8, from_address);
        }
    }

    fn put_bugcheck(&mut self, offset: usize, bugcheck: Bugcheck) {
        self.put_u64(offset, bugcheck.code.into());
        for (index, parameter) in bugcheck.parameters.into_iter().enumerate() {
            self.put_u64(offset + 8 + 8 * index, parameter);
        }
    }

    fn put_module(&mut self, module: &Module) -> usize {
        let name: Vec<u8> = module
            .name
            .encode_utf16()
            .chain([0])
            .flat_map(u16::to_le_bytes)
            .collect();
        let offset = self.take(entry_bytes());
        let buffer = self.take(name.len());
        self.put_bytes(buffer, &name);
        let buffer = self.at(buffer);
        let bytes = u16::try_from(name.len()).unwrap_or(u16::MAX);
        let entry = self.tail(offset);
        put(entry, Entry::BASE, module.base);
        put(entry, Entry::ENTRY_POINT, module.entry);
        put(entry, Entry::IMAGE_BYTES, module.bytes);
        put(entry, Entry::FULL_NAME_LENGTH, bytes - 2);
        put(entry, Entry::FULL_NAME_MAXIMUM, bytes);
        put(entry, Entry::FULL_NAME_BUFFER, buffer);
        put(entry, Entry::BASE_NAME_LENGTH, bytes - 2);
        put(entry, Entry::BASE_NAME_MAXIMUM, bytes);
        put(entry, Entry::BASE_NAME_BUFFER, buffer);
        offset
    }

    /// The array of processor blocks, and where each processor has its block and its context.
    fn put_processors(
        &mut self,
        thread: usize,
        contexts: &[[u8; CONTEXT_BYTES]],
    ) -> (usize, Vec<(usize, usize)>) {
        let array = self.take(8 * contexts.len());
        let thread = self.at(thread);
        let mut places = Vec::new();
        for (index, context) in contexts.iter().enumerate() {
            let processor = self.take(PRCB_BYTES);
            let place = self.take(CONTEXT_BYTES);
            let (processor_address, place_address) = (self.at(processor), self.at(place));
            self.put_u64(array + 8 * index, processor_address);
            self.put_u64(processor + PRCB_CURRENT_THREAD, thread);
            let number = u32::try_from(index).unwrap_or(u32::MAX);
            self.put_bytes(processor + PRCB_NUMBER, &number.to_le_bytes());
            self.put_u64(processor + PRCB_CONTEXT, place_address);
            self.put_bytes(place, context);
            places.push((processor, place));
        }
        (array, places)
    }

    fn put_data(&mut self, offset: usize, lists: &Lists, spec: &DebuggerSpec<'_>) {
        self.link(offset, &[]);
        let [
            loaded_modules,
            active_processes,
            bugcheck,
            pfn_database,
            processor_block,
        ] = [
            lists.loaded_modules,
            lists.active_processes,
            lists.bugcheck,
            lists.pfn_database,
            lists.processor_block,
        ]
        .map(|offset| self.at(offset));
        let lowest = spec.runs.first().map_or(0, |run| run.base_page);
        let highest = spec
            .runs
            .last()
            .map_or(0, |run| (run.base_page + run.pages).saturating_sub(1));
        let pages: u64 = spec.runs.iter().map(|run| run.pages).sum();
        let data = self.tail(offset);
        put(data, Data::TAG, DEBUGGER_TAG);
        put(data, Data::SIZE, short(data_bytes()).into());
        put(data, Data::KERNEL_BASE, spec.kernel_base);
        put(data, Data::LOADED_MODULES, loaded_modules);
        put(data, Data::ACTIVE_PROCESSES, active_processes);
        put(data, Data::BUGCHECK_DATA, bugcheck);
        put(data, Data::PFN_DATABASE, pfn_database);
        put(data, Data::LOWEST_PAGE, lowest);
        put(data, Data::HIGHEST_PAGE, highest);
        put(data, Data::PHYSICAL_PAGES, pages);
        put(data, Data::PAGE_SIZE, PAGE_BYTES);
        put(data, Data::PROCESSOR_BLOCK, processor_block);
        put(data, Data::SIZE_OF_PRCB, short(PRCB_BYTES));
        put(data, Data::SIZE_OF_THREAD, short(THREAD_BYTES));
        put(
            data,
            Data::OFFSET_PRCB_CURRENT_THREAD,
            short(PRCB_CURRENT_THREAD),
        );
        put(data, Data::OFFSET_PRCB_NUMBER, short(PRCB_NUMBER));
        put(data, Data::OFFSET_PRCB_CONTEXT, short(PRCB_CONTEXT));
    }
}

const fn round(bytes: usize) -> usize {
    bytes.next_multiple_of(16)
}

fn data_bytes() -> usize {
    usize::try_from(Data::BYTES).unwrap_or(0)
}

fn entry_bytes() -> usize {
    usize::try_from(Entry::BYTES).unwrap_or(0)
}

/// A small number as the block has it.
fn short(value: usize) -> u16 {
    u16::try_from(value).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests;
