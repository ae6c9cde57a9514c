//! The device as both lives see it: registers out of PnP ranges, and a reset with a bound.
//!
//! Key types: [`DeviceRegisters`], [`MapError`]. Neighbours: `hba::pci` finds the structures, `hba::device` drives them.

use ddi::{
    context::{AccessRange, FindAdapterContext},
    memory::UncachedMemory,
    mmio::RegisterRange,
    port::Port,
};
use hba::{
    device::{Quiesced, Registers, Reset, ResetError, ResetPoll},
    pci::{Bar, Region, VirtioCaps},
};

/// The registers of the device.
pub(crate) type DeviceRegisters = Registers<RegisterRange>;
/// The memory that the device works on.
pub(crate) type DeviceMemory = UncachedMemory;

/// Most PnP ranges that a PCI function has.
pub(crate) const RANGES_MAX: usize = 6;

/// Why the registers cannot be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MapError {
    /// The structure is in a BAR that is not in memory space.
    NotInMemorySpace,
    /// PnP did not assign the BAR of the structure to the adapter.
    NotAssigned,
    /// The port would not map the range.
    NotMapped,
    /// The structure does not lie inside the range.
    OutOfRange,
    /// The engine found a range too short.
    TooShort,
}

impl MapError {
    /// The error as a number, for the flight recorder.
    pub(crate) const fn code(self) -> u64 {
        match self {
            Self::NotInMemorySpace => 1,
            Self::NotAssigned => 2,
            Self::NotMapped => 3,
            Self::OutOfRange => 4,
            Self::TooShort => 5,
        }
    }
}

/// Collects the PnP ranges; more than a PCI function can have are left out.
pub(crate) fn collect_ranges(
    ranges: impl Iterator<Item = AccessRange>,
) -> [Option<AccessRange>; RANGES_MAX] {
    let mut collected = [None; RANGES_MAX];
    for (place, range) in collected.iter_mut().zip(ranges) {
        *place = Some(range);
    }
    collected
}

/// Maps the four register structures. Each range is mapped whole, once, in both lives alike: the dump port can only hand out
/// mappings that the normal life made with the same address and length.
pub(crate) fn map_registers(
    context: &FindAdapterContext<'_>,
    caps: &VirtioCaps,
    ranges: &[Option<AccessRange>; RANGES_MAX],
) -> Result<DeviceRegisters, MapError> {
    let mut mapped: [Option<(u8, u64, RegisterRange)>; RANGES_MAX] = [const { None }; RANGES_MAX];
    let mut structure = |region: Region| {
        let Some(Bar::Memory { base }) = caps.bars.get(usize::from(region.bar)).copied() else {
            return Err(MapError::NotInMemorySpace);
        };
        let known = mapped.iter().flatten().find(|(bar, ..)| *bar == region.bar);
        let (start, registers) = if let Some((_, start, registers)) = known {
            (*start, registers.clone())
        } else {
            let range = containing(ranges, base).ok_or(MapError::NotAssigned)?;
            let registers = context.map_registers(range).ok_or(MapError::NotMapped)?;
            if let Some(free) = mapped.iter_mut().find(|place| place.is_none()) {
                *free = Some((region.bar, range.start, registers.clone()));
            }
            (range.start, registers)
        };
        let shift = u32::try_from(base - start).map_err(|_| MapError::OutOfRange)?;
        let offset = region
            .offset
            .checked_add(shift)
            .ok_or(MapError::OutOfRange)?;
        registers
            .part(offset, region.length)
            .ok_or(MapError::OutOfRange)
    };
    let common = structure(caps.common)?;
    let notify = structure(caps.notify)?;
    let isr = structure(caps.isr)?;
    let device = structure(caps.device)?;
    Registers::new(common, notify, isr, device, caps.notify_multiplier)
        .map_err(|_| MapError::TooShort)
}

/// The memory range that begins at or before `address` and reaches beyond it.
fn containing(ranges: &[Option<AccessRange>; RANGES_MAX], address: u64) -> Option<AccessRange> {
    ranges
        .iter()
        .flatten()
        .find(|range| {
            range.in_memory_space
                && address
                    .checked_sub(range.start)
                    .is_some_and(|shift| shift < u64::from(range.bytes))
        })
        .copied()
}

/// How long to wait for a reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// In a callback that may take seconds: start, and the dump stack.
    Long,
    /// In a callback that should be over soon (Storport Verification: 0.5 s).
    Short,
}

impl Patience {
    const fn microseconds(self) -> u32 {
        match self {
            Self::Long => 2_000_000,
            Self::Short => 200_000,
        }
    }
}

/// Resets the device and waits until it has let go of its memory, within a bound.
pub(crate) fn reset(
    registers: &DeviceRegisters,
    port: Port<'_>,
    patience: Patience,
) -> Result<Quiesced, ResetError> {
    let mut reset = Reset::begin(registers);
    let mut left = patience.microseconds();
    loop {
        match reset.poll(registers)? {
            ResetPoll::Done(quiesced) => return Ok(quiesced),
            ResetPoll::Again { microseconds } => {
                left = left.checked_sub(microseconds).ok_or(ResetError::TimedOut)?;
                port.stall_execution(microseconds);
            }
        }
    }
}
