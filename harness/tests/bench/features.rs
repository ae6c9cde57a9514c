//! What `cargo harness` was compiled from is what the tests link: nothing is compiled twice (docs/decisions/0007).

use std::collections::BTreeSet;

use harness::{build::Target, progress::Verbosity, setup::Need, trial::Workshop};
use serde::Deserialize;

/// The part of cargo's unit graph that decides whether two commands share a unit.
#[derive(Deserialize)]
struct Graph {
    units: Vec<Unit>,
}

#[derive(Deserialize)]
struct Unit {
    pkg_id: String,
    target: serde_json::Value,
    profile: serde_json::Map<String, serde_json::Value>,
    mode: String,
    features: Vec<String>,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    index: usize,
}

impl Graph {
    /// What a command would compile, were everything to be compiled.
    fn of(workshop: &Workshop, target: Target, words: &[&str]) -> Self {
        let mut words = words.to_vec();
        words.extend(["--unit-graph", "-Zunstable-options"]);
        let output = workshop
            .builder()
            .cargo(target, &words)
            .env("RUSTC_BOOTSTRAP", "1")
            .output()
            .expect("cargo starts");
        let messages = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{messages}");
        serde_json::from_slice(&output.stdout).expect("cargo prints its unit graph as JSON")
    }

    /// One line for each unit, the same if cargo compiles it once for both.
    fn lines(&self) -> BTreeSet<String> {
        (0..self.units.len())
            .map(|index| self.line(index))
            .collect()
    }

    fn line(&self, index: usize) -> String {
        let unit = &self.units[index];
        let mut profile = unit.profile.clone();
        profile.remove("name");
        let uses: BTreeSet<String> = unit
            .dependencies
            .iter()
            .map(|dependency| {
                let used = &self.units[dependency.index];
                format!("{}{:?}", used.pkg_id, used.features)
            })
            .collect();
        format!(
            "{} {} {} {:?} with {uses:?}, profile {}",
            unit.pkg_id,
            unit.target["kind"],
            unit.mode,
            unit.features,
            serde_json::Value::from(profile)
        )
    }
}

#[test]
fn the_tests_share_all_that_the_harness_was_compiled_from() {
    let workshop = Workshop::open(&[Need::Build], Verbosity::Normal).expect("the tools are there");
    let program = Graph::of(&workshop, Target::Plain, &["build", "--package", "harness"]).lines();
    let tests = Graph::of(
        &workshop,
        Target::Host,
        &["test", "--workspace", "--no-run"],
    )
    .lines();
    assert!(program.len() > 50, "{program:#?}");
    let parsers: BTreeSet<&str> = tests
        .iter()
        .filter_map(|line| line.split(' ').next())
        .filter(|id| id.contains("#syn@"))
        .collect();
    assert_eq!(
        parsers.len(),
        1,
        "procedural macros that need several versions of syn; see Cargo.lock: {parsers:?}"
    );
    let twice: Vec<_> = program.difference(&tests).collect();
    assert!(
        twice.is_empty(),
        "compiled once more for the tests; ask for the same features in harness/features: {twice:#?}"
    );
}
