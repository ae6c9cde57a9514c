//! The rules that an install information file (INF) of this repository keeps.
//!
//! [`check`] reads one and names every rule that it breaks: those that `SetupAPI` needs (every section and string that is referred to
//! exists and is used, every copied file has a source and a destination), those of Windows 10 and 11 driver packages (driver store,
//! no writes outside of the driver's own keys, catalogue, lock-down) and those of a boot-start storage driver. [`parse`] holds the
//! syntax. It does not replace `InfVerif`, which needs Windows; it catches on every machine what a typing error breaks.
//! Sources: Microsoft Learn, "INF file sections and directives", "Using a universal INF file", "INF `AddService` directive".

pub mod filter;
pub mod header;
mod parse;
mod rules;

#[cfg(test)]
mod tests;

use std::{fs, path::Path};

use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::fault::Fault;

/// What a package says, as far as `cargo harness package` needs it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct InfFacts {
    /// Version of the driver, four numbers.
    pub version: String,
    /// Name of the catalogue that signs the package.
    pub catalog: String,
    /// Files that the package copies.
    pub files: Vec<String>,
    /// Name of the service.
    pub service: String,
    /// Hardware ids that it installs for.
    pub hardware_ids: Vec<String>,
}

/// Holds the file to the rules.
///
/// # Errors
/// A [`Fault`]: set-up if the file cannot be read, check with every broken rule otherwise.
pub fn check(path: &Path) -> Result<InfFacts> {
    let bytes = fs::read(path).map_err(|error| {
        Fault::setup(
            format!("cannot read {}: {error}", path.display()),
            "restore the file",
        )
    })?;
    let name = path
        .file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    check_bytes(&name, &bytes)
}

/// Holds the file of a driver that is no miniport to that driver's rules.
fn hold(path: &Path, broken_rules: fn(&str) -> Vec<String>) -> Result<()> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let broken = broken_rules(&text);
    if broken.is_empty() {
        return Ok(());
    }
    Err(Fault::check(
        format!(
            "{} breaks {} rules: {}",
            path.display(),
            broken.len(),
            broken.join("; ")
        ),
        "correct the file",
    )
    .into())
}

fn check_bytes(name: &str, bytes: &[u8]) -> Result<InfFacts> {
    let mut broken = Vec::new();
    let text = match std::str::from_utf8(bytes) {
        Ok(text) if text.is_ascii() => text.to_owned(),
        _ => {
            broken.push("it has characters outside of ASCII, which SetupAPI reads by the code page of the machine".to_owned());
            String::from_utf8_lossy(bytes).into_owned()
        }
    };
    let inf = parse::Inf::parse(&text, &mut broken);
    let facts = rules::check(&inf, &mut broken);
    if broken.is_empty() {
        return Ok(facts);
    }
    let count = broken.len();
    Err(Fault::check(
        format!("{name} breaks {count} rules: {}", broken.join("; ")),
        "correct the file",
    )
    .into())
}
