//! Division of the one contiguous DMA region: rings, event buffers, task management frames, dump frame.
//!
//! A pure function of [`Shape`]. One allocator with explicit alignment, so that areas cannot overlap.

use super::{EXTRA_DESCRIPTORS, PlanError, RING_SIZE_MAX, Role, SEGMENTS_MAX};
use crate::device::DescriptorForm;
use crate::request::{HEADER_AREA_BYTES, RESPONSE_AREA_BYTES};
use crate::ring::RingFormat;

/// Alignment of the region and of each ring in it, in bytes: a cache line. Virtio 2.7 asks for 16, 2 and 4.
pub const REGION_ALIGNMENT: u32 = 64;
/// Bytes of one task management frame: request (24 bytes) and response (1 byte) each in its own half of a cache line.
pub const TMF_FRAME_BYTES: u32 = 64;
/// Most task management functions outstanding at once.
pub const TMF_FRAMES_MAX: u16 = 8;
/// Most event buffers. Virtio 5.6.6.3 finds 10 to 15 sufficient.
pub const EVENT_BUFFERS_MAX: u16 = 16;

/// Bytes of `struct virtio_scsi_event` (virtio 5.6.6.3).
pub(super) const EVENT_BYTES_MIN: u16 = 16;
const EVENT_BYTES_MAX: u16 = 4096;
const DESCRIPTOR_BYTES: u32 = 16;
/// Bytes of `struct pvirtq_event_suppress` (virtio 2.8.14).
const EVENT_SUPPRESSION_BYTES: u32 = 4;

/// What determines a layout: the part of a plan that is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) control_ring: u16,
    pub(super) event_ring: u16,
    pub(super) request_ring: u16,
    pub(super) request_queues: u16,
    pub(super) segments: u16,
    pub(super) event_bytes: u16,
    pub(super) frames: u16,
    pub(super) format: RingFormat,
}

impl Shape {
    pub(super) fn check(&self, role: Role, form: DescriptorForm) -> Result<(), PlanError> {
        let Self {
            control_ring,
            event_ring,
            request_ring,
            request_queues,
            segments,
            event_bytes,
            frames,
            format,
        } = *self;
        let (control_least, event_least) = match role {
            Role::Normal => (EXTRA_DESCRIPTORS, 1),
            Role::Dump => (0, 0),
        };
        let ring = |size: u16, least: u16| match size {
            0 if least == 0 => Ok(()),
            _ if size > RING_SIZE_MAX => Err(PlanError::RingSize),
            _ if format == RingFormat::Split && !size.is_power_of_two() => Err(PlanError::RingSize),
            _ if size < least => Err(PlanError::RingTooSmall),
            _ => Ok(()),
        };
        let chain = segments.saturating_add(EXTRA_DESCRIPTORS);
        if request_queues == 0 {
            return Err(PlanError::NoRequestQueue);
        }
        if segments < 2 {
            return Err(PlanError::TooFewSegments);
        }
        if segments > SEGMENTS_MAX {
            return Err(PlanError::TooManySegments);
        }
        if !(EVENT_BYTES_MIN..=EVENT_BYTES_MAX).contains(&event_bytes) {
            return Err(PlanError::EventSize);
        }
        ring(control_ring, control_least)?;
        ring(event_ring, event_least)?;
        let request_least = match form {
            DescriptorForm::Indirect => 1,
            DescriptorForm::Direct => chain,
        };
        ring(request_ring, request_least)?;
        match role {
            Role::Normal if frames == 0 => Ok(()),
            Role::Dump
                if frames == 1 && control_ring == 0 && event_ring == 0 && request_queues == 1 =>
            {
                Ok(())
            }
            _ => Err(PlanError::RingSize),
        }
    }
}

/// Offsets of one ring's three parts in the region, in bytes (virtio 2.7, 2.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueLayout {
    /// Descriptors in the ring; of a split one a power of two.
    pub size: u16,
    /// Descriptor area: descriptor table, or descriptor ring.
    pub descriptors: u32,
    /// Driver area: available ring, or the driver's event suppression structure.
    pub available: u32,
    /// Device area: used ring, or the device's event suppression structure.
    pub used: u32,
    /// The format.
    pub format: RingFormat,
}

/// Offsets of a request frame in the region, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameLayout {
    /// Request header.
    pub header: u32,
    /// Response with sense data.
    pub response: u32,
    /// Descriptor table.
    pub table: u32,
    /// Segments that the table can take.
    pub segments: u16,
}

/// The region, divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Bytes of the region.
    pub length: u32,
    /// Control queue; `None` in a dump plan.
    pub control: Option<QueueLayout>,
    /// Event queue; `None` in a dump plan.
    pub event: Option<QueueLayout>,
    /// First task management frame; they follow each other every [`TMF_FRAME_BYTES`] bytes.
    pub tmf_frames: u32,
    /// Task management frames.
    pub tmf_frame_count: u16,
    /// First event buffer; they follow each other every `event_buffer_bytes` bytes.
    pub event_buffers: u32,
    /// Event buffers.
    pub event_buffer_count: u16,
    /// Bytes of one event buffer.
    pub event_buffer_bytes: u32,
    /// The first request queue; the others follow every `request_stride` bytes.
    pub request: QueueLayout,
    /// Bytes from one request queue to the next.
    pub request_stride: u32,
    /// Request queues.
    pub request_queues: u16,
    /// The request frame of a dump plan.
    pub frame: Option<FrameLayout>,
}

impl Layout {
    pub(super) fn new(shape: &Shape) -> Result<Self, PlanError> {
        let mut region = Region {
            next: 0,
            format: shape.format,
        };
        let control = region.optional_ring(shape.control_ring)?;
        let event = region.optional_ring(shape.event_ring)?;
        let tmf_frame_count = (shape.control_ring / EXTRA_DESCRIPTORS).min(TMF_FRAMES_MAX);
        let tmf_frames = region.take(
            REGION_ALIGNMENT,
            times(u32::from(tmf_frame_count), TMF_FRAME_BYTES)?,
        )?;
        let event_buffer_count = shape.event_ring.min(EVENT_BUFFERS_MAX);
        let event_buffer_bytes =
            u32::from(shape.event_bytes).next_multiple_of(u32::from(EVENT_BYTES_MIN));
        let event_buffers = region.take(
            REGION_ALIGNMENT,
            times(u32::from(event_buffer_count), event_buffer_bytes)?,
        )?;
        let request = region.ring(shape.request_ring)?;
        let request_stride = region
            .aligned(REGION_ALIGNMENT)?
            .saturating_sub(request.descriptors);
        let others = u32::from(shape.request_queues).saturating_sub(1);
        let _ = region.take(REGION_ALIGNMENT, times(others, request_stride)?)?;
        let frame = if shape.frames == 0 {
            None
        } else {
            Some(region.frame(shape.segments)?)
        };
        Ok(Self {
            length: region.aligned(REGION_ALIGNMENT)?,
            control,
            event,
            tmf_frames,
            tmf_frame_count,
            event_buffers,
            event_buffer_count,
            event_buffer_bytes,
            request,
            request_stride,
            request_queues: shape.request_queues,
            frame,
        })
    }

    /// Request queue `number`, counted from 0; `None` when the plan has fewer.
    #[must_use]
    pub fn request_queue(&self, number: u16) -> Option<QueueLayout> {
        if number >= self.request_queues {
            return None;
        }
        let shift = u32::from(number).checked_mul(self.request_stride)?;
        let QueueLayout {
            size,
            descriptors,
            available,
            used,
            format,
        } = self.request;
        Some(QueueLayout {
            size,
            descriptors: descriptors.checked_add(shift)?,
            available: available.checked_add(shift)?,
            used: used.checked_add(shift)?,
            format,
        })
    }
}

/// A bump allocator over offsets.
struct Region {
    next: u32,
    format: RingFormat,
}

impl Region {
    fn aligned(&self, alignment: u32) -> Result<u32, PlanError> {
        self.next
            .checked_next_multiple_of(alignment)
            .ok_or(PlanError::RegionTooLong)
    }

    fn take(&mut self, alignment: u32, bytes: u32) -> Result<u32, PlanError> {
        let start = self.aligned(alignment)?;
        self.next = start.checked_add(bytes).ok_or(PlanError::RegionTooLong)?;
        Ok(start)
    }

    fn optional_ring(&mut self, size: u16) -> Result<Option<QueueLayout>, PlanError> {
        if size == 0 {
            Ok(None)
        } else {
            self.ring(size).map(Some)
        }
    }

    /// What only the device writes is on a cache line of its own: the used ring, or in a packed ring the device's event
    /// suppression structure.
    fn ring(&mut self, size: u16) -> Result<QueueLayout, PlanError> {
        let entries = u32::from(size);
        let format = self.format;
        let descriptors = self.take(REGION_ALIGNMENT, times(entries, DESCRIPTOR_BYTES)?)?;
        let (available, used) = match format {
            RingFormat::Split => (
                self.take(2, times(entries, 2)?.saturating_add(6))?,
                self.take(REGION_ALIGNMENT, times(entries, 8)?.saturating_add(6))?,
            ),
            RingFormat::Packed => (
                self.take(REGION_ALIGNMENT, EVENT_SUPPRESSION_BYTES)?,
                self.take(REGION_ALIGNMENT, EVENT_SUPPRESSION_BYTES)?,
            ),
        };
        Ok(QueueLayout {
            size,
            descriptors,
            available,
            used,
            format,
        })
    }

    fn frame(&mut self, segments: u16) -> Result<FrameLayout, PlanError> {
        let descriptors = u32::from(segments.saturating_add(EXTRA_DESCRIPTORS));
        Ok(FrameLayout {
            header: self.take(REGION_ALIGNMENT, HEADER_AREA_BYTES)?,
            response: self.take(REGION_ALIGNMENT, RESPONSE_AREA_BYTES)?,
            table: self.take(REGION_ALIGNMENT, times(descriptors, DESCRIPTOR_BYTES)?)?,
            segments,
        })
    }
}

fn times(count: u32, bytes: u32) -> Result<u32, PlanError> {
    count.checked_mul(bytes).ok_or(PlanError::RegionTooLong)
}
