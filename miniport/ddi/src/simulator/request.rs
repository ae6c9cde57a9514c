//! Request blocks of the simulated port, in both shapes.
//!
//! Key types: [`Request`] (a block with its buffers, kept until it ends), [`Shape`], [`Ended`].

use std::{boxed::Box, vec::Vec};

use wdk_sys::{
    _SRBEXDATATYPE, SCSI_REQUEST_BLOCK, SRB_FUNCTION_STORAGE_REQUEST_BLOCK, SRBEX_DATA_SCSI_CDB16,
    STOR_ADDR_BTL8, STOR_ADDRESS_TYPE_BTL8, STOR_SCATTER_GATHER_ELEMENT, STORAGE_REQUEST_BLOCK,
};

use super::{FRESH, Simulator};
use crate::{
    port::UnitAddress,
    srb::parts::{Parts, PartsMut},
};

/// Bytes of a block in either shape, sense buffer aside.
const BLOCK_BYTES: usize = 256;
/// Offsets in an extended block.
const ADDRESS_OFFSET: usize = 128;
const CDB_OFFSET: usize = 144;
/// Pieces of a data buffer.
const PIECE_BYTES: u32 = 4096;

/// Shape of a request block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `SCSI_REQUEST_BLOCK`.
    Legacy,
    /// `STORAGE_REQUEST_BLOCK` with a 16-byte command.
    Extended,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The request.
    pub block: u64,
    /// `SrbStatus`.
    pub srb_status: u8,
    /// `ScsiStatus`, 0 for requests without a command.
    pub scsi_status: u8,
    /// `DataTransferLength`.
    pub transferred: u32,
    /// `SenseInfoBufferLength`.
    pub sense_length: u8,
}

impl Ended {
    pub(super) fn read(block: u64) -> Self {
        let pointer = core::ptr::with_exposed_provenance_mut(block as usize);
        let place = core::ptr::NonNull::new(pointer).expect("a request block");
        // SAFETY: the driver completes a block of ours.
        let parts = unsafe { Parts::of(place) };
        let (srb_status, scsi_status) = parts.results();
        assert_ne!(srb_status, 0, "a request was completed as pending");
        Self {
            block,
            srb_status,
            scsi_status,
            transferred: parts.data_transfer_length(),
            sense_length: parts.sense().1,
        }
    }
}

/// What to ask for.
#[derive(Clone, Debug)]
pub struct Ask<'a> {
    /// Shape of the block.
    pub shape: Shape,
    /// `SRB_FUNCTION_*`.
    pub function: u32,
    /// The unit.
    pub unit: UnitAddress,
    /// The command, at most 16 bytes; empty for other functions.
    pub cdb: &'a [u8],
    /// `SRB_FLAGS_*`.
    pub flags: u32,
    /// Contents of the data buffer; its length is the transfer length.
    pub data: &'a [u8],
    /// Bytes of the sense buffer; 0 for none.
    pub sense_bytes: u8,
}

impl Ask<'_> {
    /// A request for a function without data.
    #[must_use]
    pub const fn function(shape: Shape, function: u32, unit: UnitAddress) -> Self {
        Self {
            shape,
            function,
            unit,
            cdb: &[],
            flags: 0,
            data: &[],
            sense_bytes: 0,
        }
    }
}

/// A request block with all that belongs to it.
#[derive(Debug)]
pub struct Request {
    block: Box<[u64; BLOCK_BYTES / 8]>,
    sense: Vec<u8>,
    extension: *mut u8,
    data: *mut u8,
    data_bytes: u32,
    list: Vec<u64>,
}

impl Request {
    /// Address of the block.
    #[must_use]
    pub fn address(&self) -> u64 {
        self.block.as_ptr().expose_provenance() as u64
    }

    /// Contents of the data buffer.
    #[must_use]
    pub fn data(&self) -> Vec<u8> {
        // SAFETY: the buffer has this many bytes.
        unsafe { core::slice::from_raw_parts(self.data, self.data_bytes as usize) }.to_vec()
    }

    /// The data buffer as the port passes it for functions with a control structure.
    #[must_use]
    pub const fn data_pointer(&self) -> *mut u8 {
        self.data
    }

    /// Contents of the sense buffer.
    #[must_use]
    pub fn sense(&self) -> &[u8] {
        &self.sense
    }
}

impl Simulator {
    /// Makes a request; [`Simulator::send`] passes it to the driver.
    ///
    /// # Panics
    /// On a command of more than 16 bytes.
    pub fn request(&mut self, ask: &Ask<'_>) -> Request {
        let extension_bytes = self.initialization().SrbExtensionSize.max(8);
        // The port does not clear the extension.
        let extension = self.machine.take(extension_bytes, 0x40);
        // SAFETY: the memory was just taken.
        unsafe { core::ptr::write_bytes(extension, FRESH, extension_bytes as usize) };
        let data_bytes = ask.data.len() as u32;
        let data = self.machine.take(data_bytes, 0x200);
        // SAFETY: the memory was just taken.
        unsafe { core::ptr::copy_nonoverlapping(ask.data.as_ptr(), data, ask.data.len()) };
        let mut request = Request {
            block: Box::new([0; BLOCK_BYTES / 8]),
            sense: std::vec![0; ask.sense_bytes.into()],
            extension,
            data,
            data_bytes,
            list: scatter(data, data_bytes),
        };
        request.fill(ask);
        request
    }

    /// Passes a request through `HwStorBuildIo` and, unless that completed it, `HwStorStartIo`; returns how it ended if it has.
    ///
    /// # Panics
    /// When the driver registered no such callbacks.
    pub fn send(&mut self, request: &mut Request) -> Option<Ended> {
        let data = self.initialization();
        let extension = self.extension();
        let block = request.block.as_mut_ptr().cast::<SCSI_REQUEST_BLOCK>();
        let address = block.expose_provenance() as u64;
        self.state.borrow_mut().owned.push(address);
        let build = data.HwBuildIo.expect("HwBuildIo");
        // SAFETY: extension and block are live.
        if unsafe { build(extension, block) } != 0 {
            let start = data.HwStartIo.expect("HwStartIo");
            {
                let mut state = self.state.borrow_mut();
                state.in_start_io = true;
                // With several channels the port does without the lock.
                state.lock_held = !self.is_dump && state.perf.channels <= 1;
            }
            // SAFETY: extension and block are live.
            unsafe { start(extension, block) };
            let mut state = self.state.borrow_mut();
            state.in_start_io = false;
            state.lock_held = false;
        }
        self.ended(request)
    }

    /// How a request ended, if it has.
    #[must_use]
    pub fn ended(&self, request: &Request) -> Option<Ended> {
        let state = self.state.borrow();
        let address = request.address();
        state
            .ended
            .iter()
            .rev()
            .find(|ended| ended.block == address)
            .copied()
            .filter(|_| !state.owned.contains(&address))
    }

    /// Requests that the driver owns.
    #[must_use]
    pub fn outstanding(&self) -> usize {
        self.state.borrow().owned.len()
    }
}

impl Request {
    fn fill(&mut self, ask: &Ask<'_>) {
        let sense_buffer = if self.sense.is_empty() {
            core::ptr::null_mut()
        } else {
            self.sense.as_mut_ptr().cast()
        };
        let base = self.block.as_mut_ptr();
        let mut cdb = [0; 16];
        cdb[..ask.cdb.len()].copy_from_slice(ask.cdb);
        match ask.shape {
            Shape::Legacy => {
                let block = SCSI_REQUEST_BLOCK {
                    Length: size_of::<SCSI_REQUEST_BLOCK>() as u16,
                    Function: ask.function as u8,
                    PathId: ask.unit.path,
                    TargetId: ask.unit.target,
                    Lun: ask.unit.lun,
                    CdbLength: ask.cdb.len() as u8,
                    SenseInfoBufferLength: ask.sense_bytes,
                    SrbFlags: ask.flags,
                    DataTransferLength: self.data_bytes,
                    DataBuffer: self.data.cast(),
                    SenseInfoBuffer: sense_buffer,
                    OriginalRequest: self.list.as_mut_ptr().cast(),
                    SrbExtension: self.extension.cast(),
                    Cdb: cdb,
                    ..Default::default()
                };
                // SAFETY: the block has room for either shape.
                unsafe { base.cast::<SCSI_REQUEST_BLOCK>().write(block) };
            }
            Shape::Extended => {
                let block = STORAGE_REQUEST_BLOCK {
                    Length: size_of::<STORAGE_REQUEST_BLOCK>() as u16,
                    Function: SRB_FUNCTION_STORAGE_REQUEST_BLOCK as u8,
                    Signature: wdk_sys::SRB_SIGNATURE,
                    Version: 1,
                    SrbLength: BLOCK_BYTES as u32,
                    SrbFunction: ask.function,
                    SrbFlags: ask.flags,
                    AddressOffset: ADDRESS_OFFSET as u32,
                    NumSrbExData: u32::from(!ask.cdb.is_empty()),
                    DataTransferLength: self.data_bytes,
                    DataBuffer: self.data.cast(),
                    OriginalRequest: self.list.as_mut_ptr().cast(),
                    MiniportContext: self.extension.cast(),
                    SrbExDataOffset: [CDB_OFFSET as u32],
                    ..Default::default()
                };
                let address = STOR_ADDR_BTL8 {
                    Type: STOR_ADDRESS_TYPE_BTL8 as u16,
                    AddressLength: 4,
                    Path: ask.unit.path,
                    Target: ask.unit.target,
                    Lun: ask.unit.lun,
                    ..Default::default()
                };
                let command = SRBEX_DATA_SCSI_CDB16 {
                    Type: _SRBEXDATATYPE::SrbExDataTypeScsiCdb16,
                    Length: (size_of::<SRBEX_DATA_SCSI_CDB16>() - 8) as u32,
                    SenseInfoBufferLength: ask.sense_bytes,
                    CdbLength: ask.cdb.len() as u8,
                    SenseInfoBuffer: sense_buffer,
                    Cdb: cdb,
                    ..Default::default()
                };
                // SAFETY: the block has room for the three structures at these offsets, which are aligned.
                unsafe { base.cast::<STORAGE_REQUEST_BLOCK>().write(block) };
                let place = base
                    .wrapping_add(ADDRESS_OFFSET / 8)
                    .cast::<STOR_ADDR_BTL8>();
                // SAFETY: as above.
                unsafe { place.write(address) };
                let place = base
                    .wrapping_add(CDB_OFFSET / 8)
                    .cast::<SRBEX_DATA_SCSI_CDB16>();
                // SAFETY: as above.
                unsafe { place.write(command) };
            }
        }
    }

    /// Points `NextSrb` to another request, as `ABORT_COMMAND` does.
    pub fn point_to(&mut self, victim: &Self) {
        let next = core::ptr::with_exposed_provenance_mut(victim.address() as usize);
        let place = core::ptr::NonNull::from(&mut *self.block).cast();
        // SAFETY: the block is ours.
        unsafe { PartsMut::of(place) }.set_next_srb(next);
    }
}

/// The scatter/gather list of a buffer: a piece for each page that it touches. Laid out as `STOR_SCATTER_GATHER_LIST`.
fn scatter(data: *mut u8, bytes: u32) -> Vec<u64> {
    let mut list = std::vec![0, 0];
    let (mut address, mut left) = (data.expose_provenance() as u64, bytes);
    while left != 0 {
        let piece = (PIECE_BYTES - (address % u64::from(PIECE_BYTES)) as u32).min(left);
        list.extend([address, piece.into(), 0]);
        list[0] += 1;
        address += u64::from(piece);
        left -= piece;
    }
    const { assert!(size_of::<STOR_SCATTER_GATHER_ELEMENT>() == 24) };
    list
}

/// The list that the simulated port keeps in `OriginalRequest`.
pub(super) fn scatter_gather_list(block: u64) -> u64 {
    let pointer = core::ptr::with_exposed_provenance_mut(block as usize);
    let place = core::ptr::NonNull::new(pointer).expect("a request block");
    // SAFETY: the driver asks for a block of ours.
    unsafe { Parts::of(place) }
        .original_request()
        .expose_provenance() as u64
}
