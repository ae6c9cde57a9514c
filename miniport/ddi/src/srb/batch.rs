//! Requests on their way from a queue to their completion.
//!
//! Key types: [`Batch`], requests in the order in which they came, as many as its [`Places`] hold. The places lie on the stack of a deferred call,
//! where most of the time a few are used, so that nothing is written but what is used. Neighbour: [`super::table`], where
//! requests wait.
#![expect(unsafe_code, reason = "places that are not initialised")]
// UNSAFETY: only the counts say which places hold a request.

use core::mem::MaybeUninit;

use super::noted::Noted;
use crate::adapter::Adapter;

/// Room for the requests of a [`Batch`].
#[derive(Debug)]
pub struct Places<A: Adapter, const COUNT: usize>([MaybeUninit<Noted<A>>; COUNT]);

/// Requests, taken out in the order in which they were put in. For one filling: places are not used again.
///
/// # Invariants
/// The places from `taken` up to `filled` hold a request each; `taken <= filled <= COUNT`.
#[derive(Debug)]
pub struct Batch<'places, A: Adapter, const COUNT: usize> {
    // Apart from the counts, which may be in registers while the places are in memory.
    places: &'places mut Places<A, COUNT>,
    taken: usize,
    filled: usize,
}

/// The next free place of a [`Batch`].
#[derive(Debug)]
pub struct Vacancy<'batch, A: Adapter> {
    place: &'batch mut MaybeUninit<Noted<A>>,
    filled: &'batch mut usize,
}

impl<A: Adapter, const COUNT: usize> Places<A, COUNT> {
    /// Nothing is there, and nothing is written.
    #[must_use]
    #[inline]
    pub const fn new() -> Self {
        Self([const { MaybeUninit::uninit() }; COUNT])
    }
}

impl<A: Adapter, const COUNT: usize> Default for Places<A, COUNT> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'places, A: Adapter, const COUNT: usize> Batch<'places, A, COUNT> {
    /// An empty batch.
    #[must_use]
    #[inline]
    pub const fn new(places: &'places mut Places<A, COUNT>) -> Self {
        Self {
            places,
            taken: 0,
            filled: 0,
        }
    }

    /// Whether no request is there.
    #[must_use]
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.taken == self.filled
    }

    /// The next free place; `None` when all were used.
    #[inline]
    pub fn vacancy(&mut self) -> Option<Vacancy<'_, A>> {
        Some(Vacancy {
            place: self.places.0.get_mut(self.filled)?,
            filled: &mut self.filled,
        })
    }

    /// Takes the oldest request out.
    #[inline]
    pub fn take(&mut self) -> Option<Noted<A>> {
        if self.is_empty() {
            return None;
        }
        // SAFETY: fewer were taken than there are places (type invariant).
        let place = unsafe { self.places.0.get_unchecked(self.taken) };
        // INVARIANT: the request moves out of the place, which is left behind.
        self.taken += 1;
        // SAFETY: the place held a request (type invariant), and is not read again.
        Some(unsafe { place.assume_init_read() })
    }
}

impl<A: Adapter> Vacancy<'_, A> {
    /// Puts a request in.
    #[inline]
    pub fn put(self, request: Noted<A>) {
        self.place.write(request);
        // INVARIANT: the place holds a request now, and it was below the number of places.
        *self.filled += 1;
    }
}

impl<A: Adapter, const COUNT: usize> Drop for Batch<'_, A, COUNT> {
    /// Requests that were left are dropped, which is never silent.
    #[inline]
    fn drop(&mut self) {
        while let Some(request) = self.take() {
            drop(request);
        }
    }
}
