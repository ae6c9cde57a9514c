//! Limits of requests, and frames in memory that is not contiguous.

use std::vec::Vec;

use super::{BUS, memory, segments};
use crate::access::SharedMemory;
use crate::device::FieldSizes;
use crate::request::{
    CdbField, DataDirection, Fragment, Frame, FrameError, HEADER_AREA_BYTES, NO_DATA, PrepareError,
    RESPONSE_AREA_BYTES, Recipe, Request, Segment, TaskAttribute, frame_bytes, prepare,
};
use crate::ring::RingFormat;
use crate::scsi::lun::ScsiAddress;

const RECIPE: Recipe = Recipe::new(RingFormat::Split, FieldSizes::WANTED);

#[test]
fn limits_are_refused_and_nothing_is_cut() {
    use DataDirection::{In, None, Out};
    let memory = memory();
    let bytes = frame_bytes(4);
    let window = memory.window(0x1000, bytes);
    let frame = Frame::contiguous(
        Fragment {
            offset: 0,
            length: bytes,
            bus_address: BUS + 0x1000,
        },
        4,
    )
    .unwrap();
    assert_eq!(frame.segments(), 4);
    let request = |cdb: &'static [u8], direction, data_bytes| Request {
        address: ScsiAddress::from_u8(0, 0),
        cdb: CdbField::new(cdb),
        attribute: TaskAttribute::Simple,
        priority: 0,
        direction,
        data_bytes,
    };
    let attempt = |request: &Request, data: &[Segment]| {
        prepare(&window, &frame, &RECIPE, request, data).map(drop)
    };
    let read: &[u8] = &[0x28; 10];
    assert_eq!(attempt(&request(read, In, 2048), &segments(4, 512)), Ok(()));
    assert_eq!(
        attempt(&request(read, Out, 2048), &segments(4, 512)),
        Ok(())
    );
    assert_eq!(attempt(&request(&[0; 32], None, 0), &[]), Ok(()));
    for direction in [In, Out] {
        let too_many = attempt(&request(read, direction, 2560), &segments(5, 512));
        assert_eq!(too_many, Err(PrepareError::TooManySegments));
        let long = attempt(&request(read, direction, 1024), &segments(3, 512));
        assert_eq!(long, Err(PrepareError::LengthMismatch));
        let short = attempt(&request(read, direction, 1025), &segments(2, 512));
        assert_eq!(short, Err(PrepareError::LengthMismatch));
        assert_eq!(
            attempt(&request(read, direction, 0), &[]),
            Err(PrepareError::DirectionMismatch)
        );
        let empty = Segment {
            bus_address: BUS,
            length: 0,
        };
        assert_eq!(
            attempt(&request(read, direction, 512), &[empty]),
            Err(PrepareError::SegmentEmpty)
        );
        let high = Segment {
            bus_address: u64::MAX - 510,
            length: 512,
        };
        assert_eq!(
            attempt(&request(read, direction, 512), &[high]),
            Err(PrepareError::SegmentOverflow)
        );
        let top = Segment {
            bus_address: u64::MAX - 511,
            length: 512,
        };
        assert_eq!(
            attempt(&request(read, direction, 512), &[top]),
            Err(PrepareError::SegmentOverflow)
        );
        let below = Segment {
            bus_address: u64::MAX - 512,
            length: 512,
        };
        assert_eq!(attempt(&request(read, direction, 512), &[below]), Ok(()));
    }
    assert_eq!(
        attempt(&request(read, None, 512), &segments(1, 512)),
        Err(PrepareError::DirectionMismatch)
    );
    assert_eq!(
        attempt(&request(read, None, 0), &segments(1, 512)),
        Err(PrepareError::LengthMismatch)
    );
    assert_eq!(
        attempt(&request(&[], None, 0), &[]),
        Err(PrepareError::CdbEmpty)
    );
    assert_eq!(
        attempt(&request(&[0; 33], None, 0), &[]),
        Err(PrepareError::CdbTooLong)
    );
    let everything = Segment {
        bus_address: 0,
        length: u32::MAX,
    };
    assert_eq!(
        attempt(&request(read, In, u32::MAX), &[everything]),
        Err(PrepareError::LengthMismatch)
    );
}

#[test]
fn a_frame_that_is_not_all_there_is_refused() {
    let memory = memory();
    let bytes = frame_bytes(4);
    let fragment = Fragment {
        offset: 0,
        length: bytes,
        bus_address: BUS,
    };
    let frame = Frame::contiguous(fragment, 4).unwrap();
    let request = |direction| Request {
        address: ScsiAddress::from_u8(0, 0),
        cdb: CdbField::new(&[0x28; 10]),
        attribute: TaskAttribute::Simple,
        priority: 0,
        direction,
        data_bytes: 2048,
    };
    // A window that ends in the midst of the table, and one that ends ahead of it.
    for (missing, error) in [
        (32, PrepareError::TooManySegments),
        (80, PrepareError::FrameOutOfRange),
    ] {
        let small = memory.window(0x1000, bytes - missing);
        for direction in [DataDirection::In, DataDirection::Out] {
            let outside = prepare(
                &small,
                &frame,
                &RECIPE,
                &request(direction),
                &segments(4, 512),
            );
            assert_eq!(outside.map(drop), Err(error));
        }
    }
}

#[test]
fn frames_find_room_in_fragments_or_refuse() {
    let parts = HEADER_AREA_BYTES + RESPONSE_AREA_BYTES;
    // A frame across two pages that are apart on the bus: the table fits behind the boundary.
    let pages = |split: u32, length: u32| {
        [
            Fragment {
                offset: 0,
                length: split,
                bus_address: 0x9000 - u64::from(split),
            },
            Fragment {
                offset: split,
                length: length - split,
                bus_address: 0x5000,
            },
        ]
    };
    let frame = Frame::fragmented(pages(256, 1024).into_iter(), 8).unwrap();
    let fresh = memory();
    let window = fresh.window(0, 1024);
    let request = Request {
        address: ScsiAddress::from_u8(0, 0),
        cdb: CdbField::new(&[0; 6]),
        attribute: TaskAttribute::Simple,
        priority: 0,
        direction: DataDirection::None,
        data_bytes: 0,
    };
    assert!(prepare(&window, &frame, &RECIPE, &request, NO_DATA).is_ok());
    // Wherever the boundary is: a place is found, or none exists.
    for split in (8..1016).step_by(8) {
        let longest = split.max(1024 - split);
        match Frame::fragmented(pages(split, 1024).into_iter(), 8) {
            Ok(frame) => assert_eq!(frame.segments(), 8),
            Err(error) => {
                assert_eq!(error, FrameError::NoRoom);
                assert!(
                    longest < 160 + 16 + parts || 1024 - longest < parts,
                    "split at {split}"
                );
            }
        }
    }
    // Neighbours count as one.
    let joined = [
        Fragment {
            offset: 0,
            length: 96,
            bus_address: 0x4000,
        },
        Fragment {
            offset: 96,
            length: 400,
            bus_address: 0x4060,
        },
    ];
    assert!(Frame::fragmented(joined.into_iter(), 18).is_ok());
    let apart = joined.map(|fragment| Fragment {
        bus_address: fragment.bus_address * 2,
        ..fragment
    });
    assert!(Frame::fragmented(apart.into_iter(), 16).is_ok());
    assert_eq!(
        Frame::fragmented(apart.into_iter(), 24),
        Err(FrameError::NoRoom)
    );
    assert_eq!(
        Frame::fragmented([].into_iter(), 1),
        Err(FrameError::NoRoom)
    );
    let wrapping = Fragment {
        offset: 0,
        length: 4096,
        bus_address: u64::MAX - 4,
    };
    assert_eq!(Frame::contiguous(wrapping, 4), Err(FrameError::Overflow));
    let odd = Fragment {
        offset: 0,
        length: 4096,
        bus_address: 0x4004,
    };
    assert!(
        Frame::contiguous(odd, 4).is_ok(),
        "no part has to be aligned"
    );
    assert_eq!(
        Frame::fragmented([odd].into_iter(), 4),
        Err(FrameError::Misaligned)
    );
    let short = Fragment {
        offset: 0,
        length: parts + 32,
        bus_address: 0x4000,
    };
    assert_eq!(Frame::contiguous(short, 4), Err(FrameError::NoRoom));
}

#[test]
fn a_cdb_of_any_length_arrives_as_it_is() {
    let memory = memory();
    let window = memory.window(0, 8192);
    let fragment = Fragment {
        offset: 0,
        length: 8192,
        bus_address: BUS,
    };
    let frame = Frame::contiguous(fragment, 4).unwrap();
    let bytes: Vec<u8> = (1..=32).map(|byte| byte * 7).collect();
    for length in 1..=32 {
        let request = Request {
            address: ScsiAddress::from_u8(3, 4),
            cdb: CdbField::new(&bytes[..length]),
            attribute: TaskAttribute::HeadOfQueue,
            priority: 5,
            direction: DataDirection::None,
            data_bytes: 0,
        };
        prepare(&window, &frame, &RECIPE, &request, NO_DATA).unwrap();
        let mut header = [0; 51];
        window.read_bytes(0, &mut header);
        let mut expected = [0; 51];
        expected[..8].copy_from_slice(&request.address.encode());
        expected[16..18].copy_from_slice(&[2, 5]);
        expected[19..19 + length].copy_from_slice(&bytes[..length]);
        assert_eq!(header, expected, "{length} bytes");
    }
}
