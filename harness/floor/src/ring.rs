//! The memory that client and device share, as atomic words: descriptor table, both rings, and a [`Frame`] for each entry.

use super::{
    Acquire, AtomicU16, AtomicU32, AtomicU64, Broken, DESCRIPTOR_BYTES, Direction, FIXED, NEXT,
    NEXT_SHIFT, REQUEST_BYTES, RESPONSE_BYTES, Relaxed, Request, WRITE,
};

/// Entries of the queue: what the device has by itself.
pub const ENTRIES: usize = 256;
/// Pieces that a request's data may be in: 1 MiB of single pages, and one more.
pub const SEGMENTS: usize = 257;
/// Words of a frame, a multiple of a cache line.
pub const FRAME_WORDS: usize = 544;

/// Word of the response in a frame; the request is in front of it, the table behind it.
const RESPONSE: usize = 7;
const TABLE: usize = 22;
/// Simple task attribute, no priority, no command reference number; the command begins in the same word.
const COMMAND_SHIFT: u32 = 24;

/// Memory of one queue.
#[derive(Clone, Copy, Debug)]
pub struct Memory<'m> {
    /// The descriptor table: two words an entry.
    pub descriptors: &'m [AtomicU64; 2 * ENTRIES],
    /// Flags, index, entries, `used_event`.
    pub available: &'m [AtomicU16; ENTRIES + 3],
    /// Flags and index, two words an entry, `avail_event`.
    pub used: &'m [AtomicU32; 2 * ENTRIES + 2],
    /// A frame for each descriptor.
    pub frames: &'m [[AtomicU64; FRAME_WORDS]; ENTRIES],
    /// Physical address of the first frame.
    pub frames_address: u64,
    /// What stands for the notification register.
    pub doorbell: &'m AtomicU16,
}

/// Request, response and indirect table of one entry.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'m>(&'m [AtomicU64; FRAME_WORDS]);

impl<'m> Memory<'m> {
    /// Number of the first request queue (5.6.2).
    pub const QUEUE: u16 = 2;

    pub(super) fn frames(&self) -> impl Iterator<Item = (Frame<'m>, u64)> + use<'m> {
        let bytes = 8 * FRAME_WORDS as u64;
        let first = self.frames_address;
        let numbered = self.frames.iter().zip(0_u64..);
        numbered.map(move |(words, number)| (Frame(words), first + number * bytes))
    }

    #[inline]
    pub(super) fn frame(&self, index: usize) -> Frame<'m> {
        Frame(&self.frames[index % ENTRIES])
    }

    #[inline]
    pub(super) fn table_length(&self, index: usize) -> &'m AtomicU64 {
        &self.descriptors[2 * (index % ENTRIES) + 1]
    }

    #[inline]
    pub(super) fn available_entry(&self, position: u16) -> &'m AtomicU16 {
        &self.available[2 + usize::from(position) % ENTRIES]
    }

    /// Everything before is visible to the device when it sees the index.
    #[inline]
    pub(super) fn publish(&self, index: u16) {
        self.available[1].store(index, core::sync::atomic::Ordering::Release);
    }

    #[inline]
    pub(super) fn used_event(&self) -> &'m AtomicU16 {
        &self.available[ENTRIES + 2]
    }

    #[inline]
    pub(super) fn available_event(&self) -> u16 {
        low(self.used[2 * ENTRIES + 1].load(Relaxed))
    }

    #[inline]
    pub(super) fn used_index(&self) -> u16 {
        low(self.used[0].load(Acquire) >> 16)
    }

    #[inline]
    pub(super) fn used_entry(&self, position: u16) -> u32 {
        self.used[1 + 2 * (usize::from(position) % ENTRIES)].load(Relaxed)
    }
}

impl Frame<'_> {
    /// Byte of the table in a frame.
    pub(super) const TABLE_BYTE: u64 = 8 * TABLE as u64;

    /// Writes what is the same for every request of this entry; the frame lies at `address` for the device.
    pub(super) fn prepare(self, address: u64) {
        for word in self.0 {
            word.store(0, Relaxed);
        }
        // A tag that no other request has.
        self.0[1].store(address, Relaxed);
        self.0[TABLE].store(address, Relaxed);
        self.0[TABLE + 2].store(address + 8 * RESPONSE as u64, Relaxed);
    }

    /// Writes a request; returns the length of its table in bytes.
    #[inline]
    pub(super) fn fill(self, request: &Request<'_>) -> Result<u64, Broken> {
        let [low, high] = request.cdb;
        self.0[0].store(request.lun, Relaxed);
        self.0[2].store(low << COMMAND_SHIFT, Relaxed);
        self.0[3].store(low >> (64 - COMMAND_SHIFT) | high << COMMAND_SHIFT, Relaxed);
        self.0[4].store(high >> (64 - COMMAND_SHIFT), Relaxed);
        let count = request.data.len();
        let Some(places) = self.0.get(TABLE + 4..TABLE + 4 + 2 * count) else {
            return Err(Broken::TooLong);
        };
        // The response is entry 1. What the device reads comes before what it writes (2.7.4.2).
        let reads = request.direction == Direction::In || count == 0;
        let (first, flags, behind) = match (reads, count) {
            (true, 0) => (1, 0, WRITE),
            (true, _) => (1, WRITE, WRITE | NEXT | FIXED << NEXT_SHIFT),
            (false, _) => (FIXED, 0, WRITE),
        };
        self.0[TABLE + 1].store(REQUEST_BYTES | NEXT | first << NEXT_SHIFT, Relaxed);
        self.0[TABLE + 3].store(RESPONSE_BYTES | behind, Relaxed);
        let mut next = FIXED;
        for ([address, length], piece) in places.as_chunks().0.iter().zip(request.data) {
            next += 1;
            address.store(piece.address, Relaxed);
            length.store(
                u64::from(piece.bytes) | flags | NEXT | next << NEXT_SHIFT,
                Relaxed,
            );
        }
        if let ([.., last], Some(piece)) = (places, request.data.last()) {
            let end = if reads { 0 } else { NEXT | 1 << NEXT_SHIFT };
            last.store(u64::from(piece.bytes) | flags | end, Relaxed);
        }
        Ok(next * DESCRIPTOR_BYTES)
    }

    /// Looks at the answer.
    #[inline]
    pub(super) fn judge(self) -> Result<(), Broken> {
        let residual = self.0[RESPONSE].load(Relaxed) >> 32;
        let status = self.0[RESPONSE + 1].load(Relaxed) << 32 >> 48;
        if residual | status == 0 {
            return Ok(());
        }
        let word = |value| u32::try_from(value).unwrap_or(u32::MAX);
        Err(Broken::Status(word(residual), word(status)))
    }
}

/// The low half.
#[inline]
const fn low(word: u32) -> u16 {
    let [b0, b1, _, _] = word.to_le_bytes();
    u16::from_le_bytes([b0, b1])
}
