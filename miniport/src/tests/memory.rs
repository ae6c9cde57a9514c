//! The memory in which the queues live: as much as the device asks for, given back with the adapter, and what happens when there is none.

use ddi::simulator::{Simulator, exclusive};
use hba::fake::{Delivery, Offer};

use super::{
    queues::{loaded, queues_in_use, with_queues},
    *,
};

/// `SP_RETURN_ERROR`.
const FAILED: u32 = 2;

/// What a device extension may take: half of the noncached memory that the documentation grants a dump instance.
const EXTENSION_BYTES_MAX: u32 = 16 * 1024;

fn found(port: &mut Simulator) -> bool {
    port.find_adapter(0, core::ptr::null_mut()) == FOUND
}

#[test]
fn the_extension_is_small_in_both_lives() {
    let _alone = exclusive();
    for is_dump in [false, true] {
        let port = Simulator::load(machine(Offer::qemu(), &[]), is_dump, driver_entry);
        let bytes = port.initialization().DeviceExtensionSize;
        assert!(bytes < EXTENSION_BYTES_MAX, "{bytes} bytes, dump {is_dump}");
    }
}

#[test]
fn pool_has_the_size_that_the_queues_need() {
    let bytes = |request_size: u16, queues: u32| {
        let offer = Offer {
            request_size,
            ..with_queues(queues, Delivery::AtDoorbell)
        };
        let mut port = loaded(machine(offer, &[]), queues, 64);
        assert!(found(&mut port) && port.initialize());
        let [block] = port.pool_bytes()[..] else {
            panic!("one block for all queues")
        };
        block
    };
    let (short, long) = (bytes(64, 1), bytes(1024, 1));
    // 24 bytes for each descriptor; queue, heads and alignment beside them.
    assert!((64 * 24..64 * 24 + 1024).contains(&short), "{short}");
    assert!((1024 * 24..1024 * 24 + 1024).contains(&long), "{long}");
    let four = bytes(64, 4);
    assert!(four > 3 * short && four < 4 * short, "{four}");
}

#[test]
fn with_little_pool_there_are_fewer_queues() {
    for (failures, expected) in [(0, 8), (1, 4), (2, 2), (3, 1)] {
        let machine = machine(with_queues(8, Delivery::AtDoorbell), &[]);
        let mut port = loaded(machine, 8, 64);
        port.fail_allocations(failures);
        assert!(found(&mut port) && port.initialize());
        assert_eq!(queues_in_use(&machine), expected, "{failures} failures");
        for processor in 0..8 {
            port.run_on(processor);
            let mut request = read(&mut port, Shape::Extended, 1, BLOCK, Form::Ten);
            let ended = execute(&mut port, &mut request);
            assert_eq!(ended.srb_status, SUCCESS, "processor {processor}");
        }
        let size = u32::from(machine.device.enabled_size(2));
        let queues = u32::try_from(expected).unwrap();
        assert_eq!(port.config.MaxNumberOfIO, size * queues);
        assert_eq!(machine.device.violations(), [""; 0]);
    }
}

#[test]
fn each_attempt_asks_for_less() {
    // Alone, eight queues of such a device would be twice as long as sixteen.
    let offer = Offer {
        request_size: 1024,
        ..with_queues(16, Delivery::AtDoorbell)
    };
    let bytes = [0, 1, 2].map(|failures| {
        let mut port = loaded(machine(offer, &[]), 16, 64);
        port.fail_allocations(failures);
        assert!(found(&mut port) && port.initialize());
        port.pool_bytes()[0]
    });
    assert!(
        bytes.is_sorted_by(|more, less| more.div_ceil(*less) == 2),
        "{bytes:?}"
    );
}

#[test]
fn without_pool_for_one_queue_the_adapter_is_refused_and_can_be_found_later() {
    let machine = machine(with_queues(8, Delivery::AtDoorbell), &[]);
    let mut port = loaded(machine, 8, 64);
    port.fail_allocations(4);
    assert_eq!(port.find_adapter(0, core::ptr::null_mut()), FAILED);
    assert_eq!(port.pool_bytes(), [0; 0]);
    assert!(!port.initialize(), "there is no adapter");
    assert!(found(&mut port) && port.initialize());
    assert_eq!(queues_in_use(&machine), 8);
}

#[test]
fn pool_goes_back_with_the_adapter_and_only_then() {
    let mut port = running(machine(Offer::qemu(), &[]));
    let blocks = port.pool_bytes();
    assert_eq!(blocks.len(), 1);
    assert!(port.stop() && port.restart());
    assert_eq!(port.pool_bytes(), blocks, "a restart keeps it");
    assert!(port.surprise_removal());
    assert_eq!(port.pool_bytes(), blocks, "callbacks may still come");
    assert!(port.free_adapter_resources());
    assert_eq!(port.pool_bytes(), [0; 0]);
    assert!(port.free_adapter_resources(), "again, without effect");
    assert!(!port.initialize(), "there is no adapter any more");
}

#[test]
fn a_second_find_adapter_frees_what_the_first_took() {
    let machine = machine(with_queues(8, Delivery::AtDoorbell), &[]);
    let mut port = loaded(machine, 8, 64);
    assert!(found(&mut port) && port.initialize());
    let many = port.pool_bytes();
    port.set_processors(2);
    assert!(found(&mut port) && port.initialize());
    let few = port.pool_bytes();
    assert_eq!((many.len(), few.len()), (1, 1));
    assert!(
        few[0] < many[0],
        "as many queues as there are processors now"
    );
}
