//! Command requests: everything that can be done before a lock is taken (virtio 5.6.6.1).

use crate::access::SharedMemory;
use crate::ring::{
    DESCRIPTOR_BYTES, Descriptor, Direction, FLAG_WRITE, RingFormat, Tag, length_and_flags,
    packed_length_and_flags,
};
use crate::scsi::lun::ScsiAddress;

use super::cdb_field::CdbField;
use super::frame::Frame;
use super::recipe::Recipe;
use super::response;
use super::table::{Piece, write_table};

const ID_OFFSET: u32 = 8;
/// A table with header and response alone.
const LEAST_TABLE_BYTES: u32 = 2 * DESCRIPTOR_BYTES;

/// Which way the data goes, seen from the driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataDirection {
    /// No data.
    None,
    /// From the device to memory.
    In,
    /// From memory to the device.
    Out,
}

/// Task attribute (virtio 5.6.6.1; SAM-5, 8.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskAttribute {
    /// May be reordered.
    Simple,
    /// After all older ones, before all newer ones.
    Ordered,
    /// Before all others.
    HeadOfQueue,
    /// During an auto contingent allegiance.
    Aca,
}

impl TaskAttribute {
    const fn wire(self) -> u8 {
        match self {
            Self::Simple => 0,
            Self::Ordered => 1,
            Self::HeadOfQueue => 2,
            Self::Aca => 3,
        }
    }
}

/// A SCSI command to be sent.
#[derive(Debug, Clone, Copy)]
pub struct Request {
    /// Target and logical unit.
    pub address: ScsiAddress,
    /// The command, 1 to [`CDB_BYTES`](crate::device::CDB_BYTES) bytes.
    pub cdb: CdbField,
    /// Task attribute; the device may treat all as simple.
    pub attribute: TaskAttribute,
    /// Command priority, 0 when there is none.
    pub priority: u8,
    /// Which way the data goes.
    pub direction: DataDirection,
    /// Bytes of data; the segments must come to exactly this.
    pub data_bytes: u32,
}

/// Why a request cannot be sent. Nothing is ever cut to fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrepareError {
    /// The CDB is empty.
    CdbEmpty,
    /// The CDB is longer than [`CDB_BYTES`](crate::device::CDB_BYTES), or than the CDB field that the device keeps.
    CdbTooLong,
    /// More segments than the frame, hence the plan, has room for.
    TooManySegments,
    /// A segment is empty.
    SegmentEmpty,
    /// A segment reaches the end of the address space, or wraps around it.
    SegmentOverflow,
    /// The segments do not add up to the length of the transfer.
    LengthMismatch,
    /// There are data but no direction, or the other way round.
    DirectionMismatch,
    /// The frame does not lie in the memory that was given.
    FrameOutOfRange,
}

/// An offset in a window, a multiple of 8 bytes. As a type of its own it needs no test for that again when the memory is accessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WordOffset(u16);

impl WordOffset {
    /// `None` if there is a remainder, or half a MiB lies ahead of it: no frame does.
    #[inline]
    fn new(offset: u32) -> Option<Self> {
        if !offset.is_multiple_of(8) {
            return None;
        }
        u16::try_from(offset >> 3).ok().map(Self)
    }

    /// In bytes.
    #[inline]
    pub(crate) const fn get(self) -> u32 {
        let [low, high] = self.0.to_le_bytes();
        u32::from_le_bytes([low, high, 0, 0]) << 3
    }
}

/// A request whose frame is complete: what [`RequestQueue::submit`](crate::queues::RequestQueue::submit) and
/// [`Response::read`](super::Response::read) need to know. Plain data, 32 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prepared {
    pub(crate) table: u64,
    pub(crate) data_bytes: u32,
    /// Most bytes that the device may report as written.
    pub(crate) report_limit: u32,
    pub(crate) header_offset: WordOffset,
    pub(crate) response_offset: WordOffset,
    pub(crate) table_offset: WordOffset,
    pub(crate) descriptors: u16,
    pub(crate) format: RingFormat,
    /// Bytes of the sense field.
    pub(crate) sense_bytes: u8,
}

const _: () = assert!(size_of::<Prepared>() == 32);

impl Prepared {
    /// Bytes of data that were asked for.
    #[must_use]
    #[inline]
    pub const fn data_bytes(&self) -> u32 {
        self.data_bytes
    }
}

/// Writes header, response area and descriptor table of a request into its frame. Touches no queue: runs without any lock.
///
/// # Errors
/// The limit that the request exceeds. The frame's contents are then meaningless.
#[inline]
pub fn prepare<M: SharedMemory>(
    memory: &M,
    frame: &Frame,
    recipe: &Recipe,
    request: &Request,
    pieces: &[impl Piece],
) -> Result<Prepared, PrepareError> {
    // Checked here with constant lengths, so that the compiler drops the checks of the accesses below.
    for (offset, bytes) in [
        (frame.header.offset, super::HEADER_AREA_BYTES),
        (frame.response.offset, super::RESPONSE_AREA_BYTES),
        (frame.table.offset, LEAST_TABLE_BYTES),
    ] {
        if offset
            .checked_add(bytes)
            .is_none_or(|end| end > memory.length())
        {
            return Err(PrepareError::FrameOutOfRange);
        }
    }
    let Request {
        direction,
        data_bytes,
        ..
    } = *request;
    if pieces.len() > usize::from(frame.segments) {
        return Err(PrepareError::TooManySegments);
    }
    let count = u16::try_from(pieces.len()).unwrap_or(u16::MAX);
    write_header(memory, frame.header.offset, recipe, request)?;
    response::poison(memory, frame.response.offset);
    write_table(memory, frame, recipe, direction, data_bytes, pieces)?;
    // In both directions: QEMU adds the length of the data it read to the length that it reports as written
    // (virtio_scsi_complete_req pushes both); a driver that insists on the response alone takes every write for a broken device.
    let report_limit = recipe
        .response_bytes
        .checked_add(data_bytes)
        .ok_or(PrepareError::LengthMismatch)?;
    let place = |offset| WordOffset::new(offset).ok_or(PrepareError::FrameOutOfRange);
    Ok(Prepared {
        table: frame.table.bus_address,
        data_bytes,
        report_limit,
        header_offset: place(frame.header.offset)?,
        response_offset: place(frame.response.offset)?,
        table_offset: place(frame.table.offset)?,
        // The number of segments is that of a plan at most.
        descriptors: count.wrapping_add(2),
        format: recipe.format,
        sense_bytes: recipe.sizes.sense_bytes,
    })
}

/// Writes `struct virtio_scsi_req_cmd` up to the CDB; `id` is filled in at submission.
#[inline]
fn write_header<M: SharedMemory>(
    memory: &M,
    offset: u32,
    recipe: &Recipe,
    request: &Request,
) -> Result<(), PrepareError> {
    let bytes = request.cdb.bytes();
    if bytes == 0 {
        return Err(PrepareError::CdbEmpty);
    }
    if bytes > usize::from(recipe.sizes.cdb_bytes) {
        return Err(PrepareError::CdbTooLong);
    }
    let [attribute, priority] = [request.attribute.wire(), request.priority];
    let front = u64::from(attribute) | (u64::from(priority) << 8);
    let address = u64::from_le_bytes(request.address.encode());
    let [w0, w1, w2, w3, w4] = request.cdb.behind(front);
    memory.write_words(offset, [address, 0, w0, w1, w2, w3, w4]);
    Ok(())
}

/// Fills in the command identifier, the last thing before a request becomes visible.
#[inline]
pub(crate) fn write_tag<M: SharedMemory>(memory: &M, prepared: &Prepared, tag: Tag) {
    memory.write_u64(
        prepared.header_offset.get().wrapping_add(ID_OFFSET),
        tag.get(),
    );
}

/// Reads descriptor `index` of a prepared table back. Only for rings without indirect descriptors, where the device has never
/// been told of the table, so that it is still the driver's own.
pub(crate) fn stage_descriptor<M: SharedMemory>(
    memory: &M,
    prepared: &Prepared,
    index: u16,
) -> Descriptor {
    let at = prepared
        .table_offset
        .get()
        .wrapping_add(u32::from(index).wrapping_mul(DESCRIPTOR_BYTES));
    let word = memory.read_u64(at.wrapping_add(8));
    let (length, flags) = match prepared.format {
        RingFormat::Split => length_and_flags(word),
        RingFormat::Packed => packed_length_and_flags(word),
    };
    let direction = if flags & FLAG_WRITE == 0 {
        Direction::DriverToDevice
    } else {
        Direction::DeviceToDriver
    };
    Descriptor {
        bus_address: memory.read_u64(at),
        length,
        direction,
    }
}
