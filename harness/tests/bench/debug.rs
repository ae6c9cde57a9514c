//! `cargo harness debug` with a real gdb attached in the way that it prints.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, ChildStdout, Command, Stdio},
};

use crate::support::harness;

/// `cargo harness debug`, stopped, with what it printed so far.
struct Session {
    child: Child,
    output: BufReader<ChildStdout>,
    printed: Vec<String>,
}

impl Session {
    fn start(arguments: &[&str]) -> Self {
        let mut command = harness(&["debug", "--batch", "--port", "0"]);
        let mut child = command
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the program starts");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let mut session = Self {
            child,
            output,
            printed: Vec::new(),
        };
        session.read_until("Waiting for the debugger");
        session
    }

    fn read_until(&mut self, text: &str) {
        loop {
            let mut line = String::new();
            let length = self.output.read_line(&mut line).expect("readable");
            assert_ne!(length, 0, "it ended before `{text}`: {:#?}", self.printed);
            self.printed.push(line.trim_end().to_owned());
            if line.contains(text) {
                return;
            }
        }
    }

    /// The line that follows the one with `text`.
    fn line_after(&self, text: &str) -> &str {
        let at = self.printed.iter().position(|line| line.contains(text));
        let at = at.unwrap_or_else(|| panic!("no `{text}` in {:#?}", self.printed));
        self.printed[at + 1].trim()
    }

    /// Types the printed command, with more commands behind it.
    fn gdb(&self, commands: &[&str]) -> String {
        let line = self.line_after("In another terminal type:");
        let script = line.strip_prefix("gdb -x ").expect("a gdb command");
        let mut gdb = Command::new("gdb");
        gdb.args(["-nx", "-q", "-batch", "-x", script]);
        for command in commands {
            gdb.args(["-ex", command]);
        }
        let output = gdb.stdin(Stdio::null()).output().expect("gdb is installed");
        let text = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{text}");
        text
    }

    fn end(mut self) {
        self.read_until("The debugger has detached");
        let status = self.child.wait().expect("it ends");
        assert!(status.success(), "{status}");
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// The address that the first line names.
fn stopped_at(session: &Session) -> u64 {
    let line = &session.printed[0];
    let digits = line
        .split("0x")
        .nth(1)
        .and_then(|rest| rest.split(' ').next())
        .unwrap_or_else(|| panic!("no address in `{line}`"));
    u64::from_str_radix(digits, 16).expect("hexadecimal")
}

#[test]
fn gdb_finds_the_machine_stopped_in_find_adapter() {
    let session = Session::start(&["--at", "find-adapter"]);
    assert!(
        session.printed[0].starts_with("Stopped in boot 0 at FindAdapter of the Normal instance:"),
        "{:#?}",
        session.printed
    );
    let recorder = session.line_after("Flight recorder of hiberport.sys (Normal)");
    assert!(recorder.contains("DriverEntry"), "{recorder}");
    let address = stopped_at(&session);
    let text = session.gdb(&[
        "printf \"rip=%#lx\\n\", $rip",
        "info symbol $pc",
        "x/2i $pc",
        "stepi",
        "printf \"next=%#lx\\n\", $rip",
        "detach",
    ]);
    assert!(text.contains(&format!("rip={address:#x}")), "{text}");
    assert!(
        text.contains("next=0xfffff8"),
        "still in the driver: {text}"
    );
    let symbol = session.printed[0].rsplit(' ').next().unwrap_or_default();
    assert!(
        text.contains(&format!("{symbol} in section .text")),
        "{text}"
    );
    session.end();
}

#[test]
fn gdb_stops_where_the_printed_address_says() {
    let session = Session::start(&["--at", "driver-entry"]);
    let checkpoint = session
        .printed
        .iter()
        .find_map(|line| line.trim().strip_suffix("  storport!StorPortInitialize"))
        .unwrap_or_else(|| panic!("no export in {:#?}", session.printed))
        .to_owned();
    let text = session.gdb(&[
        &format!("hbreak *{checkpoint}"),
        "continue",
        "printf \"rip=%#018lx\\n\", $rip",
        "detach",
    ]);
    assert!(text.contains(&format!("rip={checkpoint}")), "{text}");
    session.end();
}
