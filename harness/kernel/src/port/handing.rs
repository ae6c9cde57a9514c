//! Requests that another processor is to issue: each processor has a list of them, and a DPC that works it off.

use super::{adapter, dispatch, queue::Ticket};
use crate::{
    dpc::{self, Dpc},
    mem,
    processors::{self, giant},
};

/// The same, and waits until the other processors have issued theirs. `DISPATCH_LEVEL`, but not in a DPC: two of them could
/// wait for each other.
pub(super) fn run_all() {
    dispatch::run();
    wait_for_handed();
}

/// Waits until every request that was handed to another processor was issued.
pub(super) fn wait_for_handed() {
    let me = processors::current();
    while adapter::with(|adapter| {
        adapter
            .handed
            .iter()
            .any(|(_, handed)| handed.is_busy || !handed.tickets.is_empty())
    }) == Some(true)
    {
        // Nobody else does it for this processor, which does not come to its DPCs meanwhile.
        issue_handed(me as u64);
        giant::breathe();
    }
}

/// Has processor `processor` issue a request.
pub(super) fn hand_over(ticket: Ticket, processor: usize) {
    adapter::with(|adapter| {
        let handed = adapter.handed.of_mut(processor);
        handed.tickets.push_back(ticket);
    });
    dpc::queue_on(
        processor,
        Dpc {
            routine: issue_handed,
            context: processor as u64,
        },
    );
}

/// Issues what others handed to processor `number`, which is this one.
fn issue_handed(number: u64) {
    let me = mem::size(number);
    while let Some(ticket) = adapter::with(|adapter| {
        let handed = adapter.handed.of_mut(me);
        let ticket = handed.tickets.pop_front();
        handed.is_busy = ticket.is_some();
        ticket
    })
    .flatten()
    {
        dispatch::issue(ticket);
    }
}
