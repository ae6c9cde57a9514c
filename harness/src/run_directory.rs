//! The directory of one run: disk, sockets, logs, copies of memory. Removed when the run ends, in whatever way.
//!
//! A process that is killed outright cannot remove its directory; the name holds its process id, and the next run sweeps
//! what belongs to no living process.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use crate::interrupt;

const PREFIX: &str = "hiberport-";
/// A file that protects a directory from the sweep.
const KEPT: &str = "kept";
/// Longest path of a directory in which sockets (`sun_path`, 108 bytes) can be made.
const LONGEST_PATH: usize = 85;

/// Whether the directory outlives the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Removed at the end.
    No,
    /// Kept for the user (`--keep`).
    Yes,
}

/// A run's directory.
#[derive(Debug)]
pub struct RunDirectory {
    directory: Option<TempDir>,
    path: PathBuf,
    keep: Keep,
}

impl RunDirectory {
    /// Makes a new one below the directory for temporary files.
    ///
    /// # Errors
    /// It cannot be made there.
    pub fn new(keep: Keep) -> Result<Self> {
        let mut parent = env::temp_dir();
        if parent.as_os_str().len() + PREFIX.len() + 20 > LONGEST_PATH {
            parent = PathBuf::from("/tmp");
        }
        sweep(&parent);
        let mut directory = tempfile::Builder::new()
            .prefix(&format!("{PREFIX}{}-", std::process::id()))
            .tempdir_in(&parent)
            .with_context(|| format!("cannot make a directory in {}", parent.display()))?;
        directory.disable_cleanup(keep == Keep::Yes);
        let path = directory.path().to_path_buf();
        match keep {
            Keep::No => interrupt::register(&path),
            Keep::Yes => fs::write(path.join(KEPT), "")?,
        }
        Ok(Self {
            directory: Some(directory),
            path,
            keep,
        })
    }

    /// Removes files that are needed no more, unless the user wants to keep them.
    pub fn discard<'a>(&self, files: impl Iterator<Item = &'a Path>) {
        if self.keep == Keep::No {
            for file in files {
                // What cannot be removed now goes with the directory.
                let _gone = fs::remove_file(file);
            }
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file in it.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// QEMU's log of the disk's writes.
    #[must_use]
    pub fn write_log(&self) -> PathBuf {
        self.file("writes.log")
    }

    /// The crash dump, taken off the disk.
    #[must_use]
    pub fn dump(&self) -> PathBuf {
        self.file("memory.dmp")
    }

    /// The same in plain, if it lies on the disk encrypted.
    #[must_use]
    pub fn plain_dump(&self) -> PathBuf {
        self.file("plain.dmp")
    }

    /// The disk of the virtual machine.
    #[must_use]
    pub fn disk(&self) -> PathBuf {
        self.file("disk.raw")
    }
}

impl Drop for RunDirectory {
    fn drop(&mut self) {
        drop(self.directory.take());
        interrupt::forget(&self.path);
    }
}

/// Removes directories whose process is gone.
fn sweep(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let owner = name
            .to_str()
            .and_then(|name| name.strip_prefix(PREFIX))
            .and_then(|rest| rest.split_once('-'))
            .and_then(|(process, _)| process.parse::<u32>().ok());
        if let Some(process) = owner
            && !Path::new("/proc").join(process.to_string()).exists()
            && !entry.path().join(KEPT).exists()
        {
            let _gone = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_after_the_run() {
        let run = RunDirectory::new(Keep::No).expect("made");
        fs::write(run.file("x"), "x").expect("written");
        let path = run.path().to_path_buf();
        drop(run);
        assert!(!path.exists());
    }

    #[test]
    fn directories_of_dead_processes_are_swept_and_others_stay() {
        let parent = tempfile::tempdir().expect("made");
        // Process ids are at most 2^22 on Linux.
        let dead = parent.path().join("hiberport-99999999-abc");
        let living = parent
            .path()
            .join(format!("hiberport-{}-abc", std::process::id()));
        let foreign = parent.path().join("something-99999999-abc");
        let kept = parent.path().join("hiberport-99999998-abc");
        for directory in [&dead, &living, &foreign, &kept] {
            fs::create_dir(directory).expect("made");
        }
        fs::write(kept.join("kept"), "").expect("written");
        sweep(parent.path());
        assert!(!dead.exists());
        assert!(living.exists() && foreign.exists() && kept.exists());
    }
}
