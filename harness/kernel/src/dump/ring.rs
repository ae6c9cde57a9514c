//! A witness's view of a split virtqueue (virtio 1.2, section 2.7): which memory was the device given?
//!
//! Pure: [`QueueView::walk`] reads the rings through a function. It shares no code with the driver's engine. Neighbour:
//! `super::witness` fetches the queue addresses from the device and judges the result.

use alloc::vec::Vec;
use core::fmt;

use crate::hibernate::ranges::Span;

const DESCRIPTOR_BYTES: u64 = 16;
const FLAG_NEXT: u16 = 1;
const FLAG_WRITE: u16 = 2;
const FLAG_INDIRECT: u16 = 4;

/// An enabled queue, as the device knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueView {
    /// Queue number.
    pub index: u16,
    /// Queue size: a power of two.
    pub entries: u16,
    /// Physical address of the descriptor table.
    pub descriptors: u64,
    /// Physical address of the available ring (driver area).
    pub available: u64,
    /// Physical address of the used ring (device area).
    pub used: u64,
}

/// A piece of memory that the device was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Given {
    /// The bytes.
    pub span: Span,
    /// What for.
    pub purpose: Purpose,
}

/// What the device does with memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Descriptor table, available or used ring.
    Ring,
    /// A table of indirect descriptors.
    IndirectTable,
    /// A buffer that the device reads.
    DeviceReads,
    /// A buffer that the device writes.
    DeviceWrites,
}

/// What is wrong with the rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RingError {
    /// Ring memory cannot be read: no RAM there.
    NotMemory(u64),
    /// A descriptor number is not below the table's size.
    DescriptorOutOfRange(u16),
    /// A chain has more descriptors than the queue.
    ChainTooLong(u16),
    /// The length of an indirect table is no multiple of 16, zero, or nested.
    IndirectTable(u64),
    /// A buffer passes the end of the address space, or is empty.
    Buffer(u64),
}

impl fmt::Display for RingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotMemory(address) => write!(f, "no memory at {address:#x}"),
            Self::DescriptorOutOfRange(number) => {
                write!(f, "descriptor {number} is beyond the table")
            }
            Self::ChainTooLong(head) => write!(f, "the chain from descriptor {head} has no end"),
            Self::IndirectTable(address) => {
                write!(f, "the indirect table at {address:#x} is malformed")
            }
            Self::Buffer(address) => write!(f, "the buffer at {address:#x} is empty or wraps"),
        }
    }
}

#[derive(Clone, Copy)]
struct Descriptor {
    address: u64,
    length: u32,
    flags: u16,
    next: u16,
}

/// Reads bytes of physical memory; false if there is no RAM.
pub type ReadMemory<'a> = &'a dyn Fn(u64, &mut [u8]) -> bool;

impl QueueView {
    /// The three areas of the queue (sections 2.7.5, 2.7.6, 2.7.8, with event index).
    #[must_use]
    pub fn rings(&self) -> Vec<Given> {
        let entries = u64::from(self.entries);
        [
            (self.descriptors, entries * DESCRIPTOR_BYTES),
            (self.available, 6 + 2 * entries),
            (self.used, 6 + 8 * entries),
        ]
        .into_iter()
        .filter_map(|(address, bytes)| {
            Some(Given {
                span: Span::new(address, bytes)?,
                purpose: Purpose::Ring,
            })
        })
        .collect()
    }

    /// Whether chains were made available beyond `seen`; `None` if the ring cannot be read.
    #[must_use]
    pub fn has_more_than(&self, seen: u16, memory: ReadMemory<'_>) -> Option<bool> {
        let now = read_u16(memory, at(self.available, 2).ok()?).ok()?;
        Some(now != seen)
    }

    /// Walks the chains that were made available since `from`; returns the available index now.
    ///
    /// A chain that the device gave back is the driver's again, who may have built the next one in the same memory. So of
    /// those only the newest is looked at, whose memory nothing later can have taken.
    ///
    /// # Errors
    /// The first [`RingError`]; what was found before it stays in `given`.
    pub fn walk(
        &self,
        from: u16,
        memory: ReadMemory<'_>,
        given: &mut Vec<Given>,
    ) -> Result<u16, RingError> {
        let now = read_u16(memory, at(self.available, 2)?)?;
        // More than a ring full cannot be outstanding; older entries are overwritten.
        let news = now.wrapping_sub(from).min(self.entries);
        let used = read_u16(memory, at(self.used, 2)?)?;
        for step in 0..news {
            let index = now.wrapping_sub(news).wrapping_add(step);
            let given_back = (1..=u16::MAX / 2).contains(&used.wrapping_sub(index));
            if given_back && step + 1 < news {
                continue;
            }
            let slot = index % self.entries.max(1);
            let head = read_u16(memory, at(self.available, 4 + 2 * u64::from(slot))?)?;
            self.chain(head, memory, given)?;
        }
        Ok(now)
    }

    fn chain(
        &self,
        head: u16,
        memory: ReadMemory<'_>,
        given: &mut Vec<Given>,
    ) -> Result<(), RingError> {
        let mut number = head;
        for _ in 0..self.entries {
            let descriptor = table_entry(self.descriptors, self.entries, number, memory)?;
            if descriptor.flags & FLAG_INDIRECT == 0 {
                given.push(buffer(descriptor)?);
            } else {
                indirect(descriptor, memory, given)?;
            }
            if descriptor.flags & FLAG_NEXT == 0 {
                return Ok(());
            }
            number = descriptor.next;
        }
        Err(RingError::ChainTooLong(head))
    }
}

/// Section 2.7.5.3.
fn indirect(
    table: Descriptor,
    memory: ReadMemory<'_>,
    given: &mut Vec<Given>,
) -> Result<(), RingError> {
    let malformed = RingError::IndirectTable(table.address);
    let bytes = u64::from(table.length);
    let entries = u16::try_from(bytes / DESCRIPTOR_BYTES).map_err(|_| malformed)?;
    let span = Span::new(table.address, bytes).ok_or(malformed)?;
    if !bytes.is_multiple_of(DESCRIPTOR_BYTES) || table.flags & FLAG_NEXT != 0 {
        return Err(malformed);
    }
    given.push(Given {
        span,
        purpose: Purpose::IndirectTable,
    });
    let mut number = 0;
    for _ in 0..entries {
        let descriptor = table_entry(table.address, entries, number, memory)?;
        if descriptor.flags & FLAG_INDIRECT != 0 {
            return Err(malformed);
        }
        given.push(buffer(descriptor)?);
        if descriptor.flags & FLAG_NEXT == 0 {
            return Ok(());
        }
        number = descriptor.next;
    }
    Err(malformed)
}

fn buffer(descriptor: Descriptor) -> Result<Given, RingError> {
    let span = Span::new(descriptor.address, u64::from(descriptor.length))
        .ok_or(RingError::Buffer(descriptor.address))?;
    let purpose = if descriptor.flags & FLAG_WRITE == 0 {
        Purpose::DeviceReads
    } else {
        Purpose::DeviceWrites
    };
    Ok(Given { span, purpose })
}

fn table_entry(
    table: u64,
    entries: u16,
    number: u16,
    memory: ReadMemory<'_>,
) -> Result<Descriptor, RingError> {
    if number >= entries {
        return Err(RingError::DescriptorOutOfRange(number));
    }
    let address = at(table, u64::from(number) * DESCRIPTOR_BYTES)?;
    let mut bytes = [0; 16];
    read(memory, address, &mut bytes)?;
    let [
        a0,
        a1,
        a2,
        a3,
        a4,
        a5,
        a6,
        a7,
        l0,
        l1,
        l2,
        l3,
        f0,
        f1,
        n0,
        n1,
    ] = bytes;
    Ok(Descriptor {
        address: u64::from_le_bytes([a0, a1, a2, a3, a4, a5, a6, a7]),
        length: u32::from_le_bytes([l0, l1, l2, l3]),
        flags: u16::from_le_bytes([f0, f1]),
        next: u16::from_le_bytes([n0, n1]),
    })
}

fn read_u16(memory: ReadMemory<'_>, address: u64) -> Result<u16, RingError> {
    let mut bytes = [0; 2];
    read(memory, address, &mut bytes)?;
    Ok(u16::from_le_bytes(bytes))
}

fn read(memory: ReadMemory<'_>, address: u64, bytes: &mut [u8]) -> Result<(), RingError> {
    if memory(address, bytes) {
        Ok(())
    } else {
        Err(RingError::NotMemory(address))
    }
}

fn at(base: u64, offset: u64) -> Result<u64, RingError> {
    base.checked_add(offset).ok_or(RingError::NotMemory(base))
}

#[cfg(test)]
mod tests;
