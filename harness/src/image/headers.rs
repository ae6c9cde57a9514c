//! Headers and sections: subsystem, entry point, characteristics, protection, checksum, debug directory.

use anyhow::{Context as _, Result};
use object::{
    LittleEndian as LE, Object as _,
    pe::{
        IMAGE_DIRECTORY_ENTRY_COM_DESCRIPTOR, IMAGE_DIRECTORY_ENTRY_DELAY_IMPORT,
        IMAGE_DIRECTORY_ENTRY_TLS, IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE,
        IMAGE_DLLCHARACTERISTICS_FORCE_INTEGRITY, IMAGE_DLLCHARACTERISTICS_NX_COMPAT,
        IMAGE_FILE_RELOCS_STRIPPED, IMAGE_SCN_MEM_EXECUTE, IMAGE_SCN_MEM_WRITE,
        IMAGE_SUBSYSTEM_NATIVE, ImageSectionHeader,
    },
    read::pe::{ImageNtHeaders as _, ImageOptionalHeader as _, PeFile64},
};

use super::Section;

/// Name of the entry point, as every Windows driver has it.
const ENTRY: &[u8] = b"DriverEntry";

/// The broken rules, each in a few words.
pub(super) fn check(file: &PeFile64<'_>, bytes: &[u8]) -> Result<Vec<String>> {
    let mut broken = Vec::new();
    let mut rule = |holds: bool, text: &str| {
        if !holds {
            broken.push(text.to_owned());
        }
    };
    let header = file.nt_headers().optional_header();
    rule(
        header.subsystem() == IMAGE_SUBSYSTEM_NATIVE,
        "the subsystem is not native",
    );
    let characteristics = header.dll_characteristics();
    rule(
        (characteristics & IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE).0 != 0,
        "not DYNAMICBASE",
    );
    rule(
        (characteristics & IMAGE_DLLCHARACTERISTICS_NX_COMPAT).0 != 0,
        "not NXCOMPAT",
    );
    rule(
        (characteristics & IMAGE_DLLCHARACTERISTICS_FORCE_INTEGRITY).0 != 0,
        "not INTEGRITYCHECK",
    );
    let stripped =
        file.nt_headers().file_header().characteristics.get(LE) & IMAGE_FILE_RELOCS_STRIPPED;
    rule(stripped.0 == 0, "relocations are stripped");

    let entry = header.address_of_entry_point();
    let exported = exported_entry(file)?;
    rule(
        exported == Some(entry),
        "DriverEntry is not the entry point",
    );
    let entered = file
        .section_table()
        .iter()
        .find(|section| contains(section, entry));
    rule(
        entered.is_some_and(is_executable),
        "the entry point is in no executable section",
    );

    let recorded = header.check_sum();
    let computed = compute_checksum(file, bytes);
    rule(
        recorded == computed,
        &format!("the checksum is {recorded:#x}, not {computed:#x}"),
    );
    for (index, what) in [
        (IMAGE_DIRECTORY_ENTRY_TLS, "thread-local storage"),
        (IMAGE_DIRECTORY_ENTRY_DELAY_IMPORT, "delayed imports"),
        (IMAGE_DIRECTORY_ENTRY_COM_DESCRIPTOR, "managed code"),
    ] {
        rule(
            file.data_directory(index).is_none(),
            &format!("it has {what}"),
        );
    }
    for section in sections(file) {
        rule(
            !(section.is_writable && section.is_executable),
            &format!("section {} is writable and executable", section.name),
        );
    }
    Ok(broken)
}

/// The sections as the report lists them.
pub(super) fn sections(file: &PeFile64<'_>) -> Vec<Section> {
    // An image has no string table: its section names fit the header.
    let strings = object::read::StringTable::<&[u8]>::default();
    file.section_table()
        .iter()
        .map(|section| Section {
            name: String::from_utf8_lossy(section.name(strings).unwrap_or(b"?")).into_owned(),
            bytes: section.virtual_size.get(LE),
            is_writable: (section.characteristics.get(LE) & IMAGE_SCN_MEM_WRITE).0 != 0,
            is_executable: is_executable(section),
        })
        .collect()
}

/// The checksum that the header records.
pub(super) fn checksum(file: &PeFile64<'_>) -> u32 {
    file.nt_headers().optional_header().check_sum()
}

/// File name of the PDB in the debug directory, if there is one.
pub(super) fn pdb_name(file: &PeFile64<'_>) -> Result<Option<String>> {
    let info = file.pdb_info().context("the debug directory is damaged")?;
    Ok(info.map(|info| String::from_utf8_lossy(info.path()).into_owned()))
}

/// The image names its PDB, and by a bare name: a path would tell where it was built and help no debugger.
pub(super) fn check_pdb_name(name: Option<&str>) -> Option<String> {
    match name {
        None => Some("it names no PDB".to_owned()),
        Some(name) if name.contains(['/', '\\']) => {
            Some(format!("it names its PDB by a path ({name})"))
        }
        Some(_) => None,
    }
}

fn exported_entry(file: &PeFile64<'_>) -> Result<Option<u32>> {
    let sections = file.section_table();
    let Some(table) = file
        .data_directories()
        .export_table(file.data(), &sections)
        .context("the export table is damaged")?
    else {
        return Ok(None);
    };
    for (pointer, index) in table.name_iter() {
        if table
            .name_from_pointer(pointer)
            .is_ok_and(|name| name == ENTRY)
        {
            return Ok(table.address_by_index(index).ok());
        }
    }
    Ok(None)
}

fn contains(section: &ImageSectionHeader, rva: u32) -> bool {
    let start = section.virtual_address.get(LE);
    rva.checked_sub(start)
        .is_some_and(|offset| offset < section.virtual_size.get(LE))
}

fn is_executable(section: &ImageSectionHeader) -> bool {
    (section.characteristics.get(LE) & IMAGE_SCN_MEM_EXECUTE).0 != 0
}

/// Sum of the file's 16-bit words with the carry added back, the checksum field counted as zero, plus the file's length.
fn compute_checksum(file: &PeFile64<'_>, bytes: &[u8]) -> u32 {
    const CHECKSUM_IN_NT_HEADERS: usize = 88;
    let field = usize::try_from(file.dos_header().nt_headers_offset()).unwrap_or(0)
        + CHECKSUM_IN_NT_HEADERS;
    let sum = bytes
        .chunks(2)
        .enumerate()
        .fold(0_u32, |sum, (index, word)| {
            let at = index * 2;
            if (field..field + 4).contains(&at) {
                return sum;
            }
            let low = word.first().copied().unwrap_or(0);
            let high = word.get(1).copied().unwrap_or(0);
            let sum = sum + u32::from(u16::from_le_bytes([low, high]));
            (sum & 0xFFFF) + (sum >> 16)
        });
    sum.wrapping_add(u32::try_from(bytes.len()).unwrap_or(u32::MAX))
}
