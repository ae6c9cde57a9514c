//! The fuzz targets compile, although nobody fuzzes in CI: a target that no longer fits the engine is found here.

use std::{collections::BTreeSet, fs, path::PathBuf};

use harness::{
    build::Target, progress::Verbosity, repository::Repository, setup::Need, trial::Workshop,
};

fn directory() -> PathBuf {
    Repository::find()
        .expect("inside the repository")
        .root
        .join("miniport/hba/fuzz")
}

#[test]
fn the_fuzz_targets_compile() {
    let workshop = Workshop::open(&[Need::Build], Verbosity::Normal).expect("the tools are there");
    let manifest = directory().join("Cargo.toml").display().to_string();
    let output = workshop
        .builder()
        .cargo(
            Target::Plain,
            &[
                "check",
                "--quiet",
                "--locked",
                "--bins",
                "--manifest-path",
                &manifest,
            ],
        )
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

#[test]
fn every_fuzz_target_is_among_those_that_are_compiled() {
    let directory = directory();
    let manifest: toml::Table =
        toml::from_str(&fs::read_to_string(directory.join("Cargo.toml")).expect("readable"))
            .expect("TOML");
    let compiled: BTreeSet<String> = manifest["bin"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|target| target["path"].as_str().expect("a path").to_owned())
        .collect();
    let written: BTreeSet<String> = fs::read_dir(directory.join("fuzz_targets"))
        .expect("readable")
        .map(|entry| {
            let name = entry.expect("readable").file_name();
            format!("fuzz_targets/{}", name.to_string_lossy())
        })
        .collect();
    assert!(written.len() >= 3, "{written:?}");
    assert_eq!(compiled, written);
}
