//! The driver's symbols in a form that gdb reads: an object file without code, for `add-symbol-file FILE BASE`.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};
use object::{
    Architecture, BinaryFormat, Endianness, SymbolFlags, SymbolKind, SymbolScope,
    write::{Object, StandardSection, Symbol, SymbolSection},
};

use super::Symbols;

/// Writes the functions of `symbols`, each at its address relative to the image's base.
///
/// # Errors
/// The file cannot be written.
pub fn write(symbols: &Symbols, path: &Path) -> Result<()> {
    let mut file = Object::new(BinaryFormat::Elf, Architecture::X86_64, Endianness::Little);
    let text = file.section_id(StandardSection::Text);
    // gdb looks at sizes and addresses only; the bytes are in the guest.
    let size = usize::try_from(symbols.image.image_bytes)?;
    file.append_section_data(text, &vec![0; size], 4096);
    for function in &symbols.functions {
        file.add_symbol(Symbol {
            name: function.name.clone().into_bytes(),
            value: u64::from(function.rva),
            size: u64::from(function.bytes),
            kind: SymbolKind::Text,
            scope: SymbolScope::Linkage,
            weak: false,
            section: SymbolSection::Section(text),
            flags: SymbolFlags::None,
        });
    }
    let bytes = file.write().context("the symbols cannot be written")?;
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}
