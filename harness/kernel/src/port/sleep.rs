//! Sleep: the HBA in D3 between [`power::power_down`](super::power::power_down) and `power_up`, as hard as the bus may make it.
//!
//! The bus driver saves and restores the configuration space and nothing else. The registers are out of reach meanwhile, and the device
//! has forgotten what it was told, as one without `No_Soft_Reset` may in D3hot, and any in D3cold (PCI Power Management 1.2, 5.4).

use super::{
    PortError, PowerAction, PowerWay, adapter, device, dispatch,
    faults::{self, Hidden},
    power,
};
use crate::{
    pci::{Function, MsixState},
    processors::park,
    suspend, timer,
};

/// PCI command register, and its bits for both spaces and the bus master.
const COMMAND_OFFSET: u16 = 4;
const COMMAND_BITS: u16 = 0b111;

/// What sleeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SleepDepth {
    /// The adapter; the system works on.
    Adapter,
    /// The system, after the adapter: it is suspended to RAM.
    System,
}

/// Powers the adapter down, lets it sleep for `us` microseconds, and powers it up. The queues must be held, and stay so; whatever of the
/// miniport runs meanwhile must leave the hardware alone. `PASSIVE_LEVEL`.
///
/// # Errors
/// The first step that fails.
pub fn sleep_and_wake(us: u64, depth: SleepDepth) -> Result<PowerWay, PortError> {
    let function = adapter::with(|adapter| adapter.function).ok_or(PortError::NotRunning)?;
    let way = power::power_down(PowerAction::Sleep)?;
    without_power(&function, us, depth);
    power::power_up(PowerAction::Sleep)?;
    Ok(way)
}

/// What happens between the two: the device forgets, the miniport waits.
fn without_power(function: &Function, us: u64, depth: SleepDepth) {
    let saved = function.save();
    device::lose_state(function);
    function.set_msix(MsixState::Disabled);
    function.write16(
        COMMAND_OFFSET,
        function.read16(COMMAND_OFFSET) & !COMMAND_BITS,
    );
    // DPCs that were under way on other processors come to their end first.
    park::while_parked(|| {});
    faults::hide_registers(Hidden::Asleep);
    pass(us);
    park::while_parked(|| {});
    faults::show_registers();
    match depth {
        SleepDepth::Adapter => function.restore(&saved),
        SleepDepth::System => {
            if let Err(error) = suspend::suspend(function, &saved) {
                log_warning!("the machine stays awake: {error}");
                function.restore(&saved);
            }
        }
    }
}

/// Lets time pass: timers, DPCs and work items run.
fn pass(us: u64) {
    let until = timer::now_us() + us;
    let is_over = || timer::now_us() >= until;
    while !is_over() {
        dispatch::idle_for(us, is_over);
    }
}
