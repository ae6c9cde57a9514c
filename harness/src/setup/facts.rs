//! What a machine has: [`Facts::gather`] looks, [`super::plan`] decides.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The bare target of the bench kernel.
pub const BARE_TARGET: &str = "x86_64-unknown-none";
/// The target of the driver.
pub const WINDOWS_TARGET: &str = "x86_64-pc-windows-msvc";

/// The oldest compiler that knows what the sources use (`rust-version` of the workspace).
const OLDEST_RUST: (u32, u32) = (1, 88);

/// State of a machine, as far as the harness cares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent observations, not a state"
)]
pub struct Facts {
    /// The toolchain in use has prebuilt libraries for both [`BARE_TARGET`] and [`WINDOWS_TARGET`].
    pub both_targets: bool,
    /// `rustup` is there.
    pub rustup: bool,
    /// Root directory of the toolchain in use.
    pub sysroot: Option<PathBuf>,
    /// `rust-lld` of the toolchain in use.
    pub rust_lld: Option<PathBuf>,
    /// Distribution's `rustc`, able to build the standard library from source.
    pub system_rustc: Option<PathBuf>,
    /// Distribution's `cargo`.
    pub system_cargo: Option<PathBuf>,
    /// The distribution's copy of the standard library's source is there.
    pub system_rust_source: bool,
    /// The distribution's `lld`.
    pub lld: Option<PathBuf>,
    /// `qemu-system-x86_64`.
    pub qemu: Option<PathBuf>,
    /// `gdb`.
    pub gdb: Option<PathBuf>,
    /// `c++`, a C++ compiler.
    pub cpp: Option<PathBuf>,
    /// `cargo-nextest`.
    pub nextest: Option<PathBuf>,
    /// Debian or a distribution derived from it, with `apt-get`.
    pub debian: bool,
    /// Packages of [`PACKAGES`] that `dpkg` began to install and did not finish: their files may be there in part.
    pub half_installed: Vec<&'static str>,
    /// `dpkg --audit` names packages: an installation was interrupted, and apt-get refuses to work. [`Facts::gather`] does not
    /// ask.
    pub dpkg_interrupted: bool,
    /// Effective user id 0.
    pub root_user: bool,
}

/// The packages that the harness installs.
pub const PACKAGES: [&str; 7] = [
    "cargo-web",
    "g++",
    "gdb",
    "lld",
    "qemu-system-x86",
    "rust-web-src",
    "rustc-web",
];

/// The machine that is looked at: this one, or one made of a few directories by a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Search path for programs.
    pub path: OsString,
    /// Root of the file system that holds the distribution's programs.
    pub root: PathBuf,
    /// Whether packages may be installed.
    pub user: User,
}

/// Who runs the harness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum User {
    /// Effective user id 0.
    Root,
    /// Anyone else.
    Ordinary,
}

impl Machine {
    /// This machine.
    #[must_use]
    pub fn this() -> Self {
        let cargo_home = env::var_os("CARGO_HOME").map(|home| PathBuf::from(home).join("bin"));
        let path = env::var_os("PATH").unwrap_or_default();
        // `cargo install` puts programs into a directory that need not be in the search path.
        let path = env::join_paths(env::split_paths(&path).chain(cargo_home)).unwrap_or(path);
        Self {
            path,
            root: PathBuf::from("/"),
            user: if rustix::process::geteuid().is_root() {
                User::Root
            } else {
                User::Ordinary
            },
        }
    }

    /// Looks a program up in the search path.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<PathBuf> {
        env::split_paths(&self.path)
            .map(|directory| directory.join(name))
            .find(|candidate| is_executable(candidate))
    }

    fn system(&self, name: &str) -> Option<PathBuf> {
        let path = self.root.join("usr/bin").join(name);
        is_executable(&path).then_some(path)
    }
}

impl Facts {
    /// Looks at a machine; starts `rustc` and `cargo` to ask for versions and the sysroot, `dpkg-query` for the state of
    /// packages, and nothing else.
    #[must_use]
    pub fn gather(machine: &Machine) -> Self {
        let sysroot = machine.find("rustc").as_deref().and_then(sysroot_of);
        let library = |target: &str| {
            sysroot
                .as_ref()
                .is_some_and(|root| has_core(&root.join("lib/rustlib").join(target).join("lib")))
        };
        // Debian 12 has an old compiler of the same name; the one that is needed replaces it.
        let system_rustc = machine
            .system("rustc")
            .filter(|rustc| version_of(rustc).is_some_and(|version| version >= OLDEST_RUST));
        let system_rust_source = system_rustc
            .as_deref()
            .and_then(sysroot_of)
            .is_some_and(|root| root.join("lib/rustlib/src/rust/library/core").is_dir());
        let debian =
            machine.root.join("etc/debian_version").is_file() && machine.find("apt-get").is_some();
        let half_installed = if debian {
            half_installed(machine)
        } else {
            Vec::new()
        };
        // What the files of an unfinished package say is not to be trusted.
        let whole = |package: &str| !half_installed.contains(&package);
        Self {
            both_targets: library(BARE_TARGET) && library(WINDOWS_TARGET),
            rustup: machine.find("rustup").is_some(),
            rust_lld: sysroot
                .as_ref()
                .map(|root| root.join("lib/rustlib/x86_64-unknown-linux-gnu/bin/rust-lld"))
                .filter(|path| path.is_file()),
            sysroot,
            system_rustc: system_rustc.filter(|_| whole("rustc-web")),
            system_cargo: machine
                .system("cargo")
                .filter(|cargo| version_of(cargo).is_some_and(|version| version >= OLDEST_RUST))
                .filter(|_| whole("cargo-web")),
            system_rust_source: system_rust_source && whole("rust-web-src"),
            lld: machine.find("lld").filter(|_| whole("lld")),
            qemu: machine
                .find("qemu-system-x86_64")
                .filter(|_| whole("qemu-system-x86")),
            gdb: machine.find("gdb").filter(|_| whole("gdb")),
            cpp: machine.find("c++").filter(|_| whole("g++")),
            nextest: machine.find("cargo-nextest"),
            debian,
            dpkg_interrupted: false,
            half_installed,
            root_user: machine.user == User::Root,
        }
    }
}

/// Packages that are neither installed nor absent. `dpkg-query` fails for names that it has never heard of, and still lists
/// the others.
fn half_installed(machine: &Machine) -> Vec<&'static str> {
    let Some(program) = machine.find("dpkg-query") else {
        return Vec::new();
    };
    let output = Command::new(program)
        .args(["-W", "-f", "${db:Status-Status} ${Package}\n"])
        .args(PACKAGES)
        .stdin(Stdio::null())
        .output();
    let text = output.map_or_else(
        |_| String::new(),
        |output| String::from_utf8_lossy(&output.stdout).into_owned(),
    );
    PACKAGES
        .into_iter()
        .filter(|package| {
            text.lines().any(|line| {
                line.split_once(' ').is_some_and(|(status, name)| {
                    name == *package
                        && matches!(status, "half-installed" | "half-configured" | "unpacked")
                })
            })
        })
        .collect()
}

/// Whether an installation was interrupted.
pub(super) fn dpkg_interrupted(machine: &Machine) -> bool {
    machine
        .find("dpkg")
        .and_then(|dpkg| answer(&dpkg, &["--audit"]))
        .is_some()
}

/// Looks a program up in this machine's search path.
#[must_use]
pub fn find_program(name: &str) -> Option<PathBuf> {
    Machine::this().find(name)
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

fn sysroot_of(rustc: &Path) -> Option<PathBuf> {
    answer(rustc, &["--print", "sysroot"]).map(PathBuf::from)
}

/// Major and minor version, from `rustc 1.96.0 (...)`.
fn version_of(program: &Path) -> Option<(u32, u32)> {
    let text = answer(program, &["--version"])?;
    let mut numbers = text.split(' ').nth(1)?.split('.');
    let mut next = || numbers.next()?.parse().ok();
    Some((next()?, next()?))
}

fn answer(program: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}

/// A toolchain that merely has the target's directory does not have its libraries.
fn has_core(directory: &Path) -> bool {
    fs::read_dir(directory).is_ok_and(|entries| {
        entries.flatten().any(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with("libcore-") && name.ends_with(".rlib")
        })
    })
}
