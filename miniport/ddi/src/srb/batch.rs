//! Requests on their way from a queue to their completion.
//!
//! Key type: [`Batch`]: requests in the order in which they came, as many as it has places. It lies on the stack of a deferred call, where
//! most of the time a few of its places are used, so that nothing is written but what is used. Neighbour: [`super::table`], where
//! requests wait.
#![expect(unsafe_code, reason = "places that are not initialised")]
// UNSAFETY: only the counts say which places hold a request.

use core::mem::MaybeUninit;

use super::Srb;
use crate::adapter::Adapter;

/// Up to `PLACES` requests, taken out in the order in which they were put in. For one filling: places are not used again.
///
/// # Invariants
/// The places from `taken` up to `filled` hold a request each; `taken <= filled <= PLACES`.
#[derive(Debug)]
pub struct Batch<A: Adapter, const PLACES: usize> {
    places: [MaybeUninit<Srb<A>>; PLACES],
    taken: usize,
    filled: usize,
}

/// The next free place of a [`Batch`].
#[derive(Debug)]
pub struct Vacancy<'batch, A: Adapter> {
    place: &'batch mut MaybeUninit<Srb<A>>,
    filled: &'batch mut usize,
}

impl<A: Adapter, const PLACES: usize> Batch<A, PLACES> {
    /// An empty batch.
    #[must_use]
    #[inline]
    pub const fn new() -> Self {
        Self {
            places: [const { MaybeUninit::uninit() }; PLACES],
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
            place: self.places.get_mut(self.filled)?,
            filled: &mut self.filled,
        })
    }

    /// Takes the oldest request out.
    #[inline]
    pub fn take(&mut self) -> Option<Srb<A>> {
        if self.is_empty() {
            return None;
        }
        let place = self.places.get(self.taken)?;
        // INVARIANT: the request moves out of the place, which is left behind.
        self.taken += 1;
        // SAFETY: the place held a request (type invariant), and is not read again.
        Some(unsafe { place.assume_init_read() })
    }
}

impl<A: Adapter, const PLACES: usize> Default for Batch<A, PLACES> {
    fn default() -> Self {
        Self::new()
    }
}

impl<A: Adapter> Vacancy<'_, A> {
    /// Puts a request in.
    #[inline]
    pub fn put(self, srb: Srb<A>) {
        self.place.write(srb);
        // INVARIANT: the place holds a request now, and it was below the number of places.
        *self.filled += 1;
    }
}

impl<A: Adapter, const PLACES: usize> Drop for Batch<A, PLACES> {
    /// Requests that were left are dropped, which is never silent.
    #[inline]
    fn drop(&mut self) {
        while let Some(srb) = self.take() {
            drop(srb);
        }
    }
}
