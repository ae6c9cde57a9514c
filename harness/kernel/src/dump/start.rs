//! Entering the miniport's copy: DriverEntry with both arguments NULL, and everything that follows inside.
//!
//! [`enter`] runs at `HIGH_LEVEL` with interrupts off. FindAdapter and HwInitialize run inside `StorPortInitialize`
//! ([`super::initialize`]). An image that was entered before is entered again as it is, variables dirty; if that
//! fails, [`enter`] finds out whether the dirty variables were the reason.

use alloc::{format, string::String};
use core::fmt;

use proto::record::{AdapterFacts, Record};

use super::{
    instance::{self, InitError, Instance, Port},
    mode::DumpMode,
};
use crate::{
    call::{self, Callback, CallbackKind},
    mem::Va,
    port::abi::{config::PortConfiguration, get},
    record, rules,
    rules::Rule,
};

/// Why the dump stack did not start (bug check 0xA0, parameter 1 = 0xC).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StartError {
    /// The mode.
    pub mode: DumpMode,
    /// The reason.
    pub reason: InitError,
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the dump stack could not be initialised in mode {}: ",
            self.mode.name()
        )?;
        match self.reason {
            InitError::NotCalled => f.write_str("DriverEntry did not call StorPortInitialize"),
            InitError::Arguments => f.write_str("StorPortInitialize was given bad arguments"),
            InitError::Memory => f.write_str("its memory does not fit into the common buffers"),
            InitError::FindAdapter(returned) => {
                write!(f, "HwStorFindAdapter returned {returned}")
            }
            InitError::Limits => f.write_str("HwStorFindAdapter left no usable transfer limits"),
            InitError::Initialize => f.write_str("HwStorInitialize returned FALSE"),
            InitError::DriverEntry(status) => write!(f, "DriverEntry returned {status:#010x}"),
        }
    }
}

/// Starts an instance in `mode` on the installed stack. `HIGH_LEVEL`, interrupts off.
///
/// # Errors
/// [`StartError`], already reported as a violation of `DumpInitialiseFailed`.
pub fn enter(mode: DumpMode) -> Result<(), StartError> {
    rules::check(Rule::DumpInitialiseFailed);
    let entries = instance::with(|port| port.stack.entries).unwrap_or(0);
    let first = attempt(mode);
    let Err(error) = first else {
        if entries > 0 {
            rules::check(Rule::DumpStaticsNotReset);
        }
        return Ok(());
    };
    if entries > 0 && recovers_with_clean_variables(mode, error) {
        return Ok(());
    }
    rules::violate(Rule::DumpInitialiseFailed, error);
    Err(error)
}

/// The image was entered before and now fails. Does it start when its variables are as the loader made them?
fn recovers_with_clean_variables(mode: DumpMode, error: StartError) -> bool {
    instance::with(|port| port.stack.restore_pristine_variables());
    if attempt(mode).is_err() {
        return false;
    }
    rules::violate(
        Rule::DumpStaticsNotReset,
        format_args!("{error}; with freshly loaded variables the same image starts"),
    );
    true
}

fn attempt(mode: DumpMode) -> Result<(), StartError> {
    let failed = |reason| StartError { mode, reason };
    let entry = instance::with(|port| {
        port.instance = Instance::new(mode, &port.stack);
        port.stack.entries += 1;
        (port.stack.role, port.stack.image.entry)
    });
    let Some((role, entry)) = entry else {
        return Err(failed(InitError::NotCalled));
    };
    let callback = Callback {
        role,
        kind: CallbackKind::DriverEntry,
        name: "DriverEntry",
    };
    let status = call(callback, mode, entry, &[0, 0]);
    let outcome = instance::with(|port| port.instance.outcome).flatten();
    let status = u32::try_from(status & 0xFFFF_FFFF).unwrap_or(u32::MAX);
    match outcome {
        None => Err(failed(InitError::NotCalled)),
        Some(Err(reason)) => Err(failed(reason)),
        Some(Ok(())) if status != 0 => Err(failed(InitError::DriverEntry(status))),
        Some(Ok(())) => Ok(()),
    }
}

/// Calls a routine of the copy and reports the call.
pub(super) fn call(callback: Callback, mode: DumpMode, entry: Va, arguments: &[u64]) -> u64 {
    let invocation = call_quietly(callback, entry, arguments);
    record::emit(&Record::DumpCall {
        role: callback.role,
        dump_mode: mode.raw(),
        routine: String::from(callback.name),
        returned: invocation.returned,
        instructions: invocation.instructions,
    });
    invocation.returned
}

/// Calls a routine of the copy; checks what holds for every callback.
pub(super) fn call_quietly(callback: Callback, entry: Va, arguments: &[u64]) -> call::Invocation {
    instance::with(|port| {
        port.instance.notes.system_time_queries = 0;
        port.instance.notes.stalled_us = 0;
    });
    let invocation = call::invoke_measured(callback, entry, arguments);
    let held = instance::with(|port| core::mem::take(&mut port.instance.locks_held)).unwrap_or(0);
    rules::demand(
        Rule::StorPortSpinLock,
        held == 0,
        format_args!("{} returned with locks {held:#x} held", callback.name),
    );
    invocation
}

/// What the instance declared, for the report.
pub(super) fn adapter_facts(port: &Port, configuration: &[u8]) -> AdapterFacts {
    let instance = &port.instance;
    let hw = instance.hw.unwrap_or_default();
    let uncached = instance.blocks.uncached_extension;
    AdapterFacts {
        role: port.stack.role,
        dump_mode: instance.mode.raw(),
        feature_support: hw.feature_support,
        maximum_transfer_bytes: get(configuration, PortConfiguration::MAXIMUM_TRANSFER_LENGTH)
            .unwrap_or(0),
        physical_breaks: get(configuration, PortConfiguration::NUMBER_OF_PHYSICAL_BREAKS)
            .unwrap_or(0),
        device_extension_bytes: hw.device_extension_bytes,
        srb_extension_bytes: hw.srb_extension_bytes,
        uncached_extension_bytes: uncached
            .and_then(|block| u32::try_from(block.bytes).ok())
            .unwrap_or(0),
        requested_dump_buffer_bytes: get(
            configuration,
            PortConfiguration::REQUESTED_DUMP_BUFFER_SIZE,
        )
        .unwrap_or(0),
        uncached_extension_address: uncached
            .and_then(|block| crate::mem::translate(block.va))
            .map_or(0, |address| address.0),
    }
}

/// One line about the instance's memory, for the log.
#[must_use]
pub fn describe(port: &Port) -> String {
    let demand = port.instance.demand;
    format!(
        "{} in mode {}: {demand}, limit {}, transfers up to {} bytes in {} pieces",
        port.stack.name(),
        port.instance.mode.name(),
        super::blocks::NONCACHED_LIMIT_BYTES,
        port.instance.maximum_transfer_bytes,
        port.instance.physical_breaks,
    )
}
