//! The stopped machine's virtual memory, by its own page tables in the host's copy of RAM: [`VirtualMemory`].
//!
//! What the kernel says of where an address lies is not believed: the tables are what the processor would have found.

use std::io;

use proto::hiber::PAGE_BYTES;

use crate::session::life::MemorySave;

/// An entry of a table maps something.
const PRESENT: u64 = 1;
/// An entry of an upper table maps memory instead of a lower table.
const LARGE: u64 = 1 << 7;
/// Where an entry has its physical address.
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;
/// Bits of an address that one table translates.
const INDEX_BITS: u32 = 9;

/// Virtual memory of a stopped machine.
#[derive(Clone, Copy, Debug)]
pub struct VirtualMemory<'a> {
    memory: &'a MemorySave,
    root: u64,
}

impl<'a> VirtualMemory<'a> {
    /// What the tables at `directory_table_base` (CR3) map.
    #[must_use]
    pub const fn new(memory: &'a MemorySave, directory_table_base: u64) -> Self {
        Self {
            memory,
            root: directory_table_base & ADDRESS,
        }
    }

    /// Where an address lies in physical memory; `None` if it is not mapped, or a table is not in the copy.
    ///
    /// # Errors
    /// The copy cannot be read.
    pub fn physical(&self, address: u64) -> io::Result<Option<u64>> {
        let signed = address.cast_signed();
        if signed << 16 >> 16 != signed {
            return Ok(None);
        }
        let mut table = self.root;
        for level in (0..4).rev() {
            let shift = 12 + INDEX_BITS * level;
            let index = (address >> shift) & ((1 << INDEX_BITS) - 1);
            let mut entry = [0; 8];
            if !self.memory.read(table + 8 * index, &mut entry)? {
                return Ok(None);
            }
            let entry = u64::from_le_bytes(entry);
            if entry & PRESENT == 0 {
                return Ok(None);
            }
            // The root's entries have no such bit.
            let maps = level == 0 || (level < 3 && entry & LARGE != 0);
            if maps {
                let within = (1 << shift) - 1;
                return Ok(Some((entry & ADDRESS & !within) | (address & within)));
            }
            table = entry & ADDRESS;
        }
        Ok(None)
    }

    /// Reads memory; `Ok(false)` if not all of it is mapped and in the copy.
    ///
    /// # Errors
    /// The copy cannot be read.
    pub fn read(&self, address: u64, buffer: &mut [u8]) -> io::Result<bool> {
        let mut at = address;
        let mut rest = buffer;
        while !rest.is_empty() {
            let step = to_page_end(at).min(rest.len());
            let (now, later) = rest.split_at_mut(step);
            let Some(physical) = self.physical(at)? else {
                return Ok(false);
            };
            if !self.memory.read(physical, now)? {
                return Ok(false);
            }
            rest = later;
            at = at.wrapping_add(step as u64);
        }
        Ok(true)
    }

    /// Reads a 16-bit number.
    ///
    /// # Errors
    /// The copy cannot be read.
    pub fn read_u16(&self, address: u64) -> io::Result<Option<u16>> {
        Ok(self.bytes(address)?.map(u16::from_le_bytes))
    }

    /// Reads a 32-bit number.
    ///
    /// # Errors
    /// The copy cannot be read.
    pub fn read_u32(&self, address: u64) -> io::Result<Option<u32>> {
        Ok(self.bytes(address)?.map(u32::from_le_bytes))
    }

    /// Reads a 64-bit number.
    ///
    /// # Errors
    /// The copy cannot be read.
    pub fn read_u64(&self, address: u64) -> io::Result<Option<u64>> {
        Ok(self.bytes(address)?.map(u64::from_le_bytes))
    }

    fn bytes<const N: usize>(&self, address: u64) -> io::Result<Option<[u8; N]>> {
        let mut bytes = [0; N];
        Ok(self.read(address, &mut bytes)?.then_some(bytes))
    }
}

/// Bytes from an address to the end of its page.
pub(super) fn to_page_end(address: u64) -> usize {
    usize::try_from(PAGE_BYTES - address % PAGE_BYTES).unwrap_or(1)
}

#[cfg(test)]
pub(crate) mod machine;

#[cfg(test)]
mod tests {
    use super::{machine::Machine, *};

    const ADDRESS_OF_DATA: u64 = 0xffff_a000_1234_5ff8;

    #[test]
    fn memory_is_found_across_pages() {
        let directory = tempfile::tempdir().expect("made");
        let mut machine = Machine::new();
        machine.put(ADDRESS_OF_DATA, b"before  behind");
        let save = machine.save(directory.path());
        let memory = VirtualMemory::new(&save, Machine::ROOT);
        let mut text = [0; 14];
        assert!(memory.read(ADDRESS_OF_DATA, &mut text).expect("read"));
        assert_eq!(&text, b"before  behind");
        let place = memory.physical(ADDRESS_OF_DATA).expect("read");
        assert_eq!(place.map(|place| place % PAGE_BYTES), Some(0xff8));
        assert_eq!(
            memory.read_u16(ADDRESS_OF_DATA).expect("read"),
            Some(u16::from_le_bytes(*b"be"))
        );
        assert_eq!(
            memory.read_u32(ADDRESS_OF_DATA + 8).expect("read"),
            Some(u32::from_le_bytes(*b"behi"))
        );
        assert_eq!(
            memory.read_u64(ADDRESS_OF_DATA).expect("read"),
            Some(u64::from_le_bytes(*b"before  "))
        );
    }

    #[test]
    fn what_is_not_mapped_is_not_there() {
        let directory = tempfile::tempdir().expect("made");
        let mut machine = Machine::new();
        machine.put(ADDRESS_OF_DATA, &[1]);
        let save = machine.save(directory.path());
        let memory = VirtualMemory::new(&save, Machine::ROOT);
        for address in [
            0,
            ADDRESS_OF_DATA + 8,
            ADDRESS_OF_DATA ^ (1 << 40),
            // No address at all.
            ADDRESS_OF_DATA & !(1 << 60),
        ] {
            assert_eq!(memory.physical(address).expect("read"), None);
        }
        let mut bytes = [0; 16];
        assert!(!memory.read(ADDRESS_OF_DATA, &mut bytes).expect("read"));
        let elsewhere = VirtualMemory::new(&save, 0xdead_0000);
        assert_eq!(elsewhere.physical(ADDRESS_OF_DATA).expect("read"), None);
    }

    #[test]
    fn large_pages_end_the_walk() {
        let directory = tempfile::tempdir().expect("made");
        let mut machine = Machine::new();
        machine.put(0xffff_8000_0000_0000, &[1]);
        machine.map_large(0xffff_8000_0020_0000, 0x4000_0000);
        let save = machine.save(directory.path());
        let memory = VirtualMemory::new(&save, Machine::ROOT);
        let place = memory.physical(0xffff_8000_0031_2345).expect("read");
        assert_eq!(place, Some(0x4011_2345));
        // It lies beyond the copy.
        assert_eq!(memory.read_u64(0xffff_8000_0020_0000).expect("read"), None);
    }
}
