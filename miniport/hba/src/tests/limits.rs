//! What a device limits, and what a request may say: transfers, segments, CDB and sense sizes, task attributes.

use std::vec;
use std::vec::Vec;

use super::{Adapter, BUS, DATA, memory, packed_offer, plan, registers, segments};
use crate::access::SharedMemory;
use crate::device::{ConfigError, Features, FieldSizes, Probe, ProbeError};
use crate::fake::{Answer, Disk, FakeDevice, FakeMemory, Fault, Match, Offer};
use crate::plan::{NormalOptions, PLAN_BYTES, Plan};
use crate::request::{
    CdbField, DataDirection, Fragment, Frame, NO_DATA, Outcome, PrepareError, Recipe, Request,
    Segment, TaskAttribute, frame_bytes, prepare,
};
use crate::ring::RingFormat;
use crate::scsi::cdb::{self, Access, Caching, Form, Transfer};
use crate::scsi::lun::ScsiAddress;

const MEBIBYTE: u32 = 1 << 20;

/// Two unaligned mebibytes in page-sized pieces: 513 segments.
fn two_mebibytes() -> Vec<Segment> {
    let start = BUS + u64::from(DATA) + 4096;
    let segment = |bus_address, length| Segment {
        bus_address,
        length,
    };
    let pages = (0..511).map(|page| segment(start + page * 4096, 4096));
    std::iter::once(segment(start - 512, 512))
        .chain(pages)
        .chain([segment(start + 511 * 4096, 4096 - 512)])
        .collect()
}

#[test]
fn two_mebibytes_go_both_ways_in_one_request_each() {
    let offers = [
        Offer::qemu(),
        packed_offer(),
        // In the ring itself: a fourth of it is enough.
        Offer {
            features: Features::VERSION_1,
            request_size: 1024,
            ..Offer::qemu()
        },
        Offer {
            features: Features::VERSION_1 | Features::RING_PACKED,
            request_size: 1000,
            ..Offer::qemu()
        },
    ];
    for offer in offers {
        let memory = FakeMemory::new(0x60_0000, BUS);
        let device = FakeDevice::new(&memory, offer, &[]);
        device.insert_disk(0, 0, Disk::new(8192, 512));
        let mut adapter = Adapter::start(&memory, &device);
        let indirect = offer.features.contains(Features::RING_INDIRECT_DESC);
        let (bytes, data) = if indirect {
            (2 * MEBIBYTE, two_mebibytes())
        } else {
            (247 * 4096, segments(247, 4096))
        };
        assert!(adapter.plan.transfer_bytes() >= bytes);
        assert!(usize::from(adapter.plan.segments()) >= data.len());
        let mut fill = 0u8;
        for segment in &data {
            let at = u32::try_from(segment.bus_address - BUS).unwrap();
            fill = fill.wrapping_mul(5).wrapping_add(3);
            let length = usize::try_from(segment.length).unwrap();
            memory.all().write_bytes(at, &vec![fill; length]);
        }
        let image = |memory: &FakeMemory| -> Vec<u8> {
            let parts = data.iter().map(|segment| {
                let at = u32::try_from(segment.bus_address - BUS).unwrap();
                memory.window(at, segment.length).to_vec()
            });
            parts.flatten().collect()
        };
        let written = image(&memory);
        let transfer = |access| {
            Transfer {
                access,
                block: 5,
                blocks: bytes / 512,
                caching: Caching::Allowed,
            }
            .build(Form::Ten)
            .unwrap()
        };
        let out = transfer(Access::Write);
        let done = adapter.command(0, 0, &out, DataDirection::Out, &data);
        assert_eq!((done.outcome, done.transferred), (Outcome::Success, bytes));
        memory.all().zero(DATA, 0x21_0000);
        let back = transfer(Access::Read);
        let done = adapter.command(0, 0, &back, DataDirection::In, &data);
        assert_eq!((done.outcome, done.transferred), (Outcome::Success, bytes));
        assert!(image(&memory) == written, "other data came back");
        assert_eq!(device.doorbells(2), 2);
        assert_eq!(device.violations(), [""; 0]);
    }
}

#[test]
fn one_segment_too_many_is_refused_and_nothing_is_sent() {
    for (offer, limit) in [
        (Offer::qemu(), 513),
        (packed_offer(), 513),
        (
            Offer {
                request_size: 128,
                ..Offer::qemu()
            },
            254,
        ),
        (
            Offer {
                features: Features::VERSION_1 | Features::RING_PACKED,
                request_size: 100,
                ..Offer::qemu()
            },
            23,
        ),
    ] {
        let memory = memory();
        let device = FakeDevice::new(&memory, offer, &[]);
        let plan = plan(&registers(&device), NormalOptions::STANDARD);
        assert_eq!(plan.segments(), limit);
        let bytes = frame_bytes(plan.segments() + 50);
        let fragment = Fragment {
            offset: 0,
            length: bytes,
            bus_address: BUS,
        };
        let frame = Frame::contiguous(fragment, plan.segments()).unwrap();
        let window = memory.window(0, bytes);
        let attempt = |count: u16| {
            let segment = Segment {
                bus_address: BUS + u64::from(DATA),
                length: 8,
            };
            let request = Request {
                address: ScsiAddress::from_u8(0, 0),
                cdb: CdbField::new(&[0x28; 10]),
                attribute: TaskAttribute::Simple,
                priority: 0,
                direction: DataDirection::In,
                data_bytes: u32::from(count) * 8,
            };
            let list = std::vec![segment; usize::from(count)];
            prepare(&window, &frame, plan.recipe(), &request, &list).map(drop)
        };
        assert_eq!(attempt(limit), Ok(()));
        assert_eq!(attempt(limit + 1), Err(PrepareError::TooManySegments));
        assert_eq!(attempt(limit + 49), Err(PrepareError::TooManySegments));
    }
}

#[test]
fn a_transfer_is_no_longer_than_the_device_hints() {
    let mut offer = Offer::qemu();
    offer.config.max_sectors = 0x200;
    let memory = memory();
    let device = FakeDevice::new(&memory, offer, &[]);
    let plan = plan(&registers(&device), NormalOptions::STANDARD);
    assert_eq!(plan.transfer_bytes(), 0x200 * 512);
}

#[test]
fn a_device_that_keeps_smaller_fields_is_served_with_them() {
    let memory = memory();
    for base in [Offer::qemu(), packed_offer()] {
        let mut offer = base;
        offer.config.cdb_size = 16;
        offer.config.sense_size = 18;
        let faults = [
            Fault::FixedSizes,
            Fault::Answer(Match::Opcode(0), Answer::Status(2, 96)),
        ];
        let device = FakeDevice::new(&memory, offer, &faults);
        device.insert_disk(0, 0, Disk::new(64, 512));
        let mut adapter = Adapter::start(&memory, &device);
        let kept = FieldSizes {
            cdb_bytes: 16,
            sense_bytes: 18,
        };
        assert_eq!(adapter.plan.sizes(), kept);
        let stored: [u8; PLAN_BYTES] = (&adapter.plan).into();
        assert_eq!(Plan::try_from(&stored[..]), Ok(adapter.plan));

        memory.all().write_bytes(DATA, &[0x77; 1024]);
        let write = Transfer {
            access: Access::Write,
            block: 3,
            blocks: 2,
            caching: Caching::Allowed,
        };
        let out = write.build(Form::Sixteen).unwrap();
        let done = adapter.command(0, 0, &out, DataDirection::Out, &segments(1, 1024));
        assert_eq!((done.outcome, done.transferred), (Outcome::Success, 1024));
        assert_eq!(
            device.disk(0, 0).unwrap().contents[3 * 512..][..1024],
            [0x77; 1024]
        );
        let back = cdb::inquiry(36);
        let done = adapter.command(0, 0, &back, DataDirection::In, &segments(1, 36));
        assert_eq!((done.outcome, done.transferred), (Outcome::Success, 36));

        // More sense data announced than the field has.
        let ready = cdb::test_unit_ready();
        let done = adapter.command(0, 0, &ready, DataDirection::None, &[]);
        assert_eq!((done.outcome, done.sense_bytes), (Outcome::Status, 18));
        assert_eq!(device.violations(), [""; 0]);

        let window = memory.window(0, frame_bytes(4));
        let fragment = Fragment {
            offset: 0,
            length: frame_bytes(4),
            bus_address: BUS,
        };
        let frame = Frame::contiguous(fragment, 4).unwrap();
        let recipe = adapter.plan.recipe();
        let attempt = |cdb: &[u8]| {
            let request = Request {
                address: ScsiAddress::from_u8(0, 0),
                cdb: CdbField::new(cdb),
                attribute: TaskAttribute::Simple,
                priority: 0,
                direction: DataDirection::None,
                data_bytes: 0,
            };
            prepare(&window, &frame, recipe, &request, NO_DATA).map(drop)
        };
        assert_eq!(attempt(&[0; 16]), Ok(()));
        assert_eq!(
            attempt(&[0; 32]),
            Err(PrepareError::CdbTooLong),
            "never cut"
        );
    }
}

#[test]
fn fields_for_which_there_is_no_room_are_refused() {
    let memory = memory();
    for (cdb_size, sense_size) in [(33, 96), (15, 96), (0, 0), (32, 97), (32, 252), (300, 96)] {
        let mut offer = Offer::qemu();
        offer.config.cdb_size = cdb_size;
        offer.config.sense_size = sense_size;
        let device = FakeDevice::new(&memory, offer, &[Fault::FixedSizes]);
        let regs = registers(&device);
        assert_eq!(
            Probe::read(&regs, super::quiet(&regs)),
            Err(ProbeError::Config(ConfigError::SizeRefused)),
            "{cdb_size}, {sense_size}"
        );
    }
}

#[test]
fn attribute_priority_and_long_commands_reach_the_header() {
    let memory = memory();
    let bytes = frame_bytes(1);
    let window = memory.window(0, bytes);
    let fragment = Fragment {
        offset: 0,
        length: bytes,
        bus_address: BUS,
    };
    let frame = Frame::contiguous(fragment, 1).unwrap();
    // A variable length CDB of 32 bytes: READ (32).
    let mut long = [0; 32];
    for (byte, value) in long.iter_mut().zip(1u8..) {
        *byte = value;
    }
    long[0] = 0x7F;
    for (attribute, wire) in [
        (TaskAttribute::Simple, 0),
        (TaskAttribute::Ordered, 1),
        (TaskAttribute::HeadOfQueue, 2),
        (TaskAttribute::Aca, 3),
    ] {
        for (priority, cdb) in [(0, &long[..6]), (7, &long[..]), (15, &long[..16])] {
            let request = Request {
                address: ScsiAddress::new(9, 300).unwrap(),
                cdb: CdbField::new(cdb),
                attribute,
                priority,
                direction: DataDirection::None,
                data_bytes: 0,
            };
            let recipe = Recipe::new(RingFormat::Split, FieldSizes::WANTED);
            prepare(&window, &frame, &recipe, &request, NO_DATA).unwrap();
            let header = window.to_vec();
            assert_eq!(header[..8], [1, 9, 0x41, 0x2C, 0, 0, 0, 0]);
            assert_eq!(header[16..19], [wire, priority, 0], "task_attr, prio, crn");
            assert_eq!(header[19..][..cdb.len()], *cdb);
            assert!(header[19 + cdb.len()..51].iter().all(|&byte| byte == 0));
        }
    }
}
