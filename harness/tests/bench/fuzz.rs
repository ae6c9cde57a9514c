//! The fuzz targets compile, and one of them runs for a moment: nobody fuzzes in CI, and a target that no longer fits what it is for is
//! found here.

use std::{collections::BTreeSet, fs, process::Command};

use harness::{
    build::Target,
    fuzz::{CRATES, FuzzTarget, Fuzzer, targets},
    progress::Verbosity,
    repository::Repository,
    setup::Need,
    trial::Workshop,
};

fn all() -> (Repository, Vec<FuzzTarget>) {
    let repository = Repository::find().expect("inside the repository");
    let targets = targets(&repository.root).expect("readable");
    (repository, targets)
}

#[test]
fn the_fuzz_targets_compile() {
    let workshop = Workshop::open(&[Need::Build], Verbosity::Normal).expect("the tools are there");
    for folder in CRATES {
        let manifest = workshop.repository.root.join(folder).join("Cargo.toml");
        let manifest = manifest.display().to_string();
        let words = [
            "check",
            "--quiet",
            "--locked",
            "--bins",
            "--manifest-path",
            &manifest,
        ];
        let output = workshop
            .builder()
            .cargo(Target::Plain, &words)
            // A check links nothing, so libFuzzer need not be built; no C++ compiler is asked for.
            .env("CUSTOM_LIBFUZZER_PATH", "/nonexistent/libfuzzer.a")
            .output()
            .expect("cargo starts");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[test]
fn every_fuzz_target_is_among_those_that_are_compiled() {
    let (repository, targets) = all();
    for folder in CRATES {
        let listed: BTreeSet<String> = targets
            .iter()
            .filter(|target| target.folder == folder)
            .map(|target| target.source.clone())
            .collect();
        let written: BTreeSet<String> =
            fs::read_dir(repository.root.join(folder).join("fuzz_targets"))
                .expect("readable")
                .map(|entry| {
                    format!(
                        "fuzz_targets/{}",
                        entry.expect("readable").file_name().display()
                    )
                })
                .collect();
        assert!(written.len() >= 2, "{written:?}");
        assert_eq!(listed, written);
    }
}

#[test]
fn a_target_that_is_not_there_is_refused_with_those_that_are() {
    let output = Command::new(env!("CARGO_BIN_EXE_harness"))
        .args(["fuzz", "no_such_target"])
        .output()
        .expect("the harness starts");
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{words}");
    assert!(
        words.contains("packed_ring") && words.contains("dump_file"),
        "{words}"
    );
}

#[test]
#[ignore = "long: builds libFuzzer and a fuzz target with coverage"]
fn a_few_seconds_of_fuzzing_reach_new_code_and_find_nothing() {
    let workshop =
        Workshop::open(&[Need::Build, Need::Cpp], Verbosity::Silent).expect("the tools are there");
    // A corpus of its own: what others have found before would leave nothing new to reach.
    let corpora = tempfile::tempdir().expect("made");
    let fuzzer = Fuzzer::new(workshop.builder(), &workshop.repository, &workshop.progress)
        .with_corpora(corpora.path().to_path_buf());
    let mut chosen = all().1;
    chosen.retain(|target| target.name == "packed_ring");
    fuzzer.build(&chosen).expect("built");
    let outcome = fuzzer.run(&chosen[0], 5).expect("it runs");
    assert_eq!(outcome.failure, None);
    let before = outcome.reached_before.expect("it says where it starts");
    assert!(outcome.edges > 300, "{outcome:?}");
    assert!(outcome.reached > before + 100, "no coverage: {outcome:?}");
    assert!(outcome.kept > 10 && outcome.tried > 1000, "{outcome:?}");
}
