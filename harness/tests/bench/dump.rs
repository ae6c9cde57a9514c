//! `cargo harness dump` on good, damaged and foreign files.

use std::fs;

use crate::support::synthetic::Synthetic;
use crate::support::{error_line, run};
use serde_json::Value;
use tempfile::TempDir;

/// Runs `dump info` on these bytes: exit status, standard output, error line.
fn info(bytes: &[u8], more: &[&str]) -> (Option<i32>, String, Option<String>) {
    let directory = TempDir::new().expect("made");
    let path = directory.path().join("memory.dmp");
    fs::write(&path, bytes).expect("written");
    let file = path.display().to_string();
    let mut words = vec!["dump", "info", &file];
    words.extend(more);
    let output = run(&words);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let failed = !output.status.success();
    let error = failed.then(|| error_line(&output));
    (output.status.code(), text, error)
}

#[test]
fn a_good_dump_is_described() {
    let (status, text, _) = info(&Synthetic::default().bitmap(6), &[]);
    assert_eq!(status, Some(0));
    assert!(text.contains("kernel, bitmap"), "{text}");
    assert!(text.contains("0xe2"), "{text}");
    let (status, text, _) = info(&Synthetic::default().small(), &["--json", "-"]);
    assert_eq!(status, Some(0));
    let data: Value = serde_json::from_str(&text).expect("JSON alone");
    assert_eq!(data["type_name"], "small (triage)");
    assert_eq!(data["triage"]["blocks"][0]["bytes"], 100);
}

#[test]
fn a_damaged_dump_is_described_and_fails() {
    let file = Synthetic::default().full();
    let (status, text, error) = info(&file[..file.len() / 2], &[]);
    assert_eq!(status, Some(1));
    assert!(
        text.contains("DAMAGED") && text.contains("PROBLEM"),
        "{text}"
    );
    assert!(error.is_some_and(|line| line.contains("cut short")));
}

#[test]
fn a_foreign_file_is_refused_on_one_line() {
    for (bytes, reason) in [(&b"MZ, not a dump"[..], "PAGE"), (b"", "0 bytes")] {
        let (status, text, error) = info(bytes, &[]);
        assert_eq!(status, Some(2));
        assert_eq!(text, "");
        let error = error.expect("a line");
        assert!(
            error.contains("is no crash dump") && error.contains(reason),
            "{error}"
        );
    }
    let output = run(&["dump", "info", "no/such/file.dmp"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(error_line(&output).contains("cannot read no/such/file.dmp"));
    let output = run(&["dump", "extract", "no/such/disk", "out.dmp"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(error_line(&output).contains("cannot read the disk"));
}
