//! A look at the device before the driver decides how to use it: what FindAdapter needs to know.

use crate::access::Mmio;

use super::config::{ConfigError, FieldSizes, ScsiConfig};
use super::features::Features;
use super::registers::{QueueIndex, Registers, Status};
use super::reset::Quiesced;

/// Why a device cannot be driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProbeError {
    /// Registers read as all ones.
    Gone,
    /// The device does not offer `VIRTIO_F_VERSION_1`.
    NoVersion1,
    /// The device refused the accepted features (virtio 3.1.1, step 6).
    FeaturesRefused,
    /// The device configuration cannot be read.
    Config(ConfigError),
    /// The device has no request queue, or says so in one of the two places where it counts them.
    NoRequestQueue,
}

/// What a device offers. Plain data; the input of [`Plan::normal`](crate::plan::Plan::normal) and
/// [`Plan::dump`](crate::plan::Plan::dump).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    /// Feature bits as offered, unknown ones included.
    pub offered: Features,
    /// Device configuration.
    pub config: ScsiConfig,
    /// Sizes of CDB and sense field, settled with the device.
    pub sizes: FieldSizes,
    /// Request queues that exist: the smaller of the two counts that the device gives.
    pub request_queues: u16,
    /// Largest size of the control queue; 0 when there is none.
    pub control_size: u16,
    /// Largest size of the event queue; 0 when there is none.
    pub event_size: u16,
    /// Largest size of the first request queue.
    pub request_size: u16,
}

impl Probe {
    /// Asks the device what it offers. Leaves it after `FEATURES_OK`: reset it again before anything else.
    ///
    /// # Errors
    /// What makes the device unusable, see [`ProbeError`].
    pub fn read<R: Mmio>(registers: &Registers<R>, quiesced: Quiesced) -> Result<Self, ProbeError> {
        quiesced.end();
        let offered = negotiate(registers, Features::NORMAL)?;
        let config = ScsiConfig::read(registers).map_err(ProbeError::Config)?;
        let sizes = ScsiConfig::settle_sizes(registers).map_err(ProbeError::Config)?;
        let size_of = |queue| {
            registers.select_queue(queue);
            registers.read_queue_size()
        };
        let counted = registers
            .read_queue_count()
            .saturating_sub(QueueIndex::FIXED);
        let request_queues = counted.min(u16::try_from(config.num_queues).unwrap_or(u16::MAX));
        let first = QueueIndex::request(0)
            .filter(|_| request_queues > 0)
            .ok_or(ProbeError::NoRequestQueue)?;
        let probe = Self {
            offered,
            config,
            sizes,
            request_queues,
            control_size: size_of(QueueIndex::CONTROL),
            event_size: size_of(QueueIndex::EVENT),
            request_size: size_of(first),
        };
        if probe.request_size == 0 {
            Err(ProbeError::NoRequestQueue)
        } else {
            Ok(probe)
        }
    }
}

/// Steps 2 to 6 of virtio 3.1.1 on a freshly reset device; yields the bits that were offered.
pub(super) fn negotiate<R: Mmio>(
    registers: &Registers<R>,
    acceptable: Features,
) -> Result<Features, ProbeError> {
    registers.write_status(Status::ACKNOWLEDGE);
    registers.write_status(Status::ACKNOWLEDGE | Status::DRIVER);
    let offered = registers.read_device_features();
    if !offered.contains(Features::REQUIRED) {
        return Err(ProbeError::NoVersion1);
    }
    registers.write_driver_features(offered.intersection(acceptable));
    registers.write_status(Status::ACKNOWLEDGE | Status::DRIVER | Status::FEATURES_OK);
    match registers.read_status() {
        status if status.bits() == 0xFF => Err(ProbeError::Gone),
        status if status.contains(Status::FEATURES_OK) => Ok(offered),
        _ => Err(ProbeError::FeaturesRefused),
    }
}
