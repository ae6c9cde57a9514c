//! The course of the life: did it begin, go on and end as it was asked to?

use std::collections::BTreeMap;

use proto::{
    record::{Record, RuleOutcome},
    scenario::{CrashCause, PROTOCOL_VERSION, RESET_STRETCH},
};

use super::{Evidence, Finding, total};
use crate::session::life::PowerOff;

/// Unit, target and bus are reset in turn.
const KINDS_OF_RESET: usize = 3;

/// `life-complete`: the kernel's last record is `Finished`, and nothing ended the life before.
pub(super) fn life_complete(evidence: &Evidence<'_>) -> Finding {
    if let Some(failure) = &evidence.life.failure {
        return Finding::Broken(failure.clone());
    }
    let finished = evidence
        .life
        .records()
        .filter(|record| matches!(record, Record::Finished { .. }))
        .count();
    let last = evidence.life.records().last();
    match (finished, last) {
        (1, Some(Record::Finished { .. })) => {
            Finding::Holds("the last record is `Finished`".to_owned())
        }
        (1, _) => Finding::Broken("records follow `Finished`".to_owned()),
        (0, _) => Finding::Broken("the kernel never reported `Finished`".to_owned()),
        (more, _) => Finding::Broken(format!("`Finished` was reported {more} times")),
    }
}

/// `bench-sound`: the bench kernel itself did not fail.
pub(super) fn bench_sound(evidence: &Evidence<'_>) -> Finding {
    let faults: Vec<String> = evidence
        .life
        .records()
        .filter_map(|record| match record {
            Record::KernelPanic { text } => Some(format!("the bench kernel panicked: {text}")),
            _ => None,
        })
        .collect();
    Finding::unless(&faults, "the bench kernel reported no defect of its own")
}

/// `no-bugcheck`: the simulated system did not stop, or, where it was to, it stopped once.
pub(super) fn no_bugcheck(evidence: &Evidence<'_>) -> Finding {
    let seen: Vec<(u32, String)> = evidence
        .life
        .records()
        .filter_map(|record| match record {
            Record::Bugcheck {
                code,
                parameters: [first, second, third, fourth],
                text,
                ..
            } => Some((
                *code,
                format!(
                    "bug check {code:#x} ({first:#x}, {second:#x}, {third:#x}, {fourth:#x}): {text}"
                ),
            )),
            _ => None,
        })
        .collect();
    let Some(asked) = evidence.context.crash else {
        let texts: Vec<String> = seen.into_iter().map(|(_, text)| text).collect();
        return Finding::unless(&texts, "no bug check");
    };
    match seen.as_slice() {
        [] => Finding::Broken("the system was to stop with a bug check and did not".to_owned()),
        [(code, text)] if codes_of(asked.cause).contains(code) => Finding::Holds(text.clone()),
        [(_, text)] => Finding::Broken(format!("{:?} was to stop the system: {text}", asked.cause)),
        [_, (_, more), ..] => Finding::Broken(more.clone()),
    }
}

/// The bug checks that a cause leads to.
const fn codes_of(cause: CrashCause) -> &'static [u32] {
    match cause {
        // MANUALLY_INITIATED_CRASH
        CrashCause::BugCheck => &[0xE2],
        // DRIVER_IRQL_NOT_LESS_OR_EQUAL, KMODE_EXCEPTION_NOT_HANDLED
        CrashCause::AccessViolation => &[0xD1, 0x1E],
        // UNEXPECTED_KERNEL_MODE_TRAP
        CrashCause::StackOverflow | CrashCause::DoubleFault => &[0x7F],
        // NMI_HARDWARE_FAILURE
        CrashCause::Nmi => &[0x80],
    }
}

/// `boots-in-order`: one process per power-on, each beginning with a `Hello` of the right number and protocol.
pub(super) fn boots_in_order(evidence: &Evidence<'_>) -> Finding {
    let mut faults = Vec::new();
    let wanted = evidence.context.cycles as usize + 1;
    let found = evidence.life.boots.len();
    if found != wanted {
        faults.push(format!("{found} QEMU processes instead of {wanted}"));
    }
    for boot in &evidence.life.boots {
        let hellos: Vec<(u32, u32)> = boot
            .records
            .iter()
            .filter_map(|record| match record {
                Record::Hello {
                    protocol_version,
                    boot,
                    ..
                } => Some((*protocol_version, *boot)),
                _ => None,
            })
            .collect();
        if hellos != [(PROTOCOL_VERSION, boot.number)] {
            faults.push(format!(
                "process {} reported {hellos:?} as protocol and number of its boots",
                boot.number
            ));
        }
    }
    Finding::unless(&faults, format!("{found} QEMU processes on one disk"))
}

/// `power-off`: every process but the last ended by S4 (`SUSPEND_DISK`, then `SHUTDOWN`), the last by S5.
pub(super) fn power_off(evidence: &Evidence<'_>) -> Finding {
    let boots = &evidence.life.boots;
    let mut faults = Vec::new();
    for (index, boot) in boots.iter().enumerate() {
        let wanted = if index + 1 < boots.len() {
            PowerOff::Hibernated
        } else {
            PowerOff::ShutDown
        };
        if boot.power_off != wanted {
            let names: Vec<&str> = boot
                .events
                .iter()
                .map(|event| event.name.as_str())
                .collect();
            faults.push(format!(
                "process {} ended as {:?} instead of {wanted:?}; QMP events: {names:?}",
                boot.number, boot.power_off
            ));
        }
    }
    if boots.is_empty() {
        faults.push("no process ran".to_owned());
    }
    Finding::unless(
        &faults,
        format!(
            "{} times SUSPEND_DISK then SHUTDOWN, at the end SHUTDOWN",
            boots.len().saturating_sub(1)
        ),
    )
}

/// `cycles-asked`: as many hibernations were completed as were asked for.
pub(super) fn cycles_asked(evidence: &Evidence<'_>) -> Finding {
    let cycles = evidence.report.cycles;
    if cycles.asked == cycles.completed {
        Finding::Holds(format!("{} of {}", cycles.completed, cycles.asked))
    } else {
        Finding::Broken(format!(
            "{} of {} hibernations were completed",
            cycles.completed, cycles.asked
        ))
    }
}

/// `resets-asked`: with `--resets`, each kind of reset struck requests in flight in every cycle.
pub(super) fn resets_asked(evidence: &Evidence<'_>) -> Finding {
    if !evidence.context.setup.options.resets {
        return Finding::NotApplicable("no resets were asked for".to_owned());
    }
    let struck: Vec<u64> = evidence
        .life
        .records()
        .filter_map(|record| match record {
            Record::Io(io) if io.name == RESET_STRETCH => {
                Some(total([io.reads, io.writes, io.others]))
            }
            _ => None,
        })
        .collect();
    let wanted = evidence.context.cycles as usize * KINDS_OF_RESET;
    let mut faults = Vec::new();
    if struck.len() != wanted {
        faults.push(format!("{} resets instead of {wanted}", struck.len()));
    }
    if struck.contains(&0) {
        faults.push("a reset found no request in flight".to_owned());
    }
    let requests = total(struck.iter().copied());
    Finding::unless(
        &faults,
        format!("{wanted} resets struck {requests} requests"),
    )
}

/// `rules-reported`: the kernel gave account of its rules, and its count of broken ones is the number of violations seen.
pub(super) fn rules_reported(evidence: &Evidence<'_>) -> Finding {
    let rules = &evidence.report.rules;
    let checked = rules.iter().filter(|rule| rule.checks > 0).count();
    if checked == 0 {
        return Finding::Broken("the kernel reported no rule as checked".to_owned());
    }
    let last = evidence
        .life
        .records()
        .filter_map(|record| match record {
            Record::Rules { rules } => Some(rules),
            _ => None,
        })
        .last();
    let mut reported: BTreeMap<&str, u64> = BTreeMap::new();
    for rule in evidence
        .life
        .boots
        .iter()
        .flat_map(|boot| countable(&boot.records))
    {
        *reported.entry(rule).or_default() += 1;
    }
    let mut faults = Vec::new();
    for state in last.into_iter().flatten() {
        let seen = reported.get(state.rule.as_str()).copied().unwrap_or(0);
        let counted = match state.state {
            RuleOutcome::Checked { violations, .. } => violations,
            RuleOutcome::NotChecked | RuleOutcome::NotApplicable(_) => 0,
        };
        // The kernel may stop listing repetitions, but not invent or hide the first.
        if (seen == 0) != (counted == 0) || seen > counted {
            faults.push(format!(
                "{}: {seen} violations reported, {counted} counted",
                state.rule
            ));
        }
    }
    Finding::unless(
        &faults,
        format!("{checked} of {} rules were looked at", rules.len()),
    )
}

/// The rules of the violations that the kernel's counters hold at the end: not of those after its counters were taken for an
/// image.
fn countable(records: &[Record]) -> impl Iterator<Item = &str> {
    records
        .iter()
        .take_while(|record| !matches!(record, Record::CountersTaken))
        .filter_map(|record| match record {
            Record::Violation(violation) => Some(violation.rule.as_str()),
            _ => None,
        })
}

/// `rules-kept`: no rule was broken.
pub(super) fn rules_kept(evidence: &Evidence<'_>) -> Finding {
    let faults: Vec<String> = evidence
        .report
        .violations
        .iter()
        .map(|violation| format!("{}: {}", violation.rule, violation.detail))
        .collect();
    Finding::unless(&faults, "no violation")
}
