//! The dump engine: one request queue, one request at a time, polled (crash dump and hibernation).
//!
//! The same plan, bring-up, ring and requests as the normal instance, held together without interrupts, locks, events or task
//! management. Every call is short and bounded; waiting is the caller's. A poll finds what it finds: called too often, too early
//! or after the end it does no harm.

use crate::access::{DmaMemory, Mmio};
use crate::device::{BringUp, BringUpError, Quiesced, Registers, Vector};
use crate::plan::Plan;
use crate::queues::RequestQueue;
use crate::request::{
    Completion, Frame, FrameError, Piece, PrepareError, Prepared, Recipe, Request, Response,
    prepare,
};
use crate::ring::{QueueFault, Slot, SubmitError};

/// Slots for the larger of the two dump rings, 2 KiB in all.
pub const SLOTS: usize = 128;
const _: () =
    assert!(crate::plan::DUMP_RING_DIRECT == 128 && crate::plan::DUMP_RING_INDIRECT <= 128);

/// Why the engine did not start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DumpStartError {
    /// The plan is not one for a dump.
    NotADumpPlan,
    /// The DMA region has no room for the frame.
    Frame(FrameError),
    /// The device did not come up.
    BringUp(BringUpError),
}

/// Why a request was not sent. The caller keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DumpSubmitError {
    /// Another request is outstanding.
    Busy,
    /// The request exceeds a limit.
    Prepare(PrepareError),
    /// The queue has stopped.
    Submit(SubmitError),
}

/// What a poll found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DumpPoll {
    /// No request is outstanding.
    Idle,
    /// The request is not done yet.
    Pending,
    /// The request is done; the engine is free for the next. Sense data stay until then.
    Done {
        /// What the caller gave at submission.
        token: u64,
        /// How it ended.
        completion: Completion,
    },
}

/// The engine of a dump instance. With its slots inside it takes about 2.3 KiB, else some 300 bytes.
#[derive(Debug)]
pub struct DumpEngine<R, M: DmaMemory, S = [Slot; SLOTS]> {
    queue: RequestQueue<R, M, S>,
    frame: Frame,
    recipe: Recipe,
    outstanding: Option<Prepared>,
    last: Option<Response>,
}

impl<R: Mmio + Clone, M: DmaMemory + Clone> DumpEngine<R, M> {
    /// Brings a freshly reset device up as the plan says. `memory` is the DMA region of the plan.
    ///
    /// # Errors
    /// See [`DumpStartError`].
    pub fn start(
        registers: &Registers<R>,
        plan: &Plan,
        quiesced: Quiesced,
        memory: M,
    ) -> Result<Self, DumpStartError> {
        let slots = [Slot::default(); SLOTS];
        Self::start_with_slots(registers, plan, quiesced, memory, slots)
    }
}

impl<R, M, S> DumpEngine<R, M, S>
where
    R: Mmio + Clone,
    M: DmaMemory + Clone,
    S: AsRef<[Slot]> + AsMut<[Slot]>,
{
    /// The same with slots elsewhere, at least [`SLOTS`] of them: for callers whose stack is short.
    ///
    /// # Errors
    /// See [`DumpStartError`].
    pub fn start_with_slots(
        registers: &Registers<R>,
        plan: &Plan,
        quiesced: Quiesced,
        memory: M,
        slots: S,
    ) -> Result<Self, DumpStartError> {
        let layout = plan
            .layout()
            .frame
            .as_ref()
            .ok_or(DumpStartError::NotADumpPlan)?;
        let frame =
            Frame::in_region(layout, memory.bus_address()).map_err(DumpStartError::Frame)?;
        let start = || {
            let mut bring_up = BringUp::start(registers, plan, quiesced, Vector::NONE)?;
            let mut queue = bring_up.request_queue(0, memory, slots, Vector::NONE)?;
            // Completion is polled; interrupts are off anyway.
            queue.suppress_interrupts();
            bring_up.finish()?;
            Ok(queue)
        };
        let queue = start().map_err(DumpStartError::BringUp)?;
        Ok(Self {
            queue,
            frame,
            recipe: *plan.recipe(),
            outstanding: None,
            last: None,
        })
    }

    /// Sends a request: one doorbell. Nothing of it is cut to fit.
    ///
    /// # Errors
    /// The caller keeps the request, see [`DumpSubmitError`].
    pub fn submit(
        &mut self,
        request: &Request,
        pieces: &[impl Piece],
        token: u64,
    ) -> Result<(), DumpSubmitError> {
        if self.outstanding.is_some() {
            return Err(DumpSubmitError::Busy);
        }
        self.last = None;
        let Self {
            queue,
            frame,
            recipe,
            ..
        } = self;
        let prepared = prepare(queue.memory(), frame, recipe, request, pieces)
            .map_err(DumpSubmitError::Prepare)?;
        queue
            .submit_own(&prepared, token)
            .map_err(DumpSubmitError::Submit)?;
        queue.publish();
        self.outstanding = Some(prepared);
        Ok(())
    }

    /// Looks once whether the request is done.
    ///
    /// # Errors
    /// The device broke a rule. Reset it, then [`DumpEngine::abandon`] gives the request back.
    pub fn poll(&mut self) -> Result<DumpPoll, QueueFault> {
        let Some(prepared) = self.outstanding else {
            return Ok(DumpPoll::Idle);
        };
        let Some(used) = self.queue.take_used()? else {
            return Ok(DumpPoll::Pending);
        };
        self.outstanding = None;
        let response = Response::read(self.queue.memory(), &prepared);
        self.last = Some(response);
        Ok(DumpPoll::Done {
            token: used.token,
            completion: response.completion(),
        })
    }

    /// Copies the sense data of the request that was done last; returns how many bytes, 0 when there are none.
    pub fn copy_sense(&self, destination: &mut [u8]) -> usize {
        self.last.map_or(0, |response| {
            response.copy_sense(self.queue.memory(), destination)
        })
    }

    /// Whether a request is outstanding.
    #[must_use]
    pub const fn is_busy(&self) -> bool {
        self.outstanding.is_some()
    }

    /// Ends the engine after a reset and gives back the token of the request that will never be done. Start a new engine to
    /// go on.
    pub fn abandon(mut self, proof: &Quiesced) -> Option<u64> {
        self.queue.reclaim(proof).map(|(_, token)| token)
    }
}
