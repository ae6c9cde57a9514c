//! The main job with the machines that the driver must work on: hibernate, power off, resume in a new QEMU, verify.

use std::{fs, path::PathBuf};

use crate::support::run;
use serde_json::Value;
use tempfile::TempDir;

/// A run that passed, with its report.
struct Passed {
    report: Value,
    text: String,
}

impl Passed {
    fn length(&self, list: &str) -> usize {
        self.report[list].as_array().map_or(0, Vec::len)
    }
}

fn cycle(arguments: &[&str]) -> Passed {
    let directory = TempDir::new().expect("made");
    let json: PathBuf = directory.path().join("report.json");
    let file = json.display().to_string();
    let mut words = vec!["cycle", "--json", &file];
    if !arguments.contains(&"--seed") {
        words.extend(["--seed", "7"]);
    }
    words.extend(arguments);
    let output = run(&words);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{words:?}: {}\n{text}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    let report: Value =
        serde_json::from_str(&fs::read_to_string(&json).expect("written")).expect("JSON");
    assert_eq!(report["verdict"], "passed");
    Passed { report, text }
}

#[test]
fn a_registry_parameter_reaches_the_driver() {
    let passed = cycle(&["--packed", "--parameter", "PackedRing=0"]);
    let features = |list: &str| passed.report["device"][list].to_string();
    assert!(features("offered_features").contains("RING_PACKED"));
    assert!(!features("accepted_features").contains("RING_PACKED"));
    assert!(passed.text.contains("--parameter PackedRing=0"));
}

#[test]
fn one_hibernation_on_the_usual_machine() {
    let passed = cycle(&[]);
    let report = &passed.report;
    assert_eq!(report["cycles"]["completed"], 1);
    assert_eq!(passed.length("boots"), 2);
    assert_eq!(report["boots"][0]["power_off"], "hibernated");
    assert_eq!(report["boots"][1]["power_off"], "shut down");
    // MARK_MEMORY, HIBER and RESUME each mark context, device extension and DMA memory.
    assert_eq!(passed.length("marks"), 9);
    assert!(passed.length("breakpoints") >= 9 + 10);
    assert_eq!(passed.length("violations"), 0);
    assert_eq!(report["images"][0]["two_phase"], true);
    assert!(report["images"][0]["kernel_pages"].as_u64() > Some(0));
    assert!(report["dump_memory_bytes"].as_u64() <= Some(16 * 1024));
    assert!(report["in_flight"][0]["at_miniport"].as_u64() > Some(0));
    assert!(report["in_flight"][0]["kept_back"].as_u64() > Some(0));
    assert_eq!(report["memory_compare"][0]["bytes_different"], 0);
    assert!(report["memory_compare"][0]["bytes_compared"].as_u64() > Some(1 << 20));
    assert_eq!(report["disk_compare"]["outside_unchanged"], true);
    assert!(report["disk_compare"]["bytes_checked"].as_u64() > Some(1 << 16));
    let largest = report["images"][0]["largest_write_bytes"].as_u64();
    assert_eq!(
        largest,
        Some(1 << 20),
        "the dump instance takes 1 MiB at a time"
    );
    for words in [
        "verdict: passed, 1 of 1",
        "MARK_MEMORY",
        "not checked:",
        "again with:",
    ] {
        assert!(passed.text.contains(words), "{words}\n{}", passed.text);
    }
}

/// What the seed decides: requests by kind and bytes of every stretch. Interrupts and times are the machine's.
fn requests(report: &Value) -> Vec<String> {
    let seeded = [
        "name",
        "cycle",
        "reads",
        "writes",
        "others",
        "bytes_read",
        "bytes_written",
        "bytes_verified",
        "bytes_wrong",
        "errors",
    ];
    let entries = report["io"].as_array().expect("a list");
    entries
        .iter()
        .map(|entry| seeded.map(|field| entry[field].to_string()).join(" "))
        .collect()
}

#[test]
#[ignore = "long: cargo harness test --all"]
fn the_seed_fixes_the_requests_and_nothing_else_does() {
    let first = cycle(&[]);
    let requests_of_first = requests(&first.report);
    assert!(requests_of_first.len() >= 3, "{requests_of_first:?}");
    // The order of completion is the machine's: another number of messages changes it, and the plan must not follow.
    let other = cycle(&["--interrupts", "one-message"]);
    assert_eq!(other.report["device"]["messages"], 1);
    assert_eq!(requests_of_first, requests(&other.report));
    let other_seed = cycle(&["--seed", "8"]);
    assert_ne!(requests_of_first, requests(&other_seed.report));
}

#[test]
#[ignore = "long: cargo harness test --all"]
fn many_hibernations_in_one_life() {
    let passed = cycle(&["--count", "6"]);
    assert_eq!(passed.report["cycles"]["completed"], 6);
    assert_eq!(passed.length("boots"), 7);
    assert_eq!(passed.length("memory_compare"), 6);
}

#[test]
fn long_queues_and_large_sectors() {
    let passed = cycle(&["--queue-size", "1024", "--sector-size", "4096"]);
    assert_eq!(passed.report["device"]["queue_entries"], 1024);
    assert!(passed.report["dump_memory_bytes"].as_u64() <= Some(16 * 1024));
    assert_eq!(passed.report["units"][0]["sector_bytes"], 4096);
}

#[test]
fn short_queues_conventional_pci_line_interrupt_and_memory_above_4_gib() {
    let passed = cycle(&[
        "--machine",
        "pc",
        "--memory",
        "256M",
        "--memory-below-4g",
        "128M",
        "--queue-size",
        "64",
        "--interrupts",
        "line",
        "--count",
        "2",
    ]);
    assert_eq!(passed.report["setup"]["options"]["machine"], "pc");
    assert_eq!(passed.report["device"]["queue_entries"], 64);
    assert_eq!(passed.report["device"]["messages"], 0);
    assert_eq!(passed.report["cycles"]["completed"], 2);
    assert!(
        passed.text.contains("ok     above-4gib-used"),
        "{}",
        passed.text
    );
}

#[test]
fn the_dump_filter_encrypts_images_and_undoes_it_on_resume() {
    let passed = cycle(&["--filter", "encrypt"]);
    for words in ["ok     filter-at-work", "ok     image-encrypted"] {
        assert!(passed.text.contains(words), "{words}\n{}", passed.text);
    }
    for image in passed.report["images"].as_array().expect("a list") {
        assert_eq!(image["two_phase"], true);
    }
    assert_eq!(passed.report["memory_compare"][0]["bytes_different"], 0);
}

#[test]
#[ignore = "long: cargo harness test --all"]
fn the_dump_filter_passes_images_through_by_default() {
    let passed = cycle(&["--filter", "pass"]);
    for words in ["ok     filter-at-work", "-      image-encrypted"] {
        assert!(passed.text.contains(words), "{words}\n{}", passed.text);
    }
}

#[test]
#[ignore = "long: cargo harness test --all"]
fn a_clock_that_follows_the_host() {
    cycle(&["--real-time"]);
}

#[test]
#[ignore = "long: cargo harness test --all"]
fn a_driver_given_as_a_file_runs_without_its_symbols() {
    let stage = TempDir::new().expect("made");
    let out = stage.path().display().to_string();
    let output = run(&["package", "--out", &out]);
    assert!(output.status.success(), "{output:?}");
    let alone = stage.path().join("other.sys");
    fs::copy(stage.path().join("hiberport/hiberport.sys"), &alone).expect("staged");
    let file = alone.display().to_string();
    let passed = cycle(&["--driver", &file]);
    assert_eq!(passed.report["setup"]["driver"]["symbols"], false);
    assert_eq!(passed.length("marks"), 9);
}

/// `cargo harness run` with this repository's driver as a file; returns the report.
fn run_file(arguments: &[&str]) -> String {
    let stage = TempDir::new().expect("made");
    let out = stage.path().display().to_string();
    let output = run(&["package", "--out", &out]);
    assert!(output.status.success(), "{output:?}");
    let file = stage.path().join("hiberport/hiberport.sys");
    let file = file.display().to_string();
    let mut words = vec!["run", &file, "--seed", "7"];
    words.extend(arguments);
    let output = run(&words);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}\n{output:?}");
    for words in [
        "verdict: passed",
        "ok     disk-equal",
        "ok     find-adapter-once",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
    text
}

#[test]
fn a_run_without_hibernation() {
    let text = run_file(&[]);
    // The surprise removal cut writes off, whose sectors are compared with both contents.
    assert!(!text.contains(" 0 sectors cut off"), "{text}");
    assert!(text.contains(" checked, 3 not checked"), "{text}");
}

#[test]
fn a_sleep_with_the_interrupt_line_on_the_older_chipset() {
    // The chipset's routes of the line are lost in a sleep, as are the HBA's messages.
    let text = run_file(&["--machine", "pc", "--interrupts", "line"]);
    assert!(text.contains("ok     sleep-witnessed"), "{text}");
}

#[test]
fn every_call_that_may_fail_fails_once() {
    let text = run_file(&["--exhaust"]);
    let lives = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("a life in which a call fails x"))
        .and_then(|rest| rest.split(' ').next()?.parse::<u32>().ok());
    // Extension, registers and scatter/gather list at least, and the life in which nothing is left to fail.
    assert!(lives > Some(4), "{lives:?}\n{text}");
    assert!(text.contains(" checked, 2 not checked"), "{text}");
}
