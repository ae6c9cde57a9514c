//! Requests as the bench's I/O layers make them, and the table of those that the port knows.
//!
//! * [`Request`] says what to do, [`Buffer`] with which memory; [`Completion`] is the answer.
//! * [`Table`] holds the slots: request block, sense buffer, scatter/gather list and SRB extension in memory of their
//!   own, each between guard pages, filled with a canary whenever the request is not the miniport's.

use alloc::{collections::BTreeMap, vec::Vec};

use proto::record::PhysicalRange;

use super::{
    abi::srb::{
        SCSISTAT_GOOD, SRB_FLAGS_BYPASS_FROZEN_QUEUE, SRB_FLAGS_DATA_IN, SRB_FLAGS_DATA_OUT,
        SRB_FLAGS_NO_DATA_TRANSFER, SRB_FLAGS_QUEUE_ACTION_ENABLE, SRB_FUNCTION_EXECUTE_SCSI,
        SRB_STATUS_SUCCESS,
    },
    adapter::Unit,
    cdb,
    fragments::push_merged,
    queue::{Address, Ticket},
    srb::{Parameters, SrbOutcome},
};
use crate::mem::{Allocation, Va};

pub use super::cdb::Direction;

/// Default time-out of a disk request in seconds.
pub const TIMEOUT_SECONDS: u32 = 10;

/// Memory of a request's data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Buffer {
    /// Physical ranges in order, neighbours merged.
    pub ranges: Vec<PhysicalRange>,
    /// Address at which the miniport may touch it; null if the data are the device's alone.
    pub va: Va,
}

impl Buffer {
    /// The whole of `allocation`.
    #[must_use]
    pub fn of(allocation: &Allocation) -> Self {
        Self {
            ranges: allocation.runs.clone(),
            va: allocation.va,
        }
    }

    /// `bytes` bytes of `allocation` from byte `offset` on, as far as it reaches.
    #[must_use]
    pub fn part(allocation: &Allocation, offset: u64, bytes: u64) -> Self {
        let mut ranges = Vec::new();
        let (mut skip, mut left) = (offset, bytes);
        for run in &allocation.runs {
            if skip >= run.bytes {
                skip -= run.bytes;
                continue;
            }
            let chunk = (run.bytes - skip).min(left);
            if chunk > 0 {
                push_merged(
                    &mut ranges,
                    PhysicalRange {
                        address: run.address + skip,
                        bytes: chunk,
                    },
                );
            }
            left -= chunk;
            skip = 0;
        }
        Self {
            ranges,
            va: allocation.va.offset(offset),
        }
    }

    /// Memory without an address for the CPU.
    #[must_use]
    pub fn pages(ranges: Vec<PhysicalRange>) -> Self {
        Self {
            ranges,
            va: Va::NULL,
        }
    }

    /// Length in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.ranges.iter().map(|range| range.bytes).sum()
    }
}

/// How a request reaches the miniport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Through its unit's queue.
    Queued,
    /// At once, also while the queue is held (power, PnP, resets, dump pointers).
    Direct,
}

/// What happens to a request that ended with an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryPolicy {
    /// Issued again as a disk class driver would: unit attention, resets, aborts.
    Class,
    /// Reported at once.
    Never,
}

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    /// Unit that it is for.
    pub address: Address,
    /// `SRB_FUNCTION_*`.
    pub function: u8,
    /// Command or other parameters.
    pub parameters: Parameters,
    /// Further `SRB_FLAGS_*`.
    pub flags: u32,
    /// Time-out in seconds.
    pub timeout_seconds: u32,
    /// Data.
    pub buffer: Buffer,
    /// Direction of the data.
    pub direction: Direction,
    /// The data are a read's or write's: the miniport gets no address to touch them.
    pub device_only: bool,
    /// Way to the miniport.
    pub delivery: Delivery,
    /// What to do after errors.
    pub retry: RetryPolicy,
    /// The processor on which it is issued; `None`: whichever comes to it.
    pub processor: Option<usize>,
}

impl Request {
    /// A SCSI command.
    #[must_use]
    pub fn command(address: Address, cdb: cdb::Cdb, direction: Direction, buffer: Buffer) -> Self {
        Self {
            address,
            function: SRB_FUNCTION_EXECUTE_SCSI,
            parameters: Parameters::Command {
                cdb: cdb.bytes,
                bytes: cdb.length,
            },
            flags: SRB_FLAGS_QUEUE_ACTION_ENABLE,
            timeout_seconds: TIMEOUT_SECONDS,
            buffer,
            direction,
            device_only: false,
            delivery: Delivery::Queued,
            retry: RetryPolicy::Class,
            processor: None,
        }
    }

    /// Reads `sectors` sectors from `lba` on into `buffer`.
    #[must_use]
    pub fn read(unit: &Unit, lba: u64, sectors: u32, buffer: Buffer) -> Self {
        Self::transfer(unit, Direction::In, lba, sectors, buffer)
    }

    /// Writes `sectors` sectors from `lba` on out of `buffer`.
    #[must_use]
    pub fn write(unit: &Unit, lba: u64, sectors: u32, buffer: Buffer) -> Self {
        Self::transfer(unit, Direction::Out, lba, sectors, buffer)
    }

    fn transfer(unit: &Unit, direction: Direction, lba: u64, sectors: u32, buffer: Buffer) -> Self {
        let cdb = cdb::transfer(direction, lba, sectors);
        Self {
            device_only: true,
            ..Self::command(unit.address, cdb, direction, buffer)
        }
    }

    /// SYNCHRONIZE CACHE of the whole unit.
    #[must_use]
    pub fn synchronize_cache(unit: &Unit) -> Self {
        Self {
            timeout_seconds: 30,
            ..Self::command(
                unit.address,
                cdb::synchronize_cache(),
                Direction::None,
                Buffer::default(),
            )
        }
    }

    /// TEST UNIT READY.
    #[must_use]
    pub fn test_unit_ready(unit: &Unit) -> Self {
        Self::command(
            unit.address,
            cdb::test_unit_ready(),
            Direction::None,
            Buffer::default(),
        )
    }

    /// A request by its function alone (flush, shutdown, resets).
    #[must_use]
    pub fn function(address: Address, function: u8) -> Self {
        Self {
            address,
            function,
            parameters: Parameters::None,
            flags: SRB_FLAGS_NO_DATA_TRANSFER,
            timeout_seconds: 30,
            buffer: Buffer::default(),
            direction: Direction::None,
            device_only: false,
            delivery: Delivery::Queued,
            retry: RetryPolicy::Never,
            processor: None,
        }
    }

    /// The same, past the queue.
    #[must_use]
    pub fn direct(self) -> Self {
        Self {
            flags: self.flags | SRB_FLAGS_BYPASS_FROZEN_QUEUE,
            delivery: Delivery::Direct,
            ..self
        }
    }

    /// The same, without retries.
    #[must_use]
    pub fn without_retry(self) -> Self {
        Self {
            retry: RetryPolicy::Never,
            ..self
        }
    }

    /// The same, issued on a processor.
    #[must_use]
    pub fn on(self, processor: usize) -> Self {
        Self {
            processor: Some(processor),
            ..self
        }
    }

    /// All `SRB_FLAGS_*`.
    #[must_use]
    pub fn srb_flags(&self) -> u32 {
        self.flags
            | match self.direction {
                Direction::None => SRB_FLAGS_NO_DATA_TRANSFER,
                Direction::In => SRB_FLAGS_DATA_IN,
                Direction::Out => SRB_FLAGS_DATA_OUT,
            }
    }
}

/// Names a request from its submission until its completion is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId {
    /// Slot in the table.
    pub ticket: Ticket,
    /// Use of the slot, so that an old name never means a new request.
    pub generation: u32,
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The status proper (`SRB_STATUS_*` without flag bits).
    pub status: u8,
    /// `SrbStatus` with all bits.
    pub srb_status: u8,
    /// SCSI status.
    pub scsi_status: u8,
    /// Bytes transferred.
    pub transferred: u32,
    /// Sense data.
    pub sense: Vec<u8>,
    /// `SystemStatus`.
    pub system_status: u32,
    /// Times it was issued again.
    pub retries: u32,
}

impl Completion {
    /// Whether it did what was asked.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.status == SRB_STATUS_SUCCESS && self.scsi_status == SCSISTAT_GOOD
    }

    /// Sense key, additional sense code and qualifier of fixed or descriptor format sense data.
    #[must_use]
    pub fn sense_code(&self) -> Option<(u8, u8, u8)> {
        let at = |index: usize| self.sense.get(index).copied();
        match at(0)? & 0x7F {
            0x70 | 0x71 => Some((at(2)? & 0x0F, at(12).unwrap_or(0), at(13).unwrap_or(0))),
            0x72 | 0x73 => Some((at(1)? & 0x0F, at(2)?, at(3)?)),
            _ => None,
        }
    }
}

/// Who has a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotState {
    /// Nobody: the slot is free.
    Free,
    /// The port: it waits in a queue.
    Queued,
    /// The miniport, since `HwStorBuildIo` was called.
    AtMiniport,
    /// The port: completed, not processed yet.
    Completed,
    /// Whoever submitted it: the completion can be taken.
    Done,
}

/// One slot.
#[derive(Debug)]
pub struct Slot {
    /// Who has it.
    pub state: SlotState,
    /// Use number.
    pub generation: u32,
    /// The request, while there is one.
    pub request: Option<Request>,
    /// Request block.
    pub block: Allocation,
    /// Sense buffer.
    pub sense: Allocation,
    /// Scatter/gather list.
    pub list: Allocation,
    /// SRB extension, if the miniport wants one.
    pub extension: Option<Allocation>,
    /// Bytes of the request block that are in use.
    pub block_bytes: u64,
    /// The scatter/gather list is valid.
    pub has_list: bool,
    /// Time at which the request is overdue.
    pub deadline_us: u64,
    /// What the miniport reported.
    pub outcome: Option<SrbOutcome>,
    /// The answer.
    pub completion: Option<Completion>,
    /// Times it was issued again after BUSY.
    pub busy_retries: u32,
    /// Times it was issued again after an error.
    pub retries: u32,
    /// `HwStorStartIo` was called.
    pub started: bool,
    /// The processor that gave it to the miniport.
    pub started_on: usize,
    /// The memory holds the canary.
    pub fenced: bool,
}

/// All slots.
#[derive(Debug, Default)]
pub struct Table {
    slots: Vec<Slot>,
    by_block: BTreeMap<u64, Ticket>,
    /// Completed requests, oldest first.
    pub completed: Vec<Ticket>,
}

impl Table {
    /// An empty table.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            slots: Vec::new(),
            by_block: BTreeMap::new(),
            completed: Vec::new(),
        }
    }

    /// A free slot, if there is one.
    #[must_use]
    pub fn free_slot(&self) -> Option<Ticket> {
        self.slots
            .iter()
            .position(|slot| slot.state == SlotState::Free)
            .and_then(|index| Ticket::try_from(index).ok())
    }

    /// Adds a slot.
    pub fn add(&mut self, slot: Slot) -> Option<Ticket> {
        let ticket = Ticket::try_from(self.slots.len()).ok()?;
        self.by_block.insert(slot.block.va.0, ticket);
        self.slots.push(slot);
        Some(ticket)
    }

    /// A slot by its ticket.
    #[must_use]
    pub fn slot(&self, ticket: Ticket) -> Option<&Slot> {
        self.slots.get(usize::try_from(ticket).ok()?)
    }

    /// A slot by its ticket.
    pub fn slot_mut(&mut self, ticket: Ticket) -> Option<&mut Slot> {
        self.slots.get_mut(usize::try_from(ticket).ok()?)
    }

    /// The slot whose request block begins at `block`.
    #[must_use]
    pub fn by_block(&self, block: Va) -> Option<Ticket> {
        self.by_block.get(&block.0).copied()
    }

    /// All slots with their tickets.
    pub fn iter(&self) -> impl Iterator<Item = (Ticket, &Slot)> {
        (0..).zip(&self.slots)
    }

    /// Tickets of the requests at the miniport that `wanted` accepts.
    #[must_use]
    pub fn at_miniport(&self, wanted: impl Fn(&Request) -> bool) -> Vec<Ticket> {
        self.iter()
            .filter(|(_, slot)| slot.state == SlotState::AtMiniport)
            .filter(|(_, slot)| slot.request.as_ref().is_some_and(&wanted))
            .map(|(ticket, _)| ticket)
            .collect()
    }

    /// Takes all slots out.
    pub fn take_slots(&mut self) -> Vec<Slot> {
        self.by_block.clear();
        core::mem::take(&mut self.slots)
    }
}
