//! Where figures come from: the commit of the sources, and the compiler of the driver.

use std::{path::Path, process::Command};

use crate::setup::Toolchain;

/// The commit of the sources, with a plus sign if they were changed since.
#[must_use]
pub fn commit(root: &Path) -> String {
    let git = |words: &[&str]| said(Command::new("git").arg("-C").arg(root).args(words));
    let Some(commit) = git(&["rev-parse", "--short=12", "HEAD"]) else {
        return "unknown".to_owned();
    };
    let changed = git(&["status", "--porcelain", "--untracked-files=no"]);
    let sign = if changed.is_none_or(|list| list.is_empty()) {
        ""
    } else {
        "+"
    };
    format!("{commit}{sign}")
}

/// Name and version of the compiler for driver and bench kernel, as it says them, without the date of its own sources.
#[must_use]
pub fn compiler(toolchain: &Toolchain) -> String {
    let program = match toolchain {
        Toolchain::Rustup { .. } => Path::new("rustc"),
        Toolchain::Distribution { rustc, .. } => rustc,
    };
    let text = said(Command::new(program).arg("--version")).unwrap_or_default();
    let words: Vec<&str> = text.split_whitespace().take(2).collect();
    if words.is_empty() {
        "an unknown compiler".to_owned()
    } else {
        words.join(" ")
    }
}

fn said(command: &mut Command) -> Option<String> {
    let output = command.output().ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
