//! A request does not end although the miniport is polled: what was it waiting for?
//!
//! The services that never come in dump mode are tried one after the other; the one that makes the request end names
//! the rule. The run is red in any case.

use super::{
    instance,
    request::{self, Issued},
    start, witness,
};
use crate::{
    call::CallbackKind,
    mem::Va,
    port::abi::{View, services::StorDpc},
    rules,
    rules::Rule,
};

/// Reports why the active request did not end.
pub(super) fn name_the_cause(issued: Issued) {
    let served = witness::device_has_answered();
    let notes = instance::with(|port| port.instance.notes).unwrap_or_default();
    if let Some((dpc, first, second)) = notes.dpc
        && run_dpc(issued, dpc, first, second)
    {
        rules::violate(
            Rule::DumpReliesOnDpc,
            format_args!("the request ends only when the DPC {dpc} runs"),
        );
        return;
    }
    if run_message_interrupt(issued) {
        rules::violate(
            Rule::DumpReliesOnInterrupt,
            "the request ends only when the message interrupt routine is called",
        );
        return;
    }
    if let Some(routine) = notes.timer
        && run_timer(issued, routine)
    {
        rules::violate(
            Rule::DumpReliesOnTimer,
            format_args!("the request ends only when the timer routine {routine} runs"),
        );
        return;
    }
    if served == Some(true) {
        rules::violate(
            Rule::DumpReliesOnInterrupt,
            "the device has answered, and polling HwStorInterrupt does not find the answer",
        );
        return;
    }
    if notes.passive_initialization {
        crate::log_warning!(
            "the dump instance asked for passive initialisation, which never comes"
        );
    }
    rules::violate(
        Rule::DumpRequestTimeout,
        match served {
            Some(false) => "the device has not answered",
            _ => "the request does not end",
        },
    );
    reset_bus(issued);
}

fn run_dpc(issued: Issued, dpc: Va, first: u64, second: u64) -> bool {
    let view = View::<StorDpc>::at(dpc);
    let Ok(routine) = view.get(StorDpc::DPC_DEFERRED_ROUTINE) else {
        return false;
    };
    let callback = request::callback(issued, CallbackKind::DpcRoutine, "HwStorDpcRoutine");
    let arguments = [dpc.0, issued.extension.0, first, second];
    let _ = start::call_quietly(callback, Va(routine), &arguments);
    request::completed()
}

fn run_message_interrupt(issued: Issued) -> bool {
    /// virtio-scsi: configuration, control, event, request.
    const MESSAGES: u64 = 4;
    if issued.hw.message_interrupt.is_null() {
        return false;
    }
    (0..MESSAGES).any(|message| {
        let callback = request::callback(
            issued,
            CallbackKind::MessageInterrupt,
            "HwMSInterruptRoutine",
        );
        let arguments = [issued.extension.0, message];
        let _ = start::call_quietly(callback, issued.hw.message_interrupt, &arguments);
        request::completed()
    })
}

fn run_timer(issued: Issued, routine: Va) -> bool {
    let callback = request::callback(issued, CallbackKind::Timer, "HwStorTimer");
    let _ = start::call_quietly(callback, routine, &[issued.extension.0]);
    request::completed()
}

/// Calls `HwStorResetBus`; the miniport must return TRUE and leave the bus alone.
pub(super) fn reset_bus(issued: Issued) {
    let path = instance::with(|port| u64::from(port.stack.unit.address.path)).unwrap_or(0);
    let callback = request::callback(issued, CallbackKind::ResetBus, "HwStorResetBus");
    let reset = start::call_quietly(callback, issued.hw.reset_bus, &[issued.extension.0, path]);
    rules::demand(
        Rule::DumpBusReset,
        reset.returned & 0xFF != 0,
        "HwStorResetBus returned FALSE",
    );
}
