//! Where things are: the repository's root, the target directory, and the files that builds leave there.
//!
//! [`Repository::find`] works from any directory inside the repository. Nothing outside of the target directory and the
//! system's directory for temporary files is ever written.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::Result;

use crate::fault::Fault;

/// Environment variable that names the target directory, before cargo's own.
pub const TARGET_VARIABLE: &str = "HIBERPORT_TARGET";

/// The source tree that a command works on, and where it puts what it builds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// Directory of the workspace's `Cargo.toml`.
    pub root: PathBuf,
    /// Target directory of the workspace, `CARGO_TARGET_DIR` respected.
    pub target: PathBuf,
}

impl Repository {
    /// Finds the repository around the current directory, else the one that this program was built from.
    ///
    /// # Errors
    /// A [`Fault`] when neither is there.
    pub fn find() -> Result<Self> {
        let here = env::current_dir().unwrap_or_default();
        let root = ascend(&here)
            .or_else(|| ascend(Path::new(env!("CARGO_MANIFEST_DIR"))))
            .ok_or_else(|| {
                Fault::setup(
                    format!("{} is not inside a clone of the repository", here.display()),
                    "change to the clone first",
                )
            })?;
        // The tests run below a cargo that has a target directory of its own; they use what was built for the outer one.
        let named = env::var_os(TARGET_VARIABLE).or_else(|| env::var_os("CARGO_TARGET_DIR"));
        let target = match named {
            Some(directory) if !directory.is_empty() => here.join(directory),
            _ => root.join("target"),
        };
        Ok(Self { root, target })
    }

    /// Where the finished files are put: driver, PDB, kernel, loader.
    #[must_use]
    pub fn products(&self) -> PathBuf {
        self.target.join("hiberport")
    }

    /// Target directory of the builds for the driver and the bench kernel, which another compiler than that of the
    /// surrounding cargo may do.
    #[must_use]
    pub fn inner_target(&self) -> PathBuf {
        self.products().join("build")
    }

    /// Where `cargo harness package` stages the install packages.
    #[must_use]
    pub fn packages(&self) -> PathBuf {
        self.target.join("package")
    }

    /// The same target directory with another source tree (a mutated copy).
    #[must_use]
    pub fn with_root(&self, root: PathBuf) -> Self {
        Self {
            root,
            target: self.target.clone(),
        }
    }
}

/// The nearest directory at or above `start` that holds this workspace.
fn ascend(start: &Path) -> Option<PathBuf> {
    start
        .ancestors()
        .find(|directory| {
            directory.join("harness/kernel/Cargo.toml").is_file()
                && directory.join("miniport/ddi/Cargo.toml").is_file()
        })
        .map(Path::to_path_buf)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_found_from_a_directory_deep_inside() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("kernel/src");
        let root = ascend(&here).expect("inside the repository");
        assert!(root.join("rust-toolchain.toml").is_file());
        assert!(root.join("harness").is_dir());
    }

    #[test]
    fn a_directory_outside_is_refused() {
        assert_eq!(ascend(Path::new("/")), None);
    }
}
