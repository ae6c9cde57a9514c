//! Requests that another processor is to issue: each processor has a list of them, and a DPC that works it off.

use super::{adapter, dispatch, queue::Ticket};
use crate::{
    dpc::{self, Dpc},
    irql, mem,
    processors::{self, giant},
};

/// Gives the miniport every request that may go now, and waits until other processors have issued theirs. Not in a DPC: two
/// of them could wait for each other.
pub(super) fn run_all() {
    irql::at(irql::DISPATCH_LEVEL, dispatch::run);
    wait();
}

/// Waits until every request that was handed to another processor was issued. DPCs run meanwhile if the IRQL lets them.
pub(super) fn wait() {
    let me = processors::current();
    while adapter::with(|adapter| {
        adapter
            .handed
            .iter()
            .any(|(_, handed)| handed.is_busy || !handed.tickets.is_empty())
    }) == Some(true)
    {
        // At a higher IRQL nobody else does it for this processor.
        irql::at(irql::DISPATCH_LEVEL, || issue(me as u64));
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
            routine: issue,
            context: processor as u64,
        },
    );
}

/// Issues what others handed to processor `number`, which is this one.
fn issue(number: u64) {
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
