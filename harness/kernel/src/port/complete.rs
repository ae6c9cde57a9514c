//! Completions: what the miniport reports, checked at once, and processed later at `DISPATCH_LEVEL`.

use alloc::vec::Vec;

use super::{
    abi::srb::{
        SCSISTAT_BUSY, SCSISTAT_CHECK_CONDITION, SCSISTAT_QUEUE_FULL, SRB_STATUS_ABORT_FAILED,
        SRB_STATUS_ABORTED, SRB_STATUS_BAD_FUNCTION, SRB_STATUS_BAD_SRB_BLOCK_LENGTH,
        SRB_STATUS_BUS_RESET, SRB_STATUS_BUSY, SRB_STATUS_COMMAND_TIMEOUT, SRB_STATUS_DATA_OVERRUN,
        SRB_STATUS_ERROR, SRB_STATUS_ERROR_RECOVERY, SRB_STATUS_INSUFFICIENT_RESOURCES,
        SRB_STATUS_INVALID_LUN, SRB_STATUS_INVALID_PARAMETER, SRB_STATUS_INVALID_PATH_ID,
        SRB_STATUS_INVALID_REQUEST, SRB_STATUS_INVALID_TARGET_ID, SRB_STATUS_LINK_DOWN,
        SRB_STATUS_MESSAGE_REJECTED, SRB_STATUS_NO_DEVICE, SRB_STATUS_NO_HBA,
        SRB_STATUS_NOT_POWERED, SRB_STATUS_PARITY_ERROR, SRB_STATUS_PENDING,
        SRB_STATUS_PHASE_SEQUENCE_FAILURE, SRB_STATUS_REQUEST_FLUSHED,
        SRB_STATUS_REQUEST_SENSE_FAILED, SRB_STATUS_SELECTION_TIMEOUT, SRB_STATUS_SUCCESS,
        SRB_STATUS_THROTTLED_REQUEST, SRB_STATUS_TIMEOUT, SRB_STATUS_UNEXPECTED_BUS_FREE,
    },
    adapter::{self, Adapter},
    dispatch,
    queue::{Address, Ticket},
    request::{Completion, Delivery, Request, RetryPolicy, Slot, SlotState},
    srb::{self, SrbOutcome},
    timeouts,
};
use crate::{
    mem::{self, Va},
    processors::{self, at_work},
    rules::{self, Rule},
    timer,
};

/// Times a request is issued again after `SRB_STATUS_BUSY` (`BusyRetryCount`).
const BUSY_RETRY_LIMIT: u32 = 20;
/// Pause of a unit after `SRB_STATUS_BUSY` (`BusyPauseTime`).
const BUSY_PAUSE_US: u64 = 250_000;
/// Share of the requests in flight to which a unit drains after `QUEUE_FULL` (`QueueFullWaitIoPercentage`).
const QUEUE_FULL_PERCENT: u32 = 25;
/// Times a class driver issues a request again after an error.
pub(super) const CLASS_RETRY_LIMIT: u32 = 8;
/// Sense key UNIT ATTENTION.
const UNIT_ATTENTION: u8 = 6;
/// Statuses that a miniport may set (srb.h; `INTERNAL_ERROR` is the port's own).
const VALID_STATUSES: [u8; 30] = [
    SRB_STATUS_SUCCESS,
    SRB_STATUS_ABORTED,
    SRB_STATUS_ABORT_FAILED,
    SRB_STATUS_ERROR,
    SRB_STATUS_BUSY,
    SRB_STATUS_INVALID_REQUEST,
    SRB_STATUS_INVALID_PATH_ID,
    SRB_STATUS_NO_DEVICE,
    SRB_STATUS_TIMEOUT,
    SRB_STATUS_SELECTION_TIMEOUT,
    SRB_STATUS_COMMAND_TIMEOUT,
    SRB_STATUS_MESSAGE_REJECTED,
    SRB_STATUS_BUS_RESET,
    SRB_STATUS_PARITY_ERROR,
    SRB_STATUS_REQUEST_SENSE_FAILED,
    SRB_STATUS_NO_HBA,
    SRB_STATUS_DATA_OVERRUN,
    SRB_STATUS_UNEXPECTED_BUS_FREE,
    SRB_STATUS_PHASE_SEQUENCE_FAILURE,
    SRB_STATUS_BAD_SRB_BLOCK_LENGTH,
    SRB_STATUS_REQUEST_FLUSHED,
    SRB_STATUS_INVALID_LUN,
    SRB_STATUS_INVALID_TARGET_ID,
    SRB_STATUS_BAD_FUNCTION,
    SRB_STATUS_ERROR_RECOVERY,
    SRB_STATUS_NOT_POWERED,
    SRB_STATUS_LINK_DOWN,
    SRB_STATUS_INSUFFICIENT_RESOURCES,
    SRB_STATUS_THROTTLED_REQUEST,
    SRB_STATUS_INVALID_PARAMETER,
];

/// The miniport completes the request at `block` (notification `RequestComplete`). Any IRQL up to DIRQL.
pub(super) fn request_complete(block: Va) {
    let Some(found) = adapter::with(|adapter| {
        let ticket = adapter.table.by_block(block)?;
        let slot = adapter.table.slot(ticket)?;
        Some((ticket, slot.state, slot.generation))
    }) else {
        return;
    };
    let Some((ticket, state, generation)) = found else {
        rules::violate(
            Rule::RequestOwnership,
            format_args!("RequestComplete names {block}, which is no request of this adapter"),
        );
        return;
    };
    rules::check(Rule::F1_1003_RequestCompletedTwice);
    rules::check(Rule::RequestOwnership);
    if state != SlotState::AtMiniport {
        if generation == 0 {
            rules::violate(
                Rule::RequestOwnership,
                format_args!("the request at {block} was never given to the miniport"),
            );
        } else {
            rules::violate(
                Rule::F1_1003_RequestCompletedTwice,
                format_args!("the request at {block} was completed before"),
            );
        }
        return;
    }
    if !processors::is_single() {
        note_processor(ticket);
    }
    take_back(ticket, None);
}

/// Notes for the report where a read or write ends.
fn note_processor(ticket: Ticket) {
    let started_on = adapter::with(|adapter| {
        let slot = adapter.table.slot(ticket)?;
        let is_transfer = slot.request.as_ref()?.device_only;
        (is_transfer && slot.started).then_some(slot.started_on)
    });
    if let Some(processor) = started_on.flatten() {
        at_work::completed(processor);
    }
}

/// Takes a request from the miniport: reads and checks what it left, or `forced` if the port ends it itself.
pub(super) fn take_back(ticket: Ticket, forced: Option<u8>) {
    let Some((request, outcome, sense)) =
        adapter::with(|adapter| snapshot(adapter, ticket)).flatten()
    else {
        return;
    };
    let outcome = match forced {
        Some(status) => SrbOutcome {
            srb_status: status,
            ..outcome
        },
        None => checked(&request, outcome, &sense),
    };
    adapter::with(|adapter| {
        if let Some(slot) = adapter.table.slot_mut(ticket)
            && slot.state == SlotState::AtMiniport
        {
            slot.outcome = Some(outcome);
            slot.completion = Some(Completion {
                status: outcome.status(),
                srb_status: outcome.srb_status,
                scsi_status: outcome.scsi_status,
                transferred: outcome.data_bytes,
                sense: if outcome.has_sense() {
                    sense
                } else {
                    Vec::new()
                },
                system_status: outcome.system_status,
                retries: slot.retries,
            });
            if forced.is_some() {
                slot.retries = CLASS_RETRY_LIMIT;
            }
            slot.state = SlotState::Completed;
            dispatch::fence(slot);
            adapter.table.completed.push(ticket);
        }
    });
    dispatch::kick();
}

fn snapshot(adapter: &Adapter, ticket: Ticket) -> Option<(Request, SrbOutcome, Vec<u8>)> {
    let slot = adapter.table.slot(ticket)?;
    let block = mem::read_vec(slot.block.va, slot.block_bytes).ok()?;
    let outcome = srb::outcome(&block, adapter.block)?;
    let sense_bytes = u64::from(outcome.sense_bytes).min(slot.sense.bytes);
    let sense = mem::read_vec(slot.sense.va, sense_bytes).ok()?;
    Some((slot.request.clone()?, outcome, sense))
}

/// Checks a completion; what is impossible becomes an error, so that nobody takes the data for good.
fn checked(request: &Request, outcome: SrbOutcome, sense: &[u8]) -> SrbOutcome {
    let status = outcome.status();
    if !rules::demand(
        Rule::StorPortStatusPending,
        status != SRB_STATUS_PENDING,
        format_args!(
            "function {:#x} is completed with SRB_STATUS_PENDING",
            request.function
        ),
    ) {
        return failed(outcome);
    }
    if !rules::demand(
        Rule::F1_1004_InvalidSrbStatus,
        VALID_STATUSES.contains(&status),
        format_args!("SrbStatus {:#x} is not for miniports", outcome.srb_status),
    ) {
        return failed(outcome);
    }
    check_length(request, outcome);
    check_sense(request, outcome, sense);
    outcome
}

fn failed(outcome: SrbOutcome) -> SrbOutcome {
    SrbOutcome {
        srb_status: SRB_STATUS_ERROR,
        ..outcome
    }
}

fn check_length(request: &Request, outcome: SrbOutcome) {
    let asked = request.buffer.bytes();
    let reported = u64::from(outcome.data_bytes);
    rules::demand(
        Rule::RequestLength,
        reported <= asked,
        format_args!("{reported} bytes are reported transferred of {asked}"),
    );
    if outcome.status() == SRB_STATUS_BUSY {
        rules::demand(
            Rule::RequestLength,
            reported == asked,
            format_args!(
                "SRB_STATUS_BUSY with DataTransferLength changed from {asked} to {reported}"
            ),
        );
    }
    if request.device_only && outcome.status() == SRB_STATUS_SUCCESS {
        rules::demand(
            Rule::RequestLength,
            reported == asked,
            format_args!("a read or write of {asked} bytes succeeds with {reported}"),
        );
    }
}

fn check_sense(request: &Request, outcome: SrbOutcome, sense: &[u8]) {
    let carries_sense = matches!(request.parameters, super::srb::Parameters::Command { .. });
    if outcome.has_sense() {
        let valid = carries_sense
            && sense
                .first()
                .is_some_and(|code| matches!(code & 0x7F, 0x70..=0x73));
        rules::demand(
            Rule::RequestSense,
            valid,
            "SRB_STATUS_AUTOSENSE_VALID without valid sense data",
        );
    } else if carries_sense && outcome.scsi_status == SCSISTAT_CHECK_CONDITION {
        rules::demand(
            Rule::RequestSense,
            false,
            "CHECK CONDITION without sense data, though AutoRequestSense is set",
        );
    }
    if outcome.scsi_status == SCSISTAT_CHECK_CONDITION {
        rules::demand(
            Rule::RequestSense,
            outcome.status() != SRB_STATUS_SUCCESS,
            "CHECK CONDITION is completed as SRB_STATUS_SUCCESS",
        );
    }
}

/// What becomes of a completed request.
enum Next {
    Finished,
    Again { pause_us: u64, queue_full: bool },
}

/// Works off the completed requests. `DISPATCH_LEVEL`.
pub(super) fn process() {
    while let Some(ticket) = adapter::with(|adapter| {
        let completed = &mut adapter.table.completed;
        (!completed.is_empty()).then(|| completed.remove(0))
    })
    .flatten()
    {
        adapter::with(|adapter| settle(adapter, ticket));
    }
}

fn settle(adapter: &mut Adapter, ticket: Ticket) {
    let limit = if adapter.ladder.is_out_of_patience() {
        0
    } else {
        CLASS_RETRY_LIMIT
    };
    let Some(slot) = adapter.table.slot_mut(ticket) else {
        return;
    };
    let Some((address, delivery)) = slot
        .request
        .as_ref()
        .map(|request| (request.address, request.delivery))
    else {
        return;
    };
    let next = decide(slot, limit);
    match next {
        Next::Finished => slot.state = SlotState::Done,
        Next::Again { .. } => slot.state = SlotState::Queued,
    }
    if delivery == Delivery::Queued {
        adapter.queues.completed(address);
    }
    if let Next::Again {
        pause_us,
        queue_full,
    } = next
    {
        issue_again(adapter, address, ticket, pause_us, queue_full);
    }
    timeouts::completed(adapter, ticket);
}

fn issue_again(
    adapter: &mut Adapter,
    address: Address,
    ticket: Ticket,
    pause_us: u64,
    queue_full: bool,
) {
    adapter.queues.put_back(address, ticket);
    if queue_full {
        adapter.queues.queue_full(address, QUEUE_FULL_PERCENT);
    } else if pause_us > 0 {
        adapter
            .queues
            .pause_unit(address, timer::now_us() + pause_us);
    }
}

fn decide(slot: &mut Slot, class_retry_limit: u32) -> Next {
    let (Some(request), Some(completion)) = (&slot.request, &slot.completion) else {
        return Next::Finished;
    };
    if request.delivery == Delivery::Direct {
        return Next::Finished;
    }
    let busy = completion.status == SRB_STATUS_BUSY
        || matches!(completion.scsi_status, SCSISTAT_BUSY | SCSISTAT_QUEUE_FULL);
    if busy && slot.busy_retries < BUSY_RETRY_LIMIT {
        slot.busy_retries += 1;
        return Next::Again {
            pause_us: BUSY_PAUSE_US,
            queue_full: completion.scsi_status == SCSISTAT_QUEUE_FULL,
        };
    }
    if request.retry == RetryPolicy::Class
        && slot.retries < class_retry_limit
        && is_worth_another_try(completion)
    {
        slot.retries += 1;
        return Next::Again {
            pause_us: 0,
            queue_full: false,
        };
    }
    Next::Finished
}

/// As a disk class driver: unit attention, and whatever a reset swept away.
pub(super) fn is_worth_another_try(completion: &Completion) -> bool {
    matches!(
        completion.status,
        SRB_STATUS_BUS_RESET
            | SRB_STATUS_ABORTED
            | SRB_STATUS_TIMEOUT
            | SRB_STATUS_COMMAND_TIMEOUT
            | SRB_STATUS_REQUEST_FLUSHED
    ) || matches!(completion.sense_code(), Some((UNIT_ATTENTION, _, _)))
}
