//! Fuzzing by the stable compiler: builds the fuzz targets with LLVM's own coverage instrumentation, and runs them under libFuzzer.
//!
//! * [`targets`]: which there are, from the manifests in [`CRATES`].
//! * [`Fuzzer::build`], [`Fuzzer::run`]: programs, corpus and what was found, all below `target/fuzz`.
//! * [`output`]: what a run says.
//!
//! What `cargo fuzz` needs a nightly compiler for are the sanitizers, which look for memory faults in unsafe code; the code under test has
//! none. The instrumentation is an LLVM pass that every compiler has. Overflow checks and debug assertions are on (the crates' profiles).

pub mod output;

use std::{
    fs::{self, File},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result};

use self::output::Outcome;
use crate::{
    build::{Builder, Target, invocation::HOST_TARGET},
    fault::Fault,
    interrupt,
    progress::Progress,
    repository::Repository,
};

/// The crates with fuzz targets, from the repository's root.
pub const CRATES: [&str; 3] = [
    "miniport/hba/fuzz",
    "miniport/dump-header/fwcfg/fuzz",
    "harness/fuzz",
];

/// Counters for each edge, a table of their places, and the operands of comparisons, which the fuzzer then tries.
const INSTRUMENTATION: &str = "-Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares \
    --cfg fuzzing";
/// Seconds after which a single input counts as one that hangs.
const INPUT_SECONDS: u32 = 20;
/// Memory in MiB that a target may take.
const MEMORY_MIB: u32 = 2048;
/// How often a running target is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// A fuzz target.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FuzzTarget {
    /// Its name, unique in the repository.
    pub name: String,
    /// The crate that it is in, one of [`CRATES`].
    pub folder: &'static str,
    /// Its source, from the crate's directory.
    pub source: String,
}

/// All targets, in the order of the manifests.
///
/// # Errors
/// A manifest cannot be read.
pub fn targets(root: &Path) -> Result<Vec<FuzzTarget>> {
    let mut targets = Vec::new();
    for folder in CRATES {
        let path = root.join(folder).join("Cargo.toml");
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let manifest: toml::Table =
            toml::from_str(&text).with_context(|| format!("{} is no manifest", path.display()))?;
        let programs = manifest.get("bin").and_then(toml::Value::as_array);
        for program in programs.into_iter().flatten() {
            let word = |key: &str| {
                let value = program.get(key).and_then(toml::Value::as_str);
                value
                    .map(str::to_owned)
                    .with_context(|| format!("a target of {} has no {key}", path.display()))
            };
            targets.push(FuzzTarget {
                name: word("name")?,
                folder,
                source: word("path")?,
            });
        }
    }
    Ok(targets)
}

/// The targets with these names; all if there are none.
///
/// # Errors
/// A [`Fault`] that lists the names that there are.
pub fn choose(all: Vec<FuzzTarget>, names: &[String]) -> Result<Vec<FuzzTarget>> {
    if let Some(unknown) = names
        .iter()
        .find(|name| !all.iter().any(|target| target.name == **name))
    {
        let known: Vec<_> = all.iter().map(|target| target.name.as_str()).collect();
        return Err(Fault::setup(
            format!("there is no fuzz target {unknown}"),
            format!("choose of {}", known.join(", ")),
        )
        .into());
    }
    Ok(all
        .into_iter()
        .filter(|target| names.is_empty() || names.contains(&target.name))
        .collect())
}

/// Builds and runs fuzz targets.
#[derive(Clone, Debug)]
pub struct Fuzzer<'a> {
    builder: Builder<'a>,
    repository: &'a Repository,
    progress: &'a Progress,
    corpora: PathBuf,
}

impl<'a> Fuzzer<'a> {
    /// For the targets of `repository`.
    #[must_use]
    pub fn new(builder: Builder<'a>, repository: &'a Repository, progress: &'a Progress) -> Self {
        Self {
            builder,
            repository,
            progress,
            corpora: repository.target.join("fuzz/corpus"),
        }
    }

    /// The same with another directory for what is kept.
    #[must_use]
    pub fn with_corpora(mut self, directory: PathBuf) -> Self {
        self.corpora = directory;
        self
    }

    /// Builds targets, each crate once.
    ///
    /// # Errors
    /// The compiler's messages, if it refuses.
    pub fn build(&self, targets: &[FuzzTarget]) -> Result<()> {
        for folder in CRATES {
            let manifest = self.repository.root.join(folder).join("Cargo.toml");
            let manifest = manifest.display().to_string();
            // The target is named, so that build scripts and procedural macros are compiled without instrumentation.
            let mut words = vec![
                "build",
                "--quiet",
                "--locked",
                "--release",
                "--target",
                HOST_TARGET,
            ];
            words.extend(["--manifest-path", &manifest]);
            let chosen = targets.iter().filter(|target| target.folder == folder);
            let fixed = words.len();
            words.extend(chosen.flat_map(|target| ["--bin", target.name.as_str()]));
            if words.len() == fixed {
                continue;
            }
            self.progress.step(&format!("building {folder}"));
            let output = self
                .builder
                .cargo(Target::Plain, &words)
                .env("CARGO_TARGET_DIR", self.directory("build"))
                .env("RUSTFLAGS", INSTRUMENTATION)
                .stdin(Stdio::null())
                .output()
                .context("cannot start cargo")?;
            if !output.status.success() {
                eprintln!("{}", String::from_utf8_lossy(&output.stderr).trim_end());
                return Err(Fault::setup(
                    format!("{folder} does not build"),
                    "the compiler's messages are above",
                )
                .into());
            }
        }
        Ok(())
    }

    /// Runs a target for a while, from the corpus that earlier runs left, which it adds to.
    ///
    /// # Errors
    /// It cannot be started, or the user interrupts; that it found something is no error here.
    pub fn run(&self, target: &FuzzTarget, seconds: u64) -> Result<Outcome> {
        let corpus = self.corpora.join(&target.name);
        fs::create_dir_all(&corpus).context("no directory for the corpus")?;
        let mut command = self.command(target)?;
        command
            .arg(format!("-max_total_time={seconds}"))
            .arg(corpus);
        self.watch(target, command)
    }

    /// Gives a target one input.
    ///
    /// # Errors
    /// As [`Fuzzer::run`].
    pub fn replay(&self, target: &FuzzTarget, input: &Path) -> Result<Outcome> {
        if !input.is_file() {
            return Err(Fault::setup(
                format!("there is no file {}", input.display()),
                "give one that `cargo harness fuzz` named",
            )
            .into());
        }
        let mut command = self.command(target)?;
        command.arg(input);
        self.watch(target, command)
    }

    /// Where the output of a target's last run is.
    #[must_use]
    pub fn log(&self, target: &FuzzTarget) -> PathBuf {
        self.directory("log").join(format!("{}.txt", target.name))
    }

    fn directory(&self, name: &str) -> PathBuf {
        self.repository.target.join("fuzz").join(name)
    }

    fn command(&self, target: &FuzzTarget) -> Result<Command> {
        let found = self.directory("found").join(&target.name);
        fs::create_dir_all(&found).context("no directory for what is found")?;
        let build = self.directory("build").join(HOST_TARGET).join("release");
        let mut command = Command::new(build.join(&target.name));
        command
            .arg(format!("-artifact_prefix={}/", found.display()))
            .arg(format!("-timeout={INPUT_SECONDS}"))
            .arg(format!("-rss_limit_mb={MEMORY_MIB}"));
        Ok(command)
    }

    fn watch(&self, target: &FuzzTarget, mut command: Command) -> Result<Outcome> {
        fs::create_dir_all(self.directory("log")).context("no directory for the output")?;
        let path = self.log(target);
        let log =
            File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start the fuzz target {}", target.name))?;
        interrupt::register_process(child.id());
        let ended = loop {
            match child.try_wait() {
                Ok(None) => {}
                Ok(Some(status)) => break Ok(status),
                Err(error) => break Err(error.into()),
            }
            if let Err(error) = interrupt::check() {
                let _gone = child.kill().and_then(|()| child.wait());
                break Err(error);
            }
            thread::sleep(LOOK);
        };
        interrupt::forget_process(child.id());
        let status = ended?;
        let text = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(concluded(
            Outcome::read(&String::from_utf8_lossy(&text)),
            status,
        ))
    }
}

/// A target that ended badly has failed, whatever it said.
fn concluded(mut outcome: Outcome, status: ExitStatus) -> Outcome {
    if !status.success() {
        outcome
            .failure
            .get_or_insert_with(|| format!("it ended with {status}"));
    }
    outcome
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn all() -> Vec<FuzzTarget> {
        let repository = Repository::find().expect("inside the repository");
        targets(&repository.root).expect("readable")
    }

    #[test]
    fn names_are_unique() {
        let all = all();
        let names: BTreeSet<_> = all.iter().map(|target| &target.name).collect();
        assert_eq!(names.len(), all.len());
        let folders: BTreeSet<_> = all.iter().map(|target| target.folder).collect();
        assert_eq!(folders.len(), CRATES.len());
    }

    #[test]
    fn targets_are_chosen_by_name_and_unknown_ones_refused() {
        let names = ["write_log".to_owned(), "packed_ring".to_owned()];
        let chosen = choose(all(), &names).expect("known");
        let chosen: Vec<_> = chosen.into_iter().map(|target| target.name).collect();
        assert_eq!(chosen, ["packed_ring", "write_log"]);
        assert_eq!(choose(all(), &[]).expect("all"), all());
        let error = choose(all(), &["rings".to_owned()]).expect_err("unknown");
        assert!(error.to_string().contains("packed_ring"), "{error}");
    }

    #[test]
    fn a_bad_end_without_a_word_is_a_failure() {
        use std::os::unix::process::ExitStatusExt as _;
        let killed = concluded(Outcome::default(), ExitStatus::from_raw(9));
        assert!(
            killed
                .failure
                .is_some_and(|words| words.contains("signal: 9"))
        );
        let good = concluded(Outcome::default(), ExitStatus::from_raw(0));
        assert_eq!(good.failure, None);
    }
}
