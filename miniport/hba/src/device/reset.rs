//! Device reset with a bound, and the proof of it (virtio 2.4, 4.1.4.3.2).
//!
//! A reset may take the device time, and this crate has no clock: [`Reset::poll`] says how long to wait before the next call.

use crate::access::Mmio;

use super::registers::{Registers, Status};

/// Microseconds to wait between two polls of a reset.
pub const RESET_POLL_MICROSECONDS: u32 = 100;
/// Polls after which a reset has failed: two seconds in all.
pub const RESET_POLL_LIMIT: u32 = 20_000;

/// Proof that the device does not touch memory: it has confirmed a reset, or it is gone.
///
/// [`BringUp::start`](super::BringUp::start) consumes it, so it cannot outlive the silence that it stands for.
#[derive(Debug)]
pub struct Quiesced(());

impl Quiesced {
    /// For a device that was removed by surprise: what is not there does no DMA. The caller has this from the operating
    /// system (`ScsiAdapterSurpriseRemoval`), or from registers that read as all ones.
    #[must_use]
    pub const fn device_removed() -> Self {
        Self(())
    }

    /// Ends the silence: the steps that follow wake the device up.
    pub(super) const fn end(self) {
        let Self(()) = self;
    }
}

/// A reset under way.
#[derive(Debug)]
pub struct Reset {
    polls: u32,
}

/// What [`Reset::poll`] wants.
#[derive(Debug)]
pub enum ResetPoll {
    /// The device has been reset and is silent.
    Done(Quiesced),
    /// Wait so long, then poll again.
    Again {
        /// Time to wait.
        microseconds: u32,
    },
}

/// Why a reset did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResetError {
    /// The device did not confirm within [`RESET_POLL_LIMIT`] polls. It may still write to memory.
    TimedOut,
    /// Registers read as all ones.
    Gone,
}

impl Reset {
    /// Starts the reset: writes 0 to the device status.
    pub fn begin<R: Mmio>(registers: &Registers<R>) -> Self {
        registers.write_status(Status::empty());
        Self { polls: 0 }
    }

    /// Looks whether the device has confirmed, that is reads back status 0 (virtio 4.1.4.3.2).
    ///
    /// # Errors
    /// [`ResetError`]; polling on after an error is harmless and may still succeed.
    pub fn poll<R: Mmio>(&mut self, registers: &Registers<R>) -> Result<ResetPoll, ResetError> {
        match registers.read_status().bits() {
            0 => Ok(ResetPoll::Done(Quiesced(()))),
            0xFF => Err(ResetError::Gone),
            _ if self.polls >= RESET_POLL_LIMIT => Err(ResetError::TimedOut),
            _ => {
                self.polls = self.polls.saturating_add(1);
                Ok(ResetPoll::Again {
                    microseconds: RESET_POLL_MICROSECONDS,
                })
            }
        }
    }

    /// Resets and polls to the end, waiting through `stall`.
    ///
    /// # Errors
    /// As [`Reset::poll`].
    pub fn run<R: Mmio>(
        registers: &Registers<R>,
        mut stall: impl FnMut(u32),
    ) -> Result<Quiesced, ResetError> {
        let mut reset = Self::begin(registers);
        loop {
            match reset.poll(registers)? {
                ResetPoll::Done(quiesced) => return Ok(quiesced),
                ResetPoll::Again { microseconds } => stall(microseconds),
            }
        }
    }
}
