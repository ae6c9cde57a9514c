//! The 8-byte address of virtio-scsi (virtio 5.6.6.1; SAM-5, 4.7): the one place where it is written and read.
//!
//! Byte 0 is 1, byte 1 the target, bytes 2 and 3 a single-level logical unit number, the rest zero. Numbers up to 255 use
//! peripheral device addressing (byte 2 is 0), larger ones flat space addressing (0x4000 plus the number).

/// Largest logical unit number that single-level addressing can express.
pub const LUN_MAX: u16 = 0x3FFF;

const VIRTIO_SCSI: u8 = 1;
const FLAT_SPACE: u16 = 0x4000;
const PERIPHERAL_MAX: u16 = 0xFF;
const METHOD_MASK: u16 = 0xC000;

/// A target and one of its logical units.
///
/// # Invariants
/// The logical unit number is at most [`LUN_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScsiAddress {
    target: u8,
    lun: u16,
}

/// Why numbers or bytes are no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LunError {
    /// The logical unit number exceeds [`LUN_MAX`].
    LunTooLarge,
    /// The first byte is not 1: a well-known logical unit, or nonsense.
    Format,
    /// Neither peripheral device addressing of bus 0 nor flat space addressing.
    Method,
    /// One of the last four bytes is not zero.
    Tail,
}

impl ScsiAddress {
    /// Addresses logical unit `lun` of `target`.
    ///
    /// # Errors
    /// [`LunError::LunTooLarge`].
    pub const fn new(target: u8, lun: u16) -> Result<Self, LunError> {
        if lun > LUN_MAX {
            Err(LunError::LunTooLarge)
        } else {
            Ok(Self { target, lun })
        }
    }

    /// Addresses a logical unit up to 255; nothing can go wrong.
    #[must_use]
    pub const fn from_u8(target: u8, lun: u8) -> Self {
        Self {
            target,
            lun: u16::from_le_bytes([lun, 0]),
        }
    }

    /// The target.
    #[must_use]
    pub const fn target(self) -> u8 {
        self.target
    }

    /// The logical unit number.
    #[must_use]
    pub const fn lun(self) -> u16 {
        self.lun
    }

    /// The bytes on the wire.
    #[inline]
    #[must_use]
    pub const fn encode(self) -> [u8; 8] {
        let method = if self.lun > PERIPHERAL_MAX {
            FLAT_SPACE
        } else {
            0
        };
        let [high, low] = (self.lun | method).to_be_bytes();
        [VIRTIO_SCSI, self.target, high, low, 0, 0, 0, 0]
    }

    /// Reads the bytes that a device sent. Flat space addressing is accepted for small numbers too.
    ///
    /// # Errors
    /// The rule that the bytes break.
    pub const fn decode(bytes: [u8; 8]) -> Result<Self, LunError> {
        let [format, target, high, low, tail @ ..] = bytes;
        if format != VIRTIO_SCSI {
            return Err(LunError::Format);
        }
        if u32::from_le_bytes(tail) != 0 {
            return Err(LunError::Tail);
        }
        let field = u16::from_be_bytes([high, low]);
        match field & METHOD_MASK {
            FLAT_SPACE => Ok(Self {
                target,
                lun: field & LUN_MAX,
            }),
            0 if high == 0 => Ok(Self { target, lun: field }),
            _ => Err(LunError::Method),
        }
    }
}

#[cfg(test)]
mod tests;
