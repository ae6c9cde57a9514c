//! The formats of a crash dump, as plain bytes.
//!
//! [`abi`] has the offsets, [`context`] a processor's registers, [`debugger`] what a debugger looks for in kernel memory,
//! [`header`] the header of a dump file. `live` fills both for the running system.

pub mod abi;
pub mod context;
pub mod debugger;
pub mod header;
#[cfg(any(target_os = "none", clippy))]
pub mod live;
