//! The command line of `cargo harness`.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{commands, fault};

/// Builds the driver, runs it in the bench, and proves what it did.
#[derive(Debug, Parser)]
#[command(name = "cargo harness", bin_name = "cargo harness", version)]
#[command(after_help = "Exit status: 0 all held, 1 a check failed, 2 wrong usage or set-up.")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The main job: I/O, hibernate, power off, resume in a new QEMU, verify
    Cycle(commands::cycle::Args),
    /// Bring the system down and have the crash stack write a dump
    Crash(commands::crash::Args),
    /// What the driver costs: instructions, doorbells, interrupts and bytes by request, beside the least possible
    Bench(commands::bench::Args),
    /// Run any miniport binary: start, bus scan, I/O, reset, stop; no hibernation
    Run(commands::run::Args),
    /// Stop at a chosen point with the debugger port open, and print what to type in gdb
    Debug(commands::debug::Args),
    /// Look into crash dumps, and take them off a disk image
    Dump(commands::dump::Args),
    /// Look for inputs that break what reads input: coverage-guided, with the stable compiler
    Fuzz(commands::fuzz::Args),
    /// Have QEMU write a Windows dump of the guest, with the header that dumpheader.sys publishes
    Header(commands::header::Args),
    /// Hibernate and resume on machines whose HBAs differ: all pairs of queue sizes, queues, features, vectors and chipsets
    Matrix(commands::matrix::Args),
    /// Stage the install package: .inf, .sys, .pdb
    Package(commands::package::Args),
    /// Random work on all disks, resets, hot-plug, pauses and hibernations until the time is up
    Stress(commands::stress::Args),
    /// Everything that CI runs: format, lints, unit tests, red cases, scenarios
    Test(commands::test::Args),
}

/// Reads the arguments, does the work, prints an error on one line, and returns the exit status.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match &cli.command {
        Command::Bench(arguments) => commands::bench::execute(arguments),
        Command::Cycle(arguments) => commands::cycle::execute(arguments),
        Command::Crash(arguments) => commands::crash::execute(arguments),
        Command::Run(arguments) => commands::run::execute(arguments),
        Command::Debug(arguments) => commands::debug::execute(arguments),
        Command::Dump(arguments) => commands::dump::execute(arguments),
        Command::Fuzz(arguments) => commands::fuzz::execute(arguments),
        Command::Header(arguments) => commands::header::execute(arguments),
        Command::Matrix(arguments) => commands::matrix::execute(arguments),
        Command::Package(arguments) => commands::package::execute(arguments),
        Command::Stress(arguments) => commands::stress::execute(arguments),
        Command::Test(arguments) => commands::test::execute(arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", fault::one_line(&error));
            fault::exit_code(&error)
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_figures_of_a_cycle_are_read() {
        let cli = Cli::try_parse_from([
            "harness",
            "cycle",
            "--count",
            "3",
            "--memory",
            "3G",
            "--machine",
            "pc",
            "--sector-size",
            "4096",
            "--queue-size",
            "64",
            "--seed",
            "0x10",
        ])
        .expect("valid");
        let Command::Cycle(arguments) = cli.command else {
            panic!("cycle expected");
        };
        let options = arguments.machine.options();
        assert_eq!(arguments.count, 3);
        assert_eq!(options.memory_mib, 3072);
        assert_eq!(options.sector_bytes, 4096);
        assert_eq!(options.hba.queue_size, Some(64));
        assert_eq!(options.seed, 16);
    }

    #[test]
    fn impossible_figures_are_refused() {
        for bad in [
            ["--memory", "64M"],
            ["--memory", "x"],
            ["--sector-size", "520"],
            ["--queue-size", "100"],
            ["--queue-size", "2048"],
            ["--machine", "isapc"],
            ["--count", "0"],
            ["--seed", "0xzz"],
        ] {
            let line = ["harness", "cycle"].into_iter().chain(bad);
            let error = Cli::try_parse_from(line).expect_err(bad[1]);
            assert_eq!(error.exit_code(), 2, "{bad:?}");
        }
    }
}
