//! Breakpoints against records: the debugger read the registers, the kernel kept its own account, and both must tell the same
//! story in the same order.

use proto::{owner::Role, record::Record, scenario::EXHAUST_STEP};

use super::{Evidence, Finding};
use crate::{
    report::{
        gather::{calls::point_name, cycle_at},
        names::DUMP_RESUME_CAPABLE,
    },
    session::life::{Arguments, Boot, Hit, Life, Point},
};

/// `ConfigInfo.DumpMode` values (`DUMP_MODE_*`).
const HIBER: u8 = 2;
const MARK_MEMORY: u8 = 3;
const RESUME: u8 = 4;

/// `breakpoints-normal`: `DriverEntry` with both arguments, then `HwStorFindAdapter` with dump mode 0, then
/// `HwStorInitialize`, in the first process.
pub(super) fn breakpoints_normal(evidence: &Evidence<'_>) -> Finding {
    let hits: Vec<&Hit> = evidence
        .life
        .hits()
        .filter(|hit| hit.role == Role::Normal)
        .collect();
    if hits.is_empty() {
        return Finding::Broken("no breakpoint of the normal instance was hit".to_owned());
    }
    let mut faults = Vec::new();
    in_order(
        &hits,
        &[
            Point::DriverEntry,
            Point::StorPortInitialize,
            Point::FindAdapter,
            Point::Initialize,
        ],
        &mut faults,
    );
    for hit in &hits {
        match hit.arguments {
            Arguments::DriverEntry {
                driver_object,
                registry_path,
            } if driver_object == 0 || registry_path == 0 => {
                faults.push("DriverEntry of the normal instance got a NULL argument".to_owned());
            }
            Arguments::FindAdapter { dump_mode, .. } if dump_mode != 0 => faults.push(format!(
                "HwStorFindAdapter of the normal instance saw DumpMode {dump_mode}"
            )),
            _ => {}
        }
        if hit.boot != 0 && hit.point != Point::Initialize {
            faults.push(format!(
                "{} of the normal instance was called again in process {}",
                point_name(hit.point),
                hit.boot
            ));
        }
    }
    Finding::unless(&faults, sequence(&hits))
}

/// `breakpoints-mark-memory`: in every hibernation the hibernate stack's image is entered for `MARK_MEMORY`, if the driver is
/// resume capable; without that there is no boot-phase set to mark for.
pub(super) fn breakpoints_mark_memory(evidence: &Evidence<'_>) -> Finding {
    if evidence.context.cycles > 0 && !is_resume_capable(evidence.life) {
        return Finding::NotApplicable("single-phase: no marks are asked for".to_owned());
    }
    each_cycle(evidence, MARK_MEMORY)
}

/// `breakpoints-hiber`: in every hibernation it is entered for `HIBER`, and initialised.
pub(super) fn breakpoints_hiber(evidence: &Evidence<'_>) -> Finding {
    each_cycle(evidence, HIBER)
}

/// `breakpoints-resume`: after every two-phase power-on it is entered again for `RESUME`, and initialised.
pub(super) fn breakpoints_resume(evidence: &Evidence<'_>) -> Finding {
    let two_phase = evidence.report.images.iter().any(|image| image.two_phase);
    if evidence.context.cycles > 0 && !two_phase {
        return Finding::NotApplicable(
            "single-phase: nothing is left for a RESUME instance".to_owned(),
        );
    }
    each_cycle(evidence, RESUME)
}

/// Whether the dump instance says `DUMP_RESUME_CAPABLE` to `StorPortInitialize`; the debugger read it there.
pub(super) fn is_resume_capable(life: &Life) -> bool {
    life.hits().any(|hit| {
        hit.role != Role::Normal
            && matches!(hit.arguments, Arguments::StorPortInitialize { feature_support, .. }
                if feature_support & DUMP_RESUME_CAPABLE != 0)
    })
}

/// One entry of the dump image: its `DriverEntry` and the breakpoints up to the next `DriverEntry`.
struct Entry<'a> {
    cycle: u32,
    mode: Option<u8>,
    hits: Vec<&'a Hit>,
}

/// The entries of the hibernate stack's image, in order.
fn entries(life: &Life) -> Vec<Entry<'_>> {
    let mut entries: Vec<Entry<'_>> = Vec::new();
    for boot in &life.boots {
        for hit in boot.hits.iter().filter(|hit| hit.role == Role::Hiber) {
            if hit.point == Point::DriverEntry {
                entries.push(Entry {
                    cycle: cycle_at(boot, hit.after_records),
                    mode: None,
                    hits: Vec::new(),
                });
            }
            if let Some(entry) = entries.last_mut() {
                if let Arguments::FindAdapter { dump_mode, .. } = hit.arguments {
                    entry.mode = Some(dump_mode);
                }
                entry.hits.push(hit);
            }
        }
    }
    entries
}

fn each_cycle(evidence: &Evidence<'_>, mode: u8) -> Finding {
    if evidence.context.cycles == 0 {
        return Finding::NotApplicable("no hibernation was asked for".to_owned());
    }
    let entries = entries(evidence.life);
    let mut faults = Vec::new();
    let mut seen = String::new();
    for cycle in 1..=evidence.context.cycles {
        let of_mode: Vec<&Entry<'_>> = entries
            .iter()
            .filter(|entry| entry.cycle == cycle && entry.mode == Some(mode))
            .collect();
        let [entry] = of_mode.as_slice() else {
            faults.push(format!(
                "hibernation {cycle}: the image was entered {} times for {}",
                of_mode.len(),
                crate::report::names::dump_mode(mode)
            ));
            continue;
        };
        check_entry(entry, mode, &mut faults);
        if seen.is_empty() {
            seen = sequence(&entry.hits);
        }
    }
    Finding::unless(&faults, seen)
}

fn check_entry(entry: &Entry<'_>, mode: u8, faults: &mut Vec<String>) {
    let mut wanted = vec![
        Point::DriverEntry,
        Point::StorPortInitialize,
        Point::FindAdapter,
    ];
    if mode != MARK_MEMORY {
        wanted.push(Point::Initialize);
    }
    in_order(&entry.hits, &wanted, faults);
    for hit in &entry.hits {
        if let Arguments::DriverEntry {
            driver_object,
            registry_path,
        } = hit.arguments
            && (driver_object != 0 || registry_path != 0)
        {
            faults.push(format!(
                "hibernation {}: DriverEntry of the dump instance got {driver_object:#x}, {registry_path:#x} instead of NULL, NULL",
                entry.cycle
            ));
        }
    }
}

/// Demands that the points in `wanted` occur among `hits` in this order (others may stand between them).
fn in_order(hits: &[&Hit], wanted: &[Point], faults: &mut Vec<String>) {
    let mut rest = hits.iter();
    for point in wanted {
        if !rest.any(|hit| hit.point == *point) {
            faults.push(format!(
                "{} was not hit where it belongs in: {}",
                point_name(*point),
                sequence(hits)
            ));
            return;
        }
    }
}

fn sequence(hits: &[&Hit]) -> String {
    let names: Vec<&str> = hits.iter().map(|hit| point_name(hit.point)).collect();
    names.join(", ")
}

/// `dump-calls-witnessed`: the kernel's account of `DriverEntry`, `HwStorFindAdapter` and `HwStorInitialize` in the dump roles
/// is, mode by mode, that of the debugger.
pub(super) fn dump_calls_witnessed(evidence: &Evidence<'_>) -> Finding {
    if evidence.context.cycles == 0 {
        return Finding::NotApplicable("no hibernation was asked for".to_owned());
    }
    let mut faults = Vec::new();
    let mut agreed = 0;
    for boot in &evidence.life.boots {
        for point in [Point::DriverEntry, Point::FindAdapter, Point::Initialize] {
            let told = told_calls(boot, point_name(point));
            let seen = boot
                .hits
                .iter()
                .filter(|hit| hit.role != Role::Normal && hit.point == point)
                .count();
            if told == seen {
                agreed += seen;
            } else {
                faults.push(format!(
                    "process {}: the kernel reported {told} calls of {} in dump roles, the debugger saw {seen}",
                    boot.number,
                    point_name(point)
                ));
            }
        }
    }
    if agreed == 0 {
        faults.push("no call of the driver in a dump role was seen".to_owned());
    }
    Finding::unless(&faults, format!("{agreed} calls seen by both witnesses"))
}

fn told_calls(boot: &Boot, name: &str) -> usize {
    boot.records
        .iter()
        .filter(|record| matches!(record, Record::DumpCall { routine, .. } if routine == name))
        .count()
}

/// `find-adapter-once`: in each life of the normal instance, from its load to its removal, `HwStorFindAdapter` ran once; it
/// came back from every hibernation, stop and sleep without a second one.
pub(super) fn find_adapter_once(evidence: &Evidence<'_>) -> Finding {
    // A run removes the driver once and loads it again; lives in which a call fails may end earlier.
    let is_run = evidence.context.cycles == 0
        && evidence.context.crash.is_none()
        && evidence.context.setup.options.stress.is_none();
    let full = if is_run { 2 } else { 1 };
    let short = evidence
        .life
        .records()
        .filter(|record| matches!(record, Record::StepBegin { name } if name == EXHAUST_STEP))
        .count();
    let wanted = full + short;
    let mut lives: Vec<usize> = Vec::new();
    for hit in evidence.life.hits().filter(|hit| hit.role == Role::Normal) {
        match hit.point {
            Point::DriverEntry => lives.push(0),
            Point::FindAdapter => match lives.last_mut() {
                Some(calls) => *calls += 1,
                None => lives.push(1),
            },
            _ => {}
        }
    }
    let once = lives.iter().take(full).all(|calls| *calls == 1)
        && lives.iter().skip(full).all(|calls| *calls <= 1);
    if lives.len() == wanted && once {
        Finding::Holds(format!(
            "HwStorFindAdapter of the normal instance ran once in each of {full} lives, and at most once in {short} others"
        ))
    } else {
        Finding::Broken(format!(
            "HwStorFindAdapter of the normal instance ran {lives:?} times in its lives, of which {wanted} were to be"
        ))
    }
}
