//! The decision table of the set-up: from [`Facts`] and [`Need`]s to a [`Decision`]. Pure.

use std::path::PathBuf;

use super::facts::Facts;

/// What a command needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Compilers and linkers for the driver and the bench kernel.
    Build,
    /// QEMU.
    Qemu,
    /// A debugger (tests only).
    Gdb,
    /// A C++ compiler, for libFuzzer.
    Cpp,
    /// The test runner (tests only; cargo's own does too).
    Nextest,
}

/// How the driver and the bench kernel are built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Toolchain {
    /// The toolchain in use has both targets.
    Rustup {
        /// The linker for both.
        linker: Linker,
    },
    /// The distribution's compiler builds `core` and `alloc` from source.
    Distribution {
        /// Its `rustc`.
        rustc: PathBuf,
        /// Its `cargo`.
        cargo: PathBuf,
        /// The linker for both targets.
        linker: Linker,
    },
}

/// The linker for both targets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linker(pub PathBuf);

impl Toolchain {
    /// One line for the report.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Rustup { linker } => {
                format!("the toolchain's own targets, linker {}", linker.0.display())
            }
            Self::Distribution { rustc, linker, .. } => format!(
                "{} with the standard library from source, linker {}",
                rustc.display(),
                linker.0.display()
            ),
        }
    }

    /// The linker for the driver and the bench kernel.
    #[must_use]
    pub fn linker(&self) -> &Linker {
        match self {
            Self::Rustup { linker } | Self::Distribution { linker, .. } => linker,
        }
    }
}

/// Something to do before the command can run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Finish an installation that was interrupted; needs root.
    Repair,
    /// Install packages; needs root.
    Apt {
        /// Their names, sorted.
        packages: Vec<&'static str>,
    },
    /// Install the test runner from the package registry.
    Nextest,
    /// Nothing can be done from here.
    Stop {
        /// What is missing.
        cause: String,
        /// What to type.
        command: String,
    },
}

impl Action {
    /// The command that a person would type for it.
    #[must_use]
    pub fn command_line(&self) -> String {
        match self {
            Self::Repair => REPAIR.to_owned(),
            Self::Apt { packages } => apt_command(packages),
            Self::Nextest => "cargo install --locked cargo-nextest".to_owned(),
            Self::Stop { command, .. } => command.clone(),
        }
    }
}

/// What finishes an interrupted installation.
pub const REPAIR: &str = "dpkg --configure -a";

/// What is to be done, and what is there already.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// How to build; `None` while something is missing for it, or when nothing is to be built.
    pub toolchain: Option<Toolchain>,
    /// In order; empty when all is there.
    pub actions: Vec<Action>,
    /// Lines for the reader.
    pub notes: Vec<String>,
}

/// Decides what to install and which way to build.
#[must_use]
pub fn decide(facts: &Facts, needs: &[Need]) -> Decision {
    let mut decision = Decision::default();
    let mut packages = Vec::new();
    if needs.contains(&Need::Build) {
        decision.toolchain = choose_toolchain(facts, &mut packages);
        if let Some(toolchain) = &decision.toolchain {
            decision
                .notes
                .push(format!("build: {}", toolchain.describe()));
        }
    }
    if needs.contains(&Need::Qemu) && facts.qemu.is_none() {
        packages.push("qemu-system-x86");
    }
    if needs.contains(&Need::Gdb) && facts.gdb.is_none() {
        packages.push("gdb");
    }
    if needs.contains(&Need::Cpp) && facts.cpp.is_none() {
        packages.push("g++");
    }
    if !packages.is_empty() {
        packages.sort_unstable();
        if facts.debian && facts.root_user && facts.dpkg_interrupted {
            decision.actions.push(Action::Repair);
        }
        decision.actions.push(install(facts, packages));
    }
    if needs.contains(&Need::Nextest) && facts.nextest.is_none() {
        decision.actions.push(Action::Nextest);
    }
    decision
}

fn choose_toolchain(facts: &Facts, packages: &mut Vec<&'static str>) -> Option<Toolchain> {
    let linker = facts.rust_lld.clone().or_else(|| facts.lld.clone());
    if facts.both_targets {
        if let Some(linker) = linker {
            return Some(Toolchain::Rustup {
                linker: Linker(linker),
            });
        }
        packages.push("lld");
        return None;
    }
    if facts.system_rustc.is_none() {
        packages.push("rustc-web");
    }
    if facts.system_cargo.is_none() {
        packages.push("cargo-web");
    }
    if !facts.system_rust_source {
        packages.push("rust-web-src");
    }
    if linker.is_none() {
        packages.push("lld");
    }
    if !packages.is_empty() {
        return None;
    }
    Some(Toolchain::Distribution {
        rustc: facts.system_rustc.clone()?,
        cargo: facts.system_cargo.clone()?,
        linker: Linker(linker?),
    })
}

fn install(facts: &Facts, packages: Vec<&'static str>) -> Action {
    if facts.debian && facts.root_user {
        return Action::Apt { packages };
    }
    let half = if facts.half_installed.is_empty() {
        String::new()
    } else {
        format!(" (half installed: {})", facts.half_installed.join(", "))
    };
    let cause = format!("missing: {}{half}", packages.join(", "));
    let command = if facts.debian && facts.dpkg_interrupted {
        format!("sudo sh -c '{REPAIR} && {}'", apt_command(&packages))
    } else if facts.debian {
        format!("sudo sh -c '{}'", apt_command(&packages))
    } else {
        elsewhere(facts, &packages)
    };
    Action::Stop { cause, command }
}

fn apt_command(packages: &[&str]) -> String {
    format!(
        "apt-get update && apt-get install -y --no-install-recommends {}",
        packages.join(" ")
    )
}

/// Not Debian: the targets come with rustup, the programs from the distribution.
fn elsewhere(facts: &Facts, packages: &[&str]) -> String {
    let mut steps = Vec::new();
    let is_toolchain =
        |name: &&str| matches!(*name, "rustc-web" | "cargo-web" | "rust-web-src" | "lld");
    if packages.iter().any(is_toolchain) {
        steps.push(if facts.rustup {
            "rustup target add x86_64-pc-windows-msvc x86_64-unknown-none".to_owned()
        } else {
            "install Rust with rustup, then `rustup target add x86_64-pc-windows-msvc x86_64-unknown-none`".to_owned()
        });
    }
    let others: Vec<_> = packages
        .iter()
        .filter(|name| !is_toolchain(name))
        .map(|name| match *name {
            "qemu-system-x86" => "qemu-system-x86_64 (7.2 or later)",
            "g++" => "a C++ compiler",
            other => other,
        })
        .collect();
    if !others.is_empty() {
        steps.push(format!(
            "install {} with your package manager",
            others.join(" and ")
        ));
    }
    steps.join("; then ")
}
