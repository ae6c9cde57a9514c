//! Red cases: drivers, devices and images that are wrong in one place, and the name by which the bench must say so.
//!
//! A [`Case`] is a file `harness/red/<name>.toml`. Edits are applied to a copy of the source tree ([`tree`]) which is built
//! and run as always; faults of the bench and of the host are passed on to the session. [`Case::judge`] is content only with a
//! failed run that names what the case expects (docs/testing.md, docs/decisions/0005-red-cases-as-source-mutations.md).

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail, ensure};
use clap::ValueEnum as _;
use proto::scenario::{BenchFault, CrashCause, DumpKind, Job};
use serde::Deserialize;

use crate::{
    fault,
    options::{FilterMode, GuestClock, Options, hba::HbaOptions},
    progress::Verbosity,
    report::{Outcome, Report},
    run_directory::{Keep, RunDirectory},
    session::{Inputs, stress::StressEnd, tamper::HostFault},
    setup::Need,
    trial::{self, Origin, Workshop},
};

pub mod tree;

/// Rounds of a case with the job `stress`: all of a turn.
const STRESS_ROUNDS: u32 = 10;

/// A red case.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// The file's name without its extension.
    #[serde(skip)]
    pub name: String,
    /// What is wrong, in a sentence.
    pub title: String,
    /// Names of rules or checks, every one of which must be reported.
    #[serde(default)]
    pub expect: Vec<String>,
    /// Words of the one-line error, when the run must be refused instead of judged.
    pub expect_error: Option<String>,
    /// Words that the printed report must contain as well.
    #[serde(default)]
    pub expect_text: Vec<String>,
    /// Whether the disk must be as the resume found it.
    #[serde(default)]
    pub disk_unchanged: bool,
    /// What to run.
    #[serde(default)]
    pub job: CaseJob,
    /// Left to `cargo harness test --all`: another case shows the same part of the bench at work.
    #[serde(default)]
    pub long: bool,
    /// Disks of the machine; one unless it says otherwise.
    pub disks: Option<usize>,
    /// Request queues of the HBA; one unless it says otherwise.
    pub queues: Option<u16>,
    /// The dump filter to load; edits are of its source then.
    pub filter: Option<FilterMode>,
    /// Edits of the driver's source.
    #[serde(default)]
    pub edit: Vec<tree::Edit>,
    /// Processors of the machine.
    #[serde(default = "one")]
    pub processors: u32,
    /// Runs with as many seeds, one after the other, until one of them catches the fault: what two processors do at the same
    /// time differs from run to run.
    #[serde(default = "one")]
    pub runs: u32,
    /// A fault that the bench kernel plays.
    pub bench_fault: Option<CaseFault>,
    /// A fault that the host plays, by its name on the command line.
    pub host_fault: Option<String>,
}

const fn one() -> u32 {
    1
}

/// What a case runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CaseJob {
    /// One hibernation.
    #[default]
    Cycle,
    /// No hibernation.
    Run,
    /// No hibernation, and lives in which calls fail.
    Exhaust,
    /// A bug check, and a kernel dump.
    Crash,
    /// A few rounds of a stress run on all disks.
    Stress,
}

/// Faults of the bench kernel by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CaseFault {
    /// [`BenchFault::FlipBitInRead`].
    FlipBitInRead,
    /// [`BenchFault::FlipBitInImage`].
    FlipBitInImage,
    /// [`BenchFault::ChangeRestoredPage`].
    ChangeRestoredPage,
    /// [`BenchFault::PanicInWorkload`].
    PanicInWorkload,
    /// [`BenchFault::Hang`].
    Hang,
}

impl CaseFault {
    const fn as_bench_fault(self) -> BenchFault {
        match self {
            Self::FlipBitInRead => BenchFault::FlipBitInRead,
            Self::FlipBitInImage => BenchFault::FlipBitInImage,
            Self::ChangeRestoredPage => BenchFault::ChangeRestoredPage,
            Self::PanicInWorkload => BenchFault::PanicInWorkload,
            Self::Hang => BenchFault::Hang,
        }
    }
}

/// How a run of a case ended.
#[derive(Debug)]
pub enum Ending {
    /// The life was judged.
    Judged(Box<Report>),
    /// The run was refused or broke off with this one-line error.
    Refused(String),
}

impl Case {
    /// Reads a case.
    ///
    /// # Errors
    /// The file cannot be read, has unknown fields, or expects nothing.
    pub fn read(file: &Path) -> Result<Self> {
        let text =
            fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        Self::parse(&name, &text).with_context(|| format!("in {}", file.display()))
    }

    fn parse(name: &str, text: &str) -> Result<Self> {
        let mut case: Self = toml::from_str(text)?;
        name.clone_into(&mut case.name);
        ensure!(
            !case.expect.is_empty() || case.expect_error.is_some(),
            "the case expects nothing"
        );
        ensure!(
            !case.edit.is_empty() || case.bench_fault.is_some() || case.host_fault.is_some(),
            "the case breaks nothing"
        );
        ensure!(
            case.runs > 0 && (1..=8).contains(&case.processors),
            "a case runs at least once, on 1 to 8 processors"
        );
        case.host_fault()?;
        Ok(case)
    }

    /// All cases of the repository, by name.
    ///
    /// # Errors
    /// A case cannot be read.
    pub fn all(root: &Path) -> Result<Vec<Self>> {
        let directory = root.join("harness/red");
        let mut files: Vec<PathBuf> = fs::read_dir(&directory)
            .with_context(|| format!("cannot read {}", directory.display()))?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<_, _>>()?;
        files.retain(|file| {
            file.extension()
                .is_some_and(|extension| extension == "toml")
        });
        files.sort();
        files.iter().map(|file| Self::read(file)).collect()
    }

    fn host_fault(&self) -> Result<Option<HostFault>> {
        self.host_fault
            .as_deref()
            .map(|name| HostFault::from_str(name, false).map_err(anyhow::Error::msg))
            .transpose()
    }

    /// Builds and runs the case, and judges whether it was caught.
    ///
    /// # Errors
    /// It does not build, or it was not caught by the name that it expects.
    pub fn run(&self, workshop: &Workshop) -> Result<()> {
        let inputs = self.inputs(workshop)?;
        let mut judged = Ok(());
        for seed in 1..=u64::from(self.runs) {
            judged = self.judge(&self.ending(workshop, &inputs, seed)?);
            if judged.is_ok() {
                break;
            }
        }
        judged
    }

    fn ending(&self, workshop: &Workshop, inputs: &Inputs, seed: u64) -> Result<Ending> {
        let usual = HbaOptions::default();
        let options = Options {
            seed,
            hba: HbaOptions {
                queues: self.queues.unwrap_or(usual.queues),
                ..usual
            },
            processors: self.processors,
            clock: if self.processors > 1 {
                GuestClock::RealTime
            } else {
                GuestClock::Instructions
            },
            faults: self
                .bench_fault
                .map(CaseFault::as_bench_fault)
                .into_iter()
                .collect(),
            host_fault: self.host_fault()?,
            filter: self.filter,
            disks: self.disks.unwrap_or(1),
            stress: (self.job == CaseJob::Stress).then_some(StressEnd::Rounds(STRESS_ROUNDS)),
            ..Options::default()
        };
        let setup = trial::describe(
            inputs,
            &workshop.toolchain,
            &options,
            Origin::Repository,
            format!("cargo harness test red::{}", self.name),
        )?;
        let job = match self.job {
            CaseJob::Cycle => Job::Cycle { count: 1 },
            CaseJob::Stress => Job::Stress,
            CaseJob::Run => Job::Run { exhaust: false },
            CaseJob::Exhaust => Job::Run { exhaust: true },
            CaseJob::Crash => Job::Crash {
                kind: DumpKind::Kernel,
                cause: CrashCause::BugCheck,
            },
        };
        let directory = RunDirectory::new(Keep::No)?;
        let result = trial::judged(inputs, &options, job, setup, &directory, &workshop.progress);
        Ok(match result {
            Ok(report) => Ending::Judged(Box::new(report)),
            Err(error) => Ending::Refused(fault::one_line(&error)),
        })
    }

    /// The files to run: the repository's own, or those of the mutated tree.
    fn inputs(&self, workshop: &Workshop) -> Result<Inputs> {
        if self.edit.is_empty() {
            return workshop.inputs(None);
        }
        if self.filter.is_some() {
            let mut inputs = workshop.inputs(None)?;
            inputs.filter = Some(tree::build(workshop, "dumpfilter", &self.name, &self.edit)?.sys);
            return Ok(inputs);
        }
        let bench = workshop.builder().bench()?;
        let driver = tree::build(workshop, "hiberport", &self.name, &self.edit)?;
        Ok(Inputs {
            bench,
            sys: driver.sys,
            pdb: Some(driver.pdb),
            filter: None,
        })
    }

    /// Whether the ending is the one that the case demands.
    ///
    /// # Errors
    /// It is not; the message says what was reported instead.
    pub fn judge(&self, ending: &Ending) -> Result<()> {
        match (ending, &self.expect_error) {
            (Ending::Refused(message), Some(wanted)) => {
                ensure!(
                    message.contains(wanted.as_str()),
                    "refused with another error than {wanted:?}: {message}"
                );
                ensure!(
                    !self.disk_unchanged || message.contains(trial::DISK_UNCHANGED),
                    "nothing says that the disk was left alone: {message}"
                );
                Ok(())
            }
            (Ending::Refused(message), None) => bail!("the run broke off: {message}"),
            (Ending::Judged(report), _) => self.judge_report(report),
        }
    }

    fn judge_report(&self, report: &Report) -> Result<()> {
        let text = report.render();
        if let Some(wanted) = &self.expect_error {
            bail!("the run was to be refused with {wanted:?}\n{text}");
        }
        ensure!(!report.passed(), "the fault went unnoticed\n{text}");
        let reported = report.failed_names();
        for wanted in &self.expect {
            ensure!(
                reported.contains(wanted),
                "{wanted} was not reported, but {}\n{text}",
                reported.join(", ")
            );
        }
        let left_alone = report
            .checks
            .iter()
            .any(|check| check.name == "disk-left-alone" && check.outcome == Outcome::Passed);
        ensure!(
            !self.disk_unchanged || left_alone,
            "nothing says that the disk was left alone\n{text}"
        );
        for wanted in &self.expect_text {
            ensure!(
                text.contains(wanted.as_str()),
                "{wanted:?} is missing in\n{text}"
            );
        }
        Ok(())
    }
}

/// The tools that red cases need.
///
/// # Errors
/// Something is missing that cannot be installed from here.
pub fn workshop() -> Result<Workshop> {
    Workshop::open(&[Need::Build, Need::Qemu], Verbosity::Normal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::{judge, sample};

    const TEXT: &str = r#"
        title = "The RESUME flag is missing."
        expect = ["two-phase"]
        [[edit]]
        file = "miniport/src/normal.rs"
        find = "A"
        replace = "B"
    "#;

    fn case() -> Case {
        Case::parse("resume-flag", TEXT).unwrap()
    }

    fn report(break_it: fn(&mut crate::session::life::Life)) -> Ending {
        let mut life = sample::life();
        break_it(&mut life);
        Ending::Judged(Box::new(judge(&life, &sample::context())))
    }

    #[test]
    fn a_run_that_fails_by_the_expected_name_is_content() {
        let ending = report(|life| {
            for record in life.boots.iter_mut().flat_map(|boot| &mut boot.records) {
                if let proto::record::Record::ImageWritten(facts) = record {
                    facts.two_phase = false;
                }
            }
        });
        case().judge(&ending).unwrap();
    }

    #[test]
    fn a_run_that_passes_is_a_failure() {
        let error = case().judge(&report(|_| {})).unwrap_err();
        assert!(error.to_string().starts_with("the fault went unnoticed"));
    }

    #[test]
    fn a_run_that_fails_by_another_name_is_a_failure() {
        let ending = report(|life| life.boots[0].image = None);
        let error = case().judge(&ending).unwrap_err().to_string();
        assert!(
            error.starts_with("two-phase was not reported, but image-on-disk"),
            "{error}"
        );
    }

    #[test]
    fn a_run_that_breaks_off_is_a_failure_unless_it_was_to() {
        let refused = Ending::Refused("the image's header is damaged; write it again".to_owned());
        assert!(case().judge(&refused).is_err());
        let mut case = case();
        case.expect_error = Some("header is damaged".to_owned());
        case.judge(&refused).unwrap();
        assert!(case.judge(&report(|_| {})).is_err());
    }

    #[test]
    fn a_disk_that_must_be_unchanged_must_be_said_to_be() {
        let mut case = case();
        case.expect_error = Some("header is damaged".to_owned());
        case.disk_unchanged = true;
        let silent = Ending::Refused("its header is damaged".to_owned());
        assert!(case.judge(&silent).is_err());
        let said = format!("{}: its header is damaged", trial::DISK_UNCHANGED);
        case.judge(&Ending::Refused(said)).unwrap();
        case.expect_error = None;
        let resumed = report(|life| life.failure = Some("bug check 0xa0".to_owned()));
        let error = case.judge(&resumed).unwrap_err().to_string();
        assert!(error.contains("two-phase was not reported"), "{error}");
        case.expect = vec!["life-complete".to_owned()];
        let error = case.judge(&resumed).unwrap_err().to_string();
        assert!(error.starts_with("nothing says that the disk"), "{error}");
    }

    #[test]
    fn a_case_that_expects_or_breaks_nothing_is_refused() {
        assert!(Case::parse("x", r#"title = "x""#).is_err());
        assert!(Case::parse("x", "title = \"x\"\nexpect = [\"two-phase\"]").is_err());
        assert!(Case::parse("x", "title = \"x\"\nexpect = [\"y\"]\nhost_fault = \"no\"").is_err());
    }

    #[test]
    fn the_repositorys_cases_fit_its_sources() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let cases = Case::all(&root).unwrap();
        assert!(cases.len() >= 12, "{} cases", cases.len());
        for case in cases {
            for edit in &case.edit {
                let text = fs::read_to_string(root.join(&edit.file)).unwrap();
                edit.apply(&text)
                    .unwrap_or_else(|error| panic!("{}: {error:#}", case.name));
            }
        }
    }
}
