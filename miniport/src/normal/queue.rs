//! A request queue: its ring, the requests that wait in it, its lock, and its deferred call.
//!
//! Key types: [`Queue`] (one for each processor, on cache lines of its own, in pool that `HwStorFindAdapter` takes), [`QueueState`] (what its lock guards), [`Drained`].
//!
//! **Doorbells.** A request is filled in under the lock; when the ring is made visible ("published"), and the doorbell rung if the device
//! wants to hear of it, depends on what else goes on:
//!
//! * The device has nothing of this queue: at once. It may be asleep, and nobody else is about to come this way.
//! * Otherwise it is left to the deferred call, so that a burst costs one doorbell: it runs when the processor leaves `DISPATCH_LEVEL`,
//!   which is after the port has handed the burst over. The first of the burst issues the call. (A port that spreads DPCs over processors
//!   may run it sooner, on another: then the burst costs a doorbell more.)
//! * The deferred call is at work (it completes requests, and the port sends new ones meanwhile): left to it, without another call.
//!
//! **No request waits without a doorbell coming.** Invariant, true whenever the lock is free: if anything is filled in and not published,
//! then `is_promised`. And `is_promised` is only true while the deferred call is on its way or at work:
//! [`QueueState::submit`] sets it and has its caller issue the call right after; [`QueueState::drain`] sets it when the call begins and clears
//! it under the same hold of the lock under which it has published everything and found nothing more to take, or when the queue is closed,
//! where nothing is filled in any more. That a call issued while another is pending may be saved is the business of [`Dpc`]: the pending call takes
//! its mark back before it takes the lock, so whoever found the mark under the lock comes before it. Both are under a model checker in
//! `ddi::spin`, and the tests of the driver end each burst with a device that looks at its ring only when a doorbell rings.

use ddi::{
    context::FindAdapterContext,
    dpc::Dpc,
    mmio::RegisterRange,
    private::{PrivateArea, PrivateSlice},
    resident::Residents,
    spin::SpinCell,
    srb::{
        Srb, batch,
        table::{Parked, Place, RequestTable},
    },
};
use hba::{
    device::Quiesced,
    plan::Plan,
    queues::RequestQueue,
    ring::{QueueFault, Rearmed, Slot, SubmitError, Tag},
};

use super::{NormalAdapter, completion::CompletionDpc};
use crate::device::DeviceMemory;

/// Requests that are taken out of a queue under one hold of its lock.
const BATCH: u16 = 32;

/// Requests on their way from a queue to their completion, and room for them.
pub(super) type Batch<'places> = batch::Batch<'places, NormalAdapter, { BATCH as usize }>;
pub(super) type Places = batch::Places<NormalAdapter, { BATCH as usize }>;

/// A ring of requests.
pub(super) type Ring = RequestQueue<RegisterRange, DeviceMemory, PrivateSlice<Slot>>;

/// One request queue. Two cache lines at least lie between what one processor writes and what another does.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Queue {
    pub(super) state: SpinCell<QueueState>,
    /// Completes requests and publishes new ones.
    pub(super) dpc: Dpc<CompletionDpc>,
}

/// What the lock of a queue guards.
#[derive(Debug)]
pub(crate) struct QueueState {
    /// The ring, from a bring-up to the next reset.
    ring: Option<Ring>,
    /// Whether requests are taken. A closed queue is touched by nobody but a reset.
    is_open: bool,
    /// The deferred call is on its way or at work, and will publish what is filled in.
    is_promised: bool,
    /// The requests that the device has, by the descriptor that heads them.
    requests: RequestTable<NormalAdapter>,
    /// The engine's own record of each descriptor, lent to the ring.
    slots: PrivateArea<Slot>,
}

/// Why a request was not filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// `HwStorBuildIo` has made no frame for it: it is none for a unit.
    NotPrepared,
    /// The ring does not take it.
    ByRing(SubmitError),
}

/// What is left to do for a request that was submitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Left {
    Nothing,
    /// Issue the deferred call.
    Call,
}

/// What a drain left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Drained {
    /// Requests were taken out, or have come meanwhile: complete those that there are and come again.
    More,
    /// Nothing is left but what was taken out, everything is published, and the next completion interrupts.
    Idle,
    /// The device broke a rule.
    Fault(QueueFault),
}

impl Queue {
    /// Bytes of private memory that the queues of a plan take.
    pub(super) fn pool_bytes(plan: &Plan) -> u32 {
        let (queues, ring) = (plan.request_queues(), plan.request_ring());
        let arrays =
            PrivateArea::<Slot>::bytes(ring) + PrivateArea::<Place<NormalAdapter>>::bytes(ring);
        Residents::<Self>::bytes(queues) + u32::from(queues) * arrays
    }

    /// The queues of a plan, closed; `None` when there is less than [`Queue::pool_bytes`] of private memory.
    pub(super) fn make_all(
        context: &mut FindAdapterContext<'_>,
        plan: &Plan,
    ) -> Option<Residents<Self>> {
        let ring = plan.request_ring();
        context.residents(plan.request_queues(), |context, number| {
            let slots = context.private_area(ring, Slot::default())?;
            let places = context.private_area(ring, Place::EMPTY)?;
            Some(Self::new(number, RequestTable::new(places.lend()?), slots))
        })
    }

    /// Queue `number`, closed.
    const fn new(
        number: u16,
        requests: RequestTable<NormalAdapter>,
        slots: PrivateArea<Slot>,
    ) -> Self {
        Self {
            state: SpinCell::new(QueueState {
                ring: None,
                is_open: false,
                is_promised: false,
                requests,
                slots,
            }),
            dpc: Dpc::new(number),
        }
    }
}

impl QueueState {
    /// Fills a prepared request in. `Ok` says that it is the device's, or soon will be.
    ///
    /// # Errors
    /// The caller keeps the request.
    #[inline]
    pub(super) fn submit(
        &mut self,
        srb: Srb<NormalAdapter>,
    ) -> Result<(Parked, Left), (Srb<NormalAdapter>, Refused)> {
        let request = match srb.noted() {
            Ok(request) => request,
            Err(srb) => return Err((srb, Refused::NotPrepared)),
        };
        let Some(ring) = self.ring.as_mut().filter(|_| self.is_open) else {
            return Err((request.into_srb(), Refused::ByRing(SubmitError::Closed)));
        };
        let (ticket, window) = request.state();
        let tag = match ring.submit(&window, &ticket.prepared, 0) {
            Ok(tag) => tag,
            Err(error) => return Err((request.into_srb(), Refused::ByRing(error))),
        };
        let parked = match self.requests.park(tag.descriptor(), request) {
            Ok(parked) => parked,
            Err(request) => {
                // Table and ring always agree. If they did not, the device must not see the request: nothing is published any more until a
                // reset has made both anew.
                self.is_open = false;
                return Err((request.into_srb(), Refused::ByRing(SubmitError::Closed)));
            }
        };
        let left = if self.is_promised {
            Left::Nothing
        } else {
            self.publish_or_promise()
        };
        Ok((parked, left))
    }

    /// For a request that was filled in while no deferred call is on its way. Apart: within a burst only the first comes here.
    #[inline(never)]
    fn publish_or_promise(&mut self) -> Left {
        match &mut self.ring {
            Some(ring) if ring.outstanding() == 1 => {
                ring.publish();
                Left::Nothing
            }
            _ => {
                self.is_promised = true;
                Left::Call
            }
        }
    }

    /// Makes everything visible that is filled in; before a task management function that is about it.
    pub(super) fn publish(&mut self) {
        if let Some(ring) = self.ring.as_mut().filter(|_| self.is_open) {
            ring.publish();
        }
    }

    /// Publishes new requests and takes answered ones out, as many as the batch holds; `batch` is empty before.
    #[inline]
    pub(super) fn drain(&mut self, batch: &mut Batch<'_>) -> Drained {
        let Some(ring) = self.ring.as_mut().filter(|_| self.is_open) else {
            self.is_promised = false;
            return Drained::Idle;
        };
        self.is_promised = true;
        ring.publish();
        ring.suppress_interrupts();
        let taken = ring.take_several(BATCH, |used| {
            // A batch has as many places, and is empty before.
            if let Some(vacancy) = batch.vacancy()
                && let Some(request) = self.requests.take(used.descriptor)
            {
                vacancy.put(request);
            }
        });
        match taken {
            // The only one: nothing else goes on here, and what the port sends next goes to the device at once.
            Ok(1) if ring.outstanding() == 0 && ring.rearm_interrupts() == Rearmed::Idle => {
                self.is_promised = false;
                Drained::Idle
            }
            // Requests that the port sends while these are completed are published by the next drain, under one doorbell.
            Ok(1..) => Drained::More,
            Ok(0) if ring.rearm_interrupts() == Rearmed::More => Drained::More,
            Ok(0) => {
                self.is_promised = false;
                Drained::Idle
            }
            Err(fault) => {
                self.is_promised = false;
                Drained::Fault(fault)
            }
        }
    }

    /// Takes no more requests; what is outstanding stays where it is.
    pub(super) const fn close(&mut self) {
        self.is_open = false;
    }

    /// Takes requests again, with the ring that [`QueueState::install`] put in.
    pub(super) const fn open(&mut self) {
        self.is_promised = false;
        self.is_open = self.ring.is_some();
    }

    /// Puts a new ring in, which stays closed. Its storage is [`QueueState::lend_slots`].
    pub(super) fn install(&mut self, ring: Ring) {
        self.ring = Some(ring);
    }

    /// Storage for a new ring; the old ring goes.
    pub(super) fn lend_slots(&mut self) -> PrivateSlice<Slot> {
        self.is_open = false;
        self.ring = None;
        self.slots.lend().unwrap_or(PrivateSlice::EMPTY)
    }

    /// Takes out requests that the device will not answer any more, as many as the batch holds; whether there may be others. The ring
    /// is gone after this.
    pub(super) fn end(&mut self, quiesced: &Quiesced, batch: &mut Batch<'_>) -> bool {
        self.close();
        if let Some(mut ring) = self.ring.take() {
            while ring.reclaim(quiesced).is_some() {}
        }
        let mut from = 0;
        while let Some(vacancy) = batch.vacancy() {
            let Some((index, request)) = self.requests.take_any(from) else {
                return false;
            };
            vacancy.put(request);
            from = index;
        }
        true
    }

    /// The tag of the request that `abort` is about, made visible to the device if it is here.
    pub(super) fn find_target(
        &mut self,
        abort: &Srb<NormalAdapter>,
    ) -> Option<(ddi::port::UnitAddress, Tag)> {
        let index = self
            .requests
            .position(|waiting| waiting.is_target_of(abort))?;
        self.publish();
        let tag = self.ring.as_ref()?.outstanding_tag(index)?;
        let unit = self.requests.inspect(index, Srb::address)?;
        Some((unit, tag))
    }
}
