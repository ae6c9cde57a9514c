//! What the tests of the program share: starting it, reading what it says, finding what it leaves behind.

pub(crate) mod python;
pub(crate) mod synthetic;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

/// The program, started somewhere inside the repository.
pub(crate) fn harness(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_harness"));
    command
        .args(arguments)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
        .stdin(Stdio::null());
    command
}

/// Runs the program to its end.
pub(crate) fn run(arguments: &[&str]) -> Output {
    harness(arguments).output().expect("the program starts")
}

/// The line that begins with `error:`; there must be exactly one, and it must be the last.
pub(crate) fn error_line(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let errors: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("error: "))
        .collect();
    assert_eq!(errors.len(), 1, "one line tells what is wrong:\n{text}");
    assert_eq!(text.lines().last(), errors.first().copied(), "{text}");
    errors[0].to_owned()
}

/// Ids of the processes whose parent is `parent`.
pub(crate) fn children_of(parent: u32) -> Vec<u32> {
    processes()
        .filter(|process| parent_of(*process) == Some(parent))
        .collect()
}

/// Whether a process is there and not merely waiting to be reaped.
pub(crate) fn is_alive(process: u32) -> bool {
    fs::read_to_string(format!("/proc/{process}/stat"))
        .is_ok_and(|text| !text.rsplit(") ").next().unwrap_or("").starts_with('Z'))
}

/// Program of a process.
pub(crate) fn program_of(process: u32) -> String {
    fs::read_to_string(format!("/proc/{process}/comm"))
        .unwrap_or_default()
        .trim()
        .to_owned()
}

/// The run directories of a process that are still there.
pub(crate) fn run_directories_of(process: u32) -> Vec<PathBuf> {
    let prefix = format!("hiberport-{process}-");
    [std::env::temp_dir(), PathBuf::from("/tmp")]
        .iter()
        .filter_map(|directory| fs::read_dir(directory).ok())
        .flat_map(Iterator::flatten)
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix))
        .map(|entry| entry.path())
        .collect()
}

/// Waits until `condition` gives a value.
pub(crate) fn wait_for<T>(
    what: &str,
    limit: Duration,
    mut condition: impl FnMut() -> Option<T>,
) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(start.elapsed() < limit, "{what}: not within {limit:?}");
        thread::sleep(Duration::from_millis(20));
    }
}

fn processes() -> impl Iterator<Item = u32> {
    fs::read_dir("/proc")
        .expect("/proc is there")
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn parent_of(process: u32) -> Option<u32> {
    status_field(process, 1)
}

/// Process group of a process.
pub(crate) fn group_of(process: u32) -> Option<u32> {
    status_field(process, 2)
}

/// A field of `/proc/PID/stat`, counted from the state of the process.
fn status_field(process: u32, field: usize) -> Option<u32> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The program's name is in parentheses and may hold anything.
    let rest = text.rsplit(") ").next()?;
    rest.split(' ').nth(field)?.parse().ok()
}
