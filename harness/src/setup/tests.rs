//! The decision table, row by row.

use std::path::PathBuf;

use super::{
    facts::Facts,
    plan::{Action, Linker, Need, Toolchain, decide},
};

const ALL: &[Need] = &[Need::Build, Need::Qemu, Need::Gdb, Need::Nextest];

fn path(text: &str) -> PathBuf {
    PathBuf::from(text)
}

/// A Debian machine with everything that the distribution's way needs.
fn complete() -> Facts {
    Facts {
        both_targets: false,
        rustup: true,
        sysroot: Some(path("/toolchain")),
        rust_lld: Some(path("/toolchain/rust-lld")),
        system_rustc: Some(path("/usr/bin/rustc")),
        system_cargo: Some(path("/usr/bin/cargo")),
        system_rust_source: true,
        lld: None,
        qemu: Some(path("/usr/bin/qemu-system-x86_64")),
        gdb: Some(path("/usr/bin/gdb")),
        cpp: Some(path("/usr/bin/c++")),
        nextest: Some(path("/bin/cargo-nextest")),
        debian: true,
        half_installed: Vec::new(),
        dpkg_interrupted: false,
        root_user: true,
    }
}

#[test]
fn an_interrupted_installation_is_finished_first() {
    let facts = Facts {
        system_rust_source: false,
        half_installed: vec!["rust-web-src"],
        dpkg_interrupted: true,
        ..complete()
    };
    let install = Action::Apt {
        packages: vec!["rust-web-src"],
    };
    assert_eq!(decide(&facts, ALL).actions, [Action::Repair, install]);
    let ordinary = Facts {
        root_user: false,
        ..facts.clone()
    };
    let [Action::Stop { cause, command }] = &decide(&ordinary, ALL).actions[..] else {
        panic!("one action expected");
    };
    assert_eq!(
        cause,
        "missing: rust-web-src (half installed: rust-web-src)"
    );
    assert!(
        command.starts_with("sudo sh -c 'dpkg --configure -a && apt-get update"),
        "{command}"
    );
    // What is interrupted elsewhere on the machine is none of our business while nothing is missing.
    let unrelated = Facts {
        dpkg_interrupted: true,
        ..complete()
    };
    assert_eq!(decide(&unrelated, ALL).actions, []);
}

#[test]
fn a_complete_machine_needs_nothing() {
    let decision = decide(&complete(), ALL);
    assert_eq!(decision.actions, []);
    assert_eq!(
        decision.toolchain,
        Some(Toolchain::Distribution {
            rustc: "/usr/bin/rustc".into(),
            cargo: "/usr/bin/cargo".into(),
            linker: Linker("/toolchain/rust-lld".into()),
        })
    );
    assert!(decision.notes[0].contains("/usr/bin/rustc"), "{decision:?}");
}

#[test]
fn the_toolchains_own_targets_are_preferred() {
    let facts = Facts {
        both_targets: true,
        ..complete()
    };
    assert_eq!(
        decide(&facts, ALL).toolchain,
        Some(Toolchain::Rustup {
            linker: Linker("/toolchain/rust-lld".into())
        })
    );
}

#[test]
fn own_targets_need_no_distribution_compiler() {
    let facts = Facts {
        both_targets: true,
        system_rustc: None,
        system_cargo: None,
        system_rust_source: false,
        debian: false,
        ..complete()
    };
    assert_eq!(decide(&facts, ALL).actions, []);
}

#[test]
fn a_fresh_debian_gets_everything_in_one_installation() {
    let facts = Facts {
        rustup: true,
        rust_lld: Some(path("/toolchain/rust-lld")),
        debian: true,
        root_user: true,
        ..Facts::default()
    };
    let decision = decide(&facts, ALL);
    assert_eq!(
        decision.actions,
        [
            Action::Apt {
                packages: vec![
                    "cargo-web",
                    "gdb",
                    "qemu-system-x86",
                    "rust-web-src",
                    "rustc-web"
                ]
            },
            Action::Nextest
        ]
    );
    assert_eq!(decision.toolchain, None);
}

#[test]
fn without_a_linker_the_distributions_is_installed() {
    let facts = Facts {
        rust_lld: None,
        ..complete()
    };
    assert_eq!(
        decide(&facts, &[Need::Build]).actions,
        [Action::Apt {
            packages: vec!["lld"]
        }]
    );
    let facts = Facts {
        lld: Some(path("/usr/bin/lld")),
        ..facts
    };
    let decision = decide(&facts, &[Need::Build]);
    assert_eq!(decision.actions, []);
    assert_eq!(
        decision.toolchain.as_ref().map(Toolchain::linker),
        Some(&Linker("/usr/bin/lld".into()))
    );
}

#[test]
fn only_what_the_command_needs_is_looked_at() {
    let facts = Facts {
        gdb: None,
        nextest: None,
        ..complete()
    };
    assert_eq!(decide(&facts, &[Need::Build, Need::Qemu]).actions, []);
}

#[test]
fn fuzzing_needs_a_compiler_of_its_own() {
    let facts = Facts {
        cpp: None,
        ..complete()
    };
    assert_eq!(decide(&facts, ALL).actions, []);
    let needs = [Need::Build, Need::Cpp];
    assert_eq!(decide(&complete(), &needs).actions, []);
    let packages = vec!["g++"];
    assert_eq!(decide(&facts, &needs).actions, [Action::Apt { packages }]);
    let elsewhere = Facts {
        debian: false,
        ..facts
    };
    let [Action::Stop { command, .. }] = &decide(&elsewhere, &needs).actions[..] else {
        panic!("one action expected");
    };
    assert_eq!(command, "install a C++ compiler with your package manager");
}

#[test]
fn a_user_without_rights_is_told_the_exact_command() {
    let facts = Facts {
        qemu: None,
        root_user: false,
        ..complete()
    };
    let [Action::Stop { cause, command }] = &decide(&facts, &[Need::Qemu]).actions[..] else {
        panic!("one action expected");
    };
    assert_eq!(cause, "missing: qemu-system-x86");
    assert_eq!(
        command,
        "sudo sh -c 'apt-get update && apt-get install -y --no-install-recommends qemu-system-x86'"
    );
}

#[test]
fn elsewhere_rustup_brings_the_targets() {
    let facts = Facts {
        rustup: true,
        rust_lld: Some(path("/toolchain/rust-lld")),
        ..Facts::default()
    };
    let [Action::Stop { command, .. }] = &decide(&facts, &[Need::Build, Need::Qemu]).actions[..]
    else {
        panic!("one action expected");
    };
    assert_eq!(
        command,
        "rustup target add x86_64-pc-windows-msvc x86_64-unknown-none; then install qemu-system-x86_64 (7.2 or later) with your package manager"
    );
}
