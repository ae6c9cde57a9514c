//! QEMU processes.
//!
//! * [`machine`]: the command line, from plain data. Pure.
//! * [`other_disks`]: disks that come and go, likewise.
//! * [`process`]: a running QEMU with its three channels; killed when its guard is dropped.

pub mod machine;
pub mod other_disks;
pub mod process;

pub use self::{
    machine::{BootFrom, DebuggerPort, MachineSpec},
    process::Qemu,
};
