//! Stop, restart, power, removal.

use ddi::simulator::{Simulator, request::Shape};
use hba::{
    fake::{Answer, Delivery, Fault, Match, Offer},
    scsi::cdb::Form,
};

use super::*;

const D0: i32 = 1;
const D3: i32 = 4;
const HIBERNATE: i32 = 3;

fn works(port: &mut Simulator, seed: u8) {
    let data = pattern(BLOCK, seed);
    let mut out = write(port, Shape::Extended, 5, &data, Form::Ten);
    assert_eq!(execute(port, &mut out).srb_status, SUCCESS);
    let mut back = read(port, Shape::Extended, 5, BLOCK, Form::Ten);
    assert_eq!(execute(port, &mut back).srb_status, SUCCESS);
    assert_eq!(back.data(), data);
}

#[test]
fn the_list_of_controls_respects_its_bound() {
    let mut port = running(machine(Offer::qemu(), &[]));
    assert_eq!(port.supported_adapter_controls(26), [0, 1, 2, 6, 16]);
    assert_eq!(port.supported_adapter_controls(3), [0, 1, 2]);
}

#[test]
fn stop_silences_and_restart_revives() {
    let machine = machine(Offer::qemu(), &[]);
    let mut port = running(machine);
    works(&mut port, 1);
    let found = port.hardware_touches();
    for seed in 2..5 {
        let resets = machine.device.resets();
        assert!(port.stop());
        assert!(machine.device.resets() > resets);
        assert_eq!(machine.device.enabled_size(2), 0, "the device is silent");
        let mut request = read(&mut port, Shape::Extended, 0, BLOCK, Form::Ten);
        assert_eq!(port.send(&mut request).expect("refused").srb_status, BUSY);
        assert!(port.restart());
        works(&mut port, seed);
    }
    assert_eq!(
        port.hardware_touches(),
        found,
        "nothing of FindAdapter is repeated"
    );
    assert_eq!(machine.device.violations(), [""; 0]);
}

#[test]
fn hibernation_powers_down_and_up() {
    let machine = machine(Offer::qemu(), &[]);
    let mut port = running(machine);
    works(&mut port, 1);
    assert!(port.power(D3, HIBERNATE));
    assert_eq!(machine.device.enabled_size(2), 0);
    assert!(port.power(D0, HIBERNATE));
    works(&mut port, 2);
}

#[test]
fn a_line_interrupt_after_restart_is_still_served() {
    let machine = machine(Offer::qemu(), &[]);
    let mut port = running(machine);
    assert!(port.stop());
    port.limit_messages(0);
    assert!(port.restart());
    works(&mut port, 3);
}

#[test]
fn surprise_removal_ends_what_is_outstanding() {
    let offer = Offer {
        delivery: Delivery::AtRun,
        ..Offer::qemu()
    };
    let faults = [Fault::Answer(Match::Queue(2), Answer::Drop)];
    let machine = machine(offer, &faults);
    let mut port = running(machine);
    let mut victim = read(&mut port, Shape::Extended, 0, BLOCK, Form::Ten);
    assert_eq!(port.send(&mut victim), None);
    machine.device.set_faults(&[Fault::Gone]);
    assert!(port.surprise_removal());
    assert_eq!(port.ended(&victim).expect("ended").srb_status, BUS_RESET);
    let mut more = read(&mut port, Shape::Extended, 0, BLOCK, Form::Ten);
    assert_eq!(port.send(&mut more).expect("refused").srb_status, NO_HBA);
    machine.device.set_faults(&[]);
    let resets = machine.device.resets();
    assert!(port.stop(), "an absent device can be stopped");
    assert!(port.power(D3, 0), "and powered down");
    assert!(!port.power(D0, 0), "but not started again");
    assert!(!port.restart());
    assert_eq!(machine.device.resets(), resets, "it is not touched");
}

#[test]
fn units_come_and_go() {
    let mut port = running(machine(Offer::qemu(), &[]));
    for control in [2, 3, 9, 10] {
        // Power has another parameter, which begins with a pointer to the address.
        if control != 3 {
            assert!(port.unit_control(control, UNIT), "control {control}");
        }
    }
    assert!(!port.unit_control(11, UNIT), "not registered");
}
