//! Names for addresses, and addresses for names.
//!
//! * [`image`]: the driver's PE file, checked before anything is started.
//! * [`pdb`]: its symbols, checked to belong to it.
//! * [`inlined`]: functions that were put into others.
//! * [`elf`]: symbols of the bench kernel.
//! * [`for_gdb`]: the driver's symbols for gdb, which reads no PDB.
//!
//! [`Symbols`] joins image and PDB; without a PDB (a third party's driver) names are offsets into the image.

pub mod elf;
pub mod for_gdb;
pub mod image;
pub mod inlined;
pub mod pdb;
#[cfg(test)]
mod tests;

use std::path::Path;

use anyhow::Result;

use self::{image::DriverImage, pdb::Function};

/// Symbols of a driver image, by address relative to its base.
#[derive(Clone, Debug)]
pub struct Symbols {
    /// The image.
    pub image: DriverImage,
    /// In ascending order of address; empty without a PDB.
    functions: Vec<Function>,
}

impl Symbols {
    /// Reads a driver image and, if there is one, its PDB.
    ///
    /// # Errors
    /// The image is no driver for this machine, or the PDB belongs to another image.
    pub fn load(sys: &Path, pdb: Option<&Path>) -> Result<Self> {
        let image = DriverImage::read(sys)?;
        let functions = match pdb {
            Some(pdb) => pdb::read(pdb, &image)?,
            None => Vec::new(),
        };
        Ok(Self { image, functions })
    }

    /// The function at an address of the image: `name`, or `name+0x12` inside of it.
    #[must_use]
    pub fn name_at(&self, rva: u64) -> Option<String> {
        let after = self
            .functions
            .partition_point(|function| u64::from(function.rva) <= rva);
        let function = self.functions.get(after.checked_sub(1)?)?;
        let offset = rva - u64::from(function.rva);
        // A public symbol has no length: it reaches to the next one.
        if function.bytes != 0 && offset >= u64::from(function.bytes) {
            return None;
        }
        Some(match offset {
            0 => function.name.clone(),
            offset => format!("{}+{offset:#x}", function.name),
        })
    }

    /// Address of a function relative to the image's base, by its name with or without its path.
    #[must_use]
    pub fn rva_of(&self, name: &str) -> Option<u64> {
        let exact = self.functions.iter().find(|function| function.name == name);
        let found = exact.or_else(|| {
            self.functions.iter().find(|function| {
                function
                    .name
                    .rsplit_once("::")
                    .is_some_and(|(_, last)| last == name)
            })
        });
        found.map(|function| u64::from(function.rva))
    }

    /// There is a PDB.
    #[must_use]
    pub fn has_names(&self) -> bool {
        !self.functions.is_empty()
    }
}
