//! Bug check callbacks: what drivers registered, and the calls that a crash makes of them.
//!
//! Pure parts, tested on Linux: [`list`] (who registered what), [`answer`] (is an answer within the documented limits),
//! [`array`](mod@array) (memory that drivers name for a small dump).
//! The rest needs the machine: `exports` (the four routines of ntoskrnl), `run` and `triage` (the calls), `watch` (what a
//! callback may not do).
//! The crash path calls `run` in this order: `add_pages`, `remove_pages` (for a small dump `triage` instead) before the first
//! write, `dump_io` with each write, `secondary` when the pages are written, `dump_io` with the type "complete", `plain` at
//! the end.
//! Sources: wdm.h; "Writing a Bug Check Reason Callback Routine"; the pages of the structures.

pub mod answer;
pub mod array;
pub mod list;

#[cfg(any(target_os = "none", clippy))]
pub mod exports;
#[cfg(any(target_os = "none", clippy))]
pub mod run;
#[cfg(any(target_os = "none", clippy))]
pub mod triage;
#[cfg(any(target_os = "none", clippy))]
pub mod watch;
