//! What is noted of a request in its SRB extension, from `HwStorBuildIo` to its completion.
//!
//! Key type: [`Noted`], a request together with its note. The extension begins with the note, which the device does not see; the device-visible
//! window ([`SrbExtension`]) lies behind it. The note says whose it is, so that nothing that the port left in the extension is taken for
//! one. It is looked for once, in `HwStorStartIo`; from there on the request is known by the place of its note, and neither block nor
//! extension are examined again. Neighbour: [`super::ready`] writes the note.
#![expect(unsafe_code, reason = "a place behind a raw pointer")]
// UNSAFETY: the SRB extension is the port driver's memory, lent for the life of the request.

use core::{marker::PhantomData, mem::ManuallyDrop, ptr::NonNull};

use wdk_sys::SCSI_REQUEST_BLOCK;

use super::{Completed, Srb, usual};
use crate::{adapter::Adapter, memory::SrbExtension, port::Port, status::SrbStatus};

/// Alignment of the device-visible window in the SRB extension, in bytes.
const WINDOW_ALIGNMENT: u32 = 16;

/// A note as it lies in the SRB extension.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Note<T> {
    /// The request that it is about; null if there is none.
    pub(super) block: *mut SCSI_REQUEST_BLOCK,
    pub(super) state: T,
    /// The block is a usual one ([`super::Usual`]).
    pub(super) is_usual: bool,
}

/// The place of a note.
pub(super) type Place<A> = NonNull<Note<<A as Adapter>::RequestState>>;

/// A request that the miniport owns, with its note.
///
/// # Invariants
/// The note was written by [`super::ready`] for the request that it names, which the miniport owns. It lies in that request's SRB extension,
/// aligned, and nobody else writes to it. If it says that the block is a usual one, it is.
#[derive(Debug)]
#[repr(transparent)]
#[must_use = "a request has to be completed, parked or given back"]
pub struct Noted<A: Adapter> {
    note: Place<A>,
    adapter: PhantomData<fn() -> A>,
}

// SAFETY: request block and extension are plain memory, and ownership of them moves with the value; so does the state, which is `Send`.
unsafe impl<A: Adapter> Send for Noted<A> where A::RequestState: Send {}

impl<A: Adapter> Noted<A> {
    /// Offset of the device-visible window in the SRB extension, in bytes.
    pub(super) const WINDOW_OFFSET: u32 = {
        assert!(align_of::<Note<A::RequestState>>() == 8);
        (size_of::<Note<A::RequestState>>() as u32).next_multiple_of(WINDOW_ALIGNMENT)
    };

    /// The request that the note at `note` is about.
    ///
    /// # Safety
    /// The type's invariant holds for it, and no other value owns the request.
    pub(super) const unsafe fn at(note: Place<A>) -> Self {
        // INVARIANT: the caller vouches for it.
        Self {
            note,
            adapter: PhantomData,
        }
    }

    /// Gives the place of the note away, and the request with it.
    #[inline]
    pub(super) fn into_note(self) -> Place<A> {
        ManuallyDrop::new(self).note
    }

    #[inline]
    fn note(&self) -> &Note<A::RequestState> {
        // SAFETY: the note lives, and nobody else writes to it (type invariant).
        unsafe { self.note.as_ref() }
    }

    /// The state that was noted, and the device-visible window beside it.
    #[inline]
    #[must_use]
    pub fn state(&self) -> (&A::RequestState, SrbExtension<'_>) {
        // SAFETY: the note begins an SRB extension of this adapter type (type invariant).
        (&self.note().state, unsafe {
            window::<A>(self.note, self.srb_pointer())
        })
    }

    #[inline]
    fn srb_pointer(&self) -> NonNull<SCSI_REQUEST_BLOCK> {
        // SAFETY: the note names a request (type invariant).
        unsafe { NonNull::new_unchecked(self.note().block) }
    }

    /// The request alone.
    #[inline]
    pub fn into_srb(self) -> Srb<A> {
        let block = ManuallyDrop::new(self).srb_pointer();
        // INVARIANT: the miniport owns the request (type invariant), and this value is gone.
        Srb {
            block,
            adapter: PhantomData,
        }
    }

    /// Looks at the request without giving it away.
    pub fn look<R>(&self, look: impl FnOnce(&Srb<A>) -> R) -> R {
        let srb = ManuallyDrop::new(Srb {
            block: self.srb_pointer(),
            adapter: PhantomData,
        });
        look(&srb)
    }

    /// Ends a command that did all that it was asked for: [`SrbStatus::Success`], SCSI status GOOD, `bytes` transferred.
    #[inline]
    pub fn succeed(self, port: Port<'_>, bytes: u32) -> Completed {
        let is_usual = self.note().is_usual;
        let srb = self.into_srb();
        if is_usual {
            // SAFETY: the note says that the block is a usual one (type invariant), which is ours alone.
            unsafe { usual::set_results(srb.block, bytes) };
            srb.complete(port, SrbStatus::Success)
        } else {
            srb.succeed(port, bytes)
        }
    }
}

impl<A: Adapter> Drop for Noted<A> {
    /// As for [`Srb`]: never silent.
    fn drop(&mut self) {
        drop(Srb::<A> {
            block: self.srb_pointer(),
            adapter: PhantomData,
        });
    }
}

/// The device-visible window behind the note at `note`, in the extension of the request `block`.
///
/// # Safety
/// `note` begins the SRB extension of that request, which the port gave the size that adapter type `A` registered; it is aligned to 8 bytes. The
/// miniport owns the request during the lifetime.
#[inline]
pub(super) unsafe fn window<'srb, A: Adapter>(
    note: Place<A>,
    block: NonNull<SCSI_REQUEST_BLOCK>,
) -> SrbExtension<'srb> {
    // SAFETY: the window begins inside the extension (the caller's promise).
    let window = unsafe { note.cast::<u8>().add(Noted::<A>::WINDOW_OFFSET as usize) };
    // SAFETY: the window has the size that adapter type A registered, begins on a multiple of 8 bytes as the extension does, and lives as long
    // as the request.
    unsafe { SrbExtension::new(window, A::REGISTRATION.srb_extension_bytes, block) }
}
