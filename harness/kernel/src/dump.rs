//! The dump port: what `dump_diskdump.sys` is to a miniport's copy in the crash and the hibernate stack.
//!
//! Pure parts, tested on Linux: [`mode`] (`DumpMode`), [`cdb`] (commands), [`marks`] (judgement of
//! `StorPortMarkDumpMemory`), [`blocks`] (division of the common buffers), [`ring`] (reading virtqueues).
//! The rest drives a copy: `stack` (loading), `start` and `initialize` (entering), `request` (polled I/O), `write` (every transfer of
//! a dump, through the filters of `filter` and `filter_calls`), `exports` and
//! the modules behind it (services), `witness` (what the device was given), `faults` (touching what is not there).
//! The port role for daily life is `crate::port`; `crate::hibernate` uses this module to write and read the image.

pub mod blocks;
pub mod cdb;
pub mod marks;
pub mod mode;
pub mod ring;

#[cfg(any(target_os = "none", clippy))]
mod diagnosis;
#[cfg(any(target_os = "none", clippy))]
pub mod exports;
#[cfg(any(target_os = "none", clippy))]
mod extended;
#[cfg(any(target_os = "none", clippy))]
pub mod faults;
#[cfg(any(target_os = "none", clippy))]
pub mod filter;
#[cfg(any(target_os = "none", clippy))]
mod filter_calls;
#[cfg(any(target_os = "none", clippy))]
pub mod handover;
#[cfg(any(target_os = "none", clippy))]
mod initialize;
#[cfg(any(target_os = "none", clippy))]
pub mod instance;
#[cfg(any(target_os = "none", clippy))]
mod mark;
#[cfg(any(target_os = "none", clippy))]
mod memory;
#[cfg(any(target_os = "none", clippy))]
mod notification;
#[cfg(any(target_os = "none", clippy))]
pub mod request;
#[cfg(any(target_os = "none", clippy))]
pub mod stack;
#[cfg(any(target_os = "none", clippy))]
pub mod start;
#[cfg(any(target_os = "none", clippy))]
pub mod window;
#[cfg(any(target_os = "none", clippy))]
pub mod witness;
#[cfg(any(target_os = "none", clippy))]
pub mod write;

#[cfg(any(target_os = "none", clippy))]
pub use exports::EXPORTS;

/// `INTERNAL_POWER_ERROR`.
pub const INTERNAL_POWER_ERROR: u32 = 0xA0;

/// Ends the run: the copy will not return by itself.
#[cfg(any(target_os = "none", clippy))]
fn give_up(text: alloc::string::String) -> ! {
    crate::record::bugcheck(INTERNAL_POWER_ERROR, [0xC, 0, 0, 0], text)
}
