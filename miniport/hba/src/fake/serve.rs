//! What the device does with requests: commands, task management, events, and requests put off by a fault.

use std::vec;
use std::vec::Vec;

use super::device::{FakeDevice, State};
use super::ring::{Chain, Held};
use super::scsi::{CHECK_CONDITION, Execution};
use super::{Answer, Fault, Match};

/// Bytes of a request ahead of the CDB, and of a response ahead of the sense data (virtio 5.6.6.1).
const HEADER_FIXED: usize = 19;
const RESPONSE_FIXED: usize = 12;

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
        self.complete(&mut state, 1, &chain, written, None);
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
                if self.fault_of(&state, number, &chain) == Some(Answer::Drop) {
                    continue;
                }
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
        let [sense_bytes, cdb_bytes] = state
            .sizes
            .map(|size| usize::try_from(size).unwrap_or(usize::MAX));
        let header_bytes = HEADER_FIXED.saturating_add(cdb_bytes);
        let response_bytes = RESPONSE_FIXED.saturating_add(sense_bytes.min(4096));
        let header = self.gather(&chain.readable, 0, header_bytes);
        let data_out = self.gather(&chain.readable, header_bytes, usize::MAX);
        let (Some(lun), Some(cdb)) = (
            header.first_chunk::<8>(),
            header.get(HEADER_FIXED..header_bytes),
        ) else {
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
        let room = room.saturating_sub(response_bytes);
        let mut response = vec![0; response_bytes];
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
        // QEMU adds the data that it read to the length that it reports, and so does this device.
        let read = u32::try_from(data_out.len()).unwrap_or(u32::MAX);
        let written = self.scatter(&chain.writable, 0, &response);
        written
            .saturating_add(self.scatter(&chain.writable, response_bytes, &data_in))
            .saturating_add(read)
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
                self.complete(state, number, &held.chain, written, None);
            } else if due {
                let written = self.execute(state, &held.chain, None);
                self.complete(state, number, &held.chain, written, None);
            } else {
                held.runs = held.runs.map(|runs| runs.wrapping_sub(1));
                hold(state, number, held);
            }
        }
    }

    fn execute_cancelled(&self, chain: &Chain, code: u8) -> u32 {
        let mut response = vec![0; RESPONSE_FIXED];
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
        self.complete(state, number, chain, written, fault);
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
