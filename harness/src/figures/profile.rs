//! Where a driver's instructions are: every one of a stretch of 4 KiB reads, by the function that it belongs to.
//!
//! QEMU logs each instruction that it executes in the address range of driver images (`-d exec` in single steps), between two
//! checkpoints of the bench kernel. So the profile is no sample: it has the same instructions that the figures count, and a second
//! witness says the same ([`Profile::check`]). Functions that the compiler put into others are told apart where the PDB does.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs::File,
    io::{BufRead as _, BufReader},
    ops::Range,
    path::Path,
};

use anyhow::{Context as _, Result};
use proto::{
    owner::Role,
    record::{Record, Stretch, Subject},
    scenario::{Job, MeasureExtent},
};

use super::rows::{self, ratio};
use crate::{
    fault::Fault,
    options::Options,
    progress::Progress,
    run_directory::{Keep, RunDirectory},
    session::{
        Inputs, Session,
        guest::RunEnd,
        stop::{StopAt, StopRequest},
    },
    symbols::{Symbols, inlined::Inlined},
};

/// Where the bench kernel loads driver images.
pub const IMAGES: Range<u64> = 0xFFFF_F800_0000_0000..0xFFFF_F810_0000_0000;
/// Shares below that of all instructions are summed up.
const SMALLEST_SHARE: f64 = 0.005;

/// Share by which log and counts may differ.
const TOLERANCE: f64 = 0.001;

/// A profile.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    driver: String,
    transfer: String,
    requests: u64,
    /// Instructions in the log.
    instructions: u64,
    /// Instructions that the bench kernel counted in the same stretch.
    counted: u64,
    functions: Vec<Function>,
}

/// Instructions of a function.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Function {
    /// The one that the linker knows.
    name: String,
    /// The one that was put into it; the same if none was.
    part: String,
    instructions: u64,
}

/// Runs the stretch and reads the log.
///
/// # Errors
/// Unusable files, or a guest that does not come through.
pub fn measure(inputs: &Inputs, options: &Options, progress: &Progress) -> Result<Profile> {
    let directory = RunDirectory::new(Keep::No)?;
    let job = Job::Measure {
        extent: MeasureExtent::Profile,
    };
    let mut session = Session::new(inputs, options, job, &directory, progress)?;
    session.logged_code = Some(IMAGES);
    let log = directory.file("instructions");
    let mut guest = session.start()?;
    let here = Some(StopRequest {
        at: StopAt::Workload,
        role: None,
    });
    if guest.run(&mut session.watch, here)? == RunEnd::Stopped {
        let name = log.display();
        for command in [
            &format!("logfile {name}"),
            "log exec,nochain",
            "singlestep on",
        ] {
            guest.monitor().type_in(command)?;
        }
        if guest.run(&mut session.watch, here)? == RunEnd::Stopped {
            for command in ["singlestep off", "log none"] {
                guest.monitor().type_in(command)?;
            }
            guest.run(&mut session.watch, None)?;
        }
    }
    session.finish(guest)?;
    let base = session
        .watch
        .images
        .get(&Role::Normal)
        .map(|image| image.base);
    let stretch = session.life.records().find_map(|record| match record {
        Record::Stretch(stretch) if stretch.subject == Subject::Driver => Some(stretch.clone()),
        _ => None,
    });
    let (Some(base), Some(stretch)) = (base, stretch) else {
        let why = session.life.failure.unwrap_or_default();
        return Err(Fault::check(
            format!("no profile: {why}"),
            "see what `cargo harness run` says of the driver",
        )
        .into());
    };
    let symbols = Symbols::load(&inputs.sys, inputs.pdb.as_deref())?;
    let inlined = inputs
        .pdb
        .as_deref()
        .map(|pdb| Inlined::read(pdb, &symbols.image))
        .transpose()?
        .unwrap_or_default();
    let counts = counts(&log, base)?;
    Ok(Profile::of(&symbols, &inlined, &counts, &stretch))
}

/// Executions of each address of the image at `base`, from QEMU's log.
fn counts(log: &Path, base: u64) -> Result<BTreeMap<u64, u64>> {
    let file = File::open(log).context("QEMU left no log of instructions")?;
    let mut counts = BTreeMap::new();
    for line in BufReader::new(file).lines() {
        if let Some(address) = address_of(&line?) {
            *counts.entry(address.wrapping_sub(base)).or_default() += 1;
        }
    }
    Ok(counts)
}

/// The address in a line of `-d exec`: `Trace 0: 0x7f.. [cs base/address/flags/cflags] symbol`.
fn address_of(line: &str) -> Option<u64> {
    let (_, rest) = line.strip_prefix("Trace ")?.split_once('[')?;
    let address = rest.split('/').nth(1)?;
    u64::from_str_radix(address, 16).ok()
}

impl Profile {
    fn of(
        symbols: &Symbols,
        inlined: &Inlined,
        counts: &BTreeMap<u64, u64>,
        stretch: &Stretch,
    ) -> Self {
        let mut functions: BTreeMap<(String, String), u64> = BTreeMap::new();
        for (&rva, &count) in counts {
            let name = symbols.name_at(rva);
            let name = name.as_deref().map_or("(no symbol)", |name| {
                name.split_once("+0x").map_or(name, |(name, _)| name)
            });
            let part = inlined.innermost(rva).unwrap_or(name);
            *functions
                .entry((name.to_owned(), part.to_owned()))
                .or_default() += count;
        }
        let mut functions: Vec<Function> = functions
            .into_iter()
            .map(|((name, part), instructions)| Function {
                name,
                part,
                instructions,
            })
            .collect();
        functions.sort_by(|a, b| b.instructions.cmp(&a.instructions).then_with(|| a.cmp(b)));
        Self {
            driver: symbols.image.name.clone(),
            transfer: rows::name(stretch.transfer),
            requests: stretch.requests,
            counted: stretch.costs.iter().map(|cost| cost.instructions).sum(),
            instructions: counts.values().sum(),
            functions,
        }
    }

    /// Holds the log against the kernel's counts: they may differ by [`TOLERANCE`], because QEMU logs an instruction twice that is
    /// interrupted or faults and is started again, as the write of each doorbell is.
    ///
    /// # Errors
    /// They differ by more: a defect of the bench.
    pub fn check(&self) -> Result<()> {
        let difference = self.instructions.abs_diff(self.counted);
        if ratio(difference, self.counted) <= TOLERANCE && self.counted > 0 {
            return Ok(());
        }
        Err(Fault::check(
            format!(
                "QEMU logged {} instructions of the driver, the bench kernel counted {}",
                self.instructions, self.counted
            ),
            "a defect of the bench: its figures are wrong",
        )
        .into())
    }

    /// The profile as text: by function of the linker, then by what was put into it.
    #[must_use]
    pub fn render(&self) -> String {
        let mut out = String::new();
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "{}, {}: {:.1} instructions by request, by function",
            self.driver,
            self.transfer,
            ratio(self.counted, self.requests),
        );
        let mut outer: Vec<(&str, u64)> = Vec::new();
        for function in &self.functions {
            match outer.iter_mut().find(|(name, _)| *name == function.name) {
                Some((_, sum)) => *sum += function.instructions,
                None => outer.push((&function.name, function.instructions)),
            }
        }
        outer.sort_by_key(|&(_, sum)| std::cmp::Reverse(sum));
        for (name, sum) in outer {
            let _ = writeln!(out, "  {:>8.1}  {name}", ratio(sum, self.requests));
            self.parts(&mut out, name, sum);
        }
        out
    }

    fn parts(&self, out: &mut String, name: &str, sum: u64) {
        let of_this = || self.functions.iter().filter(|part| part.name == name);
        if of_this().all(|part| part.part == name) {
            return;
        }
        let mut rest = sum;
        for part in of_this() {
            if ratio(part.instructions, self.instructions) >= SMALLEST_SHARE {
                rest -= part.instructions;
                let share = ratio(part.instructions, self.requests);
                let _ = writeln!(out, "            {share:>8.1}  {}", part.part);
            }
        }
        if rest > 0 {
            let share = ratio(rest, self.requests);
            let _ = writeln!(out, "            {share:>8.1}  (smaller parts)");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_tells_of_other_instructions_is_no_witness() {
        let profile = |instructions, counted| Profile {
            driver: "sample.sys".to_owned(),
            transfer: "read".to_owned(),
            requests: 1,
            instructions,
            counted,
            functions: Vec::new(),
        };
        assert!(profile(100_050, 100_000).check().is_ok());
        for (logged, counted) in [(101_000, 100_000), (99_000, 100_000), (0, 0)] {
            assert!(
                profile(logged, counted).check().is_err(),
                "{logged} {counted}"
            );
        }
    }

    #[test]
    fn the_address_of_a_log_line_is_its_second_field() {
        let line = "Trace 0: 0x7f9c2c000100 [0000000000000000/fffff80000001234/0040c2b3/ff000201] ";
        assert_eq!(address_of(line), Some(0xFFFF_F800_0000_1234));
        for other in ["", "Trace 0: 0x1 [zz", "IN:", "Trace 0: [0/xyz/1/2]"] {
            assert_eq!(address_of(other), None, "{other}");
        }
    }
}
