//! The page behind GS, one for each processor: what little of the processor control region drivers read inline.
//!
//! Offsets as public headers use them on x64: 0x18 self, 0x20 current processor block, 0x184 processor number (a byte),
//! 0x188 current thread, 0x1A4 processor number (32 bits). Everything else is zero.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::{
    hw::cpu,
    mem::{self, AllocSpec, Contiguity, Owner, PAGE_BYTES, Placement, Va},
    processors::{Each, MOST},
};

const SELF: u64 = 0x18;
const PROCESSOR_BLOCK_POINTER: u64 = 0x20;
const PROCESSOR_BLOCK: u64 = 0x180;
const LEGACY_NUMBER: u64 = 0x184;
const CURRENT_THREAD: u64 = 0x188;
const NUMBER: u64 = 0x1A4;

static PAGES: Each<AtomicU64> = Each::new([const { AtomicU64::new(0) }; MOST]);

/// Makes the page of processor 0 and points GS at it. At boot.
///
/// # Panics
/// If there is no memory.
pub fn init() {
    add(0);
    cpu::set_gs_base(page());
}

/// Makes the page of processor `number`.
///
/// # Panics
/// If there is no memory, or there can be no such processor.
pub fn add(number: usize) {
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
        .and_then(|()| mem::write(page.offset(LEGACY_NUMBER), &number.to_le_bytes()[0]))
        .and_then(|()| {
            mem::write(
                page.offset(NUMBER),
                &u32::try_from(number).unwrap_or(u32::MAX),
            )
        })
        .and_then(|()| mem::write(page.offset(CURRENT_THREAD), &page.offset(PAGE_BYTES).0));
    assert!(written.is_ok(), "the page was just mapped");
    PAGES.of(number).store(page.0, Ordering::Relaxed);
}

/// Address of the page of processor 0.
#[must_use]
pub fn page() -> Va {
    page_of(0)
}

/// Address of the page of processor `number`.
#[must_use]
pub fn page_of(number: usize) -> Va {
    Va(PAGES.of(number).load(Ordering::Relaxed))
}
