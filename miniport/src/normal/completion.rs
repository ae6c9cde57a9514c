//! The deferred call of a request queue: completes what the device has answered, and publishes what has come meanwhile.
//!
//! Key type: [`CompletionDpc`]. Many requests are taken out under one hold of the lock and completed after it; the pass has a bound, after which
//! the call issues itself again, so that other work of the processor gets its turn.

use core::sync::atomic::Ordering;

use ddi::{
    adapter::DpcRoutine,
    context::DpcContext,
    dpc::Dpc,
    port::Port,
    srb::{Completed, Srb},
    status::SrbStatus,
};
use hba::{device::SENSE_BYTES, request::Response};

use super::{
    Kind, NormalAdapter,
    queue::{Batch, Drained, Queue},
};
use crate::status;

/// Batches after which a pass ends: 256 requests, a fraction of the 100 microseconds that a DPC should take at most.
const BATCHES_MAX: u32 = 8;

/// Completes the requests of a queue.
#[derive(Debug)]
pub(crate) struct CompletionDpc;

impl DpcRoutine for CompletionDpc {
    type Adapter = NormalAdapter;

    #[inline]
    fn object(adapter: &NormalAdapter, number: u16) -> Option<&Dpc<Self>> {
        adapter.queues.get(number).map(|queue| &queue.dpc)
    }

    #[inline]
    fn run(adapter: &NormalAdapter, number: u16, context: &mut DpcContext<'_, NormalAdapter>) {
        if let Some(queue) = adapter.queues.get(number) {
            adapter.complete_requests(context, queue, number);
        }
    }
}

impl NormalAdapter {
    #[inline]
    fn complete_requests(&self, context: &mut DpcContext<'_, Self>, queue: &Queue, number: u16) {
        let port = context.port();
        for _ in 0..BATCHES_MAX {
            let mut batch = Batch::new();
            let drained = queue
                .state
                .with(context.at_dispatch(), |state| state.drain(&mut batch));
            while let Some(srb) = batch.take() {
                let Completed { .. } = self.finish(port, srb);
            }
            match drained {
                Drained::More => {}
                Drained::Idle => return,
                Drained::Fault(fault) => {
                    return self.device_broke_rules(context, 2 + u64::from(number), fault as u64);
                }
            }
        }
        queue.dpc.issue(port);
    }

    /// Turns an answer into the end of a request.
    #[inline]
    fn finish(&self, port: Port<'_>, srb: Srb<Self>) -> Completed {
        let Some((ticket, window)) = srb.noted_state() else {
            return lost_its_ticket(port, srb);
        };
        let response = Response::read(&window, &ticket.prepared);
        let (kind, data_bytes) = (ticket.kind, ticket.prepared.data_bytes());
        if kind == Kind::Command && response.is_plain_success() {
            // Nearly all requests end here.
            return srb.succeed(port, data_bytes);
        }
        self.finish_otherwise(port, srb, &response, kind, data_bytes)
    }

    /// The same for all but plain successes.
    #[cold]
    fn finish_otherwise(
        &self,
        port: Port<'_>,
        srb: Srb<Self>,
        response: &Response,
        kind: Kind,
        data_bytes: u32,
    ) -> Completed {
        let completion = response.completion();
        let copy_sense = |srb: &Srb<Self>, sense: &mut [u8]| {
            srb.noted_state()
                .map_or(0, |(_, window)| response.copy_sense(&window, sense))
        };
        if kind == Kind::Flush {
            let mut sense = [0; SENSE_BYTES];
            let bytes = copy_sense(&srb, &mut sense);
            let verdict = status::of_flush(completion, sense.get(..bytes).unwrap_or(&[]));
            return srb.complete(port, verdict);
        }
        let verdict = status::of_command(completion, data_bytes);
        if kind == Kind::Inquiry && verdict.srb_status != SrbStatus::Error {
            let depth = self.unit_depth.load(Ordering::Relaxed);
            let _ = port.set_device_queue_depth(srb.address(), depth);
        }
        status::complete(srb, port, &verdict, copy_sense)
    }
}

/// A request without what `HwStorBuildIo` noted of it; it cannot have come here.
#[cold]
fn lost_its_ticket(port: Port<'_>, srb: Srb<NormalAdapter>) -> Completed {
    srb.complete(port, SrbStatus::Error)
}
