//! Where dumps go out and hibernation files come back: every transfer of a dump passes here, and the dump filters see it.
//!
//! [`write`] and [`read`] take an offset in the partition, as filters know it, and physical runs; [`finish`] ends a dump's data.
//! Callers: `crate::hibernate` and `crate::crash`. The filters' turn is in [`super::filter_calls`], the request in
//! [`super::request`].

use alloc::vec::Vec;

use proto::{record::PhysicalRange, scenario::Partition};

use super::{
    cdb::{Cdb, CdbForm, Direction},
    filter_calls,
    request::{self, Command, Data, RequestError},
};

/// Where a dump goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The partition.
    pub partition: Partition,
    /// Bytes per sector of the disk.
    pub sector_bytes: u32,
}

/// Writes `runs` to `offset` bytes into the destination. `HIGH_LEVEL`, interrupts off.
///
/// # Errors
/// [`RequestError`].
pub fn write(
    destination: Destination,
    form: CdbForm,
    offset: u64,
    runs: Vec<PhysicalRange>,
) -> Result<(), RequestError> {
    let runs = filter_calls::before_write(offset, runs)?;
    transfer(destination, form, Direction::Write, offset, runs)
}

/// Reads into `runs` from `offset` bytes into the destination. `HIGH_LEVEL`, interrupts off.
///
/// # Errors
/// [`RequestError`].
pub fn read(
    destination: Destination,
    form: CdbForm,
    offset: u64,
    runs: &[PhysicalRange],
) -> Result<(), RequestError> {
    transfer(destination, form, Direction::Read, offset, runs.to_vec())?;
    filter_calls::after_read(offset, runs)
}

/// Tells the filters that all data are written; the cache is to be flushed after it.
///
/// # Errors
/// [`RequestError::Filter`].
pub fn finish() -> Result<(), RequestError> {
    filter_calls::finish()
}

/// Reports what passed through the filters of this instance, if there are any.
pub fn report() {
    filter_calls::report();
}

fn transfer(
    destination: Destination,
    form: CdbForm,
    direction: Direction,
    offset: u64,
    runs: Vec<PhysicalRange>,
) -> Result<(), RequestError> {
    let sector = u64::from(destination.sector_bytes).max(1);
    let bytes: u64 = runs.iter().map(|run| run.bytes).sum();
    if !offset.is_multiple_of(sector) || !bytes.is_multiple_of(sector) {
        return Err(RequestError::TooLarge);
    }
    let lba = destination.partition.first_lba + offset / sector;
    let sectors = u32::try_from(bytes / sector).map_err(|_| RequestError::TooLarge)?;
    let data = match direction {
        Direction::Read => Data::In(runs),
        Direction::Write => Data::Out(runs),
    };
    request::execute(&Command::Scsi {
        cdb: Cdb::transfer(direction, form, lba, sectors),
        data,
    })
}
