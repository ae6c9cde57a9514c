//! Where requests wait while the device has them.
//!
//! Key types: [`RequestTable`] (one place per descriptor of the ring), [`Parked`] (proof for [`crate::adapter::Started`]).
//! Look-up is by index, so that an answer finds its request in constant time.

#![expect(unsafe_code, reason = "places move between processors")]
// UNSAFETY: a place holds a raw pointer, whose ownership it carries across processors.

use core::{marker::PhantomData, mem::ManuallyDrop, ptr::NonNull};

use wdk_sys::SCSI_REQUEST_BLOCK;

use super::Srb;
use crate::{adapter::Adapter, private::PrivateSlice};

/// Proof that a request was put into a table or slot, from where the miniport completes it.
#[derive(Debug)]
#[must_use = "return it, so that the caller knows what became of the request"]
pub struct Parked(());

/// One place of a table.
///
/// # Invariants
/// The block, if there is one, is a request that adapter type `A` owned and that this place owns now.
#[derive(Debug)]
pub struct Place<A: Adapter> {
    block: Option<NonNull<SCSI_REQUEST_BLOCK>>,
    /// What the miniport wants to know of the request while it waits.
    note: u64,
    adapter: PhantomData<fn() -> A>,
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
// SAFETY: a shared place gives nothing away.
unsafe impl<A: Adapter> Sync for Place<A> {}

impl<A: Adapter> Place<A> {
    /// A place without a request.
    pub const EMPTY: Self = Self {
        block: None,
        note: 0,
        adapter: PhantomData,
    };

    /// Whether a request is there.
    #[must_use]
    pub const fn is_occupied(&self) -> bool {
        self.block.is_some()
    }

    /// Lends the request without moving it.
    fn look<R>(&self, look: impl FnOnce(&Srb<A>, u64) -> R) -> Option<R> {
        let srb = ManuallyDrop::new(Srb::<A> {
            block: self.block?,
            adapter: PhantomData,
        });
        Some(look(&srb, self.note))
    }
}

/// A place for a single request.
#[derive(Debug)]
pub struct RequestSlot<A: Adapter>(Place<A>);

impl<A: Adapter> RequestSlot<A> {
    /// A slot without a request.
    pub const EMPTY: Self = Self(Place::EMPTY);

    /// Whether a request is there.
    #[must_use]
    pub const fn is_occupied(&self) -> bool {
        self.0.is_occupied()
    }

    /// Puts a request there.
    ///
    /// # Errors
    /// The slot is occupied: the caller has the request back.
    pub fn park(&mut self, srb: Srb<A>) -> Result<Parked, Srb<A>> {
        park(&mut self.0, srb, 0)
    }

    /// Takes the request out.
    pub const fn take(&mut self) -> Option<Srb<A>> {
        take(&mut self.0)
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

    /// Puts a request at `index`, with a note for [`RequestTable::inspect`].
    ///
    /// # Errors
    /// There is no such place, or it is occupied: the caller has the request back.
    #[inline]
    pub fn park(&mut self, index: u16, srb: Srb<A>, note: u64) -> Result<Parked, Srb<A>> {
        match self.places.as_mut().get_mut(usize::from(index)) {
            Some(place) => park(place, srb, note),
            None => Err(srb),
        }
    }

    /// Takes the request at `index` out.
    #[inline]
    pub fn take(&mut self, index: u16) -> Option<Srb<A>> {
        take(self.places.as_mut().get_mut(usize::from(index))?)
    }

    /// Takes any request out, beginning at `from`; returns its index too.
    pub fn take_any(&mut self, from: u16) -> Option<(u16, Srb<A>)> {
        let places = self.places.as_mut().iter_mut();
        (0u16..)
            .zip(places)
            .skip(usize::from(from))
            .find_map(|(index, place)| take(place).map(|srb| (index, srb)))
    }

    /// Index of the first request for which `matches` holds.
    pub fn position(&self, matches: impl Fn(&Srb<A>) -> bool) -> Option<u16> {
        let places = self.places.as_ref().iter();
        (0u16..)
            .zip(places)
            .find_map(|(index, place)| place.look(|srb, _| matches(srb))?.then_some(index))
    }

    /// Looks at the request at `index` and its note without taking it out.
    pub fn inspect<R>(&self, index: u16, look: impl FnOnce(&Srb<A>, u64) -> R) -> Option<R> {
        self.places.as_ref().get(usize::from(index))?.look(look)
    }
}

#[inline]
fn park<A: Adapter>(place: &mut Place<A>, srb: Srb<A>, note: u64) -> Result<Parked, Srb<A>> {
    if place.is_occupied() {
        return Err(srb);
    }
    // INVARIANT: the request's ownership moves into the place.
    place.block = Some(ManuallyDrop::new(srb).block);
    place.note = note;
    Ok(Parked(()))
}

#[inline]
const fn take<A: Adapter>(place: &mut Place<A>) -> Option<Srb<A>> {
    match place.block.take() {
        // INVARIANT: the place owned the request; now the caller does.
        Some(block) => Some(Srb {
            block,
            adapter: PhantomData,
        }),
        None => None,
    }
}
