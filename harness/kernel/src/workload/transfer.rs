//! The workload on the machine: buffers, requests in flight, verification, summaries.

use alloc::{string::String, vec, vec::Vec};

use proto::{
    hiber::PAGE_BYTES,
    record::{IoSummary, PhysicalRange, Record},
    scenario::{BenchFault, Scenario},
};

use super::{
    buffers::{self, flip_one_bit, gather, scatter},
    plan::{Extent, Plan},
};
use crate::{
    interrupt,
    mem::{self, Allocation},
    port::{
        self, Buffer, Completion, PortError, Request, RequestId, Unit,
        fragments::{self, PagePool},
        random::Random,
    },
    record,
};

const FOUR_GIB: u64 = 1 << 32;
/// A flush comes after so many requests on average.
const FLUSH_EVERY: u64 = 40;

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Read,
    Write,
    Flush,
}

/// A request in flight.
#[derive(Debug)]
struct Operation {
    id: RequestId,
    kind: Kind,
    extent: Extent,
    pages: Vec<u64>,
    ranges: Vec<PhysicalRange>,
}

/// Requests that were submitted and not waited for.
#[derive(Debug, Default)]
pub struct Flight {
    operations: Vec<Operation>,
    interrupts_before: u64,
}

impl Flight {
    /// Number of requests.
    #[must_use]
    pub fn len(&self) -> usize {
        self.operations.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }
}

/// The workload on one unit; lives as long as the simulated system.
#[derive(Debug)]
pub struct Workload {
    unit: Unit,
    plan: Plan,
    blocks: Vec<Allocation>,
    pool: PagePool,
    random: Random,
    requests: u32,
    queue_depth: usize,
    alignment: u64,
    breaks: u64,
    flip_next_read: bool,
}

impl Workload {
    /// A workload as the scenario asks for, within the adapter's limits.
    #[must_use]
    pub fn new(scenario: &Scenario, unit: &Unit) -> Self {
        let limits = port::limits();
        let by_pages = u64::from(limits.physical_breaks) * PAGE_BYTES;
        let max_bytes = scenario
            .workload
            .max_request_bytes
            .min(limits.maximum_transfer_bytes)
            .min(u32::try_from(by_pages).unwrap_or(u32::MAX));
        let blocks = buffers::allocate();
        let runs: Vec<PhysicalRange> = blocks.iter().flat_map(|block| block.runs.clone()).collect();
        Self {
            unit: unit.clone(),
            plan: Plan::new(scenario.seed, unit.sector_bytes, scenario.data, max_bytes),
            blocks,
            pool: PagePool::new(&runs, Random::new(scenario.seed, "data pages")),
            random: Random::new(scenario.seed, "requests"),
            requests: scenario.workload.requests,
            queue_depth: usize::try_from(scenario.workload.queue_depth.max(1)).unwrap_or(1),
            alignment: u64::from(limits.alignment_mask) + 1,
            breaks: u64::from(limits.physical_breaks),
            flip_next_read: scenario.faults.contains(&BenchFault::FlipBitInRead),
        }
    }

    /// Writes and reads at random, flushes, reads everything back. Emits the summary.
    pub fn run(&mut self, name: &str) -> IoSummary {
        let mut summary = Self::begin(name);
        let interrupts = interrupt::count();
        let mut flight = Vec::new();
        let mut left = self.requests;
        while left > 0 || !flight.is_empty() {
            let room = self.queue_depth.saturating_sub(flight.len());
            let batch = left.min(u32::try_from(room).unwrap_or(u32::MAX));
            let before = flight.len();
            self.submit_batch(batch, &mut flight, &mut summary);
            left -= u32::try_from(flight.len() - before).unwrap_or(left);
            if flight.is_empty() {
                // Nothing could be submitted: the summary has the error.
                break;
            }
            self.collect(&mut flight, &mut summary);
        }
        self.flush(&mut summary);
        self.read_back(&mut summary);
        self.end(summary, interrupts)
    }

    /// Submits `count` requests and does not wait for them.
    pub fn launch(&mut self, count: u32) -> Flight {
        let mut flight = Flight {
            operations: Vec::new(),
            interrupts_before: interrupt::count(),
        };
        let mut ignored = IoSummary::default();
        self.submit_batch(count, &mut flight.operations, &mut ignored);
        flight
    }

    /// Submits up to `count` requests; they reach the miniport in one go, or later if the queues are held already.
    fn submit_batch(&mut self, count: u32, flight: &mut Vec<Operation>, summary: &mut IoSummary) {
        let held_before = port::is_held();
        port::hold();
        for _ in 0..count {
            let Some(operation) = self.next_operation(summary) else {
                break;
            };
            flight.push(operation);
        }
        if !held_before {
            port::release();
        }
    }

    /// Waits for the requests of [`Workload::launch`] and checks them. Emits the summary.
    pub fn land(&mut self, flight: Flight, name: &str) -> IoSummary {
        let mut summary = Self::begin(name);
        let Flight {
            mut operations,
            interrupts_before,
        } = flight;
        while !operations.is_empty() {
            self.collect(&mut operations, &mut summary);
        }
        self.end(summary, interrupts_before)
    }

    /// Reads everything back that was ever written. Emits the summary.
    pub fn verify_all(&mut self, name: &str) -> IoSummary {
        let mut summary = Self::begin(name);
        let interrupts = interrupt::count();
        self.read_back(&mut summary);
        self.end(summary, interrupts)
    }

    /// The adapter under `flight` was pulled out: what its writes left on the disk is unknown from here on.
    pub fn abandon(&mut self, flight: Flight) {
        for operation in flight.operations {
            if operation.kind == Kind::Write {
                self.plan.forget(operation.extent);
            }
            self.plan.landed(operation.extent);
            self.pool.give_back(&operation.pages);
        }
    }

    /// Gives the buffers back; nothing may be in flight.
    pub fn end_of_life(self) {
        for block in self.blocks {
            if let Err(error) = mem::free(block.va) {
                log_warning!("workload: a data buffer cannot be freed: {error:?}");
            }
        }
    }

    fn begin(name: &str) -> IoSummary {
        let _ = port::take_peak_in_flight();
        IoSummary {
            name: String::from(name),
            ..IoSummary::default()
        }
    }

    fn end(&self, mut summary: IoSummary, interrupts_before: u64) -> IoSummary {
        summary.interrupts = interrupt::count().saturating_sub(interrupts_before);
        summary.peak_in_flight = u64::from(port::take_peak_in_flight());
        summary.written = self.plan.written_ranges();
        record::emit(&Record::Io(summary.clone()));
        summary
    }

    /// Submits a request of the seed's choice; `None` if there is no place or no memory for one now.
    fn next_operation(&mut self, summary: &mut IoSummary) -> Option<Operation> {
        if self.random.one_in(FLUSH_EVERY) {
            return self.submit(Kind::Flush, NOWHERE, Vec::new(), Vec::new(), summary);
        }
        let reads = self.random.one_in(2);
        let read = if reads { self.plan.next_read() } else { None };
        let (kind, extent) = match read {
            Some(extent) => (Kind::Read, extent),
            None => (Kind::Write, self.plan.next_write()?),
        };
        self.start(kind, extent, summary)
    }

    /// Submits a read or write of `extent`.
    fn start(&mut self, kind: Kind, extent: Extent, summary: &mut IoSummary) -> Option<Operation> {
        let bytes = u64::from(extent.sectors) * u64::from(self.plan.sector_bytes());
        let offset = self.buffer_offset(bytes);
        let pages = self
            .pool
            .take(mem::size(fragments::pages_spanned(offset, bytes)))?;
        let ranges = fragments::ranges(&pages, offset, bytes);
        if kind == Kind::Write {
            self.plan.book_write(extent);
            let mut content = Vec::new();
            self.plan.content(extent, &mut content);
            scatter(&ranges, &content);
        } else {
            // What a read leaves out must not look right by chance.
            scatter(&ranges, &vec![0xEE; mem::size(bytes)]);
        }
        self.plan.launched(extent);
        self.submit(kind, extent, pages, ranges, summary)
    }

    fn submit(
        &mut self,
        kind: Kind,
        extent: Extent,
        pages: Vec<u64>,
        ranges: Vec<PhysicalRange>,
        summary: &mut IoSummary,
    ) -> Option<Operation> {
        let buffer = Buffer::pages(ranges.clone());
        let request = match kind {
            Kind::Read => Request::read(&self.unit, extent.lba, extent.sectors, buffer),
            Kind::Write => Request::write(&self.unit, extent.lba, extent.sectors, buffer),
            Kind::Flush => Request::synchronize_cache(&self.unit),
        };
        match port::submit(request) {
            Ok(id) => Some(Operation {
                id,
                kind,
                extent,
                pages,
                ranges,
            }),
            Err(error) => {
                self.give_up(kind, extent, &pages, error, summary);
                None
            }
        }
    }

    fn give_up(
        &mut self,
        kind: Kind,
        extent: Extent,
        pages: &[u64],
        error: PortError,
        summary: &mut IoSummary,
    ) {
        log_warning!("workload: {kind:?} of {extent:?}: {error}");
        summary.errors += 1;
        self.pool.give_back(pages);
        self.plan.landed(extent);
        if kind == Kind::Write {
            self.plan.forget(extent);
        }
    }

    /// Start of a buffer in its first page: mostly 0, else anywhere that the adapter's alignment allows.
    fn buffer_offset(&mut self, bytes: u64) -> u64 {
        if self.random.one_in(2) {
            return 0;
        }
        let offset = self.random.below(PAGE_BYTES / self.alignment) * self.alignment;
        if fragments::pages_spanned(offset, bytes) <= self.breaks {
            offset
        } else {
            0
        }
    }

    /// Takes at least one finished request out of `flight`, if there is one in it.
    fn collect(&mut self, flight: &mut Vec<Operation>, summary: &mut IoSummary) {
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
                            kind,
                            extent,
                            pages,
                            ..
                        } = flight.remove(0);
                        self.give_up(kind, extent, &pages, error, summary);
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
            kind,
            extent,
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
            log_warning!("workload: {kind:?} of {extent:?} ends with {completion:?}");
            summary.errors += 1;
            if kind == Kind::Write {
                self.plan.forget(extent);
            }
        } else if kind == Kind::Read {
            self.verify(extent, &ranges, summary);
        }
        self.plan.landed(extent);
        self.pool.give_back(&pages);
    }

    fn verify(&mut self, extent: Extent, ranges: &[PhysicalRange], summary: &mut IoSummary) {
        if core::mem::take(&mut self.flip_next_read) {
            flip_one_bit(ranges);
        }
        let data = gather(ranges);
        let sector_bytes = mem::size(u64::from(self.plan.sector_bytes()));
        let mut wrong = 0;
        for (lba, sector) in (extent.lba..).zip(data.chunks(sector_bytes)) {
            if let Some(pattern) = self.plan.pattern(lba) {
                summary.bytes_verified += sector.len() as u64;
                wrong += pattern.differing_bytes(sector);
            }
        }
        if wrong > 0 {
            log_warning!("workload: {wrong} bytes of {extent:?} are wrong");
            summary.bytes_wrong += wrong;
        }
    }

    fn flush(&mut self, summary: &mut IoSummary) {
        let request = Request::synchronize_cache(&self.unit);
        summary.others += 1;
        match port::execute(request) {
            Ok(completion) if completion.is_success() => {}
            other => {
                log_warning!("workload: SYNCHRONIZE CACHE ends with {other:?}");
                summary.errors += 1;
            }
        }
    }

    /// Reads every written stretch, as many at a time as the queue depth says.
    fn read_back(&mut self, summary: &mut IoSummary) {
        let mut flight = Vec::new();
        for extent in self.plan.written_extents() {
            loop {
                if flight.len() < self.queue_depth
                    && let Some(operation) = self.start(Kind::Read, extent, summary)
                {
                    flight.push(operation);
                    break;
                }
                if flight.is_empty() {
                    break;
                }
                self.collect(&mut flight, summary);
            }
        }
        while !flight.is_empty() {
            self.collect(&mut flight, summary);
        }
    }
}

/// The extent of a request without one.
const NOWHERE: Extent = Extent { lba: 0, sectors: 0 };
