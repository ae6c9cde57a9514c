//! The rules that a shipped driver image keeps, beyond being loadable.
//!
//! [`check`] holds one image, its PDB and its reviewed list of imports to them and yields what the report says about it
//! ([`ImageFacts`]); every rule that it breaks is named, not the first alone. [`crate::symbols::image`] reads images of any origin;
//! this module judges those that this repository ships. The linker settings behind the rules are in the root `build.rs`.
//! Sources: PE format specification; Microsoft Learn, "Crash dump filter drivers" and the exports of the dump port driver.

mod headers;
mod imports;
mod version;

#[cfg(test)]
mod tests;

use std::{fs, path::Path};

use anyhow::{Context as _, Result};
use object::read::pe::PeFile64;
use serde::Serialize;

use crate::{fault::Fault, symbols::image::DriverImage};

/// What the report says about an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ImageFacts {
    /// Size of the file in bytes.
    pub file_bytes: u64,
    /// Size of the loaded image in bytes.
    pub image_bytes: u32,
    /// The PE checksum.
    pub checksum: u32,
    /// File version of the version resource: major, minor, patch, build.
    pub version: [u16; 4],
    /// Sections in order.
    pub sections: Vec<Section>,
    /// Imports as `module name`, in order.
    pub imports: Vec<String>,
    /// File name of the PDB that the image names.
    pub pdb_name: String,
}

/// One section of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Section {
    /// Its name.
    pub name: String,
    /// Size in memory, bytes.
    pub bytes: u32,
    /// Whether the loader maps it writable.
    pub is_writable: bool,
    /// Whether the loader maps it executable.
    pub is_executable: bool,
}

/// Holds the image `sys` to the rules, with its PDB and the list of imports that it may have.
///
/// # Errors
/// A [`Fault`]: set-up if a file cannot be read, check with every broken rule otherwise.
pub fn check(sys: &Path, pdb: &Path, imports: &Path) -> Result<ImageFacts> {
    let image = DriverImage::read(sys)?;
    let list = fs::read_to_string(imports).map_err(|error| {
        Fault::setup(
            format!("cannot read {}: {error}", imports.display()),
            "restore the file",
        )
    })?;
    let mut broken = Vec::new();
    if let Err(error) = crate::symbols::pdb::read(pdb, &image) {
        broken.push(format!("the PDB does not fit: {error:#}"));
    }
    let facts = check_image(&image, &list, broken)?;
    let [major, minor, patch, _] = facts.version;
    let version = format!("{major}.{minor}.{patch}");
    if version != env!("CARGO_PKG_VERSION") {
        return Err(Fault::check(
            format!(
                "{} is version {version}, the sources are {}",
                image.name,
                env!("CARGO_PKG_VERSION")
            ),
            "build the driver again",
        )
        .into());
    }
    Ok(facts)
}

/// The rules that need no PDB; `broken` holds those that are broken already.
pub(crate) fn check_image(
    image: &DriverImage,
    list: &str,
    mut broken: Vec<String>,
) -> Result<ImageFacts> {
    let bytes = image.bytes.as_slice();
    let file = PeFile64::parse(bytes).context("the image does not parse")?;
    broken.extend(headers::check(&file, bytes)?);
    broken.extend(imports::check(&file, &image.imports, list)?);
    let pdb_name = headers::pdb_name(&file)?;
    broken.extend(headers::check_pdb_name(pdb_name.as_deref()));
    let version = match version::of(&file) {
        Ok(version) => version,
        Err(error) => {
            broken.push(format!("no version resource: {error:#}"));
            [0; 4]
        }
    };
    if !broken.is_empty() {
        return Err(Fault::check(
            format!(
                "{} breaks {} rules: {}",
                image.name,
                broken.len(),
                broken.join("; ")
            ),
            "see build.rs and miniport/imports.txt",
        )
        .into());
    }
    Ok(ImageFacts {
        file_bytes: bytes.len() as u64,
        image_bytes: image.image_bytes,
        checksum: headers::checksum(&file),
        version,
        sections: headers::sections(&file),
        imports: image
            .imports
            .iter()
            .map(|(module, name)| format!("{module} {name}"))
            .collect(),
        pdb_name: pdb_name.unwrap_or_default(),
    })
}
