//! The device's side of the split virtqueues: it walks chains, executes requests, and watches the driver's manners.

use std::vec;
use std::vec::Vec;

use crate::access::SharedMemory;
use crate::device::Features;

use super::device::{FakeDevice, Interrupt, State, replace_half};
use super::scsi::{CHECK_CONDITION, Execution};
use super::{Answer, Fault, Match};

const NEXT: u16 = 1;
const WRITE: u16 = 2;
const INDIRECT: u16 = 4;
/// QEMU's `VIRTQUEUE_MAX_SIZE`: the longest chain that it takes.
const CHAIN_MAX: usize = 1024;
const HEADER_BYTES: usize = 51;
const RESPONSE_BYTES: usize = 108;

/// One virtqueue, as the device knows it.
#[derive(Debug, Clone, Default)]
pub(super) struct Queue {
    pub(super) size: u16,
    pub(super) vector: u16,
    pub(super) enabled: bool,
    descriptors: u64,
    available: u64,
    used: u64,
    last_available: u16,
    used_index: u16,
    signalled: u16,
    served: u32,
    pub(super) doorbells: u32,
    held: Vec<Held>,
}

/// A request that is not answered yet.
#[derive(Debug, Clone)]
struct Held {
    /// Calls of `run` until it is answered; `None` for never.
    runs: Option<u32>,
    chain: Chain,
}

#[derive(Debug, Clone, Default)]
struct Chain {
    head: u16,
    readable: Vec<(u64, u32)>,
    writable: Vec<(u64, u32)>,
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
    /// Looks at every queue, and at requests that were put off.
    pub fn run(&self) {
        let count = self.state.borrow().queues.len();
        for number in (0..count).filter_map(|number| u16::try_from(number).ok()) {
            self.process(number);
            self.serve_held(number, |_| None);
        }
    }

    /// Puts an event into the event queue; `false` when there was no buffer, which the next event will tell.
    pub fn push_event(&self, event: u32, lun: [u8; 8], reason: u32) -> bool {
        let mut state = self.state.borrow_mut();
        let Some(chain) = self.next_chain(&mut state, 1) else {
            state.missed = true;
            return false;
        };
        let missed = if std::mem::take(&mut state.missed) {
            0x8000_0000
        } else {
            0
        };
        let mut bytes = (event | missed).to_le_bytes().to_vec();
        bytes.extend_from_slice(&lun);
        bytes.extend_from_slice(&reason.to_le_bytes());
        let written = self.scatter(&chain.writable, 0, &bytes);
        self.complete(&mut state, 1, chain.head, written, None);
        self.signal(&mut state, 1);
        true
    }

    pub(super) fn process(&self, number: u16) {
        // Event buffers wait for events.
        if number == 1 {
            return;
        }
        let mut state = self.state.borrow_mut();
        if !state.driver_ok() {
            return;
        }
        while let Some(chain) = self.next_chain(&mut state, number) {
            if number == 0 {
                let response = self.manage(&mut state, &chain);
                let written = self.scatter(&chain.writable, 0, &[response]);
                self.answer(&mut state, number, &chain, written);
            } else {
                self.begin(&mut state, number, chain);
            }
        }
        self.ask_for_doorbell(&state, number);
        self.signal(&mut state, number);
    }

    fn begin(&self, state: &mut State, number: u16, chain: Chain) {
        match self.fault_of(state, number, &chain) {
            Some(Answer::Drop) => hold(state, number, Held { runs: None, chain }),
            Some(Answer::Delay(runs)) => hold(
                state,
                number,
                Held {
                    runs: Some(runs),
                    chain,
                },
            ),
            fault => {
                let written = self.execute(state, &chain, fault);
                self.answer(state, number, &chain, written);
            }
        }
    }

    /// Executes a command and writes its response; returns the bytes written.
    fn execute(&self, state: &mut State, chain: &Chain, fault: Option<Answer>) -> u32 {
        let header = self.gather(&chain.readable, 0, HEADER_BYTES);
        let data_out = self.gather(&chain.readable, HEADER_BYTES, usize::MAX);
        let (Some(lun), Some(cdb)) = (header.first_chunk::<8>(), header.get(19..HEADER_BYTES))
        else {
            state.violations.push("a request header is too short");
            return 0;
        };
        let address = decode(*lun);
        let luns: Vec<u16> = match address {
            Some((target, _)) => state
                .disks
                .keys()
                .filter(|key| key.0 == target)
                .map(|key| key.1)
                .collect(),
            None => Vec::new(),
        };
        let room: usize = chain
            .writable
            .iter()
            .filter_map(|(_, length)| usize::try_from(*length).ok())
            .sum();
        let room = room.saturating_sub(RESPONSE_BYTES);
        let mut response = vec![0; RESPONSE_BYTES];
        let mut data_in = Vec::new();
        let mut residual = 0;
        match address.and_then(|address| state.disks.get_mut(&address)) {
            None => set(&mut response, 11, &[3]),
            Some(disk) => match disk.execute(cdb, &data_out, &luns) {
                Execution::Took(bytes) => residual = data_out.len().saturating_sub(bytes),
                Execution::Answer(mut answer) => {
                    answer.truncate(room);
                    residual = room.saturating_sub(answer.len());
                    data_in = answer;
                }
                Execution::CheckCondition(sense) => {
                    set(&mut response, 0, &[18]);
                    set(&mut response, 10, &[CHECK_CONDITION]);
                    set(&mut response, 12, &sense);
                }
            },
        }
        set(
            &mut response,
            4,
            &u32::try_from(residual).unwrap_or(u32::MAX).to_le_bytes(),
        );
        match fault {
            Some(Answer::Silent) => return 0,
            Some(Answer::Response(code)) => set(&mut response, 11, &[code]),
            Some(Answer::Residual(value)) => set(&mut response, 4, &value.to_le_bytes()),
            Some(Answer::Status(status, bytes)) => {
                set(&mut response, 0, &bytes.to_le_bytes());
                set(&mut response, 10, &[status]);
                set(&mut response, 12, &[0x5E; 96]);
            }
            _ => {}
        }
        let written = self.scatter(&chain.writable, 0, &response);
        written.saturating_add(self.scatter(&chain.writable, RESPONSE_BYTES, &data_in))
    }

    /// Executes a task management function; returns its response byte.
    fn manage(&self, state: &mut State, chain: &Chain) -> u8 {
        let request = self.gather(&chain.readable, 0, 24);
        let field = |at: usize| {
            request
                .get(at..)
                .and_then(<[u8]>::first_chunk::<4>)
                .map(|bytes| u32::from_le_bytes(*bytes))
        };
        let lun = request.get(8..).and_then(<[u8]>::first_chunk::<8>).copied();
        let tag = request
            .get(16..)
            .and_then(<[u8]>::first_chunk::<8>)
            .map(|bytes| u64::from_le_bytes(*bytes));
        let (Some(0), Some(subtype), Some(address), Some(tag)) =
            (field(0), field(4), lun.and_then(decode), tag)
        else {
            return 9;
        };
        if !state.disks.keys().any(|key| key.0 == address.0) {
            return 3;
        }
        if subtype != 4 && !state.disks.contains_key(&address) {
            return 12;
        }
        let count = state.queues.len();
        for number in (2..count).filter_map(|number| u16::try_from(number).ok()) {
            let affected = |held: &Held| {
                let header = self.gather(&held.chain.readable, 0, 16);
                let to = header.first_chunk::<8>().and_then(|bytes| decode(*bytes))?;
                let id = header
                    .get(8..)?
                    .first_chunk::<8>()
                    .map(|bytes| u64::from_le_bytes(*bytes))?;
                match subtype {
                    0 => (to == address && id == tag).then_some(2),
                    4 => (to.0 == address.0).then_some(4),
                    5 => (to == address).then_some(4),
                    _ => None,
                }
            };
            self.serve_held_locked(state, number, affected);
        }
        if matches!(subtype, 0 | 4 | 5) { 0 } else { 11 }
    }

    fn serve_held(&self, number: u16, cancelled: impl Fn(&Held) -> Option<u8>) {
        let mut state = self.state.borrow_mut();
        self.serve_held_locked(&mut state, number, cancelled);
        self.signal(&mut state, number);
    }

    /// Answers held requests that are due, or that `cancelled` gives a response code.
    fn serve_held_locked(
        &self,
        state: &mut State,
        number: u16,
        cancelled: impl Fn(&Held) -> Option<u8>,
    ) {
        let Some(queue) = state.queues.get_mut(usize::from(number)) else {
            return;
        };
        for mut held in std::mem::take(&mut queue.held) {
            let code = cancelled(&held);
            let due = held.runs == Some(0);
            if let Some(code) = code {
                let written = self.execute_cancelled(&held.chain, code);
                self.complete(state, number, held.chain.head, written, None);
            } else if due {
                let written = self.execute(state, &held.chain, None);
                self.complete(state, number, held.chain.head, written, None);
            } else {
                held.runs = held.runs.map(|runs| runs.wrapping_sub(1));
                hold(state, number, held);
            }
        }
    }

    fn execute_cancelled(&self, chain: &Chain, code: u8) -> u32 {
        let mut response = vec![0; RESPONSE_BYTES];
        set(&mut response, 11, &[code]);
        self.scatter(&chain.writable, 0, &response)
    }

    fn fault_of(&self, state: &State, number: u16, chain: &Chain) -> Option<Answer> {
        let served = state
            .queues
            .get(usize::from(number))?
            .served
            .wrapping_sub(1);
        let opcode = self.gather(&chain.readable, 19, 1).first().copied();
        let matches = |when: Match| match when {
            Match::Queue(queue) => queue == number,
            Match::Nth(queue, nth) => queue == number && nth == served,
            Match::Opcode(code) => number > 1 && opcode == Some(code),
        };
        self.faults.borrow().iter().find_map(|fault| match *fault {
            Fault::Answer(when, answer) if matches(when) => Some(answer),
            _ => None,
        })
    }

    fn answer(&self, state: &mut State, number: u16, chain: &Chain, written: u32) {
        let fault = self.fault_of(state, number, chain);
        self.complete(state, number, chain.head, written, fault);
    }

    /// Writes a used element, or whatever a fault makes of it.
    fn complete(
        &self,
        state: &mut State,
        number: u16,
        head: u16,
        written: u32,
        fault: Option<Answer>,
    ) {
        let mut id = u32::from(head);
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
    fn signal(&self, state: &mut State, number: u16) {
        let event_index = state.has(Features::RING_EVENT_IDX);
        let Some(queue) = state
            .queues
            .get_mut(usize::from(number))
            .filter(|queue| queue.enabled)
        else {
            return;
        };
        let (old, new) = (queue.signalled, queue.used_index);
        if old == new {
            return;
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
        let wanted = if event_index {
            new.wrapping_sub(event).wrapping_sub(1) < new.wrapping_sub(old)
        } else {
            flags & 1 == 0
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

    /// Asks for a doorbell at the next request (virtio 2.7.10.2).
    fn ask_for_doorbell(&self, state: &State, number: u16) {
        let Some(queue) = state.queues.get(usize::from(number)) else {
            return;
        };
        if state.has(Features::RING_EVENT_IDX) {
            let at = queue
                .used
                .wrapping_add(4)
                .wrapping_add(u64::from(queue.size).wrapping_mul(8));
            if let Some(event) = self.memory.at_bus(at, 2) {
                event.write_u16(0, queue.last_available);
            }
        }
    }

    fn next_chain(&self, state: &mut State, number: u16) -> Option<Chain> {
        let indirect = state.has(Features::RING_INDIRECT_DESC);
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
            if flags & NEXT == 0 {
                return Ok(chain);
            }
            index = next;
        }
        Err("a chain is too long or a loop")
    }

    fn gather(&self, buffers: &[(u64, u32)], skip: usize, most: usize) -> Vec<u8> {
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
    fn scatter(&self, buffers: &[(u64, u32)], skip: usize, bytes: &[u8]) -> u32 {
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

fn hold(state: &mut State, number: u16, held: Held) {
    if let Some(queue) = state.queues.get_mut(usize::from(number)) {
        queue.held.push(held);
    }
}

fn set(target: &mut [u8], at: usize, bytes: &[u8]) {
    for (byte, value) in target.iter_mut().skip(at).zip(bytes) {
        *byte = *value;
    }
}

/// Target and logical unit, read as QEMU reads them.
fn decode(lun: [u8; 8]) -> Option<(u8, u16)> {
    let [1, target, high, low, ..] = lun else {
        return None;
    };
    if high != 0 && !(0x40..0x80).contains(&high) {
        return None;
    }
    Some((target, u16::from_be_bytes([high, low]) & 0x3FFF))
}
