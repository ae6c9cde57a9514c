//! `cargo harness header`: dumpheader.sys publishes a header, QEMU writes Windows dumps with it, and both are judged.

use std::{fmt::Write as _, fs, path::PathBuf};

use anyhow::{Context as _, Result};

use super::{cycle::directory, print_all};
use crate::{
    dump_header::{self, NoteDevice, judge},
    fault::Fault,
    options::MachineArgs,
    session::Inputs,
    setup::Need,
    trial::Workshop,
};

/// Arguments of `cargo harness header`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Leave QEMU's vmcoreinfo device out: the driver must start all the same, and QEMU refuse to write a dump
    #[arg(long)]
    pub without_vmcoreinfo: bool,
    /// Say that the header is withdrawn while it is not: the verdict must notice
    #[arg(long, hide = true)]
    pub keep_header: bool,
    /// Leave the first dump and a copy of the same memory here
    #[arg(long, value_name = "DIRECTORY")]
    pub out: Option<PathBuf>,
    /// The machine.
    #[command(flatten)]
    pub machine: MachineArgs,
}

/// Builds, runs, judges, prints.
///
/// # Errors
/// Set-up problems, and a fault when a check failed.
pub fn execute(arguments: &Args) -> Result<()> {
    if arguments.machine.processors != 1 {
        return Err(Fault::setup(
            "the driver that publishes a dump header is run on one processor",
            "leave --processors out",
        )
        .into());
    }
    let workshop = Workshop::open(&[Need::Build, Need::Qemu], arguments.machine.verbosity())?;
    let bench = workshop.builder().bench()?;
    let driver = workshop.builder().dump_header()?;
    // Without its symbols: the debugger has nothing to look at but the checkpoints.
    let inputs = Inputs {
        bench,
        sys: driver.sys,
        pdb: None,
        filter: None,
    };
    let mut options = arguments.machine.options();
    if arguments.keep_header {
        options.faults.push(proto::scenario::BenchFault::HeaderKept);
    }
    let device = if arguments.without_vmcoreinfo {
        NoteDevice::Absent
    } else {
        NoteDevice::Present
    };
    if let Some(out) = &arguments.out {
        fs::create_dir_all(out).with_context(|| format!("cannot create {}", out.display()))?;
    }
    let directory = directory(&arguments.machine, &workshop)?;
    let seen = dump_header::run(
        &inputs,
        &options,
        device,
        &directory,
        arguments.out.as_deref(),
        &workshop.progress,
    )?;
    workshop.progress.finish();
    conclude(&judge::judge(&seen))
}

/// Prints the checks; the verdict becomes the exit status.
fn conclude(checks: &[judge::Check]) -> Result<()> {
    let mut text = String::new();
    let mut failed = Vec::new();
    for check in checks {
        let (mark, seen) = match &check.result {
            Ok(seen) => ("ok    ", seen),
            Err(seen) => {
                failed.push(check.name);
                ("FAILED", seen)
            }
        };
        let _infallible = writeln!(text, "  {mark} {:<20} {seen}", check.name);
    }
    let verdict = if failed.is_empty() {
        "passed"
    } else {
        "failed"
    };
    let _infallible = writeln!(text, "verdict: {verdict}");
    print_all(&text);
    if failed.is_empty() {
        return Ok(());
    }
    Err(Fault::check(
        format!("failed: {}", failed.join(", ")),
        "repeat with: cargo harness header --verbose",
    )
    .into())
}
