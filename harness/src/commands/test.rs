//! `cargo harness test`: everything that CI runs.
//!
//! Format first, because it is quick to fail, then one run of all tests, compiled by clippy: unit and property tests of every
//! crate, the ABI tests, the house rules, bad input, the debugger, red cases and hibernations. The tests are ordinary Rust
//! tests, so their runner's summary is the end of the output. Long ones, marked as ignored, are left out unless one asks.

use std::{process::Command, time::Instant};

use anyhow::{Context as _, Result};

use crate::{
    build::{BUILT_VARIABLE, Builder, Target},
    fault::Fault,
    progress::Verbosity,
    repository::TARGET_VARIABLE,
    setup::{Need, Toolchain},
    trial::Workshop,
};

/// Arguments of `cargo harness test`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Run only the tests whose name contains this, without format and lints
    #[arg(value_name = "FILTER")]
    pub filter: Option<String>,
    /// Leave out the tests that start QEMU
    #[arg(long)]
    pub quick: bool,
    /// Run the tests that are marked as long, too
    #[arg(long, conflicts_with = "quick")]
    pub all: bool,
}

/// One thing that CI runs.
struct Stage {
    name: &'static str,
    command: Command,
}

/// Runs all stages; a failed one does not keep the others from running.
///
/// # Errors
/// Set-up problems, and a [`Fault`] that names the stages that failed.
pub fn execute(arguments: &Args) -> Result<()> {
    let needs = [Need::Build, Need::Qemu, Need::Gdb, Need::Nextest];
    let workshop = Workshop::open(&needs, Verbosity::Normal)?;
    workshop.progress.note(&workshop.toolchain.describe());
    // Built once here, so that no test finds the other waiting for cargo.
    let builder = workshop.builder();
    builder.driver_and_bench()?;
    builder.dump_header()?;
    builder.filter()?;
    workshop.progress.finish();
    let mut stages = Vec::new();
    if arguments.filter.is_none() {
        stages.extend(lints(&builder, &workshop.toolchain));
    }
    let mut tests = tests(&builder, arguments);
    tests
        .command
        .env(TARGET_VARIABLE, &workshop.repository.target)
        .env(BUILT_VARIABLE, "1");
    if arguments.filter.is_none() {
        lint_while_compiling(&mut tests.command)?;
    }
    stages.push(tests);
    let mut failed = Vec::new();
    for mut stage in stages {
        println!("== {}", stage.name);
        let start = Instant::now();
        let status = stage
            .command
            .status()
            .with_context(|| format!("cannot start the stage {}", stage.name))?;
        if !status.success() {
            failed.push(stage.name);
        } else if stage.name != TESTS {
            println!("== {}: {} s", stage.name, start.elapsed().as_secs());
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(Fault::check(
        format!("failed: {}", failed.join(", ")),
        "the messages are above",
    )
    .into())
}

/// Lets clippy compile the tests and what they test, as `cargo clippy` lets it check them: the same variables, but no second
/// view of every dependency. A lint stops the build, and its message names it. Nothing is kept for a compilation in parts: what
/// one edits and tries again is compiled with a filter, apart from this.
fn lint_while_compiling(command: &mut Command) -> Result<()> {
    let there = Command::new(CLIPPY)
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success());
    if !there {
        return Err(Fault::setup(
            format!("{CLIPPY} does not start"),
            "install it: rustup component add clippy",
        )
        .into());
    }
    command
        .env("RUSTC_WORKSPACE_WRAPPER", CLIPPY)
        .env("CLIPPY_ARGS", "--deny__CLIPPY_HACKERY__warnings")
        .env("CARGO_INCREMENTAL", "0");
    Ok(())
}

/// Compiles as `rustc` does, and lints.
const CLIPPY: &str = "clippy-driver";

/// The stage whose summary ends the output.
const TESTS: &str = "tests";

fn lints(builder: &Builder<'_>, toolchain: &Toolchain) -> Vec<Stage> {
    let clippy = |target, packages: &[&str]| {
        let mut words = vec!["clippy", "--quiet"];
        words.extend(packages);
        words.extend(["--", "--deny", "warnings"]);
        builder.cargo(target, &words)
    };
    let mut stages = vec![Stage {
        name: "format",
        command: builder.cargo(Target::Plain, &["fmt", "--all", "--check"]),
    }];
    // The distribution's compiler has no clippy for these targets; it has built both before.
    if matches!(toolchain, Toolchain::Rustup { .. }) {
        stages.push(Stage {
            name: "clippy, driver",
            command: clippy(Target::Windows, &["--package", "hiberport"]),
        });
        stages.push(Stage {
            name: "clippy, bench kernel",
            command: clippy(Target::Bare, &["--package", "kernel"]),
        });
    }
    stages
}

fn tests(builder: &Builder<'_>, arguments: &Args) -> Stage {
    let has_nextest = builder
        .cargo(Target::Plain, &["nextest", "--version"])
        .output()
        .is_ok_and(|output| output.status.success());
    let mut words = if has_nextest {
        vec!["nextest", "run", "--no-fail-fast", "--workspace"]
    } else {
        vec!["test", "--no-fail-fast", "--workspace"]
    };
    if arguments.quick {
        words.extend(["--lib", "--bins"]);
    }
    // Who names a test wants it, long or not.
    let long = arguments.all || arguments.filter.is_some();
    if long && has_nextest {
        words.extend(["--run-ignored", "all"]);
    }
    if let Some(filter) = &arguments.filter {
        words.push(filter);
    }
    if long && !has_nextest {
        words.extend(["--", "--include-ignored"]);
    }
    Stage {
        name: TESTS,
        command: builder.cargo(Target::Host, &words),
    }
}
