//! `cargo harness debug`: QEMU stopped at a chosen place, its debugger port open, and what to type in gdb.

use std::{fmt::Write as _, net::TcpListener, path::PathBuf, thread, time::Duration};

use anyhow::{Context as _, Result};
use clap::ValueEnum;
use proto::{owner::Role, scenario::Job};

use super::{cycle::directory, print_all};
use crate::{
    fault::Fault,
    interrupt,
    options::MachineArgs,
    qemu::DebuggerPort,
    recorder,
    run_directory::RunDirectory,
    session::{
        Inputs, Next, Session,
        guest::{Guest, RunEnd, Running},
        stop::{StopAt, StopRequest},
    },
    setup::Need,
    symbols::for_gdb,
    trial::Workshop,
};

/// What stands in front of the command to attach.
const ATTACH: &str = "\nIn another terminal type:\n";
/// The port that gdb's documentation uses.
const USUAL_PORT: u16 = 1234;

/// Arguments of `cargo harness debug`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Where to stop
    #[arg(long, value_enum, default_value = "find-adapter")]
    pub at: StopAt,
    /// In which instance [default: the first that comes there]
    #[arg(long = "in", value_enum, value_name = "INSTANCE")]
    pub instance: Option<Instance>,
    /// TCP port of the debugger on the loopback interface [default: 1234, or any free one]
    #[arg(long)]
    pub port: Option<u16>,
    /// End as soon as the debugger has detached (scripts)
    #[arg(long)]
    pub batch: bool,
    /// Another miniport for the same HBA instead of this repository's
    #[arg(long, value_name = "FILE.sys")]
    pub driver: Option<PathBuf>,
    /// The machine.
    #[command(flatten)]
    pub machine: MachineArgs,
}

/// An instance of the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Instance {
    /// The one of every day
    Normal,
    /// The crash stack's
    Crash,
    /// The hibernate stack's
    Hiber,
}

impl From<Instance> for Role {
    fn from(instance: Instance) -> Self {
        match instance {
            Instance::Normal => Self::Normal,
            Instance::Crash => Self::Crash,
            Instance::Hiber => Self::Hiber,
        }
    }
}

/// Runs up to the place, prints, and waits for the debugger to be done.
///
/// # Errors
/// Set-up problems, or the place is never reached.
pub fn execute(arguments: &Args) -> Result<()> {
    let workshop = Workshop::open(&[Need::Build, Need::Qemu], arguments.machine.verbosity())?;
    let mut inputs = workshop.inputs(arguments.driver.as_deref())?;
    let options = arguments.machine.options();
    workshop.add_filter(&mut inputs, &options)?;
    let directory = directory(&arguments.machine, &workshop)?;
    let port = free_port(arguments.port)?;
    let job = Job::Cycle { count: 1 };
    let mut session = Session::new(&inputs, &options, job, &directory, &workshop.progress)?;
    session.debugger = DebuggerPort::Tcp(port);
    let request = StopRequest {
        at: arguments.at,
        role: arguments.instance.map(Role::from),
    };
    loop {
        let mut guest = session.start()?;
        if guest.run(&mut session.watch, Some(request))? == RunEnd::Stopped {
            let recorders = recorders(&mut guest, &session)?;
            guest.release_debugger();
            workshop.progress.finish();
            let mut text = instructions(&session, &guest, &inputs, port, &directory)?;
            text.insert_str(text.find(ATTACH).unwrap_or(0), &recorders);
            print_all(&text);
            return attend(&mut session, guest, arguments.batch);
        }
        if session.finish(guest)? == Next::End {
            let why = session.life.failure.as_ref().map_or_else(
                || "the run went through without coming there".to_owned(),
                |failure| format!("the run ended before: {failure}"),
            );
            return Err(Fault::check(
                format!("{} was never reached: {why}", name_of(arguments.at)),
                "choose another place with --at or another instance with --in",
            )
            .into());
        }
    }
}

/// What the flight recorders of the images say so far.
fn recorders(guest: &mut Guest<'_>, session: &Session<'_>) -> Result<String> {
    let mut text = String::new();
    for (role, image) in &session.watch.images {
        let found = recorder::live::find(image.base, image.bytes, |address, bytes| {
            guest.read(address, bytes)
        });
        let Some((address, recording)) = found else {
            continue;
        };
        writeln!(
            text,
            "\nFlight recorder of {} ({role:?}), at {address:#x}, {} events:",
            image.name, recording.written
        )?;
        for event in &recording.events {
            writeln!(text, "  {event}")?;
        }
    }
    Ok(text)
}

fn name_of(at: StopAt) -> String {
    at.to_possible_value()
        .map_or_else(String::new, |value| value.get_name().to_owned())
}

/// What to type, and where things are.
fn instructions(
    session: &Session<'_>,
    guest: &Guest<'_>,
    inputs: &Inputs,
    port: u16,
    directory: &RunDirectory,
) -> Result<String> {
    let mut script = format!(
        "set architecture i386:x86-64\ntarget remote 127.0.0.1:{port}\nadd-symbol-file {}\n",
        quoted(&inputs.bench.kernel)
    );
    let mut text = String::new();
    match guest.last_hit() {
        Some(hit) => {
            let name = hit.symbol.as_deref().unwrap_or("(no symbol)");
            writeln!(
                text,
                "Stopped in boot {} at {:?} of the {:?} instance: {:#x} {name}\n  called from {:#x} {}\n  {:x?}",
                guest.number(),
                hit.point,
                hit.role,
                hit.address,
                hit.caller,
                hit.caller_symbol
                    .as_deref()
                    .unwrap_or("(outside of the driver)"),
                hit.arguments,
            )?;
        }
        None => writeln!(text, "Stopped in boot {}.", guest.number())?,
    }
    text += "\nThe driver's images (gdb reads no PDB; these files carry its symbols):\n";
    for (role, image) in &session.watch.images {
        let file = directory.file(&format!("{}.symbols", image.name));
        for_gdb::write(&session.watch.symbols, &file)?;
        writeln!(
            text,
            "  {:<22} {role:?}: {:#x} to {:#x}",
            image.name,
            image.base,
            image.base + image.bytes
        )?;
        writeln!(
            script,
            "add-symbol-file {} {:#x}",
            quoted(&file),
            image.base
        )?;
    }
    text += "\nAddresses for breakpoints (hbreak *ADDRESS):\n";
    for (name, address) in session.watch.places() {
        writeln!(text, "  {address:#018x}  {name}")?;
    }
    let path = directory.file("debug.gdb");
    std::fs::write(&path, &script).context("cannot write the debugger's script")?;
    writeln!(text, "{ATTACH}  gdb -x {}\nwhich does this:", quoted(&path))?;
    for line in script.lines() {
        writeln!(text, "  (gdb) {line}")?;
    }
    text += "Then, for instance: info registers, x/8i $pc, hbreak *ADDRESS, continue, detach.\n\
             Waiting for the debugger; Ctrl-C ends QEMU.\n";
    Ok(text)
}

/// Stays until the machine is off, the user has had enough, or (in a script) the debugger has detached.
fn attend(session: &mut Session<'_>, mut guest: Guest<'_>, batch: bool) -> Result<()> {
    loop {
        if guest.look(&mut session.watch)? == Running::No {
            print_all("QEMU has ended.\n");
            return Ok(());
        }
        if batch && guest.status().is_ok_and(|status| status == "running") {
            print_all("The debugger has detached; QEMU is ended.\n");
            return Ok(());
        }
        if interrupt::check().is_err() {
            print_all("QEMU is ended.\n");
            return Ok(());
        }
        thread::sleep(Duration::from_millis(50));
    }
}

fn free_port(wanted: Option<u16>) -> Result<u16> {
    let bound = match wanted {
        Some(port) => TcpListener::bind(("127.0.0.1", port)).map_err(|error| {
            Fault::setup(
                format!("port {port} cannot be used: {error}"),
                "choose another with --port",
            )
        })?,
        None => TcpListener::bind(("127.0.0.1", USUAL_PORT))
            .or_else(|_| TcpListener::bind(("127.0.0.1", 0)))
            .context("no port is free on the loopback interface")?,
    };
    Ok(bound.local_addr()?.port())
}

/// A path as gdb and a shell both read it.
fn quoted(path: &std::path::Path) -> String {
    let text = path.display().to_string();
    if text.contains(char::is_whitespace) {
        format!("\"{text}\"")
    } else {
        text
    }
}
