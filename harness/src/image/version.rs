//! The version resource.
//!
//! Source: Microsoft Learn, "`VS_VERSIONINFO` structure" and "`VS_FIXEDFILEINFO` structure".

use anyhow::{Context as _, Result, ensure};
use object::{LittleEndian as LE, pe::RT_VERSION, read::pe::PeFile64};

const SIGNATURE: u32 = 0xFEEF_04BD;
const VFT_DRV: u32 = 3;
/// Bytes before `VS_FIXEDFILEINFO`: three lengths, the key "`VS_VERSION_INFO`" with its terminator, alignment.
const HEADER_BYTES: usize = 40;

/// The file version; an error says what is missing or wrong.
pub(super) fn of(file: &PeFile64<'_>) -> Result<[u16; 4]> {
    let data = find(file)?;
    let fixed = data.get(HEADER_BYTES..).context("it is cut short")?;
    ensure!(word(fixed, 0) == Some(SIGNATURE), "it has no fixed part");
    ensure!(
        word(fixed, 36) == Some(VFT_DRV),
        "its file type is not a driver"
    );
    let high = word(fixed, 8).context("it is cut short")?;
    let low = word(fixed, 12).context("it is cut short")?;
    let halves = |value: u32| [(value >> 16) as u16, (value & 0xFFFF) as u16];
    let ([major, minor], [patch, build]) = (halves(high), halves(low));
    Ok([major, minor, patch, build])
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|bytes| u32::from_le_bytes(*bytes))
}

/// Type, name, language: three levels of tables, then the data.
fn find<'data>(file: &PeFile64<'data>) -> Result<&'data [u8]> {
    let sections = file.section_table();
    let directory = file
        .data_directories()
        .resource_directory(file.data(), &sections)?
        .context("there are no resources")?;
    let kinds = directory.root()?;
    let kind = kinds
        .entries
        .iter()
        .find(|entry| entry.name_or_id().id() == Some(RT_VERSION))
        .context("there is none")?;
    let names = kind
        .data(directory)?
        .table()
        .context("its type is no table")?;
    let languages = names
        .entries
        .first()
        .context("it has no name")?
        .data(directory)?
        .table()
        .context("its name is no table")?;
    let entry = languages
        .entries
        .first()
        .context("it has no language")?
        .data(directory)?
        .data()
        .context("it has no data")?;
    let address = entry.offset_to_data.get(LE);
    let length = usize::try_from(entry.size.get(LE)).context("its size")?;
    let data = sections
        .pe_data_at(file.data(), address)
        .context("its data is outside of the sections")?;
    data.get(..length).context("its data is cut short")
}
