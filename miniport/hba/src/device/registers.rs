//! Typed access to the four virtio register structures (virtio 4.1.4.3 to 4.1.4.6).

use bitflags::bitflags;

use crate::access::Mmio;
use crate::pci::{COMMON_BYTES, DEVICE_BYTES, Structure};

use super::features::Features;

/// Register offsets in `struct virtio_pci_common_cfg` (virtio 4.1.4.3), in bytes.
mod common {
    pub(super) const DEVICE_FEATURE_SELECT: u32 = 0;
    pub(super) const DEVICE_FEATURE: u32 = 4;
    pub(super) const DRIVER_FEATURE_SELECT: u32 = 8;
    pub(super) const DRIVER_FEATURE: u32 = 12;
    pub(super) const CONFIG_MSIX_VECTOR: u32 = 16;
    pub(super) const NUM_QUEUES: u32 = 18;
    pub(super) const DEVICE_STATUS: u32 = 20;
    pub(super) const CONFIG_GENERATION: u32 = 21;
    pub(super) const QUEUE_SELECT: u32 = 22;
    pub(super) const QUEUE_SIZE: u32 = 24;
    pub(super) const QUEUE_MSIX_VECTOR: u32 = 26;
    pub(super) const QUEUE_ENABLE: u32 = 28;
    pub(super) const QUEUE_NOTIFY_OFF: u32 = 30;
    pub(super) const QUEUE_DESC: u32 = 32;
    pub(super) const QUEUE_DRIVER: u32 = 40;
    pub(super) const QUEUE_DEVICE: u32 = 48;
    /// Exists with `VIRTIO_F_RING_RESET` only.
    pub(super) const QUEUE_RESET: u32 = 58;
}

bitflags! {
    /// Device status bits (virtio 2.1).
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct Status: u8 {
        /// The driver has noticed the device.
        const ACKNOWLEDGE = 1;
        /// The driver knows how to drive it.
        const DRIVER = 2;
        /// The driver is ready.
        const DRIVER_OK = 4;
        /// Feature negotiation is complete.
        const FEATURES_OK = 8;
        /// The device has met an error from which only a reset leads back.
        const DEVICE_NEEDS_RESET = 64;
        /// The driver has given up on the device.
        const FAILED = 128;

        const _ = !0;
    }
}

/// A virtqueue number as the device counts (virtio 5.6.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct QueueIndex(u16);

impl QueueIndex {
    /// The control queue.
    pub const CONTROL: Self = Self(0);
    /// The event queue.
    pub const EVENT: Self = Self(1);
    /// Queues ahead of the first request queue.
    pub const FIXED: u16 = 2;

    /// Request queue `number`, counted from 0; `None` when the device cannot count that far.
    #[must_use]
    pub const fn request(number: u16) -> Option<Self> {
        match number.checked_add(Self::FIXED) {
            Some(index) => Some(Self(index)),
            None => None,
        }
    }

    /// The number that goes into `queue_select`.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

/// An MSI-X table entry, or none (virtio 4.1.5.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vector(u16);

impl Vector {
    /// `VIRTIO_MSI_NO_VECTOR`: no message; the line, or polling.
    pub const NONE: Self = Self(0xFFFF);

    /// Message `number` of the function.
    #[must_use]
    pub const fn message(number: u16) -> Self {
        Self(number)
    }

    /// The raw register value.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

/// Why a set of register ranges cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegisterError {
    /// The mapped range is shorter than the structure.
    TooShort(Structure),
}

/// Why a running device is not usable any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceFault {
    /// Registers read as all ones: surprise removal, or the function is in a low-power state.
    Gone,
    /// The device has set `DEVICE_NEEDS_RESET` (virtio 2.1.2).
    NeedsReset,
    /// The device has dropped `DRIVER_OK`: somebody has reset it.
    NotRunning,
}

bitflags! {
    /// ISR status (virtio 4.1.4.5). Reading it acknowledges the line interrupt.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct InterruptStatus: u8 {
        /// A used buffer notification is pending.
        const QUEUE = 1;
        /// The configuration, or `DEVICE_NEEDS_RESET`, has changed.
        const CONFIGURATION = 2;

        const _ = !0;
    }
}

/// The four register ranges of one device, each long enough for its structure.
///
/// Not synchronised: bring-up and [`Registers::fault`] use `queue_select` and plain reads; run them under one lock or before
/// any concurrency begins. [`Doorbell`]s are independent of it.
#[derive(Debug, Clone, Copy)]
pub struct Registers<R> {
    common: R,
    notify: R,
    isr: R,
    device: R,
    notify_multiplier: u32,
}

impl<R: Mmio> Registers<R> {
    /// Takes the mapped ranges of [`VirtioCaps`](crate::pci::VirtioCaps): common, notify, ISR and device configuration.
    ///
    /// # Errors
    /// [`RegisterError::TooShort`] names the first range that is shorter than its structure.
    pub fn new(
        common: R,
        notify: R,
        isr: R,
        device: R,
        notify_multiplier: u32,
    ) -> Result<Self, RegisterError> {
        for (structure, range, least) in [
            (Structure::Common, &common, COMMON_BYTES),
            (Structure::Notify, &notify, 2),
            (Structure::Isr, &isr, 1),
            (Structure::Device, &device, DEVICE_BYTES),
        ] {
            if range.length() < least {
                return Err(RegisterError::TooShort(structure));
            }
        }
        Ok(Self {
            common,
            notify,
            isr,
            device,
            notify_multiplier,
        })
    }

    /// Reads the ISR status, which acknowledges the line interrupt. Only for line interrupts: with MSI-X enabled the device
    /// does not maintain it (virtio 4.1.4.5.2).
    pub fn acknowledge_interrupt(&self) -> InterruptStatus {
        InterruptStatus::from_bits_retain(self.isr.read_u8(0))
    }

    /// Reads the device status.
    pub fn read_status(&self) -> Status {
        Status::from_bits_retain(self.common.read_u8(common::DEVICE_STATUS))
    }

    /// Checks that a device that was brought up still runs: call it on a configuration interrupt, or when requests time out.
    ///
    /// # Errors
    /// What is wrong with it; only a reset (or its removal) leads on.
    pub fn fault(&self) -> Result<(), DeviceFault> {
        let status = self.read_status();
        if status.bits() == 0xFF {
            Err(DeviceFault::Gone)
        } else if status.contains(Status::DEVICE_NEEDS_RESET) {
            Err(DeviceFault::NeedsReset)
        } else if status.contains(Status::DRIVER_OK) {
            Ok(())
        } else {
            Err(DeviceFault::NotRunning)
        }
    }

    pub(super) fn write_status(&self, status: Status) {
        self.common.write_u8(common::DEVICE_STATUS, status.bits());
    }

    pub(super) fn read_device_features(&self) -> Features {
        let half = |select| {
            self.common.write_u32(common::DEVICE_FEATURE_SELECT, select);
            u64::from(self.common.read_u32(common::DEVICE_FEATURE))
        };
        Features::from_bits_retain(half(0) | (half(1) << 32))
    }

    pub(super) fn write_driver_features(&self, features: Features) {
        let (low, high) = halves(features.bits());
        self.common.write_u32(common::DRIVER_FEATURE_SELECT, 0);
        self.common.write_u32(common::DRIVER_FEATURE, low);
        self.common.write_u32(common::DRIVER_FEATURE_SELECT, 1);
        self.common.write_u32(common::DRIVER_FEATURE, high);
    }

    pub(super) fn read_queue_count(&self) -> u16 {
        self.common.read_u16(common::NUM_QUEUES)
    }

    pub(super) fn read_config_generation(&self) -> u8 {
        self.common.read_u8(common::CONFIG_GENERATION)
    }

    /// Writes the configuration vector and reads back what the device made of it.
    pub(super) fn exchange_config_vector(&self, vector: Vector) -> Vector {
        self.common
            .write_u16(common::CONFIG_MSIX_VECTOR, vector.get());
        Vector(self.common.read_u16(common::CONFIG_MSIX_VECTOR))
    }

    pub(super) fn select_queue(&self, queue: QueueIndex) {
        self.common.write_u16(common::QUEUE_SELECT, queue.get());
    }

    /// Size of the selected queue; 0 when it does not exist.
    pub(super) fn read_queue_size(&self) -> u16 {
        self.common.read_u16(common::QUEUE_SIZE)
    }

    pub(super) fn write_queue_size(&self, size: u16) {
        self.common.write_u16(common::QUEUE_SIZE, size);
    }

    /// Writes the selected queue's vector and reads back what the device made of it.
    pub(super) fn exchange_queue_vector(&self, vector: Vector) -> Vector {
        self.common
            .write_u16(common::QUEUE_MSIX_VECTOR, vector.get());
        Vector(self.common.read_u16(common::QUEUE_MSIX_VECTOR))
    }

    pub(super) fn read_queue_enable(&self) -> u16 {
        self.common.read_u16(common::QUEUE_ENABLE)
    }

    pub(super) fn enable_queue(&self) {
        self.common.write_u16(common::QUEUE_ENABLE, 1);
    }

    /// Whether the device's common structure reaches to `queue_reset`.
    pub(super) fn has_queue_reset(&self) -> bool {
        self.common.length() >= common::QUEUE_RESET.saturating_add(2)
    }

    /// Starts the reset of the selected queue.
    pub(super) fn reset_queue(&self) {
        self.common.write_u16(common::QUEUE_RESET, 1);
    }

    /// 1 while the reset of the selected queue goes on.
    pub(super) fn read_queue_reset(&self) -> u16 {
        self.common.read_u16(common::QUEUE_RESET)
    }

    /// Writes the bus addresses of the selected queue's three parts; 64-bit fields as two halves (virtio 4.1.3.1).
    pub(super) fn write_queue_addresses(&self, descriptors: u64, available: u64, used: u64) {
        for (offset, address) in [
            (common::QUEUE_DESC, descriptors),
            (common::QUEUE_DRIVER, available),
            (common::QUEUE_DEVICE, used),
        ] {
            let (low, high) = halves(address);
            self.common.write_u32(offset, low);
            self.common.write_u32(offset.saturating_add(4), high);
        }
    }

    /// Offset of the selected queue's notification address in the notify range, if it lies inside (virtio 4.1.4.4).
    pub(super) fn notify_offset(&self) -> Option<u32> {
        let number = u32::from(self.common.read_u16(common::QUEUE_NOTIFY_OFF));
        let offset = number.checked_mul(self.notify_multiplier)?;
        (offset.checked_add(2)? <= self.notify.length()).then_some(offset)
    }

    pub(super) fn device(&self) -> &R {
        &self.device
    }
}

impl<R: Mmio + Clone> Registers<R> {
    pub(super) fn doorbell(&self, queue: QueueIndex, offset: u32) -> Doorbell<R> {
        Doorbell {
            notify: self.notify.clone(),
            offset,
            queue,
        }
    }
}

/// The notification address of one queue (virtio 4.1.4.4).
#[derive(Debug, Clone, Copy)]
pub struct Doorbell<R> {
    notify: R,
    offset: u32,
    queue: QueueIndex,
}

impl<R: Mmio> Doorbell<R> {
    /// Tells the device that the available ring has grown.
    pub fn ring(&self) {
        self.notify.write_u16(self.offset, self.queue.get());
    }

    /// The queue it belongs to.
    pub const fn queue(&self) -> QueueIndex {
        self.queue
    }
}

/// Low and high half of a 64-bit value.
fn halves(value: u64) -> (u32, u32) {
    let half = |bits: u64| u32::try_from(bits & 0xFFFF_FFFF).unwrap_or_default();
    (half(value), half(value >> 32))
}
