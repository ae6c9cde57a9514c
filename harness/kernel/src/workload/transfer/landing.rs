//! Requests that end: taken out of a flight, judged, and what they read verified.

use alloc::vec::Vec;

use proto::record::{IoSummary, PhysicalRange};

use super::{
    super::{
        books::{Book, Torn},
        buffers::{flip_one_bit, gather},
        plan::{Extent, Kind},
    },
    FOUR_GIB, Operation, Workload, is_gone,
};
use crate::{
    mem,
    port::{self, Completion},
};

impl Workload {
    /// Takes at least one finished request out of `flight`, if there is one in it.
    pub(super) fn collect(&mut self, flight: &mut Vec<Operation>, summary: &mut IoSummary) {
        let mut finished = self.take_finished(flight, summary);
        while finished == 0 && !flight.is_empty() {
            if let Some(oldest) = flight.first() {
                match port::wait(oldest.id) {
                    Ok(completion) => {
                        let operation = flight.remove(0);
                        self.finish(operation, &completion, summary);
                        finished += 1;
                    }
                    Err(error) => {
                        let Operation {
                            book,
                            kind,
                            extent,
                            pages,
                            ..
                        } = flight.remove(0);
                        self.give_up(book, kind, extent, &pages, error, summary);
                    }
                }
            }
            finished += self.take_finished(flight, summary);
        }
    }

    fn take_finished(&mut self, flight: &mut Vec<Operation>, summary: &mut IoSummary) -> usize {
        let mut finished = 0;
        let mut index = 0;
        while let Some(operation) = flight.get(index) {
            match port::poll(operation.id) {
                Some(completion) => {
                    let operation = flight.remove(index);
                    self.finish(operation, &completion, summary);
                    finished += 1;
                }
                None => index += 1,
            }
        }
        finished
    }

    fn finish(&mut self, operation: Operation, completion: &Completion, summary: &mut IoSummary) {
        let Operation {
            book,
            kind,
            extent,
            before,
            pages,
            ranges,
            ..
        } = operation;
        let bytes: u64 = ranges.iter().map(|range| range.bytes).sum();
        let high = ranges.iter().any(|range| range.address >= FOUR_GIB);
        summary.above_4gib += u64::from(high);
        match kind {
            Kind::Read => {
                summary.reads += 1;
                summary.bytes_read += bytes;
            }
            Kind::Write => {
                summary.writes += 1;
                summary.bytes_written += bytes;
            }
            Kind::Flush => summary.others += 1,
        }
        if !completion.is_success() {
            let Book {
                plan, gone, torn, ..
            } = &mut self.books[book];
            let cut_off = *gone && is_gone(completion);
            if !cut_off {
                log_warning!("workload: {kind:?} of {extent:?} ends with {completion:?}");
                summary.errors += 1;
            }
            if kind == Kind::Write {
                if cut_off {
                    torn.push(Torn {
                        extent,
                        before,
                        after: plan.versions(extent),
                    });
                }
                plan.forget(extent);
            }
        } else if kind == Kind::Read {
            self.verify(book, extent, &ranges, summary);
        }
        self.books[book].plan.landed(extent);
        self.pool.give_back(&pages);
    }

    fn verify(
        &mut self,
        book: usize,
        extent: Extent,
        ranges: &[PhysicalRange],
        summary: &mut IoSummary,
    ) {
        if core::mem::take(&mut self.flip_next_read) {
            flip_one_bit(ranges);
        }
        let data = gather(ranges);
        let plan = &self.books[book].plan;
        let sector_bytes = mem::size(u64::from(plan.sector_bytes()));
        let mut wrong = 0;
        for (lba, sector) in (extent.lba..).zip(data.chunks(sector_bytes)) {
            if let Some(pattern) = plan.pattern(lba) {
                summary.bytes_verified += sector.len() as u64;
                wrong += pattern.differing_bytes(sector);
            }
        }
        if wrong > 0 {
            log_warning!("workload: {wrong} bytes of {extent:?} are wrong");
            summary.bytes_wrong += wrong;
        }
    }
}
