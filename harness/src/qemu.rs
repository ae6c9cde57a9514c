//! QEMU processes.
//!
//! * [`machine`]: the command line, from plain data. Pure.
//! * [`process`]: a running QEMU with its three channels; killed when its guard is dropped.

pub mod machine;
pub mod process;

pub use self::{
    machine::{BootFrom, DebuggerPort, MachineSpec},
    process::Qemu,
};
