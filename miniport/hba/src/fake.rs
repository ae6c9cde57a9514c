//! A virtio SCSI host device for tests: memory, registers, device side of the rings, and a small disk.
//!
//! It implements the same traits that the driver ships with. Faults are data: a [`FakeDevice`] takes a list of [`Fault`]s and
//! misbehaves exactly so. The bodies of the fuzz targets live here too ([`fuzz_device_answers`], [`fuzz_capabilities`]), so
//! that ordinary tests run them with fixed and random inputs.

mod config_space;
mod device;
#[expect(
    clippy::expect_used,
    clippy::arithmetic_side_effects,
    reason = "a fuzz body fails by panicking"
)]
mod fuzz;
#[expect(
    clippy::expect_used,
    clippy::arithmetic_side_effects,
    reason = "a fuzz body fails by panicking"
)]
mod fuzz_rings;
mod memory;
mod packed;
mod queue_reset;
mod registers;
mod ring;
mod scsi;
mod serve;

pub use config_space::ConfigSpace;
pub use device::{Delivery, FakeDevice, Interrupt, Offer};
pub use fuzz::{fuzz_capabilities, fuzz_device_answers, fuzz_plan_record};
pub use fuzz_rings::{fuzz_event_queue, fuzz_packed_ring};
pub use memory::{FakeMemory, Window};
pub use registers::FakeRegisters;
pub use scsi::Disk;

/// One way to misbehave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The device does not confirm a reset before that many reads of its status; `u32::MAX` for never.
    SlowReset(u32),
    /// The device does not confirm the reset of a queue before that many reads; `u32::MAX` for never.
    SlowQueueReset(u32),
    /// A write to `queue_reset` has no effect: it reads as 0, and the queue stays enabled.
    IgnoreQueueReset,
    /// Registers read as all ones.
    Gone,
    /// `FEATURES_OK` does not stick.
    RefuseFeatures,
    /// The configuration vector reads back as none.
    RefuseConfigVector,
    /// The vector of this queue reads back as none.
    RefuseQueueVector(u16),
    /// The notification address of this queue lies far outside.
    WildNotifyOffset(u16),
    /// This queue says that it is enabled already.
    StaysEnabled(u16),
    /// The configuration generation changes at each read.
    UnstableConfig,
    /// CDB and sense size have the values of the offer and cannot be written.
    FixedSizes,
    /// `DEVICE_NEEDS_RESET` comes with `DRIVER_OK`.
    NeedsResetAtOnce,
    /// Requests that match are answered wrongly.
    Answer(Match, Answer),
}

/// Which requests a fault is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Match {
    /// Every request on this queue.
    Queue(u16),
    /// The request with this number on this queue, counted from 0 since the reset.
    Nth(u16, u32),
    /// Commands with this operation code.
    Opcode(u8),
}

/// How a request is answered instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Not at all.
    Drop,
    /// Only when [`FakeDevice::run`] was called that many times more.
    Delay(u32),
    /// With this id in the used element.
    Id(u32),
    /// With this length in the used element.
    Length(u32),
    /// With its used element written twice.
    Twice,
    /// With the used index that far ahead of what is there; in a packed ring with that many more descriptors marked as used.
    IndexJump(u16),
    /// With the flags of the lap before in a packed ring, so that nobody sees it.
    WrongLap,
    /// Without a word in the response area.
    Silent,
    /// With this response code.
    Response(u8),
    /// With this SCSI status and that many bytes of sense data announced.
    Status(u8, u32),
    /// With this residual.
    Residual(u32),
}
