//! The debug console: frames of [`Record`] from the guest.
//!
//! QEMU writes them to a file, one byte at a time as the guest does: a byte in a socket would wake this process each time.
//! [`Frames`] splits the stream; [`Console::drain`] reads what is there; when the virtual CPU is stopped, or QEMU has ended, that is everything the guest has
//! written.

use std::{
    fs::File,
    io::{ErrorKind, Read as _},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use proto::{
    record::Record,
    wire::{self, WireError},
};

use crate::fault::Fault;

/// The reading end of the debug console.
#[derive(Debug)]
pub struct Console {
    file: File,
    frames: Frames,
    records: Vec<Arrived>,
    broken_frames: usize,
    last_heard: Instant,
}

/// A record and the time at which it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// The record.
    pub record: Record,
    /// When its last byte was read.
    pub at: Instant,
}

impl Console {
    /// Reads from `file`, which QEMU appends to.
    #[must_use]
    pub fn new(file: File) -> Self {
        Self {
            file,
            frames: Frames::default(),
            records: Vec::new(),
            broken_frames: 0,
            last_heard: Instant::now(),
        }
    }

    /// Reads what is there, and returns the records that were not returned before, with the times at which they were read.
    ///
    /// # Errors
    /// A frame that is no record: guest and host do not speak the same protocol.
    pub fn drain(&mut self) -> Result<Vec<Arrived>> {
        self.read_all()?;
        if self.broken_frames > 0 {
            return Err(Fault::check(
                format!("{} record(s) of the guest cannot be decoded", self.broken_frames),
                "the bench kernel and the harness are of different versions, or the kernel's output is damaged",
            )
            .into());
        }
        Ok(std::mem::take(&mut self.records))
    }

    /// Time since something was last read.
    #[must_use]
    pub fn silence(&self) -> Duration {
        self.last_heard.elapsed()
    }

    fn read_all(&mut self) -> Result<()> {
        let mut buffer = [0; 16 * 1024];
        loop {
            match self.file.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(length) => {
                    self.last_heard = Instant::now();
                    self.frames.feed(&buffer[..length]);
                    self.take_records();
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error).context("the guest's console cannot be read"),
            }
        }
    }

    fn take_records(&mut self) {
        while let Some(record) = self.frames.next_record() {
            match record {
                Ok(record) => self.records.push(Arrived {
                    record,
                    at: self.last_heard,
                }),
                Err(_) => self.broken_frames += 1,
            }
        }
    }
}

/// Takes bytes of the console, gives records.
#[derive(Debug, Default)]
pub struct Frames {
    bytes: Vec<u8>,
    /// Bytes of it that were given as records.
    taken: usize,
}

impl Frames {
    /// More bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.taken);
        self.taken = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The next frame that has come whole; `None` until there is one.
    pub fn next_record(&mut self) -> Option<Result<Record, WireError>> {
        loop {
            let rest = self.bytes.get(self.taken..)?;
            let length = rest.iter().position(|byte| *byte == 0)?;
            let frame = rest.get(..=length)?;
            self.taken += length + 1;
            if length > 0 {
                return Some(wire::from_frame(frame));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn log(text: &str) -> Record {
        Record::StepBegin {
            name: text.to_owned(),
        }
    }

    fn drained(console: &mut Console) -> Vec<Record> {
        let arrived = console.drain().expect("drained");
        assert!(arrived.is_sorted_by_key(|arrived| arrived.at));
        arrived.into_iter().map(|arrived| arrived.record).collect()
    }

    /// A console, and the end that QEMU writes to.
    fn pair() -> (Console, File) {
        let directory = tempfile::tempdir().expect("made");
        let path = directory.path().join("console");
        let theirs = File::create(&path).expect("made");
        (Console::new(File::open(path).expect("opened")), theirs)
    }

    #[test]
    fn frames_in_pieces_become_records_in_order() {
        let (mut console, mut theirs) = pair();
        let mut bytes = wire::to_frame(&log("a")).expect("encoded");
        bytes.extend(wire::to_frame(&log("b")).expect("encoded"));
        let (first, second) = bytes.split_at(3);
        theirs.write_all(first).expect("written");
        assert_eq!(drained(&mut console), []);
        theirs.write_all(second).expect("written");
        assert_eq!(drained(&mut console), [log("a"), log("b")]);
        theirs
            .write_all(&wire::to_frame(&log("c")).expect("encoded"))
            .expect("written");
        assert_eq!(drained(&mut console), [log("c")]);
        assert_eq!(drained(&mut console), []);
    }

    #[test]
    fn silence_ends_when_something_is_read() {
        let (mut console, mut theirs) = pair();
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!(drained(&mut console), []);
        let silence = console.silence();
        assert!(silence >= Duration::from_millis(50));
        theirs.write_all(&[1]).expect("written");
        let read = Instant::now();
        assert_eq!(drained(&mut console), []);
        assert!(console.silence() <= read.elapsed());
    }

    #[test]
    fn noise_is_an_error() {
        let (mut console, mut theirs) = pair();
        theirs
            .write_all(&[0x05, 0xff, 0xff, 0x00])
            .expect("written");
        let error = console.drain().expect_err("noise");
        assert!(error.to_string().contains("cannot be decoded"), "{error}");
    }
}
