//! Request blocks of both shapes, built and read back.

use super::*;

fn spec(function: u8, parameters: Parameters) -> SrbSpec {
    SrbSpec {
        function,
        address: Address {
            path: 1,
            target: 2,
            lun: 200,
        },
        port: 3,
        flags: 0x40,
        timeout_seconds: 10,
        data_buffer: 0xFFFF_9000_0000_1234,
        data_bytes: 0x1_0000,
        sense_buffer: 0xFFFF_9000_0000_5678,
        sense_bytes: 18,
        extension: 0xFFFF_9000_0000_9ABC,
        tag: 0x77,
        parameters,
    }
}

const COMMAND: Parameters = Parameters::Command {
    cdb: [
        0x28, 0, 1, 2, 3, 4, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0,
    ],
    bytes: 10,
};

/// A command of 32 bytes, each of another value.
const LONG_COMMAND: Parameters = Parameters::Command {
    cdb: [
        0x7F, 1, 2, 3, 4, 5, 6, 24, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23,
        24, 25, 26, 27, 28, 29, 30, 31,
    ],
    bytes: 32,
};

#[test]
fn a_command_of_32_bytes_has_a_block_of_its_own_kind() {
    let mut block = spec(0, LONG_COMMAND).encode(BlockKind::Extended);
    assert_eq!(block.len(), 200);
    assert_eq!(block[16..20], 200_u32.to_le_bytes(), "SrbLength");
    assert_eq!(
        block[144..152],
        [0x41, 0, 0, 0, 48, 0, 0, 0],
        "CDB32, 48 bytes"
    );
    assert_eq!(
        block[153..155],
        [18, 32],
        "SenseInfoBufferLength, CdbLength"
    );
    assert_eq!(block[168], 0x7F, "first byte of Cdb");
    assert_eq!(block[199], 31, "last byte of Cdb");
    block[152] = 2;
    let outcome = outcome(&block, BlockKind::Extended).expect("a request block");
    assert_eq!((outcome.scsi_status, outcome.sense_bytes), (2, 18));
}

#[test]
fn extended_command_has_everything_in_its_place() {
    let block = spec(0, COMMAND).encode(BlockKind::Extended);
    assert_eq!(block.len(), 184);
    assert_eq!(block[2], 0x28, "Function");
    assert_eq!(block[3], 0, "SrbStatus is PENDING on entry");
    assert_eq!(block[8..12], 0x5352_4258_u32.to_le_bytes(), "Signature");
    assert_eq!(block[16..20], 184_u32.to_le_bytes(), "SrbLength");
    assert_eq!(block[52..56], 128_u32.to_le_bytes(), "AddressOffset");
    assert_eq!(block[56..60], 1_u32.to_le_bytes(), "NumSrbExData");
    assert_eq!(block[104..112], 0xFFFF_9000_0000_9ABC_u64.to_le_bytes());
    assert_eq!(block[120..124], 144_u32.to_le_bytes(), "SrbExDataOffset");
    assert_eq!(block[128..130], [1, 0], "BTL8");
    assert_eq!(block[136..139], [1, 2, 200], "path, target, LUN");
    assert_eq!(
        block[144..152],
        [0x40, 0, 0, 0, 32, 0, 0, 0],
        "CDB16, 32 bytes"
    );
    assert_eq!(block[154], 10, "CdbLength");
    assert_eq!(block[168], 0x28, "Cdb");
}

#[test]
fn classic_command_has_everything_in_its_place() {
    let block = spec(0, COMMAND).encode(BlockKind::Classic);
    assert_eq!(block.len(), 88);
    assert_eq!(block[0..2], [88, 0], "Length");
    assert_eq!(block[2..4], [0, 0], "Function, SrbStatus");
    assert_eq!(block[5..8], [1, 2, 200], "PathId, TargetId, Lun");
    assert_eq!(block[10..12], [10, 18], "CdbLength, SenseInfoBufferLength");
    assert_eq!(block[16..20], 0x1_0000_u32.to_le_bytes());
    assert_eq!(block[56..64], 0xFFFF_9000_0000_9ABC_u64.to_le_bytes());
    assert_eq!(block[72], 0x28, "Cdb");
}

#[test]
fn functions_without_parameters_have_no_extended_data() {
    let block = spec(8, Parameters::None).encode(BlockKind::Extended);
    assert_eq!(block.len(), 144);
    assert_eq!(block[56..60], [0; 4]);
    assert_eq!(block[20..24], 8_u32.to_le_bytes(), "SrbFunction");
}

#[test]
fn power_and_pnp_parameters_differ_by_shape() {
    let power = Parameters::Power {
        flags: 1,
        state: 4,
        action: 3,
    };
    let classic = spec(SRB_FUNCTION_POWER, power).encode(BlockKind::Classic);
    assert_eq!((classic[4], classic[8], classic[64]), (1, 4, 3));
    let extended = spec(SRB_FUNCTION_POWER, power).encode(BlockKind::Extended);
    assert_eq!(
        (extended[144], extended[152], extended[156], extended[160]),
        (0x61, 1, 4, 3)
    );
    let pnp = Parameters::Pnp {
        flags: 1,
        action: 2,
    };
    let classic = spec(SRB_FUNCTION_PNP, pnp).encode(BlockKind::Classic);
    assert_eq!((classic[8], classic[64]), (2, 1));
    let extended = spec(SRB_FUNCTION_PNP, pnp).encode(BlockKind::Extended);
    assert_eq!((extended[144], extended[156], extended[160]), (0x62, 2, 1));
}

#[test]
fn outcomes_are_read_back_in_both_shapes() {
    for kind in [BlockKind::Classic, BlockKind::Extended] {
        let mut block = spec(0, COMMAND).encode(kind);
        block[3] = SRB_STATUS_AUTOSENSE_VALID | 4;
        let (scsi_status, sense) = match kind {
            BlockKind::Classic => (4, 11),
            BlockKind::Extended => (152, 153),
        };
        block[scsi_status] = 2;
        block[sense] = 14;
        let outcome = outcome(&block, kind).unwrap();
        assert_eq!((outcome.status(), outcome.has_sense()), (4, true));
        assert_eq!((outcome.scsi_status, outcome.sense_bytes), (2, 14));
        assert_eq!(outcome.data_bytes, 0x1_0000);
    }
    assert_eq!(outcome(&[0; 10], BlockKind::Classic), None);
}
