//! Units that leave in the middle of the work and come back: what their requests may end with, and what they may hold.

use alloc::{vec, vec::Vec};

use proto::{hiber::PAGE_BYTES, record::IoSummary};

use super::{
    super::{
        books::{Book, Torn},
        buffers::{gather, scatter},
        plan::{Extent, Kind},
    },
    Flight, Start, Workload,
};
use crate::{
    interrupt, mem,
    port::{
        self, Buffer, Completion, Request, Unit,
        abi::srb::{
            SRB_STATUS_ERROR, SRB_STATUS_INVALID_LUN, SRB_STATUS_INVALID_TARGET_ID,
            SRB_STATUS_NO_DEVICE, SRB_STATUS_SELECTION_TIMEOUT,
        },
        fragments,
        queue::Address,
    },
};

/// Sense key and code by which a target with other LUNs answers for one that is not there: ILLEGAL REQUEST with LOGICAL UNIT
/// NOT SUPPORTED, and for LUN 0, which every target must answer for, with INVALID COMMAND OPERATION CODE (SPC-4, 5.10.2; QEMU).
const NO_SUCH_LUN: [(u8, u8); 2] = [(5, 0x25), (5, 0x20)];

/// Whether a request says by its end that there is no unit (any more).
#[must_use]
pub fn is_gone(completion: &Completion) -> bool {
    match completion.status {
        SRB_STATUS_NO_DEVICE
        | SRB_STATUS_SELECTION_TIMEOUT
        | SRB_STATUS_INVALID_TARGET_ID
        | SRB_STATUS_INVALID_LUN => true,
        SRB_STATUS_ERROR => completion
            .sense_code()
            .is_some_and(|(key, code, _)| NO_SUCH_LUN.contains(&(key, code))),
        _ => false,
    }
}

impl Workload {
    /// Writes and reads at random; nothing is read back. Emits the summary.
    pub fn exchange(&mut self, count: u32, name: &str) -> IoSummary {
        let mut summary = Self::begin(name);
        let interrupts = interrupt::count();
        self.exchange_into(count, &mut summary);
        self.end(summary, interrupts)
    }

    /// As [`Workload::launch_more`], all of it to the unit at `address`.
    pub fn launch_at(&mut self, address: Address, count: u32, flight: &mut Flight) {
        self.only = self.book_of(address);
        self.launch_more(count, flight);
        self.only = None;
    }

    /// From here on requests of the unit may end with the news that it is gone; no new ones are made.
    pub fn unit_left(&mut self, address: Address) {
        if let Some(book) = self.book_of(address) {
            self.books[book].gone = true;
        }
    }

    /// The unit is there again. Each sector of a write that did not end well holds the old content or the new; it is written
    /// again. Nothing may be in flight. Emits the summary.
    pub fn unit_back(&mut self, unit: &Unit) {
        let mut summary = Self::begin("cut off by an unplug");
        let interrupts = interrupt::count();
        if let Some(book) = self.book_of(unit.address) {
            self.books[book].gone = false;
            self.books[book].unit = unit.clone();
            for torn in core::mem::take(&mut self.books[book].torn) {
                self.look_at_torn(book, &torn, &mut summary);
                self.write_again(book, torn.extent, &mut summary);
            }
        }
        self.end(summary, interrupts);
    }

    fn book_of(&self, address: Address) -> Option<usize> {
        self.books
            .iter()
            .position(|book| book.unit.address == address)
    }

    fn look_at_torn(&mut self, book: usize, torn: &Torn, summary: &mut IoSummary) {
        let bytes = self.bytes_of(book, torn.extent);
        let Some(pages) = self.pool.take(mem::size(bytes.div_ceil(PAGE_BYTES))) else {
            log_warning!("workload: no pages to look at {:?}", torn.extent);
            summary.errors += 1;
            return;
        };
        let ranges = fragments::ranges(&pages, 0, bytes);
        scatter(&ranges, &vec![0xEE; mem::size(bytes)]);
        let Book { unit, plan, .. } = &self.books[book];
        let Extent { lba, sectors } = torn.extent;
        summary.reads += 1;
        summary.bytes_read += bytes;
        match port::execute(Request::read(
            unit,
            lba,
            sectors,
            Buffer::pages(ranges.clone()),
        )) {
            Ok(completion) if completion.is_success() => {
                let data = gather(&ranges);
                let sector_bytes = mem::size(u64::from(plan.sector_bytes()));
                let versions = torn.before.iter().zip(&torn.after);
                for ((lba, sector), (before, after)) in
                    (lba..).zip(data.chunks(sector_bytes)).zip(versions)
                {
                    summary.bytes_verified += sector.len() as u64;
                    if !plan.holds(lba, *before, sector) && !plan.holds(lba, *after, sector) {
                        summary.bytes_wrong += sector.len() as u64;
                    }
                }
            }
            other => {
                log_warning!(
                    "workload: reading {:?} again ends with {other:?}",
                    torn.extent
                );
                summary.errors += 1;
            }
        }
        self.pool.give_back(&pages);
    }

    fn write_again(&mut self, book: usize, extent: Extent, summary: &mut IoSummary) {
        let next = self.placed(book, Kind::Write, extent);
        match self.start(next, summary) {
            Start::Flies(operation) => {
                let mut flight = Vec::from([operation]);
                while !flight.is_empty() {
                    self.collect(&mut flight, summary);
                }
            }
            Start::Waits | Start::Refused => {
                log_warning!("workload: {next:?} cannot be written again");
                summary.errors += 1;
            }
        }
    }
}
