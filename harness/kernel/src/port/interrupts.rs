//! The adapter's interrupts: which messages it is granted, connecting them, and what happens when one comes.

use proto::scenario::InterruptMode;

use super::{
    PortError,
    abi::{View, codes::interrupt_synchronization, config::PortConfiguration},
    adapter::{self, Phase},
    affinity::Affinities,
    callback::Routine,
    invoke,
    locks::Lock,
    random::{Random, mix},
    rings,
};
use crate::{
    interrupt::{self, Handler},
    irql::Irql,
    mem::Va,
    pci::{Function, MsixState},
    processors,
    rules::{self, Rule},
};

/// DIRQL of all the adapter's interrupts.
pub(super) const LEVEL: Irql = 8;
/// Most messages that are granted: as many as an interrupt level has vectors.
const MESSAGE_LIMIT: u16 = 16;

/// Messages that the INF asks for and the device has.
#[must_use]
pub(super) fn messages_to_grant(hba: &Function, mode: InterruptMode) -> u16 {
    let has = hba.msix().map_or(0, |msix| msix.entries).min(MESSAGE_LIMIT);
    match mode {
        InterruptMode::Messages => has,
        InterruptMode::MessagesAtMost(limit) => has.min(limit),
        InterruptMode::Line => 0,
    }
}

/// Connects messages, each to a processor of its affinity, if the miniport named `HwMSInterruptRoutine` and messages were assigned, else the line.
///
/// # Errors
/// [`PortError::Interrupt`].
pub(super) fn connect(messages: u16) -> Result<(), PortError> {
    let (config, function) = adapter::with(|adapter| (adapter.config.va, adapter.function))
        .ok_or(PortError::NotRunning)?;
    let view = View::<PortConfiguration>::at(config);
    let routine = view
        .get(PortConfiguration::HW_MS_INTERRUPT_ROUTINE)
        .map_or(Va::NULL, Va);
    let mode = view
        .get(PortConfiguration::INTERRUPT_SYNCHRONIZATION_MODE)
        .unwrap_or(interrupt_synchronization::SUPPORT_NONE);
    let granted = if routine.is_null() { 0 } else { messages };
    let affinities = adapter::with(|adapter| {
        let interrupts = &mut adapter.interrupts;
        interrupts.irql = LEVEL;
        interrupts.messages = granted;
        interrupts.message_routine = routine;
        interrupts.per_message = mode == interrupt_synchronization::SYNCHRONIZE_PER_MESSAGE;
        interrupts.times_connected += 1;
        let seed = adapter.seed ^ mix(interrupts.times_connected);
        let mut random = Random::new(seed, "messages");
        interrupts.affinities = Affinities::draw(&mut random, granted, processors::count());
        interrupts.affinities.clone()
    })
    .unwrap_or_default();
    if granted == 0 {
        function.set_msix(MsixState::Disabled);
        let handler = Handler {
            routine: line_interrupt,
            context: 0,
            irql: LEVEL,
            name: "HBA line interrupt",
        };
        return keep(interrupt::connect_line(&function, handler));
    }
    for message in 0..granted {
        let handler = Handler {
            routine: message_interrupt,
            context: u64::from(message),
            irql: LEVEL,
            name: "HBA message interrupt",
        };
        let processor = affinities.serves(u32::from(message));
        keep(interrupt::connect_msix(
            &function, message, processor, handler,
        ))?;
    }
    Ok(())
}

fn keep(
    connection: Result<interrupt::Connection, interrupt::InterruptError>,
) -> Result<(), PortError> {
    let connection = connection.map_err(PortError::Interrupt)?;
    adapter::with(|adapter| adapter.interrupts.connections.push(connection));
    Ok(())
}

/// Messages that the adapter has; 0 is the line interrupt.
#[must_use]
pub fn messages() -> u16 {
    adapter::with(|adapter| adapter.interrupts.messages).unwrap_or(0)
}

/// Disconnects everything (removal, other resources).
pub(super) fn disconnect() {
    let connections = adapter::with(|adapter| core::mem::take(&mut adapter.interrupts.connections))
        .unwrap_or_default();
    for connection in connections {
        interrupt::disconnect(connection);
    }
}

fn message_interrupt(message: u64) {
    let Some((routine, extension, per_message)) = adapter::with(|adapter| {
        (
            adapter.interrupts.message_routine,
            adapter.extension.va,
            adapter.interrupts.per_message,
        )
    }) else {
        return;
    };
    if !check_phase() {
        return;
    }
    rings::note_message(u16::try_from(message).unwrap_or(u16::MAX));
    let lock = if per_message {
        Lock::Message(u32::try_from(message).unwrap_or(u32::MAX))
    } else {
        Lock::Interrupt
    };
    let claimed = invoke::call_boolean(
        Routine::MessageInterrupt,
        routine,
        &[lock],
        &[extension.0, message],
    );
    rules::demand(
        Rule::InterruptClaimed,
        claimed,
        format_args!("HwMSInterruptRoutine returned FALSE for message {message}"),
    );
}

fn line_interrupt(_context: u64) {
    let Some((routine, extension)) =
        adapter::with(|adapter| (adapter.miniport.interrupt, adapter.extension.va))
    else {
        return;
    };
    if check_phase() {
        // The line may be shared: FALSE is a valid answer. One that stays active is the kernel's to notice.
        invoke::call_boolean(
            Routine::Interrupt,
            routine,
            &[Lock::Interrupt],
            &[extension.0],
        );
    }
}

/// Whether the miniport may be called: not after it was stopped or removed.
fn check_phase() -> bool {
    let phase = adapter::phase();
    rules::demand(
        Rule::InterruptAfterStop,
        !matches!(phase, Some(Phase::Stopped | Phase::Removed)),
        format_args!("the adapter interrupts while it is {phase:?}"),
    )
}
