//! What is noted of a request in its SRB extension, from `HwStorBuildIo` to its completion.
//!
//! Key type: [`Ready`]. The extension begins with the state of the request, which the device does not see; the device-visible window
//! ([`SrbExtension`]) lies behind it. The port does not clear extensions: a tag says which request wrote the state, and a request can only
//! go on to `HwStorStartIo` as a [`Ready`] one, which has its tag written or wiped.
#![expect(unsafe_code, reason = "a place behind a raw pointer")]
// UNSAFETY: the SRB extension is the port driver's memory, lent for the life of the request.

use core::{ffi::c_void, mem::ManuallyDrop, ptr::NonNull};

use wdk_sys::{PSCSI_REQUEST_BLOCK, storage};

use super::Srb;
use crate::{
    adapter::Adapter,
    memory::{BusRange, SrbExtension},
    port::Port,
};

/// Alignment of the device-visible window in the SRB extension, in bytes.
const WINDOW_ALIGNMENT: u32 = 16;

/// The state of a request as it lies in the SRB extension.
#[repr(C)]
struct Noted<T> {
    /// Says which request wrote the state.
    tag: u64,
    state: T,
}

/// A request that may go on to `HwStorStartIo`.
///
/// # Invariants
/// What its SRB extension holds was noted of this request, or is marked as not its own.
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
    /// Size of the whole SRB extension in bytes: the state of the request, and the device-visible window behind it.
    pub(crate) const EXTENSION_BYTES: u32 =
        Self::WINDOW_OFFSET + A::REGISTRATION.srb_extension_bytes;

    /// Offset of the device-visible window in bytes.
    const WINDOW_OFFSET: u32 = {
        assert!(align_of::<Noted<A::RequestState>>() == 8);
        (size_of::<Noted<A::RequestState>>() as u32).next_multiple_of(WINDOW_ALIGNMENT)
    };

    /// Lets `prepare` work in the device-visible window, whose contents are undefined at first, and notes the state that it makes.
    ///
    /// # Errors
    /// The error of `prepare`, or `None` if there is no SRB extension. The caller has the request back.
    #[inline]
    pub fn ready_with<E>(
        self,
        prepare: impl FnOnce(&Self, SrbExtension<'_>) -> Result<A::RequestState, E>,
    ) -> Result<Ready<A>, (Self, Option<E>)> {
        let Some(place) = self.noted() else {
            return Err((self, None));
        };
        let state = match prepare(&self, self.window(place)) {
            Ok(state) => state,
            Err(error) => return Err((self, Some(error))),
        };
        let tag = self.tag();
        // SAFETY: the extension is large enough, aligned, and ours while we own the request.
        unsafe { place.write(Noted { tag, state }) };
        // INVARIANT: the state was just noted.
        Ok(Ready(self))
    }

    /// A request of which nothing is noted.
    #[inline]
    pub fn ready_without_state(self) -> Ready<A> {
        if let Some(place) = self.noted() {
            // SAFETY: the port gave the extension the size that adapter type A registered; it begins with the tag, and the memory
            // is ours while we own the request.
            unsafe { place.cast::<u64>().write(0) };
        }
        // INVARIANT: no request has the tag 0.
        Ready(self)
    }

    /// The state that [`Srb::ready_with`] noted, and the device-visible window beside it.
    #[inline]
    #[must_use]
    pub fn noted_state(&self) -> Option<(&A::RequestState, SrbExtension<'_>)> {
        let place = self.noted()?;
        // SAFETY: the extension is large enough and aligned, and begins with the tag.
        let tag = unsafe { place.cast::<u64>().read() };
        if tag != self.tag() {
            return None;
        }
        // SAFETY: (1) the request came as a ready one, so the tag was written together with the state; (2) the device does not reach the
        // state, and nobody else writes to it while `self` is borrowed.
        let state = &unsafe { place.as_ref() }.state;
        Some((state, self.window(place)))
    }

    /// The place of the request's state, if there is an SRB extension; one that is not aligned to 8 bytes, which the port rules out, is none.
    #[inline]
    fn noted(&self) -> Option<NonNull<Noted<A::RequestState>>> {
        let place = NonNull::new(self.parts().extension())?.cast::<Noted<A::RequestState>>();
        place.is_aligned().then_some(place)
    }

    /// Marks the state as that of this request.
    #[inline]
    fn tag(&self) -> u64 {
        self.block.addr().get() as u64 | 1
    }

    /// The window behind the state at `place`, which is this request's.
    #[inline]
    fn window(&self, place: NonNull<Noted<A::RequestState>>) -> SrbExtension<'_> {
        // SAFETY: the window begins inside the extension, whose size the port took from the registration.
        let window = unsafe { place.cast::<u8>().add(Self::WINDOW_OFFSET as usize) };
        // SAFETY: the window has the size that adapter type A registered, begins on a multiple of 8 bytes as the extension does (`noted`),
        // and lives as long as the request, whose block this is.
        unsafe { SrbExtension::new(window, A::REGISTRATION.srb_extension_bytes, self.block) }
    }
}

impl SrbExtension<'_> {
    /// Where the device sees the window from `offset` bytes on, and how many bytes on from there are contiguous.
    #[must_use]
    #[inline]
    pub fn bus_range(self, port: Port<'_>, offset: u32) -> Option<BusRange> {
        let (place, bytes) = self.rest(offset)?;
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
        BusRange::new(bus, contiguous.min(bytes))
    }
}
