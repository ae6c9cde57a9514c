//! A client of the gdb remote protocol, as far as QEMU's stub needs it.
//!
//! * [`packet`]: framing and checksums. Pure.
//! * [`Debugger`]: registers, memory, hardware breakpoints, continue and single step over one connection.
//!
//! Source: "Debugging with GDB", appendix "gdb Remote Serial Protocol". The reverse-execution packets (`bc`, `bs`) are never
//! sent: outside of a replay they abort QEMU 7.2.

pub mod packet;
pub mod registers;
#[cfg(test)]
mod tests;

use std::{
    fmt::Write as _,
    io::{self, ErrorKind, Read, Write},
    net::TcpStream,
    os::unix::net::UnixStream,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

use self::packet::{Decoder, Event, encode, hex_bytes};
pub use self::registers::Registers;
use crate::{fault::Fault, interrupt};

/// Longest time that an answer may take while the CPU is stopped.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// Most bytes read in one packet; QEMU's packets hold 4096 characters.
const READ_CHUNK: u64 = 1024;

/// A connection to the stub, over a socket of either family.
#[derive(Debug)]
pub enum Wire {
    /// A socket of the run's directory.
    Unix(UnixStream),
    /// A TCP connection on the loopback interface.
    Tcp(TcpStream),
}

impl Wire {
    fn set_read_timeout(&self, limit: Duration) -> io::Result<()> {
        // Zero would mean "for ever".
        let limit = Some(limit.max(Duration::from_millis(1)));
        match self {
            Self::Unix(stream) => stream.set_read_timeout(limit),
            Self::Tcp(stream) => stream.set_read_timeout(limit),
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.read(buffer),
            Self::Tcp(stream) => stream.read(buffer),
        }
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Unix(stream) => stream.write_all(bytes),
            Self::Tcp(stream) => stream.write_all(bytes),
        }
    }
}

/// Why the CPU stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// A breakpoint, a finished step, or the attachment.
    Trap,
    /// Some other signal.
    Signal(u8),
    /// The machine is gone.
    Exited,
}

/// What a wait ended with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Waited {
    /// The CPU stopped.
    Stopped(Stop),
    /// It still runs.
    Running,
    /// The stub closed the connection.
    Closed,
}

/// A debugger attached to QEMU's stub.
#[derive(Debug)]
pub struct Debugger {
    wire: Wire,
    decoder: Decoder,
    /// The processor that stopped last, as the stub numbers its threads: in hexadecimal, from 1.
    thread: String,
}

impl Debugger {
    /// Attaches; the CPU is stopped afterwards.
    ///
    /// # Errors
    /// The stub does not answer as it should.
    pub fn attach(wire: Wire) -> Result<Self> {
        if let Wire::Tcp(stream) = &wire {
            // Small packets back and forth: Nagle's algorithm would cost 40 ms each.
            stream.set_nodelay(true)?;
        }
        let mut debugger = Self {
            wire,
            decoder: Decoder::default(),
            thread: "1".to_owned(),
        };
        let features = debugger.ask("qSupported:swbreak+;hwbreak+")?;
        if !features.contains("PacketSize=") {
            return Err(Fault::check(
                format!("the debugger port answered `{features}`"),
                "is this QEMU's gdbstub?",
            )
            .into());
        }
        debugger.ask("?")?;
        Ok(debugger)
    }

    /// Reads the registers.
    ///
    /// # Errors
    /// The stub refuses or does not answer.
    pub fn registers(&mut self) -> Result<Registers> {
        let answer = self.ask("g")?;
        let bytes = hex_bytes(&answer).context("registers are not hexadecimal")?;
        Registers::parse(&bytes).context("the stub's register block is too short")
    }

    /// Reads memory at a virtual address, as the CPU's current page tables see it.
    ///
    /// # Errors
    /// Nothing is mapped there, or the stub does not answer.
    pub fn read(&mut self, address: u64, bytes: u64) -> Result<Vec<u8>> {
        let mut content = Vec::new();
        let mut at = address;
        let mut left = bytes;
        while left > 0 {
            let chunk = left.min(READ_CHUNK);
            let answer = self.ask(&format!("m{at:x},{chunk:x}"))?;
            let piece = hex_bytes(&answer)
                .filter(|piece| piece.len() as u64 == chunk)
                .ok_or_else(|| {
                    Fault::check(
                        format!("{chunk} bytes at {at:#x} cannot be read ({answer})"),
                        "",
                    )
                })?;
            content.extend(piece);
            at = at.wrapping_add(chunk);
            left -= chunk;
        }
        Ok(content)
    }

    /// Reads a 64-bit value at a virtual address.
    ///
    /// # Errors
    /// As [`Debugger::read`].
    pub fn read_u64(&mut self, address: u64) -> Result<u64> {
        let bytes = self.read(address, 8)?;
        let bytes = <[u8; 8]>::try_from(bytes).unwrap_or_default();
        Ok(u64::from_le_bytes(bytes))
    }

    /// Writes memory at a virtual address.
    ///
    /// # Errors
    /// Nothing is mapped there, or the stub does not answer.
    pub fn write(&mut self, address: u64, content: &[u8]) -> Result<()> {
        let mut hex = String::new();
        for byte in content {
            write!(hex, "{byte:02x}")?;
        }
        self.ask_ok(&format!("M{address:x},{:x}:{hex}", content.len()))
    }

    /// Chooses whether [`Debugger::read`] takes virtual or physical addresses.
    ///
    /// # Errors
    /// The stub does not know how.
    pub fn address_space(&mut self, space: AddressSpace) -> Result<()> {
        let mode = match space {
            AddressSpace::Virtual => 0,
            AddressSpace::Physical => 1,
        };
        self.ask_ok(&format!("Qqemu.PhyMemMode:{mode}"))
    }

    /// Sets a hardware breakpoint.
    ///
    /// # Errors
    /// The stub refuses.
    pub fn set_breakpoint(&mut self, address: u64) -> Result<()> {
        self.ask_ok(&format!("Z1,{address:x},1"))
    }

    /// Removes a hardware breakpoint.
    ///
    /// # Errors
    /// The stub refuses.
    pub fn clear_breakpoint(&mut self, address: u64) -> Result<()> {
        self.ask_ok(&format!("z1,{address:x},1"))
    }

    /// Lets the machine run.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn resume(&mut self) -> Result<()> {
        self.send("vCont;c")
    }

    /// Executes one instruction on the processor that stopped, with interrupts and timers held back and the others stopped.
    ///
    /// # Errors
    /// The stub does not stop again.
    pub fn step(&mut self) -> Result<Stop> {
        self.send(&format!("vCont;s:{}", self.thread))?;
        match self.wait(ANSWER_LIMIT)? {
            Waited::Stopped(stop) => Ok(stop),
            Waited::Running | Waited::Closed => {
                Err(Fault::check("a single step did not come back", "").into())
            }
        }
    }

    /// Waits for the CPU to stop.
    ///
    /// # Errors
    /// The connection fails, or the user interrupts.
    pub fn wait(&mut self, limit: Duration) -> Result<Waited> {
        match self.receive(limit)? {
            Received::Packet(text) => {
                if let Some(thread) = thread_of(&text) {
                    thread.clone_into(&mut self.thread);
                }
                Ok(Waited::Stopped(parse_stop(&text)))
            }
            Received::Nothing => Ok(Waited::Running),
            Received::Closed => Ok(Waited::Closed),
        }
    }

    /// Detaches; QEMU removes the breakpoints and lets the machine run.
    ///
    /// # Errors
    /// The stub refuses.
    pub fn detach(mut self) -> Result<()> {
        self.ask_ok("D")
    }

    fn ask_ok(&mut self, request: &str) -> Result<()> {
        let answer = self.ask(request)?;
        if answer == "OK" {
            return Ok(());
        }
        Err(Fault::check(
            format!("the debugger port answered `{answer}` to `{request}`"),
            "",
        )
        .into())
    }

    fn ask(&mut self, request: &str) -> Result<String> {
        self.send(request)?;
        match self.receive(ANSWER_LIMIT)? {
            Received::Packet(text) => Ok(text),
            Received::Nothing => Err(Fault::check(
                format!("no answer to `{request}` on the debugger port"),
                "is another debugger attached?",
            )
            .into()),
            Received::Closed => Err(Fault::check("QEMU closed the debugger port", "").into()),
        }
    }

    fn send(&mut self, request: &str) -> Result<()> {
        self.wire
            .write_all(&encode(request))
            .context("QEMU's debugger port takes nothing")
    }

    fn receive(&mut self, limit: Duration) -> Result<Received> {
        let start = Instant::now();
        let mut buffer = [0; 8192];
        loop {
            while let Some(event) = self.decoder.next_event() {
                match event {
                    Event::Packet(text) => {
                        // A machine that just switched off takes no acknowledgement.
                        let _gone = self.wire.write_all(b"+");
                        return Ok(Received::Packet(text));
                    }
                    Event::Damaged => self.wire.write_all(b"-")?,
                    Event::Acknowledged => {}
                }
            }
            let left = limit.saturating_sub(start.elapsed());
            if left.is_zero() {
                return Ok(Received::Nothing);
            }
            interrupt::check()?;
            self.wire
                .set_read_timeout(left.min(Duration::from_millis(100)))?;
            match self.wire.read(&mut buffer) {
                Ok(0) => return Ok(Received::Closed),
                Ok(length) => self.decoder.feed(&buffer[..length]),
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                    ) => {}
                Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                    return Ok(Received::Closed);
                }
                Err(error) => return Err(error).context("the debugger port failed"),
            }
        }
    }
}

/// What addresses mean to [`Debugger::read`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressSpace {
    /// Through the CPU's page tables.
    Virtual,
    /// Guest physical memory.
    Physical,
}

enum Received {
    Packet(String),
    Nothing,
    Closed,
}

/// The thread that a stop reply names: `T05thread:02;`.
pub(crate) fn thread_of(text: &str) -> Option<&str> {
    let (_, behind) = text.split_once("thread:")?;
    let digits = behind.split(';').next()?;
    let is_number = !digits.is_empty() && digits.chars().all(|digit| digit.is_ascii_hexdigit());
    is_number.then_some(digits)
}

/// What a stop reply says: `T05...`, `W00`.
pub(crate) fn parse_stop(text: &str) -> Stop {
    let signal = text
        .get(1..3)
        .and_then(|digits| u8::from_str_radix(digits, 16).ok());
    match (text.as_bytes().first(), signal) {
        (Some(b'T' | b'S'), Some(5)) => Stop::Trap,
        (Some(b'T' | b'S'), Some(signal)) => Stop::Signal(signal),
        _ => Stop::Exited,
    }
}
