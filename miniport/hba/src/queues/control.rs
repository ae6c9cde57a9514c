//! The control queue: task management functions, several at once (virtio 5.6.6.2).

use crate::access::{DmaMemory, Mmio};
use crate::device::{Doorbell, Quiesced};
use crate::plan::{Layout, TMF_FRAME_BYTES};
use crate::request::{TMF_REQUEST_BYTES, TMF_RESPONSE_OFFSET, TaskManagement, TmfOutcome};
use crate::ring::{Descriptor, Direction, QueueFault, Ring, Slot, SubmitError, Tag};

/// Descriptors of the largest control ring that a plan has.
const SLOTS: usize = 16;
/// Frames of the largest plan; `TMF_FRAMES_MAX` as an array length.
const FRAMES: usize = 8;
const _: () = assert!(crate::plan::TMF_FRAMES_MAX == 8);
const RESPONSE_BYTES: u32 = 1;

/// The end of a task management function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TmfCompletion {
    /// What the caller gave to [`ControlQueue::start`].
    pub token: u64,
    /// How it ended.
    pub outcome: TmfOutcome,
}

/// The control queue with its frames. Not synchronised: the caller holds this queue's lock. About 400 bytes.
#[derive(Debug)]
pub struct ControlQueue<R, M: DmaMemory> {
    ring: Ring<M, [Slot; SLOTS]>,
    doorbell: Doorbell<R>,
    frames: u32,
    /// One bit per free frame.
    free: u8,
    tokens: [u64; FRAMES],
}

impl<R: Mmio, M: DmaMemory> ControlQueue<R, M> {
    pub(crate) fn new(
        ring: Ring<M, [Slot; SLOTS]>,
        doorbell: Doorbell<R>,
        layout: &Layout,
    ) -> Self {
        let used = u32::from(layout.tmf_frame_count).min(u8::BITS);
        let free = u8::MAX
            .checked_shr(u8::BITS.saturating_sub(used))
            .unwrap_or(0);
        Self {
            ring,
            doorbell,
            frames: layout.tmf_frames,
            free,
            tokens: [0; FRAMES],
        }
    }

    /// Sends a task management function; `token` comes back with its completion.
    ///
    /// # Errors
    /// [`SubmitError::Full`] while all frames are in use; otherwise the queue has stopped.
    pub fn start(&mut self, function: &TaskManagement, token: u64) -> Result<Tag, SubmitError> {
        let index = self.free.trailing_zeros();
        if index >= u8::BITS {
            return Err(SubmitError::Full);
        }
        let offset = self.frame(index);
        let memory = self.ring.memory();
        let bus = memory.bus_address().wrapping_add(u64::from(offset));
        function.write(memory, offset);
        let request = Descriptor {
            bus_address: bus,
            length: TMF_REQUEST_BYTES,
            direction: Direction::DriverToDevice,
        };
        let response = Descriptor {
            bus_address: bus.wrapping_add(u64::from(TMF_RESPONSE_OFFSET)),
            length: RESPONSE_BYTES,
            direction: Direction::DeviceToDriver,
        };
        let tag = self.ring.submit_direct(
            [request, response].into_iter(),
            2,
            RESPONSE_BYTES,
            u64::from(index),
        )?;
        self.free &= !frame_bit(u64::from(index));
        if let Some(slot) = usize::try_from(index)
            .ok()
            .and_then(|index| self.tokens.get_mut(index))
        {
            *slot = token;
        }
        let Self { ring, doorbell, .. } = self;
        ring.publish(|| doorbell.ring());
        Ok(tag)
    }

    /// Takes the next function that has ended, `None` when there is none.
    ///
    /// # Errors
    /// The device broke a rule: reset it, then [`ControlQueue::reclaim`].
    pub fn take_completed(&mut self) -> Result<Option<TmfCompletion>, QueueFault> {
        let Some(used) = self.ring.take_used()? else {
            return Ok(None);
        };
        let outcome = u32::try_from(used.token).map_or(TmfOutcome::NotWritten, |index| {
            TmfOutcome::read(self.ring.memory(), self.frame(index))
        });
        Ok(Some(TmfCompletion {
            token: self.give_back(used.token),
            outcome,
        }))
    }

    /// Suppresses nothing, arms the next interrupt; see [`Ring::rearm`].
    pub fn rearm_interrupts(&mut self) -> crate::ring::Rearmed {
        self.ring.rearm()
    }

    /// Hands out the token of each function that will never end, after a reset; see [`Ring::reclaim`].
    pub fn reclaim(&mut self, proof: &Quiesced) -> Option<u64> {
        let (_, index) = self.ring.reclaim(proof)?;
        Some(self.give_back(index))
    }

    /// Functions outstanding.
    #[must_use]
    pub const fn outstanding(&self) -> u16 {
        self.ring.outstanding()
    }

    /// The fault that stopped the queue.
    #[must_use]
    pub const fn fault(&self) -> Option<QueueFault> {
        self.ring.fault()
    }

    fn frame(&self, index: u32) -> u32 {
        self.frames
            .wrapping_add(index.wrapping_mul(TMF_FRAME_BYTES))
    }

    /// Frees the frame and returns the caller's token for it.
    fn give_back(&mut self, index: u64) -> u64 {
        self.free |= frame_bit(index);
        usize::try_from(index)
            .ok()
            .and_then(|index| self.tokens.get(index))
            .copied()
            .unwrap_or(0)
    }
}

fn frame_bit(index: u64) -> u8 {
    u32::try_from(index)
        .ok()
        .and_then(|index| 1u8.checked_shl(index))
        .unwrap_or(0)
}
