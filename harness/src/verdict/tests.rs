//! For every check: the good life passes, and a life with the one fault that it is there for fails by its name.

use proto::{
    owner::{Owner, Role},
    record::{PhysicalRange, Record, RuleOutcome, Violation},
};

use super::{sample, *};
use crate::{
    report::{Hex, Outcome},
    session::life::{Arguments, Point, PowerOff},
};

mod crash;

type Fault = fn(&mut Life, &mut Context);

/// At least one fault for every check.
const FAULTS: &[(&str, Fault)] = &[
    ("life-complete", |life, _| {
        life.failure = Some("no sign of life for 120 s".to_owned());
    }),
    ("life-complete", |life, _| {
        life.boots[2].records.pop();
    }),
    ("bench-sound", |life, _| {
        life.boots[0].records.push(Record::KernelPanic {
            text: "slot 3 is free".to_owned(),
        });
    }),
    ("no-bugcheck", |life, _| {
        life.boots[1].records.push(Record::Bugcheck {
            code: 0xa0,
            parameters: [0x10e, 0, 0, 0],
            text: "page 0x4711 does not match its checksum".to_owned(),
            trace: Vec::new(),
        });
    }),
    ("boots-in-order", |life, _| {
        life.boots.pop();
    }),
    ("boots-in-order", |life, _| {
        life.boots[1].records.remove(0);
    }),
    ("power-off", |life, _| {
        life.boots[0].power_off = PowerOff::ShutDown;
    }),
    ("power-off", |life, _| {
        life.boots[2].power_off = PowerOff::None;
    }),
    ("cycles-asked", |life, _| {
        replace(life, |record| {
            if let Record::Finished { cycles } = record {
                *cycles = 1;
            }
        });
    }),
    ("device-as-asked", |_, context| {
        context.setup.options.queue_size = Some(64);
    }),
    ("device-as-asked", |_, context| {
        context.setup.options.sector_bytes = 4096;
    }),
    ("breakpoints-normal", |life, _| {
        life.boots[0].hits.remove(0);
    }),
    ("breakpoints-normal", |life, _| {
        life.boots[0].hits.swap(2, 3);
    }),
    ("breakpoints-mark-memory", |life, _| {
        drop_entry(life, 0, 3);
    }),
    ("breakpoints-hiber", |life, _| {
        drop_entry(life, 1, 2);
    }),
    ("breakpoints-hiber", |life, _| {
        life.boots[0]
            .hits
            .retain(|hit| hit.role == Role::Normal || hit.point != Point::Initialize);
    }),
    ("breakpoints-resume", |life, _| {
        drop_entry(life, 2, 4);
    }),
    ("breakpoints-resume", |life, _| {
        for hit in &mut life.boots[1].hits {
            if let Arguments::DriverEntry { driver_object, .. } = &mut hit.arguments {
                *driver_object = 0xffff_a000_0000_4000;
            }
        }
    }),
    ("dump-calls-witnessed", |life, _| {
        let records = &mut life.boots[1].records;
        let call = records
            .iter()
            .position(|record| matches!(record, Record::DumpCall { .. }))
            .unwrap();
        records.remove(call);
        for hit in &mut life.boots[1].hits {
            hit.after_records = hit.after_records.saturating_sub(1);
        }
    }),
    ("find-adapter-once", |life, _| {
        let again = life.boots[0].hits[2].clone();
        life.boots[0].hits.insert(3, again);
    }),
    ("marks-witnessed", |life, _| {
        replace(life, |record| match record {
            Record::Mark(mark) if mark.flags == 0 => mark.length += 1,
            _ => {}
        });
    }),
    ("marks-witnessed", |life, _| {
        let records = &mut life.boots[2].records;
        let mark = records
            .iter()
            .position(|record| matches!(record, Record::Mark(_)))
            .unwrap();
        records[mark] = Record::Volatile { ranges: Vec::new() };
    }),
    ("marks-accepted", |life, _| {
        replace(life, |record| {
            if let Record::Mark(mark) = record {
                mark.status = 0xc100_0006;
            }
        });
    }),
    ("marks-cover-context", |life, _| {
        let hits = &mut life.boots[0].hits;
        hits.retain(|hit| !matches!(hit.arguments, Arguments::MarkDumpMemory { flags: 0, .. }));
    }),
    ("marks-cover-context", |life, _| {
        for hit in life.boots.iter_mut().flat_map(|boot| &mut boot.hits) {
            if let Arguments::FindAdapter { dump_data, .. } = &mut hit.arguments {
                *dump_data = 0;
            }
        }
    }),
    ("marks-own-memory", |life, _| {
        replace(life, |record| match record {
            Record::Mark(mark) if mark.flags == 1 => {
                mark.covers[0].address = 0x600_1000;
                mark.owner = Owner::Workload;
            }
            _ => {}
        });
    }),
    ("marks-exact", |life, _| {
        replace(life, |record| match record {
            Record::Mark(mark) if mark.flags == 0 => mark.covers[0].bytes -= 1,
            _ => {}
        });
    }),
    ("marks-exact", |life, _| {
        replace(life, |record| match record {
            Record::Mark(mark) if mark.flags == 1 => mark.covers[0].address += 0x1000,
            _ => {}
        });
    }),
    ("dump-memory-covered", |life, _| {
        replace(life, |record| {
            if let Record::DumpMemory { device_seen, .. } = record {
                device_seen.push(PhysicalRange {
                    address: sample::RINGS_PA + sample::RINGS_BYTES - 8,
                    bytes: 16,
                });
            }
        });
    }),
    ("dump-memory-covered", |life, _| {
        replace(life, |record| {
            if let Record::DumpMemory { marked, .. } = record {
                marked.push(PhysicalRange {
                    address: 0x710_0000,
                    bytes: 16,
                });
            }
        });
    }),
    ("dump-memory-covered", |life, _| {
        replace(life, |record| {
            if let Record::DumpMemory {
                dump_mode: 4,
                device_seen,
                ..
            } = record
            {
                device_seen.clear();
            }
        });
    }),
    ("dump-memory-limit", |life, _| {
        replace(life, |record| match record {
            Record::Adapter(facts) if facts.dump_mode != 0 => {
                facts.uncached_extension_bytes = 15 * 1024;
            }
            _ => {}
        });
    }),
    ("two-phase", |life, _| {
        for hit in life.boots.iter_mut().flat_map(|boot| &mut boot.hits) {
            if let Arguments::StorPortInitialize {
                feature_support, ..
            } = &mut hit.arguments
            {
                *feature_support = 8;
            }
        }
    }),
    ("two-phase", |life, _| {
        replace(life, |record| {
            if let Record::ImageWritten(facts) = record {
                facts.two_phase = false;
            }
        });
    }),
    ("image-on-disk", |life, _| {
        life.boots[0].image = None;
    }),
    ("image-on-disk", |life, _| {
        life.boots[1].image.as_mut().unwrap().kernel_pages_verified -= 1;
    }),
    ("memory-compared", |_, context| {
        context.memory.pop();
    }),
    ("memory-compared", |_, context| {
        context.memory[0].pages_missing = 1;
    }),
    ("memory-compared", |_, context| {
        context.memory[0].pages_compared = 699;
    }),
    ("memory-equal", |_, context| {
        context.memory[1].bytes_different = 1;
    }),
    ("memory-volatile-bounded", |_, context| {
        context.memory[0].bytes_volatile = 32 << 20;
    }),
    ("memory-volatile-bounded", |life, _| {
        replace(life, |record| {
            if let Record::Volatile { ranges } = record {
                ranges.push((
                    PhysicalRange {
                        address: 0x600_1ff8,
                        bytes: 16,
                    },
                    "changes".to_owned(),
                ));
            }
        });
    }),
    ("disk-equal", |_, context| {
        context.disk = None;
    }),
    ("disk-equal", |_, context| {
        let disk = context.disk.as_mut().unwrap();
        disk.ranges_wrong = 1;
        disk.wrong.push(crate::compare::disk::WrongRange {
            first_lba: 4096,
            sectors: 8,
            expected: Hex(1),
            found: Hex(2),
        });
    }),
    ("disk-equal", |_, context| {
        let disk = context.disk.as_mut().unwrap();
        disk.bytes_unwritten_changed = 1;
        disk.first_unwritten_change = Some(Hex(0x10_0000));
    }),
    ("disk-outside-untouched", |_, context| {
        context.disk.as_mut().unwrap().outside_unchanged = false;
    }),
    ("disk-outside-untouched", |_, context| {
        context.disk.as_mut().unwrap().partition_tables_intact = false;
    }),
    ("io-verified", |life, _| {
        replace(life, |record| match record {
            Record::Io(io) if io.name == "after resume" => io.bytes_wrong = 1,
            _ => {}
        });
    }),
    ("io-verified", |life, _| {
        replace(life, |record| match record {
            Record::Io(io) if io.name != "workload" => io.bytes_verified = 0,
            _ => {}
        });
    }),
    ("in-flight-accounted", |life, _| {
        replace(life, |record| {
            if let Record::Io(io) = record
                && io.name.starts_with("in flight")
            {
                io.writes -= 1;
            }
        });
    }),
    ("above-4gib-used", |life, _| {
        replace(life, |record| {
            if let Record::Hello { ram, .. } = record {
                ram.push(PhysicalRange {
                    address: 4 << 30,
                    bytes: 1 << 30,
                });
            }
        });
    }),
    ("rules-reported", |life, _| {
        replace(life, |record| {
            if let Record::Rules { rules } = record {
                rules[0].state = RuleOutcome::Checked {
                    checks: 90,
                    violations: 1,
                };
            }
        });
    }),
    ("rules-reported", |life, _| {
        replace(life, |record| {
            if let Record::Rules { rules } = record {
                rules.clear();
            }
        });
    }),
    ("rules-kept", |life, _| {
        life.boots[0].records.push(Record::Violation(Violation {
            rule: "StorPortSpinLock".to_owned(),
            role: Some(Role::Normal),
            detail: "released a lock that is not held".to_owned(),
            callback: "HwStorStartIo".to_owned(),
            trace: Vec::new(),
        }));
    }),
];

/// Applies `change` to every record.
fn replace(life: &mut Life, change: fn(&mut Record)) {
    for boot in &mut life.boots {
        boot.records.iter_mut().for_each(change);
    }
}

/// Removes the hits of one entry of the hibernate stack's image.
fn drop_entry(life: &mut Life, boot: usize, mode: u8) {
    let hits = &mut life.boots[boot].hits;
    let found = hits
        .iter()
        .position(|hit| {
            matches!(hit.arguments, Arguments::FindAdapter { dump_mode, .. }
                if dump_mode == mode && hit.role == Role::Hiber)
        })
        .unwrap();
    hits.drain(found - 2..=found);
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
    // Nothing but the memory above 4 GiB is out of this machine's reach.
    let skipped: Vec<&str> = report
        .checks
        .iter()
        .filter(|check| check.outcome == Outcome::NotApplicable)
        .map(|check| check.name)
        .filter(|name| crash::FAULTS.iter().all(|(of, _)| of != name))
        .collect();
    assert_eq!(skipped, ["above-4gib-used"]);
}

#[test]
fn each_fault_is_reported_by_the_name_of_its_check() {
    for (number, (name, fault)) in FAULTS.iter().enumerate() {
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
fn every_check_has_a_fault() {
    for (name, _) in CHECKS {
        assert!(
            FAULTS.iter().chain(crash::FAULTS).any(|(of, _)| of == name),
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
}
