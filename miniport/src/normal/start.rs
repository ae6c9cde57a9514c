//! From the plan to a running device: `HwStorInitialize`, restart and power-up all come this way.
//!
//! The device is reset, whatever it was doing; then the plan is carried out; then event buffers are posted. Nothing is taken over from a
//! life before the reset but the memory and the registers.

use core::sync::atomic::Ordering;

use ddi::{
    cell::StartIoHeld,
    context::{InitializeContext, PerfOptions, RestartContext},
    port::{EventCode, Port},
    recorder::{self, Event},
};
use hba::device::{BringUp, BringUpError, Quiesced, Vector};

use super::{Engine, NormalAdapter, Running, find::Found, interrupt::Messages};
use crate::{
    device::{Patience, reset},
    lifecycle::State,
};

impl NormalAdapter {
    /// `HwStorInitialize`.
    pub(super) fn first_start(&self, context: &mut InitializeContext<'_, Self>) -> bool {
        let messages = context.message_count(Messages::WANTED);
        let (port, held) = context.split();
        if !self.bring_up(port, held, messages) {
            return false;
        }
        // Both are optional for the port; without passive initialisation there would be no DPC, hence no completion.
        let _ = context.initialize_perf_opts(PerfOptions::DPC_REDIRECTION);
        context.enable_passive_initialization()
    }

    /// `ScsiRestartAdapter`: the same without what belongs to the first start alone.
    pub(super) fn restart_adapter(&self, context: &mut RestartContext<'_, Self>) -> bool {
        recorder::record(Event::AdapterControl, 2, 0);
        let messages = context.message_count(Messages::WANTED);
        let (port, held) = context.split();
        self.bring_up(port, held, messages)
    }

    /// Resets the device and brings it up with `messages` message-signalled interrupts. Requests that it had are completed.
    pub(super) fn bring_up(
        &self,
        port: Port<'_>,
        held: &mut StartIoHeld<'_>,
        messages: u16,
    ) -> bool {
        let Some(found) = self.present() else {
            return false;
        };
        let engine = self.engine.get(held);
        let Ok(quiesced) = reset(&found.registers, port, Patience::Long) else {
            self.fail(port, 1, 0);
            return false;
        };
        engine.end_all(port, &quiesced);
        self.start_quiesced(port, engine, quiesced, messages)
    }

    /// Brings a device up that was just reset.
    pub(super) fn start_quiesced(
        &self,
        port: Port<'_>,
        engine: &mut Engine,
        quiesced: Quiesced,
        messages: u16,
    ) -> bool {
        let Some(found) = &self.found else {
            return false;
        };
        match Running::start(found, engine, quiesced, Messages::new(messages)) {
            Ok(running) => {
                let features = found.plan.features().bits();
                recorder::record(
                    Event::DeviceRunning,
                    features,
                    found.plan.request_ring().into(),
                );
                self.messages.store(messages, Ordering::Release);
                engine.running = Some(running);
                self.lifecycle.enter(State::Running)
            }
            Err(error) => {
                let retry = matches!(
                    error,
                    BringUpError::VectorRefused(_) | BringUpError::ConfigVectorRefused
                ) && messages > 1;
                if !retry {
                    self.fail(port, 2, 0);
                    return false;
                }
                // The device has fewer vectors than the port has messages: one for everything is what it has to support.
                if let Ok(quiesced) = reset(&found.registers, port, Patience::Long) {
                    self.start_quiesced(port, engine, quiesced, 1)
                } else {
                    self.fail(port, 3, 0);
                    false
                }
            }
        }
    }

    /// What was found, unless it has been removed since: then there is nothing that could be touched.
    pub(super) fn present(&self) -> Option<&Found> {
        let is_removed = self.lifecycle.state() == State::Removed;
        self.found.as_ref().filter(|_| !is_removed)
    }

    /// Notes that the device does not work.
    #[cold]
    pub(super) fn fail(&self, port: Port<'_>, step: u64, detail: u64) {
        recorder::record(Event::BringUpFailed, step, detail);
        let step = u32::try_from(step).unwrap_or(u32::MAX);
        let _ = port.log_adapter_event(EventCode::InternalAdapterError, step);
        self.lifecycle.enter(State::Failed);
    }
}

impl Running {
    fn start(
        found: &Found,
        engine: &Engine,
        quiesced: Quiesced,
        messages: Messages,
    ) -> Result<Self, BringUpError> {
        let Found {
            plan,
            registers,
            memory,
            ..
        } = found;
        let vector = |message: Option<u16>| message.map_or(Vector::NONE, Vector::message);
        let service = vector(messages.service());
        let mut bring_up = BringUp::start(registers, plan, quiesced, service)?;
        let control = bring_up.control_queue(memory.clone(), service)?;
        let mut events = bring_up.event_queue(memory.clone(), service)?;
        let slots = engine
            .slots
            .lend()
            .unwrap_or(ddi::private::PrivateSlice::EMPTY);
        let request = vector(messages.request());
        let requests = bring_up.request_queue(0, memory.clone(), slots, request)?;
        bring_up.finish()?;
        events.post_all();
        Ok(Self {
            requests,
            control,
            events,
        })
    }
}
