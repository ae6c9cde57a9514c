//! Requests that are overdue: which they are, and where they stand.
//!
//! [`find`] reports the first one under [`Rule::RequestTimeout`], with what its rings show ([`super::standing`]), and under
//! [`Rule::QueueMessageIgnored`] if its answer was left although its queue's message came.

use core::fmt;

use super::{
    abi::srb::{SRB_FUNCTION_RESET_DEVICE, SRB_FUNCTION_RESET_LOGICAL_UNIT},
    adapter, dispatch,
    queue::Address,
    request::{Request, SlotState},
    rings,
    srb::Parameters,
    standing::{Sought, Standing, message::Message},
};
use crate::{
    rules::{self, Rule},
    timer,
};

/// Looks for an overdue request and reports it; yields its unit.
pub(super) fn find() -> Option<Address> {
    let now = timer::now_us();
    rules::check(Rule::RequestTimeout);
    rules::check(Rule::QueueMessageIgnored);
    let (ticket, request, started, deadline) = adapter::with(|adapter| {
        adapter
            .table
            .iter()
            .filter(|(_, slot)| slot.state == SlotState::AtMiniport && slot.deadline_us <= now)
            .find_map(|(ticket, slot)| {
                Some((
                    ticket,
                    slot.request.clone()?,
                    slot.started,
                    slot.deadline_us,
                ))
            })
    })
    .flatten()?;
    let issued = deadline.saturating_sub(dispatch::timeout_us(&request));
    let located = sought(&request).and_then(|sought| rings::locate(sought, issued));
    rules::violate(
        Rule::RequestTimeout,
        format_args!(
            "function {:#x} ({:?}) for {:?}, request {ticket}, is overdue after {} s (HwStorStartIo {}){}",
            request.function,
            request.parameters,
            request.address,
            request.timeout_seconds,
            if started {
                "was called"
            } else {
                "was not called"
            },
            Whereabouts(located),
        ),
    );
    if let Some((standing, Some(message))) = located
        && message.is_ignored(standing)
    {
        rules::violate(
            Rule::QueueMessageIgnored,
            format_args!("request {ticket}{}", Whereabouts(located)),
        );
    }
    Some(request.address)
}

/// By what the rings are searched for a request: its command, or the reset that it is.
fn sought(request: &Request) -> Option<Sought<'_>> {
    let cdb = match (&request.parameters, request.function) {
        (Parameters::Command { cdb, bytes }, _) => Some(cdb.get(..usize::from(*bytes))?),
        (_, SRB_FUNCTION_RESET_LOGICAL_UNIT | SRB_FUNCTION_RESET_DEVICE) => None,
        _ => return None,
    };
    Some(Sought {
        address: request.address,
        cdb,
    })
}

/// The end of a report's sentence: where the request stands, and what became of its queue's message.
struct Whereabouts(Option<(Standing, Option<Message>)>);

impl fmt::Display for Whereabouts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => Ok(()),
            Some((standing, None)) => write!(f, ": {standing}"),
            Some((standing, Some(message))) => write!(f, ": {standing}; {message}"),
        }
    }
}
