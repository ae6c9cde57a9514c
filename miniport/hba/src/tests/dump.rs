//! The dump engine: from a stored plan to data on the disk, polled.

use std::vec::Vec;

use super::{BUS, DATA, REGION, Regs, memory, packed_offer, quiet, registers};
use crate::access::SharedMemory;
use crate::device::{Features, Probe, Registers};
use crate::dump::{DumpEngine, DumpPoll, DumpStartError, DumpSubmitError};
use crate::fake::{Answer, ConfigSpace, Disk, FakeDevice, FakeMemory, Fault, Match, Offer, Window};
use crate::pci;
use crate::plan::{DUMP_REGION_BYTES_MAX, NormalOptions, PLAN_BYTES, Plan};
use crate::request::{
    CdbField, DataDirection, NO_DATA, Outcome, PrepareError, Request, Segment, TaskAttribute,
};
use crate::ring::{QueueFault, RingFormat};
use crate::scsi::cdb::{self, Access, Caching, Cdb, Form, Transfer};
use crate::scsi::lun::ScsiAddress;

fn plan(registers: &Registers<Regs<'_>>, format: RingFormat) -> Plan {
    let probe = Probe::read(registers, quiet(registers)).unwrap();
    let caps = pci::capabilities(ConfigSpace::qemu().bytes()).unwrap();
    let plan = Plan::dump_in_format(&caps, &probe, format).unwrap();
    let stored: [u8; PLAN_BYTES] = (&plan).into();
    Plan::try_from(&stored[..]).unwrap()
}

fn start<'d>(
    memory: &'d FakeMemory,
    device: &'d FakeDevice<'d>,
) -> DumpEngine<Regs<'d>, Window<'d>> {
    start_in(memory, device, RingFormat::Split)
}

fn start_in<'d>(
    memory: &'d FakeMemory,
    device: &'d FakeDevice<'d>,
    format: RingFormat,
) -> DumpEngine<Regs<'d>, Window<'d>> {
    let registers = registers(device);
    let plan = plan(&registers, format);
    let region = memory.window(REGION, DUMP_REGION_BYTES_MAX);
    DumpEngine::start(&registers, &plan, quiet(&registers), region).unwrap()
}

fn request(cdb: &Cdb, direction: DataDirection, data_bytes: u32) -> Request {
    let address = ScsiAddress::from_u8(0, 0);
    Request {
        address,
        cdb: CdbField::new(cdb.as_bytes()),
        attribute: TaskAttribute::Simple,
        priority: 0,
        direction,
        data_bytes,
    }
}

/// An unaligned mebibyte in page-sized pieces: 257 segments.
fn mebibyte() -> Vec<Segment> {
    let start = BUS + u64::from(DATA);
    let mut segments: Vec<_> = (0..255)
        .map(|page| Segment {
            bus_address: start + 4096 + page * 4096,
            length: 4096,
        })
        .collect();
    segments.insert(
        0,
        Segment {
            bus_address: start + 4096 - 512,
            length: 512,
        },
    );
    segments.push(Segment {
        bus_address: start + 256 * 4096,
        length: 4096 - 512,
    });
    segments
}

#[test]
fn a_mebibyte_goes_out_and_comes_back_in_one_request_each() {
    for (size, format) in [
        (64, RingFormat::Split),
        (256, RingFormat::Split),
        (1024, RingFormat::Split),
        (15, RingFormat::Packed),
        (1024, RingFormat::Packed),
    ] {
        let memory = memory();
        let device = FakeDevice::new(
            &memory,
            Offer {
                request_size: size,
                ..packed_offer()
            },
            &[],
        );
        device.insert_disk(0, 0, Disk::new(4096, 512));
        let mut engine = start_in(&memory, &device, format);
        let is_packed = device.accepted().contains(Features::RING_PACKED);
        assert_eq!(is_packed, format == RingFormat::Packed);
        assert_eq!(
            (
                device.enabled_size(0),
                device.enabled_size(1),
                device.enabled_size(2)
            ),
            (0, 0, size.min(16))
        );
        let pattern: Vec<u8> = (0..1u32 << 20)
            .map(|index| u8::try_from(index * 7 % 251).unwrap())
            .collect();
        memory.all().write_bytes(DATA + 4096 - 512, &pattern);
        assert_eq!(engine.poll(), Ok(DumpPoll::Idle), "a spurious poll");
        for (form, token) in [(Form::Ten, 1), (Form::Sixteen, 2)] {
            let write = Transfer {
                access: Access::Write,
                block: 17,
                blocks: 2048,
                caching: Caching::Allowed,
            };
            let write = write.build(form).unwrap();
            engine
                .submit(
                    &request(&write, DataDirection::Out, 1 << 20),
                    &mebibyte(),
                    token,
                )
                .unwrap();
            let DumpPoll::Done {
                token: done,
                completion,
            } = engine.poll().unwrap()
            else {
                panic!("not done")
            };
            assert_eq!(
                (done, completion.outcome, completion.transferred),
                (token, Outcome::Success, 1 << 20)
            );
            assert_eq!(engine.poll(), Ok(DumpPoll::Idle), "a spurious poll");
        }
        assert!(device.disk(0, 0).unwrap().contents[17 * 512..][..1 << 20] == pattern[..]);
        memory.all().zero(DATA, 0x11_0000);
        let read = Transfer {
            access: Access::Read,
            block: 17,
            blocks: 2048,
            caching: Caching::Allowed,
        };
        let read = read.build(Form::Ten).unwrap();
        engine
            .submit(&request(&read, DataDirection::In, 1 << 20), &mebibyte(), 3)
            .unwrap();
        assert!(matches!(engine.poll(), Ok(DumpPoll::Done { token: 3, .. })));
        assert!(memory.window(DATA + 4096 - 512, 1 << 20).to_vec() == pattern);
        assert_eq!(device.doorbells(2), 3, "one doorbell per request");
        assert_eq!(device.take_interrupts(), [], "no interrupt is asked for");
        assert_eq!(device.violations(), [""; 0]);
    }
}

#[test]
fn a_device_without_indirect_descriptors_takes_shorter_requests() {
    let memory = memory();
    let features = Features::VERSION_1 | Features::RING_EVENT_IDX;
    let device = FakeDevice::new(
        &memory,
        Offer {
            features,
            ..Offer::qemu()
        },
        &[],
    );
    device.insert_disk(0, 0, Disk::new(4096, 512));
    let mut engine = start(&memory, &device);
    assert_eq!(device.enabled_size(2), 128);
    let write = Transfer {
        access: Access::Write,
        block: 0,
        blocks: 1000,
        caching: Caching::Allowed,
    };
    let write = write.build(Form::Ten).unwrap();
    for token in 0..5 {
        let segments: Vec<_> = mebibyte().into_iter().skip(1).take(125).collect();
        engine
            .submit(
                &request(&write, DataDirection::Out, 125 * 4096),
                &segments,
                token,
            )
            .unwrap();
        assert!(matches!(engine.poll(), Ok(DumpPoll::Done { .. })));
    }
    let long = engine.submit(
        &request(&write, DataDirection::Out, 1 << 20),
        &mebibyte(),
        9,
    );
    assert_eq!(
        long,
        Err(DumpSubmitError::Prepare(PrepareError::TooManySegments))
    );
    assert_eq!(device.violations(), [""; 0]);
}

#[test]
fn one_request_at_a_time_and_errors_with_sense_data() {
    let memory = memory();
    let device = FakeDevice::new(
        &memory,
        Offer::qemu(),
        &[Fault::Answer(Match::Nth(2, 0), Answer::Delay(1))],
    );
    device.insert_disk(0, 0, Disk::new(8, 512));
    let mut engine = start(&memory, &device);
    let flush = cdb::synchronize_cache_16();
    engine
        .submit(&request(&flush, DataDirection::None, 0), NO_DATA, 1)
        .unwrap();
    assert!(engine.is_busy());
    let again = engine.submit(&request(&flush, DataDirection::None, 0), NO_DATA, 2);
    assert_eq!(again, Err(DumpSubmitError::Busy));
    for _ in 0..10 {
        assert_eq!(engine.poll(), Ok(DumpPoll::Pending));
    }
    device.run();
    assert_eq!(engine.poll(), Ok(DumpPoll::Pending));
    device.run();
    assert!(matches!(engine.poll(), Ok(DumpPoll::Done { token: 1, .. })));

    let odd = cdb::inquiry_page(0x83, 8);
    let _ = engine.submit(
        &request(&odd, DataDirection::In, 8),
        &super::segments(1, 8),
        3,
    );
    assert!(matches!(engine.poll(), Ok(DumpPoll::Done { token: 3, .. })));
    let beyond = Transfer {
        access: Access::Read,
        block: 99,
        blocks: 1,
        caching: Caching::Allowed,
    };
    let beyond = beyond.build(Form::Ten).unwrap();
    engine
        .submit(
            &request(&beyond, DataDirection::In, 512),
            &super::segments(1, 512),
            4,
        )
        .unwrap();
    let DumpPoll::Done { completion, .. } = engine.poll().unwrap() else {
        panic!("not done")
    };
    assert_eq!(
        (completion.outcome, completion.scsi_status),
        (Outcome::Status, 2)
    );
    assert_eq!(engine.copy_sense(&mut []), 0, "no sense buffer is fine");
    let mut sense = [0; 18];
    assert_eq!((engine.copy_sense(&mut sense), sense[2]), (18, 5));
}

#[test]
fn a_request_that_never_ends_is_given_back_after_the_reset() {
    let memory = memory();
    let device = FakeDevice::new(
        &memory,
        Offer::qemu(),
        &[Fault::Answer(Match::Nth(2, 0), Answer::Drop)],
    );
    device.insert_disk(0, 0, Disk::new(8, 512));
    let mut engine = start(&memory, &device);
    let ready = cdb::test_unit_ready();
    engine
        .submit(&request(&ready, DataDirection::None, 0), NO_DATA, 8)
        .unwrap();
    assert_eq!(engine.poll(), Ok(DumpPoll::Pending));
    assert_eq!(engine.abandon(&quiet(&registers(&device))), Some(8));

    // The same region serves the next engine, dirty as it is.
    device.set_faults(&[Fault::Answer(Match::Queue(2), Answer::Id(40))]);
    let mut engine = start(&memory, &device);
    engine
        .submit(&request(&ready, DataDirection::None, 0), NO_DATA, 9)
        .unwrap();
    assert_eq!(engine.poll(), Err(QueueFault::IdOutOfRange));
    assert_eq!(engine.poll(), Err(QueueFault::IdOutOfRange));
    assert_eq!(engine.abandon(&quiet(&registers(&device))), Some(9));

    device.set_faults(&[]);
    let mut engine = start(&memory, &device);
    engine
        .submit(&request(&ready, DataDirection::None, 0), NO_DATA, 10)
        .unwrap();
    assert!(matches!(
        engine.poll(),
        Ok(DumpPoll::Done { token: 10, .. })
    ));
}

#[test]
fn a_normal_plan_is_no_dump_plan() {
    let memory = memory();
    let device = FakeDevice::new(&memory, Offer::qemu(), &[]);
    let registers = registers(&device);
    let plan = super::plan(&registers, NormalOptions::STANDARD);
    let region = memory.window(REGION, plan.region_bytes());
    let error = DumpEngine::start(&registers, &plan, quiet(&registers), region)
        .map(drop)
        .unwrap_err();
    assert_eq!(error, DumpStartError::NotADumpPlan);
}
