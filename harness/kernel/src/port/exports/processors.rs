//! Processors, groups, nodes: all processors in one group on one node, numbers and indexes the same.

use super::{
    super::{
        abi::codes::{
            STOR_STATUS_BUFFER_TOO_SMALL, STOR_STATUS_INVALID_PARAMETER, STOR_STATUS_SUCCESS,
        },
        adapter,
    },
    args, options, ulong,
};
use crate::{exports::ExportCall, irql, mem, processors};

fn answer(call: &ExportCall, written: bool) -> u32 {
    args::irql_at_most(call.export.name, irql::DISPATCH_LEVEL);
    if written {
        STOR_STATUS_SUCCESS
    } else {
        STOR_STATUS_INVALID_PARAMETER
    }
}

fn count_of_processors() -> u32 {
    u32::try_from(processors::count()).unwrap_or(u32::MAX)
}

fn this_processor() -> u32 {
    u32::try_from(processors::current()).unwrap_or(u32::MAX)
}

/// A USHORT argument.
fn group_argument(call: &ExportCall, n: u64) -> u16 {
    let [low, high, ..] = call.arg(n).to_le_bytes();
    u16::from_le_bytes([low, high])
}

/// `StorPortGetCurrentProcessorNumber(ext, *ProcNumber)`: a `PROCESSOR_NUMBER`, group (16 bits), number, reserved.
pub(super) fn current_number(call: &ExportCall) -> u32 {
    let number = [0, 0, this_processor().to_le_bytes()[0], 0];
    answer(
        call,
        args::put("StorPortGetCurrentProcessorNumber", call.va(2), &number),
    )
}

/// `StorPortGetCurrentProcessorIndex(ext, *ProcessorIndex)`.
pub(super) fn current_index(call: &ExportCall) -> u32 {
    answer(
        call,
        args::put(
            "StorPortGetCurrentProcessorIndex",
            call.va(2),
            &this_processor(),
        ),
    )
}

/// `StorPortGetProcessorCount(ext, *ProcessorCount)`.
pub(super) fn count(call: &ExportCall) -> u32 {
    answer(
        call,
        args::put(
            "StorPortGetProcessorCount",
            call.va(2),
            &count_of_processors(),
        ),
    )
}

/// `StorPortGetProcessorIndexFromNumber(ext, ProcessorNumber, *ProcessorIndex)`.
pub(super) fn index_from_number(call: &ExportCall) -> u32 {
    match mem::read::<[u8; 4]>(call.va(2)) {
        Ok([0, 0, number, _]) if usize::from(number) < processors::count() => answer(
            call,
            args::put(
                "StorPortGetProcessorIndexFromNumber",
                call.va(3),
                &u32::from(number),
            ),
        ),
        _ => STOR_STATUS_INVALID_PARAMETER,
    }
}

/// `StorPortGetActiveGroupCount(ext, *NumberGroups)`.
pub(super) fn group_count(call: &ExportCall) -> u32 {
    answer(
        call,
        args::put("StorPortGetActiveGroupCount", call.va(2), &1_u16),
    )
}

/// `StorPortGetGroupAffinity(ext, GroupNumber, *GroupAffinityMask)`.
pub(super) fn group_affinity(call: &ExportCall) -> u32 {
    if group_argument(call, 2) != 0 {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    answer(
        call,
        args::put("StorPortGetGroupAffinity", call.va(3), &processors::mask()),
    )
}

/// `StorPortGetActiveNodeCount(ext, *NumberNodes)`.
pub(super) fn node_count(call: &ExportCall) -> u32 {
    answer(
        call,
        args::put("StorPortGetActiveNodeCount", call.va(2), &1_u32),
    )
}

/// `StorPortGetHighestNodeNumber(ext, *HighestNode)`.
pub(super) fn highest_node(call: &ExportCall) -> u32 {
    answer(
        call,
        args::put("StorPortGetHighestNodeNumber", call.va(2), &0_u32),
    )
}

/// `StorPortGetNodeAffinity(ext, NodeNumber, *NodeAffinityMask)`.
pub(super) fn node_affinity(call: &ExportCall) -> u32 {
    if ulong(call, 2) != 0 {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    answer(
        call,
        args::put(
            "StorPortGetNodeAffinity",
            call.va(3),
            &[processors::mask(), 0],
        ),
    )
}

/// `StorPortGetNodeAffinity2(ext, NodeNumber, GroupAffinities, Count, *Required)`.
pub(super) fn node_affinity_2(call: &ExportCall) -> u32 {
    args::put("StorPortGetNodeAffinity2", call.va(5), &1_u16);
    if ulong(call, 2) != 0 {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    if group_argument(call, 4) == 0 {
        return STOR_STATUS_BUFFER_TOO_SMALL;
    }
    answer(
        call,
        args::put(
            "StorPortGetNodeAffinity2",
            call.va(3),
            &[processors::mask(), 0],
        ),
    )
}

/// `StorPortGetMessageInterruptIDFromProcessorIndex(ext, ProcessorIndex, *MessageInterruptID)`: the message that this
/// processor serves, of those that the miniport named for redirection, or of all.
pub(super) fn message_of_processor(call: &ExportCall) -> u32 {
    let index = ulong(call, 2);
    let message = adapter::with(|adapter| options::message_of(adapter, index))
        .flatten()
        .unwrap_or(0);
    if index >= count_of_processors() {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    answer(
        call,
        args::put(
            "StorPortGetMessageInterruptIDFromProcessorIndex",
            call.va(3),
            &message,
        ),
    )
}
