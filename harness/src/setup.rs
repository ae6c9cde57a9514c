//! Finds the tools that a command needs, and installs what is missing where that is possible.
//!
//! * [`facts`]: looks at the machine ([`facts::Facts`]).
//! * [`plan`]: a pure function from facts and needs to a decision ([`plan::decide`]): the way to build, and what to install.
//! * [`prepare`]: carries the decision out and returns the [`Toolchain`].

pub mod facts;
pub mod plan;
#[cfg(test)]
mod tests;

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

pub use self::plan::{Linker, Need, Toolchain};
use self::{
    facts::{Facts, Machine, dpkg_interrupted},
    plan::{Action, Decision, REPAIR, decide},
};
use crate::{fault::Fault, progress::Progress};

/// Makes sure that everything in `needs` is there, and says which way of building was found.
///
/// # Errors
/// A [`Fault`] with the exact command to type, if something is missing that cannot be installed from here.
pub fn prepare(needs: &[Need], progress: &Progress) -> Result<Toolchain> {
    prepare_on(&Machine::this(), needs, progress)
}

/// [`prepare`] for a given machine.
///
/// # Errors
/// As [`prepare`].
pub fn prepare_on(machine: &Machine, needs: &[Need], progress: &Progress) -> Result<Toolchain> {
    let mut decision = look(machine, needs);
    if !decision.actions.is_empty() {
        for action in &decision.actions {
            carry_out(machine, action, progress)?;
        }
        decision = look(machine, needs);
        decision.actions.retain(|action| *action != Action::Nextest);
        if let Some(action) = decision.actions.first() {
            return Err(Fault::setup(
                "the installation went through, but something is still missing",
                format!("see what this says: {}", action.command_line()),
            )
            .into());
        }
    }
    for note in &decision.notes {
        progress.note(note);
    }
    decision
        .toolchain
        .ok_or_else(|| Fault::setup("no way to build for the driver's target was found", "").into())
}

/// What this machine needs. Whether an installation was interrupted is asked only where there is something to install: `dpkg`
/// reads all that it knows for the answer, which would be the longest part of every start.
fn look(machine: &Machine, needs: &[Need]) -> Decision {
    let mut facts = Facts::gather(machine);
    let decision = decide(&facts, needs);
    if decision.actions.is_empty() || !facts.debian {
        return decision;
    }
    facts.dpkg_interrupted = dpkg_interrupted(machine);
    decide(&facts, needs)
}

fn carry_out(machine: &Machine, action: &Action, progress: &Progress) -> Result<()> {
    match action {
        Action::Stop { cause, command } => Err(Fault::setup(
            cause.clone(),
            format!("type this, then try again: {command}"),
        )
        .into()),
        Action::Repair => {
            progress.note("finishing an interrupted installation by dpkg --configure -a");
            run(
                machine,
                program(machine, "dpkg")
                    .env("DEBIAN_FRONTEND", "noninteractive")
                    .args(["--configure", "-a"]),
                action,
            )
        }
        Action::Apt { packages } => {
            progress.note(&format!("installing {} by apt-get", packages.join(", ")));
            run(
                machine,
                program(machine, "apt-get").args(["update", "-qq"]),
                action,
            )?;
            run(
                machine,
                program(machine, "apt-get")
                    .env("DEBIAN_FRONTEND", "noninteractive")
                    .args(["install", "-y", "-qq", "--no-install-recommends"])
                    .args(packages),
                action,
            )
        }
        Action::Nextest => {
            progress.note("installing cargo-nextest by cargo install");
            let outcome = run(
                machine,
                program(machine, "cargo").args(["install", "--quiet", "--locked", "cargo-nextest"]),
                action,
            );
            // Not fatal: the tests run under cargo's own runner too.
            if let Err(error) = outcome {
                progress.note(&format!(
                    "cargo-nextest could not be installed, the tests run under cargo test ({})",
                    crate::fault::one_line(&error)
                ));
            }
            Ok(())
        }
    }
}

fn program(machine: &Machine, name: &str) -> Command {
    let mut command = Command::new(machine.find(name).unwrap_or_else(|| name.into()));
    command.env("PATH", &machine.path);
    command
}

/// Lines of a program's last words that an error repeats: apt-get's very last one says only that dpkg failed.
const LAST_LINES: usize = 4;

fn run(machine: &Machine, command: &mut Command, action: &Action) -> Result<()> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {}", command.get_program().to_string_lossy()))?;
    if output.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = stderr
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let last = match lines.get(lines.len().saturating_sub(LAST_LINES)..) {
        Some(last) if !last.is_empty() => last.join(" / "),
        _ => "no message".to_owned(),
    };
    let remedy = if *action != Action::Repair && dpkg_interrupted(machine) {
        format!("an installation was interrupted: type `{REPAIR}` as root, then try again")
    } else {
        "run it by hand to see the whole output".to_owned()
    };
    Err(Fault::setup(
        format!("`{}` failed: {last}", action.command_line()),
        remedy,
    )
    .into())
}
