//! The marks: witnessed by the debugger, made on the instance's own memory, exact, and enough for RESUME.

use proto::{
    hiber::PAGE_BYTES,
    owner::{Owner, Role},
    record::{Mark, PhysicalRange, Record},
};

use super::{Evidence, Finding, total};
use crate::{
    compare::{
        memory::{first_page_of, maps_of_cycle},
        ranges::Ranges,
    },
    report::{
        gather::{calls::pair_marks, cycle_at, records},
        names::{dump_mode, owner_name},
    },
    session::life::{Arguments, Boot, Hit, Point},
};

/// Most noncached memory that a miniport may ask for in dump mode (Windows driver documentation, "Restrictions on Miniport
/// Drivers that Manage the Boot Drive").
const DOCUMENTED_LIMIT_BYTES: u64 = 32 * 1024;
/// The ceiling that this repository's driver sets itself.
const OWN_LIMIT_BYTES: u64 = 16 * 1024;
const HIBER: u8 = 2;
const MARK_MEMORY: u8 = 3;
const RESUME: u8 = 4;

/// `marks-witnessed`: every mark that the kernel reported was seen by the debugger with the same arguments and the same
/// caller, and none was seen that the kernel did not report.
pub(super) fn marks_witnessed(evidence: &Evidence<'_>) -> Finding {
    let mut faults = Vec::new();
    let mut agreed = 0;
    for boot in &evidence.life.boots {
        let pairs = pair_marks(boot);
        for (_, mark, hit) in &pairs {
            if hit.is_some() {
                agreed += 1;
            } else {
                faults.push(format!(
                    "process {}: the debugger did not see {}",
                    boot.number,
                    describe(mark)
                ));
            }
        }
        let seen = mark_hits(boot).count();
        if seen > pairs.len() {
            faults.push(format!(
                "process {}: the debugger saw {seen} calls of StorPortMarkDumpMemory, the kernel reported {}",
                boot.number,
                pairs.len()
            ));
        }
    }
    if agreed == 0 && faults.is_empty() {
        return Finding::NotApplicable("the driver marked nothing".to_owned());
    }
    Finding::unless(&faults, format!("{agreed} calls, equal in both accounts"))
}

/// `marks-accepted`: every call returned `STOR_STATUS_SUCCESS`.
pub(super) fn marks_accepted(evidence: &Evidence<'_>) -> Finding {
    let faults: Vec<String> = all_marks(evidence)
        .filter(|(_, mark)| mark.status != 0)
        .map(|(_, mark)| format!("{} returned {:#x}", describe(mark), mark.status))
        .collect();
    let count = all_marks(evidence).count();
    if count == 0 {
        return Finding::NotApplicable("the driver marked nothing".to_owned());
    }
    Finding::unless(&faults, format!("{count} calls succeeded"))
}

/// `marks-cover-context`: in `MARK_MEMORY` and in `HIBER`, the context whose address the debugger read from `ConfigInfo` in
/// `HwStorFindAdapter` was marked by the calls that followed.
pub(super) fn marks_cover_context(evidence: &Evidence<'_>) -> Finding {
    if evidence.context.cycles == 0 {
        return Finding::NotApplicable("no hibernation was asked for".to_owned());
    }
    let mut faults = Vec::new();
    let mut covered = 0;
    for boot in &evidence.life.boots {
        let hits: Vec<&Hit> = boot
            .hits
            .iter()
            .filter(|hit| hit.role != Role::Normal)
            .collect();
        for (index, hit) in hits.iter().enumerate() {
            let Arguments::FindAdapter {
                dump_mode: mode,
                dump_data,
                ..
            } = hit.arguments
            else {
                continue;
            };
            if !matches!(mode, HIBER | MARK_MEMORY) {
                continue;
            }
            if dump_data == 0 {
                if evidence.context.setup.driver.own {
                    faults.push(format!(
                        "no context was handed to the instance in {}",
                        dump_mode(mode)
                    ));
                }
                continue;
            }
            let marked = hits
                .iter()
                .skip(index + 1)
                .take_while(|later| !matches!(later.point, Point::DriverEntry | Point::FindAdapter))
                .any(|later| covers_virtual(later, dump_data));
            if marked {
                covered += 1;
            } else {
                faults.push(format!(
                    "process {}: the context at {dump_data:#x} was not marked in {}",
                    boot.number,
                    dump_mode(mode)
                ));
            }
        }
    }
    if covered == 0 && faults.is_empty() {
        return Finding::NotApplicable("no context was handed to a dump instance".to_owned());
    }
    Finding::unless(&faults, format!("marked {covered} times"))
}

fn covers_virtual(hit: &Hit, wanted: u64) -> bool {
    matches!(
        hit.arguments,
        Arguments::MarkDumpMemory { address, length, flags: 0, .. }
            if wanted >= address && wanted - address < length
    )
}

/// `marks-own-memory`: by the owner map, no byte was marked that is not the instance's own.
pub(super) fn marks_own_memory(evidence: &Evidence<'_>) -> Finding {
    let mut faults = Vec::new();
    let mut count = 0_u64;
    let mut map = (0, Vec::new());
    for (cycle, mark) in all_marks(evidence) {
        if map.0 != cycle {
            map = (cycle, maps_of_cycle(evidence.life, cycle).owners);
        }
        count += 1;
        for span in Ranges::of(&mark.covers).spans() {
            let is_foreign =
                |owner: Option<Owner>| !owner.is_some_and(|owner| is_own(owner, mark.role));
            if let Some((page, owner)) = first_page_of(&map.1, *span, is_foreign) {
                faults.push(format!(
                    "{} covers page {page:#x}, whose owner is {}",
                    describe(mark),
                    owner.map_or_else(|| "nobody".to_owned(), owner_name)
                ));
            }
        }
    }
    if count == 0 {
        return Finding::NotApplicable("the driver marked nothing".to_owned());
    }
    Finding::unless(
        &faults,
        format!("{count} marks on the instance's own memory"),
    )
}

/// Whether memory of this owner is an instance's own: its image, its extensions, its requests, the blocks that the port
/// driver set up for it, and the context that the normal instance left for it.
fn is_own(owner: Owner, role: Role) -> bool {
    match owner {
        Owner::Image(of)
        | Owner::DeviceExtension(of)
        | Owner::UncachedExtension(of)
        | Owner::Request(of)
        | Owner::Pool(of)
        | Owner::DumpPort(of) => of == role,
        Owner::DumpContext(_) => true,
        _ => false,
    }
}

/// `marks-exact`: a mark by physical address covers exactly its range; one by virtual address as many bytes as it says,
/// beginning at the same offset in the page.
pub(super) fn marks_exact(evidence: &Evidence<'_>) -> Finding {
    let mut faults = Vec::new();
    let mut count = 0_u64;
    for (_, mark) in all_marks(evidence).filter(|(_, mark)| mark.status == 0) {
        count += 1;
        let covers = Ranges::of(&mark.covers);
        let bytes = total(mark.covers.iter().map(|range| range.bytes));
        let wrong = match (mark.flags, mark.length) {
            (1, length) => {
                covers
                    != Ranges::of(&[PhysicalRange {
                        address: mark.address,
                        bytes: length,
                    }])
            }
            (_, 0) => bytes == 0,
            (_, length) => {
                let first = mark.covers.first().map(|range| range.address % PAGE_BYTES);
                bytes != length || first != Some(mark.address % PAGE_BYTES)
            }
        };
        if wrong {
            faults.push(format!("{} covers {}", describe(mark), covers.describe(3)));
        }
    }
    if count == 0 {
        return Finding::NotApplicable("the driver marked nothing".to_owned());
    }
    Finding::unless(
        &faults,
        format!("{count} marks cover exactly what they say"),
    )
}

/// `dump-memory-covered`: whatever the device was given by the dump instance is marked or the port driver's, and what the
/// kernel calls marked follows from the single calls.
pub(super) fn dump_memory_covered(evidence: &Evidence<'_>) -> Finding {
    if evidence.context.cycles == 0 {
        return Finding::NotApplicable("no hibernation was asked for".to_owned());
    }
    let mut faults = Vec::new();
    let mut seen_bytes = 0;
    for (_, cycle, record) in records(evidence.life) {
        let Record::DumpMemory {
            dump_mode: mode,
            marked,
            port_owned,
            device_seen,
        } = record
        else {
            continue;
        };
        let marked = Ranges::of(marked);
        let told = Ranges::of(
            all_marks(evidence)
                .filter(|(of, mark)| *of == cycle && mark.status == 0 && mark.role == Role::Hiber)
                .flat_map(|(_, mark)| &mark.covers),
        );
        let invented = marked.minus(&told);
        if !invented.is_empty() {
            faults.push(format!(
                "hibernation {cycle}: no call marked {}",
                invented.describe(3)
            ));
        }
        let seen = Ranges::of(device_seen);
        seen_bytes = seen.bytes().saturating_add(seen_bytes);
        let uncovered = seen.minus(&marked.union(&Ranges::of(port_owned)));
        if !uncovered.is_empty() {
            faults.push(format!(
                "hibernation {cycle}, {}: the device uses {}, which is neither marked nor the port driver's",
                dump_mode(*mode),
                uncovered.describe(3)
            ));
        }
    }
    faults.extend(unseen_modes(evidence));
    Finding::unless(
        &faults,
        format!("{seen_bytes} bytes seen by the device are covered"),
    )
}

/// Hibernations of a virtio HBA in which the witness saw no queue at all.
fn unseen_modes(evidence: &Evidence<'_>) -> Vec<String> {
    let virtio = evidence
        .report
        .device
        .as_ref()
        .is_some_and(|device| device.ids.starts_with("1af4:"));
    if !virtio {
        return Vec::new();
    }
    let mut faults = Vec::new();
    for image in &evidence.report.images {
        let wanted: &[u8] = if image.two_phase {
            &[HIBER, RESUME]
        } else {
            &[HIBER]
        };
        for mode in wanted {
            let seen = records(evidence.life).any(|(_, cycle, record)| {
                cycle == image.cycle
                    && matches!(record, Record::DumpMemory { dump_mode, device_seen, .. }
                        if dump_mode == mode && !device_seen.is_empty())
            });
            if !seen {
                faults.push(format!(
                    "hibernation {}: no queue of the {} instance was looked at",
                    image.cycle,
                    dump_mode(*mode)
                ));
            }
        }
    }
    faults
}

/// `dump-memory-limit`: the noncached memory of the dump instance is within the documented ceiling, and that of this
/// repository's driver within its own.
pub(super) fn dump_memory_limit(evidence: &Evidence<'_>) -> Finding {
    if evidence.context.cycles == 0 {
        return Finding::NotApplicable("no hibernation was asked for".to_owned());
    }
    let bytes = evidence.report.dump_memory_bytes;
    let limit = if evidence.context.setup.driver.own {
        OWN_LIMIT_BYTES
    } else {
        DOCUMENTED_LIMIT_BYTES
    };
    let text = format!("{bytes} bytes of {limit}");
    if bytes == 0 {
        Finding::Broken("the dump instance never declared its memory".to_owned())
    } else if bytes <= limit {
        Finding::Holds(text)
    } else {
        Finding::Broken(text)
    }
}

fn all_marks<'a>(evidence: &Evidence<'a>) -> impl Iterator<Item = (u32, &'a Mark)> + use<'a> {
    evidence.life.boots.iter().flat_map(|boot| {
        boot.records
            .iter()
            .enumerate()
            .filter_map(move |(index, record)| match record {
                Record::Mark(mark) => Some((cycle_at(boot, index), mark)),
                _ => None,
            })
    })
}

fn mark_hits(boot: &Boot) -> impl Iterator<Item = &Hit> {
    boot.hits
        .iter()
        .filter(|hit| hit.point == Point::MarkDumpMemory)
}

fn describe(mark: &Mark) -> String {
    format!(
        "the mark of {:#x}, {} bytes, flags {:#x} in {}",
        mark.address,
        mark.length,
        mark.flags,
        dump_mode(mark.dump_mode)
    )
}
