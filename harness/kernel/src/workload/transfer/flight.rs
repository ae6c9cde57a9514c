//! Requests that are submitted and not waited for: what a hibernation, a reset or a removal finds in flight.
//!
//! [`Flight`] holds them; they end by [`Workload::land`], by [`Workload::abandon`] when the adapter is gone, or with the
//! system ([`Workload::cut_off`]).

use alloc::vec::Vec;

use proto::record::{IoSummary, Record};

use super::{Kind, Operation, Start, Workload, books};
use crate::{
    interrupt,
    port::{self, Request},
    processors::park,
    record,
};

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

/// Where requests were when the port held its queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// At the miniport: what ends before it is stopped.
    pub at_miniport: u32,
    /// In the port's queues, for as long as these are held.
    pub kept_back: u32,
}

impl Workload {
    /// Holds the queues when `share` more requests have just reached the miniport, and has as many kept back. No interrupt comes
    /// between, on any processor, so that none of them can complete before they are counted, unless the miniport completes
    /// while it starts.
    pub fn launch_and_hold(&mut self, share: u32, flight: &mut Flight) -> Held {
        park::while_parked(|| {
            let flag = interrupt::disable();
            self.launch_more(share, flight);
            let at_miniport = port::in_flight();
            port::hold();
            self.launch_more(share, flight);
            let kept_back = u32::try_from(port::waiting()).unwrap_or(u32::MAX);
            interrupt::restore(flag);
            Held {
                at_miniport,
                kept_back,
            }
        })
    }

    /// Submits `count` requests and does not wait for them. They reach the miniport in one go, or later if the queues
    /// are held already.
    pub fn launch(&mut self, count: u32) -> Flight {
        let mut flight = Flight {
            operations: Vec::new(),
            interrupts_before: interrupt::count(),
        };
        self.launch_more(count, &mut flight);
        flight
    }

    /// The same with a flight that is under way. All its requests do not overlap and fit into the buffers together.
    pub fn launch_more(&mut self, count: u32, flight: &mut Flight) {
        let mut ignored = IoSummary::default();
        let held_before = port::is_held();
        port::hold();
        for _ in 0..count {
            let next = self.plan_next(self.launch_bytes);
            if let Some(Start::Flies(operation)) = next.map(|next| self.start(next, &mut ignored)) {
                flight.operations.push(operation);
            } else {
                log_warning!("workload: {next:?} cannot be launched");
            }
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

    /// The adapter under `flight` was pulled out: [`Workload::cut_off`], and its memory is free again.
    pub fn abandon(&mut self, flight: Flight) {
        self.cut_off(&flight);
        for operation in flight.operations {
            self.books[operation.book].plan.landed(operation.extent);
            self.pool.give_back(&operation.pages);
        }
    }

    /// Nobody is going to hear of the end of `flight`: its writes may reach the disk or not, sector by sector. Tells the
    /// host what is to be there, and what all other sectors must hold.
    pub fn cut_off(&mut self, flight: &Flight) {
        let mut abandoned = Vec::new();
        for operation in &flight.operations {
            if operation.kind == Kind::Write {
                let plan = &mut self.books[operation.book].plan;
                abandoned.push(plan.abandon(operation.extent, &operation.before));
            }
        }
        record::emit(&Record::Abandoned {
            ranges: abandoned,
            written: books::written(&self.books),
        });
    }

    /// Submits a request that changes nothing on the disk, and does not wait for its end. It is issued when this returns.
    pub fn launch_flush(&mut self) {
        let Some(unit) = self.books.first().map(|book| book.unit.clone()) else {
            return;
        };
        let request = self.assigned(Request::synchronize_cache(&unit));
        if let Err(error) = port::submit(request) {
            log_warning!("workload: SYNCHRONIZE CACHE cannot be launched: {error}");
        }
    }
}
