//! Plans: sizes for every offer, layouts without overlap, and the way back from bytes.

use super::*;
use crate::fake::{ConfigSpace, Offer};
use crate::pci;
use proptest::prelude::*;
use std::vec::Vec;

fn caps() -> VirtioCaps {
    pci::capabilities(ConfigSpace::qemu().bytes()).unwrap()
}

fn probe(request_size: u16) -> Probe {
    let offer = Offer::qemu();
    Probe {
        offered: offer.features,
        config: offer.config,
        sizes: FieldSizes::WANTED,
        request_queues: 1,
        control_size: request_size,
        event_size: request_size,
        request_size,
    }
}

fn packed(request_size: u16) -> Probe {
    let mut probe = probe(request_size);
    probe.offered.insert(Features::RING_PACKED);
    probe
}

/// Every area of a layout, as offset and length.
fn areas(plan: &Plan) -> Vec<(u32, u32)> {
    let layout = plan.layout();
    let mut areas = Vec::new();
    let requests = (0..layout.request_queues).map(|number| layout.request_queue(number).unwrap());
    for queue in layout
        .control
        .into_iter()
        .chain(layout.event)
        .chain(requests)
    {
        let size = u32::from(queue.size);
        assert_eq!(queue.format, plan.ring_format());
        areas.push((queue.descriptors, size * 16));
        match queue.format {
            RingFormat::Split => {
                assert!(queue.descriptors % 16 == 0 && queue.available % 2 == 0);
                assert!(queue.used % 4 == 0);
                areas.extend([(queue.available, size * 2 + 6), (queue.used, size * 8 + 6)]);
            }
            RingFormat::Packed => {
                assert!(queue.descriptors % 16 == 0 && queue.available % 4 == 0);
                assert!(
                    queue.used % 64 == 0,
                    "the device writes a cache line of its own"
                );
                areas.extend([(queue.available, 4), (queue.used, 4)]);
            }
        }
    }
    for index in 0..u32::from(layout.tmf_frame_count) {
        areas.push((layout.tmf_frames + index * TMF_FRAME_BYTES, TMF_FRAME_BYTES));
    }
    for index in 0..u32::from(layout.event_buffer_count) {
        areas.push((
            layout.event_buffers + index * layout.event_buffer_bytes,
            layout.event_buffer_bytes,
        ));
    }
    if let Some(frame) = layout.frame {
        areas.extend([
            (frame.header, 51),
            (frame.response, 108),
            (frame.table, (u32::from(frame.segments) + 2) * 16),
        ]);
    }
    areas
}

fn assert_no_overlap(plan: &Plan) {
    let mut areas = areas(plan);
    areas.sort_unstable();
    for pair in areas.windows(2) {
        assert!(pair[0].0 + pair[0].1 <= pair[1].0, "{pair:?}");
    }
    let end = areas.last().map(|area| area.0 + area.1).unwrap();
    assert!(end <= plan.region_bytes(), "{end} {}", plan.region_bytes());
}

#[test]
fn no_more_requests_are_asked_for_than_a_ring_can_hold() {
    let at_once = |probe: &Probe| {
        Plan::normal(&caps(), probe, &NormalOptions::STANDARD)
            .unwrap()
            .requests_at_once()
    };
    assert_eq!(at_once(&probe(256)), 256);
    for (size, requests) in [(256, 85), (16, 5), (4, 1)] {
        let mut probe = probe(size);
        probe.offered.remove(Features::RING_INDIRECT_DESC);
        assert_eq!(at_once(&probe), requests, "{size} descriptors");
    }
}

#[test]
fn every_ring_size_is_used() {
    for (offered, used) in [
        (64, 64),
        (128, 128),
        (256, 256),
        (1024, 1024),
        (2048, 1024),
        (100, 64),
        (16, 16),
        (2, 2),
    ] {
        let plan = Plan::normal(&caps(), &probe(offered), &NormalOptions::STANDARD).unwrap();
        assert_eq!(plan.request_ring(), used, "offered {offered}");
        let (segments, bytes) = if offered == 256 {
            (513, 2 << 20)
        } else {
            (254, 253 * 4096)
        };
        assert_eq!(
            plan.segments(),
            segments,
            "seg_max is honoured, unless it says the ring size"
        );
        assert_eq!(plan.transfer_bytes(), bytes);
        assert_no_overlap(&plan);
    }
    let one = Plan::normal(&caps(), &probe(1), &NormalOptions::STANDARD);
    assert_eq!(
        one,
        Err(PlanError::RingTooSmall),
        "task management needs two descriptors"
    );
}

#[test]
fn a_dump_plan_fits_sixteen_kibibytes_and_moves_a_mebibyte() {
    // The fake's handles are longer than a driver's.
    type Engine = crate::dump::DumpEngine<(u64, u32), crate::fake::Window<'static>>;
    for offered in [16, 64, 256, 1000, 1024] {
        let plan = Plan::dump(&caps(), &probe(offered)).unwrap();
        assert_eq!(
            plan.request_ring(),
            DUMP_RING_INDIRECT,
            "whatever the device offers"
        );
        assert_eq!((plan.segments(), plan.transfer_bytes()), (257, 1 << 20));
        assert_eq!(
            plan.features() & (Features::HOTPLUG | Features::RING_EVENT_IDX),
            Features::empty()
        );
        assert_no_overlap(&plan);
        let engine = size_of::<Engine>();
        let total = plan.region_bytes() + PAGE_BYTES + u32::try_from(engine).unwrap();
        assert!(total <= 16 * 1024, "{total}");
    }
}

#[test]
fn without_indirect_descriptors_transfers_are_shorter() {
    let mut probe = probe(256);
    probe.offered.remove(Features::RING_INDIRECT_DESC);
    let dump = Plan::dump(&caps(), &probe).unwrap();
    assert_eq!(
        (dump.request_ring(), dump.segments(), dump.transfer_bytes()),
        (128, 126, 125 * 4096)
    );
    assert!(dump.region_bytes() <= DUMP_REGION_BYTES_MAX);
    assert_no_overlap(&dump);
    let normal = Plan::normal(&caps(), &probe, &NormalOptions::STANDARD).unwrap();
    assert_eq!(
        (normal.request_ring(), normal.segments()),
        (256, 62),
        "four requests fit at once"
    );
    probe.request_size = 2;
    assert_eq!(Plan::dump(&caps(), &probe), Err(PlanError::TooFewSegments));
}

#[test]
fn limits_of_the_device_are_honoured() {
    let standard = NormalOptions::STANDARD;
    let mut probe = probe(256);
    probe.config.seg_max = 62;
    assert_eq!(
        Plan::normal(&caps(), &probe, &standard).unwrap().segments(),
        62
    );
    let ring_only = NormalOptions {
        seg_max: SegMaxRule::RingOnly,
        ..standard
    };
    assert_eq!(
        Plan::normal(&caps(), &probe, &ring_only)
            .unwrap()
            .segments(),
        513
    );
    probe.config.max_sectors = 128;
    assert_eq!(
        Plan::normal(&caps(), &probe, &standard)
            .unwrap()
            .transfer_bytes(),
        65_536
    );
    assert_eq!(
        Plan::dump(&caps(), &probe).unwrap().transfer_bytes(),
        65_536
    );
    probe.config.max_target = 0x1FF;
    probe.config.max_lun = u32::MAX;
    probe.config.cmd_per_lun = 0;
    let limits = Plan::normal(&caps(), &probe, &standard).unwrap().limits();
    assert_eq!(
        limits,
        Limits {
            max_target: 255,
            max_lun: 0x3FFF,
            commands_per_lun: 1
        }
    );
    probe.config.seg_max = 1;
    assert_eq!(
        Plan::normal(&caps(), &probe, &standard),
        Err(PlanError::TooFewSegments)
    );
    probe.config.seg_max = 254;
    probe.config.event_info_size = 5000;
    assert_eq!(
        Plan::normal(&caps(), &probe, &standard),
        Err(PlanError::EventSize)
    );
    probe.config.event_info_size = 20;
    let plan = Plan::normal(&caps(), &probe, &standard).unwrap();
    assert_eq!(plan.layout().event_buffer_bytes, 32);
    probe.event_size = 0;
    assert_eq!(
        Plan::normal(&caps(), &probe, &standard),
        Err(PlanError::NoControlOrEventQueue)
    );
    assert!(Plan::dump(&caps(), &probe).is_ok(), "a dump needs neither");
}

#[test]
fn a_derived_seg_max_does_not_limit_indirect_tables() {
    let standard = NormalOptions::STANDARD;
    let segments = |request_size: u16, seg_max: u32, rule: SegMaxRule, indirect: bool| {
        let mut probe = probe(request_size);
        probe.config.seg_max = seg_max;
        if !indirect {
            probe.offered.remove(Features::RING_INDIRECT_DESC);
        }
        let options = NormalOptions {
            seg_max: rule,
            ..standard
        };
        let plan = Plan::normal(&caps(), &probe, &options).unwrap();
        assert_eq!(
            plan.transfer_bytes(),
            (u32::from(plan.segments()) - 1) * 4096
        );
        plan.segments()
    };
    let unless = SegMaxRule::HonouredUnlessDerived;
    // QEMU's own device, by ring size: seg_max is the ring less two.
    assert_eq!(segments(256, 254, unless, true), 513);
    assert_eq!(segments(512, 510, unless, true), 513);
    assert_eq!(segments(1024, 1022, unless, true), 513);
    // Front ends of other implementations, small rings, and numbers that are no ring size: literal.
    assert_eq!(segments(128, 126, unless, true), 126);
    assert_eq!(segments(64, 62, unless, true), 62);
    assert_eq!(segments(256, 253, unless, true), 253);
    assert_eq!(segments(256, 126, unless, true), 126);
    assert_eq!(segments(1024, 128, unless, true), 128);
    // Whoever wants it literal, or not at all, may have it.
    assert_eq!(segments(256, 254, SegMaxRule::Honoured, true), 254);
    assert_eq!(segments(128, 126, SegMaxRule::RingOnly, true), 513);
    // In the ring it counts in any case.
    assert_eq!(segments(1024, 100, unless, false), 100);
    assert_eq!(segments(1024, 1022, SegMaxRule::RingOnly, false), 254);
}

#[test]
fn features_can_be_done_without() {
    let mut probe = packed(200);
    probe.offered |= Features::ACCESS_PLATFORM;
    let plan = |accept| {
        let options = NormalOptions {
            accept,
            ..NormalOptions::STANDARD
        };
        Plan::normal(&caps(), &probe, &options).unwrap()
    };
    let split = plan(Features::NORMAL.difference(Features::RING_PACKED));
    assert_eq!(
        (split.ring_format(), split.request_ring()),
        (RingFormat::Split, 128)
    );
    assert!(split.features().contains(Features::RING_EVENT_IDX));
    let least = plan(Features::empty());
    assert_eq!(
        least.features(),
        Features::VERSION_1 | Features::ACCESS_PLATFORM,
        "without these the device may not work"
    );
    let most = plan(Features::from_bits_retain(u64::MAX));
    assert!(Features::NORMAL.contains(most.features()));
}

#[test]
fn packed_rings_have_any_size() {
    for (offered, used) in [(256, 256), (100, 100), (7, 7), (1024, 1024), (1500, 1024)] {
        let mut probe = probe(offered);
        probe.offered.insert(Features::RING_PACKED);
        let plan = Plan::normal(&caps(), &probe, &NormalOptions::STANDARD).unwrap();
        assert_eq!(
            (plan.request_ring(), plan.ring_format()),
            (used, RingFormat::Packed)
        );
        assert_no_overlap(&plan);
        let dump = Plan::dump(&caps(), &probe).unwrap();
        assert_eq!(dump.ring_format(), RingFormat::Split, "as with any device");
        let dump = Plan::dump_in_format(&caps(), &probe, RingFormat::Packed).unwrap();
        assert_eq!(dump.ring_format(), RingFormat::Packed);
        assert!(dump.region_bytes() <= DUMP_REGION_BYTES_MAX);
        assert_no_overlap(&dump);
    }
    let split = Plan::dump_in_format(&caps(), &probe(256), RingFormat::Packed).unwrap();
    assert_eq!(split.ring_format(), RingFormat::Split, "not offered");
}

#[test]
fn only_known_features_are_accepted() {
    let mut probe = probe(256);
    probe.offered = Features::from_bits_retain(u64::MAX);
    let plan = Plan::normal(&caps(), &probe, &NormalOptions::STANDARD).unwrap();
    assert_eq!(plan.features(), Features::NORMAL);
    assert_eq!(
        Plan::dump(&caps(), &probe).unwrap().features(),
        Features::DUMP
    );
    let packed = Plan::dump_in_format(&caps(), &probe, RingFormat::Packed).unwrap();
    assert_eq!(packed.features(), Features::DUMP | Features::RING_PACKED);
    probe.offered.remove(Features::VERSION_1);
    assert_eq!(Plan::dump(&caps(), &probe), Err(PlanError::Features));
}

#[test]
fn many_queues_lie_side_by_side() {
    let mut probe = probe(128);
    probe.request_queues = 8;
    let options = NormalOptions {
        request_queues: 64,
        ..NormalOptions::STANDARD
    };
    let plan = Plan::normal(&caps(), &probe, &options).unwrap();
    assert_eq!(plan.request_queues(), 8);
    assert!(plan.layout().request_queue(8).is_none());
    assert_no_overlap(&plan);
    let none = NormalOptions {
        request_queues: 0,
        ..options
    };
    assert_eq!(
        Plan::normal(&caps(), &probe, &none),
        Err(PlanError::NoRequestQueue)
    );
}

#[test]
fn every_field_survives_and_every_damage_is_found() {
    for plan in [
        Plan::normal(&caps(), &probe(1024), &NormalOptions::STANDARD).unwrap(),
        Plan::dump(&caps(), &probe(256)).unwrap(),
        Plan::normal(&caps(), &packed(200), &NormalOptions::STANDARD).unwrap(),
        Plan::dump_in_format(&caps(), &packed(200), RingFormat::Packed).unwrap(),
    ] {
        let bytes: [u8; PLAN_BYTES] = (&plan).into();
        assert_eq!(Plan::try_from(&bytes[..]), Ok(plan));
        let longer: Vec<u8> = bytes.iter().copied().chain([0xEE; 40]).collect();
        assert_eq!(Plan::try_from(&longer[..]), Ok(plan), "more may follow");
        assert_eq!(
            Plan::try_from(&bytes[..PLAN_BYTES - 1]),
            Err(RecordError::TooShort)
        );
        for at in 0..PLAN_BYTES {
            let mut damaged = bytes;
            damaged[at] ^= 0x10;
            let expected = match at {
                0..=3 => RecordError::Magic,
                4..=5 => RecordError::Version,
                6..=7 => RecordError::Length,
                _ => RecordError::Checksum,
            };
            assert_eq!(Plan::try_from(&damaged[..]), Err(expected), "byte {at}");
        }
    }
}

#[test]
fn a_valid_envelope_does_not_excuse_a_bad_plan() {
    let plan = Plan::dump(&caps(), &probe(256)).unwrap();
    let bytes: [u8; PLAN_BYTES] = (&plan).into();
    let altered = |at: usize, value: &[u8]| {
        let mut bytes = bytes;
        bytes[at..at + value.len()].copy_from_slice(value);
        seal_record(&mut bytes);
        Plan::try_from(&bytes[..])
    };
    let shape = 12 + 1 + 8 + 2 + 4 * 9 + 4 + 6 * 9 + 3 + 5 + 4;
    assert_eq!(altered(12, &[2]), Err(RecordError::Value));
    assert_eq!(
        altered(12, &[0]),
        Err(RecordError::Plan(PlanError::RingSize)),
        "a dump plan is no normal plan"
    );
    assert_eq!(
        altered(13, &[0xFF; 8]),
        Err(RecordError::Plan(PlanError::Features))
    );
    assert_eq!(
        altered(21, &[0, 0]),
        Err(RecordError::Plan(PlanError::Caps(CapError::NotVirtioScsi)))
    );
    assert_eq!(
        altered(shape + 4, &[17, 0]),
        Err(RecordError::Plan(PlanError::RingSize))
    );
    assert_eq!(
        altered(shape + 4, &[0, 4]),
        Err(RecordError::Plan(PlanError::RegionTooLong))
    );
    assert_eq!(
        altered(shape + 6, &[0, 0]),
        Err(RecordError::Plan(PlanError::NoRequestQueue))
    );
    assert_eq!(
        altered(shape + 6, &[2, 0]),
        Err(RecordError::Plan(PlanError::RingSize))
    );
    assert_eq!(
        altered(shape + 8, &[1, 0]),
        Err(RecordError::Plan(PlanError::TooFewSegments))
    );
    assert_eq!(
        altered(shape + 8, &[0xFF, 0xFF]),
        Err(RecordError::Plan(PlanError::TooManySegments))
    );
    assert_eq!(
        altered(shape + 12, &[0, 0]),
        Err(RecordError::Plan(PlanError::RingSize))
    );
    assert_eq!(altered(shape + 14, &[2]), Err(RecordError::Value));
    assert_eq!(
        altered(shape + 14, &[1]),
        Err(RecordError::Plan(PlanError::RingFormat)),
        "a packed ring was not negotiated"
    );
}

proptest! {
    #[test]
    fn plans_fit_and_survive(
        offered: u64, request_size: u16, control_size: u16, event_size: u16, seg_max: u32, event_info_size in 0..5000_u32,
        request_queues in 0..70_u16, wanted in 0..70_u16, segments: u16, rule in 0..3_u8, packed_dump: bool, accept: u64,
    ) {
        let mut probe = probe(request_size);
        probe.offered = Features::from_bits_retain(offered | 1 << 32);
        (probe.control_size, probe.event_size, probe.request_queues) = (control_size, event_size, request_queues);
        (probe.config.seg_max, probe.config.event_info_size) = (seg_max, event_info_size);
        let seg_max = match rule { 0 => SegMaxRule::RingOnly, 1 => SegMaxRule::Honoured, _ => SegMaxRule::HonouredUnlessDerived };
        let accept = Features::from_bits_retain(accept);
        let options = NormalOptions { request_queues: wanted, ring_size: 1024, segments, seg_max, accept };
        let format = if packed_dump { RingFormat::Packed } else { RingFormat::Split };
        let dump = Plan::dump_in_format(&caps(), &probe, format);
        for plan in [Plan::normal(&caps(), &probe, &options), dump].into_iter().flatten() {
            assert_no_overlap(&plan);
            let bytes: [u8; PLAN_BYTES] = (&plan).into();
            prop_assert_eq!(Plan::try_from(&bytes[..]), Ok(plan));
        }
    }
}
