//! The device's side of the virtqueues: it walks chains, returns them, and watches the driver's manners.
//!
//! Here are split rings, and the choice between the formats; packed rings are in [`super::packed`].

use std::vec::Vec;

use crate::access::SharedMemory;
use crate::device::Features;

use super::Answer;
use super::device::{FakeDevice, Interrupt, State, replace_half};
use super::packed::Packed;

pub(super) const NEXT: u16 = 1;
pub(super) const WRITE: u16 = 2;
pub(super) const INDIRECT: u16 = 4;
/// QEMU's `VIRTQUEUE_MAX_SIZE`: the longest chain that it takes.
pub(super) const CHAIN_MAX: usize = 1024;

/// One virtqueue, as the device knows it.
#[derive(Debug, Clone, Default)]
pub(super) struct Queue {
    pub(super) size: u16,
    pub(super) vector: u16,
    pub(super) enabled: bool,
    pub(super) descriptors: u64,
    /// Available ring, or the driver's event suppression structure.
    pub(super) available: u64,
    /// Used ring, or the device's event suppression structure.
    pub(super) used: u64,
    last_available: u16,
    used_index: u16,
    signalled: u16,
    pub(super) packed: Packed,
    /// Reads of `queue_reset` until a reset of this queue is confirmed.
    pub(super) resetting: Option<u32>,
    /// Chains taken since the reset.
    pub(super) served: u32,
    pub(super) doorbells: u32,
    pub(super) held: Vec<Held>,
}

/// A request that is not answered yet.
#[derive(Debug, Clone)]
pub(super) struct Held {
    /// Calls of `run` until it is answered; `None` for never.
    pub(super) runs: Option<u32>,
    pub(super) chain: Chain,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Chain {
    /// Head descriptor, or buffer id.
    pub(super) head: u16,
    /// Descriptors that it takes in the ring.
    pub(super) count: u16,
    pub(super) readable: Vec<(u64, u32)>,
    pub(super) writable: Vec<(u64, u32)>,
}

impl Queue {
    pub(super) fn new(size: u16) -> Self {
        Self {
            size,
            vector: 0xFFFF,
            ..Self::default()
        }
    }

    pub(super) fn write(&mut self, offset: u32, bytes: u32, value: u32, refuse_vector: bool) {
        let value_16 = u16::try_from(value & 0xFFFF).unwrap_or(0);
        match (offset, bytes) {
            (24, 2) => self.size = value_16,
            (26, 2) => self.vector = if refuse_vector { 0xFFFF } else { value_16 },
            (28, 2) => self.enabled = value_16 == 1,
            (32 | 36, 4) => replace_half(&mut self.descriptors, offset == 36, value),
            (40 | 44, 4) => replace_half(&mut self.available, offset == 44, value),
            (48 | 52, 4) => replace_half(&mut self.used, offset == 52, value),
            _ => {}
        }
    }
}

impl FakeDevice<'_> {
    /// Writes a used element, or whatever a fault makes of it.
    pub(super) fn complete(
        &self,
        state: &mut State,
        number: u16,
        chain: &Chain,
        written: u32,
        fault: Option<Answer>,
    ) {
        if state.has(Features::RING_PACKED) {
            return self.complete_packed(state, number, chain, written, fault);
        }
        let mut id = u32::from(chain.head);
        let mut length = written;
        let mut times = 1;
        let mut extra = 0;
        match fault {
            Some(Answer::Id(wrong)) => id = wrong,
            Some(Answer::Length(wrong)) => length = wrong,
            Some(Answer::Twice) => times = 2,
            Some(Answer::IndexJump(jump)) => extra = jump,
            _ => {}
        }
        let Some(queue) = state.queues.get_mut(usize::from(number)) else {
            return;
        };
        for _ in 0..times {
            let position = u64::from(queue.used_index & queue.size.wrapping_sub(1));
            if let Some(element) = self.memory.at_bus(
                queue
                    .used
                    .wrapping_add(4)
                    .wrapping_add(position.wrapping_mul(8)),
                8,
            ) {
                element.write_u32(0, id);
                element.write_u32(4, length);
            }
            queue.used_index = queue.used_index.wrapping_add(1);
        }
        queue.used_index = queue.used_index.wrapping_add(extra);
        if let Some(index) = self.memory.at_bus(queue.used.wrapping_add(2), 2) {
            index.write_u16(0, queue.used_index);
        }
    }

    /// Raises the queue's interrupt if the driver wants it (virtio 2.7.7.2).
    pub(super) fn signal(&self, state: &mut State, number: u16) {
        let event_index = state.has(Features::RING_EVENT_IDX);
        let is_packed = state.has(Features::RING_PACKED);
        let Some(queue) = state
            .queues
            .get_mut(usize::from(number))
            .filter(|queue| queue.enabled)
        else {
            return;
        };
        let wanted = if is_packed {
            self.packed_interrupt_wanted(queue, event_index)
        } else {
            self.split_interrupt_wanted(queue, event_index)
        };
        if wanted {
            let vector = queue.vector;
            state.isr |= 1;
            state.interrupts.push(Interrupt::Queue {
                queue: number,
                vector,
            });
        }
    }

    fn split_interrupt_wanted(&self, queue: &mut Queue, event_index: bool) -> bool {
        let (old, new) = (queue.signalled, queue.used_index);
        if old == new {
            return false;
        }
        queue.signalled = new;
        let flags = self
            .memory
            .at_bus(queue.available, 2)
            .map_or(0, |at| at.read_u16(0));
        let event_at = queue
            .available
            .wrapping_add(4)
            .wrapping_add(u64::from(queue.size).wrapping_mul(2));
        let event = self
            .memory
            .at_bus(event_at, 2)
            .map_or(0, |at| at.read_u16(0));
        if event_index {
            new.wrapping_sub(event).wrapping_sub(1) < new.wrapping_sub(old)
        } else {
            flags & 1 == 0
        }
    }

    /// Asks for a doorbell at the next request (virtio 2.7.10.2).
    pub(super) fn ask_for_doorbell(&self, state: &State, number: u16) {
        let Some(queue) = state.queues.get(usize::from(number)) else {
            return;
        };
        if state.has(Features::RING_PACKED) {
            self.ask_for_packed_doorbell(queue, state.has(Features::RING_EVENT_IDX));
        } else if state.has(Features::RING_EVENT_IDX) {
            let at = queue
                .used
                .wrapping_add(4)
                .wrapping_add(u64::from(queue.size).wrapping_mul(8));
            if let Some(event) = self.memory.at_bus(at, 2) {
                event.write_u16(0, queue.last_available);
            }
        }
    }

    pub(super) fn next_chain(&self, state: &mut State, number: u16) -> Option<Chain> {
        let indirect = state.has(Features::RING_INDIRECT_DESC);
        if state.has(Features::RING_PACKED) {
            return self.next_packed_chain(state, number, indirect);
        }
        let queue = state
            .queues
            .get_mut(usize::from(number))
            .filter(|queue| queue.enabled)?;
        let index = self
            .memory
            .at_bus(queue.available.wrapping_add(2), 2)?
            .read_u16(0);
        let pending = index.wrapping_sub(queue.last_available);
        if pending == 0 {
            return None;
        }
        let position = u64::from(queue.last_available & queue.size.wrapping_sub(1));
        let entry = queue
            .available
            .wrapping_add(4)
            .wrapping_add(position.wrapping_mul(2));
        let head = self.memory.at_bus(entry, 2)?.read_u16(0);
        let excess = pending > queue.size;
        queue.last_available = queue.last_available.wrapping_add(1);
        queue.served = queue.served.wrapping_add(1);
        let (table, size) = (queue.descriptors, queue.size);
        if excess {
            state
                .violations
                .push("more requests are available than the ring has descriptors");
            return None;
        }
        match self.walk(table, u32::from(size), head, indirect) {
            Ok(chain) => Some(Chain { head, ..chain }),
            Err(violation) => {
                state.violations.push(violation);
                None
            }
        }
    }

    fn walk(
        &self,
        table: u64,
        size: u32,
        head: u16,
        indirect: bool,
    ) -> Result<Chain, &'static str> {
        let mut chain = Chain::default();
        let (mut table, mut size, mut index, mut inner) = (table, size, head, false);
        for _ in 0..=CHAIN_MAX {
            if u32::from(index) >= size {
                return Err("a descriptor index is out of range");
            }
            let at = table.wrapping_add(u64::from(index).wrapping_mul(16));
            let descriptor = self
                .memory
                .at_bus(at, 16)
                .ok_or("a descriptor lies outside of memory")?;
            let (address, length) = (descriptor.read_u64(0), descriptor.read_u32(8));
            let (flags, next) = (descriptor.read_u16(12), descriptor.read_u16(14));
            if flags & INDIRECT != 0 {
                if inner || !indirect || flags & NEXT != 0 {
                    return Err("an indirect descriptor is nested, chained, or was not negotiated");
                }
                if length == 0 || length % 16 != 0 {
                    return Err("the length of an indirect table is no multiple of 16");
                }
                (table, size, index, inner) = (address, length / 16, 0, true);
                continue;
            }
            self.add_buffer(&mut chain, address, length, flags)?;
            if flags & NEXT == 0 {
                return Ok(chain);
            }
            index = next;
        }
        Err("a chain is too long or a loop")
    }

    pub(super) fn gather(&self, buffers: &[(u64, u32)], skip: usize, most: usize) -> Vec<u8> {
        let windows = buffers
            .iter()
            .filter_map(|(address, length)| self.memory.at_bus(*address, *length));
        windows
            .flat_map(|window| window.to_vec())
            .skip(skip)
            .take(most)
            .collect()
    }

    /// Writes `bytes` into the buffers, `skip` bytes from their start; returns how many found room.
    pub(super) fn scatter(&self, buffers: &[(u64, u32)], skip: usize, bytes: &[u8]) -> u32 {
        let (mut skip, mut rest) = (skip, bytes);
        for (address, length) in buffers {
            let room = usize::try_from(*length).unwrap_or(0);
            let skipped = skip.min(room);
            skip = skip.saturating_sub(skipped);
            let (now, later) = rest.split_at(room.saturating_sub(skipped).min(rest.len()));
            if let Some(window) = self.memory.at_bus(*address, *length) {
                window.write_bytes(u32::try_from(skipped).unwrap_or(0), now);
            }
            rest = later;
        }
        u32::try_from(bytes.len().saturating_sub(rest.len())).unwrap_or(0)
    }
}
