//! The bench kernel: plays Storport, the dump port and the parts of NT that a miniport sees, on QEMU.
//!
//! Modules without a condition are pure and tested on Linux. The others need the machine; clippy sees them everywhere.
#![no_std]

extern crate alloc;
#[cfg(test)]
#[macro_use]
extern crate std;

#[cfg(any(target_os = "none", clippy))]
#[macro_use]
pub mod record;

pub mod acpi;
pub mod bugcheck;
pub mod crash;
pub mod dump;
pub mod format;
pub mod hibernate;
pub mod loader;
pub mod mem;
pub mod pe;
pub mod port;
pub mod processors;
pub mod rules;
pub mod workload;

#[cfg(any(target_os = "none", clippy))]
pub mod call;
#[cfg(any(target_os = "none", clippy))]
pub mod dpc;
#[cfg(any(target_os = "none", clippy))]
pub mod exports;
#[cfg(any(target_os = "none", clippy))]
pub mod fault;
#[cfg(any(target_os = "none", clippy))]
pub mod hw;
#[cfg(any(target_os = "none", clippy))]
pub mod image;
#[cfg(any(target_os = "none", clippy))]
pub mod interrupt;
#[cfg(any(target_os = "none", clippy))]
pub mod irql;
#[cfg(any(target_os = "none", clippy))]
pub mod kpcr;
#[cfg(any(target_os = "none", clippy))]
pub mod measure;
#[cfg(any(target_os = "none", clippy))]
pub mod mmio;
#[cfg(any(target_os = "none", clippy))]
pub mod nt;
#[cfg(any(target_os = "none", clippy))]
pub mod pci;
#[cfg(any(target_os = "none", clippy))]
pub mod power;
#[cfg(any(target_os = "none", clippy))]
pub mod scenario;
#[cfg(any(target_os = "none", clippy))]
pub mod selftest;
#[cfg(any(target_os = "none", clippy))]
pub mod start;
#[cfg(any(target_os = "none", clippy))]
pub mod suspend;
#[cfg(any(target_os = "none", clippy))]
pub mod sync;
#[cfg(any(target_os = "none", clippy))]
pub mod timer;
