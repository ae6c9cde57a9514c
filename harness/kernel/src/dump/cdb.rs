//! Command descriptor blocks that a dump stack sends (SBC-4, SPC-5), encoded.
//!
//! Both forms of READ and WRITE occur: the 10-byte form where the numbers fit and the caller asks for it, else the
//! 16-byte form. Neighbours: [`super::request`] puts them into SRBs.

use crate::port::random::Random;

/// A command descriptor block with its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cdb {
    bytes: [u8; 16],
    length: u8,
}

/// Which form a READ or WRITE should have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CdbForm {
    /// 10 bytes, if address and count fit.
    Ten,
    /// 16 bytes.
    Sixteen,
}

impl CdbForm {
    /// Either, as the seed has it.
    pub fn drawn(random: &mut Random) -> Self {
        if random.one_in(2) {
            Self::Sixteen
        } else {
            Self::Ten
        }
    }
}

/// Direction of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the disk to memory.
    Read,
    /// From memory to the disk.
    Write,
}

const INQUIRY: u8 = 0x12;
const READ_10: u8 = 0x28;
const WRITE_10: u8 = 0x2A;
const SYNCHRONIZE_CACHE_10: u8 = 0x35;
const READ_16: u8 = 0x88;
const WRITE_16: u8 = 0x8A;

impl Cdb {
    /// INQUIRY for the standard data (SPC-5, 6.7).
    #[must_use]
    pub const fn inquiry(allocation_bytes: u8) -> Self {
        let mut bytes = [0; 16];
        bytes[0] = INQUIRY;
        bytes[4] = allocation_bytes;
        Self { bytes, length: 6 }
    }

    /// READ or WRITE of `sectors` sectors at `lba`; 16 bytes if they do not fit into 10.
    #[must_use]
    pub fn transfer(direction: Direction, form: CdbForm, lba: u64, sectors: u32) -> Self {
        if let (CdbForm::Ten, Ok(lba), Ok(sectors)) =
            (form, u32::try_from(lba), u16::try_from(sectors))
        {
            let mut cdb = Self::empty(10);
            cdb.bytes[0] = match direction {
                Direction::Read => READ_10,
                Direction::Write => WRITE_10,
            };
            cdb.bytes[2..6].copy_from_slice(&lba.to_be_bytes());
            cdb.bytes[7..9].copy_from_slice(&sectors.to_be_bytes());
            return cdb;
        }
        let mut cdb = Self::empty(16);
        cdb.bytes[0] = match direction {
            Direction::Read => READ_16,
            Direction::Write => WRITE_16,
        };
        cdb.bytes[2..10].copy_from_slice(&lba.to_be_bytes());
        cdb.bytes[10..14].copy_from_slice(&sectors.to_be_bytes());
        cdb
    }

    /// SYNCHRONIZE CACHE of the whole medium. Always 10 bytes: disks need not know the 16-byte form (QEMU's does not).
    #[must_use]
    pub const fn synchronize_cache() -> Self {
        let mut bytes = [0; 16];
        bytes[0] = SYNCHRONIZE_CACHE_10;
        Self { bytes, length: 10 }
    }

    /// All 16 bytes, zeros after the command's end.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 16] {
        &self.bytes
    }

    /// `CdbLength`.
    #[must_use]
    pub const fn length(&self) -> u8 {
        self.length
    }

    const fn empty(length: u8) -> Self {
        Self {
            bytes: [0; 16],
            length,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_bytes_where_they_suffice() {
        let cdb = Cdb::transfer(Direction::Write, CdbForm::Ten, 0x0102_0304, 0x0506);
        assert_eq!(cdb.length(), 10);
        assert_eq!(
            cdb.bytes(),
            &[0x2A, 0, 1, 2, 3, 4, 0, 5, 6, 0, 0, 0, 0, 0, 0, 0]
        );
        let cdb = Cdb::transfer(Direction::Read, CdbForm::Ten, 0, 1);
        assert_eq!((cdb.bytes()[0], cdb.length()), (0x28, 10));
    }

    #[test]
    fn sixteen_bytes_when_asked_for_or_needed() {
        let cdb = Cdb::transfer(
            Direction::Read,
            CdbForm::Sixteen,
            0x0102_0304_0506_0708,
            0x090A_0B0C,
        );
        assert_eq!(
            cdb.bytes(),
            &[0x88, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 0]
        );
        assert_eq!(cdb.length(), 16);
        let far = Cdb::transfer(Direction::Write, CdbForm::Ten, 1 << 32, 1);
        assert_eq!((far.bytes()[0], far.length()), (0x8A, 16));
        let long = Cdb::transfer(Direction::Write, CdbForm::Ten, 0, 0x1_0000);
        assert_eq!((long.bytes()[0], long.length()), (0x8A, 16));
    }

    #[test]
    fn other_commands() {
        assert_eq!(Cdb::inquiry(36).bytes()[..6], [0x12, 0, 0, 0, 36, 0]);
        assert_eq!(Cdb::inquiry(36).length(), 6);
        assert_eq!(Cdb::synchronize_cache().bytes()[0], 0x35);
        assert_eq!(Cdb::synchronize_cache().length(), 10);
    }
}
