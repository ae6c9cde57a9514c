//! Command descriptor blocks of the normal role: bus scan and disk I/O (SPC-5, SBC-4).

use super::srb::CDB_BYTES;

use super::abi::srb::{
    SCSIOP_INQUIRY, SCSIOP_OPERATION32, SCSIOP_PERSISTENT_RESERVE_IN,
    SCSIOP_PERSISTENT_RESERVE_OUT, SCSIOP_READ, SCSIOP_READ_CAPACITY, SCSIOP_READ16,
    SCSIOP_REPORT_LUNS, SCSIOP_SERVICE_ACTION_IN16, SCSIOP_SYNCHRONIZE_CACHE,
    SCSIOP_TEST_UNIT_READY, SCSIOP_UNMAP, SCSIOP_WRITE, SCSIOP_WRITE_SAME16, SCSIOP_WRITE16,
};

/// Bytes of the parameter list of UNMAP for one stretch.
const UNMAP_LIST_BYTES: u16 = 24;
/// READ (32) is service action 9 of the variable-length commands.
const READ_32_ACTION: u16 = 9;
/// READ CAPACITY (16) is service action 0x10 of SERVICE ACTION IN (16).
const READ_CAPACITY_16: u8 = 0x10;

/// Which way the data go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// No data.
    None,
    /// From the device to memory.
    In,
    /// From memory to the device.
    Out,
}

/// A command descriptor block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cdb {
    /// The block, padded with zeros.
    pub bytes: [u8; CDB_BYTES],
    /// Its length.
    pub length: u8,
}

const fn cdb(operation: u8, length: u8) -> Cdb {
    let mut bytes = [0; CDB_BYTES];
    bytes[0] = operation;
    Cdb { bytes, length }
}

/// READ or WRITE, with 10 bytes where address and count fit, else with 16.
#[must_use]
pub fn transfer(direction: Direction, lba: u64, sectors: u32) -> Cdb {
    let writes = direction == Direction::Out;
    if let (Ok(lba), Ok(sectors)) = (u32::try_from(lba), u16::try_from(sectors)) {
        let mut cdb = cdb(if writes { SCSIOP_WRITE } else { SCSIOP_READ }, 10);
        cdb.bytes[2..6].copy_from_slice(&lba.to_be_bytes());
        cdb.bytes[7..9].copy_from_slice(&sectors.to_be_bytes());
        return cdb;
    }
    let mut cdb = cdb(
        if writes {
            SCSIOP_WRITE16
        } else {
            SCSIOP_READ16
        },
        16,
    );
    cdb.bytes[2..10].copy_from_slice(&lba.to_be_bytes());
    cdb.bytes[10..14].copy_from_slice(&sectors.to_be_bytes());
    cdb
}

/// SYNCHRONIZE CACHE (10) of the whole medium.
#[must_use]
pub const fn synchronize_cache() -> Cdb {
    cdb(SCSIOP_SYNCHRONIZE_CACHE, 10)
}

/// TEST UNIT READY.
#[must_use]
pub const fn test_unit_ready() -> Cdb {
    cdb(SCSIOP_TEST_UNIT_READY, 6)
}

/// INQUIRY for the standard data.
#[must_use]
pub const fn inquiry(allocation_bytes: u8) -> Cdb {
    let mut cdb = cdb(SCSIOP_INQUIRY, 6);
    cdb.bytes[4] = allocation_bytes;
    cdb
}

/// INQUIRY for a page of vital product data.
#[must_use]
pub const fn inquiry_page(page: u8, allocation_bytes: u8) -> Cdb {
    let mut cdb = inquiry(allocation_bytes);
    cdb.bytes[1] = 1;
    cdb.bytes[2] = page;
    cdb
}

/// REPORT LUNS.
#[must_use]
pub fn report_luns(allocation_bytes: u32) -> Cdb {
    let mut cdb = cdb(SCSIOP_REPORT_LUNS, 12);
    cdb.bytes[6..10].copy_from_slice(&allocation_bytes.to_be_bytes());
    cdb
}

/// WRITE SAME (16): one sector of data for `sectors` sectors; `unmap` allows the device to give them back where that reads the same.
#[must_use]
pub fn write_same(lba: u64, sectors: u32, unmap: bool) -> Cdb {
    let mut cdb = cdb(SCSIOP_WRITE_SAME16, 16);
    cdb.bytes[1] = if unmap { 1 << 3 } else { 0 };
    cdb.bytes[2..10].copy_from_slice(&lba.to_be_bytes());
    cdb.bytes[10..14].copy_from_slice(&sectors.to_be_bytes());
    cdb
}

/// UNMAP; the sectors are in its parameter list.
#[must_use]
pub fn unmap() -> Cdb {
    let mut cdb = cdb(SCSIOP_UNMAP, 10);
    cdb.bytes[7..9].copy_from_slice(&UNMAP_LIST_BYTES.to_be_bytes());
    cdb
}

/// The parameter list of UNMAP for one stretch of sectors (SBC-4, 5.35.2).
#[must_use]
pub fn unmap_list(lba: u64, sectors: u32) -> [u8; UNMAP_LIST_BYTES as usize] {
    let mut list = [0; UNMAP_LIST_BYTES as usize];
    // Both lengths count what follows them: the list, and its one descriptor.
    list[0..2].copy_from_slice(&(UNMAP_LIST_BYTES - 2).to_be_bytes());
    list[2..4].copy_from_slice(&(UNMAP_LIST_BYTES - 8).to_be_bytes());
    list[8..16].copy_from_slice(&lba.to_be_bytes());
    list[16..20].copy_from_slice(&sectors.to_be_bytes());
    list
}

/// PERSISTENT RESERVE IN, READ KEYS.
#[must_use]
pub fn read_reservation_keys(allocation_bytes: u16) -> Cdb {
    let mut cdb = cdb(SCSIOP_PERSISTENT_RESERVE_IN, 10);
    cdb.bytes[7..9].copy_from_slice(&allocation_bytes.to_be_bytes());
    cdb
}

/// PERSISTENT RESERVE OUT, REGISTER, with a parameter list of `parameter_bytes`.
#[must_use]
pub fn register_reservation_key(parameter_bytes: u32) -> Cdb {
    let mut cdb = cdb(SCSIOP_PERSISTENT_RESERVE_OUT, 10);
    cdb.bytes[5..9].copy_from_slice(&parameter_bytes.to_be_bytes());
    cdb
}

/// READ (32): a command of 32 bytes.
#[must_use]
pub fn read_32(lba: u64, sectors: u32) -> Cdb {
    let mut cdb = cdb(SCSIOP_OPERATION32, 32);
    // Bytes that follow, and the service action.
    cdb.bytes[7] = 24;
    cdb.bytes[8..10].copy_from_slice(&READ_32_ACTION.to_be_bytes());
    cdb.bytes[12..20].copy_from_slice(&lba.to_be_bytes());
    let lba_low = u32::try_from(lba & u64::from(u32::MAX)).unwrap_or(0);
    cdb.bytes[20..24].copy_from_slice(&lba_low.to_be_bytes());
    cdb.bytes[28..32].copy_from_slice(&sectors.to_be_bytes());
    cdb
}

/// READ CAPACITY (10).
#[must_use]
pub const fn read_capacity_10() -> Cdb {
    cdb(SCSIOP_READ_CAPACITY, 10)
}

/// READ CAPACITY (16).
#[must_use]
pub fn read_capacity_16(allocation_bytes: u32) -> Cdb {
    let mut cdb = cdb(SCSIOP_SERVICE_ACTION_IN16, 16);
    cdb.bytes[1] = READ_CAPACITY_16;
    cdb.bytes[10..14].copy_from_slice(&allocation_bytes.to_be_bytes());
    cdb
}

/// Sectors and bytes per sector out of READ CAPACITY (10) data; `None` if the unit is too large for it.
#[must_use]
pub fn parse_capacity_10(data: &[u8]) -> Option<(u64, u32)> {
    let last = u32::from_be_bytes(data.get(0..4)?.try_into().ok()?);
    let sector_bytes = u32::from_be_bytes(data.get(4..8)?.try_into().ok()?);
    (last != u32::MAX && sector_bytes != 0).then(|| (u64::from(last) + 1, sector_bytes))
}

/// Sectors and bytes per sector out of READ CAPACITY (16) data.
#[must_use]
pub fn parse_capacity_16(data: &[u8]) -> Option<(u64, u32)> {
    let last = u64::from_be_bytes(data.get(0..8)?.try_into().ok()?);
    let sector_bytes = u32::from_be_bytes(data.get(8..12)?.try_into().ok()?);
    (sector_bytes != 0).then(|| last.checked_add(1).map(|sectors| (sectors, sector_bytes)))?
}

/// The LUNs below 256 out of REPORT LUNS data (SAM-5, peripheral and flat addressing).
pub fn parse_luns(data: &[u8]) -> impl Iterator<Item = u8> {
    let length = data
        .get(0..4)
        .and_then(|bytes| bytes.try_into().ok())
        .map_or(0, u32::from_be_bytes);
    data.get(8..)
        .unwrap_or_default()
        .chunks_exact(8)
        .take(usize::try_from(length / 8).unwrap_or(0))
        .filter_map(|entry| match entry {
            [0 | 0x40, lun, ..] => Some(*lun),
            _ => None,
        })
}

/// The low eight bits of the LUNs of REPORT LUNS that need more: numbers by which a miniport that cuts them off would reach
/// the wrong unit.
pub fn cut_luns(data: &[u8]) -> impl Iterator<Item = u8> {
    data.get(8..)
        .unwrap_or_default()
        .chunks_exact(8)
        .filter_map(|entry| match entry {
            [0x41..=0x7F, low, ..] => Some(*low),
            _ => None,
        })
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn transfers_take_the_short_form_where_they_fit() {
        let cdb = transfer(Direction::Out, 0x0102_0304, 0x0506);
        assert_eq!(cdb.length, 10);
        assert_eq!(cdb.bytes[..10], [0x2A, 0, 1, 2, 3, 4, 0, 5, 6, 0]);
        let cdb = transfer(Direction::In, 1 << 33, 8);
        assert_eq!((cdb.length, cdb.bytes[0]), (16, 0x88));
        assert_eq!(cdb.bytes[2..14], [0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 8]);
    }

    #[test]
    fn capacities_are_read_in_both_forms() {
        assert_eq!(
            parse_capacity_10(&[0, 0, 0x0F, 0xFF, 0, 0, 2, 0]),
            Some((0x1000, 512))
        );
        assert_eq!(parse_capacity_10(&[0xFF; 8]), None);
        let data = [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0x10, 0];
        assert_eq!(parse_capacity_16(&data), Some((0x1_0000_0001, 4096)));
        assert_eq!(parse_capacity_16(&[0; 4]), None);
    }

    #[test]
    fn luns_are_bounded_by_length_and_data() {
        let mut data = Vec::from([0, 0, 0, 24, 0, 0, 0, 0]);
        data.extend([0, 0, 0, 0, 0, 0, 0, 0]);
        data.extend([0, 7, 0, 0, 0, 0, 0, 0]);
        data.extend([0x41, 7, 0, 0, 0, 0, 0, 0]);
        data.extend([0, 9, 0, 0, 0, 0, 0, 0]);
        assert_eq!(parse_luns(&data).collect::<Vec<_>>(), [0, 7]);
        assert_eq!(parse_luns(&[0, 0]).count(), 0);
    }

    #[test]
    fn what_is_left_of_a_long_number_is_told_apart() {
        let mut data = Vec::from([0, 0, 0, 16, 0, 0, 0, 0]);
        data.extend([0, 7, 0, 0, 0, 0, 0, 0]);
        data.extend([0x41, 44, 0, 0, 0, 0, 0, 0]);
        assert_eq!(parse_luns(&data).collect::<Vec<_>>(), [7]);
        assert_eq!(cut_luns(&data).collect::<Vec<_>>(), [44]);
        assert_eq!(cut_luns(&[]).count(), 0);
    }
}
