//! Nothing is left behind: no QEMU, no directory, whatever ends the program.

use std::{
    io::{BufRead as _, BufReader},
    os::unix::process::CommandExt as _,
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use crate::support::{
    children_of, error_line, group_of, harness, is_alive, program_of, run_directories_of, wait_for,
};

const LIMIT: Duration = Duration::from_secs(20);

/// `cargo harness debug`, stopped with a QEMU below it.
struct Stopped {
    child: Child,
    qemu: u32,
}

impl Stopped {
    fn start() -> Self {
        let mut child = harness(&["debug", "--at", "driver-entry", "--port", "0"])
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .expect("the program starts");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let waiting = output
            .lines()
            .map_while(Result::ok)
            .any(|line| line.contains("Waiting for the debugger"));
        assert!(waiting, "it stopped nowhere");
        let qemu = children_of(child.id())
            .into_iter()
            .find(|process| program_of(*process).starts_with("qemu-system"))
            .expect("QEMU runs");
        Self { child, qemu }
    }

    /// Sends a signal and waits for the program's end.
    fn end(self, signal: &str) -> (ExitStatus, u32, u32) {
        let process = self.child.id().to_string();
        self.end_by(signal, &process)
    }

    /// The same with the whole process group, as a terminal does it.
    fn end_group(self, signal: &str) -> (ExitStatus, u32, u32) {
        let group = format!("-{}", self.child.id());
        self.end_by(signal, &group)
    }

    fn end_by(mut self, signal: &str, to: &str) -> (ExitStatus, u32, u32) {
        let process = self.child.id();
        let sent = Command::new("kill")
            .args([signal, "--", to])
            .status()
            .expect("kill starts");
        assert!(sent.success());
        let status = wait_for("the end of the program", LIMIT, || {
            self.child.try_wait().expect("a child")
        });
        (status, process, self.qemu)
    }
}

#[test]
fn an_interrupted_program_cleans_up() {
    for signal in ["-INT", "-TERM", "-HUP"] {
        let (status, process, qemu) = Stopped::start().end(signal);
        assert!(
            status.code().is_some(),
            "{signal}: it ends by itself: {status}"
        );
        assert!(!is_alive(qemu), "{signal}: QEMU is left");
        assert_eq!(
            run_directories_of(process),
            Vec::<std::path::PathBuf>::new(),
            "{signal}"
        );
    }
}

#[test]
fn the_terminals_ctrl_c_does_not_reach_qemu() {
    let stopped = Stopped::start();
    let (ours, qemus) = (group_of(stopped.child.id()), group_of(stopped.qemu));
    assert!(ours.is_some() && qemus == Some(stopped.qemu), "{qemus:?}");
    assert_ne!(ours, qemus);
    let (status, process, qemu) = stopped.end_group("-INT");
    // For a debugging session that is the way to end it, and no failure.
    assert_eq!(status.code(), Some(0), "it ends in order");
    assert!(!is_alive(qemu), "QEMU is left");
    assert_eq!(
        run_directories_of(process),
        Vec::<std::path::PathBuf>::new()
    );
}

#[test]
fn a_killed_program_takes_qemu_with_it() {
    let (status, process, qemu) = Stopped::start().end("-KILL");
    assert_eq!(status.code(), None);
    wait_for("the end of QEMU", LIMIT, || (!is_alive(qemu)).then_some(()));
    // Its directory could not be removed; the next run sweeps it.
    drop(
        harness::run_directory::RunDirectory::new(harness::run_directory::Keep::No).expect("made"),
    );
    assert_eq!(
        run_directories_of(process),
        Vec::<std::path::PathBuf>::new()
    );
}

#[test]
fn a_qemu_that_dies_is_one_line() {
    let child = harness(&["cycle", "--seed", "1", "--host-fault", "kill-qemu"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let process = child.id();
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let line = error_line(&output);
    assert!(
        line.contains("QEMU ended by signal 9 before the guest was done"),
        "{line}"
    );
    assert_eq!(
        run_directories_of(process),
        Vec::<std::path::PathBuf>::new()
    );
}
