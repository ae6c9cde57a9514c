//! Ctrl-C and termination signals: a flag that every wait looks at, so that guards run and nothing is left behind.
//!
//! [`watch`] installs the handler once. A wait calls [`check`] at least every [`GRACE`]; should one not do so, the handler
//! itself removes the registered directories ([`register`]) and ends the process (QEMU dies with its parent).

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

use crate::fault::Fault;

/// Time that the orderly way out is given.
pub const GRACE: Duration = Duration::from_secs(3);

static REQUESTED: AtomicBool = AtomicBool::new(false);
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
                for directory in directories().iter() {
                    let _gone = fs::remove_dir_all(directory);
                }
                std::process::exit(130);
            });
        });
    });
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
