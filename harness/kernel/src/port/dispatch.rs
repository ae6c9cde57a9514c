//! Issuing requests: queue, slot, request block, `HwStorBuildIo`, `HwStorStartIo`.
//!
//! Everything here runs at `DISPATCH_LEVEL`, and never inside itself on one processor: callers below raise the IRQL, callbacks
//! only ask for another round by [`kick`]. A request that another processor is to issue goes to that one ([`super::handing`]);
//! `HwStorBuildIo` then runs on several processors at once, and `HwStorStartIo` as far as locks and channels let it.

use alloc::vec::Vec;

use proto::owner::Owner;

use super::{
    PortError,
    abi::{
        self, Structure,
        init::{STOR_MAP_ALL_BUFFERS_INCLUDING_READ_WRITE, STOR_MAP_NO_BUFFERS},
        srb::{SRB_FUNCTION_IO_CONTROL, ScatterGatherElement, ScatterGatherList},
    },
    adapter::{self, Adapter, ROLE},
    callback::Routine,
    complete, faults, handing, invoke,
    locks::Lock,
    queue::Ticket,
    request::{Completion, Delivery, Request, RequestId, Slot, SlotState},
    services,
    srb::{BlockKind, SrbSpec},
    timeouts,
};
use crate::{
    dpc::{self, Dpc},
    interrupt, irql,
    mem::{self, AllocSpec, Allocation, Contiguity, Placement, Va},
    processors::{self, park},
    rules::{self, Rule},
    sync, timer,
};

/// What request memory holds while the miniport does not own it.
pub(super) const CANARY: u8 = 0xC5;
/// Sense buffer in bytes.
const SENSE_BYTES: u8 = 32;
/// Most requests that the port keeps, in queues and at the miniport.
const SLOT_LIMIT: u32 = 1024;
/// Longest wait for one request, resets included; beyond it the bench gives up.
const WAIT_LIMIT_US: u64 = 300_000_000;

/// Hands a request to the port. IRQL <= `DISPATCH_LEVEL`.
///
/// # Errors
/// If there is no adapter, the unit is unknown, or no memory is left.
pub fn submit(request: Request) -> Result<RequestId, PortError> {
    let ticket = take_slot()?;
    let delivery = request.delivery;
    let address = request.address;
    let id = adapter::with(|adapter| {
        let slot = adapter.table.slot_mut(ticket)?;
        slot.state = SlotState::Queued;
        slot.generation = slot.generation.wrapping_add(1);
        slot.request = Some(request);
        slot.completion = None;
        slot.busy_retries = 0;
        slot.retries = 0;
        let generation = slot.generation;
        let known = delivery == Delivery::Direct || adapter.queues.submit(address, ticket);
        if !known {
            adapter.table.slot_mut(ticket)?.state = SlotState::Free;
        }
        known.then_some(RequestId { ticket, generation })
    })
    .flatten()
    .ok_or(PortError::NoSuchUnit(address))?;
    match delivery {
        Delivery::Queued => handing::run_all(),
        Delivery::Direct => irql::at(irql::DISPATCH_LEVEL, || issue(ticket)),
    }
    Ok(id)
}

/// Takes the completion of a request, once.
#[must_use]
pub fn poll(id: RequestId) -> Option<Completion> {
    adapter::with(|adapter| {
        let slot = adapter.table.slot_mut(id.ticket)?;
        if slot.generation != id.generation || slot.state != SlotState::Done {
            return None;
        }
        slot.state = SlotState::Free;
        slot.request = None;
        slot.completion.take()
    })
    .flatten()
}

/// Waits for a request; interrupts, DPCs, timers and work items run meanwhile. `PASSIVE_LEVEL`.
///
/// # Errors
/// [`PortError::Lost`] if the request is not completed even by the reset ladder.
pub fn wait(id: RequestId) -> Result<Completion, PortError> {
    let begun = timer::now_us();
    loop {
        if let Some(completion) = poll(id) {
            return Ok(completion);
        }
        if timer::now_us().saturating_sub(begun) > WAIT_LIMIT_US {
            return Err(PortError::Lost);
        }
        idle(|| is_done(id));
    }
}

/// Submits a request and waits for it. `PASSIVE_LEVEL`.
///
/// # Errors
/// As [`submit`] and [`wait`].
pub fn execute(request: Request) -> Result<Completion, PortError> {
    wait(submit(request)?)
}

/// Runs passive work, then waits for an interrupt unless `ready`.
pub fn idle(ready: impl Fn() -> bool) {
    services::run_passive_work();
    let flag = interrupt::disable();
    if !ready() {
        interrupt::wait();
    }
    interrupt::restore(flag);
}

/// The same, for `us` microseconds at most.
pub(super) fn idle_for(us: u64, ready: impl Fn() -> bool) {
    let alarm = timer::set_after_us(
        us,
        Dpc {
            routine: wake,
            context: 0,
        },
    );
    idle(ready);
    timer::cancel(alarm);
}

/// The interrupt is all that is wanted.
fn wake(_context: u64) {}

fn is_done(id: RequestId) -> bool {
    adapter::with(|adapter| {
        adapter
            .table
            .slot(id.ticket)
            .is_none_or(|slot| slot.state == SlotState::Done || slot.generation != id.generation)
    })
    .unwrap_or(true)
}

/// Asks for another round over the queues, from wherever.
pub(super) fn kick() {
    dpc::queue(Dpc {
        routine: run_from_dpc,
        context: 0,
    });
}

fn run_from_dpc(_context: u64) {
    complete::process();
    // The lock is free again before the routine runs.
    let routine = *COMPLETION_ROUTINE.lock();
    if let Some(routine) = routine {
        routine();
    }
    run();
}

/// What a class driver does in the port's DPC when requests were completed; it may submit the next ones.
static COMPLETION_ROUTINE: sync::Lock<Option<fn()>> = sync::Lock::new(None);

/// Sets it, or takes it away.
pub fn set_completion_routine(routine: Option<fn()>) {
    *COMPLETION_ROUTINE.lock() = routine;
}

/// Gives the miniport every request that may go now, or has other processors do so. `DISPATCH_LEVEL`.
pub(super) fn run() {
    while let Some((ticket, processor)) = adapter::with(next).flatten() {
        match processor {
            Some(other) if other != processors::current() && !park::is_wanted() => {
                handing::hand_over(ticket, other);
            }
            _ => issue(ticket),
        }
    }
    timeouts::arm();
}

fn next(adapter: &mut Adapter) -> Option<(Ticket, Option<usize>)> {
    let ticket = adapter.queues.next(timer::now_us())?;
    let slot = adapter.table.slot(ticket)?;
    let wanted = slot.request.as_ref().and_then(|request| request.processor);
    Some((ticket, wanted))
}

/// Gives one request to the miniport.
pub(super) fn issue(ticket: Ticket) {
    check_fence(ticket);
    let Some((call, block)) = adapter::with(|adapter| prepare(adapter, ticket)).flatten() else {
        return;
    };
    let extension = call.extension.0;
    let go_on = if call.build_io.is_null() {
        true
    } else {
        rules::check(Rule::StorPortBuildIo);
        invoke::call_boolean(Routine::BuildIo, call.build_io, &[], &[extension, block.0])
    };
    let ours = adapter::with(|adapter| {
        let slot = adapter.table.slot_mut(ticket)?;
        let ours = slot.state == SlotState::AtMiniport && slot.generation == call.generation;
        slot.started = ours && go_on;
        slot.started_on = processors::current();
        Some(ours)
    })
    .flatten()
    .unwrap_or(false);
    if !go_on {
        // Completed already, or to be completed by the miniport later.
        return;
    }
    if !rules::demand(
        Rule::StorPortBuildIo,
        ours,
        format_args!("HwStorBuildIo completed the request at {block} and returned TRUE"),
    ) {
        return;
    }
    let lock = match call.channels {
        0 | 1 => Lock::StartIo,
        channels => Lock::Channel(channel(channels)),
    };
    invoke::call_boolean(
        Routine::StartIo,
        call.start_io,
        &[lock],
        &[extension, block.0],
    );
}

/// The channel of `HwStorStartIo` that this processor uses.
pub(super) fn channel(channels: u32) -> u32 {
    u32::try_from(processors::current()).unwrap_or(0) % channels.max(1)
}

struct Call {
    extension: Va,
    build_io: Va,
    start_io: Va,
    channels: u32,
    generation: u32,
}

/// Writes request block, list and extension, and makes the miniport the owner.
fn prepare(adapter: &mut Adapter, ticket: Ticket) -> Option<(Call, Va)> {
    let kind = adapter.block;
    let map_buffers = adapter.miniport.map_buffers;
    let slot = adapter.table.slot_mut(ticket)?;
    let request = slot.request.as_ref()?;
    let spec = SrbSpec {
        function: request.function,
        address: request.address,
        port: 0,
        flags: request.srb_flags(),
        timeout_seconds: request.timeout_seconds,
        data_buffer: data_buffer(request, map_buffers),
        data_bytes: u32::try_from(request.buffer.bytes()).unwrap_or(u32::MAX),
        sense_buffer: slot.sense.va.0,
        sense_bytes: SENSE_BYTES,
        extension: slot.extension.as_ref().map_or(0, |block| block.va.0),
        tag: ticket,
        parameters: request.parameters,
    };
    let bytes = spec.encode(kind);
    slot.has_list = write_list(&slot.list, request);
    slot.block_bytes = u64::try_from(bytes.len()).ok()?;
    slot.deadline_us = timer::now_us() + timeout_us(request);
    slot.state = SlotState::AtMiniport;
    slot.outcome = None;
    slot.started = false;
    slot.fenced = false;
    let block = slot.block.va;
    mem::write_bytes(block, &bytes).ok()?;
    mem::fill(slot.sense.va, 0, u64::from(SENSE_BYTES)).ok()?;
    Some((
        Call {
            extension: adapter.extension.va,
            build_io: adapter.miniport.build_io,
            start_io: adapter.miniport.start_io,
            channels: adapter.services.perf.channels,
            generation: slot.generation,
        },
        block,
    ))
}

/// The time that a request has.
pub(super) fn timeout_us(request: &Request) -> u64 {
    u64::from(request.timeout_seconds) * second_us()
}

/// A second of a request's time-out. With several processors the time is the host's, which may take one of them away for a
/// while.
fn second_us() -> u64 {
    if processors::is_single() {
        1_000_000
    } else {
        3_000_000
    }
}

/// The address that the miniport sees: mapped or not, as `MapBuffers` asked.
fn data_buffer(request: &Request, map_buffers: u8) -> u64 {
    let Some(first) = request.buffer.ranges.first() else {
        return 0;
    };
    let mapped = match map_buffers {
        STOR_MAP_ALL_BUFFERS_INCLUDING_READ_WRITE => true,
        STOR_MAP_NO_BUFFERS => request.function == SRB_FUNCTION_IO_CONTROL,
        _ => !request.device_only,
    };
    if mapped && !request.buffer.va.is_null() {
        request.buffer.va.0
    } else {
        faults::UNMAPPED_DATA + first.address % mem::PAGE_BYTES
    }
}

/// Writes the scatter/gather list; false if the request has no data.
fn write_list(list: &Allocation, request: &Request) -> bool {
    let elements = &request.buffer.ranges;
    let mut bytes = alloc::vec![0; size(ScatterGatherList::BYTES)];
    abi::put(
        &mut bytes,
        ScatterGatherList::NUMBER_OF_ELEMENTS,
        u32::try_from(elements.len()).unwrap_or(0),
    );
    for range in elements {
        let mut element = alloc::vec![0; size(ScatterGatherElement::BYTES)];
        abi::put(
            &mut element,
            ScatterGatherElement::PHYSICAL_ADDRESS,
            range.address,
        );
        abi::put(
            &mut element,
            ScatterGatherElement::LENGTH,
            u32::try_from(range.bytes).unwrap_or(u32::MAX),
        );
        bytes.extend_from_slice(&element);
    }
    !elements.is_empty() && mem::write_bytes(list.va, &bytes).is_ok()
}

/// Takes the miniport's access away: everything holds the canary from now on.
pub(super) fn fence(slot: &mut Slot) {
    for block in memory_of(slot) {
        // The block is the port's own: it cannot fault.
        let _ = mem::fill(block.0, CANARY, block.1);
    }
    slot.fenced = true;
}

/// Whether the canary is intact, before the memory is used again. Names the part that is not.
fn check_fence(ticket: Ticket) {
    let Some(blocks) = adapter::with(|adapter| {
        let slot = adapter.table.slot(ticket)?;
        slot.fenced.then(|| memory_of(slot))
    })
    .flatten() else {
        return;
    };
    for (va, bytes, name) in blocks {
        report_fence(va, bytes, name);
    }
}

/// Looks at the canary of every slot that is not the miniport's (at the end of a run).
pub fn check_all_fences() {
    let tickets: Vec<Ticket> =
        adapter::with(|adapter| adapter.table.iter().map(|(ticket, _)| ticket).collect())
            .unwrap_or_default();
    tickets.into_iter().for_each(check_fence);
}

fn report_fence(va: Va, bytes: u64, name: &'static str) {
    let touched = mem::read_vec(va, bytes)
        .ok()
        .and_then(|content| content.iter().position(|byte| *byte != CANARY));
    rules::check(Rule::RequestTouchedAfterCompletion);
    if let Some(position) = touched {
        rules::violate(
            Rule::RequestTouchedAfterCompletion,
            format_args!("byte {position} of the {name} at {va} was written after the completion"),
        );
    }
}

fn memory_of(slot: &Slot) -> Vec<(Va, u64, &'static str)> {
    [
        Some((&slot.block, "request block")),
        Some((&slot.sense, "sense buffer")),
        slot.extension
            .as_ref()
            .map(|block| (block, "SRB extension")),
    ]
    .into_iter()
    .flatten()
    .map(|(block, name)| (block.va, block.bytes, name))
    .collect()
}

/// A free slot, a new one if need be.
fn take_slot() -> Result<Ticket, PortError> {
    let found = adapter::with(|adapter| {
        let free = adapter.table.free_slot();
        let extension = adapter.miniport.srb_extension_bytes;
        (
            free,
            extension,
            adapter.limits.physical_breaks,
            adapter.table.iter().count(),
        )
    });
    let (free, extension, breaks, count) = found.ok_or(PortError::NotRunning)?;
    if let Some(ticket) = free {
        return Ok(ticket);
    }
    if u32::try_from(count).is_ok_and(|count| count >= SLOT_LIMIT) {
        return Err(PortError::TooManyRequests);
    }
    let mut slot = new_slot(extension, breaks)?;
    fence(&mut slot);
    adapter::with(|adapter| adapter.table.add(slot))
        .flatten()
        .ok_or(PortError::NotRunning)
}

fn new_slot(extension_bytes: u32, breaks: u32) -> Result<Slot, PortError> {
    let elements = u64::from(breaks.clamp(1, 4096)) + 1;
    let list_bytes = ScatterGatherList::BYTES + elements * ScatterGatherElement::BYTES;
    Ok(Slot {
        state: SlotState::Free,
        generation: 0,
        request: None,
        block: request_memory(SrbSpec::block_bytes(BlockKind::Extended), "request block")?,
        sense: request_memory(u64::from(SENSE_BYTES), "sense buffer")?,
        list: request_memory(list_bytes, "scatter/gather list")?,
        extension: match extension_bytes {
            0 => None,
            bytes => Some(request_memory(u64::from(bytes), "SRB extension")?),
        },
        block_bytes: 0,
        has_list: false,
        deadline_us: 0,
        outcome: None,
        completion: None,
        busy_retries: 0,
        retries: 0,
        started: false,
        started_on: 0,
        fenced: false,
    })
}

fn request_memory(bytes: u64, name: &'static str) -> Result<Allocation, PortError> {
    mem::alloc(AllocSpec {
        bytes,
        align: 16,
        contiguous: Contiguity::Contiguous,
        placement: Placement::Any,
        owner: Owner::Request(ROLE),
        name,
    })
    .map_err(|_| PortError::Memory(name))
}

fn size(bytes: u64) -> usize {
    mem::size(bytes)
}
