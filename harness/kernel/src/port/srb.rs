//! Request blocks as bytes, in both shapes: built from a specification, read back after completion. Pure.
//!
//! * [`BlockKind::Extended`]: `STORAGE_REQUEST_BLOCK`, a BTL8 address, and one block of extended data.
//! * [`BlockKind::Classic`]: `SCSI_REQUEST_BLOCK`, or its PNP and power forms.
//!
//! Neighbours: [`super::abi::srb`] has the offsets; the port and the dump port write these bytes to memory.

use alloc::{vec, vec::Vec};

use super::{
    abi::{
        self, Structure,
        codes::srbex,
        srb::{
            SCSISTAT_GOOD, SRB_FUNCTION_PNP, SRB_FUNCTION_POWER,
            SRB_FUNCTION_STORAGE_REQUEST_BLOCK, SRB_SIGNATURE, SRB_STATUS_AUTOSENSE_VALID,
            SRB_STATUS_MASK, SRB_STATUS_PENDING, STOR_ADDR_BTL8_ADDRESS_LENGTH,
            STOR_ADDRESS_TYPE_BTL8, STORAGE_REQUEST_BLOCK_VERSION_1, ScsiPnpRequestBlock,
            ScsiPowerRequestBlock, ScsiRequestBlock, SrbExDataPnp, SrbExDataPower,
            SrbExDataScsiCdb16, SrbExDataScsiCdb32, StorAddrBtl8, StorageRequestBlock,
        },
    },
    queue::Address,
};

#[cfg(test)]
mod tests;

/// Longest command descriptor block that a request block holds.
pub const CDB_BYTES: usize = 32;
/// Longest one of the classic request block.
pub const CLASSIC_CDB_BYTES: usize = 16;
/// `SRB_SIMPLE_TAG_REQUEST`: the request may be reordered (srb.h).
const SIMPLE_TAG: u8 = 0x20;
/// `IoPriorityNormal` of `IO_PRIORITY_HINT` (wdm.h): what a class driver finds in nearly all of its IRPs and puts into the request.
const NORMAL_PRIORITY: u16 = 2;
/// Offset of the address in an extended request block.
const ADDRESS_OFFSET: u32 = 128;
/// Offset of the extended data.
const EX_DATA_OFFSET: u32 = 144;
/// `Length` of an extended block: the part that both shapes have in common (up to `Signature`).
const COMMON_HEADER_BYTES: u16 = 8;

/// Sizes as the types that their uses need; the comparison with the facts is below.
const CLASSIC_BYTES: usize = 88;
const CLASSIC_LENGTH: u16 = 88;
const CDB16_BYTES: u32 = 40;
const CDB32_BYTES: u32 = 56;
const POWER_BYTES: u32 = 24;
const PNP_BYTES: u32 = 24;
const EXTENDED_BYTES: usize = 200;
const _: () = {
    assert!(ScsiRequestBlock::BYTES == CLASSIC_BYTES as u64);
    assert!(ScsiRequestBlock::BYTES == CLASSIC_LENGTH as u64);
    assert!(SrbExDataScsiCdb16::BYTES == CDB16_BYTES as u64);
    assert!(SrbExDataScsiCdb32::BYTES == CDB32_BYTES as u64);
    assert!(
        SrbExDataScsiCdb32::SENSE_INFO_BUFFER.offset
            == SrbExDataScsiCdb16::SENSE_INFO_BUFFER.offset
    );
    assert!(SrbExDataPower::BYTES == POWER_BYTES as u64);
    assert!(SrbExDataPnp::BYTES == PNP_BYTES as u64);
    assert!(EXTENDED_BYTES as u64 == EX_DATA_OFFSET as u64 + SrbExDataScsiCdb32::BYTES);
};

/// Which of the two request blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockKind {
    /// `SCSI_REQUEST_BLOCK`.
    Classic,
    /// `STORAGE_REQUEST_BLOCK`.
    Extended,
}

/// What a request says beyond the common part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parameters {
    /// Nothing (flush, shutdown, resets, IO control, dump pointers).
    None,
    /// A SCSI command.
    Command {
        /// The command descriptor block, padded with zeros.
        cdb: [u8; CDB_BYTES],
        /// Its length in bytes.
        bytes: u8,
    },
    /// `SRB_FUNCTION_POWER`.
    Power {
        /// 1 = for the adapter, 0 = for the unit.
        flags: u8,
        /// `STOR_DEVICE_POWER_STATE`.
        state: u32,
        /// `STOR_POWER_ACTION`.
        action: u32,
    },
    /// `SRB_FUNCTION_PNP`.
    Pnp {
        /// 1 = for the adapter, 0 = for the unit.
        flags: u32,
        /// `STOR_PNP_ACTION`.
        action: u32,
    },
}

/// A request to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SrbSpec {
    /// `SRB_FUNCTION_*`.
    pub function: u8,
    /// The unit.
    pub address: Address,
    /// System port number (`STOR_ADDR_BTL8.Port`).
    pub port: u16,
    /// `SRB_FLAGS_*`.
    pub flags: u32,
    /// Time-out in seconds.
    pub timeout_seconds: u32,
    /// `DataBuffer` as the miniport sees it.
    pub data_buffer: u64,
    /// `DataTransferLength` in bytes.
    pub data_bytes: u32,
    /// Sense buffer, 0 for none.
    pub sense_buffer: u64,
    /// Its length in bytes.
    pub sense_bytes: u8,
    /// SRB extension, 0 for none.
    pub extension: u64,
    /// Tag of the request.
    pub tag: u32,
    /// The rest.
    pub parameters: Parameters,
}

/// What the miniport left in a request block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SrbOutcome {
    /// `SrbStatus` with all bits.
    pub srb_status: u8,
    /// `ScsiStatus` (GOOD where the request has none).
    pub scsi_status: u8,
    /// `DataTransferLength`.
    pub data_bytes: u32,
    /// `SenseInfoBufferLength`.
    pub sense_bytes: u8,
    /// `SystemStatus` (0 in the classic shape).
    pub system_status: u32,
}

impl SrbOutcome {
    /// The status proper, without the flag bits.
    #[must_use]
    pub const fn status(self) -> u8 {
        self.srb_status & SRB_STATUS_MASK
    }

    /// Whether sense data are announced.
    #[must_use]
    pub const fn has_sense(self) -> bool {
        self.srb_status & SRB_STATUS_AUTOSENSE_VALID != 0
    }
}

impl SrbSpec {
    /// Bytes that every request block of this shape fits in.
    #[must_use]
    pub const fn block_bytes(kind: BlockKind) -> u64 {
        match kind {
            BlockKind::Classic => ScsiRequestBlock::BYTES,
            BlockKind::Extended => EXTENDED_BYTES as u64,
        }
    }

    /// The request block as bytes; `base` is the address at which it will lie.
    #[must_use]
    pub fn encode(&self, kind: BlockKind) -> Vec<u8> {
        match kind {
            BlockKind::Classic => self.encode_classic(),
            BlockKind::Extended => self.encode_extended(),
        }
    }

    fn encode_classic(&self) -> Vec<u8> {
        let mut block = vec![0; CLASSIC_BYTES];
        let srb = &mut block[..];
        abi::put(srb, ScsiRequestBlock::LENGTH, CLASSIC_LENGTH);
        abi::put(srb, ScsiRequestBlock::FUNCTION, self.function);
        abi::put(srb, ScsiRequestBlock::SRB_STATUS, SRB_STATUS_PENDING);
        abi::put(srb, ScsiRequestBlock::PATH_ID, self.address.path);
        abi::put(srb, ScsiRequestBlock::TARGET_ID, self.address.target);
        abi::put(srb, ScsiRequestBlock::LUN, self.address.lun);
        abi::put(srb, ScsiRequestBlock::SRB_FLAGS, self.flags);
        abi::put(srb, ScsiRequestBlock::DATA_TRANSFER_LENGTH, self.data_bytes);
        abi::put(srb, ScsiRequestBlock::TIME_OUT_VALUE, self.timeout_seconds);
        abi::put(srb, ScsiRequestBlock::DATA_BUFFER, self.data_buffer);
        abi::put(srb, ScsiRequestBlock::SENSE_INFO_BUFFER, self.sense_buffer);
        abi::put(srb, ScsiRequestBlock::SRB_EXTENSION, self.extension);
        match self.parameters {
            Parameters::None => {}
            Parameters::Command { cdb, bytes } => {
                abi::put(srb, ScsiRequestBlock::CDB, first_16(&cdb));
                abi::put(srb, ScsiRequestBlock::CDB_LENGTH, bytes);
                abi::put(
                    srb,
                    ScsiRequestBlock::SENSE_INFO_BUFFER_LENGTH,
                    self.sense_bytes,
                );
                abi::put(srb, ScsiRequestBlock::QUEUE_TAG, self.tag.to_le_bytes()[0]);
                abi::put(srb, ScsiRequestBlock::QUEUE_ACTION, SIMPLE_TAG);
            }
            Parameters::Power {
                flags,
                state,
                action,
            } => {
                abi::put(srb, ScsiPowerRequestBlock::SRB_POWER_FLAGS, flags);
                abi::put(srb, ScsiPowerRequestBlock::DEVICE_POWER_STATE, state);
                abi::put(srb, ScsiPowerRequestBlock::POWER_ACTION, action);
            }
            Parameters::Pnp { flags, action } => {
                abi::put(srb, ScsiPnpRequestBlock::PNP_ACTION, action);
                abi::put(srb, ScsiPnpRequestBlock::SRB_PNP_FLAGS, flags);
            }
        }
        block
    }

    fn encode_extended(&self) -> Vec<u8> {
        let mut block = vec![0; EXTENDED_BYTES];
        let ex_bytes = self.encode_ex_data(&mut block);
        let srb = &mut block[..];
        let length = if ex_bytes == 0 {
            EX_DATA_OFFSET
        } else {
            abi::put(srb, StorageRequestBlock::NUM_SRB_EX_DATA, 1);
            abi::put(
                srb,
                StorageRequestBlock::SRB_EX_DATA_OFFSET,
                [EX_DATA_OFFSET],
            );
            EX_DATA_OFFSET + ex_bytes
        };
        abi::put(srb, StorageRequestBlock::LENGTH, COMMON_HEADER_BYTES);
        abi::put(
            srb,
            StorageRequestBlock::FUNCTION,
            SRB_FUNCTION_STORAGE_REQUEST_BLOCK,
        );
        abi::put(srb, StorageRequestBlock::SRB_STATUS, SRB_STATUS_PENDING);
        abi::put(srb, StorageRequestBlock::SIGNATURE, SRB_SIGNATURE);
        abi::put(
            srb,
            StorageRequestBlock::VERSION,
            STORAGE_REQUEST_BLOCK_VERSION_1,
        );
        abi::put(srb, StorageRequestBlock::SRB_LENGTH, length);
        abi::put(
            srb,
            StorageRequestBlock::SRB_FUNCTION,
            u32::from(self.function),
        );
        abi::put(srb, StorageRequestBlock::SRB_FLAGS, self.flags);
        abi::put(srb, StorageRequestBlock::REQUEST_TAG, self.tag);
        abi::put(srb, StorageRequestBlock::REQUEST_PRIORITY, NORMAL_PRIORITY);
        abi::put(
            srb,
            StorageRequestBlock::REQUEST_ATTRIBUTE,
            u16::from(SIMPLE_TAG),
        );
        abi::put(
            srb,
            StorageRequestBlock::TIME_OUT_VALUE,
            self.timeout_seconds,
        );
        abi::put(srb, StorageRequestBlock::ADDRESS_OFFSET, ADDRESS_OFFSET);
        abi::put(
            srb,
            StorageRequestBlock::DATA_TRANSFER_LENGTH,
            self.data_bytes,
        );
        abi::put(srb, StorageRequestBlock::DATA_BUFFER, self.data_buffer);
        abi::put(srb, StorageRequestBlock::MINIPORT_CONTEXT, self.extension);
        let address = &mut block[ADDRESS_OFFSET as usize..];
        abi::put(address, StorAddrBtl8::TYPE, STOR_ADDRESS_TYPE_BTL8);
        abi::put(address, StorAddrBtl8::PORT, self.port);
        abi::put(
            address,
            StorAddrBtl8::ADDRESS_LENGTH,
            STOR_ADDR_BTL8_ADDRESS_LENGTH,
        );
        abi::put(address, StorAddrBtl8::PATH, self.address.path);
        abi::put(address, StorAddrBtl8::TARGET, self.address.target);
        abi::put(address, StorAddrBtl8::LUN, self.address.lun);
        block.truncate(length as usize);
        block
    }

    /// Writes the extended data; returns its length in bytes, 0 for none.
    fn encode_ex_data(&self, block: &mut [u8]) -> u32 {
        let data = &mut block[EX_DATA_OFFSET as usize..];
        let (kind, bytes) = match self.parameters {
            Parameters::None => return 0,
            Parameters::Command { cdb, bytes } => {
                let (kind, size) = if usize::from(bytes) <= CLASSIC_CDB_BYTES {
                    abi::put(data, SrbExDataScsiCdb16::CDB, first_16(&cdb));
                    (srbex::SCSI_CDB16, CDB16_BYTES)
                } else {
                    abi::put(data, SrbExDataScsiCdb32::CDB, cdb);
                    (srbex::SCSI_CDB32, CDB32_BYTES)
                };
                abi::put(data, SrbExDataScsiCdb16::CDB_LENGTH, bytes);
                abi::put(
                    data,
                    SrbExDataScsiCdb16::SENSE_INFO_BUFFER,
                    self.sense_buffer,
                );
                abi::put(
                    data,
                    SrbExDataScsiCdb16::SENSE_INFO_BUFFER_LENGTH,
                    self.sense_bytes,
                );
                (kind, size)
            }
            Parameters::Power {
                flags,
                state,
                action,
            } => {
                abi::put(data, SrbExDataPower::SRB_POWER_FLAGS, flags);
                abi::put(data, SrbExDataPower::DEVICE_POWER_STATE, state);
                abi::put(data, SrbExDataPower::POWER_ACTION, action);
                (srbex::POWER, POWER_BYTES)
            }
            Parameters::Pnp { flags, action } => {
                abi::put(data, SrbExDataPnp::PNP_ACTION, action);
                abi::put(data, SrbExDataPnp::SRB_PNP_FLAGS, flags);
                (srbex::PNP, PNP_BYTES)
            }
        };
        abi::put(data, SrbExDataScsiCdb16::TYPE, kind.cast_unsigned());
        // `Length` counts what follows the Type and Length members.
        abi::put(data, SrbExDataScsiCdb16::LENGTH, bytes - 8);
        bytes
    }
}

/// A command of up to 16 bytes with room for 32.
#[must_use]
pub fn padded(cdb: &[u8; CLASSIC_CDB_BYTES]) -> [u8; CDB_BYTES] {
    let mut bytes = [0; CDB_BYTES];
    bytes[..CLASSIC_CDB_BYTES].copy_from_slice(cdb);
    bytes
}

/// The part of a command that a block for 16 bytes holds.
const fn first_16(cdb: &[u8; CDB_BYTES]) -> [u8; CLASSIC_CDB_BYTES] {
    let mut first = [0; CLASSIC_CDB_BYTES];
    let mut index = 0;
    while index < CLASSIC_CDB_BYTES {
        first[index] = cdb[index];
        index += 1;
    }
    first
}

/// Reads a completed request block; `None` if it is too short or no longer a request block.
#[must_use]
pub fn outcome(block: &[u8], kind: BlockKind) -> Option<SrbOutcome> {
    match kind {
        BlockKind::Classic => {
            let function = abi::get(block, ScsiRequestBlock::FUNCTION)?;
            let plain = function == SRB_FUNCTION_POWER || function == SRB_FUNCTION_PNP;
            Some(SrbOutcome {
                srb_status: abi::get(block, ScsiRequestBlock::SRB_STATUS)?,
                scsi_status: if plain {
                    SCSISTAT_GOOD
                } else {
                    abi::get(block, ScsiRequestBlock::SCSI_STATUS)?
                },
                data_bytes: abi::get(block, ScsiRequestBlock::DATA_TRANSFER_LENGTH)?,
                sense_bytes: if plain {
                    0
                } else {
                    abi::get(block, ScsiRequestBlock::SENSE_INFO_BUFFER_LENGTH)?
                },
                system_status: 0,
            })
        }
        BlockKind::Extended => {
            let command = command_data(block);
            Some(SrbOutcome {
                srb_status: abi::get(block, StorageRequestBlock::SRB_STATUS)?,
                scsi_status: command
                    .and_then(|data| abi::get(data, SrbExDataScsiCdb16::SCSI_STATUS))
                    .unwrap_or(SCSISTAT_GOOD),
                data_bytes: abi::get(block, StorageRequestBlock::DATA_TRANSFER_LENGTH)?,
                sense_bytes: command
                    .and_then(|data| abi::get(data, SrbExDataScsiCdb16::SENSE_INFO_BUFFER_LENGTH))
                    .unwrap_or(0),
                system_status: abi::get(block, StorageRequestBlock::SYSTEM_STATUS)?,
            })
        }
    }
}

/// The extended data of a command; the offset is the port's own and fixed.
fn command_data(block: &[u8]) -> Option<&[u8]> {
    let data = block.get(EX_DATA_OFFSET as usize..)?;
    let kind: u32 = abi::get(data, SrbExDataScsiCdb16::TYPE)?;
    // Both kinds have status and sense length in the same places.
    [srbex::SCSI_CDB16, srbex::SCSI_CDB32]
        .into_iter()
        .any(|known| kind == known.cast_unsigned())
        .then_some(data)
}
