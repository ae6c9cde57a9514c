//! The workload: seeded writes and reads through the miniport, checked byte for byte.
//!
//! Pure parts: [`pattern`] (what a sector holds) and [`plan`] (which requests, and what the disk must hold after them).
//! [`Workload`] runs them on the port and reports each stretch as a `Record::Io`.

pub mod pattern;
pub mod plan;

#[cfg(any(target_os = "none", clippy))]
mod books;
#[cfg(any(target_os = "none", clippy))]
mod buffers;
#[cfg(any(target_os = "none", clippy))]
mod transfer;

#[cfg(any(target_os = "none", clippy))]
pub use transfer::{Flight, Held, Workload, is_gone};
