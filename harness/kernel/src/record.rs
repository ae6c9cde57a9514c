//! Output: records to the host on the debug console, steps, checkpoints.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::fmt;

pub use proto::record::{Checkpoint, Level, Record};
use proto::wire;

use crate::{
    call, crash,
    hw::{
        checkpoint as sync_point,
        entry::{self, Frame},
        port,
    },
    interrupt, power, timer,
};

/// The debug console's port (`-device isa-debugcon,iobase=0xe9`).
const PORT: u16 = 0xE9;

/// Sends a record. Any IRQL.
pub fn emit(record: &Record) {
    if let Ok(frame) = wire::to_frame(record) {
        let flag = interrupt::disable();
        port::out_bytes(PORT, &frame);
        interrupt::restore(flag);
    }
}

/// Sends a line; use [`crate::log!`] and its like.
pub fn line(level: Level, text: fmt::Arguments<'_>) {
    emit(&Record::Log {
        level,
        text: text.to_string(),
    });
}

/// Sends a line that is always shown.
#[macro_export]
macro_rules! log {
    ($($text:tt)*) => { $crate::record::line($crate::record::Level::Info, format_args!($($text)*)) };
}

/// Sends a line that is shown and counted.
#[macro_export]
macro_rules! log_warning {
    ($($text:tt)*) => { $crate::record::line($crate::record::Level::Warning, format_args!($($text)*)) };
}

/// Sends a line that is shown on demand.
#[macro_export]
macro_rules! log_debug {
    ($($text:tt)*) => { $crate::record::line($crate::record::Level::Debug, format_args!($($text)*)) };
}

/// Announces a step, runs it, and reports what it took.
pub fn step<R>(name: &str, body: impl FnOnce() -> R) -> R {
    emit(&Record::StepBegin {
        name: String::from(name),
    });
    let start = timer::instructions();
    let result = body();
    emit(&Record::StepEnd {
        name: String::from(name),
        instructions: timer::instructions().wrapping_sub(start),
    });
    result
}

/// Stops for the host: a record, then the routine `bench_checkpoint`, where the host has a breakpoint.
pub fn checkpoint(point: Checkpoint) {
    checkpoint_with(point, 0);
}

/// As [`checkpoint`]; `last` runs after the announcement, right before the stop. It must allocate nothing.
pub fn checkpoint_after(point: Checkpoint, last: impl FnOnce()) {
    emit(&Record::Checkpoint { checkpoint: point });
    last();
    sync_point::bench_checkpoint(number(point), 0);
}

/// As [`checkpoint`], with an argument that the host finds in `rsi`; `rdi` is the number of the checkpoint.
pub fn checkpoint_with(point: Checkpoint, argument: u64) {
    emit(&Record::Checkpoint { checkpoint: point });
    sync_point::bench_checkpoint(number(point), argument);
}

/// The simulated system stops: reports code, parameters and the driver's calls, and turns the machine off.
pub fn bugcheck(code: u32, parameters: [u64; 4], text: String) -> ! {
    bugcheck_with_trace(code, parameters, text, call::trace())
}

/// As [`bugcheck`], with the trace given.
pub fn bugcheck_with_trace(code: u32, parameters: [u64; 4], text: String, trace: Vec<u64>) -> ! {
    bugcheck_at(code, parameters, text, trace, &entry::here())
}

/// As [`bugcheck`], with the trace and the registers of the moment. A system that was prepared for it writes a dump.
pub fn bugcheck_at(
    code: u32,
    parameters: [u64; 4],
    text: String,
    trace: Vec<u64>,
    frame: &Frame,
) -> ! {
    emit(&Record::Bugcheck {
        code,
        parameters,
        text,
        trace,
    });
    crash::take_over(code, parameters, frame);
    power::off()
}

/// The bench kernel itself failed: reports it and turns the machine off.
pub fn kernel_panic(info: &core::panic::PanicInfo<'_>) -> ! {
    use core::sync::atomic::{AtomicBool, Ordering};
    static PANICKING: AtomicBool = AtomicBool::new(false);
    // A panic on the way out leaves nothing that could be said.
    if !PANICKING.swap(true, Ordering::Relaxed) {
        emit(&Record::KernelPanic {
            text: format!("{info}"),
        });
    }
    power::off()
}

const fn number(point: Checkpoint) -> u64 {
    match point {
        Checkpoint::ImageLoaded => 0,
        Checkpoint::Freeze => 1,
        Checkpoint::ImageComplete => 2,
        Checkpoint::Resumed => 3,
        Checkpoint::Workload => 4,
        Checkpoint::Crash => 5,
        Checkpoint::NmiWanted => 6,
        Checkpoint::HeaderPublished => 7,
        Checkpoint::HeaderWithdrawn => 8,
        Checkpoint::StressRound => 9,
        Checkpoint::HostWanted => 10,
    }
}
