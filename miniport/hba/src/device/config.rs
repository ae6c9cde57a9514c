//! The SCSI host device's own configuration (virtio 5.6.4).

use crate::access::Mmio;

use super::registers::Registers;

/// Bytes of the CDB field of each request header: the default of virtio 5.6.4.
pub const CDB_BYTES: usize = 32;
/// Bytes of the sense field of each response: the default of virtio 5.6.4.
pub const SENSE_BYTES: usize = 96;

/// A CDB field that is shorter than this is of no use.
const CDB_BYTES_MIN: u8 = 16;

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
    /// The device keeps a CDB or sense size that the driver cannot use, or another one than when the plan was made.
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

    /// Asks for CDB and sense fields of [`CDB_BYTES`] and [`SENSE_BYTES`], the only fields that a driver may write
    /// (virtio 5.6.4.1), and reads back what the device made of it. After a reset they have these values already; then nothing
    /// is written.
    ///
    /// # Errors
    /// [`ConfigError::SizeRefused`] when the device insists on fields for which a frame has no room, or on a CDB field that does
    /// not hold the commands that everybody needs.
    pub(super) fn settle_sizes<R: Mmio>(
        registers: &Registers<R>,
    ) -> Result<FieldSizes, ConfigError> {
        let device = registers.device();
        let settle = |offset, wanted: usize| {
            let wanted = u32::try_from(wanted).map_err(|_| ConfigError::SizeRefused)?;
            let mut kept = device.read_u32(offset);
            if kept != wanted {
                device.write_u32(offset, wanted);
                kept = device.read_u32(offset);
            }
            u8::try_from(kept).map_err(|_| ConfigError::SizeRefused)
        };
        let sizes = FieldSizes {
            sense_bytes: settle(field::SENSE_SIZE, SENSE_BYTES)?,
            cdb_bytes: settle(field::CDB_SIZE, CDB_BYTES)?,
        };
        if sizes.is_usable() {
            Ok(sizes)
        } else {
            Err(ConfigError::SizeRefused)
        }
    }
}

/// Sizes of the two fields of a request whose sizes are negotiated (virtio 5.6.4, 5.6.6.1). A device must begin with the defaults
/// and take what is written; one that keeps smaller fields is served with these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldSizes {
    /// Bytes of the CDB field of each request header.
    pub cdb_bytes: u8,
    /// Bytes of the sense field of each response.
    pub sense_bytes: u8,
}

impl FieldSizes {
    /// What the driver asks for: [`CDB_BYTES`] and [`SENSE_BYTES`].
    pub const WANTED: Self = Self {
        cdb_bytes: 32,
        sense_bytes: 96,
    };

    /// Whether a frame has room for such fields, and the CDB field holds 16 bytes (READ (16) and its like).
    #[must_use]
    pub const fn is_usable(self) -> bool {
        let Self {
            cdb_bytes,
            sense_bytes,
        } = self;
        cdb_bytes >= CDB_BYTES_MIN
            && cdb_bytes <= Self::WANTED.cdb_bytes
            && sense_bytes <= Self::WANTED.sense_bytes
    }
}
