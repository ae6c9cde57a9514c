//! The end of the simulated system: from the bug check to the dump on the disk.
//!
//! A scenario prepares the system ([`arm`]); from then on every bug check, wherever it comes from, goes on in
//! [`take_over`] instead of turning the machine off: interrupts off, `HIGH_LEVEL`, a stack of its own, and then the crash
//! stack's copy of the miniport, which was loaded at start-up and executes its first instruction now.
//!
//! Pure parts, tested on Linux: the formats ([`abi`] has the offsets, [`context`] a processor's registers, [`debugger`]
//! what a debugger looks for in kernel memory, [`header`] the header of a dump file), [`layout`] (where what goes in a dump
//! file) and [`pages`] (which pages a dump holds). `live` describes the running system, `writer` sends the dump to the
//! disk, `cause` brings the system down.

pub mod abi;
pub mod context;
pub mod debugger;
pub mod header;
pub mod layout;
pub mod pages;

#[cfg(any(target_os = "none", clippy))]
pub mod cause;
#[cfg(any(target_os = "none", clippy))]
mod flow;
#[cfg(any(target_os = "none", clippy))]
pub mod live;
#[cfg(any(target_os = "none", clippy))]
mod writer;

#[cfg(any(target_os = "none", clippy))]
pub use flow::{Plan, after_last_lock, arm, changes_in_dump, nmi, take_over};
