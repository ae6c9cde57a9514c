//! The port's queues: which request goes to the miniport next.
//!
//! Per logical unit a depth, a FIFO and a gate; for the adapter a limit on requests and a gate. The gates implement
//! StorPortPause/Resume, StorPortBusy/Ready, their Device forms, the pauses after `SRB_STATUS_BUSY` and `QUEUE_FULL`,
//! link-down, and the hold for power and PnP changes (Storport queue management; registry entries for miniports).
//!
//! Pure: time comes in as microseconds, decisions come out as tickets. No request is dropped here.

use alloc::{collections::VecDeque, vec::Vec};

/// A request's place in the port's table.
pub type Ticket = u32;

/// Path, target and LUN.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// Path (bus) number.
    pub path: u8,
    /// Target.
    pub target: u8,
    /// Logical unit.
    pub lun: u8,
}

/// What keeps requests back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Gate {
    /// Closed until this time (`StorPortPause`, pause after BUSY, link-down).
    until_us: Option<u64>,
    /// Closed until that many more requests complete (`StorPortBusy`).
    completions: u32,
    /// Closed until no more than that many requests are in flight (`QUEUE_FULL`).
    drain_to: Option<u32>,
}

impl Gate {
    fn is_open(self, now_us: u64) -> bool {
        self.until_us.is_none_or(|until| now_us >= until)
            && self.completions == 0
            && self.drain_to.is_none()
    }

    fn completed(&mut self, in_flight: u32) {
        self.completions = self.completions.saturating_sub(1);
        if in_flight == 0 {
            // With nothing left to complete the condition could never come true.
            self.completions = 0;
        }
        if self.drain_to.is_some_and(|target| in_flight <= target) {
            self.drain_to = None;
        }
    }
}

#[derive(Debug)]
struct Unit {
    address: Address,
    depth: u32,
    in_flight: u32,
    waiting: VecDeque<Ticket>,
    gate: Gate,
}

/// The queues of one adapter.
#[derive(Debug)]
pub struct Queues {
    units: Vec<Unit>,
    limit: u32,
    in_flight: u32,
    gate: Gate,
    held: bool,
    next_unit: usize,
    peak: u32,
}

impl Queues {
    /// Queues for an adapter that takes `limit` requests at a time.
    #[must_use]
    pub const fn new(limit: u32) -> Self {
        Self {
            units: Vec::new(),
            limit,
            in_flight: 0,
            gate: Gate {
                until_us: None,
                completions: 0,
                drain_to: None,
            },
            held: false,
            next_unit: 0,
            peak: 0,
        }
    }

    /// Makes a unit known with its initial depth; a known one keeps its queue.
    pub fn add_unit(&mut self, address: Address, depth: u32) {
        if self.unit(address).is_none() {
            self.units.push(Unit {
                address,
                depth: depth.max(1),
                in_flight: 0,
                waiting: VecDeque::new(),
                gate: Gate::default(),
            });
        }
    }

    /// Changes a unit's depth; false if the unit is unknown or the depth is 0.
    pub fn set_depth(&mut self, address: Address, depth: u32) -> bool {
        match self.unit_mut(address) {
            Some(unit) if depth > 0 => {
                unit.depth = depth;
                true
            }
            _ => false,
        }
    }

    /// A unit's depth.
    #[must_use]
    pub fn depth(&self, address: Address) -> Option<u32> {
        self.unit(address).map(|unit| unit.depth)
    }

    /// Changes the adapter's limit (`StorPortUpdateAdapterMaxIO`).
    pub fn set_limit(&mut self, limit: u32) {
        self.limit = limit.max(1);
    }

    /// Queues a request; false if the unit is unknown.
    pub fn submit(&mut self, address: Address, ticket: Ticket) -> bool {
        self.unit_mut(address)
            .map(|unit| unit.waiting.push_back(ticket))
            .is_some()
    }

    /// Puts a request back at the head of its queue, to be issued again.
    pub fn put_back(&mut self, address: Address, ticket: Ticket) -> bool {
        self.unit_mut(address)
            .map(|unit| unit.waiting.push_front(ticket))
            .is_some()
    }

    /// The next request that may go to the miniport now; it counts as in flight from here on.
    pub fn next(&mut self, now_us: u64) -> Option<Ticket> {
        if self.held || self.in_flight >= self.limit || !self.gate.is_open(now_us) {
            return None;
        }
        let count = self.units.len();
        for step in 0..count {
            let index = (self.next_unit + step) % count;
            let Some(unit) = self.units.get_mut(index) else {
                continue;
            };
            if unit.in_flight >= unit.depth || !unit.gate.is_open(now_us) {
                continue;
            }
            if let Some(ticket) = unit.waiting.pop_front() {
                unit.in_flight += 1;
                self.in_flight += 1;
                self.peak = self.peak.max(self.in_flight);
                self.next_unit = index + 1;
                return Some(ticket);
            }
        }
        None
    }

    /// A request that [`Queues::next`] gave out is the port's again.
    pub fn completed(&mut self, address: Address) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.gate.completed(self.in_flight);
        if let Some(unit) = self.unit_mut(address) {
            unit.in_flight = unit.in_flight.saturating_sub(1);
            unit.gate.completed(unit.in_flight);
        }
    }

    /// Holds all queues (power and PnP changes); requests stay queued.
    pub fn hold(&mut self) {
        self.held = true;
    }

    /// Lets the queues go on.
    pub fn release(&mut self) {
        self.held = false;
    }

    /// Whether the queues are held.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.held
    }

    /// `StorPortPause`: closed until `until_us`.
    pub fn pause_adapter(&mut self, until_us: u64) {
        self.gate.until_us = Some(until_us);
    }

    /// `StorPortResume`.
    pub fn resume_adapter(&mut self) {
        self.gate.until_us = None;
    }

    /// `StorPortBusy`: closed until `requests` complete.
    pub fn busy_adapter(&mut self, requests: u32) {
        self.gate.completions = requests.min(self.in_flight);
    }

    /// `StorPortReady`.
    pub fn ready_adapter(&mut self) {
        self.gate.completions = 0;
    }

    /// `StorPortPauseDevice`, and the pause after `SRB_STATUS_BUSY`; false if the unit is unknown.
    pub fn pause_unit(&mut self, address: Address, until_us: u64) -> bool {
        self.unit_mut(address)
            .map(|unit| unit.gate.until_us = Some(until_us))
            .is_some()
    }

    /// `StorPortResumeDevice`; false if the unit is unknown.
    pub fn resume_unit(&mut self, address: Address) -> bool {
        self.unit_mut(address)
            .map(|unit| unit.gate.until_us = None)
            .is_some()
    }

    /// `StorPortDeviceBusy`; false if the unit is unknown.
    pub fn busy_unit(&mut self, address: Address, requests: u32) -> bool {
        self.unit_mut(address)
            .map(|unit| unit.gate.completions = requests.min(unit.in_flight))
            .is_some()
    }

    /// `StorPortDeviceReady`; false if the unit is unknown.
    pub fn ready_unit(&mut self, address: Address) -> bool {
        self.unit_mut(address)
            .map(|unit| unit.gate.completions = 0)
            .is_some()
    }

    /// `QUEUE_FULL`: the unit waits until only `percent` of what is in flight now remains.
    pub fn queue_full(&mut self, address: Address, percent: u32) {
        if let Some(unit) = self.unit_mut(address)
            && unit.in_flight > 0
        {
            unit.gate.drain_to = Some(unit.in_flight * percent / 100);
        }
    }

    /// Takes out all waiting requests of a unit (it is gone).
    pub fn take_waiting(&mut self, address: Address) -> Vec<Ticket> {
        self.unit_mut(address)
            .map(|unit| unit.waiting.drain(..).collect())
            .unwrap_or_default()
    }

    /// Requests at the miniport.
    #[must_use]
    pub const fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// Most requests that were at the miniport at one time since the last call.
    pub fn take_peak(&mut self) -> u32 {
        core::mem::replace(&mut self.peak, self.in_flight)
    }

    /// Requests that wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.units.iter().map(|unit| unit.waiting.len()).sum()
    }

    /// The time at which a closed gate opens by itself, if one does.
    #[must_use]
    pub fn next_opening_us(&self) -> Option<u64> {
        self.units
            .iter()
            .filter(|unit| !unit.waiting.is_empty())
            .filter_map(|unit| unit.gate.until_us)
            .chain(self.gate.until_us)
            .min()
    }

    fn unit(&self, address: Address) -> Option<&Unit> {
        self.units.iter().find(|unit| unit.address == address)
    }

    fn unit_mut(&mut self, address: Address) -> Option<&mut Unit> {
        self.units.iter_mut().find(|unit| unit.address == address)
    }
}

#[cfg(test)]
mod tests;
