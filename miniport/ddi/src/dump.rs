//! The context that the normal instance leaves for the dump stack, on both sides of the border.
//!
//! Key types: [`DumpData`] (the dump instance's view), [`HandedOut`] (the normal instance's books), [`DumpPointers`] (the answer to
//! `DUMP_POINTERS`). Several contexts are live at once: the crash stack and each hibernation ask for their own.
//! Source: `ns-storport-_miniport_dump_pointers.md`, `crash-dump-and-hibernation-support.md`.
#![expect(
    unsafe_code,
    reason = "the context crosses as a raw pointer between two copies of the image"
)]
// UNSAFETY: the dump instance gets nothing but an address; its length is known because both instances are the same file.

use core::{
    ptr::NonNull,
    sync::atomic::{AtomicPtr, Ordering},
};

use wdk_sys::{DUMP_MINIPORT_VERSION, DUMP_MINIPORT_VERSION_1, MINIPORT_DUMP_POINTERS};

use crate::{adapter::Adapter, context::BuildIoContext, inlines, srb::Srb, status::StorError};

/// Contexts that one adapter hands out at a time.
pub const HANDED_OUT_MAX: usize = 8;

/// Pool tag of the contexts, `HbDc` in a debugger.
const POOL_TAG: u32 = u32::from_le_bytes(*b"HbDc");

/// The context as the dump instance finds it: an address, and the length that this version of the driver gives its contexts.
///
/// # Invariants
/// `address` is what the port passed as `MiniportDumpData`: the value that a normal instance of this same file put into
/// `MiniportPrivateDumpData`, which is nonpaged memory of `bytes` bytes.
#[derive(Clone, Copy, Debug)]
pub struct DumpData {
    address: NonNull<u8>,
    bytes: u32,
}

impl DumpData {
    pub(crate) const fn new(address: NonNull<u8>, bytes: u32) -> Self {
        Self { address, bytes }
    }

    pub(crate) const fn address(&self) -> *mut u8 {
        self.address.as_ptr()
    }

    /// The address as a number, for the flight recorder.
    #[must_use]
    pub fn address_code(&self) -> u64 {
        self.address.addr().get() as u64
    }

    /// Length in bytes.
    #[must_use]
    pub const fn bytes(&self) -> u32 {
        self.bytes
    }

    /// Copies the context out; `false` when `destination` does not have its length.
    #[must_use]
    pub fn read(&self, destination: &mut [u8]) -> bool {
        if destination.len() != self.bytes as usize {
            return false;
        }
        // SAFETY: (1) the context has this many bytes (type invariant); (2) so has the destination, which is memory of ours.
        unsafe {
            core::ptr::copy_nonoverlapping(
                self.address.as_ptr(),
                destination.as_mut_ptr(),
                destination.len(),
            );
        };
        true
    }
}

/// The contexts that a normal instance has handed out and not got back.
#[derive(Debug)]
pub struct HandedOut {
    contexts: [AtomicPtr<u8>; HANDED_OUT_MAX],
}

impl HandedOut {
    /// None handed out.
    #[expect(
        clippy::declare_interior_mutable_const,
        reason = "an initialiser, written into each new adapter"
    )]
    pub const EMPTY: Self = Self {
        contexts: [const { AtomicPtr::new(core::ptr::null_mut()) }; HANDED_OUT_MAX],
    };

    /// Puts `contents` into nonpaged memory of its own and returns where.
    ///
    /// # Errors
    /// [`StorError::InsufficientResources`]: no memory, or [`HANDED_OUT_MAX`] contexts are out already.
    pub fn hand_out<A: Adapter>(
        &self,
        context: &BuildIoContext<'_, A>,
        contents: &[u8],
    ) -> Result<NonNull<u8>, StorError> {
        let bytes = u32::try_from(contents.len()).map_err(|_| StorError::InvalidParameter)?;
        let mut buffer = core::ptr::null_mut();
        // SAFETY: the extension is live (invariant of Port), IRQL is at most DISPATCH in this callback; the pointer is a local.
        let code = unsafe {
            inlines::StorPortAllocatePool(
                context.port().extension(),
                bytes,
                POOL_TAG,
                &raw mut buffer,
            )
        };
        StorError::check(code)?;
        let buffer = NonNull::new(buffer)
            .ok_or(StorError::InsufficientResources)?
            .cast::<u8>();
        // SAFETY: the port just allocated this many bytes there.
        unsafe {
            core::ptr::copy_nonoverlapping(contents.as_ptr(), buffer.as_ptr(), contents.len());
        };
        for place in &self.contexts {
            let null = core::ptr::null_mut();
            if place
                .compare_exchange(null, buffer.as_ptr(), Ordering::AcqRel, Ordering::Relaxed)
                .is_ok()
            {
                return Ok(buffer);
            }
        }
        free(context, buffer);
        Err(StorError::InsufficientResources)
    }

    /// Takes a context back and frees it; a pointer that is not out, for example one that came back already, is refused.
    ///
    /// # Errors
    /// [`StorError::InvalidParameter`]: not a context of this adapter.
    pub fn take_back<A: Adapter>(
        &self,
        context: &BuildIoContext<'_, A>,
        pointer: *mut u8,
    ) -> Result<(), StorError> {
        let buffer = NonNull::new(pointer).ok_or(StorError::InvalidParameter)?;
        for place in &self.contexts {
            let null = core::ptr::null_mut();
            if place
                .compare_exchange(pointer, null, Ordering::AcqRel, Ordering::Relaxed)
                .is_ok()
            {
                free(context, buffer);
                return Ok(());
            }
        }
        Err(StorError::InvalidParameter)
    }
}

/// Frees memory of [`HandedOut::hand_out`].
fn free<A: Adapter>(context: &BuildIoContext<'_, A>, buffer: NonNull<u8>) {
    // SAFETY: the caller took the buffer out of the books, or never entered it: nobody else frees it.
    unsafe { inlines::StorPortFreePool(context.port().extension(), buffer.as_ptr().cast()) };
}

/// What a `DUMP_POINTERS` request is answered with.
#[derive(Clone, Copy, Debug)]
pub struct DumpPointers {
    /// The context.
    pub private_data: NonNull<u8>,
    /// Longest transfer of the dump instance in bytes.
    pub maximum_transfer_bytes: u32,
    /// Pieces of a request of the dump instance.
    pub physical_breaks: u32,
}

/// Bytes of the structure up to and including `MiniportPrivateDumpData`: what a port has to offer at least.
const BYTES_MIN: usize =
    core::mem::offset_of!(MINIPORT_DUMP_POINTERS, MiniportPrivateDumpData) + size_of::<*mut u8>();
/// Bytes of the whole structure.
const BYTES: usize = size_of::<MINIPORT_DUMP_POINTERS>();

impl<A: Adapter> Srb<A> {
    /// Fills the `MINIPORT_DUMP_POINTERS` of a `DUMP_POINTERS` request. Storport has filled in the rest for a physical adapter.
    ///
    /// # Errors
    /// [`StorError::BufferTooSmall`]: the structure does not reach to `MiniportPrivateDumpData`.
    pub fn answer_dump_pointers(&mut self, answer: &DumpPointers) -> Result<(), StorError> {
        let buffer = self.control_buffer().ok_or(StorError::BufferTooSmall)?;
        let (version, size) = match buffer.len() {
            BYTES.. => (DUMP_MINIPORT_VERSION, BYTES),
            BYTES_MIN.. => (DUMP_MINIPORT_VERSION_1, buffer.len()),
            _ => return Err(StorError::BufferTooSmall),
        };
        macro_rules! put {
            ($field:ident, $value:expr) => {
                let start = core::mem::offset_of!(MINIPORT_DUMP_POINTERS, $field);
                let value = $value;
                if let Some(place) = buffer.get_mut(start..start + value.len()) {
                    place.copy_from_slice(&value);
                }
            };
        }
        put!(Version, (version as u16).to_ne_bytes());
        put!(Size, (size as u16).to_ne_bytes());
        put!(
            MiniportPrivateDumpData,
            answer
                .private_data
                .as_ptr()
                .expose_provenance()
                .to_ne_bytes()
        );
        put!(
            MaximumTransferLength,
            answer.maximum_transfer_bytes.to_ne_bytes()
        );
        put!(NumberOfPhysicalBreaks, answer.physical_breaks.to_ne_bytes());
        Ok(())
    }

    /// The context that a `FREE_DUMP_POINTERS` request gives back; null when there is none.
    ///
    /// # Errors
    /// [`StorError::BufferTooSmall`]: the structure does not reach to `MiniportPrivateDumpData`.
    pub fn returned_dump_data(&mut self) -> Result<*mut u8, StorError> {
        let buffer = self.control_buffer().ok_or(StorError::BufferTooSmall)?;
        let start = core::mem::offset_of!(MINIPORT_DUMP_POINTERS, MiniportPrivateDumpData);
        let bytes = buffer
            .get(start..)
            .and_then(<[u8]>::first_chunk)
            .ok_or(StorError::BufferTooSmall)?;
        Ok(core::ptr::with_exposed_provenance_mut(
            usize::from_ne_bytes(*bytes),
        ))
    }
}
