//! Maps what lies above 4 GiB: the entry code maps the first 4 GiB, one to one and in the direct map at once; both
//! share one table, which is extended here.

use crate::{
    hw::cpu,
    mem::{Pa, raw},
};

/// Where the loader's tables lie in its window.
const TABLES: u64 = 0x1B_0000;
/// End of the window.
const TABLES_END: u64 = 0x20_0000;
const GIB: u64 = 1 << 30;
const LARGE: u64 = 2 << 20;
const PRESENT_WRITABLE: u64 = 3;
const LARGE_PAGE: u64 = 0x83;
const ADDRESS: u64 = 0x000F_FFFF_FFFF_F000;

/// The tables that are taken.
#[derive(Debug)]
pub(super) struct Tables {
    next: u64,
}

impl Tables {
    pub(super) const fn new() -> Self {
        Self { next: TABLES }
    }

    /// Makes every byte of a range reachable through the direct map.
    ///
    /// # Panics
    /// If the machine has more memory than the window has tables for, about 80 GiB.
    pub(super) fn map(&mut self, address: u64, bytes: u64) {
        let root = cpu::root();
        let upper = Pa(raw::read_word(root) & ADDRESS);
        for gib in address / GIB..(address + bytes).div_ceil(GIB) {
            let slot = upper.offset(gib * 8);
            assert!(gib < 512, "memory above 512 GiB");
            if raw::read_word(slot) != 0 {
                continue;
            }
            assert!(
                self.next < TABLES_END,
                "too much memory for the loader's tables"
            );
            let table = Pa(self.next);
            self.next += 4096;
            for index in 0..512 {
                let page = gib * GIB + index * LARGE;
                raw::write_word(table.offset(index * 8), page | LARGE_PAGE);
            }
            raw::write_word(slot, table.0 | PRESENT_WRITABLE);
        }
        cpu::set_root(root);
    }
}
