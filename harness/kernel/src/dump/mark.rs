//! `StorPortMarkDumpMemory`: the call is resolved, checked, reported, and remembered for the image.
//!
//! In the modes in which marking counts ([`DumpMode::marks`]) the marked bytes become boot-phase memory; in the others
//! the call is checked all the same and has no effect. Neighbours: [`super::marks`] judges, `hibernate` uses
//! `Instance::marked`.

use alloc::{format, string::String, vec::Vec};

use proto::{
    owner::{Owner, Role},
    record::{Mark, PhysicalRange, Record},
};

use super::{
    instance::{self, Block, Port},
    marks::{
        Coverage, MarkArgumentError, MarkArguments, MarkTarget, MarkableObject, foreign,
        physical_of,
    },
    mode::DumpMode,
};
use crate::{
    call::{self, CallbackKind},
    exports::ExportCall,
    hibernate::ranges::{RangeSet, Span},
    mem::{self, Allocation, Pa, Va},
    port::abi::codes::{
        STOR_STATUS_INVALID_DEVICE_STATE, STOR_STATUS_INVALID_PARAMETER, STOR_STATUS_SUCCESS,
    },
    record, rules,
    rules::Rule,
};

/// `ExtFunctionMarkDumpMemory(HwDeviceExtension, Address, Length, Flags)`; returns a `STOR_STATUS`.
pub(super) fn mark_dump_memory(call: &ExportCall) -> u32 {
    let arguments = MarkArguments {
        address: call.arg(2),
        length: call.arg(3),
        flags: call.arg32(4),
    };
    let Some(mode) = instance::with(|port| port.instance.mode) else {
        return STOR_STATUS_INVALID_DEVICE_STATE;
    };
    let (status, covers) = judge(arguments, mode);
    let ranges = covers.to_physical_ranges();
    record::emit(&Record::Mark(Mark {
        role: call.role.unwrap_or(Role::Hiber),
        dump_mode: mode.raw(),
        address: arguments.address,
        length: arguments.length,
        flags: arguments.flags,
        status,
        caller: call.return_address.0,
        callback: callback_name(),
        owner: owner_of(&ranges),
        covers: ranges,
    }));
    status
}

fn judge(arguments: MarkArguments, mode: DumpMode) -> (u32, RangeSet) {
    let allowed = matches!(
        call::current().map(|callback| callback.kind),
        Some(CallbackKind::DriverEntry | CallbackKind::FindAdapter)
    );
    let in_time = rules::demand(
        Rule::DumpMarkWrongTime,
        allowed,
        format_args!(
            "StorPortMarkDumpMemory({:#x}, {:#x}, {:#x}) from {} (bug check 0xA0/0x10B)",
            arguments.address,
            arguments.length,
            arguments.flags,
            callback_name()
        ),
    );
    if !in_time {
        return (STOR_STATUS_INVALID_DEVICE_STATE, RangeSet::new());
    }
    rules::check(Rule::DumpMarkBadFlags);
    let target = match arguments.target() {
        Ok(target) => target,
        Err(error) => {
            let (what, status) = match error {
                MarkArgumentError::Flags => ("unknown flags", STOR_STATUS_INVALID_PARAMETER),
                MarkArgumentError::PhysicalSection => (
                    "length 0 with a physical address (bug check 0xA0/0x10C)",
                    STOR_STATUS_INVALID_PARAMETER,
                ),
                MarkArgumentError::Wraps => (
                    "the range wraps (bug check 0xA0/0x10C)",
                    STOR_STATUS_INVALID_PARAMETER,
                ),
            };
            rules::violate(
                Rule::DumpMarkBadFlags,
                format_args!("{what}: {arguments:x?}"),
            );
            return (status, RangeSet::new());
        }
    };
    let Some(covers) = resolve(target) else {
        return (STOR_STATUS_INVALID_PARAMETER, RangeSet::new());
    };
    check_ownership(arguments, &covers);
    if mode.marks() {
        instance::with(|port| port.instance.marked.insert_all(&covers));
    }
    (STOR_STATUS_SUCCESS, covers)
}

/// The physical bytes that the call means; reports a target that cannot be resolved.
fn resolve(target: MarkTarget) -> Option<RangeSet> {
    match target {
        MarkTarget::Physical(span) => Some([span].into_iter().collect()),
        MarkTarget::Virtual { address, length } => {
            let covers = physical_of(address, length, |va| {
                mem::translate(Va(va)).map(|address| address.0)
            });
            if covers.is_none() {
                rules::violate(
                    Rule::DumpMarkForeign,
                    format_args!("{address:#x}, {length:#x} bytes: not all of it is mapped"),
                );
            }
            covers
        }
        MarkTarget::Section { address } => {
            let section = instance::with(|port| section_of(port, Va(address))).flatten();
            if section.is_none() {
                rules::violate(
                    Rule::DumpMarkBadFlags,
                    format_args!("length 0 marks a section, and {address:#x} is in none"),
                );
            }
            section.map(Block::physical)
        }
    }
}

fn section_of(port: &Port, address: Va) -> Option<Block> {
    port.stack
        .image
        .sections
        .iter()
        .map(|section| Block {
            va: section.va,
            bytes: section.bytes,
        })
        .find(|section| section.contains(address))
}

fn check_ownership(arguments: MarkArguments, covers: &RangeSet) {
    let own = instance::with(own_memory).unwrap_or_default();
    let strangers = foreign(covers, &own);
    rules::demand(
        Rule::DumpMarkForeign,
        strangers.is_empty(),
        format_args!(
            "StorPortMarkDumpMemory({:#x}, {:#x}, {:#x}) covers {} bytes that are not the miniport's, first {}",
            arguments.address,
            arguments.length,
            arguments.flags,
            strangers.bytes(),
            strangers.iter().next().map_or_else(String::new, describe),
        ),
    );
}

/// A stretch of memory with its owner, in words.
pub(super) fn describe(span: Span) -> String {
    let pa = Pa(span.start);
    let block = mem::find_physical(pa).map_or_else(String::new, |block| {
        format!(", byte {} of \"{}\"", block.offset, block.name)
    });
    format!(
        "{:#x}..{:#x} ({:?}{block})",
        span.start,
        span.end,
        mem::owner_of(pa)
    )
}

/// Everything that the miniport may mark: its image, what the port gave it, and what its normal instance allocated.
fn own_memory(port: &mut Port) -> RangeSet {
    let mut own = Block {
        va: port.stack.image.base,
        bytes: port.stack.image.bytes,
    }
    .physical();
    for (_, block) in port.instance.blocks.markable() {
        own.insert_all(&block.physical());
    }
    if let Some(region) = &port.stack.region {
        insert_runs(&mut own, &region.runs);
    }
    let allocated = mem::allocations()
        .into_iter()
        .filter(|block| matches!(block.owner, Owner::Pool(_) | Owner::DumpContext(_)));
    for block in allocated {
        insert_runs(&mut own, &block.runs);
    }
    own
}

fn insert_runs(set: &mut RangeSet, runs: &[PhysicalRange]) {
    for run in runs {
        set.insert_range(run.address, run.bytes);
    }
}

/// The block that holds a byte. Its pages may be hidden.
pub(super) fn block_at(va: Va) -> Option<Allocation> {
    let start = mem::find(va)?.va;
    mem::allocations()
        .into_iter()
        .find(|block| block.va == start)
}

/// The dump context as an object to be marked; `None` if the normal instance returned none.
pub(super) fn context_object(port: &Port) -> Option<(Va, MarkableObject)> {
    let context = block_at(port.stack.context)?;
    let mut bytes = RangeSet::new();
    insert_runs(&mut bytes, &context.runs);
    Some((context.va, MarkableObject { bytes }))
}

/// After FindAdapter in a mode in which marks count: is the dump context among them, to its end?
pub(super) fn judge_after_find_adapter() {
    let findings = instance::with(|port| {
        let mode = port.instance.mode;
        if !mode.marks() || port.stack.context.is_null() {
            return None;
        }
        let (va, object) = context_object(port)?;
        Some((mode, va, object.coverage(&port.instance.marked), object))
    });
    let Some((mode, va, coverage, object)) = findings.flatten() else {
        return;
    };
    rules::demand(
        Rule::DumpMarkMissing,
        coverage != Coverage::None,
        format_args!(
            "in mode {} FindAdapter marked no byte of the dump context at {va} ({} bytes)",
            mode.name(),
            object.bytes.bytes()
        ),
    );
    rules::check(Rule::DumpMarkIncomplete);
    if let Coverage::Partial(missing) = coverage {
        let places: Vec<String> = missing.into_iter().map(describe).collect();
        rules::violate(
            Rule::DumpMarkIncomplete,
            format_args!(
                "in mode {} the dump context at {va} is marked in part; not marked: {}",
                mode.name(),
                places.join(", ")
            ),
        );
    }
}

fn callback_name() -> String {
    call::current().map_or_else(String::new, |callback| String::from(callback.name))
}

fn owner_of(ranges: &[PhysicalRange]) -> Owner {
    ranges
        .first()
        .map_or(Owner::Free, |range| mem::owner_of(Pa(range.address)))
}
