//! The device as a whole: registers, reset, probing and bring-up (virtio 3.1.1, 4.1.4, 5.6.4).
//!
//! Order of use: [`Registers::new`], [`Reset::begin`] and [`Reset::poll`] until it yields [`Quiesced`], then either
//! [`Probe::read`] (to make a [`Plan`](crate::plan::Plan)) or [`BringUp::start`] (to carry one out).

mod bring_up;
mod config;
mod features;
mod probe;
mod queue_reset;
mod registers;
mod reset;

pub use bring_up::{BringUp, BringUpError};
pub use config::{CDB_BYTES, ConfigError, FieldSizes, SENSE_BYTES, ScsiConfig};
pub use features::{DescriptorForm, Features};
pub use probe::{Probe, ProbeError};
pub use queue_reset::{
    QueueQuiesced, QueueReset, QueueResetError, QueueResetPoll, QueueResetRefusal, QueueResetStart,
};
pub use registers::{
    DeviceFault, Doorbell, InterruptStatus, QueueIndex, RegisterError, Registers, Status, Vector,
};
pub use reset::{
    Quiesced, RESET_POLL_LIMIT, RESET_POLL_MICROSECONDS, Reset, ResetError, ResetPoll,
};
