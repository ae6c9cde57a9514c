//! What the PVH boot protocol hands over (Xen's `start_info`, version 1: its `docs/misc/pvh` and `start_info.h`).
//!
//! UNSAFETY: the structures lie at physical addresses that the firmware chose; before the kernel's own page tables
//! exist, all memory below 4 GiB is mapped one to one.
#![expect(unsafe_code, reason = "boot structures are read from raw addresses")]

use alloc::{string::String, vec::Vec};

use zerocopy::FromBytes;

use crate::acpi::{self, AcpiError};

/// `start_info.magic`.
const MAGIC: u32 = 0x336E_C578;
/// `hvm_memmap_table_entry.type`: RAM.
const TYPE_RAM: u32 = 1;
/// Ends of the identity map that the entry code sets up.
const MAPPED_END: u64 = 1 << 32;

#[derive(Clone, Copy, Debug, FromBytes)]
#[repr(C)]
struct StartInfo {
    magic: u32,
    version: u32,
    flags: u32,
    module_count: u32,
    modules: u64,
    command_line: u64,
    rsdp: u64,
    memory_map: u64,
    memory_map_entries: u32,
    reserved: u32,
}

#[derive(Clone, Copy, Debug, FromBytes)]
#[repr(C)]
struct Module {
    address: u64,
    bytes: u64,
    command_line: u64,
    reserved: u64,
}

#[derive(Clone, Copy, Debug, FromBytes)]
#[repr(C)]
struct MapEntry {
    address: u64,
    bytes: u64,
    kind: u32,
    reserved: u32,
}

/// A stretch of the firmware's memory map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// First byte.
    pub address: u64,
    /// Length in bytes.
    pub bytes: u64,
    /// Usable RAM; otherwise reserved for the firmware.
    pub usable: bool,
}

/// The boot information, copied out.
#[derive(Clone, Debug, Default)]
pub struct BootInfo {
    /// The memory map in the firmware's order.
    pub memory: Vec<Stretch>,
    /// Physical range of the first module (`-initrd`): address and length in bytes.
    pub module: Option<(u64, u64)>,
    /// The kernel command line.
    pub command_line: String,
    /// Physical address of the table that the machine wakes up by; why there is none, otherwise.
    pub facs: Option<Result<u64, AcpiError>>,
}

/// Why the boot information cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PvhError {
    /// `start_info` does not begin with its magic number.
    Magic(u32),
    /// Version 0 has no memory map.
    Version(u32),
    /// A pointer leads above 4 GiB.
    OutOfReach(u64),
}

/// First usable RAM that begins at or above `floor` and holds `bytes` bytes below 4 GiB without touching the modules:
/// needs no heap, so that it can find the heap its place.
///
/// # Errors
/// A [`PvhError`] if the structures are not as documented; `Ok(None)` if there is no such stretch.
pub fn find_ram(info: u64, floor: u64, bytes: u64) -> Result<Option<u64>, PvhError> {
    let start = start_info(info)?;
    let module = first_module(&start)?;
    for index in 0..u64::from(start.memory_map_entries) {
        let entry: MapEntry = read(start.memory_map + index * 24)?;
        if entry.kind != TYPE_RAM {
            continue;
        }
        let first = entry.address.max(floor).next_multiple_of(4096);
        let end = (entry.address + entry.bytes).min(MAPPED_END);
        let end = match module {
            Some(module) if module.address >= first && module.address < end => module.address,
            _ => end,
        };
        if first + bytes <= end {
            return Ok(Some(first));
        }
    }
    Ok(None)
}

/// Copies the boot information out. Before the kernel's own page tables are loaded.
///
/// # Errors
/// The first [`PvhError`] that applies.
pub fn boot_info(info: u64) -> Result<BootInfo, PvhError> {
    let start = start_info(info)?;
    let mut memory = Vec::new();
    for index in 0..u64::from(start.memory_map_entries) {
        let entry: MapEntry = read(start.memory_map + index * 24)?;
        memory.push(Stretch {
            address: entry.address,
            bytes: entry.bytes,
            usable: entry.kind == TYPE_RAM,
        });
    }
    let module = first_module(&start)?.map(|module| (module.address, module.bytes));
    let mut command_line = String::new();
    if start.command_line != 0 {
        for offset in 0..4096 {
            match read::<u8>(start.command_line + offset)? {
                0 => break,
                byte => command_line.push(char::from(byte)),
            }
        }
    }
    Ok(BootInfo {
        memory,
        module,
        command_line,
        facs: (start.rsdp != 0).then(|| acpi::find_facs(start.rsdp, &read_bytes)),
    })
}

fn read_bytes(address: u64, into: &mut [u8]) -> bool {
    (address..)
        .zip(into)
        .all(|(address, byte)| read(address).map(|found| *byte = found).is_ok())
}

fn start_info(info: u64) -> Result<StartInfo, PvhError> {
    let start: StartInfo = read(info)?;
    if start.magic != MAGIC {
        return Err(PvhError::Magic(start.magic));
    }
    if start.version == 0 {
        return Err(PvhError::Version(start.version));
    }
    Ok(start)
}

fn first_module(start: &StartInfo) -> Result<Option<Module>, PvhError> {
    if start.module_count == 0 {
        return Ok(None);
    }
    read(start.modules).map(Some)
}

fn read<T: FromBytes>(address: u64) -> Result<T, PvhError> {
    let end = address.saturating_add(size_of::<T>() as u64);
    if end > MAPPED_END {
        return Err(PvhError::OutOfReach(address));
    }
    let Ok(address) = usize::try_from(address) else {
        return Err(PvhError::OutOfReach(address));
    };
    // SAFETY: (1) the address is below 4 GiB, all of which the entry code mapped one to one; (2) any bit pattern is a
    // valid `T`; (3) `read_unaligned` has no alignment rule.
    Ok(unsafe { core::ptr::with_exposed_provenance::<T>(address).read_unaligned() })
}
