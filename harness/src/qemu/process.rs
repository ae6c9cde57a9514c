//! A running QEMU: [`Qemu`] is its guard.
//!
//! The process dies with its guard, and, started through `setpriv`, with the thread that started it, so that not even a
//! killed harness leaves one behind. It has a process group of its own: what a terminal sends to the harness (Ctrl-C, the end
//! of the session) does not reach it, so that the harness ends it in order.

use std::{
    ffi::OsString,
    fs::{self, File},
    os::unix::{
        net::{UnixListener, UnixStream},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

use super::machine::{CONSOLE_FILE, DebuggerPort, GDB_SOCKET, MachineSpec, QMP_SOCKET};
use crate::{console::Console, fault::Fault, interrupt, qmp::Qmp, setup::facts::find_program};

const PROGRAM: &str = "qemu-system-x86_64";
/// How its complaints begin, whatever it emulates.
const PROGRAM_NAME: &str = "qemu-system-";
/// Time in which QEMU must connect to its sockets.
const START_LIMIT: Duration = Duration::from_secs(30);

/// A QEMU process and its channels.
#[derive(Debug)]
pub struct Qemu {
    child: Child,
    stderr: PathBuf,
    /// The debug console.
    pub console: Console,
    /// The monitor.
    pub qmp: Qmp,
    /// The debugger's port, if it is a socket; taken by the debugger client.
    pub debugger: Option<UnixStream>,
    /// The command line, for the report.
    pub command_line: String,
}

impl Qemu {
    /// What it has written to its standard streams so far; without a file, nothing.
    #[must_use]
    pub fn words(&self) -> String {
        fs::read_to_string(&self.stderr).unwrap_or_default()
    }

    /// The lines of [`Self::words`] in which it complains.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        complaints_in(&self.words())
    }

    /// Starts QEMU with the virtual CPU stopped, and connects everything.
    ///
    /// # Errors
    /// QEMU does not start; its own message is in the error.
    pub fn start(spec: &MachineSpec) -> Result<Self> {
        let console = spec.sockets.join(CONSOLE_FILE);
        let console = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&console)
            .with_context(|| format!("cannot write {}", console.display()))?;
        let qmp = listen(&spec.sockets, QMP_SOCKET)?;
        let debugger = match spec.debugger {
            DebuggerPort::Socket => Some(listen(&spec.sockets, GDB_SOCKET)?),
            DebuggerPort::Tcp(_) => None,
        };
        let arguments = spec.arguments();
        let command_line = render(&arguments);
        let stderr = spec.sockets.join("qemu.stderr");
        let output =
            File::create(&stderr).with_context(|| format!("cannot write {}", stderr.display()))?;
        let child = command()
            .args(&arguments)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0)
            .spawn()
            .map_err(|error| {
                Fault::setup(
                    format!("cannot start {PROGRAM}: {error}"),
                    "install QEMU (Debian: apt-get install qemu-system-x86)",
                )
            })?;
        interrupt::register_process(child.id());
        let mut starting = Starting {
            child: Some(child),
            stderr,
        };
        let qmp_stream = starting.accept(&qmp)?;
        let debugger = debugger
            .map(|listener| starting.accept(&listener))
            .transpose()?;
        let qmp = Qmp::new(qmp_stream)?;
        let Some(child) = starting.child.take() else {
            return Err(Fault::check("QEMU is gone", "").into());
        };
        Ok(Self {
            child,
            stderr: starting.stderr.clone(),
            console: Console::new(console),
            qmp,
            debugger,
            command_line,
        })
    }

    /// Process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The exit status, if the process has ended.
    ///
    /// # Errors
    /// The system does not say.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// It does not come within `limit`, or the user interrupts.
    pub fn wait(&mut self, limit: Duration) -> Result<ExitStatus> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            interrupt::check()?;
            if start.elapsed() > limit {
                return Err(Fault::check(
                    format!(
                        "QEMU did not end within {} s of the power-off",
                        limit.as_secs()
                    ),
                    "",
                )
                .into());
            }
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// The error for a process that ended when it should not have, with QEMU's last words.
    #[must_use]
    pub fn death(&self, status: ExitStatus, last_heard: &str) -> anyhow::Error {
        died(status, &self.stderr, last_heard)
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// A process that has not connected yet.
struct Starting {
    child: Option<Child>,
    stderr: PathBuf,
}

impl Starting {
    fn accept(&mut self, listener: &UnixListener) -> Result<UnixStream> {
        let start = Instant::now();
        loop {
            match listener.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(false)?;
                    return Ok(stream);
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error).context("cannot listen for QEMU"),
            }
            if let Some(child) = &mut self.child
                && let Some(status) = child.try_wait()?
            {
                return Err(died(status, &self.stderr, ""));
            }
            interrupt::check()?;
            if start.elapsed() > START_LIMIT {
                return Err(Fault::check("QEMU does not connect to its sockets", "").into());
            }
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            end(child);
        }
    }
}

fn end(child: &mut Child) {
    // A process that was waited for has given its number back.
    if matches!(child.try_wait(), Ok(None)) {
        interrupt::kill_group(child.id());
    }
    let _reaped = child.wait();
    interrupt::forget_process(child.id());
}

/// QEMU, to die with the thread that starts it.
fn command() -> Command {
    match find_program("setpriv") {
        Some(setpriv) => {
            let mut command = Command::new(setpriv);
            command.args(["--pdeathsig", "KILL", "--", PROGRAM]);
            command
        }
        None => Command::new(PROGRAM),
    }
}

fn listen(directory: &Path, name: &str) -> Result<UnixListener> {
    let path = directory.join(name);
    // The socket of the boot before.
    let _gone = fs::remove_file(&path);
    let listener = UnixListener::bind(&path)
        .with_context(|| format!("cannot listen on {}", path.display()))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// QEMU puts its name in front of what it complains of; that it is told to end is nothing to complain of.
fn complaints_in(words: &str) -> Vec<String> {
    words
        .lines()
        .filter_map(|line| {
            line.split_once(": ")
                .filter(|(name, _)| name.starts_with(PROGRAM_NAME))
        })
        .map(|(_, complaint)| complaint.trim().to_owned())
        .filter(|complaint| !complaint.is_empty() && !complaint.starts_with("terminating on"))
        .collect()
}

fn died(status: ExitStatus, stderr: &Path, last_heard: &str) -> anyhow::Error {
    use std::os::unix::process::ExitStatusExt as _;
    let text = fs::read_to_string(stderr).unwrap_or_default();
    let message = text
        .lines()
        .rev()
        .find(|line| !line.trim().is_empty())
        .map_or_else(|| "it printed nothing".to_owned(), str::to_owned);
    let how = match (status.code(), status.signal()) {
        (Some(code), _) => format!("with exit status {code}"),
        (None, Some(signal)) => format!("by signal {signal}"),
        (None, None) => "somehow".to_owned(),
    };
    let heard = if last_heard.is_empty() {
        String::new()
    } else {
        format!(", last heard: {last_heard}")
    };
    Fault::check(
        format!("QEMU ended {how} before the guest was done ({message}{heard})"),
        "run again with --keep --verbose to see everything that led there",
    )
    .into()
}

fn render(arguments: &[OsString]) -> String {
    std::iter::once(PROGRAM.to_owned())
        .chain(arguments.iter().map(|argument| {
            let text = argument.to_string_lossy();
            if text.contains(|c: char| c.is_whitespace() || "'\"\\$".contains(c)) {
                format!("'{}'", text.replace('\'', r"'\''"))
            } else {
                text.into_owned()
            }
        }))
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::complaints_in;

    #[test]
    fn what_qemu_complains_of_is_told_from_its_other_words() {
        let words = "qemu-system-x86_64: virtio: bogus descriptor or out of resources\n\
            char device redirected to /dev/pts/1\n\
            qemu-system-x86_64: terminating on signal 15 from pid 7 (timeout)\n\
            qemu-system-x86_64: \n";
        assert_eq!(
            complaints_in(words),
            ["virtio: bogus descriptor or out of resources"]
        );
    }
}
