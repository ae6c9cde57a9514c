//! Builds the driver and the bench kernel by starting cargo again, in the way that the set-up chose.
//!
//! [`Builder::driver`] leaves `hiberport.sys` and `hiberport.pdb` in the products directory, [`Builder::bench`] the bench
//! kernel and its loader. [`Builder::cargo`] gives the same command line to the lints and tests.
//!
//! The command lines themselves are in [`invocation`]; this file runs them and collects the products.

pub mod invocation;

use std::{
    env,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

use anyhow::{Context as _, Result, anyhow};
use proto::version::{FINGERPRINT, Mark};
use rustix::fs::{FlockOperation, flock};

use self::invocation::Invocation;
pub use self::invocation::Target;
use crate::{fault::Fault, progress::Progress, repository::Repository, setup::Toolchain};

/// Environment variable that says that the products directory is up to date.
pub const BUILT_VARIABLE: &str = "HIBERPORT_BUILT";

/// Settings for wrong drivers, at whose speed nobody looks. Link-time optimisation, which takes nearly all of the time of a build
/// that changes one line, is left out.
const LESS: [&str; 4] = [
    "--config",
    "profile.driver.opt-level=1",
    "--config",
    "profile.driver.codegen-units=16",
];
/// The driver that is built with [`ALL`] even if it is a wrong one: with less, functions of it have frames of more than a page, for
/// which an image needs `__chkstk`.
const NEVER_LESS: &str = "dumpfilter";
/// For the driver itself. It is not in the profile, so that the library and procedural macros are the same for both.
const ALL: [&str; 2] = ["--", "-Clto=fat"];

/// The driver, built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriverFiles {
    /// The image.
    pub sys: PathBuf,
    /// Its symbols.
    pub pdb: PathBuf,
    /// Size of the image file in bytes.
    pub sys_bytes: u64,
}

impl DriverFiles {
    fn in_directory(package: &str, directory: &Path) -> Result<Self> {
        let sys = directory.join(format!("{package}.sys"));
        let sys_bytes = fs::metadata(&sys)
            .with_context(|| format!("the build left no {}", sys.display()))?
            .len();
        Ok(Self {
            sys,
            pdb: directory.join(format!("{package}.pdb")),
            sys_bytes,
        })
    }
}

/// The bench, built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BenchFiles {
    /// ELF of the bench kernel.
    pub kernel: PathBuf,
    /// ELF of the resume loader.
    pub loader: PathBuf,
}

impl BenchFiles {
    /// Whether both were built with the records that this program knows. Otherwise what they report would be read as something else, or not at
    /// all, somewhere in a run.
    fn check(&self, remedy: &str) -> Result<()> {
        for program in [&self.kernel, &self.loader] {
            let name = program.display();
            let cause = match fs::read(program).map(|content| Mark::find(&content)) {
                Ok(Some(FINGERPRINT)) => continue,
                Ok(Some(other)) => {
                    format!(
                        "{name} has records of version {other:016x}, this program those of {FINGERPRINT:016x}"
                    )
                }
                Ok(None) => format!("{name} does not say which records it has"),
                Err(error) => format!("{name} cannot be read: {error}"),
            };
            return Err(Fault::setup(cause, remedy).into());
        }
        Ok(())
    }
}

/// Builds for one source tree.
#[derive(Clone, Copy, Debug)]
pub struct Builder<'a> {
    repository: &'a Repository,
    toolchain: &'a Toolchain,
    progress: &'a Progress,
}

impl<'a> Builder<'a> {
    /// A builder for `repository`.
    #[must_use]
    pub const fn new(
        repository: &'a Repository,
        toolchain: &'a Toolchain,
        progress: &'a Progress,
    ) -> Self {
        Self {
            repository,
            toolchain,
            progress,
        }
    }

    /// Builds the driver into the products directory.
    ///
    /// # Errors
    /// The compiler's messages, if it refuses.
    pub fn driver(&self) -> Result<DriverFiles> {
        self.product("hiberport")
    }

    /// Builds the driver that publishes a dump header into the products directory.
    ///
    /// # Errors
    /// The compiler's messages, if it refuses.
    pub fn dump_header(&self) -> Result<DriverFiles> {
        self.product("dumpheader")
    }

    /// Builds the dump filter into the products directory.
    ///
    /// # Errors
    /// The compiler's messages, if it refuses.
    pub fn filter(&self) -> Result<DriverFiles> {
        self.product("dumpfilter")
    }

    fn product(&self, package: &str) -> Result<DriverFiles> {
        let products = self.repository.products();
        if built_before() {
            return DriverFiles::in_directory(package, &products);
        }
        self.compile(package, &self.repository.root, &products, &ALL)
    }

    /// Builds a driver of another source tree (a mutated copy) into `destination`, reusing what was compiled before. It is
    /// optimised less ([`LESS`]) where that is possible.
    ///
    /// # Errors
    /// The compiler's messages, if it refuses.
    pub fn driver_from(
        &self,
        package: &str,
        source: &Path,
        destination: &Path,
    ) -> Result<DriverFiles> {
        let settings: &[&str] = if package == NEVER_LESS { &ALL } else { &LESS };
        self.compile(package, source, destination, settings)
    }

    fn compile(
        &self,
        package: &str,
        source: &Path,
        destination: &Path,
        settings: &[&str],
    ) -> Result<DriverFiles> {
        self.progress.step(&format!("building {package}.sys"));
        let tree = self.repository.with_root(source.to_path_buf());
        // Drivers of all source trees get the same name from cargo: nobody else may build until this one is published.
        let _guard = exclusive(&tree.inner_target())?;
        let mut command = Invocation::new(&tree, self.toolchain).command(
            Target::Windows,
            &[
                "rustc",
                "--quiet",
                "--lib",
                "--package",
                package,
                "--profile",
                "driver",
            ],
        );
        command.args(settings);
        run(command, &format!("{package}.sys does not build"))?;
        let built = tree.inner_target().join("x86_64-pc-windows-msvc/driver");
        for (from, to) in [("pdb", "pdb"), ("dll", "sys")] {
            publish(
                &built.join(format!("{package}.{from}")),
                &destination.join(format!("{package}.{to}")),
            )?;
        }
        DriverFiles::in_directory(package, destination)
    }

    /// Builds the bench kernel and the resume loader into the products directory.
    ///
    /// # Errors
    /// The compiler's messages, if it refuses.
    pub fn bench(&self) -> Result<BenchFiles> {
        let destination = self.repository.products();
        let files = BenchFiles {
            kernel: destination.join("kernel.elf"),
            loader: destination.join("loader.elf"),
        };
        if built_before() {
            files.check(&format!(
                "build it again: the same command without {BUILT_VARIABLE}"
            ))?;
            return Ok(files);
        }
        self.progress.step("building the bench kernel");
        let command = Invocation::new(self.repository, self.toolchain).command(
            Target::Bare,
            &[
                "build",
                "--quiet",
                "--package",
                "kernel",
                "--profile",
                "kernel",
            ],
        );
        run(command, "the bench kernel does not build")?;
        let built = self
            .repository
            .inner_target()
            .join("x86_64-unknown-none/kernel");
        publish(&built.join("kernel"), &files.kernel)?;
        publish(&built.join("loader"), &files.loader)?;
        files.check("the sources have changed meanwhile: type the command again")?;
        Ok(files)
    }

    /// Builds the driver and the bench side by side: each is compiled into a directory of its own, and each has long parts that
    /// keep a single core busy.
    ///
    /// # Errors
    /// The compiler's messages, if it refuses one of them.
    pub fn driver_and_bench(&self) -> Result<(DriverFiles, BenchFiles)> {
        thread::scope(|scope| {
            let bench = scope.spawn(|| self.bench());
            let driver = self.driver()?;
            let bench = bench
                .join()
                .map_err(|_| anyhow!("the build of the bench kernel broke off"))??;
            Ok((driver, bench))
        })
    }

    /// A cargo command line with all settings for `target`.
    #[must_use]
    pub fn cargo(&self, target: Target, arguments: &[&str]) -> Command {
        Invocation::new(self.repository, self.toolchain).command(target, arguments)
    }
}

/// Whether `cargo harness test` has built everything a moment ago: its tests then need not ask cargo, one after the other.
fn built_before() -> bool {
    env::var_os(BUILT_VARIABLE).is_some()
}

/// Waits until nobody else builds a driver below `directory`, and keeps others from it until the result is dropped.
fn exclusive(directory: &Path) -> Result<File> {
    fs::create_dir_all(directory)
        .with_context(|| format!("cannot create {}", directory.display()))?;
    let lock = File::create(directory.join("driver.lock"))?;
    flock(&lock, FlockOperation::LockExclusive).context("cannot lock the drivers' builds")?;
    Ok(lock)
}

/// Runs a build; its output is shown only if it fails.
fn run(mut command: Command, what: &str) -> Result<()> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {}", command.get_program().to_string_lossy()))?;
    if output.status.success() {
        return Ok(());
    }
    let messages = String::from_utf8_lossy(&output.stderr);
    eprintln!("{}", messages.trim_end());
    Err(Fault::setup(what, "the compiler's messages are above").into())
}

/// Copies a product to its final name in one step, so that another process never sees half a file.
fn publish(from: &Path, to: &Path) -> Result<()> {
    let same = || -> io::Result<bool> { Ok(fs::read(from)? == fs::read(to)?) };
    if same().unwrap_or(false) {
        return Ok(());
    }
    let directory = to.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(directory)
        .with_context(|| format!("cannot create {}", directory.display()))?;
    let partial = tempfile::NamedTempFile::new_in(directory)?;
    fs::copy(from, partial.path())
        .with_context(|| format!("the build left no {}", from.display()))?;
    partial
        .persist(to)
        .with_context(|| format!("cannot write {}", to.display()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_of_another_version_are_refused_with_cause_and_remedy() {
        let directory = tempfile::tempdir().expect("made");
        let files = BenchFiles {
            kernel: directory.path().join("kernel.elf"),
            loader: directory.path().join("loader.elf"),
        };
        let with = |fingerprint: u64| [&[0; 64], &Mark::of(fingerprint).bytes()[..]].concat();
        let refusal = |kernel: &[u8], loader: &[u8]| {
            fs::write(&files.kernel, kernel).expect("written");
            fs::write(&files.loader, loader).expect("written");
            files.check("do this").map_err(|error| error.to_string())
        };
        let good = with(FINGERPRINT);
        assert_eq!(refusal(&good, &good), Ok(()));
        let other = refusal(&good, &with(FINGERPRINT ^ 1)).expect_err("another version");
        assert!(
            other.contains("loader.elf has records of version"),
            "{other}"
        );
        assert!(other.ends_with("; do this"), "{other}");
        let none = refusal(&[0; 4096], &good).expect_err("no version");
        assert!(none.contains("kernel.elf does not say"), "{none}");
        fs::remove_file(&files.kernel).expect("removed");
        let missing = files.check("do this").expect_err("no file");
        assert!(missing.to_string().contains("cannot be read"), "{missing}");
    }
}
