//! Loads a driver image: own pages, own addresses, each section with its own rights, imports by name.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::fmt;

use proto::{
    owner::{Owner, Role},
    record::{Checkpoint, Record},
};

use super::parse::{self, ParsedImage, PeError, Protection};
use crate::{
    bugcheck::exports as callbacks,
    exports,
    hw::layout,
    image::{self, ImageInfo},
    mem::{
        self, PAGE_BYTES, Pa, Presence, Va,
        arena::Arena,
        paging::{self, Caching},
        phys::{self, Zone},
        size,
    },
    record,
    sync::Lock,
};

static ARENA: Lock<Arena> = Lock::new(Arena::new(Va(layout::IMAGE_BASE), layout::IMAGE_BYTES));

/// A section of a loaded image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Its name.
    pub name: String,
    /// First byte.
    pub va: Va,
    /// Length in bytes, whole pages.
    pub bytes: u64,
    /// What may be done with it.
    pub protection: Protection,
    /// Whether Windows may page it out (`PAGE*`).
    pub paged: bool,
}

/// A loaded image.
#[derive(Clone, Debug)]
pub struct LoadedImage {
    /// Name under which it was loaded.
    pub name: String,
    /// Whose it is.
    pub role: Role,
    /// First byte.
    pub base: Va,
    /// Length in bytes.
    pub bytes: u64,
    /// `DriverEntry`.
    pub entry: Va,
    /// Its sections.
    pub sections: Vec<Section>,
    /// Its pages lie above 4 GiB.
    pub above_4gib: bool,
}

/// Why an image is not loaded. One line each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadError {
    /// The file is not what it should be.
    File {
        /// Its name.
        name: String,
        /// What is wrong.
        error: PeError,
    },
    /// Nobody exports what it imports.
    Missing {
        /// Its name.
        name: String,
        /// `module!routine`, each.
        imports: Vec<String>,
    },
    /// No memory.
    NoMemory,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { name, error } => write!(f, "{name} {error}"),
            Self::Missing { name, imports } => {
                write!(
                    f,
                    "{name} imports what nobody exports: {}",
                    imports.join(", ")
                )
            }
            Self::NoMemory => f.write_str("no memory for the image"),
        }
    }
}

/// Loads `file` for `role` under `name`; the host learns of it and may set breakpoints before this returns.
///
/// # Errors
/// The first [`LoadError`] that applies; nothing stays loaded then.
pub fn load(name: &str, file: &[u8], role: Role) -> Result<LoadedImage, LoadError> {
    let loaded = load_quietly(name, file, role)?;
    record::emit(&Record::ImageLoaded {
        role,
        name: name.to_string(),
        base: loaded.base.0,
        bytes: loaded.bytes,
        entry: loaded.entry.0,
        above_4gib: loaded.above_4gib,
    });
    record::checkpoint(Checkpoint::ImageLoaded);
    Ok(loaded)
}

/// The same without a word to the host: for images that are no miniport's.
///
/// # Errors
/// As [`load`].
pub fn load_quietly(name: &str, file: &[u8], role: Role) -> Result<LoadedImage, LoadError> {
    let mut parsed = parse::parse(file).map_err(|error| LoadError::File {
        name: name.to_string(),
        error,
    })?;
    bind_imports(&mut parsed, name, role)?;
    let bytes = parsed.memory.len() as u64;
    let pages = bytes / PAGE_BYTES;
    let frames = [Zone::High, Zone::Low]
        .into_iter()
        .find_map(|zone| phys::take_scattered(Owner::Image(role), pages, zone))
        .ok_or(LoadError::NoMemory)?;
    let base = ARENA.lock().take(pages);
    let Some(base) = base else {
        release(&frames);
        return Err(LoadError::NoMemory);
    };
    parsed.relocate(base.0);
    if let Some(rva) = parsed.cookie_rva {
        parsed.set_slot(rva, cookie(base));
    }
    map(&parsed, base, &frames);
    let sections = sections_of(&parsed, base);
    image::add(ImageInfo {
        name: name.to_string(),
        role,
        base,
        bytes,
        code: sections
            .iter()
            .filter(|section| section.protection == Protection::Execute)
            .map(|section| (section.va, section.bytes))
            .collect(),
    });
    let loaded = LoadedImage {
        name: name.to_string(),
        role,
        base,
        bytes,
        entry: base.offset(parsed.entry_rva.into()),
        sections,
        above_4gib: frames.iter().all(|&pfn| pfn >= phys::HIGH_PFN),
    };
    Ok(loaded)
}

impl LoadedImage {
    /// Hides the sections that Windows may page out, or brings them back.
    pub fn set_paged_present(&self, presence: Presence) {
        for section in self.sections.iter().filter(|section| section.paged) {
            // The pages are mapped as long as the image is.
            let _ = mem::set_present(section.va, section.bytes, presence);
        }
    }

    /// The physical pages, in the order of the image.
    #[must_use]
    pub fn frames(&self) -> Vec<u64> {
        (0..self.bytes / PAGE_BYTES)
            .filter_map(|page| frame_behind(self.base.offset(page * PAGE_BYTES)))
            .collect()
    }

    /// Takes the image out of memory.
    pub fn unload(self) {
        callbacks::forget_within(self.base, self.bytes, &self.name);
        image::remove(self.base);
        // Hidden pages have no translation: bring them back first.
        let _ = mem::set_present(self.base, self.bytes, Presence::Present);
        let frames = self.frames();
        for page in 0..self.bytes / PAGE_BYTES {
            paging::unmap_page(self.base.offset(page * PAGE_BYTES));
        }
        ARENA.lock().give_back(self.base, self.bytes / PAGE_BYTES);
        release(&frames);
    }
}

fn bind_imports(parsed: &mut ParsedImage, name: &str, role: Role) -> Result<(), LoadError> {
    let mut missing = Vec::new();
    let mut bound = Vec::new();
    for import in &parsed.imports {
        match exports::resolve(role, &import.module, &import.name) {
            Some(address) => bound.push((import.slot_rva, address.0)),
            None => missing.push(format!("{}!{}", import.module, import.name)),
        }
    }
    if !missing.is_empty() {
        return Err(LoadError::Missing {
            name: name.to_string(),
            imports: missing,
        });
    }
    for (rva, address) in bound {
        parsed.set_slot(rva, address);
    }
    Ok(())
}

fn map(parsed: &ParsedImage, base: Va, frames: &[u64]) {
    for (index, (&pfn, content)) in
        (0_u64..).zip(frames.iter().zip(parsed.memory.chunks(size(PAGE_BYTES))))
    {
        let rva = index * PAGE_BYTES;
        let pa = Pa::of_pfn(pfn);
        // The frame was just taken: it is RAM.
        let _ = mem::write_physical_bytes(pa, content);
        let section = parsed.sections.iter().find(|section| {
            let start = u64::from(section.rva);
            (start..start + u64::from(section.bytes)).contains(&rva)
        });
        let protection = match section.map(|section| section.protection) {
            Some(Protection::Execute) => paging::Protection::Execute,
            Some(Protection::Write) => paging::Protection::Write,
            // The headers, and gaps between sections.
            Some(Protection::Read) | None => paging::Protection::Read,
        };
        paging::map_page(base.offset(rva), pa, protection, Caching::WriteBack);
    }
}

fn sections_of(parsed: &ParsedImage, base: Va) -> Vec<Section> {
    parsed
        .sections
        .iter()
        .map(|section| Section {
            name: section.name.clone(),
            va: base.offset(section.rva.into()),
            bytes: section.bytes.into(),
            protection: section.protection,
            paged: section.is_paged(),
        })
        .collect()
}

/// A stack cookie: any value but the compiler's default, upper 16 bits zero as on Windows.
fn cookie(base: Va) -> u64 {
    base.0.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 16
}

fn frame_behind(va: Va) -> Option<u64> {
    mem::translate(va).map(Pa::pfn)
}

fn release(frames: &[u64]) {
    let mut ranges = Vec::new();
    for &pfn in frames {
        mem::push_merged(&mut ranges, Pa::of_pfn(pfn).0, PAGE_BYTES);
    }
    phys::release_pages(&ranges);
}
