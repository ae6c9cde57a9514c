//! The workload: seeded writes and reads through the miniport, checked byte for byte.
//!
//! Pure parts: [`pattern`] (what a sector holds) and [`plan`] (which requests, and what the disk must hold after them).

pub mod pattern;
pub mod plan;
