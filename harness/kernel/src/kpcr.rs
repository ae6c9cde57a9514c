//! The page behind GS: what little of the processor control region drivers read inline.
//!
//! Offsets as public headers use them on x64: 0x18 self, 0x20 current processor block, 0x184 processor number,
//! 0x188 current thread. Everything else is zero.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::{
    hw::cpu,
    mem::{self, AllocSpec, Contiguity, Owner, PAGE_BYTES, Placement, Va},
};

const SELF: u64 = 0x18;
const PROCESSOR_BLOCK_POINTER: u64 = 0x20;
const PROCESSOR_BLOCK: u64 = 0x180;
const CURRENT_THREAD: u64 = 0x188;

static PAGE: AtomicU64 = AtomicU64::new(0);

/// Makes the page and points GS at it. At boot.
///
/// # Panics
/// If there is no memory.
pub fn init() {
    let block = mem::alloc(AllocSpec {
        bytes: 2 * PAGE_BYTES,
        align: PAGE_BYTES,
        contiguous: Contiguity::Contiguous,
        placement: Placement::Low,
        owner: Owner::KernelData,
        name: "processor control region",
    });
    let Ok(block) = block else {
        panic!("no memory for the processor control region");
    };
    let page = block.va;
    // A page and, behind it, what stands for the current thread.
    let written = mem::fill(page, 0, block.bytes)
        .and_then(|()| mem::write(page.offset(SELF), &page.0))
        .and_then(|()| {
            let processor = page.offset(PROCESSOR_BLOCK).0;
            mem::write(page.offset(PROCESSOR_BLOCK_POINTER), &processor)
        })
        .and_then(|()| mem::write(page.offset(CURRENT_THREAD), &page.offset(PAGE_BYTES).0));
    assert!(written.is_ok(), "the page was just mapped");
    PAGE.store(page.0, Ordering::Relaxed);
    cpu::set_gs_base(page);
}

/// Its address.
#[must_use]
pub fn page() -> Va {
    Va(PAGE.load(Ordering::Relaxed))
}
