//! A device at the other end of a packed ring.

use std::collections::VecDeque;

use super::{NEXT, WRITE, layout};
use crate::access::SharedMemory;
use crate::fake::{FakeMemory, Window};
use crate::plan::QueueLayout;

/// The least that a device does, written down from virtio 2.8 alone: positions and wrap counters as plain numbers.
pub(super) struct Peer<'m> {
    pub(super) memory: Window<'m>,
    layout: QueueLayout,
    next: (u16, bool),
    used: (u16, bool),
    /// Buffer id and number of descriptors.
    pub(super) taken: VecDeque<(u16, u16)>,
}

impl<'m> Peer<'m> {
    pub(super) fn new(memory: &'m FakeMemory, size: u16) -> Self {
        Self {
            memory: memory.all(),
            layout: layout(size),
            next: (0, true),
            used: (0, true),
            taken: VecDeque::new(),
        }
    }

    fn advance(&self, place: (u16, bool), count: u16) -> (u16, bool) {
        let at = place.0 + count;
        if at >= self.layout.size {
            (at - self.layout.size, !place.1)
        } else {
            (at, place.1)
        }
    }

    fn flags(&self, position: u16) -> u16 {
        self.memory.read_u16(u32::from(position) * 16 + 14)
    }

    fn is_available(&self, (position, wrap): (u16, bool)) -> bool {
        let flags = self.flags(position);
        (flags & 0x80 != 0, flags & 0x8000 != 0) == (wrap, !wrap)
    }

    /// Takes all that is available, and asks for a doorbell at the next descriptor.
    pub(super) fn fetch(&mut self) {
        while self.is_available(self.next) {
            let mut count = 0;
            loop {
                let place = self.advance(self.next, count);
                assert!(self.is_available(place), "half a chain");
                let flags = self.flags(place.0);
                let id = self.memory.read_u16(u32::from(place.0) * 16 + 12);
                count += 1;
                if flags & NEXT == 0 {
                    self.taken.push_back((id, count));
                    break;
                }
            }
            self.next = self.advance(self.next, count);
        }
        self.memory
            .write_u16(self.layout.used, self.next.0 | u16::from(self.next.1) << 15);
        self.memory.write_u16(self.layout.used + 2, 2);
    }

    pub(super) fn give_back(&mut self, pick: usize, written: Option<u32>) -> Option<u16> {
        let (id, count) = self.taken.remove(pick % self.taken.len().max(1))?;
        self.mark_used(id, written);
        self.used = self.advance(self.used, count);
        Some(id)
    }

    pub(super) fn mark_used(&self, id: u16, written: Option<u32>) {
        let at = u32::from(self.used.0) * 16;
        self.memory
            .write_u32(at + 8, written.unwrap_or(0xDEAD_BEEF));
        self.memory.write_u16(at + 12, id);
        let lap = if self.used.1 { 0x8080 } else { 0 };
        let kind = if written.is_some() { WRITE } else { 0 };
        self.memory.write_u16(at + 14, lap | kind);
    }
}
