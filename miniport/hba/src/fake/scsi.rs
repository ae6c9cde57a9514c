//! A disk, as small as a SCSI disk can be: enough commands to move data and to fail.

use std::vec;
use std::vec::Vec;

use crate::scsi::cdb::{Access, Transfer, opcode};

/// SCSI status CHECK CONDITION.
pub(super) const CHECK_CONDITION: u8 = 0x02;

/// A disk in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// Its contents.
    pub contents: Vec<u8>,
    /// Bytes of a block.
    pub block_bytes: u32,
    /// SYNCHRONIZE CACHE commands executed.
    pub flushes: u32,
}

/// What a command did: data to give back, or how much data it took.
pub(super) enum Execution {
    Answer(Vec<u8>),
    Took(usize),
    /// Fixed-format sense data (SPC-5, 4.4.3).
    CheckCondition([u8; 18]),
}

impl Disk {
    /// A disk of `blocks` zeroed blocks.
    #[must_use]
    pub fn new(blocks: u32, block_bytes: u32) -> Self {
        let bytes = u64::from(blocks).saturating_mul(u64::from(block_bytes));
        Self {
            contents: vec![0; usize::try_from(bytes).unwrap_or(0)],
            block_bytes,
            flushes: 0,
        }
    }

    pub(super) fn execute(&mut self, cdb: &[u8], data_out: &[u8], luns: &[u16]) -> Execution {
        if let Some(transfer) = Transfer::parse(cdb) {
            return self.transfer(&transfer, data_out);
        }
        match cdb.first().copied() {
            Some(opcode::TEST_UNIT_READY) => Execution::Took(0),
            Some(opcode::SYNCHRONIZE_CACHE_10 | opcode::SYNCHRONIZE_CACHE_16) => {
                self.flushes = self.flushes.saturating_add(1);
                Execution::Took(0)
            }
            Some(opcode::INQUIRY) => {
                let mut answer = vec![0, 0, 6, 2, 31, 0, 0, 0];
                answer.extend_from_slice(b"FAKE    DISK            0001");
                Execution::Answer(answer)
            }
            Some(opcode::READ_CAPACITY_10) => {
                let last = u32::try_from(self.last_block()).unwrap_or(u32::MAX);
                Execution::Answer([last.to_be_bytes(), self.block_bytes.to_be_bytes()].concat())
            }
            Some(opcode::SERVICE_ACTION_IN_16) => {
                let mut answer = self.last_block().to_be_bytes().to_vec();
                answer.extend_from_slice(&self.block_bytes.to_be_bytes());
                answer.resize(32, 0);
                Execution::Answer(answer)
            }
            Some(opcode::REPORT_LUNS) => Execution::Answer(report(luns)),
            _ => Execution::CheckCondition(sense(5, 0x20)),
        }
    }

    fn last_block(&self) -> u64 {
        let blocks = u64::try_from(self.contents.len())
            .unwrap_or(0)
            .checked_div(u64::from(self.block_bytes));
        blocks.unwrap_or(0).saturating_sub(1)
    }

    fn transfer(&mut self, transfer: &Transfer, data_out: &[u8]) -> Execution {
        let out_of_range = Execution::CheckCondition(sense(5, 0x21));
        let block_bytes = u64::from(self.block_bytes);
        let bytes = u64::from(transfer.blocks)
            .checked_mul(block_bytes)
            .and_then(|bytes| usize::try_from(bytes).ok());
        let start = transfer
            .block
            .checked_mul(block_bytes)
            .and_then(|start| usize::try_from(start).ok());
        let range = start
            .zip(bytes)
            .and_then(|(start, bytes)| Some(start..start.checked_add(bytes)?));
        let Some(target) = range.and_then(|range| self.contents.get_mut(range)) else {
            return out_of_range;
        };
        match transfer.access {
            Access::Read => Execution::Answer(target.to_vec()),
            Access::Write => {
                let taken = target.len().min(data_out.len());
                for (byte, new) in target.iter_mut().zip(data_out) {
                    *byte = *new;
                }
                Execution::Took(taken)
            }
        }
    }
}

fn report(luns: &[u16]) -> Vec<u8> {
    let bytes = u32::try_from(luns.len()).unwrap_or(0).saturating_mul(8);
    let mut answer = bytes.to_be_bytes().to_vec();
    answer.resize(8, 0);
    for lun in luns {
        let field = if *lun > 0xFF { lun | 0x4000 } else { *lun };
        answer.extend_from_slice(&field.to_be_bytes());
        answer.resize(answer.len().saturating_add(6), 0);
    }
    answer
}

fn sense(key: u8, asc: u8) -> [u8; 18] {
    let mut bytes = [0; 18];
    let [
        code,
        _,
        sense_key,
        _,
        _,
        _,
        _,
        additional,
        _,
        _,
        _,
        _,
        qualified,
        ..,
    ] = &mut bytes;
    (*code, *sense_key, *additional, *qualified) = (0x70, key, 10, asc);
    bytes
}
