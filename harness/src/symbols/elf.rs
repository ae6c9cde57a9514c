//! Symbols of the bench kernel.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};
use object::{Object as _, ObjectSymbol as _};

/// Address of a symbol of an ELF file, by its unmangled name.
///
/// # Errors
/// The file cannot be read, or has no such symbol.
pub fn address_of(path: &Path, name: &str) -> Result<u64> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let file = object::File::parse(bytes.as_slice())
        .with_context(|| format!("{} is no ELF file", path.display()))?;
    file.symbols()
        .find(|symbol| symbol.name() == Ok(name))
        .map(|symbol| symbol.address())
        .with_context(|| format!("{} has no symbol {name}", path.display()))
}
