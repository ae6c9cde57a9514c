//! The CDB codec: known bytes, round trips, and refusals.

use super::*;
use proptest::prelude::*;
use std::vec::Vec;

const READ: Transfer = Transfer {
    access: Access::Read,
    block: 0x0012_3456,
    blocks: 8,
    caching: Caching::Allowed,
};

#[test]
fn known_bytes() {
    let bytes = |transfer: &Transfer, form| transfer.build(form).unwrap().as_bytes().to_vec();
    assert_eq!(bytes(&READ, Form::Six), [0x08, 0x12, 0x34, 0x56, 8, 0]);
    assert_eq!(
        bytes(&READ, Form::Ten),
        [0x28, 0, 0, 0x12, 0x34, 0x56, 0, 0, 8, 0]
    );
    let write = Transfer {
        access: Access::Write,
        caching: Caching::Bypassed,
        ..READ
    };
    assert_eq!(
        bytes(&write, Form::Twelve),
        [0xAA, 8, 0, 0x12, 0x34, 0x56, 0, 0, 0, 8, 0, 0]
    );
    let far = Transfer {
        block: 0x0102_0304_0506_0708,
        blocks: 0x1000_0001,
        ..write
    };
    assert_eq!(
        bytes(&far, Form::Sixteen),
        [0x8A, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0x10, 0, 0, 1, 0, 0]
    );
    assert_eq!(inquiry(36).as_bytes(), [0x12, 0, 0, 0, 36, 0]);
    assert_eq!(
        inquiry_page(0x83, 0x1FF).as_bytes(),
        [0x12, 1, 0x83, 1, 0xFF, 0]
    );
    assert_eq!(test_unit_ready().as_bytes(), [0; 6]);
    assert_eq!(
        read_capacity_10().as_bytes(),
        [0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    );
    assert_eq!(
        read_capacity_16(32).as_bytes(),
        [0x9E, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0]
    );
    assert_eq!(
        report_luns(0x1008).as_bytes(),
        [0xA0, 0, 0, 0, 0, 0, 0, 0, 0x10, 8, 0, 0]
    );
    assert_eq!(
        synchronize_cache_10().as_bytes(),
        [0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    );
    assert_eq!(synchronize_cache_16().as_bytes()[0], 0x91);
    assert_eq!(synchronize_cache_16().as_bytes().len(), 16);
}

#[test]
fn a_form_refuses_what_it_cannot_say() {
    use Caching::{Allowed, Bypassed};
    let build = |block, blocks, caching, form| {
        Transfer {
            block,
            blocks,
            caching,
            ..READ
        }
        .build(form)
    };
    assert_eq!(
        build(0x20_0000, 1, Allowed, Form::Six),
        Err(CdbError::BlockTooLarge)
    );
    assert_eq!(
        build(0, 0, Allowed, Form::Six),
        Err(CdbError::CountOutOfRange)
    );
    assert_eq!(
        build(0, 257, Allowed, Form::Six),
        Err(CdbError::CountOutOfRange)
    );
    assert_eq!(
        build(0, 1, Bypassed, Form::Six),
        Err(CdbError::NoForceUnitAccess)
    );
    assert_eq!(
        build(1 << 32, 1, Allowed, Form::Ten),
        Err(CdbError::BlockTooLarge)
    );
    assert_eq!(
        build(0, 0x1_0000, Allowed, Form::Ten),
        Err(CdbError::CountOutOfRange)
    );
    assert_eq!(
        build(1 << 32, 1, Allowed, Form::Twelve),
        Err(CdbError::BlockTooLarge)
    );
    assert_eq!(build(0, 256, Allowed, Form::Six).unwrap().as_bytes()[4], 0);
}

#[test]
fn capacity_and_lists_are_read_within_bounds() {
    let ten = [0, 0, 0x10, 0, 0, 0, 2, 0];
    assert_eq!(
        Capacity::parse_10(&ten),
        Some(Capacity {
            last_block: 0x1000,
            block_bytes: 512
        })
    );
    assert_eq!(Capacity::parse_10(&ten[..7]), None);
    let mut sixteen = [0; 32];
    (sixteen[3], sixteen[10]) = (1, 0x10);
    assert_eq!(
        Capacity::parse_16(&sixteen),
        Some(Capacity {
            last_block: 1 << 32,
            block_bytes: 4096
        })
    );
    assert_eq!(Capacity::parse_16(&sixteen[..11]), None);

    let luns = |bytes: &[u8]| reported_luns(bytes).collect::<Vec<_>>();
    let mut answer = [0; 8 + 4 * 8];
    answer[3] = 32;
    (answer[17], answer[24], answer[25], answer[32]) = (7, 0x41, 2, 0xC1);
    assert_eq!(
        luns(&answer),
        [0, 7, 0x102],
        "the well-known unit is skipped"
    );
    answer[3] = 16;
    assert_eq!(luns(&answer), [0, 7], "the announced length counts");
    answer[2] = 0xFF;
    assert_eq!(luns(&answer), [0, 7, 0x102], "so does the real one");
    assert_eq!(luns(&answer[..8]), []);
    assert_eq!(luns(&[]), []);
}

fn forms() -> impl Strategy<Value = Form> {
    prop_oneof![
        Just(Form::Six),
        Just(Form::Ten),
        Just(Form::Twelve),
        Just(Form::Sixteen)
    ]
}

proptest! {
    #[test]
    fn what_can_be_built_is_parsed_back(
        block in prop_oneof![any::<u64>(), 0..0x20_0000_u64, 0..1_u64 << 32],
        blocks in prop_oneof![any::<u32>(), 0..300_u32, 0..0x1_0001_u32],
        write: bool,
        bypass: bool,
        form in forms(),
    ) {
        let transfer = Transfer {
            access: if write { Access::Write } else { Access::Read },
            block,
            blocks,
            caching: if bypass { Caching::Bypassed } else { Caching::Allowed },
        };
        if let Ok(cdb) = transfer.build(form) {
            prop_assert_eq!(cdb.as_bytes().len(), usize::from(form.bytes()));
            prop_assert_eq!(Transfer::parse(cdb.as_bytes()), Some(transfer));
        }
    }

    #[test]
    fn parsing_never_fails_badly(bytes: Vec<u8>) {
        if let Some(transfer) = Transfer::parse(&bytes) {
            // Anything parsed can be said in the longest form.
            let cdb = transfer.build(Form::Sixteen).unwrap();
            prop_assert_eq!(Transfer::parse(cdb.as_bytes()), Some(transfer));
        }
        let _ = reported_luns(&bytes).count();
    }
}
