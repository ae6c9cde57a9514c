//! Suspend to RAM: did the machine really sleep?

use proto::{
    record::{Record, Rest},
    scenario::SLEEP_STEP,
};

use super::{Evidence, Finding};
use crate::session::power::{ASLEEP, AWAKE};

/// `sleep-witnessed`: each sleep of the life was asked for by the kernel, and QEMU says of each that the machine slept and woke.
pub(super) fn sleep_witnessed(evidence: &Evidence<'_>) -> Finding {
    let mut faults = Vec::new();
    let (mut wanted, mut seen) = (0, 0);
    for boot in &evidence.life.boots {
        let records =
            |which: fn(&Record) -> bool| boot.records.iter().filter(|record| which(record)).count();
        let events = |name: &str| {
            boot.events
                .iter()
                .filter(|event| event.name == name)
                .count()
        };
        let asked = records(asks_for_sleep);
        let slept = records(|record| matches!(record, Record::Slept));
        let (asleep, awake) = (events(ASLEEP), events(AWAKE));
        wanted += asked;
        seen += slept;
        if slept < asked {
            faults.push(format!(
                "process {}: the kernel reports {slept} sleeps, {asked} were to be",
                boot.number
            ));
        }
        if (asleep, awake) != (slept, slept) {
            faults.push(format!(
                "process {}: {slept} sleeps by the kernel, but QMP has {ASLEEP} {asleep} times and {AWAKE} {awake} times",
                boot.number
            ));
        }
    }
    if wanted + seen == 0 && faults.is_empty() {
        return Finding::NotApplicable("no sleep was asked for".to_owned());
    }
    Finding::unless(
        &faults,
        format!("{seen} times QMP {ASLEEP}, then {AWAKE}; the HBA had lost its configuration"),
    )
}

/// A step, or a round of a stress run, in which the machine is to sleep.
fn asks_for_sleep(record: &Record) -> bool {
    match record {
        Record::StepBegin { name } => name == SLEEP_STEP,
        Record::StressRest { rest, .. } => matches!(rest, Rest::Sleep { system: true, .. }),
        _ => false,
    }
}
