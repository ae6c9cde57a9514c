//! The calls between port driver and miniport that matter for dump and hibernation, as the bench kernel reported them and as
//! the debugger saw them. [`pair_marks`] puts both witnesses' words side by side.

use proto::record::{Mark, Record};

use super::{cycle_at, records};
use crate::{
    report::{
        Argument, Breakpoint, CoveredRange, DumpCall, Hex, MarkCall,
        names::{dump_mode, mark_flags, owner_name, role_name},
    },
    session::life::{Arguments, Boot, Hit, Life, Point},
};

/// The marks, each with the debugger's word for it.
#[must_use]
pub fn marks(life: &Life) -> Vec<MarkCall> {
    life.boots
        .iter()
        .flat_map(|boot| {
            let pairs = pair_marks(boot);
            pairs
                .into_iter()
                .map(|(index, mark, hit)| mark_line(mark, hit, cycle_at(boot, index)))
        })
        .collect()
}

/// Every mark that the kernel reported in `boot`, with its index among the records, and the debugger's hit of the same call:
/// the first one not yet taken with equal arguments.
#[must_use]
pub fn pair_marks(boot: &Boot) -> Vec<(usize, &Mark, Option<&Hit>)> {
    let mut free: Vec<&Hit> = boot
        .hits
        .iter()
        .filter(|hit| hit.point == Point::MarkDumpMemory)
        .collect();
    boot.records
        .iter()
        .enumerate()
        .filter_map(|(index, record)| match record {
            Record::Mark(mark) => Some((index, mark)),
            _ => None,
        })
        .map(|(index, mark)| {
            let twin = free.iter().position(|hit| same_call(mark, hit));
            (index, mark, twin.map(|position| free.remove(position)))
        })
        .collect()
}

/// Whether both witnesses speak of one call.
fn same_call(mark: &Mark, hit: &Hit) -> bool {
    let arguments = matches!(
        hit.arguments,
        Arguments::MarkDumpMemory { address, length, flags, .. }
            if (address, length, flags) == (mark.address, mark.length, mark.flags)
    );
    let mode = hit.dump_mode.is_none_or(|mode| mode == mark.dump_mode);
    arguments && mode && hit.role == mark.role && hit.caller == mark.caller
}

fn mark_line(mark: &Mark, hit: Option<&Hit>, cycle: u32) -> MarkCall {
    MarkCall {
        cycle,
        role: role_name(mark.role),
        dump_mode: dump_mode(mark.dump_mode),
        address: Hex(mark.address),
        length: mark.length,
        flags: mark_flags(mark.flags),
        status: Hex(u64::from(mark.status)),
        caller: hit
            .and_then(|hit| hit.caller_symbol.clone())
            .unwrap_or_else(|| format!("{:#x}", mark.caller)),
        callback: mark.callback.clone(),
        owner: owner_name(mark.owner),
        covers: mark
            .covers
            .iter()
            .map(|range| CoveredRange {
                address: Hex(range.address),
                bytes: range.bytes,
            })
            .collect(),
        witnessed: hit.is_some(),
    }
}

/// The breakpoints that were hit.
#[must_use]
pub fn breakpoints(life: &Life) -> Vec<Breakpoint> {
    life.boots
        .iter()
        .flat_map(|boot| {
            boot.hits
                .iter()
                .map(|hit| hit_line(hit, cycle_at(boot, hit.after_records)))
        })
        .collect()
}

fn hit_line(hit: &Hit, cycle: u32) -> Breakpoint {
    Breakpoint {
        boot: hit.boot,
        cycle,
        routine: point_name(hit.point),
        role: role_name(hit.role),
        address: Hex(hit.address),
        symbol: hit.symbol.clone(),
        caller: hit
            .caller_symbol
            .clone()
            .unwrap_or_else(|| format!("{:#x}", hit.caller)),
        dump_mode: hit.dump_mode.map(dump_mode),
        arguments: arguments_of(&hit.arguments)
            .into_iter()
            .map(|(name, value)| Argument {
                name,
                value: Hex(value),
            })
            .collect(),
    }
}

/// The routine that a breakpoint stands for.
#[must_use]
pub const fn point_name(point: Point) -> &'static str {
    match point {
        Point::DriverEntry => "DriverEntry",
        Point::StorPortInitialize => "StorPortInitialize",
        Point::FindAdapter => "HwStorFindAdapter",
        Point::Initialize => "HwStorInitialize",
        Point::MarkDumpMemory => "StorPortMarkDumpMemory",
    }
}

fn arguments_of(arguments: &Arguments) -> Vec<(&'static str, u64)> {
    match *arguments {
        Arguments::DriverEntry {
            driver_object,
            registry_path,
        } => vec![
            ("DriverObject", driver_object),
            ("RegistryPath", registry_path),
        ],
        Arguments::StorPortInitialize {
            driver_object,
            registry_path,
            find_adapter,
            initialize,
            feature_support,
        } => vec![
            ("Argument1", driver_object),
            ("Argument2", registry_path),
            ("HwFindAdapter", find_adapter),
            ("HwInitialize", initialize),
            ("FeatureSupport", u64::from(feature_support)),
        ],
        Arguments::FindAdapter {
            extension,
            config,
            dump_mode,
            dump_data,
        } => vec![
            ("DeviceExtension", extension),
            ("ConfigInfo", config),
            ("ConfigInfo.DumpMode", u64::from(dump_mode)),
            ("ConfigInfo.MiniportDumpData", dump_data),
        ],
        Arguments::Initialize { extension } => vec![("DeviceExtension", extension)],
        Arguments::MarkDumpMemory {
            extension,
            address,
            length,
            flags,
        } => vec![
            ("HwDeviceExtension", extension),
            ("Address", address),
            ("Length", length),
            ("Flags", u64::from(flags)),
        ],
    }
}

/// The driver's calls in dump roles.
#[must_use]
pub fn dump_calls(life: &Life) -> Vec<DumpCall> {
    records(life)
        .filter_map(|(_, cycle, record)| match record {
            Record::DumpCall {
                role,
                dump_mode: mode,
                routine,
                returned,
                instructions,
            } => Some(DumpCall {
                cycle,
                role: role_name(*role),
                dump_mode: dump_mode(*mode),
                routine: routine.clone(),
                returned: Hex(*returned),
                instructions: *instructions,
            }),
            _ => None,
        })
        .collect()
}
