//! Resets and aborts: task management, its time-out, and the reset of the device.

use ddi::{
    recorder::Event,
    simulator::{
        Simulator,
        request::{Ask, Request, Shape},
    },
};
use hba::{
    fake::{Answer, Delivery, Fault, Match, Offer},
    scsi::cdb::Form,
};

use super::*;

const RESET_BUS: u32 = 0x12;
const RESET_DEVICE: u32 = 0x13;
const RESET_LOGICAL_UNIT: u32 = 0x20;
const ABORT_COMMAND: u32 = 0x10;

fn at_run() -> Offer {
    Offer {
        delivery: Delivery::AtRun,
        ..Offer::qemu()
    }
}

/// A read that the device never answers by itself.
fn stuck(port: &mut Simulator) -> Request {
    let mut request = read(port, Shape::Extended, 0, BLOCK, Form::Ten);
    assert_eq!(port.send(&mut request), None);
    request
}

#[test]
fn reset_requests_end_when_the_device_has_answered() {
    for function in [RESET_LOGICAL_UNIT, RESET_DEVICE, RESET_BUS] {
        let machine = machine(at_run(), &[]);
        let mut port = running(machine);
        let mut reset = port.request(&Ask::function(Shape::Extended, function, UNIT));
        assert_eq!(port.send(&mut reset), None, "not before the device");
        assert!(port.timer().is_some(), "the wait has a bound");
        for _ in 0..300 {
            port.settle();
        }
        assert_eq!(port.ended(&reset).expect("ended").srb_status, SUCCESS);
        assert_eq!(port.timer(), None, "the timer is cancelled");
        assert_eq!(machine.device.violations(), [""; 0]);
        assert_eq!(port.stalls_in_start_io(), 0);
    }
}

#[test]
fn a_reset_that_is_not_answered_ends_in_a_device_reset() {
    let faults = [
        Fault::Answer(Match::Queue(0), Answer::Drop),
        Fault::Answer(Match::Queue(2), Answer::Drop),
    ];
    let machine = machine(at_run(), &faults);
    let mut port = running(machine);
    let victim = stuck(&mut port);
    let mut reset = port.request(&Ask::function(Shape::Extended, RESET_LOGICAL_UNIT, UNIT));
    assert_eq!(port.send(&mut reset), None);
    port.settle();
    assert_eq!(port.ended(&victim), None, "the device still has it");
    let resets = machine.device.resets();
    assert!(port.expire_timer());
    assert_eq!(machine.device.resets(), resets + 1);
    assert_eq!(port.ended(&victim).expect("ended").srb_status, BUS_RESET);
    assert_eq!(port.ended(&reset).expect("ended").srb_status, SUCCESS);
    let told = [Event::TaskManagementTimeout, Event::AdapterReset];
    assert_eq!(port.traced_events(), told.map(|event| event as u32));
    machine.device.set_faults(&[]);
    let mut after = read(&mut port, Shape::Extended, 0, BLOCK, Form::Ten);
    assert_eq!(execute(&mut port, &mut after).srb_status, SUCCESS);
}

#[test]
fn a_bus_reset_ends_everything_before_it_returns() {
    let faults = [Fault::Answer(Match::Queue(2), Answer::Drop)];
    let machine = machine(at_run(), &faults);
    let mut port = running(machine);
    let victims: Vec<_> = (0..5).map(|_| stuck(&mut port)).collect();
    port.settle();
    assert!(port.reset_bus(0));
    for victim in &victims {
        assert_eq!(port.ended(victim).expect("ended").srb_status, BUS_RESET);
    }
    assert_eq!(port.outstanding(), 0);
    machine.device.set_faults(&[]);
    let mut after = read(&mut port, Shape::Legacy, 0, BLOCK, Form::Ten);
    assert_eq!(execute(&mut port, &mut after).srb_status, SUCCESS);
    assert!(!port.reset_bus(1), "there is one bus");
}

#[test]
fn a_device_that_will_not_be_reset_keeps_its_requests() {
    let faults = [Fault::Answer(Match::Queue(2), Answer::Drop)];
    let machine = machine(at_run(), &faults);
    let mut port = running(machine);
    let victim = stuck(&mut port);
    machine
        .device
        .set_faults(&[Fault::SlowReset(u32::MAX), faults[0]]);
    assert!(!port.reset_bus(0));
    assert_eq!(
        port.ended(&victim),
        None,
        "it may still write to their memory"
    );
    let mut more = read(&mut port, Shape::Extended, 0, BLOCK, Form::Ten);
    let ended = port.send(&mut more).expect("refused");
    assert_eq!(ended.srb_status, NO_HBA);
    machine.device.set_faults(&[]);
    assert!(port.reset_bus(0), "the next attempt may succeed");
    assert_eq!(port.ended(&victim).expect("ended").srb_status, BUS_RESET);
    let mut after = read(&mut port, Shape::Extended, 0, BLOCK, Form::Ten);
    assert_eq!(execute(&mut port, &mut after).srb_status, SUCCESS);
}

#[test]
fn an_abort_names_its_victim() {
    let faults = [Fault::Answer(Match::Nth(2, 1), Answer::Drop)];
    let machine = machine(at_run(), &faults);
    let mut port = running(machine);
    let first = stuck(&mut port);
    let victim = stuck(&mut port);
    port.settle();
    let mut abort = port.request(&Ask::function(Shape::Extended, ABORT_COMMAND, UNIT));
    abort.point_to(&victim);
    assert_eq!(port.send(&mut abort), None);
    port.settle();
    assert_eq!(port.ended(&first).expect("ended").srb_status, SUCCESS);
    assert_eq!(port.ended(&abort).expect("ended").srb_status, SUCCESS);
    assert_eq!(port.ended(&victim).expect("ended").srb_status, ABORTED);
    assert_eq!(machine.device.violations(), [""; 0]);
}

#[test]
fn a_reset_reaches_the_unit_that_it_names_and_no_other() {
    let other = UnitAddress { lun: 8, ..UNIT };
    for (function, reached) in [
        (RESET_LOGICAL_UNIT, false),
        (RESET_DEVICE, true),
        (RESET_BUS, true),
    ] {
        let machine = machine(at_run(), &[Fault::Answer(Match::Queue(2), Answer::Drop)]);
        machine
            .device
            .insert_disk(other.target, other.lun.into(), hba::fake::Disk::new(8, 512));
        let mut port = running(machine);
        let named = stuck(&mut port);
        let mut neighbour = port.request(&Ask {
            cdb: &[0; 6],
            ..Ask::function(Shape::Extended, EXECUTE_SCSI, other)
        });
        assert_eq!(port.send(&mut neighbour), None);
        port.settle();
        let mut reset = port.request(&Ask::function(Shape::Extended, function, UNIT));
        assert_eq!(port.send(&mut reset), None);
        for _ in 0..300 {
            port.settle();
        }
        assert_eq!(port.ended(&reset).expect("ended").srb_status, SUCCESS);
        let ended = port.ended(&named).expect("the device gave it back");
        assert_eq!(ended.srb_status, BUS_RESET);
        assert_eq!(port.ended(&neighbour).is_some(), reached, "{function:#x}");
    }
}

#[test]
fn an_abort_of_what_is_not_there_fails() {
    let mut port = running(machine(Offer::qemu(), &[]));
    let mut done = read(&mut port, Shape::Extended, 0, BLOCK, Form::Ten);
    assert_eq!(execute(&mut port, &mut done).srb_status, SUCCESS);
    let mut abort = port.request(&Ask::function(Shape::Legacy, ABORT_COMMAND, UNIT));
    abort.point_to(&done);
    let ended = port.send(&mut abort).expect("answered at once");
    assert_eq!(ended.srb_status, ABORT_FAILED);
}
