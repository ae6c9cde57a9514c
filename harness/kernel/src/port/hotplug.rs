//! Units that come and go while the adapter runs: the announcement (`BusChangeDetected`), and what the port does for a unit
//! that a scan no longer finds.

use super::{
    abi::codes::unit_control,
    adapter::{self, Unit},
    control, dispatch,
    queue::Address,
};
use crate::{
    mem,
    rules::{self, Rule},
    timer,
};

/// Time from the change to the announcement.
const LIMIT_US: u64 = 5_000_000;
/// How often a waiting port looks.
const LOOK_US: u64 = 10_000;

/// Waits for the miniport to announce a change of its bus; interrupts, DPCs and timers run meanwhile. `PASSIVE_LEVEL`.
/// False, and a violation, if it does not.
#[must_use]
pub fn await_bus_change(what: &str) -> bool {
    let until = timer::now_us() + LIMIT_US;
    while !is_announced() && timer::now_us() < until {
        dispatch::idle_for(LOOK_US, is_announced);
    }
    rules::demand(
        Rule::BusChangeMissed,
        is_announced(),
        format_args!("{what}, and the miniport did not announce it within {LIMIT_US} us"),
    )
}

fn is_announced() -> bool {
    adapter::with(|adapter| adapter.services.bus_changed).unwrap_or(false)
}

/// A scan no longer finds `unit`: the miniport is told, as for a surprise removal, and its extension is freed.
pub(super) fn remove(unit: &Unit) {
    for kind in [
        unit_control::UNIT_SURPRISE_REMOVAL,
        unit_control::UNIT_REMOVE,
    ] {
        control::unit(kind, unit.address, None);
    }
    free_extension(unit.address);
}

/// Frees the logical unit extension at `address`, if there is one.
pub(super) fn free_extension(address: Address) {
    if let Some(block) = adapter::with(|adapter| adapter.unit_extensions.remove(&address)).flatten()
    {
        let _ = mem::free(block.va);
    }
}
