//! The address codec: known bytes, every value there and back, every other value refused.

use super::*;
use proptest::prelude::*;

#[test]
fn known_bytes() {
    let encoded = |target, lun| ScsiAddress::new(target, lun).unwrap().encode();
    assert_eq!(encoded(0, 0), [1, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(encoded(7, 255), [1, 7, 0, 0xFF, 0, 0, 0, 0]);
    assert_eq!(encoded(255, 256), [1, 255, 0x41, 0, 0, 0, 0, 0]);
    assert_eq!(encoded(3, 0x3FFF), [1, 3, 0x7F, 0xFF, 0, 0, 0, 0]);
    assert_eq!(ScsiAddress::new(0, 0x4000), Err(LunError::LunTooLarge));
    assert_eq!(
        ScsiAddress::from_u8(9, 200),
        ScsiAddress::new(9, 200).unwrap()
    );
}

#[test]
fn foreign_bytes() {
    let decode = ScsiAddress::decode;
    assert_eq!(
        decode([1, 2, 0x40, 5, 0, 0, 0, 0]),
        Ok(ScsiAddress::from_u8(2, 5))
    );
    assert_eq!(decode([0xC1, 1, 0, 0, 0, 0, 0, 0]), Err(LunError::Format));
    assert_eq!(decode([0; 8]), Err(LunError::Format));
    assert_eq!(decode([1, 2, 0x80, 0, 0, 0, 0, 0]), Err(LunError::Method));
    assert_eq!(decode([1, 2, 0x01, 0, 0, 0, 0, 0]), Err(LunError::Method));
    assert_eq!(decode([1, 2, 0, 0, 0, 0, 0, 1]), Err(LunError::Tail));
}

proptest! {
    #[test]
    fn every_address_survives(target: u8, lun in 0..=LUN_MAX) {
        let address = ScsiAddress::new(target, lun).unwrap();
        prop_assert_eq!(address.target(), target);
        prop_assert_eq!(address.lun(), lun);
        prop_assert_eq!(ScsiAddress::decode(address.encode()), Ok(address));
    }

    #[test]
    fn what_decodes_encodes_to_the_same_unit(bytes: [u8; 8], fix_format: bool) {
        let mut bytes = bytes;
        if fix_format {
            bytes[0] = 1;
            bytes[4..].fill(0);
        }
        if let Ok(address) = ScsiAddress::decode(bytes) {
            prop_assert_eq!(ScsiAddress::decode(address.encode()), Ok(address));
            prop_assert_eq!(address.target(), bytes[1]);
            prop_assert_eq!(address.lun() & 0xFF, u16::from(bytes[3]));
        }
    }
}
