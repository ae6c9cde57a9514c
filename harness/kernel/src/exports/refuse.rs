//! Makes a call of the normal instance fail, when `scenario::exhaust` is at it.
//!
//! [`begin_life`] and [`end_life`] frame a life; [`answer`] is asked before every call is served.

use proto::owner::Role;

use super::ExportCall;
use crate::{
    image,
    port::exhaust::{Exhaust, Site, refusal},
    rules::{self, Rule},
    sync::Lock,
};
static EXHAUST: Lock<Option<Exhaust>> = Lock::new(None);

/// A new life begins, in which one call is going to fail.
pub fn begin_life() {
    EXHAUST.lock().get_or_insert_default().begin_life();
}

/// The life is over; what failed in it, `None` if nothing was left to fail.
#[must_use]
pub fn end_life() -> Option<Site> {
    EXHAUST.lock().as_mut().and_then(Exhaust::end_life)
}

/// The answer of a call that is to fail; `None` lets the routine do its work.
pub(super) fn answer(call: &ExportCall) -> Option<u64> {
    if call.role != Some(Role::Normal) || EXHAUST.lock().is_none() {
        return None;
    }
    let number = match call.export.name {
        "StorPortExtendedFunction" => call.arg32(0),
        _ => 0,
    };
    let answer = refusal(call.export.name, number)?;
    let place = image::find(call.return_address)?;
    let fails = EXHAUST
        .lock()
        .as_mut()
        .is_some_and(|exhaust| exhaust.fails(call.export.name, number, place.rva));
    if fails {
        rules::check(Rule::NullCheck);
    }
    fails.then_some(answer)
}
