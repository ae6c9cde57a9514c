//! The filter: what happens to each write and read.
//!
//! Key type: [`Sealing`]. Made at load with a fresh data key; from then on it is plain data in the filter's block and needs no service
//! of the system. After a resume the same block is at work again and holds the key that the image was written with, which is how
//! `Dump_Read` can undo what `Dump_Write` did.

use ddi::{
    filter::{DumpFilter, DumpType, LoadFailure, Read, Refusal, Write},
    random,
};
use zeroize::Zeroize as _;

use crate::{
    parameters::{Parameters, Treatment},
    region::{Plain, Region},
    seal::Record,
    xts::{DataKey, KEY_BYTES, SECTOR_BYTES},
};

/// `STATUS_NOT_SUPPORTED`: a dump of an unknown kind.
const UNKNOWN_KIND: i32 = 0xC000_00BB_u32.cast_signed();
/// `STATUS_INVALID_PARAMETER`: the public key is none.
const BAD_KEY: i32 = 0xC000_000D_u32.cast_signed();

/// A loaded filter.
#[expect(
    clippy::large_enum_variant,
    reason = "one exists per stack, in memory of its own"
)]
pub(crate) enum Sealing {
    /// Everything passes through.
    Off,
    /// Everything but the header is encrypted.
    On {
        /// The data key.
        cipher: DataKey,
        /// The data key, sealed.
        record: Record,
        /// The dump at hand.
        region: Region,
    },
}

impl DumpFilter for Sealing {
    fn load(dump_type: DumpType) -> Result<Self, LoadFailure> {
        let parameters = Parameters::read()?;
        let failure = |status| LoadFailure {
            severity: parameters.severity,
            status,
        };
        let (region, treatment) = match dump_type {
            DumpType::Crash => (Region::CRASH, parameters.crash_dumps),
            DumpType::Hibernation => (Region::Hibernation, parameters.hibernation),
            DumpType::Unknown(_) => return Err(failure(UNKNOWN_KIND)),
        };
        if treatment == Treatment::Plain {
            return Ok(Self::Off);
        }
        let mut key = DataKey([0; KEY_BYTES]);
        random::fill(&mut key.0).map_err(failure)?;
        let mut secret = [0; 32];
        random::fill(&mut secret).map_err(failure)?;
        let record = Record::seal(&key, &parameters.public_key, secret);
        secret.zeroize();
        Ok(Self::On {
            cipher: key,
            record: record.ok_or(failure(BAD_KEY))?,
            region,
        })
    }

    fn start(&mut self) {
        if let Self::On { region, .. } = self {
            region.restart();
        }
    }

    fn write(&mut self, write: &mut Write<'_>) -> Result<(), Refusal> {
        let Self::On {
            cipher,
            record,
            region,
        } = self
        else {
            return Ok(());
        };
        let offset = write.offset();
        demand_sectors(offset, write.data())?;
        let plain = region.note_write(offset, write.data());
        let is_hibernation = *region == Region::Hibernation;
        write.replace(|data| {
            for (at, part) in ciphered(plain, offset, data) {
                cipher.encrypt(at / SECTOR_BYTES as u64, part);
            }
            let Some(plain) = plain else {
                return Ok(());
            };
            let (place, skipped) = plain.record_in(offset, data);
            // The comment of a crash dump is free for everyone; the page of a hibernation file is its writer's.
            if is_hibernation && place.iter().any(|&byte| byte != 0) {
                return Err(Refusal::NoRoom);
            }
            let record = record.to_bytes(plain.start / SECTOR_BYTES as u64);
            for (slot, byte) in place.iter_mut().zip(record.into_iter().skip(skipped)) {
                *slot = byte;
            }
            Ok(())
        })
    }

    fn read(&mut self, read: &mut Read<'_>) -> Result<(), Refusal> {
        let Self::On { cipher, region, .. } = self else {
            return Ok(());
        };
        let offset = read.offset();
        let data = read.data_mut();
        demand_sectors(offset, data)?;
        for (at, part) in ciphered(region.plain(), offset, data) {
            cipher.decrypt(at / SECTOR_BYTES as u64, part);
        }
        Ok(())
    }
}

/// The parts of `data`, which lie at `offset`, that are ciphertext on the disk, each with its offset. Whole sectors, because the header
/// begins where a write began and has whole sectors.
fn ciphered(
    plain: Option<Plain>,
    offset: u64,
    data: &mut [u8],
) -> impl Iterator<Item = (u64, &mut [u8])> {
    let [before, header, after]: [&mut [u8]; 3] = match plain {
        Some(plain) => plain.cut(offset, data),
        None => [&mut [], &mut [], data],
    };
    let skipped = (before.len() + header.len()) as u64;
    [(offset, before), (offset.saturating_add(skipped), after)].into_iter()
}

fn demand_sectors(offset: u64, data: &[u8]) -> Result<(), Refusal> {
    let whole =
        offset.is_multiple_of(SECTOR_BYTES as u64) && data.len().is_multiple_of(SECTOR_BYTES);
    if whole {
        Ok(())
    } else {
        Err(Refusal::Misaligned)
    }
}

#[cfg(test)]
mod tests;
