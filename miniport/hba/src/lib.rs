//! The virtio-scsi engine of hiberport: everything about the device, nothing about the operating system.
//!
//! Specification: Virtual I/O Device (VIRTIO) Version 1.3, sections 2.6.1 (queue reset), 2.7 (split
//! virtqueues), 2.8 (packed virtqueues), 3.1 (device initialization),
//! 4.1 (virtio over PCI) and 5.6 (SCSI host device). Section numbers in this crate are those of version 1.3.
//!
//! The crate is pure: no operating system, no clock, no allocation, no unsafe code. Time comes in as "call again after
//! so many microseconds", memory and registers come in through the traits of [`access`]. One path leads to a running device
//! whatever the occasion (first start, restart, resume, crash dump):
//!
//! ```text
//! config space --pci::capabilities--> VirtioCaps --Probe::read--> Probe --Plan::normal / Plan::dump--> Plan
//! Plan (or Plan::try_from(bytes)) --Reset--> Quiesced --BringUp--> RequestQueue, ControlQueue, EventQueue | DumpEngine
//! ```
//!
//! Architecture invariants:
//! - The device is not trusted. Every index, length and id it writes is range-checked; what does not fit becomes a
//!   [`ring::QueueFault`], the queue stops, and [`ring::Ring::reclaim`] hands out each outstanding request once the
//!   device has been reset ([`device::Quiesced`]).
//! - The driver's own state is private. Nothing written to shared memory is read back to learn it.
//! - No function panics on any input; the lints below keep it so.
#![no_std]
#![forbid(unsafe_code)]
#![deny(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::as_conversions
)]
#![cfg_attr(
    test,
    expect(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::panic,
        clippy::arithmetic_side_effects,
        reason = "a test that meets the unexpected should stop there"
    )
)]

#[cfg(any(test, feature = "fake"))]
extern crate std;

pub mod access;
pub mod device;
pub mod dump;
#[cfg(any(test, feature = "fake"))]
pub mod fake;
pub mod pci;
pub mod plan;
pub mod queues;
pub mod request;
pub mod ring;
pub mod scsi;

#[cfg(test)]
mod tests;
