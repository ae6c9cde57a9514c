//! What a dump filter may do with one transfer: look at the data, replace them on a write, change them in place after a read.
//!
//! Key types: [`Write`], [`Read`], [`Refusal`]; [`Descriptor`] is the memory descriptor list behind both. Drivers below read the
//! fields of a list directly, so a write that is replaced leaves `MdlFlags`, `Size`, `Process` and `ByteCount` as they were and sets
//! page frames, `MappedSystemVa`, `StartVa` and `ByteOffset`. The list is not put back: there is no call after a write in which it
//! could be, and the page on `DUMP_WRITE` asks for the update alone.
#![expect(unsafe_code, reason = "reads and changes memory descriptor lists")]
// UNSAFETY: a list is a C structure followed by its page frames, and points to memory of the dump stack.

use core::{marker::PhantomData, ptr::NonNull, slice};

use wdk_sys::{MDL, MDL_MAPPED_TO_SYSTEM_VA, MDL_SOURCE_IS_NONPAGED_POOL, PMDL};

use super::block::{Buffer, PAGE_BYTES};

/// Why a transfer is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No memory descriptor list, or one whose data are not mapped.
    Unmapped,
    /// More data than `MaxPagesPerWrite` allows.
    TooLong,
    /// Offset or length is no multiple of what the filter works in.
    Misaligned,
    /// The data lie in the filter's own buffer: a list that was replaced before came back.
    Overlapping,
    /// There is no room for what the filter must add.
    NoRoom,
}

impl Refusal {
    /// Number of the reason, first parameter of the bug check.
    pub(super) const fn number(self) -> u64 {
        match self {
            Self::Unmapped => 1,
            Self::TooLong => 2,
            Self::Misaligned => 3,
            Self::Overlapping => 4,
            Self::NoRoom => 5,
        }
    }
}

/// A memory descriptor list whose data are mapped.
///
/// # Invariants
/// `mdl` is live and exclusively the holder's during the call; `data` and `bytes` are what it maps.
#[derive(Debug)]
pub(super) struct Descriptor<'call> {
    mdl: NonNull<MDL>,
    data: NonNull<u8>,
    bytes: usize,
    call: PhantomData<&'call mut MDL>,
}

impl Descriptor<'_> {
    /// Looks at a list.
    ///
    /// # Safety
    /// `mdl` is null or a live list that nobody else uses during the call.
    pub(super) unsafe fn new(mdl: PMDL) -> Result<Self, Refusal> {
        let mdl = NonNull::new(mdl).ok_or(Refusal::Unmapped)?;
        // SAFETY: live, as the caller vouches.
        let fields = unsafe { mdl.as_ref() };
        // Either flag says that MappedSystemVa is valid (wdm.h, MmGetSystemAddressForMdlSafe).
        let mapped = (MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL) as i16;
        if fields.MdlFlags & mapped == 0 || !fields.Next.is_null() {
            return Err(Refusal::Unmapped);
        }
        let data = NonNull::new(fields.MappedSystemVa.cast()).ok_or(Refusal::Unmapped)?;
        let bytes = fields.ByteCount as usize;
        // INVARIANT: by the check of the flags.
        Ok(Self {
            mdl,
            data,
            bytes,
            call: PhantomData,
        })
    }

    const fn data(&self) -> &[u8] {
        // SAFETY: the list maps that many bytes (type invariant), which the system leaves alone during the call.
        unsafe { slice::from_raw_parts(self.data.as_ptr(), self.bytes) }
    }

    const fn data_mut(&mut self) -> &mut [u8] {
        // SAFETY: as for `data`; the list is exclusively borrowed.
        unsafe { slice::from_raw_parts_mut(self.data.as_ptr(), self.bytes) }
    }

    /// Points the list to the start of `buffer`.
    fn point_to(&mut self, buffer: &mut Buffer<'_>) {
        let pages = self.bytes.div_ceil(PAGE_BYTES);
        let start = buffer.bytes.as_mut_ptr();
        // SAFETY: the page frames follow the structure (wdm.h, MmGetMdlPfnArray).
        let frames = unsafe { self.mdl.add(1) }.cast::<u64>();
        for (index, frame) in (0..pages).zip(buffer.first_frame..) {
            // SAFETY: data that begin on a page boundary need no more frames than the list had for the same length.
            let slot = unsafe { frames.add(index) };
            // SAFETY: inside of the list, as above.
            unsafe { slot.write(frame) };
        }
        // SAFETY: live and exclusively ours (type invariant).
        let fields = unsafe { self.mdl.as_mut() };
        fields.MappedSystemVa = start.cast();
        fields.StartVa = start.cast();
        fields.ByteOffset = 0;
    }
}

/// A write that the dump port driver is about to make.
#[derive(Debug)]
pub struct Write<'call> {
    offset: u64,
    descriptor: Descriptor<'call>,
    buffer: Buffer<'call>,
}

impl<'call> Write<'call> {
    pub(super) const fn new(
        offset: u64,
        descriptor: Descriptor<'call>,
        buffer: Buffer<'call>,
    ) -> Self {
        Self {
            offset,
            descriptor,
            buffer,
        }
    }

    /// Where the data go, in bytes from the start of the partition.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// The data; other parts of the system may be using them, so they are never changed.
    #[must_use]
    pub const fn data(&self) -> &[u8] {
        self.descriptor.data()
    }

    /// Copies the data into the secondary buffer, lets `change` work on the copy, and has the copy written instead.
    ///
    /// # Errors
    /// [`Refusal`] of this method or of `change`; the list is as it was then.
    pub fn replace(
        &mut self,
        change: impl FnOnce(&mut [u8]) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let own = self.buffer.bytes.as_ptr_range();
        let data = self.descriptor.data();
        let theirs = data.as_ptr_range();
        if theirs.start < own.end && own.start < theirs.end {
            return Err(Refusal::Overlapping);
        }
        let copy = self
            .buffer
            .bytes
            .get_mut(..data.len())
            .ok_or(Refusal::TooLong)?;
        copy.copy_from_slice(data);
        change(copy)?;
        self.descriptor.point_to(&mut self.buffer);
        Ok(())
    }
}

/// A read that the dump port driver has made.
#[derive(Debug)]
pub struct Read<'call> {
    offset: u64,
    descriptor: Descriptor<'call>,
}

impl<'call> Read<'call> {
    pub(super) const fn new(offset: u64, descriptor: Descriptor<'call>) -> Self {
        Self { offset, descriptor }
    }

    /// Where the data come from, in bytes from the start of the partition.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// The data, to be changed in place.
    pub const fn data_mut(&mut self) -> &mut [u8] {
        self.descriptor.data_mut()
    }
}
