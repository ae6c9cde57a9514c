//! The set-up on machines made of a few directories and scripts: what it finds, what it installs, what it says.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use harness::{
    fault::{exit_status, one_line},
    progress::{Progress, Verbosity},
    setup::{
        Need, Toolchain,
        facts::{Machine, User},
        prepare_on,
    },
};
use tempfile::TempDir;

/// A machine in a directory. Its search path has `bin` alone, so nothing of the real machine is seen.
struct Fake {
    directory: TempDir,
    machine: Machine,
}

impl Fake {
    fn new(user: User) -> Self {
        let directory = tempfile::tempdir().expect("made");
        for name in ["bin", "usr/bin", "etc"] {
            fs::create_dir_all(directory.path().join(name)).expect("made");
        }
        let machine = Machine {
            path: directory.path().join("bin").into(),
            root: directory.path().to_path_buf(),
            user,
        };
        Self { directory, machine }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn script(&self, name: &str, body: &str) {
        script(&self.path(name), body);
    }

    /// Debian, whose `apt-get install` runs `install`, a piece of shell.
    fn debian(self, install: &str) -> Self {
        fs::write(self.path("etc/debian_version"), "12.0\n").expect("written");
        let body = format!(
            "echo \"$@\" >> '{}'\ncase $1 in install)\n{install}\n;; esac",
            self.path("apt.log").display()
        );
        self.script("bin/apt-get", &body);
        self
    }

    /// The distribution's Rust, with the source of its library.
    fn distribution_rust(self) -> Self {
        self.distribution_rust_of("1.96.0")
    }

    fn distribution_rust_of(self, version: &str) -> Self {
        let sysroot = self.path("usr");
        let answer = |name: &str| {
            format!(
                "case $1 in --version) echo '{name} {version} (abc)';; *) echo '{}';; esac",
                sysroot.display()
            )
        };
        self.script("usr/bin/rustc", &answer("rustc"));
        self.script("usr/bin/cargo", &answer("cargo"));
        fs::create_dir_all(sysroot.join("lib/rustlib/src/rust/library/core")).expect("made");
        self
    }

    /// A toolchain of rustup's kind, without the two targets.
    fn toolchain(self) -> Self {
        let sysroot = self.path("toolchain");
        let bin = sysroot.join("lib/rustlib/x86_64-unknown-linux-gnu/bin");
        fs::create_dir_all(&bin).expect("made");
        script(&bin.join("rust-lld"), "exit 0");
        self.script("bin/rustc", &format!("echo '{}'", sysroot.display()));
        self
    }

    fn target(&self, name: &str) {
        let library = self.path("toolchain/lib/rustlib").join(name).join("lib");
        fs::create_dir_all(&library).expect("made");
        fs::write(library.join("libcore-0123.rlib"), "").expect("written");
    }

    fn apt_log(&self) -> String {
        fs::read_to_string(self.path("apt.log")).unwrap_or_default()
    }

    fn prepare(&self, needs: &[Need]) -> anyhow::Result<Toolchain> {
        prepare_on(&self.machine, needs, &Progress::new(Verbosity::Normal))
    }
}

fn script(path: &Path, body: &str) {
    fs::write(path, format!("#!/bin/sh\n{body}\n")).expect("written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("executable");
}

#[test]
fn a_complete_machine_is_left_alone() {
    let fake = Fake::new(User::Root)
        .debian("exit 1")
        .distribution_rust()
        .toolchain();
    fake.script("bin/qemu-system-x86_64", "exit 0");
    let toolchain = fake.prepare(&[Need::Build, Need::Qemu]).expect("complete");
    assert!(
        toolchain
            .describe()
            .contains("usr/bin/rustc with the standard library from source"),
        "{}",
        toolchain.describe()
    );
    assert_eq!(fake.apt_log(), "");
}

#[test]
fn both_targets_make_the_distributions_rust_unnecessary() {
    let fake = Fake::new(User::Ordinary).toolchain();
    fake.target("x86_64-unknown-none");
    let error = fake
        .prepare(&[Need::Build])
        .expect_err("one target is not enough");
    assert!(one_line(&error).contains("rustup"), "{error:#}");
    fake.target("x86_64-pc-windows-msvc");
    let toolchain = fake.prepare(&[Need::Build]).expect("both targets");
    assert!(
        matches!(toolchain, Toolchain::Rustup { .. }),
        "{toolchain:?}"
    );
}

#[test]
fn what_is_missing_is_installed_once() {
    let fake = Fake::new(User::Root).distribution_rust().toolchain();
    let qemu = fake.path("bin/qemu-system-x86_64");
    let install = format!(
        "echo '#!/bin/sh' > '{0}'; /bin/chmod +x '{0}'",
        qemu.display()
    );
    let fake = fake.debian(&install);
    fake.prepare(&[Need::Build, Need::Qemu]).expect("installed");
    assert_eq!(
        fake.apt_log(),
        "update -qq\ninstall -y -qq --no-install-recommends qemu-system-x86\n"
    );
    fake.prepare(&[Need::Build, Need::Qemu]).expect("there now");
    assert_eq!(fake.apt_log().lines().count(), 2, "nothing more to install");
}

#[test]
fn a_failed_installation_is_reported_with_its_last_words() {
    let fake = Fake::new(User::Root)
        .distribution_rust()
        .toolchain()
        .debian("echo 'E: Unable to locate package' >&2; exit 100");
    let error = fake
        .prepare(&[Need::Build, Need::Qemu])
        .expect_err("failed");
    assert_eq!(exit_status(&error), 2);
    let text = one_line(&error);
    assert!(text.contains("E: Unable to locate package"), "{text}");
    assert!(
        text.contains("apt-get install -y --no-install-recommends qemu-system-x86"),
        "{text}"
    );
}

#[test]
fn an_installation_without_effect_is_not_repeated_for_ever() {
    let fake = Fake::new(User::Root)
        .distribution_rust()
        .toolchain()
        .debian("exit 0");
    let error = fake
        .prepare(&[Need::Build, Need::Qemu])
        .expect_err("still missing");
    assert!(one_line(&error).contains("still missing"), "{error:#}");
}

#[test]
fn without_rights_the_exact_command_is_printed() {
    let fake = Fake::new(User::Ordinary).debian("exit 0");
    let error = fake
        .prepare(&[Need::Build, Need::Qemu])
        .expect_err("missing");
    assert_eq!(exit_status(&error), 2);
    let text = one_line(&error);
    assert!(
        text.contains(
            "sudo sh -c 'apt-get update && apt-get install -y --no-install-recommends cargo-web lld qemu-system-x86 rust-web-src rustc-web'"
        ),
        "{text}"
    );
    assert_eq!(fake.apt_log(), "", "nothing was tried");
}

#[test]
fn a_compiler_that_is_too_old_is_replaced() {
    let fake = Fake::new(User::Ordinary)
        .distribution_rust_of("1.63.0")
        .toolchain()
        .debian("exit 0");
    let error = fake.prepare(&[Need::Build]).expect_err("too old");
    let text = one_line(&error);
    assert!(
        text.contains("--no-install-recommends cargo-web rust-web-src rustc-web'"),
        "{text}"
    );
}

/// A machine whose `rust-web-src` was unpacked and not configured, until `dpkg --configure -a` ran.
fn interrupted(user: User) -> Fake {
    let fake = Fake::new(user)
        .debian("exit 0")
        .distribution_rust()
        .toolchain();
    let repaired = fake.path("repaired");
    fake.script(
        "bin/dpkg-query",
        &format!(
            "if [ -e '{0}' ]; then echo 'installed rust-web-src'; else echo 'unpacked rust-web-src'; fi; exit 1",
            repaired.display()
        ),
    );
    fake.script(
        "bin/dpkg",
        &format!(
            "case $1 in --audit) [ -e '{0}' ] || echo 'rust-web-src is not configured';; --configure) : > '{0}';; esac",
            repaired.display()
        ),
    );
    fake
}

#[test]
fn a_half_installed_package_is_not_taken_for_complete_and_root_repairs_it() {
    let fake = interrupted(User::Root);
    let toolchain = fake.prepare(&[Need::Build]).expect("repaired");
    assert!(
        matches!(toolchain, Toolchain::Distribution { .. }),
        "{toolchain:?}"
    );
    assert!(fake.path("repaired").exists());
    assert!(
        fake.apt_log()
            .contains("install -y -qq --no-install-recommends rust-web-src"),
        "{}",
        fake.apt_log()
    );
}

#[test]
fn an_ordinary_user_is_told_how_to_repair() {
    let fake = interrupted(User::Ordinary);
    let error = fake.prepare(&[Need::Build]).expect_err("not allowed");
    let line = one_line(&error);
    assert!(
        line.contains("half installed: rust-web-src") && line.contains("dpkg --configure -a &&"),
        "{line}"
    );
    assert_eq!(exit_status(&error), 2);
    assert!(!fake.path("repaired").exists());
}

#[test]
fn a_failing_installation_shows_its_last_words_and_the_remedy() {
    let fake = Fake::new(User::Root).distribution_rust().toolchain().debian(
        "echo 'dpkg: error processing archive /x.deb' >&2; echo ' No space left on device' >&2; \
         echo 'E: Sub-process /usr/bin/dpkg returned an error code (1)' >&2; exit 100",
    );
    let error = fake.prepare(&[Need::Qemu]).expect_err("apt-get fails");
    let line = one_line(&error);
    for words in [
        "error processing archive",
        "No space left on device",
        "returned an error code (1)",
        "run it by hand",
    ] {
        assert!(line.contains(words), "{words}: {line}");
    }
    // The same with an installation that it left half-way.
    fake.script(
        "bin/dpkg",
        "case $1 in --audit) echo 'half-configured: gdb';; *) exit 1;; esac",
    );
    let line = one_line(&fake.prepare(&[Need::Qemu]).expect_err("dpkg fails"));
    assert!(line.contains("`dpkg --configure -a` failed"), "{line}");
}

#[test]
fn an_installation_that_is_interrupted_now_names_the_remedy() {
    let fake = Fake::new(User::Root).distribution_rust().toolchain();
    let interrupted = fake.path("interrupted");
    let install = format!(
        ": > '{}'; echo 'E: killed' >&2; exit 100",
        interrupted.display()
    );
    let fake = fake.debian(&install);
    fake.script(
        "bin/dpkg",
        &format!(
            "[ -e '{}' ] && echo 'gdb is half-installed'; exit 0",
            interrupted.display()
        ),
    );
    let line = one_line(&fake.prepare(&[Need::Qemu]).expect_err("it is killed"));
    assert!(
        line.contains("E: killed") && line.contains("type `dpkg --configure -a` as root"),
        "{line}"
    );
}
