//! The bring-up record: how the driver uses one device. Plain, checked, and able to survive as bytes.
//!
//! FindAdapter makes a [`Plan`] from [`VirtioCaps`] and [`Probe`]. Initialise, restart, resume and dump carry out a plan, never
//! anything remembered elsewhere. The normal instance also makes the dump instance's plan and hands it over as
//! [`PLAN_BYTES`] bytes; the way back is [`Plan::try_from`], which repeats every check.

mod layout;
mod record;

pub use layout::{
    EVENT_BUFFERS_MAX, FrameLayout, Layout, QueueLayout, REGION_ALIGNMENT, TMF_FRAME_BYTES,
    TMF_FRAMES_MAX,
};
pub use record::{PLAN_BYTES, PLAN_VERSION, RecordError};

#[cfg(any(test, feature = "fake"))]
pub(crate) use record::seal as seal_record;

use crate::device::{CDB_BYTES, DescriptorForm, Features, FieldSizes, Probe, SENSE_BYTES};
use crate::pci::{CapError, VirtioCaps};
use crate::request::Recipe;
use crate::ring::RingFormat;
use layout::{EVENT_BYTES_MIN, Shape};

/// Bytes of a page, the unit in which a buffer is scattered.
pub const PAGE_BYTES: u32 = 4096;
/// Largest ring that the driver uses.
pub const RING_SIZE_MAX: u16 = 1024;
/// Ring of the dump instance with indirect descriptors, whatever the device offers.
pub const DUMP_RING_INDIRECT: u16 = 16;
/// Largest ring of the dump instance without them: its chains lie in the ring itself.
pub const DUMP_RING_DIRECT: u16 = 128;
/// Segments of a normal transfer: 2 MiB in pages, and one more because a buffer may begin inside a page.
pub const NORMAL_SEGMENTS: u16 = 513;
/// Segments of a dump transfer: 1 MiB in pages, and one more because a buffer may begin inside a page.
pub const DUMP_SEGMENTS: u16 = 257;
/// No dump plan asks for a longer region. Allocate this much, plus a page for alignment, before the device may be touched.
pub const DUMP_REGION_BYTES_MAX: u32 = 6 * 1024;
/// Descriptors that each request has besides its segments: header and response.
pub const EXTRA_DESCRIPTORS: u16 = 2;
/// Most segments in one request, a limit of this driver. QEMU and vhost take 1,024 descriptors in one chain.
pub const SEGMENTS_MAX: u16 = 1022;

const CONTROL_RING: u16 = 16;
const EVENT_RING: u16 = 16;
/// Without indirect descriptors a request must leave room for others: it may take a fourth of the ring.
const DIRECT_SHARE: u16 = 4;
const SECTOR_BYTES: u32 = 512;

const _: () = assert!(
    CDB_BYTES == 32 && SENSE_BYTES == 96,
    "virtio 5.6.4 defaults"
);

/// Which of the two adapter types a plan is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Interrupts, events, task management, all request queues asked for.
    Normal,
    /// One request queue, polled, one request at a time.
    Dump,
}

/// What `seg_max` (virtio 5.6.4) means for a device with indirect descriptors.
///
/// QEMU derives `seg_max` from its ring size (ring minus 2), which is the limit for descriptors in the ring; with indirect
/// tables it takes 1,024 descriptors in one chain whatever the ring size. Virtio 2.7.5.3.1 also asks drivers to keep a chain
/// within the queue size of the device. A vhost-user back end may mean `seg_max` literally. Decision 10 says why the default is
/// what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SegMaxRule {
    /// No request has more than `seg_max` segments.
    Honoured,
    /// The same, unless the number is the ring size less [`EXTRA_DESCRIPTORS`] and the ring is larger than
    /// [`FRONT_END_RING`]: then it says what fits into the ring, and limits requests without indirect descriptors only.
    HonouredUnlessDerived,
    /// `seg_max` limits requests without indirect descriptors only.
    RingOnly,
}

/// Ring size that QEMU gives the devices behind which there is another implementation (vhost-scsi, vhost-user-scsi). What these
/// say of segments is believed, derived or not: one of them takes 129 elements in a chain, whatever its ring.
pub const FRONT_END_RING: u16 = 128;

/// The choices of a normal plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NormalOptions {
    /// Request queues wanted; the device may have fewer.
    pub request_queues: u16,
    /// Largest request ring wanted; the device may offer a smaller one.
    pub ring_size: u16,
    /// Segments wanted for each request; the device may take fewer.
    pub segments: u16,
    /// What to make of `seg_max`.
    pub seg_max: SegMaxRule,
    /// Features that may be accepted, for whoever wants to do without one: a packed ring, say, or the event index. Those of
    /// [`Features::INDISPENSABLE`] are accepted in any case, those outside of [`Features::NORMAL`] in none.
    pub accept: Features,
}

impl NormalOptions {
    /// One request queue, the largest ring, transfers of 2 MiB, within the limits of the device.
    pub const STANDARD: Self = Self {
        request_queues: 1,
        ring_size: RING_SIZE_MAX,
        segments: NORMAL_SEGMENTS,
        seg_max: SegMaxRule::HonouredUnlessDerived,
        accept: Features::NORMAL,
    };
}

/// Why there is no plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanError {
    /// A normal plan needs a control and an event queue, and the device lacks one.
    NoControlOrEventQueue,
    /// A ring would have fewer descriptors than one request needs.
    RingTooSmall,
    /// Fewer than two segments per request: a page that begins inside a page could not be transferred.
    TooFewSegments,
    /// More segments per request than [`SEGMENTS_MAX`], or than the descriptor form allows.
    TooManySegments,
    /// No request queue was asked for.
    NoRequestQueue,
    /// The size of a split ring is no power of two, or one exceeds [`RING_SIZE_MAX`].
    RingSize,
    /// CDB or sense field have sizes that the driver cannot use.
    FieldSizes,
    /// The ring format is not the one that the features mean.
    RingFormat,
    /// `event_info_size` is more than a page.
    EventSize,
    /// A feature outside of what the role accepts, or `VERSION_1` missing.
    Features,
    /// The region would exceed 4 GiB, or a dump region [`DUMP_REGION_BYTES_MAX`].
    RegionTooLong,
    /// The capabilities are not usable.
    Caps(CapError),
}

/// Hints for scanning and queueing (virtio 5.6.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Highest target, at most 255.
    pub max_target: u8,
    /// Highest logical unit number, at most [`crate::scsi::lun::LUN_MAX`].
    pub max_lun: u16,
    /// Most commands outstanding at one logical unit, at least 1.
    pub commands_per_lun: u16,
}

/// How to use one device.
///
/// # Invariants
/// Everything that [`Plan::check`] checks; all constructors end with it. In particular the layout fits its region without overlap,
/// ring sizes hold at least one request, and those of split rings are powers of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    role: Role,
    features: Features,
    caps: VirtioCaps,
    limits: Limits,
    sizes: FieldSizes,
    transfer_bytes: u32,
    shape: Shape,
    layout: Layout,
    recipe: Recipe,
}

impl Plan {
    /// Plans the normal instance.
    ///
    /// # Errors
    /// Why the device cannot be used, see [`PlanError`].
    pub fn normal(
        caps: &VirtioCaps,
        probe: &Probe,
        options: &NormalOptions,
    ) -> Result<Self, PlanError> {
        let acceptable = options.accept.union(Features::INDISPENSABLE);
        let features = probe
            .offered
            .intersection(Features::NORMAL)
            .intersection(acceptable);
        let format = features.ring_format();
        let request_ring = ring_size(
            format,
            probe.request_size.min(options.ring_size).min(RING_SIZE_MAX),
        );
        let direct = (request_ring / DIRECT_SHARE)
            .saturating_sub(EXTRA_DESCRIPTORS)
            .max(EXTRA_DESCRIPTORS);
        let event_bytes =
            u16::try_from(probe.config.event_info_size).map_err(|_| PlanError::EventSize)?;
        if probe.control_size == 0 || probe.event_size == 0 {
            return Err(PlanError::NoControlOrEventQueue);
        }
        let shape = Shape {
            control_ring: ring_size(format, probe.control_size.min(CONTROL_RING)),
            event_ring: ring_size(format, probe.event_size.min(EVENT_RING)),
            request_ring,
            request_queues: options.request_queues.min(probe.request_queues),
            segments: segments(features, probe, options.segments, direct, options.seg_max),
            event_bytes: event_bytes.max(EVENT_BYTES_MIN),
            frames: 0,
            format,
        };
        Self::build(Role::Normal, features, caps, probe, shape)
    }

    /// Plans the dump instance: the first request queue alone, one request at a time, its frame inside the region.
    ///
    /// # Errors
    /// Why the device cannot be used, see [`PlanError`].
    pub fn dump(caps: &VirtioCaps, probe: &Probe) -> Result<Self, PlanError> {
        Self::dump_in_format(caps, probe, RingFormat::Split)
    }

    /// The same with a ring in `format`, or a split one when the device has no other. For devices that do not work without a
    /// packed ring; there is none that the virtio specification allows.
    ///
    /// # Errors
    /// As [`Plan::dump`].
    pub fn dump_in_format(
        caps: &VirtioCaps,
        probe: &Probe,
        format: RingFormat,
    ) -> Result<Self, PlanError> {
        let acceptable = match format {
            RingFormat::Split => Features::DUMP,
            RingFormat::Packed => Features::DUMP.union(Features::RING_PACKED),
        };
        let features = probe.offered.intersection(acceptable);
        let format = features.ring_format();
        let ring = match features.descriptor_form() {
            DescriptorForm::Indirect => DUMP_RING_INDIRECT,
            DescriptorForm::Direct => DUMP_RING_DIRECT,
        };
        let request_ring = ring_size(format, probe.request_size.min(ring));
        let direct = request_ring.saturating_sub(EXTRA_DESCRIPTORS);
        let shape = Shape {
            control_ring: 0,
            event_ring: 0,
            request_ring,
            request_queues: 1,
            segments: segments(features, probe, DUMP_SEGMENTS, direct, SegMaxRule::RingOnly),
            event_bytes: EVENT_BYTES_MIN,
            frames: 1,
            format,
        };
        Self::build(Role::Dump, features, caps, probe, shape)
    }

    fn build(
        role: Role,
        features: Features,
        caps: &VirtioCaps,
        probe: &Probe,
        shape: Shape,
    ) -> Result<Self, PlanError> {
        let config = &probe.config;
        // A segment need not be a whole page: the first and the last may be parts of one.
        let by_segments = u32::from(shape.segments)
            .saturating_sub(1)
            .saturating_mul(PAGE_BYTES);
        let by_hint = match config.max_sectors {
            0 => u32::MAX,
            sectors => sectors.saturating_mul(SECTOR_BYTES).max(PAGE_BYTES),
        };
        let plan = Self {
            role,
            features,
            caps: *caps,
            limits: Limits {
                max_target: u8::try_from(config.max_target).unwrap_or(u8::MAX),
                max_lun: u16::try_from(config.max_lun)
                    .unwrap_or(u16::MAX)
                    .min(crate::scsi::lun::LUN_MAX),
                commands_per_lun: u16::try_from(config.cmd_per_lun).unwrap_or(u16::MAX).max(1),
            },
            sizes: probe.sizes,
            transfer_bytes: by_segments.min(by_hint),
            shape,
            layout: Layout::new(&shape)?,
            recipe: Recipe::new(shape.format, probe.sizes),
        };
        plan.check()?;
        Ok(plan)
    }

    /// Checks the invariants; constructors do it already.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn check(&self) -> Result<(), PlanError> {
        let Self {
            role,
            features,
            caps,
            limits: _,
            sizes,
            transfer_bytes,
            shape,
            layout,
            recipe,
        } = self;
        caps.check().map_err(PlanError::Caps)?;
        let acceptable = match role {
            Role::Normal => Features::NORMAL,
            Role::Dump => Features::DUMP.union(Features::RING_PACKED),
        };
        if !features.contains(Features::REQUIRED) || !acceptable.contains(*features) {
            return Err(PlanError::Features);
        }
        if !sizes.is_usable() {
            return Err(PlanError::FieldSizes);
        }
        if shape.format != features.ring_format() || *recipe != Recipe::new(shape.format, *sizes) {
            return Err(PlanError::RingFormat);
        }
        shape.check(*role, features.descriptor_form())?;
        if *transfer_bytes < PAGE_BYTES {
            return Err(PlanError::TooFewSegments);
        }
        if *layout != Layout::new(shape)?
            || (*role == Role::Dump && layout.length > DUMP_REGION_BYTES_MAX)
        {
            return Err(PlanError::RegionTooLong);
        }
        Ok(())
    }

    /// Normal or dump.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// The features to accept: offered ones that the role knows.
    #[must_use]
    pub const fn features(&self) -> Features {
        self.features
    }

    /// Registers and BARs.
    #[must_use]
    pub const fn caps(&self) -> &VirtioCaps {
        &self.caps
    }

    /// Hints for scanning and queueing.
    #[must_use]
    pub const fn limits(&self) -> Limits {
        self.limits
    }

    /// Request queues to use.
    #[must_use]
    pub const fn request_queues(&self) -> u16 {
        self.shape.request_queues
    }

    /// Descriptors of each request ring; also the number of [`Slot`](crate::ring::Slot)s that a request queue needs.
    #[must_use]
    pub const fn request_ring(&self) -> u16 {
        self.shape.request_ring
    }

    /// What the requests have in common: table format, sizes of CDB and sense field.
    #[inline]
    #[must_use]
    pub const fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// Sizes of CDB and sense field.
    #[must_use]
    pub const fn sizes(&self) -> FieldSizes {
        self.sizes
    }

    /// The format of all rings.
    #[must_use]
    pub const fn ring_format(&self) -> RingFormat {
        self.shape.format
    }

    /// Requests that a request ring can hold at one time, if each has one segment at least: with descriptors in the ring each takes three of them.
    #[must_use]
    pub fn requests_at_once(&self) -> u16 {
        let least = match self.features.descriptor_form() {
            DescriptorForm::Indirect => 1,
            DescriptorForm::Direct => EXTRA_DESCRIPTORS.saturating_add(1),
        };
        self.shape
            .request_ring
            .checked_div(least)
            .unwrap_or(1)
            .max(1)
    }

    /// Most segments in one request; there is one break fewer between them.
    #[must_use]
    #[inline]
    pub const fn segments(&self) -> u16 {
        self.shape.segments
    }

    /// Longest transfer in bytes: segments less one, in pages, and within `max_sectors`.
    #[must_use]
    pub const fn transfer_bytes(&self) -> u32 {
        self.transfer_bytes
    }

    /// Where things are in the DMA region.
    #[must_use]
    pub const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Bytes of the DMA region. It must be aligned to [`REGION_ALIGNMENT`] and contiguous for the device.
    #[must_use]
    pub const fn region_bytes(&self) -> u32 {
        self.layout.length
    }
}

/// The largest ring size up to `size`, 0 for 0: of a split virtqueue a power of two (virtio 2.7), of a packed one any (virtio
/// 2.8.10.1).
fn ring_size(format: RingFormat, size: u16) -> u16 {
    match format {
        RingFormat::Packed => size,
        RingFormat::Split => size
            .checked_ilog2()
            .and_then(|exponent| 1u16.checked_shl(exponent))
            .unwrap_or(0),
    }
}

fn segments(features: Features, probe: &Probe, wanted: u16, direct: u16, rule: SegMaxRule) -> u16 {
    let seg_max = u16::try_from(probe.config.seg_max).unwrap_or(u16::MAX);
    let wanted = wanted.min(SEGMENTS_MAX);
    let is_derived = probe.request_size > FRONT_END_RING
        && probe.request_size.checked_sub(EXTRA_DESCRIPTORS) == Some(seg_max);
    match (features.descriptor_form(), rule) {
        (DescriptorForm::Indirect, SegMaxRule::RingOnly) => wanted,
        (DescriptorForm::Indirect, SegMaxRule::HonouredUnlessDerived) if is_derived => wanted,
        (DescriptorForm::Indirect, _) => wanted.min(seg_max),
        (DescriptorForm::Direct, _) => wanted.min(seg_max).min(direct),
    }
}

#[cfg(test)]
mod tests;
