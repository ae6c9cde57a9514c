//! QEMU's fw_cfg device as the driver uses it: found, searched for `etc/vmcoreinfo`, and written to by DMA.
//!
//! [`device`] speaks to the device through the traits [`Ports`] and [`Shared`], [`note`] has the formats of what is published.
//! Pure: no operating system, no unsafe code, no allocation. What the device says is checked; nothing of it can cause a panic.
//! Sources: QEMU, docs/specs/fw_cfg and docs/specs/vmcoreinfo.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(any(test, feature = "fake"))]
extern crate alloc;

pub mod device;
#[cfg(any(test, feature = "fake"))]
pub mod fake;
pub mod note;

pub use device::{Error, File, FwCfg, Ports, Shared};
