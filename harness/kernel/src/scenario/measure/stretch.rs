//! A stretch of equal requests through the normal instance, in rounds.
//!
//! A round: the device does everything that it was told of; its interrupt is let in; the miniport's DPC completes what is done;
//! in the port's DPC the class driver issues as many requests as were completed. So the queue is full whenever the device works,
//! and a burst is as large as the queue is deep. Counting begins and ends between two rounds, with the queue full.

use alloc::{format, string::String, vec::Vec};

use proto::record::{Flow, Stretch, Subject, Transfer};

use super::super::Stop;
use crate::{
    hw::cpu,
    interrupt,
    measure::{self, Counts, device::Device},
    mem::Allocation,
    port::{self, Buffer, Request, RequestId, Unit},
    sync::Lock,
    timer,
};

/// Rounds before the counting begins.
const WARM_UP_ROUNDS: u64 = 3;
/// Instructions without a completion after which the miniport is stuck. The device's thread raises its interrupt after the answer
/// is in the ring, and a busy host may keep it from that for a while.
const PATIENCE: u64 = 5_000_000_000;
/// Sectors of the unit are used one behind the other up to here, in requests.
const SPREAD_REQUESTS: u64 = 64;

static CLASS_DRIVER: Lock<Option<ClassDriver>> = Lock::new(None);

/// Whoever issues the requests.
#[derive(Debug)]
pub(super) struct ClassDriver {
    unit: Unit,
    transfer: Transfer,
    buffer: Buffer,
    in_flight: Vec<RequestId>,
    issued: u64,
    completed: u64,
    /// Issues a request for each that was completed.
    refills: bool,
    failure: Option<String>,
}

/// What was counted in a stretch.
#[derive(Debug)]
pub(super) struct Counted {
    counts: Counts,
    requests: u64,
    reached_depth: u32,
}

impl Counted {
    /// As a record; `caught` says whether doorbells can be seen.
    pub(super) fn record(&self, transfer: Transfer, caught: bool) -> Stretch {
        let counts = &self.counts;
        Stretch {
            subject: Subject::Driver,
            transfer,
            requests: self.requests,
            reached_depth: self.reached_depth,
            costs: counts.costs(),
            exports: counts.exports(),
            doorbells: caught.then(|| counts.doorbells()),
            interrupts: counts.interrupts(),
            locks: counts.locks(),
            port_locks: counts.port_locks(),
            dpcs: counts.dpcs(),
        }
    }
}

/// Why the miniport cannot be given such requests.
pub(super) fn refusal(transfer: Transfer) -> Option<String> {
    let limits = port::limits();
    let pages = transfer.bytes.div_ceil(4096);
    if transfer.bytes > limits.maximum_transfer_bytes {
        return Some(format!(
            "the miniport takes {} bytes at most",
            limits.maximum_transfer_bytes
        ));
    }
    (pages > limits.physical_breaks).then(|| {
        format!(
            "the miniport takes {} pieces of memory at most",
            limits.physical_breaks
        )
    })
}

/// Runs a stretch in which `requests` requests are counted; `edge` is called right before and right after them. `PASSIVE_LEVEL`.
pub(super) fn run(
    class: ClassDriver,
    device: &Device,
    requests: u32,
    edge: fn(),
) -> Result<Counted, Stop> {
    let depth = class.transfer.depth;
    *CLASS_DRIVER.lock() = Some(class);
    port::set_completion_routine(Some(completion_routine));
    interrupt::hold_back(true);
    let flag = interrupt::disable();
    let counted = counted(device, depth, requests.into(), edge);
    interrupt::restore(flag);
    interrupt::hold_back(false);
    port::set_completion_routine(None);
    *CLASS_DRIVER.lock() = None;
    counted.map_err(Stop::boot_device)
}

fn counted(device: &Device, depth: u32, requests: u64, edge: fn()) -> Result<Counted, String> {
    let _ = port::take_peak_in_flight();
    port::hold();
    for _ in 0..depth {
        issue()?;
    }
    port::release();
    rounds_until(device, WARM_UP_ROUNDS * u64::from(depth))?;
    let before = with(|class| class.completed)?;
    edge();
    measure::begin();
    let done = rounds_until(device, before + requests);
    let counts = measure::end();
    edge();
    done?;
    let after = with(|class| {
        class.refills = false;
        class.completed
    })?;
    let issued = with(|class| class.issued)?;
    rounds_until(device, issued)?;
    Ok(Counted {
        counts,
        requests: after - before,
        reached_depth: port::take_peak_in_flight(),
    })
}

/// Goes on round by round until so many requests were completed.
fn rounds_until(device: &Device, completed: u64) -> Result<(), String> {
    let mut last = timer::instructions();
    loop {
        let before = with(|class| class.completed)?;
        if before >= completed {
            return Ok(());
        }
        if !device.settle() {
            return Err(String::from(
                "the device does not answer: is it told of every request that is made available?",
            ));
        }
        let_interrupts_in();
        let (now, failure) = with(|class| (class.completed, class.failure.take()))?;
        if let Some(failure) = failure {
            return Err(failure);
        }
        if now != before {
            last = timer::instructions();
        }
        if timer::instructions().wrapping_sub(last) > PATIENCE {
            return Err(format!(
                "the miniport completes nothing more after {now} requests"
            ));
        }
    }
}

/// The interrupts that wait, and the DPCs that they ask for; then none again.
fn let_interrupts_in() {
    interrupt::enable();
    for _ in 0..4 {
        cpu::relax();
    }
    let _ = interrupt::disable();
    port::idle(|| true);
}

/// What the port calls in its DPC.
fn completion_routine() {
    let done = with(ClassDriver::take_completed).unwrap_or_default();
    let refills = with(|class| class.refills).unwrap_or(false);
    for _ in 0..done {
        if refills && let Err(error) = issue() {
            let _ = with(|class| class.failure.get_or_insert(error).len());
        }
    }
}

/// Issues the next request; the miniport may run.
fn issue() -> Result<(), String> {
    let request = with(ClassDriver::next)?;
    let id = port::submit(request).map_err(|error| format!("a request is refused: {error}"))?;
    with(|class| class.in_flight.push(id))
}

fn with<R>(work: impl FnOnce(&mut ClassDriver) -> R) -> Result<R, String> {
    CLASS_DRIVER
        .lock()
        .as_mut()
        .map(work)
        .ok_or_else(|| String::from("there is no class driver"))
}

impl ClassDriver {
    /// Transfers between the first sectors of `unit` and the first pages of `memory`.
    pub(super) fn new(unit: &Unit, transfer: Transfer, memory: &Allocation) -> Self {
        Self {
            unit: unit.clone(),
            transfer,
            buffer: Buffer::part(memory, 0, transfer.bytes.into()),
            in_flight: Vec::new(),
            issued: 0,
            completed: 0,
            refills: true,
            failure: None,
        }
    }

    fn next(&mut self) -> Request {
        let sectors = self.transfer.bytes / self.unit.sector_bytes.max(1);
        let first = (self.unit.sectors / 2).next_multiple_of(256);
        let lba = first + self.issued % SPREAD_REQUESTS * u64::from(sectors);
        self.issued += 1;
        let buffer = self.buffer.clone();
        match self.transfer.flow {
            Flow::Read => Request::read(&self.unit, lba, sectors, buffer),
            Flow::Write => Request::write(&self.unit, lba, sectors, buffer),
        }
    }

    /// Takes the completions that are there; their number.
    fn take_completed(&mut self) -> u64 {
        let mut done = 0;
        let mut failure = None;
        self.in_flight.retain(|id| {
            let Some(completion) = port::poll(*id) else {
                return true;
            };
            done += 1;
            if !completion.is_success() {
                failure = Some(format!("a request failed: {completion:?}"));
            }
            false
        });
        self.completed += done;
        if let Some(failure) = failure {
            self.failure.get_or_insert(failure);
        }
        done
    }
}
