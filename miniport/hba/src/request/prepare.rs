//! Command requests: everything that can be done before a lock is taken (virtio 5.6.6.1).

use crate::access::SharedMemory;
use crate::device::CDB_BYTES;
use crate::plan::EXTRA_DESCRIPTORS;
use crate::ring::{
    DESCRIPTOR_BYTES, Descriptor, Direction, FLAG_WRITE, RingFormat, Tag, length_and_flags,
    packed_length_and_flags,
};
use crate::scsi::lun::ScsiAddress;

use super::frame::{Frame, HEADER_FIXED_BYTES, RESPONSE_FIXED_BYTES};
use super::response;
use super::table::{PackedTable, SplitTable, Table, TableFormat};

const ID_OFFSET: u32 = 8;
/// Attribute, priority, CRN and CDB, rounded up to whole 64-bit words.
const TAIL_BYTES: usize = 40;

const _: () = assert!(3 + CDB_BYTES <= TAIL_BYTES);

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

/// One piece of a data buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Bus address of the first byte.
    pub bus_address: u64,
    /// Length in bytes.
    pub length: u32,
}

/// A SCSI command to be sent.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Target and logical unit.
    pub address: ScsiAddress,
    /// Command descriptor block, 1 to [`CDB_BYTES`] bytes.
    pub cdb: &'a [u8],
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
    /// The CDB is longer than [`CDB_BYTES`], or than the CDB field that the device keeps.
    CdbTooLong,
    /// More segments than the frame, hence the plan, has room for.
    TooManySegments,
    /// A segment is empty.
    SegmentEmpty,
    /// A segment wraps around the end of the address space.
    SegmentOverflow,
    /// The segments do not add up to the length of the transfer.
    LengthMismatch,
    /// There are data but no direction, or the other way round.
    DirectionMismatch,
    /// The frame does not lie in the memory that was given.
    FrameOutOfRange,
}

/// A request whose frame is complete: what [`RequestQueue::submit`](crate::queues::RequestQueue::submit) and
/// [`Response::read`](super::Response::read) need to know. Plain data, 32 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prepared {
    pub(crate) table: u64,
    pub(crate) table_offset: u32,
    pub(crate) header_offset: u32,
    pub(crate) response_offset: u32,
    pub(crate) data_bytes: u32,
    /// Most bytes that the device may report as written.
    pub(crate) report_limit: u32,
    pub(crate) descriptors: u16,
    pub(crate) format: RingFormat,
    /// Bytes of the sense field.
    pub(crate) sense_bytes: u8,
}

const _: () = assert!(size_of::<Prepared>() == 32);

impl Prepared {
    /// Bytes of data that were asked for.
    #[must_use]
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
    request: &Request<'_>,
    segments: impl Iterator<Item = Segment>,
) -> Result<Prepared, PrepareError> {
    // Checked here with constant lengths, so that the compiler drops the checks of the accesses below.
    for (offset, bytes) in [
        (frame.header.offset, super::HEADER_AREA_BYTES),
        (frame.response.offset, super::RESPONSE_AREA_BYTES),
    ] {
        if offset
            .checked_add(bytes)
            .is_none_or(|end| end > memory.length())
        {
            return Err(PrepareError::FrameOutOfRange);
        }
    }
    if (request.direction == DataDirection::None) != (request.data_bytes == 0) {
        return Err(PrepareError::DirectionMismatch);
    }
    write_header(memory, frame.header.offset, frame.sizes.cdb_bytes, request)?;
    response::poison(memory, frame.response.offset);

    let descriptors = match frame.format {
        RingFormat::Split => write_table::<_, SplitTable>(memory, frame, request, segments)?,
        RingFormat::Packed => write_table::<_, PackedTable>(memory, frame, request, segments)?,
    };
    // In both directions: QEMU adds the length of the data it read to the length that it reports as written
    // (virtio_scsi_complete_req pushes both); a driver that insists on the response alone takes every write for a broken device.
    let report_limit = response_bytes(frame)
        .checked_add(request.data_bytes)
        .ok_or(PrepareError::LengthMismatch)?;
    Ok(Prepared {
        table: frame.table.bus_address,
        table_offset: frame.table.offset,
        header_offset: frame.header.offset,
        response_offset: frame.response.offset,
        data_bytes: request.data_bytes,
        report_limit,
        descriptors,
        format: frame.format,
        sense_bytes: frame.sizes.sense_bytes,
    })
}

#[inline]
const fn response_bytes(frame: &Frame) -> u32 {
    let [sense_bytes] = frame.sizes.sense_bytes.to_le_bytes();
    RESPONSE_FIXED_BYTES.wrapping_add(u32::from_le_bytes([sense_bytes, 0, 0, 0]))
}

/// Writes the descriptor table of a request and returns how many descriptors it has.
#[inline]
fn write_table<M: SharedMemory, F: TableFormat>(
    memory: &M,
    frame: &Frame,
    request: &Request<'_>,
    segments: impl Iterator<Item = Segment>,
) -> Result<u16, PrepareError> {
    // Header and response have a descriptor each, so that what is left is room for the segments.
    let places = frame.segments.saturating_add(EXTRA_DESCRIPTORS);
    let room = memory
        .room(frame.table.offset, places.into())
        .ok_or(PrepareError::FrameOutOfRange)?;
    let mut table = Table::<_, F>::new(room);
    let header = Descriptor {
        bus_address: frame.header.bus_address,
        length: HEADER_FIXED_BYTES.wrapping_add(u32::from(frame.sizes.cdb_bytes)),
        direction: Direction::DriverToDevice,
    };
    let response = Descriptor {
        bus_address: frame.response.bus_address,
        length: response_bytes(frame),
        direction: Direction::DeviceToDriver,
    };
    // Device-readable parts come first (virtio 2.7.4.2, 2.8.17), and the last descriptor of a chain has no NEXT flag.
    table.push(header)?;
    match request.direction {
        DataDirection::In => {
            table.push(response)?;
            let length = table.push_data(segments, FLAG_WRITE, request.data_bytes)?;
            table.end_chain(length);
        }
        DataDirection::Out | DataDirection::None => {
            table.push_data(segments, 0, request.data_bytes)?;
            table.push_last(response)?;
        }
    }
    Ok(table.descriptors())
}

/// Writes `struct virtio_scsi_req_cmd` up to the CDB; `id` is filled in at submission.
#[inline]
fn write_header<M: SharedMemory>(
    memory: &M,
    offset: u32,
    cdb_bytes: u8,
    request: &Request<'_>,
) -> Result<(), PrepareError> {
    if request.cdb.is_empty() {
        return Err(PrepareError::CdbEmpty);
    }
    if request.cdb.len() > usize::from(cdb_bytes) {
        return Err(PrepareError::CdbTooLong);
    }
    let [attribute, priority] = [request.attribute.wire(), request.priority];
    let front = u64::from(attribute) | (u64::from(priority) << 8);
    let address = u64::from_le_bytes(request.address.encode());
    // Attribute, priority and CRN take three bytes ahead of the CDB; the rest follows in whole words.
    let tail = match short_cdb(request.cdb) {
        Some((low, high)) => {
            let second = (low >> 40) | (high << 24);
            [front | (low << 24), second, high >> 40, 0, 0]
        }
        None => long_cdb(front, request.cdb)?,
    };
    let [w0, w1, w2, w3, w4] = tail;
    memory.write_words(offset, [address, 0, w0, w1, w2, w3, w4]);
    Ok(())
}

/// A CDB of 9 to 16 bytes (SPC-5, 4.2.5: 10, 12, 16) or of 4 to 8 (6) as two words, without a loop or a call: two overlapping loads, of
/// which the second is moved to where it belongs.
#[inline]
fn short_cdb(cdb: &[u8]) -> Option<(u64, u64)> {
    let length = u32::try_from(cdb.len()).ok()?;
    // By how many bits the second load begins too early.
    let early = |end: u32| end.wrapping_sub(length).wrapping_mul(8);
    match length {
        9..=16 => {
            let low = cdb.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))?;
            let last = cdb.last_chunk().map(|bytes| u64::from_le_bytes(*bytes))?;
            Some((low, last.wrapping_shr(early(16))))
        }
        4..=8 => {
            let low = cdb.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))?;
            let last = cdb.last_chunk().map(|bytes| u32::from_le_bytes(*bytes))?;
            let high = u64::from(last).wrapping_shr(early(8));
            Some((u64::from(low) | (high << 32), 0))
        }
        _ => None,
    }
}

/// The words from the attribute on for a CDB of any other length up to [`CDB_BYTES`]. `front` are the three bytes ahead of it.
#[cold]
fn long_cdb(front: u64, cdb: &[u8]) -> Result<[u64; TAIL_BYTES / 8], PrepareError> {
    let mut tail = [0; TAIL_BYTES];
    if let Some((start, rest)) = tail.split_first_chunk_mut::<3>() {
        let [attribute, priority, crn, ..] = front.to_le_bytes();
        *start = [attribute, priority, crn];
        rest.get_mut(..cdb.len())
            .ok_or(PrepareError::CdbTooLong)?
            .copy_from_slice(cdb);
    }
    let (bytes, _) = tail.as_chunks::<8>();
    let mut words = [0; TAIL_BYTES / 8];
    for (word, bytes) in words.iter_mut().zip(bytes) {
        *word = u64::from_le_bytes(*bytes);
    }
    Ok(words)
}

/// Fills in the command identifier, the last thing before a request becomes visible.
#[inline]
pub(crate) fn write_tag<M: SharedMemory>(memory: &M, prepared: &Prepared, tag: Tag) {
    memory.write_u64(prepared.header_offset.wrapping_add(ID_OFFSET), tag.get());
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
