//! The device's side of packed virtqueues (virtio 2.8).

use std::collections::BTreeSet;

use crate::access::SharedMemory;

use super::Answer;
use super::device::{FakeDevice, State};
use super::ring::{CHAIN_MAX, Chain, INDIRECT, NEXT, Queue, WRITE};

const AVAIL: u16 = 1 << 7;
const USED: u16 = 1 << 15;
const DISABLE: u16 = 1;
const AT_DESCRIPTOR: u16 = 2;

/// Where the device is in a packed ring.
#[derive(Debug, Clone)]
pub(super) struct Packed {
    next: Place,
    used: Place,
    /// Descriptors used since an interrupt was last thought about.
    used_since: u16,
    /// Buffer ids that the device has.
    ids: BTreeSet<u16>,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    position: u16,
    wrap: bool,
}

impl Default for Packed {
    fn default() -> Self {
        let start = Place {
            position: 0,
            wrap: true,
        };
        Self {
            next: start,
            used: start,
            used_since: 0,
            ids: BTreeSet::new(),
        }
    }
}

impl Place {
    fn advance(&mut self, count: u16, size: u16) {
        self.position = self.position.wrapping_add(count);
        if self.position >= size {
            self.position = self.position.wrapping_sub(size);
            self.wrap = !self.wrap;
        }
    }

    fn is_available(self, flags: u16) -> bool {
        (flags & AVAIL != 0) == self.wrap && (flags & USED != 0) != self.wrap
    }
}

impl FakeDevice<'_> {
    /// Writes a used descriptor, or whatever a fault makes of it.
    pub(super) fn complete_packed(
        &self,
        state: &mut State,
        number: u16,
        chain: &Chain,
        written: u32,
        fault: Option<Answer>,
    ) {
        let (mut id, mut length, mut times, mut extra, mut lap) = (chain.head, written, 1, 0, true);
        match fault {
            Some(Answer::Id(wrong)) => id = u16::try_from(wrong & 0xFFFF).unwrap_or(0),
            Some(Answer::Length(wrong)) => length = wrong,
            Some(Answer::Twice) => times = 2,
            Some(Answer::IndexJump(jump)) => extra = jump,
            Some(Answer::WrongLap) => lap = false,
            _ => {}
        }
        let Some(queue) = state.queues.get_mut(usize::from(number)) else {
            return;
        };
        queue.packed.ids.remove(&chain.head);
        for _ in 0..times {
            let place = queue.packed.used;
            if let Some(descriptor) = self.descriptor(queue, place.position) {
                descriptor.write_u32(8, length);
                descriptor.write_u16(12, id);
                // A device that has written says so; QEMU does not (virtio 2.8.4).
                let kind = if length == 0 { 0 } else { WRITE };
                let flags = if place.wrap == lap { AVAIL | USED } else { 0 };
                descriptor.write_u16(14, flags | kind);
            }
            queue.packed.used.advance(chain.count, queue.size);
            queue.packed.used_since = queue.packed.used_since.wrapping_add(chain.count);
        }
        let mut place = queue.packed.used;
        for _ in 0..extra {
            if let Some(descriptor) = self.descriptor(queue, place.position) {
                descriptor.write_u16(14, if place.wrap { AVAIL | USED } else { 0 });
            }
            place.advance(1, queue.size);
        }
    }

    fn descriptor(&self, queue: &Queue, position: u16) -> Option<super::Window<'_>> {
        let offset = u64::from(position).wrapping_mul(16);
        self.memory
            .at_bus(queue.descriptors.wrapping_add(offset), 16)
    }

    /// Whether the driver wants an interrupt for what was used since the last look (virtio 2.8.10).
    pub(super) fn packed_interrupt_wanted(&self, queue: &mut Queue, event_index: bool) -> bool {
        let since = std::mem::take(&mut queue.packed.used_since);
        if since == 0 {
            return false;
        }
        let Some(event) = self.memory.at_bus(queue.available, 4) else {
            return false;
        };
        let (at, flags) = (event.read_u16(0), event.read_u16(2) & 3);
        match flags {
            DISABLE => false,
            AT_DESCRIPTOR if event_index => {
                let Place { position, wrap } = queue.packed.used;
                let mut offset = at & 0x7FFF;
                if (at >> 15 != 0) != wrap {
                    offset = offset.wrapping_sub(queue.size);
                }
                position.wrapping_sub(offset).wrapping_sub(1) < since
            }
            _ => true,
        }
    }

    /// Asks for a doorbell at the next request.
    pub(super) fn ask_for_packed_doorbell(&self, queue: &Queue, event_index: bool) {
        let Place { position, wrap } = queue.packed.next;
        let Some(event) = self.memory.at_bus(queue.used, 4) else {
            return;
        };
        if event_index {
            event.write_u16(0, position | (u16::from(wrap) << 15));
            event.write_u16(2, AT_DESCRIPTOR);
        } else {
            event.write_u16(2, 0);
        }
    }

    pub(super) fn next_packed_chain(
        &self,
        state: &mut State,
        number: u16,
        indirect: bool,
    ) -> Option<Chain> {
        let queue = state
            .queues
            .get_mut(usize::from(number))
            .filter(|queue| queue.enabled)?;
        let place = queue.packed.next;
        let flags = self.descriptor(queue, place.position)?.read_u16(14);
        if !place.is_available(flags) {
            return None;
        }
        queue.served = queue.served.wrapping_add(1);
        match self.walk_packed(queue, indirect) {
            Ok(chain) => {
                queue.packed.next.advance(chain.count, queue.size);
                if queue.packed.ids.insert(chain.head) {
                    return Some(chain);
                }
                state
                    .violations
                    .push("a buffer id is in use for another request");
                None
            }
            Err(violation) => {
                queue.packed.next.advance(1, queue.size);
                state.violations.push(violation);
                None
            }
        }
    }

    fn walk_packed(&self, queue: &Queue, indirect: bool) -> Result<Chain, &'static str> {
        let mut chain = Chain::default();
        let mut place = queue.packed.next;
        loop {
            let descriptor = self
                .descriptor(queue, place.position)
                .ok_or("a descriptor lies outside of memory")?;
            let (address, length) = (descriptor.read_u64(0), descriptor.read_u32(8));
            let (id, flags) = (descriptor.read_u16(12), descriptor.read_u16(14));
            if !place.is_available(flags) {
                return Err("a chain was made available before its last descriptor");
            }
            if id >= queue.size {
                return Err("a buffer id is out of range");
            }
            chain.head = id;
            chain.count = chain.count.wrapping_add(1);
            if chain.count > queue.size {
                return Err("a chain is longer than the ring");
            }
            if flags & INDIRECT != 0 {
                if !indirect || flags & NEXT != 0 || chain.count > 1 {
                    return Err("an indirect descriptor is chained, or was not negotiated");
                }
                self.walk_packed_table(&mut chain, address, length)?;
                return Ok(chain);
            }
            self.add_buffer(&mut chain, address, length, flags)?;
            if flags & NEXT == 0 {
                return Ok(chain);
            }
            place.advance(1, queue.size);
        }
    }

    fn walk_packed_table(
        &self,
        chain: &mut Chain,
        table: u64,
        bytes: u32,
    ) -> Result<(), &'static str> {
        let entries = usize::try_from(bytes / 16).unwrap_or(usize::MAX);
        if bytes == 0 || !bytes.is_multiple_of(16) || entries > CHAIN_MAX {
            return Err("the length of an indirect table is no multiple of 16, or too long");
        }
        for index in 0..u64::from(bytes / 16) {
            let at = table.wrapping_add(index.wrapping_mul(16));
            let descriptor = self
                .memory
                .at_bus(at, 16)
                .ok_or("a descriptor lies outside of memory")?;
            let flags = descriptor.read_u16(14);
            if flags & !WRITE != 0 {
                return Err("an indirect table has flags other than WRITE");
            }
            self.add_buffer(chain, descriptor.read_u64(0), descriptor.read_u32(8), flags)?;
        }
        Ok(())
    }

    pub(super) fn add_buffer(
        &self,
        chain: &mut Chain,
        address: u64,
        length: u32,
        flags: u16,
    ) -> Result<(), &'static str> {
        if length == 0 || self.memory.at_bus(address, length).is_none() {
            return Err("a buffer is empty or lies outside of memory");
        }
        if flags & WRITE != 0 {
            chain.writable.push((address, length));
        } else if chain.writable.is_empty() {
            chain.readable.push((address, length));
        } else {
            return Err("a readable buffer follows a writable one");
        }
        Ok(())
    }
}
