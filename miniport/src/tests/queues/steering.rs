//! Which queue a request goes to: by the port's word, by where messages go, by the processor's number.

use ddi::simulator::topology::Targets;

use super::*;

#[test]
fn one_queue_asks_for_no_channels_and_no_steering() {
    let machine = machine(with_queues(1, Delivery::AtDoorbell), &[]);
    let port = started(loaded(machine, 4, 5));
    assert_eq!(port.options(), (DPC_REDIRECTION, 1, (0, 0)));
}

#[test]
fn the_port_steers_if_it_has_something_to_say() {
    let machine = machine(with_queues(4, Delivery::AtDoorbell), &[]);
    let mut port = started(loaded(machine, 4, 5));
    port.run_on(1);
    for (message, queue) in [(3, 2), (1, 0), (4, 3), (0, 1), (5, 1), (77, 1)] {
        let before = machine.device.doorbells(FIRST + queue);
        port.suggest_message(message);
        let request = send_read(&mut port, 0);
        quiet(&mut port);
        assert_eq!(port.ended(&request).expect("ended").srb_status, SUCCESS);
        let rung = machine.device.doorbells(FIRST + queue) - before;
        assert_eq!(rung, 1, "message {message} means queue {queue}");
    }
}

/// The queue that a read on each of these processors goes to, when the port says nothing about it.
fn queues_of(port: &mut Simulator, machine: &Machine, processors: &[u32]) -> Vec<u16> {
    let rung = |queue: u16| machine.device.doorbells(FIRST + queue);
    processors
        .iter()
        .map(|&processor| {
            let before: Vec<_> = (0..4).map(rung).collect();
            port.run_on(processor);
            let request = send_read(port, 0);
            quiet(port);
            assert_eq!(port.ended(&request).expect("ended").srb_status, SUCCESS);
            let mut used = (0..4).filter(|&queue| rung(queue) != before[usize::from(queue)]);
            let queue = used.next().expect("a doorbell rang");
            assert_eq!(used.next(), None);
            queue
        })
        .collect()
}

#[test]
fn a_processor_uses_the_queue_whose_message_goes_to_it() {
    type Case = (&'static [(u16, u64)], [u16; 8]);
    let cases: [Case; 5] = [
        // Message 1 + q is that of queue q: one processor each, in another order; the processors beyond go by their number.
        (
            &[(0, 1), (0, 8), (0, 4), (0, 2), (0, 1)],
            [3, 2, 1, 0, 0, 1, 2, 3],
        ),
        // Several processors for each message.
        (
            &[(0, 0xFF), (0, 3), (0, 12), (0, 48), (0, 192)],
            [0, 0, 1, 1, 2, 2, 3, 3],
        ),
        // Each message goes everywhere: shared by number.
        (
            &[(0, 0xFF), (0, 0xFF), (0, 0xFF), (0, 0xFF), (0, 0xFF)],
            [0, 1, 2, 3, 0, 1, 2, 3],
        ),
        // Processors 0 to 3 are left out.
        (
            &[(0, 1), (0, 16), (0, 32), (0, 64), (0, 128)],
            [0, 1, 2, 3, 0, 1, 2, 3],
        ),
        // No processor at all.
        (&[], [0, 1, 2, 3, 0, 1, 2, 3]),
    ];
    for (of, expected) in cases {
        for from_zero in [true, false] {
            let machine = machine(with_queues(4, Delivery::AtDoorbell), &[]);
            let port = loaded(machine, 8, 5);
            port.target_messages(Targets { of, from_zero });
            let mut port = started(port);
            assert_eq!(port.options().0, ALL);
            let found = queues_of(&mut port, &machine, &[0, 1, 2, 3, 4, 5, 6, 7]);
            assert_eq!(found, expected, "{of:?}, from zero: {from_zero}");
            // Messages that go elsewhere after a restart change nothing, and fewer of them neither.
            assert!(port.stop());
            port.limit_messages(3);
            assert!(port.restart());
            let found = queues_of(&mut port, &machine, &[0, 1, 2, 3, 4, 5, 6, 7]);
            assert_eq!(found, expected, "{of:?} after a restart");
            // What the port says of a request goes first.
            port.suggest_message(3);
            assert_eq!(queues_of(&mut port, &machine, &[0, 7]), [2, 2]);
        }
    }
}

#[test]
fn processors_of_a_second_group_have_their_own_queues() {
    let machine = machine(with_queues(4, Delivery::AtDoorbell), &[]);
    let port = loaded(machine, 70, 5);
    port.target_messages(Targets {
        of: &[(0, 1), (1, 1), (1, 2), (0, 1), (0, 2)],
        from_zero: true,
    });
    let mut port = started(port);
    let found = queues_of(&mut port, &machine, &[0, 1, 64, 65, 66]);
    assert_eq!(found, [2, 3, 0, 1, 2]);
}

#[test]
fn affinities_that_were_not_granted_are_not_used() {
    let machine = machine(with_queues(4, Delivery::AtDoorbell), &[]);
    let port = loaded(machine, 4, 5);
    port.offer_options(Some((ALL, LOCALITY)));
    port.target_messages(Targets {
        of: &[(0, 1), (0, 8), (0, 4), (0, 2), (0, 1)],
        from_zero: true,
    });
    let mut port = started(port);
    assert_eq!(port.options().0, ALL & !LOCALITY);
    assert_eq!(queues_of(&mut port, &machine, &[0, 1, 2, 3]), [0, 1, 2, 3]);
}

#[test]
fn processors_choose_their_queue_where_the_port_does_not_steer() {
    let machine = machine(with_queues(4, Delivery::AtDoorbell), &[]);
    // Too few messages for one each: nothing to steer by.
    let mut port = started(loaded(machine, 70, 3));
    assert_eq!(port.options().0 & MESSAGE_RANGES, 0);
    port.suggest_message(2);
    for (processor, queue) in [(0, 0), (3, 3), (5, 1), (66, 2)] {
        let before = machine.device.doorbells(FIRST + queue);
        port.run_on(processor);
        let request = send_read(&mut port, 0);
        quiet(&mut port);
        assert_eq!(port.ended(&request).expect("ended").srb_status, SUCCESS);
        assert_eq!(machine.device.doorbells(FIRST + queue) - before, 1);
    }
}
