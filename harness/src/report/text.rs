//! The report for people: sections from what ran to the verdict, the verdict last, because a terminal shows the end.

use std::fmt::Write as _;

use super::{Adapter, Breakpoint, Image, InFlight, Io, MarkCall, Outcome, Report, Rule};

/// Violations printed in full.
const SHOWN_VIOLATIONS: usize = 8;
/// Lines of a violation's trace.
const SHOWN_TRACE: usize = 6;

impl Report {
    /// The whole report as text, with a line end after the last line.
    #[must_use]
    pub fn render(&self) -> String {
        let mut out = String::new();
        setup(&mut out, self);
        device(&mut out, self);
        requests(&mut out, &self.io);
        in_flight(&mut out, &self.in_flight);
        if let Some(rounds) = &self.stress {
            stress::section(&mut out, rounds);
        }
        marks(&mut out, self);
        breakpoints(&mut out, self);
        images(&mut out, &self.images);
        comparisons(&mut out, self);
        crash::section(&mut out, self);
        steps::steps(&mut out, &self.steps);
        rules(&mut out, self);
        violations(&mut out, self);
        checks(&mut out, self);
        out
    }
}

/// Appends a line; writing to a string cannot fail.
macro_rules! line {
    ($out:expr) => { $out.push('\n') };
    ($out:expr, $($words:tt)*) => {{ let _ = writeln!($out, $($words)*); }};
}

mod crash;
mod steps;
mod stress;

fn setup(out: &mut String, report: &Report) {
    let setup = &report.setup;
    let options = &setup.options;
    let symbols = if setup.driver.symbols {
        "with PDB"
    } else {
        "without PDB"
    };
    line!(
        out,
        "driver     {}, {} bytes, {symbols}",
        setup.driver.name,
        setup.driver.bytes
    );
    line!(out, "build      {}", setup.build_route);
    line!(
        out,
        "machine    {}, {} MiB, sectors of {} bytes, seed {:#x}",
        options.machine,
        options.memory_mib,
        options.sector_bytes,
        options.seed
    );
    if options.processors > 1 {
        line!(
            out,
            "processors {}, at the same time: instructions are not counted",
            options.processors
        );
    }
}

fn device(out: &mut String, report: &Report) {
    if let Some(device) = &report.device {
        let interrupts = match device.messages {
            0 => "line interrupt".to_owned(),
            1 => "1 message".to_owned(),
            more => format!("{more} messages"),
        };
        line!(
            out,
            "device     {} at {}, {} queues, request queue of {} entries, {interrupts}",
            device.ids,
            device.location,
            device.queues,
            device.queue_entries
        );
        line!(out, "  offers   {}", device.offered_features.join(" "));
        line!(out, "  accepted {}", device.accepted_features.join(" "));
    }
    for unit in &report.units {
        line!(
            out,
            "unit       {} {}, {} sectors of {} bytes",
            unit.address,
            unit.name,
            unit.sectors,
            unit.sector_bytes
        );
    }
    let mut shown: Vec<(&str, &str)> = Vec::new();
    for adapter in &report.adapter {
        let key = (adapter.role, adapter.dump_mode.as_str());
        if !shown.contains(&key) {
            shown.push(key);
            adapter_line(out, adapter);
        }
    }
}

fn adapter_line(out: &mut String, adapter: &Adapter) {
    line!(
        out,
        "instance   {} {}: transfers up to {} KiB in {} pieces; device extension {}, uncached extension {}, SRB extension {} bytes",
        adapter.role,
        adapter.dump_mode,
        adapter.maximum_transfer_bytes / 1024,
        adapter.physical_breaks,
        adapter.device_extension_bytes,
        adapter.uncached_extension_bytes,
        adapter.srb_extension_bytes
    );
    line!(out, "  features {}", adapter.feature_support.join(" "));
}

fn in_flight(out: &mut String, accounts: &[InFlight]) {
    for account in accounts {
        line!(
            out,
            "  hibernation {} began with {} requests at the miniport and {} kept back",
            account.cycle,
            account.at_miniport,
            account.kept_back
        );
    }
}

fn requests(out: &mut String, io: &[Io]) {
    line!(out);
    line!(out, "requests done");
    for io in io {
        line!(
            out,
            "  {:<28} {} writes ({} KiB), {} reads ({} KiB), {} others; {} KiB verified, {} bytes wrong, {} errors; {} interrupts, {} at a time{}",
            format!("{} [{}]", io.name, io.cycle),
            io.writes,
            io.bytes_written / 1024,
            io.reads,
            io.bytes_read / 1024,
            io.others,
            io.bytes_verified / 1024,
            io.bytes_wrong,
            io.errors,
            io.interrupts,
            io.peak_in_flight,
            if io.above_4gib > 0 {
                format!(", {} above 4 GiB", io.above_4gib)
            } else {
                String::new()
            }
        );
    }
}

fn marks(out: &mut String, report: &Report) {
    line!(out);
    line!(out, "StorPortMarkDumpMemory");
    let first: Vec<&MarkCall> = report.marks.iter().filter(|mark| mark.cycle == 1).collect();
    if first.is_empty() {
        line!(out, "  never called");
    }
    for mark in &first {
        line!(
            out,
            "  {:<11} address {:#018x} length {:<6} {:<8} by {}{}",
            mark.dump_mode,
            mark.address.0,
            mark.length,
            mark.flags,
            mark.caller,
            if mark.witnessed {
                ""
            } else {
                "  (NOT seen by the debugger)"
            }
        );
        line!(
            out,
            "              {} in {} range{}, status {:#x}",
            mark.owner,
            mark.covers.len(),
            if mark.covers.len() == 1 { "" } else { "s" },
            mark.status.0
        );
    }
    rest(out, report.marks.len() - first.len(), "calls");
    if report.dump_memory_bytes > 0 {
        line!(
            out,
            "  noncached memory of the dump instance: {} bytes",
            report.dump_memory_bytes
        );
    }
}

fn breakpoints(out: &mut String, report: &Report) {
    line!(out);
    line!(out, "breakpoints hit");
    let first: Vec<&Breakpoint> = report
        .breakpoints
        .iter()
        .filter(|hit| hit.cycle == 1)
        .collect();
    for hit in &first {
        let arguments: Vec<String> = hit
            .arguments
            .iter()
            .map(|argument| format!("{}={:#x}", argument.name, argument.value.0))
            .collect();
        line!(
            out,
            "  boot {} {:<6} {:<22} {:#018x} {} ({})",
            hit.boot,
            hit.role,
            hit.routine,
            hit.address.0,
            hit.symbol.as_deref().unwrap_or("-"),
            arguments.join(", ")
        );
    }
    rest(out, report.breakpoints.len() - first.len(), "hits");
}

/// What the later hibernations add is in the data, not on the screen.
fn rest(out: &mut String, count: usize, what: &str) {
    if count > 0 {
        line!(
            out,
            "  and {count} {what} of later hibernations (--json FILE lists them)"
        );
    }
}

fn images(out: &mut String, images: &[Image]) {
    if images.is_empty() {
        return;
    }
    line!(out);
    line!(out, "hibernation images");
    for image in images {
        let phases = if image.two_phase {
            "two phases"
        } else {
            "a single phase"
        };
        line!(
            out,
            "  {}: {phases}; boot {} pages ({} bytes), kernel {} pages ({} bytes); {} bytes on the disk, {} pages verified by the host",
            image.cycle,
            image.boot_pages,
            image.boot_bytes,
            image.kernel_pages,
            image.kernel_bytes,
            image.image_bytes,
            image.pages_verified_by_host
        );
        line!(
            out,
            "     written by {} requests (largest {} KiB, {} polls), read by {} requests ({} polls)",
            image.write_requests,
            image.largest_write_bytes / 1024,
            image.write_polls,
            image.read_requests,
            image.read_polls
        );
    }
}

fn comparisons(out: &mut String, report: &Report) {
    line!(out);
    line!(out, "comparisons by the host");
    for memory in &report.memory_compare {
        line!(
            out,
            "  memory {}: {} pages, {} bytes compared, {} differ, {} bytes left out as volatile",
            memory.cycle,
            memory.pages_compared,
            memory.bytes_compared,
            memory.bytes_different,
            memory.bytes_volatile
        );
        for difference in memory.differences.iter().take(4) {
            line!(
                out,
                "    page {:#x} ({}) offset {:#x}: {} bytes, {:#04x} became {:#04x}",
                difference.page.0,
                difference.owner,
                difference.offset,
                difference.bytes,
                difference.before,
                difference.after
            );
        }
    }
    match &report.disk_compare {
        Some(disk) => line!(
            out,
            "  disk: {} written stretches, {} bytes, {} wrong; {} sectors cut off, {} of them written; {} bytes never written, {} changed; outside {}",
            disk.ranges_checked,
            disk.bytes_checked,
            disk.ranges_wrong,
            disk.cut_off_sectors,
            disk.cut_off_sectors_written,
            disk.bytes_unwritten,
            disk.bytes_unwritten_changed,
            if disk.outside_unchanged {
                "unchanged"
            } else {
                "CHANGED"
            }
        ),
        None => line!(out, "  disk: not compared"),
    }
}

fn rules(out: &mut String, report: &Report) {
    let of = |state: &str| -> Vec<&Rule> {
        report
            .rules
            .iter()
            .filter(|rule| rule.state == state)
            .collect()
    };
    let (checked, unchecked, inapplicable) =
        (of("checked"), of("not checked"), of("not applicable"));
    line!(out);
    line!(
        out,
        "rules      {} checked, {} not checked, {} not applicable to a physical miniport",
        checked.len(),
        unchecked.len(),
        inapplicable.len()
    );
    let names = |rules: &[&Rule]| -> String {
        let names: Vec<&str> = rules.iter().map(|rule| rule.rule.as_str()).collect();
        names.join(" ")
    };
    let (met, unmet): (Vec<&Rule>, Vec<&Rule>) =
        checked.into_iter().partition(|rule| rule.checks > 0);
    wrapped(out, "  checked:", &names(&met));
    if !unmet.is_empty() {
        wrapped(
            out,
            "  checked, but nothing to check occurred:",
            &names(&unmet),
        );
    }
    if !unchecked.is_empty() {
        wrapped(out, "  not checked:", &names(&unchecked));
    }
    if !inapplicable.is_empty() {
        wrapped(out, "  not applicable:", &names(&inapplicable));
    }
    if !report.not_implemented.is_empty() {
        let codes: Vec<String> = report
            .not_implemented
            .iter()
            .map(|one| format!("{} ({}, {} calls)", one.code, one.role, one.count))
            .collect();
        wrapped(
            out,
            "  StorPortExtendedFunction codes answered with NOT_IMPLEMENTED:",
            &codes.join(", "),
        );
    }
}

/// A heading, then words in lines of at most 120 columns.
fn wrapped(out: &mut String, heading: &str, words: &str) {
    line!(out, "{heading}");
    let mut row = String::from("   ");
    for word in words.split(' ') {
        if row.len() + 1 + word.len() > 120 {
            line!(out, "{row}");
            row = String::from("   ");
        }
        row.push(' ');
        row.push_str(word);
    }
    line!(out, "{row}");
}

fn violations(out: &mut String, report: &Report) {
    if report.violations.is_empty() {
        return;
    }
    line!(out);
    line!(out, "violations");
    for violation in report.violations.iter().take(SHOWN_VIOLATIONS) {
        line!(
            out,
            "  {} ({}) in {}: {}",
            violation.rule,
            violation.role.unwrap_or("bench"),
            violation.callback,
            violation.detail
        );
        for entry in violation.trace.iter().take(SHOWN_TRACE) {
            line!(out, "      {entry}");
        }
    }
    if report.violations.len() > SHOWN_VIOLATIONS {
        line!(
            out,
            "  and {} more",
            report.violations.len() - SHOWN_VIOLATIONS
        );
    }
    for boot in &report.boots {
        for complaint in &boot.complaints {
            line!(out, "  QEMU complains (boot {}): {complaint}", boot.boot);
        }
    }
}

fn checks(out: &mut String, report: &Report) {
    line!(out);
    line!(out, "checks");
    for check in &report.checks {
        let word = match check.outcome {
            Outcome::Passed => "ok    ",
            Outcome::Failed => "FAILED",
            Outcome::NotApplicable => "-     ",
        };
        line!(out, "  {word} {:<26} {}", check.name, check.detail);
    }
    line!(out);
    if let Some(failure) = &report.failure {
        line!(out, "ended early: {failure}");
    }
    let failed = report
        .checks
        .iter()
        .filter(|check| check.outcome == Outcome::Failed)
        .count();
    match report.verdict {
        Outcome::Passed if report.cycles.asked == 0 => line!(out, "verdict: passed"),
        Outcome::Passed => line!(
            out,
            "verdict: passed, {} of {} hibernations resumed",
            report.cycles.completed,
            report.cycles.asked
        ),
        Outcome::Failed | Outcome::NotApplicable => line!(
            out,
            "verdict: FAILED, {failed} of {} checks",
            report.checks.len()
        ),
    }
    line!(out, "again with: {}", report.setup.repeat_with);
}
