//! Doorbells: each write to the notification registers of a virtio device is caught, counted, and kept until the bench
//! delivers it.
//!
//! The driver's mapping of the registers is replaced by a page of RAM that is hidden. A write faults ([`begin`]), is let through
//! to the RAM for one instruction ([`end`]), and what it left there is the doorbell. So the count does not depend on the driver,
//! nor on how fast the device's thread is at the moment: the device learns of a burst in [`deliver`]. Source: virtio 1.2, 4.1.4.4.

use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};

use proto::owner::Owner;

use super::device;
use crate::{
    call,
    mem::{
        self, AllocSpec, Allocation, Contiguity, PAGE_BYTES, Pa, Placement, Va,
        paging::{self, Caching, Protection},
        registers,
    },
    mmio::{self, Width},
    pci,
    sync::Lock,
    timer,
};

/// What the RAM holds where nothing was written. No queue has the number, and no notification data this value.
const NOTHING: u32 = u32::MAX;

/// A page of the driver's mapping.
#[derive(Debug)]
struct Page {
    /// Where the driver sees the registers.
    va: Va,
    /// The registers.
    real: Pa,
    /// The same for the bench.
    window: Va,
    /// What is there instead.
    shadow: Allocation,
}

/// A doorbell that the device does not know of yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pending {
    register: Va,
    width: Width,
    value: u32,
}

#[derive(Debug)]
struct Trap {
    pages: Vec<Page>,
    pending: Vec<Pending>,
    /// Page and offset of the write that is being let through, and the handler's instructions so far.
    open: Option<(usize, u64, u64)>,
}

static TRAP: Lock<Trap> = Lock::new(Trap {
    pages: Vec::new(),
    pending: Vec::new(),
    open: None,
});
static RUNG: AtomicU64 = AtomicU64::new(0);

/// Doorbells so far.
#[must_use]
pub fn rung() -> u64 {
    RUNG.load(Ordering::Relaxed)
}

/// Catches the doorbells of `hba` from now on; whether that is possible: the registers lie in pages of their own, and the driver
/// has mapped them. `PASSIVE_LEVEL`.
pub fn arm(hba: &pci::Function) -> bool {
    disarm();
    let Some((start, bytes)) = device::notification_registers(hba) else {
        return false;
    };
    if start.page_offset() != 0 || !bytes.is_multiple_of(PAGE_BYTES) {
        return false;
    }
    let mut pages = Vec::new();
    for mapping in mmio::mappings() {
        let first = mapping.va.page();
        let count = mem::pages_for(mapping.va.page_offset(), mapping.bytes);
        for index in 0..count {
            let real = mapping.pa.page().offset(index * PAGE_BYTES);
            if (start.0..start.0 + bytes).contains(&real.0)
                && let Some(page) = Page::replace(first.offset(index * PAGE_BYTES), real)
            {
                pages.push(page);
            }
        }
    }
    let armed = !pages.is_empty();
    TRAP.lock().pages = pages;
    armed
}

/// Lets the driver at its registers again. Doorbells that wait are delivered.
pub fn disarm() {
    deliver();
    let pages = core::mem::take(&mut TRAP.lock().pages);
    for page in pages {
        paging::map_page(page.va, page.real, Protection::Write, Caching::Uncached);
        // The block is live: it was allocated with the page.
        let _ = mem::free(page.shadow.va);
    }
}

/// Tells the device of all doorbells that wait: each register once, as a processor does that was too fast for the device.
pub fn deliver() {
    let pending = core::mem::take(&mut TRAP.lock().pending);
    for doorbell in pending {
        registers::write(doorbell.register, doorbell.width, doorbell.value.into());
    }
}

/// Forgets the doorbells that wait.
pub fn discard() {
    TRAP.lock().pending.clear();
}

/// The first page that is watched, for the calibration.
#[must_use]
pub fn watched_page() -> Option<Va> {
    TRAP.lock().pages.first().map(|page| page.va)
}

/// A page fault at `address`: whether it is a doorbell, which is let through now.
pub(crate) fn begin(address: Va) -> bool {
    let entered = timer::instructions();
    let Some(mut trap) = TRAP.try_lock() else {
        return false;
    };
    let Some(index) = trap.pages.iter().position(|page| page.va == address.page()) else {
        return false;
    };
    if !paging::reveal(address.page()) {
        return false;
    }
    let took = timer::instructions().wrapping_sub(entered);
    trap.open = Some((index, address.page_offset(), took));
    true
}

/// A debug exception: whether it comes right behind a doorbell.
pub(crate) fn end() -> bool {
    let entered = timer::instructions();
    let Some(mut trap) = TRAP.try_lock() else {
        return false;
    };
    let Some((index, offset, took)) = trap.open.take() else {
        return false;
    };
    let found = trap.pages.get(index).map(|page| {
        let _ = paging::hide(page.va);
        (page.window.offset(offset), page.shadow.pa().offset(offset))
    });
    if let Some((register, shadow)) = found {
        let value = mem::read_physical::<u32>(shadow).unwrap_or(NOTHING);
        let _ = mem::write_physical(shadow, &NOTHING);
        let (width, value) = if value >> 16 == NOTHING >> 16 {
            (Width::Word, value & 0xFFFF)
        } else {
            (Width::Dword, value)
        };
        trap.pending.retain(|earlier| earlier.register != register);
        trap.pending.push(Pending {
            register,
            width,
            value,
        });
        RUNG.fetch_add(1, Ordering::Relaxed);
    }
    drop(trap);
    call::caught(took + timer::instructions().wrapping_sub(entered));
    true
}

impl Page {
    /// Puts RAM in the place of registers, out of sight.
    fn replace(va: Va, real: Pa) -> Option<Self> {
        let window = mmio::map_for_kernel(real, PAGE_BYTES)?;
        let shadow = mem::alloc(AllocSpec {
            bytes: PAGE_BYTES,
            align: PAGE_BYTES,
            contiguous: Contiguity::Contiguous,
            placement: Placement::Any,
            owner: Owner::Scratch,
            name: "what is written instead of doorbells",
        })
        .ok()?;
        mem::fill(shadow.va, 0xFF, PAGE_BYTES).ok()?;
        paging::map_page(va, shadow.pa(), Protection::Write, Caching::WriteBack);
        paging::hide(va).then_some(Self {
            va,
            real,
            window,
            shadow,
        })
    }
}
