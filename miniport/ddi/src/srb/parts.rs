//! The pieces of a request block in either shape.
//!
//! Key types: [`Parts`] to read, [`PartsMut`] to write the results. `STORAGE_REQUEST_BLOCK` keeps the address and the command in
//! separate structures reached by offsets, which are checked against the block's own length here; what is missing reads as empty.
//! Source: WDK 10.0.22621 `srb.h` (`SRB_FUNCTION_STORAGE_REQUEST_BLOCK`, `SRBEX_DATA`), documentation of `STORAGE_REQUEST_BLOCK`.
#![expect(
    unsafe_code,
    reason = "request blocks are C structures reached by offsets"
)]
// UNSAFETY: the block's shape is a discriminant that only code can interpret.

use core::{ffi::c_void, marker::PhantomData, ptr::NonNull};

use wdk_sys::{
    _SRBEXDATATYPE as ex_type, PSCSI_REQUEST_BLOCK, SCSI_PNP_REQUEST_BLOCK, SCSI_REQUEST_BLOCK,
    SRB_FUNCTION_STORAGE_REQUEST_BLOCK, SRBEX_DATA, SRBEX_DATA_PNP, SRBEX_DATA_SCSI_CDB_VAR,
    SRBEX_DATA_SCSI_CDB16, SRBEX_DATA_SCSI_CDB32, STOR_ADDR_BTL8, STOR_ADDRESS_TYPE_BTL8,
    STORAGE_REQUEST_BLOCK,
};

use crate::port::UnitAddress;

/// Longest command that is taken from a variable-length block, in bytes.
const CDB_VAR_BYTES_MAX: usize = 64;

/// A block, read.
#[derive(Clone, Copy)]
pub(crate) enum Parts<'a> {
    Legacy(&'a SCSI_REQUEST_BLOCK),
    Extended(Extended<'a>),
}

/// A block, written.
pub(crate) enum PartsMut<'a> {
    Legacy(&'a mut SCSI_REQUEST_BLOCK),
    Extended(&'a mut STORAGE_REQUEST_BLOCK, Extended<'a>),
}

/// An extended block with the structures behind its fixed part.
///
/// # Invariants
/// `base` points to the whole block, `length` bytes (its own `SrbLength`), which lives for `'a`.
#[derive(Clone, Copy)]
pub(crate) struct Extended<'a> {
    base: NonNull<u8>,
    length: u32,
    block: PhantomData<&'a STORAGE_REQUEST_BLOCK>,
}

/// The command structure of an extended block, whichever size it has.
#[derive(Clone, Copy, Debug)]
enum Command {
    Cdb16(NonNull<SRBEX_DATA_SCSI_CDB16>),
    Cdb32(NonNull<SRBEX_DATA_SCSI_CDB32>),
    CdbVar(NonNull<SRBEX_DATA_SCSI_CDB_VAR>),
}

impl<'a> Parts<'a> {
    /// # Safety
    /// `block` is a live request block that nobody writes to during `'a`.
    #[inline]
    pub(crate) const unsafe fn of(block: NonNull<SCSI_REQUEST_BLOCK>) -> Self {
        // SAFETY: the caller vouches for the block; both shapes have Length, Function and SrbStatus in the same places.
        let legacy = unsafe { block.as_ref() };
        if legacy.Function as u32 == SRB_FUNCTION_STORAGE_REQUEST_BLOCK {
            // SAFETY: the function code says that the block has the extended shape.
            Self::Extended(unsafe { Extended::of(block.cast()) })
        } else {
            Self::Legacy(legacy)
        }
    }

    #[inline]
    pub(crate) const fn function(self) -> u32 {
        match self {
            Self::Legacy(srb) => srb.Function as u32,
            Self::Extended(srb) => srb.fixed().SrbFunction,
        }
    }

    #[inline]
    pub(crate) const fn flags(self) -> u32 {
        match self {
            Self::Legacy(srb) => srb.SrbFlags,
            Self::Extended(srb) => srb.fixed().SrbFlags,
        }
    }

    #[inline]
    pub(crate) const fn data_transfer_length(self) -> u32 {
        match self {
            Self::Legacy(srb) => srb.DataTransferLength,
            Self::Extended(srb) => srb.fixed().DataTransferLength,
        }
    }

    /// `QueueAction`, which the extended shape calls `RequestAttribute`.
    #[inline]
    pub(crate) const fn queue_action(self) -> u32 {
        match self {
            Self::Legacy(srb) => srb.QueueAction as u32,
            Self::Extended(srb) => srb.fixed().RequestAttribute as u32,
        }
    }

    /// `RequestPriority`; the legacy shape has none.
    #[inline]
    pub(crate) const fn priority(self) -> Option<u16> {
        match self {
            Self::Legacy(_) => None,
            Self::Extended(srb) => Some(srb.fixed().RequestPriority),
        }
    }

    pub(crate) const fn data_buffer(self) -> *mut c_void {
        match self {
            Self::Legacy(srb) => srb.DataBuffer,
            Self::Extended(srb) => srb.fixed().DataBuffer,
        }
    }

    #[inline]
    pub(crate) const fn extension(self) -> *mut c_void {
        match self {
            Self::Legacy(srb) => legacy_extension(srb),
            Self::Extended(srb) => srb.fixed().MiniportContext,
        }
    }

    /// `SrbStatus` and `ScsiStatus` as they stand, and the port's own pointer: for the simulated port.
    #[cfg(not(target_os = "windows"))]
    pub(crate) fn results(self) -> (u8, u8) {
        match self {
            Self::Legacy(srb) => (srb.SrbStatus, srb.ScsiStatus),
            Self::Extended(srb) => {
                let scsi_status = match srb.find_command() {
                    // SAFETY: `find_command` checked that the structure lies inside the block.
                    Some(Command::Cdb16(data)) => unsafe { data.as_ref() }.ScsiStatus,
                    _ => 0,
                };
                (srb.fixed().SrbStatus, scsi_status)
            }
        }
    }

    /// `OriginalRequest`, where the simulated port keeps the scatter/gather list.
    #[cfg(not(target_os = "windows"))]
    pub(crate) const fn original_request(self) -> *mut c_void {
        match self {
            Self::Legacy(srb) => srb.OriginalRequest,
            Self::Extended(srb) => srb.fixed().OriginalRequest,
        }
    }

    pub(crate) const fn next_srb(self) -> PSCSI_REQUEST_BLOCK {
        match self {
            Self::Legacy(srb) => srb.NextSrb,
            Self::Extended(srb) => srb.fixed().NextSrb.cast(),
        }
    }

    /// Path, target and LUN; of an address type that the driver did not register for, nothing matches (all ones).
    #[inline]
    pub(crate) fn address(self) -> UnitAddress {
        match self {
            Self::Legacy(srb) => UnitAddress {
                path: srb.PathId,
                target: srb.TargetId,
                lun: srb.Lun,
            },
            Self::Extended(srb) => {
                let Some(place) = srb.at::<STOR_ADDR_BTL8>(srb.fixed().AddressOffset) else {
                    return UnitAddress {
                        path: 0xFF,
                        target: 0xFF,
                        lun: 0xFF,
                    };
                };
                // SAFETY: `at` checked that the structure lies inside the block.
                let address = unsafe { place.as_ref() };
                if u32::from(address.Type) != STOR_ADDRESS_TYPE_BTL8 {
                    return UnitAddress {
                        path: 0xFF,
                        target: 0xFF,
                        lun: 0xFF,
                    };
                }
                UnitAddress {
                    path: address.Path,
                    target: address.Target,
                    lun: address.Lun,
                }
            }
        }
    }

    #[inline]
    pub(crate) fn cdb(self) -> &'a [u8] {
        match self {
            Self::Legacy(srb) => srb.Cdb.get(..usize::from(srb.CdbLength)).unwrap_or(&[]),
            Self::Extended(srb) => match srb.usual_command() {
                Some(data) => {
                    // SAFETY: `usual_command` checked that the structure lies inside the block, which lives for 'a.
                    let data = unsafe { data.as_ref() };
                    data.Cdb.get(..usize::from(data.CdbLength)).unwrap_or(&[])
                }
                None => srb.other_cdb(),
            },
        }
    }

    /// Sense buffer and its length in bytes; the length is 0 when there is no buffer.
    pub(crate) fn sense(self) -> (*mut c_void, u8) {
        let (buffer, length) = match self {
            Self::Legacy(srb) => (srb.SenseInfoBuffer, srb.SenseInfoBufferLength),
            Self::Extended(srb) => match srb.find_command() {
                Some(Command::Cdb16(data)) => {
                    // SAFETY: `find_command` checked that the structure lies inside the block.
                    let data = unsafe { data.as_ref() };
                    (data.SenseInfoBuffer, data.SenseInfoBufferLength)
                }
                Some(Command::Cdb32(data)) => {
                    // SAFETY: as above.
                    let data = unsafe { data.as_ref() };
                    (data.SenseInfoBuffer, data.SenseInfoBufferLength)
                }
                Some(Command::CdbVar(data)) => {
                    // SAFETY: as above.
                    let data = unsafe { data.as_ref() };
                    (data.SenseInfoBuffer, data.SenseInfoBufferLength)
                }
                None => (core::ptr::null_mut(), 0),
            },
        };
        (buffer, if buffer.is_null() { 0 } else { length })
    }

    /// The PNP action, or a value that is none.
    pub(crate) fn pnp_action(self) -> i32 {
        match self {
            Self::Legacy(srb) => {
                let pnp = core::ptr::from_ref(srb).cast::<SCSI_PNP_REQUEST_BLOCK>();
                // SAFETY: a legacy PNP request has this shape, and the size of SCSI_REQUEST_BLOCK.
                unsafe { &*pnp }.PnPAction
            }
            Self::Extended(srb) => {
                let Some(data) = srb
                    .find(|kind| kind == ex_type::SrbExDataTypePnP)
                    .and_then(|offset| srb.at::<SRBEX_DATA_PNP>(offset))
                else {
                    return -1;
                };
                // SAFETY: `at` checked that the structure lies inside the block.
                unsafe { data.as_ref() }.PnPAction
            }
        }
    }
}

/// Apart, so that the compiler knows which shape is the rare one.
#[cold]
const fn legacy_extension(srb: &SCSI_REQUEST_BLOCK) -> *mut c_void {
    srb.SrbExtension
}

impl PartsMut<'_> {
    /// # Safety
    /// `block` is a live request block that nobody else uses during the lifetime.
    #[inline]
    pub(crate) const unsafe fn of(mut block: NonNull<SCSI_REQUEST_BLOCK>) -> Self {
        // SAFETY: the caller vouches for the block.
        let legacy = unsafe { block.as_mut() };
        if legacy.Function as u32 == SRB_FUNCTION_STORAGE_REQUEST_BLOCK {
            // SAFETY: the function code says that the block has the extended shape.
            let whole = unsafe { Extended::of(block.cast()) };
            // SAFETY: as above; the structures that `whole` leads to lie behind the fixed part.
            Self::Extended(unsafe { block.cast().as_mut() }, whole)
        } else {
            Self::Legacy(legacy)
        }
    }

    /// In the same place in both shapes, so the compiler makes one store of it.
    #[inline]
    pub(crate) const fn set_srb_status(&mut self, status: u8) {
        match self {
            Self::Legacy(srb) => srb.SrbStatus = status,
            Self::Extended(srb, _) => srb.SrbStatus = status,
        }
    }

    /// `NextSrb`, which the simulated port sets for an abort.
    #[cfg(not(target_os = "windows"))]
    pub(crate) const fn set_next_srb(&mut self, next: PSCSI_REQUEST_BLOCK) {
        match self {
            Self::Legacy(srb) => srb.NextSrb = next,
            Self::Extended(srb, _) => srb.NextSrb = next.cast(),
        }
    }

    #[inline]
    pub(crate) const fn set_data_transfer_length(&mut self, bytes: u32) {
        match self {
            Self::Legacy(srb) => srb.DataTransferLength = bytes,
            Self::Extended(srb, _) => srb.DataTransferLength = bytes,
        }
    }

    #[inline]
    pub(crate) fn set_scsi_status(&mut self, status: u8) {
        match self {
            Self::Legacy(srb) => srb.ScsiStatus = status,
            Self::Extended(_, srb) => match srb.usual_command() {
                Some(mut data) => {
                    // SAFETY: `usual_command` checked that the structure lies inside the block, which is ours alone.
                    unsafe { data.as_mut() }.ScsiStatus = status;
                }
                None => Self::set_other_scsi_status(srb, status),
            },
        }
    }

    #[cold]
    #[inline(never)]
    fn set_other_scsi_status(srb: &Extended<'_>, status: u8) {
        match srb.find_command() {
            Some(Command::Cdb16(mut data)) => {
                // SAFETY: `find_command` checked that the structure lies inside the block, which is the caller's alone.
                unsafe { data.as_mut() }.ScsiStatus = status;
            }
            Some(Command::Cdb32(mut data)) => {
                // SAFETY: as above.
                unsafe { data.as_mut() }.ScsiStatus = status;
            }
            Some(Command::CdbVar(mut data)) => {
                // SAFETY: as above.
                unsafe { data.as_mut() }.ScsiStatus = status;
            }
            None => {}
        }
    }

    pub(crate) fn set_sense_length(&mut self, length: u8) {
        match self {
            Self::Legacy(srb) => srb.SenseInfoBufferLength = length,
            Self::Extended(_, srb) => match srb.find_command() {
                Some(Command::Cdb16(mut data)) => {
                    // SAFETY: `find_command` checked that the structure lies inside the block, which is ours alone.
                    unsafe { data.as_mut() }.SenseInfoBufferLength = length;
                }
                Some(Command::Cdb32(mut data)) => {
                    // SAFETY: as above.
                    unsafe { data.as_mut() }.SenseInfoBufferLength = length;
                }
                Some(Command::CdbVar(mut data)) => {
                    // SAFETY: as above.
                    unsafe { data.as_mut() }.SenseInfoBufferLength = length;
                }
                None => {}
            },
        }
    }
}

impl<'a> Extended<'a> {
    /// # Safety
    /// `block` is a live extended request block that nobody else writes to during `'a`.
    #[inline]
    const unsafe fn of(block: NonNull<STORAGE_REQUEST_BLOCK>) -> Self {
        // SAFETY: the caller vouches for the block.
        let length = unsafe { block.as_ref() }.SrbLength;
        // INVARIANT: the caller vouches for the block; the port filled its length in.
        Self {
            base: block.cast(),
            length,
            block: PhantomData,
        }
    }

    /// The fixed part.
    #[inline]
    const fn fixed(self) -> &'a STORAGE_REQUEST_BLOCK {
        // SAFETY: the block lives for 'a (type invariant) and begins with its fixed part.
        unsafe { self.base.cast().as_ref() }
    }

    /// The structure at `offset` bytes into the block, if it lies inside and is aligned.
    #[inline]
    fn at<T>(self, offset: u32) -> Option<NonNull<T>> {
        // In 64 bits, where the sum cannot overflow.
        let end = u64::from(offset) + size_of::<T>() as u64;
        if offset == 0
            || end > u64::from(self.length)
            || !(offset as usize).is_multiple_of(align_of::<T>())
        {
            return None;
        }
        // SAFETY: the offset lies inside the block (checked against its length just now).
        Some(unsafe { self.base.add(offset as usize) }.cast())
    }

    /// Offset of the first extension structure whose type is wanted.
    #[inline]
    fn find(self, wanted: impl Fn(i32) -> bool) -> Option<u32> {
        const FIRST_OFFSET: u32 =
            core::mem::offset_of!(STORAGE_REQUEST_BLOCK, SrbExDataOffset) as u32;
        for index in 0..self.fixed().NumSrbExData {
            let place = index.checked_mul(4)?.checked_add(FIRST_OFFSET)?;
            let slot = self.at::<u32>(place)?;
            // SAFETY: `at` checked that the number lies inside the block.
            let offset = unsafe { slot.read() };
            let Some(data) = self.at::<SRBEX_DATA>(offset) else {
                continue;
            };
            // SAFETY: `at` checked that the structure lies inside the block.
            if wanted(unsafe { data.as_ref() }.Type) {
                return Some(offset);
            }
        }
        None
    }

    /// The command structure of nearly all blocks: the first, with a command of 16 bytes at most.
    #[inline]
    fn usual_command(self) -> Option<NonNull<SRBEX_DATA_SCSI_CDB16>> {
        let [first] = self.fixed().SrbExDataOffset;
        if self.fixed().NumSrbExData == 0 {
            return None;
        }
        let data = self.at::<SRBEX_DATA_SCSI_CDB16>(first)?;
        // SAFETY: `at` checked that the structure lies inside the block.
        let kind = unsafe { data.as_ref() }.Type;
        (kind == ex_type::SrbExDataTypeScsiCdb16).then_some(data)
    }

    /// The command of any other block.
    #[cold]
    #[inline(never)]
    fn other_cdb(self) -> &'a [u8] {
        match self.find_command() {
            Some(Command::Cdb16(data)) => {
                // SAFETY: `find_command` checked that the structure lies inside the block, which lives for 'a.
                let data = unsafe { data.as_ref() };
                data.Cdb.get(..usize::from(data.CdbLength)).unwrap_or(&[])
            }
            Some(Command::Cdb32(data)) => {
                // SAFETY: as above.
                let data = unsafe { data.as_ref() };
                data.Cdb.get(..usize::from(data.CdbLength)).unwrap_or(&[])
            }
            Some(Command::CdbVar(data)) => self.variable_cdb(data),
            None => &[],
        }
    }

    /// The command structure of the block, wherever it is.
    fn find_command(self) -> Option<Command> {
        let offset = self.find(|kind| {
            kind == ex_type::SrbExDataTypeScsiCdb16
                || kind == ex_type::SrbExDataTypeScsiCdb32
                || kind == ex_type::SrbExDataTypeScsiCdbVar
        })?;
        let data = self.at::<SRBEX_DATA>(offset)?;
        // SAFETY: `at` checked that the structure lies inside the block.
        match unsafe { data.as_ref() }.Type {
            ex_type::SrbExDataTypeScsiCdb16 => self.at(offset).map(Command::Cdb16),
            ex_type::SrbExDataTypeScsiCdb32 => self.at(offset).map(Command::Cdb32),
            _ => self.at(offset).map(Command::CdbVar),
        }
    }

    /// The command of a variable-length structure, if it lies inside the block.
    fn variable_cdb(self, data: NonNull<SRBEX_DATA_SCSI_CDB_VAR>) -> &'a [u8] {
        const CDB: usize = core::mem::offset_of!(SRBEX_DATA_SCSI_CDB_VAR, Cdb);
        // SAFETY: `find_command` checked that the structure lies inside the block.
        let length = unsafe { data.as_ref() }.CdbLength as usize;
        let start = data.addr().get() - self.base.addr().get() + CDB;
        if length > CDB_VAR_BYTES_MAX || start + length > self.length as usize {
            return &[];
        }
        // SAFETY: start lies inside the block (checked just now).
        let first = unsafe { self.base.add(start) };
        // SAFETY: length bytes from there lie inside the block, which lives for 'a.
        unsafe { core::slice::from_raw_parts(first.as_ptr(), length) }
    }
}
