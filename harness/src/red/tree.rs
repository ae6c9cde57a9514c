//! The mutated copy of the source tree, and the driver built from it.
//!
//! All cases share one copy below `target/red`, and what was compiled for the driver itself, so that a build compiles only what
//! the edit touches. A lock file makes the builds of several test processes take turns; each case's driver is then published
//! in a directory of its own.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use rustix::fs::{FlockOperation, flock};
use serde::Deserialize;

use crate::{build::DriverFiles, trial::Workshop};

/// What is copied: everything that a build of the driver reads. Cargo's configuration is found in the repository around the copy;
/// a second one would add its flags once more, and nothing that was compiled before would fit.
const COPIED: [&str; 7] = [
    ".clippy.toml",
    "Cargo.lock",
    "Cargo.toml",
    "build.rs",
    "harness",
    "miniport",
    "rust-toolchain.toml",
];

/// One replacement in one file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// Path in the repository.
    pub file: PathBuf,
    /// Text that occurs exactly once in the file.
    pub find: String,
    /// What stands there instead.
    pub replace: String,
}

impl Edit {
    /// The text after the edit.
    ///
    /// # Errors
    /// The text to find does not occur exactly once, or the replacement is the same.
    pub fn apply(&self, text: &str) -> Result<String> {
        let file = self.file.display();
        match text.matches(&self.find).count() {
            1 if self.find == self.replace => bail!("the edit of {file} changes nothing"),
            1 => Ok(text.replacen(&self.find, &self.replace, 1)),
            0 => bail!(
                "{file} no longer contains the text to replace; adapt the case to the driver: {:?}",
                self.find
            ),
            more => bail!(
                "{file} contains the text to replace {more} times; make it longer: {:?}",
                self.find
            ),
        }
    }
}

/// Builds the driver of `package` with these edits; its files are those of the case called `name`.
///
/// # Errors
/// An edit does not fit, or the result does not compile.
pub fn build(
    workshop: &Workshop,
    package: &str,
    name: &str,
    edits: &[Edit],
) -> Result<DriverFiles> {
    let red = workshop.repository.target.join("red");
    let tree = red.join("tree");
    fs::create_dir_all(&tree).with_context(|| format!("cannot create {}", tree.display()))?;
    let lock = File::create(red.join("lock"))?;
    flock(&lock, FlockOperation::LockExclusive).context("cannot lock the tree of red cases")?;
    let root = &workshop.repository.root;
    for part in COPIED {
        synchronise(&root.join(part), &tree.join(part), Path::new(part), edits)?;
    }
    workshop
        .builder()
        .driver_from(package, &tree, &red.join("drivers").join(name))
        .with_context(|| format!("red case {name}"))
}

/// Makes `to` equal to `from` with the edits applied. Files that are equal already keep their time of change, by which cargo
/// decides what to compile.
fn synchronise(from: &Path, to: &Path, part: &Path, edits: &[Edit]) -> Result<()> {
    if from.is_dir() {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(to)? {
            let entry = entry?;
            if !from.join(entry.file_name()).exists() {
                remove(&entry.path())?;
            }
        }
        for entry in fs::read_dir(from)? {
            let name = entry?.file_name();
            if name != "target" {
                synchronise(&from.join(&name), &to.join(&name), &part.join(&name), edits)?;
            }
        }
        return Ok(());
    }
    let mut content = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    for edit in edits.iter().filter(|edit| edit.file == part) {
        let text = String::from_utf8(content).context("the file to edit is not text")?;
        content = edit.apply(&text)?.into_bytes();
    }
    if fs::read(to).is_ok_and(|there| there == content) {
        return Ok(());
    }
    fs::write(to, content).with_context(|| format!("cannot write {}", to.display()))
}

fn remove(path: &Path) -> Result<()> {
    if path.is_dir() {
        fs::remove_dir_all(path)?;
    } else {
        fs::remove_file(path)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn edit(find: &str, replace: &str) -> Edit {
        Edit {
            file: PathBuf::from("src/a.rs"),
            find: find.to_owned(),
            replace: replace.to_owned(),
        }
    }

    #[test]
    fn the_text_must_occur_exactly_once() {
        let text = "one two two";
        assert_eq!(edit("one", "1").apply(text).unwrap(), "1 two two");
        assert!(edit("two", "2").apply(text).is_err());
        assert!(edit("three", "3").apply(text).is_err());
        assert!(edit("one", "one").apply(text).is_err());
    }

    #[test]
    fn the_copy_has_the_edit_and_goes_back_without_it() {
        let directory = TempDir::new().unwrap();
        let (from, to) = (directory.path().join("from"), directory.path().join("to"));
        fs::create_dir_all(from.join("src")).unwrap();
        fs::write(from.join("src/a.rs"), "mark();").unwrap();
        fs::write(from.join("src/b.rs"), "same").unwrap();
        synchronise(&from, &to, Path::new(""), &[edit("mark();", "")]).unwrap();
        assert_eq!(fs::read_to_string(to.join("src/a.rs")).unwrap(), "");
        let changed = |file: &str| fs::metadata(to.join(file)).unwrap().modified().unwrap();
        let before = changed("src/b.rs");
        fs::write(to.join("src/stale.rs"), "left over").unwrap();
        synchronise(&from, &to, Path::new(""), &[]).unwrap();
        assert_eq!(fs::read_to_string(to.join("src/a.rs")).unwrap(), "mark();");
        assert_eq!(changed("src/b.rs"), before);
        assert!(!to.join("src/stale.rs").exists());
    }
}
