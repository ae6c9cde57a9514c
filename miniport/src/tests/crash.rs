//! What a crash dump gets of the normal life: registered when the adapter runs, taken back before its memory ends.

use ddi::simulator::{Simulator, exclusive};
use hba::fake::Offer;

use super::*;

/// `KbCallbackAddPages`, `KbCallbackSecondaryDumpData`.
const REASONS: [i32; 2] = [4, 2];
/// `KB_ADD_PAGES_FLAG_*`.
const VIRTUAL: u32 = 1;
const PHYSICAL: u32 = 2;

fn reasons(port: &Simulator) -> Vec<i32> {
    let callbacks = port.crash_callbacks();
    callbacks.iter().map(|callback| callback.reason).collect()
}

#[test]
fn callbacks_are_registered_once_the_adapter_runs() {
    let mut port = Simulator::load(machine(Offer::qemu(), &[]), false, driver_entry);
    assert_eq!(port.find_adapter(0, core::ptr::null_mut()), FOUND);
    assert_eq!(reasons(&port), [0; 0], "nothing before the start");
    assert!(port.initialize());
    assert_eq!(reasons(&port), REASONS);
}

#[test]
fn stop_restart_and_power_leave_them_registered() {
    let mut port = running(machine(Offer::qemu(), &[]));
    let before = port.crash_callbacks();
    assert!(port.stop() && port.restart());
    assert_eq!(port.crash_callbacks(), before);
}

#[test]
fn they_are_taken_back_with_the_adapter() {
    let mut port = running(machine(Offer::qemu(), &[]));
    assert!(port.stop());
    assert!(port.free_adapter_resources());
    assert_eq!(reasons(&port), [0; 0]);
    assert!(port.free_adapter_resources(), "again, without effect");
}

#[test]
fn surprise_removal_takes_them_back_at_once() {
    let mut port = running(machine(Offer::qemu(), &[]));
    assert!(port.surprise_removal());
    assert_eq!(reasons(&port), [0; 0]);
    assert!(port.free_adapter_resources());
}

#[test]
fn a_second_find_adapter_leaves_no_record_behind() {
    let mut port = running(machine(Offer::qemu(), &[]));
    assert_eq!(port.find_adapter(0, core::ptr::null_mut()), FOUND);
    assert_eq!(reasons(&port), [0; 0], "the extension is made anew");
    assert!(port.initialize());
    assert_eq!(reasons(&port), REASONS);
}

#[test]
fn the_dump_life_registers_nothing() {
    let _alone = exclusive();
    let mut port = Simulator::load(machine(Offer::qemu(), &[]), true, driver_entry);
    assert!(!port.free_adapter_resources(), "no such callback");
    assert_eq!(reasons(&port), [0; 0]);
}

#[test]
fn queues_and_extension_are_added_whole() {
    let mut port = running(machine(Offer::qemu(), &[]));
    let added = port.added_pages();
    let (extension, extension_bytes) = port.device_extension();
    let (memory, memory_bytes) = port.uncached_extension().unwrap();
    let covers = |(_, first, pages): (u32, u64, u64), start: u64, bytes: u64| {
        first <= start && start + bytes <= first + pages * 4096 && start - first < 4096
    };
    assert_eq!(added.len(), 2);
    assert_eq!((added[0].0, added[1].0), (PHYSICAL, VIRTUAL));
    // Bus addresses of the simulated machine are its own. The driver uses what lies behind an alignment, and says so.
    assert!(covers(added[0], added[0].1, 1));
    let end = added[0].1 + added[0].2 * 4096;
    assert!(added[0].1 >= memory / 4096 * 4096 && end + 4096 >= memory + u64::from(memory_bytes));
    assert!(covers(added[1], extension, extension_bytes));
}

#[test]
fn the_flight_recorder_is_given_within_the_limit() {
    let _alone = exclusive();
    let port = running(machine(Offer::qemu(), &[]));
    let whole = port.secondary_data(u32::MAX).unwrap();
    assert_eq!(whole.len(), 64 + 32 * 4 + 128 * 32);
    assert!(whole.starts_with(b"HIBERREC"));
    let cut = port.secondary_data(1000).unwrap();
    assert_eq!(cut.len(), 192 + 25 * 32);
    assert!(cut.starts_with(b"HIBERREC"));
    assert!(port.secondary_data(100).unwrap().is_empty());
}
