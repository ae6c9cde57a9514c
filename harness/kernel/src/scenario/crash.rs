//! A life that ends in a bug check: daily life, then the crash stack writes a dump.

use alloc::format;

use proto::{
    owner::Role,
    record::Checkpoint,
    scenario::{Bundle, CrashCause, DumpKind},
};

use super::{Stop, memory::PatternMemory, play_sudden_faults, system::System};
use crate::{
    crash::{self, cause},
    dump::window,
    hibernate::{context, freeze::Shadow},
    record,
    workload::Workload,
};

/// Runs the job `Crash`; comes back only if the system cannot be brought down.
pub(super) fn run(bundle: &Bundle, kind: DumpKind, cause: CrashCause) -> Result<(), Stop> {
    let scenario = &bundle.scenario;
    let no_memory = || Stop::boot_device("no memory for the dump's buffers".into());
    let system = record::step("start", || System::start(bundle))?;
    let stack = record::step("load the crash stack", || system.load_stack(Role::Crash))?;
    let memory = record::step("fill memory", || {
        PatternMemory::fill(scenario.workload.pattern_pages, scenario.seed)
    })?;
    let mut workload = Workload::new(scenario, &system.disks());
    record::checkpoint(Checkpoint::Workload);
    play_sudden_faults(&scenario.faults);
    let _ = record::step("workload", || workload.run("workload"));
    window::prepare();
    if !crash::live::prepare() {
        return Err(no_memory());
    }
    let bounce = context::take_bounce_pages().ok_or_else(no_memory)?;
    let shadow = Shadow::reserve_for(crash::changes_in_dump).ok_or_else(no_memory)?;
    crash::arm(crash::Plan {
        kind,
        partition: scenario.crash,
        sector_bytes: scenario.sector_bytes,
        seed: scenario.seed,
        stack,
        shadow,
        bounce,
    });
    let survived = cause::bring_down(
        cause,
        &mut workload,
        scenario.workload.in_flight_at_hibernate,
    );
    Err(Stop::boot_device(format!(
        "{survived}; {} pages of the workload's memory are wrong",
        memory.wrong_pages()
    )))
}
