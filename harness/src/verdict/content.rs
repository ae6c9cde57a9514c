//! Memory, image, disk and requests: is what must survive still there, and is everything accounted for?

use proto::{
    hiber::{ImageState, PAGE_BYTES},
    owner::{Owner, Role},
    record::{Checkpoint, Record, StressAction},
    scenario::RESET_STRETCH,
};

use super::{Evidence, Finding, calls::is_resume_capable, total};
use crate::{
    compare::{
        disk::DiskCompare,
        memory::{first_page_of, is_compared, maps_of_cycle},
    },
    report::{gather::stress as gather, names::owner_name},
};

/// First page frame above 4 GiB.
const PFN_4GIB: u64 = 1 << 20;
/// Most volatile bytes of a hibernation. The kernel's own stacks, its shadow copies and the dump port's blocks are well below.
const VOLATILE_LIMIT_BYTES: u64 = 16 << 20;
/// How the name of a stretch of I/O says that it was in flight when the hibernation began.
const IN_FLIGHT: &str = "in flight";

/// `two-phase`: a driver that says `DUMP_RESUME_CAPABLE` to `StorPortInitialize` (the debugger read it there) had its image
/// written in two sets and read the second one itself.
pub(super) fn two_phase(evidence: &Evidence<'_>) -> Finding {
    if evidence.context.cycles == 0 {
        return Finding::NotApplicable("no hibernation was asked for".to_owned());
    }
    if !is_resume_capable(evidence.life) {
        let text = "single-phase: the driver does not set DUMP_RESUME_CAPABLE".to_owned();
        return if evidence.context.setup.driver.own {
            Finding::Broken(text)
        } else {
            Finding::NotApplicable(text)
        };
    }
    let mut faults = Vec::new();
    for image in &evidence.report.images {
        if !image.two_phase || image.kernel_pages == 0 {
            faults.push(format!(
                "hibernation {}: single-phase although the driver is resume capable",
                image.cycle
            ));
        } else if image.read_requests == 0 {
            faults.push(format!(
                "hibernation {}: the RESUME instance read nothing",
                image.cycle
            ));
        }
    }
    let pages = evidence
        .report
        .images
        .last()
        .map_or((0, 0), |image| (image.boot_pages, image.kernel_pages));
    if evidence.report.images.is_empty() {
        faults.push("no image was written".to_owned());
    }
    Finding::unless(
        &faults,
        format!(
            "{} boot-phase pages, {} kernel-phase pages",
            pages.0, pages.1
        ),
    )
}

/// `image-on-disk`: after each S4 the host found a complete image on the disk, all checksums right, with as many pages as the
/// kernel says it wrote.
pub(super) fn image_on_disk(evidence: &Evidence<'_>) -> Finding {
    if evidence.context.cycles == 0 {
        return Finding::NotApplicable("no hibernation was asked for".to_owned());
    }
    let mut faults = Vec::new();
    for cycle in 1..=evidence.context.cycles {
        let boot = evidence
            .life
            .boots
            .iter()
            .find(|boot| boot.number + 1 == cycle);
        let Some(found) = boot.and_then(|boot| boot.image) else {
            faults.push(format!(
                "hibernation {cycle}: the host found no image on the disk"
            ));
            continue;
        };
        let header = found.header;
        if ImageState::from_raw(header.state) != ImageState::Ready
            || header.cycle != u64::from(cycle)
        {
            faults.push(format!(
                "hibernation {cycle}: the header is of hibernation {} in state {:?}",
                header.cycle,
                ImageState::from_raw(header.state)
            ));
        }
        let verified = (found.boot_pages_verified, found.kernel_pages_verified);
        let on_disk = (header.boot_pages, header.kernel_pages);
        let told = evidence
            .report
            .images
            .iter()
            .find(|image| image.cycle == cycle)
            .map(|image| (image.boot_pages, image.kernel_pages));
        if verified != on_disk || told != Some(on_disk) {
            faults.push(format!(
                "hibernation {cycle}: {on_disk:?} pages by the header, {verified:?} verified by the host, {told:?} by the kernel"
            ));
        }
    }
    Finding::unless(
        &faults,
        format!("{} bytes in the last one", evidence.report.image_bytes),
    )
}

/// `memory-compared`: both copies of memory exist for every hibernation, and no page in use is missing from them.
pub(super) fn memory_compared(evidence: &Evidence<'_>) -> Finding {
    if evidence.context.cycles == 0 {
        return Finding::NotApplicable("no hibernation was asked for".to_owned());
    }
    let mut faults = Vec::new();
    let mut pages = 0;
    for cycle in 1..=evidence.context.cycles {
        let Some(compare) = evidence
            .context
            .memory
            .iter()
            .find(|one| one.cycle == cycle)
        else {
            faults.push(format!("hibernation {cycle}: memory was not compared"));
            continue;
        };
        pages = compare.pages_compared;
        if compare.pages_missing > 0 {
            faults.push(format!(
                "hibernation {cycle}: {} pages are missing from a copy",
                compare.pages_missing
            ));
        }
        let image = evidence
            .report
            .images
            .iter()
            .find(|image| image.cycle == cycle);
        // What the RESUME instance reads is used by nothing before, so none of it may be left out. The boot-phase set
        // holds the bench's own working memory as well.
        let least = image.map_or(0, |image| image.kernel_pages).max(1);
        if compare.pages_compared < least {
            faults.push(format!(
                "hibernation {cycle}: {} pages were compared, at least {least} have to be",
                compare.pages_compared
            ));
        }
    }
    Finding::unless(&faults, format!("{pages} pages in the last hibernation"))
}

/// `memory-equal`: no byte differs.
pub(super) fn memory_equal(evidence: &Evidence<'_>) -> Finding {
    if evidence.context.cycles == 0 {
        return Finding::NotApplicable("no hibernation was asked for".to_owned());
    }
    let mut faults = Vec::new();
    let mut bytes = 0;
    for compare in &evidence.context.memory {
        bytes += compare.bytes_compared;
        if compare.bytes_different > 0 {
            let place = compare
                .differences
                .first()
                .map_or_else(String::new, |first| {
                    format!(
                        ", first at page {:#x} offset {:#x} ({}): {:#04x} became {:#04x}",
                        first.page.0, first.offset, first.owner, first.before, first.after
                    )
                });
            faults.push(format!(
                "hibernation {}: {} bytes differ{place}",
                compare.cycle, compare.bytes_different
            ));
        }
    }
    if bytes == 0 && faults.is_empty() {
        faults.push("not a byte was compared".to_owned());
    }
    Finding::unless(&faults, format!("{bytes} bytes equal"))
}

/// `memory-volatile-bounded`: what is left out of the comparison belongs to the bench kernel or to the hibernate stack, is
/// small, and each range has a reason.
pub(super) fn memory_volatile_bounded(evidence: &Evidence<'_>) -> Finding {
    if evidence.context.cycles == 0 {
        return Finding::NotApplicable("no hibernation was asked for".to_owned());
    }
    let mut faults = Vec::new();
    for compare in &evidence.context.memory {
        if compare.bytes_volatile > VOLATILE_LIMIT_BYTES {
            faults.push(format!(
                "hibernation {}: {} bytes were left out, more than {VOLATILE_LIMIT_BYTES}",
                compare.cycle, compare.bytes_volatile
            ));
        }
        let maps = maps_of_cycle(evidence.life, compare.cycle);
        for (range, reason) in &maps.volatile {
            if reason.trim().is_empty() {
                faults.push(format!("{:#x} is volatile without a reason", range.address));
            }
            let end = range.address.saturating_add(range.bytes);
            let foreign = first_page_of(&maps.owners, (range.address, end), must_survive);
            if let Some((_, Some(owner))) = foreign {
                faults.push(format!(
                    "{:#x} ({reason}) was left out although its owner is {}",
                    range.address,
                    owner_name(owner)
                ));
            }
        }
    }
    let bytes = evidence
        .context
        .memory
        .last()
        .map_or(0, |one| one.bytes_volatile);
    Finding::unless(
        &faults,
        format!("{bytes} bytes left out in the last hibernation"),
    )
}

/// The owner of `page` if no byte of it may be left out: everything that stands for the machine's programs and for the
/// normal instance of the driver.
const fn must_survive(owner: Option<Owner>) -> bool {
    matches!(
        owner,
        Some(
            Owner::Workload
                | Owner::DataBuffer
                | Owner::KernelText
                | Owner::Image(Role::Normal | Role::Crash)
                | Owner::DeviceExtension(Role::Normal | Role::Crash)
                | Owner::UncachedExtension(Role::Normal | Role::Crash)
                | Owner::Request(Role::Normal | Role::Crash)
                | Owner::Pool(_)
                | Owner::DumpContext(_)
        )
    )
}

/// `disk-equal`: the data partition holds what the workload wrote, and nothing else was written there. Sectors of writes that
/// a surprise removal cut off hold the old content or the new.
pub(super) fn disk_equal(evidence: &Evidence<'_>) -> Finding {
    let Some(disk) = &evidence.report.disk_compare else {
        return Finding::Broken("the disk was not compared: the life ended before".to_owned());
    };
    let mut faults = Vec::new();
    let to_be_written = !is_short_stress(evidence);
    if to_be_written && disk.ranges_checked == 0 {
        faults.push("the workload reported nothing as written".to_owned());
    }
    content_faults(disk, "", &mut faults);
    for other in &evidence.report.other_disks {
        let of_unit = format!("unit {}: ", other.unit);
        content_faults(&other.compare, &of_unit, &mut faults);
        if to_be_written && other.addressable && other.compare.ranges_checked == 0 {
            faults.push(format!("{of_unit}the workload wrote nothing"));
        }
    }
    let others = evidence.report.other_disks.len();
    if others + 1 != evidence.context.setup.options.disks {
        faults.push(format!("{} disks were compared", others + 1));
    }
    Finding::unless(
        &faults,
        format!(
            "{} bytes in {} stretches as written, {} bytes untouched, {others} other disks{}",
            disk.bytes_checked,
            disk.ranges_checked,
            disk.bytes_unwritten,
            if disk.cut_off_sectors > 0 {
                format!(
                    ", {} of {} sectors written by what was cut off",
                    disk.cut_off_sectors_written, disk.cut_off_sectors
                )
            } else {
                String::new()
            }
        ),
    )
}

/// A stress run that ends before its first turn may leave disks unwritten.
fn is_short_stress(evidence: &Evidence<'_>) -> bool {
    evidence.context.setup.options.stress.is_some()
        && gather::rounds(evidence.life).len() < StressAction::ROUNDS_OF_A_TURN
}

/// Stretches that are not as written, and bytes that nobody wrote; `of_unit` goes before each text.
fn content_faults(disk: &DiskCompare, of_unit: &str, faults: &mut Vec<String>) {
    if let Some(first) = disk.wrong.first() {
        faults.push(format!(
            "{of_unit}{} of {} written stretches hold something else, the first at sector {}",
            disk.ranges_wrong, disk.ranges_checked, first.first_lba
        ));
    }
    if let Some(first) = disk.first_unwritten_change {
        faults.push(format!(
            "{of_unit}{} bytes that nobody wrote have changed, the first at byte {:#x} of the disk",
            disk.bytes_unwritten_changed, first.0
        ));
    }
}

/// `disk-outside-untouched`: partition tables and everything else outside of the two partitions are as before.
pub(super) fn disk_outside_untouched(evidence: &Evidence<'_>) -> Finding {
    let Some(disk) = &evidence.report.disk_compare else {
        return Finding::Broken("the disk was not compared: the life ended before".to_owned());
    };
    let mut faults = Vec::new();
    if !disk.partition_tables_intact {
        faults.push("the partition tables are damaged".to_owned());
    }
    if !disk.outside_unchanged {
        faults.push("bytes outside of the two partitions have changed".to_owned());
    }
    Finding::unless(&faults, format!("{} bytes unchanged", disk.bytes_outside))
}

/// `disk-left-alone`: a resume that was refused or that stopped half-way did not write to the disk.
pub(super) fn disk_left_alone(evidence: &Evidence<'_>) -> Finding {
    let stopped = evidence.life.boots.last().is_some_and(|boot| {
        boot.number > 0
            && !boot.records.iter().any(|record| {
                matches!(
                    record,
                    Record::Checkpoint {
                        checkpoint: Checkpoint::Resumed
                    }
                )
            })
    });
    if !stopped {
        return Finding::NotApplicable("no resume was refused".to_owned());
    }
    match evidence.context.disk_left_alone {
        Some(true) => Finding::Holds("the resume stopped and wrote nothing".to_owned()),
        Some(false) => Finding::Broken("the resume stopped, but the disk has changed".to_owned()),
        None => Finding::Broken("the resume stopped, and nobody looked at the disk".to_owned()),
    }
}

/// `io-verified`: data was read back and equal, before every hibernation and after the last one, and no request failed.
pub(super) fn io_verified(evidence: &Evidence<'_>) -> Finding {
    let mut faults = Vec::new();
    let mut verified = 0;
    for io in &evidence.report.io {
        verified = io.bytes_verified.saturating_add(verified);
        if io.bytes_wrong > 0 || io.errors > 0 {
            faults.push(format!(
                "{} (hibernation {}): {} bytes wrong, {} requests failed",
                io.name, io.cycle, io.bytes_wrong, io.errors
            ));
        }
    }
    for cycle in 1..=evidence.context.cycles + 1 {
        let any = evidence
            .report
            .io
            .iter()
            .any(|io| io.cycle == cycle && io.bytes_verified > 0);
        if !any && (cycle > 1 || evidence.context.cycles > 0) {
            faults.push(format!(
                "no data was verified {}",
                if cycle > evidence.context.cycles {
                    "after the last resume".to_owned()
                } else {
                    format!("before hibernation {cycle}")
                }
            ));
        }
    }
    if verified == 0 && faults.is_empty() {
        faults.push("no data was verified".to_owned());
    }
    Finding::unless(&faults, format!("{verified} bytes verified by the guest"))
}

/// `in-flight-accounted`: when a hibernation began, requests really were at the miniport and others were kept back, and all
/// of them ended, and well. A miniport of another kind may complete what it is given at once.
pub(super) fn in_flight_accounted(evidence: &Evidence<'_>) -> Finding {
    let (cycles, asked) = (
        evidence.context.cycles,
        u64::from(evidence.context.in_flight),
    );
    if cycles == 0 || asked == 0 {
        return Finding::NotApplicable("no requests were to be in flight".to_owned());
    }
    let stretches: Vec<_> = evidence
        .report
        .io
        .iter()
        .filter(|io| io.name.contains(IN_FLIGHT) && io.name != RESET_STRETCH)
        .collect();
    let mut faults = Vec::new();
    if stretches.len() != cycles as usize {
        faults.push(format!(
            "{} accounts of requests in flight for {cycles} hibernations",
            stretches.len()
        ));
    }
    for io in &stretches {
        let ended = total([io.reads, io.writes, io.others]);
        if ended != asked || io.errors > 0 {
            faults.push(format!(
                "{ended} of {asked} requests in flight ended, {} with an error",
                io.errors
            ));
        }
    }
    let must_have_some = evidence.context.setup.driver.own || is_resume_capable(evidence.life);
    let mut least: Option<(u32, u32)> = None;
    for cycle in 1..=cycles {
        let Some(account) = evidence
            .report
            .in_flight
            .iter()
            .find(|account| account.cycle == cycle)
        else {
            faults.push(format!(
                "hibernation {cycle}: nobody counted the requests when the queues were held"
            ));
            continue;
        };
        let (at_miniport, kept_back) = (account.at_miniport, account.kept_back);
        if must_have_some && (at_miniport == 0 || kept_back == 0) {
            faults.push(format!(
                "hibernation {cycle} began with {at_miniport} requests at the miniport and {kept_back} kept back"
            ));
        }
        least = Some(least.map_or((at_miniport, kept_back), |(miniport, kept)| {
            (miniport.min(at_miniport), kept.min(kept_back))
        }));
    }
    let (at_miniport, kept_back) = least.unwrap_or_default();
    Finding::unless(
        &faults,
        format!(
            "{asked} requests in each of {cycles} hibernations, at least {at_miniport} at the miniport and {kept_back} kept back"
        ),
    )
}

/// `above-4gib-used`: with RAM above 4 GiB, data went there by DMA and pages of the image lie there.
pub(super) fn above_4gib_used(evidence: &Evidence<'_>) -> Finding {
    let there = evidence.life.records().any(|record| match record {
        Record::Hello { ram, .. } => ram
            .iter()
            .any(|range| range.address.saturating_add(range.bytes) > PFN_4GIB * PAGE_BYTES),
        _ => false,
    });
    if !there {
        return Finding::NotApplicable("all RAM lies below 4 GiB".to_owned());
    }
    let requests = total(evidence.report.io.iter().map(|io| io.above_4gib));
    let mut faults = Vec::new();
    if requests == 0 {
        faults.push("no request had a buffer above 4 GiB".to_owned());
    }
    let hibernated = evidence.life.records().any(|record| {
        matches!(
            record,
            Record::Checkpoint {
                checkpoint: Checkpoint::Freeze
            }
        )
    });
    let maps = maps_of_cycle(evidence.life, 1);
    let high = maps
        .owners
        .iter()
        .filter(|run| is_compared(run.owner) && run.first_pfn >= PFN_4GIB);
    let pages = total(high.map(|run| run.pages));
    if hibernated && pages == 0 {
        faults.push("no page of the image lies above 4 GiB".to_owned());
    }
    Finding::unless(
        &faults,
        format!("{requests} requests and {pages} pages above 4 GiB"),
    )
}
