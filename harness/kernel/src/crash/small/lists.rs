//! The two lists of a small dump: its drivers with their names, and its blocks of memory.

use alloc::{vec, vec::Vec};

use super::{ALIGNMENT, Driver, Stretch};
use crate::{
    crash::abi::{DataBlock, DriverEntry},
    mem::size,
    port::abi::{Structure, put},
};

/// The list of drivers, and the strings that lie from `strings` on: a length in UTF-16 units, the units, a zero.
pub(super) fn driver_list(drivers: &[Driver], strings: u64) -> (Vec<u8>, Vec<u8>) {
    let mut entries = Vec::new();
    let mut names: Vec<u8> = Vec::new();
    for driver in drivers {
        let units: Vec<u16> = driver.name.encode_utf16().collect();
        let mut entry = vec![0; size(DriverEntry::BYTES)];
        put(
            &mut entry,
            DriverEntry::NAME,
            short(strings + names.len() as u64),
        );
        put(&mut entry, DriverEntry::BASE, driver.base);
        put(&mut entry, DriverEntry::IMAGE_BYTES, driver.bytes);
        put(&mut entry, DriverEntry::CHECK_SUM, driver.check_sum);
        put(&mut entry, DriverEntry::TIME_STAMP, driver.time_stamp);
        entries.extend(entry);
        names.extend(short(units.len() as u64).to_le_bytes());
        names.extend(units.into_iter().chain([0]).flat_map(u16::to_le_bytes));
        names.resize(names.len().next_multiple_of(size(ALIGNMENT)), 0);
    }
    (entries, names)
}

/// The list of blocks that lie one behind the other right after it, and where each lies.
pub(super) fn block_list(blocks: &[Stretch], list: u64) -> (Vec<u8>, Vec<u64>) {
    let mut place = list + blocks.len() as u64 * DataBlock::BYTES;
    let mut entries = Vec::new();
    let mut places = Vec::new();
    for block in blocks {
        let mut entry = vec![0; size(DataBlock::BYTES)];
        put(&mut entry, DataBlock::ADDRESS, block.address);
        put(&mut entry, DataBlock::OFFSET, short(place));
        put(&mut entry, DataBlock::LENGTH, short(block.bytes));
        entries.extend(entry);
        places.push(place);
        place += block.bytes;
    }
    (entries, places)
}

/// A number as the file has it: nothing in it comes near the limit.
pub(super) fn short(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
