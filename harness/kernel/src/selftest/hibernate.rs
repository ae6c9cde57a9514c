//! The way through the loader, without a disk: every page in use goes into the package window itself.
//!
//! Pages that change while they are copied (this stack, the heap) are copied once, at the end, with nothing else
//! running: what the loader restores is the machine as it was at that moment.

use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};

use proto::{
    hiber::{
        FORMAT_VERSION, PACKAGE_BASE, PACKAGE_MAGIC, PackageHeader, TocEntry, WipeRange, checksum,
    },
    owner::Owner,
};
use zerocopy::IntoBytes;

use crate::{
    hw::switch,
    interrupt,
    irql::{self, HIGH_LEVEL},
    mem::{self, AllocSpec, Contiguity, PAGE_BYTES, Pa, Placement, Va},
    pci, power,
    processors::{bring_up, park},
    record, timer,
};

/// Address of the block whose second half is to be destroyed.
static WITNESS: AtomicU64 = AtomicU64::new(0);
static RESUMED: AtomicU64 = AtomicU64::new(0);
static FROZEN_US: AtomicU64 = AtomicU64::new(0);

pub(super) fn run() {
    let block = mem::alloc(AllocSpec {
        bytes: 2 * PAGE_BYTES,
        align: PAGE_BYTES,
        contiguous: Contiguity::Contiguous,
        placement: Placement::High,
        owner: Owner::Workload,
        name: "witness",
    });
    let Ok(block) = block else {
        panic!("no memory for the test");
    };
    assert!(mem::fill(block.va, 0x42, block.bytes).is_ok());
    WITNESS.store(block.va.0, Ordering::Relaxed);
    FROZEN_US.store(timer::now_us(), Ordering::Relaxed);
    let local = 0x1122_3344_5566_7788_u64;
    park::park_others();
    let flag = interrupt::disable();
    let old = irql::raise(HIGH_LEVEL);
    switch::hibernate(write, resumed);
    interrupt::reprogram();
    timer::resume();
    crate::hw::cpu::write_cr8(old);
    interrupt::restore(flag);
    bring_up::start_again();
    assert_eq!(local, 0x1122_3344_5566_7788);
    assert_eq!(RESUMED.load(Ordering::Relaxed), 1);
    assert!(timer::now_us() >= FROZEN_US.load(Ordering::Relaxed));
    let start = timer::now_us();
    timer::stall_us(100);
    assert!(timer::now_us() - start >= 100);
    crate::log!("resumed");
}

/// In the resumed machine, on the hibernate stack.
fn resumed() {
    RESUMED.fetch_add(1, Ordering::Relaxed);
    let witness = Va(WITNESS.load(Ordering::Relaxed));
    assert_eq!(mem::read::<u64>(witness), Ok(0x4242_4242_4242_4242));
    let last = mem::read_vec(witness.offset(PAGE_BYTES + 8), 8);
    assert_eq!(
        last.as_deref(),
        Ok(&[0x42; 8][..]),
        "right behind what was destroyed"
    );
    let destroyed = mem::read::<u64>(witness.offset(PAGE_BYTES));
    assert_eq!(destroyed, Ok(proto::hiber::POISON));
}

/// On the hibernate stack: the package, then S4.
fn write() -> ! {
    let witness = Va(WITNESS.load(Ordering::Relaxed));
    let wipe = mem::translate(witness.offset(PAGE_BYTES)).map(|pa| WipeRange {
        address: pa.0,
        bytes: 8,
    });
    let wipes: Vec<WipeRange> = wipe.into_iter().collect();
    let runs = mem::owner_runs();
    let saved = runs
        .iter()
        .filter(|run| !matches!(run.owner, Owner::Firmware | Owner::Loader));
    let mut table: Vec<TocEntry> = saved
        .flat_map(|run| run.first_pfn..run.first_pfn + run.pages)
        .map(|pfn| TocEntry { pfn, xxh64: 0 })
        .collect();
    let table_at = (size_of::<PackageHeader>() + wipes.as_slice().as_bytes().len()) as u64;
    let data_offset = (table_at + table.len() as u64 * 16).next_multiple_of(PAGE_BYTES);
    let hba = pci::scan()
        .into_iter()
        .find(|function| function.vendor_id == 0x1AF4);
    let header = PackageHeader {
        magic: PACKAGE_MAGIC,
        version: FORMAT_VERSION,
        reserved: 0,
        pages: table.len() as u64,
        wipes: wipes.len() as u64,
        data_offset,
        hba_location: hba.map_or(u64::MAX, |function| function.location.raw().into()),
        entry: switch::entry(),
        header_xxh64: 0,
    };
    let header = header.sealed();
    record::emit(&record::Record::StepBegin {
        name: alloc::string::String::from("package"),
    });
    let mut page = [0; 4096];
    let base = Pa(PACKAGE_BASE);
    let mut good = true;
    for (index, entry) in (0_u64..).zip(&mut table) {
        let to = base.offset(data_offset + index * PAGE_BYTES);
        good &= mem::read_physical_bytes(Pa::of_pfn(entry.pfn), &mut page).is_ok();
        good &= mem::write_physical_bytes(to, &page).is_ok();
        // This loop's own variables may have changed the page: what counts is what was stored.
        good &= mem::read_physical_bytes(to, &mut page).is_ok();
        entry.xxh64 = checksum(&page);
    }
    good &= mem::write_physical_bytes(base, header.as_bytes()).is_ok();
    let wipes_at = base.offset(size_of::<PackageHeader>() as u64);
    good &= mem::write_physical_bytes(wipes_at, wipes.as_slice().as_bytes()).is_ok();
    good &= mem::write_physical_bytes(base.offset(table_at), table.as_slice().as_bytes()).is_ok();
    assert!(good, "the package could not be written");
    power::sleep_s4()
}
