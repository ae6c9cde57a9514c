//! A machine's memory with page tables of its own, made for tests: [`Machine`].

use std::{fs, path::Path};

use proto::record::{Checkpoint, PhysicalRange};

use crate::session::life::{MemorySave, SavedPiece};

const PAGE: usize = 0x1000;

/// Memory from [`Machine::ROOT`] on: tables and pages in the order in which they were needed.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    memory: Vec<u8>,
}

impl Machine {
    /// Address of the root table and of the first byte.
    pub(crate) const ROOT: u64 = 0x10_0000;

    /// Nothing is mapped.
    pub(crate) fn new() -> Self {
        Self {
            memory: vec![0; PAGE],
        }
    }

    /// Puts bytes at a virtual address; pages are mapped as needed.
    pub(crate) fn put(&mut self, address: u64, bytes: &[u8]) {
        for (address, byte) in (address..).zip(bytes) {
            let at = self.place(address);
            self.memory[at] = *byte;
        }
    }

    /// Flips a byte of memory.
    pub(crate) fn flip(&mut self, address: u64) {
        let at = self.place(address);
        self.memory[at] ^= 0xff;
    }

    /// Physical address of a byte.
    pub(crate) fn physical(&mut self, address: u64) -> u64 {
        Self::ROOT + self.place(address) as u64
    }

    /// Takes a page out of the tables.
    pub(crate) fn unmap(&mut self, address: u64) {
        let entry = self.entry(address, 0);
        self.memory[entry] = 0;
    }

    /// Maps 2 MiB of memory.
    pub(crate) fn map_large(&mut self, address: u64, physical: u64) {
        let entry = self.entry(address, 1);
        let value = physical | 0x83;
        self.memory[entry..entry + 8].copy_from_slice(&value.to_le_bytes());
    }

    /// The copy that the host would have.
    pub(crate) fn save(&self, directory: &Path) -> MemorySave {
        let file = directory.join("memory");
        fs::write(&file, &self.memory).expect("written");
        MemorySave {
            checkpoint: Checkpoint::Crash,
            cycle: 0,
            pieces: vec![SavedPiece {
                range: PhysicalRange {
                    address: Self::ROOT,
                    bytes: self.memory.len() as u64,
                },
                file,
            }],
        }
    }

    /// Where a byte lies in the copy.
    fn place(&mut self, address: u64) -> usize {
        let entry = self.entry(address, 0);
        self.follow(entry) + usize::try_from(address % 0x1000).unwrap()
    }

    /// Where the entry of an address lies in the copy, in the table of this level; 0 is the lowest.
    fn entry(&mut self, address: u64, level: u32) -> usize {
        let mut table = 0;
        for upper in (level..4).rev() {
            let index = (address >> (12 + 9 * upper)) & 0x1ff;
            let entry = table + 8 * usize::try_from(index).unwrap();
            if upper == level {
                return entry;
            }
            table = self.follow(entry);
        }
        unreachable!("there are four levels")
    }

    /// Where that lies which an entry points to; a new page if there is none.
    fn follow(&mut self, entry: usize) -> usize {
        let bytes = self.memory[entry..entry + 8].try_into().unwrap();
        let value = u64::from_le_bytes(bytes);
        if value & 1 != 0 {
            return usize::try_from((value & !0xfff) - Self::ROOT).unwrap();
        }
        let page = self.memory.len();
        self.memory.resize(page + PAGE, 0);
        let value = (Self::ROOT + page as u64) | 3;
        self.memory[entry..entry + 8].copy_from_slice(&value.to_le_bytes());
        page
    }
}
