//! The results of the matrix as text ([`text`]) and as data ([`Summary`]).

use std::fmt::Write as _;

use serde::Serialize;

use super::run::Run;

/// Version of the data (docs/matrix.md).
const SCHEMA: u32 = 1;

/// All results, as `--json` writes them.
#[derive(Debug, Serialize)]
pub struct Summary<'a> {
    /// Version of this form.
    pub schema: u32,
    /// Whether every run passed.
    pub passed: bool,
    /// Seed of the choice and of every run.
    pub seed: u64,
    /// The runs, in the order of the choice.
    pub runs: &'a [Run],
}

impl<'a> Summary<'a> {
    /// The summary of `runs`.
    #[must_use]
    pub fn new(seed: u64, runs: &'a [Run]) -> Self {
        Self {
            schema: SCHEMA,
            passed: !runs.is_empty() && runs.iter().all(|run| run.passed),
            seed,
            runs,
        }
    }
}

/// Ring features in a column of the table, by their names in a report.
const COLUMNS: [(&str, &str); 3] = [
    ("RING_PACKED", "packed"),
    ("RING_EVENT_IDX", "event"),
    ("RING_INDIRECT_DESC", "indirect"),
];

/// One line a run, then what failed and how to repeat it, then the sum.
#[must_use]
pub fn text(summary: &Summary<'_>) -> String {
    let mut out = String::new();
    for run in summary.runs {
        let rings: Vec<&str> = COLUMNS
            .iter()
            .filter(|(name, _)| run.accepted_features.iter().any(|feature| feature == name))
            .map(|(_, short)| *short)
            .collect();
        let _ = writeln!(
            out,
            "{} {:6.1} s  {:2} messages, {:23} {}",
            if run.passed { "ok    " } else { "FAILED" },
            f64::from(u32::try_from(run.milliseconds).unwrap_or(u32::MAX)) / 1000.0,
            run.messages,
            if rings.is_empty() {
                "no ring feature".to_owned()
            } else {
                rings.join(" ")
            },
            run.arguments
        );
    }
    for run in summary.runs.iter().filter(|run| !run.passed) {
        let _ = writeln!(out, "\n{}", run.arguments);
        if let Some(failure) = &run.failure {
            let _ = writeln!(out, "  {failure}");
        }
        for failed in &run.failed {
            let _ = writeln!(out, "  {:26} {}", failed.check, failed.detail);
        }
        let _ = writeln!(out, "  again with: {}", run.repeat_with);
    }
    let failed = summary.runs.iter().filter(|run| !run.passed).count();
    let _ = writeln!(
        out,
        "\nverdict: {}, {} of {} machines passed",
        if summary.passed { "passed" } else { "FAILED" },
        summary.runs.len() - failed,
        summary.runs.len()
    );
    out
}

#[cfg(test)]
mod tests {
    use super::{super::run::Failed, *};

    fn run(passed: bool) -> Run {
        Run {
            arguments: "--machine pc --queue-size 16".to_owned(),
            passed,
            failed: if passed {
                Vec::new()
            } else {
                vec![Failed {
                    check: "io-verified".to_owned(),
                    detail: "3 bytes wrong".to_owned(),
                }]
            },
            failure: None,
            accepted_features: vec!["RING_EVENT_IDX".to_owned()],
            messages: 2,
            milliseconds: 4200,
            repeat_with: "cargo harness cycle --seed 1".to_owned(),
        }
    }

    #[test]
    fn a_failure_names_machine_check_and_command() {
        let runs = [run(true), run(false)];
        let summary = Summary::new(1, &runs);
        assert!(!summary.passed);
        let text = text(&summary);
        for words in [
            "ok        4.2 s   2 messages, event",
            "io-verified                3 bytes wrong",
            "again with: cargo harness cycle --seed 1",
            "verdict: FAILED, 1 of 2 machines passed",
        ] {
            assert!(text.contains(words), "{words}\n{text}");
        }
    }

    #[test]
    fn nothing_run_is_not_passed() {
        assert!(!Summary::new(1, &[]).passed);
        assert!(Summary::new(1, &[run(true)]).passed);
    }
}
