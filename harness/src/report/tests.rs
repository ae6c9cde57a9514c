//! The report's two forms: text with everything a reader looks for, data with every field documented.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::Value;

use crate::{
    compare::{
        disk::WrongRange,
        memory::{MemoryDifference, VolatileRange},
    },
    report::{
        Hex, Processors, Report, RuleViolation,
        stress::{Stop, Stress},
    },
    verdict::{judge, sample},
};

/// A report in which no list is empty and no option absent, so that all fields appear.
fn full() -> Report {
    let mut report = judge(&sample::life(), &sample::context());
    report.failure = Some("bug check".to_owned());
    report.violations.push(RuleViolation {
        rule: "SpDuplex".to_owned(),
        role: Some("normal"),
        detail: "half duplex".to_owned(),
        callback: "HwStorFindAdapter".to_owned(),
        trace: vec!["hiberport.sys+0x1000".to_owned()],
    });
    report.boots[0]
        .complaints
        .push("virtio: bogus descriptor or out of resources".to_owned());
    report.memory_compare[0].volatile.push(VolatileRange {
        address: Hex(0x1000),
        bytes: 1,
        owner: "scratch".to_owned(),
        reason: "tick count".to_owned(),
    });
    report.memory_compare[0].differences.push(MemoryDifference {
        page: Hex(0x1000),
        owner: "workload".to_owned(),
        offset: 1,
        bytes: 1,
        before: 0,
        after: 1,
    });
    report.crash = Some(sample::crash::everything());
    report.stress = Some(Stress {
        rounds: [("sleep", 1)].into(),
        stops: vec![Stop {
            system: Some(true),
            round: 1,
            kind: "sleep",
            way: "adapter-power",
            messages: None,
            at_miniport: 4,
            kept_back: 4,
        }],
    });
    report.processors = Some(Processors {
        callbacks: vec![700, 300],
        most_at_once: 2,
        completed: 500,
        completed_at_home: 400,
    });
    let disk = report.disk_compare.as_mut().unwrap();
    disk.first_unwritten_change = Some(Hex(0));
    disk.wrong.push(WrongRange {
        first_lba: 1,
        sectors: 1,
        expected: Hex(1),
        found: Hex(2),
    });
    report
}

/// Every path in the data, `marks[].address` for a field of the entries of a list.
fn paths(value: &Value, prefix: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, inner) in fields {
                let path = if prefix.is_empty() {
                    name.clone()
                } else {
                    format!("{prefix}.{name}")
                };
                found.insert(path.clone());
                paths(inner, &path, found);
            }
        }
        Value::Array(entries) => {
            // An empty list hides its fields; the comparison with the page then finds them missing.
            for entry in entries {
                paths(entry, &format!("{prefix}[]"), found);
            }
        }
        _ => {}
    }
}

#[test]
fn every_field_of_the_data_is_documented_and_every_documented_field_exists() {
    let data = serde_json::to_value(full()).unwrap();
    let mut fields = BTreeSet::new();
    paths(&data, "", &mut fields);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/report.md");
    let text = fs::read_to_string(file).unwrap();
    let documented: BTreeSet<String> = text
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(name, _)| name.to_owned())
        .collect();
    let undocumented: Vec<_> = fields.difference(&documented).collect();
    assert!(
        undocumented.is_empty(),
        "not in docs/report.md: {undocumented:#?}"
    );
    let invented: Vec<_> = documented.difference(&fields).collect();
    assert!(invented.is_empty(), "in docs/report.md only: {invented:#?}");
}

#[test]
fn the_promised_fields_are_there() {
    let data = serde_json::to_value(full()).unwrap();
    for name in [
        "verdict",
        "cycles",
        "marks",
        "breakpoints",
        "violations",
        "memory_compare",
        "disk_compare",
        "dump_memory_bytes",
        "image_bytes",
    ] {
        assert!(
            data.get(name).is_some_and(|value| !value.is_null()),
            "{name}"
        );
    }
    assert_eq!(data["verdict"], "passed");
    assert_eq!(data["cycles"]["completed"], 2);
    assert_eq!(data["marks"][0]["address"], "0xffffa00000001200");
    assert_eq!(data["dump_memory_bytes"], 2048 + 4096);
}

#[test]
fn the_text_shows_complaints_of_qemu_behind_the_violations() {
    let text = full().render();
    let place = |words: &str| text.find(words).unwrap();
    assert!(place("half duplex") < place("QEMU complains (boot 0): virtio: bogus descriptor"));
    let quiet = judge(&sample::life(), &sample::context()).render();
    assert!(!quiet.contains("QEMU complains"));
}

#[test]
fn the_text_shows_what_a_reader_looks_for() {
    let text = judge(&sample::life(), &sample::context()).render();
    for wanted in [
        "hiberport.sys, 60000 bytes, with PDB",
        "1af4:1048 at 00:03.0",
        "accepted HOTPLUG CHANGE RING_INDIRECT_DESC RING_EVENT_IDX VERSION_1",
        "DUMP_POINTERS DUMP_RESUME_CAPABLE",
        "MARK_MEMORY address 0xffffa00000001200 length 384",
        "hiberport::dump::find_adapter+0x45",
        "ConfigInfo.DumpMode=0x4",
        "boot 300 pages (1228800 bytes), kernel 700 pages",
        "1000 pages, 4096000 bytes compared, 0 differ",
        "not checked:",
        "NullCheck",
        "not applicable:",
        "SpIrql",
        "79 (normal, 2 calls)",
        "1234567",
        "verdict: passed, 2 of 2 hibernations resumed",
        "again with: cargo harness cycle --count 2 --seed 0x1",
    ] {
        assert!(text.contains(wanted), "{wanted:?} is missing in\n{text}");
    }
    assert!(!text.contains("NOT seen"), "{text}");
}

#[test]
fn a_mark_that_the_debugger_missed_says_so() {
    let mut life = sample::life();
    life.boots[0]
        .hits
        .retain(|hit| hit.point != crate::session::life::Point::MarkDumpMemory);
    let text = judge(&life, &sample::context()).render();
    assert!(text.contains("(NOT seen by the debugger)"), "{text}");
}
