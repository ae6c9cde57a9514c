//! The debug console: frames of [`Record`] from the guest.
//!
//! A thread reads all the time, since a guest that cannot write stands still with QEMU's lock held. [`Console::drain`]
//! reads what is in the socket at once; when the virtual CPU is stopped that is everything the guest has written.

use std::{
    io::{ErrorKind, Read as _},
    os::unix::net::UnixStream,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::Result;
use proto::{record::Record, wire};
use rustix::event::{PollFd, PollFlags, Timespec};

use crate::fault::Fault;

/// The reading end of the debug console.
#[derive(Debug)]
pub struct Console {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// A record and the time at which it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// The record.
    pub record: Record,
    /// When its last byte was read.
    pub at: Instant,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    stop: AtomicBool,
}

#[derive(Debug)]
struct State {
    stream: UnixStream,
    partial: Vec<u8>,
    records: Vec<Arrived>,
    broken_frames: usize,
    last_heard: Instant,
}

impl Console {
    /// Starts reading.
    ///
    /// # Errors
    /// The socket cannot be set up.
    pub fn new(stream: UnixStream) -> Result<Self> {
        stream.set_nonblocking(true)?;
        let poll_end = stream.try_clone()?;
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                stream,
                partial: Vec::new(),
                records: Vec::new(),
                broken_frames: 0,
                last_heard: Instant::now(),
            }),
            stop: AtomicBool::new(false),
        });
        let reader = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            while !reader.stop.load(Ordering::Relaxed) {
                wait_readable(&poll_end);
                if reader.lock().read_all() == Open::No {
                    break;
                }
            }
        });
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Reads what is there, and returns the records from number `from` on, with the times at which they came.
    ///
    /// # Errors
    /// A frame that is no record: guest and host do not speak the same protocol.
    pub fn drain(&self, from: usize) -> Result<Vec<Arrived>> {
        let mut state = self.shared.lock();
        state.read_all();
        if state.broken_frames > 0 {
            return Err(Fault::check(
                format!("{} record(s) of the guest cannot be decoded", state.broken_frames),
                "the bench kernel and the harness are of different versions, or the kernel's output is damaged",
            )
            .into());
        }
        Ok(state.records.get(from..).unwrap_or_default().to_vec())
    }

    /// Time since the guest last said anything.
    #[must_use]
    pub fn silence(&self) -> Duration {
        self.shared.lock().last_heard.elapsed()
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // The thread wakes up at least every POLL.
            let _ended = thread.join();
        }
    }
}

#[derive(PartialEq, Eq)]
enum Open {
    Yes,
    No,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn read_all(&mut self) -> Open {
        let mut buffer = [0; 16 * 1024];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return Open::No,
                Ok(length) => {
                    self.last_heard = Instant::now();
                    self.partial.extend_from_slice(&buffer[..length]);
                    self.split_frames();
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Open::Yes,
                Err(_) => return Open::No,
            }
        }
    }

    fn split_frames(&mut self) {
        let mut rest = std::mem::take(&mut self.partial);
        let mut start = 0;
        while let Some(length) = rest[start..].iter().position(|byte| *byte == 0) {
            let end = start + length + 1;
            if length > 0 {
                match wire::from_frame(&rest[start..end]) {
                    Ok(record) => self.records.push(Arrived {
                        record,
                        at: self.last_heard,
                    }),
                    Err(_) => self.broken_frames += 1,
                }
            }
            start = end;
        }
        rest.drain(..start);
        self.partial = rest;
    }
}

const POLL: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 50_000_000,
};

fn wait_readable(stream: &UnixStream) {
    let mut descriptors = [PollFd::new(stream, PollFlags::IN)];
    // A failed poll is only a shorter wait.
    let _ready = rustix::event::poll(&mut descriptors, Some(&POLL));
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

    fn drained(console: &Console, from: usize) -> Vec<Record> {
        let arrived = console.drain(from).expect("drained");
        assert!(arrived.is_sorted_by_key(|arrived| arrived.at));
        arrived.into_iter().map(|arrived| arrived.record).collect()
    }

    #[test]
    fn frames_in_pieces_become_records_in_order() {
        let (ours, mut theirs) = UnixStream::pair().expect("pair");
        let console = Console::new(ours).expect("console");
        let mut bytes = wire::to_frame(&log("a")).expect("encoded");
        bytes.extend(wire::to_frame(&log("b")).expect("encoded"));
        let (first, second) = bytes.split_at(3);
        theirs.write_all(first).expect("written");
        assert_eq!(drained(&console, 0), []);
        theirs.write_all(second).expect("written");
        assert_eq!(drained(&console, 0), [log("a"), log("b")]);
        assert_eq!(drained(&console, 1), [log("b")]);
        assert_eq!(drained(&console, 9), []);
    }

    #[test]
    fn noise_is_an_error() {
        let (ours, mut theirs) = UnixStream::pair().expect("pair");
        let console = Console::new(ours).expect("console");
        theirs
            .write_all(&[0x05, 0xff, 0xff, 0x00])
            .expect("written");
        let error = console.drain(0).expect_err("noise");
        assert!(error.to_string().contains("cannot be decoded"), "{error}");
    }
}
