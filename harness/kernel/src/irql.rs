//! IRQL: the task priority register, as on Windows for x64.
//!
//! Device interrupts have the vector `irql << 4 | n`, so the processor itself holds back what the IRQL forbids.
//! Drivers read and write CR8 inline; nothing here may depend on being called.

use crate::{dpc, hw::cpu};

/// An interrupt request level, 0 to 15.
pub type Irql = u8;

/// Ordinary code.
pub const PASSIVE_LEVEL: Irql = 0;
/// Asynchronous procedure calls are held back.
pub const APC_LEVEL: Irql = 1;
/// DPCs are held back.
pub const DISPATCH_LEVEL: Irql = 2;
/// Lowest level of device interrupts.
pub const DEVICE_LEVEL_LOW: Irql = 3;
/// Highest level of device interrupts.
pub const DEVICE_LEVEL_HIGH: Irql = 12;
/// The clock interrupt.
pub const CLOCK_LEVEL: Irql = 13;
/// Everything is held back.
pub const HIGH_LEVEL: Irql = 15;

/// The current level.
#[must_use]
pub fn current() -> Irql {
    cpu::read_cr8()
}

/// Raises the level; returns the old one. Setting a lower level is the caller's defect and sets it all the same, as
/// Windows does.
#[expect(clippy::must_use_candidate, reason = "called for its effect")]
pub fn raise(to: Irql) -> Irql {
    let old = current();
    cpu::write_cr8(to);
    old
}

/// Lowers the level; DPCs that this lets through run before it returns.
pub fn lower(to: Irql) {
    cpu::write_cr8(to);
    if to < DISPATCH_LEVEL && cpu::interrupts_enabled() {
        dpc::drain();
    }
}

/// Runs `body` at a level that is not below the current one.
pub fn at<R>(level: Irql, body: impl FnOnce() -> R) -> R {
    let old = raise(level.max(current()));
    let result = body();
    lower(old);
    result
}
