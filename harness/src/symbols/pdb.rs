//! Functions from a PDB: those of the modules (with their lengths), and the public symbols where no module has one.

use std::{collections::BTreeMap, fs::File, path::Path};

use anyhow::{Context as _, Result, bail};
use pdb2::{FallibleIterator as _, PDB, PdbInternalSectionOffset, SymbolData};

use super::image::DriverImage;
use crate::fault::Fault;

/// A function of the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Address relative to the image's base.
    pub rva: u32,
    /// Length in bytes; 0 = not known.
    pub bytes: u32,
    /// Its name, with its path.
    pub name: String,
}

/// Reads the functions of `image` from its PDB, in ascending order.
///
/// # Errors
/// A [`Fault`] if the PDB belongs to another build of the image; any other error if it is damaged.
pub fn read(path: &Path, image: &DriverImage) -> Result<Vec<Function>> {
    let name = path.display();
    let unreadable = |error: &dyn std::fmt::Display| {
        Fault::setup(
            format!("cannot read {name}: {error}"),
            "build the driver again, or leave the PDB out",
        )
    };
    let file = File::open(path).map_err(|error| unreadable(&error))?;
    let mut pdb = PDB::open(file).map_err(|error| unreadable(&error))?;
    let Some(identity) = image.identity else {
        bail!(Fault::setup(
            format!("{} names no PDB", image.name),
            format!("leave {name} out"),
        ));
    };
    let information = pdb.pdb_information().map_err(|error| unreadable(&error))?;
    let debug = pdb
        .debug_information()
        .map_err(|error| unreadable(&error))?;
    // A linker that rewrites a PDB counts up the age of the debug information; that is the one in the image.
    let age = debug.age().unwrap_or(information.age);
    if information.guid.to_bytes_le() != identity.guid || age != identity.age {
        bail!(Fault::setup(
            format!("{name} belongs to another build of {}", image.name),
            "give the PDB of the same build, or leave it out",
        ));
    }
    functions(&mut pdb, &debug, image).with_context(|| format!("{name} is damaged"))
}

fn functions(
    pdb: &mut PDB<'_, File>,
    debug: &pdb2::DebugInformation<'_>,
    image: &DriverImage,
) -> Result<Vec<Function>> {
    let rva_of = |place: PdbInternalSectionOffset| -> Option<u32> {
        let section = usize::from(place.section).checked_sub(1)?;
        image.sections.get(section)?.checked_add(place.offset)
    };
    let mut found = BTreeMap::new();
    let public = pdb.global_symbols()?;
    let mut symbols = public.iter();
    while let Some(symbol) = symbols.next()? {
        if let Ok(SymbolData::Public(public)) = symbol.parse()
            && let Some(rva) = rva_of(public.offset)
        {
            found.insert(rva, (0, public.name.to_string().into_owned()));
        }
    }
    let mut modules = debug.modules()?;
    while let Some(module) = modules.next()? {
        let Some(module) = pdb.module_info(&module)? else {
            continue;
        };
        let mut symbols = module.symbols()?;
        while let Some(symbol) = symbols.next()? {
            if let Ok(SymbolData::Procedure(procedure)) = symbol.parse()
                && let Some(rva) = rva_of(procedure.offset)
            {
                let name = procedure.name.to_string().into_owned();
                found.insert(rva, (procedure.len, name));
            }
        }
    }
    Ok(found
        .into_iter()
        .map(|(rva, (bytes, name))| Function { rva, bytes, name })
        .collect())
}
