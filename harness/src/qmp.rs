//! A small client of QEMU's monitor protocol (QMP): commands, answers, and the events in between.
//!
//! Source: QEMU, "QMP Protocol Specification" and "QEMU QMP Reference Manual".

use std::{
    collections::VecDeque,
    io::{ErrorKind, Read as _, Write as _},
    os::unix::net::UnixStream,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::{fault::Fault, interrupt};

/// Longest time that an answer may take; `pmemsave` of a large piece is the slowest.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);
/// How long one look at the socket waits.
const POLL: Duration = Duration::from_millis(10);

/// An event that QEMU reported.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its name.
    pub name: String,
    /// Its data, `null` if it has none.
    pub data: Value,
}

/// A connection to the monitor.
#[derive(Debug)]
pub struct Qmp {
    stream: UnixStream,
    partial: Vec<u8>,
    events: VecDeque<Event>,
    closed: bool,
}

impl Qmp {
    /// Takes the greeting and leaves the negotiation mode.
    ///
    /// # Errors
    /// QEMU does not speak QMP within the time limit.
    pub fn new(stream: UnixStream) -> Result<Self> {
        stream.set_read_timeout(Some(POLL))?;
        let mut client = Self {
            stream,
            partial: Vec::new(),
            events: VecDeque::new(),
            closed: false,
        };
        client
            .wait_for(|message| message.get("QMP").is_some().then_some(Ok(())))
            .context("no greeting on QEMU's monitor")?;
        client.execute("qmp_capabilities", Value::Null)?;
        Ok(client)
    }

    /// Sends a command and waits for its answer; events in between are kept.
    ///
    /// # Errors
    /// QEMU refuses the command, closes the connection, or does not answer.
    pub fn execute(&mut self, command: &str, arguments: Value) -> Result<Value> {
        let mut message = json!({ "execute": command });
        if !arguments.is_null() {
            message["arguments"] = arguments;
        }
        self.stream
            .write_all(format!("{message}\n").as_bytes())
            .with_context(|| format!("QEMU's monitor took no {command}"))?;
        self.wait_for(|message| {
            if let Some(value) = message.get("return") {
                return Some(Ok(value.clone()));
            }
            let error = message.get("error")?;
            let text = error
                .get("desc")
                .and_then(Value::as_str)
                .unwrap_or("no reason given");
            Some(Err(Fault::check(
                format!("QEMU refused {command}: {text}"),
                "",
            )
            .into()))
        })
        .with_context(|| format!("{command} on QEMU's monitor"))
    }

    /// Has the monitor for people carry out a line, for what QMP has no command for.
    ///
    /// # Errors
    /// As [`Qmp::execute`], or if the monitor has something to say about it.
    pub fn type_in(&mut self, line: &str) -> Result<()> {
        let answer = self.execute("human-monitor-command", json!({ "command-line": line }))?;
        match answer.as_str().map(str::trim) {
            None | Some("") => Ok(()),
            Some(words) => {
                Err(Fault::check(format!("QEMU's monitor refused `{line}`: {words}"), "").into())
            }
        }
    }

    /// Writes guest physical memory into a file.
    ///
    /// # Errors
    /// As [`Qmp::execute`].
    pub fn save_memory(&mut self, address: u64, bytes: u64, file: &Path) -> Result<()> {
        self.execute(
            "pmemsave",
            json!({ "val": address, "size": bytes, "filename": file.to_string_lossy() }),
        )
        .map(|_| ())
    }

    /// State of the machine: `running`, `paused`, `shutdown`...
    ///
    /// # Errors
    /// As [`Qmp::execute`].
    pub fn status(&mut self) -> Result<String> {
        let value = self.execute("query-status", Value::Null)?;
        Ok(value
            .get("status")
            .and_then(Value::as_str)
            .unwrap_or("unknown")
            .to_owned())
    }

    /// Lets the machine run.
    ///
    /// # Errors
    /// As [`Qmp::execute`].
    pub fn resume(&mut self) -> Result<()> {
        self.execute("cont", Value::Null).map(|_| ())
    }

    /// Sends a non-maskable interrupt to the virtual CPUs.
    ///
    /// # Errors
    /// As [`Qmp::execute`].
    pub fn inject_nmi(&mut self) -> Result<()> {
        self.execute("inject-nmi", Value::Null).map(|_| ())
    }

    /// Stops the virtual CPUs.
    ///
    /// # Errors
    /// As [`Qmp::execute`].
    pub fn stop(&mut self) -> Result<()> {
        self.execute("stop", Value::Null).map(|_| ())
    }

    /// Wakes a machine that sleeps (QMP `SUSPEND`).
    ///
    /// # Errors
    /// As [`Qmp::execute`].
    pub fn wake(&mut self) -> Result<()> {
        self.execute("system_wakeup", Value::Null).map(|_| ())
    }

    /// Ends QEMU.
    ///
    /// # Errors
    /// As [`Qmp::execute`].
    pub fn quit(&mut self) -> Result<()> {
        self.execute("quit", Value::Null).map(|_| ())
    }

    /// The events that have arrived since the last call.
    pub fn events(&mut self) -> Vec<Event> {
        // Without it, the last look would wait.
        if self.stream.set_nonblocking(true).is_ok() {
            while self.receive() {}
        }
        self.closed |= self.stream.set_nonblocking(false).is_err();
        while let Some(message) = self.next_message() {
            self.keep_event(&message);
        }
        self.events.drain(..).collect()
    }

    fn wait_for<T>(&mut self, mut wanted: impl FnMut(&Value) -> Option<Result<T>>) -> Result<T> {
        let start = Instant::now();
        loop {
            while let Some(message) = self.next_message() {
                if !self.keep_event(&message)
                    && let Some(answer) = wanted(&message)
                {
                    return answer;
                }
            }
            interrupt::check()?;
            if self.closed {
                return Err(Fault::check("QEMU closed the connection", "").into());
            }
            if start.elapsed() > ANSWER_LIMIT {
                return Err(Fault::check(
                    format!("no answer within {} s", ANSWER_LIMIT.as_secs()),
                    "is the machine overloaded?",
                )
                .into());
            }
            self.receive();
        }
    }

    fn keep_event(&mut self, message: &Value) -> bool {
        let Some(name) = message.get("event").and_then(Value::as_str) else {
            return false;
        };
        self.events.push_back(Event {
            name: name.to_owned(),
            data: message.get("data").cloned().unwrap_or(Value::Null),
        });
        true
    }

    fn next_message(&mut self) -> Option<Value> {
        loop {
            let end = self.partial.iter().position(|byte| *byte == b'\n')?;
            let line: Vec<u8> = self.partial.drain(..=end).collect();
            if let Ok(message) = serde_json::from_slice(&line) {
                return Some(message);
            }
        }
    }

    /// Reads once; true if something came.
    fn receive(&mut self) -> bool {
        let mut buffer = [0; 4096];
        match self.stream.read(&mut buffer) {
            Ok(0) => self.closed = true,
            Ok(length) => {
                self.partial.extend_from_slice(&buffer[..length]);
                return true;
            }
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                ) => {}
            Err(_) => self.closed = true,
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead as _, BufReader},
        thread::{self, JoinHandle},
    };

    use super::*;

    /// Answers each command with the next of `answers`.
    fn monitor(mut end: UnixStream, answers: Vec<&'static str>) -> JoinHandle<Vec<String>> {
        thread::spawn(move || {
            end.write_all(b"{\"QMP\": {\"version\": {}, \"capabilities\": []}}\r\n")
                .expect("greeting");
            let mut lines = BufReader::new(end.try_clone().expect("clone")).lines();
            let mut commands = Vec::new();
            for answer in answers {
                commands.push(lines.next().expect("a command").expect("a line"));
                end.write_all(answer.as_bytes()).expect("answer");
            }
            commands
        })
    }

    #[test]
    fn commands_are_answered_and_events_kept() {
        let (ours, theirs) = UnixStream::pair().expect("pair");
        let monitor = monitor(
            theirs,
            vec![
                "{\"return\": {}}\n",
                "{\"event\": \"STOP\"}\n{\"return\": {\"status\": \"paused\"}}\n{\"event\": \"SHUTDOWN\", \"data\": {\"guest\": true}}\n",
                "{\"error\": {\"class\": \"GenericError\", \"desc\": \"no space\"}}\n",
            ],
        );
        let mut client = Qmp::new(ours).expect("connected");
        assert_eq!(client.status().expect("answered"), "paused");
        let error = client
            .save_memory(0x1000, 4096, Path::new("/x"))
            .expect_err("refused");
        assert!(
            format!("{error:#}").contains("QEMU refused pmemsave: no space"),
            "{error:#}"
        );
        let commands = monitor.join().expect("joined");
        assert!(commands[2].contains("\"val\":4096"), "{commands:?}");
        let names: Vec<_> = client
            .events()
            .into_iter()
            .map(|event| event.name)
            .collect();
        assert_eq!(names, ["STOP", "SHUTDOWN"]);
    }

    #[test]
    fn a_monitor_that_goes_away_is_an_error() {
        let (ours, theirs) = UnixStream::pair().expect("pair");
        let monitor = monitor(theirs, vec!["{\"return\": {}}\n"]);
        let mut client = Qmp::new(ours).expect("connected");
        monitor.join().expect("joined");
        let error = client.status().expect_err("gone");
        assert!(format!("{error:#}").contains("QEMU"), "{error:#}");
    }
}
