//! Ctrl-C and termination signals: a flag that every wait looks at, so that guards run and nothing is left behind.
//!
//! [`watch`] installs the handler once. A wait calls [`check`] at least every [`GRACE`]; should one not do so, the handler
//! itself kills the registered processes ([`register_process`]), removes the registered directories ([`register`]) and ends the
//! process.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, Once, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::Result;
use rustix::process::{Pid, Signal, kill_process_group};

use crate::fault::Fault;

/// Time that the orderly way out is given.
pub const GRACE: Duration = Duration::from_secs(3);

static REQUESTED: AtomicBool = AtomicBool::new(false);
static PROCESSES: Mutex<Vec<u32>> = Mutex::new(Vec::new());
static DIRECTORIES: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Installs the handler; later calls do nothing.
pub fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // A program that has a handler already keeps it.
        let _installed = ctrlc::set_handler(|| {
            if REQUESTED.swap(true, Ordering::SeqCst) {
                return;
            }
            thread::spawn(|| {
                thread::sleep(GRACE);
                for process in processes().iter() {
                    kill_group(*process);
                }
                for directory in directories().iter() {
                    let _gone = fs::remove_dir_all(directory);
                }
                std::process::exit(130);
            });
        });
    });
}

/// A process, leader of its own group, to kill if the orderly way out is not taken.
pub fn register_process(process: u32) {
    processes().push(process);
}

/// The process has been waited for.
pub fn forget_process(process: u32) {
    processes().retain(|known| *known != process);
}

/// Kills a process with all that it started. Only for one that has not been waited for: its number is still its own.
pub fn kill_group(process: u32) {
    let group = i32::try_from(process).ok().and_then(Pid::from_raw);
    if let Some(group) = group {
        // It may have ended in the meantime.
        let _killed = kill_process_group(group, Signal::KILL);
    }
}

fn processes() -> MutexGuard<'static, Vec<u32>> {
    PROCESSES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Fails once the user has asked to stop.
///
/// # Errors
/// [`Fault::interrupted`].
pub fn check() -> Result<()> {
    if REQUESTED.load(Ordering::SeqCst) {
        return Err(Fault::interrupted().into());
    }
    Ok(())
}

/// A directory to remove if the orderly way out is not taken.
pub fn register(directory: &Path) {
    directories().push(directory.to_path_buf());
}

/// The directory is gone, or is to stay.
pub fn forget(directory: &Path) {
    directories().retain(|known| known != directory);
}

fn directories() -> MutexGuard<'static, Vec<PathBuf>> {
    DIRECTORIES.lock().unwrap_or_else(PoisonError::into_inner)
}
