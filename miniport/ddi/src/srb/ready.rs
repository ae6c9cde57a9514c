//! Requests that may go on to `HwStorStartIo`.
//!
//! Key type: [`Ready`]. The port does not clear SRB extensions: a request can only go on as a ready one, which has a note of its own there, or
//! none. Neighbours: [`super::noted`] has the note, [`super::usual`] the shape that nearly all blocks have.
#![expect(unsafe_code, reason = "a place behind a raw pointer")]
// UNSAFETY: the SRB extension is the port driver's memory, lent for the life of the request.

use core::{ffi::c_void, mem::ManuallyDrop, ptr::NonNull};

use hba::access::SharedMemory;
use wdk_sys::{PSCSI_REQUEST_BLOCK, storage};

use super::{
    Srb, Usual,
    noted::{Note, Noted, Place, window},
};
use crate::{
    adapter::Adapter,
    memory::{BusRange, SrbExtension, quad},
    port::Port,
};

/// A request that may go on to `HwStorStartIo`.
///
/// # Invariants
/// Its SRB extension holds a note that was written for it, or one that names no request, or it has no extension.
#[derive(Debug)]
#[must_use = "return it, so that the port passes the request on"]
pub struct Ready<A: Adapter>(Srb<A>);

impl<A: Adapter> Ready<A> {
    /// Gives the block back to the port without completing it (`HwStorBuildIo` returned TRUE).
    #[inline]
    pub(crate) fn release(self) -> PSCSI_REQUEST_BLOCK {
        ManuallyDrop::new(self.0).block.as_ptr()
    }
}

impl<A: Adapter> Srb<A> {
    /// Size of the whole SRB extension in bytes: the note, and the device-visible window behind it.
    pub(crate) const EXTENSION_BYTES: u32 =
        Noted::<A>::WINDOW_OFFSET + A::REGISTRATION.srb_extension_bytes;

    /// Lets `prepare` work in the device-visible window, whose contents are undefined at first, and notes the state that it makes.
    ///
    /// # Errors
    /// The error of `prepare`, or `None` if there is no SRB extension. The caller has the request back.
    pub fn ready_with<E>(
        self,
        prepare: impl FnOnce(&Self, SrbExtension<'_>) -> Result<A::RequestState, E>,
    ) -> Result<Ready<A>, (Self, Option<E>)> {
        let Some(place) = note_in::<A>(self.parts().extension()) else {
            return Err((self, None));
        };
        // SAFETY: the extension is this request's.
        let window = unsafe { window::<A>(place, self.block) };
        match prepare(&self, window) {
            // SAFETY: the extension is this request's, and the note does not say that the block is a usual one.
            Ok(state) => Ok(unsafe { self.note(place, state, false) }),
            Err(error) => Err((self, Some(error))),
        }
    }

    /// The same for a request in a usual block, for which it is a short way.
    ///
    /// # Errors
    /// The block is not a usual one, there is no SRB extension, or `prepare` made no state. The caller has the request back.
    #[inline]
    pub fn ready_usual(
        self,
        prepare: impl FnOnce(&Self, Usual<'_>, SrbExtension<'_>) -> Option<A::RequestState>,
    ) -> Result<Ready<A>, Self> {
        let Some(usual) = self.usual() else {
            return Err(self);
        };
        let Some(place) = note_in::<A>(usual.extension()) else {
            return Err(self);
        };
        // SAFETY: the extension is this request's.
        let window = unsafe { window::<A>(place, self.block) };
        match prepare(&self, usual, window) {
            // SAFETY: the extension is this request's, and the block is a usual one.
            Some(state) => Ok(unsafe { self.note(place, state, true) }),
            None => Err(self),
        }
    }

    /// A request of which nothing is noted.
    #[inline]
    pub fn ready_without_state(self) -> Ready<A> {
        if let Some(place) = note_in::<A>(self.parts().extension()) {
            // SAFETY: the port gave the extension the size that adapter type A registered; it begins with the name of the request, and the
            // memory is ours while we own the request.
            unsafe { place.cast().write(core::ptr::null_mut::<c_void>()) };
        }
        // INVARIANT: no request is at address 0.
        Ready(self)
    }

    /// Writes the note.
    ///
    /// # Safety
    /// `place` begins this request's SRB extension. `is_usual` says so only of a usual block.
    #[inline]
    unsafe fn note(self, place: Place<A>, state: A::RequestState, is_usual: bool) -> Ready<A> {
        let note = Note {
            block: self.block.as_ptr(),
            state,
            is_usual,
        };
        // SAFETY: the extension is large enough, aligned (`note_in`), and ours while we own the request.
        unsafe { place.write(note) };
        // INVARIANT: the note was just written.
        Ready(self)
    }

    /// Finds what was noted of the request in `HwStorBuildIo`.
    ///
    /// # Errors
    /// Nothing was: the caller has the request back.
    #[inline]
    pub fn noted(self) -> Result<Noted<A>, Self> {
        let Some(place) = NonNull::new(self.parts().extension()) else {
            return Err(self);
        };
        let name = place.cast::<PSCSI_REQUEST_BLOCK>();
        // SAFETY: an SRB extension is there, which begins with the name of a request or with anything. Whether it is aligned is not known yet.
        if unsafe { name.read_unaligned() } != self.block.as_ptr() {
            return Err(self);
        }
        // INVARIANT: the request came as a ready one, so a note that names it was written for it. We own the request, and give it away.
        let _moved = ManuallyDrop::new(self);
        // SAFETY: as above.
        Ok(unsafe { Noted::at(place.cast()) })
    }
}

/// The place of the note in an SRB extension, if there is one; one that is not aligned to 8 bytes, which the port rules out, is none.
#[inline]
fn note_in<A: Adapter>(extension: *mut c_void) -> Option<Place<A>> {
    let place = NonNull::new(extension)?.cast::<Note<A::RequestState>>();
    place.is_aligned().then_some(place)
}
impl SrbExtension<'_> {
    /// Where the device sees the window, if it has no gap there.
    #[must_use]
    #[inline]
    pub fn bus_address(self, port: Port<'_>) -> Option<u64> {
        let (address, contiguous) = self.translate(port, 0)?;
        (contiguous >= self.length()).then_some(address)
    }

    /// Where the device sees the window from `offset` bytes on, and how many bytes on from there are contiguous.
    #[must_use]
    #[inline]
    pub fn bus_range(self, port: Port<'_>, offset: u32) -> Option<BusRange> {
        let (address, contiguous) = self.translate(port, offset)?;
        BusRange::new(address, contiguous.min(self.length() - offset))
    }

    #[inline]
    fn translate(self, port: Port<'_>, offset: u32) -> Option<(u64, u32)> {
        let place = self.place(offset)?;
        let mut contiguous = 0;
        // SAFETY: (1) the extension is live (invariant of Port); (2) the request lives as long as its window; (3) the address lies
        // inside its SRB extension; (4) the length is a local.
        let bus = unsafe {
            storage::StorPortGetPhysicalAddress(
                port.extension(),
                self.block().as_ptr(),
                place.as_ptr().cast::<c_void>(),
                &raw mut contiguous,
            )
        };
        Some((quad(bus), contiguous))
    }
}
