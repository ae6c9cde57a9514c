//! What this machine has: [`Facts::gather`] looks, [`super::plan`] decides.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The bare target of the bench kernel.
pub const BARE_TARGET: &str = "x86_64-unknown-none";
/// The target of the driver.
pub const WINDOWS_TARGET: &str = "x86_64-pc-windows-msvc";

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
    /// `cargo-nextest`.
    pub nextest: Option<PathBuf>,
    /// Debian or a distribution derived from it, with `apt-get`.
    pub debian: bool,
    /// Effective user id 0.
    pub root_user: bool,
}

impl Facts {
    /// Looks at the machine; starts `rustc --print sysroot` and nothing else.
    #[must_use]
    pub fn gather() -> Self {
        let sysroot = sysroot_of(Path::new("rustc"));
        let library = |target: &str| {
            sysroot
                .as_ref()
                .is_some_and(|root| has_core(&root.join("lib/rustlib").join(target).join("lib")))
        };
        let system_rustc = existing("/usr/bin/rustc");
        let system_rust_source = system_rustc
            .as_deref()
            .and_then(sysroot_of)
            .is_some_and(|root| root.join("lib/rustlib/src/rust/library/core").is_dir());
        Self {
            both_targets: library(BARE_TARGET) && library(WINDOWS_TARGET),
            rustup: find_program("rustup").is_some(),
            rust_lld: sysroot
                .as_ref()
                .map(|root| root.join("lib/rustlib/x86_64-unknown-linux-gnu/bin/rust-lld"))
                .filter(|path| path.is_file()),
            sysroot,
            system_rustc,
            system_cargo: existing("/usr/bin/cargo"),
            system_rust_source,
            lld: find_program("lld"),
            qemu: find_program("qemu-system-x86_64"),
            gdb: find_program("gdb"),
            nextest: find_program("cargo-nextest"),
            debian: Path::new("/etc/debian_version").is_file() && find_program("apt-get").is_some(),
            root_user: rustix::process::geteuid().is_root(),
        }
    }
}

/// Looks a program up in `PATH`, and where `cargo install` puts programs.
#[must_use]
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(env::var_os("CARGO_HOME").map(|home| PathBuf::from(home).join("bin")))
        .map(|directory| directory.join(name))
        .find(|candidate| is_executable(candidate))
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

fn existing(path: &str) -> Option<PathBuf> {
    let path = PathBuf::from(path);
    is_executable(&path).then_some(path)
}

fn sysroot_of(rustc: &Path) -> Option<PathBuf> {
    let output = Command::new(rustc)
        .args(["--print", "sysroot"])
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !text.trim().is_empty()).then(|| PathBuf::from(text.trim()))
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
