//! Whole runs on machines with several processors, which run the driver at the same time.

use std::fs;

use crate::support::run;
use serde_json::Value;
use tempfile::TempDir;

/// Starts the harness with these arguments; the report of a run that passed.
fn passed(arguments: &[&str]) -> Value {
    let directory = TempDir::new().expect("made");
    let file = directory.path().join("report.json").display().to_string();
    let mut words = arguments.to_vec();
    words.extend(["--json", &file]);
    let output = run(&words);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{words:?}: {text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for words in ["ok     processors-at-work", "not counted"] {
        assert!(text.contains(words), "{words}\n{text}");
    }
    serde_json::from_str(&fs::read_to_string(&file).expect("written")).expect("JSON")
}

#[test]
fn a_hibernation_on_four_processors() {
    let report = passed(&["cycle", "--processors", "4", "--queues", "4", "--seed", "7"]);
    assert_eq!(report["setup"]["options"]["processors"], 4);
    assert_eq!(report["setup"]["options"]["clock"], "RealTime");
    assert_eq!(report["cycles"]["completed"], 1);
    assert_eq!(
        report["processors"]["callbacks"].as_array().map(Vec::len),
        Some(4)
    );
    assert_eq!(report["memory_compare"][0]["bytes_different"], 0);
    assert!(report["steps"][0]["instructions"].is_null());
}

#[test]
#[ignore = "long: cargo harness test --all"]
fn lives_without_hibernation_on_two_to_eight_processors() {
    for (processors, interrupts) in [("2", "line"), ("3", "one-message"), ("8", "messages")] {
        passed(&[
            "run",
            "--processors",
            processors,
            "--interrupts",
            interrupts,
            "--seed",
            "8",
        ]);
    }
}

#[test]
#[ignore = "long: cargo harness test --all"]
fn many_hibernations_on_eight_processors() {
    let report = passed(&[
        "cycle",
        "--count",
        "5",
        "--processors",
        "8",
        "--machine",
        "pc",
        "--seed",
        "9",
    ]);
    assert_eq!(report["cycles"]["completed"], 5);
}

#[test]
#[ignore = "long: cargo harness test --all"]
fn crashes_on_four_processors() {
    for (kind, cause) in [
        ("full", "nmi"),
        ("kernel", "bugcheck"),
        ("small", "fault"),
        ("kernel", "double-fault"),
    ] {
        let report = passed(&[
            "crash",
            "--kind",
            kind,
            "--by",
            cause,
            "--processors",
            "4",
            "--seed",
            "10",
        ]);
        let checks = report["checks"].as_array().expect("a list");
        let header = checks.iter().find(|check| check["name"] == "dump-header");
        assert_eq!(
            header.map(|check| &check["outcome"]),
            Some(&Value::from("passed"))
        );
    }
}

#[test]
fn a_number_of_processors_that_the_bench_cannot_run_is_refused() {
    for wrong in ["0", "9", "four"] {
        let output = run(&["cycle", "--processors", wrong]);
        assert!(!output.status.success());
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(text.contains("1 to 8"), "{text}");
    }
    let output = run(&["header", "--processors", "2"]);
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("one processor"), "{text}");
}
