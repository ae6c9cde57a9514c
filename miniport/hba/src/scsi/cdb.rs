//! Command descriptor blocks that driver and tests build or look into (SBC-4, 5; SPC-5, 6).

/// Longest CDB built here, in bytes.
pub const CDB_BYTES_MAX: usize = 16;

/// Operation codes (SPC-5, SBC-4).
pub mod opcode {
    /// TEST UNIT READY.
    pub const TEST_UNIT_READY: u8 = 0x00;
    /// REQUEST SENSE.
    pub const REQUEST_SENSE: u8 = 0x03;
    /// READ (6).
    pub const READ_6: u8 = 0x08;
    /// WRITE (6).
    pub const WRITE_6: u8 = 0x0A;
    /// INQUIRY.
    pub const INQUIRY: u8 = 0x12;
    /// READ CAPACITY (10).
    pub const READ_CAPACITY_10: u8 = 0x25;
    /// READ (10).
    pub const READ_10: u8 = 0x28;
    /// WRITE (10).
    pub const WRITE_10: u8 = 0x2A;
    /// SYNCHRONIZE CACHE (10).
    pub const SYNCHRONIZE_CACHE_10: u8 = 0x35;
    /// READ (16).
    pub const READ_16: u8 = 0x88;
    /// WRITE (16).
    pub const WRITE_16: u8 = 0x8A;
    /// SYNCHRONIZE CACHE (16).
    pub const SYNCHRONIZE_CACHE_16: u8 = 0x91;
    /// SERVICE ACTION IN (16), the carrier of READ CAPACITY (16).
    pub const SERVICE_ACTION_IN_16: u8 = 0x9E;
    /// REPORT LUNS.
    pub const REPORT_LUNS: u8 = 0xA0;
    /// READ (12).
    pub const READ_12: u8 = 0xA8;
    /// WRITE (12).
    pub const WRITE_12: u8 = 0xAA;
}

const SERVICE_ACTION_READ_CAPACITY_16: u8 = 0x10;
const FORCE_UNIT_ACCESS: u8 = 0x08;

/// A command descriptor block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cdb {
    bytes: [u8; CDB_BYTES_MAX],
    length: u8,
}

impl Cdb {
    const fn new<const N: usize>(bytes: [u8; N]) -> Self {
        const { assert!(N == 6 || N == 10 || N == 12 || N == 16) }
        let mut all = [0; CDB_BYTES_MAX];
        let mut target: &mut [u8] = &mut all;
        let mut source: &[u8] = &bytes;
        let mut length = 0u8;
        while let ([to, more @ ..], [from, rest @ ..]) = (target, source) {
            *to = *from;
            (target, source) = (more, rest);
            length = length.saturating_add(1);
        }
        Self { bytes: all, length }
    }

    /// The same with `value` at `offset`; a value that does not fit is left out.
    fn with<const N: usize>(mut self, offset: usize, value: [u8; N]) -> Self {
        if let Some(target) = self
            .bytes
            .get_mut(offset..)
            .and_then(<[u8]>::first_chunk_mut)
        {
            *target = value;
        }
        self
    }

    /// The bytes to send.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes
            .get(..usize::from(self.length))
            .unwrap_or(&self.bytes)
    }
}

/// The forms of READ and WRITE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// 21-bit block address, 1 to 256 blocks.
    Six,
    /// 32-bit block address, 16-bit count.
    Ten,
    /// 32-bit block address, 32-bit count.
    Twelve,
    /// 64-bit block address, 32-bit count.
    Sixteen,
}

impl Form {
    /// Bytes of a CDB in this form.
    #[must_use]
    pub const fn bytes(self) -> u8 {
        match self {
            Self::Six => 6,
            Self::Ten => 10,
            Self::Twelve => 12,
            Self::Sixteen => 16,
        }
    }
}

/// READ or WRITE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// From the medium.
    Read,
    /// To the medium.
    Write,
}

/// Whether the medium itself must be reached before the command ends (FUA).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caching {
    /// The volatile cache will do.
    Allowed,
    /// FUA: not before the data are on, or from, the medium.
    Bypassed,
}

/// A READ or WRITE, whatever its form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transfer {
    /// Which of the two.
    pub access: Access,
    /// First logical block.
    pub block: u64,
    /// Number of logical blocks.
    pub blocks: u32,
    /// FUA.
    pub caching: Caching,
}

/// Why a transfer cannot be expressed in a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CdbError {
    /// The block address has too many bits.
    BlockTooLarge,
    /// The count has too many bits, or is 0 in the six-byte form.
    CountOutOfRange,
    /// The six-byte form has no FUA bit.
    NoForceUnitAccess,
}

impl Transfer {
    /// Reads a READ or WRITE out of a CDB; `None` for other commands and for CDBs that are too short.
    #[must_use]
    pub fn parse(cdb: &[u8]) -> Option<Self> {
        let operation = *cdb.first()?;
        let (access, form) = match operation {
            opcode::READ_6 => (Access::Read, Form::Six),
            opcode::READ_10 => (Access::Read, Form::Ten),
            opcode::READ_12 => (Access::Read, Form::Twelve),
            opcode::READ_16 => (Access::Read, Form::Sixteen),
            opcode::WRITE_6 => (Access::Write, Form::Six),
            opcode::WRITE_10 => (Access::Write, Form::Ten),
            opcode::WRITE_12 => (Access::Write, Form::Twelve),
            opcode::WRITE_16 => (Access::Write, Form::Sixteen),
            _ => return None,
        };
        if cdb.len() < usize::from(form.bytes()) {
            return None;
        }
        let (block, blocks) = match form {
            Form::Six => {
                let [_, high, middle, low] = *cdb.first_chunk()?;
                let count = *cdb.get(4)?;
                let blocks = if count == 0 { 256 } else { u32::from(count) };
                (
                    u64::from(u32::from_be_bytes([0, high & 0x1F, middle, low])),
                    blocks,
                )
            }
            Form::Ten => {
                let blocks = u16::from_be_bytes(field(cdb, 7)?);
                (
                    u64::from(u32::from_be_bytes(field(cdb, 2)?)),
                    u32::from(blocks),
                )
            }
            Form::Twelve => {
                let block = u32::from_be_bytes(field(cdb, 2)?);
                (u64::from(block), u32::from_be_bytes(field(cdb, 6)?))
            }
            Form::Sixteen => {
                let block = u64::from_be_bytes(field(cdb, 2)?);
                (block, u32::from_be_bytes(field(cdb, 10)?))
            }
        };
        let caching = match (form, *cdb.get(1)? & FORCE_UNIT_ACCESS) {
            (Form::Six, _) | (_, 0) => Caching::Allowed,
            _ => Caching::Bypassed,
        };
        Some(Self {
            access,
            block,
            blocks,
            caching,
        })
    }

    /// Writes the transfer in `form`.
    ///
    /// # Errors
    /// What the form cannot express; nothing is cut.
    pub fn build(&self, form: Form) -> Result<Cdb, CdbError> {
        let Self {
            access,
            block,
            blocks,
            caching,
        } = *self;
        let operation = |read: u8, write: u8| match access {
            Access::Read => read,
            Access::Write => write,
        };
        let flags = match caching {
            Caching::Allowed => 0,
            Caching::Bypassed => FORCE_UNIT_ACCESS,
        };
        let block_32 = || {
            u32::try_from(block)
                .map(u32::to_be_bytes)
                .map_err(|_| CdbError::BlockTooLarge)
        };
        match form {
            Form::Six => {
                let [zero, high, middle, low] = block_32()?;
                if zero != 0 || high > 0x1F {
                    return Err(CdbError::BlockTooLarge);
                }
                if flags != 0 {
                    return Err(CdbError::NoForceUnitAccess);
                }
                let count = match blocks {
                    256 => 0,
                    0 => return Err(CdbError::CountOutOfRange),
                    blocks => u8::try_from(blocks).map_err(|_| CdbError::CountOutOfRange)?,
                };
                Ok(Cdb::new([
                    operation(opcode::READ_6, opcode::WRITE_6),
                    high,
                    middle,
                    low,
                    count,
                    0,
                ]))
            }
            Form::Ten => {
                let count = u16::try_from(blocks).map_err(|_| CdbError::CountOutOfRange)?;
                let cdb = Cdb::new([
                    operation(opcode::READ_10, opcode::WRITE_10),
                    flags,
                    0,
                    0,
                    0,
                    0,
                    0,
                    0,
                    0,
                    0,
                ]);
                Ok(cdb.with(2, block_32()?).with(7, count.to_be_bytes()))
            }
            Form::Twelve => {
                let operation = operation(opcode::READ_12, opcode::WRITE_12);
                let cdb = Cdb::new([operation, flags, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
                Ok(cdb.with(2, block_32()?).with(6, blocks.to_be_bytes()))
            }
            Form::Sixteen => {
                let operation = operation(opcode::READ_16, opcode::WRITE_16);
                let cdb = Cdb::new([operation, flags, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
                Ok(cdb
                    .with(2, block.to_be_bytes())
                    .with(10, blocks.to_be_bytes()))
            }
        }
    }
}

/// `N` bytes of a CDB from `offset`.
fn field<const N: usize>(cdb: &[u8], offset: usize) -> Option<[u8; N]> {
    cdb.get(offset..)?.first_chunk().copied()
}

/// TEST UNIT READY.
#[must_use]
pub const fn test_unit_ready() -> Cdb {
    Cdb::new([opcode::TEST_UNIT_READY, 0, 0, 0, 0, 0])
}

/// INQUIRY for the standard data (SPC-5, 6.7.2), at most `allocation` bytes.
#[must_use]
pub const fn inquiry(allocation: u16) -> Cdb {
    let [high, low] = allocation.to_be_bytes();
    Cdb::new([opcode::INQUIRY, 0, 0, high, low, 0])
}

/// INQUIRY for a vital product data page (SPC-5, 6.7.1), at most `allocation` bytes.
#[must_use]
pub const fn inquiry_page(page: u8, allocation: u16) -> Cdb {
    let [high, low] = allocation.to_be_bytes();
    Cdb::new([opcode::INQUIRY, 1, page, high, low, 0])
}

/// READ CAPACITY (10); 8 bytes come back.
#[must_use]
pub const fn read_capacity_10() -> Cdb {
    Cdb::new([opcode::READ_CAPACITY_10, 0, 0, 0, 0, 0, 0, 0, 0, 0])
}

/// READ CAPACITY (16), at most `allocation` bytes; 32 come back.
#[must_use]
pub const fn read_capacity_16(allocation: u32) -> Cdb {
    let [a, b, c, d] = allocation.to_be_bytes();
    let action = SERVICE_ACTION_READ_CAPACITY_16;
    Cdb::new([
        opcode::SERVICE_ACTION_IN_16,
        action,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        a,
        b,
        c,
        d,
        0,
        0,
    ])
}

/// REPORT LUNS for all logical units but the well-known ones (SPC-5, 6.33), at most `allocation` bytes.
#[must_use]
pub const fn report_luns(allocation: u32) -> Cdb {
    let [a, b, c, d] = allocation.to_be_bytes();
    Cdb::new([opcode::REPORT_LUNS, 0, 0, 0, 0, 0, a, b, c, d, 0, 0])
}

/// SYNCHRONIZE CACHE (10) for the whole medium: block 0, count 0 (SBC-4, 5.26).
#[must_use]
pub const fn synchronize_cache_10() -> Cdb {
    Cdb::new([opcode::SYNCHRONIZE_CACHE_10, 0, 0, 0, 0, 0, 0, 0, 0, 0])
}

/// SYNCHRONIZE CACHE (16) for the whole medium: block 0, count 0 (SBC-4, 5.27).
#[must_use]
pub const fn synchronize_cache_16() -> Cdb {
    Cdb::new([
        opcode::SYNCHRONIZE_CACHE_16,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
    ])
}

/// Size of a medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// Address of the last block.
    pub last_block: u64,
    /// Bytes of a block.
    pub block_bytes: u32,
}

impl Capacity {
    /// Reads the answer to READ CAPACITY (10); a last block of `0xFFFF_FFFF` means "ask with READ CAPACITY (16)".
    #[must_use]
    pub fn parse_10(answer: &[u8]) -> Option<Self> {
        Some(Self {
            last_block: u64::from(u32::from_be_bytes(field(answer, 0)?)),
            block_bytes: u32::from_be_bytes(field(answer, 4)?),
        })
    }

    /// Reads the answer to READ CAPACITY (16).
    #[must_use]
    pub fn parse_16(answer: &[u8]) -> Option<Self> {
        Some(Self {
            last_block: u64::from_be_bytes(field(answer, 0)?),
            block_bytes: u32::from_be_bytes(field(answer, 8)?),
        })
    }
}

/// The logical unit numbers of an answer to REPORT LUNS: as many as it announces and really has. Entries in other than
/// single-level addressing are skipped.
pub fn reported_luns(answer: &[u8]) -> impl Iterator<Item = u16> + '_ {
    let (announced, list) = match answer.split_first_chunk() {
        Some((length, rest)) => (u32::from_be_bytes(*length), rest.get(4..).unwrap_or(&[])),
        None => (0, &[][..]),
    };
    let bytes = usize::try_from(announced)
        .unwrap_or(usize::MAX)
        .min(list.len());
    let (entries, _) = list.get(..bytes).unwrap_or(&[]).as_chunks::<8>();
    entries
        .iter()
        .filter_map(|&[high, low, ..]| match u16::from_be_bytes([high, low]) {
            field @ 0..=0xFF => Some(field),
            field @ 0x4000..=0x7FFF => Some(field & super::lun::LUN_MAX),
            _ => None,
        })
}

#[cfg(test)]
mod tests;
