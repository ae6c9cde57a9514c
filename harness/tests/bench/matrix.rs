//! The matrix: a sample of its machines in QEMU, and what the command says without running any.

use std::{collections::BTreeSet, fs};

use crate::support::{error_line, run};
use serde_json::Value;
use tempfile::TempDir;

#[test]
fn a_sample_of_the_machines_hibernates_and_resumes() {
    let directory = TempDir::new().expect("made");
    let json = directory.path().join("matrix.json");
    let file = json.display().to_string();
    let output = run(&["matrix", "--sample", "4", "--json", &file]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{output:?}");
    assert!(
        text.contains("verdict: passed, 4 of 4 machines passed"),
        "{text}"
    );
    let summary: Value =
        serde_json::from_str(&fs::read_to_string(&json).expect("written")).expect("JSON");
    assert_eq!(summary["passed"], true);
    let runs = summary["runs"].as_array().expect("a list");
    assert_eq!(runs.len(), 4);
    let accepts = |run: &Value, feature: &str| {
        run["accepted_features"]
            .as_array()
            .is_some_and(|features| features.iter().any(|name| name == feature))
    };
    for run in runs {
        let arguments = run["arguments"].as_str().expect("text");
        if arguments.contains("--no-event-idx") {
            assert!(!accepts(run, "RING_EVENT_IDX"), "{run}");
        }
        if arguments.contains("--vectors 0") {
            assert_eq!(run["messages"], 0, "{run}");
        }
    }
    // The values of all short axes are among them.
    for words in [
        "--machine pc",
        "--machine q35",
        "--queue-size 16 ",
        "--queue-size 1024",
        "--queues 8",
        "--vectors 0",
        "--vectors 1",
        "--vectors 2",
        "--packed",
        "--no-event-idx",
        "--no-indirect",
        "--modern-only",
        "--transitional",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
}

#[test]
fn the_list_has_every_size_and_names_no_machine_twice() {
    let output = run(&["matrix", "--list"]);
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout);
    let machines: BTreeSet<&str> = text.lines().collect();
    assert_eq!(machines.len(), text.lines().count());
    assert!(machines.len() >= 56, "{}", machines.len());
    for size in [16, 32, 64, 128, 256, 512, 1024] {
        assert!(text.contains(&format!("--queue-size {size}")), "{size}");
    }
}

#[test]
fn nothing_left_to_run_is_an_error() {
    let output = run(&["matrix", "--only", "--queue-size 48"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        error_line(&output).contains("--list"),
        "{}",
        error_line(&output)
    );
}
