//! The least that a driver of a virtio-scsi device must do: fill a request, publish a burst, take the answers.
//!
//! A [`Client`] knows no port driver, no locks, no resets and no errors but one: what is not as it should be ends the measurement
//! ([`Broken`]). It does everything that the format demands, and nothing else: split ring, indirect tables, event index, one
//! index store and at most one doorbell for a burst, all answers in one go. It is compiled with full optimisation, unlike the
//! rest of the bench. Neighbour: the bench kernel's `measure::floor` starts the device and counts.
//!
//! Source: virtio 1.2, 2.7 (split virtqueues) and 5.6.6.1 (request queue operation).
#![no_std]
#![forbid(unsafe_code)]

mod ring;

use core::sync::atomic::{
    AtomicU16, AtomicU32, AtomicU64,
    Ordering::{Acquire, Relaxed, SeqCst},
    fence,
};

pub use ring::{ENTRIES, FRAME_WORDS, Frame, Memory, SEGMENTS};

/// Descriptor flags (2.7.5).
const NEXT: u64 = 1 << 32;
const WRITE: u64 = 2 << 32;
const INDIRECT: u64 = 4 << 32;
/// The number of the next descriptor in the second word.
const NEXT_SHIFT: u32 = 48;
/// Bytes of a request without its data, and of an answer with 96 bytes of sense data (5.6.6.1, default sizes).
const REQUEST_BYTES: u64 = 51;
const RESPONSE_BYTES: u64 = 108;
const DESCRIPTOR_BYTES: u64 = 16;
/// Descriptors in front of those of the data.
const FIXED: u64 = 2;

/// A piece of a request's data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Physical address.
    pub address: u64,
    /// Length in bytes.
    pub bytes: u32,
}

/// Direction of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The device writes memory.
    In,
    /// The device reads memory.
    Out,
}

/// A request as an upper layer hands it down.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The unit, as the device wants it (5.6.6.1).
    pub lun: u64,
    /// The command, little-endian halves of its 16 bytes.
    pub cdb: [u64; 2],
    /// Direction.
    pub direction: Direction,
    /// Data, at most [`SEGMENTS`] pieces.
    pub data: &'a [Segment],
}

/// The device, or the bench, did what a measurement cannot go on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// More requests than the ring has entries.
    Full,
    /// More pieces than a table has room for.
    TooLong,
    /// An answer for a request that does not exist.
    Answer(u32),
    /// A request ended with these: bytes not transferred, SCSI status with the response code above it.
    Status(u32, u32),
}

/// The client of one queue.
#[derive(Debug)]
pub struct Client<'m> {
    memory: Memory<'m>,
    free: [u16; ENTRIES],
    free_count: usize,
    /// Requests that were put into the ring.
    put: u16,
    /// Requests that the device was shown.
    published: u16,
    /// Answers that were taken.
    taken: u16,
}

impl<'m> Client<'m> {
    /// A client of an empty queue. What never changes is written here, once.
    #[must_use]
    pub fn new(memory: Memory<'m>) -> Self {
        let mut free = [0; ENTRIES];
        for (slot, number) in free.iter_mut().zip(0..) {
            *slot = number;
        }
        for ((frame, address), descriptor) in memory.frames().zip(memory.descriptors.as_chunks().0)
        {
            let [table_address, _] = descriptor;
            frame.prepare(address);
            table_address.store(address + Frame::TABLE_BYTE, Relaxed);
        }
        Self {
            memory,
            free,
            free_count: ENTRIES,
            put: 0,
            published: 0,
            taken: 0,
        }
    }

    /// Puts requests into the ring and shows them to the device, all at once.
    ///
    /// # Errors
    /// [`Broken::Full`], [`Broken::TooLong`].
    #[inline(never)]
    pub fn submit(&mut self, requests: &[Request<'_>]) -> Result<(), Broken> {
        for request in requests {
            self.put(request)?;
        }
        self.publish();
        Ok(())
    }

    /// Takes all answers that are there; their number. The device is to interrupt for the next one.
    ///
    /// # Errors
    /// [`Broken::Answer`], [`Broken::Status`].
    #[inline(never)]
    pub fn drain(&mut self) -> Result<usize, Broken> {
        let mut done = 0;
        loop {
            let used = self.memory.used_index();
            while self.taken != used {
                let slot = self.memory.used_entry(self.taken);
                self.taken = self.taken.wrapping_add(1);
                self.take(slot)?;
                done += 1;
            }
            self.memory.used_event().store(used, Relaxed);
            // An answer that came before the device saw this brings no interrupt (2.7.7).
            fence(SeqCst);
            if self.memory.used_index() == used {
                return Ok(done);
            }
        }
    }

    #[inline]
    fn put(&mut self, request: &Request<'_>) -> Result<(), Broken> {
        let Some(&slot) = self
            .free_count
            .checked_sub(1)
            .and_then(|last| self.free.get(last))
        else {
            return Err(Broken::Full);
        };
        let index = usize::from(slot) % ENTRIES;
        let length = self.memory.frame(index).fill(request)?;
        self.free_count -= 1;
        self.memory
            .table_length(index)
            .store(length | INDIRECT, Relaxed);
        self.memory.available_entry(self.put).store(slot, Relaxed);
        self.put = self.put.wrapping_add(1);
        Ok(())
    }

    #[inline]
    fn publish(&mut self) {
        let (old, new) = (self.published, self.put);
        self.memory.publish(new);
        self.published = new;
        fence(SeqCst);
        let event = self.memory.available_event();
        // vring_need_event of 2.7.10.
        if new.wrapping_sub(event).wrapping_sub(1) < new.wrapping_sub(old) {
            self.memory.doorbell.store(Memory::QUEUE, Relaxed);
        }
    }

    #[inline]
    fn take(&mut self, slot: u32) -> Result<(), Broken> {
        let number = u16::try_from(slot).map_err(|_| Broken::Answer(slot))?;
        let index = usize::from(number);
        let Some(place) = self
            .free
            .get_mut(self.free_count)
            .filter(|_| index < ENTRIES)
        else {
            return Err(Broken::Answer(slot));
        };
        *place = number;
        self.free_count += 1;
        self.memory.frame(index).judge()
    }
}

/// The number of instructions of this one is known: a call and a return. For the calibration.
#[inline(never)]
pub fn nothing() {}
