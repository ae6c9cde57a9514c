//! Several request queues: messages, steering, doorbells, and what a reset or a restart does to all of them.

use ddi::simulator::{
    Simulator,
    request::{Ask, Request, Shape},
};
use hba::{
    device::{Features, ScsiConfig},
    fake::{Answer, Delivery, Fault, Match, Offer},
    scsi::cdb::Form,
};

use super::*;

mod steering;

/// `STOR_PERF_*`.
const DPC_REDIRECTION: u32 = 1;
const CONCURRENT_CHANNELS: u32 = 2;
const MESSAGE_RANGES: u32 = 4;
const LOCALITY: u32 = 8;
const ALL: u32 = DPC_REDIRECTION | CONCURRENT_CHANNELS | MESSAGE_RANGES | LOCALITY;

/// Number of the first request queue.
const FIRST: u16 = 2;

pub(super) fn with_queues(num_queues: u32, delivery: Delivery) -> Offer {
    let offer = Offer::qemu();
    Offer {
        config: ScsiConfig {
            num_queues,
            ..offer.config
        },
        delivery,
        ..offer
    }
}

/// A port with so many processors and messages, before `HwStorFindAdapter`.
pub(super) fn loaded(machine: Machine, processors: u32, messages: u16) -> Simulator {
    let port = Simulator::load(machine, false, driver_entry);
    port.set_processors(processors);
    port.limit_messages(messages);
    port
}

fn started(mut port: Simulator) -> Simulator {
    assert_eq!(port.find_adapter(0, core::ptr::null_mut()), FOUND);
    assert!(port.initialize());
    port
}

fn send_read(port: &mut Simulator, block: u64) -> Request {
    let mut request = read(port, Shape::Extended, block, BLOCK, Form::Ten);
    assert_eq!(port.send(&mut request), None);
    request
}

/// Request queues that the driver has set up.
pub(super) fn queues_in_use(machine: &Machine) -> usize {
    (FIRST..FIRST + 64)
        .filter(|&queue| machine.device.enabled_size(queue) != 0)
        .count()
}

/// Interrupts and deferred calls until all is quiet. The device is not made to look at its rings: it sees what a doorbell told it.
fn quiet(port: &mut Simulator) {
    for _ in 0..4 {
        port.deliver_interrupts();
        port.run_dpcs();
    }
}

#[test]
fn there_is_a_queue_for_each_processor_as_far_as_the_device_has_them() {
    for (processors, offered, expected) in [
        (1, 8, 1),
        (4, 8, 4),
        (8, 3, 3),
        (3, 3, 3),
        (40, 40, 16),
        (100, 2, 2),
    ] {
        let machine = machine(with_queues(offered, Delivery::AtDoorbell), &[]);
        let port = started(loaded(machine, processors, 64));
        assert_eq!(queues_in_use(&machine), expected, "{processors}, {offered}");
        assert_eq!(machine.device.violations(), [""; 0]);
        let config = port.config.MaxNumberOfIO;
        let size = u32::from(machine.device.enabled_size(FIRST));
        assert_eq!(config, size * u32::try_from(expected).unwrap());
    }
}

#[test]
fn rings_get_shorter_when_there_are_many() {
    let offer = Offer {
        request_size: 1024,
        ..with_queues(16, Delivery::AtDoorbell)
    };
    for (processors, size) in [(1, 1024), (8, 1024), (9, 512), (16, 512)] {
        let machine = machine(offer, &[]);
        let _port = started(loaded(machine, processors, 64));
        assert_eq!(machine.device.enabled_size(FIRST), size, "{processors}");
    }
}

#[test]
fn every_queue_answers_whatever_the_number_of_messages() {
    for messages in [0, 1, 2, 3, 4, 5, 9] {
        let machine = machine(with_queues(4, Delivery::AtDoorbell), &[]);
        let mut port = started(loaded(machine, 4, messages));
        for processor in 0..8u32 {
            port.run_on(processor);
            let request = send_read(&mut port, processor.into());
            quiet(&mut port);
            let ended = port.ended(&request).expect("the interrupt finds its queue");
            assert_eq!(ended.srb_status, SUCCESS, "{messages} messages");
        }
        for queue in FIRST..FIRST + 4 {
            assert_eq!(machine.device.doorbells(queue), 2, "{messages}: {queue}");
        }
        assert_eq!(machine.device.violations(), [""; 0]);
    }
}

#[test]
fn whatever_the_port_refuses_the_adapter_works() {
    let refusals = (0..=ALL).map(|refused| Some((ALL, refused)));
    let offers = (0..=ALL).map(|offered| Some((offered, 0)));
    for options in refusals.chain(offers).chain([None]) {
        let machine = machine(with_queues(4, Delivery::AtDoorbell), &[]);
        let port = loaded(machine, 4, 5);
        port.offer_options(options);
        let mut port = started(port);
        let (flags, channels, messages) = port.options();
        if let Some((offered, refused)) = options {
            assert_eq!(flags & !offered, 0);
            assert_eq!(flags & refused, 0);
            if offered & CONCURRENT_CHANNELS & !refused != 0 {
                assert_eq!(channels, 4, "{options:?}");
            }
            let steering = MESSAGE_RANGES | DPC_REDIRECTION;
            if offered & steering == steering && refused & steering == 0 {
                assert_eq!(messages, (1, 4), "{options:?}");
            }
        }
        for processor in 0..4u32 {
            port.run_on(processor);
            let request = send_read(&mut port, 0);
            quiet(&mut port);
            assert_eq!(port.ended(&request).expect("ended").srb_status, SUCCESS);
        }
        assert_eq!(machine.device.violations(), [""; 0]);
    }
}

#[test]
fn a_burst_costs_one_doorbell() {
    let machine = machine(with_queues(1, Delivery::AtRun), &[]);
    let mut port = started(loaded(machine, 1, 2));
    // The device is idle: it hears of the first at once, of the rest when the burst is over.
    let first = send_read(&mut port, 0);
    assert_eq!(machine.device.doorbells(FIRST), 1);
    machine.device.run();
    let calls = port.dpcs_issued();
    let burst: Vec<_> = (1..32).map(|block| send_read(&mut port, block)).collect();
    assert_eq!(machine.device.doorbells(FIRST), 1, "not while it goes on");
    assert_eq!(port.dpcs_issued() - calls, 1, "one call for all of them");
    port.run_dpcs();
    assert_eq!(machine.device.doorbells(FIRST), 2);
    port.settle();
    for request in burst.iter().chain([&first]) {
        assert_eq!(port.ended(request).expect("ended").srb_status, SUCCESS);
    }
    assert_eq!(
        machine.device.doorbells(FIRST),
        2,
        "no doorbell for nothing"
    );
}

#[test]
fn a_device_that_is_looking_is_not_disturbed() {
    let machine = machine(with_queues(1, Delivery::AtRun), &[]);
    let mut port = started(loaded(machine, 1, 2));
    let first = send_read(&mut port, 0);
    // It has not come to its ring yet, so it does not ask for another doorbell.
    let more = send_read(&mut port, 1);
    port.run_dpcs();
    assert_eq!(machine.device.doorbells(FIRST), 1);
    port.settle();
    for request in [&first, &more] {
        assert_eq!(port.ended(request).expect("ended").srb_status, SUCCESS);
    }
}

/// Bursts of random length on random queues, with interrupts and deferred calls at random times, and a device that looks at its rings when
/// a doorbell rings and at no other time. Whenever all is quiet, everything has ended.
#[test]
fn no_request_waits_without_a_doorbell() {
    for (seed, features) in (1..40u64).flat_map(|seed| {
        let all = Offer::qemu().features;
        [
            (seed, all),
            (seed, all.difference(Features::RING_EVENT_IDX)),
        ]
    }) {
        let offer = Offer {
            features,
            request_size: 64,
            ..with_queues(3, Delivery::AtDoorbell)
        };
        let faults = [Fault::Answer(Match::Nth(FIRST, 5), Answer::Delay(1))];
        let machine = machine(offer, &faults);
        let mut port = started(loaded(machine, 3, u16::try_from(seed % 5).unwrap()));
        let mut state = seed;
        let mut random = |below: u64| {
            // xorshift64*
            state ^= state >> 12;
            state ^= state << 25;
            state ^= state >> 27;
            (state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % below
        };
        let mut sent = Vec::new();
        for _ in 0..40 {
            match random(4) {
                0 => port.deliver_interrupts(),
                1 => port.run_dpcs(),
                _ => {
                    port.run_on(u32::try_from(random(3)).unwrap());
                    for _ in 0..=random(3) {
                        sent.push(send_read(&mut port, random(100)));
                    }
                }
            }
        }
        quiet(&mut port);
        let late = usize::from(machine.device.doorbells(FIRST) != 0);
        assert!(port.outstanding() <= late, "seed {seed}: requests wait");
        // The one that the device put off.
        machine.device.run();
        machine.device.run();
        quiet(&mut port);
        for request in &sent {
            assert_eq!(port.ended(request).expect("ended").srb_status, SUCCESS);
        }
        assert_eq!(machine.device.violations(), [""; 0]);
    }
}

#[test]
fn many_completions_are_taken_out_in_bounded_passes() {
    let offer = Offer {
        request_size: 512,
        ..with_queues(1, Delivery::AtRun)
    };
    let machine = machine(offer, &[]);
    let mut port = started(loaded(machine, 1, 2));
    let all: Vec<_> = (0..300)
        .map(|_| {
            let mut request = port.request(&Ask {
                cdb: &[0; 6],
                ..Ask::function(Shape::Legacy, EXECUTE_SCSI, UNIT)
            });
            assert_eq!(port.send(&mut request), None);
            request
        })
        .collect();
    port.run_dpcs();
    let calls = port.dpcs_issued();
    port.settle();
    for request in &all {
        assert_eq!(port.ended(request).expect("ended").srb_status, SUCCESS);
    }
    assert_eq!(port.dpcs_issued() - calls, 2, "256 requests in one call");
}

#[test]
fn a_reset_ends_the_requests_of_all_queues_once() {
    let faults: Vec<_> = (FIRST..FIRST + 4)
        .map(|queue| Fault::Answer(Match::Queue(queue), Answer::Drop))
        .collect();
    for published in [true, false] {
        let machine = machine(with_queues(4, Delivery::AtRun), &faults);
        let mut port = started(loaded(machine, 4, 5));
        let victims: Vec<_> = (0..160u32)
            .map(|number| {
                port.run_on(number % 4);
                send_read(&mut port, 0)
            })
            .collect();
        if published {
            port.settle();
        }
        assert_eq!(port.outstanding(), victims.len());
        assert!(port.reset_bus(0));
        for victim in &victims {
            assert_eq!(port.ended(victim).expect("ended").srb_status, BUS_RESET);
        }
        assert_eq!(port.outstanding(), 0);
        machine.device.set_faults(&[]);
        // Calls that were issued before the reset find nothing to do.
        port.run_dpcs();
        for processor in 0..4 {
            port.run_on(processor);
            let after: Vec<_> = (0..3).map(|_| send_read(&mut port, 0)).collect();
            port.run_dpcs();
            port.settle();
            for request in &after {
                assert_eq!(port.ended(request).expect("ended").srb_status, SUCCESS);
            }
        }
        assert_eq!(machine.device.violations(), [""; 0]);
    }
}

#[test]
fn task_management_finds_what_was_just_sent() {
    const RESET_DEVICE: u32 = 0x13;
    const ABORT_COMMAND: u32 = 0x10;
    for abort in [true, false] {
        let faults: Vec<_> = (FIRST..FIRST + 2)
            .map(|queue| Fault::Answer(Match::Queue(queue), Answer::Drop))
            .collect();
        let machine = machine(with_queues(2, Delivery::AtDoorbell), &faults);
        let mut port = started(loaded(machine, 2, 3));
        port.run_on(1);
        let _first = send_read(&mut port, 0);
        // Filled in, not yet published: the deferred call has not run.
        let victim = send_read(&mut port, 0);
        port.run_on(0);
        let function = if abort { ABORT_COMMAND } else { RESET_DEVICE };
        let mut management = port.request(&Ask::function(Shape::Extended, function, UNIT));
        if abort {
            management.point_to(&victim);
        }
        assert_eq!(port.send(&mut management), None);
        quiet(&mut port);
        assert_eq!(port.ended(&management).expect("ended").srb_status, SUCCESS);
        let expected = if abort { ABORTED } else { BUS_RESET };
        assert_eq!(port.ended(&victim).expect("ended").srb_status, expected);
    }
}

#[test]
fn a_restart_lives_with_other_messages() {
    let machine = machine(with_queues(4, Delivery::AtDoorbell), &[]);
    let mut port = started(loaded(machine, 4, 5));
    let options = port.options();
    for messages in [2, 0, 5, 1, 3] {
        assert!(port.stop());
        port.limit_messages(messages);
        assert!(port.restart());
        assert_eq!(queues_in_use(&machine), 4, "{messages}");
        for (processor, message) in [(0, 0), (1, 2), (2, 4), (3, 0)] {
            port.run_on(processor);
            port.suggest_message(message);
            let request = send_read(&mut port, 0);
            quiet(&mut port);
            let ended = port.ended(&request).expect("heard of");
            assert_eq!(ended.srb_status, SUCCESS, "{messages} messages");
        }
        assert_eq!(port.options(), options, "options are not set again");
    }
    assert_eq!(machine.device.violations(), [""; 0]);
}

#[test]
fn a_device_with_fewer_vectors_than_messages_works_with_one() {
    let faults = [Fault::RefuseQueueVector(FIRST + 1)];
    let machine = machine(with_queues(2, Delivery::AtDoorbell), &faults);
    let mut port = loaded(machine, 2, 3);
    assert_eq!(port.find_adapter(0, core::ptr::null_mut()), FOUND);
    // The fault refuses every vector, so the second attempt fails too: the adapter says so and does not start.
    assert!(!port.initialize());
    machine.device.set_faults(&[]);
    let mut port = started(loaded(machine, 2, 3));
    let request = send_read(&mut port, 0);
    quiet(&mut port);
    assert_eq!(port.ended(&request).expect("ended").srb_status, SUCCESS);
}

#[test]
fn power_and_removal_reach_all_queues() {
    let faults: Vec<_> = (FIRST..FIRST + 4)
        .map(|queue| Fault::Answer(Match::Queue(queue), Answer::Drop))
        .collect();
    let machine = machine(with_queues(4, Delivery::AtRun), &faults);
    let mut port = started(loaded(machine, 4, 5));
    let send_all = |port: &mut Simulator| -> Vec<_> {
        (0..8)
            .map(|processor| {
                port.run_on(processor);
                send_read(port, 0)
            })
            .collect()
    };
    let victims = send_all(&mut port);
    assert!(port.power(4, 0), "D3");
    for victim in &victims {
        assert_eq!(port.ended(victim).expect("ended").srb_status, BUS_RESET);
    }
    assert!(port.power(1, 0), "D0");
    let victims = send_all(&mut port);
    assert!(port.surprise_removal());
    for victim in &victims {
        assert_eq!(port.ended(victim).expect("ended").srb_status, BUS_RESET);
    }
    assert_eq!(port.outstanding(), 0);
}
