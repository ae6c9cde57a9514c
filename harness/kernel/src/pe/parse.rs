//! Reads a driver file: headers, sections, relocations, imports, each checked (Microsoft PE format, revision 11).
//!
//! [`ParsedImage`] holds everything that loading needs; nothing of the file is trusted after that. The directory walks
//! are those of the `object` crate, the rules are ours.

use alloc::{string::String, vec, vec::Vec};
use core::fmt;

use object::{
    LittleEndian as LE,
    pe::{self, ImageNtHeaders64},
    read::pe::{ImageNtHeaders, ImageOptionalHeader, Import as PeImport, PeFile64},
};

/// Sections and headers lie on multiples of this.
const PAGE: u32 = 4096;
/// Images above this are refused: the bench's memory is small, and no miniport comes near.
pub const IMAGE_LIMIT: u32 = 8 << 20;
/// Offset of `SecurityCookie` in the load configuration directory.
const COOKIE_OFFSET: usize = 0x58;

/// Rights of a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// Read.
    Read,
    /// Read and write.
    Write,
    /// Read and execute.
    Execute,
}

/// A section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParsedSection {
    /// Its name.
    pub name: String,
    /// Where it begins in the image.
    pub rva: u32,
    /// Its length in the image in bytes, whole pages.
    pub bytes: u32,
    /// What may be done with it.
    pub protection: Protection,
}

impl ParsedSection {
    /// Whether Windows may page it out: sections named `PAGE*`.
    #[must_use]
    pub fn is_paged(&self) -> bool {
        self.name.starts_with("PAGE")
    }
}

/// An import by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParsedImport {
    /// Module, as the file spells it.
    pub module: String,
    /// Name of the routine or variable.
    pub name: String,
    /// Slot that receives the address.
    pub slot_rva: u32,
}

/// A driver file, read and checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParsedImage {
    /// The image as it lies in memory, before relocation.
    pub memory: Vec<u8>,
    /// Address that it was linked at.
    pub preferred_base: u64,
    /// Where execution begins.
    pub entry_rva: u32,
    /// Its sections in ascending order.
    pub sections: Vec<ParsedSection>,
    /// Slots of 64 bits that move with the image.
    pub relocations: Vec<u32>,
    /// What it needs of others.
    pub imports: Vec<ParsedImport>,
    /// The cookie of stack protection, which the loader must set.
    pub cookie_rva: Option<u32>,
}

/// Why a file is no driver that can be loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeError {
    /// It does not begin like a PE file.
    NotPe,
    /// It ends before what its headers announce.
    Truncated,
    /// It is for another processor (`IMAGE_FILE_MACHINE_*`).
    Machine(u16),
    /// It is a 32-bit image.
    NotPe32Plus,
    /// It is no driver (`IMAGE_SUBSYSTEM_*`; native is 1).
    Subsystem(u16),
    /// Sections are not aligned to pages.
    Alignment(u32),
    /// It is larger than the bench takes.
    TooLarge(u32),
    /// It has no entry point, or one outside of its code.
    Entry(u32),
    /// A section lies outside of the image, out of order, or its data outside of the file.
    Section(String),
    /// A section could be written and executed.
    WritableExecutable(String),
    /// It cannot be moved.
    NoRelocations,
    /// A relocation lies outside of the image.
    RelocationRange(u32),
    /// A relocation of a kind that 64-bit images do not have.
    RelocationKind(u16),
    /// The import table is damaged.
    Imports,
    /// An import without a name.
    ImportByOrdinal(u16),
}

impl fmt::Display for PeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotPe => write!(f, "is no PE file"),
            Self::Truncated => write!(f, "is truncated"),
            Self::Machine(machine) => {
                write!(
                    f,
                    "is for another processor (machine {machine:#06x}, not x64)"
                )
            }
            Self::NotPe32Plus => write!(f, "is a 32-bit image"),
            Self::Subsystem(subsystem) => {
                write!(f, "is no driver (subsystem {subsystem}, not native)")
            }
            Self::Alignment(bytes) => write!(f, "has sections aligned to {bytes} bytes, not pages"),
            Self::TooLarge(bytes) => write!(f, "takes {bytes} bytes, more than {IMAGE_LIMIT}"),
            Self::Entry(rva) => write!(f, "has its entry point outside of its code ({rva:#x})"),
            Self::Section(name) => write!(f, "has a section out of place: {name}"),
            Self::WritableExecutable(name) => {
                write!(f, "has a section both writable and executable: {name}")
            }
            Self::NoRelocations => write!(f, "has no relocations and cannot be moved"),
            Self::RelocationRange(rva) => {
                write!(f, "has a relocation outside of itself ({rva:#x})")
            }
            Self::RelocationKind(kind) => write!(f, "has a relocation of unknown kind {kind}"),
            Self::Imports => write!(f, "has a damaged import table"),
            Self::ImportByOrdinal(ordinal) => {
                write!(f, "imports ordinal {ordinal}; drivers import by name")
            }
        }
    }
}

/// Reads and checks a file.
///
/// # Errors
/// The first [`PeError`] that applies.
pub fn parse(file: &[u8]) -> Result<ParsedImage, PeError> {
    check_magic(file)?;
    let pe = PeFile64::parse(file).map_err(|_| PeError::Truncated)?;
    let headers = pe.nt_headers();
    let optional = headers.optional_header();
    if optional.subsystem() != pe::IMAGE_SUBSYSTEM_NATIVE {
        return Err(PeError::Subsystem(optional.subsystem().0));
    }
    if optional.section_alignment() < PAGE || !optional.section_alignment().is_multiple_of(PAGE) {
        return Err(PeError::Alignment(optional.section_alignment()));
    }
    let image_bytes = optional.size_of_image();
    if image_bytes > IMAGE_LIMIT {
        return Err(PeError::TooLarge(image_bytes));
    }
    let mut memory = vec![0; size(image_bytes.next_multiple_of(PAGE))];
    place(&mut memory, 0, file, 0, optional.size_of_headers()).ok_or(PeError::Truncated)?;
    let sections = load_sections(&pe, file, &mut memory)?;
    let entry_rva = optional.address_of_entry_point();
    let in_code = sections.iter().any(|section| {
        section.protection == Protection::Execute
            && (section.rva..section.rva + section.bytes).contains(&entry_rva)
    });
    if !in_code {
        return Err(PeError::Entry(entry_rva));
    }
    let relocations = relocations(&pe, file, memory.len())?;
    if relocations.is_empty()
        && headers.file_header().characteristics.get(LE) & pe::IMAGE_FILE_RELOCS_STRIPPED
            != pe::FileFlags(0)
    {
        return Err(PeError::NoRelocations);
    }
    let imports = imports(&pe, file, &memory)?;
    let cookie_rva = cookie(&pe, &memory, optional.image_base());
    Ok(ParsedImage {
        memory,
        preferred_base: optional.image_base(),
        entry_rva,
        sections,
        relocations,
        imports,
        cookie_rva,
    })
}

/// Body of the fuzz target `driver_image`: what of a driver's file is taken lies inside of the image, and can be loaded anywhere.
///
/// # Panics
/// When something that was taken lies outside.
pub fn fuzz_image(file: &[u8]) {
    let mut image = match parse(file) {
        Ok(image) => image,
        Err(error) => return assert!(!alloc::format!("{error}").is_empty()),
    };
    let bytes = image.memory.len();
    assert!(bytes <= size(IMAGE_LIMIT) && size(image.entry_rva) < bytes);
    for section in &image.sections {
        let end = section.rva.checked_add(section.bytes);
        assert!(
            end.is_some_and(|end| size(end) <= bytes),
            "a section ends outside"
        );
    }
    let fits = |rva: u32| size(rva).checked_add(8).is_some_and(|end| end <= bytes);
    assert!(
        image.relocations.iter().all(|&rva| fits(rva)),
        "a relocation lies outside"
    );
    assert!(
        image.imports.iter().all(|import| fits(import.slot_rva)),
        "an import's slot lies outside"
    );
    assert!(image.cookie_rva.is_none_or(fits), "the cookie lies outside");
    image.relocate(0xFFFF_F800_0000_0000);
    let slots: Vec<u32> = image.imports.iter().map(|import| import.slot_rva).collect();
    for rva in slots {
        image.set_slot(rva, u64::MAX);
    }
    assert_eq!(image.memory.len(), bytes);
}

impl ParsedImage {
    /// Moves the image to `base`.
    pub fn relocate(&mut self, base: u64) {
        let delta = base.wrapping_sub(self.preferred_base);
        for &rva in &self.relocations {
            // The slots were checked to lie inside.
            if let Some(slot) = slot(&mut self.memory, rva) {
                *slot = u64::from_le_bytes(*slot).wrapping_add(delta).to_le_bytes();
            }
        }
    }

    /// Writes the address of an import, or the cookie, into its slot.
    pub fn set_slot(&mut self, rva: u32, value: u64) {
        if let Some(slot) = slot(&mut self.memory, rva) {
            *slot = value.to_le_bytes();
        }
    }
}

/// The signatures, before the rest is read: so that a file for another machine is called that.
fn check_magic(file: &[u8]) -> Result<(), PeError> {
    if file.get(..2) != Some(b"MZ") {
        return Err(PeError::NotPe);
    }
    let at = file.get(0x3C..0x40).ok_or(PeError::Truncated)?;
    let at = at.try_into().map_or(0, u32::from_le_bytes);
    let header = file.get(size(at)..).ok_or(PeError::Truncated)?;
    if header.get(..4).ok_or(PeError::Truncated)? != b"PE\0\0" {
        return Err(PeError::NotPe);
    }
    let word = |offset: usize| -> Result<u16, PeError> {
        let bytes = header.get(offset..offset + 2).ok_or(PeError::Truncated)?;
        bytes
            .try_into()
            .map(u16::from_le_bytes)
            .map_err(|_| PeError::Truncated)
    };
    match pe::Machine(word(4)?) {
        pe::IMAGE_FILE_MACHINE_AMD64 => {}
        other => return Err(PeError::Machine(other.0)),
    }
    if word(24)? != pe::IMAGE_NT_OPTIONAL_HDR64_MAGIC {
        return Err(PeError::NotPe32Plus);
    }
    Ok(())
}

fn load_sections(
    pe: &PeFile64<'_>,
    file: &[u8],
    memory: &mut [u8],
) -> Result<Vec<ParsedSection>, PeError> {
    let mut sections: Vec<ParsedSection> = Vec::new();
    let mut next_rva = PAGE;
    for header in pe.section_table().iter() {
        let raw_name = header.raw_name();
        let name = String::from_utf8_lossy(raw_name).into_owned();
        let misplaced = || PeError::Section(name.clone());
        let rva = header.virtual_address.get(LE);
        let file_bytes = header.size_of_raw_data.get(LE);
        let virtual_bytes = match header.virtual_size.get(LE) {
            0 => file_bytes,
            bytes => bytes,
        };
        let bytes = virtual_bytes
            .checked_next_multiple_of(PAGE)
            .ok_or_else(misplaced)?;
        let end = rva.checked_add(bytes).ok_or_else(misplaced)?;
        if rva < next_rva || !rva.is_multiple_of(PAGE) || size(end) > memory.len() {
            return Err(misplaced());
        }
        next_rva = end;
        let flags = header.characteristics.get(LE);
        let writable = flags & pe::IMAGE_SCN_MEM_WRITE != pe::SectionFlags(0);
        let executable = flags & pe::IMAGE_SCN_MEM_EXECUTE != pe::SectionFlags(0);
        let protection = match (writable, executable) {
            (true, true) => return Err(PeError::WritableExecutable(name)),
            (true, false) => Protection::Write,
            (false, true) => Protection::Execute,
            (false, false) => Protection::Read,
        };
        let copied = file_bytes.min(virtual_bytes);
        let from = header.pointer_to_raw_data.get(LE);
        place(memory, rva, file, from, copied).ok_or(PeError::Truncated)?;
        sections.push(ParsedSection {
            name,
            rva,
            bytes,
            protection,
        });
    }
    Ok(sections)
}

fn relocations(pe: &PeFile64<'_>, file: &[u8], image_bytes: usize) -> Result<Vec<u32>, PeError> {
    let mut slots = Vec::new();
    let sections = pe.section_table();
    let blocks = pe.data_directories().relocation_blocks(file, &sections);
    let Some(mut blocks) = blocks.map_err(|_| PeError::Truncated)? else {
        return Ok(slots);
    };
    while let Some(block) = blocks.next().map_err(|_| PeError::Truncated)? {
        for relocation in block {
            let rva = relocation.virtual_address;
            match relocation.typ {
                pe::IMAGE_REL_BASED_ABSOLUTE => {}
                pe::IMAGE_REL_BASED_DIR64 => {
                    if size(rva).saturating_add(8) > image_bytes {
                        return Err(PeError::RelocationRange(rva));
                    }
                    slots.push(rva);
                }
                other => return Err(PeError::RelocationKind(other.0)),
            }
        }
    }
    Ok(slots)
}

fn imports(pe: &PeFile64<'_>, file: &[u8], memory: &[u8]) -> Result<Vec<ParsedImport>, PeError> {
    let mut imports = Vec::new();
    let sections = pe.section_table();
    let table = pe.data_directories().import_table(file, &sections);
    let Some(table) = table.map_err(|_| PeError::Imports)? else {
        return Ok(imports);
    };
    let mut descriptors = table.descriptors().map_err(|_| PeError::Imports)?;
    while let Some(descriptor) = descriptors.next().map_err(|_| PeError::Imports)? {
        let module = table
            .name(descriptor.name.get(LE))
            .map_err(|_| PeError::Imports)?;
        let slots = descriptor.first_thunk.get(LE);
        let names = match descriptor.original_first_thunk.get(LE) {
            0 => slots,
            names => names,
        };
        let mut thunks = table.thunks(names).map_err(|_| PeError::Imports)?;
        let mut slot_rva = slots;
        while let Some(thunk) = thunks
            .next::<ImageNtHeaders64>()
            .map_err(|_| PeError::Imports)?
        {
            let import = table
                .import::<ImageNtHeaders64>(thunk)
                .map_err(|_| PeError::Imports)?;
            let name = match import {
                PeImport::Name(_, name) => name,
                PeImport::Ordinal(ordinal) => return Err(PeError::ImportByOrdinal(ordinal)),
            };
            if size(slot_rva).saturating_add(8) > memory.len() {
                return Err(PeError::Imports);
            }
            imports.push(ParsedImport {
                module: String::from_utf8_lossy(module).into_owned(),
                name: String::from_utf8_lossy(name).into_owned(),
                slot_rva,
            });
            slot_rva = slot_rva.checked_add(8).ok_or(PeError::Imports)?;
        }
    }
    Ok(imports)
}

/// The slot of the stack cookie, as the load configuration names it.
fn cookie(pe: &PeFile64<'_>, memory: &[u8], base: u64) -> Option<u32> {
    let directory = pe.data_directory(pe::IMAGE_DIRECTORY_ENTRY_LOAD_CONFIG)?;
    let start = size(directory.virtual_address.get(LE)).checked_add(COOKIE_OFFSET)?;
    let field = memory.get(start..start.checked_add(8)?)?;
    let address = field.try_into().map(u64::from_le_bytes).ok()?;
    let rva = u32::try_from(address.checked_sub(base)?).ok()?;
    (rva != 0 && size(rva).saturating_add(8) <= memory.len()).then_some(rva)
}

/// Copies `bytes` bytes of the file into the image.
fn place(memory: &mut [u8], rva: u32, file: &[u8], from: u32, bytes: u32) -> Option<()> {
    let to = memory.get_mut(size(rva)..size(rva.checked_add(bytes)?))?;
    to.copy_from_slice(file.get(size(from)..size(from.checked_add(bytes)?))?);
    Some(())
}

fn slot(memory: &mut [u8], rva: u32) -> Option<&mut [u8; 8]> {
    memory.get_mut(size(rva)..)?.first_chunk_mut()
}

fn size(value: u32) -> usize {
    crate::mem::size(value.into())
}

#[cfg(test)]
mod small_driver;
#[cfg(test)]
mod tests;
