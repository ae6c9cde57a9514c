//! The context that the normal life leaves for the dump life: plain bytes, checked when they come back.
//!
//! Key type: [`DumpContext`]. Layout, little endian, [`DumpContext::BYTES`] bytes: 0 magic, 4 version, 6 length, 8 checksum of all that follows,
//! 12 path, target, LUN, number of ranges, 16 six ranges of 16 bytes (start, length, space), 112 the dump plan in the engine's own
//! checked form. No pointers: everything that the dump life reaches, it reaches by its own means.

use ddi::{context::AccessRange, port::UnitAddress};
use hba::plan::{PLAN_BYTES, Plan};

use crate::device::RANGES_MAX;

const MAGIC: u32 = u32::from_le_bytes(*b"HBDC");
const VERSION: u16 = 1;
const BODY: usize = 12;
const RANGES: usize = 16;
const RANGE_BYTES: usize = 16;
const PLAN: usize = RANGES + RANGES_MAX * RANGE_BYTES;
const BYTES: usize = PLAN + PLAN_BYTES;
#[expect(clippy::cast_possible_truncation, reason = "checked in the next line")]
const LENGTH: u16 = BYTES as u16;
const _: () = assert!(LENGTH as usize == BYTES);

/// What the dump life is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DumpContext {
    /// The unit that the dump goes to.
    pub(crate) unit: UnitAddress,
    /// How to use the device.
    pub(crate) plan: Plan,
    /// Where the device's registers are; mapped by the normal life with these addresses and lengths.
    pub(crate) ranges: [Option<AccessRange>; RANGES_MAX],
}

/// Why bytes are no context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContextError {
    /// The magic is missing.
    Magic = 1,
    /// Another version of the driver wrote it.
    Version = 2,
    /// The length is not that of a context.
    Length = 3,
    /// The bytes were damaged.
    Checksum = 4,
    /// A field has an impossible value.
    Value = 5,
    /// The plan is invalid.
    Plan = 6,
}

impl DumpContext {
    /// Length of a context in bytes, as a size of arrays.
    pub(crate) const BYTES: usize = BYTES;
    /// Length of a context in bytes.
    pub(crate) const LENGTH: u16 = LENGTH;

    /// The context as bytes.
    pub(crate) fn encode(&self) -> [u8; BYTES] {
        let Self { unit, plan, ranges } = self;
        let mut bytes = [0; BYTES];
        let used = (0u8..)
            .zip(ranges.iter().flatten())
            .map(|(index, _)| index + 1)
            .last();
        put(&mut bytes, 0, &MAGIC.to_le_bytes());
        put(&mut bytes, 4, &VERSION.to_le_bytes());
        put(&mut bytes, 6, &LENGTH.to_le_bytes());
        let UnitAddress { path, target, lun } = *unit;
        put(&mut bytes, 12, &[path, target, lun, used.unwrap_or(0)]);
        for (place, range) in (RANGES..).step_by(RANGE_BYTES).zip(ranges.iter().flatten()) {
            let AccessRange {
                start,
                bytes: length,
                in_memory_space,
            } = *range;
            put(&mut bytes, place, &start.to_le_bytes());
            put(&mut bytes, place + 8, &length.to_le_bytes());
            put(&mut bytes, place + 12, &[in_memory_space.into(), 0, 0, 0]);
        }
        let plan: [u8; PLAN_BYTES] = plan.into();
        put(&mut bytes, PLAN, &plan);
        let sum = checksum(&bytes);
        put(&mut bytes, 8, &sum.to_le_bytes());
        bytes
    }

    /// The context in bytes that went through hands unknown.
    pub(crate) fn decode(bytes: &[u8; BYTES]) -> Result<Self, ContextError> {
        if get(bytes, 0) != MAGIC.to_le_bytes() {
            return Err(ContextError::Magic);
        }
        if get(bytes, 4) != VERSION.to_le_bytes() {
            return Err(ContextError::Version);
        }
        if usize::from(u16::from_le_bytes(get(bytes, 6))) != BYTES {
            return Err(ContextError::Length);
        }
        if u32::from_le_bytes(get(bytes, 8)) != checksum(bytes) {
            return Err(ContextError::Checksum);
        }
        let [path, target, lun, used] = get(bytes, 12);
        if usize::from(used) > RANGES_MAX {
            return Err(ContextError::Value);
        }
        let mut ranges = [None; RANGES_MAX];
        let places = (RANGES..).step_by(RANGE_BYTES);
        for (range, place) in ranges.iter_mut().zip(places).take(used.into()) {
            let [space, ..] = get::<4>(bytes, place + 12);
            *range = Some(AccessRange {
                start: u64::from_le_bytes(get(bytes, place)),
                bytes: u32::from_le_bytes(get(bytes, place + 8)),
                in_memory_space: match space {
                    0 => false,
                    1 => true,
                    _ => return Err(ContextError::Value),
                },
            });
        }
        let plan = bytes.get(PLAN..).unwrap_or(&[]);
        Ok(Self {
            unit: UnitAddress { path, target, lun },
            plan: Plan::try_from(plan).map_err(|_| ContextError::Plan)?,
            ranges,
        })
    }
}

fn put(bytes: &mut [u8; BYTES], at: usize, value: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + value.len()) {
        place.copy_from_slice(value);
    }
}

fn get<const N: usize>(bytes: &[u8; BYTES], at: usize) -> [u8; N] {
    bytes
        .get(at..)
        .and_then(<[u8]>::first_chunk)
        .copied()
        .unwrap_or([0; N])
}

/// FNV-1a, 32 bits, over everything after the checksum field: finds damage, not malice.
fn checksum(bytes: &[u8; BYTES]) -> u32 {
    bytes.iter().skip(BODY).fold(0x811C_9DC5, |hash, &byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

#[cfg(test)]
mod tests;
