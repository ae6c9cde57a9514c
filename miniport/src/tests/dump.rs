//! The dump life in its four modes, with and without a context, on clean and on dirty memory.

use core::ffi::c_void;

use ddi::simulator::{
    Machine, Simulator, exclusive,
    request::{Ask, Ended, Request, Shape},
};
use hba::{
    fake::{Answer, Delivery, Fault, Match, Offer},
    plan::PAGE_BYTES,
    scsi::cdb::Form,
};

use super::*;
use crate::dump_context::DumpContext;

const CRASH: u8 = 1;
const HIBER: u8 = 2;
const MARK_MEMORY: u8 = 3;
const RESUME: u8 = 4;
const PHYSICAL: u32 = 1;

/// The context that a normal instance hands out, and the instance that owns it.
struct Context {
    owner: Simulator,
    pointer: *mut c_void,
}

fn context(machine: Machine) -> Context {
    let mut owner = running(machine);
    let mut request = owner.request(&Ask {
        data: &[0; 112],
        ..Ask::function(Shape::Extended, 0x26, UNIT)
    });
    assert_eq!(owner.send(&mut request).unwrap().srb_status, SUCCESS);
    let bytes = request.data()[64..72].try_into().unwrap();
    let pointer = core::ptr::with_exposed_provenance_mut(usize::from_ne_bytes(bytes));
    Context { owner, pointer }
}

fn dump(machine: Machine) -> Simulator {
    Simulator::load(machine, true, driver_entry)
}

/// Sends a request and polls until it has ended, within a bound.
fn poll(port: &mut Simulator, machine: Machine, request: &mut Request) -> Ended {
    if let Some(ended) = port.send(request) {
        return ended;
    }
    for _ in 0..10 {
        machine.device.run();
        port.poll();
        if let Some(ended) = port.ended(request) {
            return ended;
        }
    }
    panic!("the request does not end");
}

fn round_trip(port: &mut Simulator, machine: Machine, bytes: usize, seed: u8) {
    let data = pattern(bytes, seed);
    for (shape, form) in [(Shape::Legacy, Form::Ten), (Shape::Extended, Form::Sixteen)] {
        let mut out = write(port, shape, 100, &data, form);
        let ended = poll(port, machine, &mut out);
        assert_eq!(
            (ended.srb_status, ended.transferred as usize),
            (SUCCESS, bytes)
        );
        let mut back = read(port, shape, 100, bytes, form);
        assert_eq!(poll(port, machine, &mut back).srb_status, SUCCESS);
        assert_eq!(back.data(), data);
    }
}

/// The marks are the context, the device extension, and the memory that the device works on, nothing else.
fn check_marks(port: &mut Simulator, context: *mut c_void) {
    let marks = port.marks();
    let extension = port.device_extension();
    let (uncached, asked) = port.uncached_extension().expect("memory");
    let mut marks = marks.iter();
    if !context.is_null() {
        let first = marks.next().expect("the context is marked first");
        assert_eq!((first.address, first.flags), (context.addr() as u64, 0));
        assert_eq!(first.bytes, DumpContext::BYTES as u64);
    }
    let second = marks.next().expect("the extension is marked");
    assert_eq!(
        (second.address, second.bytes, second.flags),
        (extension.0, extension.1, 0)
    );
    let third = marks.next().expect("the memory is marked");
    assert_eq!(third.flags, PHYSICAL);
    assert!(third.address.is_multiple_of(PAGE_BYTES.into()));
    assert!(third.address >= uncached);
    assert!(third.address + third.bytes <= uncached + u64::from(asked));
    assert!(marks.next().is_none());
    assert!(asked <= 16 * 1024, "{asked} bytes of noncached memory");
}

#[test]
fn each_mode_marks_the_same() {
    let _exclusive = exclusive();
    let machine = machine(Offer::qemu(), &[]);
    let context = context(machine);
    for mode in [CRASH, HIBER, MARK_MEMORY, RESUME] {
        let mut port = dump(machine);
        assert_eq!(
            port.find_adapter(mode, context.pointer),
            FOUND,
            "mode {mode}"
        );
        check_marks(&mut port, context.pointer);
        assert_eq!(
            port.refused_services(),
            [0; 0],
            "no other service is asked for"
        );
    }
}

#[test]
fn marking_alone_touches_no_hardware() {
    let _exclusive = exclusive();
    let machine = machine(Offer::qemu(), &[]);
    let context = context(machine);
    let resets = machine.device.resets();
    let mut port = dump(machine);
    assert_eq!(port.find_adapter(MARK_MEMORY, context.pointer), FOUND);
    assert!(port.initialize());
    assert!(port.poll());
    assert_eq!(port.hardware_touches(), (0, 0));
    assert_eq!(machine.device.resets(), resets);
    let mut request = read(&mut port, Shape::Extended, 0, BLOCK, Form::Ten);
    assert_eq!(port.send(&mut request).expect("refused").srb_status, NO_HBA);
    // The normal instance goes on undisturbed.
    let mut owner = context.owner;
    owner.attach();
    let mut request = read(&mut owner, Shape::Extended, 0, BLOCK, Form::Ten);
    assert_eq!(execute(&mut owner, &mut request).srb_status, SUCCESS);
}

#[test]
fn find_adapter_does_not_reset_the_device() {
    let _exclusive = exclusive();
    let machine = machine(Offer::qemu(), &[]);
    let context = context(machine);
    let resets = machine.device.resets();
    let mut port = dump(machine);
    assert_eq!(port.find_adapter(HIBER, context.pointer), FOUND);
    assert_eq!(machine.device.resets(), resets);
    assert!(port.initialize());
    assert_eq!(machine.device.resets(), resets + 1);
    assert_eq!(machine.device.enabled_size(0), 0, "no control queue");
    assert_eq!(machine.device.enabled_size(2), 16, "a small ring");
}

#[test]
fn megabytes_go_through_the_polled_path() {
    let _exclusive = exclusive();
    let machine = machine(Offer::qemu(), &[]);
    let context = context(machine);
    let mut port = dump(machine);
    assert_eq!(port.find_adapter(CRASH, context.pointer), FOUND);
    assert!(port.initialize());
    assert!(port.poll(), "a spurious poll before the first request");
    let most = port.config.MaximumTransferLength as usize;
    assert_eq!(most, 1 << 20);
    assert_eq!(port.config.NumberOfPhysicalBreaks, 257);
    round_trip(&mut port, machine, BLOCK, 1);
    port.poll();
    round_trip(&mut port, machine, most / 4, 2);
    let data = pattern(most, 3);
    let mut out = write(&mut port, Shape::Extended, 0, &data, Form::Ten);
    assert_eq!(poll(&mut port, machine, &mut out).srb_status, SUCCESS);
    assert_eq!(machine.device.violations(), [""; 0]);
}

#[test]
fn without_a_context_the_device_is_found_again() {
    let _exclusive = exclusive();
    let machine = machine(Offer::qemu(), &[]);
    let mut port = dump(machine);
    assert_eq!(port.find_adapter(CRASH, core::ptr::null_mut()), FOUND);
    check_marks(&mut port, core::ptr::null_mut());
    assert_eq!(port.config.MaximumTransferLength, 64 * 1024);
    assert!(port.initialize());
    round_trip(&mut port, machine, 64 * 1024, 5);
}

#[test]
fn a_damaged_context_is_refused() {
    let _exclusive = exclusive();
    let machine = machine(Offer::qemu(), &[]);
    for byte in [0, 4, 6, 8, 40, 120, 200] {
        let context = context(machine);
        context.owner.damage_pool(byte);
        let mut port = dump(machine);
        let found = port.find_adapter(HIBER, context.pointer);
        assert_eq!(found, 3, "SP_RETURN_BAD_CONFIG for byte {byte}");
        assert_eq!(port.hardware_touches(), (0, 0));
    }
}

#[test]
fn the_resumed_system_enters_a_dirty_image() {
    let _exclusive = exclusive();
    let machine = machine(Offer::qemu(), &[]);
    let context = context(machine);
    let mut hiber = dump(machine);
    assert_eq!(hiber.find_adapter(HIBER, context.pointer), FOUND);
    assert!(hiber.initialize());
    round_trip(&mut hiber, machine, 4096, 7);
    // The snapshot is taken in the middle of a write; firmware leaves the device running and bus mastering off.
    let mut half_way = write(&mut hiber, Shape::Extended, 1, &[1; BLOCK], Form::Ten);
    assert_eq!(hiber.send(&mut half_way), None);
    let before = *machine.config_space.borrow();
    machine.config_space.borrow_mut()[4..6].copy_from_slice(&[0, 0]);
    machine.config_space.borrow_mut()[0x20..0x28].copy_from_slice(&[0x0C, 0, 0, 0xF0, 1, 0, 0, 0]);
    let mut resume = dump(machine);
    resume.inherit(&mut hiber);
    assert_eq!(resume.find_adapter(RESUME, context.pointer), FOUND);
    check_marks(&mut resume, context.pointer);
    assert_eq!(
        *machine.config_space.borrow(),
        before,
        "addresses, memory space, bus master"
    );
    assert!(resume.initialize());
    let mut back = read(&mut resume, Shape::Extended, 100, 4096, Form::Ten);
    assert_eq!(poll(&mut resume, machine, &mut back).srb_status, SUCCESS);
    assert_eq!(back.data(), pattern(4096, 7));
}

#[test]
fn without_new_statics_the_second_entry_would_be_refused() {
    let _exclusive = exclusive();
    let machine = machine(Offer::qemu(), &[]);
    let mut port = dump(machine);
    assert_eq!(port.find_adapter(CRASH, core::ptr::null_mut()), FOUND);
    assert_eq!(
        port.find_adapter(CRASH, core::ptr::null_mut()),
        0,
        "one adapter for each entry"
    );
    let mut again = dump(machine);
    assert_eq!(again.find_adapter(CRASH, core::ptr::null_mut()), FOUND);
}

#[test]
fn functions_are_answered_as_the_dump_stack_wants() {
    let _exclusive = exclusive();
    let machine = machine(Offer::qemu(), &[]);
    for (mode, flushes) in [(HIBER, 2), (CRASH, 4), (RESUME, 4)] {
        let mut port = dump(machine);
        assert_eq!(port.find_adapter(mode, core::ptr::null_mut()), FOUND);
        assert!(port.initialize());
        for (function, expected) in [
            (FLUSH, SUCCESS),
            (SHUTDOWN, SUCCESS),
            (0x12, SUCCESS),         // RESET_BUS
            (0x13, SUCCESS),         // RESET_DEVICE
            (0x20, SUCCESS),         // RESET_LOGICAL_UNIT
            (0x10, ABORT_FAILED),    // ABORT_COMMAND
            (0x26, INVALID_REQUEST), // DUMP_POINTERS
            (0x02, INVALID_REQUEST), // IO_CONTROL
        ] {
            let mut request = port.request(&Ask::function(Shape::Extended, function, UNIT));
            let ended = poll(&mut port, machine, &mut request);
            assert_eq!(ended.srb_status, expected, "{function:#x} in mode {mode}");
        }
        assert!(port.reset_bus(0));
        let disk = machine.device.disk(UNIT.target, UNIT.lun.into()).unwrap();
        assert_eq!(disk.flushes, flushes, "after mode {mode}");
    }
}

#[test]
fn failures_without_a_sense_buffer_are_errors() {
    let _exclusive = exclusive();
    let machine = machine(Offer::qemu(), &[]);
    let mut port = dump(machine);
    assert_eq!(port.find_adapter(CRASH, core::ptr::null_mut()), FOUND);
    assert!(port.initialize());
    let mut request = port.request(&Ask {
        cdb: &[0xFF; 10],
        ..Ask::function(Shape::Legacy, EXECUTE_SCSI, UNIT)
    });
    let ended = poll(&mut port, machine, &mut request);
    assert_eq!((ended.srb_status, ended.scsi_status), (ERROR, 2));
}

#[test]
fn one_request_at_a_time_and_late_answers() {
    let _exclusive = exclusive();
    let offer = Offer {
        delivery: Delivery::AtRun,
        ..Offer::qemu()
    };
    let machine = machine(offer, &[]);
    let mut port = dump(machine);
    assert_eq!(port.find_adapter(CRASH, core::ptr::null_mut()), FOUND);
    assert!(port.initialize());
    let mut first = read(&mut port, Shape::Extended, 0, BLOCK, Form::Ten);
    assert_eq!(port.send(&mut first), None);
    port.poll();
    assert_eq!(port.ended(&first), None);
    let mut second = read(&mut port, Shape::Extended, 0, BLOCK, Form::Ten);
    assert_eq!(port.send(&mut second).expect("refused").srb_status, BUSY);
    machine.device.run();
    port.poll();
    assert_eq!(port.ended(&first).expect("ended").srb_status, SUCCESS);
}

#[test]
fn a_device_that_breaks_the_rules_fails_one_request() {
    let _exclusive = exclusive();
    let fault = Fault::Answer(Match::Nth(2, 0), Answer::Id(500));
    let machine = machine(Offer::qemu(), &[fault]);
    let mut port = dump(machine);
    assert_eq!(port.find_adapter(CRASH, core::ptr::null_mut()), FOUND);
    assert!(port.initialize());
    let mut request = read(&mut port, Shape::Extended, 0, BLOCK, Form::Ten);
    assert_eq!(poll(&mut port, machine, &mut request).srb_status, ERROR);
    machine.device.set_faults(&[]);
    round_trip(&mut port, machine, BLOCK, 3);
}

#[test]
fn normal_mode_in_the_dump_stack_is_bad_configuration() {
    let _exclusive = exclusive();
    let machine = machine(Offer::qemu(), &[]);
    let mut port = dump(machine);
    assert_eq!(port.find_adapter(0, core::ptr::null_mut()), 3);
    let mut normal = Simulator::load(machine, false, driver_entry);
    assert_eq!(normal.find_adapter(HIBER, core::ptr::null_mut()), 3);
}

#[test]
fn another_function_in_the_slot_is_left_alone() {
    let _exclusive = exclusive();
    let machine = machine(Offer::qemu(), &[]);
    let context = context(machine);
    machine.config_space.borrow_mut()[..4].copy_from_slice(&[0xFF; 4]);
    let before = *machine.config_space.borrow();
    let mut port = dump(machine);
    assert_eq!(
        port.find_adapter(RESUME, context.pointer),
        0,
        "SP_RETURN_NOT_FOUND"
    );
    assert_eq!(*machine.config_space.borrow(), before);
    assert_eq!(port.hardware_touches().0, 0, "nothing is mapped");
}
