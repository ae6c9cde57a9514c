//! What the host must know of a driver image before it is started: that it is one, its size, entry and debug identity.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};
use object::{
    LittleEndian as LE,
    pe::IMAGE_SUBSYSTEM_NATIVE,
    read::pe::{ImageNtHeaders as _, ImageOptionalHeader as _, PeFile64},
};

use crate::fault::Fault;

/// `IMAGE_FILE_MACHINE_AMD64` (PE format, "Machine types").
const MACHINE_AMD64: u16 = 0x8664;

/// A driver image, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriverImage {
    /// File name without its directory.
    pub name: String,
    /// The file.
    pub bytes: Vec<u8>,
    /// Address of `DriverEntry` relative to the base.
    pub entry_rva: u32,
    /// Size in memory.
    pub image_bytes: u32,
    /// Virtual addresses of the sections, in order.
    pub sections: Vec<u32>,
    /// Identity of the PDB, if there is one.
    pub identity: Option<Identity>,
    /// Imported names with their modules, in order.
    pub imports: Vec<(String, String)>,
}

/// What ties an image and its PDB together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The GUID as it is stored.
    pub guid: [u8; 16],
    /// The age.
    pub age: u32,
}

impl DriverImage {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// A [`Fault`] (set-up): the file cannot be read, is no PE image, or one for another machine.
    pub fn read(path: &Path) -> Result<Self> {
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let bytes = fs::read(path).map_err(|error| {
            Fault::setup(
                format!("cannot read {}: {error}", path.display()),
                "give the path of a driver image (.sys)",
            )
        })?;
        Self::parse(name, bytes)
    }

    /// Checks the bytes of a file.
    ///
    /// # Errors
    /// As [`DriverImage::read`].
    pub fn parse(name: String, bytes: Vec<u8>) -> Result<Self> {
        check_kind(&name, &bytes)?;
        let damaged = |error: object::read::Error| {
            Fault::setup(
                format!("{name} is damaged: {error}"),
                "build or copy the driver again",
            )
        };
        let file = PeFile64::parse(bytes.as_slice()).map_err(damaged)?;
        let header = file.nt_headers().optional_header();
        if header.subsystem() != IMAGE_SUBSYSTEM_NATIVE {
            return Err(Fault::setup(
                format!(
                    "{name} is no driver: its subsystem is {}, not native (1)",
                    header.subsystem()
                ),
                "give a kernel-mode image (.sys)",
            )
            .into());
        }
        let end = u64::from(header.size_of_headers()).max(
            file.section_table()
                .iter()
                .map(|section| {
                    u64::from(section.pointer_to_raw_data.get(LE))
                        + u64::from(section.size_of_raw_data.get(LE))
                })
                .max()
                .unwrap_or(0),
        );
        if end > bytes.len() as u64 {
            return Err(Fault::setup(
                format!(
                    "{name} is cut short: {} bytes, its sections need {end}",
                    bytes.len()
                ),
                "build or copy the driver again",
            )
            .into());
        }
        Ok(Self {
            entry_rva: header.address_of_entry_point(),
            image_bytes: header.size_of_image(),
            sections: file
                .section_table()
                .iter()
                .map(|section| section.virtual_address.get(LE))
                .collect(),
            identity: object::Object::pdb_info(&file)
                .map_err(damaged)?
                .map(|info| Identity {
                    guid: info.guid(),
                    age: info.age(),
                }),
            imports: imports(&file).context("its import table is damaged")?,
            name,
            bytes,
        })
    }
}

/// The first bytes tell what a file is; each wrong kind has its own message.
fn check_kind(name: &str, bytes: &[u8]) -> Result<()> {
    let remedy = "give a 64-bit Windows driver for x86-64 (.sys)";
    match machine(bytes) {
        Some(MACHINE_AMD64) => Ok(()),
        Some(other) => Err(Fault::setup(
            format!(
                "{name} is for another machine ({}), not x86-64",
                machine_name(other)
            ),
            remedy,
        )
        .into()),
        None => Err(Fault::setup(format!("{name} is no PE image"), remedy).into()),
    }
}

/// The machine field, which 32-bit and 64-bit images have in the same place; `None` if this is no PE image.
fn machine(bytes: &[u8]) -> Option<u16> {
    let number = |at: usize, length: usize| -> Option<usize> {
        let field = bytes.get(at..at.checked_add(length)?)?;
        Some(
            field
                .iter()
                .rev()
                .fold(0, |number, byte| number << 8 | usize::from(*byte)),
        )
    };
    let headers = number(0x3c, 4).filter(|_| bytes.starts_with(b"MZ"))?;
    bytes.get(headers..)?.strip_prefix(b"PE\0\0")?;
    u16::try_from(number(headers + 4, 2)?).ok()
}

fn machine_name(machine: u16) -> String {
    match machine {
        0x014c => "x86".to_owned(),
        0xaa64 => "ARM64".to_owned(),
        0x01c4 => "ARM".to_owned(),
        0x0200 => "Itanium".to_owned(),
        other => format!("{other:#06x}"),
    }
}

fn imports(file: &PeFile64<'_>) -> object::read::Result<Vec<(String, String)>> {
    use object::{Object as _, read::NameOrOrdinal};
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    file.imports()?
        .map(|import| {
            let import = import?;
            let name = match import.name() {
                NameOrOrdinal::Name(name) => text(name),
                NameOrOrdinal::Ordinal(ordinal) => format!("#{ordinal}"),
            };
            Ok((text(import.library()), name))
        })
        .collect()
}
