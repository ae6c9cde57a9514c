//! The calls of dump filters in the dump environment, and what they may do with a transfer.
//!
//! A filter is passed a memory descriptor list in memory of the dump port, over data that are mapped in the window
//! ([`super::window`]). After each call the rules are checked: source, length and offset stay; a new buffer is page aligned and the
//! filter's own; the flags that storage drivers read stay. What the last filter leaves is what the miniport is given.

use alloc::vec::Vec;

use proto::{
    hiber::PAGE_BYTES,
    owner::{Owner, Role},
    record::{PhysicalRange, Record},
};

use super::{
    filter::{self as filters, Filter},
    instance,
    mode::DumpMode,
    request::RequestError,
    window,
};
use crate::{
    call::{self, Callback, CallbackKind},
    mem::{self, Pa, Va},
    port::abi::{
        Structure as _, View,
        services::{MDL_MAPPED_TO_SYSTEM_VA, MDL_PAGES_LOCKED, MDL_SOURCE_IS_NONPAGED_POOL, Mdl},
    },
    record,
    rules::{self, Rule},
};

/// Bytes of a list for the longest transfer, one page frame more than it has pages.
const LIST_BYTES: u64 = Mdl::BYTES + (window::PAGES + 1) * 8;
/// Bytes of [`super::stack::DumpStack::filter_block`]: the offset, then the list.
pub(super) const BLOCK_BYTES: u64 = OFFSET_BYTES + LIST_BYTES;
const OFFSET_BYTES: u64 = 16;

/// What all calls for one transfer need.
struct Stack {
    role: Role,
    filters: Vec<Filter>,
    block: Va,
    transfers: u64,
}

/// The stack at work, if it has filters.
fn stack() -> Option<Stack> {
    instance::with(|port| {
        let stack = &port.stack;
        (!stack.filters.is_empty()).then(|| Stack {
            role: stack.role,
            filters: stack.filters.clone(),
            block: stack.filter_block.va,
            transfers: port.instance.figures.filter_transfers,
        })
    })
    .flatten()
}

/// Reports what passed through the filters of this instance, if there are any.
pub(super) fn report() {
    let figures = instance::with(|port| {
        (!port.stack.filters.is_empty()).then_some((port.instance.mode, port.instance.figures))
    });
    if let Some((mode, figures)) = figures.flatten() {
        let transfers = figures.filter_transfers;
        let is_read = mode == DumpMode::Resume;
        record::emit(&Record::FilterTransfers {
            writes: if is_read { 0 } else { transfers },
            replaced: figures.filter_replaced,
            reads: if is_read { transfers } else { 0 },
        });
    }
}

/// Lets the filters see a write; returns what is to be written.
///
/// # Errors
/// [`RequestError::TooLarge`]; [`RequestError::Filter`] if one refuses.
pub(super) fn before_write(
    offset: u64,
    runs: Vec<PhysicalRange>,
) -> Result<Vec<PhysicalRange>, RequestError> {
    let Some(stack) = stack() else {
        return Ok(runs);
    };
    start_once(&stack)?;
    let list = List::make(&stack, offset, &runs)?;
    let mut runs = runs;
    for filter in stack
        .filters
        .iter()
        .filter(|filter| !filter.write.is_null())
    {
        let before = list.fields();
        let sum = checksum(&runs);
        let status = invoke(
            &stack,
            "Dump_Write",
            filter,
            filter.write,
            &[list.offset_va().0, list.mdl.0],
        );
        let kept = judge_write(&stack, &list, offset, &before, &runs, sum);
        if filters::is_refusal(status) {
            window::clear();
            return Err(RequestError::Filter(status));
        }
        if !kept {
            window::clear();
            return Err(RequestError::FilterBrokeRule);
        }
        runs = list.runs();
    }
    window::clear();
    if list.fields().mapped != list.original {
        instance::with(|port| port.instance.figures.filter_replaced += 1);
    }
    Ok(runs)
}

/// Lets the filters undo what they did, the last one first.
///
/// # Errors
/// [`RequestError::TooLarge`]; [`RequestError::Filter`] if one refuses.
pub(super) fn after_read(offset: u64, runs: &[PhysicalRange]) -> Result<(), RequestError> {
    let Some(stack) = stack() else {
        return Ok(());
    };
    let list = List::make(&stack, offset, runs)?;
    for filter in stack
        .filters
        .iter()
        .rev()
        .filter(|filter| !filter.read.is_null())
    {
        let before = list.fields();
        let status = invoke(
            &stack,
            "Dump_Read",
            filter,
            filter.read,
            &[list.offset_va().0, list.mdl.0],
        );
        rules::demand(
            Rule::FilterReadListChanged,
            list.offset() == offset && list.fields() == before,
            format_args!("Dump_Read of {} bytes at {offset:#x}", before.bytes),
        );
        if filters::is_refusal(status) {
            window::clear();
            return Err(RequestError::Filter(status));
        }
    }
    window::clear();
    Ok(())
}

/// `Dump_Finish` of each filter.
///
/// # Errors
/// [`RequestError::Filter`].
pub(super) fn finish() -> Result<(), RequestError> {
    let Some(stack) = stack() else {
        return Ok(());
    };
    call_all(&stack, "Dump_Finish", |filter| filter.finish)
}

/// `Dump_Start` of each filter, before the first write.
fn start_once(stack: &Stack) -> Result<(), RequestError> {
    let started =
        instance::with(|port| core::mem::replace(&mut port.instance.figures.filters_started, true));
    if started == Some(false) {
        call_all(stack, "Dump_Start", |filter| filter.start)?;
    }
    Ok(())
}

fn call_all(
    stack: &Stack,
    name: &'static str,
    routine: impl Fn(&Filter) -> Va,
) -> Result<(), RequestError> {
    for filter in &stack.filters {
        let entry = routine(filter);
        if entry.is_null() {
            continue;
        }
        let status = invoke(stack, name, filter, entry, &[]);
        if filters::is_refusal(status) {
            return Err(RequestError::Filter(status));
        }
    }
    Ok(())
}

fn invoke(stack: &Stack, name: &'static str, filter: &Filter, entry: Va, more: &[u64]) -> u32 {
    let callback = Callback {
        role: stack.role,
        kind: CallbackKind::Other,
        name,
    };
    let mut arguments = Vec::from([filter.extension.0]);
    arguments.extend(more);
    let returned = call::invoke(callback, entry, &arguments);
    let status = filters::status_of(returned);
    rules::demand(
        Rule::FilterFailed,
        !filters::is_refusal(status),
        format_args!("{name} of {} returned {status:#010x}", filter.image.name),
    );
    status
}

/// The rules of `DUMP_WRITE`; false if one was broken: what the list says then is not worth writing.
fn judge_write(
    stack: &Stack,
    list: &List,
    offset: u64,
    before: &Fields,
    runs: &[PhysicalRange],
    sum: u64,
) -> bool {
    let after = list.fields();
    let mut kept = rules::demand(
        Rule::FilterSourceChanged,
        checksum(runs) == sum,
        format_args!(
            "{} bytes for offset {offset:#x} are not what they were",
            before.bytes
        ),
    );
    kept &= rules::demand(
        Rule::FilterOffsetChanged,
        list.offset() == offset,
        format_args!("from {offset:#x} to {:#x}", list.offset()),
    );
    kept &= rules::demand(
        Rule::FilterLengthChanged,
        after.bytes == before.bytes && after.next == before.next,
        format_args!("from {} to {} bytes", before.bytes, after.bytes),
    );
    kept &= rules::demand(
        Rule::FilterMdlFlags,
        after.flags == before.flags,
        format_args!("MdlFlags from {:#x} to {:#x}", before.flags, after.flags),
    );
    if after.mapped == before.mapped {
        return kept;
    }
    kept &= rules::demand(
        Rule::FilterBufferMisaligned,
        after.mapped.is_multiple_of(PAGE_BYTES)
            && after.start == after.mapped
            && after.byte_offset == 0,
        format_args!(
            "MappedSystemVa {:#x}, StartVa {:#x}",
            after.mapped, after.start
        ),
    );
    kept &= rules::demand(
        Rule::FilterBufferForeign,
        is_own(stack.role, list, Va(after.mapped), u64::from(after.bytes)),
        format_args!("{} bytes at {:#x}", after.bytes, after.mapped),
    );
    kept
}

/// Does the buffer lie in one block or image of a filter, and does the list name its pages?
fn is_own(role: Role, list: &List, va: Va, bytes: u64) -> bool {
    let in_block = mem::find(va).is_some_and(|block| {
        block.name == filters::MEMORY_NAME
            && block.owner == Owner::DumpPort(role)
            && block.offset + bytes <= block.bytes
    });
    let in_image = filters::is_code(va) && filters::is_code(va.offset(bytes.saturating_sub(1)));
    let named: u64 = list.runs().iter().map(|run| run.bytes).sum();
    (in_block || in_image)
        && named == bytes
        && mem::runs(va, bytes).is_ok_and(|runs| runs == list.runs())
}

/// The fields that are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fields {
    next: u64,
    flags: u16,
    mapped: u64,
    start: u64,
    bytes: u32,
    byte_offset: u32,
}

/// A memory descriptor list and the offset variable, in memory of the dump port.
struct List {
    block: Va,
    mdl: Va,
    original: u64,
}

impl List {
    /// Describes `runs`, mapped in the window.
    fn make(stack: &Stack, offset: u64, runs: &[PhysicalRange]) -> Result<Self, RequestError> {
        instance::with(|port| port.instance.figures.filter_transfers += 1);
        let mapped = window::map(runs).ok_or(RequestError::TooLarge)?;
        let bytes: u64 = runs.iter().map(|run| run.bytes).sum();
        let bytes = u32::try_from(bytes).map_err(|_| RequestError::TooLarge)?;
        let mdl = stack.block.offset(OFFSET_BYTES);
        // Lists come in both kinds: some systems set the second flag, newer ones do not.
        let mut flags = MDL_MAPPED_TO_SYSTEM_VA | MDL_PAGES_LOCKED;
        if stack.transfers.is_multiple_of(2) {
            flags |= MDL_SOURCE_IS_NONPAGED_POOL;
        }
        let list = Self {
            block: stack.block,
            mdl,
            original: mapped.0,
        };
        let view = list.view();
        let frames = runs.iter().flat_map(|run| {
            let first = Pa(run.address).pfn();
            first..(run.address + run.bytes).div_ceil(PAGE_BYTES)
        });
        let mut at = mdl.offset(Mdl::BYTES);
        // The block is the port's own, and the window holds no more pages than the list has room for: no write can fail.
        for frame in frames {
            let _ = mem::write(at, &frame);
            at = at.offset(8);
        }
        let _ = mem::fill(mdl, 0, Mdl::BYTES);
        let _ = mem::write(stack.block, &offset);
        let _ = view.set(Mdl::SIZE, u16::try_from(at.0 - mdl.0).unwrap_or(u16::MAX));
        let _ = view.set(Mdl::MDL_FLAGS, flags);
        let _ = view.set(Mdl::MAPPED_SYSTEM_VA, mapped.0);
        let _ = view.set(Mdl::START_VA, mapped.page().0);
        let _ = view.set(Mdl::BYTE_COUNT, bytes);
        let byte_offset = u32::try_from(mapped.page_offset()).unwrap_or(0);
        let _ = view.set(Mdl::BYTE_OFFSET, byte_offset);
        Ok(list)
    }

    fn view(&self) -> View<Mdl> {
        View::at(self.mdl)
    }

    const fn offset_va(&self) -> Va {
        self.block
    }

    fn offset(&self) -> u64 {
        mem::read(self.block).unwrap_or(u64::MAX)
    }

    fn fields(&self) -> Fields {
        let view = self.view();
        Fields {
            next: view.get(Mdl::NEXT).unwrap_or(0),
            flags: view.get(Mdl::MDL_FLAGS).unwrap_or(0),
            mapped: view.get(Mdl::MAPPED_SYSTEM_VA).unwrap_or(0),
            start: view.get(Mdl::START_VA).unwrap_or(0),
            bytes: view.get(Mdl::BYTE_COUNT).unwrap_or(0),
            byte_offset: view.get(Mdl::BYTE_OFFSET).unwrap_or(0),
        }
    }

    /// The physical runs that the list names, as a driver below reads it; frames that are no RAM end them.
    fn runs(&self) -> Vec<PhysicalRange> {
        let fields = self.fields();
        let mut left = u64::from(fields.bytes).min(window::PAGES * PAGE_BYTES);
        let mut skip = u64::from(fields.byte_offset) % PAGE_BYTES;
        let mut at = self.mdl.offset(Mdl::BYTES);
        let mut runs = Vec::new();
        while left > 0 {
            let frame: u64 = mem::read(at).unwrap_or(0);
            let bytes = left.min(PAGE_BYTES - skip);
            if !mem::phys::is_ram(Pa::of_pfn(frame), PAGE_BYTES) {
                break;
            }
            mem::push_merged(&mut runs, Pa::of_pfn(frame).0 + skip, bytes);
            left -= bytes;
            skip = 0;
            at = at.offset(8);
        }
        runs
    }
}

fn checksum(runs: &[PhysicalRange]) -> u64 {
    let mut page = [0; 4096];
    let mut sum = 0_u64;
    for run in runs {
        let mut done = 0;
        while done < run.bytes {
            let bytes = (run.bytes - done).min(PAGE_BYTES);
            let Some(part) = page.get_mut(..mem::size(bytes)) else {
                return 0;
            };
            if mem::read_physical_bytes(Pa(run.address + done), part).is_err() {
                return 0;
            }
            sum = sum.rotate_left(1) ^ proto::hiber::checksum(part);
            done += bytes;
        }
    }
    sum
}
