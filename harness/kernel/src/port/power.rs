//! Power and PnP stop: hold and drain the queues, take the adapter down, bring it up again.
//!
//! A miniport with `ScsiAdapterPower` gets that and neither `SRB_FUNCTION_POWER` nor `ScsiStopAdapter` for power (since
//! Windows 8); others get `SRB_FUNCTION_POWER`, then `ScsiStopAdapter`, and later `ScsiRestartAdapter`.

use proto::owner::Owner;

use super::{
    PortError,
    abi::{
        Structure, View,
        codes::{adapter_control, device_power_state, power_action, unit_control},
        services::StorAdapterControlPower,
        srb::{
            SRB_FLAGS_BYPASS_LOCKED_QUEUE, SRB_FLAGS_D3_PROCESSING, SRB_FLAGS_NO_QUEUE_FREEZE,
            SRB_FUNCTION_POWER, SRB_FUNCTION_SHUTDOWN, SRB_STATUS_SUCCESS,
        },
    },
    adapter::{self, Phase},
    complete, control, dispatch, handing, interrupts,
    queue::Address,
    request::{Request, RetryPolicy},
    services, srb, start,
};
use crate::{
    irql, mem,
    rules::{self, Rule},
    timer,
};

/// Longest time that requests may take to drain.
const DRAIN_LIMIT_US: u64 = 120_000_000;
/// `SRB_POWER_FLAGS_ADAPTER_REQUEST`.
const ADAPTER_REQUEST: u8 = 1;

/// Why the power goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PowerAction {
    /// The system sleeps.
    Sleep,
    /// The system hibernates.
    Hibernate,
    /// The system shuts down.
    Shutdown,
}

impl PowerAction {
    const fn raw(self) -> u32 {
        match self {
            Self::Sleep => power_action::SLEEP,
            Self::Hibernate => power_action::HIBERNATE,
            Self::Shutdown => power_action::SHUTDOWN_OFF,
        }
    }
}

/// How the adapter was taken down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PowerWay {
    /// By `ScsiAdapterPower`.
    AdapterPower,
    /// By `SRB_FUNCTION_POWER` and `ScsiStopAdapter`.
    StopAdapter,
}

/// Result of a drain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Requests that were at the miniport and came back.
    pub completed: u32,
    /// Requests that the port keeps back.
    pub held: u32,
}

/// Holds the queues: what is at the miniport goes on, nothing new reaches it.
pub fn hold() {
    adapter::with(|adapter| adapter.queues.hold());
    // What other processors were to issue is at the miniport now.
    handing::wait();
}

/// Lets the queues go on.
pub fn release() {
    adapter::with(|adapter| adapter.queues.release());
    handing::run_all();
}

/// Whether the queues are held.
#[must_use]
pub fn is_held() -> bool {
    adapter::with(|adapter| adapter.queues.is_held()).unwrap_or(false)
}

/// Queued requests at the miniport.
#[must_use]
pub fn in_flight() -> u32 {
    adapter::with(|adapter| adapter.queues.in_flight()).unwrap_or(0)
}

/// Requests that the port keeps back.
#[must_use]
pub fn waiting() -> usize {
    adapter::with(|adapter| adapter.queues.waiting()).unwrap_or(0)
}

/// Waits until nothing is at the miniport; the queues must be held. `PASSIVE_LEVEL`.
///
/// # Errors
/// [`PortError::NotDrained`].
pub fn drain() -> Result<Drained, PortError> {
    let before = in_flight();
    let begun = timer::now_us();
    while !is_quiet() {
        if timer::now_us().saturating_sub(begun) > DRAIN_LIMIT_US {
            return Err(PortError::NotDrained(in_flight()));
        }
        dispatch::idle(is_quiet);
    }
    Ok(Drained {
        completed: before,
        held: u32::try_from(waiting()).unwrap_or(u32::MAX),
    })
}

fn is_quiet() -> bool {
    adapter::with(|adapter| {
        adapter.queues.in_flight() == 0
            && adapter.table.completed.is_empty()
            && adapter.table.at_miniport(|_| true).is_empty()
    })
    .unwrap_or(true)
}

/// Takes the adapter down: caches first, then units, then the adapter. `PASSIVE_LEVEL`; the queues must be held.
///
/// # Errors
/// The first step that fails.
pub fn power_down(action: PowerAction) -> Result<PowerWay, PortError> {
    drain()?;
    let units = super::units();
    for unit in &units {
        let request = Request {
            flags: SRB_FLAGS_D3_PROCESSING
                | SRB_FLAGS_BYPASS_LOCKED_QUEUE
                | SRB_FLAGS_NO_QUEUE_FREEZE,
            ..Request::synchronize_cache(unit).direct()
        };
        demand_success("SYNCHRONIZE CACHE", &request)?;
        if action == PowerAction::Shutdown {
            let request = Request::function(unit.address, SRB_FUNCTION_SHUTDOWN).direct();
            demand_success("SRB_FUNCTION_SHUTDOWN", &request)?;
        }
        control::unit(
            unit_control::UNIT_POWER,
            unit.address,
            Some((action.raw(), device_power_state::D3)),
        );
    }
    let way = if supports(adapter_control::ADAPTER_POWER) {
        adapter_power(device_power_state::D3, action)?;
        PowerWay::AdapterPower
    } else {
        power_request(device_power_state::D3, action)?;
        stop_adapter()?;
        PowerWay::StopAdapter
    };
    services::run_passive_work();
    if adapter::phase() == Some(Phase::Running) {
        adapter::set_phase(Phase::Stopped);
    }
    Ok(way)
}

/// Brings the adapter up again; `HwStorFindAdapter` is not called. The queues stay held. `PASSIVE_LEVEL`.
///
/// # Errors
/// The first step that fails.
pub fn power_up(action: PowerAction) -> Result<(), PortError> {
    if supports(adapter_control::ADAPTER_POWER) {
        adapter::set_phase(Phase::Running);
        adapter_power(device_power_state::D0, action)?;
    } else {
        restart_adapter()?;
    }
    for unit in super::units() {
        control::unit(
            unit_control::UNIT_POWER,
            unit.address,
            Some((action.raw(), device_power_state::D0)),
        );
    }
    services::run_passive_work();
    Ok(())
}

/// `ScsiStopAdapter`, as for a PnP stop. The queues must be held and drained.
///
/// # Errors
/// [`PortError::Control`].
pub fn stop_adapter() -> Result<(), PortError> {
    let status = control::call_stop_or_restart(adapter_control::STOP_ADAPTER);
    let result = control::demand_success(adapter_control::STOP_ADAPTER, status);
    rules::demand(
        Rule::ControlTypeList,
        result.is_ok(),
        "ScsiStopAdapter fails",
    );
    if adapter::phase() == Some(Phase::Running) {
        adapter::set_phase(Phase::Stopped);
    }
    result
}

/// Stops the adapter and starts it again with so many messages, as PnP does when it gives resources to somebody else.
/// `HwStorFindAdapter` is not called. The queues must be held and drained.
///
/// # Errors
/// The first step that fails.
pub fn rebalance(messages: u16) -> Result<(), PortError> {
    stop_adapter()?;
    interrupts::disconnect();
    interrupts::connect(messages)?;
    restart_adapter()
}

/// `ScsiRestartAdapter`, after `ScsiSetRunningConfig` where that is supported, as after a PnP stop. The queues stay held.
///
/// # Errors
/// [`PortError::Control`].
pub fn restart_adapter() -> Result<(), PortError> {
    if supports(adapter_control::SET_RUNNING_CONFIG) {
        let status = control::call_adapter(adapter_control::SET_RUNNING_CONFIG, mem::Va::NULL);
        control::demand_success(adapter_control::SET_RUNNING_CONFIG, status)?;
    }
    adapter::with(|adapter| adapter.restarting = true);
    adapter::set_phase(Phase::Running);
    let status = control::call_stop_or_restart(adapter_control::RESTART_ADAPTER);
    adapter::with(|adapter| adapter.restarting = false);
    control::demand_success(adapter_control::RESTART_ADAPTER, status)
}

fn supports(kind: u32) -> bool {
    adapter::with(|adapter| adapter.adapter_controls.has(kind)).unwrap_or(false)
}

/// `ScsiAdapterPower`: at `DISPATCH_LEVEL`, the highest level that its page allows, without a lock.
fn adapter_power(state: u32, action: PowerAction) -> Result<(), PortError> {
    use StorAdapterControlPower as P;
    let block = start::zeroed(64, Owner::Scratch, "adapter power parameters")?;
    control::write_address(block.va.offset(32), Address::default());
    let view = View::<P>::at(block.va);
    let size = u32::try_from(P::BYTES).unwrap_or(0);
    let _ = view.set(P::HEADER_VERSION, 1);
    let _ = view.set(P::HEADER_SIZE, size);
    let _ = view.set(P::HEADER_ADDRESS, block.va.offset(32).0);
    let _ = view.set(P::POWER_ACTION, action.raw());
    let _ = view.set(P::POWER_STATE, state);
    let status = irql::at(irql::DISPATCH_LEVEL, || {
        control::call_adapter(adapter_control::ADAPTER_POWER, block.va)
    });
    let _ = mem::free(block.va);
    control::demand_success(adapter_control::ADAPTER_POWER, status)
}

fn power_request(state: u32, action: PowerAction) -> Result<(), PortError> {
    let request = Request {
        parameters: srb::Parameters::Power {
            flags: ADAPTER_REQUEST,
            state,
            action: action.raw(),
        },
        ..Request::function(Address::default(), SRB_FUNCTION_POWER).direct()
    };
    demand_success("SRB_FUNCTION_POWER", &request)
}

/// Executes a request that must succeed. It goes past the queue, so that nobody else repeats it: commands are issued again here, as a disk
/// class driver does after a unit attention (the restart before left one).
///
/// # Errors
/// [`PortError::Request`], with a report of the rule that demands it.
pub fn demand_success(what: &'static str, request: &Request) -> Result<(), PortError> {
    let address = request.address;
    let mut completion = dispatch::execute(request.clone())?;
    for _ in 0..complete::CLASS_RETRY_LIMIT {
        if request.retry == RetryPolicy::Never || !complete::is_worth_another_try(&completion) {
            break;
        }
        completion = dispatch::execute(request.clone())?;
    }
    let succeeded = rules::demand(
        Rule::RequestRefused,
        completion.status == SRB_STATUS_SUCCESS,
        format_args!(
            "{what} at target {}, LUN {} ends with SrbStatus {:#x}, sense {:x?}",
            address.target,
            address.lun,
            completion.srb_status,
            completion.sense_code()
        ),
    );
    if succeeded {
        Ok(())
    } else {
        Err(PortError::Request(what, completion.status))
    }
}
