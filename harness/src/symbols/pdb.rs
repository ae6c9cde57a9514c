//! Functions from a PDB: those of the modules (with their lengths), and the public symbols where no module has one.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context as _, Result, bail};
use ms_pdb::{
    Pdb,
    syms::{OffsetSegment, SymData, SymIter},
};

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
    let pdb = Pdb::open(path).map_err(|error| {
        Fault::setup(
            format!("cannot read {name}: {error:#}"),
            "build the driver again, or leave the PDB out",
        )
    })?;
    let Some(identity) = image.identity else {
        bail!(Fault::setup(
            format!("{} names no PDB", image.name),
            format!("leave {name} out"),
        ));
    };
    let key = pdb.binding_key();
    if key.guid.to_bytes_le() != identity.guid || key.age != identity.age {
        bail!(Fault::setup(
            format!("{name} belongs to another build of {}", image.name),
            "give the PDB of the same build, or leave it out",
        ));
    }
    functions(&pdb, image).with_context(|| format!("{name} is damaged"))
}

fn functions(pdb: &Pdb<ms_pdb::RandomAccessFile>, image: &DriverImage) -> Result<Vec<Function>> {
    let rva_of = |place: OffsetSegment| -> Option<u32> {
        let section = usize::from(place.segment.get()).checked_sub(1)?;
        image.sections.get(section)?.checked_add(place.offset.get())
    };
    let mut found = BTreeMap::new();
    for symbol in pdb.gss()?.iter_syms() {
        if let Ok(SymData::Pub(public)) = symbol.parse()
            && let Some(rva) = rva_of(public.fixed.offset_segment)
        {
            found.insert(rva, (0, public.name.to_string()));
        }
    }
    for module in pdb.modules()?.iter() {
        let words = pdb.read_module_symbols(&module)?;
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        for symbol in SymIter::for_module_syms(&bytes) {
            if let Ok(SymData::Proc(procedure)) = symbol.parse()
                && let Some(rva) = rva_of(procedure.fixed.offset_segment)
            {
                let length = procedure.fixed.proc_len.get();
                found.insert(rva, (length, procedure.name.to_string()));
            }
        }
    }
    Ok(found
        .into_iter()
        .map(|(rva, (bytes, name))| Function { rva, bytes, name })
        .collect())
}
