//! Memory: who owns which page, what is mapped where, and checked access to everything that a driver can name.
//!
//! | module | what |
//! |---|---|
//! | `addr` | [`Va`] and [`Pa`] |
//! | [`map`] | owner of each page (pure) |
//! | [`registry`] | which block holds a byte (pure) |
//! | `arena` | virtual ranges with guard pages (pure) |
//! | [`phys`] | the machine's pages |
//! | [`paging`] | page tables |
//! | `raw` | the only raw access, by physical address |
//! | `access` | access by virtual address, checked against the page tables |
//! | `pool` | blocks for drivers |
//!
//! A bad pointer of a driver is an error value here, never a fault of the kernel.

mod addr;
pub mod arena;
pub mod map;
pub mod registry;

#[cfg(any(target_os = "none", clippy))]
mod access;
#[cfg(any(target_os = "none", clippy))]
pub mod paging;
#[cfg(any(target_os = "none", clippy))]
pub mod phys;
#[cfg(any(target_os = "none", clippy))]
mod pool;
#[cfg(any(target_os = "none", clippy))]
pub(crate) mod raw;
#[cfg(any(target_os = "none", clippy))]
pub(crate) mod registers;

pub use addr::{PAGE_BYTES, Pa, Va, pages_for, size};
pub use proto::owner::Owner;
pub use registry::{Allocation, AllocationInfo, push_merged};

#[cfg(any(target_os = "none", clippy))]
pub(crate) use self::pool::find_near;
#[cfg(any(target_os = "none", clippy))]
pub use self::{
    access::{
        Access, FaultKind, MemFault, Presence, copy, fill, probe, read, read_ansi, read_bytes,
        read_physical, read_physical_bytes, read_vec, read_wide, runs, set_present, translate,
        write, write_bytes, write_physical, write_physical_bytes,
    },
    phys::{owner_of, owner_runs, ram, release_pages, take_pages},
    pool::{
        AllocError, AllocSpec, Contiguity, FreeError, Freed, Placement, alloc, alloc_at_offset,
        allocations, find, find_physical, free, set_owner,
    },
};

/// Address of physical memory in the direct map: writable, never executable.
#[cfg(any(target_os = "none", clippy))]
#[must_use]
pub fn direct(pa: Pa) -> Va {
    crate::hw::layout::direct(pa)
}

/// Copies whole page frames of RAM. Takes no lock: for the copy of the kernel's own memory, locks included.
#[cfg(any(target_os = "none", clippy))]
pub fn copy_frames(to: Pa, from: Pa, pages: u64) {
    raw::copy(to, from, pages.saturating_mul(PAGE_BYTES));
}
