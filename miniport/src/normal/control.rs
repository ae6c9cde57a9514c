//! Adapter control and unit control: stop, restart, power, removal.
//!
//! Documents differ on whether `ScsiStopAdapter` and `ScsiRestartAdapter` come at DIRQL under the interrupt lock, so both take no lock and wait for
//! nothing but the device. The port drains the adapter before it stops or powers it down.

use ddi::{
    adapter::{PowerAction, PowerState, UnitControl},
    context::LockFreeContext,
    port::{Port, UnitAddress},
    recorder::{self, Event},
};
use hba::device::{Quiesced, ResetError};

use super::{NormalAdapter, messages::Messages};
use crate::{
    device::{Patience, reset},
    lifecycle::State,
    request::address_code,
};

impl NormalAdapter {
    /// `ScsiStopAdapter`: a reset silences the device, its interrupts and its DMA. The queues stay as they are until the restart, when
    /// nobody can be inside them.
    pub(super) fn stop_adapter(&self, port: Port<'_>) -> bool {
        recorder::record(Event::AdapterControl, 1, 0);
        // The stop that follows a surprise removal finds no hardware any more that could be touched.
        let Some(found) = self.present() else {
            return true;
        };
        self.lifecycle.enter(State::Stopped);
        // A device that is gone is as silent as one that was reset.
        !matches!(
            reset(&found.registers, port, Patience::Short),
            Err(ResetError::TimedOut)
        )
    }

    /// `ScsiAdapterPower`: D3 (for hibernation too) resets the device, D0 starts it from its plan.
    pub(super) fn adapter_power(
        &self,
        context: &LockFreeContext<'_, Self>,
        state: PowerState,
        action: PowerAction,
    ) -> bool {
        let port = context.port();
        recorder::record(Event::AdapterControl, 6, power_code(state, action));
        match state {
            PowerState::D0 => {
                let messages = context.message_count(Messages::wanted(self.queues.len()));
                context.with_start_io_lock(|held| self.bring_up(port, held, messages))
            }
            PowerState::D3 => {
                context.request_timer(0);
                context.with_start_io_lock(|held| {
                    let Some(found) = self.present() else {
                        return true;
                    };
                    self.lifecycle.enter(State::Stopped);
                    self.close_queues(held);
                    let quiesced = match reset(&found.registers, port, Patience::Short) {
                        Ok(quiesced) => quiesced,
                        Err(ResetError::Gone) => Quiesced::device_removed(),
                        Err(ResetError::TimedOut) => return false,
                    };
                    self.end_all(port, held, &quiesced);
                    true
                })
            }
            PowerState::Other(_) => true,
        }
    }

    /// `ScsiAdapterSurpriseRemoval`: what is not there does no DMA, so its requests can end.
    pub(super) fn adapter_gone(&self, context: &LockFreeContext<'_, Self>) -> bool {
        let port = context.port();
        recorder::record(Event::AdapterControl, 16, 0);
        context.request_timer(0);
        // The extension may end without any further callback.
        self.crash_callbacks.deregister();
        context.with_start_io_lock(|held| {
            self.lifecycle.enter(State::Removed);
            self.close_queues(held);
            if let Some(found) = &self.found {
                // If it is still there after all, it has to be silent too.
                if let Err(ResetError::TimedOut) = reset(&found.registers, port, Patience::Short) {
                    return false;
                }
            }
            self.end_all(port, held, &Quiesced::device_removed());
            true
        })
    }

    /// `HwStorUnitControl`. Units have no state here. The requests of a unit that is gone are answered by the device, one by one; until then they are
    /// the device's.
    pub(super) fn control_unit(control: UnitControl, unit: UnitAddress) -> bool {
        recorder::record(Event::UnitControl, control as u64, address_code(unit));
        true
    }
}

/// A power request as a number, for the flight recorder.
fn power_code(state: PowerState, action: PowerAction) -> u64 {
    let state = match state {
        PowerState::D0 => 0x00,
        PowerState::D3 => 0x30,
        PowerState::Other(_) => 0xF0,
    };
    let action = match action {
        PowerAction::Hibernate => 3,
        PowerAction::Sleep => 2,
        PowerAction::Shutdown => 4,
        PowerAction::Other(_) => 0,
    };
    state | action
}
