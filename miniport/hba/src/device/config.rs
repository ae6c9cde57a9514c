//! The SCSI host device's own configuration (virtio 5.6.4).

use crate::access::Mmio;

use super::registers::Registers;

/// Bytes of the CDB field of each request header: the default of virtio 5.6.4.
pub const CDB_BYTES: usize = 32;
/// Bytes of the sense field of each response: the default of virtio 5.6.4.
pub const SENSE_BYTES: usize = 96;

/// Attempts to read the configuration between two generations (virtio 2.5.1).
const GENERATION_ATTEMPTS: u8 = 16;

/// Field offsets in `struct virtio_scsi_config` (virtio 5.6.4), in bytes.
mod field {
    pub(super) const NUM_QUEUES: u32 = 0;
    pub(super) const SEG_MAX: u32 = 4;
    pub(super) const MAX_SECTORS: u32 = 8;
    pub(super) const CMD_PER_LUN: u32 = 12;
    pub(super) const EVENT_INFO_SIZE: u32 = 16;
    pub(super) const SENSE_SIZE: u32 = 20;
    pub(super) const CDB_SIZE: u32 = 24;
    pub(super) const MAX_CHANNEL: u32 = 28;
    pub(super) const MAX_TARGET: u32 = 30;
    pub(super) const MAX_LUN: u32 = 32;
}

/// `struct virtio_scsi_config` as read, unjudged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScsiConfig {
    /// Number of request queues.
    pub num_queues: u32,
    /// Most segments in one command.
    pub seg_max: u32,
    /// Hint for the largest transfer, in units of 512 bytes.
    pub max_sectors: u32,
    /// Most commands outstanding at one logical unit.
    pub cmd_per_lun: u32,
    /// Most bytes that the device writes into an event buffer.
    pub event_info_size: u32,
    /// Size of the sense field.
    pub sense_size: u32,
    /// Size of the CDB field.
    pub cdb_size: u32,
    /// Highest channel, a hint; 0 in practice.
    pub max_channel: u16,
    /// Highest target, a hint.
    pub max_target: u16,
    /// Highest logical unit number, a hint.
    pub max_lun: u32,
}

/// Why the configuration cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigError {
    /// The configuration changed during each attempt to read it.
    Unstable,
    /// The device did not take the CDB or sense size that the driver uses.
    SizeRefused,
}

impl ScsiConfig {
    /// Reads the configuration, again if its generation changes meanwhile (virtio 2.5.1).
    ///
    /// # Errors
    /// [`ConfigError::Unstable`] when it changes each time.
    pub fn read<R: Mmio>(registers: &Registers<R>) -> Result<Self, ConfigError> {
        let device = registers.device();
        for _ in 0..GENERATION_ATTEMPTS {
            let before = registers.read_config_generation();
            let config = Self {
                num_queues: device.read_u32(field::NUM_QUEUES),
                seg_max: device.read_u32(field::SEG_MAX),
                max_sectors: device.read_u32(field::MAX_SECTORS),
                cmd_per_lun: device.read_u32(field::CMD_PER_LUN),
                event_info_size: device.read_u32(field::EVENT_INFO_SIZE),
                sense_size: device.read_u32(field::SENSE_SIZE),
                cdb_size: device.read_u32(field::CDB_SIZE),
                max_channel: device.read_u16(field::MAX_CHANNEL),
                max_target: device.read_u16(field::MAX_TARGET),
                max_lun: device.read_u32(field::MAX_LUN),
            };
            if registers.read_config_generation() == before {
                return Ok(config);
            }
        }
        Err(ConfigError::Unstable)
    }

    /// Sets CDB and sense size to [`CDB_BYTES`] and [`SENSE_BYTES`], the only fields that a driver may write
    /// (virtio 5.6.4.1), and checks that the device took them. After a reset they have these values already; then nothing
    /// is written.
    ///
    /// # Errors
    /// [`ConfigError::SizeRefused`].
    pub(super) fn settle_sizes<R: Mmio>(registers: &Registers<R>) -> Result<(), ConfigError> {
        let device = registers.device();
        for (offset, bytes) in [
            (field::SENSE_SIZE, SENSE_BYTES),
            (field::CDB_SIZE, CDB_BYTES),
        ] {
            let wanted = u32::try_from(bytes).map_err(|_| ConfigError::SizeRefused)?;
            if device.read_u32(offset) != wanted {
                device.write_u32(offset, wanted);
                if device.read_u32(offset) != wanted {
                    return Err(ConfigError::SizeRefused);
                }
            }
        }
        Ok(())
    }
}
