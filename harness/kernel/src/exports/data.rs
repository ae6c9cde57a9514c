//! Variables that drivers import from the kernel: 8 bytes each, on a page of their own.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::mem::{self, AllocSpec, Contiguity, Owner, PAGE_BYTES, Placement, Va};

/// Name and value.
const VARIABLES: &[(&str, u64)] = &[
    ("InitSafeBootMode", 0),
    ("KdDebuggerEnabled", 0),
    ("KdDebuggerNotPresent", 1),
    ("KeNumberProcessors", 1),
    ("NlsMbCodePageTag", 0),
    ("NlsMbOemCodePageTag", 0),
    ("NtBuildNumber", 22621),
    ("MmHighestUserAddress", 0x7FFF_FFFE_FFFF),
    ("MmSystemRangeStart", 0xFFFF_8000_0000_0000),
    ("MmUserProbeAddress", 0x7FFF_FFFF_0000),
];

static PAGE: AtomicU64 = AtomicU64::new(0);

/// Makes the page. At boot.
///
/// # Panics
/// If there is no memory.
pub(crate) fn init() {
    let block = mem::alloc(AllocSpec {
        bytes: PAGE_BYTES,
        align: PAGE_BYTES,
        contiguous: Contiguity::Contiguous,
        placement: Placement::Low,
        owner: Owner::KernelData,
        name: "exported variables",
    });
    let Ok(block) = block else {
        panic!("no memory for the exported variables");
    };
    for (slot, (_, value)) in (0_u64..).zip(VARIABLES) {
        // The page was just mapped.
        let _ = mem::write(block.va.offset(slot * 8), value);
    }
    PAGE.store(block.va.0, Ordering::Relaxed);
}

/// There are that many processors from now on.
///
/// # Panics
/// If the page is missing.
pub(crate) fn set_processors(count: usize) {
    let written = address("KeNumberProcessors").map(|va| mem::write(va, &(count as u64)));
    assert_eq!(written, Some(Ok(())), "the exported variables are missing");
}

/// Address of a variable.
#[must_use]
pub(crate) fn address(name: &str) -> Option<Va> {
    let slot = VARIABLES.iter().position(|&(found, _)| found == name)?;
    Some(Va(PAGE.load(Ordering::Relaxed)).offset(slot as u64 * 8))
}
