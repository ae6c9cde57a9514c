//! A crash with a good dump, and each of its checks broken alone.

use proto::{
    record::{DumpFacts, PhysicalRange},
    scenario::{CrashCause, DumpKind},
};

use super::{faults::Fault, *};
use crate::{
    compare::{dump::PageDifference, small::SmallCompare},
    crash::CrashFound,
    dumpfile::summary::Summary,
    report::Hex,
    verdict::sample::crash::good,
};

/// At least one fault for every check of a crash.
pub(super) const FAULTS: &[(&str, Fault)] = &[
    ("dump-complete", |_, context| {
        let found = found(context);
        found.dump = None;
        found.refusal = Some("its header was not completed".to_owned());
    }),
    ("dump-complete", |_, context| {
        dump(context).problems.push("it is cut short".to_owned());
    }),
    ("dump-complete", |life, _| {
        change_facts(life, |facts| facts.pages += 1);
    }),
    ("dump-complete", |life, _| {
        life.boots[0]
            .records
            .retain(|record| !matches!(record, Record::DumpWritten(_)));
    }),
    ("dump-header", |_, context| {
        dump(context).header.bug_check_code ^= 1;
    }),
    ("dump-header", |_, context| {
        dump(context).header.parameters[3] ^= 1;
    }),
    ("dump-header", |_, context| {
        dump(context).header.runs[0].pages -= 1;
    }),
    ("dump-header", |_, context| {
        dump(context).header.directory_table_base = 0;
    }),
    ("dump-header", |_, context| {
        context.crash.as_mut().unwrap().kind = DumpKind::Full;
    }),
    ("dump-pages-equal", |_, context| {
        let compare = found(context).compare.as_mut().unwrap();
        compare.bytes_different = 1;
        compare.differences.push(PageDifference {
            page: Hex(0x10_0000),
            offset: 8,
            bytes: 1,
            memory: 0,
            dump: 0xff,
        });
    }),
    ("dump-pages-equal", |_, context| {
        found(context).compare.as_mut().unwrap().pages_unknown = 1;
    }),
    ("dump-pages-equal", |_, context| {
        found(context).compare = None;
    }),
    ("dump-volatile-bounded", |_, context| {
        found(context).compare.as_mut().unwrap().bytes_volatile = 2 << 20;
    }),
    ("dump-volatile-bounded", |life, _| {
        life.boots[0].records.push(Record::Volatile {
            ranges: vec![(
                PhysicalRange {
                    address: 0x10_0000,
                    bytes: 8,
                },
                "it changed".to_owned(),
            )],
        });
    }),
    ("dump-full-pages-exact", |_, context| {
        context.crash.as_mut().unwrap().kind = DumpKind::Full;
        found(context).page_set.as_mut().unwrap().missing = 1;
    }),
    ("dump-kernel-pages-exact", |_, context| {
        found(context).page_set.as_mut().unwrap().unexpected = 1;
    }),
    ("dump-kernel-pages-exact", |_, context| {
        found(context).page_set = None;
    }),
    ("dump-added-pages", |_, context| {
        found(context).added_missing.push("page 0x11".to_owned());
    }),
    ("dump-added-pages", |life, context| {
        found(context).added_pages = 0;
        change_facts(life, |facts| facts.added_pages = 0);
    }),
    ("dump-added-pages", |life, _| {
        change_facts(life, |facts| facts.added_pages = 9);
    }),
    ("dump-small-equal", |_, context| {
        small(context).bytes_different = 1;
    }),
    ("dump-small-equal", |_, context| {
        small(context).stack_bytes = 0;
    }),
    ("dump-small-equal", |_, context| {
        small(context);
        found(context).small = None;
    }),
    ("dump-triage-data", |_, context| {
        small(context);
        let text = "0x10 bytes at 0xffffa00000001000 were named and are missing";
        found(context).triage_lacking.push(text.to_owned());
    }),
    ("dump-secondary-data", |_, context| {
        dump(context).secondary.clear();
    }),
    ("dump-secondary-data", |life, _| {
        life.boots[0]
            .records
            .retain(|record| !matches!(record, Record::BugcheckCallback(_)));
    }),
    ("bugcheck-callbacks-in-order", |life, _| {
        let is_callback = |record: &Record| matches!(record, Record::BugcheckCallback(_));
        let records = &mut life.boots[0].records;
        let first = records.iter().position(is_callback).unwrap();
        records.swap(first, first + 1);
    }),
    ("bugcheck-callbacks-in-order", |life, _| {
        let is_end = |record: &Record| matches!(record, Record::DumpWritten(_));
        let records = &mut life.boots[0].records;
        let end = records.iter().position(is_end).unwrap();
        records.swap(end, end - 1);
    }),
    ("dump-outside-untouched", |_, context| {
        let stray = "the hibernation partition is not empty at 0x8100000 of the disk";
        found(context).strays.push(stray.to_owned());
    }),
    ("dump-write-order", |_, context| {
        found(context).order.as_mut().unwrap().header_last = false;
    }),
    ("dump-write-order", |_, context| {
        found(context).order.as_mut().unwrap().elsewhere = 1;
    }),
    ("dump-write-order", |_, context| {
        found(context).order = None;
    }),
    ("dump-readers-agree", |_, context| {
        let reading = found(context).reading.as_mut().unwrap();
        reading.differences = 1;
    }),
    ("dump-readers-agree", |_, context| {
        found(context).reading = None;
    }),
];

/// Checks of a small dump alone.
const SMALL: [&str; 2] = ["dump-small-equal", "dump-triage-data"];

/// Makes it a small dump that compares well.
fn small(context: &mut Context) -> &mut SmallCompare {
    context.crash.as_mut().unwrap().kind = DumpKind::Small;
    found(context).small.insert(SmallCompare {
        stack_bytes: 4096,
        blocks: 3,
        bytes_compared: 9000,
        drivers: 2,
        ..SmallCompare::default()
    })
}

fn found(context: &mut Context) -> &mut CrashFound {
    context.dump.as_mut().unwrap()
}

fn dump(context: &mut Context) -> &mut Summary {
    found(context).dump.as_mut().unwrap()
}

fn change_facts(life: &mut Life, change: impl Fn(&mut DumpFacts)) {
    for record in &mut life.boots[0].records {
        if let Record::DumpWritten(facts) = record {
            change(facts);
        }
    }
}

fn outcomes(life: &Life, context: &Context) -> Vec<(&'static str, Outcome, String)> {
    judge(life, context)
        .checks
        .into_iter()
        .filter(|check| FAULTS.iter().any(|(name, _)| *name == check.name))
        .map(|check| (check.name, check.outcome, check.detail))
        .collect()
}

#[test]
fn a_good_dump_passes_every_check() {
    let (life, context) = good();
    let found = outcomes(&life, &context);
    for (name, outcome, detail) in &found {
        let applies = *name != "dump-full-pages-exact" && !SMALL.contains(name);
        let expected = if applies {
            Outcome::Passed
        } else {
            Outcome::NotApplicable
        };
        assert_eq!(*outcome, expected, "{name}: {detail}");
    }
    assert_eq!(found.len(), 14);
}

#[test]
fn a_good_small_dump_passes_its_own_checks() {
    let (life, mut context) = good();
    small(&mut context);
    for (name, outcome, detail) in outcomes(&life, &context) {
        if SMALL.contains(&name) {
            assert_eq!(outcome, Outcome::Passed, "{name}: {detail}");
        }
    }
}

#[test]
fn each_fault_of_a_dump_is_reported_by_the_name_of_its_check() {
    for (number, (name, fault)) in FAULTS.iter().enumerate() {
        let (mut life, mut context) = good();
        fault(&mut life, &mut context);
        let found = outcomes(&life, &context);
        let (_, outcome, detail) = found.iter().find(|(of, ..)| of == name).unwrap();
        assert_eq!(
            *outcome,
            Outcome::Failed,
            "fault {number} of {name}: {detail}"
        );
    }
}

#[test]
fn another_bug_check_than_the_one_asked_for_fails() {
    for cause in [
        CrashCause::AccessViolation,
        CrashCause::StackOverflow,
        CrashCause::DoubleFault,
        CrashCause::Nmi,
    ] {
        let (life, mut context) = good();
        context.crash.as_mut().unwrap().cause = cause;
        let checks = judge(&life, &context).checks;
        let check = checks.iter().find(|check| check.name == "no-bugcheck");
        assert_eq!(check.unwrap().outcome, Outcome::Failed, "{cause:?}");
    }
}

#[test]
fn a_crash_of_which_nobody_looked_at_the_dump_fails() {
    let (life, mut context) = good();
    context.dump = None;
    for (name, outcome, _) in outcomes(&life, &context) {
        assert_eq!(outcome, Outcome::Failed, "{name}");
    }
}
