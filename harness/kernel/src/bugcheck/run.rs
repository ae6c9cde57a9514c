//! The calls that a crash makes of the registered callbacks, one function a reason.
//!
//! Each call is made at `HIGH_LEVEL` with interrupts off and registers hidden (`watch`), through `call`, which checks what
//! holds for every callback. A callback whose record was changed is passed over, as Windows does. Every record that was
//! called is reported as `Record::BugcheckCallback`, in order. Answers that break a limit are reported and left out.

use alloc::{string::String, vec::Vec};
use core::fmt;

use proto::{
    owner::Role,
    record::{BugcheckCallback, CallbackPages, CallbackResult, PhysicalRange, Record},
};

use super::{
    answer::{AnswerError, CALLS_LIMIT, Delivery, Lent, Offer, Pages, RangeStart},
    array::ArrayError,
    exports::{self, Reserve},
    list::{Entry, Kind},
    watch,
};
use crate::{
    call::{self, Callback, CallbackKind},
    image, interrupt, irql,
    mem::{self, MemFault, PAGE_BYTES, Pa, Va, phys},
    port::abi::{
        Structure, View,
        bugcheck::{AddPages, DumpIo, RemovePages, SecondaryDumpData, dump_io_type, reason},
    },
    record,
    rules::{self, Rule},
};

/// A range that a callback named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedRange {
    /// The component that named it.
    pub component: String,
    /// Where it begins, as the callback put it.
    pub start: RangeStart,
    /// Number of pages.
    pub pages: u64,
    /// The pages behind it, in order; neighbours are merged.
    pub physical: Vec<PhysicalRange>,
}

/// A block of a driver's own data for the end of the dump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecondaryBlock {
    /// The component that delivered it.
    pub component: String,
    /// Its tag.
    pub guid: [u8; 16],
    /// Its content.
    pub bytes: Vec<u8>,
}

/// One write of the dump, for the callbacks that watch them.
#[derive(Clone, Copy, Debug)]
pub struct Write {
    /// `KbDumpIo*`.
    pub kind: u32,
    /// Offset into the dump in bytes; `u64::MAX` for a dump that is written in order.
    pub offset: u64,
    /// The data; null at the end.
    pub buffer: Va,
    /// Length in bytes.
    pub bytes: u32,
}

/// Polls the `KbCallbackAddPages` callbacks for pages to add.
#[must_use]
pub fn add_pages(bug_check_code: u32) -> Vec<NamedRange> {
    const { assert!(AddPages::COUNT.offset == RemovePages::COUNT.offset) };
    poll_pages(reason::ADD_PAGES, bug_check_code)
}

/// Polls the `KbCallbackRemovePages` callbacks for pages to leave out.
#[must_use]
pub fn remove_pages(bug_check_code: u32) -> Vec<NamedRange> {
    poll_pages(reason::REMOVE_PAGES, bug_check_code)
}

/// Collects the blocks of the `KbCallbackSecondaryDumpData` callbacks, `maximum_bytes` in all.
#[must_use]
pub fn secondary(maximum_bytes: u32) -> Vec<SecondaryBlock> {
    let mut blocks: Vec<SecondaryBlock> = Vec::new();
    let mut left = maximum_bytes;
    for (entry, reserve) in entries(Kind::Reason(reason::SECONDARY_DUMP_DATA)) {
        let mut session = Session::new(&entry, reason::SECONDARY_DUMP_DATA, &reserve);
        let delivered = session.secondary(left);
        let result = match delivered {
            Ok(Some(block)) => {
                let guid = block.guid;
                rules::demand(
                    Rule::BugcheckCallbackAnswer,
                    blocks.iter().all(|earlier| earlier.guid != guid),
                    format_args!(
                        "\"{}\": the GUID {guid:02x?} is taken, debuggers find the first block only",
                        entry.component
                    ),
                );
                let bytes = u32::try_from(block.bytes.len()).unwrap_or(u32::MAX);
                left = left.saturating_sub(bytes);
                blocks.push(block);
                CallbackResult::Data { guid, bytes }
            }
            Ok(None) => CallbackResult::Nothing,
            Err(failure) => session.refuse(failure),
        };
        session.report(result);
    }
    blocks
}

/// Tells the `KbCallbackDumpIo` callbacks of a write.
pub fn dump_io(write: Write) {
    for (entry, reserve) in entries(Kind::Reason(reason::DUMP_IO)) {
        let mut session = Session::new(&entry, reason::DUMP_IO, &reserve);
        let result = match session.dump_io(write) {
            Ok(()) => CallbackResult::Observed {
                kind: write.kind,
                offset: write.offset,
                bytes: write.bytes,
            },
            Err(failure) => session.refuse(failure),
        };
        session.report(result);
    }
}

/// Tells the `KbCallbackDumpIo` callbacks that the dump is complete.
pub fn dump_io_complete() {
    dump_io(Write {
        kind: dump_io_type::COMPLETE,
        offset: u64::MAX,
        buffer: Va::NULL,
        bytes: 0,
    });
}

/// Calls the plain callbacks, which come last.
pub fn plain() {
    for entry in exports::registered(|kind| matches!(kind, Kind::Plain { .. })) {
        let Kind::Plain { buffer, bytes } = entry.kind else {
            continue;
        };
        if !exports::check_unchanged(&entry) {
            continue;
        }
        let instructions = invoke(&entry, &[buffer.0, bytes.into()]);
        record::emit(&Record::BugcheckCallback(BugcheckCallback {
            component: entry.component.clone(),
            routine: image::symbolise(entry.routine),
            reason: 0,
            calls: 1,
            instructions,
            result: CallbackResult::Nothing,
        }));
    }
}

/// The registered callbacks of a kind whose records are sound, with the memory for their calls.
pub(super) fn entries(kind: Kind) -> Vec<(Entry, Reserve)> {
    let Some(reserve) = exports::reserve() else {
        return Vec::new();
    };
    exports::registered(|registered| registered == kind)
        .into_iter()
        .filter(exports::check_unchanged)
        .map(|entry| (entry, reserve.clone()))
        .collect()
}

fn poll_pages(reason: u32, bug_check_code: u32) -> Vec<NamedRange> {
    let mut named = Vec::new();
    for (entry, reserve) in entries(Kind::Reason(reason)) {
        let mut session = Session::new(&entry, reason, &reserve);
        let ranges = session.pages(bug_check_code);
        let pages = ranges
            .iter()
            .map(|range| CallbackPages {
                physical_address: matches!(range.start, RangeStart::Physical(_)),
                address: match range.start {
                    RangeStart::Virtual(va) => va.0,
                    RangeStart::Physical(pa) => pa.0,
                },
                pages: range.pages,
                owner: range
                    .physical
                    .first()
                    .map_or(mem::Owner::Free, |run| mem::owner_of(Pa(run.address))),
            })
            .collect();
        session.report(CallbackResult::Pages(pages));
        named.extend(ranges);
    }
    named
}

/// Why an answer is left out.
#[derive(Clone, Copy, Debug)]
pub(super) enum Failure {
    /// It breaks a limit.
    Answer(AnswerError),
    /// Its list of memory does.
    Array(ArrayError),
    /// It names memory that is not there.
    Memory(MemFault),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer(error) => error.fmt(f),
            Self::Array(error) => error.fmt(f),
            Self::Memory(fault) => write!(f, "it names memory, and {fault}"),
        }
    }
}

impl From<AnswerError> for Failure {
    fn from(error: AnswerError) -> Self {
        Self::Answer(error)
    }
}

impl From<ArrayError> for Failure {
    fn from(error: ArrayError) -> Self {
        Self::Array(error)
    }
}

impl From<MemFault> for Failure {
    fn from(fault: MemFault) -> Self {
        Self::Memory(fault)
    }
}

/// The calls of one record.
pub(super) struct Session<'a> {
    entry: &'a Entry,
    reason: u32,
    reserve: &'a Reserve,
    calls: u32,
    instructions: u64,
}

impl<'a> Session<'a> {
    pub(super) const fn new(entry: &'a Entry, reason: u32, reserve: &'a Reserve) -> Self {
        Self {
            entry,
            reason,
            reserve,
            calls: 0,
            instructions: 0,
        }
    }

    /// One call with the structure `S`, as `prepare` filled it.
    pub(super) fn call<S: Structure>(
        &mut self,
        prepare: impl FnOnce(View<S>) -> Result<(), MemFault>,
    ) -> Result<View<S>, Failure> {
        let view = View::<S>::at(self.reserve.data.va);
        prepare(view)?;
        self.calls += 1;
        self.instructions += invoke(
            self.entry,
            &[
                self.reason.into(),
                self.entry.record.0,
                view.base().0,
                S::BYTES,
            ],
        );
        Ok(view)
    }

    /// Asks for pages until there are no more.
    fn pages(&mut self, bug_check_code: u32) -> Vec<NamedRange> {
        let mut named = Vec::new();
        let mut context = 0;
        loop {
            rules::check(Rule::BugcheckCallbackAnswer);
            match self.next_pages(bug_check_code, &mut context) {
                Ok((range, more)) => {
                    named.extend(range);
                    if !more {
                        break;
                    }
                }
                Err(failure) => {
                    self.refuse(failure);
                    break;
                }
            }
        }
        named
    }

    fn next_pages(
        &mut self,
        bug_check_code: u32,
        context: &mut u64,
    ) -> Result<(Option<NamedRange>, bool), Failure> {
        if self.calls == CALLS_LIMIT {
            return Err(AnswerError::Endless.into());
        }
        let handed = *context;
        let view = self.call::<AddPages>(|view| {
            view.set(AddPages::CONTEXT, handed)?;
            view.set(AddPages::FLAGS, 0)?;
            view.set(AddPages::BUG_CHECK_CODE, bug_check_code)?;
            view.set(AddPages::ADDRESS, 0)?;
            view.set(AddPages::COUNT, 0)
        })?;
        *context = view.get(AddPages::CONTEXT)?;
        let answer = Pages::judge(
            view.get(AddPages::FLAGS)?,
            view.get(AddPages::ADDRESS)?,
            view.get(AddPages::COUNT)?,
        )?;
        let Some((start, pages)) = answer.range else {
            return Ok((None, answer.more));
        };
        let range = NamedRange {
            component: self.entry.component.clone(),
            start,
            pages,
            physical: pages_behind(start, pages)?,
        };
        Ok((Some(range), answer.more))
    }

    /// Asks for the length, then for the data.
    fn secondary(&mut self, allowed: u32) -> Result<Option<SecondaryBlock>, Failure> {
        rules::check(Rule::BugcheckCallbackAnswer);
        let lent = Lent {
            buffer: self.reserve.buffer.va,
            bytes: u32::try_from(self.reserve.buffer.bytes).unwrap_or(0),
            allowed,
        };
        mem::fill(lent.buffer, 0, lent.bytes.into())?;
        let view = self.call(|view| prepare_secondary(view, lent, Va::NULL))?;
        let offered: u32 = view.get(SecondaryDumpData::OUT_BUFFER_LENGTH)?;
        let offer = Offer::judge(offered, allowed)?;
        if offer.bytes == 0 {
            return Ok(None);
        }
        let view = self.call(|view| prepare_secondary(view, lent, lent.buffer))?;
        let guid = view.get(SecondaryDumpData::GUID)?;
        let delivery = Delivery::judge(
            offer,
            lent,
            Va(view.get(SecondaryDumpData::OUT_BUFFER)?),
            view.get(SecondaryDumpData::OUT_BUFFER_LENGTH)?,
            guid,
        )?;
        if delivery.bytes == 0 {
            return Ok(None);
        }
        let bytes = mem::read_vec(delivery.at, delivery.bytes.into())?;
        Ok(Some(SecondaryBlock {
            component: self.entry.component.clone(),
            guid,
            bytes,
        }))
    }

    fn dump_io(&mut self, write: Write) -> Result<(), Failure> {
        self.call::<DumpIo>(|view| {
            view.set(DumpIo::OFFSET, write.offset)?;
            view.set(DumpIo::BUFFER, write.buffer.0)?;
            view.set(DumpIo::BUFFER_LENGTH, write.bytes)?;
            view.set(DumpIo::TYPE, write.kind)
        })?;
        Ok(())
    }

    /// Reports an answer that is left out.
    pub(super) fn refuse(&self, failure: Failure) -> CallbackResult {
        rules::violate(
            Rule::BugcheckCallbackAnswer,
            format_args!(
                "\"{}\", call {}: {failure}",
                self.entry.component, self.calls
            ),
        );
        CallbackResult::Nothing
    }

    pub(super) fn report(self, result: CallbackResult) {
        record::emit(&Record::BugcheckCallback(BugcheckCallback {
            component: self.entry.component.clone(),
            routine: image::symbolise(self.entry.routine),
            reason: self.reason,
            calls: self.calls,
            instructions: self.instructions,
            result,
        }));
    }
}

fn prepare_secondary(
    view: View<SecondaryDumpData>,
    lent: Lent,
    out_buffer: Va,
) -> Result<(), MemFault> {
    view.set(SecondaryDumpData::IN_BUFFER, lent.buffer.0)?;
    view.set(SecondaryDumpData::IN_BUFFER_LENGTH, lent.bytes)?;
    view.set(SecondaryDumpData::MAXIMUM_ALLOWED, lent.allowed)?;
    view.set(SecondaryDumpData::GUID, [0; 16])?;
    view.set(SecondaryDumpData::OUT_BUFFER, out_buffer.0)?;
    view.set(SecondaryDumpData::OUT_BUFFER_LENGTH, 0)
}

/// The memory behind a range; all of it must be RAM.
fn pages_behind(start: RangeStart, pages: u64) -> Result<Vec<PhysicalRange>, MemFault> {
    // The judgement of the answer excludes an overflow.
    let bytes = pages * PAGE_BYTES;
    match start {
        RangeStart::Virtual(va) => mem::runs(va, bytes),
        RangeStart::Physical(pa) if phys::is_ram(pa, bytes) => Ok([PhysicalRange {
            address: pa.0,
            bytes,
        }]
        .into()),
        RangeStart::Physical(pa) => Err(MemFault {
            va: Va(pa.0),
            kind: mem::FaultKind::NotMemory,
        }),
    }
}

/// Calls the routine as a crash does; returns the instructions that it took.
fn invoke(entry: &Entry, arguments: &[u64]) -> u64 {
    irql::at(irql::HIGH_LEVEL, || {
        let flag = interrupt::disable();
        watch::begin();
        let invocation = call::invoke_measured(
            Callback {
                role: entry.role.unwrap_or(Role::Normal),
                kind: CallbackKind::BugCheckCallback,
                name: "BugCheckCallback",
            },
            entry.routine,
            arguments,
        );
        watch::end();
        interrupt::restore(flag);
        invocation.instructions
    })
}
