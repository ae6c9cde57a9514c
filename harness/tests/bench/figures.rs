//! The figures of the driver: none may be worse than recorded, and two witnesses of the instructions must agree.

use std::fs;

use crate::support::{error_line, run};
use serde_json::Value;
use tempfile::TempDir;

/// Recorded by `cargo harness bench --record` (harness/figures.toml). A figure that is more than 3 % above is named.
#[test]
fn no_figure_is_worse_than_recorded() {
    let directory = TempDir::new().expect("made");
    let json = directory.path().join("figures.json");
    let file = json.display().to_string();
    let output = run(&["bench", "--compare", "--json", &file]);
    assert!(
        output.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        error_line(&output)
    );
    let report: Value =
        serde_json::from_str(&fs::read_to_string(&json).expect("written")).expect("JSON");
    let column = &report["columns"][0];
    assert_eq!(column["driver"], "hiberport.sys");
    assert_eq!(column["normal"].as_array().map(Vec::len), Some(4));
    assert_eq!(column["dump"].as_array().map(Vec::len), Some(2));
    assert_eq!(column["left_out"].as_array().map(Vec::len), Some(0));
    for row in column["normal"].as_array().expect("a list") {
        assert_eq!(row["reached_depth"], row["transfer"]["depth"], "{row}");
        assert!(row["ratio"].as_f64() > Some(1.0), "{row}");
    }
}

/// The kernel counts by the clock, QEMU logs every instruction: the command fails if they differ.
#[test]
fn the_profile_has_the_instructions_that_were_counted() {
    let output = run(&["bench", "--profile"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", error_line(&output));
    for routine in ["build_io", "start_io"] {
        assert!(text.contains(routine), "{routine}: {text}");
    }
}

#[test]
fn a_wrong_file_is_refused_before_anything_is_measured() {
    let output = run(&["bench", "--driver", "Cargo.toml"]);
    assert_eq!(output.status.code(), Some(2));
    let line = error_line(&output);
    assert!(line.contains("Cargo.toml"), "{line}");
    let output = run(&["bench", "--real-time"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(error_line(&output).contains("--real-time"));
}
