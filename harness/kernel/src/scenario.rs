//! The scenarios: what the bench does from the first driver load to the end of the simulated system's life.
//!
//! [`run`] carries out the job of a [`Bundle`]. `system` starts and stops the storage stack, `memory` plays the
//! machine's programs, `cycle` is the hibernation, `exercise` the life without one,
//! `exhaust` the lives in which calls fail, `stress` the one without a plan, `crash` the one that ends in a dump, `measure` the
//! one in which everything is counted, `header` that of the driver that publishes a dump header. Faults that the bench plays itself
//! are started here.

use alloc::string::String;

use proto::{
    record::Record,
    scenario::{BenchFault, Bundle, Job},
};

use crate::{
    dump, exports, fault, port, power,
    processors::{at_work, bring_up, delay},
    record, rules,
};

mod crash;
mod cycle;
mod exercise;
mod exhaust;
mod header;
mod measure;
mod memory;
mod stress;
mod system;

/// `INACCESSIBLE_BOOT_DEVICE`: what Windows stops with if the boot device's miniport does not start.
const INACCESSIBLE_BOOT_DEVICE: u32 = 0x7B;

/// Why a scenario cannot go on.
#[derive(Debug)]
struct Stop {
    /// Bug check code.
    code: u32,
    /// Its first parameter.
    parameter: u64,
    /// One line.
    text: String,
}

impl Stop {
    /// The storage stack does not start, or ends.
    fn boot_device(text: String) -> Self {
        Self {
            code: INACCESSIBLE_BOOT_DEVICE,
            parameter: 0,
            text,
        }
    }

    /// A power transition failed.
    fn power(parameter: u64, text: String) -> Self {
        Self {
            code: dump::INTERNAL_POWER_ERROR,
            parameter,
            text,
        }
    }
}

/// Carries out the job of `bundle` and turns the machine off. `PASSIVE_LEVEL`, on the main stack.
pub fn run(bundle: &Bundle) -> ! {
    delay::seed(bundle.scenario.seed);
    bring_up::start(crate::mem::size(bundle.scenario.processors.into()));
    exports::register(exports::Table::Port, port::EXPORTS);
    exports::register(exports::Table::Dump, dump::EXPORTS);
    exports::announce();
    fault::add_hook(dump::faults::hook);
    let done = match bundle.scenario.job {
        Job::Cycle { count } => cycle::run(bundle, count).map(|()| count),
        Job::Run { exhaust } => exercise::run(bundle)
            .and_then(|()| {
                if exhaust {
                    exhaust::run(bundle)
                } else {
                    Ok(())
                }
            })
            .map(|()| 0),
        Job::Crash { kind, cause } => crash::run(bundle, kind, cause).map(|()| 0),
        Job::Measure { extent } => measure::run(bundle, extent).map(|()| 0),
        Job::Stress => stress::run(bundle),
        Job::DumpHeader => header::run(bundle).map(|()| 0),
    };
    match done {
        Ok(cycles) => {
            at_work::report();
            record::emit(&Record::Rules {
                rules: rules::states(),
            });
            record::emit(&Record::Finished { cycles });
            power::off()
        }
        Err(stop) => {
            at_work::report();
            record::emit(&Record::Rules {
                rules: rules::states(),
            });
            record::bugcheck(stop.code, [stop.parameter, 0, 0, 0], stop.text)
        }
    }
}

/// Plays the faults that end a run half-way.
///
/// # Panics
/// If the scenario asks for a panic.
fn play_sudden_faults(faults: &[BenchFault]) {
    assert!(
        !faults.contains(&BenchFault::PanicInWorkload),
        "the scenario asks the bench kernel to panic in the workload"
    );
    if faults.contains(&BenchFault::Hang) {
        record::emit(&Record::Log {
            level: record::Level::Info,
            text: String::from("bench fault: the kernel says nothing more and spins"),
        });
        loop {
            core::hint::spin_loop();
        }
    }
}
