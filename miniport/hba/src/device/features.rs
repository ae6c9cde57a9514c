//! Feature bits (virtio 2.2, 5.6.3, 6) and which of them this driver accepts.

use bitflags::bitflags;

use crate::ring::RingFormat;

bitflags! {
    /// Feature bits of a virtio SCSI host device. Bits without a name may be held (a device may offer anything),
    /// but are never accepted.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct Features: u64 {
        /// A request may carry both data-out and data-in (virtio 5.6.3). Not accepted: no caller sends such a request.
        const INOUT = 1 << 0;
        /// Hot-plug and hot-unplug are reported as events (virtio 5.6.3).
        const HOTPLUG = 1 << 1;
        /// Changes of logical unit parameters are reported as events (virtio 5.6.3).
        const CHANGE = 1 << 2;
        /// Protection information in the request header (virtio 5.6.3). Not accepted.
        const T10_PI = 1 << 3;
        /// Indirect descriptors (virtio 2.7.5.3).
        const RING_INDIRECT_DESC = 1 << 28;
        /// `used_event` and `avail_event` (virtio 2.7.7, 2.7.10).
        const RING_EVENT_IDX = 1 << 29;
        /// Virtio 1.0 or newer (virtio 6). Required.
        const VERSION_1 = 1 << 32;
        /// Memory is reached through the platform's means, an IOMMU perhaps (virtio 6.1). Accepted when offered: the
        /// addresses given to the device are bus addresses from the port driver, and a device that offers the bit may
        /// refuse to work without it (QEMU: `iommu_platform=on` fails `FEATURES_OK`).
        const ACCESS_PLATFORM = 1 << 33;
        /// Packed virtqueues (virtio 2.8).
        const RING_PACKED = 1 << 34;
        /// Memory is ordered as the platform orders it (virtio 6.1, "SHOULD accept"). Accepted when offered: the barriers
        /// of [`SharedMemory`](crate::access::SharedMemory) are those of the platform in either case.
        const ORDER_PLATFORM = 1 << 36;
        /// A single queue can be reset (virtio 2.6.1). Accepted when offered; used for queues without outstanding requests only
        /// ([`QueueReset`](crate::device::QueueReset)).
        const RING_RESET = 1 << 40;

        const _ = !0;
    }
}

impl Features {
    /// What the driver cannot do without.
    pub const REQUIRED: Self = Self::VERSION_1;

    /// What is accepted when it is offered, whatever else is wanted: a device that offers one of these may not work without.
    pub const INDISPENSABLE: Self = Self::VERSION_1
        .union(Self::ACCESS_PLATFORM)
        .union(Self::ORDER_PLATFORM);

    /// What the normal instance accepts when it is offered.
    pub const NORMAL: Self = Self::VERSION_1
        .union(Self::RING_INDIRECT_DESC)
        .union(Self::RING_EVENT_IDX)
        .union(Self::HOTPLUG)
        .union(Self::CHANGE)
        .union(Self::ACCESS_PLATFORM)
        .union(Self::RING_PACKED)
        .union(Self::ORDER_PLATFORM)
        .union(Self::RING_RESET);

    /// What the dump instance accepts when it is offered: no events (the event queue is not used), no event index
    /// (completion is polled, and each of its few large requests may ring), and no packed ring: with one request outstanding it
    /// gains nothing, every device has the split ring, and a crash dump is no place for a choice
    /// ([`Plan::dump_in_format`](crate::plan::Plan::dump_in_format) makes it all the same).
    pub const DUMP: Self = Self::VERSION_1
        .union(Self::RING_INDIRECT_DESC)
        .union(Self::ACCESS_PLATFORM)
        .union(Self::ORDER_PLATFORM);

    /// The ring format that these features mean.
    #[must_use]
    pub const fn ring_format(self) -> RingFormat {
        if self.contains(Self::RING_PACKED) {
            RingFormat::Packed
        } else {
            RingFormat::Split
        }
    }

    /// The descriptor form that these features allow.
    #[must_use]
    pub const fn descriptor_form(self) -> DescriptorForm {
        if self.contains(Self::RING_INDIRECT_DESC) {
            DescriptorForm::Indirect
        } else {
            DescriptorForm::Direct
        }
    }
}

/// Where the descriptors of a request go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DescriptorForm {
    /// Into a table in the request's frame; it takes one descriptor of the ring (virtio 2.7.5.3).
    Indirect,
    /// Into the ring.
    Direct,
}
