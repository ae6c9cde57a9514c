//! Normal life: start, requests of both shapes, answers of all kinds, dump pointers.

use ddi::simulator::{
    Simulator,
    request::{Ask, Shape},
};
use hba::{
    fake::{Answer, Delivery, Fault, Match, Offer},
    scsi::cdb::{Form, inquiry, opcode},
};

use super::*;

#[test]
fn the_registration_is_complete() {
    let port = Simulator::load(machine(Offer::qemu(), &[]), false, driver_entry);
    let data = port.initialization();
    assert_eq!(data.HwInitializationDataSize, 208);
    assert_eq!(data.AdapterInterfaceType, 5, "PCIBus");
    assert_eq!(
        data.FeatureSupport, 0x28,
        "DUMP_POINTERS, DUMP_RESUME_CAPABLE"
    );
    assert_eq!(data.SrbTypeFlags, 3, "both shapes");
    assert_eq!(data.AddressTypeFlags, 1, "BTL8");
    for flag in [
        data.NeedPhysicalAddresses,
        data.TaggedQueuing,
        data.AutoRequestSense,
        data.MultipleRequestPerLu,
    ] {
        assert_eq!(flag, 1);
    }
    assert!(data.HwUnitControl.is_some() && data.HwAdapterControl.is_some());
    assert!(data.HwFreeAdapterResources.is_some());
    assert!(data.SrbExtensionSize > 257 * 16);
}

#[test]
fn find_adapter_describes_the_device() {
    let mut port = Simulator::load(machine(Offer::qemu(), &[]), false, driver_entry);
    assert_eq!(port.find_adapter(0, core::ptr::null_mut()), FOUND);
    let config = &port.config;
    assert_eq!(config.SynchronizationModel, 1, "full duplex");
    assert_eq!(config.InterruptSynchronizationMode, 2, "per message");
    assert!(config.HwMSInterruptRoutine.is_some());
    assert_eq!(config.VirtualDevice, 0);
    assert_eq!((config.ScatterGather, config.Master), (1, 1));
    assert_eq!(
        (config.MaximumNumberOfTargets, config.NumberOfBuses),
        (255, 1)
    );
    let pages = config.MaximumTransferLength / 4096;
    assert!(config.MaximumTransferLength.is_multiple_of(4096) && pages > 200);
    assert_eq!(config.NumberOfPhysicalBreaks, pages + 1);
    assert_eq!(config.MaxNumberOfIO, 256);
    assert_eq!(
        config.SrbExtensionSize,
        port.initialization().SrbExtensionSize
    );
    assert!(port.marks().is_empty(), "nothing is marked in normal life");
    assert_eq!(port.hardware_touches().0, 1, "one range, mapped once");
}

#[test]
fn registry_parameters_shape_the_adapter() {
    let machine = machine(Offer::qemu(), &[]);
    let mut port = Simulator::load(machine, false, driver_entry);
    port.set_parameter(c"RingSize", 64);
    port.set_parameter(c"MaximumTransferKiB", 128);
    port.set_parameter(c"UnitQueueDepth", 5);
    port.set_parameter(c"TaskManagementTimeout", 1);
    assert_eq!(port.find_adapter(0, core::ptr::null_mut()), FOUND);
    assert_eq!(port.config.MaximumTransferLength, 128 << 10);
    assert_eq!(port.config.MaxIOsPerLun, 5);
    assert!(port.initialize());
    assert_eq!(machine.device.enabled_size(2), 64);
    assert_eq!(
        port.traced_events(),
        [0; 0],
        "a value out of range is no failure"
    );
}

#[test]
fn the_device_runs_after_initialize() {
    let machine = machine(Offer::qemu(), &[]);
    let port = running(machine);
    for queue in 0..3 {
        assert_ne!(machine.device.enabled_size(queue), 0, "queue {queue}");
    }
    assert_eq!(machine.device.enabled_size(2), 256);
    assert_eq!(machine.device.violations(), [""; 0]);
    assert_eq!(port.refused_services(), [0; 0]);
}

#[test]
fn data_goes_out_and_comes_back_in_both_shapes() {
    let machine = machine(Offer::qemu(), &[]);
    let mut port = running(machine);
    for (shape, form) in [
        (Shape::Legacy, Form::Ten),
        (Shape::Extended, Form::Sixteen),
        (Shape::Extended, Form::Six),
    ] {
        let data = pattern(5 * BLOCK, form as u8);
        let mut out = write(&mut port, shape, 40, &data, form);
        let ended = execute(&mut port, &mut out);
        assert_eq!(
            (ended.srb_status, ended.scsi_status),
            (SUCCESS, 0),
            "{shape:?}"
        );
        assert_eq!(ended.transferred as usize, data.len());
        let mut back = read(&mut port, shape, 40, data.len(), form);
        assert_eq!(execute(&mut port, &mut back).srb_status, SUCCESS);
        assert_eq!(back.data(), data, "{shape:?} {form:?}");
    }
    assert_eq!(machine.device.violations(), [""; 0]);
    assert_eq!(port.stalls_in_start_io(), 0);
}

#[test]
fn the_largest_transfer_goes_through() {
    let mut port = running(machine(Offer::qemu(), &[]));
    let bytes = port.config.MaximumTransferLength as usize;
    let data = pattern(bytes, 9);
    let mut out = write(&mut port, Shape::Extended, 0, &data, Form::Ten);
    assert_eq!(execute(&mut port, &mut out).srb_status, SUCCESS);
    let mut back = read(&mut port, Shape::Extended, 0, bytes, Form::Ten);
    assert_eq!(execute(&mut port, &mut back).srb_status, SUCCESS);
    assert_eq!(back.data(), data);
}

#[test]
fn a_device_without_indirect_descriptors_or_messages_works() {
    let offer = Offer {
        features: hba::device::Features::VERSION_1,
        ..Offer::qemu()
    };
    let machine = machine(offer, &[]);
    let mut port = Simulator::load(machine, false, driver_entry);
    port.limit_messages(0);
    assert_eq!(port.find_adapter(0, core::ptr::null_mut()), FOUND);
    assert!(port.initialize());
    let data = pattern(9 * BLOCK, 1);
    let mut out = write(&mut port, Shape::Legacy, 3, &data, Form::Ten);
    assert_eq!(execute(&mut port, &mut out).srb_status, SUCCESS);
    let mut back = read(&mut port, Shape::Legacy, 3, data.len(), Form::Ten);
    assert_eq!(execute(&mut port, &mut back).srb_status, SUCCESS);
    assert_eq!(back.data(), data);
    assert_eq!(machine.device.violations(), [""; 0]);
}

#[test]
fn one_message_serves_everything() {
    let machine = machine(Offer::qemu(), &[]);
    let mut port = Simulator::load(machine, false, driver_entry);
    port.limit_messages(1);
    assert_eq!(port.find_adapter(0, core::ptr::null_mut()), FOUND);
    assert!(port.initialize());
    let mut back = read(&mut port, Shape::Extended, 0, BLOCK, Form::Ten);
    assert_eq!(execute(&mut port, &mut back).srb_status, SUCCESS);
}

#[test]
fn sense_data_arrive_as_far_as_there_is_room() {
    let mut port = running(machine(Offer::qemu(), &[]));
    for (shape, room) in [
        (Shape::Legacy, 18),
        (Shape::Extended, 8),
        (Shape::Extended, 0),
    ] {
        let mut request = port.request(&Ask {
            cdb: &[0xFF, 0, 0, 0, 0, 0],
            sense_bytes: room,
            ..Ask::function(shape, EXECUTE_SCSI, UNIT)
        });
        let ended = execute(&mut port, &mut request);
        assert_eq!(ended.scsi_status, 2, "CHECK CONDITION");
        assert_eq!(ended.transferred, 0);
        if room == 0 {
            assert_eq!(ended.srb_status, ERROR);
        } else {
            assert_eq!(ended.srb_status, ERROR_WITH_SENSE);
            assert_eq!(ended.sense_length, room.min(18));
            assert_eq!(request.sense()[0] & 0x7F, 0x70);
            assert_eq!(request.sense()[2] & 0xF, 5, "ILLEGAL REQUEST");
        }
    }
}

#[test]
fn short_answers_say_how_much_came() {
    let mut port = running(machine(Offer::qemu(), &[]));
    let mut request = port.request(&Ask {
        cdb: inquiry(96).as_bytes(),
        flags: DATA_IN,
        data: &[0; 96],
        ..Ask::function(Shape::Extended, EXECUTE_SCSI, UNIT)
    });
    let ended = execute(&mut port, &mut request);
    assert_eq!((ended.srb_status, ended.transferred), (DATA_OVERRUN, 36));
    assert_eq!(port.queue_depths(), [128], "the depth follows the INQUIRY");
}

#[test]
fn absent_targets_are_reported_as_such() {
    let mut port = running(machine(Offer::qemu(), &[]));
    let nobody = UnitAddress { target: 9, ..UNIT };
    let mut request = port.request(&Ask {
        cdb: &[0; 6],
        ..Ask::function(Shape::Extended, EXECUTE_SCSI, nobody)
    });
    assert_eq!(
        execute(&mut port, &mut request).srb_status,
        INVALID_TARGET_ID
    );
    let elsewhere = UnitAddress { path: 1, ..UNIT };
    let mut request = port.request(&Ask {
        cdb: &[0; 6],
        ..Ask::function(Shape::Legacy, EXECUTE_SCSI, elsewhere)
    });
    assert_eq!(execute(&mut port, &mut request).srb_status, NO_DEVICE);
}

#[test]
fn flush_and_shutdown_synchronise_the_cache_of_their_unit() {
    let machine = machine(Offer::qemu(), &[]);
    let mut port = running(machine);
    for (count, function) in [FLUSH, SHUTDOWN].into_iter().enumerate() {
        let mut request = port.request(&Ask::function(Shape::Extended, function, UNIT));
        assert_eq!(execute(&mut port, &mut request).srb_status, SUCCESS);
        let disk = machine.device.disk(UNIT.target, UNIT.lun.into()).unwrap();
        assert_eq!(disk.flushes as usize, count + 1);
    }
}

#[test]
fn a_unit_without_a_cache_can_be_flushed() {
    let fault = Fault::Answer(
        Match::Opcode(opcode::SYNCHRONIZE_CACHE_10),
        Answer::Status(2, 18),
    );
    let machine = machine(Offer::qemu(), &[fault]);
    let mut port = running(machine);
    let mut request = port.request(&Ask::function(Shape::Legacy, FLUSH, UNIT));
    let ended = execute(&mut port, &mut request);
    // The fake's sense data are not ILLEGAL REQUEST here: the flush failed, and says so.
    assert_eq!(ended.srb_status, ERROR);
}

#[test]
fn functions_that_concern_no_device_are_answered_at_once() {
    let mut port = running(machine(Offer::qemu(), &[]));
    for (function, expected) in [
        (0x02, INVALID_REQUEST), // IO_CONTROL
        (0x17, INVALID_REQUEST), // WMI
        (0x24, SUCCESS),         // POWER
        (0x2A, INVALID_REQUEST), // GET_DUMP_INFO
        (0x7F, INVALID_REQUEST),
    ] {
        for shape in [Shape::Legacy, Shape::Extended] {
            let mut request = port.request(&Ask::function(shape, function, UNIT));
            let ended = port.send(&mut request).expect("answered at once");
            assert_eq!(ended.srb_status, expected, "{function:#x} {shape:?}");
        }
    }
}

#[test]
fn a_full_queue_is_busy_and_nothing_is_lost() {
    let offer = Offer {
        request_size: 64,
        delivery: Delivery::AtRun,
        ..Offer::qemu()
    };
    let machine = machine(offer, &[]);
    let mut port = running(machine);
    let mut waiting: Vec<_> = (0..64)
        .map(|block| read(&mut port, Shape::Extended, block, BLOCK, Form::Ten))
        .collect();
    for request in &mut waiting {
        assert_eq!(port.send(request), None);
    }
    let mut extra = read(&mut port, Shape::Extended, 0, BLOCK, Form::Ten);
    let ended = port.send(&mut extra).expect("the queue is full");
    assert_eq!((ended.srb_status, ended.scsi_status), (BUSY, 0x28));
    assert_eq!(
        ended.transferred as usize, BLOCK,
        "left alone for the retry"
    );
    port.settle();
    for request in &waiting {
        assert_eq!(port.ended(request).expect("ended").srb_status, SUCCESS);
    }
    assert_eq!(execute(&mut port, &mut extra).srb_status, SUCCESS);
    assert_eq!(port.outstanding(), 0);
}

#[test]
fn a_device_that_breaks_the_rules_loses_no_request() {
    for answer in [
        Answer::Id(9999),
        Answer::Id(77),
        Answer::Length(1 << 20),
        Answer::IndexJump(500),
        Answer::Twice,
    ] {
        let offer = Offer {
            delivery: Delivery::AtRun,
            ..Offer::qemu()
        };
        let machine = machine(offer, &[Fault::Answer(Match::Nth(2, 1), answer)]);
        let mut port = running(machine);
        let mut requests: Vec<_> = (0..4)
            .map(|block| read(&mut port, Shape::Extended, block, BLOCK, Form::Ten))
            .collect();
        for request in &mut requests {
            assert_eq!(port.send(request), None);
        }
        port.settle();
        for request in &requests {
            let ended = port.ended(request);
            assert!(
                ended.is_some_and(|ended| matches!(ended.srb_status, SUCCESS | BUS_RESET)),
                "{answer:?}: {ended:?}"
            );
        }
        machine.device.set_faults(&[]);
        let mut after = read(&mut port, Shape::Extended, 0, BLOCK, Form::Ten);
        let status = execute(&mut port, &mut after).srb_status;
        assert_eq!(status, SUCCESS, "{answer:?}: the adapter works again");
    }
}

#[test]
fn a_device_that_never_leaves_reset_is_refused() {
    let machine = machine(Offer::qemu(), &[Fault::SlowReset(u32::MAX)]);
    let mut port = Simulator::load(machine, false, driver_entry);
    assert_eq!(
        port.find_adapter(0, core::ptr::null_mut()),
        2,
        "SP_RETURN_ERROR"
    );
}

#[test]
fn another_function_is_not_found() {
    let machine = machine(Offer::qemu(), &[]);
    machine.config_space.borrow_mut()[2..4].copy_from_slice(&[0x00, 0x10]);
    let mut port = Simulator::load(machine, false, driver_entry);
    assert_eq!(
        port.find_adapter(0, core::ptr::null_mut()),
        0,
        "SP_RETURN_NOT_FOUND"
    );
}

#[test]
fn hot_plug_and_lost_events_lead_to_a_scan() {
    let machine = machine(Offer::qemu(), &[]);
    let mut port = running(machine);
    let lun = [1, UNIT.target, 0, UNIT.lun, 0, 0, 0, 0];
    for (event, reason, expected) in [
        (1, 1, 1),      // transport reset: rescan
        (1, 2, 2),      // removed
        (1, 0, 2),      // hard reset: nothing new on the bus
        (3, 0x092A, 3), // capacity changed
        (2, 1, 3),      // asynchronous notification, not subscribed
        (0x8000_0000, 0, 4),
    ] {
        assert!(machine.device.push_event(event, lun, reason));
        port.settle();
        assert_eq!(
            port.bus_changes(),
            expected,
            "event {event:#x} reason {reason:#x}"
        );
    }
}

#[test]
fn dump_pointers_go_out_and_come_back_once() {
    let mut port = running(machine(Offer::qemu(), &[]));
    let queues = port.pool_bytes().len();
    let mut contexts = Vec::new();
    for shape in [Shape::Legacy, Shape::Extended] {
        let mut request = port.request(&Ask {
            data: &[0; 112],
            ..Ask::function(shape, 0x26, UNIT)
        });
        assert_eq!(port.send(&mut request).unwrap().srb_status, SUCCESS);
        let answer = request.data();
        assert_eq!(answer[..4], [0, 2, 112, 0], "version and size");
        let pointer = u64::from_ne_bytes(answer[64..72].try_into().unwrap());
        let transfer = u32::from_ne_bytes(answer[80..84].try_into().unwrap());
        assert_ne!(pointer, 0);
        assert_eq!(transfer, 1 << 20, "1 MiB in the dump stack");
        contexts.push(answer);
    }
    assert_eq!(port.pool_bytes().len(), queues + 2, "a context each");
    for (answer, expected) in [
        (&contexts[1], SUCCESS),
        (&contexts[1], INVALID_REQUEST),
        (&contexts[0], SUCCESS),
    ] {
        let mut request = port.request(&Ask {
            data: answer,
            ..Ask::function(Shape::Extended, 0x27, UNIT)
        });
        assert_eq!(port.send(&mut request).unwrap().srb_status, expected);
    }
    assert_eq!(port.pool_bytes().len(), queues);
    let mut short = port.request(&Ask {
        data: &[0; 71],
        ..Ask::function(Shape::Extended, 0x26, UNIT)
    });
    assert_eq!(port.send(&mut short).unwrap().srb_status, INVALID_REQUEST);
    assert_eq!(port.pool_bytes().len(), queues);
}
