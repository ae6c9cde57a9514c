//! Requests as nearly all of them are.
//!
//! Key type: [`Usual`]: a SCSI request whose block has the extended shape, with its two structures where everybody who makes such blocks puts
//! them: the address right behind the fixed part, and a command of 16 bytes at most right behind the address. What the block says
//! is checked once, as a whole, and everything lies at a constant place from then on. All other requests are as good, and go the long
//! way ([`super::parts`]).
//! Source: WDK 10.0.22621 `srb.h`; the order of the structures is that of the sample class driver's `InitializeStorageRequestBlock`.
#![expect(unsafe_code, reason = "request blocks are C structures")]
// UNSAFETY: the block's shape is a discriminant that only code can interpret.

use core::{ffi::c_void, marker::PhantomData, mem::offset_of, ptr::NonNull};

use wdk_sys::{
    _SRBEXDATATYPE as ex_type, SCSI_REQUEST_BLOCK, SRB_FUNCTION_EXECUTE_SCSI,
    SRB_FUNCTION_STORAGE_REQUEST_BLOCK, SRBEX_DATA_SCSI_CDB16, STOR_ADDR_BTL8,
    STOR_ADDRESS_TYPE_BTL8, STORAGE_REQUEST_BLOCK,
};

use super::{GOOD, Priority, QueueAction, Srb, SrbFlags};
use crate::{adapter::Adapter, port::UnitAddress};

/// The three structures.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Block {
    fixed: STORAGE_REQUEST_BLOCK,
    address: STOR_ADDR_BTL8,
    command: SRBEX_DATA_SCSI_CDB16,
}

const ADDRESS: u32 = offset_of!(Block, address) as u32;
const COMMAND: u32 = offset_of!(Block, command) as u32;

// No gap, which would be a place where others do not put anything.
const _: () = assert!(
    ADDRESS as usize == size_of::<STORAGE_REQUEST_BLOCK>()
        && COMMAND as usize == ADDRESS as usize + size_of::<STOR_ADDR_BTL8>()
        && size_of::<Block>() == COMMAND as usize + size_of::<SRBEX_DATA_SCSI_CDB16>()
);

/// Two numbers next to each other, to be compared as one.
const fn both(first: u32, second: u32) -> u64 {
    first as u64 | (second as u64) << 32
}

/// A usual request, borrowed.
///
/// # Invariants
/// `block` is a usual block, live for `'srb`, which nobody writes to but the port, and the port in its own fields during its calls alone.
#[derive(Clone, Copy, Debug)]
pub struct Usual<'srb> {
    // No reference: it would have to hold across calls of the port's.
    block: NonNull<Block>,
    request: PhantomData<&'srb ()>,
}

impl<A: Adapter> Srb<A> {
    /// The request as a usual one, if it is.
    #[must_use]
    #[inline]
    pub fn usual(&self) -> Option<Usual<'_>> {
        // SAFETY: the block is live and ours (type invariant), for as long as `self` is borrowed.
        unsafe { Usual::of(self.block) }
    }
}

impl Usual<'_> {
    /// # Safety
    /// `block` is a live request block that nobody writes to during the lifetime but the port, in its own fields.
    #[inline]
    pub(super) unsafe fn of(block: NonNull<SCSI_REQUEST_BLOCK>) -> Option<Self> {
        let block = block.cast::<STORAGE_REQUEST_BLOCK>();
        // SAFETY: the caller vouches for the block; both shapes are at least as long as the fields that are read before the function code is
        // known, and have them in the same places.
        let function = unsafe { &raw const (*block.as_ptr()).Function };
        // SAFETY: as above.
        if u32::from(unsafe { function.read() }) != SRB_FUNCTION_STORAGE_REQUEST_BLOCK {
            return None;
        }
        // SAFETY: the function code says that the block has the extended shape.
        let fixed = unsafe { block.as_ref() };
        let [first] = fixed.SrbExDataOffset;
        if fixed.SrbFunction != SRB_FUNCTION_EXECUTE_SCSI
            || (fixed.SrbLength as usize) < size_of::<Block>()
            || both(fixed.AddressOffset, fixed.NumSrbExData) != both(ADDRESS, 1)
            || first != COMMAND
        {
            return None;
        }
        // INVARIANT: the block is that long (checked just now), aligned as its fixed part is, and both structures lie inside it.
        let usual = Self {
            block: block.cast(),
            request: PhantomData,
        };
        let Block {
            address, command, ..
        } = usual.block();
        let is_usual = u32::from(address.Type) == STOR_ADDRESS_TYPE_BTL8
            && command.Type == ex_type::SrbExDataTypeScsiCdb16;
        is_usual.then_some(usual)
    }

    /// The block, until the next call of the port's.
    #[inline]
    const fn block(&self) -> &Block {
        // SAFETY: the block lives, and nobody writes to it now (type invariant).
        unsafe { self.block.as_ref() }
    }

    /// The unit that it is for.
    #[must_use]
    #[inline]
    pub const fn address(self) -> UnitAddress {
        let STOR_ADDR_BTL8 {
            Path: path,
            Target: target,
            Lun: lun,
            ..
        } = self.block().address;
        UnitAddress { path, target, lun }
    }

    /// The field that the command lies in, and the length of the command in bytes, which may be anything.
    #[must_use]
    #[inline]
    pub const fn cdb(&self) -> (&[u8; 16], u8) {
        let command = &self.block().command;
        (&command.Cdb, command.CdbLength)
    }

    /// Direction of the data and other flags.
    #[must_use]
    #[inline]
    pub const fn flags(self) -> SrbFlags {
        SrbFlags::from_bits_retain(self.block().fixed.SrbFlags)
    }

    /// Bytes of data to transfer.
    #[must_use]
    #[inline]
    pub const fn data_transfer_length(self) -> u32 {
        self.block().fixed.DataTransferLength
    }

    /// How the unit may order it among others, and how urgent it is; `None` if it may be done in any order and is no more urgent than others,
    /// as nearly all are.
    #[must_use]
    #[inline]
    pub fn order(self) -> Option<(QueueAction, Priority)> {
        const USUAL: u32 =
            Priority::NORMAL_HINT as u32 | wdk_sys::SRB_SIMPLE_TAG_REQUEST << u16::BITS;
        let fixed = &self.block().fixed;
        let said =
            u32::from(fixed.RequestPriority) | u32::from(fixed.RequestAttribute) << u16::BITS;
        if said == USUAL {
            return None;
        }
        Some(Self::told(fixed))
    }

    #[cold]
    fn told(fixed: &STORAGE_REQUEST_BLOCK) -> (QueueAction, Priority) {
        let flags = SrbFlags::from_bits_retain(fixed.SrbFlags);
        (
            QueueAction::of(flags, fixed.RequestAttribute.into()),
            Priority::of(fixed.RequestPriority),
        )
    }

    #[inline]
    pub(super) const fn extension(self) -> *mut c_void {
        self.block().fixed.MiniportContext
    }
}

/// Stores SCSI status GOOD and how many bytes were transferred.
///
/// # Safety
/// `block` is a usual block, which nobody else uses.
#[inline]
pub(super) const unsafe fn set_results(block: NonNull<SCSI_REQUEST_BLOCK>, bytes: u32) {
    // SAFETY: the caller vouches for the block.
    let block = unsafe { block.cast::<Block>().as_mut() };
    block.command.ScsiStatus = GOOD;
    block.fixed.DataTransferLength = bytes;
}
