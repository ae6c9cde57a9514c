//! Page tables: built once at boot, then changed page by page.
//!
//! | region | what | rights |
//! |---|---|---|
//! | 1..2 MiB | the resume loader's window, one to one | execute |
//! | kernel image, one to one | text / constants / variables and stacks | execute / read / write |
//! | `DIRECT_BASE` | all RAM in pages of 2 MiB | write |
//! | `POOL_BASE`, `MMIO_BASE`, `IMAGE_BASE` | mapped on demand | per page |
//!
//! Nothing that a driver uses is writable and executable at the same time. The table pages are reached through the
//! direct map.

use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};

use proto::{hiber::LOADER_BASE, owner::Owner, record::PhysicalRange};

use super::{
    PAGE_BYTES, Pa, Va,
    phys::{self, Zone},
    raw,
};
use crate::{
    hw::{cpu, layout},
    processors::signal,
};

const PRESENT: u64 = 1;
const WRITABLE: u64 = 1 << 1;
const WRITE_THROUGH: u64 = 1 << 3;
const UNCACHED: u64 = 1 << 4;
const ACCESSED: u64 = 1 << 5;
const DIRTY: u64 = 1 << 6;
const LARGE: u64 = 1 << 7;
/// Ignored by the processor: the page is mapped, but hidden by [`hide`].
const HIDDEN: u64 = 1 << 9;
/// Ignored by the processor: the page may be written, but writes are [`watch`]ed.
const WATCHED: u64 = 1 << 10;
const NO_EXECUTE: u64 = 1 << 63;
/// A new entry. The processor finds nothing to note in it, so that tables do not change while the host compares memory.
const MAPPED: u64 = PRESENT | ACCESSED | DIRTY;
const ADDRESS: u64 = 0x000F_FFFF_FFFF_F000;
const LARGE_BYTES: u64 = 2 << 20;

/// Root of the kernel's tables; 0 until [`init`].
static ROOT: AtomicU64 = AtomicU64::new(0);

/// What may be done with a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// Read only.
    Read,
    /// Read and write.
    Write,
    /// Read and execute.
    Execute,
}

/// How a page is cached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caching {
    /// Memory.
    WriteBack,
    /// Device registers.
    Uncached,
}

/// A page as the tables describe it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// Physical address of the byte that was asked for.
    pub pa: Pa,
    /// Whether it may be written.
    pub writable: bool,
}

/// Builds the kernel's tables and switches to them.
///
/// # Panics
/// If there is no memory for the tables.
pub fn init() {
    let root = new_table();
    ROOT.store(root.0, Ordering::Relaxed);
    let mut regions: Vec<u64> = phys::ram()
        .iter()
        .flat_map(|ram| {
            let first = ram.address / LARGE_BYTES;
            first..(ram.address + ram.bytes).div_ceil(LARGE_BYTES)
        })
        .collect();
    regions.dedup();
    for region in regions {
        let pa = Pa(region * LARGE_BYTES);
        let slot = walk_to(layout::direct(pa), 2);
        raw::write_word(slot, pa.0 | MAPPED | WRITABLE | LARGE | NO_EXECUTE);
    }
    for (range, protection) in [
        (layout::kernel_text(), Protection::Execute),
        (layout::kernel_rodata(), Protection::Read),
        (layout::kernel_data(), Protection::Write),
        (layout::main_stack(), Protection::Write),
        (layout::hibernate_stack(), Protection::Write),
        (layout::fault_stack(), Protection::Write),
        (layout::double_fault_stack(), Protection::Write),
        (layout::nmi_stack(), Protection::Write),
        (
            PhysicalRange {
                address: LOADER_BASE,
                bytes: 1 << 20,
            },
            Protection::Execute,
        ),
    ] {
        for offset in (0..range.bytes).step_by(crate::mem::size(PAGE_BYTES)) {
            let address = range.address + offset;
            map_page(Va(address), Pa(address), protection, Caching::WriteBack);
        }
    }
    cpu::set_root(root);
}

/// Maps a page; replaces what was mapped there.
///
/// # Panics
/// If there is no memory for a table.
pub fn map_page(va: Va, pa: Pa, protection: Protection, caching: Caching) {
    let slot = walk_to(va, 1);
    let before = raw::read_word(slot);
    raw::write_word(slot, pa.page().0 | MAPPED | bits(protection, caching));
    dropped(va, before);
}

/// Unmaps a page, if one is mapped.
pub fn unmap_page(va: Va) {
    if let Some(slot) = find_slot(va) {
        let before = raw::read_word(slot);
        raw::write_word(slot, 0);
        dropped(va, before);
    }
}

/// Changes the rights of a mapped page; whether one was mapped.
#[must_use]
pub fn protect_page(va: Va, protection: Protection) -> bool {
    change(va, |entry| {
        (entry & !(WRITABLE | WATCHED | NO_EXECUTE)) | bits(protection, Caching::WriteBack)
    })
}

/// Makes a mapped page fault on access, until [`reveal`]; whether one was mapped.
#[must_use]
pub fn hide(va: Va) -> bool {
    change(va, |entry| (entry & !PRESENT) | HIDDEN)
}

/// Undoes [`hide`]; whether a page is mapped.
#[must_use]
pub fn reveal(va: Va) -> bool {
    change(va, |entry| (entry & !HIDDEN) | PRESENT)
}

/// Makes writes to a page fault, until [`unwatch`]; whether it can be written at all. For everybody else, and for
/// [`look_up`], nothing changes. No other processor is told: one that still writes is missed.
#[must_use]
pub fn watch(va: Va) -> bool {
    exchange(va, |entry| {
        (entry & (PRESENT | WRITABLE | WATCHED) == PRESENT | WRITABLE)
            .then_some((entry & !WRITABLE) | WATCHED)
    })
}

/// Whether writes to a page are watched. Takes no lock.
#[must_use]
pub fn is_watched(va: Va) -> bool {
    find_slot(va).is_some_and(|slot| raw::read_word(slot) & WATCHED != 0)
}

/// Lets this processor write to a watched page, until [`close`]. Takes no lock.
pub fn open(va: Va) {
    exchange(va, |entry| {
        (entry & WATCHED != 0).then_some(entry | WRITABLE)
    });
}

/// Undoes [`open`]. Takes no lock.
pub fn close(va: Va) {
    exchange(va, |entry| {
        (entry & WATCHED != 0).then_some(entry & !WRITABLE)
    });
}

/// Undoes [`watch`], if the page is still the same one. Takes no lock.
pub fn unwatch(va: Va) {
    exchange(va, |entry| {
        (entry & WATCHED != 0).then_some((entry & !WATCHED) | WRITABLE)
    });
}

/// What the processor would find at an address.
#[must_use]
pub fn look_up(va: Va) -> Option<Mapping> {
    if !is_canonical(va) {
        return None;
    }
    let mut table = root();
    let mut writable = true;
    for level in (1..=4).rev() {
        let entry = raw::read_word(slot_of(table, va, level));
        if entry & PRESENT == 0 {
            return None;
        }
        writable &= entry & (WRITABLE | WATCHED) != 0;
        let page = 1_u64 << (12 + 9 * (level - 1));
        if level == 1 || entry & LARGE != 0 {
            let base = entry & ADDRESS & !(page - 1);
            return Some(Mapping {
                pa: Pa(base + (va.0 & (page - 1))),
                writable,
            });
        }
        table = Pa(entry & ADDRESS);
    }
    None
}

/// Physical pages of the tables themselves are those of `Owner::PageTables`; this is the root.
#[must_use]
pub fn root() -> Pa {
    Pa(ROOT.load(Ordering::Relaxed))
}

fn bits(protection: Protection, caching: Caching) -> u64 {
    let rights = match protection {
        Protection::Read => NO_EXECUTE,
        Protection::Write => WRITABLE | NO_EXECUTE,
        Protection::Execute => 0,
    };
    rights
        | match caching {
            Caching::WriteBack => 0,
            Caching::Uncached => UNCACHED | WRITE_THROUGH,
        }
}

fn change(va: Va, with: impl Fn(u64) -> u64) -> bool {
    let Some(slot) = find_slot(va) else {
        return false;
    };
    let entry = raw::read_word(slot);
    if entry & (PRESENT | HIDDEN) == 0 {
        return false;
    }
    raw::write_word(slot, with(entry));
    dropped(va, entry);
    true
}

/// Changes the entry of a page as `with` says, unless that is `None`; other processors may do the same at this moment.
fn exchange(va: Va, with: impl Fn(u64) -> Option<u64>) -> bool {
    let Some(slot) = find_slot(va) else {
        return false;
    };
    loop {
        let entry = raw::read_word(slot);
        let Some(wanted) = with(entry) else {
            return false;
        };
        if raw::exchange_word(slot, entry, wanted) {
            cpu::invalidate(va);
            return true;
        }
    }
}

/// The entry of a page changed: nobody goes on with the old one. Processors do not remember that a page was absent.
fn dropped(va: Va, before: u64) {
    cpu::invalidate(va);
    if before & PRESENT != 0 {
        signal::translations_changed();
    }
}

fn is_canonical(va: Va) -> bool {
    matches!(va.0 >> 47, 0 | 0x1_FFFF)
}

fn slot_of(table: Pa, va: Va, level: u32) -> Pa {
    table.offset((va.0 >> (12 + 9 * (level - 1)) & 511) * 8)
}

/// The slot of a 4 KiB page, if the tables above it exist.
fn find_slot(va: Va) -> Option<Pa> {
    if !is_canonical(va) {
        return None;
    }
    let mut table = root();
    for level in (2..=4).rev() {
        let entry = raw::read_word(slot_of(table, va, level));
        if entry & PRESENT == 0 || entry & LARGE != 0 {
            return None;
        }
        table = Pa(entry & ADDRESS);
    }
    Some(slot_of(table, va, 1))
}

/// The slot of an address at a level; makes the tables above it.
fn walk_to(va: Va, level: u32) -> Pa {
    let mut table = root();
    for upper in (level + 1..=4).rev() {
        let slot = slot_of(table, va, upper);
        let entry = raw::read_word(slot);
        table = if entry & PRESENT == 0 {
            let fresh = new_table();
            raw::write_word(slot, fresh.0 | MAPPED | WRITABLE);
            fresh
        } else {
            Pa(entry & ADDRESS)
        };
    }
    slot_of(table, va, level)
}

fn new_table() -> Pa {
    let Some(range) = phys::take_contiguous(Owner::PageTables, 1, Zone::Low) else {
        panic!("no memory for a page table");
    };
    let table = Pa(range.address);
    raw::fill(table, 0, PAGE_BYTES);
    table
}
