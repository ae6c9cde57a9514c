//! Time-outs and the reset ladder: `RESET_LOGICAL_UNIT`, `RESET_DEVICE`, then `HwStorResetBus` (multi-tier reset).
//!
//! A clock tick a second looks for overdue requests while any are at the miniport. One ladder is climbed at a time; the
//! queues are held meanwhile. After the last rung the port ends what is still out, and says so.

use alloc::vec::Vec;

use super::{
    PortError,
    abi::srb::{
        SRB_FUNCTION_RESET_DEVICE, SRB_FUNCTION_RESET_LOGICAL_UNIT, SRB_STATUS_SUCCESS,
        SRB_STATUS_TIMEOUT,
    },
    adapter::{self, Adapter},
    callback::Routine,
    complete, dispatch, handing, invoke,
    locks::Lock,
    overdue, power,
    queue::{Address, Ticket},
    request::{Completion, Request, RequestId, SlotState},
    rings,
};
use crate::{
    dpc::Dpc,
    irql,
    rules::{self, Rule},
    timer::{self, TimerId},
};

const TICK_US: u64 = 1_000_000;
/// Requests that may time out before the port's patience ends.
const TIMEOUTS_MAX: u32 = 3;
/// Time-out of a reset request in seconds.
const RESET_TIMEOUT_SECONDS: u32 = 10;
/// Time that requests have to come back after a reset was reported done.
const SETTLE_US: u64 = 1_000_000;

/// A kind of reset, in the order of the ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reset {
    /// `SRB_FUNCTION_RESET_LOGICAL_UNIT`.
    LogicalUnit,
    /// `SRB_FUNCTION_RESET_DEVICE`.
    Device,
    /// `HwStorResetBus`.
    Bus,
}

impl Reset {
    const fn next(self) -> Option<Self> {
        match self {
            Self::LogicalUnit => Some(Self::Device),
            Self::Device => Some(Self::Bus),
            Self::Bus => None,
        }
    }

    /// Whether a reset of this kind, aimed at `target`, sweeps away requests of `address`.
    #[must_use]
    pub fn covers(self, target: Address, address: Address) -> bool {
        match self {
            Self::LogicalUnit => target == address,
            Self::Device => target.path == address.path && target.target == address.target,
            Self::Bus => target.path == address.path,
        }
    }
}

/// State of time-outs and resets.
#[derive(Debug, Default)]
pub struct Ladder {
    tick: Option<TimerId>,
    climbing: Option<Climb>,
    /// Resets that the port made because of time-outs.
    pub resets: u32,
}

impl Ladder {
    /// So many requests have timed out that nothing is issued again any more, and a scan ends. The miniport is found out by then, and each
    /// further one would take up to a minute.
    #[must_use]
    pub const fn is_out_of_patience(&self) -> bool {
        self.resets >= TIMEOUTS_MAX
    }
}

#[derive(Clone, Copy, Debug)]
struct Climb {
    address: Address,
    rung: Reset,
    /// The reset request; `None` for `HwStorResetBus`.
    ticket: Option<Ticket>,
    /// The reset is done; requests have until then to come back.
    settled_at_us: Option<u64>,
}

/// Sees to it that the clock ticks while something may become overdue or a gate opens by time. `DISPATCH_LEVEL`.
pub(super) fn arm() {
    let now = timer::now_us();
    let due = adapter::with(|adapter| {
        let busy = adapter.queues.in_flight() > 0
            || adapter.ladder.climbing.is_some()
            || !adapter.table.at_miniport(|_| true).is_empty();
        let opening = adapter
            .queues
            .next_opening_us()
            .map(|at| at.saturating_sub(now).max(1_000));
        let due = match (busy, opening) {
            (true, Some(opening)) => Some(opening.min(TICK_US)),
            (true, None) => Some(TICK_US),
            (false, opening) => opening,
        };
        due.filter(|_| adapter.ladder.tick.is_none())
    })
    .flatten();
    if let Some(due) = due {
        let id = timer::set_after_us(
            due,
            Dpc {
                routine: tick,
                context: 0,
            },
        );
        adapter::with(|adapter| adapter.ladder.tick = Some(id));
    }
}

/// Stops the clock (the adapter goes away).
pub(super) fn stop() {
    if let Some(id) = adapter::with(|adapter| adapter.ladder.tick.take()).flatten() {
        timer::cancel(id);
    }
}

fn tick(_context: u64) {
    adapter::with(|adapter| adapter.ladder.tick = None);
    complete::process();
    if adapter::with(|adapter| adapter.ladder.climbing.is_some()).unwrap_or(false) {
        climb();
    } else if let Some(address) = overdue::find() {
        begin(address);
    }
    dispatch::run();
}

fn begin(address: Address) {
    adapter::with(|adapter| {
        adapter.queues.hold();
        adapter.ladder.resets += 1;
    });
    climb_to(address, Reset::LogicalUnit);
}

fn climb_to(address: Address, rung: Reset) {
    log!("time-out: {rung:?} reset of {address:?}");
    match rung {
        Reset::LogicalUnit | Reset::Device => {
            let function = if rung == Reset::LogicalUnit {
                SRB_FUNCTION_RESET_LOGICAL_UNIT
            } else {
                SRB_FUNCTION_RESET_DEVICE
            };
            set_climb(address, rung, None, None);
            match dispatch::submit(reset_request(address, function)) {
                Ok(id) => set_climb(address, rung, Some(id.ticket), None),
                Err(_) => climb_to(address, Reset::Bus),
            }
        }
        Reset::Bus => {
            call_reset_bus(address.path);
            set_climb(address, rung, None, Some(timer::now_us() + SETTLE_US));
        }
    }
}

fn set_climb(address: Address, rung: Reset, ticket: Option<Ticket>, settled_at_us: Option<u64>) {
    adapter::with(|adapter| {
        adapter.ladder.climbing = Some(Climb {
            address,
            rung,
            ticket,
            settled_at_us,
        });
    });
}

fn reset_request(address: Address, function: u8) -> Request {
    Request {
        timeout_seconds: RESET_TIMEOUT_SECONDS,
        ..Request::function(address, function).direct()
    }
}

/// One look at the ladder that is being climbed.
fn climb() {
    let now = timer::now_us();
    let Some((climb, reset_done, out)) = adapter::with(|adapter| {
        let climb = adapter.ladder.climbing?;
        let reset_done = climb.ticket.is_none_or(|ticket| {
            adapter
                .table
                .slot(ticket)
                .is_none_or(|slot| slot.state == SlotState::Done)
        });
        let mut out = adapter
            .table
            .at_miniport(|request| climb.rung.covers(climb.address, request.address));
        out.retain(|ticket| climb.ticket != Some(*ticket));
        Some((climb, reset_done, out))
    })
    .flatten() else {
        return;
    };
    if reset_done && out.is_empty() {
        finish(climb);
        return;
    }
    let overdue = match climb.settled_at_us {
        Some(at) => now >= at,
        None if reset_done => {
            set_climb(
                climb.address,
                climb.rung,
                climb.ticket,
                Some(now + SETTLE_US),
            );
            false
        }
        None => is_overdue(climb.ticket, now),
    };
    if !overdue {
        return;
    }
    free_reset_slot(climb.ticket);
    match climb.rung.next() {
        Some(next) => climb_to(climb.address, next),
        None => give_up(climb, &out),
    }
}

fn is_overdue(ticket: Option<Ticket>, now: u64) -> bool {
    adapter::with(|adapter| {
        ticket
            .and_then(|ticket| adapter.table.slot(ticket))
            .is_some_and(|slot| slot.deadline_us <= now)
    })
    .unwrap_or(false)
}

fn finish(climb: Climb) {
    rings::forget();
    free_reset_slot(climb.ticket);
    adapter::with(|adapter| {
        adapter.ladder.climbing = None;
        adapter.queues.release();
    });
}

/// The last rung did not bring everything back: the miniport has lost requests.
fn give_up(climb: Climb, out: &[Ticket]) {
    for ticket in out {
        rules::violate(
            Rule::F1_1007_ResetHold,
            format_args!("request {ticket} is still outstanding after HwStorResetBus"),
        );
        rules::violate(
            Rule::RequestLost,
            format_args!("request {ticket} was never completed"),
        );
        complete::take_back(*ticket, Some(SRB_STATUS_TIMEOUT));
    }
    finish(climb);
}

fn free_reset_slot(ticket: Option<Ticket>) {
    adapter::with(|adapter| {
        if let Some(slot) = ticket.and_then(|ticket| adapter.table.slot_mut(ticket))
            && slot.state == SlotState::Done
        {
            slot.state = SlotState::Free;
            slot.request = None;
        }
    });
}

/// A request was processed; the ladder is looked at without waiting for the next tick.
pub(super) fn completed(adapter: &mut Adapter, _ticket: Ticket) {
    if adapter.ladder.climbing.is_some() {
        crate::dpc::queue(Dpc {
            routine: look,
            context: 0,
        });
    }
}

fn look(_context: u64) {
    climb();
    dispatch::run();
}

/// Calls `HwStorResetBus` as the port does: `DISPATCH_LEVEL`, StartIo lock and all channels, queues held.
fn call_reset_bus(path: u8) -> bool {
    let Some((routine, extension, channels)) = adapter::with(|adapter| {
        (
            adapter.miniport.reset_bus,
            adapter.extension.va,
            adapter.services.perf.channels,
        )
    }) else {
        return false;
    };
    let mut locks = Vec::from([Lock::StartIo]);
    if channels > 1 {
        locks.extend((0..channels).map(Lock::Channel));
    }
    irql::at(irql::DISPATCH_LEVEL, || {
        invoke::call_boolean(
            Routine::ResetBus,
            routine,
            &locks,
            &[extension.0, u64::from(path)],
        )
    })
}

/// Resets on request, as an administrator's tool or a cluster does, and checks that every request that the reset
/// covers comes back. `PASSIVE_LEVEL`. Yields the number of requests that were out when it began.
///
/// # Errors
/// [`PortError::Reset`] if the miniport refuses or fails.
pub fn reset(kind: Reset, address: Address) -> Result<usize, PortError> {
    power::hold();
    let out = adapter::with(|adapter| {
        adapter
            .table
            .iter()
            .filter(|(_, slot)| slot.state == SlotState::AtMiniport)
            .filter(|(_, slot)| {
                slot.request
                    .as_ref()
                    .is_some_and(|request| kind.covers(address, request.address))
            })
            .map(|(ticket, slot)| RequestId {
                ticket,
                generation: slot.generation,
            })
            .collect::<Vec<_>>()
    })
    .ok_or(PortError::NotRunning)?;
    let done = match kind {
        Reset::LogicalUnit => reset_by_request(address, SRB_FUNCTION_RESET_LOGICAL_UNIT)?,
        Reset::Device => reset_by_request(address, SRB_FUNCTION_RESET_DEVICE)?,
        Reset::Bus => call_reset_bus(address.path),
    };
    let until = timer::now_us() + SETTLE_US;
    while out.iter().any(|id| is_out(*id)) && timer::now_us() < until {
        dispatch::idle(|| !out.iter().any(|id| is_out(*id)));
    }
    for id in out.iter().filter(|id| is_out(**id)) {
        rules::violate(
            Rule::RequestLost,
            format_args!(
                "request {} did not come back from the {kind:?} reset",
                id.ticket
            ),
        );
    }
    rules::check(Rule::RequestLost);
    rings::forget();
    adapter::with(|adapter| adapter.queues.release());
    handing::run_all();
    take_unit_attention(kind, address)?;
    if done {
        Ok(out.len())
    } else {
        Err(PortError::Reset(kind))
    }
}

/// The class driver's next command finds the unit attention that the reset left, and repeats itself.
fn take_unit_attention(kind: Reset, address: Address) -> Result<(), PortError> {
    for unit in super::units() {
        if kind.covers(address, unit.address) {
            dispatch::execute(Request::test_unit_ready(&unit))?;
        }
    }
    Ok(())
}

fn reset_by_request(address: Address, function: u8) -> Result<bool, PortError> {
    let Completion { status, .. } = dispatch::execute(reset_request(address, function))?;
    Ok(status == SRB_STATUS_SUCCESS)
}

fn is_out(id: RequestId) -> bool {
    adapter::with(|adapter| {
        adapter.table.slot(id.ticket).is_some_and(|slot| {
            slot.generation == id.generation && slot.state == SlotState::AtMiniport
        })
    })
    .unwrap_or(false)
}
