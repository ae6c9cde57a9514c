//! For every check: the good life passes, and a life with the one fault that it is there for fails by its name.

use proto::{
    owner::Role,
    record::{Record, RuleOutcome},
};

use super::{sample, *};
use crate::{
    report::Outcome,
    session::life::{Arguments, Point, PowerOff},
};

mod crash;
mod device;
mod faults;
mod sleep;
mod stress;

use faults::FAULTS;

/// The faults of a life with hibernations.
fn all_faults() -> impl Iterator<Item = &'static (&'static str, faults::Fault)> {
    FAULTS
        .iter()
        .chain(device::FAULTS)
        .chain(sleep::FAULTS)
        .chain(stress::FAULTS)
}

fn outcome(report: &Report, name: &str) -> (Outcome, String) {
    report
        .checks
        .iter()
        .find(|check| check.name == name)
        .map_or_else(
            || panic!("no check {name}"),
            |check| (check.outcome, check.detail.clone()),
        )
}

#[test]
fn the_good_life_passes_every_check() {
    let report = judge(&sample::life(), &sample::context());
    for check in &report.checks {
        assert_ne!(
            check.outcome,
            Outcome::Failed,
            "{}: {}",
            check.name,
            check.detail
        );
    }
    assert!(report.passed(), "{}", report.render());
    assert_eq!(report.failed_names(), Vec::<String>::new());
    // There are no resets, no sleep, no stress, one processor and no dump filter in it, no resume was refused, and the memory above 4 GiB is out of this
    // machine's reach.
    let skipped: Vec<&str> = report
        .checks
        .iter()
        .filter(|check| check.outcome == Outcome::NotApplicable)
        .map(|check| check.name)
        .filter(|name| crash::FAULTS.iter().all(|(of, _)| of != name))
        .collect();
    assert_eq!(
        skipped,
        [
            "sleep-witnessed",
            "resets-asked",
            "stress-course",
            "processors-at-work",
            "filter-at-work",
            "image-encrypted",
            "disk-left-alone",
            "above-4gib-used",
            "dump-encrypted"
        ]
    );
}

#[test]
fn each_fault_is_reported_by_the_name_of_its_check() {
    for (number, (name, fault)) in all_faults().enumerate() {
        let (mut life, mut context) = (sample::life(), sample::context());
        fault(&mut life, &mut context);
        let report = judge(&life, &context);
        let (outcome, detail) = outcome(&report, name);
        assert_eq!(
            outcome,
            Outcome::Failed,
            "fault {number} of {name}: {detail}"
        );
        assert!(!report.passed(), "fault {number} of {name}");
        assert!(report.failed_names().contains(&(*name).to_owned()));
        assert!(report.render().contains("verdict: FAILED"), "{name}");
    }
}

#[test]
fn a_violation_after_the_counters_were_taken_is_in_no_count() {
    let mut life = sample::life();
    life.boots[0].records.push(faults::unlocked());
    let report = judge(&life, &sample::context());
    assert_eq!(report.failed_names(), ["StorPortSpinLock", "rules-kept"]);
}

#[test]
fn every_check_has_a_fault() {
    for (name, _) in CHECKS {
        assert!(
            all_faults().chain(crash::FAULTS).any(|(of, _)| of == name),
            "{name} has never been seen to fail"
        );
    }
}

#[test]
fn the_names_of_checks_are_unique() {
    for (index, (name, _)) in CHECKS.iter().enumerate() {
        assert!(
            CHECKS
                .iter()
                .skip(index + 1)
                .all(|(other, _)| other != name),
            "{name}"
        );
    }
}

#[test]
fn an_empty_life_fails() {
    let report = judge(&Life::default(), &sample::context());
    assert!(!report.passed());
    assert_eq!(outcome(&report, "breakpoints-normal").0, Outcome::Failed);
    assert_eq!(
        outcome(&report, "memory-compared").0,
        Outcome::Passed,
        "comparisons are the context's"
    );
}

#[test]
fn another_miniport_may_be_single_phase() {
    let (mut life, mut context) = (sample::life(), sample::context());
    context.setup.driver.own = false;
    for hit in life.boots.iter_mut().flat_map(|boot| &mut boot.hits) {
        if let Arguments::StorPortInitialize {
            feature_support, ..
        } = &mut hit.arguments
        {
            *feature_support = 0;
        }
    }
    let report = judge(&life, &context);
    let (outcome, detail) = outcome(&report, "two-phase");
    assert_eq!(outcome, Outcome::NotApplicable);
    assert!(detail.starts_with("single-phase"), "{detail}");
}

#[test]
fn a_run_without_hibernation_is_judged_without_dump_checks() {
    let mut life = sample::life();
    life.boots.truncate(1);
    let boot = &mut life.boots[0];
    boot.hits.retain(|hit| hit.role == Role::Normal);
    // The driver is removed and loaded again.
    let second_life = boot.hits.clone();
    boot.hits.extend(second_life);
    boot.records.retain(|record| {
        !matches!(
            record,
            Record::Mark(_)
                | Record::DumpCall { .. }
                | Record::DumpMemory { .. }
                | Record::ImageWritten(_)
                | Record::Checkpoint { .. }
        )
    });
    boot.records.extend([
        Record::Rules {
            rules: vec![proto::record::RuleState {
                rule: "SpDuplex".to_owned(),
                state: RuleOutcome::Checked {
                    checks: 1,
                    violations: 0,
                },
            }],
        },
        Record::Finished { cycles: 0 },
    ]);
    boot.power_off = PowerOff::ShutDown;
    boot.image = None;
    let context = Context {
        cycles: 0,
        memory: Vec::new(),
        ..sample::context()
    };
    let report = judge(&life, &context);
    assert!(report.passed(), "{}", report.render());
    assert_eq!(outcome(&report, "memory-equal").0, Outcome::NotApplicable);
    for applicable in ["disk-equal", "find-adapter-once"] {
        assert_eq!(
            outcome(&report, applicable).0,
            Outcome::Passed,
            "{applicable}"
        );
    }
    let again = life.boots[0]
        .hits
        .iter()
        .rfind(|hit| hit.point == Point::FindAdapter)
        .cloned();
    life.boots[0].hits.extend(again);
    let report = judge(&life, &context);
    assert_eq!(outcome(&report, "find-adapter-once").0, Outcome::Failed);
}
