//! Functions that the compiler put into others, from a PDB: [`Inlined::innermost`] names the one that an address belongs to.
//!
//! The sites are in the symbols of each module, within the function that they were put into; their code is told by the line
//! program of the inlined function. The site that is read last for an address is the innermost one. The PDB was checked before
//! ([`super::pdb`]).

use std::{collections::BTreeMap, fs::File, path::Path};

use anyhow::{Context as _, Result};
use pdb2::{
    FallibleIterator as _, IdData, IdIndex, Inlinee, ItemFinder, PDB, PdbInternalSectionOffset,
    SymbolData,
};

use super::image::DriverImage;

/// Pieces of code with the function that they come from.
#[derive(Clone, Debug, Default)]
pub struct Inlined {
    /// Name by first address; each piece reaches to the next one, an empty name ends one.
    pieces: BTreeMap<u64, String>,
}

impl Inlined {
    /// Reads the sites of `image` from its PDB.
    ///
    /// # Errors
    /// The PDB is damaged.
    pub fn read(path: &Path, image: &DriverImage) -> Result<Self> {
        let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        read(file, image).with_context(|| format!("{} is damaged", path.display()))
    }

    /// The innermost function that was put into another one at an address of the image.
    #[must_use]
    pub fn innermost(&self, rva: u64) -> Option<&str> {
        let (_, name) = self.pieces.range(..=rva).next_back()?;
        (!name.is_empty()).then_some(name.as_str())
    }

    /// The code from `first` on, `bytes` long, belongs to `name`, whatever was said before.
    fn put(&mut self, first: u64, bytes: u64, name: &str) {
        let end = first.saturating_add(bytes);
        let behind = self
            .pieces
            .range(..=end)
            .next_back()
            .map(|(_, name)| name.clone())
            .unwrap_or_default();
        self.pieces.retain(|place, _| !(first..end).contains(place));
        self.pieces.insert(end, behind);
        self.pieces.insert(first, name.to_owned());
    }
}

fn read(file: File, image: &DriverImage) -> Result<Inlined> {
    let mut pdb = PDB::open(file)?;
    let debug = pdb.debug_information()?;
    let information = pdb.id_information()?;
    let mut ids = information.finder();
    let mut entries = information.iter();
    while entries.next()?.is_some() {
        ids.update(&entries);
    }
    let rva_of = |place: PdbInternalSectionOffset| -> Option<u64> {
        let section = usize::from(place.section).checked_sub(1)?;
        Some(
            image
                .sections
                .get(section)?
                .checked_add(place.offset)?
                .into(),
        )
    };
    let mut found = Inlined::default();
    let mut modules = debug.modules()?;
    while let Some(module) = modules.next()? {
        let Some(module) = pdb.module_info(&module)? else {
            continue;
        };
        let inlinees: BTreeMap<IdIndex, Inlinee<'_>> = module
            .inlinees()?
            .map(|inlinee| Ok((inlinee.index(), inlinee)))
            .collect()?;
        let mut function = None;
        let mut symbols = module.symbols()?;
        while let Some(symbol) = symbols.next()? {
            match symbol.parse() {
                Ok(SymbolData::Procedure(procedure)) => function = Some(procedure.offset),
                Ok(SymbolData::InlineSite(site)) => {
                    let (Some(start), Some(inlinee)) = (function, inlinees.get(&site.inlinee))
                    else {
                        continue;
                    };
                    let name = name_of(&ids, site.inlinee);
                    let mut lines = inlinee.lines(start, &site);
                    while let Some(line) = lines.next()? {
                        if let (Some(rva), Some(bytes)) = (rva_of(line.offset), line.length) {
                            found.put(rva, bytes.into(), &name);
                        }
                    }
                }
                _ => {}
            }
        }
    }
    Ok(found)
}

fn name_of(ids: &ItemFinder<'_, IdIndex>, index: IdIndex) -> String {
    let parsed = ids.find(index).and_then(|item| item.parse());
    match parsed {
        Ok(IdData::Function(function)) => {
            let name = function.name.to_string().into_owned();
            match function.scope.map(|scope| name_of(ids, scope)) {
                Some(scope) => format!("{scope}::{name}"),
                None => name,
            }
        }
        Ok(IdData::MemberFunction(function)) => function.name.to_string().into_owned(),
        Ok(IdData::String(text)) => text.name.to_string().into_owned(),
        _ => "(a function without a name)".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::Inlined;

    #[test]
    fn the_piece_that_was_put_last_is_the_innermost() {
        let mut inlined = Inlined::default();
        inlined.put(100, 50, "outer");
        inlined.put(110, 10, "inner");
        inlined.put(200, 10, "other");
        let names: Vec<_> = [99, 100, 109, 110, 119, 120, 149, 150, 205, 210]
            .map(|rva| inlined.innermost(rva).unwrap_or("-"))
            .to_vec();
        assert_eq!(
            names,
            [
                "-", "outer", "outer", "inner", "inner", "outer", "outer", "-", "other", "-"
            ]
        );
    }
}
