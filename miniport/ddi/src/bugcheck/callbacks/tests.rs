//! The two routines, called as a crash calls them.

use core::sync::atomic::Ordering;

use super::*;
use crate::simulator::exclusive;

fn pages_record(memory: (u64, u32), extension: (usize, u32)) -> PagesRecord {
    let record = CrashCallbacks::new().pages;
    record.memory.store(memory.0, Ordering::Relaxed);
    record.memory_bytes.store(memory.1, Ordering::Relaxed);
    record.extension.store(extension.0, Ordering::Relaxed);
    record.extension_bytes.store(extension.1, Ordering::Relaxed);
    record
}

fn ask_pages(record: &PagesRecord, data: &mut KBUGCHECK_ADD_PAGES) {
    data.Flags = 0;
    let whole = core::ptr::from_ref(record).cast_mut().cast();
    let length = size_of::<KBUGCHECK_ADD_PAGES>() as u32;
    // SAFETY: the record is a whole PagesRecord, the data a structure of the reason.
    unsafe {
        add_pages(
            reason::KbCallbackAddPages,
            whole,
            core::ptr::from_mut(data).cast(),
            length,
        );
    };
}

fn ask_recorder(record: usize, maximum: u32) -> KBUGCHECK_SECONDARY_DUMP_DATA {
    let mut data = KBUGCHECK_SECONDARY_DUMP_DATA {
        MaximumAllowed: maximum,
        ..Default::default()
    };
    let length = size_of::<KBUGCHECK_SECONDARY_DUMP_DATA>() as u32;
    // SAFETY: the routine only compares the record's address; the data is a structure of the reason.
    unsafe {
        give_recorder(
            reason::KbCallbackSecondaryDumpData,
            core::ptr::without_provenance_mut(record),
            (&raw mut data).cast(),
            length,
        );
    };
    data
}

#[test]
fn both_ranges_come_one_a_call_and_whole_pages() {
    let record = pages_record((0x1_2345_6008, 0x9000), (0xF000_0FF0, 0x20));
    let mut data = KBUGCHECK_ADD_PAGES::default();
    ask_pages(&record, &mut data);
    let more = KB_ADD_PAGES_FLAG_ADDITIONAL_RANGES_EXIST;
    assert_eq!(data.Flags, KB_ADD_PAGES_FLAG_PHYSICAL_ADDRESS | more);
    assert_eq!((data.Address, data.Count), (0x1_2345_6000, 10));
    ask_pages(&record, &mut data);
    assert_eq!(data.Flags, KB_ADD_PAGES_FLAG_VIRTUAL_ADDRESS);
    assert_eq!((data.Address, data.Count), (0xF000_0000, 2));
    // A third call was not asked for.
    ask_pages(&record, &mut data);
    assert_eq!((data.Flags, data.Count), (0, 0));
    // The next crash, or live dump, begins anew.
    data.Context = core::ptr::null_mut();
    ask_pages(&record, &mut data);
    assert_eq!(data.Address, 0x1_2345_6000);
}

#[test]
fn memory_that_is_not_there_adds_nothing() {
    let record = pages_record((0, 0), (0xF000_0000, 0x1000));
    let mut data = KBUGCHECK_ADD_PAGES::default();
    ask_pages(&record, &mut data);
    assert_eq!(data.Count, 0);
    assert_ne!(data.Flags & KB_ADD_PAGES_FLAG_ADDITIONAL_RANGES_EXIST, 0);
    ask_pages(&record, &mut data);
    assert_eq!((data.Address, data.Count), (0xF000_0000, 1));
}

#[test]
fn another_reason_or_a_short_structure_is_left_alone() {
    let record = pages_record((0x1000, 0x1000), (0x2000, 0x1000));
    let mut data = KBUGCHECK_ADD_PAGES::default();
    let whole = core::ptr::from_ref(&record).cast_mut().cast();
    for (reason, length) in [
        (reason::KbCallbackRemovePages, 32),
        (reason::KbCallbackAddPages, 31),
    ] {
        // SAFETY: the record is a whole PagesRecord; the length is at most the structure's.
        unsafe { add_pages(reason, whole, (&raw mut data).cast(), length) };
        assert_eq!((data.Flags, data.Count), (0, 0));
    }
}

#[test]
fn the_recorder_is_given_within_the_limit_and_by_one_adapter() {
    let _alone = exclusive();
    INSTANCE.reinitialise(0);
    let whole = size_of::<Recorder>() as u32;
    for (maximum, expected) in [
        (whole, whole),
        (u32::MAX, whole),
        (whole - 1, whole - 32),
        (200, 192),
        (192, 192),
        (191, 0),
        (0, 0),
    ] {
        let data = ask_recorder(0x1000, maximum);
        assert_eq!(data.OutBufferLength, expected, "of {maximum}");
        assert_eq!(data.OutBuffer.is_null(), expected == 0);
        assert_eq!(data.Guid.Data1, RECORDER_GUID.Data1);
        assert_eq!(data.Guid.Data4, RECORDER_GUID.Data4);
    }
    assert_eq!(ask_recorder(0x2000, whole).OutBufferLength, 0, "another");
    INSTANCE.release_recorder(0x1000);
    assert_eq!(ask_recorder(0x2000, whole).OutBufferLength, whole);
    INSTANCE.reinitialise(0);
}

#[test]
fn deregistering_what_is_not_registered_calls_nothing() {
    crate::fake::reset();
    CrashCallbacks::new().deregister();
    assert!(crate::fake::calls().is_empty());
}
