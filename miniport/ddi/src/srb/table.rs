//! Where requests wait while the device has them.
//!
//! Key types: [`RequestTable`] (one place per descriptor of the ring), [`RequestSlot`] (a place of its own for a request without a note),
//! [`Parked`] (proof for [`crate::adapter::Started`]). Look-up is by index, so that an answer finds its request in constant time.

#![expect(unsafe_code, reason = "places move between processors")]
// UNSAFETY: a place holds a raw pointer, whose ownership it carries across processors.

use core::{marker::PhantomData, mem::ManuallyDrop, ptr::NonNull};

use wdk_sys::SCSI_REQUEST_BLOCK;

use super::{
    Srb,
    noted::{self, Noted},
};
use crate::{adapter::Adapter, private::PrivateSlice};

/// Proof that a request was put into a table or slot, from where the miniport completes it.
#[derive(Debug)]
#[must_use = "return it, so that the caller knows what became of the request"]
pub struct Parked(());

/// One place of a table.
///
/// # Invariants
/// The note, if there is one, is that of a [`Noted`] request which this place owns now.
#[derive(Debug)]
pub struct Place<A: Adapter> {
    note: Option<noted::Place<A>>,
}

// Places are copied only to fill a table with empty ones; a table never gives a copy away.
impl<A: Adapter> Clone for Place<A> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<A: Adapter> Copy for Place<A> {}

// SAFETY: as for the request itself, ownership moves with the value.
unsafe impl<A: Adapter> Send for Place<A> {}
// SAFETY: a shared place lends the request alone.
unsafe impl<A: Adapter> Sync for Place<A> {}

impl<A: Adapter> Place<A> {
    /// A place without a request.
    pub const EMPTY: Self = Self { note: None };

    /// Lends the request without moving it.
    fn look<R>(self, look: impl FnOnce(&Srb<A>) -> R) -> Option<R> {
        // SAFETY: the place owns the request (type invariant), and the value is not dropped.
        let waiting = ManuallyDrop::new(unsafe { Noted::<A>::at(self.note?) });
        Some(waiting.look(look))
    }

    #[inline]
    fn take(&mut self) -> Option<Noted<A>> {
        let note = self.note.take()?;
        // SAFETY: the place owned the request (type invariant); now the caller does.
        Some(unsafe { Noted::at(note) })
    }
}

/// A place for a single request.
///
/// # Invariants
/// The block, if there is one, is a request that adapter type `A` owned and that this place owns now.
#[derive(Debug)]
pub struct RequestSlot<A: Adapter> {
    block: Option<NonNull<SCSI_REQUEST_BLOCK>>,
    adapter: PhantomData<fn() -> A>,
}

// SAFETY: as for the request itself, ownership moves with the value.
unsafe impl<A: Adapter> Send for RequestSlot<A> {}
// SAFETY: a shared slot gives nothing away.
unsafe impl<A: Adapter> Sync for RequestSlot<A> {}

impl<A: Adapter> RequestSlot<A> {
    /// A slot without a request.
    pub const EMPTY: Self = Self {
        block: None,
        adapter: PhantomData,
    };

    /// Whether a request is there.
    #[must_use]
    pub const fn is_occupied(&self) -> bool {
        self.block.is_some()
    }

    /// Puts a request there.
    ///
    /// # Errors
    /// The slot is occupied: the caller has the request back.
    pub fn park(&mut self, srb: Srb<A>) -> Result<Parked, Srb<A>> {
        if self.is_occupied() {
            return Err(srb);
        }
        // INVARIANT: the request's ownership moves into the slot.
        self.block = Some(ManuallyDrop::new(srb).block);
        Ok(Parked(()))
    }

    /// Takes the request out.
    pub fn take(&mut self) -> Option<Srb<A>> {
        // INVARIANT: the slot owned the request; now the caller does.
        Some(Srb {
            block: self.block.take()?,
            adapter: PhantomData,
        })
    }
}

/// Places for requests, by index.
#[derive(Debug)]
pub struct RequestTable<A: Adapter> {
    places: PrivateSlice<Place<A>>,
}

impl<A: Adapter> RequestTable<A> {
    /// A table without places: what an adapter has before `HwStorFindAdapter`.
    pub const EMPTY: Self = Self {
        places: PrivateSlice::EMPTY,
    };

    /// A table in private memory of the adapter.
    #[must_use]
    pub const fn new(places: PrivateSlice<Place<A>>) -> Self {
        Self { places }
    }

    /// Puts a request at `index`.
    ///
    /// # Errors
    /// There is no such place, or it is occupied: the caller has the request back.
    #[inline]
    pub fn park(&mut self, index: u16, request: Noted<A>) -> Result<Parked, Noted<A>> {
        match self.places.as_mut().get_mut(usize::from(index)) {
            Some(place) if place.note.is_none() => {
                // INVARIANT: the request's ownership moves into the place.
                place.note = Some(request.into_note());
                Ok(Parked(()))
            }
            _ => Err(request),
        }
    }

    /// Takes the request at `index` out.
    #[inline]
    pub fn take(&mut self, index: u16) -> Option<Noted<A>> {
        self.places.as_mut().get_mut(usize::from(index))?.take()
    }

    /// Takes any request out, beginning at `from`; returns its index too.
    pub fn take_any(&mut self, from: u16) -> Option<(u16, Noted<A>)> {
        let places = self.places.as_mut().iter_mut();
        (0u16..)
            .zip(places)
            .skip(usize::from(from))
            .find_map(|(index, place)| Some((index, place.take()?)))
    }

    /// Index of the first request for which `matches` holds.
    pub fn position(&self, matches: impl Fn(&Srb<A>) -> bool) -> Option<u16> {
        let places = self.places.as_ref().iter();
        (0u16..)
            .zip(places)
            .find_map(|(index, place)| place.look(&matches)?.then_some(index))
    }

    /// Looks at the request at `index` without taking it out.
    pub fn inspect<R>(&self, index: u16, look: impl FnOnce(&Srb<A>) -> R) -> Option<R> {
        self.places.as_ref().get(usize::from(index))?.look(look)
    }
}
