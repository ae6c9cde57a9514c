//! Both shapes of a request block give the same parts, and a malformed one gives none.

use core::ptr::NonNull;

use wdk_sys::{
    _SRBEXDATATYPE as ex_type, SCSI_REQUEST_BLOCK, SRBEX_DATA_PNP, SRBEX_DATA_SCSI_CDB_VAR,
    SRBEX_DATA_SCSI_CDB16, SRBEX_DATA_SCSI_CDB32, STOR_ADDR_BTL8, STORAGE_REQUEST_BLOCK,
};

use super::{
    Priority, QueueAction, Usual,
    parts::{Parts, PartsMut},
    usual,
};
use crate::port::UnitAddress;

const CDB: [u8; 16] = [0x88, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
const UNIT: UnitAddress = UnitAddress {
    path: 1,
    target: 250,
    lun: 254,
};

/// A block of 256 bytes in the extended shape, with an address at 128 and whatever structure at 144.
#[repr(C, align(8))]
struct Extended {
    fixed: STORAGE_REQUEST_BLOCK,
    address: STOR_ADDR_BTL8,
    data: [u8; 112],
}

fn extended() -> Extended {
    Extended {
        fixed: STORAGE_REQUEST_BLOCK {
            Function: 0x28,
            SrbLength: 256,
            SrbFunction: 0x20,
            SrbFlags: 0x40,
            RequestPriority: 3,
            RequestAttribute: 0x22,
            AddressOffset: 128,
            NumSrbExData: 1,
            DataTransferLength: 4096,
            SrbExDataOffset: [144],
            ..Default::default()
        },
        address: STOR_ADDR_BTL8 {
            Type: 1,
            Path: UNIT.path,
            Target: UNIT.target,
            Lun: UNIT.lun,
            ..Default::default()
        },
        data: [0; 112],
    }
}

impl Extended {
    /// Puts a structure at 144.
    fn with<T: Copy>(mut self, structure: T) -> Self {
        assert!(size_of::<T>() <= self.data.len());
        let place = self.data.as_mut_ptr().cast::<[u8; 112]>();
        // SAFETY: the structure fits, and offset 144 of an aligned block is aligned for it.
        unsafe {
            core::ptr::copy_nonoverlapping(
                (&raw const structure).cast::<u8>(),
                place.cast(),
                size_of::<T>(),
            );
        };
        self
    }

    fn block(&mut self) -> NonNull<SCSI_REQUEST_BLOCK> {
        NonNull::from(self).cast()
    }

    fn usual(&mut self) -> Option<Usual<'_>> {
        // SAFETY: the block is live and of the shape that its function says.
        unsafe { Usual::of(self.block()) }
    }

    fn parts(&mut self) -> Parts<'_> {
        // SAFETY: the block is live and of the shape that its function says.
        unsafe { Parts::of(self.block()) }
    }
}

fn cdb16(length: u8) -> SRBEX_DATA_SCSI_CDB16 {
    SRBEX_DATA_SCSI_CDB16 {
        Type: ex_type::SrbExDataTypeScsiCdb16,
        CdbLength: length,
        SenseInfoBufferLength: 18,
        SenseInfoBuffer: core::ptr::without_provenance_mut(0x1000),
        Cdb: CDB,
        ..Default::default()
    }
}

#[test]
fn the_shapes_agree() {
    let mut legacy = SCSI_REQUEST_BLOCK {
        Function: 0x20,
        PathId: UNIT.path,
        TargetId: UNIT.target,
        Lun: UNIT.lun,
        CdbLength: 10,
        SenseInfoBufferLength: 18,
        SenseInfoBuffer: core::ptr::without_provenance_mut(0x1000),
        SrbFlags: 0x40,
        QueueAction: 0x22,
        DataTransferLength: 4096,
        Cdb: CDB,
        ..Default::default()
    };
    let mut modern = extended().with(cdb16(10));
    // SAFETY: the block is live and of the legacy shape.
    let old = unsafe { Parts::of(NonNull::from(&mut legacy)) };
    for parts in [old, modern.parts()] {
        assert_eq!(parts.function(), 0x20);
        assert_eq!(parts.flags(), 0x40);
        assert_eq!(parts.address(), UNIT);
        assert_eq!(parts.data_transfer_length(), 4096);
        assert_eq!(parts.cdb(), &CDB[..10]);
        assert_eq!(parts.sense().1, 18);
        assert_eq!(parts.queue_action(), 0x22);
    }
    assert_eq!(old.priority(), None);
    assert_eq!(modern.parts().priority(), Some(3));
}

#[test]
fn longer_commands_are_found() {
    let mut cdb = [0; 32];
    cdb[..16].copy_from_slice(&CDB);
    let mut block = extended().with(SRBEX_DATA_SCSI_CDB32 {
        Type: ex_type::SrbExDataTypeScsiCdb32,
        CdbLength: 32,
        Cdb: cdb,
        ..Default::default()
    });
    assert_eq!(block.parts().cdb(), cdb);
    let mut block = extended().with(SRBEX_DATA_SCSI_CDB_VAR {
        Type: ex_type::SrbExDataTypeScsiCdbVar,
        CdbLength: 20,
        ..Default::default()
    });
    assert_eq!(block.parts().cdb().len(), 20);
}

#[test]
fn structures_beyond_the_block_do_not_exist() {
    for (offset, count, length) in [
        (144, 1, 160),      // the structure reaches beyond the block
        (252, 1, 256),      // begins inside, ends outside
        (1 << 30, 1, 256),  // far outside
        (u32::MAX, 1, 256), // wraps
        (145, 1, 256),      // not aligned
        (0, 1, 256),        // unused
        (144, 0, 256),      // there are none
    ] {
        let mut block = extended().with(cdb16(16));
        block.fixed.SrbExDataOffset = [offset];
        block.fixed.NumSrbExData = count;
        block.fixed.SrbLength = length;
        assert_eq!(
            block.parts().cdb(),
            [0; 0],
            "offset {offset:#x}, {count}, {length}"
        );
        assert_eq!(block.parts().sense().1, 0);
    }
    let mut block = extended().with(cdb16(17));
    assert_eq!(block.parts().cdb(), [0; 0], "longer than its field");
}

#[test]
fn a_foreign_address_matches_no_unit() {
    let nobody = UnitAddress {
        path: 0xFF,
        target: 0xFF,
        lun: 0xFF,
    };
    let mut block = extended();
    block.address.Type = 2;
    assert_eq!(block.parts().address(), nobody);
    let mut block = extended();
    block.fixed.AddressOffset = 250;
    assert_eq!(block.parts().address(), nobody);
}

#[test]
fn pnp_actions_are_found_in_both_shapes() {
    let mut block = extended().with(SRBEX_DATA_PNP {
        Type: ex_type::SrbExDataTypePnP,
        PnPAction: 9,
        ..Default::default()
    });
    assert_eq!(block.parts().pnp_action(), 9);
    let mut none = extended().with(cdb16(6));
    assert_eq!(none.parts().pnp_action(), -1);
}

#[test]
fn results_go_where_the_shape_has_them() {
    let mut block = extended().with(cdb16(6));
    {
        // SAFETY: the block is live and ours alone.
        let mut parts = unsafe { PartsMut::of(block.block()) };
        parts.set_srb_status(0x84);
        parts.set_data_transfer_length(512);
        parts.set_scsi_status(2);
        parts.set_sense_length(14);
    }
    assert_eq!(
        (block.fixed.SrbStatus, block.fixed.DataTransferLength),
        (0x84, 512)
    );
    assert_eq!(
        block.data[8..10],
        [2, 14],
        "in the structure of the command"
    );
}

/// A block as class drivers make it.
fn command() -> Extended {
    let mut block = extended().with(cdb16(10));
    block.fixed.SrbFunction = 0;
    block
}

#[test]
fn a_usual_block_says_the_same_the_short_way() {
    let mut block = command();
    let usual = block.usual().expect("a usual block");
    assert_eq!(usual.address(), UNIT);
    assert_eq!(usual.cdb(), (&CDB, 10));
    assert_eq!(usual.flags().bits(), 0x40);
    assert_eq!(usual.data_transfer_length(), 4096);
    // Untagged, whatever the attribute says: the flag that makes it count is not set.
    assert_eq!(usual.order(), Some((QueueAction::None, Priority::High)));
    for (attribute, priority, order) in [
        (0x20, 2, None),
        (0x20, 0, Some((QueueAction::Simple, Priority::VeryLow))),
        (0x21, 2, Some((QueueAction::HeadOfQueue, Priority::Normal))),
        (0x22, 4, Some((QueueAction::Ordered, Priority::Critical))),
    ] {
        let fixed = &mut block.fixed;
        (fixed.SrbFlags, fixed.RequestAttribute) = (0x42, attribute);
        fixed.RequestPriority = priority;
        let usual = block.usual().expect("a usual block");
        assert_eq!(usual.order(), order, "{attribute:#x}, {priority}");
    }
    // SAFETY: the block is a usual one, and ours alone.
    unsafe { usual::set_results(block.block(), 512) };
    assert_eq!(block.fixed.DataTransferLength, 512);
    block.data[8] = 2;
    // SAFETY: as above.
    unsafe { usual::set_results(block.block(), 0) };
    assert_eq!(block.data[8], 0, "SCSI status GOOD where the parts have it");
}

#[test]
fn a_block_that_differs_in_anything_is_no_usual_one() {
    type Change = fn(&mut Extended);
    let changes: [(&str, Change); 9] = [
        ("shape", |block| block.fixed.Function = 0),
        ("function", |block| block.fixed.SrbFunction = 8),
        ("length", |block| block.fixed.SrbLength = 183),
        ("address", |block| block.fixed.AddressOffset = 136),
        ("no command", |block| block.fixed.NumSrbExData = 0),
        ("two structures", |block| block.fixed.NumSrbExData = 2),
        ("place", |block| block.fixed.SrbExDataOffset = [152]),
        ("address type", |block| block.address.Type = 2),
        ("longer command", |block| block.data[0] = 0x41),
    ];
    for (what, change) in changes {
        let mut block = command();
        assert!(block.usual().is_some());
        change(&mut block);
        assert!(block.usual().is_none(), "{what}");
    }
    let mut shortest = command();
    shortest.fixed.SrbLength = 184;
    assert!(shortest.usual().is_some());
}
