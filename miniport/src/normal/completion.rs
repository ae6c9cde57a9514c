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
    srb::{Completed, Noted},
    status::SrbStatus,
};
use hba::{device::SENSE_BYTES, request::Response};

use super::{
    Kind, NormalAdapter,
    queue::{Batch, Drained, Places, Queue},
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
        let mut places = Places::new();
        for _ in 0..BATCHES_MAX {
            let mut batch = Batch::new(&mut places);
            let drained = queue
                .state
                .with(context.at_dispatch(), |state| state.drain(&mut batch));
            while let Some(request) = batch.take() {
                let Completed { .. } = self.finish(port, request);
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
    fn finish(&self, port: Port<'_>, request: Noted<Self>) -> Completed {
        let (ticket, window) = request.state();
        let prepared = &ticket.prepared;
        if ticket.kind == Kind::Command && Response::read(&window, prepared).is_plain_success() {
            // Nearly all requests end here.
            let bytes = prepared.data_bytes();
            return request.succeed(port, bytes);
        }
        self.finish_otherwise(port, request)
    }

    /// The same for all but plain successes, with the answer read anew: lent to this function, it would have to be in memory for the others too.
    #[cold]
    fn finish_otherwise(&self, port: Port<'_>, request: Noted<Self>) -> Completed {
        let (ticket, window) = request.state();
        let response = Response::read(&window, &ticket.prepared);
        let (kind, data_bytes) = (ticket.kind, ticket.prepared.data_bytes());
        let mut sense = [0; SENSE_BYTES];
        let bytes = response.copy_sense(&window, &mut sense);
        let sense = sense.get(..bytes).unwrap_or(&[]);
        let completion = response.completion();
        let srb = request.into_srb();
        if kind == Kind::Flush {
            return srb.complete(port, status::of_flush(completion, sense));
        }
        let verdict = status::of_command(completion, data_bytes);
        if kind == Kind::Inquiry && verdict.srb_status != SrbStatus::Error {
            let depth = self.unit_depth.load(Ordering::Relaxed);
            let _ = port.set_device_queue_depth(srb.address(), depth);
        }
        status::complete(srb, port, &verdict, |_, buffer| copied(sense, buffer))
    }
}

/// Copies as many bytes as there are, or as there is room for, and returns how many.
fn copied(source: &[u8], destination: &mut [u8]) -> usize {
    let bytes = source.iter().zip(destination);
    bytes.map(|(from, to)| *to = *from).count()
}
