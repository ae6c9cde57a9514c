//! Whether a run was good: every check by name, on plain data.
//!
//! [`judge`] turns a [`Life`] and its [`Context`] into a [`Report`]. A check is a function of the [`Evidence`] and returns a
//! [`Finding`]; [`CHECKS`] lists all of them. Each has a unit test that feeds it a good life and one with a single fault.
//!
//! * [`course`]: did the life take the course that was asked for?
//! * `sleep`: did the machine sleep when it was to?
//! * `device`: is the HBA the one that was asked for?
//! * [`calls`]: do the debugger's breakpoints and the kernel's records agree on who called what?
//! * [`marking`]: is what the dump instance marked exactly what it must?
//! * [`content`]: memory, image, disk and requests.
//! * [`crash`]: the crash dump.

use proto::scenario::{CrashCause, DumpKind};

use crate::{
    compare::{disk::DiskCompare, memory::MemoryCompare},
    crash::CrashFound,
    report::{Check, OtherDiskCompare, Outcome, Report, SCHEMA, Setup, gather},
    session::life::Life,
};

pub mod calls;
pub mod content;
pub mod course;
pub mod crash;
mod device;
mod filters;
pub mod marking;
mod processors;
#[cfg(test)]
pub(crate) mod sample;
mod sleep;
mod stress;
#[cfg(test)]
mod tests;

/// What was asked for, and what the host compared by itself.
#[derive(Clone, Debug)]
pub struct Context {
    /// Hibernations asked for; 0 when the job was to run without any.
    pub cycles: u32,
    /// The crash asked for, if one was.
    pub crash: Option<CrashAsked>,
    /// What the host found of the dump; `None` without a crash.
    pub dump: Option<CrashFound>,
    /// Requests that were to be in flight when a hibernation begins.
    pub in_flight: u32,
    /// What ran where.
    pub setup: Setup,
    /// Memory before and after each hibernation.
    pub memory: Vec<MemoryCompare>,
    /// The disk after the last power-off; `None` when the life did not get there.
    pub disk: Option<DiskCompare>,
    /// The disks beside the first one, likewise.
    pub other_disks: Vec<OtherDiskCompare>,
    /// Whether a resume that did not go through left the disk as it found it; `None` if nobody looked.
    pub disk_left_alone: Option<bool>,
}

/// A crash that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrashAsked {
    /// What the dump was to hold.
    pub kind: DumpKind,
    /// What was to bring the system down.
    pub cause: CrashCause,
}

/// The sum of figures that a guest reports, whatever they are.
fn total(figures: impl IntoIterator<Item = u64>) -> u64 {
    figures.into_iter().fold(0, u64::saturating_add)
}

/// Everything that a check may look at.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// What the host saw.
    pub life: &'a Life,
    /// What was asked for.
    pub context: &'a Context,
    /// The facts, already gathered.
    pub report: &'a Report,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// It holds; what was seen.
    Holds(String),
    /// It does not; what was seen.
    Broken(String),
    /// There is nothing to look at in this run; why.
    NotApplicable(String),
}

impl Finding {
    /// Holds with `seen` unless there are `faults`, of which the first few are listed.
    fn unless(faults: &[String], seen: impl Into<String>) -> Self {
        if faults.is_empty() {
            return Self::Holds(seen.into());
        }
        let mut text = faults
            .iter()
            .take(3)
            .cloned()
            .collect::<Vec<_>>()
            .join("; ");
        if faults.len() > 3 {
            text += "; and ";
            text += &(faults.len() - 3).to_string();
            text += " more";
        }
        Self::Broken(text)
    }
}

type CheckFunction = fn(&Evidence<'_>) -> Finding;

/// All checks, in the order of the report.
pub const CHECKS: &[(&str, CheckFunction)] = &[
    ("life-complete", course::life_complete),
    ("bench-sound", course::bench_sound),
    ("no-bugcheck", course::no_bugcheck),
    ("boots-in-order", course::boots_in_order),
    ("power-off", course::power_off),
    ("sleep-witnessed", sleep::sleep_witnessed),
    ("cycles-asked", course::cycles_asked),
    ("resets-asked", course::resets_asked),
    ("stress-course", stress::stress_course),
    ("device-as-asked", device::device_as_asked),
    ("units-as-asked", device::units_as_asked),
    ("processors-at-work", processors::processors_at_work),
    ("breakpoints-normal", calls::breakpoints_normal),
    ("breakpoints-mark-memory", calls::breakpoints_mark_memory),
    ("breakpoints-hiber", calls::breakpoints_hiber),
    ("breakpoints-resume", calls::breakpoints_resume),
    ("dump-calls-witnessed", calls::dump_calls_witnessed),
    ("find-adapter-once", calls::find_adapter_once),
    ("marks-witnessed", marking::marks_witnessed),
    ("marks-accepted", marking::marks_accepted),
    ("marks-cover-context", marking::marks_cover_context),
    ("marks-own-memory", marking::marks_own_memory),
    ("marks-exact", marking::marks_exact),
    ("dump-memory-covered", marking::dump_memory_covered),
    ("dump-memory-limit", marking::dump_memory_limit),
    ("two-phase", content::two_phase),
    ("image-on-disk", content::image_on_disk),
    ("filter-at-work", filters::filter_at_work),
    ("image-encrypted", filters::image_encrypted),
    ("memory-compared", content::memory_compared),
    ("memory-equal", content::memory_equal),
    ("memory-volatile-bounded", content::memory_volatile_bounded),
    ("disk-equal", content::disk_equal),
    ("disk-outside-untouched", content::disk_outside_untouched),
    ("disk-left-alone", content::disk_left_alone),
    ("io-verified", content::io_verified),
    ("in-flight-accounted", content::in_flight_accounted),
    ("above-4gib-used", content::above_4gib_used),
    ("dump-complete", crash::dump_complete),
    ("dump-header", crash::dump_header),
    ("dump-pages-equal", crash::pages::dump_pages_equal),
    ("dump-volatile-bounded", crash::pages::dump_volatile_bounded),
    ("dump-full-pages-exact", crash::pages::dump_full_pages_exact),
    (
        "dump-kernel-pages-exact",
        crash::pages::dump_kernel_pages_exact,
    ),
    ("dump-added-pages", crash::pages::dump_added_pages),
    ("dump-small-equal", crash::small::dump_small_equal),
    ("dump-triage-data", crash::small::dump_triage_data),
    ("dump-secondary-data", crash::course::dump_secondary_data),
    (
        "bugcheck-callbacks-in-order",
        crash::course::bugcheck_callbacks_in_order,
    ),
    (
        "dump-outside-untouched",
        crash::course::dump_outside_untouched,
    ),
    ("dump-write-order", crash::course::dump_write_order),
    ("dump-readers-agree", crash::dump_readers_agree),
    ("dump-encrypted", filters::dump_encrypted),
    ("rules-reported", course::rules_reported),
    ("rules-kept", course::rules_kept),
];

/// Gathers the facts, runs every check, and concludes.
#[must_use]
pub fn judge(life: &Life, context: &Context) -> Report {
    let mut report = facts(life, context);
    let checks: Vec<Check> = CHECKS
        .iter()
        .map(|(name, check)| {
            let finding = check(&Evidence {
                life,
                context,
                report: &report,
            });
            let (outcome, detail) = match finding {
                Finding::Holds(detail) => (Outcome::Passed, detail),
                Finding::Broken(detail) => (Outcome::Failed, detail),
                Finding::NotApplicable(detail) => (Outcome::NotApplicable, detail),
            };
            Check {
                name,
                outcome,
                detail,
            }
        })
        .collect();
    let good =
        life.failure.is_none() && checks.iter().all(|check| check.outcome != Outcome::Failed);
    report.verdict = if good {
        Outcome::Passed
    } else {
        Outcome::Failed
    };
    report.checks = checks;
    report
}

fn facts(life: &Life, context: &Context) -> Report {
    let images = gather::images(life);
    Report {
        schema: SCHEMA,
        verdict: Outcome::Failed,
        failure: life.failure.clone(),
        checks: Vec::new(),
        cycles: gather::cycles(life, context.cycles),
        setup: context.setup.clone(),
        device: gather::device(life),
        adapter: gather::adapters(life),
        units: gather::units(life),
        io: gather::io(life),
        in_flight: gather::in_flight(life),
        stress: gather::stress::stress(life),
        processors: gather::processors(life),
        marks: gather::calls::marks(life),
        breakpoints: gather::calls::breakpoints(life),
        dump_calls: gather::calls::dump_calls(life),
        dump_memory_bytes: gather::dump_memory_bytes(life),
        image_bytes: images.last().map_or(0, |image| image.image_bytes),
        images,
        memory_compare: context.memory.clone(),
        disk_compare: context.disk.clone(),
        other_disks: context.other_disks.clone(),
        crash: context.dump.clone(),
        violations: gather::violations(life),
        rules: gather::rules(life),
        not_implemented: gather::not_implemented(life),
        steps: gather::steps(life, context.setup.options.clock),
        boots: gather::boots(life),
    }
}
