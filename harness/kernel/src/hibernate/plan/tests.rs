//! Tests of the page sets.

use alloc::vec;

use super::*;

fn run(first_pfn: u64, pages: u64, owner: Owner) -> OwnerRun {
    OwnerRun {
        first_pfn,
        pages,
        owner,
    }
}

fn owners() -> Vec<OwnerRun> {
    vec![
        run(0, 256, Owner::Firmware),
        run(256, 16640, Owner::Loader),
        run(0x5000, 2, Owner::KernelText),
        run(0x5002, 1, Owner::KernelData),
        run(0x5003, 1, Owner::PageTables),
        run(0x5004, 1, Owner::KernelStack),
        run(0x5005, 1, Owner::HibernateStack),
        run(0x5006, 2, Owner::Image(Role::Hiber)),
        run(0x5008, 1, Owner::DumpPort(Role::Hiber)),
        run(0x6000, 3, Owner::DumpContext(Role::Normal)),
        run(0x6003, 1, Owner::Image(Role::Normal)),
        run(0x6004, 2, Owner::Workload),
        run(0x7000, 8, Owner::Scratch),
    ]
}

fn page(pfn: u64, source: Source) -> PlannedPage {
    PlannedPage { pfn, source }
}

#[test]
fn two_phases_split_by_owner() {
    let plan = PagePlan::new(&owners(), &RangeSet::new(), Phases::Two);
    assert_eq!(
        plan.boot,
        vec![
            page(0x5000, Source::InPlace),
            page(0x5001, Source::InPlace),
            page(0x5002, Source::Shadow),
            page(0x5003, Source::Shadow),
            page(0x5004, Source::InPlace),
            page(0x5005, Source::Bounce),
            page(0x5006, Source::Bounce),
            page(0x5007, Source::Bounce),
            page(0x5008, Source::Bounce),
        ]
    );
    let kernel: Vec<u64> = plan.kernel.iter().map(|page| page.pfn).collect();
    assert_eq!(kernel, vec![0x6000, 0x6001, 0x6002, 0x6003, 0x6004, 0x6005]);
    assert!(plan.wipes.is_empty());
}

#[test]
fn a_mark_moves_its_pages_and_only_its_bytes() {
    let mut marked = RangeSet::new();
    marked.insert_range(0x600_0010, 0x1000);
    let plan = PagePlan::new(&owners(), &marked, Phases::Two);
    assert!(plan.boot.contains(&page(0x6000, Source::Bounce)));
    assert!(plan.boot.contains(&page(0x6001, Source::Bounce)));
    assert!(!plan.boot_pfns().contains(&0x6002));
    assert!(plan.kernel.contains(&page(0x6000, Source::Patch)));
    assert!(plan.kernel.contains(&page(0x6001, Source::Patch)));
    assert!(plan.kernel.contains(&page(0x6002, Source::InPlace)));
    assert_eq!(
        plan.wipes,
        vec![
            WipeRange {
                address: 0x600_0000,
                bytes: 0x10
            },
            WipeRange {
                address: 0x600_1010,
                bytes: 0xFF0
            },
        ]
    );
}

#[test]
fn a_wholly_marked_page_is_not_patched() {
    let mut marked = RangeSet::new();
    marked.insert_range(0x600_0000, 0x1000);
    let plan = PagePlan::new(&owners(), &marked, Phases::Two);
    assert!(plan.wipes.is_empty());
    assert!(
        plan.kernel
            .iter()
            .all(|page| page.source == Source::InPlace)
    );
}

#[test]
fn a_mark_on_the_ports_own_memory_changes_nothing() {
    let mut marked = RangeSet::new();
    marked.insert_range(0x500_8100, 0x100);
    let with = PagePlan::new(&owners(), &marked, Phases::Two);
    let without = PagePlan::new(&owners(), &RangeSet::new(), Phases::Two);
    assert_eq!(with, without);
}

#[test]
fn one_phase_restores_all_by_the_loader_and_wipes_nothing() {
    let mut marked = RangeSet::new();
    marked.insert_range(0x600_0010, 0x20);
    let plan = PagePlan::new(&owners(), &marked, Phases::Single);
    assert!(plan.kernel.is_empty());
    assert!(plan.wipes.is_empty());
    assert_eq!(plan.boot.len(), 15);
    assert_eq!(plan.page(14).map(|page| page.pfn), Some(0x6005));
    assert_eq!(plan.page(15), None);
}
