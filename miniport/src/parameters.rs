//! The driver's registry parameters: each read once, in `HwStorFindAdapter` of the normal life, and checked against its range.
//!
//! Key types: [`Parameters`] (what the driver goes by), [`Parameter`] (the table of names, ranges and defaults). `inf/hiberport.inf` lists the
//! same names with the same defaults; a test compares. A value out of its range counts as absent and is noted, so that a slip
//! of the keyboard never keeps a system from starting. The dump life has no registry: it goes by the plan that this life made.

use core::ffi::CStr;

use ddi::{
    context::FindAdapterContext,
    recorder::{self, Event},
};
use hba::{
    device::Features,
    plan::{NormalOptions, RING_SIZE_MAX, SegMaxRule},
};

use crate::normal::QUEUES_MAX;

/// Bytes of a page.
const PAGE_BYTES: u32 = 4096;
/// Most segments of a request: the SRB extension, whose size is told before any parameter can be read, has room for no more.
const SEGMENTS_MAX: u16 = NormalOptions::STANDARD.segments;
/// Largest transfer that they hold, in KiB: one segment less, because a buffer may begin inside a page.
const TRANSFER_KIB_MAX: u32 = (SEGMENTS_MAX as u32 - 1) * (PAGE_BYTES / 1024);

/// One parameter: a `REG_DWORD` below `Parameters\Device`, or below `Parameters\Device<n>` for one adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parameter {
    /// Its name in the registry.
    pub(crate) name: &'static CStr,
    /// Smallest value.
    pub(crate) least: u32,
    /// Largest value.
    pub(crate) most: u32,
    /// What holds without a value.
    pub(crate) default: u32,
    /// Whether only powers of two make sense; 0 aside.
    power_of_two: bool,
}

impl Parameter {
    const fn new(name: &'static CStr, least: u32, most: u32, default: u32) -> Self {
        Self {
            name,
            least,
            most,
            default,
            power_of_two: false,
        }
    }

    const fn power_of_two(self) -> Self {
        Self {
            power_of_two: true,
            ..self
        }
    }

    /// Whether the parameter may have this value.
    const fn allows(&self, value: u32) -> bool {
        self.least <= value && value <= self.most && (!self.power_of_two || value.is_power_of_two())
    }

    /// The value that `source` has, or the default.
    fn read(&self, number: u64, source: &impl Source) -> u32 {
        match source.dword(self.name) {
            None => self.default,
            Some(value) if self.allows(value) => value,
            Some(value) => {
                recorder::record(Event::ParameterRefused, number, value.into());
                self.default
            }
        }
    }
}

/// Request queues; 0: one for each processor, as far as the device goes.
const REQUEST_QUEUES: Parameter = Parameter::new(c"RequestQueues", 0, QUEUES_MAX as u32, 0);
/// Descriptors of each request ring at most; the device may have fewer.
const RING_SIZE: Parameter =
    Parameter::new(c"RingSize", 16, RING_SIZE_MAX as u32, RING_SIZE_MAX as u32).power_of_two();
/// Longest transfer in KiB; the device may take less.
const MAXIMUM_TRANSFER: Parameter = Parameter::new(
    c"MaximumTransferKiB",
    64,
    TRANSFER_KIB_MAX,
    TRANSFER_KIB_MAX,
);
/// Requests outstanding at one unit; 0: what the device says (`cmd_per_lun`).
const UNIT_QUEUE_DEPTH: Parameter = Parameter::new(c"UnitQueueDepth", 0, 1024, 0);
/// Packed rings where the device offers them.
const PACKED_RING: Parameter = Parameter::new(c"PackedRing", 0, 1, 1);
/// No request has more segments than the device's `seg_max`, even if that is only its ring's size again.
const STRICT_SEGMENTS: Parameter = Parameter::new(c"StrictSegmentLimit", 0, 1, 0);
/// How long the device may take to answer a task management function, in milliseconds.
const MANAGEMENT_TIMEOUT: Parameter = Parameter::new(c"TaskManagementTimeout", 100, 60_000, 5_000);

/// All parameters; their places are their numbers in the flight recorder.
pub(crate) const ALL: [Parameter; 7] = [
    REQUEST_QUEUES,
    RING_SIZE,
    MAXIMUM_TRANSFER,
    UNIT_QUEUE_DEPTH,
    PACKED_RING,
    STRICT_SEGMENTS,
    MANAGEMENT_TIMEOUT,
];

/// Where values come from.
pub(crate) trait Source {
    /// The `REG_DWORD` of this name, if there is one.
    fn dword(&self, name: &CStr) -> Option<u32>;
}

/// What the driver goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parameters {
    /// Request queues at most; `None`: one for each processor.
    pub(crate) request_queues: Option<u16>,
    /// Descriptors of each request ring at most.
    pub(crate) ring_size: u16,
    /// Longest transfer in bytes.
    pub(crate) transfer_bytes: u32,
    /// Requests outstanding at one unit; `None`: what the device says.
    pub(crate) unit_queue_depth: Option<u16>,
    /// Packed rings where the device offers them.
    pub(crate) packed_ring: bool,
    /// What to make of the device's `seg_max`.
    pub(crate) seg_max: SegMaxRule,
    /// How long the device may take to answer a task management function.
    pub(crate) management_timeout_microseconds: u32,
}

impl Parameters {
    /// Reads the registry, or takes the defaults where there is none to read.
    pub(crate) fn read(context: &FindAdapterContext<'_>) -> Self {
        match context.registry() {
            Some(registry) => Self::from_source(&Registry(registry)),
            None => Self::from_source(&Defaults),
        }
    }

    fn from_source(source: &impl Source) -> Self {
        let mut values = [0; ALL.len()];
        for ((number, parameter), value) in (0..).zip(&ALL).zip(&mut values) {
            *value = parameter.read(number, source);
        }
        let [queues, ring, kib, depth, packed, strict, milliseconds] = values;
        Self {
            request_queues: number_or_none(queues),
            ring_size: u16::try_from(ring).unwrap_or(RING_SIZE_MAX),
            transfer_bytes: kib.saturating_mul(1024),
            unit_queue_depth: number_or_none(depth),
            packed_ring: packed != 0,
            seg_max: if strict == 0 {
                SegMaxRule::HonouredUnlessDerived
            } else {
                SegMaxRule::Honoured
            },
            management_timeout_microseconds: milliseconds.saturating_mul(1000),
        }
    }

    /// The choices of a plan, with that many request queues and rings of that size at most.
    pub(crate) fn options(&self, request_queues: u16, ring_size: u16) -> NormalOptions {
        let pages = self.transfer_bytes.div_ceil(PAGE_BYTES);
        NormalOptions {
            request_queues,
            ring_size: self.ring_size.min(ring_size),
            segments: u16::try_from(pages.saturating_add(1)).unwrap_or(SEGMENTS_MAX),
            seg_max: self.seg_max,
            accept: if self.packed_ring {
                Features::NORMAL
            } else {
                Features::NORMAL.difference(Features::RING_PACKED)
            },
        }
    }
}

/// The number, unless it is the 0 that stands for "by itself".
fn number_or_none(value: u32) -> Option<u16> {
    u16::try_from(value).ok().filter(|&value| value != 0)
}

struct Registry<'call>(ddi::parameters::AdapterRegistry<'call>);

impl Source for Registry<'_> {
    fn dword(&self, name: &CStr) -> Option<u32> {
        self.0.dword(name)
    }
}

struct Defaults;

impl Source for Defaults {
    fn dword(&self, _name: &CStr) -> Option<u32> {
        None
    }
}

#[cfg(test)]
mod tests;
