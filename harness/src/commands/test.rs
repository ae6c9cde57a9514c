//! `cargo harness test`: everything that CI runs.
//!
//! Format and lints first, because they are quick to fail, then one run of all tests: unit and property tests of every crate,
//! the ABI tests, the house rules, bad input, the debugger, red cases and hibernations. The tests are ordinary Rust tests, so
//! their runner's summary is the end of the output.

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
    builder.driver()?;
    builder.dump_header()?;
    builder.filter()?;
    builder.bench()?;
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

/// The stage whose summary ends the output.
const TESTS: &str = "tests";

fn lints(builder: &Builder<'_>, toolchain: &Toolchain) -> Vec<Stage> {
    let clippy = |target, packages: &[&str]| {
        let mut words = vec!["clippy", "--quiet"];
        words.extend(packages);
        words.extend(["--", "--deny", "warnings"]);
        builder.cargo(target, &words)
    };
    let mut stages = vec![
        Stage {
            name: "format",
            command: builder.cargo(Target::Plain, &["fmt", "--all", "--check"]),
        },
        Stage {
            name: "clippy, all crates on this machine",
            command: clippy(Target::Host, &["--workspace"]),
        },
    ];
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
    if let Some(filter) = &arguments.filter {
        words.push(filter);
    }
    Stage {
        name: TESTS,
        command: builder.cargo(Target::Host, &words),
    }
}
