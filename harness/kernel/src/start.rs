//! The order in which the kernel brings itself up, and what it does then.

use alloc::vec;

use proto::{
    owner::Owner,
    record::{PhysicalRange, Record},
    scenario::{Bundle, PROTOCOL_VERSION},
    wire,
};

use crate::{
    exports,
    hw::{
        cpu, descriptors, heap,
        layout::{self, HEAP_BYTES},
        pvh::{self, BootInfo},
    },
    interrupt, kpcr, mem,
    mem::Pa,
    nt, power, record, scenario, selftest, suspend, timer,
};

/// Brings the kernel up and runs the scenario that the host handed over.
///
/// # Panics
/// If the host handed over nothing, or something of another version; the panic becomes a record.
pub fn run(start_info: u64) -> ! {
    let info = bring_up(start_info);
    record::emit(&Record::Hello {
        protocol_version: PROTOCOL_VERSION,
        boot: 0,
        ram: mem::ram(),
    });
    nt::register();
    if let Some(extent) = selftest::requested(&info.command_line) {
        selftest::run(extent, selftest::processors(&info.command_line));
    }
    let bundle = take_bundle(&info);
    scenario::run(&bundle)
}

/// Everything up to the point where drivers could be loaded.
fn bring_up(start_info: u64) -> BootInfo {
    power::init();
    let image = layout::kernel_image();
    let found = pvh::find_ram(start_info, image.address + image.bytes, HEAP_BYTES);
    let Ok(Some(heap)) = found else {
        panic!("no memory for the heap: {found:?}");
    };
    heap::init(layout::direct(Pa(heap)), HEAP_BYTES);
    let info = match pvh::boot_info(start_info) {
        Ok(info) => info,
        Err(error) => panic!("the boot information is damaged: {error:?}"),
    };
    mem::phys::init(
        &info.memory,
        PhysicalRange {
            address: heap,
            bytes: HEAP_BYTES,
        },
    );
    if let Some((address, bytes)) = info.module {
        let module = PhysicalRange { address, bytes };
        mem::phys::set_range_owner(&[module], Owner::Scratch);
    }
    mem::paging::init();
    cpu::set_control_bits();
    descriptors::load();
    cpu::default_float_state();
    kpcr::init();
    exports::data::init();
    interrupt::init();
    timer::init();
    match info.facs {
        Some(Ok(facs)) => suspend::init(facs),
        Some(Err(error)) => log_warning!("no suspend to RAM: {error:?} in the tables of ACPI"),
        None => {}
    }
    interrupt::enable();
    info
}

/// Copies the bundle out of the boot module and gives the module's memory back.
fn take_bundle(info: &BootInfo) -> Bundle {
    let Some((address, bytes)) = info.module else {
        panic!("the host handed over no bundle (-initrd)");
    };
    let mut data = vec![0; mem::size(bytes)];
    let read = mem::read_physical_bytes(Pa(address), &mut data);
    assert!(read.is_ok(), "the bundle lies outside of memory");
    mem::release_pages(&[PhysicalRange { address, bytes }]);
    let Ok(bundle) = wire::from_bytes::<Bundle>(&data) else {
        panic!("the bundle cannot be read: host and kernel are of different versions");
    };
    assert!(
        bundle.protocol_version == PROTOCOL_VERSION,
        "the bundle has protocol version {}, the kernel {PROTOCOL_VERSION}",
        bundle.protocol_version
    );
    bundle
}
