//! `KeRegisterBugCheckReasonCallback` and its three relatives, and the state behind them.
//!
//! Any IRQL, as documented. A record that is registered already is answered with FALSE. What goes away with a callback still
//! registered is found by [`forget_within`], which the loader and the port call. `run` reads the list.

use alloc::{format, string::String, vec::Vec};

use proto::owner::{Owner, Role};

use super::list::{Entry, Kind, List, STATE_EMPTY, STATE_INSERTED};
use crate::{
    exports::{Export, ExportCall},
    image,
    mem::{self, Access, AllocError, AllocSpec, Allocation, Contiguity, PAGE_BYTES, Placement, Va},
    port::abi::{
        Structure, View,
        bugcheck::{CallbackRecord, ReasonCallbackRecord, reason},
    },
    rules::{self, Rule},
    sync::Lock,
};

/// Longest component string that is read.
const COMPONENT_LIMIT: usize = 64;
/// The low byte of RAX is what a BOOLEAN is.
const FALSE: u64 = 0;
const TRUE: u64 = 1;

/// What the calls need: reserved with the first registration, since nothing can be allocated in a crash.
#[derive(Clone, Debug)]
pub(super) struct Reserve {
    /// For the structure that a callback is handed.
    pub(super) data: Allocation,
    /// `InBuffer` of the secondary-data callbacks.
    pub(super) buffer: Allocation,
}

struct State {
    list: List,
    reserve: Option<Reserve>,
}

static STATE: Lock<State> = Lock::new(State {
    list: List::new(),
    reserve: None,
});

/// The routines.
pub static EXPORTS: &[Export] = &[
    crate::nt::export("KeRegisterBugCheckReasonCallback", register_reason),
    crate::nt::export("KeDeregisterBugCheckReasonCallback", deregister_reason),
    crate::nt::export("KeRegisterBugCheckCallback", register_plain),
    crate::nt::export("KeDeregisterBugCheckCallback", deregister_plain),
];

/// The callbacks that a condition holds for, in the order of their registration.
#[must_use]
pub fn registered(wanted: impl Fn(Kind) -> bool) -> Vec<Entry> {
    STATE.lock().list.select(wanted)
}

/// What was reserved for the calls; `None` as long as nobody registered.
pub(super) fn reserve() -> Option<Reserve> {
    STATE.lock().reserve.clone()
}

/// Memory goes away: no callback may be left in it. What is left is reported and taken out of the list.
pub fn forget_within(start: Va, bytes: u64, what: &str) {
    rules::check(Rule::BugcheckCallbackLeft);
    let left = STATE.lock().list.remove_within(start, bytes);
    for entry in left {
        rules::violate(
            Rule::BugcheckCallbackLeft,
            format_args!(
                "{what} goes away, and the callback of \"{}\" is registered (record {}, routine {})",
                entry.component,
                entry.record,
                image::symbolise(entry.routine)
            ),
        );
    }
}

/// `KeRegisterBugCheckReasonCallback(CallbackRecord, CallbackRoutine, Reason, Component)`.
fn register_reason(call: &ExportCall) -> u64 {
    let reason = call.arg32(2);
    let known = reason::NAMES.iter().any(|&(_, value)| value == reason);
    if !demand_record(known, format_args!("Reason {reason} is unknown")) {
        return FALSE;
    }
    let view = View::<ReasonCallbackRecord>::at(call.va(0));
    let state = view.get(ReasonCallbackRecord::STATE).ok();
    let Some(entry) = judge(
        call,
        ReasonCallbackRecord::BYTES,
        state,
        call.va(3),
        Kind::Reason(reason),
    ) else {
        return FALSE;
    };
    let [flink, blink] = entry.links();
    let fields = [
        (ReasonCallbackRecord::ENTRY_FLINK, flink),
        (ReasonCallbackRecord::ENTRY_BLINK, blink),
        (ReasonCallbackRecord::CALLBACK_ROUTINE, entry.routine.0),
        (ReasonCallbackRecord::COMPONENT, entry.component_va.0),
        (ReasonCallbackRecord::CHECKSUM, entry.checksum()),
    ];
    insert(entry, || {
        for (field, value) in fields {
            view.set(field, value)?;
        }
        view.set(ReasonCallbackRecord::REASON, reason)?;
        view.set(ReasonCallbackRecord::STATE, STATE_INSERTED)
    })
}

/// `KeRegisterBugCheckCallback(CallbackRecord, CallbackRoutine, Buffer, Length, Component)`.
fn register_plain(call: &ExportCall) -> u64 {
    let (buffer, bytes) = (call.va(2), call.arg32(3));
    let view = View::<CallbackRecord>::at(call.va(0));
    let state = view.get(CallbackRecord::STATE).ok();
    let Some(entry) = judge(
        call,
        CallbackRecord::BYTES,
        state,
        call.va(4),
        Kind::Plain { buffer, bytes },
    ) else {
        return FALSE;
    };
    let [flink, blink] = entry.links();
    let fields = [
        (CallbackRecord::ENTRY_FLINK, flink),
        (CallbackRecord::ENTRY_BLINK, blink),
        (CallbackRecord::CALLBACK_ROUTINE, entry.routine.0),
        (CallbackRecord::BUFFER, buffer.0),
        (CallbackRecord::COMPONENT, entry.component_va.0),
        (CallbackRecord::CHECKSUM, entry.checksum()),
    ];
    insert(entry, || {
        for (field, value) in fields {
            view.set(field, value)?;
        }
        view.set(CallbackRecord::LENGTH, bytes)?;
        view.set(CallbackRecord::STATE, STATE_INSERTED)
    })
}

fn deregister_reason(call: &ExportCall) -> u64 {
    deregister(call, ReasonCallbackRecord::BYTES, || {
        View::<ReasonCallbackRecord>::at(call.va(0)).set(ReasonCallbackRecord::STATE, STATE_EMPTY)
    })
}

fn deregister_plain(call: &ExportCall) -> u64 {
    deregister(call, CallbackRecord::BYTES, || {
        View::<CallbackRecord>::at(call.va(0)).set(CallbackRecord::STATE, STATE_EMPTY)
    })
}

/// Takes a record out of the list; FALSE if it is not in it, which is documented and no breach.
fn deregister(
    call: &ExportCall,
    record_bytes: u64,
    clear: impl FnOnce() -> Result<(), mem::MemFault>,
) -> u64 {
    if !is_normal(call) {
        return FALSE;
    }
    let Some(entry) = STATE.lock().list.remove(call.va(0), record_bytes) else {
        return FALSE;
    };
    check_unchanged(&entry);
    // A record that cannot be written was reported just now.
    let _ = clear();
    TRUE
}

/// Whether the caller is no dump instance; reports one that is.
fn is_normal(call: &ExportCall) -> bool {
    rules::demand(
        Rule::BugcheckCallbackInDump,
        !matches!(call.role, Some(Role::Crash | Role::Hiber)),
        format_args!(
            "{}({}) by {}",
            call.export.name,
            call.va(0),
            image::symbolise(call.return_address)
        ),
    )
}

fn demand_record(holds: bool, detail: impl core::fmt::Display) -> bool {
    rules::demand(Rule::BugcheckCallbackRecord, holds, detail)
}

/// Judges a registration: who calls, the record, the routine, the component string. `None` is answered with FALSE.
fn judge(
    call: &ExportCall,
    record_bytes: u64,
    state: Option<u8>,
    component_va: Va,
    kind: Kind,
) -> Option<Entry> {
    let (record, routine) = (call.va(0), call.va(1));
    if !is_normal(call) || STATE.lock().list.holds(record) {
        return None;
    }
    let resident = record.0.is_multiple_of(8)
        && mem::probe(record, record_bytes, Access::Write).is_ok()
        && (image::find(record).is_some() || mem::find(record).is_some());
    let sound = demand_record(
        resident,
        format_args!("the record at {record} is not in the driver's own writable memory"),
    ) && demand_record(
        state == Some(STATE_EMPTY),
        format_args!("the record at {record} is not prepared: its State is {state:?}"),
    ) && demand_record(
        image::find(routine).is_some_and(|place| place.executable),
        format_args!("the routine at {routine} is no code of a driver"),
    );
    let component = mem::read_ansi(component_va, COMPONENT_LIMIT);
    if !sound || !demand_record(component.is_ok(), "the component string cannot be read") {
        return None;
    }
    Some(Entry {
        record,
        record_bytes,
        routine,
        component: component.unwrap_or_default(),
        component_va,
        kind,
        role: call.role,
    })
}

/// Enters a callback that was found sound and fills its record.
fn insert(entry: Entry, fill: impl FnOnce() -> Result<(), mem::MemFault>) -> u64 {
    if let Err(error) = take_reserve() {
        crate::log_warning!("no memory for the calls of bug check callbacks: {error}");
        return FALSE;
    }
    crate::log_debug!(
        "bug check callback of \"{}\" for {:?}: {}",
        entry.component,
        entry.kind,
        image::symbolise(entry.routine)
    );
    // The record was probed just now.
    if fill().is_err() || !STATE.lock().list.insert(entry) {
        return FALSE;
    }
    TRUE
}

/// Whether a registered record is as the registration left it; reports a change.
pub(super) fn check_unchanged(entry: &Entry) -> bool {
    let links = entry.links();
    let checksum_offset = match entry.kind {
        Kind::Plain { .. } => CallbackRecord::CHECKSUM.offset,
        Kind::Reason(_) => ReasonCallbackRecord::CHECKSUM.offset,
    };
    let state_offset = match entry.kind {
        Kind::Plain { .. } => CallbackRecord::STATE.offset,
        Kind::Reason(_) => ReasonCallbackRecord::STATE.offset,
    };
    let routine_offset = ReasonCallbackRecord::CALLBACK_ROUTINE.offset;
    let word = |offset| mem::read::<u64>(entry.record.offset(offset)).ok();
    let state = mem::read::<u8>(entry.record.offset(state_offset)).ok();
    let unchanged = word(0) == Some(links[0])
        && word(8) == Some(links[1])
        && word(routine_offset) == Some(entry.routine.0)
        && word(checksum_offset) == Some(entry.checksum())
        && state == Some(STATE_INSERTED);
    demand_record(
        unchanged,
        format_args!(
            "the registered record of \"{}\" at {} was changed",
            entry.component, entry.record
        ),
    )
}

fn take_reserve() -> Result<(), String> {
    if STATE.lock().reserve.is_some() {
        return Ok(());
    }
    let page = |name| {
        mem::alloc(AllocSpec {
            bytes: PAGE_BYTES,
            align: PAGE_BYTES,
            contiguous: Contiguity::Contiguous,
            placement: Placement::Any,
            owner: Owner::Scratch,
            name,
        })
    };
    let pages = || -> Result<Reserve, AllocError> {
        Ok(Reserve {
            data: page("bug check callback data")?,
            buffer: page("bug check callback buffer")?,
        })
    };
    let reserve = pages().map_err(|error| format!("{error:?}"))?;
    STATE.lock().reserve = Some(reserve);
    Ok(())
}
