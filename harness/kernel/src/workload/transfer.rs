//! The workload on the machine: buffers, requests, verification, summaries.
//!
//! [`Workload::run`] does a stretch of I/O from end to end; [`flight`] has those that something else happens under.

use alloc::{string::String, vec, vec::Vec};

use proto::{
    hiber::PAGE_BYTES,
    record::{IoSummary, PhysicalRange, Record},
    scenario::{BenchFault, Scenario},
};

use super::{
    books::{self, Book, Terms},
    buffers::{self, scatter},
    plan::{Extent, Kind, Planned},
};
use crate::{
    interrupt,
    mem::{self, Allocation},
    port::{
        self, Buffer, PortError, Request, RequestId, Unit,
        fragments::{self, PagePool},
        random::Random,
    },
    processors, record,
};

mod flight;
mod hotplug;
mod landing;
mod pass_through;

pub use flight::{Flight, Held};
pub use hotplug::is_gone;

const FOUR_GIB: u64 = 1 << 32;

/// A request of the plan with the place of its data in the first page.
#[derive(Clone, Copy, Debug)]
struct Next {
    /// Index of the unit's book.
    book: usize,
    kind: Kind,
    extent: Extent,
    offset: u64,
}

/// A request in flight.
#[derive(Debug)]
struct Operation {
    id: RequestId,
    book: usize,
    kind: Kind,
    extent: Extent,
    /// What a write covers, by [`Plan::versions`].
    before: Vec<u32>,
    pages: Vec<u64>,
    ranges: Vec<PhysicalRange>,
}

/// What became of the attempt to start a request.
#[derive(Debug)]
enum Start {
    /// It is in flight.
    Flies(Operation),
    /// It must wait for one in flight, for its sectors or for its pages.
    Waits,
    /// The port refused it; the summary counts it.
    Refused,
}

/// The workload on all units; lives as long as the simulated system.
#[derive(Debug)]
pub struct Workload {
    books: Vec<Book>,
    blocks: Vec<Allocation>,
    pool: PagePool,
    random: Random,
    requests: u32,
    queue_depth: usize,
    /// Longest request of those that must all fit into the buffers at one time.
    launch_bytes: u64,
    alignment: u64,
    breaks: u64,
    flip_next_read: bool,
    /// Requests go to this book alone.
    only: Option<usize>,
    /// Summaries carry what every unit must hold.
    tells_written: bool,
}

impl Workload {
    /// A workload as the scenario asks for, within the adapter's limits, on `units`, of which the first has the partitions.
    #[must_use]
    pub fn new(scenario: &Scenario, units: &[Unit]) -> Self {
        let limits = port::limits();
        let by_pages = u64::from(limits.physical_breaks) * PAGE_BYTES;
        let max_bytes = scenario
            .workload
            .max_request_bytes
            .min(limits.maximum_transfer_bytes)
            .min(u32::try_from(by_pages).unwrap_or(u32::MAX));
        let blocks = buffers::allocate();
        let queue_depth = usize::try_from(scenario.workload.queue_depth.max(1)).unwrap_or(1);
        let in_flight = scenario.workload.in_flight_at_hibernate;
        let apart = queue_depth.max(usize::try_from(in_flight).unwrap_or(0));
        let runs: Vec<PhysicalRange> = blocks.iter().flat_map(|block| block.runs.clone()).collect();
        Self {
            books: books::open(
                units,
                Terms {
                    seed: scenario.seed,
                    data: scenario.data,
                    max_bytes,
                    apart,
                },
            ),
            launch_bytes: launch_bytes(&runs, in_flight),
            blocks,
            pool: PagePool::new(&runs, Random::new(scenario.seed, "data pages")),
            random: Random::new(scenario.seed, "requests"),
            requests: scenario.workload.requests,
            queue_depth,
            alignment: u64::from(limits.alignment_mask) + 1,
            breaks: u64::from(limits.physical_breaks),
            flip_next_read: scenario.faults.contains(&BenchFault::FlipBitInRead),
            only: None,
            tells_written: true,
        }
    }

    /// Writes and reads at random, flushes, reads everything back. Emits the summary.
    pub fn run(&mut self, name: &str) -> IoSummary {
        let mut summary = Self::begin(name);
        let interrupts = interrupt::count();
        self.exchange_into(self.requests, &mut summary);
        self.flush(&mut summary);
        self.read_back(&mut summary);
        self.end(summary, interrupts)
    }

    /// Whether the summaries from here on carry what every unit must hold, for the host.
    pub const fn tell_written(&mut self, tell: bool) {
        self.tells_written = tell;
    }

    /// `count` requests of the plan from end to end.
    fn exchange_into(&mut self, count: u32, summary: &mut IoSummary) {
        let mut flight = Vec::new();
        let mut left = count;
        let mut next = None;
        while left > 0 {
            left -= self.submit_batch(left, &mut next, &mut flight, summary);
            if flight.is_empty() && left > 0 {
                log_warning!("workload: {next:?} cannot be submitted");
                summary.errors += 1;
                break;
            }
            self.collect(&mut flight, summary);
        }
        while !flight.is_empty() {
            self.collect(&mut flight, summary);
        }
    }

    /// Submits requests of the plan until `left` are, the queue is full or the next one must wait; returns how many are
    /// done with. They reach the miniport in one go.
    fn submit_batch(
        &mut self,
        left: u32,
        next: &mut Option<Next>,
        flight: &mut Vec<Operation>,
        summary: &mut IoSummary,
    ) -> u32 {
        let mut done = 0;
        port::hold();
        while done < left && flight.len() < self.queue_depth {
            let Some(request) = next.or_else(|| self.plan_next(u64::MAX)) else {
                break;
            };
            *next = Some(request);
            match self.start(request, summary) {
                Start::Waits => break,
                Start::Refused => {}
                Start::Flies(operation) => flight.push(operation),
            }
            *next = None;
            done += 1;
        }
        port::release();
        done
    }

    /// Reads everything back that was ever written. Emits the summary.
    pub fn verify_all(&mut self, name: &str) -> IoSummary {
        let mut summary = Self::begin(name);
        let interrupts = interrupt::count();
        self.read_back(&mut summary);
        self.end(summary, interrupts)
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
        if self.tells_written {
            summary.written = books::written(&self.books);
        }
        record::emit(&Record::Io(summary.clone()));
        summary
    }

    /// The next request of the plan.
    fn plan_next(&mut self, max_bytes: u64) -> Option<Next> {
        let book = self.choose_book()?;
        let Planned { kind, extent } = self.books.get_mut(book)?.plan.next(max_bytes)?;
        Some(self.placed(book, kind, extent))
    }

    /// Any book whose unit is there.
    fn choose_book(&mut self) -> Option<usize> {
        if self.only.is_some() {
            return self.only;
        }
        let there: Vec<usize> = (0..self.books.len())
            .filter(|book| !self.books[*book].gone)
            .collect();
        match there.as_slice() {
            [only] => Some(*only),
            several => self.random.pick(several).copied(),
        }
    }

    /// Chooses where the data of a request begin.
    fn placed(&mut self, book: usize, kind: Kind, extent: Extent) -> Next {
        let offset = self.buffer_offset(self.bytes_of(book, extent));
        Next {
            book,
            kind,
            extent,
            offset,
        }
    }

    fn bytes_of(&self, book: usize, extent: Extent) -> u64 {
        u64::from(extent.sectors) * u64::from(self.books[book].plan.sector_bytes())
    }

    /// Submits a request, unless it must wait.
    fn start(&mut self, next: Next, summary: &mut IoSummary) -> Start {
        let Next {
            book,
            kind,
            extent,
            offset,
        } = next;
        let bytes = self.bytes_of(book, extent);
        let Book { unit, plan, .. } = &mut self.books[book];
        if plan.meets_flight(extent) {
            return Start::Waits;
        }
        let count = match kind {
            Kind::Flush => 0,
            Kind::Read | Kind::Write => fragments::pages_spanned(offset, bytes),
        };
        let Some(pages) = self.pool.take(mem::size(count)) else {
            return Start::Waits;
        };
        let ranges = fragments::ranges(&pages, offset, bytes);
        let mut before = Vec::new();
        match kind {
            Kind::Write => {
                before = plan.versions(extent);
                plan.book_write(extent);
                let mut content = Vec::new();
                plan.content(extent, &mut content);
                scatter(&ranges, &content);
            }
            // What a read leaves out must not look right by chance.
            Kind::Read => scatter(&ranges, &vec![0xEE; mem::size(bytes)]),
            Kind::Flush => {}
        }
        plan.launched(extent);
        let buffer = Buffer::pages(ranges.clone());
        let request = match kind {
            Kind::Read => Request::read(unit, extent.lba, extent.sectors, buffer),
            Kind::Write => Request::write(unit, extent.lba, extent.sectors, buffer),
            Kind::Flush => Request::synchronize_cache(unit),
        };
        let request = self.assigned(request);
        match port::submit(request) {
            Ok(id) => Start::Flies(Operation {
                id,
                book,
                kind,
                extent,
                before,
                pages,
                ranges,
            }),
            Err(error) => {
                self.give_up(book, kind, extent, &pages, error, summary);
                Start::Refused
            }
        }
    }

    /// With several processors, one of them by chance issues it.
    fn assigned(&mut self, request: Request) -> Request {
        match processors::count() {
            1 => request,
            count => {
                let drawn = self.random.below(count as u64);
                request.on(mem::size(drawn))
            }
        }
    }

    fn give_up(
        &mut self,
        book: usize,
        kind: Kind,
        extent: Extent,
        pages: &[u64],
        error: PortError,
        summary: &mut IoSummary,
    ) {
        log_warning!("workload: {kind:?} of {extent:?}: {error}");
        summary.errors += 1;
        self.pool.give_back(pages);
        let plan = &mut self.books[book].plan;
        plan.landed(extent);
        if kind == Kind::Write {
            plan.forget(extent);
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

    fn flush(&mut self, summary: &mut IoSummary) {
        for book in self.books.iter().filter(|book| !book.gone) {
            summary.others += 1;
            match port::execute(Request::synchronize_cache(&book.unit)) {
                Ok(completion) if completion.is_success() => {}
                other => {
                    log_warning!("workload: SYNCHRONIZE CACHE ends with {other:?}");
                    summary.errors += 1;
                }
            }
        }
    }

    /// Reads every written stretch, as many at a time as the queue depth says.
    fn read_back(&mut self, summary: &mut IoSummary) {
        let mut flight = Vec::new();
        let extents: Vec<(usize, Extent)> = (0..)
            .zip(&self.books)
            .filter(|(_, of)| !of.gone)
            .flat_map(|(book, of)| {
                let extents = of.plan.written_extents();
                extents.into_iter().map(move |extent| (book, extent))
            })
            .collect();
        for (book, extent) in extents {
            let next = self.placed(book, Kind::Read, extent);
            loop {
                if flight.len() < self.queue_depth {
                    match self.start(next, summary) {
                        Start::Flies(operation) => {
                            flight.push(operation);
                            break;
                        }
                        Start::Refused => break,
                        Start::Waits => {}
                    }
                }
                if flight.is_empty() {
                    summary.errors += 1;
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

/// Longest request of which `count` find room in the pages of `runs`, each with a page more for its offset.
fn launch_bytes(runs: &[PhysicalRange], count: u32) -> u64 {
    let total: u64 = runs.iter().map(|run| run.bytes).sum();
    (total / u64::from(count.max(1))).saturating_sub(PAGE_BYTES)
}
